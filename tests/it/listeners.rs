//! The listeners before callers that do not behave, without a key.

use std::time::Duration;

use serde_json::json;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::process::Command;

use crate::harness::Server;

/// More sockets than a listener has places.
const MANY: usize = 1_100;

/// Opens connections on which half a head is said.
async fn half_heads(url: &str, count: usize) -> Vec<TcpStream> {
    let address = url.trim_start_matches("http://");
    let mut open = Vec::with_capacity(count);
    for _ in 0..count {
        let Ok(Ok(mut stream)) = tokio::time::timeout(Duration::from_secs(5), TcpStream::connect(address)).await else {
            continue;
        };
        let _ = stream.write_all(b"POST /execute/ HTTP/1.1\r\nhost: x\r\nx-").await;
        open.push(stream);
    }
    open
}

#[tokio::test]
async fn half_heads_stop_neither_listener() {
    let server =
        Server::start_with(&[("http.max_connections", "200"), ("http.max_connections_per_address", "10000")]).await;
    let tenant = server.tenant("acme").await;
    let mut open = half_heads(&server.url, MANY).await;
    open.extend(half_heads(&server.operator_url, MANY).await);
    assert!(open.len() > MANY, "the kernel took only {} connections", open.len());
    assert_eq!(tenant.get("/sessions/").await.0, 200);
    let ready = reqwest::get(format!("{}/readyz", server.operator_url)).await.unwrap();
    assert_eq!(ready.status(), 200);
    assert_eq!(tenant.run(&json!({"prompt": "Say hello"})).await["status"], "completed");
    drop(open);
}

/// Posts a large body with a wrong key from a client that reads only after it has written, and prints the status.
const NODE_CLIENT: &str = "
const http = require('http');
const { hostname, port } = new URL(process.argv[1]);
const body = Buffer.alloc(4 << 20, 'x');
const headers = { 'content-type': 'application/json', 'content-length': body.length, 'x-api-key': 'wrong' };
const request = http.request({ hostname, port, path: '/execute/', method: 'POST', headers }, (response) => {
  response.resume();
  response.on('end', () => fetched(response.statusCode));
});
request.on('error', (error) => { console.log('error ' + error.code); });
request.end(body);
async function fetched(status) {
  const answer = await fetch(process.argv[1] + '/execute/', { method: 'POST', headers: { 'x-api-key': 'wrong' }, body });
  console.log(status, answer.status, (await answer.json()).detail.length > 0);
}
";

#[tokio::test]
async fn refusal_of_a_large_body_reaches_a_node_client() {
    let server = Server::start().await;
    for _ in 0..5 {
        let output = match Command::new("node").args(["-e", NODE_CLIENT, "--", &server.url]).output().await {
            Ok(output) => output,
            // The unit tests say the same with a client of their own.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return,
            Err(error) => panic!("{error}"),
        };
        let printed = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        assert_eq!(printed.trim(), "401 401 true");
    }
}
