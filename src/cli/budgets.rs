//! `innkeeper budgets`: how much may be spent, by whom, in which time.

use clap::{Args, Subcommand, ValueEnum};

use super::data::{by, open_store};
use super::output::{CommandResult, note, show, show_json, table};
use crate::api::admin::{
    AdminError, BudgetList, BudgetView, BudgetsAsk, NewBudget, RepairedList, ScopeOf, archive_budget, create_budget,
    list_budgets, repair_budgets, top_up_budget, update_budget,
};
use crate::config::Config;
use crate::domain::{Enforcement, Period, SystemClock};
use crate::store::Store;

/// Create, list, change, repair and archive budgets
#[derive(Debug, Args)]
pub struct BudgetsCommand {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Create a budget; what was spent already in its present window counts
    Create {
        #[command(flatten)]
        scope: ScopeArgs,
        /// In which time it may be spent; days, weeks and months begin at midnight UTC
        #[arg(long, value_enum, default_value = "month")]
        period: PeriodArg,
        /// How much, in US dollars
        #[arg(long, value_name = "USD")]
        limit: String,
        /// Only tell when it is spent, and refuse nothing
        #[arg(long)]
        soft: bool,
        /// Answer in JSON
        #[arg(long)]
        json: bool,
    },
    /// List the budgets in force, and how they stand
    List {
        /// Answer in JSON
        #[arg(long)]
        json: bool,
    },
    /// Make the present windows of all budgets agree with the ledger, and list those that did not
    ///
    /// The two agree by themselves. Use this after the database was changed by hand, or when the log says that amounts in it
    /// were impossible. Each repair is written to the audit.
    Repair {
        /// Answer in JSON
        #[arg(long)]
        json: bool,
    },
    /// Change a budget; it counts from the next model call on
    Update {
        /// The budget's id
        id: String,
        /// How much, in US dollars
        #[arg(long, value_name = "USD")]
        limit: Option<String>,
        /// What happens when it is spent
        #[arg(long, value_enum)]
        enforcement: Option<EnforcementArg>,
        /// Answer in JSON
        #[arg(long)]
        json: bool,
    },
    /// Give a budget more for its present window alone
    TopUp {
        /// The budget's id
        id: String,
        /// How much more, in US dollars
        #[arg(long, value_name = "USD")]
        amount: String,
        /// Why: kept with it
        #[arg(long, value_name = "TEXT")]
        reason: String,
        /// Answer in JSON
        #[arg(long)]
        json: bool,
    },
    /// Archive a budget: it bounds nothing any more
    Archive {
        /// The budget's id
        id: String,
    },
}

