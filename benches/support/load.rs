//! A client that asks one question over several connections and does as little as it can: it shares the processor
//! with the server it measures.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use crate::process::cpu_seconds;
use crate::support::{Result, Server, Tenant};

/// Connections that ask at the same time.
const CONNECTIONS: usize = 16;

/// How long is asked before and while it counts.
const WARM_UP: Duration = Duration::from_secs(1);
const MEASURED: Duration = Duration::from_secs(3);

/// What came of it.
pub(crate) struct Load {
    /// Requests answered in a second.
    pub(crate) per_second: f64,
    /// Requests answered for each second of the processor that the server used.
    pub(crate) per_cpu_second: f64,
    /// How long each answer took, in milliseconds, sorted.
    pub(crate) millis: Vec<f64>,
    /// Bytes of an answer's body.
    pub(crate) bytes: usize,
}

/// Asks the server for `path` as fast as it answers.
pub(crate) async fn load(server: &Server, tenant: &Tenant, path: &str) -> Result<Load> {
    let request = format!("GET {path} HTTP/1.1\r\nhost: {}\r\nx-api-key: {}\r\n\r\n", server.address, tenant.key);
    let request: Arc<[u8]> = request.into_bytes().into();
    let begin = Instant::now() + WARM_UP;
    let end = begin + MEASURED;
    let mut connections = JoinSet::new();
    for _ in 0..CONNECTIONS {
        let stream = TcpStream::connect(&server.address).await?;
        stream.set_nodelay(true)?;
        connections.spawn(ask(stream, Arc::clone(&request), begin, end));
    }
    sleep_until(begin).await;
    let cpu_before = cpu_seconds(server.pid)?;
    sleep_until(end).await;
    let cpu = cpu_seconds(server.pid)? - cpu_before;
    let (mut millis, mut bytes) = (Vec::new(), 0);
    while let Some(asked) = connections.join_next().await {
        let (more, length) = asked??;
        millis.extend(more);
        bytes = length;
    }
    millis.sort_by(f64::total_cmp);
    let answered = f64::from(u32::try_from(millis.len())?);
    Ok(Load { per_second: answered / MEASURED.as_secs_f64(), per_cpu_second: answered / cpu, millis, bytes })
}

/// Asks over one connection until `end`. Answers how long each answer took that came after `begin`, and the bytes of one.
async fn ask(mut stream: TcpStream, request: Arc<[u8]>, begin: Instant, end: Instant) -> Result<(Vec<f64>, usize)> {
    let mut buffer = vec![0; 512 * 1024];
    let (mut millis, mut length) = (Vec::new(), 0);
    loop {
        let asked_at = Instant::now();
        stream.write_all(&request).await?;
        length = answer(&mut stream, &mut buffer).await?.max(length);
        let answered_at = Instant::now();
        if answered_at >= end {
            return Ok((millis, length));
        }
        if answered_at >= begin {
            millis.push((answered_at - asked_at).as_secs_f64() * 1e3);
        }
    }
}

/// Reads one answer to its end, and answers the bytes of its body.
async fn answer(stream: &mut TcpStream, buffer: &mut [u8]) -> Result<usize> {
    let mut filled = 0;
    let head = loop {
        let read = stream.read(&mut buffer[filled..]).await?;
        if read == 0 {
            return Err("the server closed the connection".into());
        }
        filled += read;
        if let Some(end) = buffer[..filled].windows(4).position(|bytes| bytes == b"\r\n\r\n") {
            break end + 4;
        }
    };
    let length = body_length(&buffer[..head])?;
    let mut missing = (head + length).checked_sub(filled).ok_or("more than an answer")?;
    while missing > 0 {
        let most = missing.min(buffer.len());
        let read = stream.read(&mut buffer[..most]).await?;
        if read == 0 {
            return Err("the answer broke off".into());
        }
        missing -= read;
    }
    Ok(length)
}

fn body_length(head: &[u8]) -> Result<usize> {
    let head = std::str::from_utf8(head)?;
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    match length {
        Some(length) if head.starts_with("HTTP/1.1 200") => Ok(length.parse()?),
        _ => Err(format!("not an answer: {head}").into()),
    }
}
