//! Ways to reach what was not granted, and what becomes of them.

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::far_host::{FarHost, HOST, ask_for, asked, connected, events, rest};
use super::harness::House;
use crate::config::EgressConfig;

#[tokio::test]
async fn without_a_grant_nothing_is_reached_and_the_policy_is_named() {
    let far = FarHost::new().await;
    let house = House::granting(&[], &FarHost::settings(&[])).await;
    let (_, answer) = ask_for(&house, &far.name()).await;
    assert!(answer.starts_with("HTTP/1.1 403"), "{answer}");
    assert!(answer.contains(&format!("`{}` is not granted", far.name())), "{answer}");
    assert!(answer.contains("the session's egress policy has no hosts"), "{answer}");
    let event = events(&house, 1).await.remove(0);
    assert_eq!(event["reason"], "not_granted");
    assert_eq!((event["host"].as_str(), event["port"].as_u64()), (Some(HOST), Some(far.port.into())));
    assert_eq!((&event["allowed"], &event["sent_bytes"]), (&json!(false), &json!(0)));
}

#[tokio::test]
async fn no_way_to_write_a_host_gets_around_the_policy() {
    let far = FarHost::new().await;
    let port = far.port;
    let house = House::granting(&[&far.name(), "*.wild.example:443"], &FarHost::settings(&[])).await;
    for (target, status) in [
        (format!("{HOST}:443"), 403),
        (format!("evil-{HOST}:{port}"), 403),
        (format!("sub.{HOST}:{port}"), 403),
        ("wild.example:443".to_owned(), 403),
        ("evilwild.example:443".to_owned(), 403),
        (format!("{HOST}.:{port}"), 400),
        (format!("{HOST}:{port}@evil.example:443"), 400),
        (format!("me@{HOST}:{port}"), 400),
        (format!("127.0.0.1:{port}"), 400),
        (format!("2130706433:{port}"), 400),
        (format!("0x7f000001:{port}"), 400),
        (format!("[::1]:{port}"), 400),
        (format!("[::ffff:127.0.0.1]:{port}"), 400),
        (format!("localhost:{port}"), 400),
        (HOST.to_owned(), 400),
        (format!("{HOST}:0"), 400),
        (format!("{HOST}:99999"), 400),
        ("*.wild.example:443".to_owned(), 400),
    ] {
        let (_, answer) = ask_for(&house, &target).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{target}: {answer}");
    }
    for target in [format!("{}:{port}", HOST.to_uppercase()), far.name()] {
        connected(&house, &target).await;
    }
}

#[tokio::test]
async fn without_tls_nothing_is_fetched_through_the_proxy() {
    let far = FarHost::new().await;
    let house = far.granted(&FarHost::settings(&[])).await;
    let model = "http://model.example/v1/messages";
    for (method, url) in [("GET", format!("http://{}/x", far.name())), ("POST", model.to_owned())] {
        let request = format!("{method} {url} HTTP/1.1\r\nhost: {HOST}\r\ncontent-length: 0\r\n\r\n");
        let (_, answer) = asked(&house, &request).await;
        assert!(answer.starts_with("HTTP/1.1 405") && answer.contains("only HTTPS goes through"), "{answer}");
        assert!(answer.to_ascii_lowercase().contains("allow: connect"), "{answer}");
    }
    assert_eq!(events(&house, 2).await[0]["reason"], "not_https");
    assert!(house.stand_in.received().is_empty());
}

#[tokio::test]
async fn a_granted_name_leads_to_no_closed_address() {
    let far = FarHost::new().await;
    for address in ["127.0.0.1", "169.254.169.254", "10.0.0.1", "::1", "::ffff:127.0.0.1", "fd00:ec2::254"] {
        let settings = EgressConfig {
            allowed_private: vec!["0.0.0.0/0".parse().unwrap(), "::/0".parse().unwrap()],
            extra_hosts: vec![format!("{HOST}={address}").parse().unwrap()],
            ..EgressConfig::test()
        };
        let house = far.granted(&settings).await;
        let (_, answer) = ask_for(&house, &far.name()).await;
        assert!(answer.starts_with("HTTP/1.1 403") && answer.contains("no address that may be reached"), "{answer}");
        assert!(!answer.contains(address), "the inner network is told: {answer}");
        assert_eq!(events(&house, 1).await[0]["reason"], "forbidden_address");
    }
}

