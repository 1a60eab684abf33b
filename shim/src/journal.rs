//! The journal: what the server has not stored yet, numbered without holes and bounded in bytes.

use std::collections::VecDeque;

use innkeeper_shim::protocol::Entry;

/// What an entry costs beside its bytes, so that empty lines are bounded too.
const ENTRY_BYTES: usize = 64;

/// Entries in the order they happened. The first is number 1.
#[derive(Debug)]
pub(crate) struct Journal {
    entries: VecDeque<Entry>,
    /// The number of the last entry that was acknowledged and forgotten.
    acknowledged: u64,
    /// What all entries cost together.
    bytes: usize,
    /// From this cost on nothing more should be added.
    limit_bytes: usize,
    /// Whether the last entry there will ever be was added.
    complete: bool,
}

/// The server speaks of entries that were never written, or asks for some that it had acknowledged.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("entry {0} is not in the journal")]
pub(crate) struct NotInJournal(u64);

impl Journal {
    /// An empty journal that accepts entries until they cost `limit_bytes`.
    pub(crate) fn new(limit_bytes: usize) -> Self {
        Self { entries: VecDeque::new(), acknowledged: 0, bytes: 0, limit_bytes, complete: false }
    }

    /// Adds an entry, also when the journal does not accept any: asking before is the caller's part.
    pub(crate) fn append(&mut self, entry: Entry) {
        self.bytes += cost(&entry);
        self.complete = matches!(entry, Entry::Exited(_));
        self.entries.push_back(entry);
    }

    /// Whether there is room.
    pub(crate) fn accepts(&self) -> bool {
        self.bytes < self.limit_bytes
    }

    /// The number of the last entry, 0 before the first.
    pub(crate) fn last(&self) -> u64 {
        self.acknowledged + self.entries.len() as u64
    }

    /// The entry with number `seq`, unless it was acknowledged or is yet to come.
    pub(crate) fn get(&self, seq: u64) -> Option<&Entry> {
        let index = seq.checked_sub(self.acknowledged + 1)?;
        self.entries.get(usize::try_from(index).ok()?)
    }

    /// Forgets every entry up to `seq`, because the server has them.
    pub(crate) fn acknowledge(&mut self, seq: u64) -> Result<(), NotInJournal> {
        if seq > self.last() {
            return Err(NotInJournal(seq));
        }
        while self.acknowledged < seq
            && let Some(entry) = self.entries.pop_front()
        {
            self.acknowledged += 1;
            self.bytes -= cost(&entry);
        }
        Ok(())
    }

    /// Goes on after `have`, the last entry the server has stored.
    pub(crate) fn resume(&mut self, have: u64) -> Result<(), NotInJournal> {
        if have < self.acknowledged {
            return Err(NotInJournal(have + 1));
        }
        self.acknowledge(have)
    }

    /// Whether the server has everything there will ever be.
    pub(crate) fn is_settled(&self) -> bool {
        self.complete && self.entries.is_empty()
    }
}

fn cost(entry: &Entry) -> usize {
    match entry {
        Entry::Line(line) => ENTRY_BYTES + line.bytes.len(),
        Entry::Started { .. } | Entry::OutOfMemory { .. } | Entry::Exited(_) => ENTRY_BYTES,
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use innkeeper_shim::protocol::{Exited, Line, Stream};
    use proptest::prelude::*;

    use super::*;

    fn line(text: impl Into<Bytes>) -> Entry {
        Entry::Line(Line { stream: Stream::Stdout, truncated: false, bytes: text.into() })
    }

    #[test]
    fn a_full_journal_accepts_again_after_an_acknowledgement() {
        let mut journal = Journal::new(100);
        journal.append(line("x".repeat(20)));
        assert!(journal.accepts());
        journal.append(line("x".repeat(20)));
        assert!(!journal.accepts());
        journal.acknowledge(1).unwrap();
        assert!(journal.accepts());
    }

    #[test]
    fn empty_lines_fill_the_journal_too() {
        let mut journal = Journal::new(1_000);
        (0..16).for_each(|_| journal.append(line("")));
        assert!(!journal.accepts());
    }

    #[test]
    fn an_entry_is_there_until_it_is_acknowledged() {
        let mut journal = Journal::new(1_000);
        assert_eq!((journal.last(), journal.get(0), journal.get(1)), (0, None, None));
        journal.append(line("one"));
        journal.append(line("two"));
        journal.acknowledge(1).unwrap();
        assert_eq!((journal.get(1), journal.get(2)), (None, Some(&line("two"))));
        assert_eq!((journal.last(), journal.get(3)), (2, None));
    }

    #[test]
    fn a_server_out_of_step_is_refused() {
        let mut journal = Journal::new(1_000);
        journal.append(line("one"));
        journal.append(line("two"));
        assert_eq!(journal.acknowledge(3), Err(NotInJournal(3)));
        assert_eq!(journal.resume(2), Ok(()));
        assert_eq!(journal.acknowledge(1), Ok(()), "an old acknowledgement says nothing new");
        assert_eq!(journal.resume(1), Err(NotInJournal(2)));
    }

    #[test]
    fn the_journal_is_settled_when_the_last_entry_is_acknowledged() {
        let mut journal = Journal::new(1_000);
        assert!(!journal.is_settled());
        journal.append(line("one"));
        journal.acknowledge(1).unwrap();
        assert!(!journal.is_settled());
        journal.append(Entry::Exited(Exited::default()));
        assert!(!journal.is_settled());
        journal.acknowledge(2).unwrap();
        assert!(journal.is_settled());
    }

    #[derive(Clone, Debug)]
    enum Act {
        Append(usize),
        /// The server acknowledges so much of what it has, in per cent.
        Acknowledge(u64),
        /// The server comes back and has so much of what was sent, in per cent.
        Reconnect(u64),
    }

    fn act() -> impl Strategy<Value = Act> {
        prop_oneof![
            (0_usize..200).prop_map(Act::Append),
            (0_u64..=100).prop_map(Act::Acknowledge),
            (0_u64..=100).prop_map(Act::Reconnect),
        ]
    }

    proptest! {
        #[test]
        fn a_server_that_comes_and_goes_sees_every_entry_once_and_in_order(
            acts in prop::collection::vec(act(), 0..200)
        ) {
            let mut journal = Journal::new(1_000);
            let (mut written, mut stored) = (Vec::new(), Vec::new());
            for act in acts {
                match act {
                    Act::Append(length) => {
                        let entry = line(vec![b'x'; length]);
                        written.push(entry.clone());
                        journal.append(entry);
                    }
                    Act::Acknowledge(share) => {
                        prop_assert!(journal.acknowledge(stored.len() as u64 * share / 100).is_ok());
                    }
                    Act::Reconnect(share) => {
                        let have = stored.len() as u64;
                        prop_assert!(journal.resume(have).is_ok());
                        let to = have + (journal.last() - have) * share / 100;
                        for seq in have + 1..=to {
                            stored.push(journal.get(seq).cloned().expect("it was not acknowledged"));
                        }
                    }
                }
                prop_assert_eq!(journal.last(), written.len() as u64);
                prop_assert_eq!(&stored[..], &written[..stored.len()]);
            }
            journal.acknowledge(journal.last()).unwrap();
            prop_assert_eq!(journal.bytes, 0);
        }
    }
}
