//! The pinned CLI has a price table of its own. Two tables that were written down apart must say the same: what the CLI
//! claims that a session cost is compared with what the ledger charged for the same calls.

use std::collections::BTreeMap;

use futures_util::{StreamExt, stream};
use serde_json::{Value, json};

use crate::harness::{Server, Tenant, script};

/// Our table.
const PRICES: &str = include_str!("../../config/prices.toml");

/// Models of our table that the pinned CLI has no price for: what it claims of them is a guess and compared with nothing.
/// A new version of the CLI may know more of them; then the list gets shorter.
const UNKNOWN_TO_THE_CLI: [&str; 0] = [];

/// What is paid for, by the names of our table.
const CLASSES: [&str; 6] = ["input", "output", "cache_read", "cache_write_5m", "cache_write_1h", "web_search"];
const OUTPUT: usize = 1;

/// Prompts below and above any tier: a tier that one table has and the other one has not is seen. The long one nearly fills
/// the smallest window of context: more than a model can read is not believed.
const SHORT_PROMPT: u64 = 50_000;
const LONG_PROMPT: u64 = 190_000;

/// Fewer than the most that any model may say at once, because the stand-in keeps to that.
const OUTPUT_TOKENS: u64 = 30_000;
const SEARCHES: u64 = 7;

/// How many sessions run at the same time.
const AT_ONCE: usize = 4;

/// What one call used, in the order of [`CLASSES`].
type Used = [u64; 6];

/// What a session cost in nano-dollars by model, in two accounts.
#[derive(Debug)]
struct Accounts {
    cli: BTreeMap<String, i64>,
    ours: BTreeMap<String, i64>,
    /// What the CLI's account is based on: `list` if it knows the model's prices.
    basis: Value,
}

/// What came of comparing a model's prices.
#[derive(Debug, PartialEq)]
enum Verdict {
    Same,
    UnknownToTheCli,
    /// Every class for which the tables differ.
    Differs(Vec<String>),
}

/// A call with a prompt of `prompt` tokens that uses every class, so unevenly that mistakes do not make up for each other.
fn mixed(prompt: u64) -> Used {
    let part = |thousandths: u64| prompt * thousandths / 1_000;
    let [read, short, long] = [part(307), part(197), part(107)];
    [prompt - read - short - long, OUTPUT_TOKENS, read, short, long, SEARCHES]
}

/// A call with a prompt of `prompt` tokens that uses one class, beside the input that output and searches come after.
fn only(class: usize, prompt: u64) -> Used {
    let mut used = [0; 6];
    match CLASSES[class] {
        "output" => [used[0], used[OUTPUT]] = [prompt, OUTPUT_TOKENS],
        "web_search" => [used[0], used[class]] = [prompt, SEARCHES],
        _ => used[class] = prompt,
    }
    used
}

/// A usage as the model API tells it.
fn told([input, output, read, short, long, searches]: Used) -> Value {
    json!({
        "input_tokens": input, "output_tokens": output, "cache_read_input_tokens": read,
        "cache_creation_input_tokens": short + long,
        "cache_creation": {"ephemeral_5m_input_tokens": short, "ephemeral_1h_input_tokens": long},
        "server_tool_use": {"web_search_requests": searches},
    })
}

/// Runs a session of `model` with a call for each of `calls`.
async fn accounts(server: &Server, tenant: &Tenant, model: &str, calls: &[Used]) -> Accounts {
    let usages: Vec<_> = calls.iter().copied().map(told).collect();
    let prompt = script(&json!({"turns": calls.len() - 1, "usages": usages}));
    let body = json!({"prompt": prompt, "model": model, "permission_mode": "bypassPermissions"});
    let status = tenant.run(&body).await;
    assert_eq!(status["status"], "completed", "{model}: {status}");
    let session = status["session_id"].as_str().unwrap();
    let messages = server.messages(tenant, session).await;
    let result = messages.iter().find(|message| message["type"] == "result").unwrap();
    let claimed = result["modelUsage"].as_object().unwrap();
    let cli = claimed.iter().map(|(model, claim)| (model.clone(), nanos(&claim["costUSD"]))).collect();
    let mut ours = BTreeMap::new();
    for entry in server.ledger(tenant, session).await {
        assert_eq!(entry.status, "exact", "{model}: {entry:?}");
        *ours.entry(entry.model).or_default() += entry.cost.as_nanos();
    }
    Accounts { cli, ours, basis: claimed[model]["costBasis"].clone() }
}

