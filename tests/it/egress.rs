//! What a sandbox reaches beside the model: what it was granted, by HTTPS, and nothing else.

use innkeeper::domain::EventKind;
use innkeeper::store::Store;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::process::Command;

use crate::harness::{Server, Tenant, bash, script, tool_results};
use crate::mirror::{Mirror, NAMES, PACKAGE, place_cargo};

/// A server whose tenants may be granted a mirror's names, and a tenant that is granted `hosts`.
async fn granted(mirror: &Mirror, hosts: &[String]) -> (Server, Tenant) {
    let ceiling = format!("{NAMES}:{}", mirror.port);
    let names = ["npm", "python", "crates", "git", "other"].map(|name| format!("{name}.test.example=127.0.0.1"));
    let server = Server::start_with(&[
        ("egress.allowed_hosts", &ceiling),
        ("egress.allowed_private", "127.0.0.1/32"),
        ("egress.extra_hosts", &names.join(",")),
    ])
    .await;
    let tenant = server.tenant("acme").await;
    if !hosts.is_empty() {
        let limit = format!("egress_hosts={}", json!(hosts));
        server.command(&["limits", "set", "acme", &limit]).await;
    }
    std::fs::write(tenant.root.join("ca.pem"), &mirror.authority).unwrap();
    (server, tenant)
}

/// What was recorded of a session's egress: host, whether it was allowed, and the reason.
async fn recorded(server: &Server, tenant: &Tenant, status: &Value) -> Vec<(String, bool, String)> {
    let store = Store::open(&server.data.path().join("innkeeper.db")).await.unwrap();
    let session = status["session_id"].as_str().unwrap().parse().unwrap();
    let events = store.events().of_kind(tenant.id, session, EventKind::Egress).await.unwrap();
    let brief = |payload: &str| {
        let event: Value = serde_json::from_str(payload).unwrap();
        let text = |name: &str| event[name].as_str().unwrap().to_owned();
        (text("host"), event["allowed"].as_bool().unwrap(), text("reason"))
    };
    events.iter().map(|event| brief(&event.payload)).collect()
}

/// A script that runs several commands, each by itself.
fn commands(commands: &[String]) -> String {
    let tools: Vec<_> = commands.iter().map(|command| json!({"name": "Bash", "input": {"command": command}})).collect();
    script(&json!({"tools": tools}))
}

#[tokio::test]
async fn npm_pip_cargo_and_git_fetch_from_granted_hosts() {
    let mirror = Mirror::start().await;
    let hosts = ["npm", "python", "crates", "git"].map(|name| mirror.host(name));
    let (server, tenant) = granted(&mirror, &hosts).await;
    place_cargo(&tenant.root.join("rust"));
    let project = tenant.root.join("project");
    std::fs::create_dir_all(project.join("src")).unwrap();
    std::fs::write(project.join("src/lib.rs"), "").unwrap();
    let manifest = format!(
        "[package]\nname = \"project\"\nversion = \"0.1.0\"\nedition = \"2021\"\n\
         [dependencies]\n{PACKAGE} = {{ version = \"1.0.0\", registry = \"mirror\" }}\n"
    );
    std::fs::write(project.join("Cargo.toml"), manifest).unwrap();
    let index = format!("[registries.mirror]\nindex = \"sparse+{}/cargo/index/\"\n", mirror.url("crates"));
    std::fs::create_dir_all(project.join(".cargo")).unwrap();
    std::fs::write(project.join(".cargo/config.toml"), index).unwrap();

    let npm = format!(
        "mkdir -p /tmp/npm && cd /tmp/npm && npm install --no-audit --no-fund --cafile /workspace/ca.pem \
         --registry {}/npm/ {PACKAGE} 2>&1 | tail -3 && node -p 'require(\"{PACKAGE}\")'",
        mirror.url("npm")
    );
    let pip = format!(
        "python3 -m venv /tmp/python && /tmp/python/bin/pip install --quiet --disable-pip-version-check \
         --cert /workspace/ca.pem --index-url {}/python/simple {PACKAGE} 2>&1 | tail -3 && \
         /tmp/python/bin/python -c 'import inn_hello; print(inn_hello.WORDS)'",
        mirror.url("python")
    );
    let cargo = "cp -r /workspace/project /tmp/project && cd /tmp/project && export PATH=/workspace/rust/bin:$PATH CARGO_HOME=/tmp/cargo \
                 CARGO_HTTP_CAINFO=/workspace/ca.pem && cargo fetch 2>&1 | tail -3 && \
                 cat /tmp/cargo/registry/src/*/inn-hello-1.0.0/src/lib.rs"
        .to_owned();
    let git = format!(
        "cd /tmp && GIT_SSL_CAINFO=/workspace/ca.pem git clone --quiet {}/hello.git 2>&1 | tail -3 && cat hello/README",
        mirror.url("git")
    );
    let status = tenant.run_freely(&commands(&[npm, pip, cargo, git])).await;
    assert_eq!(status["status"], "completed", "{status}");
    let said = tool_results(&status);
    for (said, words) in said.iter().zip(["hello npm", "hello pip", "//! Hello cargo.", "hello git"]) {
        assert!(said.contains(words), "{said}");
    }
    assert_eq!(said.len(), 4);

    // The agent's model was reached as ever: nothing but the packages went through the proxy.
    let mut server = server;
    let metrics = reqwest::get(format!("{}/metrics", server.operator_url)).await.unwrap().text().await.unwrap();
    server.end().await;
    let recorded = recorded(&server, &tenant, &status).await;
    assert!(recorded.iter().all(|(_, allowed, _)| *allowed), "{recorded:?}");
    for name in ["npm", "python", "crates", "git"] {
        let host = format!("{name}.test.example");
        assert!(recorded.iter().any(|(recorded, ..)| *recorded == host), "{host} is not in {recorded:?}");
    }
    assert!(metrics.contains("innkeeper_egress_requests_total{decision=\"allowed\"}"), "{metrics}");
    assert!(metrics.contains("innkeeper_egress_bytes_total{direction=\"received\"}"), "{metrics}");
    assert!(!metrics.contains("test.example"), "a host is a label");
    let audit = server.command(&["audit", "--json"]).await;
    assert!(audit.contains("egress.allow") && audit.contains("crates.test.example"), "{audit}");
}

