//! The hub's side of one session: takes one origin's log into what is held of it.
//!
//! Each call is one step inside the writer's transaction; the answers are to be sent once it is
//! durable (S5). It does not know which peer it talks to beyond the origin's key id: what arrives can
//! only change what is held of that origin (S3).
//!
//! 1. R3: nothing here removes or changes a stored entry, except that a lost payload comes back.
//! 2. A batch is taken whole or not at all, and its chain recomputed from the bytes.
//! 3. After a refusal nothing is taken before the next SyncHello.
//! 4. Every limit is checked before anything is stored.

use super::chain::{chain_zero, digest, link, root, short};
use super::fork;
use super::limits::{
    INITIAL_CREDIT, MAX_BATCH_BYTES, MAX_LISTED, MAX_POINTS, MAX_SEQ, MAX_WANTED, Quota, Refusals,
    Verdict, as_found, entry_well_formed, well_formed, well_named,
};
use super::log::{ArchiveReason, HubLog, HubShard};
use super::message::{
    Batch, Checkpoint, Entry, Found, FromHub, FromOrigin, Hash, Head, Held, Point, Shard, Start,
    SyncHello,
};
use crate::model::{Epoch, KeyId, Timestamp};
use std::collections::BTreeSet;
use std::fmt;

/// Why a shard is stopped.
const STOPPED: &str = "three refusals within an hour";

/// Whether a checkpoint's signature over [`super::checkpoint_statement`] is the origin's.
pub type Verify = dyn Fn(&Epoch, &Checkpoint) -> bool + Send;

/// What is wrong with an origin's log here, for `peer show`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trouble {
    /// Its signed root differs from ours although it says that it has sent all.
    RootDiffers,
    /// The signature of its checkpoint is not its own.
    SignatureWrong,
    /// It has taken up its quota.
    QuotaReached(String),
    /// Refused three times within an hour.
    Stopped(Option<Shard>),
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RootDiffers => f.write_str(
                "its signed log differs from what is held here although all was sent; it is being \
                 compared anew",
            ),
            Self::SignatureWrong => f.write_str(
                "the signature of its log is not its own: what is held here is not proved",
            ),
            Self::QuotaReached(reason) => f.write_str(reason),
            Self::Stopped(Some(shard)) => write!(
                f,
                "the log of repo {:?}, plan {:?} was refused three times within an hour and is no \
                 longer taken. Run `holdfast peer verify`",
                shard.repo, shard.plan
            ),
            Self::Stopped(None) => f.write_str(
                "its log was refused three times within an hour and is no longer taken. Run \
                 `holdfast peer verify`",
            ),
        }
    }
}

/// The hub's side of one session.
pub struct Intake {
    origin: KeyId,
    quota: Quota,
    verify: Box<Verify>,
    epoch: Option<Epoch>,
    /// Nothing is taken before the next SyncHello.
    refusing: bool,
    root_differed: bool,
    credit: u32,
    /// Credit not given back because the quota is reached.
    withheld: u32,
    full: bool,
    asked: BTreeSet<(Shard, u64)>,
    refusals: Refusals,
    trouble: Option<Trouble>,
}

impl Intake {
    /// For one session with this origin.
    #[must_use]
    pub fn new(origin: KeyId, quota: Quota, verify: Box<Verify>) -> Self {
        Self {
            origin,
            quota,
            verify,
            epoch: None,
            refusing: true,
            root_differed: false,
            credit: INITIAL_CREDIT,
            withheld: 0,
            full: false,
            asked: BTreeSet::new(),
            refusals: Refusals::default(),
            trouble: None,
        }
    }

    /// With the refusals that an earlier session with the same origin left: what that one stopped is
    /// still trouble.
    #[must_use]
    pub fn resumed(self, refusals: Refusals) -> Self {
        let trouble = refusals.first_stopped().cloned().map(Trouble::Stopped);
        Self { refusals, trouble, ..self }
    }

