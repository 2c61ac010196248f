//! What the history did not take: kept in memory until it does.
//!
//! 1. Of an operation its newest state is owed, and all of its text.
//! 2. Bounded: beyond the limits the oldest operation is given up, and text is cut.

use crate::clock;
use crate::model::{Operation, OperationId, Timestamp};
use std::collections::BTreeMap;

/// Of how many operations something may be owed.
const OPERATIONS: usize = 1_000;
/// How much text of all of them together.
const TEXT_BYTES: usize = 4 << 20;

/// What is owed of one operation.
#[derive(Debug, Clone, Default)]
pub(super) struct Debt {
    pub(super) state: Option<Operation>,
    pub(super) text: String,
}

/// Something to be written of an operation.
#[derive(Debug, Clone)]
pub(super) enum Word {
    State(Box<Operation>),
    Text(OperationId, String),
}

/// All that is owed, and since when.
#[derive(Debug)]
pub(super) struct Owed {
    debts: BTreeMap<OperationId, Debt>,
    text_bytes: usize,
    since: Option<(Timestamp, String)>,
}

/// That the history takes nothing now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backlog {
    /// How many operations wait to be written.
    pub operations: usize,
    /// Since when.
    pub since: Timestamp,
    /// What the store said first.
    pub reason: String,
}

impl Word {
    pub(super) const fn operation(&self) -> OperationId {
        match self {
            Self::State(operation) => operation.id,
            Self::Text(id, _) => *id,
        }
    }
}

impl From<Word> for Debt {
    fn from(word: Word) -> Self {
        match word {
            Word::State(state) => Self { state: Some(*state), text: String::new() },
            Word::Text(_, text) => Self { state: None, text },
        }
    }
}

impl Owed {
    pub(super) const NOTHING: Self = Self { debts: BTreeMap::new(), text_bytes: 0, since: None };

    pub(super) fn is_empty(&self) -> bool {
        self.debts.is_empty()
    }

    pub(super) fn backlog(&self) -> Option<Backlog> {
        let (since, reason) = self.since.clone()?;
        Some(Backlog { operations: self.debts.len(), since, reason })
    }

    pub(super) fn add(&mut self, word: Word, reason: impl ToString) {
        self.since.get_or_insert_with(|| (clock::now(), reason.to_string()));
        let debt = self.debts.entry(word.operation()).or_default();
        match word {
            Word::State(state) => debt.state = Some(*state),
            Word::Text(_, text) if self.text_bytes + text.len() <= TEXT_BYTES => {
                self.text_bytes += text.len();
                debt.text.push_str(&text);
            }
            Word::Text(id, _) => {
                tracing::warn!(operation = %id, "its output is not kept: too much waits to be written");
            }
        }
        if self.debts.len() > OPERATIONS {
            self.give_up();
        }
    }

    fn give_up(&mut self) {
        if let Some((id, debt)) = self.debts.pop_first() {
            self.text_bytes -= debt.text.len();
            tracing::error!(operation = %id, "given up: too many operations wait to be written");
        }
    }

    /// The oldest, which stays until it is [`Owed::paid`].
    pub(super) fn first(&self) -> Option<(OperationId, Debt)> {
        self.debts.first_key_value().map(|(id, debt)| (*id, debt.clone()))
    }

    pub(super) fn paid(&mut self, id: OperationId) {
        if let Some(debt) = self.debts.remove(&id) {
            self.text_bytes -= debt.text.len();
        }
        if self.debts.is_empty() {
            self.since = None;
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn id(n: u32) -> OperationId {
        let [a, b, c, d] = n.to_be_bytes();
        OperationId::new(Timestamp::from_millis(1), [a, b, c, d, 0, 0, 0, 0, 0, 0])
    }

    #[test]
    fn what_is_owed_is_bounded_and_the_oldest_goes_first() {
        let mut owed = Owed::NOTHING;
        for n in 0..5_000 {
            owed.add(Word::Text(id(n), "x".repeat(10_000)), "the disk is full");
        }
        let backlog = owed.backlog().unwrap();
        assert_eq!((backlog.operations, backlog.reason.as_str()), (OPERATIONS, "the disk is full"));
        assert!(owed.text_bytes <= TEXT_BYTES);
        assert_eq!(owed.first().unwrap().0, id(4_000));
    }

    #[test]
    fn all_text_of_an_operation_is_owed_together_and_nothing_once_it_is_paid() {
        let mut owed = Owed::NOTHING;
        for (n, text) in [(2, "a"), (1, "-"), (2, "b")] {
            owed.add(Word::Text(id(n), text.to_owned()), "x");
        }
        assert_eq!(owed.first().unwrap().1.text, "-");
        owed.paid(id(1));
        assert_eq!(owed.first().unwrap().1.text, "ab");
        owed.paid(id(2));
        assert_eq!((owed.backlog(), owed.text_bytes), (None, 0));
    }
}
