//! What goes to the hub next: answers first, then entries, at last a checkpoint.

use super::sender::Sender;
use super::{Feed, Sign, Stage, Visible, root_of};
use crate::model::Timestamp;
use crate::reconcile::limits::{
    CHECKPOINT_EVERY, MAX_BATCH_BYTES, MAX_LISTED, MAX_WANTED, as_found,
};
use crate::reconcile::log::{OriginLog, ShardHead};
use crate::reconcile::message::{Checkpoint, Entry, Found, FromOrigin, Shard};

const ANSWER_BYTES: usize = MAX_BATCH_BYTES;
/// Where [`Feed::next_few`] stops.
const FEW_BYTES: usize = MAX_BATCH_BYTES;

impl Feed {
    /// The next messages, of one snapshot of the log: small batches together, about as much as one
    /// full batch; anything else ends them.
    pub fn next_few<L: OriginLog>(
        &mut self,
        log: &L,
        visible: &Visible<'_>,
        now: Timestamp,
        sign: &Sign<'_>,
    ) -> Result<Vec<FromOrigin>, L::Error> {
        let (mut few, mut shards, mut bytes) = (Vec::new(), None, 0);
        while bytes < FEW_BYTES {
            let Some(message) = self.step(log, visible, &mut shards, (now, sign))? else { break };
            bytes += weight(&message);
            few.push(message);
        }
        Ok(few)
    }

    /// One step of the sender; `None` where there is nothing to send now.
    pub fn next<L: OriginLog>(
        &mut self,
        log: &L,
        visible: &Visible<'_>,
        now: Timestamp,
        sign: &Sign<'_>,
    ) -> Result<Option<FromOrigin>, L::Error> {
        self.step(log, visible, &mut None, (now, sign))
    }

    /// `shards` is what there is in this snapshot, once it has been read.
    fn step<L: OriginLog>(
        &mut self,
        log: &L,
        visible: &Visible<'_>,
        shards: &mut Option<Vec<ShardHead>>,
        (now, sign): (Timestamp, &Sign<'_>),
    ) -> Result<Option<FromOrigin>, L::Error> {
        if matches!(self.stage, Stage::Greet) {
            return Ok(Some(FromOrigin::Hello(self.open(log, visible)?)));
        }
        if let Some(answer) = self.next_answer(log, visible)? {
            return Ok(Some(answer));
        }
        if !matches!(self.stage, Stage::Open) {
            return Ok(None);
        }
        if let Some(batch) = self.next_fork_at_zero(log, visible)? {
            return Ok(Some(batch));
        }
        let shards: &[ShardHead] = match shards {
            Some(read) => read,
            None => shards.insert(log.shards(visible)?),
        };
        if let Some(want) = self.next_want(log, shards)? {
            return Ok(Some(want));
        }
        if let Some(batch) = self.next_batch(log, shards)? {
            return Ok(Some(batch));
        }
        self.next_checkpoint(log, shards, now, sign)
    }

    /// Answers of one want go in messages of a batch's size.
    fn next_answer<L: OriginLog>(
        &mut self,
        log: &L,
        visible: &Visible<'_>,
    ) -> Result<Option<FromOrigin>, L::Error> {
        while self.answers.front().is_some_and(|(shard, _)| !visible(shard)) {
            self.answers.pop_front();
        }
        let Some((shard, _)) = self.answers.front().cloned() else { return Ok(None) };
        let (mut seqs, mut found, mut bytes) = (Vec::new(), Vec::new(), 0);
        while bytes < ANSWER_BYTES && self.answers.front().is_some_and(|(s, _)| *s == shard) {
            let Some((_, seq)) = self.answers.pop_front() else { break };
            seqs.push(seq);
            for Found { seq, entry } in log.entries_at(&shard, &[seq])? {
                let entry = as_found(entry);
                bytes += payload_len(&entry);
                found.push(Found { seq, entry });
            }
        }
        Ok(Some(FromOrigin::Entries { shard, seqs, found }))
    }

    fn next_want<L: OriginLog>(
        &mut self,
        log: &L,
        shards: &[ShardHead],
    ) -> Result<Option<FromOrigin>, L::Error> {
        if !self.looking {
            return Ok(None);
        }
        let any = log.any_lost()?;
        let mut all_live = true;
        for own in shards.iter().filter(|_| any) {
            if !self.senders.get(&own.shard).is_some_and(Sender::is_live) {
                all_live = false;
                continue;
            }
            let seqs = self.lost(log, &own.shard)?;
            if !seqs.is_empty() {
                self.asked.extend(seqs.iter().map(|&seq| (own.shard.clone(), seq)));
                return Ok(Some(FromOrigin::Want { shard: own.shard.clone(), seqs }));
            }
        }
        self.looking = !all_live;
        Ok(None)
    }

    /// Lost entries of a shard that this hub was not asked for yet.
    fn lost<L: OriginLog>(&self, log: &L, shard: &Shard) -> Result<Vec<u64>, L::Error> {
        let room = MAX_LISTED.saturating_sub(self.asked.len()).min(MAX_WANTED);
        let before = self.asked.len() + self.past.asked_in_vain.len();
        let mut seqs = Vec::new();
        for seq in log.lost(shard, before + room)? {
            if seqs.len() < room && !self.asked.contains(&(shard.clone(), seq)) {
                let entry = (shard.clone(), seq, log.chain_at(shard, seq)?);
                if !self.past.asked_in_vain.contains(&entry) {
                    seqs.push(seq);
                }
            }
        }
        Ok(seqs)
    }

    fn next_checkpoint<L: OriginLog>(
        &mut self,
        log: &L,
        shards: &[ShardHead],
        now: Timestamp,
        sign: &Sign<'_>,
    ) -> Result<Option<FromOrigin>, L::Error> {
        self.checkpoint_at = None;
        let sent = |own: &ShardHead| {
            self.senders.get(&own.shard).is_some_and(|s| s.is_caught_up(own.head.seq))
        };
        let caught_up = self.zero.is_empty()
            && shards.iter().all(sent)
            && self.senders.keys().all(|shard| shards.iter().any(|own| own.shard == *shard));
        let root = root_of(shards);
        if !caught_up || self.signed.is_some_and(|(signed, _)| signed == root) {
            return Ok(None);
        }
        let due = self.signed.map(|(_, at)| at.plus(CHECKPOINT_EVERY));
        // A clock that went back does not silence checkpoints for longer than the distance.
        if let Some(due) = due.filter(|due| now < *due && due.since(now) <= CHECKPOINT_EVERY) {
            self.checkpoint_at = Some(due);
            return Ok(None);
        }
        self.signed = Some((root, now));
        let signature = sign(&log.epoch()?, &root, now);
        Ok(Some(FromOrigin::Checkpoint(Checkpoint { root, time: now, signature })))
    }
}

/// How much of [`FEW_BYTES`] a message takes up.
fn weight(message: &FromOrigin) -> usize {
    match message {
        FromOrigin::Batch(batch) => 64 + batch.entries.iter().map(payload_len).sum::<usize>(),
        FromOrigin::Hello(_)
        | FromOrigin::Added { .. }
        | FromOrigin::Gone(_)
        | FromOrigin::Ladder { .. }
        | FromOrigin::Checkpoint(_)
        | FromOrigin::Want { .. }
        | FromOrigin::Entries { .. } => FEW_BYTES,
    }
}

fn payload_len(entry: &Entry) -> usize {
    entry.payload.as_ref().map_or(0, |payload| payload.len()) + 64
}
