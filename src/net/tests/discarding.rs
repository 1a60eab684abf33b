//! Requests that are answered before they are read: the answer arrives.

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::{DISCARDED, Served, read_all};

/// Sends a whole request before it reads anything, as many clients do.
async fn sent_whole(served: &Served, head: &str, body_bytes: usize) -> String {
    let mut stream = served.connect().await;
    stream.write_all(head.as_bytes()).await.unwrap();
    let piece = vec![b'x'; 64 * 1024];
    for _ in 0..body_bytes / piece.len() {
        stream.write_all(&piece).await.expect("the connection was reset while the body was sent");
    }
    read_all(&mut stream).await.expect("the answer was lost")
}

#[tokio::test]
async fn refusal_of_an_unread_body_reaches_its_sender() {
    let served = Served::start().await;
    for (path, status) in [("/refused", 401), ("/nowhere", 404), ("/", 405)] {
        let head = format!("POST {path} HTTP/1.1\r\nhost: x\r\ncontent-length: 4194304\r\n\r\n");
        let text = sent_whole(&served, &head, 4 << 20).await;
        assert!(text.starts_with(&format!("HTTP/1.1 {status}")), "{path}: {text}");
        assert!(text.to_ascii_lowercase().contains("connection: close"), "{text}");
    }
}

#[tokio::test]
async fn answer_to_what_is_no_http_reaches_its_sender() {
    let served = Served::start().await;
    let text = sent_whole(&served, "POST \u{7f} nonsense\r\n\r\n", 1 << 20).await;
    assert!(text.starts_with("HTTP/1.1 400"), "{text}");
    let large = format!("GET / HTTP/1.1\r\nx-large: {}\r\n", "x".repeat(100_000));
    let text = sent_whole(&served, &large, 1 << 20).await;
    assert!(text.starts_with("HTTP/1.1 431"), "{text}");
}

#[tokio::test]
async fn no_more_than_the_bound_is_discarded() {
    let served = Served::start().await;
    let mut stream = served.connect().await;
    stream.write_all(b"POST /refused HTTP/1.1\r\nhost: x\r\ncontent-length: 99999999999\r\n\r\n").await.unwrap();
    let (piece, mut sent) = (vec![b'x'; 64 * 1024], 0_u64);
    while stream.write_all(&piece).await.is_ok() {
        sent += piece.len() as u64;
        assert!(sent < 4 * DISCARDED, "it is discarded without an end");
    }
}

#[tokio::test]
async fn expected_continue_is_not_asked_for_when_the_answer_is_known() {
    let served = Served::start().await;
    let mut stream = served.connect().await;
    let head = "POST /refused HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\nexpect: 100-continue\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = [0; 32];
    stream.read_exact(&mut answer).await.unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 401"), "{}", String::from_utf8_lossy(&answer));
}

#[tokio::test]
async fn request_that_panics_ends_its_connection_alone() {
    let served = Served::start().await;
    let mut stream = served.connect().await;
    stream.write_all(b"GET /panic HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    let _ = read_all(&mut stream).await;
    assert!(served.answers().await);
    assert!(!served.tasks.stopping().is_cancelled(), "the process stops for it");
}
