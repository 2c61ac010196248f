//! The outbox of messages, and what was told before: one event and all that follows from it commit
//! together.
//!
//! It knows neither hooks nor events: their names are texts here, what to say is decided by whoever
//! opens a [`Telling`].

use super::Trust;
use crate::model::{KeyId, OperationId, Timestamp};
use crate::store::column::{Col, maybe, noun};
use crate::store::error::Result;
use crate::store::history::Place as LogPlace;
use rusqlite::{OptionalExtension as _, Row, Transaction};

/// No more messages wait.
pub const MOST_WAITING: u32 = 10_000;
/// Where the number of messages is kept that were dropped for want of room.
const DROPPED: &str = "outbox-dropped";

/// A message that waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// Its number; never used twice.
    pub id: i64,
    /// The hook that it belongs to.
    pub hook: String,
    /// The fields of the event, as JSON.
    pub context: String,
    /// When the event was.
    pub created_at: Timestamp,
    /// When it may be delivered first.
    pub first_due: Timestamp,
    /// When it is tried next.
    pub due_at: Timestamp,
    /// How often it was tried in vain.
    pub failures: u32,
    /// Why, the last time.
    pub error: String,
    /// Whether it was held back on purpose.
    pub held: bool,
}

/// A message to be kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewMessage<'a> {
    /// The hook that it belongs to.
    pub hook: &'a str,
    /// The fields of the event, as JSON.
    pub context: &'a str,
    /// Now.
    pub at: Timestamp,
    /// Not before; at once where `None`.
    pub held_until: Option<Timestamp>,
    /// Whether it was said before.
    pub reminder: bool,
}

/// What a hook knows of one state of one thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HookState {
    /// The hook.
    pub hook: String,
    /// Of what.
    pub subject: String,
    /// Which of its states.
    pub family: String,
    /// The word of the newest event.
    pub event: String,
    /// Since when.
    pub since: Timestamp,
    /// When the hook said so last.
    pub told_at: Option<Timestamp>,
    /// The fields of the newest event, as JSON.
    pub context: String,
}

/// One step of telling: all of it is kept, or nothing.
pub struct Telling<'t> {
    pub(super) tx: &'t Transaction<'t>,
}

impl Trust {
    /// Runs a step of telling in one transaction.
    ///
    /// # Errors
    /// That of the step, or of the database.
    pub fn telling<T>(&self, step: impl FnOnce(&Telling<'_>) -> Result<T>) -> Result<T> {
        self.transact(|tx| step(&Telling { tx }))
    }

    /// The messages that are due by then, oldest first.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn due_messages(&self, by: Timestamp, limit: u32) -> Result<Vec<Waiting>> {
        let conn = self.lock();
        let mut rows =
            conn.prepare_cached("SELECT * FROM outbox WHERE due_at <= ?1 ORDER BY id LIMIT ?2")?;
        let due = rows.query_map((Col(by), limit), waiting)?.collect::<rusqlite::Result<_>>()?;
        Ok(due)
    }

