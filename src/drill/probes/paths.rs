//! Every way out of a root that a path can name. No sandbox is needed: the kernel must refuse to open the directory.

use std::fs::{File, Metadata, metadata, write};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{MetadataExt, symlink};
use std::os::unix::net::UnixListener;

use rustix::fs::{CWD, FileType, Mode, makedev, mknodat};

use crate::domain::TenantRoot;
use crate::drill::bench::{Bench, unclear};
use crate::drill::ground::Tenant;
use crate::drill::outcome::Outcome;
use crate::spawner::{WorkspaceError, WorkspacePath, look_at};

/// What opens a directory for a tenant, and answers which it was: device and inode.
type Opener = fn(&[TenantRoot], &str) -> Result<(u64, u64), WorkspaceError>;

/// Ways out, relative to the root.
const OUT: &[&str] = &[
    "..",
    "../",
    "../rival",
    "project/../../rival",
    "project/../..",
    "./../rival",
    "link",
    "link/project",
    "link/..",
    "project/up",
    "project/up/rival",
    "loop",
    "inner-link",
    "machine",
    "machine/self/root",
    "magic",
    "magic/etc",
    "file",
    "file/",
    "file/..",
    "pipe",
    "socket",
    "device",
    "missing",
    "project\0",
    "\0",
    "project/\0/../..",
];

/// Ways out by their absolute path.
const ABSOLUTE: &[&str] = &[
    "/",
    "/etc",
    "/root",
    "/proc",
    "/proc/self/root",
    "/proc/self/cwd",
    "/proc/1/root",
    "/sys",
    "/dev",
    "/run",
    "/tmp/..",
];

/// Names that are odd and yet a directory of the tenant's own.
const ODD: &[&str] = &["a:b", "a,b", "-v", "new\nline", "quo\"te", "a=b", "nu\u{fffd}", "..."];

/// Tries them all on the product's own way to open a workspace.
pub(super) fn probe(bench: &Bench) -> Outcome {
    let base = match bench.ground.tenant() {
        Ok(base) => base,
        Err(error) => return unclear("a tenant's directory could not be made", &error),
    };
    attempt(&base, ours).and(foreign_file_systems())
}

/// The product's own way.
fn ours(roots: &[TenantRoot], cwd: &str) -> Result<(u64, u64), WorkspaceError> {
    let found = look_at(&WorkspacePath::of_request(roots, Some(cwd))?)?;
    Ok((found.device, found.inode))
}

/// Tries them all on `open`, below the root of `base`.
fn attempt(base: &Tenant, open: Opener) -> Outcome {
    let own = match lay_out(base) {
        Ok(own) => own,
        Err(error) => return unclear("the directories could not be laid out", &error),
    };
    let root = match TenantRoot::new(base.path("own")) {
        Ok(root) => vec![root],
        Err(error) => return unclear("the root was refused", &error),
    };
    let absolute = |path: &str| base.root.join(path).to_string_lossy().into_owned();
    let outside = ["rival", "own/../rival", "own-but-longer", "own/project/../../rival", "own/link"].map(absolute);
    let too_long = ["x".repeat(5_000), "a/".repeat(3_000)];
    let ways = OUT.iter().chain(ABSOLUTE).copied().chain(outside.iter().chain(&too_long).map(String::as_str));
    let mut seen: Vec<_> =
        ways.filter(|way| open(&root, way).is_ok()).map(|way| format!("{way:.60?} could be opened")).collect();
    for (name, directory) in ODD.iter().zip(&own) {
        if open(&root, name).ok() != Some((directory.dev(), directory.ino())) {
            seen.push(format!("{name:?} did not open the directory of that name"));
        }
    }
    Outcome::broke_if_any(&seen)
}

/// Lays out a tenant's root `own` beside a rival's, with every trap in it; answers the directories of odd names.
fn lay_out(base: &Tenant) -> io::Result<Vec<Metadata>> {
    for name in ["own", "own/project", "rival", "rival/project", "own-but-longer"] {
        base.directory(name)?;
    }
    let own = base.path("own");
    let link = |to: &str, name: &str| symlink(to, own.join(name));
    write(base.path("rival/secret"), "secret")?;
    symlink(base.path("rival"), own.join("link"))?;
    link("..", "project/up")?;
    link("loop", "loop")?;
    link("project", "inner-link")?;
    link("/proc", "machine")?;
    link("/proc/self/root", "magic")?;
    write(own.join("file"), "")?;
    // A socket's path may have 107 bytes only, and the data directory may lie deep.
    let directory = File::open(&own)?;
    drop(UnixListener::bind(format!("/proc/self/fd/{}/socket", directory.as_raw_fd()))?);
    mknodat(CWD, own.join("pipe"), FileType::Fifo, Mode::from(0o666), 0)?;
    // Only root can; without it the way is refused for it is not there.
    let _ = mknodat(CWD, own.join("device"), FileType::CharacterDevice, Mode::from(0o666), makedev(1, 3));
    ODD.iter().map(|name| metadata(base.directory(&format!("own/{name}"))?)).collect()
}

/// What is mounted below a root is on another file system, and stays out; so does what a magic link leads to.
fn foreign_file_systems() -> Outcome {
    let mut seen = Vec::new();
    let look = |root: &str, name: &str| look_at(&WorkspacePath { root: root.into(), relative: name.into() });
    for name in ["proc", "sys", "dev", "proc/self"] {
        if !matches!(look("/", name), Err(WorkspaceError::Outside)) {
            seen.push(format!("/{name} is not refused as another file system of /"));
        }
    }
    for (root, name) in [("/proc/self", "cwd"), ("/proc/self", "root"), ("/proc/self/task", "../root")] {
        if look(root, name).is_ok() {
            seen.push(format!("the magic link {name} of {root} was followed"));
        }
    }
    Outcome::broke_if_any(&seen)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drill::ground::Ground;

    /// Every way is refused, or would be seen: an opener that only joins paths lets most of them through.
    #[test]
    fn a_naive_opener_breaks_and_the_products_own_holds() {
        let directory = tempfile::tempdir().unwrap();
        let ground = Ground::create(directory.path(), 64_999).unwrap();
        let naive: Opener = |roots, cwd| {
            let found = metadata(roots[0].path().join(cwd)).map_err(|_| WorkspaceError::Missing)?;
            if found.is_dir() { Ok((found.dev(), found.ino())) } else { Err(WorkspaceError::NotADirectory) }
        };
        let Outcome::Broke(seen) = attempt(&ground.tenant().unwrap(), naive) else { panic!("it held") };
        for way in ["../rival", "link/project", "project/up", "/proc/self/root", "inner-link", "magic/etc"] {
            assert!(seen.contains(&format!("\"{way}\"")), "{way} is not in {seen}");
        }
        assert_eq!(attempt(&ground.tenant().unwrap(), ours), Outcome::Held);
        assert_eq!(foreign_file_systems(), Outcome::Held);
    }
}
