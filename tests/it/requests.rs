//! The HTTP around the sessions: keys, errors, redirects, the page, the documentation.

use reqwest::{Method, header};
use serde_json::json;

use crate::harness::{Server, eventually};

#[tokio::test]
async fn a_key_is_taken_in_three_ways_and_every_failure_is_the_same_401() {
    let server = Server::start().await;
    let tenant = server.tenant("acme").await;
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let get = || http.get(format!("{}/sessions/", server.url));
    for good in [
        get().header("x-api-key", &tenant.key),
        get().bearer_auth(&tenant.key),
        get().basic_auth(&tenant.key, Some("")),
        get().basic_auth("anything", Some(&tenant.key)),
    ] {
        assert_eq!(good.send().await.unwrap().status().as_u16(), 200);
    }
    let mut other = tenant.key.clone();
    other.replace_range(tenant.key.len() - 8.., "AAAAAAAA");
    let operator = server.operator_key.clone().unwrap();
    let mut answers = Vec::new();
    for bad in [
        get(),
        get().header("x-api-key", ""),
        get().header("x-api-key", "nonsense"),
        get().header("x-api-key", &other),
        get().header("x-api-key", &operator),
        get().bearer_auth("x"),
    ] {
        let response = bad.send().await.unwrap();
        assert_eq!(response.status().as_u16(), 401);
        assert!(response.headers()[header::WWW_AUTHENTICATE].to_str().unwrap().starts_with("Basic"));
        answers.push(response.text().await.unwrap());
    }
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
}

#[tokio::test]
async fn what_is_open_to_everybody_is_open_and_the_rest_is_not() {
    let server = Server::start().await;
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let root: serde_json::Value = http.get(format!("{}/", server.url)).send().await.unwrap().json().await.unwrap();
    assert_eq!(root["message"], "Claude Agent SDK API");
    assert_eq!(root["endpoints"]["execute"], "POST /execute/ - Execute a new agent session");
    let document: serde_json::Value =
        http.get(format!("{}/openapi.json", server.url)).send().await.unwrap().json().await.unwrap();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    assert!(document["paths"]["/execute/"]["post"].is_object());
    let page = http.get(format!("{}/docs/", server.url)).send().await.unwrap();
    assert_eq!(page.status().as_u16(), 200);
    let page = page.text().await.unwrap();
    assert!(!page.contains("https://"), "the documentation needs the network: {page}");
    for path in ["/ui", "/ui/", "/sessions/", "/status/x"] {
        assert_ne!(http.get(format!("{}{path}", server.url)).send().await.unwrap().status().as_u16(), 200, "{path}");
    }
}

#[tokio::test]
async fn a_page_an_operator_puts_there_is_served_behind_a_key() {
    let pages = tempfile::tempdir().unwrap();
    std::fs::write(pages.path().join("index.html"), "<h1>hello</h1>").unwrap();
    let server = Server::start_with(&[("http.static_dir", pages.path().to_str().unwrap())]).await;
    let tenant = server.tenant("acme").await;
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let response = http.get(format!("{}/ui/", server.url)).send().await.unwrap();
    assert_eq!(response.status().as_u16(), 401);
    assert!(response.headers()[header::WWW_AUTHENTICATE].to_str().unwrap().starts_with("Basic"));
    for path in ["/ui", "/ui/", "/ui/index.html"] {
        let response =
            http.get(format!("{}{path}", server.url)).basic_auth(&tenant.key, Some("x")).send().await.unwrap();
        assert_eq!(response.text().await.unwrap(), "<h1>hello</h1>", "{path}");
    }
    let (status, _) = tenant.get("/ui/../innkeeper.db").await;
    assert_eq!(status.as_u16(), 404);
}

