//! Measures how long a session takes from `POST /execute/` to its first model request and to its end, phase by phase,
//! beside the same agent in a container that Docker's own command line runs without innkeeper.
//!
//! `COLD_STARTS` says how many sessions are measured; one more is run first, to warm what can be warm.

#![expect(clippy::print_stdout, reason = "a bench's output")]

#[path = "support/docker_events.rs"]
mod docker_events;
#[path = "support/plain.rs"]
mod plain;
#[expect(dead_code, reason = "this bench uses a part of it")]
#[path = "support/installation.rs"]
mod support;

use innkeeper::cli::stand_in::StandIn;
use innkeeper::domain::{Clock, SystemClock};
use reqwest::Method;
use serde_json::json;

use docker_events::DockerEvents;
use plain::Plain;
use support::{Installation, Result, Server, Tenant, eventually, percentile};

/// How many sessions are measured by default.
const SESSIONS: usize = 15;

/// What the agent is asked.
const PROMPT: &str = "Say hello";

/// A moment by the machine's clock, which the server, Docker and the bench share. In milliseconds.
#[derive(Clone, Copy)]
pub(crate) struct Moment(f64);

/// What is measured, from the request on.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    Answered,
    Created,
    Started,
    Stands,
    Ready,
    FirstRequest,
    Completed,
    Gone,
    BareTrue,
    PlainTrue,
    PlainFirstRequest,
    PlainCompleted,
    PlainGone,
}

/// Everything measured: for each phase, milliseconds since the request, a value for each round.
#[derive(Default)]
struct Measured(Vec<(Phase, f64)>);

#[tokio::main]
async fn main() -> Result<()> {
    let installation = Installation::new("innkeeper=debug").await?;
    let tenant = installation.tenant("acme").await?;
    let server = installation.serve().await?;
    let (plain, events) = (Plain::new(&tenant)?, DockerEvents::listen()?);
    let mut measured = Measured::default();
    let sessions = sessions()?;
    for round in 0..=sessions {
        let mut found = run_session(&installation, &server, &tenant, &events).await?;
        found.extend(run_plain(&plain).await?);
        if round > 0 {
            measured.0.extend(found);
        }
    }
    measured.tell(sessions);
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "the bench's own switch, no setting of the server")]
fn sessions() -> Result<usize> {
    Ok(std::env::var("COLD_STARTS").ok().map_or(Ok(SESSIONS), |count| count.parse())?)
}

/// Runs a session, and answers when it came how far.
async fn run_session(
    installation: &Installation,
    server: &Server,
    tenant: &Tenant,
    events: &DockerEvents,
) -> Result<Vec<(Phase, f64)>> {
    installation.stand_in.forget();
    let begin = now();
    let started = async {
        let session = server.start(tenant, &json!({ "prompt": PROMPT })).await?;
        Ok((session, now()))
    };
    let (started, first_request): (Result<_>, _) = tokio::join!(started, first_request(&installation.stand_in));
    let (session, answered) = started?;
    let completed = eventually(async || completed(server, tenant, &session).await).await?;
    let gone = events.when("destroy", &session).await?;
    let log = installation.log()?;
    let found = [
        (Phase::Answered, answered),
        (Phase::Created, events.when("create", &session).await?),
        (Phase::Started, events.when("start", &session).await?),
        (Phase::Stands, logged(&log, "the sandbox stands", &session)?),
        (Phase::Ready, logged(&log, "the agent is ready", &session)?),
        (Phase::FirstRequest, first_request),
        (Phase::Completed, completed),
        (Phase::Gone, gone),
    ];
    Ok(found.map(|(phase, at)| (phase, at.since(begin))).to_vec())
}

/// Runs the containers beside it.
async fn run_plain(plain: &Plain) -> Result<Vec<(Phase, f64)>> {
    let begin = now();
    let bare = plain.run_bare().await?.since(begin);
    let begin = now();
    let nothing = plain.run_nothing().await?.since(begin);
    let begin = now();
    let agent = plain.run_agent(PROMPT).await?;
    Ok(vec![
        (Phase::BareTrue, bare),
        (Phase::PlainTrue, nothing),
        (Phase::PlainFirstRequest, agent.first_request.since(begin)),
        (Phase::PlainCompleted, agent.answered.since(begin)),
        (Phase::PlainGone, agent.gone.since(begin)),
    ])
}

