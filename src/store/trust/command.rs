//! Commands to peers: those that wait to be sent, and those that were refused when nobody waited.

use super::{Trust, keep_list, kept_list};
use crate::model::{KeyId, OperationId, PlanId, RepoId, Timestamp};
use crate::store::{Result, StoreError};
use crate::wire::{CommandId, CommandRequest, Refusal};
use rusqlite::Connection;
use serde::{Deserialize, Serialize};
use std::fmt::Display;
use std::str::FromStr;

/// Where they are kept.
const COMMANDS: &str = "commands";

/// A command to a peer that is not carried out (yet).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerCommand {
    /// To whom.
    pub peer: KeyId,
    /// When somebody asked for it.
    pub at: Timestamp,
    /// It is not worth sending later than that.
    pub until: Timestamp,
    /// Whether it waits although nobody waits for its outcome.
    pub is_queued: bool,
    /// What is sent.
    pub request: CommandRequest,
    /// Why the peer did not do it, where it has answered.
    pub refused: Option<Refusal>,
}

/// As it is stored.
#[derive(Serialize, Deserialize)]
struct Stored {
    peer: String,
    at_ms: i64,
    until_ms: i64,
    queued: bool,
    id: String,
    kind: String,
    repo: Option<String>,
    plan: Option<String>,
    operation: Option<String>,
    refused: Option<(String, String)>,
}

impl From<&PeerCommand> for Stored {
    fn from(command: &PeerCommand) -> Self {
        let CommandRequest { id, kind, repo, plan, operation } = command.request.clone();
        Self {
            peer: command.peer.to_string(),
            at_ms: command.at.as_millis(),
            until_ms: command.until.as_millis(),
            queued: command.is_queued,
            id: hex::encode(id),
            kind,
            repo: repo.map(|id| id.to_string()),
            plan: plan.map(|id| id.to_string()),
            operation: operation.map(|id| id.to_string()),
            refused: command.refused.clone().map(|Refusal { reason, remedy }| (reason, remedy)),
        }
    }
}

impl TryFrom<Stored> for PeerCommand {
    type Error = StoreError;

    fn try_from(stored: Stored) -> Result<Self> {
        let mut id = CommandId::default();
        hex::decode_to_slice(&stored.id, &mut id)
            .map_err(|error| StoreError::bad(COMMANDS, error))?;
        let request = CommandRequest {
            id,
            kind: stored.kind,
            repo: parsed::<RepoId>(stored.repo)?,
            plan: parsed::<PlanId>(stored.plan)?,
            operation: parsed::<OperationId>(stored.operation)?,
        };
        Ok(Self {
            peer: stored.peer.parse().map_err(|error| StoreError::bad(COMMANDS, error))?,
            at: Timestamp::from_millis(stored.at_ms),
            until: Timestamp::from_millis(stored.until_ms),
            is_queued: stored.queued,
            request,
            refused: stored.refused.map(|(reason, remedy)| Refusal { reason, remedy }),
        })
    }
}

fn parsed<T>(text: Option<String>) -> Result<Option<T>>
where
    T: FromStr,
    T::Err: Display,
{
    let parsed = text.map(|text| text.parse()).transpose();
    parsed.map_err(|error| StoreError::bad(COMMANDS, error))
}

