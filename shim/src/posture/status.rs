//! What `/proc/self/status` says about privileges.

use innkeeper_shim::protocol::Posture;

/// Writes what `text` says into `posture`, and leaves what it does not say.
pub(super) fn apply(text: &str, posture: &mut Posture) {
    for (name, value) in text.lines().filter_map(|line| line.split_once(':')) {
        let value = value.trim();
        let sets = &mut posture.capabilities;
        match name {
            "Uid" => set(&mut posture.uid, effective_id(value)),
            "Gid" => set(&mut posture.gid, effective_id(value)),
            "CapEff" => set(&mut sets.effective, capability_set(value)),
            "CapPrm" => set(&mut sets.permitted, capability_set(value)),
            "CapInh" => set(&mut sets.inheritable, capability_set(value)),
            "CapBnd" => set(&mut sets.bounding, capability_set(value)),
            "CapAmb" => set(&mut sets.ambient, capability_set(value)),
            "NoNewPrivs" => posture.no_new_privs = value == "1",
            "Seccomp" => set(&mut posture.seccomp_mode, value.parse().ok()),
            _ => {}
        }
    }
}

fn set<T>(field: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *field = value;
    }
}

/// The second of the real, effective, saved and filesystem id.
fn effective_id(value: &str) -> Option<u32> {
    value.split_whitespace().nth(1)?.parse().ok()
}

fn capability_set(value: &str) -> Option<u64> {
    u64::from_str_radix(value, 16).ok()
}

#[cfg(test)]
mod tests {
    use innkeeper_shim::protocol::{Capabilities, SECCOMP_FILTER};

    use super::*;

    #[test]
    fn a_confined_process_is_found_confined() {
        let text = "Name:\tinnkeeper-shim\nUid:\t0\t1500\t0\t0\nGid:\t9\t1600\t9\t9\nCapInh:\t0000000000000000\n\
                    CapPrm:\t0000000000000000\nCapEff:\t0000000000000000\nCapBnd:\t0000000000000000\n\
                    CapAmb:\t0000000000000000\nNoNewPrivs:\t1\nSeccomp:\t2\nSeccomp_filters:\t1\n";
        let mut posture = Posture::default();
        apply(text, &mut posture);
        assert_eq!((posture.uid, posture.gid), (1500, 1600));
        assert_eq!(posture.capabilities, Capabilities::NONE);
        assert_eq!((posture.no_new_privs, posture.seccomp_mode), (true, SECCOMP_FILTER));
    }

    #[test]
    fn what_is_not_said_stays_the_weakest() {
        let mut posture = Posture::default();
        apply("Uid:\tgarbage\nCapEff:\t00000000a80425fb\nCapBnd:\tno number\n", &mut posture);
        assert_eq!(posture.capabilities.effective, 0xa804_25fb);
        assert_eq!(posture.capabilities.bounding, u64::MAX);
        assert_eq!((posture.uid, posture.no_new_privs), (0, false));
    }
}