    /// When the next message is due.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn next_message_due(&self) -> Result<Option<Timestamp>> {
        let conn = self.lock();
        let next = conn.query_row("SELECT min(due_at) AS due_at FROM outbox", [], |row| {
            maybe(row, "due_at")
        })?;
        Ok(next)
    }

    /// How many messages wait after a failure, with the newest of them; and how many were dropped.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn failing_messages(&self) -> Result<(u32, Option<Waiting>)> {
        let conn = self.lock();
        let count =
            conn.query_row("SELECT count(*) FROM outbox WHERE failures > 0", [], |row| row.get(0))?;
        let sql = "SELECT * FROM outbox WHERE failures > 0 ORDER BY id DESC LIMIT 1";
        let newest = conn.query_row(sql, [], waiting).optional()?;
        Ok((count, newest))
    }

    /// Of each hook whose messages wait after a failure, the newest of those.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn failing_hooks(&self) -> Result<Vec<Waiting>> {
        let conn = self.lock();
        let sql = "SELECT * FROM outbox WHERE id IN \
                   (SELECT max(id) FROM outbox WHERE failures > 0 GROUP BY hook)";
        let mut rows = conn.prepare_cached(sql)?;
        Ok(rows.query_map([], waiting)?.collect::<rusqlite::Result<_>>()?)
    }

    /// How many messages were dropped for want of room, ever.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn dropped_messages(&self) -> Result<u64> {
        let text = self.meta(DROPPED)?.and_then(|bytes| String::from_utf8(bytes).ok());
        Ok(text.and_then(|text| text.parse().ok()).unwrap_or_default())
    }

    /// These messages were delivered, or given up.
    ///
    /// # Errors
    /// The database cannot be written.
    pub fn messages_done(&self, ids: &[i64]) -> Result<()> {
        self.transact(|tx| {
            let mut delete = tx.prepare_cached("DELETE FROM outbox WHERE id = ?1")?;
            ids.iter().try_for_each(|id| delete.execute([id]).map(drop))?;
            Ok(())
        })
    }

    /// This message was not delivered; it is tried again.
    ///
    /// # Errors
    /// The database cannot be written.
    pub fn message_failed(&self, id: i64, due_at: Timestamp, error: &str) -> Result<()> {
        let sql =
            "UPDATE outbox SET failures = failures + 1, due_at = ?2, error = ?3 WHERE id = ?1";
        self.lock().execute(sql, (id, Col(due_at), error))?;
        Ok(())
    }

    /// These messages wait until then, for one before them.
    ///
    /// # Errors
    /// The database cannot be written.
    pub fn messages_deferred(&self, ids: &[i64], until: Timestamp) -> Result<()> {
        self.transact(|tx| {
            let mut update = tx.prepare_cached("UPDATE outbox SET due_at = ?2 WHERE id = ?1")?;
            ids.iter().try_for_each(|id| update.execute((id, Col(until))).map(drop))?;
            Ok(())
        })
    }

    /// What hooks know of states that they told of.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn told_states(&self) -> Result<Vec<HookState>> {
        let conn = self.lock();
        let mut rows = conn.prepare_cached("SELECT * FROM hook_state WHERE told_at NOT NULL")?;
        let states = rows.query_map([], hook_state)?.collect::<rusqlite::Result<_>>()?;
        Ok(states)
    }

    /// Tells a channel (the empty name: every one) nothing until then; `None`: it is told again.
    ///
    /// # Errors
    /// The database cannot be written.
    pub fn snooze(&self, channel: &str, until: Option<Timestamp>) -> Result<()> {
        let conn = self.lock();
        match until {
            Some(until) => {
                conn.execute("INSERT OR REPLACE INTO snooze VALUES (?1, ?2)", (channel, Col(until)))
            }
            None => conn.execute("DELETE FROM snooze WHERE channel = ?1", [channel]),
        }?;
        Ok(())
    }

    /// Who is told nothing, and until when.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn snoozes(&self) -> Result<Vec<(String, Timestamp)>> {
        let conn = self.lock();
        let mut rows = conn.prepare_cached("SELECT channel, until FROM snooze")?;
        let all = rows.query_map([], |row| Ok((row.get("channel")?, noun(row, "until")?)))?;
        Ok(all.collect::<rusqlite::Result<_>>()?)
    }
}

