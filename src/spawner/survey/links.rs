//! Files that run because a link leads to them: a hook is often a link to a script elsewhere in the workspace.

use std::io;

use super::before::{Before, parent};
use super::kept::{Keeper, Kept};
use crate::domain::FileKind;

/// Gives the files that links of a class lead to, in the workspace and at once, the class of the link.
pub(super) fn class_targets(before: &mut Before, keeper: &mut Keeper) -> io::Result<()> {
    let mut targets = Vec::new();
    for (path, entry) in &before.entries {
        if entry.facts.kind == FileKind::Symlink
            && let (Some(class), Some(Kept::Whole { at, length })) = (entry.class, entry.kept)
            && let Some(target) = target(path, &keeper.read(at, length)?)
        {
            targets.push((target, class));
        }
    }
    for (target, class) in targets {
        if let Some(entry) = before.entries.get_mut(&*target)
            && entry.facts.kind == FileKind::File
        {
            entry.class = entry.class.or(Some(class));
        }
    }
    Ok(())
}

/// Where a link at `path` leads, below the workspace; nothing when it leads out.
fn target(path: &[u8], link: &[u8]) -> Option<Vec<u8>> {
    if link.starts_with(b"/") {
        return None;
    }
    let mut names: Vec<&[u8]> =
        parent(path).map(|parent| parent.split(|byte| *byte == b'/').collect()).unwrap_or_default();
    for name in link.split(|byte| *byte == b'/') {
        match name {
            b"" | b"." => {}
            b".." => {
                names.pop()?;
            }
            name => names.push(name),
        }
    }
    Some(names.join(&b'/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_followed_by_its_text_and_never_out() {
        let leads = |path: &str, link: &str| target(path.as_bytes(), link.as_bytes());
        assert_eq!(leads(".git/hooks/pre-commit", "../../scripts/check.sh"), Some(b"scripts/check.sh".to_vec()));
        assert_eq!(leads("CLAUDE.md", "./docs//x"), Some(b"docs/x".to_vec()));
        assert_eq!(leads("CLAUDE.md", "../x"), None);
        assert_eq!(leads("CLAUDE.md", "/etc/passwd"), None);
    }
}
