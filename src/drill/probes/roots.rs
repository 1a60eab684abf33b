//! Roots that would let a tenant's sandbox at the server, the machine or another tenant.

use std::os::unix::fs::symlink;
use std::path::PathBuf;

use crate::config::Config;
use crate::domain::{Tenant, TenantId, TenantLimits, TenantRoot, TenantState, Timestamp};
use crate::drill::bench::{Bench, unclear};
use crate::drill::ground;
use crate::drill::outcome::Outcome;
use crate::spawner::{NewRoots, Policy, RootsHere};

/// The machine's own places, and the usual ones of engines.
const MACHINE: &[&str] = &[
    "/",
    "/etc",
    "/proc",
    "/sys",
    "/dev",
    "/run",
    "/var/run",
    "/boot",
    "/var",
    "/var/lib",
    "/var/lib/docker",
    "/usr",
    "/root",
];

/// What decides whether a directory may be the root of a new tenant, beside another's: an error says why not.
type RootPolicy = fn(&Config, &Tenant, &TenantRoot) -> Result<(), String>;

/// The product's own.
fn ours(config: &Config, other: &Tenant, root: &TenantRoot) -> Result<(), String> {
    let new = NewRoots::beside(config, std::slice::from_ref(other), std::slice::from_ref(root));
    RootsHere::new(config, Policy::Embedded).prepare(&new).map_err(|refused| refused.to_string())
}

/// Asks the product's own policy.
pub(super) fn probe(bench: &Bench) -> Outcome {
    match bench.ground.tenant() {
        Ok(base) => attempt(&base, &bench.config, ours),
        Err(error) => unclear("a tenant's directory could not be made", &error),
    }
}

/// Asks `policy`, of a server that keeps its data, its engine's socket and its spawner's below `base`.
fn attempt(base: &ground::Tenant, config: &Config, policy: RootPolicy) -> Outcome {
    let mut config = config.clone();
    let laid_out = || {
        for name in ["data", "data/inner", "engine", "spawner", "rival", "rival/inner", "holds", "holds/rival", "free"]
        {
            base.directory(name)?;
        }
        symlink(base.path("data"), base.path("link"))
    };
    if let Err(error) = laid_out() {
        return unclear("the directories could not be laid out", &error);
    }
    config.data_dir = base.path("data");
    config.spawner.state_dir = base.path("spawner");
    config.engine.endpoint = format!("unix://{}", base.path("engine/docker.sock").display());
    let rivals: Result<Vec<_>, _> =
        ["rival", "holds/rival"].map(|name| TenantRoot::new(base.path(name))).into_iter().collect();
    let rival = match rivals {
        Ok(roots) => Tenant {
            id: TenantId::generate(),
            name: "rival".to_owned(),
            roots,
            limits: TenantLimits::default(),
            state: TenantState::Active,
            created_at: Timestamp::from_micros(0),
        },
        Err(error) => return unclear("a root was refused", &error),
    };
    let ours = ["data", "data/inner", "engine", "spawner", "rival", "rival/inner", "holds", "link", "link/inner", ""]
        .map(|name| base.path(name));
    let refused = ours.into_iter().chain(MACHINE.iter().map(PathBuf::from));
    let asked = |path: PathBuf| TenantRoot::new(path).ok().map(|root| (policy(&config, &rival, &root), root));
    let mut seen: Vec<_> = refused
        .filter_map(asked)
        .filter(|(answer, _)| answer.is_ok())
        .map(|(_, root)| format!("{} may be a root", root.path().display()))
        .collect();
    if let Some((Err(why), _)) = asked(base.path("free")) {
        seen.push(format!("a directory that is nobody else's may not be a root: {why}"));
    }
    Outcome::broke_if_any(&seen)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drill::ground::Ground;

    #[test]
    fn a_policy_that_takes_anything_breaks() {
        let directory = tempfile::tempdir().unwrap();
        let ground = Ground::create(directory.path(), 64_999).unwrap();
        let config = Config::load(None).unwrap();
        let outcome = attempt(&ground.tenant().unwrap(), &config, |_, _, _| Ok(()));
        let Outcome::Broke(seen) = outcome else { panic!("it held") };
        for place in
            ["/data may", "/engine may", "/spawner may", "/rival/inner may", "/holds may", "/link may", "/etc may"]
        {
            assert!(seen.contains(place), "{place} is not in {seen}");
        }
    }
}
