//! A file system that is mounted below a workspace: another tenant's, say, or a share of the host's.

use std::path::PathBuf;

use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};
use serde_json::json;

use crate::drill::bench::{Bench, unclear};
use crate::drill::outcome::Outcome;
use crate::drill::probe::Size;

/// Mounted until dropped.
struct Mounted(PathBuf);

impl Drop for Mounted {
    fn drop(&mut self) {
        if let Err(error) = unmount(&self.0, UnmountFlags::DETACH) {
            tracing::warn!(path = %self.0.display(), %error, "a mount of the drill could not be undone");
        }
    }
}

/// Mounts a small file system below the workspace, as far as this process can, and looks for it inside.
pub(super) async fn probe(bench: &Bench) -> Outcome {
    let tenant = match bench.ground.tenant() {
        Ok(tenant) => tenant,
        Err(error) => return unclear("a tenant's directory could not be made", &error),
    };
    let inner = match tenant.directory("inner") {
        Ok(inner) => inner,
        Err(error) => return unclear("the inner directory could not be made", &error),
    };
    let flags = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    let mounted =
        mount("innkeeper-drill", &inner, "tmpfs", flags, c"size=64k,mode=0755").map(|()| Mounted(inner.clone()));
    if mounted.is_ok()
        && let Err(error) = tenant.file("inner/secret", "of another file system")
    {
        return unclear("the secret could not be laid", &error);
    }
    let script = include_str!("scripts/nested_mount.py");
    let outcome = bench.run_for(&tenant, Size::Ordered, script, json!({})).await;
    drop(mounted);
    outcome.and(bench.returned(&tenant).await)
}