/// The CLI reckons in binary fractions of a dollar; what it means is the nearest nano-dollar.
fn nanos(dollars: &Value) -> i64 {
    format!("{:.0}", dollars.as_f64().unwrap() * 1e9).parse().unwrap()
}

/// Compares the two tables' prices of `model` for prompts of so many tokens.
async fn compare(server: &Server, tenant: &Tenant, model: &str, prompts: &[u64]) -> Verdict {
    let calls: Vec<_> = prompts.iter().copied().map(mixed).collect();
    let whole = accounts(server, tenant, model, &calls).await;
    if whole.basis != "list" {
        return Verdict::UnknownToTheCli;
    }
    if whole.cli == whole.ours {
        return Verdict::Same;
    }
    // Now it is worth a session for each class.
    let mut differences = Vec::new();
    for &prompt in prompts {
        let mut input = [0, 0];
        for (class, name) in CLASSES.iter().enumerate() {
            let used = only(class, prompt);
            let found = accounts(server, tenant, model, &[used]).await;
            let mut costs = [found.cli[model], found.ours[model]];
            if class == 0 {
                input = costs;
            } else if used[0] > 0 {
                costs = [costs[0] - input[0], costs[1] - input[1]];
            }
            if costs[0] != costs[1] {
                let count = used[class];
                differences.push(format!(
                    "{model}: {count} of `{name}` after a prompt of {prompt} tokens cost {} nano-dollars by the CLI's \
                     table, {} by ours",
                    costs[0], costs[1]
                ));
            }
        }
    }
    if differences.is_empty() {
        differences.push(format!("{model}: no class differs alone, all together do: {whole:?}"));
    }
    Verdict::Differs(differences)
}

#[tokio::test]
async fn every_price_of_ours_is_the_pinned_cli_s() {
    let server = Server::start().await;
    let tenant = server.tenant("acme").await;
    let table: toml::Value = toml::from_str(PRICES).unwrap();
    let models = table["model"].as_array().unwrap().iter().map(|model| {
        let bounds = model["tier"].as_array().unwrap().iter().filter_map(|tier| tier.get("above_prompt_tokens"));
        let bounds = bounds.map(|bound| bound.as_integer().unwrap().unsigned_abs()).filter(|bound| *bound > 0);
        let around = bounds.flat_map(|bound| [bound, bound + 1]);
        let prompts: Vec<_> = [SHORT_PROMPT].into_iter().chain(around).chain([LONG_PROMPT]).collect();
        (model["id"].as_str().unwrap(), prompts)
    });
    let (server, tenant) = (&server, &tenant);
    let verdicts = stream::iter(models)
        .map(async |(model, prompts)| (model, compare(server, tenant, model, &prompts).await))
        .buffered(AT_ONCE);
    let (mut unknown, mut differences) = (Vec::new(), Vec::new());
    for (model, verdict) in verdicts.collect::<Vec<_>>().await {
        match verdict {
            Verdict::Same => {}
            Verdict::UnknownToTheCli => unknown.push(model),
            Verdict::Differs(classes) => differences.extend(classes),
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
    assert_eq!(unknown, UNKNOWN_TO_THE_CLI, "the models that the CLI does not know are others than listed");
}

#[tokio::test]
async fn a_price_that_differs_is_told_by_model_and_class_and_an_unknown_model_as_such() {
    let (_, sonnet) = PRICES.split_once("id = \"claude-sonnet-5-5\"").unwrap();
    let (sonnet, _) = sonnet.split_once("[[model]]").unwrap();
    let wrong = PRICES.replace(sonnet, &sonnet.replace("0.10", "0.11").replace("output = \"10\"", "output = \"9\""));
    let next = format!("\n[[model]]\nid = \"claude-next-9\"{sonnet}");
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("prices.toml");
    std::fs::write(&path, wrong + &next).unwrap();
    let server = Server::start_with(&[("gateway.prices_file", path.to_str().unwrap())]).await;
    let tenant = server.tenant("acme").await;
    assert_eq!(compare(&server, &tenant, "claude-next-9", &[1_000_000]).await, Verdict::UnknownToTheCli);
    let differs = |class: &str, cli: u64, ours: u64| {
        format!(
            "claude-sonnet-5-5: {class} after a prompt of 1000000 tokens cost {cli} nano-dollars by the CLI's table, \
             {ours} by ours"
        )
    };
    let expected = vec![
        differs("30000 of `output`", 300_000_000, 270_000_000),
        differs("1000000 of `cache_read`", 100_000_000, 110_000_000),
    ];
    assert_eq!(compare(&server, &tenant, "claude-sonnet-5-5", &[1_000_000]).await, Verdict::Differs(expected));
}
