//! The hub's side: takes the peer's log into the history, in groups.
//!
//! While one group is being committed the next gathers; the answers of a group leave when it is
//! durable (S5). A session that was replaced writes nothing more (S2).

use super::Ground;
use crate::clock;
use crate::crypto::verify_checkpoint;
use crate::model::KeyId;
use crate::reconcile::{FromHub, FromOrigin, Intake, Quota, Trouble};
use crate::store::{History, StoreError};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::mpsc;

/// Messages in one commit …
const GROUP: usize = 64;
/// … or so many entries, whichever is first.
const GROUP_ENTRIES: usize = 1_000;

/// Which session takes, of its pair.
#[derive(Clone)]
pub(super) struct Turn {
    pub(super) generation: u64,
    pub(super) current: Arc<AtomicU64>,
}

impl Turn {
    fn is_over(&self) -> bool {
        self.current.load(Ordering::Acquire) != self.generation
    }
}

/// What came of one group.
pub(super) struct Taken {
    /// To be sent.
    pub(super) out: Vec<FromHub>,
    /// What is wrong with the peer's log since now.
    pub(super) trouble: Option<Trouble>,
}

/// Takes messages until their channel closes; answers by `answers`.
pub(super) async fn take(
    ground: Ground,
    public_key: [u8; 32],
    quota: Quota,
    turn: Turn,
    mut messages: mpsc::Receiver<Box<FromOrigin>>,
    answers: mpsc::Sender<Box<Result<Taken, StoreError>>>,
) {
    let origin = KeyId::of(&public_key);
    let verify = move |epoch: &_, checkpoint: &crate::reconcile::Checkpoint| {
        let (root, time) = (&checkpoint.root, checkpoint.time);
        verify_checkpoint(&public_key, epoch, root, time, &checkpoint.signature).is_ok()
    };
    let (life, refusals) = ground.pasts.refusals(&origin);
    let mut intake = Intake::new(origin, quota, Box::new(verify)).resumed(refusals);
    let window = ground.credit.take();
    let (mut give, mut said) = (Some(window.batches), None);
    while let Some(group) = gather(&mut messages).await {
        let step = Step { origin, public_key, turn: turn.clone(), messages: group, give };
        let done = step.commit(intake, &ground.history).await;
        let (answer, left) = match done {
            Ok((left, out)) => {
                let trouble = left.trouble().filter(|now| said.as_ref() != Some(*now)).cloned();
                said = left.trouble().cloned();
                (Ok(Taken { out, trouble }), Some(left))
            }
            Err(error) => (Err(error), None),
        };
        let stop = answers.send(Box::new(answer)).await.is_err();
        match left {
            Some(left) if !stop => intake = left,
            Some(left) => return ground.pasts.keep_refusals(origin, (life, left.into_refusals())),
            None => return,
        }
        give = None;
    }
    ground.pasts.keep_refusals(origin, (life, intake.into_refusals()));
}

/// What waits, as much as one commit takes; `None` when nothing more can come.
async fn gather(messages: &mut mpsc::Receiver<Box<FromOrigin>>) -> Option<Vec<FromOrigin>> {
    let mut group = vec![*messages.recv().await?];
    let mut entries = group.iter().map(entries_of).sum::<usize>();
    while group.len() < GROUP && entries < GROUP_ENTRIES {
        let Ok(message) = messages.try_recv() else { break };
        entries += entries_of(&message);
        group.push(*message);
    }
    Some(group)
}

fn entries_of(message: &FromOrigin) -> usize {
    match message {
        FromOrigin::Batch(batch) => batch.entries.len(),
        FromOrigin::Entries { found, .. } => found.len(),
        FromOrigin::Hello(_)
        | FromOrigin::Added { .. }
        | FromOrigin::Gone(_)
        | FromOrigin::Ladder { .. }
        | FromOrigin::Checkpoint(_)
        | FromOrigin::Want { .. } => 0,
    }
}

struct Step {
    origin: KeyId,
    public_key: [u8; 32],
    turn: Turn,
    messages: Vec<FromOrigin>,
    /// In the first group of the session: what the peer may have under way beside one batch.
    give: Option<u32>,
}

impl Step {
    async fn commit(
        self,
        mut intake: Intake,
        history: &History,
    ) -> Result<(Intake, Vec<FromHub>), StoreError> {
        history
            .write(move |tx| {
                let mut out = Vec::new();
                if self.turn.is_over() {
                    return Ok((intake, out));
                }
                let mut held = tx.hub(self.origin)?;
                if self.give.is_some() && intake.takes_all() {
                    // Whatever an earlier session stopped was forgotten since.
                    held.take_again()?;
                }
                for message in self.messages {
                    intake.handle(&mut held, message, clock::now(), &mut out)?;
                }
                if let Some(batches) = self.give {
                    // What a proof of this log is checked with.
                    tx.remember_key(&self.public_key)?;
                    if batches > 0 {
                        intake.give(batches, &mut out);
                    }
                }
                Ok((intake, out))
            })
            .await
    }
}
