//! The origin's side of one session: what of the own log to send to one hub.
//!
//! Holds a cursor per shard and no entries; the tables are its queue. It decides nothing about what
//! the hub may see: `visible` does, asked again at every step.
//!
//! Call order: [`Feed::open`] once, its SyncHello opens the session. Then [`Feed::handle`] for each
//! message of the hub, [`Feed::announce`] after the own log grew or grants changed, and
//! [`Feed::next`] or [`Feed::next_few`] whenever the carrier is ready, until there is nothing to
//! send. A [`FeedOutput::Scrub`] or [`FeedOutput::Heal`] is to be done before the next call of
//! `next`.
//!
//! 1. G3: nothing is read, and no byte depends on, what `visible` does not accept.
//! 2. G2: a shard that is not visible now is not sent now, whatever was announced.
//! 3. S4: an answer with another number than the last question is ignored.

mod next;
mod sender;

use super::chain::root;
use super::limits::{BatchLimits, INITIAL_CREDIT, MAX_LISTED, MAX_WANTED, Refusals, Verdict};
use super::log::{OriginLog, ShardHead};
use super::message::{Found, FromHub, FromOrigin, Hash, Held, Shard, SyncHello};
use crate::model::{Epoch, KeyId, Timestamp};
use sender::Sender;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Which shards the hub may see.
pub type Visible<'a> = dyn Fn(&Shard) -> bool + 'a;
/// Signs the statement that the log had this root at this time.
pub type Sign<'a> = dyn Fn(&Epoch, &Hash, Timestamp) -> [u8; 64] + 'a;

/// The number of the SyncHello that a session begins with.
const FIRST: u32 = 1;

/// What is to be done after a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FeedOutput {
    /// Send it.
    Send(FromOrigin),
    /// Scrub this shard of the own log before the next step.
    Scrub(Shard),
    /// The hub had these, which the own log has lost: put in place what fits.
    Heal {
        /// The shard.
        shard: Shard,
        /// The entries.
        found: Vec<Found>,
    },
    /// Tell a person.
    Alert(String),
}

/// What is to be remembered of a hub from one session to the next.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FeedPast {
    refusals: Refusals,
    asked_in_vain: BTreeSet<(Shard, u64, Option<Hash>)>,
}

impl FeedPast {
    /// A person asks, or a scrub repaired something: what was stopped goes on in the next session.
    pub fn retry(&mut self) {
        self.refusals = Refusals::default();
    }

    /// A scrub ended between two sessions: see [`Feed::scrubbed`].
    pub fn scrubbed(&mut self) {
        self.asked_in_vain.clear();
    }
}

#[derive(Debug)]
enum Stage {
    /// Before `open`, or stopped.
    Closed,
    /// A SyncHello is to be sent.
    Greet,
    /// A SyncHello with this number was sent; these were the heads then.
    Greeted { number: u32, heads: BTreeMap<Shard, u64> },
    /// It was answered.
    Open,
}

/// The origin's side of one session.
#[derive(Debug)]
pub struct Feed {
    origin: KeyId,
    limits: BatchLimits,
    stage: Stage,
    serial: u32,
    senders: BTreeMap<Shard, Sender>,
    /// Shards inside the scope that the hub holds and this log does not (any more): fork at 0.
    zero: VecDeque<Shard>,
    /// Whose batch was the last: the next one is of a shard after it, so that none waits for ever.
    turn: Option<Shard>,
    forked_at_zero: BTreeSet<Shard>,
    announced: BTreeSet<Shard>,
    credit: u32,
    paused: bool,
    signed: Option<(Hash, Timestamp)>,
    checkpoint_at: Option<Timestamp>,
    answers: VecDeque<(Shard, u64)>,
    asked: BTreeSet<(Shard, u64)>,
    looking: bool,
    past: FeedPast,
}

impl Feed {
    /// Of this origin's own log, for one session.
    #[must_use]
    pub fn new(origin: KeyId) -> Self {
        Self::resumed(origin, FeedPast::default())
    }

