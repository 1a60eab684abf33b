//! Where the repositories in a workspace have their hooks.

use std::os::fd::{AsFd, BorrowedFd};

use super::access::Owner;
use super::classes::hooks_path;
use super::facts::{look, open_directory};
use super::kept::{Contents, read};
use super::links::target;
use super::quarantine::open_below;
use crate::domain::FileKind;

/// What is read of a configuration of Git, and of a file that says where a repository is.
const CONFIG_BYTES: u64 = 1 << 20;
const LINK_BYTES: u64 = 8 << 10;

/// The directory below the workspace that holds the hooks of the repository whose worktree is `directory`, at `path`, if there
/// is one and its configuration says that. A submodule has its configuration elsewhere in the workspace.
pub(super) fn hooks_of(
    workspace: BorrowedFd<'_>,
    owner: Owner,
    directory: BorrowedFd<'_>,
    path: &[u8],
) -> Option<Vec<u8>> {
    let text = |directory, name, most| {
        look(directory, name).ok().filter(|facts| facts.kind == FileKind::File)?;
        match read(owner, directory, name, FileKind::File, most) {
            Ok(Contents::Whole(text)) => Some(text),
            _ => None,
        }
    };
    let below = |name: &[u8]| if path.is_empty() { name.to_vec() } else { [path, b"/", name].concat() };
    let repository = match look(directory, c".git").ok()?.kind {
        FileKind::Directory => open_directory(directory, c".git").ok()?,
        FileKind::File => {
            let link = text(directory, c".git", LINK_BYTES)?;
            let link = link.strip_prefix(b"gitdir:")?.trim_ascii();
            open_below(workspace, &target(&below(b".git"), link)?).ok()?
        }
        FileKind::Symlink | FileKind::Other => return None,
    };
    let hooks = hooks_path(&text(repository.as_fd(), c"config", CONFIG_BYTES)?)?;
    Some(below(&hooks))
}
