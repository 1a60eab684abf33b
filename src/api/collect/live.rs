//! The live sessions: how many there are, who waits, and what each of the most expensive uses at this moment; and the turns that
//! have just ended, because a turn that is shorter than the time between two scrapes would never be seen.

use std::collections::{BTreeMap, HashMap};

use super::{Sources, seconds};
use crate::domain::{SessionId, TenantId, Timestamp, TurnId, Usd};
use crate::metrics::catalogue::{
    ENDED_OMITTED, LIVE_AGE, LIVE_COST, LIVE_CPU, LIVE_ENDED, LIVE_MEMORY, LIVE_MEMORY_LIMIT, LIVE_OMITTED, LIVE_PIDS,
    PLACE_SECONDS, QUEUE_LENGTH, QUEUE_OLDEST, SESSIONS,
};
use crate::metrics::{self, Page};
use crate::sandbox::Resources;
use crate::session::{LiveSession, REMEMBERED_S, Stage};
use crate::store::{EndedTurn, StoreError};

/// Turns that ended in the last minutes and are looked at, to choose the most expensive.
const MAX_LOOKED_AT: u32 = 1_000;

/// A turn as its series show it.
struct Shown {
    labels: [String; 3],
    cost: Usd,
    seconds: f64,
    ended_at: Option<Timestamp>,
}

/// Writes them. What a sandbox uses is gone with its supervisor, what a turn cost and how long it took minutes after its end.
pub(super) async fn collect(mut sources: Sources<'_>, page: &mut Page) -> Result<(), StoreError> {
    let costs = sources.store.turns().costs_under_way().await?;
    let ended = ended(&mut sources).await?;
    let Sources { config, now, mut live, queue, .. } = sources;
    page.write(QUEUE_LENGTH, [([""; 0], queue.waiting)]);
    page.write(QUEUE_OLDEST, [([""; 0], queue.oldest.map_or(0.0, |oldest| now.seconds_since(oldest)))]);
    stages(&live, &sources.place_micros, page);

    // One that is stopping has ended by the store, and one that began meanwhile has not been read.
    let cost = |session: &LiveSession| match ended.get(&session.turn) {
        Some(turn) => turn.cost,
        None => costs.get(&session.session).copied().unwrap_or_default(),
    };
    live.sort_by_key(|session| (std::cmp::Reverse(cost(session)), session.session));
    let omitted = live.len().saturating_sub(config.metrics.max_live_sessions);
    page.write(LIVE_OMITTED, [([""; 0], omitted)]);
    live.truncate(config.metrics.max_live_sessions);

    let under_way =
        live.iter().filter(|session| session.stage != Stage::Stopping && !ended.contains_key(&session.turn));
    let mut shown: Vec<_> = under_way
        .map(|session| Shown {
            labels: labels(session.tenant, session.session, session.turn),
            cost: cost(session),
            seconds: now.seconds_since(session.since),
            ended_at: None,
        })
        .collect();
    let mut ended: Vec<_> = ended.into_values().collect();
    ended.sort_by_key(|turn| (std::cmp::Reverse(turn.cost), std::cmp::Reverse(turn.ended_at), turn.turn));
    page.write(ENDED_OMITTED, [([""; 0], ended.len().saturating_sub(config.metrics.max_ended_turns))]);
    shown.extend(ended.iter().take(config.metrics.max_ended_turns).map(|turn| Shown {
        labels: labels(turn.tenant, turn.session, turn.turn),
        cost: turn.cost,
        seconds: turn.ended_at.seconds_since(turn.accepted_at),
        ended_at: Some(turn.ended_at),
    }));
    page.write(LIVE_COST, shown.iter().map(|turn| (turn.labels.each_ref(), turn.cost)));
    page.write(LIVE_AGE, shown.iter().map(|turn| (turn.labels.each_ref(), turn.seconds)));
    let ends = shown.iter().filter_map(|turn| Some((turn.labels.each_ref(), turn.ended_at?.as_seconds())));
    page.write(LIVE_ENDED, ends);
    resources(&live, page);
    Ok(())
}

/// The turns that ended in the last minutes: as the store has them now, or as they ended where their session is deleted.
async fn ended(sources: &mut Sources<'_>) -> Result<HashMap<TurnId, EndedTurn>, StoreError> {
    let since = sources.now.minus_seconds(REMEMBERED_S);
    let stored = sources.store.turns().ended_since(since, MAX_LOOKED_AT).await?;
    let remembered = std::mem::take(&mut sources.ended).into_iter().filter(|turn| turn.ended_at >= since);
    Ok(remembered.chain(stored).map(|turn| (turn.turn, turn)).collect())
}

fn labels(tenant: TenantId, session: SessionId, turn: TurnId) -> [String; 3] {
    [metrics::tenant(tenant), session.to_string(), turn.to_string()]
}

/// What the sandboxes of live sessions use.
fn resources(live: &[LiveSession], page: &mut Page) {
    let series: Vec<_> =
        live.iter().map(|session| ([metrics::tenant(session.tenant), session.session.to_string()], session)).collect();
    let each = || series.iter().map(|(labels, session)| (labels.each_ref(), *session));
    let used = |of: fn(&Resources) -> Option<u64>| {
        each().filter_map(move |(labels, session)| Some((labels, of(session.resources.as_ref()?)?)))
    };
    page.write(LIVE_MEMORY, used(|resources| resources.memory_bytes));
    page.write(LIVE_PIDS, used(|resources| resources.pids));
    let micros = used(|resources| resources.cpu_micros);
    page.write(LIVE_CPU, micros.map(|(labels, micros)| (labels, seconds(micros))));
    let limits = each().filter_map(|(labels, session)| Some((labels, session.memory_limit_bytes?)));
    page.write(LIVE_MEMORY_LIMIT, limits);
}

/// How many sessions of each tenant are about what, and how long its sessions have had places. A tenant that has any, or had
/// one since the start, has a series for each stage.
fn stages(live: &[LiveSession], places: &HashMap<TenantId, i64>, page: &mut Page) {
    let none = || Stage::ALL.map(|stage| (stage.as_str(), 0)).into();
    let mut counts: BTreeMap<String, BTreeMap<&str, u64>> = BTreeMap::new();
    let mut micros: BTreeMap<String, u64> = BTreeMap::new();
    for (tenant, held) in places {
        let tenant = metrics::tenant(tenant);
        counts.entry(tenant.clone()).or_insert_with(none);
        *micros.entry(tenant).or_default() += u64::try_from(*held).unwrap_or_default();
    }
    for session in live {
        let tenant = counts.entry(metrics::tenant(session.tenant)).or_insert_with(none);
        *tenant.entry(session.stage.as_str()).or_default() += 1;
    }
    let series = counts
        .iter()
        .flat_map(|(tenant, stages)| stages.iter().map(move |(stage, count)| ([tenant.as_str(), stage], count)));
    page.write(SESSIONS, series);
    page.write(PLACE_SECONDS, micros.iter().map(|(tenant, micros)| ([tenant], seconds(*micros))));
}
