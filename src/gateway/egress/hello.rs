//! The first word of a TLS client, read before a byte of it goes out: which server it wants to speak to.

use rustls::server::Acceptor;
use tokio::io::{AsyncRead, AsyncReadExt};

use super::reason::Refused;

/// The longest first word that is read.
const MAX_HELLO_BYTES: usize = 64 * 1024;

/// The fatal alert "access denied", which a client that began with TLS can tell its user about.
pub(super) const ACCESS_DENIED: [u8; 7] = [21, 3, 3, 0, 2, 2, 49];

/// Reads until the client has named its server, which must be `host`. Answers all that was read.
///
/// # Errors
/// When it is another server, none, or not TLS.
pub(super) async fn read(client: &mut (impl AsyncRead + Unpin), host: &str) -> Result<Vec<u8>, Refused> {
    let mut acceptor = Acceptor::default();
    let (mut seen, mut piece) = (Vec::new(), [0; 4096]);
    loop {
        let length = client.read(&mut piece).await.map_err(|_| Refused::NoHello)?;
        if length == 0 {
            return Err(if seen.is_empty() { Refused::NoHello } else { Refused::NotTls });
        }
        seen.extend_from_slice(&piece[..length]);
        if seen.len() > MAX_HELLO_BYTES {
            return Err(Refused::NotTls);
        }
        let mut unread = &piece[..length];
        while !unread.is_empty() {
            if acceptor.read_tls(&mut unread).map_err(|_| Refused::NotTls)? == 0 {
                return Err(Refused::NotTls);
            }
            if let Some(accepted) = acceptor.accept().map_err(|_| Refused::NotTls)? {
                return match accepted.client_hello().server_name() {
                    None => Err(Refused::NoServerName),
                    Some(name) if name.eq_ignore_ascii_case(host) => Ok(seen),
                    Some(_) => Err(Refused::OtherServerName),
                };
            }
        }
    }
}
