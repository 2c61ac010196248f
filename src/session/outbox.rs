//! What waits to be sent: bounded, control first.
//!
//! Each kind has one latest-wins slot, or is credited, or is one answer to one request, so a peer
//! that does not read cannot make it grow; [`Outbox::overflows`] closes a session whose peer asks
//! without reading the answers.

use crate::model::OperationId;
use crate::reconcile::{Found, FromHub, FromOrigin, Shard};
use crate::wire::{
    CommandRequest, CommandUpdate, LogChunk, LogRequest, Message, Notice, RunProgress,
    SharedRepoRecord, SharedRepoReport, SharedRepoSet, ToldGrant,
};
use std::collections::{BTreeMap, VecDeque};

/// The most answers about the peer's log that wait.
const MAX_HUB_MESSAGES: usize = 16 * 1024;
/// The same in bytes: a few of the largest answers. Whoever asks for more reads none of them.
const MAX_HUB_BYTES: usize = 8 << 20;
/// The most of the own log that waits: one answer for each shard that a hub holds.
const MAX_ORIGIN_MESSAGES: usize = 32 * 1024;
/// The most notices that wait.
const MAX_NOTICES: usize = 16;
/// The most operations whose progress waits.
const MAX_PROGRESS: usize = 64;

/// See the module.
#[derive(Default)]
pub(super) struct Outbox {
    pub(super) grants: Option<Vec<ToldGrant>>,
    pub(super) heartbeat_ack: Option<Message>,
    pub(super) heartbeat: Option<u64>,
    pub(super) notices: VecDeque<Notice>,
    hub: VecDeque<FromHub>,
    hub_bytes: usize,
    origin: VecDeque<FromOrigin>,
    pub(super) records: Option<Vec<SharedRepoRecord>>,
    pub(super) shared_repos: Option<SharedRepoSet>,
    pub(super) report: Option<SharedRepoReport>,
    progress: BTreeMap<OperationId, RunProgress>,
    pub(super) log_request: Option<LogRequest>,
    pub(super) log_chunk: Option<LogChunk>,
    pub(super) command_request: Option<CommandRequest>,
    pub(super) command_update: Option<CommandUpdate>,
}

impl Outbox {
    /// Adds an answer about the peer's log; acks of one shard and credits are merged.
    pub(super) fn push_hub(&mut self, message: FromHub) {
        match &message {
            FromHub::Ack { shard, seq } => {
                let waiting = self.hub.iter_mut().find_map(|m| match m {
                    FromHub::Ack { shard: s, seq } if s == shard => Some(seq),
                    _ => None,
                });
                match waiting {
                    Some(waiting) => *waiting = *seq,
                    None => self.hub.push_back(message),
                }
            }
            FromHub::Credit { batches } => {
                let waiting = self.hub.iter_mut().find_map(|m| match m {
                    FromHub::Credit { batches } => Some(batches),
                    _ => None,
                });
                match waiting {
                    Some(waiting) => *waiting = waiting.saturating_add(*batches),
                    None => self.hub.push_back(message),
                }
            }
            FromHub::InSync { .. }
            | FromHub::Heads { .. }
            | FromHub::Match { .. }
            | FromHub::Refused { .. }
            | FromHub::Want { .. }
            | FromHub::Entries { .. }
            | FromHub::Stopped { .. } => {
                self.hub_bytes = self.hub_bytes.saturating_add(bytes_of(&message));
                self.hub.push_back(message);
            }
        }
    }

    /// The oldest make room: of names and addresses the newest count.
    pub(super) fn push_notice(&mut self, notice: Notice) {
        if self.notices.len() >= MAX_NOTICES {
            self.notices.pop_front();
        }
        self.notices.push_back(notice);
    }

    pub(super) fn push_origin(&mut self, message: FromOrigin) {
        self.origin.push_back(message);
    }

    /// This message is not sent: then neither is what its session would have made of it, the batches
    /// behind it and the checkpoint over them. How many batches that is in all.
    pub(super) fn withhold(&mut self, message: &FromOrigin) -> u32 {
        let is_batch = |message: &FromOrigin| matches!(message, FromOrigin::Batch(_));
        let batches = self.origin.iter().chain([message]).filter(|m| is_batch(m)).count();
        self.origin.retain(|m| !is_batch(m) && !matches!(m, FromOrigin::Checkpoint(_)));
        u32::try_from(batches).unwrap_or(u32::MAX)
    }

    /// Only the latest of an operation counts.
    pub(super) fn push_progress(&mut self, progress: RunProgress) {
        if self.progress.len() < MAX_PROGRESS || self.progress.contains_key(&progress.operation) {
            self.progress.insert(progress.operation, progress);
        }
    }

