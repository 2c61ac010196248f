//! Pairing tokens, and the one transaction in which one is redeemed.

use super::ToldGrant;
use super::command::move_commands;
use super::peer::{Peer, find, put, stored_grants, unknown};
use super::{Trust, from_text};
use crate::model::{InstanceId, KeyId, PeerRole, SecretHash, Timestamp};
use crate::pairing::{Admission, Candidate, Refusal, Standing, TokenId, TokenRow, decide};
use crate::store::column::{Col, maybe, noun};
use crate::store::error::Result;
use rusqlite::{Connection, OptionalExtension as _, Row, named_params};

/// Who presents a token: authenticated, and what it says of itself.
#[derive(Debug, Clone)]
pub struct Newcomer {
    /// Its key.
    pub public_key: [u8; 32],
    /// What it calls itself.
    pub instance: InstanceId,
    /// What it will let us do there.
    pub grants_received: Vec<ToldGrant>,
    /// From where it comes.
    pub address: Option<String>,
    /// Which software it runs.
    pub software: Option<String>,
}

impl Newcomer {
    fn key(&self) -> KeyId {
        KeyId::of(&self.public_key)
    }
}

/// How a newcomer came in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redeemed {
    /// Whether a use was counted, and whose entry was taken over.
    pub admission: Admission,
    /// The token that was presented, where there is such a one.
    pub token: Option<TokenId>,
    /// The peer as it is stored now.
    pub peer: Peer,
}

impl Trust {
    /// Adds a token.
    ///
    /// # Errors
    /// The database cannot be written.
    pub fn add_token(&self, token: &TokenRow) -> Result<()> {
        self.lock().execute(
            "INSERT INTO token VALUES (:id, :hash, :label, :created, :expires, :max, :uses, \
             :revoked, :grants, :asks, :replaces)",
            named_params! {
                ":id": token.id.to_string(),
                ":hash": token.secret_hash.as_bytes(),
                ":label": token.label,
                ":created": Col(token.created_at),
                ":expires": token.expires_at.map(Col),
                ":max": token.max_uses,
                ":uses": token.uses,
                ":revoked": token.revoked,
                ":grants": token.grants.to_string(),
                ":asks": token.asks.to_string(),
                ":replaces": token.replaces.map(Col),
            },
        )?;
        Ok(())
    }

    /// Every token, oldest first.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn tokens(&self) -> Result<Vec<TokenRow>> {
        let conn = self.lock();
        let mut rows = conn.prepare("SELECT * FROM token ORDER BY created_at, id")?;
        let tokens = rows.query_map([], read)?.collect::<rusqlite::Result<_>>()?;
        Ok(tokens)
    }

    /// Takes a token back. `false` if there is none with this id.
    ///
    /// # Errors
    /// The database cannot be written.
    pub fn revoke_token(&self, id: TokenId) -> Result<bool> {
        let sql = "UPDATE token SET revoked = 1 WHERE id = ?1";
        Ok(self.lock().execute(sql, [id.to_string()])? > 0)
    }

    /// What redeeming would do, with nothing used: the token's row where one was presented that exists.
    ///
    /// # Errors
    /// The database cannot be read; inside: why the pairing would be refused.
    pub fn preview(
        &self,
        secret: &SecretHash,
        newcomer: &Newcomer,
        now: Timestamp,
    ) -> Result<std::result::Result<(Admission, Option<TokenRow>), Refusal>> {
        let conn = self.lock();
        let mut token = token_by_secret(&conn, secret)?;
        let candidate = candidate(&conn, newcomer)?;
        let decided = decide(token.as_ref(), &candidate, now);
        if let (Ok(Admission::Redeem { replaces: Some(old) }), Some(token)) = (&decided, &mut token)
            && let Some(replaced) = find(&conn, old)?
        {
            let own = std::mem::replace(&mut token.grants, replaced.grants);
            token.grants.unite(own);
        }
        Ok(decided.map(|admission| (admission, token)))
    }

    /// Redeems a token: decision, use and peer in one transaction (P1).
    ///
    /// # Errors
    /// The database cannot be written; inside: why the pairing is refused, with nothing changed.
    pub fn redeem(
        &self,
        secret: &SecretHash,
        newcomer: &Newcomer,
        now: Timestamp,
    ) -> Result<std::result::Result<Redeemed, Refusal>> {
        self.transact(|tx| {
            let token = token_by_secret(tx, secret)?;
            let candidate = candidate(tx, newcomer)?;
            let admission = match decide(token.as_ref(), &candidate, now) {
                Ok(admission) => admission,
                Err(refusal) => return Ok(Err(refusal)),
            };
            let peer = match (admission, &token) {
                (Admission::Redeem { replaces }, Some(token)) => {
                    use_token(tx, token, newcomer, now)?;
                    admit(tx, token, newcomer, replaces, now)?
                }
                _ => find(tx, &newcomer.key())?.ok_or_else(|| unknown(&newcomer.key()))?,
            };
            Ok(Ok(Redeemed { admission, token: token.map(|token| token.id), peer }))
        })
    }
}

