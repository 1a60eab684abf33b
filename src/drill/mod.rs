//! The drill: known attacks, run inside and around real sandboxes, and which of them held.

mod bench;
mod ground;
mod guest;
mod outcome;
mod probe;
mod probes;
mod refusal;
mod report;
mod run;
mod startup;

pub use outcome::Outcome;
pub use probe::{Class, Probe};
pub use probes::all;
pub use report::{Finding, Report};
pub use run::Drill;
pub use startup::{at_start, learn};

use crate::spawner::SpawnerError;

/// Why no drill can be held.
#[derive(Debug, thiserror::Error)]
pub enum DrillError {
    /// The engine or its image cannot be used.
    #[error("no sandbox can be attacked")]
    Spawner(#[from] SpawnerError),
    /// No directory could be made to hold it in.
    #[error("the drill's directory below data_dir could not be made")]
    Ground(#[from] std::io::Error),
    /// A probe or a class was named that there is not.
    #[error("there is no probe or class `{0}`; `innkeeper drill --list` names all of them")]
    Unknown(String),
}

/// The probes of these names and classes, in the order of the report; all when none is named.
///
/// # Errors
/// When one is named that there is not.
pub fn choose(names: &[String], classes: &[String]) -> Result<Vec<&'static Probe>, DrillError> {
    let probes = all();
    let is_name = |name: &String| probes.iter().any(|probe| probe.id == *name);
    let is_class = |name: &String| Class::ALL.iter().any(|class| class.as_str() == *name);
    let unknown = names.iter().find(|name| !is_name(name)).or_else(|| classes.iter().find(|name| !is_class(name)));
    if let Some(name) = unknown {
        return Err(DrillError::Unknown(name.clone()));
    }
    let chosen = |probe: &&'static Probe| {
        (names.is_empty() && classes.is_empty())
            || names.iter().any(|name| name == probe.id)
            || classes.iter().any(|name| name == probe.class.as_str())
    };
    Ok(probes.into_iter().filter(chosen).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(names: &[&str], classes: &[&str]) -> Result<Vec<&'static str>, DrillError> {
        let owned = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect::<Vec<_>>();
        Ok(choose(&owned(names), &owned(classes))?.into_iter().map(|probe| probe.id).collect())
    }

    #[test]
    fn probes_are_chosen_by_name_and_by_class_in_the_order_of_the_report() {
        assert_eq!(ids(&[], &[]).unwrap().len(), all().len());
        assert_eq!(ids(&["fork_bomb", "posture"], &["race"]).unwrap(), ["posture", "swapped_workspace", "fork_bomb"]);
        assert!(matches!(ids(&["posture", "fork"], &[]), Err(DrillError::Unknown(name)) if name == "fork"));
        assert!(matches!(ids(&[], &["posture"]), Err(DrillError::Unknown(name)) if name == "posture"));
    }
}
