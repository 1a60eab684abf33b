//! A host on loopback that sandboxes are granted under a name of the tests, and a sandbox's way to it.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use rcgen::generate_simple_self_signed;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio_rustls::server::TlsStream;
use tokio_rustls::{TlsAcceptor, TlsConnector, client};

use super::harness::House;
use crate::config::EgressConfig;
use crate::domain::{Action, AuditEntry, EventKind};
use crate::store::AuditFilter;

/// The name the host is granted by.
pub(super) const HOST: &str = "packages.test.example";

/// How long the store is looked at before what is waited for counts as never written.
const HANGS: Duration = Duration::from_mins(1);

/// A host that speaks TLS.
pub(super) struct FarHost {
    /// Its port on loopback.
    pub(super) port: u16,
    listener: TcpListener,
    acceptor: TlsAcceptor,
    connector: TlsConnector,
}

impl FarHost {
    /// A host with a certificate for [`HOST`].
    pub(super) async fn new() -> Self {
        let made = generate_simple_self_signed([HOST.to_owned(), "other.test.example".to_owned()]).unwrap();
        let certificate = made.cert.der().clone();
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let server = ServerConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions();
        let server = server.unwrap().with_no_client_auth().with_single_cert(vec![certificate.clone()], key).unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(certificate).unwrap();
        let client = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let client = client.with_root_certificates(roots).with_no_client_auth();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        Self {
            port: listener.local_addr().unwrap().port(),
            listener,
            acceptor: TlsAcceptor::from(Arc::new(server)),
            connector: TlsConnector::from(Arc::new(client)),
        }
    }

    /// Settings by which [`HOST`] and what else stands in `extra` are this host.
    pub(super) fn settings(extra: &[&str]) -> EgressConfig {
        let here = format!("{HOST}=127.0.0.1");
        EgressConfig {
            allowed_private: vec!["127.0.0.1/32".parse().unwrap()],
            extra_hosts: extra.iter().copied().chain([here.as_str()]).map(|host| host.parse().unwrap()).collect(),
            ..EgressConfig::test()
        }
    }

    /// [`HOST`] with its port.
    pub(super) fn name(&self) -> String {
        format!("{HOST}:{}", self.port)
    }

    /// A gateway whose sandbox may reach this host, by these settings.
    pub(super) async fn granted(&self, settings: &EgressConfig) -> House {
        House::granting(&[&self.name()], settings).await
    }

    /// Waits for a connection, before it says anything.
    pub(super) async fn accept(&self) -> TcpStream {
        self.listener.accept().await.unwrap().0
    }

    /// A sandbox's connection to this host, at both its ends, with TLS in it.
    pub(super) async fn reached_by(&self, house: &House) -> (client::TlsStream<UnixStream>, TlsStream<TcpStream>) {
        let tunnel = connected(house, &self.name()).await;
        let name = ServerName::try_from(HOST).unwrap();
        let (client, server) = tokio::join!(self.connector.connect(name, tunnel), async {
            self.acceptor.accept(self.accept().await).await
        });
        (client.unwrap(), server.unwrap())
    }

    /// What a TLS client that wants to speak to `name` says first.
    pub(super) fn hello_to(&self, name: &str, with_name: bool) -> Vec<u8> {
        let mut config = (**self.connector.config()).clone();
        config.enable_sni = with_name;
        let name = ServerName::try_from(name.to_owned()).unwrap();
        let mut client = rustls::ClientConnection::new(Arc::new(config), name).unwrap();
        let mut hello = Vec::new();
        client.write_tls(&mut hello).unwrap();
        hello
    }
}

/// Sends `request` as the sandbox, and answers the connection, the answer's head and what came with it of the body.
pub(super) async fn asked(house: &House, request: &str) -> (UnixStream, String) {
    let mut stream = UnixStream::connect(house.socket()).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    while !answer.windows(4).any(|end| end == b"\r\n\r\n") {
        let mut byte = [0];
        assert_eq!(stream.read(&mut byte).await.unwrap(), 1, "{}", String::from_utf8_lossy(&answer));
        answer.push(byte[0]);
    }
    let head = String::from_utf8(answer).unwrap();
    let length = head.to_ascii_lowercase().lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
    let mut body = vec![0; if head.starts_with("HTTP/1.1 200") { 0 } else { length.unwrap_or(0) }];
    stream.read_exact(&mut body).await.unwrap();
    (stream, head + &String::from_utf8(body).unwrap())
}

/// Asks to be connected to `target`.
pub(super) async fn ask_for(house: &House, target: &str) -> (UnixStream, String) {
    asked(house, &format!("CONNECT {target} HTTP/1.1\r\nhost: {target}\r\n\r\n")).await
}

/// A connection to `target`, which is granted.
pub(super) async fn connected(house: &House, target: &str) -> UnixStream {
    let (stream, answer) = ask_for(house, target).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    stream
}

/// The events of egress, once there are `count` of them; each stands in the audit too.
pub(super) async fn events(house: &House, count: usize) -> Vec<Value> {
    let (tenant, session) = (house.caller.tenant, house.caller.session);
    let written = async {
        loop {
            let events = house.store.events().of_kind(tenant, session, EventKind::Egress).await.unwrap();
            if events.len() >= count {
                return events;
            }
            tokio::task::yield_now().await;
        }
    };
    let events =
        tokio::time::timeout(HANGS, written).await.unwrap_or_else(|_| panic!("there are never {count} events"));
    let events: Vec<Value> = events.iter().map(|event| serde_json::from_str(&event.payload).unwrap()).collect();
    let audit = audit(house).await;
    assert_eq!(audit.iter().map(|line| line.after.clone().unwrap()).collect::<Vec<_>>(), events);
    for line in audit {
        let after = line.after.unwrap();
        let action = if after["allowed"] == true { Action::AllowEgress } else { Action::RefuseEgress };
        assert_eq!((line.action, line.target, line.tenant), (action, session.to_string(), Some(tenant)));
        assert_eq!((line.actor.as_str(), line.reason.as_deref()), ("server", after["reason"].as_str()));
    }
    events
}

/// The audit's lines of egress, oldest first.
async fn audit(house: &House) -> Vec<AuditEntry> {
    let mut lines = house.store.audit().list(&AuditFilter::default(), 100).await.unwrap();
    lines.retain(|line| line.action.is_egress());
    lines.reverse();
    lines
}

/// Everything that still comes, until the other side hangs up.
pub(super) async fn rest(stream: &mut UnixStream) -> Vec<u8> {
    let mut rest = Vec::new();
    // To be cut off is an end too.
    let _ = stream.read_to_end(&mut rest).await;
    rest
}