    /// Whether the next message of the own log may be read: nothing of it waits.
    pub(super) fn origin_is_empty(&self) -> bool {
        self.origin.is_empty()
    }

    /// Whether nothing waits at all.
    pub(super) fn is_empty(&self) -> bool {
        self.grants.is_none()
            && self.heartbeat_ack.is_none()
            && self.heartbeat.is_none()
            && self.notices.is_empty()
            && self.hub.is_empty()
            && self.origin.is_empty()
            && self.records.is_none()
            && self.shared_repos.is_none()
            && self.report.is_none()
            && self.progress.is_empty()
            && self.log_request.is_none()
            && self.log_chunk.is_none()
            && self.command_request.is_none()
            && self.command_update.is_none()
    }

    pub(super) fn overflows(&self) -> bool {
        self.hub.len() > MAX_HUB_MESSAGES
            || self.hub_bytes > MAX_HUB_BYTES
            || self.origin.len() > MAX_ORIGIN_MESSAGES
    }

    /// The next message by urgency; the heartbeat is made by the caller, who knows the time.
    pub(super) fn pop(&mut self) -> Option<Message> {
        if let Some(grants) = self.grants.take() {
            return Some(Message::Grants(grants));
        }
        if let Some(ack) = self.heartbeat_ack.take() {
            return Some(ack);
        }
        if let Some(notice) = self.notices.pop_front() {
            return Some(Message::Notice(notice));
        }
        if let Some(message) = self.hub.pop_front() {
            self.hub_bytes = self.hub_bytes.saturating_sub(bytes_of(&message));
            return Some(Message::FromHub(message));
        }
        if let Some(records) = self.records.take() {
            return Some(Message::SharedRepoRecords(records));
        }
        if let Some(set) = self.shared_repos.take() {
            return Some(Message::SharedRepos(set));
        }
        if let Some(report) = self.report.take() {
            return Some(Message::SharedRepoReport(report));
        }
        if let Some(update) = self.command_update.take() {
            return Some(Message::CommandUpdate(update));
        }
        if let Some(request) = self.command_request.take() {
            return Some(Message::CommandRequest(request));
        }
        if let Some((_, progress)) = self.progress.pop_first() {
            return Some(Message::Progress(progress));
        }
        if let Some(request) = self.log_request.take() {
            return Some(Message::LogRequest(request));
        }
        if let Some(message) = self.origin.pop_front() {
            return Some(Message::FromOrigin(message));
        }
        self.log_chunk.take().map(Message::LogChunk)
    }
}

/// What an answer takes up, roughly; acks and credits are merged and count nothing.
fn bytes_of(message: &FromHub) -> usize {
    let name = |shard: &Shard| shard.repo.len() + shard.plan.len();
    match message {
        FromHub::Heads { held, .. } => held.iter().map(|one| name(&one.shard) + 64).sum(),
        FromHub::Match { points, .. } => points.len() * 16 + 128,
        FromHub::Want { seqs, .. } => seqs.len() * 8 + 128,
        FromHub::Entries { seqs, found, .. } => {
            let payload = |found: &Found| found.entry.payload.as_ref().map_or(0, |p| p.len()) + 128;
            found.iter().map(payload).sum::<usize>() + seqs.len() * 8 + 128
        }
        FromHub::InSync { .. } | FromHub::Refused { .. } | FromHub::Stopped { .. } => 128,
        FromHub::Ack { .. } | FromHub::Credit { .. } => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reconcile::Held;

    fn heads(shards: usize) -> FromHub {
        let shard = Shard { repo: "vault".to_owned(), plan: "home".to_owned() };
        let held = Held { shard, seq: 1, chain: [0; 8], hidden: false };
        FromHub::Heads { number: 1, held: vec![held; shards] }
    }

    #[test]
    fn whoever_asks_without_reading_the_answers_is_noticed_before_they_fill_the_memory() {
        let mut outbox = Outbox::default();
        // The most that one honest question brings.
        outbox.push_hub(heads(crate::reconcile::MAX_LISTED));
        assert!(!outbox.overflows());
        let flood = (0..16).take_while(|_| {
            outbox.push_hub(heads(crate::reconcile::MAX_LISTED));
            !outbox.overflows()
        });
        assert!(flood.count() < 16);
        while outbox.pop().is_some() {}
        assert!(outbox.is_empty() && !outbox.overflows(), "what was read counts no more");
        assert_eq!(outbox.hub_bytes, 0);
    }
}
