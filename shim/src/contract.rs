//! How a sandbox is started: the environment variables the shim is given and the exit codes it answers with.
//!
//! None of the variables reaches the agent: its environment is what [`Start`](crate::protocol::Start) says and
//! nothing else, and the shim is not dumpable, so that `/proc/1/environ` cannot be read from inside either.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use crate::protocol::Token;

/// Exit code: the agent ended, or was ended on request, and there is nothing more to say.
pub const EXIT_FINISHED: u8 = 0;
/// Exit code: the command line was not understood.
pub const EXIT_USAGE: u8 = 64;
/// Exit code: the sandbox is not what it should be, or the agent could not be started; no agent ran.
pub const EXIT_FAULT: u8 = 97;
/// Exit code: the server stayed away longer than the grace, so the agent was ended.
pub const EXIT_SERVER_AWAY: u8 = 98;

/// Where the server's socket is mounted unless the contract says otherwise.
pub const DEFAULT_SOCKET: &str = "/run/innkeeper/shim.sock";
/// Where the workspace is mounted unless the contract says otherwise.
pub const DEFAULT_WORKSPACE: &str = "/workspace";
/// How long the shim waits for an absent server unless the contract says otherwise.
pub const DEFAULT_GRACE: Duration = Duration::from_mins(1);

/// How soon after its first look the shim looks again at what its sandbox uses: the agent is there by then.
pub const RESOURCES_SOON: Duration = Duration::from_secs(1);
/// How often the shim says what its sandbox uses, after that.
pub const RESOURCES_EVERY: Duration = Duration::from_secs(5);

/// Where the agent's tools find the way to granted hosts, inside a sandbox that has one.
pub const EGRESS_ADDRESS: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 3128);

/// Connections to it that are carried at the same time; further ones wait. The server's own bound is no higher, so that
/// there is always a connection left for the agent's model.
pub const MAX_EGRESS_CONNECTIONS: usize = 48;

/// Names the [`Contract::token`], required.
pub const TOKEN: &str = "INNKEEPER_SHIM_TOKEN";
/// Names the [`Contract::epoch`], a decimal number, required.
pub const EPOCH: &str = "INNKEEPER_SHIM_EPOCH";
/// Names the [`Contract::socket`].
pub const SOCKET: &str = "INNKEEPER_SHIM_SOCKET";
/// Names the [`Contract::workspace`].
pub const WORKSPACE: &str = "INNKEEPER_WORKSPACE";
/// Names the [`Contract::workspace_device`], a decimal number, required.
pub const WORKSPACE_DEVICE: &str = "INNKEEPER_WORKSPACE_DEVICE";
/// Names the [`Contract::workspace_inode`], a decimal number, required.
pub const WORKSPACE_INODE: &str = "INNKEEPER_WORKSPACE_INODE";
/// Names the [`Contract::grace`], in whole milliseconds.
pub const GRACE_MS: &str = "INNKEEPER_SHIM_GRACE_MS";
/// Names the [`Egress::listen`]; without it there is no egress.
pub const EGRESS_LISTEN: &str = "INNKEEPER_EGRESS_LISTEN";
/// Names the [`Egress::socket`], required where [`EGRESS_LISTEN`] is set.
pub const EGRESS_SOCKET: &str = "INNKEEPER_EGRESS_SOCKET";

/// Everything a shim is told before it speaks: the server writes it as variables, the shim reads them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contract {
    /// Proves to the server that this is the shim of the sandbox it made.
    pub token: Token,
    /// Which sandbox of its session this is; the server listens only to the newest.
    pub epoch: u64,
    /// The server's socket, as seen from inside.
    pub socket: PathBuf,
    /// The workspace, as seen from inside.
    pub workspace: PathBuf,
    /// `st_dev` of the directory the server opened: what is mounted must be the same.
    pub workspace_device: u64,
    /// `st_ino` of the directory the server opened: what is mounted must be the same.
    pub workspace_inode: u64,
    /// How long the server may stay away before the agent is ended.
    pub grace: Duration,
    /// The way to granted hosts, when the sandbox has one.
    pub egress: Option<Egress>,
}

/// The way to granted hosts: what connects to an address inside is carried, byte for byte, to the server's socket. What
/// is let through is decided there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Egress {
    /// Where the agent's tools connect.
    pub listen: SocketAddr,
    /// The server's socket, as seen from inside.
    pub socket: PathBuf,
}

