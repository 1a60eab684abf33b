//! Every probe there is, by class.

mod filesystem;
mod kernel;
mod neighbour;
mod nested;
mod network;
mod paths;
mod processes;
mod race;
mod resources;
mod roots;
mod secrets;
mod settings;
mod whole;

use super::probe::{Class, Probe};

/// The probes, a file for each class.
const FILES: [&[Probe]; 10] = [
    whole::PROBES,
    filesystem::PROBES,
    race::PROBES,
    processes::PROBES,
    kernel::PROBES,
    network::PROBES,
    neighbour::PROBES,
    secrets::PROBES,
    settings::PROBES,
    resources::PROBES,
];

/// Every probe, in the order of the report.
pub fn all() -> Vec<&'static Probe> {
    let mut probes: Vec<_> = FILES.iter().copied().flatten().collect();
    probes.sort_by_key(|probe| Class::ALL.iter().position(|class| *class == probe.class));
    probes
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// The probes that SECURITY.md names in its tables: the words between backticks in the last column.
    fn named() -> BTreeSet<String> {
        let text = include_str!("../../../SECURITY.md");
        let rows = text.lines().filter(|line| line.starts_with("| ") && line.ends_with(" |"));
        let last = rows.filter_map(|row| row.trim_end_matches(" |").rsplit('|').next());
        last.flat_map(|cell| cell.split('`').skip(1).step_by(2)).map(str::to_owned).collect()
    }

    #[test]
    fn the_threat_model_names_every_probe_and_no_other() {
        let ids: BTreeSet<_> = all().iter().map(|probe| probe.id.to_owned()).collect();
        assert_eq!(named(), ids);
    }

    #[test]
    fn every_probe_is_listed_once_under_a_snake_case_name() {
        let ids: Vec<_> = all().iter().map(|probe| probe.id).collect();
        assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len());
        assert_eq!(ids.len(), FILES.iter().map(|file| file.len()).sum::<usize>());
        for id in ids {
            assert!(id.chars().all(|letter| letter.is_ascii_lowercase() || letter == '_'), "{id}");
        }
    }
}
