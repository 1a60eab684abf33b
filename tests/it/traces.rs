//! Traces and logs, as an operator finds them: at an OTLP endpoint, and in the server's log.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::collector::{Collector, Seen};
use crate::harness::{PLAIN_PROMPT, Server, Tenant, bash, eventually, script};

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const SPAN: &str = "b7ad6b7169203331";

/// A server that traces.
async fn traced(collector: &Collector, more: &[(&str, &str)]) -> Server {
    let ours = [("traces.otlp_endpoint", collector.url.as_str()), ("traces.otlp_headers", "x-scope=ours")];
    Server::start_with(&[&ours, more].concat()).await
}

/// Starts a session as a caller with a trace of its own, and answers its id and the answer's headers.
async fn start_traced(tenant: &Tenant, flags: &str, body: &Value) -> (String, reqwest::header::HeaderMap) {
    let request = tenant.request(Method::POST, "/execute/").header("traceparent", format!("00-{TRACE}-{SPAN}-{flags}"));
    let response = request.header("x-request-id", "callers-own").json(body).send().await.unwrap();
    let headers = response.headers().clone();
    let answer: Value = response.json().await.unwrap();
    (answer["session_id"].as_str().unwrap().to_owned(), headers)
}

/// Lines of a log in JSON.
fn lines(server: &Server) -> Vec<Value> {
    let log = server.log();
    let lines = log.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("no JSON: {line}")));
    lines.collect()
}

fn is_within(inner: &Seen, outer: &Seen) -> bool {
    outer.times.0 <= inner.times.0 && inner.times.1 <= outer.times.1
}

#[tokio::test]
async fn a_request_its_session_turn_sandbox_and_model_calls_are_one_trace_and_part_of_the_caller_s() {
    let collector = Collector::start().await;
    let mut server = traced(&collector, &[("log.format", "json")]).await;
    let tenant = server.tenant("acme").await;
    let body = json!({"prompt": bash("true"), "permission_mode": "bypassPermissions"});
    let (session, headers) = start_traced(&tenant, "01", &body).await;
    tenant.finish(&session).await;
    server.end().await;

    let [request, live, turn, sandbox] =
        ["POST /execute/", "session", "turn", "sandbox start"].map(|name| collector.span(name));
    let calls = collector.spans("chat claude-sonnet-5-5");
    assert!(calls.len() >= 2, "a tool's result is a call of its own: {calls:?}");
    assert_eq!((request.trace.as_str(), request.parent.as_str()), (TRACE, SPAN));
    assert_eq!((&live.parent, &turn.parent, &sandbox.parent), (&request.id, &live.id, &turn.id));
    assert!(calls.iter().all(|call| call.parent == turn.id));
    let below = [&live, &turn, &sandbox].into_iter().chain(&calls);
    assert!(below.clone().all(|span| span.trace == TRACE && span.attributes["session"] == session));
    assert!(below.clone().all(|span| span.attributes["tenant"] == tenant.id.to_string()));
    assert!(calls.iter().chain([&sandbox]).all(|span| is_within(span, &turn)), "{turn:?} {calls:?}");
    assert!(is_within(&turn, &live) && live.times.1 > request.times.1, "a turn outlives its request");

    assert_eq!(request.attributes["tenant"], tenant.id.to_string());
    assert_eq!(request.attributes["http.response.status_code"], "200");
    assert_eq!(request.attributes["http.request.header.x-request-id"], "callers-own");
    assert_eq!(request.attributes["request"], headers["request-id"].to_str().unwrap());
    assert_eq!(headers["traceresponse"].to_str().unwrap(), format!("00-{TRACE}-{}-01", request.id));
    assert_eq!(sandbox.events, ["its turn to start", "made", "started", "shown what confines it"]);
    assert_eq!((turn.attributes["outcome"].as_str(), turn.attributes["reason"].as_str()), ("completed", "answered"));
    assert_eq!(turn.resource["service.name"], "innkeeper");
    assert_eq!(collector.told().headers["x-scope"], "ours");

    let ledger = server.ledger(&tenant, &session).await;
    for entry in &ledger {
        let call = calls.iter().find(|call| call.attributes["cost_usd"] == entry.cost.to_string()).unwrap();
        assert_eq!(call.attributes["gen_ai.provider.name"], "anthropic");
        assert_eq!(call.attributes["gen_ai.request.model"], "claude-sonnet-5-5");
        assert_eq!(call.attributes["gen_ai.usage.input_tokens"], entry.usage.prompt_tokens().to_string());
        assert_eq!(call.attributes["gen_ai.usage.output_tokens"], entry.usage.output_tokens.to_string());
    }
    assert_eq!(ledger.len(), calls.len());
    assert!(!collector.told().raw.contains("@stand-in"), "a prompt is in a trace");

    let lines = lines(&server);
    let of_session: Vec<_> = lines.iter().filter(|line| line["session"] == session).collect();
    assert!(of_session.iter().any(|line| line["message"] == "call settled"), "{lines:#?}");
    let request = headers["request-id"].to_str().unwrap();
    assert!(of_session.iter().all(|line| line["trace_id"] == TRACE && line["request"] == request), "{of_session:#?}");
}