#[tokio::test]
async fn paths_without_their_slash_are_redirected_and_unknown_ones_are_not_there() {
    let server = Server::start().await;
    let tenant = server.tenant("acme").await;
    let http = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let send = async |method: Method, path: &str| {
        http.request(method, format!("{}{path}", server.url)).header("x-api-key", &tenant.key).send().await.unwrap()
    };
    for (method, path, target) in [
        (Method::POST, "/execute?a=b", "/execute/?a=b"),
        (Method::GET, "/sessions", "/sessions/"),
        (Method::GET, "/status/x/", "/status/x"),
    ] {
        let response = send(method, path).await;
        assert_eq!(response.status().as_u16(), 307, "{path}");
        assert!(response.headers()[header::LOCATION].to_str().unwrap().ends_with(target), "{path}");
    }
    let unknown = send(Method::GET, "/nothing").await;
    assert_eq!(
        (unknown.status().as_u16(), unknown.text().await.unwrap()),
        (404, r#"{"detail":"Not Found"}"#.to_owned())
    );
    let wrong = send(Method::GET, "/execute/").await;
    assert_eq!(wrong.status().as_u16(), 405);
    assert_eq!(wrong.headers()[header::ALLOW], "POST");
}

#[tokio::test]
async fn cross_origin_pages_are_refused_until_they_are_named() {
    let preflight = async |server: &Server| {
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let response = http
            .request(Method::OPTIONS, format!("{}/execute/", server.url))
            .header("origin", "https://console.example.com")
            .header("access-control-request-method", "POST")
            .send()
            .await
            .unwrap();
        response.headers().get("access-control-allow-origin").map(|origin| origin.to_str().unwrap().to_owned())
    };
    assert_eq!(preflight(&Server::start().await).await, None);
    let server = Server::start_with(&[("http.cors_origins", "https://console.example.com")]).await;
    assert_eq!(preflight(&server).await.as_deref(), Some("https://console.example.com"));
}

#[tokio::test]
async fn sessions_are_deleted_one_by_one_and_by_age() {
    let server = Server::start().await;
    let tenant = server.tenant("acme").await;
    let running = tenant.start(&json!({"prompt": "Please count from 1 to 1000"})).await;
    let (status, body) = tenant.delete(&format!("/sessions/{running}")).await;
    let detail = format!("Cannot delete running session {running}. Please cancel it first.");
    assert_eq!((status.as_u16(), body), (400, json!({"detail": detail})));
    tenant.cancel(&running).await;
    let (status, body) = tenant.delete(&format!("/sessions/{running}")).await;
    let message = format!("Session {running} deleted successfully");
    assert_eq!(
        (status.as_u16(), body),
        (200, json!({"session_id": running, "status": "cancelled", "message": message}))
    );
    assert_eq!(tenant.get(&format!("/status/{running}")).await.0.as_u16(), 404);

    let done = tenant.run(&json!({"prompt": "Say hello"})).await;
    assert_eq!(
        tenant.delete("/sessions/cleanup").await.1,
        json!({"removed": 0, "message": "Cleaned up 0 old sessions"})
    );
    assert_eq!(tenant.delete("/sessions/cleanup?max_age_hours=-1").await.0.as_u16(), 422);
    assert_eq!(tenant.delete("/sessions/cleanup?max_age_hours=0").await.1["removed"], 1);
    assert_eq!(tenant.get(&format!("/status/{}", done["session_id"].as_str().unwrap())).await.0.as_u16(), 404);
}

#[tokio::test]
async fn a_request_that_makes_no_sense_is_refused_with_all_its_faults() {
    let server = Server::start().await;
    let tenant = server.tenant("acme").await;
    let (status, body) = tenant.execute(&json!({"prompt": " ", "max_turns": 101, "env": {"A": 1}})).await;
    assert_eq!(status.as_u16(), 422);
    let faults: Vec<_> = body["detail"].as_array().unwrap().iter().map(|fault| &fault["loc"]).collect();
    assert_eq!(faults, [&json!(["body", "prompt"]), &json!(["body", "max_turns"]), &json!(["body", "env", "A"])]);
    let response =
        tenant.request(Method::POST, "/execute/").header("content-type", "application/json").body("{").send();
    assert_eq!(response.await.unwrap().status().as_u16(), 422);
    assert_eq!(tenant.get("/sessions/").await.1, json!([]));
}

#[tokio::test]
async fn a_key_made_beside_a_running_server_opens_it_at_once() {
    let server = Server::start().await;
    let tenant = server.tenant("acme").await;
    let key = server.command(&["keys", "create", "--tenant", "acme", "--name", "second"]).await.trim().to_owned();
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let status =
        async || http.get(format!("{}/sessions/", server.url)).bearer_auth(&key).send().await.unwrap().status();
    eventually(async || (status().await.as_u16() == 200).then_some(())).await;
    let said = server.command(&["run", "--url", &server.url, "--key", &tenant.key, "Say hello"]).await;
    assert!(said.contains("[scripted answer]") && said.contains("done"), "{said}");
}