impl Trust {
    /// All of them, oldest first.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn commands(&self) -> Result<Vec<PeerCommand>> {
        read(&self.lock())
    }

    /// Adds one behind the others, unless `limit` of them wait for its peer already. Whether it did.
    ///
    /// # Errors
    /// The database cannot be written.
    pub fn queue_command(&self, command: &PeerCommand, limit: usize) -> Result<bool> {
        self.change_commands(|all| {
            let waits = |one: &&PeerCommand| one.peer == command.peer && one.refused.is_none();
            let has_room = all.iter().filter(waits).count() < limit;
            all.extend(has_room.then(|| command.clone()));
            // What nobody has put away makes room in the end.
            let refused = |one: &&PeerCommand| one.peer == command.peer && one.refused.is_some();
            if all.iter().filter(refused).count() > limit
                && let Some(oldest) = all.iter().position(|one| refused(&one))
            {
                all.remove(oldest);
            }
            has_room
        })
    }

    /// The peer refused one, and somebody is to see why. Whether it was still there.
    ///
    /// # Errors
    /// The database cannot be written.
    pub fn refuse_command(&self, id: &CommandId, refused: Refusal) -> Result<bool> {
        self.change_commands(|all| {
            let found = all.iter_mut().find(|command| command.request.id == *id);
            found.map(|command| command.refused = Some(refused)).is_some()
        })
    }

    /// Takes one out: it is done, or nobody wants it any more. What it was.
    ///
    /// # Errors
    /// The database cannot be written.
    pub fn take_command(&self, id: &CommandId) -> Result<Option<PeerCommand>> {
        self.change_commands(|all| {
            let at = all.iter().position(|command| command.request.id == *id)?;
            Some(all.remove(at))
        })
    }

    /// Takes out all to a peer.
    ///
    /// # Errors
    /// The database cannot be written.
    pub fn drop_commands(&self, peer: &KeyId) -> Result<()> {
        self.change_commands(|all| all.retain(|command| command.peer != *peer))
    }

    fn change_commands<T>(&self, change: impl FnOnce(&mut Vec<PeerCommand>) -> T) -> Result<T> {
        self.transact(|tx| {
            let mut all = read(tx)?;
            let before = all.clone();
            let changed = change(&mut all);
            if all != before {
                write(tx, &all)?;
            }
            Ok(changed)
        })
    }
}

fn read(conn: &Connection) -> Result<Vec<PeerCommand>> {
    kept_list::<Stored>(conn, COMMANDS)?.into_iter().map(PeerCommand::try_from).collect()
}

/// What waits for a peer waits for whoever takes its place.
pub(super) fn move_commands(tx: &Connection, old: KeyId, new: KeyId) -> Result<()> {
    let mut all = read(tx)?;
    let mut moved: Vec<_> = all.iter_mut().filter(|command| command.peer == old).collect();
    if moved.is_empty() {
        return Ok(());
    }
    moved.iter_mut().for_each(|command| command.peer = new);
    write(tx, &all)
}

fn write(conn: &Connection, all: &[PeerCommand]) -> Result<()> {
    let stored: Vec<_> = all.iter().map(Stored::from).collect();
    keep_list(conn, COMMANDS, &stored)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn command(n: u8, peer: u8) -> PeerCommand {
        PeerCommand {
            peer: KeyId::from_bytes([peer; 32]),
            at: Timestamp::from_millis(i64::from(n)),
            until: Timestamp::from_millis(i64::from(n) + 1),
            is_queued: n.is_multiple_of(2),
            request: CommandRequest {
                id: [n; 16],
                kind: "cancel".to_owned(),
                repo: Some("vault".parse().unwrap()),
                plan: Some("home".parse().unwrap()),
                operation: Some(OperationId::from_bytes([n; 16])),
            },
            refused: None,
        }
    }

    #[test]
    fn commands_wait_in_their_order_until_they_are_taken_or_their_peer_goes() {
        let folder = tempfile::tempdir().unwrap();
        let trust = Trust::open(folder.path()).unwrap();
        assert_eq!(trust.commands().unwrap(), []);
        for n in [1, 2] {
            assert!(trust.queue_command(&command(n, 1), 2).unwrap());
        }
        assert!(!trust.queue_command(&command(3, 1), 2).unwrap(), "its peer has enough");
        assert!(trust.queue_command(&command(4, 2), 2).unwrap());
        let refusal = Refusal { reason: "no".to_owned(), remedy: String::new() };
        assert!(trust.refuse_command(&[2; 16], refusal.clone()).unwrap());
        assert!(!trust.refuse_command(&[9; 16], refusal.clone()).unwrap());
        let refused = PeerCommand { refused: Some(refusal), ..command(2, 1) };
        assert_eq!(trust.commands().unwrap(), [command(1, 1), refused, command(4, 2)]);
        assert_eq!(trust.take_command(&[1; 16]).unwrap(), Some(command(1, 1)));
        assert_eq!(trust.take_command(&[1; 16]).unwrap(), None);
        trust.drop_commands(&KeyId::from_bytes([1; 32])).unwrap();
        assert_eq!(trust.commands().unwrap(), [command(4, 2)]);
    }
}
