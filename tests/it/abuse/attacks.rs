//! What a hostile tenant does to the server, over and over until it is stopped. Each attack is bounded in what it has open at once.

use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use reqwest::{Client, Method, RequestBuilder};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// How long one request of an attack may take before the attacker gives it up.
const PATIENCE: Duration = Duration::from_secs(20);

/// Pause of a loop that would otherwise spend the processor on the attacker instead of the server.
const PAUSE: Duration = Duration::from_millis(20);

/// Whom the attacks are made on, and with what.
pub(crate) struct Target {
    /// Host and port of the public listener.
    pub(crate) public: String,
    /// Host and port of the operators' listener.
    pub(crate) operator: String,
    /// The hostile tenant's key.
    pub(crate) key: String,
    /// The hostile tenant's directory.
    pub(crate) root: PathBuf,
    /// The model's socket of a running session of the hostile tenant.
    pub(crate) model_socket: PathBuf,
    /// A client that keeps no connection.
    pub(crate) http: Client,
}

type Attack = fn(Arc<Target>) -> Pin<Box<dyn Future<Output = ()> + Send>>;

/// All attacks, by name.
pub(crate) const ATTACKS: [(&str, Attack); 11] = [
    ("unfinished heads", |target| Box::pin(unfinished_heads(target))),
    ("wrong keys", |target| Box::pin(wrong_keys(target))),
    ("bodies without a key", |target| Box::pin(bodies_without_key(target))),
    ("large prompts", |target| Box::pin(large_prompts(target))),
    ("callers that leave", |target| Box::pin(callers_that_leave(target))),
    ("lists nobody reads", |target| Box::pin(unread_lists(target))),
    ("usage by session", |target| Box::pin(usage_by_session(target))),
    ("model calls that are refused", |target| Box::pin(refused_model_calls(target))),
    ("model calls whose caller leaves", |target| Box::pin(abandoned_model_calls(target))),
    ("model sockets held open", |target| Box::pin(held_model_sockets(target))),
    ("a flooded workspace", |target| Box::pin(flooded_workspace(target))),
];

/// Starts every attack. They end when the set is dropped.
pub(crate) fn begin(target: &Arc<Target>) -> JoinSet<()> {
    let mut attacks = JoinSet::new();
    for (_, attack) in ATTACKS {
        attacks.spawn(attack(Arc::clone(target)));
    }
    attacks
}

impl Target {
    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http
            .request(method, format!("http://{}{path}", self.public))
            .header("x-api-key", &self.key)
            .timeout(PATIENCE)
    }

    fn model(&self) -> reqwest::Result<Client> {
        Client::builder()
            .no_proxy()
            .pool_max_idle_per_host(0)
            .timeout(PATIENCE)
            .unix_socket(self.model_socket.clone())
            .build()
    }
}

/// 550 sockets a listener that send half a head and stay, without a key.
async fn unfinished_heads(target: Arc<Target>) {
    loop {
        let mut held = Vec::new();
        for address in [&target.public, &target.operator] {
            for _ in 0..550 {
                if let Ok(mut stream) = TcpStream::connect(address).await
                    && stream.write_all(b"GET /v1/me HTTP/1.1\r\nhost: a\r\nx-api-").await.is_ok()
                {
                    held.push(stream);
                }
            }
        }
        tokio::time::sleep(PATIENCE).await;
    }
}