#[tokio::test]
async fn without_a_grant_there_is_no_proxy_and_none_is_let_through() {
    let mirror = Mirror::start().await;
    let (server, tenant) = granted(&mirror, &[]).await;
    let command = format!(
        "env | grep -ic proxy; (exec 3<>/dev/tcp/127.0.0.1/3128) 2>/dev/null; echo listens $?; python3 - <<'EOF'\n\
         import socket\ns = socket.socket(socket.AF_UNIX)\ns.connect('/run/innkeeper/model.sock')\n\
         s.sendall(b'CONNECT {host} HTTP/1.1\\r\\nhost: {host}\\r\\n\\r\\n')\nprint(s.recv(4096).decode())\nEOF",
        host = mirror.host("npm")
    );
    let status = tenant.run_freely(&bash(&command)).await;
    let said = tool_results(&status).remove(0);
    assert!(said.starts_with("0\nlistens 1\nHTTP/1.1 403"), "{said}");
    assert!(said.contains("is not granted: the session's egress policy has no hosts"), "{said}");
    let refused = ("npm.test.example".to_owned(), false, "not_granted".to_owned());
    assert_eq!(recorded(&server, &tenant, &status).await, [refused]);
}

#[tokio::test]
async fn what_is_not_granted_is_refused_by_name_by_redirect_and_by_server_name() {
    let mirror = Mirror::start().await;
    let (mut server, tenant) = granted(&mirror, &[mirror.host("npm")]).await;
    let (npm, port) = (mirror.url("npm"), mirror.port);
    let curl = "curl --silent --output /dev/null --max-time 20 --cacert /workspace/ca.pem \
                --write-out '%{http_code} %{http_connect}\\n'";
    let command = format!(
        "{curl} {npm}/npm/inn-hello; {curl} {}/npm/inn-hello; {curl} --location {npm}/redirect/{}/npm/inn-hello; \
         {curl} --location {npm}/redirect/https://127.0.0.1:{port}/npm/inn-hello; {curl} https://127.0.0.2:{port}/; \
         {curl} http://npm.test.example:{port}/; \
         {curl} --connect-to other.test.example:443:npm.test.example:{port} https://other.test.example/; \
         {curl} --noproxy '*' {npm}/npm/inn-hello; true",
        mirror.url("other"),
        mirror.url("other"),
    );
    let status = tenant.run_freely(&bash(&command)).await;
    let said = tool_results(&status).remove(0);
    let lines: Vec<_> = said.lines().collect();
    // Granted; not granted; redirected there; to loopback, which curl asks for without the proxy; to an address;
    // without TLS; for another server; past the proxy.
    let expected = ["200 200", "000 403", "000 403", "303 200", "000 400", "405 000", "000 200", "000 000"];
    assert_eq!(lines, expected, "{said}");
    server.end().await;
    let recorded = recorded(&server, &tenant, &status).await;
    let reasons: Vec<_> =
        recorded.iter().filter(|(_, allowed, _)| !allowed).map(|(_, _, reason)| reason.as_str()).collect();
    for reason in ["not_granted", "bad_target", "not_https", "other_server_name"] {
        assert!(reasons.contains(&reason), "{reason} is not in {recorded:?}");
    }
    assert!(recorded.iter().all(|(host, allowed, _)| !allowed || host == "npm.test.example"), "{recorded:?}");
}