impl Telling<'_> {
    /// Notes that the end of an operation is passed on; `false` if it was before.
    ///
    /// # Errors
    /// The database cannot be written.
    pub fn is_first(&self, origin: &KeyId, operation: OperationId, at: Timestamp) -> Result<bool> {
        let sql = "INSERT OR IGNORE INTO told_end VALUES (?1, ?2, ?3)";
        Ok(self.tx.prepare_cached(sql)?.execute((Col(*origin), Col(operation), Col(at)))? == 1)
    }

    /// Forgets the ends and states that were told before that.
    ///
    /// # Errors
    /// The database cannot be written.
    pub fn forget_before(&self, at: Timestamp) -> Result<()> {
        self.tx.prepare_cached("DELETE FROM told_end WHERE at < ?1")?.execute([Col(at)])?;
        Ok(())
    }

    /// What a hook knows of a state.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn state(&self, hook: &str, subject: &str, family: &str) -> Result<Option<HookState>> {
        let sql = "SELECT * FROM hook_state WHERE hook = ?1 AND subject = ?2 AND family = ?3";
        let mut select = self.tx.prepare_cached(sql)?;
        Ok(select.query_row((hook, subject, family), hook_state).optional()?)
    }

    /// Keeps what a hook knows of a state.
    ///
    /// # Errors
    /// The database cannot be written.
    pub fn keep_state(&self, state: &HookState) -> Result<()> {
        let HookState { hook, subject, family, event, since, told_at, context } = state;
        let sql = "INSERT OR REPLACE INTO hook_state VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
        let told_at = told_at.map(Col);
        let values = (hook, subject, family, event, Col(*since), told_at, context);
        self.tx.prepare_cached(sql)?.execute(values)?;
        Ok(())
    }

    /// Forgets what hooks knew of something that is no more.
    ///
    /// # Errors
    /// The database cannot be written.
    pub fn forget_subject(&self, subject: &str) -> Result<()> {
        self.tx.execute("DELETE FROM hook_state WHERE subject = ?1", [subject])?;
        Ok(())
    }

    /// Forgets what hooks knew that are no more.
    ///
    /// # Errors
    /// The database cannot be written.
    pub fn keep_hooks(&self, hooks: &[String]) -> Result<()> {
        let mut select = self.tx.prepare("SELECT DISTINCT hook FROM hook_state")?;
        let known: Vec<String> =
            select.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
        for gone in known.iter().filter(|known| !hooks.contains(known)) {
            self.tx.execute("DELETE FROM hook_state WHERE hook = ?1", [gone])?;
        }
        Ok(())
    }

    /// Keeps a message until it is delivered. Where too many wait the oldest reminder goes, else the
    /// oldest message, and is counted.
    ///
    /// # Errors
    /// The database cannot be written.
    pub fn enqueue(&self, message: &NewMessage<'_>) -> Result<()> {
        let count: u32 = self
            .tx
            .prepare_cached("SELECT count(*) FROM outbox")?
            .query_row([], |row| row.get(0))?;
        if count >= MOST_WAITING {
            self.drop_oldest()?;
        }
        let due = message.held_until.unwrap_or(message.at);
        let sql = "INSERT INTO outbox (hook, context, created_at, first_due, due_at, held, reminder) \
                   VALUES (?1, ?2, ?3, ?4, ?4, ?5, ?6)";
        let NewMessage { hook, context, at, held_until, reminder } = message;
        let held = held_until.is_some();
        self.tx.prepare_cached(sql)?.execute((
            hook,
            context,
            Col(*at),
            Col(due),
            held,
            reminder,
        ))?;
        Ok(())
    }

    fn drop_oldest(&self) -> Result<()> {
        let sql = "DELETE FROM outbox WHERE id = \
                   (SELECT id FROM outbox ORDER BY reminder DESC, id LIMIT 1)";
        self.tx.execute(sql, [])?;
        let sql = "INSERT INTO meta (key, value) VALUES (?1, CAST('1' AS BLOB)) ON CONFLICT (key) \
                   DO UPDATE SET value = CAST(CAST(CAST(CAST(value AS TEXT) AS INTEGER) + 1 AS TEXT) AS BLOB)";
        self.tx.execute(sql, [DROPPED])?;
        Ok(())
    }

    /// Up to where the logs were looked at; nothing before they ever were.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn places(&self) -> Result<Vec<LogPlace>> {
        let mut select = self.tx.prepare_cached("SELECT * FROM told_place")?;
        let place = |row: &Row<'_>| {
            let seq: i64 = row.get("seq")?;
            let seq = u64::try_from(seq).unwrap_or_default();
            Ok(LogPlace { shard: row.get("shard")?, seq, chain: row.get("chain")? })
        };
        Ok(select.query_map([], place)?.collect::<rusqlite::Result<_>>()?)
    }

    /// Keeps up to where some logs were looked at.
    ///
    /// # Errors
    /// The database cannot be written.
    pub fn keep_places(&self, places: &[LogPlace]) -> Result<()> {
        let mut insert =
            self.tx.prepare_cached("INSERT OR REPLACE INTO told_place VALUES (?1, ?2, ?3)")?;
        for LogPlace { shard, seq, chain } in places {
            let seq = i64::try_from(*seq).unwrap_or(i64::MAX);
            insert.execute((shard, seq, chain))?;
        }
        Ok(())
    }

    /// Forgets up to where the logs were looked at.
    ///
    /// # Errors
    /// The database cannot be written.
    pub fn forget_places(&self) -> Result<()> {
        self.tx.execute("DELETE FROM told_place", [])?;
        Ok(())
    }
}

fn waiting(row: &Row<'_>) -> rusqlite::Result<Waiting> {
    Ok(Waiting {
        id: row.get("id")?,
        hook: row.get("hook")?,
        context: row.get("context")?,
        created_at: noun(row, "created_at")?,
        first_due: noun(row, "first_due")?,
        due_at: noun(row, "due_at")?,
        failures: row.get("failures")?,
        error: row.get("error")?,
        held: row.get("held")?,
    })
}