/// Keys and tokens that open nothing, from the honest tenant's address.
async fn wrong_keys(target: Arc<Target>) {
    for number in 0_u64.. {
        for (address, credential) in
            [(&target.public, "Bearer a.b.c".to_owned()), (&target.operator, format!("Bearer x{number}"))]
        {
            let asked = target.http.get(format!("http://{address}/v1/me")).header("authorization", credential);
            drop(asked.timeout(PATIENCE).send().await);
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// 4 MiB to whoever takes them, without a key.
async fn bodies_without_key(target: Arc<Target>) {
    let body = bytes::Bytes::from(vec![b'a'; 4 << 20]);
    loop {
        let mut at_once = JoinSet::new();
        for _ in 0..16 {
            let asked = target.http.post(format!("http://{}/execute/", target.public)).body(body.clone());
            at_once.spawn(asked.timeout(PATIENCE).send());
        }
        while at_once.join_next().await.is_some() {}
        tokio::time::sleep(PAUSE).await;
    }
}

/// Sessions that wait with a prompt and a system prompt of megabytes each.
async fn large_prompts(target: Arc<Target>) {
    let text = "word ".repeat(600_000);
    loop {
        for _ in 0..100 {
            let asked = json!({"prompt": text, "system_prompt": text});
            drop(target.request(Method::POST, "/execute/").json(&asked).send().await);
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Requests whose caller is gone before the answer.
async fn callers_that_leave(target: Arc<Target>) {
    let body = json!({"prompt": "Say hello"}).to_string();
    loop {
        if let Ok(mut stream) = TcpStream::connect(&target.public).await {
            let request = format!(
                "POST /execute/ HTTP/1.1\r\nhost: a\r\nx-api-key: {}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
                target.key,
                body.len()
            );
            drop(stream.write_all(request.as_bytes()).await);
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Lists that are asked for and not read.
async fn unread_lists(target: Arc<Target>) {
    loop {
        let mut held = Vec::new();
        for _ in 0..40 {
            if let Ok(mut stream) = TcpStream::connect(&target.public).await {
                let request = format!("GET /sessions/ HTTP/1.1\r\nhost: a\r\nx-api-key: {}\r\n\r\n", target.key);
                drop(stream.write_all(request.as_bytes()).await);
                held.push(stream);
            }
        }
        tokio::time::sleep(PATIENCE / 4).await;
    }
}

/// The most expensive question about money, many times at once.
async fn usage_by_session(target: Arc<Target>) {
    loop {
        let mut at_once = JoinSet::new();
        for _ in 0..20 {
            at_once.spawn(target.request(Method::GET, "/v1/usage?by=session").send());
        }
        while at_once.join_next().await.is_some() {}
        tokio::time::sleep(PAUSE).await;
    }
}

/// Model calls with what must not be carried: each would cost more than it shows, or fetch something.
fn refused_calls() -> Vec<Value> {
    let call = |content: Value| json!({"model": "claude-sonnet-5-5", "max_tokens": 64, "messages": [{"role": "user", "content": content}]});
    let document = |source: Value| call(json!([{"type": "document", "source": source}]));
    let mut calls = vec![
        document(json!({"type": "url", "url": "https://example.com/large.pdf"})),
        document(json!({"type": "file", "file_id": "file_1"})),
        call(json!([{"type": "unknown_block"}])),
    ];
    for (field, value) in [
        ("mcp_servers", json!([{"type": "url", "url": "https://example.com/mcp", "name": "a"}])),
        ("container", json!("container_1")),
        ("tools", json!([{"type": "code_execution_20250825", "name": "code_execution"}])),
        ("max_tokens", json!(u64::MAX)),
    ] {
        let mut asked = call(json!("hello"));
        asked[field] = value;
        calls.push(asked);
    }
    calls
}

async fn refused_model_calls(target: Arc<Target>) {
    let Ok(model) = target.model() else { return };
    loop {
        for call in refused_calls() {
            drop(model.post("http://gateway/v1/messages").json(&call).send().await);
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Model calls that are paid for and not heard.
async fn abandoned_model_calls(target: Arc<Target>) {
    let Ok(model) = target.model() else { return };
    let prompt = format!("@stand-in {}", json!({"delay_ms": 2_000}));
    let call =
        json!({"model": "claude-haiku-4-5", "max_tokens": 4_096, "messages": [{"role": "user", "content": prompt}]});
    loop {
        let asked = model.post("http://gateway/v1/messages").json(&call).timeout(PAUSE * 5).send();
        drop(asked.await);
    }
}

/// As many connections to the model's socket as it takes, with half a head each.
async fn held_model_sockets(target: Arc<Target>) {
    loop {
        let mut held = Vec::new();
        for _ in 0..60 {
            if let Ok(mut stream) = tokio::net::UnixStream::connect(&target.model_socket).await {
                drop(stream.write_all(b"POST /v1/messages HTTP/1.1\r\nhost: a\r\n").await);
                held.push(stream);
            }
        }
        tokio::time::sleep(PATIENCE).await;
    }
}

/// Tens of thousands of files, and sessions that start among them.
async fn flooded_workspace(target: Arc<Target>) {
    let flooded = target.root.join("flood");
    let root = flooded.clone();
    let made = tokio::task::spawn_blocking(move || {
        for directory in 0..200 {
            let directory = root.join(directory.to_string());
            std::fs::create_dir_all(&directory)?;
            for file in 0..200 {
                std::fs::write(directory.join(file.to_string()), b"flood")?;
            }
        }
        std::io::Result::Ok(())
    });
    drop(made.await);
    loop {
        drop(target.request(Method::POST, "/execute/").json(&json!({"prompt": "Say hello"})).send().await);
        tokio::time::sleep(PATIENCE / 10).await;
    }
}
