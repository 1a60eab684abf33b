//! The OpenAPI documents: valid for a validator of its own, and true for whatever schemathesis can think of.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use reqwest::Method;
use serde_json::{Value, json};
use tokio::process::Command;

use crate::harness::{Server, Tenant, bash};

/// What a check would otherwise make of thousands of requests a minute.
const RATES: [(&str, &str); 8] = [
    ("rates.read.per_minute", "1000000"),
    ("rates.read.burst", "1000000"),
    ("rates.write.per_minute", "1000000"),
    ("rates.write.burst", "1000000"),
    ("rates.create.per_minute", "1000000"),
    ("rates.create.burst", "1000000"),
    ("rates.admin.per_minute", "1000000"),
    ("rates.admin.burst", "1000000"),
];

/// A listener that is checked against its document.
struct Checked<'a> {
    url: &'a str,
    key: &'a str,
    /// For the parameters of each path, things that exist.
    existing: Vec<(&'a str, &'a str, String)>,
}

#[tokio::test]
async fn documents_are_valid_and_every_answer_is_in_them() {
    // Left out where they cannot be installed: scripts/conformance.sh says so.
    let Some(tools) = tools() else { return };
    let server = Server::start_with(&RATES).await;
    let tenant = server.tenant("acme").await;
    // Whatever is started beyond it is refused with 429, so that the check starts no more sandboxes than these.
    let limits = json!({"max_running": 1, "max_waiting": 1, "quarantine": true});
    put(&server, &format!("/admin/v1/tenants/{}/limits", tenant.id), &limits).await;
    let session = session_with_a_file(&tenant).await;
    validate(&tools, &server).await;

    let public = Checked { url: &server.url, key: &tenant.key, existing: of_tenant(&session) };
    public.check(&tools, &["--exclude-method", "DELETE"]).await;
    let key = server.operator_key.clone().unwrap();
    let operator =
        Checked { url: &server.operator_url, key: &key, existing: of_operators(&server, &tenant, &session).await };
    let last = r"rotate|suspend|/resume|/keys/\{id\}$|cancel|cleanup";
    operator.check(&tools, &["--exclude-method", "DELETE", "--exclude-path-regex", last]).await;
    // What takes something away comes last.
    operator.check(&tools, &["--include-path-regex", last, "--exclude-method", "DELETE"]).await;
    operator.check(&tools, &["--include-method", "DELETE"]).await;
    public.check(&tools, &["--include-method", "DELETE"]).await;
    assert!(!server.log().contains("panicked"), "{}", server.log());
}

impl Checked<'_> {
    /// Sends what the document allows, and what it does not, and looks at every answer.
    async fn check(&self, tools: &Path, which: &[&str]) {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("schemathesis.toml"), self.settings()).unwrap();
        let document = format!("{}/openapi.json", self.url);
        // A request of the right form may still be refused: for a directory that is not the tenant's, or a name that is taken.
        // And a key that is right is taken next to an `Authorization` that is not.
        let left_out = "positive_data_acceptance,ignored_auth";
        let output = Command::new(tools.join("schemathesis"))
            .current_dir(directory.path())
            .args(["run", &document, "-H", &format!("x-api-key: {}", self.key)])
            .args(["--checks", "all", "--exclude-checks", left_out, "--seed", "1", "--max-examples", "10"])
            .args(["--continue-on-failure", "--suppress-health-check", "all", "--no-color", "--warnings", "off"])
            .args(which)
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output()
            .await
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{}\n{}", said, String::from_utf8_lossy(&output.stderr));
        assert!(said.contains("passed"), "nothing was checked: {said}");
    }

    fn settings(&self) -> String {
        let existing = self.existing.iter();
        let entry = existing.map(|(path, name, value)| {
            format!(
                "[[operations]]\ninclude-path = \"{path}\"\n[operations.parameters]\n\"path.{name}\" = \"{value}\"\n"
            )
        });
        entry.collect()
    }
}