    /// As [`Feed::new`], with what an earlier session with the same hub left.
    #[must_use]
    pub fn resumed(origin: KeyId, past: FeedPast) -> Self {
        Self {
            origin,
            limits: BatchLimits::default(),
            stage: Stage::Closed,
            serial: 0,
            senders: BTreeMap::new(),
            zero: VecDeque::new(),
            turn: None,
            forked_at_zero: BTreeSet::new(),
            announced: BTreeSet::new(),
            credit: INITIAL_CREDIT,
            paused: false,
            signed: None,
            checkpoint_at: None,
            answers: VecDeque::new(),
            asked: BTreeSet::new(),
            looking: false,
            past,
        }
    }

    /// With smaller batches.
    #[must_use]
    pub fn with_limits(self, limits: BatchLimits) -> Self {
        Self { limits, ..self }
    }

    /// What the next session with this hub begins with.
    #[must_use]
    pub fn into_past(self) -> FeedPast {
        self.past
    }

    /// When [`Feed::next`] will have a checkpoint to send that is only held back by its rate.
    #[must_use]
    pub fn next_checkpoint_at(&self) -> Option<Timestamp> {
        self.checkpoint_at
    }

    /// Whether this shard (`None`: the log) was stopped after repeated refusals.
    #[must_use]
    pub fn stopped(&self, shard: &Option<Shard>) -> bool {
        self.past.refusals.stopped(shard)
    }

    /// A person asks, or a scrub repaired something: what was stopped goes on, from SyncHello.
    pub fn retry(&mut self) {
        self.past.refusals = Refusals::default();
        self.stage = Stage::Greet;
    }

    /// A scrub of the own log ended: what was asked for in vain may be asked for again.
    pub fn scrubbed(&mut self) {
        self.past.asked_in_vain.clear();
        self.asked.clear();
        self.looking = true;
    }

    /// The SyncHello that opens the session, or starts it over.
    pub fn open<L: OriginLog>(
        &mut self,
        log: &L,
        visible: &Visible<'_>,
    ) -> Result<SyncHello, L::Error> {
        let shards = log.shards(visible)?;
        let number = self.number();
        let heads = shards.iter().map(|s| (s.shard.clone(), s.head.seq)).collect();
        self.stage = Stage::Greeted { number, heads };
        self.senders.clear();
        self.zero.clear();
        self.forked_at_zero.clear();
        self.signed = self.signed.map(|(_, at)| (Hash::default(), at));
        self.checkpoint_at = None;
        self.looking = true;
        Ok(SyncHello { number, epoch: log.epoch()?, root: root_of(&shards) })
    }

    /// Takes a message of the hub.
    pub fn handle<L: OriginLog>(
        &mut self,
        log: &L,
        visible: &Visible<'_>,
        message: FromHub,
        now: Timestamp,
        out: &mut Vec<FeedOutput>,
    ) -> Result<(), L::Error> {
        match message {
            FromHub::Credit { batches } => {
                self.credit = self.credit.saturating_add(batches);
                self.paused = false;
            }
            FromHub::InSync { number } => self.in_sync(log, visible, number, out)?,
            FromHub::Heads { number, held } if held.len() <= MAX_LISTED => {
                self.heads(log, visible, (number, held), out)?;
            }
            FromHub::Match { number, shard, equal, base, points } => {
                let answer = sender::Answer { number, equal, base, points };
                self.matched(log, visible, shard, answer, out)?;
            }
            FromHub::Refused { shard } => self.refused(visible, shard, now, out),
            FromHub::Want { shard, seqs } => self.wanted(visible, &shard, seqs),
            FromHub::Entries { shard, seqs, found } => {
                self.answered(log, visible, shard, seqs, found, out)?;
            }
            FromHub::Stopped { shard, reason } => self.told_to_stop(shard, reason, out),
            FromHub::Ack { .. } | FromHub::Heads { .. } => {}
        }
        Ok(())
    }

