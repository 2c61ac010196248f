//! Commands to peers and from peers: operations started or cancelled elsewhere, with what is stored
//! there.
//!
//! ```text
//! queued ──a session──► sent ──► done (its operation comes by log sync)
//!   │ ▲                  │ └──► refused: told to whoever waits, else kept until it is looked at
//!   │ └── its end ───────┘
//!   └── a week ──► expired: kept as refused
//! ```
//!
//! 1. A command names what the peer has, and carries no setting, path or word of restic (X1).
//! 2. What a peer may ask for is decided when it asks, by the grants of that moment (G2); what is not
//!    there and what is not granted are answered alike.
//! 3. A command has the same id at every try, and a daemon carries an id out once.
//! 4. A session has one command on the way; the oldest goes first.

mod obey;

pub(super) use obey::obey;

use super::node::Node;
use crate::clock;
use crate::model::{KeyId, OperationId, Timestamp};
use crate::store::trust::PeerCommand;
use crate::wire::{CommandId, CommandUpdate, Refusal};
use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{oneshot, watch};

/// How many commands wait for one peer.
pub const MOST_QUEUED: usize = 64;
/// How long a command is worth sending: nobody expects a run of last month.
pub const WORTH: Duration = Duration::from_secs(7 * 24 * 3600);
/// How many of the commands that were carried out are remembered, of all peers.
const REMEMBERED: usize = 1024;

/// What became of a command.
pub type Outcome = Result<OperationId, Refusal>;

/// The commands on their way.
#[derive(Debug)]
pub struct Commands {
    /// Who waits for what becomes of one.
    waiting: Mutex<HashMap<CommandId, oneshot::Sender<Outcome>>>,
    /// Those of peers that were carried out here.
    done: Mutex<VecDeque<(KeyId, CommandId, OperationId)>>,
    queued: watch::Sender<u64>,
}

impl Default for Commands {
    fn default() -> Self {
        Self { waiting: Mutex::default(), done: Mutex::default(), queued: watch::Sender::new(0) }
    }
}

impl Commands {
    fn waiting(&self) -> MutexGuard<'_, HashMap<CommandId, oneshot::Sender<Outcome>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn done(&self) -> MutexGuard<'_, VecDeque<(KeyId, CommandId, OperationId)>> {
        self.done.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What becomes of a command, for whoever waits: then a refusal is not kept.
    pub fn expect(&self, id: CommandId) -> oneshot::Receiver<Outcome> {
        let (answer, answered) = oneshot::channel();
        let mut waiting = self.waiting();
        waiting.retain(|_, answer| !answer.is_closed());
        waiting.insert(id, answer);
        answered
    }

    /// There are others to be sent than before.
    pub fn changed(&self) {
        self.queued.send_modify(|count| *count = count.wrapping_add(1));
    }

    /// Changes whenever there may be something to send.
    pub(super) fn changes(&self) -> watch::Receiver<u64> {
        self.queued.subscribe()
    }

    /// Whether somebody took it.
    fn tell(&self, id: &CommandId, outcome: Outcome) -> bool {
        self.waiting().remove(id).is_some_and(|answer| answer.send(outcome).is_ok())
    }
}

/// The oldest command that is to be sent to a peer, and is worth it.
pub(super) async fn next(node: &Node, peer: KeyId) -> Option<PeerCommand> {
    let now = clock::now();
    let next = node.with_trust(move |trust, _| {
        let open: Vec<_> = trust
            .commands()?
            .into_iter()
            .filter(|command| command.peer == peer && command.refused.is_none())
            .collect();
        let (worth, expired): (Vec<_>, Vec<_>) =
            open.into_iter().partition(|command| !is_expired(command, now));
        for command in expired {
            trust.refuse_command(&command.request.id, too_old())?;
        }
        Ok(worth.into_iter().next())
    });
    next.await.unwrap_or_else(|error| {
        tracing::warn!(%error, %peer, "the commands to a peer were not read");
        None
    })
}

/// Whether it was asked for too long ago.
pub(super) fn is_expired(command: &PeerCommand, now: Timestamp) -> bool {
    now.since(command.at) > WORTH
}

fn too_old() -> Refusal {
    Refusal {
        reason: "it was not connected for a week, so it was not sent".to_owned(),
        remedy: "ask for it again if it is still wanted".to_owned(),
    }
}

/// A peer says what became of a command of ours.
pub(super) async fn answered(node: &Node, update: CommandUpdate) {
    let CommandUpdate { id, outcome } = update;
    let is_told = node.commands.tell(&id, outcome.clone());
    let kept = node.with_trust(move |trust, _| match outcome {
        Err(refusal) if !is_told => trust.refuse_command(&id, refusal).map(drop),
        Ok(_) | Err(_) => trust.take_command(&id).map(drop),
    });
    if let Err(error) = kept.await {
        tracing::warn!(%error, "what became of a command to a peer was not kept");
    }
    node.areas.changed(super::areas::Area::Peers);
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn an_outcome_is_told_to_whoever_still_waits() {
        let commands = Commands::default();
        let operation = OperationId::from_bytes([3; 16]);
        let mut waits = commands.expect([1; 16]);
        drop(commands.expect([2; 16]));
        assert!(commands.tell(&[1; 16], Ok(operation)));
        assert_eq!(waits.try_recv().unwrap(), Ok(operation));
        assert!(!commands.tell(&[2; 16], Ok(operation)), "nobody waits any more");
        assert!(!commands.tell(&[1; 16], Ok(operation)), "told once");
    }
}
