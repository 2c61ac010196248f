//! One shard in one session: where its sender stands, and how it finds out.

use super::{Feed, FeedOutput, Visible};
use crate::reconcile::chain::{chain_zero, short};
use crate::reconcile::fork::{self, Matched, Narrowed};
use crate::reconcile::limits::{BatchLimits, MAX_POINTS, as_sent};
use crate::reconcile::log::{OriginLog, ShardHead};
use crate::reconcile::message::{
    Batch, Entry, FromOrigin, Head, Held, Point, Shard, ShortHash, Start,
};

/// Ladders in one search. Three find the fork in a million entries; a hub that answers nonsense ends here.
const MAX_ROUNDS: u32 = 16;

#[derive(Debug)]
pub(super) enum Sender {
    /// Announced; the hub has not said what it holds of it.
    Waiting { number: u32 },
    /// The chains differ; the hub has not answered this ladder.
    Searching { number: u32, points: Vec<Point>, below: u64, round: u32 },
    /// Sends what comes after the cursor; `force`: also where that is nothing.
    Live { cursor: u64, start: Start, force: bool },
}

/// A hub's Match.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) number: u32,
    pub(super) equal: Option<u64>,
    pub(super) base: u64,
    pub(super) points: Vec<Point>,
}

impl Sender {
    pub(super) fn continuing(cursor: u64) -> Self {
        Self::Live { cursor, start: Start::After, force: false }
    }

    fn forced(cursor: u64, start: Start) -> Self {
        Self::Live { cursor, start, force: true }
    }

    pub(super) fn is_live(&self) -> bool {
        matches!(self, Self::Live { .. })
    }

    pub(super) fn is_caught_up(&self, head: u64) -> bool {
        matches!(self, Self::Live { cursor, force: false, .. } if *cursor == head)
    }

    /// Where the next batch begins, if there is one.
    fn due(&self, own: &ShardHead) -> Option<(u64, Start)> {
        match *self {
            Self::Live { cursor, start, force } if force || cursor < own.head.seq => {
                if cursor >= own.base.seq {
                    return Some((cursor, start));
                }
                // Retention has passed the cursor.
                let start = match start {
                    Start::Fork | Start::BaseFork => Start::BaseFork,
                    Start::After | Start::Gap => Start::Gap,
                    Start::Base => Start::Base,
                };
                Some((own.base.seq, start))
            }
            Self::Live { .. } | Self::Waiting { .. } | Self::Searching { .. } => None,
        }
    }
}

impl Feed {
    /// Holds one line of Heads against the own chain.
    pub(super) fn place<L: OriginLog>(
        &mut self,
        log: &L,
        own: &ShardHead,
        held: Option<&Held>,
        out: &mut Vec<FeedOutput>,
    ) -> Result<(), L::Error> {
        if self.stopped(&Some(own.shard.clone())) {
            self.senders.remove(&own.shard);
            return Ok(());
        }
        let sender = match held {
            None => Sender::forced(own.base.seq, Start::Base),
            // Away for longer than the origin's retention.
            Some(held) if held.seq < own.base.seq => Sender::forced(held.seq, Start::After),
            Some(held) if known(log, own, held.seq)? == Some(held.chain) => {
                Sender::Live { cursor: held.seq, start: Start::After, force: held.hidden }
            }
            Some(held) => {
                let top = held.seq.min(own.head.seq);
                let chain = |seq| known(log, own, seq);
                let points = fork::points(&chain, &fork::ladder(own.base.seq, top))?;
                self.climb(&own.shard, (points, top.saturating_add(1)), 1, out)
            }
        };
        self.senders.insert(own.shard.clone(), sender);
        Ok(())
    }

    fn climb(
        &mut self,
        shard: &Shard,
        (points, below): (Vec<Point>, u64),
        round: u32,
        out: &mut Vec<FeedOutput>,
    ) -> Sender {
        let number = self.number();
        let ladder =
            FromOrigin::Ladder { number, shard: shard.clone(), points: points.clone(), below };
        out.push(FeedOutput::Send(ladder));
        Sender::Searching { number, points, below, round }
    }

