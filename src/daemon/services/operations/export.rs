//! One origin's history as records: plain, or with what a third party needs to check it.

use super::super::describe::{self, Names};
use super::super::refuse;
use super::super::stream::{Outlet, Stop};
use crate::api::{ExportRecord, ProofCheckpoint, ProofEntry, ProofOrigin, ProofShard};
use crate::clock;
use crate::daemon::Node;
use crate::model::KeyId;
use crate::reconcile::{Checkpoint, Entry, Head, ShardHead, digest};
use crate::store::StoreError;
use crate::store::history::{Filter, Position, Provable, Whose};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::sync::Arc;
use tonic::Status;

/// Operations read at once.
const PAGE: usize = 256;
/// The form of a proof.
const FORMAT: u32 = 1;

/// Sends every operation of an origin, oldest first.
pub(super) async fn plain(
    node: Arc<Node>,
    origin: KeyId,
    outlet: Outlet<ExportRecord>,
) -> Result<(), Stop> {
    let names = Names::read(&node).await?;
    let mut from: Option<Position> = None;
    loop {
        let filter = Filter { whose: Whose::Peer(origin), ..Filter::default() };
        let page = node.history.read(move |reader| reader.operations(&filter, from, PAGE)).await?;
        for recorded in &page.operations {
            let operation = Some(describe::recorded(recorded, &names));
            outlet.send(ExportRecord { operation, ..ExportRecord::default() }).await?;
        }
        from = page.next;
        if from.is_none() {
            return Ok(());
        }
    }
}

/// A log and the signature over it.
#[derive(Debug)]
pub(super) struct Proof {
    log: Provable,
    checkpoint: Checkpoint,
}

impl Proof {
    /// The own log as it is, signed now; a peer's up to its newest checkpoint held here.
    pub(super) async fn of(node: &Node, origin: KeyId) -> Result<Self, Status> {
        let found = if origin == node.key() {
            let log = node.history.read(|reader| reader.own_provable()).await;
            log.map(|log| log.map(|log| signed_now(node, log)))
        } else {
            let held = node.history.read(move |reader| reader.peer_provable(origin)).await;
            held.map(|held| held.map(|(log, checkpoint)| Self { log, checkpoint }))
        };
        found.map_err(refuse::store)?.ok_or_else(|| {
            let message = "no signature of that peer covers what is held of it now";
            let remedy = "it comes when the peer is connected and in sync; then export again";
            refuse::not_now("no-checkpoint", message, remedy)
        })
    }

    /// Sends it: origin, shards with their entries, checkpoint.
    pub(super) async fn send(
        self,
        node: Arc<Node>,
        outlet: Outlet<ExportRecord>,
    ) -> Result<(), Stop> {
        let names = Names::read(&node).await?;
        let origin = Some(self.origin(&names));
        outlet.send(ExportRecord { origin, ..ExportRecord::default() }).await?;
        for shard in &self.log.shards {
            let record = Some(proof_shard(shard));
            outlet.send(ExportRecord { shard: record, ..ExportRecord::default() }).await?;
            self.entries(&node, shard, &outlet).await?;
        }
        let checkpoint = Some(proof_checkpoint(&self.checkpoint));
        outlet.send(ExportRecord { checkpoint, ..ExportRecord::default() }).await
    }

    async fn entries(
        &self,
        node: &Node,
        shard: &ShardHead,
        outlet: &Outlet<ExportRecord>,
    ) -> Result<(), Stop> {
        let mut at = shard.base;
        while at.seq < shard.head.seq {
            let (origin, of) = (self.log.origin, shard.clone());
            let read = node.history.read(move |reader| reader.provable_entries(origin, &of, at));
            let part = read.await?.filter(|part| !part.is_empty()).ok_or_else(changed_meanwhile)?;
            for (seq, entry) in part {
                let chain = entry.chain.ok_or(StoreError::Misuse("an entry without its chain"))?;
                at = Head { seq, chain };
                let entry = Some(proof_entry(seq, &entry));
                outlet.send(ExportRecord { entry, ..ExportRecord::default() }).await?;
            }
        }
        Ok(())
    }

    fn origin(&self, names: &Names) -> ProofOrigin {
        ProofOrigin {
            format: FORMAT,
            instance: names.of(&self.log.origin),
            key_id: self.log.origin.to_string(),
            public_key: hex::encode(self.log.public_key),
            epoch: self.log.epoch.to_string(),
            exported_at: clock::now().to_string(),
        }
    }
}

fn signed_now(node: &Node, log: Provable) -> Proof {
    let (root, time) = (log.root(), clock::now());
    let signature = node.identity.sign_checkpoint(&log.epoch, &root, time);
    Proof { log, checkpoint: Checkpoint { root, time, signature } }
}

fn changed_meanwhile() -> Stop {
    let message = "the history was trimmed or took another way while it was exported";
    Stop::Refused(refuse::not_now("changed-meanwhile", message, "export it again"))
}

fn proof_shard(shard: &ShardHead) -> ProofShard {
    ProofShard {
        repo: shard.shard.repo.clone(),
        plan: shard.shard.plan.clone(),
        base: shard.base.seq,
        base_chain: hex::encode(shard.base.chain),
        head: shard.head.seq,
        head_chain: hex::encode(shard.head.chain),
    }
}

fn proof_entry(seq: u64, entry: &Entry) -> ProofEntry {
    let own = entry.digest.or_else(|| entry.payload.as_ref().map(|payload| digest(payload)));
    ProofEntry {
        seq,
        operation: entry.operation.to_string(),
        kind: entry.kind.to_string(),
        digest: own.map(hex::encode),
        payload: entry.payload.as_ref().map(|payload| STANDARD.encode(payload)),
        chain: entry.chain.filter(|_| own.is_none()).map(hex::encode),
    }
}

fn proof_checkpoint(checkpoint: &Checkpoint) -> ProofCheckpoint {
    ProofCheckpoint {
        root: hex::encode(checkpoint.root),
        time: checkpoint.time.to_string(),
        signature: hex::encode(checkpoint.signature),
    }
}
