//! A live sandbox's directory on the host: its sockets, and the few files of `/etc` a user without a name needs.
//!
//! The directory of the sockets is mounted, not the sockets: a socket that is made anew, by a server that came back,
//! is then seen inside. Both are read-only in the sandbox, which connects but cannot replace them.

use std::fs::Permissions;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use crate::engine::ReadOnlyMount;

/// Where a sandbox sees the directory of its sockets.
const SOCKETS_INSIDE: &str = "/run/innkeeper";

/// Where a sandbox sees its socket to the model.
pub const MODEL_SOCKET_INSIDE: &str = "/run/innkeeper/model.sock";

/// Where a sandbox sees the configuration of git that holds where no repository's and no user's says otherwise.
pub const GIT_CONFIG_INSIDE: &str = "/run/innkeeper/gitconfig";

/// Commits have an author that says what it is. The workspace is the sandbox's one purpose, whoever owns its parts.
const GIT_CONFIG: &str = "[include]
\tpath = /etc/gitconfig
[user]
\tname = innkeeper agent
\temail = agent@innkeeper.invalid
[safe]
\tdirectory = *
";

/// The longest path the kernel takes for a socket, its closing NUL included.
const MAX_SOCKET_PATH: usize = 108;

/// A sandbox's directory. Removed with everything in it when dropped.
#[derive(Debug)]
pub(super) struct SandboxDirectory(PathBuf);

impl SandboxDirectory {
    /// Makes the directory `name` below `parent`, for a sandbox that runs as `uid` and `gid`.
    ///
    /// # Errors
    /// When it cannot be made, or its path is too long for a socket.
    pub(super) fn create(parent: &Path, name: &str, uid: u32, gid: u32) -> io::Result<Self> {
        let directory = Self(parent.join(name));
        directory.check_length()?;
        std::fs::create_dir_all(directory.sockets())?;
        std::fs::set_permissions(directory.sockets(), Permissions::from_mode(0o755))?;
        let passwd = format!("agent:x:{uid}:{gid}::/home/agent:/bin/bash\n");
        directory.write("passwd", &passwd)?;
        directory.write("group", &format!("agent:x:{gid}:\n"))?;
        directory.write("hosts", "127.0.0.1 localhost\n::1 localhost\n")?;
        directory.write("sockets/gitconfig", GIT_CONFIG)?;
        Ok(directory)
    }

    /// Makes the socket the sandbox's shim connects to.
    ///
    /// # Errors
    /// When it cannot be made.
    pub(super) fn shim_socket(&self) -> io::Result<UnixListener> {
        self.listen("shim.sock")
    }

    /// Makes the socket the sandbox reaches the model through.
    ///
    /// # Errors
    /// When it cannot be made.
    pub(super) fn model_socket(&self) -> io::Result<UnixListener> {
        self.listen("model.sock")
    }

    /// What is mounted of it.
    pub(super) fn mounts(&self) -> Vec<ReadOnlyMount> {
        let file = |name: &str, target| ReadOnlyMount { source: self.0.join(name), target };
        vec![
            file("sockets", SOCKETS_INSIDE),
            file("passwd", "/etc/passwd"),
            file("group", "/etc/group"),
            file("hosts", "/etc/hosts"),
        ]
    }

    /// Writes a file that the sandbox's user can read, whatever the umask of the server is.
    fn write(&self, name: &str, text: &str) -> io::Result<()> {
        let path = self.0.join(name);
        std::fs::write(&path, text)?;
        std::fs::set_permissions(&path, Permissions::from_mode(0o644))
    }

    fn sockets(&self) -> PathBuf {
        self.0.join("sockets")
    }

    /// Anybody who can reach the socket may connect: only this sandbox can, for the directories above are the server's.
    fn listen(&self, name: &str) -> io::Result<UnixListener> {
        let path = self.sockets().join(name);
        let listener = UnixListener::bind(&path)?;
        std::fs::set_permissions(&path, Permissions::from_mode(0o666))?;
        listener.set_nonblocking(true)?;
        Ok(listener)
    }

    fn check_length(&self) -> io::Result<()> {
        let length = self.sockets().join("model.sock").as_os_str().len();
        if length < MAX_SOCKET_PATH {
            return Ok(());
        }
        let message = format!("data_dir is too deep: a socket's path would have {length} bytes, 107 are allowed");
        Err(io::Error::new(io::ErrorKind::InvalidFilename, message))
    }
}

impl Drop for SandboxDirectory {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0)
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!(path = %self.0.display(), %error, "a sandbox's directory could not be removed");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sandbox_user_can_read_its_files_whatever_the_umask_is() {
        let parent = tempfile::tempdir().unwrap();
        let directory = SandboxDirectory::create(parent.path(), "sandbox", 1_000, 1_000).unwrap();
        for name in ["passwd", "group", "hosts", "sockets/gitconfig"] {
            let mode = std::fs::metadata(directory.0.join(name)).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o644, "{name}");
        }
    }
}