#[tokio::test]
async fn a_caller_joins_its_trace_and_does_not_choose_what_is_kept() {
    let collector = Collector::start().await;
    let mut server = traced(&collector, &[("traces.sample_ratio", "0")]).await;
    let tenant = server.tenant("acme").await;
    let (session, headers) = start_traced(&tenant, "01", &json!({"prompt": PLAIN_PROMPT})).await;
    tenant.finish(&session).await;
    assert!(headers.contains_key("request-id") && !headers.contains_key("traceresponse"), "{headers:?}");
    server.end().await;
    assert_eq!(collector.told().spans.len(), 0);

    server.set("traces.incoming", "follow");
    server.start_again().await;
    let tenant = tenant.at(&server);
    start_traced(&tenant, "01", &json!({"prompt": PLAIN_PROMPT})).await;
    server.end().await;
    assert_eq!(collector.span("POST /execute/").parent, SPAN);

    for (name, value) in [("traces.incoming", "ignore"), ("traces.sample_ratio", "1")] {
        server.set(name, value);
    }
    server.start_again().await;
    start_traced(&tenant.at(&server), "01", &json!({"prompt": PLAIN_PROMPT})).await;
    server.end().await;
    let begun = collector.spans("POST /execute/").into_iter().filter(|span| span.trace != TRACE);
    assert_eq!(begun.map(|span| span.parent).collect::<Vec<_>>(), [""]);
}

#[tokio::test]
async fn the_model_api_is_told_of_traces_only_where_the_settings_say_so() {
    let collector = Collector::start().await;
    let mut server = traced(&collector, &[]).await;
    let tenant = server.tenant("acme").await;
    tenant.run(&json!({"prompt": PLAIN_PROMPT})).await;
    server.end().await;
    let told = |server: &Server| -> Vec<String> {
        let received = server.stand_in.received().into_iter();
        received.filter_map(|call| call.headers.get("traceparent").cloned()).collect()
    };
    assert_eq!(told(&server), [""; 0]);
    server.set("traces.send_upstream", "true");
    server.start_again().await;
    tenant.at(&server).run(&json!({"prompt": PLAIN_PROMPT})).await;
    server.end().await;
    let calls = collector.spans("chat claude-sonnet-5-5").into_iter();
    let places: Vec<_> = calls.map(|call| format!("00-{}-{}-01", call.trace, call.id)).collect();
    let told = told(&server);
    assert!(!told.is_empty() && told.iter().all(|place| places.contains(place)), "{told:?} {places:?}");
}

#[tokio::test]
async fn failures_are_seen_in_the_trace() {
    let collector = Collector::start().await;
    let mut server = traced(&collector, &[("agent.max_retries", "0")]).await;
    let tenant = server.tenant("acme").await;
    tenant.run(&json!({"prompt": script(&json!({"status": 529}))})).await;
    server.end().await;
    let (turn, call) = (collector.span("turn"), collector.spans("chat claude-sonnet-5-5").remove(0));
    assert!(turn.failed && call.failed);
    assert_eq!(
        (turn.attributes["error.type"].as_str(), call.attributes["error.type"].as_str()),
        ("agent_error", "529")
    );
}

#[tokio::test]
async fn an_endpoint_that_is_down_harms_nobody_and_is_told_of_once() {
    let collector = Collector::start().await;
    collector.answer(StatusCode::SERVICE_UNAVAILABLE);
    let mut server = traced(&collector, &[]).await;
    let tenant = server.tenant("acme").await;
    for _ in 0..2 {
        assert_eq!(tenant.run(&json!({"prompt": PLAIN_PROMPT})).await["status"], "completed");
        let before = collector.told().requests;
        eventually(async || (collector.told().requests > before).then_some(())).await;
    }
    server.command(&["limits", "set", "acme", "agent_telemetry=true"]).await;
    assert_eq!(tenant.run(&json!({"prompt": PLAIN_PROMPT})).await["status"], "completed");
    server.end().await;
    let log = server.log();
    assert_eq!(log.matches("signal=Traces").count(), 1, "{log}");
    assert!(log.matches("telemetry does not arrive").count() <= 3, "one line for each sort: {log}");
}