#[tokio::test]
async fn a_request_may_ask_for_less_than_is_granted_and_not_for_more() {
    let mirror = Mirror::start().await;
    let (_server, tenant) = granted(&mirror, &[format!("{NAMES}:{}", mirror.port)]).await;
    let request = |hosts: &[String], prompt: &str| json!({"prompt": prompt, "permission_mode": "bypassPermissions", "egress_hosts": hosts});
    let elsewhere = "packages.example.com:443".to_owned();
    let (status, answer) = tenant.execute(&request(&[mirror.host("npm"), elsewhere], "x")).await;
    let detail = answer["detail"].as_str().unwrap();
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert!(detail.contains("`packages.example.com:443`") && detail.contains(NAMES), "{detail}");
    let (status, answer) = tenant.execute(&request(&["10.0.0.1:443".to_owned()], "x")).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(answer["detail"][0]["loc"], json!(["body", "egress_hosts", 0]), "{answer}");

    let fetch = |name: &str| {
        let url = format!("{}/npm/inn-hello", mirror.url(name));
        format!("curl -s -o /dev/null --cacert /workspace/ca.pem -w '%{{http_code}} %{{http_connect}}\\n' {url}; ")
    };
    let both = bash(&(fetch("npm") + &fetch("python") + "true"));
    let status = tenant.run(&request(&[mirror.host("npm")], &both)).await;
    assert_eq!(tool_results(&status), ["200 200\n000 403"], "{status}");
    let status = tenant.run(&request(&[], &bash("env | grep -ic proxy"))).await;
    assert!(tool_results(&status)[0].contains('0'), "{status}");
}

#[tokio::test]
async fn a_tenant_is_granted_nothing_outside_of_the_ceiling() {
    let mirror = Mirror::start().await;
    let (server, tenant) = granted(&mirror, &[mirror.host("npm")]).await;
    let path = format!("/tenants/{}/limits", tenant.id);
    for outside in ["packages.example.com:443", "npm.test.example:443", "*.other.example:443"] {
        let (status, answer) = server.admin(Method::PUT, &path, &json!({"egress_hosts": [outside]})).await;
        let message = answer["error"]["message"].as_str().unwrap();
        assert_eq!(status, 400, "{answer}");
        assert!(message.contains(outside) && message.contains("egress.allowed_hosts"), "{message}");
    }
    let shown = server.command(&["limits", "show", "acme", "--json"]).await;
    assert!(shown.contains(&mirror.host("npm")), "a refused grant changed something: {shown}");
    let mut command = Command::new(env!("CARGO_BIN_EXE_innkeeper"));
    command.args(["limits", "set", "acme", r#"egress_hosts=["packages.example.com:443"]"#]);
    let output = command.env("INNKEEPER_DATA_DIR", server.data.path()).output().await.unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && said.contains("`packages.example.com:443` cannot be granted"), "{said}");
}

#[tokio::test]
async fn a_grant_is_without_effect_once_the_ceiling_is_lowered() {
    let mirror = Mirror::start().await;
    let (mut server, tenant) = granted(&mirror, &[mirror.host("npm")]).await;
    let look = bash("env | grep -c ^https_proxy");
    assert_eq!(tool_results(&tenant.run_freely(&look).await), ["1"]);
    server.end().await;
    server.set("egress.allowed_hosts", &format!("other.test.example:{}", mirror.port));
    server.start_again().await;
    let tenant = tenant.at(&server);
    let status = tenant.run_freely(&look).await;
    assert!(tool_results(&status)[0].contains('0'), "{status}");
    let (status, answer) = tenant.execute(&json!({"prompt": "x", "egress_hosts": [mirror.host("npm")]})).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert!(answer["detail"].as_str().unwrap().ends_with("allowed are: none"), "{answer}");
}