    /// Whether nothing is stopped.
    #[must_use]
    pub fn takes_all(&self) -> bool {
        self.refusals.first_stopped().is_none()
    }

    /// What the next session with this origin begins with.
    #[must_use]
    pub fn into_refusals(self) -> Refusals {
        self.refusals
    }

    /// What is wrong now, if anything.
    #[must_use]
    pub fn trouble(&self) -> Option<&Trouble> {
        self.trouble.as_ref()
    }

    /// Lets the origin have more batches under way at once.
    pub fn give(&mut self, batches: u32, out: &mut Vec<FromHub>) {
        if self.full {
            self.withheld = self.withheld.saturating_add(batches);
        } else {
            self.credit = self.credit.saturating_add(batches);
            out.push(FromHub::Credit { batches });
        }
    }

    /// What was stopped may go on: a person asks, or a scrub repaired something.
    pub fn retry(&mut self, out: &mut Vec<FromHub>) {
        self.refusals = Refusals::default();
        self.trouble = None;
        self.root_differed = false;
        self.refusing = true;
        out.push(FromHub::Refused { shard: None });
    }

    /// A scrub of what is held ended: asks again for what is lost.
    pub fn scrubbed<L: HubLog>(&mut self, log: &L, out: &mut Vec<FromHub>) -> Result<(), L::Error> {
        self.asked.clear();
        self.want(log, out)
    }

    /// Looks again whether the quota is reached: after a trim, or after it was raised.
    pub fn review<L: HubLog>(
        &mut self,
        log: &L,
        quota: Quota,
        out: &mut Vec<FromHub>,
    ) -> Result<(), L::Error> {
        self.quota = quota;
        self.weigh(log, out)
    }

    /// Takes a message of the origin; `out` is to be sent once the transaction is durable.
    pub fn handle<L: HubLog>(
        &mut self,
        log: &mut L,
        message: FromOrigin,
        now: Timestamp,
        out: &mut Vec<FromHub>,
    ) -> Result<(), L::Error> {
        match message {
            FromOrigin::Hello(hello) => self.hello(log, hello, out),
            FromOrigin::Batch(batch) => self.batch(log, batch, now, out),
            FromOrigin::Added { number, shards } => self.added(log, number, &shards, out),
            FromOrigin::Gone(shard) => self.gone(log, &shard),
            FromOrigin::Ladder { number, shard, points, below } => {
                self.ladder(log, (number, shard), &points, below, out)
            }
            FromOrigin::Checkpoint(checkpoint) => self.checkpoint(log, checkpoint, now, out),
            FromOrigin::Want { shard, seqs } => answer(log, shard, &seqs, out),
            FromOrigin::Entries { shard, seqs, found } => {
                self.entries(log, shard, seqs, found, out)
            }
        }
    }

    fn hello<L: HubLog>(
        &mut self,
        log: &mut L,
        hello: SyncHello,
        out: &mut Vec<FromHub>,
    ) -> Result<(), L::Error> {
        if self.refusals.stopped(&None) {
            return Ok(());
        }
        self.refusing = false;
        self.asked.clear();
        self.epoch = Some(hello.epoch);
        if log.epoch()? != Some(hello.epoch) {
            log.begin_epoch(hello.epoch)?;
        }
        let shards = log.shards()?;
        if root_of(&shards) == hello.root {
            out.push(FromHub::InSync { number: hello.number });
            return self.settle(log, hello.root, None, out);
        }
        log.announce(hello.root)?;
        self.weigh(log, out)?;
        out.push(FromHub::Heads { number: hello.number, held: shards.iter().map(held).collect() });
        Ok(())
    }

