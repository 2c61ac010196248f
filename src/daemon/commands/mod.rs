//! Commands to peers and from peers: operations started or cancelled elsewhere, with what is stored
//! there.
//!
//! ```text
//! waits ──a session──► on its way ──► done (its operation comes by log sync)
//!   │ ▲                  │ └──► refused, or not answered: told to whoever waits, else kept
//!   │ └── its end ───────┘           until somebody has looked at it
//!   └── too late: gone, or kept as refused where it was queued
//! ```
//!
//! 1. A command names what the peer has, and carries no setting, path or word of restic (X1).
//! 2. What a peer may ask for is decided when it asks, by the grants of that moment (G2); what is not
//!    there and what is not granted are answered alike.
//! 3. A command has the same id at every try, and a daemon carries an id out once.
//! 4. A session has one command on the way; the oldest goes first, and one that is not answered does
//!    not keep the next from being sent.
//! 5. What nobody queued is not sent once nobody waits for it any more.

mod obey;

pub(super) use obey::obey;

use super::areas::Area;
use super::node::Node;
use crate::clock;
use crate::model::{KeyId, OperationId, Timestamp};
use crate::store::trust::PeerCommand;
use crate::wire::{CommandId, CommandUpdate, Refusal};
use obey::Done;
use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{oneshot, watch};

/// How many commands wait for one peer.
pub const MOST_QUEUED: usize = 64;
/// How long a queued command is worth sending: nobody expects a run of last month.
pub const WORTH: Duration = Duration::from_secs(7 * 24 * 3600);
/// How long a peer may take to answer while others wait behind: its config may ask a person.
pub(super) const ANSWERED_WITHIN: Duration = Duration::from_secs(90);

/// What became of a command.
pub type Outcome = Result<OperationId, Refusal>;

/// The commands on their way.
#[derive(Debug, Default)]
pub struct Commands {
    /// Who waits for what becomes of one.
    waiting: Mutex<HashMap<CommandId, oneshot::Sender<Outcome>>>,
    /// Those that a session has sent and that are not answered.
    sent: Mutex<HashSet<CommandId>>,
    /// To which peers others are to be sent than before.
    changes: Mutex<HashMap<KeyId, watch::Sender<u64>>>,
    /// Those of peers.
    done: Done,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Commands {
    /// What becomes of a command, for whoever waits: then a refusal is not kept. To be called before it
    /// can be sent.
    pub fn expect(&self, id: CommandId) -> oneshot::Receiver<Outcome> {
        let (answer, answered) = oneshot::channel();
        let mut waiting = locked(&self.waiting);
        waiting.retain(|_, answer| !answer.is_closed());
        waiting.insert(id, answer);
        answered
    }

    /// There are others to be sent to that peer than before.
    pub fn changed(&self, peer: &KeyId) {
        if let Some(changes) = locked(&self.changes).get(peer) {
            changes.send_modify(|count| *count = count.wrapping_add(1));
        }
    }

    /// Changes whenever there may be something to send to that peer.
    pub(super) fn changes(&self, peer: KeyId) -> watch::Receiver<u64> {
        let mut all = locked(&self.changes);
        all.entry(peer).or_insert_with(|| watch::Sender::new(0)).subscribe()
    }

    /// Whether a session has sent it and has no answer yet.
    pub fn is_sent(&self, id: &CommandId) -> bool {
        locked(&self.sent).contains(id)
    }

    pub(super) fn on_its_way(&self, id: CommandId) {
        locked(&self.sent).insert(id);
    }

    pub(super) fn not_on_its_way(&self, id: &CommandId) {
        locked(&self.sent).remove(id);
    }

    /// Nobody is to wait for it any more: it was taken back.
    pub fn forget(&self, id: &CommandId) {
        locked(&self.waiting).remove(id);
    }

    /// Whether somebody took it.
    fn tell(&self, id: &CommandId, outcome: Outcome) -> bool {
        let answer = locked(&self.waiting).remove(id);
        answer.is_some_and(|answer| answer.send(outcome).is_ok())
    }
}

/// The oldest command that is to be sent to a peer, and is worth it.
pub(super) async fn next(node: &Node, peer: KeyId) -> Option<PeerCommand> {
    let now = clock::now();
    let next = node.with_trust(move |trust, _| {
        let all = trust.commands()?.into_iter();
        let open = all.filter(|command| command.peer == peer && command.refused.is_none());
        let (late, mut worth): (Vec<_>, Vec<_>) = open.partition(|one| is_late(one, now));
        for command in late {
            // Whoever waited for one that was not queued was told.
            match command.is_queued {
                true => drop(trust.refuse_command(&command.request.id, too_late())?),
                false => drop(trust.take_command(&command.request.id)?),
            }
        }
        Ok((!worth.is_empty()).then(|| worth.swap_remove(0)))
    });
    next.await.unwrap_or_else(|error| {
        tracing::warn!(%error, %peer, "the commands to a peer were not read");
        None
    })
}

/// Whether it is not worth sending any more.
#[must_use]
pub fn is_late(command: &PeerCommand, now: Timestamp) -> bool {
    now > command.until
}

/// Why it was not sent, then.
#[must_use]
pub fn too_late() -> Refusal {
    Refusal {
        reason: "it was not connected for a week, so it was not sent".to_owned(),
        remedy: "ask for it again if it is still wanted".to_owned(),
    }
}

/// A peer says what became of a command of ours.
pub(super) async fn answered(node: &Node, peer: KeyId, update: CommandUpdate) {
    let CommandUpdate { id, outcome } = update;
    node.commands.not_on_its_way(&id);
    let is_told = node.commands.tell(&id, outcome.clone());
    let kept = node.with_trust(move |trust, _| match outcome {
        Err(refusal) if !is_told => trust.refuse_command(&id, refusal).map(drop),
        Ok(_) | Err(_) => trust.take_command(&id).map(drop),
    });
    if let Err(error) = kept.await {
        tracing::warn!(%error, %peer, "what became of a command to a peer was not kept");
    }
    node.areas.changed(Area::Peers);
}

/// A peer does not say what became of a command of ours, and others wait behind it.
pub(super) async fn unanswered(node: &Node, peer: KeyId, id: CommandId) {
    let reason = "it did not answer; whether it was done is not known".to_owned();
    let remedy = "see its operations; it may run an older version of holdfast".to_owned();
    let outcome = Err(Refusal { reason, remedy });
    answered(node, peer, CommandUpdate { id, outcome }).await;
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
        let mut waits = commands.expect([4; 16]);
        commands.forget(&[4; 16]);
        assert!(waits.try_recv().is_err(), "it was taken back");
    }

    #[test]
    fn only_who_talks_to_that_peer_looks_for_its_commands() {
        let commands = Commands::default();
        let [nas, pi] = [1, 2].map(|n| KeyId::from_bytes([n; 32]));
        let (mut of_nas, mut again, mut of_pi) =
            (commands.changes(nas), commands.changes(nas), commands.changes(pi));
        commands.changed(&nas);
        assert!(of_nas.has_changed().unwrap() && again.has_changed().unwrap());
        assert!(!of_pi.has_changed().unwrap());
        of_nas.mark_unchanged();
        again.mark_unchanged();
        of_pi.mark_unchanged();
        commands.changed(&KeyId::from_bytes([3; 32]));
        assert!(!of_nas.has_changed().unwrap() && !of_pi.has_changed().unwrap());
    }
}
