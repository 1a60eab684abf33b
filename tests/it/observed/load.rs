//! A mixed load: several tenants, and all that can become of what they ask for.

use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::harness::{Server, Tenant, bash, docker, eventually, sandboxes, script};

/// A server after the load, with some sessions still alive.
pub(crate) struct Load {
    /// The server.
    pub(crate) server: Server,
    /// A tenant that mostly succeeds.
    pub(crate) acme: Tenant,
    /// A tenant whose sessions end in many ways.
    pub(crate) globex: Tenant,
    /// A tenant whose budget is spent.
    pub(crate) initech: Tenant,
}

/// Places for running sessions.
pub(crate) const CAPACITY: usize = 3;

impl Load {
    /// A server with its tenants, which has crashed once in the middle of a turn and was started again.
    pub(crate) async fn prepare() -> Self {
        let capacity = CAPACITY.to_string();
        let mut server = Server::start_with(&[
            ("session.max_running", capacity.as_str()),
            ("agent.max_output_tokens", "5000"),
            ("sandbox.workspace_check_ms", "500"),
            ("gateway.drain_timeout_ms", "3000"),
            ("egress.allowed_hosts", "packages.example.com:443"),
        ])
        .await;
        let [acme, globex, initech] =
            [server.tenant("acme").await, server.tenant("globex").await, server.tenant("initech").await];
        server.command(&["budgets", "create", "--tenant", "acme", "--limit", "20"]).await;
        server.command(&["budgets", "create", "--tenant", "initech", "--limit", "1"]).await;
        server.command(&["budgets", "create", "--limit", "500"]).await;
        server
            .command(&["budgets", "create", "--tenant", "globex", "--limit", "3", "--period", "total", "--soft"])
            .await;
        server.command(&["limits", "set", "globex", r#"egress_hosts=["packages.example.com:443"]"#]).await;
        server.command(&["limits", "set", "initech", r#"rates={"create": {"per_minute": 1, "burst": 4}}"#]).await;

        let lost = acme.start(&json!({"prompt": "Please count from 1 to 1000"})).await;
        acme.status_when(&lost, |status| status["status"] == "running").await;
        server.kill().await;
        server.set("drill.at_start", "true");
        server.start_again().await;
        let [acme, globex, initech] = [acme.at(&server), globex.at(&server), initech.at(&server)];
        // A busy machine checks one key after the other, and says so to whoever comes with a second.
        for tenant in [&acme, &globex, &initech] {
            eventually(async || (tenant.get("/v1/me").await.0 == StatusCode::OK).then_some(())).await;
        }
        Self { server, acme, globex, initech }
    }

    /// Everything that ends.
    pub(crate) async fn run(&self) {
        tokio::join!(self.successes(), self.failures(), self.spending(), self.knocking());
        let session = self.acme.run(&paid(1_000)).await["session_id"].as_str().unwrap().to_owned();
        let call = self.server.ledger(&self.acme, &session).await[0].id.to_string();
        self.server.command(&["calls", "correct", &call, "--cost", "0.5", "--reason", "the provider's invoice"]).await;
        let (status, answer) = self.server.admin(Method::POST, "/prices/reload", &json!({})).await;
        assert_eq!(status, 200, "{answer}");
    }

    /// More of what ends, over minutes, for pictures that have something to show.
    pub(crate) async fn go_on(&self) {
        for _ in 0..8 {
            tokio::join!(self.successes(), self.failures(), self.knocking());
        }
    }

    /// What `/metrics` tells.
    pub(crate) async fn page(&self) -> String {
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let answer = http.get(format!("{}/metrics", self.server.operator_url)).send().await.unwrap();
        answer.text().await.unwrap()
    }

    /// Sessions that go on: as many as may, and one that waits. Answers them and whose they are, the waiting one last.
    pub(crate) async fn linger(&self) -> Vec<(String, &Tenant)> {
        let mut sessions = Vec::new();
        let long =
            json!({"prompt": script(&json!({"chunks": 5_000, "chunk_delay_ms": 200, "usage": {"input_tokens": 1}}))});
        for _ in 0..CAPACITY {
            let session = self.acme.start(&long).await;
            self.acme.status_when(&session, |status| status["status"] == "running").await;
            sessions.push((session, &self.acme));
        }
        let waits = self.globex.start(&long).await;
        self.globex.status_when(&waits, |status| status["queue"]["position"].is_number()).await;
        sessions.push((waits, &self.globex));
        sessions
    }

    async fn successes(&self) {
        for model in ["claude-sonnet-5-5", "claude-haiku-5-5", "claude-opus-5-5"] {
            let usage = json!({"input_tokens": 900, "cache_read_input_tokens": 40_000, "output_tokens": 400,
                "cache_creation_input_tokens": 7_000,
                "cache_creation": {"ephemeral_5m_input_tokens": 6_000, "ephemeral_1h_input_tokens": 1_000}});
            let prompt = script(&json!({"usage": usage, "tools": [{"name": "Bash", "input": {"command": "echo hi"}}]}));
            let body = json!({"prompt": prompt, "model": model, "permission_mode": "bypassPermissions"});
            let first = self.acme.run(&body).await;
            assert_eq!(first["status"], "completed", "{first}");
            let further = json!({"prompt": "Say hello", "resume_session_id": first["session_id"]});
            assert_eq!(self.acme.run(&further).await["status"], "completed");
        }
        // The model is busy for a while, and the agent asks again.
        let busy = script(&json!({"status": 529, "times": 1, "retry_after": 1}));
        assert_eq!(self.acme.run(&json!({"prompt": busy})).await["status"], "completed");
        // The answer is cut, and what it cost is estimated.
        let cut = script(&json!({"chunks": 6, "cut_after_chunks": 2, "times": 1}));
        assert_eq!(self.acme.run(&json!({"prompt": cut})).await["status"], "completed");
    }

    async fn failures(&self) {
        let tenant = &self.globex;
        let refused = script(&json!({"status": 400, "error_type": "invalid_request_error"}));
        assert_eq!(tenant.run(&json!({"prompt": refused})).await["status"], "error");
        assert_eq!(tenant.run(&json!({"prompt": "x", "model": "claude-next-9"})).await["status"], "error");

        let slow = json!({"prompt": "Please count from 1 to 1000", "limits": {"turn_timeout_ms": 1_500}});
        let status = tenant.run(&slow).await;
        assert!(status["error"].as_str().unwrap().contains("took longer"), "{status}");

        let counts = json!({"prompt": "Please count from 1 to 1000"});
        let session = tenant.start(&counts).await;
        tenant.status_when(&session, |status| status["messages"].as_array().is_some_and(|list| !list.is_empty())).await;
        assert_eq!(tenant.cancel(&session).await.0, StatusCode::OK);

        // Somebody kills the sandbox in the middle of an answer: the caller of the model is gone.
        let session = tenant.start(&counts).await;
        self.server.stand_in.wait_until(|calls| calls.last().is_some_and(|call| call.chunks_sent > 2)).await;
        let sandbox = eventually(async || sandboxes(&session).await.pop()).await;
        docker(&["rm", "--force", &sandbox]).await;
        assert_eq!(tenant.finish(&session).await["status"], "error");

        let hungry = json!({"prompt": bash("python3 -c 'x = bytearray(2 << 30)'"), "limits": {"memory_bytes": 536_870_912},
            "permission_mode": "bypassPermissions"});
        let status = tenant.run(&hungry).await;
        assert_eq!(status["out_of_memory_kills"], 1, "{status}");

        let curious = bash("curl --silent --max-time 5 https://elsewhere.example.com/ || true");
        let body = json!({"prompt": curious, "permission_mode": "bypassPermissions"});
        assert_eq!(tenant.run(&body).await["status"], "completed");
        assert_eq!(tenant.execute(&json!({"prompt": "x", "cwd": "/etc"})).await.0, StatusCode::BAD_REQUEST);
    }

    async fn spending(&self) {
        let tenant = &self.initech;
        assert_eq!(tenant.run(&paid(480_000)).await["status"], "completed");
        let status = tenant.run(&paid(1)).await;
        assert!(status["error"].as_str().unwrap().contains("spend limit reached"), "{status}");
        let mut refused = 0;
        for _ in 0..6 {
            refused += u32::from(tenant.execute(&json!({"prompt": "x"})).await.0 == StatusCode::TOO_MANY_REQUESTS);
        }
        assert!(refused > 0, "a rate was not kept");
    }

    /// Who is not let in.
    async fn knocking(&self) {
        let http = reqwest::Client::builder().no_proxy().timeout(Duration::from_mins(1)).build().unwrap();
        let url = format!("{}/sessions/", self.server.url);
        let wrong = format!("{}0", &self.acme.key[..self.acme.key.len() - 1]);
        for key in ["", "sk-nothing", wrong.as_str()] {
            let answer = http.get(&url).header("x-api-key", key).send().await.unwrap();
            assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
        }
        assert_eq!(
            http.get(format!("{}/nowhere", self.server.url)).send().await.unwrap().status(),
            StatusCode::NOT_FOUND
        );
    }
}

/// A turn whose one call uses so many tokens of input.
fn paid(tokens: u64) -> Value {
    json!({"prompt": script(&json!({"usage": {"input_tokens": tokens}})), "model": "claude-sonnet-5-5"})
}
