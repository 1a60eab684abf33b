//! A budget is never exceeded: calls of every kind at once, callers that leave, answers that break, a crash in the middle.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::harness::{Server, Tenant, bash, eventually, script};

const SONNET: &str = "claude-sonnet-5-5";

/// What a search adds is held at the model's window of context, which is small here.
const SEARCHING: &str = "claude-haiku-4-5";

/// The model of the session whose socket is used: its call stays open.
const COUNTING: &str = "claude-haiku-5-5";

/// The budget, in dollars.
const LIMIT: f64 = 5.0;

/// The kinds of calls in the mix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Text,
    Picture,
    Document,
    Search,
    /// The caller leaves before the answer begins.
    Leaves,
    /// The provider breaks off in the middle of its answer.
    Cut,
    /// The provider never reports its usage.
    Unreported,
}

const KINDS: [Kind; 7] =
    [Kind::Text, Kind::Picture, Kind::Document, Kind::Search, Kind::Leaves, Kind::Cut, Kind::Unreported];

impl Kind {
    /// The body of a call of this kind.
    fn body(self) -> Value {
        let usage = json!({"input_tokens": 1_000, "output_tokens": 2_000});
        let scripted = match self {
            Self::Text | Self::Picture | Self::Document => json!({"usage": usage}),
            Self::Search => json!({"usage": {"input_tokens": 9_000, "output_tokens": 500,
                "server_tool_use": {"web_search_requests": 2}}}),
            Self::Leaves => json!({"usage": usage, "delay_ms": 500}),
            Self::Cut => json!({"usage": usage, "text": "a b c d", "chunks": 4, "cut_after_chunks": 2}),
            Self::Unreported => json!({"usage": {"input_tokens": null, "output_tokens": null}}),
        };
        let mut content = vec![];
        match self {
            Self::Picture => content.push(json!({"type": "image",
                "source": {"type": "base64", "media_type": "image/png", "data": STANDARD.encode(png(447, 447))}})),
            Self::Document => content.push(json!({"type": "document",
                "source": {"type": "base64", "media_type": "application/pdf", "data": STANDARD.encode(pdf())}})),
            _ => {}
        }
        content.push(json!({"type": "text", "text": script(&scripted)}));
        let mut body = json!({
            "model": SONNET, "max_tokens": 4_096, "stream": matches!(self, Self::Cut),
            "messages": [{"role": "user", "content": content}],
        });
        if self == Self::Search {
            body["model"] = json!(SEARCHING);
            body["tools"] = json!([{"type": "web_search_20250305", "name": "web_search", "max_uses": 2}]);
        }
        body
    }
}

/// A white PNG of these dimensions, stored without compression.
fn png(width: u32, height: u32) -> Vec<u8> {
    let mut bytes = b"\x89PNG\r\n\x1a\n".to_vec();
    let mut header = [width.to_be_bytes(), height.to_be_bytes()].concat();
    header.extend([8, 2, 0, 0, 0]);
    for (kind, data) in [(b"IHDR", header.as_slice()), (b"IDAT", &[0x78, 0x01, 0x03, 0, 0, 0, 0, 1]), (b"IEND", &[])] {
        let chunk = [kind.as_slice(), data].concat();
        bytes.extend(u32::try_from(data.len()).unwrap().to_be_bytes());
        bytes.extend(&chunk);
        bytes.extend(crc32(&chunk).to_be_bytes());
    }
    bytes
}

fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ 0xEDB8_8320 } else { crc >> 1 };
        }
    }
    !crc
}

/// The smallest document of one page.
fn pdf() -> Vec<u8> {
    b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n\
      3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 100 100]>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"
        .to_vec()
}

/// A client on the socket of a running session, as a tool in its sandbox has it.
async fn client(server: &Server, tenant: &Tenant) -> reqwest::Client {
    let long = json!({"prompt": "Please count from 1 to 100000", "model": COUNTING});
    let session = tenant.start(&long).await;
    tenant.status_when(&session, |status| status["status"] == "running").await;
    let socket = server.data.path().join(format!("sandboxes/{session}-1/sockets/model.sock"));
    reqwest::Client::builder().no_proxy().unix_socket(socket).build().unwrap()
}

