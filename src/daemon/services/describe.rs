//! Operations as documents of the contract.

use super::refuse;
use crate::api::{Attempt, ItemError, Operation as Document, Progress, Stats};
use crate::daemon::Node;
use crate::model::{self, KeyId, Operation};
use crate::store::history::Recorded;
use std::collections::HashMap;
use tonic::Status;

/// What this version has no word for: a newer one wrote it, or nothing of it is left.
const UNKNOWN: &str = "unknown";

/// The names of this instance and its peers, also of those that were removed, for what does not carry
/// one.
#[derive(Debug)]
pub(super) struct Names {
    own: KeyId,
    known: HashMap<KeyId, String>,
}

impl Names {
    /// As they are now.
    pub(super) async fn read(node: &Node) -> Result<Self, Status> {
        let read = node.with_trust(|trust, roster| Ok((trust.removed_peers()?, roster.peers()?)));
        let (removed, peers) = read.await.map_err(refuse::store)?;
        // Who is a peer now comes last, and counts.
        let all = removed.into_iter().chain(peers);
        let mut known: HashMap<_, _> =
            all.map(|peer| (peer.key, peer.instance.to_string())).collect();
        known.insert(node.key(), node.config.current().instance.to_string());
        Ok(Self { own: node.key(), known })
    }

    /// This instance.
    pub(super) const fn own(&self) -> KeyId {
        self.own
    }

    /// Its name, else its key id.
    pub(super) fn of(&self, key: &KeyId) -> String {
        self.known.get(key).cloned().unwrap_or_else(|| key.to_string())
    }
}

/// An operation in a state of which everything is known.
pub(super) fn operation(operation: &Operation, origin: &KeyId) -> Document {
    Document {
        id: operation.id.to_string(),
        revision: operation.revision,
        origin: origin.to_string(),
        instance: operation.instance.to_string(),
        flow: operation.flow.to_string(),
        kind: operation.kind.to_string(),
        status: operation.status.to_string(),
        plan: operation.plan.as_ref().map(ToString::to_string),
        repo: operation.repo.as_ref().map(ToString::to_string),
        repo_guid: operation.repo_guid.as_ref().map(ToString::to_string),
        snapshot: operation.snapshot.clone(),
        snapshot_gone: operation.snapshot_gone.map(|at| at.to_string()),
        started_at: operation.started_at.to_string(),
        ended_at: operation.ended_at.map(|at| at.to_string()),
        message: Some(operation.message.clone()).filter(|text| !text.is_empty()),
        archived: false,
        stats: operation.stats.as_ref().map(stats),
        attempt: operation.attempt.map(attempt),
    }
}

/// An operation as the history has it, perhaps as no more than its index.
pub(super) fn recorded(recorded: &Recorded, names: &Names) -> Document {
    if let Some(state) = &recorded.state {
        let archived = recorded.is_archived();
        return Document { archived, ..operation(state, &recorded.origin) };
    }
    let named = |name: &String| Some(name.clone()).filter(|name| !name.is_empty());
    let word = |word: Option<&'static str>| word.unwrap_or(UNKNOWN).to_owned();
    Document {
        id: recorded.id.to_string(),
        origin: recorded.origin.to_string(),
        instance: names.of(&recorded.origin),
        flow: recorded.id.to_string(),
        kind: word(recorded.kind.map(model::OperationKind::as_str)),
        status: word(recorded.status.map(model::Status::as_str)),
        plan: named(&recorded.shard.plan),
        repo: named(&recorded.shard.repo),
        started_at: recorded.started_at.to_string(),
        message: Some("what it said is not held here, or not understood".to_owned()),
        archived: recorded.is_archived(),
        ..Document::default()
    }
}

/// Which try of how many.
pub(super) const fn attempt(attempt: model::Attempt) -> Attempt {
    Attempt { number: attempt.number, of: attempt.of }
}

pub(super) const fn stats(stats: &model::Stats) -> Stats {
    Stats {
        files_new: stats.files_new,
        files_changed: stats.files_changed,
        files_unmodified: stats.files_unmodified,
        bytes_processed: stats.bytes_processed,
        bytes_added: stats.bytes_added,
        item_errors: stats.item_errors,
    }
}

/// The files that could not be read, as far as they are kept.
pub(super) fn item_errors(errors: &model::ItemErrors) -> Vec<ItemError> {
    let one = |error: &model::ItemError| ItemError {
        path: error.path.clone(),
        message: error.message.clone(),
    };
    errors.first.iter().map(one).collect()
}

/// How far a run is.
pub(super) fn progress(progress: &model::Progress) -> Progress {
    Progress {
        files_done: progress.files_done,
        files_total: progress.files_total,
        bytes_done: progress.bytes_done,
        bytes_total: progress.bytes_total,
        permille: progress.permille,
        seconds_remaining: progress.seconds_remaining,
        current_files: progress.current_files.clone(),
    }
}
