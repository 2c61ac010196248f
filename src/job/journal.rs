//! What one run of restic has said so far.

use crate::model::{ItemError, ItemErrors};
use crate::restic::{Event, Line, Summary};

/// How much of restic's output is kept as the operation's log.
const LOG_LIMIT: usize = 1 << 20;
/// How much text of item errors an operation carries: its log entry has 32 KiB for everything.
const ITEM_ERROR_BYTES: usize = 16 << 10;

/// Collected line by line; bounded, whatever restic prints.
#[derive(Debug, Default)]
pub(super) struct Journal {
    unsaved: String,
    logged: usize,
    item_bytes: usize,
    pub(super) item_errors: ItemErrors,
    pub(super) summary: Option<Summary>,
    pub(super) freed: Option<String>,
}

impl Journal {
    /// Takes a line. Status lines are not for the log: they come four times a second.
    pub(super) fn take(&mut self, line: Line) -> Option<crate::model::Progress> {
        match line.event {
            Event::Progress(progress) => return Some(progress),
            Event::ItemError(error) => self.item_error(error),
            Event::Summary(summary) => self.summary = Some(summary),
            Event::Freed(size) => self.freed = Some(size),
            Event::Said => {}
        }
        self.log(&line.text);
        None
    }

    fn item_error(&mut self, error: ItemError) {
        self.item_errors.total += 1;
        self.item_bytes += error.path.len() + error.message.len();
        let fits = self.item_bytes <= ITEM_ERROR_BYTES;
        if fits && self.item_errors.first.len() < ItemErrors::KEPT {
            self.item_errors.first.push(error);
        }
    }

    /// Adds a line to the log; the first that does not fit is replaced by a note, the rest dropped.
    pub(super) fn log(&mut self, text: &str) {
        if self.logged > LOG_LIMIT || text.is_empty() {
            return;
        }
        self.logged += text.len() + 1;
        let text =
            if self.logged > LOG_LIMIT { "(the rest of the output was not kept)" } else { text };
        self.unsaved.push_str(text);
        self.unsaved.push('\n');
    }

    /// What has to be saved since the last call.
    pub(super) fn unsaved(&mut self) -> Option<String> {
        (!self.unsaved.is_empty()).then(|| std::mem::take(&mut self.unsaved))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_item_errors_is_counted_and_the_first_are_kept() {
        let mut journal = Journal::default();
        for n in 0..50_000 {
            let text = format!("/home/{n} {}", "x".repeat(100));
            let error = ItemError { path: text.clone(), message: "denied".to_owned() };
            journal.take(Line { event: Event::ItemError(error), text });
        }
        assert_eq!(journal.item_errors.total, 50_000);
        assert_eq!(journal.item_errors.first.len(), ItemErrors::KEPT);
        let log = journal.unsaved().unwrap();
        assert!(log.len() < LOG_LIMIT + 100 && log.ends_with("was not kept)\n"));
        assert_eq!(journal.unsaved(), None);
    }
}