    fn added<L: HubLog>(
        &self,
        log: &L,
        number: u32,
        shards: &[Shard],
        out: &mut Vec<FromHub>,
    ) -> Result<(), L::Error> {
        if self.refusing || shards.len() > MAX_LISTED {
            return Ok(());
        }
        let mut heads = Vec::new();
        for shard in shards.iter().filter(|shard| well_named(shard)) {
            heads.extend(log.shard(shard)?.filter(|own| own.head.seq > 0).as_ref().map(held));
        }
        out.push(FromHub::Heads { number, held: heads });
        Ok(())
    }

    /// Hidden, and kept for a later re-grant.
    fn gone<L: HubLog>(&mut self, log: &mut L, shard: &Shard) -> Result<(), L::Error> {
        self.asked.retain(|(asked, _)| asked != shard);
        log.hide(shard, true)
    }

    fn ladder<L: HubLog>(
        &self,
        log: &L,
        (number, shard): (u32, Shard),
        points: &[Point],
        below: u64,
        out: &mut Vec<FromHub>,
    ) -> Result<(), L::Error> {
        if self.refusing || points.len() > MAX_POINTS {
            return Ok(());
        }
        let Some(own) = log.shard(&shard)? else { return Ok(()) };
        let chain = |seq| Ok(chain_at(log, &own, seq)?.map(|chain| short(&chain)));
        let matched = fork::matched(&chain, own.base.seq, points, below.min(MAX_SEQ))?;
        let (equal, points) = (matched.equal, matched.points);
        out.push(FromHub::Match { number, shard, equal, base: own.base.seq, points });
        Ok(())
    }

    fn batch<L: HubLog>(
        &mut self,
        log: &mut L,
        batch: Batch,
        now: Timestamp,
        out: &mut Vec<FromHub>,
    ) -> Result<(), L::Error> {
        let credited = self.credit > 0;
        self.credit = self.credit.saturating_sub(1);
        self.withheld = self.withheld.saturating_add(u32::from(credited));
        let shard = batch.shard.clone();
        if self.refusals.stopped(&Some(shard.clone())) {
            // An origin that has forgotten it is not left to send all of it for nothing.
            if credited {
                out.push(stopped(Some(shard)));
            }
        } else if !self.refusing {
            let room = self.quota.with_slack().reached(&log.usage()?).is_none();
            let taken = credited && room && self.take(log, batch)?;
            if taken {
                let head = log.shard(&shard)?.map_or(0, |own| own.head.seq);
                out.push(FromHub::Ack { shard, seq: head });
            } else {
                self.refuse(log, Some(shard), now, out)?;
            }
        }
        self.weigh(log, out)
    }

    /// Stores a batch; `false`, and nothing is stored, where it does not fit.
    fn take<L: HubLog>(&self, log: &mut L, batch: Batch) -> Result<bool, L::Error> {
        let Some(epoch) = self.epoch.filter(|_| well_formed(&batch)) else { return Ok(false) };
        let shard = batch.shard.clone();
        let held = log.shard(&shard)?;
        let zero = Head { seq: 0, chain: chain_zero(&self.origin, &epoch, &shard) };
        let (base, head) = held.as_ref().map_or((zero, zero), |own| (own.base, own.head));
        let start = match batch.start {
            // The hub's own trim has passed the fork.
            Start::Fork if batch.after.seq < base.seq => Start::BaseFork,
            other => other,
        };
        let before = match start {
            // Where the hub stands; the chain there is not sent.
            Start::After => Some(head).filter(|head| head.seq == batch.after.seq),
            Start::Fork => forked_at(log, held.as_ref(), zero, batch.after)?,
            // Position 0 has one chain value only.
            Start::Base | Start::Gap | Start::BaseFork => {
                Some(batch.after).filter(|after| after.seq > 0 || *after == zero)
            }
        };
        let Some(before) = before else { return Ok(false) };
        let Some(entries) = chained(before, batch.entries, batch.chain) else { return Ok(false) };
        match start {
            Start::After | Start::Fork if held.is_none() => {
                log.adopt_base(&shard, zero, ArchiveReason::Gap)?;
            }
            Start::After => {}
            Start::Fork => log.archive_after(&shard, before.seq, ArchiveReason::Fork)?,
            Start::Base | Start::Gap => log.adopt_base(&shard, before, ArchiveReason::Gap)?,
            Start::BaseFork => log.adopt_base(&shard, before, ArchiveReason::Fork)?,
        }
        log.append(&shard, entries)?;
        Ok(true)
    }

