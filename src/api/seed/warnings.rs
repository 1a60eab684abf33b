//! What an answer says of the names in a request that the API does not know. The seed server ignored them, and its clients
//! may send some; whoever misspelt a limit has to learn that it does not apply.

/// How much of a name is repeated.
const MAX_CHARS: usize = 100;

/// How alike a misspelt name is to the one that was meant, from 0 to 1.
const LIKENESS: f64 = 0.75;

/// A sentence for each of `unknown`: names of the kind `what` that are none of `known`.
pub(super) fn ignored(what: &str, unknown: &[String], known: &[&str]) -> Vec<String> {
    let sentence = |name: &String| {
        let hint = meant(name, known).map(|meant| format!("; did you mean `{meant}`?")).unwrap_or_default();
        let name: String = name.chars().take(MAX_CHARS).collect();
        format!("the {what} `{name}` is not known and was ignored{hint}")
    };
    unknown.iter().map(sentence).collect()
}

/// The known name that an unknown one is most like.
fn meant<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    let name = name.to_lowercase().replace('-', "_");
    let likeness = |known: &&'a str| (strsim::jaro_winkler(&name, known), *known);
    let (likeness, meant) = known.iter().map(likeness).max_by(|one, other| one.0.total_cmp(&other.0))?;
    (likeness > LIKENESS).then_some(meant)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::seed::fields::Fields;

    #[test]
    fn a_misspelt_name_is_reported_with_the_one_meant() {
        for (name, known) in [
            ("max_turn", "max_turns"),
            ("limit", "limits"),
            ("maxTurns", "max_turns"),
            ("resume_session", "resume_session_id"),
            ("allowed-tools", "allowed_tools"),
            ("Prompt", "prompt"),
        ] {
            assert_eq!(meant(name, &Fields::NAMES), Some(known), "{name}");
        }
        for name in ["", "x", "temperature", "metadata"] {
            assert_eq!(meant(name, &Fields::NAMES), None, "{name}");
        }
        let sentence = "the field `max_turn` is not known and was ignored; did you mean `max_turns`?";
        assert_eq!(ignored("field", &["max_turn".to_owned()], &Fields::NAMES), [sentence]);
    }
}
