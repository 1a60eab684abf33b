//! Frames over any stream: what one side writes is what the other reads, however the bytes arrive.

use std::collections::BTreeMap;
use std::io::Cursor;

use bytes::Bytes;
use innkeeper_shim::frame::{FrameError, FrameReader, FrameWriter, MAX_FRAME_BYTES, Message};
use innkeeper_shim::protocol::{
    Entry, Exited, Fault, FaultKind, File, FromShim, Hello, Line, MAX_HELLO_BYTES, MAX_LINE_BYTES, Posture, Resources,
    Signal, Start, Stream, ToShim, Token, VERSION,
};

/// What stands on the wire for `messages`.
async fn wire<M: Message>(messages: &[M]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut writer = FrameWriter::new(&mut bytes);
    for message in messages {
        writer.feed(message).await.expect("the message can be written");
    }
    writer.flush().await.expect("a vector takes everything");
    bytes
}

/// Writes `messages` in pieces of 7 bytes and reads them back.
async fn there_and_back<M: Message>(messages: &[M]) -> Vec<M> {
    let bytes = wire(messages).await;
    let (mut near, far) = tokio::io::duplex(7);
    let writing = async move {
        tokio::io::AsyncWriteExt::write_all(&mut near, &bytes).await.expect("the reader reads on");
    };
    let reading = async move {
        let mut reader = FrameReader::new(far);
        let mut read = Vec::new();
        while let Some(message) = reader.read().await.expect("every frame is well formed") {
            read.push(message);
        }
        read
    };
    tokio::join!(writing, reading).1
}

fn line(bytes: impl Into<Bytes>) -> FromShim {
    let line = Line { stream: Stream::Stderr, truncated: true, bytes: bytes.into() };
    FromShim::Entry { seq: u64::MAX, entry: Entry::Line(line) }
}

#[tokio::test]
async fn every_message_of_the_shim_arrives_as_it_was() {
    let exited = Exited { code: None, signal: Some(9), oom_kills: Some(2) };
    let messages = [
        FromShim::Hello(Box::new(Hello {
            version: VERSION,
            token: Token::new("c0ffee"),
            epoch: 7,
            posture: Posture::default(),
            last_entry: 3,
            next_input: 4,
        })),
        FromShim::Entry { seq: 1, entry: Entry::Started { pid: 12 } },
        line(&b"\xff\x00 not UTF-8"[..]),
        line(Bytes::new()),
        FromShim::Entry { seq: 9, entry: Entry::Exited(exited) },
        FromShim::InputTaken { seq: 5 },
        FromShim::InputClosed { last_taken: 5 },
        FromShim::Resources(Resources { memory_bytes: Some(u64::MAX), cpu_micros: None, pids: Some(1) }),
        FromShim::Fault(Fault { kind: FaultKind::WorkspaceMismatch, message: "no".to_owned() }),
    ];
    assert_eq!(there_and_back(&messages).await, messages);
}

#[tokio::test]
async fn every_message_of_the_server_arrives_as_it_was() {
    let messages = [
        ToShim::Welcome { version: VERSION, have: 4 },
        ToShim::File(File {
            path: "/home/agent/ü".to_owned(),
            mode: 0o600,
            offset: 1 << 40,
            bytes: Bytes::from_static(b"\x00\xff"),
        }),
        ToShim::Start(Start {
            argv: vec!["claude".to_owned(), "-p".to_owned()],
            env: BTreeMap::from([("HOME".to_owned(), "/home/agent".to_owned())]),
            cwd: "/workspace".to_owned(),
        }),
        ToShim::Ack { seq: 8 },
        ToShim::Input { seq: 1, bytes: Bytes::from_static(b"{}") },
        ToShim::CloseInput { seq: 2 },
        ToShim::Signal { signal: Signal::Int },
        ToShim::Finish,
    ];
    assert_eq!(there_and_back(&messages).await, messages);
}

#[tokio::test]
async fn the_longest_line_fits_and_a_longer_frame_does_not() {
    let longest = [line(vec![b'x'; MAX_LINE_BYTES])];
    let mut reader = FrameReader::new(Cursor::new(wire(&longest).await));
    assert_eq!(reader.read().await.unwrap(), Some(longest[0].clone()));

    let too_long = line(vec![b'x'; MAX_FRAME_BYTES]);
    let refused = FrameWriter::new(tokio::io::sink()).send(&too_long).await;
    assert!(matches!(refused, Err(FrameError::Length { .. })));
}

#[tokio::test]
async fn a_stranger_may_not_send_more_than_the_limit() {
    let mut reader = FrameReader::new(&[0x01, 0, 0, 0][..]);
    reader.set_limit(MAX_HELLO_BYTES);
    let refused = reader.read::<FromShim>().await;
    assert!(matches!(refused, Err(FrameError::Length { length: 0x0100_0000, .. })));
}

#[tokio::test]
async fn bytes_that_are_no_frame_are_an_error_and_not_a_panic() {
    let read = |bytes: &'static [u8]| async move { FrameReader::new(bytes).read::<ToShim>().await };
    assert!(matches!(read(&[0, 0, 0, 0]).await, Err(FrameError::Length { length: 0, .. })));
    assert!(matches!(read(&[0, 0, 0, 1, 1]).await, Err(FrameError::Kind(1))));
    assert!(matches!(read(&[0, 0, 0, 2, 2, 9]).await, Err(FrameError::Malformed(2))));
    assert!(matches!(read(&[0, 0, 0, 1, 3]).await, Err(FrameError::Malformed(3))));
    assert!(matches!(read(&[0, 0, 0, 2, 0, b'{']).await, Err(FrameError::Json(_))));
    assert!(matches!(read(&[0, 0, 0, 9, 0, b'{']).await, Err(FrameError::Cut)));
    assert!(matches!(read(&[]).await, Ok(None)));
}

#[tokio::test]
async fn a_read_that_was_given_up_loses_nothing() {
    let bytes = wire(&[ToShim::Ack { seq: 1 }, ToShim::Finish]).await;
    let (mut near, far) = tokio::io::duplex(1024);
    let mut reader = FrameReader::new(far);
    for byte in bytes {
        let given_up = tokio::select! {
            biased;
            message = reader.read::<ToShim>() => Some(message),
            () = std::future::ready(()) => None,
        };
        if let Some(message) = given_up {
            assert_eq!(message.unwrap(), Some(ToShim::Ack { seq: 1 }));
        }
        tokio::io::AsyncWriteExt::write_u8(&mut near, byte).await.unwrap();
    }
    assert_eq!(reader.read().await.unwrap(), Some(ToShim::Finish));
}