    fn checkpoint<L: HubLog>(
        &mut self,
        log: &mut L,
        checkpoint: Checkpoint,
        now: Timestamp,
        out: &mut Vec<FromHub>,
    ) -> Result<(), L::Error> {
        let Some(epoch) = self.epoch.filter(|_| !self.refusing) else { return Ok(()) };
        if !(self.verify)(&epoch, &checkpoint) {
            self.trouble = Some(Trouble::SignatureWrong);
            return self.refuse(log, None, now, out);
        }
        if root_of(&log.shards()?) == checkpoint.root {
            self.trouble.take_if(|t| matches!(t, Trouble::RootDiffers));
            return self.settle(log, checkpoint.root, Some(checkpoint), out);
        }
        log.announce(checkpoint.root)?;
        if self.root_differed {
            // What is stopped, or full, is the cause.
            self.trouble.get_or_insert(Trouble::RootDiffers);
            return Ok(());
        }
        self.root_differed = true;
        self.refuse(log, None, now, out)
    }

    /// Entries that were wanted; what was not is left aside.
    fn entries<L: HubLog>(
        &mut self,
        log: &mut L,
        shard: Shard,
        mut seqs: Vec<u64>,
        mut found: Vec<Found>,
        out: &mut Vec<FromHub>,
    ) -> Result<(), L::Error> {
        seqs.retain(|&seq| self.asked.remove(&(shard.clone(), seq)));
        found.retain(|f| seqs.contains(&f.seq) && entry_well_formed(&f.entry));
        if seqs.is_empty() {
            return Ok(());
        }
        log.heal(&shard, found)?;
        log.mark_asked_in_vain(&shard, &seqs)?;
        if self.asked.is_empty() { self.want(log, out) } else { Ok(()) }
    }

    /// Roots are equal: caught up.
    fn settle<L: HubLog>(
        &mut self,
        log: &mut L,
        root: Hash,
        checkpoint: Option<Checkpoint>,
        out: &mut Vec<FromHub>,
    ) -> Result<(), L::Error> {
        log.settle(root, checkpoint)?;
        self.want(log, out)
    }

    fn want<L: HubLog>(&mut self, log: &L, out: &mut Vec<FromHub>) -> Result<(), L::Error> {
        for (shard, mut seqs) in log.wanted(MAX_WANTED)? {
            seqs.retain(|&seq| {
                self.asked.len() < MAX_WANTED && self.asked.insert((shard.clone(), seq))
            });
            if !seqs.is_empty() {
                out.push(FromHub::Want { shard, seqs });
            }
        }
        Ok(())
    }

    /// Nothing of it is stored, and nothing more is taken before a new SyncHello.
    fn refuse<L: HubLog>(
        &mut self,
        log: &mut L,
        shard: Option<Shard>,
        now: Timestamp,
        out: &mut Vec<FromHub>,
    ) -> Result<(), L::Error> {
        let shard = shard.filter(well_named);
        self.refusing = true;
        let verdict = self.refusals.record(&shard, now);
        out.push(FromHub::Refused { shard: shard.clone() });
        match verdict {
            Verdict::Stop => {
                if let Some(shard) = &shard {
                    log.stop(shard, STOPPED)?;
                }
                self.trouble = Some(Trouble::Stopped(shard.clone()));
                out.push(stopped(shard));
            }
            Verdict::Again => {
                if let Some(shard) = &shard {
                    log.scrub(Some(shard))?;
                }
            }
        }
        Ok(())
    }