/// Why a set of variables is no contract.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ContractError {
    /// A required variable is not there.
    #[error("{0} is not set")]
    Missing(&'static str),
    /// A variable that holds a number holds something else.
    #[error("{0} is not a whole number")]
    NotANumber(&'static str),
    /// A variable that holds an address holds something else.
    #[error("{0} is not an address with its port")]
    NotAnAddress(&'static str),
}

impl Contract {
    /// The contract as variables, each a name and a value.
    pub fn variables(&self) -> Vec<(&'static str, String)> {
        let egress = self.egress.iter().flat_map(|egress| {
            [(EGRESS_LISTEN, egress.listen.to_string()), (EGRESS_SOCKET, egress.socket.display().to_string())]
        });
        let variables = [
            (TOKEN, self.token.expose().to_owned()),
            (EPOCH, self.epoch.to_string()),
            (SOCKET, self.socket.display().to_string()),
            (WORKSPACE, self.workspace.display().to_string()),
            (WORKSPACE_DEVICE, self.workspace_device.to_string()),
            (WORKSPACE_INODE, self.workspace_inode.to_string()),
            (GRACE_MS, self.grace.as_millis().to_string()),
        ];
        variables.into_iter().chain(egress).collect()
    }

    /// Reads the contract through `lookup`, which answers the value of a variable.
    pub fn read(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, ContractError> {
        let required = |name| lookup(name).ok_or(ContractError::Missing(name));
        let number = |name| parse(name, &required(name)?);
        let path = |name, default: &str| PathBuf::from(lookup(name).unwrap_or(default.to_owned()));
        Ok(Self {
            token: Token::new(required(TOKEN)?),
            epoch: number(EPOCH)?,
            socket: path(SOCKET, DEFAULT_SOCKET),
            workspace: path(WORKSPACE, DEFAULT_WORKSPACE),
            workspace_device: number(WORKSPACE_DEVICE)?,
            workspace_inode: number(WORKSPACE_INODE)?,
            grace: match lookup(GRACE_MS) {
                Some(text) => Duration::from_millis(parse(GRACE_MS, &text)?),
                None => DEFAULT_GRACE,
            },
            egress: match lookup(EGRESS_LISTEN) {
                Some(text) => {
                    let listen = text.parse().map_err(|_| ContractError::NotAnAddress(EGRESS_LISTEN))?;
                    Some(Egress { listen, socket: PathBuf::from(required(EGRESS_SOCKET)?) })
                }
                None => None,
            },
        })
    }
}

fn parse(name: &'static str, text: &str) -> Result<u64, ContractError> {
    text.parse().map_err(|_| ContractError::NotANumber(name))
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    fn contract() -> Contract {
        Contract {
            token: Token::new("c0ffee"),
            epoch: 3,
            socket: "/run/other.sock".into(),
            workspace: "/work".into(),
            workspace_device: u64::MAX,
            workspace_inode: 42,
            grace: Duration::from_millis(1_500),
            egress: Some(Egress { listen: EGRESS_ADDRESS, socket: "/run/gateway.sock".into() }),
        }
    }

    #[test]
    fn what_the_server_writes_is_what_the_shim_reads() {
        let variables: HashMap<_, _> = contract().variables().into_iter().collect();
        assert_eq!(Contract::read(|name| variables.get(name).cloned()), Ok(contract()));
    }

    #[test]
    fn a_contract_without_the_inode_is_refused() {
        let variables: HashMap<_, _> = contract().variables().into_iter().collect();
        let lookup = |name: &str| variables.get(name).filter(|_| name != WORKSPACE_INODE).cloned();
        assert_eq!(Contract::read(lookup), Err(ContractError::Missing(WORKSPACE_INODE)));
    }

    #[test]
    fn paths_and_grace_have_defaults() {
        let required = [TOKEN, EPOCH, WORKSPACE_DEVICE, WORKSPACE_INODE];
        let lookup = |name: &str| required.contains(&name).then(|| "1".to_owned());
        let contract = Contract::read(lookup).unwrap();
        assert_eq!(contract.socket, PathBuf::from(DEFAULT_SOCKET));
        assert_eq!(contract.workspace, PathBuf::from(DEFAULT_WORKSPACE));
        assert_eq!(contract.grace, DEFAULT_GRACE);
        assert_eq!(contract.egress, None);
    }

    #[test]
    fn an_egress_without_its_address_or_its_socket_is_refused() {
        let variables: HashMap<_, _> = contract().variables().into_iter().collect();
        let without = |name: &str| (name != EGRESS_SOCKET).then(|| variables.get(name).cloned()).flatten();
        assert_eq!(Contract::read(without), Err(ContractError::Missing(EGRESS_SOCKET)));
        let other =
            |name: &str| if name == EGRESS_LISTEN { Some("3128".to_owned()) } else { variables.get(name).cloned() };
        assert_eq!(Contract::read(other), Err(ContractError::NotAnAddress(EGRESS_LISTEN)));
    }

    #[test]
    fn a_grace_that_is_no_number_is_refused() {
        let lookup = |name: &str| Some(if name == GRACE_MS { "soon" } else { "1" }.to_owned());
        assert_eq!(Contract::read(lookup), Err(ContractError::NotANumber(GRACE_MS)));
    }
}
