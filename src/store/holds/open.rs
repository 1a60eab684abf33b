//! Opening calls: each decides on the budgets of its path as those before it left them.

use sqlx::{Any, Transaction};

use super::Terms;
use super::batch::Request;
use super::path::{Paths, TurnKeys};
use super::rows::{groups, values};
use super::windows::{self, Window};
use crate::domain::{Ask, Decision, KeyId, Period, Standing, Usd, decide};
use crate::store::StoreError;
use crate::store::ledger::NewCall;

/// A call to be opened.
#[derive(Debug)]
pub(super) struct Opening {
    pub(super) new: NewCall,
    pub(super) ask: Ask,
    pub(super) terms: Terms,
}

/// A call that is opened, with what it holds in the windows of its path.
#[derive(Debug)]
struct Opened<'a> {
    new: &'a NewCall,
    key: Option<&'a KeyId>,
    amount: Usd,
    windows: Vec<Window>,
}

impl Request for Opening {
    type Outcome = Decision;

    async fn write(
        transaction: &mut Transaction<'_, Any>,
        requests: &[&Self],
    ) -> Result<Vec<Self::Outcome>, StoreError> {
        let keys = TurnKeys::read(transaction, requests.iter().map(|request| request.new.call)).await?;
        let mut decisions = Vec::with_capacity(requests.len());
        // Every window begins with a day, so calls of one day are in the same windows.
        let day = |request: &&Self| Period::Day.starts_at(request.new.at);
        for of_day in requests.chunk_by(|one, next| day(one) == day(next)) {
            let payers: Vec<_> = of_day.iter().map(|request| keys.payer(request.new.call)).collect();
            let mut paths = Paths::read(transaction, &payers, day(&of_day[0])).await?;
            let mut opened = Vec::with_capacity(of_day.len());
            for (request, payer) in of_day.iter().zip(&payers) {
                let path = paths.of(payer);
                let standings = paths.standings(&path, payer.tenant);
                let decision = request.decide(&standings);
                if let Decision::Hold { amount, .. } = decision {
                    paths.hold(&path, payer.tenant, amount);
                    let (key, windows) = (keys.of(request.new.call), standings.iter().map(Window::of).collect());
                    opened.push(Opened { new: &request.new, key, amount, windows });
                }
                decisions.push(decision);
            }
            insert(transaction, &opened).await?;
            let holds: Vec<_> = opened
                .iter()
                .flat_map(|opened| opened.windows.iter().map(|window| (opened.new.call.id, *window, opened.amount)))
                .collect();
            windows::hold(transaction, &holds).await?;
        }
        Ok(decisions)
    }
}

impl Opening {
    fn decide(&self, standings: &[Standing]) -> Decision {
        let decision = decide(standings, &self.ask, self.terms.share);
        let is_claimed = |standing: &&Standing| self.terms.claimed.contains(&standing.budget.id);
        match (&decision, standings.iter().find(is_claimed)) {
            (Decision::Hold { .. }, Some(claimed)) => {
                Decision::Wait { standing: Box::new(claimed.clone()), is_share: false }
            }
            _ => decision,
        }
    }
}

async fn insert(transaction: &mut Transaction<'_, Any>, opened: &[Opened<'_>]) -> Result<(), StoreError> {
    for group in groups(opened) {
        let values_10 = values(group.len(), 10);
        let statement = format!(
            "with given (id, tenant_id, session_id, turn_id, key_id, status, model, price_version, held_nanos, opened_at)
                as (values {values_10})
             insert into ledger (id, tenant_id, session_id, turn_id, key_id, status, model, price_version,
                input_tokens, output_tokens, cache_read_tokens, cache_write_5m_tokens, cache_write_1h_tokens,
                web_search_requests, held_nanos, cost_nanos, opened_at)
             select id, tenant_id, session_id, turn_id, key_id, status, model, price_version,
                0, 0, 0, 0, 0, 0, held_nanos, 0, opened_at from given"
        );
        let mut query = sqlx::query(sqlx::AssertSqlSafe(statement));
        for Opened { new, key, amount, .. } in group {
            query = query
                .bind(new.call.id.to_string())
                .bind(new.call.tenant.to_string())
                .bind(new.call.session.to_string())
                .bind(new.call.turn.to_string())
                .bind(key.map(KeyId::to_string))
                .bind("open")
                .bind(&new.model)
                .bind(&new.price_version)
                .bind(amount.as_nanos())
                .bind(new.at.as_micros());
        }
        query.execute(&mut **transaction).await?;
    }
    Ok(())
}
