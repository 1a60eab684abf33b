//! Files that run because a link leads to them: a hook is often a link to a script elsewhere in the workspace.

use super::before::parent;

/// Where a link at `path` leads, below the workspace; nothing when it leads out.
pub(super) fn target(path: &[u8], link: &[u8]) -> Option<Vec<u8>> {
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
