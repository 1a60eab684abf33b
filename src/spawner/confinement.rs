//! From an order to the spec an engine is given: everything that confines a sandbox, none of it the caller's choice.

use innkeeper_shim::contract::{Contract, DEFAULT_SOCKET, DEFAULT_WORKSPACE, EGRESS_ADDRESS, Egress};

use super::directory::{MODEL_SOCKET_INSIDE, SandboxDirectory};
use super::disk::disk_of;
use super::workspace::Workspace;
use super::{Limits, Order};
use crate::config::{Config, HandOver, SandboxConfig};
use crate::domain::{Secret, SessionLimits};
use crate::engine::{DiskBound, Labels, SandboxSpec};

/// Our system call filter: what a toolchain needs, and nothing that reaches past the sandbox.
const SECCOMP: &str = include_str!("../../docker/seccomp.json");

/// The weight of a tenant's first sandbox where the processor is short: a quarter of what everything else gets, so that the
/// server goes first.
const CPU_SHARES: i64 = 256;

/// The lowest weight there is.
const MIN_CPU_SHARES: i64 = 2;

/// The spec for `order`, from the image with this id. Its tenant has `others` sandboxes already.
pub(super) fn spec(
    order: &Order,
    others: usize,
    installation: &str,
    image: String,
    config: &Config,
    workspace: &Workspace,
    directory: &SandboxDirectory,
) -> SandboxSpec {
    let contract = Contract {
        token: order.token.clone(),
        epoch: order.epoch.unsigned_abs(),
        socket: DEFAULT_SOCKET.into(),
        workspace: DEFAULT_WORKSPACE.into(),
        workspace_device: workspace.found.device,
        workspace_inode: workspace.found.inode,
        grace: order.grace,
        egress: order.has_egress.then(|| Egress { listen: EGRESS_ADDRESS, socket: MODEL_SOCKET_INSIDE.into() }),
    };
    let env = contract.variables().into_iter().map(|(name, value)| (name.to_owned(), Secret::new(value)));
    let runtime = order.runtime.clone().unwrap_or_else(|| config.engine.runtime.clone());
    SandboxSpec {
        labels: Labels {
            installation: installation.to_owned(),
            tenant: order.tenant,
            session: order.session,
            epoch: order.epoch,
        },
        image,
        uid: workspace.found.uid,
        gid: workspace.found.gid,
        env: env.collect(),
        workspace: match config.engine.hand_over {
            HandOver::Descriptor => workspace.by_descriptor(),
            HandOver::Path => workspace.by_path(),
        },
        mounts: directory.mounts(),
        limits: limits(&config.sandbox, &order.limits),
        cpu_shares: cpu_shares(others),
        disk: disk(&config.sandbox, workspace),
        seccomp: SECCOMP.to_owned(),
        runtime: (!runtime.is_empty()).then_some(runtime),
    }
}

/// What the installation gives everybody, lowered and never raised.
fn limits(config: &SandboxConfig, lower: &SessionLimits) -> Limits {
    Limits {
        memory_bytes: lower.memory_bytes.map_or(config.memory_bytes, |most| most.min(config.memory_bytes)),
        nano_cpus: nano_cpus(lower.cpus.map_or(config.cpus, |most| most.min(config.cpus))),
        pids: lower.pids.map_or(config.pids, |most| most.min(config.pids)),
        open_files: config.open_files,
        scratch_bytes: config.scratch_bytes,
        scratch_inodes: config.scratch_inodes,
    }
}

/// A sandbox's weight: the more of its tenant's are there when it begins, the less. The weight of a hundred together is that of
/// five alone, so that neither the server nor another tenant's sandbox is slower in proportion to how many there are.
fn cpu_shares(others: usize) -> i64 {
    let sharing = i64::try_from(others).unwrap_or(i64::MAX).saturating_add(1);
    (CPU_SHARES / sharing).max(MIN_CPU_SHARES)
}

/// How much a sandbox may write to the disk of its workspace, where there is one and something is to bound it.
fn disk(config: &SandboxConfig, workspace: &Workspace) -> Option<DiskBound> {
    let writes_per_second = Some(config.disk_writes_per_second).filter(|most| *most > 0)?;
    Some(DiskBound { device: disk_of(workspace.found.device)?, writes_per_second })
}

#[expect(clippy::cast_possible_truncation, reason = "a machine has far fewer than nine billion cores")]
fn nano_cpus(cpus: f64) -> i64 {
    (cpus * 1e9) as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_sandboxes_of_a_tenant_weigh_little_together() {
        let weights: Vec<_> = [0, 1, 3, 50, 1_000, usize::MAX].into_iter().map(cpu_shares).collect();
        assert_eq!(weights, [256, 128, 64, 5, 2, 2]);
        assert!((0..100).map(cpu_shares).sum::<i64>() < 6 * CPU_SHARES);
    }
}
