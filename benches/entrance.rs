//! Measures what the entrance costs: verifying a key that is known, one that is not, and a known one during a flood of wrong
//! ones; a place in the queue; and holding and settling money under four budgets, with one writer and with 32.

#![expect(clippy::print_stdout, reason = "a bench's output")]

#[path = "support/bank.rs"]
mod bank;

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

/// Calls that are held and settled.
const CALLS: u32 = 640;

#[tokio::main]
async fn main() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let bank = Arc::new(Bank::open(directory.path()).await?);
    keys(&bank).await?;
    queue();
    money(&bank).await
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
    let usual = tell("known", &mut quiet, None);
    let mut cold = Vec::new();
    for _ in 0..COLD_KEYS {
        let key = bank.issue(verifier.hasher()).await?.plain;
        cold.push(verified(&verifier, &key).await);
    }
    tell("first use: a look into the store, and argon2id", &mut cold, Some(usual));
    let mut wrong = Vec::new();
    for _ in 0..200 {
        let key = PlainKey::generate(KeyOwner::Tenant(bank.tenant));
        wrong.push(verified(&verifier, &key).await);
    }
    tell("unknown: a look into the store", &mut wrong, Some(usual));
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
    tell("known, while 100 attackers guess the secret of another", &mut flooded, Some(usual));
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

fn tell(what: &str, micros: &mut [f64], usual: Option<f64>) -> f64 {
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

async fn money(bank: &Arc<Bank>) -> Result<()> {
    println!("| money | calls/s | p50 ms | p99 ms | of plain transactions |");
    println!("|---|---|---|---|---|");
    let begin = Instant::now();
    for _ in 0..CALLS {
        bank.store.audit().note(Action::ReloadPrices, "bench", json!({}), &by()).await?;
    }
    let plain = f64::from(CALLS) / begin.elapsed().as_secs_f64();
    println!("| one plain transaction, a row written durably | {plain:.0} | | | 1.00 |");
    let money = Arc::new(Money::new(bank.store.clone()));
    for writers in [1, 32] {
        let mut tasks = JoinSet::new();
        let begin = Instant::now();
        for _ in 0..writers {
            let (bank, money) = (Arc::clone(bank), Arc::clone(&money));
            tasks.spawn(async move { spend(&bank, &money, CALLS / writers).await });
        }
        let mut millis = Vec::new();
        while let Some(spent) = tasks.join_next().await {
            millis.extend(spent??);
        }
        let per_second = f64::from(CALLS) / begin.elapsed().as_secs_f64();
        let (middle, slow) = (percentile(&mut millis, 50), percentile(&mut millis, 99));
        let of_plain = per_second / plain;
        println!(
            "| hold and settle under four budgets, {writers} at once | {per_second:.0} | {middle:.2} | {slow:.2} | {of_plain:.2} |"
        );
    }
    println!();
    Ok(())
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