#[tokio::test]
async fn every_answer_has_a_request_id_and_the_log_tells_what_it_is_about() {
    let mut server = Server::start_with(&[("log.format", "json"), ("log.filter", "info,innkeeper::api=debug")]).await;
    let tenant = server.tenant("acme").await;
    let ids = async |url: String| {
        let response = reqwest::Client::builder().no_proxy().build().unwrap().get(url).send().await.unwrap();
        response.headers()["request-id"].to_str().unwrap().to_owned()
    };
    let unknown = ids(format!("{}/no/such/path", server.url)).await;
    let health = ids(format!("{}/livez", server.operator_url)).await;
    assert!(unknown.starts_with("req_") && health.starts_with("req_") && unknown != health);

    let (session, headers) = start_traced(&tenant, "01", &json!({"prompt": PLAIN_PROMPT})).await;
    tenant.finish(&session).await;
    server.end().await;
    let lines = lines(&server);
    let request = headers["request-id"].to_str().unwrap();
    let find = |message: &str| lines.iter().find(|line| line["message"] == message && line["request"] == request);
    let (answered, ended) = (find("a request is answered").unwrap(), find("a turn ended").unwrap());
    assert_eq!((&answered["tenant"], &answered["status"]), (&json!(tenant.id), &json!(200)));
    assert_eq!((&answered["method"], &answered["route"]), (&json!("POST"), &json!("/execute/")));
    assert_eq!(answered["callers_request"], "callers-own");
    assert_eq!((&ended["session"], &ended["tenant"]), (&json!(session), &json!(tenant.id)));
    assert!(ended["turn"].as_str().unwrap().starts_with("turn_"), "{ended}");
    assert!(ended.get("fields").is_none() && ended["level"] == "INFO" && ended.get("trace_id").is_none(), "{ended}");
}

#[tokio::test]
async fn a_failure_is_told_once_and_with_its_session() {
    let mut server = Server::start_with(&[
        ("log.format", "json"),
        ("log.filter", "warn"),
        ("gateway.upstream_url", "http://127.0.0.1:9"),
        ("agent.max_retries", "0"),
    ])
    .await;
    let tenant = server.tenant("acme").await;
    let unreachable = tenant.run(&json!({"prompt": PLAIN_PROMPT})).await;
    let unknown = tenant.run(&json!({"prompt": PLAIN_PROMPT, "model": "claude-nobody-knows"})).await;
    server.command(&["limits", "set", "acme", r#"images=["innkeeper-no-such-image:none"]"#]).await;
    let imageless = tenant.run(&json!({"prompt": PLAIN_PROMPT})).await;
    std::fs::remove_dir_all(&tenant.root).unwrap();
    let gone = tenant.execute(&json!({"prompt": PLAIN_PROMPT})).await;
    assert_eq!(gone.0, StatusCode::BAD_REQUEST, "a caller's own mistake");
    server.end().await;
    let (of_model, lines): (Vec<_>, Vec<_>) =
        lines(&server).into_iter().partition(|line| line["message"] == "the model API cannot be used");
    assert_eq!(of_model.len(), 1, "{of_model:#?}");
    let of = |status: &Value| -> Vec<&Value> {
        let session = &status["session_id"];
        lines.iter().filter(|line| line["session"] == *session).collect()
    };
    for (status, message) in [(&unreachable, "model call failed"), (&unknown, "model call refused")] {
        assert_eq!(status["status"], "error", "{status}");
        let told = of(status);
        let calls = server.ledger(&tenant, status["session_id"].as_str().unwrap()).await.len().max(1);
        assert!(told.len() <= calls.max(2) && told.iter().all(|line| line["message"] == message), "{told:#?}");
        assert!(told.iter().all(|line| line["tenant"] == json!(tenant.id) && line["level"] == "WARN"), "{told:#?}");
    }
    let told = of(&imageless);
    assert_eq!(told.len(), 1, "{told:#?}");
    assert_eq!((&told[0]["message"], &told[0]["level"]), (&json!("a sandbox could not be made"), &json!("ERROR")));
    assert_eq!(lines.len(), of(&unreachable).len() + of(&unknown).len() + 1, "{lines:#?}");
}

#[tokio::test]
async fn an_endpoint_that_never_answers_does_not_keep_the_server_from_ending() {
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", silent.local_addr().unwrap());
    let mut server = Server::start_with(&[("traces.otlp_endpoint", &endpoint), ("traces.timeout_ms", "60000")]).await;
    let tenant = server.tenant("acme").await;
    assert_eq!(tenant.run(&json!({"prompt": PLAIN_PROMPT})).await["status"], "completed");
    server.end().await;
    let log = server.log();
    assert!(!log.contains("ERROR") && log.matches("so the last spans are lost").count() == 1, "{log}");
}
