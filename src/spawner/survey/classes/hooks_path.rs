//! Where a repository's configuration says that its hooks lie.

/// The directory that `core.hooksPath` of a Git configuration names, below the worktree; nothing when it names none, or one
/// that lies elsewhere.
pub(in super::super) fn hooks_path(config: &[u8]) -> Option<Vec<u8>> {
    let mut in_core = false;
    let mut found = None;
    for line in config.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii) {
        if let Some(section) = line.strip_prefix(b"[") {
            let name = section.split(|byte| *byte == b']').next().unwrap_or_default();
            in_core = name.trim_ascii().eq_ignore_ascii_case(b"core");
        } else if in_core
            && let Some(at) = line.iter().position(|byte| *byte == b'=')
            && line[..at].trim_ascii().eq_ignore_ascii_case(b"hookspath")
        {
            // The last one counts.
            found = below_worktree(line[at + 1..].trim_ascii());
        }
    }
    found
}

fn below_worktree(path: &[u8]) -> Option<Vec<u8>> {
    let path = path.strip_prefix(b"\"").and_then(|path| path.strip_suffix(b"\"")).unwrap_or(path);
    if path.starts_with(b"/") || path.starts_with(b"~") {
        return None;
    }
    let names: Vec<_> = path.split(|byte| *byte == b'/').filter(|name| !matches!(*name, b"" | b".")).collect();
    (!names.is_empty() && !names.contains(&&b".."[..])).then(|| names.join(&b'/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_directory_of_hooks_in_configuration() {
        let found = |text: &str| hooks_path(text.as_bytes()).map(|path| String::from_utf8(path).unwrap());
        assert_eq!(found("[core]\n\tbare = false\n\thooksPath = ./tools//hooks\n").as_deref(), Some("tools/hooks"));
        assert_eq!(found("[CORE]\nHOOKSPATH=\"h\"\n[user]\nhooksPath = x").as_deref(), Some("h"));
        for text in
            ["[user]\nhooksPath = x", "[core]\nhooksPath = /etc", "[core]\nhooksPath = ../x", "hooksPath = x", ""]
        {
            assert_eq!(found(text), None, "{text}");
        }
    }
}
