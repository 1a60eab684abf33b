//! Whether a change of a package's description changes what it runs.

use serde_json::Value;

/// Whether a file of this name that was changed from `before` to `after` runs the same as before. A description that cannot
/// be read may run anything.
pub(super) fn same_scripts(path: &[u8], before: Option<&[u8]>, after: Option<&[u8]>) -> bool {
    let name = path.rsplit(|byte| *byte == b'/').next().unwrap_or(path);
    if !name.eq_ignore_ascii_case(b"package.json") && !name.eq_ignore_ascii_case(b"composer.json") {
        return false;
    }
    // What is not there runs nothing.
    let read = |contents: Option<&[u8]>| contents.map_or(Some(Value::Null), scripts);
    matches!((read(before), read(after)), (Some(before), Some(after)) if before == after)
}

/// The scripts of a package: a null when it has none, nothing when its description cannot be read.
fn scripts(description: &[u8]) -> Option<Value> {
    let description: Value = serde_json::from_slice(description).ok()?;
    let scripts = description.as_object()?.get("scripts").cloned().unwrap_or_default();
    Some(if scripts.as_object().is_some_and(serde_json::Map::is_empty) { Value::Null } else { scripts })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn same(before: Option<&str>, after: Option<&str>) -> bool {
        same_scripts(b"sub/package.json", before.map(str::as_bytes), after.map(str::as_bytes))
    }

    #[test]
    fn only_the_scripts_of_a_package_count() {
        let plain = Some(r#"{"scripts": {"test": "node test.js"}, "version": "1"}"#);
        assert!(same(plain, Some(r#"{"version": "2", "scripts": {"test": "node test.js"}}"#)));
        assert!(!same(plain, Some(r#"{"scripts": {"test": "sh evil.sh"}}"#)));
        assert!(!same(plain, Some("{")), "what cannot be read may run anything");
        assert!(!same(None, plain));
        assert!(same(None, Some(r#"{"name": "x"}"#)), "a package without scripts runs nothing");
        assert!(!same_scripts(b"Makefile", Some(b"a"), Some(b"a")));
    }
}
