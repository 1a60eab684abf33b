//! How a sandbox is started: the environment variables the shim is given and the exit codes it answers with.
//!
//! None of the variables reaches the agent: its environment is what [`Start`](crate::protocol::Start) says and
//! nothing else, and the shim is not dumpable, so that `/proc/1/environ` cannot be read from inside either.

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
}

impl Contract {
    /// The contract as variables, each a name and a value.
    pub fn variables(&self) -> Vec<(&'static str, String)> {
        vec![
            (TOKEN, self.token.expose().to_owned()),
            (EPOCH, self.epoch.to_string()),
            (SOCKET, self.socket.display().to_string()),
            (WORKSPACE, self.workspace.display().to_string()),
            (WORKSPACE_DEVICE, self.workspace_device.to_string()),
            (WORKSPACE_INODE, self.workspace_inode.to_string()),
            (GRACE_MS, self.grace.as_millis().to_string()),
        ]
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
    }

    #[test]
    fn a_grace_that_is_no_number_is_refused() {
        let lookup = |name: &str| Some(if name == GRACE_MS { "soon" } else { "1" }.to_owned());
        assert_eq!(Contract::read(lookup), Err(ContractError::NotANumber(GRACE_MS)));
    }
}