#[tokio::test]
async fn of_several_addresses_only_the_permitted_are_connected_to() {
    let far = FarHost::new().await;
    // The host listens at 127.0.0.1, and the closed addresses come before it.
    let house = far
        .granted(&EgressConfig {
            extra_hosts: ["169.254.169.254", "127.0.0.2", "127.0.0.1"]
                .map(|address| format!("{HOST}={address}").parse().unwrap())
                .into(),
            ..FarHost::settings(&[])
        })
        .await;
    let closed = tokio::net::TcpListener::bind(("127.0.0.2", far.port)).await.unwrap();
    let _tunnel = connected(&house, &far.name()).await;
    let nobody = closed.into_std().unwrap().accept();
    assert_eq!(nobody.unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
    far.accept().await;
}

#[tokio::test]
async fn a_host_that_is_not_there_or_has_no_name_is_told_apart() {
    let far = FarHost::new().await;
    let house = House::granting(&["none.test.invalid:443", &far.name()], &FarHost::settings(&[])).await;
    let (_, answer) = ask_for(&house, "none.test.invalid:443").await;
    assert!(answer.starts_with("HTTP/1.1 502") && answer.contains("is not known"), "{answer}");
    let name = far.name();
    drop(far);
    let (_, answer) = ask_for(&house, &name).await;
    assert!(answer.starts_with("HTTP/1.1 502") && answer.contains("does not answer"), "{answer}");
    let reasons: Vec<_> = events(&house, 2).await.into_iter().map(|event| event["reason"].clone()).collect();
    assert_eq!(reasons, ["unknown_host", "unreachable"]);
}

#[tokio::test]
async fn what_does_not_begin_with_tls_for_the_granted_host_goes_nowhere() {
    let far = FarHost::new().await;
    let other = far.hello_to("other.test.example", true);
    let nameless = far.hello_to(HOST, false);
    let alert = vec![21, 3, 3, 0, 2, 2, 49];
    let endless: Vec<u8> = [[22, 3, 1, 0x40, 0, 1, 0, 0xff, 0xf0].as_slice(), &vec![0; 70_000]].concat();
    for (said, heard, reason) in [
        (b"GET / HTTP/1.1\r\nhost: a\r\n\r\n".to_vec(), vec![], "not_tls"),
        (b"SSH-2.0-OpenSSH_9.6\r\n".to_vec(), vec![], "not_tls"),
        (other, alert.clone(), "other_server_name"),
        (nameless, alert, "no_server_name"),
        (endless, vec![], "not_tls"),
        (vec![], vec![], "no_hello"),
    ] {
        let house = far.granted(&FarHost::settings(&[])).await;
        let mut tunnel = connected(&house, &far.name()).await;
        let mut host = far.accept().await;
        // The other side may have hung up in the middle of it.
        let _ = tunnel.write_all(&said).await;
        let _ = tunnel.shutdown().await;
        assert_eq!(rest(&mut tunnel).await, heard, "{reason}");
        let mut leaked = Vec::new();
        host.read_to_end(&mut leaked).await.unwrap();
        assert!(leaked.is_empty(), "{reason}: {} bytes went out", leaked.len());
        let event = events(&house, 1).await.remove(0);
        assert_eq!((&event["reason"], &event["allowed"]), (&json!(reason), &json!(false)));
    }
}

#[tokio::test]
async fn a_sandbox_that_says_nothing_is_let_go() {
    let far = FarHost::new().await;
    let house = far.granted(&EgressConfig { connect_timeout_ms: 200, ..FarHost::settings(&[]) }).await;
    let mut tunnel = connected(&house, &far.name()).await;
    assert!(rest(&mut tunnel).await.is_empty());
    assert_eq!(events(&house, 1).await[0]["reason"], "no_hello");
}

#[tokio::test]
async fn a_first_word_in_pieces_is_read_whole() {
    let far = FarHost::new().await;
    let house = far.granted(&FarHost::settings(&[])).await;
    let mut tunnel = connected(&house, &far.name()).await;
    let mut host = far.accept().await;
    let hello = far.hello_to(HOST, true);
    for byte in &hello {
        tunnel.write_all(&[*byte]).await.unwrap();
    }
    let mut heard = vec![0; hello.len()];
    host.read_exact(&mut heard).await.unwrap();
    assert_eq!(heard, hello);
}

#[tokio::test]
async fn refusals_that_repeat_are_counted_and_do_not_fill_the_store() {
    let house = House::granting(&["granted.example:443"], &FarHost::settings(&[])).await;
    for _ in 0..50 {
        ask_for(&house, "evil.example:443").await;
    }
    for number in 0..100 {
        ask_for(&house, &format!("evil{number}.example:443")).await;
    }
    // What is being counted is written when the sandbox goes.
    house.closed.cancel();
    house.stop().await;
    let events = events(&house, 1).await;
    assert!(events.len() < 50, "{} events", events.len());
    let counted = |host: &str| -> u64 {
        let of_host = events.iter().filter(|event| event["host"] == host);
        of_host.map(|event| event["count"].as_u64().unwrap()).sum()
    };
    assert_eq!(counted("evil.example"), 50);
    let all: u64 = events.iter().map(|event| event["count"].as_u64().unwrap()).sum();
    assert_eq!(all, 150, "{events:?}");
    assert!(counted("*") > 50, "{events:?}");
}
