//! Measures what the entrance costs: verifying a key that is known, one that is not, and a known one during a flood of wrong
//! ones; a place in the queue; and holding and settling money under four budgets, next to plain durable transactions, in an
//! empty installation and in one with a long history.

#![expect(clippy::print_stdout, reason = "a bench's output")]

#[path = "support/bank.rs"]
mod bank;
#[path = "support/history.rs"]
mod history;

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use innkeeper::admission::{Bounds, Money, Queue};
use innkeeper::api::auth::Verifier;
use innkeeper::config::Config;
use innkeeper::domain::{Action, Ask, CallId, KeyOwner, PlainKey, SystemClock, TenantId, Usage, Usd};
use innkeeper::lifecycle::Tasks;
use innkeeper::store::{CallRef, NewCall, Settlement};
use serde_json::json;
use tokio::task::JoinSet;
use tokio::time::{Duration, Instant, sleep};

use bank::{Bank, Result, by, percentile};

/// Keys that are verified for the first time.
const COLD_KEYS: usize = 40;

/// Who sends wrong keys at the same time, and for how long.
const ATTACKERS: usize = 100;
const FLOOD: Duration = Duration::from_secs(3);

/// Plain transactions in a round, one after the other; calls of each caller in a round, and how many call at once; rounds, of
/// which the median counts.
const PLAIN: u32 = 300;
const CALLS_EACH: u32 = 20;
const CALLERS: u32 = 64;
const ROUNDS: usize = 5;

/// The rows of a long history.
const BUDGETS: u32 = 30_000;
const ROWS: u32 = 300_000;

#[tokio::main]
async fn main() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let bank = Arc::new(Bank::open(directory.path()).await?);
    keys(&bank).await?;
    queue();
    let old = tempfile::tempdir()?;
    let with_history = Arc::new(Bank::open(old.path()).await?);
    history::add(&old.path().join("bank.db"), with_history.tenant, by().at.as_micros(), BUDGETS, ROWS).await?;
    money(&bank, &with_history).await
}

async fn keys(bank: &Arc<Bank>) -> Result<()> {
    println!("| key | p50 µs | p99 µs | × known |");
    println!("|---|---|---|---|");
    let (config, tasks) = (Config::load(None)?, Tasks::new());
    let verifier = Verifier::new(bank.store.clone(), Arc::new(SystemClock), &config.auth, &tasks);
    let verifier = Arc::new(verifier);
    let known = bank.issue(verifier.hasher()).await?.plain;
    verifier.verify(&known).await?;
    let mut quiet = Vec::new();
    for _ in 0..50_000 {
        quiet.push(verified(&verifier, &known).await);
    }
    let usual = print_key_row("known", &mut quiet, None);
    let mut cold = Vec::new();
    for _ in 0..COLD_KEYS {
        let key = bank.issue(verifier.hasher()).await?.plain;
        cold.push(verified(&verifier, &key).await);
    }
    print_key_row("first use: a look into the store, and argon2id", &mut cold, Some(usual));
    let mut wrong = Vec::new();
    for _ in 0..200 {
        let key = PlainKey::generate(KeyOwner::Tenant(bank.tenant));
        wrong.push(verified(&verifier, &key).await);
    }
    print_key_row("unknown: a look into the store", &mut wrong, Some(usual));
    let (stop, refused) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let mut attackers = JoinSet::new();
    let target = bank.issue(verifier.hasher()).await?.plain;
    for _ in 0..ATTACKERS {
        let (verifier, target, stop, refused) =
            (Arc::clone(&verifier), target.clone(), Arc::clone(&stop), Arc::clone(&refused));
        attackers.spawn(async move {
            while !stop.load(Ordering::Relaxed) {
                if verifier.verify(&forged(&target)).await.is_err() {
                    refused.fetch_add(1, Ordering::Relaxed);
                }
                tokio::task::yield_now().await;
            }
        });
    }
    let (mut flooded, end) = (Vec::new(), Instant::now() + FLOOD);
    while Instant::now() < end {
        flooded.push(verified(&verifier, &known).await);
        // As often as a busy tenant asks, so that the attackers and not this loop have the processors.
        sleep(Duration::from_millis(1)).await;
    }
    stop.store(true, Ordering::Relaxed);
    while attackers.join_next().await.is_some() {}
    print_key_row("known, while 100 attackers guess the secret of another", &mut flooded, Some(usual));
    println!("\n{} wrong keys a second were refused meanwhile\n", refused.load(Ordering::Relaxed) / FLOOD.as_secs());
    tasks.stop().await;
    Ok(())
}

/// How long a key takes, in microseconds.
async fn verified(verifier: &Verifier, key: &PlainKey) -> f64 {
    let begin = Instant::now();
    let _ = black_box(verifier.verify(key).await);
    begin.elapsed().as_secs_f64() * 1e6
}

fn print_key_row(what: &str, micros: &mut [f64], usual: Option<f64>) -> f64 {
    let (middle, slow) = (percentile(micros, 50), percentile(micros, 99));
    let times = usual.map_or_else(String::new, |usual| format!("{:.1}", middle / usual));
    println!("| {what} | {middle:.2} | {slow:.2} | {times} |");
    middle
}

/// A key that only its secret tells from `key`: well-formed, so that its checksum does not give it away.
fn forged(key: &PlainKey) -> PlainKey {
    const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let other = PlainKey::generate(KeyOwner::Operator);
    let parts: Vec<_> = key.expose().split('_').collect();
    let secret = other.expose().split('_').nth(3).unwrap_or_default();
    let body = format!("{}_{}_{}_{secret}", parts[0], parts[1], parts[2]);
    let (mut rest, mut check) = (crc32fast::hash(body.as_bytes()), [b'0'; 6]);
    for digit in check.iter_mut().rev() {
        *digit = DIGITS[(rest % 62) as usize];
        rest /= 62;
    }
    let text = format!("{body}_{}", String::from_utf8_lossy(&check));
    PlainKey::parse(&text).unwrap_or(other)
}