/// When the session's turn ended, by the server's own account; `None` while it has not.
async fn completed(server: &Server, tenant: &Tenant, session: &str) -> Result<Option<Moment>> {
    let status = server.ask(tenant, Method::GET, &format!("/status/{session}"), None).await?;
    match status["status"].as_str() {
        Some("pending" | "running") => return Ok(None),
        Some("completed") => {}
        _ => return Err(format!("the session did not complete: {}", status["error"]).into()),
    }
    let list = server.ask(tenant, Method::GET, "/sessions/", None).await?;
    let ours = list.as_array().and_then(|list| list.iter().find(|entry| entry["session_id"] == session));
    ours.and_then(|entry| entry["end_time"].as_str()).map(Moment::parse).transpose()
}

/// When the server logged `what` of the session.
fn logged(log: &str, what: &str, session: &str) -> Result<Moment> {
    let line = log.lines().find(|line| line.contains(what) && line.contains(session));
    let time = line.and_then(|line| line.split_whitespace().next()).ok_or_else(|| format!("not logged: {what}"))?;
    Moment::parse(time)
}

/// Waits for the first request to a model that has not been asked anything.
pub(crate) async fn first_request(model: &StandIn) -> Moment {
    model.wait_until(|received| received.iter().any(|request| request.path.starts_with("/v1/messages"))).await;
    now()
}

/// The present moment.
pub(crate) fn now() -> Moment {
    Moment::from_nanos(SystemClock.now().as_micros() * 1_000)
}

impl Moment {
    #[expect(clippy::cast_precision_loss, reason = "nanoseconds are finer than what is told")]
    pub(crate) fn from_nanos(nanos: i64) -> Self {
        Self(nanos as f64 / 1e6)
    }

    fn parse(text: &str) -> Result<Self> {
        Ok(Self::from_nanos(text.parse::<jiff::Timestamp>()?.as_nanosecond().try_into()?))
    }

    /// Milliseconds since an earlier moment.
    fn since(self, earlier: Self) -> f64 {
        self.0 - earlier.0
    }
}

impl Measured {
    fn tell(&self, sessions: usize) {
        println!("{sessions} sessions, one after another; milliseconds since `POST /execute/`\n");
        println!("| phase | median | p90 |\n|---|---|---|");
        let phases = [
            ("request answered", Phase::Answered),
            ("container created", Phase::Created),
            ("container started", Phase::Started),
            ("shim connected, posture seen", Phase::Stands),
            ("agent ready", Phase::Ready),
            ("first model request", Phase::FirstRequest),
            ("completed", Phase::Completed),
            ("sandbox removed", Phase::Gone),
        ];
        for (what, phase) in phases {
            println!("| {what} | {:.0} | {:.0} |", self.of(phase, 50), self.of(phase, 90));
        }
        println!("\n`docker run --rm` of the same image; milliseconds since the command\n");
        println!("| run | median | p90 | innkeeper / this |\n|---|---|---|---|");
        for (what, phase) in [
            ("`/bin/true`, with no flag at all, gone", Phase::BareTrue),
            ("`/bin/true`, confined, gone", Phase::PlainTrue),
        ] {
            let median = self.of(phase, 50);
            let ours = self.of(Phase::Stands, 50);
            println!("| {what} | {median:.0} | {:.0} | {:.2} (until it stands) |", self.of(phase, 90), ours / median);
        }
        let pairs = [
            ("agent, first model request", Phase::PlainFirstRequest, Phase::FirstRequest),
            ("agent, answered", Phase::PlainCompleted, Phase::Completed),
            ("agent, gone", Phase::PlainGone, Phase::Gone),
        ];
        for (what, plain, ours) in pairs {
            let (median, p90) = (self.of(plain, 50), self.of(plain, 90));
            println!("| {what} | {median:.0} | {p90:.0} | {:.2} |", self.of(ours, 50) / median);
        }
    }

    fn of(&self, phase: Phase, percent: usize) -> f64 {
        let mut values: Vec<f64> = self.0.iter().filter(|(of, _)| *of == phase).map(|(_, value)| *value).collect();
        values.sort_by(f64::total_cmp);
        percentile(&values, percent)
    }
}
