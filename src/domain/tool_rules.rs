//! Lists of tools, split as the agent splits them.
//!
//! The agent joins nothing and splits everything: `Read(x),Bash` in one element of a list is two rules to it. Whoever
//! judges a list has to judge what the agent makes of it.

/// The rules in `lists`, which the agent is given joined by commas: it splits at commas and spaces outside of
/// parentheses. Parentheses do not nest, and one that is left open reaches to the end.
pub fn split<S: AsRef<str>>(lists: &[S]) -> Vec<String> {
    let joined = lists.iter().map(AsRef::as_ref).collect::<Vec<_>>().join(",");
    let (mut rules, mut rule, mut in_parentheses) = (Vec::new(), String::new(), false);
    for letter in joined.chars() {
        match letter {
            '(' | ')' => {
                in_parentheses = letter == '(';
                rule.push(letter);
            }
            ',' | ' ' if !in_parentheses => rules.push(std::mem::take(&mut rule)),
            // Space before a rule is no part of it.
            space if rule.is_empty() && is_space(space) => {}
            other => rule.push(other),
        }
    }
    rules.push(rule);
    let trimmed = rules.iter().map(|rule| rule.trim_matches(is_space)).filter(|rule| !rule.is_empty());
    trimmed.map(str::to_owned).collect()
}

/// The name of the tool that a rule is about: `Bash(git *)` is a way to use `Bash`.
pub fn tool(rule: &str) -> &str {
    rule.split('(').next().unwrap_or_default().trim_matches(is_space)
}

/// JavaScript's notion of space, which is Unicode's without U+0085 and with U+FEFF.
fn is_space(letter: char) -> bool {
    letter == '\u{feff}' || (letter.is_whitespace() && letter != '\u{85}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn rules_are_split_as_the_agent_splits_them() {
        for (lists, rules) in [
            (&["Bash(git *),Read"][..], &["Bash(git *)", "Read"][..]),
            (&["Read Bash"], &["Read", "Bash"]),
            (&["Read(a, b) Bash", "Edit"], &["Read(a, b)", "Bash", "Edit"]),
            (&[" ,, Read ,\t Bash\n"], &["Read", "Bash"]),
            (&["Read\nBash"], &["Read\nBash"]),
            (&["Read(", "Bash"], &["Read(,Bash"]),
            (&["Read(a (b) c)"], &["Read(a (b)", "c)"]),
            (&["Read)Bash(", "Edit)"], &["Read)Bash(,Edit)"]),
            (&["\u{feff}Read\u{a0},\u{85}Bash"], &["Read", "\u{85}Bash"]),
            (&["", " ", ","], &[]),
            (&[], &[]),
        ] {
            assert_eq!(split(lists), rules, "{lists:?}");
        }
    }

    #[test]
    fn a_rule_names_its_tool() {
        assert_eq!(["Bash(git *)", "Bash", "Bash (x)", "(x)"].map(tool), ["Bash", "Bash", "Bash", ""]);
    }

    proptest! {
        #[test]
        fn no_rule_outside_of_parentheses_is_overlooked(
            before in prop::sample::select(vec!["Read", "Read(x)", "Read(x, y)", "Read(a(b)"]),
            between in prop::sample::select(vec![",", " ", ", ", " ,", ",,", "  "]),
        ) {
            let rules = split(&[format!("{before}{between}Bash")]);
            prop_assert_eq!(rules, [before, "Bash"]);
        }
    }
}