fn queue() {
    println!("| place in the queue | per second |");
    println!("|---|---|");
    for (what, waiting) in [("nobody waits", 0), ("1,000 of another tenant wait", 1_000)] {
        let queue = Queue::new(1);
        let (mine, other) = (TenantId::generate(), TenantId::generate());
        let bounds = Bounds { running: usize::MAX, waiting: usize::MAX, waiting_bytes: u64::MAX };
        let blocked: Vec<_> = (0..waiting).filter_map(|_| queue.enter(other, bounds, 0).ok()).collect();
        let begin = Instant::now();
        for _ in 0..100_000 {
            // Entered and left again: with a place when nobody waits, without one otherwise.
            drop(black_box(queue.enter(mine, bounds, 0)));
        }
        println!("| {what} | {:.0} |", 100_000.0 / begin.elapsed().as_secs_f64());
        drop(blocked);
    }
    println!();
}

/// What is measured of money.
#[derive(Debug, Default)]
struct Rates {
    /// Per second, one of each round.
    per_second: Vec<f64>,
    /// How long each took, in milliseconds.
    millis: Vec<f64>,
}

async fn money(bank: &Arc<Bank>, with_history: &Arc<Bank>) -> Result<()> {
    let (mut plain, mut alone, mut many, mut history) =
        (Rates::default(), Rates::default(), Rates::default(), Rates::default());
    // In turns, so that whatever else the machine does meets all of them.
    for _ in 0..ROUNDS {
        plain_transactions(bank, &mut plain).await?;
        hold_and_settle(bank, 1, PLAIN, &mut alone).await?;
        hold_and_settle(bank, CALLERS, CALLS_EACH, &mut many).await?;
        hold_and_settle(with_history, CALLERS, CALLS_EACH, &mut history).await?;
    }
    println!("| money | per second | p50 ms | p99 ms | × plain | × without history |");
    println!("|---|---|---|---|---|---|");
    let base = percentile(&mut plain.per_second, 50);
    plain.print_row("plain durable transactions, one after the other", base, None);
    alone.print_row("hold and settle under four budgets, one caller", base, None);
    let without = many.print_row(&format!("hold and settle under four budgets, {CALLERS} callers"), base, None);
    let what = format!("the same, with {BUDGETS} budgets of sessions and {ROWS} rows in the ledger");
    history.print_row(&what, base, Some(without));
    println!();
    Ok(())
}

async fn plain_transactions(bank: &Bank, rates: &mut Rates) -> Result<()> {
    let begin = Instant::now();
    for _ in 0..PLAIN {
        let sent_at = Instant::now();
        bank.store.audit().note(Action::ReloadPrices, "bench", json!({}), &by()).await?;
        rates.millis.push(sent_at.elapsed().as_secs_f64() * 1e3);
    }
    rates.per_second.push(f64::from(PLAIN) / begin.elapsed().as_secs_f64());
    Ok(())
}

async fn hold_and_settle(bank: &Arc<Bank>, callers: u32, each: u32, rates: &mut Rates) -> Result<()> {
    let money = Arc::new(Money::new(bank.store.clone()));
    let mut tasks = JoinSet::new();
    let begin = Instant::now();
    for _ in 0..callers {
        let (bank, money) = (Arc::clone(bank), Arc::clone(&money));
        tasks.spawn(async move { spend(&bank, &money, each).await });
    }
    while let Some(spent) = tasks.join_next().await {
        rates.millis.extend(spent??);
    }
    rates.per_second.push(f64::from(callers * each) / begin.elapsed().as_secs_f64());
    Ok(())
}

impl Rates {
    /// Prints a row, and returns the median rate.
    fn print_row(&mut self, what: &str, plain: f64, without_history: Option<f64>) -> f64 {
        let rate = percentile(&mut self.per_second, 50);
        let (middle, slow) = (percentile(&mut self.millis, 50), percentile(&mut self.millis, 99));
        let history = without_history.map_or_else(String::new, |without| format!("{:.2}", rate / without));
        println!("| {what} | {rate:.0} | {middle:.2} | {slow:.2} | {:.2} | {history} |", rate / plain);
        rate
    }
}

/// A call about to be made.
fn call(bank: &Bank) -> NewCall {
    let call = CallRef { id: CallId::generate(), tenant: bank.tenant, session: bank.session, turn: bank.turn };
    NewCall { call, model: "m".to_owned(), price_version: "1".to_owned(), at: by().at }
}

/// Holds and settles calls one after the other, and answers how long each took, in milliseconds.
async fn spend(bank: &Bank, money: &Money, calls: u32) -> Result<Vec<f64>> {
    let ask = Ask { input_picos: 1_000_000, output_picos: 1_000, max_tokens: 100, least_tokens: 1 };
    let settlement = Settlement {
        model: "m".to_owned(),
        usage: Usage::default(),
        cost: Usd::from_nanos(1_000),
        estimated: None,
        at: by().at,
    };
    let mut millis = Vec::with_capacity(calls as usize);
    for _ in 0..calls {
        let (call, begin) = (call(bank), Instant::now());
        money.hold(&call, &ask, std::future::pending()).await?;
        money.settle(call.call, &settlement).await?;
        millis.push(begin.elapsed().as_secs_f64() * 1e3);
    }
    Ok(millis)
}
