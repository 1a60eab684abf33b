//! What a command tells: results to the standard output, so that a script can take them, notes for people beside it.

use std::error::Error;
use std::io::{self, Write};

use serde::Serialize;

/// How a command ends.
pub type CommandResult = Result<(), Box<dyn Error + Send + Sync>>;

/// Writes a result for people.
pub(super) fn show(text: &str) -> CommandResult {
    Ok(writeln!(io::stdout().lock(), "{}", text.trim_end())?)
}

/// Writes a result for scripts: JSON, as the admin API answers it.
pub(super) fn show_json<T: Serialize>(value: &T) -> CommandResult {
    show(&serde_json::to_string_pretty(value)?)
}

/// Writes a note for people, which is not part of the result.
pub(super) fn note(text: &str) -> CommandResult {
    Ok(writeln!(io::stderr().lock(), "{}", text.trim_end())?)
}

/// Cells in columns, as wide as the widest of each.
pub(super) fn table<const N: usize>(rows: &[[String; N]]) -> String {
    let widths: [usize; N] =
        std::array::from_fn(|column| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default());
    let mut text = String::new();
    for row in rows {
        let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}"));
        text.push_str(cells.collect::<Vec<_>>().join("  ").trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_stand_below_each_other() {
        let rows = [["NAME", "ID", "X"], ["größer", "1", ""], ["b", "22", "x"]].map(|row| row.map(str::to_owned));
        assert_eq!(table(&rows), "NAME    ID  X\ngrößer  1\nb       22  x\n");
        assert_eq!(table::<2>(&[]), "");
    }
}