fn use_token(conn: &Connection, token: &TokenRow, by: &Newcomer, now: Timestamp) -> Result<()> {
    let id = token.id.to_string();
    conn.execute("UPDATE token SET uses = uses + 1 WHERE id = ?1", [id.as_str()])?;
    let sql = "INSERT OR REPLACE INTO token_use (token, key_id, used_at) VALUES (?1, ?2, ?3)";
    conn.execute(sql, (id.as_str(), Col(by.key()), Col(now)))?;
    Ok(())
}

/// Inserts the peer, with what the entry that it replaces had.
fn admit(
    conn: &Connection,
    token: &TokenRow,
    newcomer: &Newcomer,
    replaces: Option<KeyId>,
    now: Timestamp,
) -> Result<Peer> {
    let key = newcomer.key();
    let mut peer = Peer::new(key, newcomer.instance.clone(), PeerRole::AuthorizedClient, now);
    if let Some(old) = replaces.filter(|old| *old != key) {
        take_over(conn, &mut peer, old, now)?;
    }
    peer.public_key = Some(newcomer.public_key);
    peer.grants.unite(token.grants.clone());
    peer.grants_received.clone_from(&newcomer.grants_received);
    peer.last_heard = Some(now);
    peer.last_address.clone_from(&newcomer.address);
    peer.software.clone_from(&newcomer.software);
    put(conn, &peer)?;
    Ok(peer)
}

/// Moves all that hangs on the old key to the new one; the old key is refused from now on.
fn take_over(conn: &Connection, peer: &mut Peer, old: KeyId, now: Timestamp) -> Result<()> {
    if let Some(mut replaced) = find(conn, &old)? {
        *peer = Peer {
            key: peer.key,
            instance: peer.instance.clone(),
            paired_at: now,
            ..replaced.clone()
        };
        peer.removed_at = None;
        peer.replaced_by = None;
        replaced.removed_at = Some(now);
        replaced.replaced_by = Some(peer.key);
        replaced.grants = crate::grant::Grants::none();
        put(conn, &replaced)?;
    }
    for sql in [
        "UPDATE OR REPLACE received_repo SET origin = ?2 WHERE origin = ?1",
        "UPDATE outgoing_record SET peer = ?2 WHERE peer = ?1",
        "UPDATE OR REPLACE offered_repo SET peer = ?2 WHERE peer = ?1",
    ] {
        conn.execute(sql, (Col(old), Col(peer.key)))?;
    }
    move_commands(conn, old, peer.key)
}

fn candidate(conn: &Connection, newcomer: &Newcomer) -> Result<Candidate> {
    let key = newcomer.key();
    let standing = match find(conn, &key)? {
        None => Standing::Stranger,
        Some(Peer { paired_at: Peer::NEVER_PAIRED, .. }) => Standing::Stranger,
        Some(Peer { removed_at: Some(then), .. }) => Standing::RemovedAt(then),
        Some(_) => Standing::Known,
    };
    let sql = "SELECT key_id FROM peer WHERE instance = ?1 AND key_id <> ?2 AND removed_at IS NULL \
               AND paired_at <> ?3";
    let name = (newcomer.instance.as_str(), Col(key), Col(Peer::NEVER_PAIRED));
    let name_holder = conn.query_row(sql, name, |row| noun(row, "key_id")).optional()?;
    Ok(Candidate { key, instance: newcomer.instance.clone(), standing, name_holder })
}

/// Looked up by hash: what a guess could learn from the time it takes is about a SHA-256 of its own making.
fn token_by_secret(conn: &Connection, secret: &SecretHash) -> Result<Option<TokenRow>> {
    let sql = "SELECT * FROM token WHERE secret_hash = ?1";
    let row = conn.query_row(sql, [secret.as_bytes()], read).optional()?;
    Ok(row.filter(|row| row.secret_hash == *secret))
}

fn read(row: &Row<'_>) -> rusqlite::Result<TokenRow> {
    Ok(TokenRow {
        id: token_id(row)?,
        secret_hash: SecretHash::from_bytes(row.get("secret_hash")?),
        label: row.get("label")?,
        created_at: noun(row, "created_at")?,
        expires_at: maybe(row, "expires_at")?,
        max_uses: row.get("max_uses")?,
        uses: row.get("uses")?,
        revoked: row.get("revoked")?,
        grants: stored_grants(&row.get::<_, String>("grants")?),
        asks: stored_grants(&row.get::<_, String>("asks")?),
        replaces: maybe(row, "replaces")?,
    })
}

fn token_id(row: &Row<'_>) -> rusqlite::Result<TokenId> {
    from_text(row, "id")
}
