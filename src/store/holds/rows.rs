//! The texts of statements over many rows. Few lengths occur, so that the connection keeps them prepared.

/// The most rows of one statement.
const MAX_ROWS: usize = 32;

/// Splits `rows` into groups whose lengths are powers of two.
pub(super) fn groups<T>(rows: &[T]) -> impl Iterator<Item = &[T]> {
    let mut rest = rows;
    std::iter::from_fn(move || {
        let length = 1 << rest.len().min(MAX_ROWS).checked_ilog2()?;
        let (group, others) = rest.split_at(length);
        rest = others;
        Some(group)
    })
}

/// Placeholders for so many rows, the first of them `$1`: `($1, $2), ($3, $4)`.
pub(super) fn values(rows: usize, columns: usize) -> String {
    let row = |row: usize| format!("({})", placeholders(row * columns + 1, columns));
    (0..rows).map(row).collect::<Vec<_>>().join(", ")
}

/// A list of values for `in`. Its length is a power of two; the last value fills it up.
#[derive(Debug)]
pub(super) struct List {
    values: Vec<String>,
    end: usize,
    /// The placeholders.
    pub(super) placeholders: String,
}

impl List {
    /// The list of `values` whose first placeholder is `$first`. Never empty: nothing equals its only value then.
    pub(super) fn new(values: impl IntoIterator<Item = String>, first: usize) -> Self {
        let mut values: Vec<_> = values.into_iter().collect();
        values.sort_unstable();
        values.dedup();
        let last = values.last().cloned().unwrap_or_default();
        values.resize(values.len().next_power_of_two(), last);
        let (end, placeholders) = (first + values.len(), placeholders(first, values.len()));
        Self { values, end, placeholders }
    }

    /// The number of the placeholder after its last one.
    pub(super) fn end(&self) -> usize {
        self.end
    }

    /// Its values, to be bound.
    pub(super) fn into_values(self) -> Vec<String> {
        self.values
    }
}

fn placeholders(first: usize, count: usize) -> String {
    (first..first + count).map(|place| format!("${place}")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_hold_every_row_once_and_in_order() {
        for count in 0..200 {
            let rows: Vec<_> = (0..count).collect();
            let all: Vec<_> = groups(&rows).collect();
            assert!(all.iter().all(|group| group.len().is_power_of_two() && group.len() <= MAX_ROWS));
            assert_eq!(all.concat(), rows);
        }
    }

    #[test]
    fn placeholders_are_numbered_from_the_first() {
        assert_eq!(values(2, 3), "($1, $2, $3), ($4, $5, $6)");
        let list = List::new(["b", "a", "b", "c"].map(str::to_owned), 5);
        assert_eq!((&*list.placeholders, list.end()), ("$5, $6, $7, $8", 9));
        assert_eq!(list.into_values(), ["a", "b", "c", "c"]);
        assert_eq!(List::new([], 1).into_values(), [""]);
    }
}