    /// Takes the answer to a ladder.
    pub(super) fn matched<L: OriginLog>(
        &mut self,
        log: &L,
        visible: &Visible<'_>,
        shard: Shard,
        answer: Answer,
        out: &mut Vec<FeedOutput>,
    ) -> Result<(), L::Error> {
        let Some(Sender::Searching { number, points, below, round }) = self.senders.get(&shard)
        else {
            return Ok(());
        };
        // A point that was not asked about cannot be the highest equal one.
        let asked = answer.equal.is_none_or(|equal| points.iter().any(|p| p.seq == equal));
        if *number != answer.number || !asked || answer.points.len() > MAX_POINTS {
            return Ok(());
        }
        let Some(own) = log.shard(&shard)?.filter(|_| visible(&shard)) else { return Ok(()) };
        let chain = |seq| known(log, &own, seq);
        let theirs = Matched { equal: answer.equal, points: answer.points };
        let round = *round;
        let sender = match fork::narrow(&chain, points, *below, answer.base, &theirs)? {
            Narrowed::Fork(seq) => Sender::forced(seq, Start::Fork),
            Narrowed::Nothing => Sender::forced(own.base.seq, Start::BaseFork),
            Narrowed::Between { .. } if round >= MAX_ROUNDS => return Ok(()),
            Narrowed::Between { points, below } => {
                self.climb(&shard, (points, below), round + 1, out)
            }
        };
        self.senders.insert(shard, sender);
        Ok(())
    }

    /// An empty fork at 0 for the next shard that the hub holds and this log does not.
    pub(super) fn next_fork_at_zero<L: OriginLog>(
        &mut self,
        log: &L,
        visible: &Visible<'_>,
    ) -> Result<Option<FromOrigin>, L::Error> {
        if self.credit == 0 || self.paused {
            return Ok(None);
        }
        let senders = &self.senders;
        self.zero.retain(|shard| visible(shard) && !senders.contains_key(shard));
        let Some(shard) = self.zero.pop_front() else { return Ok(None) };
        self.credit -= 1;
        let chain = chain_zero(&self.origin, &log.epoch()?, &shard);
        let after = Head { seq: 0, chain };
        let batch = Batch { shard, start: Start::Fork, after, entries: Vec::new(), chain };
        Ok(Some(FromOrigin::Batch(batch)))
    }

    pub(super) fn next_batch<L: OriginLog>(
        &mut self,
        log: &L,
        shards: &[ShardHead],
    ) -> Result<Option<FromOrigin>, L::Error> {
        if self.credit == 0 || self.paused {
            return Ok(None);
        }
        let passed = |own: &ShardHead| self.turn.as_ref().is_some_and(|turn| own.shard <= *turn);
        let (before, after) = shards.split_at(shards.partition_point(passed));
        for own in after.iter().chain(before) {
            let due = self.senders.get(&own.shard).and_then(|sender| sender.due(own));
            let Some((cursor, start)) = due else { continue };
            if let Some(batch) = self.batch(log, own, cursor, start)? {
                let cursor = cursor + batch.entries.len() as u64;
                self.senders.insert(own.shard.clone(), Sender::continuing(cursor));
                self.turn = Some(own.shard.clone());
                self.credit -= 1;
                return Ok(Some(FromOrigin::Batch(batch)));
            }
        }
        Ok(None)
    }

    /// `None` where retention passes between two reads; the next step sees the new base.
    fn batch<L: OriginLog>(
        &self,
        log: &L,
        own: &ShardHead,
        cursor: u64,
        start: Start,
    ) -> Result<Option<Batch>, L::Error> {
        let Some(before) = log.chain_at(&own.shard, cursor)? else { return Ok(None) };
        let limits = self.limits;
        let mut entries = Vec::new();
        if cursor < own.head.seq {
            entries = log.entries_after(&own.shard, cursor, limits.entries, limits.bytes)?;
            let room = usize::try_from(own.head.seq - cursor).unwrap_or(usize::MAX);
            entries.truncate(room.min(fitting(&entries, limits)));
        }
        let end = cursor + entries.len() as u64;
        let Some(chain) = log.chain_at(&own.shard, end)? else { return Ok(None) };
        let entries = entries.into_iter().map(as_sent).collect();
        let after = Head { seq: cursor, chain: before };
        Ok(Some(Batch { shard: own.shard.clone(), start, after, entries, chain }))
    }
}

/// How many of these one batch carries: the first whatever its size.
fn fitting(entries: &[Entry], limits: BatchLimits) -> usize {
    let mut bytes = 0;
    let sizes = entries.iter().map(|entry| entry.payload.as_ref().map_or(0, |p| p.len()));
    let fits = sizes.take(limits.entries).take_while(|size| {
        bytes += size;
        bytes <= limits.bytes
    });
    fits.count().max(1)
}

/// The own chain at a position; a hub may name any.
fn known<L: OriginLog>(log: &L, own: &ShardHead, seq: u64) -> Result<Option<ShortHash>, L::Error> {
    if seq < own.base.seq || seq > own.head.seq {
        return Ok(None);
    }
    Ok(log.chain_at(&own.shard, seq)?.map(|chain| short(&chain)))
}
