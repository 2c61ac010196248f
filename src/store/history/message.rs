//! The sentences that operations ended with, each kept once: what a search looks through.
//!
//! 1. At most [`SEARCHED`] bytes of one are kept; all of it is in the operation's entry.
//! 2. A sentence that no operation has any more goes with the last that had it, or with retention.

use super::append::is_state;
use super::rows::Kind;
use crate::store::error::Result;
use crate::wire::log::outline;
use rusqlite::{Connection, OptionalExtension as _};

/// So much of a sentence is searched.
const SEARCHED: usize = 512;

/// The row of a sentence, made where there is none; `None` of nothing.
pub(super) fn number(conn: &Connection, text: &str) -> Result<Option<i64>> {
    let text = beginning(text);
    if text.is_empty() {
        return Ok(None);
    }
    let mut select = conn.prepare_cached("SELECT id FROM message WHERE text = ?1")?;
    if let Some(id) = select.query_row([text], |row| row.get(0)).optional()? {
        return Ok(Some(id));
    }
    conn.prepare_cached("INSERT INTO message (text) VALUES (?1)")?.execute([text])?;
    Ok(Some(conn.last_insert_rowid()))
}

/// An operation had it and has another one now.
pub(super) fn left(conn: &Connection, id: i64) -> Result<()> {
    let sql = "DELETE FROM message WHERE id = ?1 \
               AND NOT EXISTS (SELECT 1 FROM operation WHERE message = ?1)";
    conn.prepare_cached(sql)?.execute([id])?;
    Ok(())
}

/// Operations were dropped.
pub(super) fn sweep(conn: &Connection) -> Result<()> {
    conn.execute(
        "DELETE FROM message WHERE NOT EXISTS \
         (SELECT 1 FROM operation WHERE operation.message = message.id)",
        [],
    )?;
    Ok(())
}

/// Of a file of an earlier schema: what its operations said.
pub(in crate::store) fn fill(conn: &Connection) -> Result<()> {
    let mut select = conn.prepare(
        "SELECT o.shard, o.id, e.kind, e.payload FROM operation o \
         JOIN entry e ON e.shard = o.shard AND e.seq = o.seq WHERE e.payload IS NOT NULL",
    )?;
    let mut update =
        conn.prepare("UPDATE operation SET message = ?3 WHERE shard = ?1 AND id = ?2")?;
    let mut rows = select.query([])?;
    while let Some(row) = rows.next()? {
        let (shard, id, kind): (i64, Vec<u8>, Kind) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let payload: Vec<u8> = row.get(3)?;
        let said = is_state(kind.0).then(|| outline(&payload)).flatten();
        if let Some(number) = said.map(|state| number(conn, &state.message)).transpose()?.flatten()
        {
            update.execute((shard, id, number))?;
        }
    }
    Ok(())
}

fn beginning(text: &str) -> &str {
    &text[..text.floor_char_boundary(SEARCHED)]
}