/// Where the tools are, if they could be installed.
fn tools() -> Option<PathBuf> {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| "target".into(), PathBuf::from);
    let venv = Path::new(env!("CARGO_MANIFEST_DIR")).join(target).join("tools/conformance");
    venv.join("installed").exists().then(|| venv.join("bin"))
}

async fn validate(tools: &Path, server: &Server) {
    for url in [&server.url, &server.operator_url] {
        let document = reqwest::get(format!("{url}/openapi.json")).await.unwrap().bytes().await.unwrap();
        let file = tempfile::NamedTempFile::with_suffix(".json").unwrap();
        std::fs::write(file.path(), document).unwrap();
        let mut command = Command::new(tools.join("openapi-spec-validator"));
        let output = command.args(["--errors", "all"]).arg(file.path()).output().await.unwrap();
        assert!(output.status.success(), "{url}: {}", String::from_utf8_lossy(&output.stdout));
    }
}

/// A session whose change of a hook was undone and kept as a file.
async fn session_with_a_file(tenant: &Tenant) -> String {
    let hook = "mkdir -p .git/hooks && echo 'exit 0' > .git/hooks/post-commit && chmod +x .git/hooks/post-commit";
    tenant.run_freely(&bash(hook)).await["session_id"].as_str().unwrap().to_owned()
}

fn of_tenant(session: &str) -> Vec<(&'static str, &'static str, String)> {
    let paths = ["/status/{session_id}", "/cancel/{session_id}", "/sessions/{session_id}"];
    let more = ["/v1/sessions/{session_id}/changes", "/v1/sessions/{session_id}/files"];
    paths.into_iter().chain(more).map(|path| (path, "session_id", session.to_owned())).collect()
}

async fn of_operators(server: &Server, tenant: &Tenant, session: &str) -> Vec<(&'static str, &'static str, String)> {
    let limit = json!({"scope": {"tenant": "acme"}, "period": "month", "limit_usd": 50});
    let budget = post(server, "/admin/v1/budgets", &limit).await;
    let other = server.tenant("other").await;
    let key = post(server, &format!("/admin/v1/tenants/{}/keys", other.id), &json!({"name": "spare"})).await;
    let calls: Value = get(server, "/admin/v1/calls").await;
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let mut existing = vec![
        ("/admin/v1/budgets/{id}", "id", text(&budget["id"])),
        ("/admin/v1/budgets/{id}/top_up", "id", text(&budget["id"])),
        ("/admin/v1/keys/{id}", "id", text(&key["id"])),
        ("/admin/v1/keys/{id}/rotate", "id", text(&key["id"])),
        ("/admin/v1/calls/{id}/correct", "id", text(&calls["data"][0]["id"])),
        ("/admin/v1/sessions/{id}", "id", session.to_owned()),
        ("/admin/v1/sessions/{id}/cancel", "id", session.to_owned()),
        ("/admin/v1/tenants/{id}/keys", "id", tenant.id.to_string()),
    ];
    for path in ["", "/limits", "/suspend", "/resume"] {
        let path: &'static str = Box::leak(format!("/admin/v1/tenants/{{id}}{path}").into_boxed_str());
        existing.push((path, "id", other.id.to_string()));
    }
    existing
}

async fn get(server: &Server, path: &str) -> Value {
    operator(server, Method::GET, path).send().await.unwrap().json().await.unwrap()
}

async fn post(server: &Server, path: &str, body: &Value) -> Value {
    operator(server, Method::POST, path).json(body).send().await.unwrap().json().await.unwrap()
}

async fn put(server: &Server, path: &str, body: &Value) {
    let response = operator(server, Method::PUT, path).json(body).send().await.unwrap();
    assert!(response.status().is_success(), "{}", response.text().await.unwrap());
}

fn operator(server: &Server, method: Method, path: &str) -> reqwest::RequestBuilder {
    let key = server.operator_key.as_deref().unwrap();
    reqwest::Client::builder()
        .no_proxy()
        .build()
        .unwrap()
        .request(method, format!("{}{path}", server.operator_url))
        .header("x-api-key", key)
}
