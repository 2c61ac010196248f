//! The people who may use the web interface.
//!
//! 1. The first user is added by whoever comes first, and by nobody after.
//! 2. While there is a user there is an admin: the last one is neither demoted nor removed, unless
//!    nobody else is left.
//! 3. A new password, a new role and removal end the logins of that user in the same transaction.

use super::{Trust, from_text};
use crate::model::{Role, Secret, SessionId, Timestamp, UserName};
use crate::store::column::{Col, maybe, noun};
use crate::store::error::Result;
use rusqlite::{Connection, OptionalExtension as _, Row};

/// A user, without the password's hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// The name.
    pub name: UserName,
    /// What this user may do.
    pub role: Role,
    /// Since when.
    pub created_at: Timestamp,
    /// When they last signed in.
    pub last_login: Option<Timestamp>,
    /// Logins in force.
    pub sessions: u32,
}

/// A user to be added.
#[derive(Clone)]
pub struct NewUser {
    /// The name.
    pub name: UserName,
    /// The password's hash, in the PHC string format.
    pub password: Secret,
    /// What this user may do.
    pub role: Role,
}

/// What a password is compared with.
#[derive(Clone)]
pub struct Credentials {
    /// The password's hash, in the PHC string format.
    pub password: Secret,
    /// What this user may do.
    pub role: Role,
}

/// What became of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UserChange {
    /// Done.
    Done,
    /// There is no such user.
    Unknown,
    /// Nobody could change anything any more: this is the last admin, and there are other users.
    LastAdmin,
}

impl Trust {
    /// Whether there is any user.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn has_users(&self) -> Result<bool> {
        any_user(&self.lock())
    }

    /// Every user, by name, with the logins in force now.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn users(&self, now: Timestamp) -> Result<Vec<User>> {
        let conn = self.lock();
        let sql = format!("{SELECT} ORDER BY name");
        let mut rows = conn.prepare(&sql)?;
        let users = rows.query_map([Col(now), Col(super::session::idle_since(now))], read)?;
        Ok(users.collect::<rusqlite::Result<_>>()?)
    }

    /// One user.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn user(&self, name: &UserName, now: Timestamp) -> Result<Option<User>> {
        Ok(self.users(now)?.into_iter().find(|user| user.name == *name))
    }

    /// What the password of a user is compared with.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn credentials(&self, name: &UserName) -> Result<Option<Credentials>> {
        let sql = "SELECT password, role FROM user WHERE name = ?1";
        let read = |row: &Row<'_>| {
            let password = Secret::new(row.get("password")?);
            Ok(Credentials { password, role: from_text(row, "role")? })
        };
        Ok(self.lock().query_row(sql, [name.as_str()], read).optional()?)
    }

    /// Adds a user. `false` if the name is taken.
    ///
    /// # Errors
    /// The database cannot be written.
    pub fn add_user(&self, user: &NewUser, now: Timestamp) -> Result<bool> {
        insert(&self.lock(), user, now)
    }

    /// Adds the first user. `false` if there is one already.
    ///
    /// # Errors
    /// The database cannot be written.
    pub fn add_first_user(&self, user: &NewUser, now: Timestamp) -> Result<bool> {
        self.transact(|tx| if any_user(tx)? { Ok(false) } else { insert(tx, user, now) })
    }

    /// Sets the hash of a password, and ends the user's logins but `keep`. `false` if there is no
    /// such user.
    ///
    /// # Errors
    /// The database cannot be written.
    pub fn set_password(
        &self,
        name: &UserName,
        password: &Secret,
        keep: Option<SessionId>,
    ) -> Result<bool> {
        self.transact(|tx| {
            let sql = "UPDATE user SET password = ?2 WHERE name = ?1";
            let found = tx.execute(sql, (name.as_str(), password.expose()))? > 0;
            end_logins(tx, name, keep)?;
            Ok(found)
        })
    }

    /// Sets a role, and ends the user's logins where it is another.
    ///
    /// # Errors
    /// The database cannot be written.
    pub fn set_role(&self, name: &UserName, role: Role) -> Result<UserChange> {
        self.transact(|tx| {
            let Some(before) = role_of(tx, name)? else { return Ok(UserChange::Unknown) };
            if before == role {
                return Ok(UserChange::Done);
            }
            if before == Role::Admin && others(tx, name, Some(Role::Admin))? == 0 {
                return Ok(UserChange::LastAdmin);
            }
            let sql = "UPDATE user SET role = ?2 WHERE name = ?1";
            tx.execute(sql, (name.as_str(), role.as_str()))?;
            end_logins(tx, name, None)?;
            Ok(UserChange::Done)
        })
    }

    /// Removes a user and their logins.
    ///
    /// # Errors
    /// The database cannot be written.
    pub fn remove_user(&self, name: &UserName) -> Result<UserChange> {
        self.transact(|tx| {
            let Some(role) = role_of(tx, name)? else { return Ok(UserChange::Unknown) };
            let no_other_admin = others(tx, name, Some(Role::Admin))? == 0;
            if role == Role::Admin && no_other_admin && others(tx, name, None)? > 0 {
                return Ok(UserChange::LastAdmin);
            }
            tx.execute("DELETE FROM user WHERE name = ?1", [name.as_str()])?;
            end_logins(tx, name, None)?;
            Ok(UserChange::Done)
        })
    }
}

const SELECT: &str = "SELECT name, role, created_at, last_login, \
     (SELECT count(*) FROM session WHERE user = name AND expires_at > ?1 AND last_used > ?2) \
     AS sessions FROM user";

fn any_user(conn: &Connection) -> Result<bool> {
    Ok(conn.query_row("SELECT EXISTS (SELECT 1 FROM user)", [], |row| row.get(0))?)
}

fn insert(conn: &Connection, user: &NewUser, now: Timestamp) -> Result<bool> {
    let sql =
        "INSERT OR IGNORE INTO user (name, password, role, created_at) VALUES (?1, ?2, ?3, ?4)";
    let row = (user.name.as_str(), user.password.expose(), user.role.as_str(), Col(now));
    Ok(conn.execute(sql, row)? > 0)
}

fn role_of(conn: &Connection, name: &UserName) -> Result<Option<Role>> {
    let sql = "SELECT role FROM user WHERE name = ?1";
    Ok(conn.query_row(sql, [name.as_str()], |row| from_text(row, "role")).optional()?)
}

/// How many others there are, of one role or of any.
fn others(conn: &Connection, name: &UserName, role: Option<Role>) -> Result<u32> {
    let sql = "SELECT count(*) FROM user WHERE name <> ?1 AND role = coalesce(?2, role)";
    let role = role.map(Role::as_str);
    Ok(conn.query_row(sql, (name.as_str(), role), |row| row.get(0))?)
}

fn end_logins(conn: &Connection, name: &UserName, keep: Option<SessionId>) -> Result<()> {
    let sql = "DELETE FROM session WHERE user = ?1 AND id <> coalesce(?2, '')";
    conn.execute(sql, (name.as_str(), keep.map(|id| id.to_string())))?;
    Ok(())
}

fn read(row: &Row<'_>) -> rusqlite::Result<User> {
    Ok(User {
        name: from_text(row, "name")?,
        role: from_text(row, "role")?,
        created_at: noun(row, "created_at")?,
        last_login: maybe(row, "last_login")?,
        sessions: row.get("sessions")?,
    })
}
