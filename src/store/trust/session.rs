//! Logins of the web interface.
//!
//! 1. A login that expired, by age or for want of use, is found by nobody.
//! 2. What ended stays ended: there is no way back to a removed row.

use super::{Trust, from_text};
use crate::model::{Role, Secret, SecretHash, SessionId, Timestamp, UserName};
use crate::store::column::{Col, noun};
use crate::store::error::Result;
use rusqlite::{Connection, OptionalExtension as _, Row};
use std::time::Duration;

/// Without use a login ends after this time.
pub const IDLE: Duration = Duration::from_secs(7 * 24 * 3600);
/// However much it is used, a login ends after this time.
pub const LONGEST: Duration = Duration::from_secs(30 * 24 * 3600);
/// Logins of one user; the one unused for longest makes room.
pub const MOST_SESSIONS: u32 = 50;

/// A login.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Names it.
    pub id: SessionId,
    /// Whose it is.
    pub user: UserName,
    /// What that user may do.
    pub role: Role,
    /// Since when.
    pub created_at: Timestamp,
    /// When it was last used, to the minute.
    pub last_used: Timestamp,
    /// When it ends at the latest.
    pub expires_at: Timestamp,
    /// From where it was last used.
    pub address: String,
    /// By which browser it was opened.
    pub agent: String,
}

impl Session {
    /// When it ends if it is not used again.
    #[must_use]
    pub fn ends_at(&self) -> Timestamp {
        self.expires_at.min(self.last_used.plus(IDLE))
    }
}

/// A login to be opened.
#[derive(Debug, Clone)]
pub struct NewSession {
    /// Names it.
    pub id: SessionId,
    /// What is kept of its secret.
    pub token: SecretHash,
    /// Whose it is.
    pub user: UserName,
    /// From where.
    pub address: String,
    /// By which browser.
    pub agent: String,
}

/// The last moment at which a login that counts now was used.
pub(super) fn idle_since(now: Timestamp) -> Timestamp {
    now.minus(IDLE)
}

impl Trust {
    /// Opens a login in place of `instead`, and forgets what has expired. `false` if the user is
    /// gone, or `password` is not theirs any more.
    ///
    /// # Errors
    /// The database cannot be written.
    pub fn open_session(
        &self,
        new: &NewSession,
        password: &Secret,
        instead: Option<SessionId>,
        now: Timestamp,
    ) -> Result<bool> {
        self.transact(|tx| {
            let sql = "UPDATE user SET last_login = ?3 WHERE name = ?1 AND password = ?2";
            if tx.execute(sql, (new.user.as_str(), password.expose(), Col(now)))? == 0 {
                return Ok(false);
            }
            if let Some(old) = instead {
                end(tx, old)?;
            }
            make_room(tx, &new.user, now)?;
            insert(tx, new, now)?;
            Ok(true)
        })
    }

    /// The login that has this secret, if it is in force.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn session_by(&self, token: &SecretHash, now: Timestamp) -> Result<Option<Session>> {
        let sql = format!("{SELECT} AND token_hash = ?3");
        let values = (Col(now), Col(idle_since(now)), token.as_bytes());
        Ok(self.lock().query_row(&sql, values, read).optional()?)
    }

    /// Whether a login is still in force.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn is_session(&self, id: SessionId, now: Timestamp) -> Result<bool> {
        let sql = format!("SELECT EXISTS ({SELECT} AND id = ?3)");
        let values = (Col(now), Col(idle_since(now)), id.to_string());
        Ok(self.lock().query_row(&sql, values, |row| row.get(0))?)
    }

    /// Whether this user has a login that was last used from this address.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn is_session_from(&self, user: &UserName, address: &str, now: Timestamp) -> Result<bool> {
        let sql = format!("SELECT EXISTS ({SELECT} AND user = ?3 AND address = ?4)");
        let values = (Col(now), Col(idle_since(now)), user.as_str(), address);
        Ok(self.lock().query_row(&sql, values, |row| row.get(0))?)
    }

    /// A login is used, from there.
    ///
    /// # Errors
    /// The database cannot be written.
    pub fn touch_session(&self, id: SessionId, address: &str, now: Timestamp) -> Result<()> {
        let sql = "UPDATE session SET last_used = max(last_used, ?2), address = ?3 WHERE id = ?1";
        self.lock().execute(sql, (id.to_string(), Col(now), address))?;
        Ok(())
    }

    /// The logins in force, newest use first: one user's, or all.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn sessions(&self, of: Option<&UserName>, now: Timestamp) -> Result<Vec<Session>> {
        let conn = self.lock();
        let sql = format!("{SELECT} AND user = coalesce(?3, user) ORDER BY last_used DESC, id");
        let mut rows = conn.prepare(&sql)?;
        let values = (Col(now), Col(idle_since(now)), of.map(UserName::as_str));
        let sessions = rows.query_map(values, read)?.collect::<rusqlite::Result<_>>()?;
        Ok(sessions)
    }

    /// Ends a login. `false` if there is none with this id.
    ///
    /// # Errors
    /// The database cannot be written.
    pub fn end_session(&self, id: SessionId) -> Result<bool> {
        end(&self.lock(), id)
    }

    /// Ends all logins of a user but one.
    ///
    /// # Errors
    /// The database cannot be written.
    pub fn end_other_sessions(&self, user: &UserName, keep: Option<SessionId>) -> Result<()> {
        let sql = "DELETE FROM session WHERE user = ?1 AND id <> coalesce(?2, '')";
        self.lock().execute(sql, (user.as_str(), keep.map(|id| id.to_string())))?;
        Ok(())
    }
}

const SELECT: &str = "SELECT session.*, user.role FROM session JOIN user ON user.name = session.user \
     WHERE expires_at > ?1 AND last_used > ?2";

fn end(conn: &Connection, id: SessionId) -> Result<bool> {
    Ok(conn.execute("DELETE FROM session WHERE id = ?1", [id.to_string()])? > 0)
}

fn make_room(conn: &Connection, user: &UserName, now: Timestamp) -> Result<()> {
    let sql = "DELETE FROM session WHERE expires_at <= ?1 OR last_used <= ?2";
    conn.execute(sql, (Col(now), Col(idle_since(now))))?;
    let sql = "DELETE FROM session WHERE id IN (SELECT id FROM session WHERE user = ?1 \
               ORDER BY last_used DESC LIMIT -1 OFFSET ?2)";
    conn.execute(sql, (user.as_str(), MOST_SESSIONS - 1))?;
    Ok(())
}

fn insert(conn: &Connection, new: &NewSession, now: Timestamp) -> Result<()> {
    conn.execute(
        "INSERT INTO session VALUES (?1, ?2, ?3, ?4, ?4, ?5, ?6, ?7)",
        (
            new.id.to_string(),
            new.token.as_bytes(),
            new.user.as_str(),
            Col(now),
            Col(now.plus(LONGEST)),
            &new.address,
            &new.agent,
        ),
    )?;
    Ok(())
}

fn read(row: &Row<'_>) -> rusqlite::Result<Session> {
    Ok(Session {
        id: from_text(row, "id")?,
        user: from_text(row, "user")?,
        role: from_text(row, "role")?,
        created_at: noun(row, "created_at")?,
        last_used: noun(row, "last_used")?,
        expires_at: noun(row, "expires_at")?,
        address: row.get("address")?,
        agent: row.get("agent")?,
    })
}
