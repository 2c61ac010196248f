//! Keys by which programs use the API from elsewhere.
//!
//! 1. An expired key is found by nobody, and stays listed until it is revoked.

use super::{Trust, from_text};
use crate::model::{ApiKeyId, Role, SecretHash, Timestamp};
use crate::store::column::{Col, maybe, noun};
use crate::store::error::Result;
use rusqlite::{OptionalExtension as _, Row};

/// A key, without its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKey {
    /// Names it.
    pub id: ApiKeyId,
    /// What it is for.
    pub label: String,
    /// What it may do.
    pub role: Role,
    /// Since when.
    pub created_at: Timestamp,
    /// Until when; `None` for ever.
    pub expires_at: Option<Timestamp>,
    /// When it was last used, to the minute.
    pub last_used: Option<Timestamp>,
    /// From where.
    pub last_address: Option<String>,
}

impl Trust {
    /// Adds a key of which this is the secret's hash.
    ///
    /// # Errors
    /// The database cannot be written.
    pub fn add_api_key(&self, key: &ApiKey, secret: &SecretHash) -> Result<()> {
        self.lock().execute(
            "INSERT INTO api_key (id, secret_hash, label, role, created_at, expires_at) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            (
                key.id.to_string(),
                secret.as_bytes(),
                &key.label,
                key.role.as_str(),
                Col(key.created_at),
                key.expires_at.map(Col),
            ),
        )?;
        Ok(())
    }

    /// Every key, oldest first.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn api_keys(&self) -> Result<Vec<ApiKey>> {
        let conn = self.lock();
        let mut rows = conn.prepare("SELECT * FROM api_key ORDER BY created_at, id")?;
        let keys = rows.query_map([], read)?.collect::<rusqlite::Result<_>>()?;
        Ok(keys)
    }

    /// The key that has this secret, if it has not expired.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn api_key_by(&self, secret: &SecretHash, now: Timestamp) -> Result<Option<ApiKey>> {
        let sql = format!("SELECT * FROM api_key WHERE secret_hash = ?1 AND {IN_FORCE}");
        Ok(self.lock().query_row(&sql, (secret.as_bytes(), Col(now)), read).optional()?)
    }

    /// Whether a key is still in force.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn is_api_key(&self, id: ApiKeyId, now: Timestamp) -> Result<bool> {
        let sql = format!("SELECT EXISTS (SELECT 1 FROM api_key WHERE id = ?1 AND {IN_FORCE})");
        Ok(self.lock().query_row(&sql, (id.to_string(), Col(now)), |row| row.get(0))?)
    }

    /// A key is used, from there.
    ///
    /// # Errors
    /// The database cannot be written.
    pub fn touch_api_key(&self, id: ApiKeyId, address: &str, now: Timestamp) -> Result<()> {
        let sql = "UPDATE api_key SET last_used = ?2, last_address = ?3 WHERE id = ?1";
        self.lock().execute(sql, (id.to_string(), Col(now), address))?;
        Ok(())
    }

    /// Ends a key. `false` if there is none with this id.
    ///
    /// # Errors
    /// The database cannot be written.
    pub fn revoke_api_key(&self, id: ApiKeyId) -> Result<bool> {
        Ok(self.lock().execute("DELETE FROM api_key WHERE id = ?1", [id.to_string()])? > 0)
    }
}

const IN_FORCE: &str = "(expires_at IS NULL OR expires_at > ?2)";

fn read(row: &Row<'_>) -> rusqlite::Result<ApiKey> {
    Ok(ApiKey {
        id: from_text(row, "id")?,
        label: row.get("label")?,
        role: from_text(row, "role")?,
        created_at: noun(row, "created_at")?,
        expires_at: maybe(row, "expires_at")?,
        last_used: maybe(row, "last_used")?,
        last_address: row.get("last_address")?,
    })
}