/// Whose spending it bounds; none of these: the whole installation's
#[derive(Debug, Args)]
#[group(multiple = false)]
struct ScopeArgs {
    /// A tenant's
    #[arg(long, value_name = "NAME")]
    tenant: Option<String>,
    /// What was started with a key, by its public part
    #[arg(long, value_name = "ID")]
    key: Option<String>,
    /// A session's
    #[arg(long, value_name = "ID")]
    session: Option<String>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum PeriodArg {
    Day,
    Week,
    Month,
    Total,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum EnforcementArg {
    Hard,
    Soft,
}

impl BudgetsCommand {
    /// Does it, on the store of the configured data directory. The server may be running meanwhile.
    ///
    /// # Errors
    /// When it cannot be done, or told.
    pub async fn run(self, config: &Config) -> CommandResult {
        let store = open_store(config).await?;
        match self.action {
            Action::Create { scope, period, limit, soft, json } => {
                let ScopeArgs { tenant, key, session } = scope;
                let enforcement = if soft { Enforcement::Soft } else { Enforcement::Hard };
                let scope = ScopeOf { tenant, key, session };
                let new = NewBudget { scope, period: period.into(), limit_usd: limit, enforcement };
                show_one(&create_budget(&store, new, &by()).await?, json)
            }
            Action::List { json } => show_all(&all_budgets(&store).await?, json),
            Action::Repair { json } => show_repaired(&repair_budgets(&store, &by()).await?, json),
            Action::Update { id, limit, enforcement, json } => {
                let enforcement = enforcement.map(Enforcement::from);
                show_one(&update_budget(&store, &id, limit.as_deref(), enforcement, &by()).await?, json)
            }
            Action::TopUp { id, amount, reason, json } => {
                show_one(&top_up_budget(&store, &id, &amount, &reason, &by()).await?, json)
            }
            Action::Archive { id } => {
                archive_budget(&store, &id, &by()).await?;
                note("The budget bounds nothing any more.")
            }
        }
    }
}

impl From<PeriodArg> for Period {
    fn from(period: PeriodArg) -> Self {
        match period {
            PeriodArg::Day => Self::Day,
            PeriodArg::Week => Self::Week,
            PeriodArg::Month => Self::Month,
            PeriodArg::Total => Self::Total,
        }
    }
}

impl From<EnforcementArg> for Enforcement {
    fn from(enforcement: EnforcementArg) -> Self {
        match enforcement {
            EnforcementArg::Hard => Self::Hard,
            EnforcementArg::Soft => Self::Soft,
        }
    }
}

/// All pages of the budgets in force.
async fn all_budgets(store: &Store) -> Result<BudgetList, AdminError> {
    let mut ask = BudgetsAsk { limit: Some(1_000), ..BudgetsAsk::default() };
    let mut all = BudgetList { data: Vec::new(), next_after: None };
    loop {
        let page = list_budgets(store, &ask, &SystemClock).await?;
        all.data.extend(page.data);
        match page.next_after {
            Some(after) => ask.after = Some(after.to_string()),
            None => return Ok(all),
        }
    }
}

fn show_repaired(repaired: &RepairedList, json: bool) -> CommandResult {
    if json {
        return show_json(repaired);
    }
    if repaired.data.is_empty() {
        return note("All budgets agree with the ledger.");
    }
    let head = ["ID", "WINDOW", "SPENT $", "WAS $", "HELD $", "WAS $"];
    let mut rows = vec![head.map(str::to_owned)];
    for budget in &repaired.data {
        rows.push([
            budget.id.to_string(),
            budget.window.to_string().get(..16).unwrap_or_default().replace('T', " "),
            budget.spent_usd.clone(),
            budget.spent_before_usd.clone(),
            budget.held_usd.clone(),
            budget.held_before_usd.clone(),
        ]);
    }
    show(&table(&rows))
}

fn show_one(budget: &BudgetView, json: bool) -> CommandResult {
    if json { show_json(budget) } else { show(&listed(std::slice::from_ref(budget))) }
}

fn show_all(budgets: &BudgetList, json: bool) -> CommandResult {
    match budgets.data.as_slice() {
        _ if json => show_json(budgets),
        [] => note("There are no budgets: spending is not bounded. Create one: innkeeper budgets create --limit 100"),
        budgets => show(&listed(budgets)),
    }
}

fn listed(budgets: &[BudgetView]) -> String {
    let head = ["ID", "BOUNDS", "PERIOD", "LIMIT $", "SPENT $", "HELD $", "LEFT $", "BEGINS ANEW"];
    let mut rows = vec![head.map(str::to_owned)];
    for budget in budgets {
        let narrower = budget.session_id.map(|id| id.to_string()).or_else(|| budget.key_id.clone());
        let tenant = budget.tenant_name.clone().or_else(|| budget.tenant_id.map(|id| id.to_string()));
        let bounds = match (narrower, tenant) {
            (Some(id), Some(tenant)) => format!("{} {id} of {tenant}", budget.scope),
            (None, Some(tenant)) => format!("{} {tenant}", budget.scope),
            (_, None) => budget.scope.to_owned(),
        };
        let soft = if budget.enforcement == Enforcement::Soft { " (soft)" } else { "" };
        let more = if budget.topped_up_usd == "0" { String::new() } else { format!(" + {}", budget.topped_up_usd) };
        let resets_at = budget.resets_at.map(|moment| moment.to_string()).unwrap_or_default();
        rows.push([
            budget.id.to_string(),
            bounds,
            budget.period.as_str().to_owned(),
            format!("{}{more}{soft}", budget.limit_usd),
            budget.spent_usd.clone(),
            budget.held_usd.clone(),
            budget.remaining_usd.clone(),
            resets_at.get(..16).unwrap_or_default().replace('T', " "),
        ]);
    }
    table(&rows)
}
