//! The budgets on the paths of calls: those of the installation, of a call's tenant, of its key and those it was rotated with,
//! and of its session. No other budget counts it.

use std::collections::HashMap;

use sqlx::{Any, Transaction};

use super::rows::List;
use super::windows::Window;
use crate::domain::{KeyId, Scope, SessionId, Standing, TenantId, Timestamp, TurnId, Usd};
use crate::store::ledger::CallRef;
use crate::store::standings::{BUDGETS, COLUMNS, in_windows_of, standing};
use crate::store::{StoreError, codec};

/// The key that began a turn, and the name that it shares with those it was rotated with.
#[derive(Clone, Debug, Default)]
struct TurnKey {
    key: Option<KeyId>,
    family: Option<String>,
}

/// The keys of turns.
#[derive(Debug)]
pub(super) struct TurnKeys(HashMap<TurnId, TurnKey>);

/// Who pays for a call.
#[derive(Clone, Debug)]
pub(super) struct Payer {
    pub(super) tenant: TenantId,
    session: SessionId,
    /// The name that its key shares with those it was rotated with.
    family: Option<String>,
}

/// How the budgets on the paths of some calls stand.
#[derive(Debug)]
pub(super) struct Paths {
    standings: Vec<Standing>,
    /// Whose spending a budget bounds, for each of `standings`.
    bounds: HashMap<Bound, Vec<usize>>,
    /// What each tenant's calls under way hold; empty when no budget is shared by tenants.
    held: HashMap<TenantId, Usd>,
}

/// Whose spending a budget bounds, with keys by the name they share.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Bound {
    Installation,
    Tenant(TenantId),
    Family(TenantId, String),
    Session(TenantId, SessionId),
}

impl TurnKeys {
    /// The keys of the turns of `calls`.
    pub(super) async fn read(
        transaction: &mut Transaction<'_, Any>,
        calls: impl Iterator<Item = CallRef>,
    ) -> Result<Self, StoreError> {
        let turns = List::new(calls.map(|call| call.turn.to_string()), 1);
        let statement = format!(
            "select t.id, t.key_id, k.family from turns t left join keys k on k.id = t.key_id where t.id in ({turns})",
            turns = turns.placeholders
        );
        let mut query = sqlx::query(sqlx::AssertSqlSafe(statement));
        for turn in turns.into_values() {
            query = query.bind(turn);
        }
        let rows = query.fetch_all(&mut **transaction).await?;
        let keys = rows.iter().map(|row| {
            let key = codec::maybe_text(row, "key_id")?.map(KeyId::new);
            Ok((codec::parsed(row, "id")?, TurnKey { key, family: codec::maybe_text(row, "family")? }))
        });
        keys.collect::<Result<_, StoreError>>().map(Self)
    }

    /// The key that began the turn of a call.
    pub(super) fn of(&self, call: CallRef) -> Option<&KeyId> {
        self.0.get(&call.turn)?.key.as_ref()
    }

    /// Who pays for a call.
    pub(super) fn payer(&self, call: CallRef) -> Payer {
        let family = self.0.get(&call.turn).and_then(|key| key.family.clone());
        Payer { tenant: call.tenant, session: call.session, family }
    }
}

