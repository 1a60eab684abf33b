//! Sessions of all tenants: listed, shown and cancelled. An operator sees how they stand, not what they say.

use serde::Deserialize;
use utoipa::IntoParams;

use super::OperationError;
use super::names::find_tenant;
use super::session_views::{LiveView, SessionDetail, SessionEntry, SessionPage, TurnView};
use crate::domain::{By, SeedStatus, SessionId, Timestamp, Usd};
use crate::session::{CancelError, Registry};
use crate::store::{CancelAsked, Place, SessionFilter, Store};

/// Sessions of a page when nothing is said, and at most; turns that are shown of a session.
const PAGE: u32 = 50;
const MAX_PAGE: u32 = 1_000;
const TURNS: u32 = 100;

const MISSING: OperationError = OperationError::NotFound("there is no such session");

/// Which sessions are listed. What is left out does not narrow the list.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub struct SessionsAsk {
    /// Those of one tenant, by its name or its id.
    pub tenant: Option<String>,
    /// Those with this status.
    #[param(inline, value_type = Option<SeedStatus>)]
    pub status: Option<String>,
    /// Those that were created at least so many hours ago.
    #[param(format = Int64, maximum = 4_294_967_295_i64)]
    pub min_age_hours: Option<u32>,
    /// Those that were created at most so many hours ago.
    #[param(format = Int64, maximum = 4_294_967_295_i64)]
    pub max_age_hours: Option<u32>,
    /// Those that cost at least this, in US dollars.
    pub min_cost_usd: Option<String>,
    /// How many, 1 to 1000. Left out: 50.
    #[param(minimum = 1, maximum = 1000)]
    pub limit: Option<u32>,
    /// After this session: `next_after` of the page before.
    pub after: Option<String>,
}

/// Lists sessions of all tenants, the latest first.
///
/// # Errors
/// When a filter cannot be understood, or the store fails.
pub async fn list(store: &Store, ask: &SessionsAsk, now: Timestamp) -> Result<SessionPage, OperationError> {
    let filter = filter(store, ask, now).await?;
    let limit = ask.limit.unwrap_or(PAGE);
    if !(1..=MAX_PAGE).contains(&limit) {
        return Err(OperationError::Invalid(format!("`limit` is 1 to {MAX_PAGE}, not {limit}")));
    }
    let _place = store.report(None).await?;
    let mut rows = store.sessions().rows(&filter, limit + 1).await?;
    let has_more = rows.len() > limit as usize;
    rows.truncate(limit as usize);
    let next_after = rows.last().filter(|_| has_more).map(|row| cursor((row.created_at, row.id)));
    Ok(SessionPage { data: rows.into_iter().map(SessionEntry::from).collect(), next_after })
}

/// Shows a session of any tenant: with `registry`, also how far its turn under way has come.
///
/// # Errors
/// When there is no such session, or the store fails.
pub async fn show(store: &Store, registry: Option<&Registry>, id: &str) -> Result<SessionDetail, OperationError> {
    let id = id.parse::<SessionId>().map_err(|_| MISSING)?;
    let row = store.sessions().row(id).await?.ok_or(MISSING)?;
    let turns = store.sessions().turn_rows(id, TURNS).await?;
    let live = registry.and_then(|registry| {
        let live = registry.live_session(id)?;
        Some(LiveView {
            stage: live.stage.as_str(),
            queue_position: registry.place(row.tenant, id).map(|place| place.position),
            memory_limit_bytes: live.memory_limit_bytes,
        })
    });
    Ok(SessionDetail { session: row.into(), live, last_turns: turns.into_iter().map(TurnView::from).collect() })
}

/// Cancels the turn under way of a session of any tenant. It is written down first; with `registry` it is over when this
/// returns, without it a running server cancels the turn within a second, and one that is started later at its start.
///
/// # Errors
/// When there is no such session, no turn is under way, or the store fails.
pub async fn cancel(
    store: &Store,
    registry: Option<&Registry>,
    id: &str,
    by: &By,
) -> Result<SessionDetail, OperationError> {
    let session = id.parse::<SessionId>().map_err(|_| MISSING)?;
    match store.sessions().ask_to_cancel(session, by).await? {
        CancelAsked::Missing => return Err(MISSING),
        CancelAsked::AtRest => {
            return Err(OperationError::Conflict("no turn of this session is under way".to_owned()));
        }
        CancelAsked::Asked(tenant) => {
            if let Some(registry) = registry {
                match registry.cancel(tenant, session).await {
                    // It ended by itself meanwhile, or was deleted.
                    Ok(()) | Err(CancelError::NotRunning(_) | CancelError::NotFound) => {}
                    Err(CancelError::Store(error)) => return Err(error.into()),
                }
            }
        }
    }
    show(store, registry, id).await
}

async fn filter(store: &Store, ask: &SessionsAsk, now: Timestamp) -> Result<SessionFilter, OperationError> {
    let tenant = match &ask.tenant {
        Some(text) => Some(find_tenant(store, text).await?.id),
        None => None,
    };
    let status = ask.status.as_deref().map(|text| {
        let all = SeedStatus::ALL.map(SeedStatus::as_str).join(", ");
        SeedStatus::parse(text)
            .ok_or_else(|| OperationError::Invalid(format!("`{text}` is no status; there are {all}")))
    });
    let min_cost = ask.min_cost_usd.as_deref().map(|text| {
        let wrong = || OperationError::Invalid(format!("`{text}` is no amount: give US dollars, like 0.50"));
        Usd::parse(text).ok_or_else(wrong)
    });
    let before = ask.after.as_deref().map(|text| {
        let wrong = || OperationError::Invalid("`after` is not a `next_after` of a page".to_owned());
        parse_cursor(text).ok_or_else(wrong)
    });
    let ago = |hours: u32| now.minus_seconds(i64::from(hours) * 3_600);
    Ok(SessionFilter {
        tenant,
        status: status.transpose()?,
        created_from: ask.max_age_hours.map(ago),
        created_before: ask.min_age_hours.map(ago),
        min_cost: min_cost.transpose()?,
        before: before.transpose()?,
    })
}

fn cursor((created_at, id): Place) -> String {
    format!("{}_{id}", created_at.as_micros())
}

fn parse_cursor(text: &str) -> Option<Place> {
    let (micros, id) = text.split_once('_')?;
    Some((Timestamp::from_micros(micros.parse().ok()?), id.parse().ok()?))
}
