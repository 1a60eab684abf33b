//! What `/proc/self/mountinfo` says.

use innkeeper_shim::protocol::Mount;

/// A mounted filesystem, and which part of it is seen.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct MountPoint {
    /// The directory of the filesystem that is mounted.
    pub(super) root: String,
    /// Where and how it is mounted.
    pub(super) mount: Mount,
}

/// All mounts of this process, none if they cannot be read.
pub(super) fn read() -> Vec<MountPoint> {
    std::fs::read("/proc/self/mountinfo").map(|bytes| parse(&bytes)).unwrap_or_default()
}

pub(super) fn parse(bytes: &[u8]) -> Vec<MountPoint> {
    bytes.split(|byte| *byte == b'\n').filter_map(parse_line).collect()
}

/// A line is `id parent major:minor root target options [optional…] - type source super-options`.
fn parse_line(line: &[u8]) -> Option<MountPoint> {
    let mut fields = line.split(|byte| *byte == b' ');
    let root = unescape(fields.nth(3)?);
    let target = unescape(fields.next()?);
    let options = list(fields.next()?);
    fields.find(|field| *field == b"-")?;
    let fstype = unescape(fields.next()?);
    let super_options = list(fields.nth(1)?);
    let read_only = options.iter().chain(&super_options).any(|option| option == "ro");
    Some(MountPoint { root, mount: Mount { target, fstype, options, super_options, read_only } })
}

fn list(field: &[u8]) -> Vec<String> {
    field.split(|byte| *byte == b',').map(unescape).collect()
}

/// Undoes the kernel's `\040` for a blank, and the like; only three octal digits follow a backslash.
fn unescape(field: &[u8]) -> String {
    let mut plain = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((first, after)) = rest.split_first() {
        if let Some((byte, after)) = octal(rest) {
            plain.push(byte);
            rest = after;
        } else {
            plain.push(*first);
            rest = after;
        }
    }
    String::from_utf8_lossy(&plain).into_owned()
}

fn octal(bytes: &[u8]) -> Option<(u8, &[u8])> {
    let (escape, rest) = bytes.split_first_chunk::<4>()?;
    let digits = escape.strip_prefix(b"\\")?;
    let byte = digits.iter().try_fold(0_u8, |byte, digit| {
        let value = digit.checked_sub(b'0').filter(|value| *value < 8)?;
        byte.checked_mul(8)?.checked_add(value)
    })?;
    Some((byte, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mount_is_found_with_its_options() {
        let line =
            b"36 35 98:0 /vol /workspace rw,noatime master:1 propagate_from:2 - ext4 /dev/root ro,errors=continue\n";
        let expected = MountPoint {
            root: "/vol".to_owned(),
            mount: Mount {
                target: "/workspace".to_owned(),
                fstype: "ext4".to_owned(),
                options: vec!["rw".to_owned(), "noatime".to_owned()],
                super_options: vec!["ro".to_owned(), "errors=continue".to_owned()],
                read_only: true,
            },
        };
        assert_eq!(parse(line), [expected]);
    }

    #[test]
    fn a_mount_without_optional_fields_is_found_too() {
        let mounts = parse(b"1 0 0:1 / / rw - overlay overlay rw,lowerdir=/a:/b");
        assert_eq!(mounts[0].mount.super_options, ["rw", "lowerdir=/a:/b"]);
        assert!(!mounts[0].mount.read_only);
    }

    #[test]
    fn a_name_cannot_pretend_to_be_another_field() {
        let mounts = parse(br"1 0 0:1 /a\134b /x\040-\040y\012z ro - tmpfs tmpfs rw");
        assert_eq!(mounts[0].root, r"/a\b");
        assert_eq!(mounts[0].mount.target, "/x - y\nz");
    }

    #[test]
    fn what_is_no_escape_and_no_mount_is_no_panic() {
        assert_eq!(unescape(br"\9\04"), r"\9\04");
        assert_eq!(unescape(b"\\+12\\777"), "\\+12\\777");
        assert_eq!(unescape(b"nu\xff"), "nu\u{fffd}");
        assert_eq!(parse(b"\n1 0 0:1 / /\ngarbage - x\n"), []);
    }
}