fn hook_state(row: &Row<'_>) -> rusqlite::Result<HookState> {
    Ok(HookState {
        hook: row.get("hook")?,
        subject: row.get("subject")?,
        family: row.get("family")?,
        event: row.get("event")?,
        since: noun(row, "since")?,
        told_at: maybe(row, "told_at")?,
        context: row.get("context")?,
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    fn trust() -> (tempfile::TempDir, Trust) {
        let dir = tempfile::tempdir().unwrap();
        let trust = Trust::open(dir.path()).unwrap();
        (dir, trust)
    }

    fn message(hook: &str, at: Timestamp, reminder: bool) -> NewMessage<'_> {
        NewMessage { hook, context: "{}", at, held_until: None, reminder }
    }

    #[test]
    fn a_message_waits_until_it_is_delivered_and_longer_after_each_failure() {
        let (dir, trust) = trust();
        trust.telling(|telling| telling.enqueue(&message("a", at(5), false))).unwrap();
        assert_eq!(trust.due_messages(at(4), 9).unwrap(), []);
        drop(trust);
        let trust = Trust::open(dir.path()).unwrap();
        let due = trust.due_messages(at(5), 9).unwrap();
        assert_eq!((due.len(), due[0].hook.as_str(), due[0].failures), (1, "a", 0));
        trust.message_failed(due[0].id, at(50), "no answer").unwrap();
        assert_eq!(trust.due_messages(at(49), 9).unwrap(), []);
        assert_eq!(trust.next_message_due().unwrap(), Some(at(50)));
        let (failing, newest) = trust.failing_messages().unwrap();
        assert_eq!((failing, newest.unwrap().error.as_str()), (1, "no answer"));
        let again = trust.due_messages(at(50), 9).unwrap().remove(0);
        assert_eq!((again.failures, again.first_due), (1, at(5)));
        trust.messages_done(&[again.id]).unwrap();
        assert_eq!(trust.next_message_due().unwrap(), None);
    }

    #[test]
    fn a_step_that_fails_has_told_nothing() {
        let (_dir, trust) = trust();
        let (key, id) = (KeyId::from_bytes([1; 32]), OperationId::from_bytes([2; 16]));
        let failed: Result<()> = trust.telling(|telling| {
            assert!(telling.is_first(&key, id, at(1))?);
            telling.enqueue(&message("a", at(1), false))?;
            Err(crate::store::StoreError::Full)
        });
        assert!(failed.is_err());
        assert_eq!(trust.next_message_due().unwrap(), None);
        let first = || trust.telling(|telling| telling.is_first(&key, id, at(1))).unwrap();
        assert_eq!((first(), first()), (true, false), "once, and then not again");
        trust.telling(|telling| telling.forget_before(at(2))).unwrap();
        assert!(first());
    }

    #[test]
    fn where_too_many_wait_the_oldest_reminder_goes_first_and_is_counted() {
        let (_dir, trust) = trust();
        let fill = |telling: &Telling<'_>| {
            telling.enqueue(&message("old", at(1), false))?;
            telling.enqueue(&message("reminder", at(2), true))?;
            (2..MOST_WAITING).try_for_each(|_| telling.enqueue(&message("new", at(3), false)))
        };
        trust.telling(fill).unwrap();
        assert_eq!(trust.dropped_messages().unwrap(), 0);
        let hooks = || {
            let due = trust.due_messages(at(9), 3).unwrap();
            due.into_iter().map(|waiting| waiting.hook).collect::<Vec<_>>()
        };
        trust.telling(|telling| telling.enqueue(&message("last", at(4), false))).unwrap();
        assert_eq!(
            (hooks(), trust.dropped_messages().unwrap()),
            (vec!["old".to_owned(), "new".to_owned(), "new".to_owned()], 1)
        );
        trust.telling(|telling| telling.enqueue(&message("last", at(4), false))).unwrap();
        assert_eq!((hooks()[0].as_str(), trust.dropped_messages().unwrap()), ("new", 2));
    }

    #[test]
    fn states_places_and_snoozes_are_kept() {
        let (dir, trust) = trust();
        let state = HookState {
            hook: "a".to_owned(),
            subject: "nas//home".to_owned(),
            family: "backup".to_owned(),
            event: "backup-failed".to_owned(),
            since: at(1),
            told_at: Some(at(2)),
            context: "{}".to_owned(),
        };
        let untold = HookState { hook: "b".to_owned(), told_at: None, ..state.clone() };
        let place = LogPlace { shard: 7, seq: 9, chain: [3; 32] };
        trust
            .telling(|telling| {
                telling.keep_state(&state)?;
                telling.keep_state(&untold)?;
                telling.keep_places(&[place])
            })
            .unwrap();
        trust.snooze("phone", Some(at(5))).unwrap();
        drop(trust);
        let trust = Trust::open(dir.path()).unwrap();
        assert_eq!(trust.told_states().unwrap(), std::slice::from_ref(&state));
        assert_eq!(trust.snoozes().unwrap(), [("phone".to_owned(), at(5))]);
        trust.snooze("phone", None).unwrap();
        assert_eq!(trust.snoozes().unwrap(), []);
        trust
            .telling(|telling| {
                assert_eq!(telling.state("b", "nas//home", "backup")?, Some(untold.clone()));
                assert_eq!(telling.places()?, [place]);
                telling.keep_hooks(&["a".to_owned()])?;
                assert_eq!(telling.state("b", "nas//home", "backup")?, None);
                assert_eq!(telling.state("a", "nas//home", "backup")?, Some(state.clone()));
                telling.forget_places()?;
                assert_eq!(telling.places()?, []);
                Ok(())
            })
            .unwrap();
    }
}