    /// The own log grew, or grants changed: tells the hub what it may see now (G2).
    pub fn announce<L: OriginLog>(
        &mut self,
        log: &L,
        visible: &Visible<'_>,
        out: &mut Vec<FeedOutput>,
    ) -> Result<(), L::Error> {
        if !matches!(self.stage, Stage::Open) {
            return Ok(());
        }
        let present: BTreeSet<_> = log.shards(visible)?.into_iter().map(|s| s.shard).collect();
        let told_fork = self.announced.intersection(&self.forked_at_zero);
        let kept: BTreeSet<_> =
            present.iter().chain(told_fork.filter(|s| visible(s))).cloned().collect();
        for shard in self.announced.difference(&kept) {
            self.senders.remove(shard);
            out.push(FeedOutput::Send(FromOrigin::Gone(shard.clone())));
        }
        let known = |s: &&Shard| !self.announced.contains(*s) || self.forked_at_zero.contains(*s);
        let added: Vec<_> = present.iter().filter(known).cloned().collect();
        self.forked_at_zero.retain(|s| kept.contains(s) && !present.contains(s));
        self.announced = kept;
        self.add(added, out);
        Ok(())
    }

    fn add(&mut self, added: Vec<Shard>, out: &mut Vec<FeedOutput>) {
        for shards in added.chunks(MAX_LISTED / 2) {
            let number = self.number();
            let waiting = shards.iter().map(|shard| (shard.clone(), Sender::Waiting { number }));
            self.senders.extend(waiting);
            let added = FromOrigin::Added { number, shards: shards.to_vec() };
            out.push(FeedOutput::Send(added));
        }
    }

    fn in_sync<L: OriginLog>(
        &mut self,
        log: &L,
        visible: &Visible<'_>,
        answered: u32,
        out: &mut Vec<FeedOutput>,
    ) -> Result<(), L::Error> {
        let Some(heads) = self.answered_greeting(answered) else { return Ok(()) };
        // The heads of that SyncHello, not the present ones: the difference follows.
        self.announced = heads.keys().cloned().collect();
        for (shard, seq) in heads {
            if visible(&shard) && !self.stopped(&Some(shard.clone())) {
                self.senders.insert(shard, Sender::continuing(seq));
            }
        }
        self.announce(log, visible, out)
    }

    /// The heads of the SyncHello with this number, which is answered now; `None` if it is not the last.
    fn answered_greeting(&mut self, answered: u32) -> Option<BTreeMap<Shard, u64>> {
        match &mut self.stage {
            Stage::Greeted { number, heads } if *number == answered => {
                let heads = std::mem::take(heads);
                self.stage = Stage::Open;
                Some(heads)
            }
            Stage::Closed | Stage::Greet | Stage::Greeted { .. } | Stage::Open => None,
        }
    }

    fn heads<L: OriginLog>(
        &mut self,
        log: &L,
        visible: &Visible<'_>,
        (number, held): (u32, Vec<Held>),
        out: &mut Vec<FeedOutput>,
    ) -> Result<(), L::Error> {
        let mut held: BTreeMap<_, _> = held.into_iter().map(|h| (h.shard.clone(), h)).collect();
        if self.answered_greeting(number).is_none() {
            return self.heads_of_added(log, visible, (number, &held), out);
        }
        let shards = log.shards(visible)?;
        self.announced = shards.iter().map(|s| s.shard.clone()).collect();
        if number == FIRST {
            // What an earlier session stopped is still a thing to tell.
            let mut known = shards.iter().map(|own| Some(own.shard.clone()));
            let stopped = known.find(|shard| self.stopped(shard)).flatten();
            out.extend(stopped.map(|shard| FeedOutput::Alert(stopped_shard(&shard))));
        }
        for own in shards {
            let theirs = held.remove(&own.shard);
            self.place(log, &own, theirs.as_ref(), out)?;
        }
        for shard in held.into_keys() {
            if visible(&shard) {
                // Inside the scope and unknown here: this log is an older copy.
                self.zero.push_back(shard.clone());
                self.forked_at_zero.insert(shard.clone());
                self.announced.insert(shard);
            } else {
                out.push(FeedOutput::Send(FromOrigin::Gone(shard)));
            }
        }
        Ok(())
    }

    fn heads_of_added<L: OriginLog>(
        &mut self,
        log: &L,
        visible: &Visible<'_>,
        (answered, held): (u32, &BTreeMap<Shard, Held>),
        out: &mut Vec<FeedOutput>,
    ) -> Result<(), L::Error> {
        let waits = |s: &Sender| matches!(s, Sender::Waiting { number } if *number == answered);
        let waiting: Vec<_> =
            self.senders.iter().filter(|(_, s)| waits(s)).map(|(shard, _)| shard.clone()).collect();
        for shard in waiting {
            if let Some(own) = log.shard(&shard)?.filter(|_| visible(&shard)) {
                self.place(log, &own, held.get(&shard), out)?;
            }
        }
        Ok(())
    }

