//! What waits to be sent: bounded, control first.
//!
//! Each kind has one latest-wins slot, or is credited, or is one answer to one request, so a peer
//! that does not read cannot make it grow; [`Outbox::overflows`] closes a session whose peer asks
//! without reading the answers.

use crate::model::OperationId;
use crate::reconcile::{FromHub, FromOrigin};
use crate::wire::{
    LogChunk, LogRequest, Message, Notice, RunProgress, SharedRepoRecord, SharedRepoReport,
    SharedRepoSet, ToldGrant,
};
use std::collections::{BTreeMap, VecDeque};

/// The most answers about the peer's log that wait.
const MAX_HUB_MESSAGES: usize = 16 * 1024;
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
    origin: VecDeque<FromOrigin>,
    pub(super) records: Option<Vec<SharedRepoRecord>>,
    pub(super) shared_repos: Option<SharedRepoSet>,
    pub(super) report: Option<SharedRepoReport>,
    progress: BTreeMap<OperationId, RunProgress>,
    pub(super) log_request: Option<LogRequest>,
    pub(super) log_chunk: Option<LogChunk>,
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
            | FromHub::Stopped { .. } => self.hub.push_back(message),
        }
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
    }

    pub(super) fn overflows(&self) -> bool {
        self.hub.len() > MAX_HUB_MESSAGES
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
