//! Numbered migrations: brings a database to the newest schema known here.

use super::error::{Result, StoreError};
use rusqlite::Connection;

/// Puts into a new schema what can be worked out from the rows that are there.
type Fill = fn(&Connection) -> Result<()>;

/// A database and the migrations that make it, oldest first.
pub(crate) struct Schema {
    pub(crate) file: &'static str,
    migrations: &'static [&'static str],
    /// What SQL cannot say: run once with the migration of that number, after it.
    fills: &'static [(u32, Fill)],
}

pub(crate) const HISTORY: Schema = Schema {
    file: "history.db",
    migrations: &[
        include_str!("sql/history/0001_logs.sql"),
        include_str!("sql/history/0002_known.sql"),
        include_str!("sql/history/0003_pages.sql"),
    ],
    fills: &[(3, super::history::fill_messages)],
};

pub(crate) const TRUST: Schema = Schema {
    file: "trust.db",
    migrations: &[
        include_str!("sql/trust/0001_trust.sql"),
        include_str!("sql/trust/0002_runs.sql"),
        include_str!("sql/trust/0003_offers.sql"),
        include_str!("sql/trust/0004_boots.sql"),
        include_str!("sql/trust/0005_schedule.sql"),
        include_str!("sql/trust/0006_outbox.sql"),
        include_str!("sql/trust/0007_attempts.sql"),
        include_str!("sql/trust/0008_users.sql"),
    ],
    fills: &[],
};

impl Schema {
    /// Applies what is missing; each migration commits together with its number.
    pub(crate) fn migrate(&self, conn: &mut Connection) -> Result<()> {
        let found: u32 = conn.pragma_query_value(None, "user_version", |row| row.get(0))?;
        let known = u32::try_from(self.migrations.len()).unwrap_or(u32::MAX);
        if found > known {
            return Err(StoreError::NewerSchema { what: self.file, found, known });
        }
        for (number, sql) in (1..=known).zip(self.migrations).skip(found as usize) {
            let tx = conn.transaction()?;
            tx.execute_batch(sql)?;
            for (_, fill) in self.fills.iter().filter(|(of, _)| *of == number) {
                fill(&tx)?;
            }
            tx.pragma_update(None, "user_version", number)?;
            tx.commit()?;
        }
        Ok(())
    }
}