    fn refused(
        &mut self,
        visible: &Visible<'_>,
        shard: Option<Shard>,
        now: Timestamp,
        out: &mut Vec<FeedOutput>,
    ) {
        let known = shard.filter(|shard| self.announced.contains(shard) && visible(shard));
        if self.stopped(&known) || self.stopped(&None) {
            return;
        }
        let verdict = self.past.refusals.record(&known, now);
        if self.stopped(&None) {
            self.stage = Stage::Closed;
            out.push(FeedOutput::Alert("the hub has refused the log three times in an hour. Compare both sides with `holdfast peer verify`.".into()));
            return;
        }
        self.stage = Stage::Greet;
        match (known, verdict) {
            (Some(shard), Verdict::Again) => out.push(FeedOutput::Scrub(shard)),
            (Some(shard), Verdict::Stop) => out.push(FeedOutput::Alert(stopped_shard(&shard))),
            (None, Verdict::Again | Verdict::Stop) => {}
        }
    }

    fn told_to_stop(&mut self, shard: Option<Shard>, reason: String, out: &mut Vec<FeedOutput>) {
        let is_new = match &shard {
            Some(shard) => self.senders.remove(shard).is_some(),
            None => !std::mem::replace(&mut self.paused, true),
        };
        if !is_new {
            return; // said before
        }
        let reason: String = reason.chars().filter(|c| !c.is_control()).take(200).collect();
        out.push(FeedOutput::Alert(match shard {
            Some(Shard { repo, plan }) => format!(
                "the hub takes no more of plan {plan:?} of repo {repo:?}: {reason}. \
                 `holdfast peer verify` there has it taken again."
            ),
            None => format!("the hub takes no more: {reason}"),
        }));
    }

    fn wanted(&mut self, visible: &Visible<'_>, shard: &Shard, seqs: Vec<u64>) {
        if visible(shard) {
            let room = MAX_WANTED.saturating_sub(self.answers.len());
            self.answers.extend(seqs.into_iter().take(room).map(|seq| (shard.clone(), seq)));
        }
    }

    fn answered<L: OriginLog>(
        &mut self,
        log: &L,
        visible: &Visible<'_>,
        shard: Shard,
        seqs: Vec<u64>,
        found: Vec<Found>,
        out: &mut Vec<FeedOutput>,
    ) -> Result<(), L::Error> {
        let asked = |seq: u64| self.asked.contains(&(shard.clone(), seq));
        let found: Vec<_> = found.into_iter().filter(|f| asked(f.seq)).take(MAX_WANTED).collect();
        let seqs: Vec<_> = seqs.into_iter().filter(|&seq| asked(seq)).take(MAX_WANTED).collect();
        if seqs.is_empty() || !visible(&shard) {
            return Ok(());
        }
        // One answer carries what fits; the rest is asked for again.
        self.asked.retain(|(other, seq)| *other != shard || seqs.contains(seq));
        for seq in seqs.into_iter().take(MAX_LISTED.saturating_sub(self.past.asked_in_vain.len())) {
            let chain = log.chain_at(&shard, seq)?;
            self.past.asked_in_vain.insert((shard.clone(), seq, chain));
            self.asked.remove(&(shard.clone(), seq));
        }
        if !found.is_empty() {
            out.push(FeedOutput::Heal { shard, found });
        }
        self.looking = true;
        Ok(())
    }

    fn number(&mut self) -> u32 {
        self.serial = self.serial.wrapping_add(1);
        self.serial
    }

    /// Batches that were returned and never left: their credit is still there.
    pub fn unsent(&mut self, batches: u32) {
        self.credit = self.credit.saturating_add(batches);
    }
}

fn root_of(shards: &[ShardHead]) -> Hash {
    root(shards.iter().map(|own| (&own.shard, own.head)))
}

fn stopped_shard(shard: &Shard) -> String {
    format!(
        "the hub has refused plan {:?} of repo {:?} three times in an hour. Compare both sides with `holdfast peer verify`.",
        shard.plan, shard.repo
    )
}