/// Makes 200 calls at once, each kind in turn. Yields each call's status; 0 for one whose caller left or whose connection broke.
fn two_hundred(server: &Server, client: &reqwest::Client) -> JoinSet<(Kind, u16, String)> {
    let mut calls = JoinSet::new();
    for number in 0..200 {
        let kind = KINDS[number % KINDS.len()];
        let request = client.post("http://gateway/v1/messages").header("connection", "close").json(&kind.body());
        let stand_in = server.stand_in.clone();
        calls.spawn(async move {
            let answer = async {
                match request.send().await {
                    Ok(response) => (kind, response.status().as_u16(), response.text().await.unwrap_or_default()),
                    Err(_) => (kind, 0, String::new()),
                }
            };
            if kind != Kind::Leaves {
                return answer.await;
            }
            // Leaves as soon as the provider has heard of any call of its kind.
            let heard = stand_in.wait_until(|received| {
                received.iter().any(|call| call.body.windows(8).any(|window| window == b"delay_ms"))
            });
            tokio::select! {
                answer = answer => answer,
                _ = heard => (kind, 0, String::new()),
            }
        });
    }
    calls
}

/// The budget's spending in dollars, once no call of the mix is open any more.
async fn spent(server: &Server) -> f64 {
    let settled = async || {
        let calls: Value =
            serde_json::from_str(&server.command(&["calls", "list", "--json", "--limit", "1000"]).await).unwrap();
        let is_open = |call: &Value| call["status"] == "open" && call["model"] != COUNTING;
        if calls["data"].as_array().unwrap().iter().any(is_open) {
            return None;
        }
        let listed: Value = serde_json::from_str(&server.command(&["budgets", "list", "--json"]).await).unwrap();
        Some(listed["data"][0]["spent_usd"].as_str().unwrap().parse::<f64>().unwrap())
    };
    eventually(settled).await
}

#[tokio::test]
async fn mixed_calls_with_a_crash_never_exceed_a_budget() {
    let settings = [
        ("agent.max_output_tokens", "4096"),
        ("egress.web_search", "true"),
        ("rates.session_messages.per_minute", "100000"),
        ("rates.session_messages.burst", "10000"),
        ("rates.tenant_messages.per_minute", "100000"),
        ("rates.tenant_messages.burst", "10000"),
    ];
    let mut server = Server::start_with(&settings).await;
    let tenant = server.tenant("acme").await;
    server
        .command(&["budgets", "create", "--tenant", "acme", "--limit", &LIMIT.to_string(), "--period", "total"])
        .await;
    // A subagent's calls are part of the mix.
    let task = json!({"description": "look", "prompt": bash("true"), "subagent_type": "general-purpose"});
    let agents = json!({"prompt": script(&json!({"tools": [{"name": "Agent", "input": task}]})), "model": SONNET,
        "permission_mode": "bypassPermissions"});
    assert_eq!(tenant.run(&agents).await["status"], "completed");

    let mut calls = two_hundred(&server, &client(&server, &tenant).await);
    for _ in 0..30 {
        calls.join_next().await.unwrap().unwrap();
    }
    server.kill().await;
    while calls.join_next().await.is_some() {}
    server.start_again().await;
    let tenant = tenant.at(&server);
    assert!(spent(&server).await <= LIMIT);

    let client = client(&server, &tenant).await;
    for _ in 0..10 {
        let mut calls = two_hundred(&server, &client);
        let mut exhausted = false;
        while let Some(answer) = calls.join_next().await {
            let (kind, status, text) = answer.unwrap();
            assert!(matches!(status, 0 | 200 | 429 | 502), "{kind:?} {status} {text}");
            exhausted |= kind == Kind::Text && text.contains("billing_error");
        }
        if exhausted {
            break;
        }
    }
    let spent = spent(&server).await;
    assert!((0.95 * LIMIT..=LIMIT).contains(&spent), "{spent}");
}
