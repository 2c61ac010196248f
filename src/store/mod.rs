//! The two databases: `trust.db` (pairings, what was received, last runs) and `history.db` (logs).
//!
//! It stores and finds; who may do what is judged above and below it. Schemas are in `sql/`, each
//! table with its reason.
//!
//! 1. S5: a job's answer leaves the writer only after its transaction is durable.
//! 2. R1: entry, head and index change in one transaction; of an entry only the payload can go.
//! 3. R3: what an origin sends never removes an entry: it moves to the archive.
//! 4. A damaged history is set aside and replaced by an empty one with a new epoch; a damaged
//!    `trust.db` is neither.

mod column;
mod error;
mod file;
pub mod history;
mod lock;
mod migrate;
pub mod trust;

pub use error::{Result, StoreError};
pub use file::Journal;
pub use history::History;
pub use lock::DataDirLock;
pub use trust::Trust;