    /// Gives credit back below the quota; at the limit says so, once.
    fn weigh<L: HubLog>(&mut self, log: &L, out: &mut Vec<FromHub>) -> Result<(), L::Error> {
        let reached = self.quota.reached(&log.usage()?);
        if let Some(reason) = reached {
            if !std::mem::replace(&mut self.full, true) {
                self.trouble = Some(Trouble::QuotaReached(reason.clone()));
                out.push(FromHub::Stopped { shard: None, reason });
            }
            return Ok(());
        }
        if std::mem::take(&mut self.full) {
            self.trouble.take_if(|t| matches!(t, Trouble::QuotaReached(_)));
            self.withheld = self.withheld.max(1);
        }
        let batches = std::mem::take(&mut self.withheld);
        if batches > 0 {
            self.give(batches, out);
        }
        Ok(())
    }
}

fn stopped(shard: Option<Shard>) -> FromHub {
    FromHub::Stopped { shard, reason: STOPPED.to_owned() }
}

/// Answers an origin that has lost entries: as many as one message carries; it asks for the rest again.
fn answer<L: HubLog>(
    log: &L,
    shard: Shard,
    wanted: &[u64],
    out: &mut Vec<FromHub>,
) -> Result<(), L::Error> {
    let (mut seqs, mut found, mut bytes) = (Vec::new(), Vec::new(), 0);
    for &seq in wanted.iter().take(MAX_WANTED).filter(|seq| **seq <= MAX_SEQ) {
        if bytes >= MAX_BATCH_BYTES {
            break;
        }
        seqs.push(seq);
        for Found { seq, entry } in log.entries_at(&shard, &[seq])? {
            let entry = as_found(entry);
            bytes += entry.payload.as_ref().map_or(0, |payload| payload.len()) + 64;
            found.push(Found { seq, entry });
        }
    }
    if !seqs.is_empty() {
        out.push(FromHub::Entries { shard, seqs, found });
    }
    Ok(())
}

/// The entries with their chain values, recomputed from the bytes; `None` where it does not come out.
fn chained(before: Head, entries: Vec<Entry>, end: Hash) -> Option<Vec<Entry>> {
    let mut head = before;
    let mut chained = Vec::with_capacity(entries.len());
    for entry in entries {
        head.seq += 1; // `well_formed` keeps positions far from the end
        let digest = entry.payload.as_deref().map(digest).or(entry.digest);
        // A lost digest: the chain value stands for it.
        head.chain = match digest {
            Some(digest) => link(&head.chain, head.seq, &entry.operation, entry.kind, &digest),
            None => entry.chain?,
        };
        chained.push(Entry { digest, chain: Some(head.chain), ..entry });
    }
    (head.chain == end).then_some(chained)
}

/// The fork that a batch names, if the hub's chain has the same value there.
fn forked_at<L: HubLog>(
    log: &L,
    held: Option<&HubShard>,
    zero: Head,
    after: Head,
) -> Result<Option<Head>, L::Error> {
    let chain = match held {
        Some(own) => chain_at(log, own, after.seq)?,
        None => (after.seq == 0).then_some(zero.chain),
    };
    Ok(Some(after).filter(|after| chain == Some(after.chain)))
}

/// The chain at a position; an origin may name any.
fn chain_at<L: HubLog>(log: &L, own: &HubShard, seq: u64) -> Result<Option<Hash>, L::Error> {
    if seq < own.base.seq || seq > own.head.seq {
        return Ok(None);
    }
    log.chain_at(&own.shard, seq)
}

fn held(own: &HubShard) -> Held {
    let chain = short(&own.head.chain);
    Held { shard: own.shard.clone(), seq: own.head.seq, chain, hidden: own.hidden }
}

fn root_of(shards: &[HubShard]) -> Hash {
    root(shards.iter().filter(|own| !own.hidden).map(|own| (&own.shard, own.head)))
}