impl Paths {
    /// The budgets on the paths of `payers` in the windows of `now`.
    pub(super) async fn read(
        transaction: &mut Transaction<'_, Any>,
        payers: &[Payer],
        now: Timestamp,
    ) -> Result<Self, StoreError> {
        let tenants = || payers.iter().map(|payer| payer.tenant.to_string());
        let tenant_list = List::new(tenants(), 5);
        let families = List::new(payers.iter().filter_map(|payer| payer.family.clone()), tenant_list.end());
        let sessions = List::new(payers.iter().map(|payer| payer.session.to_string()), families.end());
        // Sessions are looked for by their ids alone and keys by their families, so that an index finds each, and not
        // every pair of a tenant and a session.
        let statement = format!(
            "select {COLUMNS}, (select family from keys where id = b.key_id) as family
             from {BUDGETS} where b.id in (
                select id from budgets where archived_at is null and scope = 'installation'
                union all
                select id from budgets where archived_at is null and scope = 'tenant' and tenant_id in ({tenants})
                union all
                select f.id from keys k cross join budgets f where k.family in ({families}) and f.archived_at is null
                    and f.scope = 'key' and f.tenant_id = k.tenant_id and f.key_id = k.id
                union all
                select id from budgets where archived_at is null and session_id in ({sessions}))",
            tenants = tenant_list.placeholders,
            families = families.placeholders,
            sessions = sessions.placeholders
        );
        let mut query = in_windows_of(statement, now);
        for value in tenant_list.into_values().into_iter().chain(families.into_values()).chain(sessions.into_values()) {
            query = query.bind(value);
        }
        let rows = query.fetch_all(&mut **transaction).await?;
        let (mut standings, mut bounds) = (Vec::with_capacity(rows.len()), HashMap::<_, Vec<usize>>::new());
        for row in &rows {
            let standing = standing(row, now)?;
            let bound = match &standing.budget.scope {
                Scope::Installation => Bound::Installation,
                Scope::Tenant(tenant) => Bound::Tenant(*tenant),
                Scope::Key(tenant, _) => Bound::Family(*tenant, codec::maybe_text(row, "family")?.unwrap_or_default()),
                Scope::Session(tenant, session) => Bound::Session(*tenant, *session),
            };
            bounds.entry(bound).or_default().push(standings.len());
            standings.push(standing);
        }
        let held = if bounds.contains_key(&Bound::Installation) {
            held_by_tenants(transaction, List::new(tenants(), 1)).await?
        } else {
            HashMap::new()
        };
        Ok(Self { standings, bounds, held })
    }

    /// Which budgets are on the path of a payer.
    pub(super) fn of(&self, payer: &Payer) -> Vec<usize> {
        let bounds = [
            Some(Bound::Installation),
            Some(Bound::Tenant(payer.tenant)),
            payer.family.clone().map(|family| Bound::Family(payer.tenant, family)),
            Some(Bound::Session(payer.tenant, payer.session)),
        ];
        bounds.iter().flatten().filter_map(|bound| self.bounds.get(bound)).flatten().copied().collect()
    }

    /// How the budgets of `path` stand for `tenant`.
    pub(super) fn standings(&self, path: &[usize], tenant: TenantId) -> Vec<Standing> {
        let standing = |place: &usize| {
            let standing = self.standings[*place].clone();
            let is_shared = standing.budget.scope.tenant().is_none();
            Standing {
                held_by_tenant: is_shared.then(|| self.held.get(&tenant).copied().unwrap_or_default()),
                ..standing
            }
        };
        path.iter().map(standing).collect()
    }

    /// Counts `amount` as held for a call of `tenant` from here on.
    pub(super) fn hold(&mut self, path: &[usize], tenant: TenantId, amount: Usd) {
        for place in path {
            let held = &mut self.standings[*place].held;
            *held = (*held + amount).bounded();
        }
        let held = self.held.entry(tenant).or_default();
        *held = (*held + amount).bounded();
    }
}

/// The windows of `at` of the budgets that count what a session costs that `key` began.
pub(in crate::store) async fn windows_of_key(
    transaction: &mut Transaction<'_, Any>,
    (tenant, session): (TenantId, SessionId),
    key: Option<&KeyId>,
    at: Timestamp,
) -> Result<Vec<Window>, StoreError> {
    let family = sqlx::query("select family from keys where id = $1")
        .bind(key.map(KeyId::to_string).unwrap_or_default())
        .fetch_optional(&mut **transaction)
        .await?;
    let family = family.map(|row| codec::text(&row, "family")).transpose()?;
    let payer = Payer { tenant, session, family };
    let paths = Paths::read(transaction, std::slice::from_ref(&payer), at).await?;
    Ok(paths.of(&payer).into_iter().map(|place| Window::of(&paths.standings[place])).collect())
}

/// What the open calls of tenants hold.
async fn held_by_tenants(
    transaction: &mut Transaction<'_, Any>,
    tenants: List,
) -> Result<HashMap<TenantId, Usd>, StoreError> {
    let statement = format!(
        "select tenant_id, cast(sum(held_nanos) as bigint) as held_nanos from ledger
         where status = 'open' and tenant_id in ({tenants}) group by tenant_id",
        tenants = tenants.placeholders
    );
    let mut query = sqlx::query(sqlx::AssertSqlSafe(statement));
    for tenant in tenants.into_values() {
        query = query.bind(tenant);
    }
    let rows = query.fetch_all(&mut **transaction).await?;
    rows.iter().map(|row| Ok((codec::parsed(row, "tenant_id")?, codec::amount(row, "held_nanos")?.bounded()))).collect()
}
