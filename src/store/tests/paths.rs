//! Which budgets count a call: those on its path and no others, whoever calls.

use std::collections::{BTreeMap, BTreeSet};

use proptest::collection::vec;
use proptest::prelude::*;

use super::books::{Books, Work, at};
use crate::domain::{
    Budget, BudgetId, By, Enforcement, Key, KeyId, KeyOwner, KeyScopes, Period, Scope, TenantId, Timestamp, TurnId,
    TurnSpec, Usd,
};
use crate::store::NewTurn;

/// Two tenants with keys, sessions, and budgets of every scope.
struct World {
    books: Books,
    /// The budgets by the names of the table below.
    budgets: BTreeMap<BudgetId, &'static str>,
    /// The scopes by the same names.
    scopes: BTreeMap<&'static str, Scope>,
    /// Who calls.
    callers: BTreeMap<&'static str, Work>,
}

/// Who calls, and the budgets that count it.
const TABLE: [(&str, &[&str]); 7] = [
    ("a1 in s1", &["installation", "a", "a1", "a1 new", "s1"]),
    ("a2 in s2", &["installation", "a", "a2", "s2"]),
    ("b1 in s3", &["installation", "b", "b1", "s3"]),
    ("a2 resumes s1", &["installation", "a", "a2", "s1"]),
    // The key that took the place of a1.
    ("a1 new in s4", &["installation", "a", "a1", "a1 new"]),
    ("a1 new resumes s2", &["installation", "a", "a1", "a1 new", "s2"]),
    ("an unknown key in s5", &["installation", "a"]),
];

fn now() -> Timestamp {
    at("2026-11-20", 43_200)
}

fn key(tenant: TenantId, id: &str) -> Key {
    Key {
        id: KeyId::new(id),
        owner: KeyOwner::Tenant(tenant),
        name: id.to_owned(),
        scopes: KeyScopes::TENANT,
        hash: String::new(),
        created_at: now(),
        expires_at: None,
        revoked_at: None,
        last_used_at: None,
    }
}

impl World {
    async fn new() -> Self {
        let books = Books::open().await;
        let (a, b) = (books.tenant("a").await, books.tenant("b").await);
        for (tenant, id) in [(a, "a1"), (a, "a2"), (b, "b1")] {
            books.store.keys().create(&key(tenant, id), &By::test()).await.unwrap();
        }
        let (old, new) = (KeyId::new("a1"), key(a, "a1 new"));
        assert!(books.store.keys().replace(&old, at("2027-01-01", 0), &new, &By::test()).await.unwrap());
        let [s1, s2] = [books.work(a, "a1").await, books.work(a, "a2").await];
        let (s3, s4, s5) =
            (books.work(b, "b1").await, books.work(a, "a1 new").await, books.work(a, "https://x#y").await);
        let resumed = [books.resumed(s1, "a2").await, books.resumed(s2, "a1 new").await];
        let scope = |name: &'static str, scope: Scope| (name, scope);
        let scopes = BTreeMap::from([
            scope("installation", Scope::Installation),
            scope("a", Scope::Tenant(a)),
            scope("b", Scope::Tenant(b)),
            scope("a1", Scope::Key(a, old)),
            scope("a1 new", Scope::Key(a, new.id)),
            scope("a2", Scope::Key(a, KeyId::new("a2"))),
            scope("b1", Scope::Key(b, KeyId::new("b1"))),
            scope("s1", Scope::Session(a, s1.session)),
            scope("s2", Scope::Session(a, s2.session)),
            scope("s3", Scope::Session(b, s3.session)),
        ]);
        let callers = BTreeMap::from([
            ("a1 in s1", s1),
            ("a2 in s2", s2),
            ("b1 in s3", s3),
            ("a2 resumes s1", resumed[0]),
            ("a1 new in s4", s4),
            ("a1 new resumes s2", resumed[1]),
            ("an unknown key in s5", s5),
        ]);
        Self { books, budgets: BTreeMap::new(), scopes, callers }
    }

    async fn create(&mut self, name: &'static str) {
        let budget = Budget {
            id: BudgetId::generate(),
            scope: self.scopes[name].clone(),
            period: Period::Month,
            limit: Usd::MAX,
            enforcement: Enforcement::Hard,
            created_at: now(),
        };
        self.books.store.budgets().create(&budget, &By::test()).await.unwrap();
        self.budgets.insert(budget.id, name);
    }

    async fn spent(&self) -> BTreeMap<&'static str, i64> {
        let standings = self.books.store.budgets().list(now()).await.unwrap();
        standings.iter().map(|found| (self.budgets[&found.budget.id], found.spent.as_nanos())).collect()
    }
}

impl Books {
    /// A further turn of a session, begun with another key.
    async fn resumed(&self, work: Work, key: &str) -> Work {
        self.store.rest_for_test(work.session).await;
        let (turn, key) = (TurnId::generate(), KeyId::new(key));
        let record = NewTurn { id: turn, prompt: String::new(), spec: TurnSpec::default(), key, created_at: now() };
        assert!(self.store.sessions().begin_turn(work.tenant, work.session, &record).await.unwrap());
        Work { turn, ..work }
    }
}

#[tokio::test]
async fn a_call_counts_in_the_budgets_on_its_path_and_in_no_other() {
    let mut world = World::new().await;
    for name in world.scopes.keys().copied().collect::<Vec<_>>() {
        world.create(name).await;
    }
    for (caller, expected) in TABLE {
        let before = world.spent().await;
        world.books.call(world.callers[caller], "m", now(), 1, 7).await;
        let after = world.spent().await;
        let counted: BTreeSet<_> =
            after.iter().filter(|(name, spent)| before[*name] != **spent).map(|(name, _)| *name).collect();
        assert_eq!(counted, expected.iter().copied().collect(), "{caller}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    /// Whenever a budget is made, it stands at what the calls within its scope cost, before it and after it.
    #[test]
    fn a_standing_changes_only_by_calls_within_its_scope(calls in vec((0_usize..7, 0_i64..1_000, 0_usize..14), 1..20)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut world = World::new().await;
            let names: Vec<_> = world.scopes.keys().copied().collect();
            let mut expected: BTreeMap<&str, i64> = names.iter().map(|name| (*name, 0)).collect();
            for (caller, cost, created) in calls {
                let (caller, path) = TABLE[caller];
                world.books.call(world.callers[caller], "m", now(), 1, cost).await;
                for name in path {
                    *expected.get_mut(name).unwrap() += cost;
                }
                if let Some(name) = names.get(created).filter(|name| !world.budgets.values().any(|made| made == *name)) {
                    world.create(name).await;
                }
                for (name, spent) in world.spent().await {
                    assert_eq!(spent, expected[name], "{name}");
                }
            }
        });
    }
}
