//! A hub's writer: one commit at a time, in groups, as `net::drive::taking` and the store do it.
//!
//! What a group makes of the log is seen, and answered, only when its commit ends; a process that
//! dies before loses all of it.

use crate::instance::{Instance, Who};
use crate::world::SideId;
use holdfast::crypto::verify_checkpoint;
use holdfast::model::{KeyId, Timestamp};
use holdfast::reconcile::memory::MemoryHub;
use holdfast::reconcile::{Checkpoint, FromHub, FromOrigin, Intake, Quota};
use std::collections::{BTreeMap, VecDeque};

/// Messages in one commit.
const GROUP: usize = 16;

/// What one session has brought and is not yet written.
struct Taking {
    peer: Who,
    generation: u64,
    /// Away while its group is being committed.
    intake: Option<Intake>,
    inbox: VecDeque<FromOrigin>,
    /// Credit for the first group.
    window: u32,
    /// Its session is over: what is in the writer's hands is still written, nothing after it.
    over: bool,
}

/// A commit under way.
struct Group {
    side: SideId,
    peer: Who,
    held: Option<MemoryHub>,
    intake: Intake,
    answers: Vec<FromHub>,
}

#[derive(Default)]
pub struct Writer {
    takings: BTreeMap<SideId, Taking>,
    waiting: VecDeque<SideId>,
    under_way: Option<Group>,
}

/// What a commit leaves to be sent.
pub struct Committed {
    pub side: SideId,
    pub answers: Vec<FromHub>,
}

impl Writer {
    /// A session of this generation begins to take.
    pub fn begin(
        &mut self,
        side: SideId,
        (peer, generation): (Who, u64),
        key: [u8; 32],
        window: u32,
    ) {
        let verify = move |epoch: &_, c: &Checkpoint| {
            verify_checkpoint(&key, epoch, &c.root, c.time, &c.signature).is_ok()
        };
        let intake = Some(Intake::new(KeyId::of(&key), Quota::default(), Box::new(verify)));
        let inbox = VecDeque::new();
        let taking = Taking { peer, generation, intake, inbox, window, over: false };
        self.takings.insert(side, taking);
    }

    pub fn push(&mut self, side: SideId, message: FromOrigin) {
        if let Some(taking) = self.takings.get_mut(&side) {
            taking.inbox.push_back(message);
            if !self.waiting.contains(&side) {
                self.waiting.push_back(side);
            }
        }
    }

    /// The session is over.
    pub fn finish(&mut self, side: SideId) {
        if let Some(taking) = self.takings.get_mut(&side) {
            taking.over = true;
        }
    }

    pub fn is_idle(&self) -> bool {
        self.under_way.is_none() && self.waiting.is_empty()
    }
}

impl Instance {
    /// Takes the next group into a commit; `Ok(false)` where there is none or one is under way.
    pub fn begin_commit(&mut self, now: Timestamp) -> Result<bool, String> {
        if self.writer.under_way.is_some() {
            return Ok(false);
        }
        let Some(side) = self.writer.waiting.pop_front() else { return Ok(false) };
        let Some(taking) = self.writer.takings.get_mut(&side) else { return Ok(true) };
        let Some(mut intake) = taking.intake.take() else { return Ok(false) };
        let count = taking.inbox.len().min(GROUP);
        let messages: Vec<_> = taking.inbox.drain(..count).collect();
        let (peer, window) = (taking.peer, std::mem::take(&mut taking.window));
        let is_over = self.current.get(&peer) != Some(&taking.generation);
        let (mut held, mut answers) = (None, Vec::new());
        if !is_over {
            let mut copy = self.database.held.get(&peer).cloned().unwrap_or_default();
            for message in messages {
                intake.handle(&mut copy, message, now, &mut answers).unwrap();
            }
            if window > 0 {
                intake.give(window, &mut answers);
            }
            held = Some(copy);
            self.check_turn(peer, self.writer.takings[&side].generation)?;
        }
        self.writer.under_way = Some(Group { side, peer, held, intake, answers });
        Ok(true)
    }

    /// S2: what is written came from the newest session of its pair.
    fn check_turn(&self, peer: Who, generation: u64) -> Result<(), String> {
        match self.claims.get(&peer) {
            Some(newest) if *newest > generation => Err(format!(
                "S2: session {generation} with {peer} wrote after session {newest} began"
            )),
            _ => Ok(()),
        }
    }

    /// The commit under way is durable.
    pub fn end_commit(&mut self) -> Option<Committed> {
        let Group { side, peer, held, intake, answers } = self.writer.under_way.take()?;
        if let Some(held) = held {
            self.database.held.insert(peer, held);
        }
        if let Some(taking) = self.writer.takings.get_mut(&side) {
            taking.intake = Some(intake);
            if taking.over {
                self.writer.takings.remove(&side);
            } else if !taking.inbox.is_empty() && !self.writer.waiting.contains(&side) {
                self.writer.waiting.push_back(side);
            }
        }
        Some(Committed { side, answers })
    }
}
