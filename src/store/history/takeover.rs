//! A machine with a new key takes over what is held of its old one.

use super::rows;
use super::tx::HistoryTx;
use crate::model::KeyId;
use crate::store::column::Col;
use crate::store::error::{Result, StoreError};

impl HistoryTx<'_> {
    /// What is held of `old` is held of `new` from now on. Its entries stay as they are until `new`
    /// announces a log of its own: that has another epoch, and then they are archived like those of
    /// any earlier epoch (R3). What `old` signed is not what `new` signs, so no checkpoint stays.
    /// `false` where there is nothing to take over, or `new` has a log already.
    ///
    /// # Errors
    /// One of the keys is our own, or the database cannot be written.
    pub fn take_over(&self, old: KeyId, new: KeyId) -> Result<bool> {
        let own = self.reader()?.owner();
        if own == old || own == new {
            return Err(StoreError::Misuse("the own log is taken over by nobody"));
        }
        let Some(log) = rows::find_log(self.conn, old)? else { return Ok(false) };
        // A row without an epoch holds nothing: a first session may have made it already.
        self.conn.execute("DELETE FROM log WHERE origin = ?1 AND epoch IS NULL", [Col(new)])?;
        if rows::find_log(self.conn, new)?.is_some() {
            return Ok(false);
        }
        let sql = "UPDATE log SET origin = ?2, public_key = NULL, announced_root = NULL, \
                   verified_root = NULL, checkpoint_root = NULL, checkpoint_time = NULL, \
                   checkpoint_signature = NULL WHERE id = ?1";
        self.conn.execute(sql, (log, Col(new)))?;
        let sql = "UPDATE shard SET signed_seq = NULL, signed_chain = NULL, stopped = NULL \
                   WHERE log = ?1";
        self.conn.execute(sql, [log])?;
        self.effects.wrote(0);
        Ok(true)
    }
}
