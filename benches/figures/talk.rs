//! An origin and a hub that speak without a network: real feed, intake and databases, every message
//! encoded and decoded, and counted by what it is.

use crate::machine::cpu_of;
use holdfast::clock;
use holdfast::crypto::{Identity, verify_checkpoint};
use holdfast::model::KeyId;
use holdfast::reconcile::{
    Checkpoint, Feed, FeedOutput, Found, FromHub, FromOrigin, Intake, Quota, Shard, Start,
};
use holdfast::store::history::Owner;
use holdfast::store::{History, StoreError};
use holdfast::wire::Message;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// As many as a running session commits together.
const GROUP: usize = 16;
/// Batches under way, as in a running session.
const WINDOW: u32 = 15;

/// A history and whose it is.
pub(crate) struct Instance {
    pub(crate) dir: PathBuf,
    pub(crate) identity: Arc<Identity>,
    pub(crate) history: History,
}

impl Instance {
    pub(crate) fn open(dir: &Path, seed: u8) -> Result<Self, StoreError> {
        let identity = Arc::new(Identity::from_seed([seed; 32]));
        let history = History::open(dir, Owner { public_key: identity.public_key() })?;
        Ok(Self { dir: dir.to_owned(), identity, history })
    }

    pub(crate) fn key(&self) -> KeyId {
        self.identity.key_id()
    }

    pub(crate) fn file(&self) -> PathBuf {
        self.dir.join("history.db")
    }

    /// Stops it; the file alone is whole then.
    pub(crate) fn close(self) -> std::io::Result<PathBuf> {
        let runtime = tokio::runtime::Builder::new_current_thread().build()?;
        runtime.block_on(self.history.close());
        Ok(self.dir)
    }
}

/// Messages of one kind.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Count {
    pub(crate) messages: u64,
    /// As encoded, before sealing.
    pub(crate) bytes: u64,
    /// What of them are payloads of entries.
    pub(crate) payload: u64,
    pub(crate) entries: u64,
}

/// What was said in one session.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    kinds: BTreeMap<&'static str, Count>,
    /// Turns in which the origin asked with a ladder.
    pub(crate) ladder_trips: u32,
    /// Turns in which the hub asked for payloads.
    pub(crate) want_trips: u32,
    /// Time in which the hub decoded, checked and stored.
    pub(crate) hub: Duration,
    /// Time on the CPU of it: nearly all is the writer's, which sleeps when it is read.
    pub(crate) hub_cpu: Duration,
    /// Time in which the origin read and encoded.
    pub(crate) origin: Duration,
}

impl Tally {
    /// Of these kinds together.
    pub(crate) fn of(&self, kinds: &[&str]) -> Count {
        let chosen = self.kinds.iter().filter(|(kind, _)| kinds.contains(kind));
        chosen.fold(Count::default(), |sum, (_, count)| Count {
            messages: sum.messages + count.messages,
            bytes: sum.bytes + count.bytes,
            payload: sum.payload + count.payload,
            entries: sum.entries + count.entries,
        })
    }

    /// Of all.
    pub(crate) fn all(&self) -> Count {
        self.of(&self.kinds.keys().copied().collect::<Vec<_>>())
    }

    fn count(&mut self, kind: &'static str, bytes: usize, payloads: (u64, u64)) {
        let count = self.kinds.entry(kind).or_default();
        count.messages += 1;
        count.bytes += bytes as u64;
        count.payload += payloads.0;
        count.entries += payloads.1;
    }
}

/// One session of log sync.
pub(crate) struct Talk<'a> {
    origin: &'a Instance,
    hub: &'a Instance,
    feed: Feed,
    intake: Option<Intake>,
    window: u32,
    pub(crate) tally: Tally,
}

fn everything(_: &Shard) -> bool {
    true
}

/// The hub's side for an origin.
pub(crate) fn intake(origin: &Instance) -> Intake {
    let public_key = origin.identity.public_key();
    let verify = move |epoch: &_, told: &Checkpoint| {
        verify_checkpoint(&public_key, epoch, &told.root, told.time, &told.signature).is_ok()
    };
    Intake::new(origin.key(), Quota::default(), Box::new(verify))
}

impl<'a> Talk<'a> {
    pub(crate) fn new(origin: &'a Instance, hub: &'a Instance) -> Self {
        let (feed, intake) = (Feed::new(origin.key()), Some(intake(origin)));
        Self { origin, hub, feed, intake, window: WINDOW, tally: Tally::default() }
    }

    /// Until neither has anything to say.
    pub(crate) fn run(mut self) -> Result<Tally, StoreError> {
        let mut said = vec![self.open()?];
        while !said.is_empty() {
            let answers = self.hub_hears(said)?;
            said = self.origin_hears(answers)?;
        }
        Ok(self.tally)
    }

    fn open(&mut self) -> Result<Vec<u8>, StoreError> {
        let feed = &mut self.feed;
        let hello =
            self.origin.history.read_blocking(|reader| feed.open(&reader.own(), &everything))?;
        Ok(self.send_up(FromOrigin::Hello(hello)))
    }

    fn hub_hears(&mut self, said: Vec<Vec<u8>>) -> Result<Vec<Vec<u8>>, StoreError> {
        let (since, cpu) = (Instant::now(), cpu_of(std::process::id()));
        let mut answers = Vec::new();
        for group in said.chunks(GROUP) {
            answers.extend(self.commit(group.to_vec())?);
        }
        let wants = answers.iter().any(|answer| matches!(answer, FromHub::Want { .. }));
        self.tally.want_trips += u32::from(wants);
        let encoded = answers.into_iter().map(|answer| self.send_down(answer)).collect();
        self.tally.hub += since.elapsed();
        self.tally.hub_cpu += cpu_of(std::process::id()).saturating_sub(cpu);
        Ok(encoded)
    }

    fn commit(&mut self, group: Vec<Vec<u8>>) -> Result<Vec<FromHub>, StoreError> {
        let Some(mut intake) = self.intake.take() else { return Ok(Vec::new()) };
        let (origin, public_key) = (self.origin.key(), self.origin.identity.public_key());
        let window = std::mem::take(&mut self.window);
        let (intake, answers) = self.hub.history.write_blocking(move |tx| {
            let mut answers = Vec::new();
            let mut held = tx.hub(origin)?;
            for message in group.iter().filter_map(|bytes| from_origin(bytes)) {
                intake.handle(&mut held, message, clock::now(), &mut answers)?;
            }
            if window > 0 {
                tx.remember_key(&public_key)?;
                intake.give(window, &mut answers);
            }
            Ok((intake, answers))
        })?;
        self.intake = Some(intake);
        Ok(answers)
    }

    fn origin_hears(&mut self, answers: Vec<Vec<u8>>) -> Result<Vec<Vec<u8>>, StoreError> {
        let since = Instant::now();
        let (feed, identity) = (&mut self.feed, &self.origin.identity);
        let messages: Vec<_> = answers.iter().filter_map(|bytes| from_hub(bytes)).collect();
        let said = self.origin.history.read_blocking(|reader| {
            let (log, now) = (reader.own(), clock::now());
            let sign = |epoch: &_, root: &_, time| identity.sign_checkpoint(epoch, root, time);
            let mut outputs = Vec::new();
            for message in messages {
                feed.handle(&log, &everything, message, now, &mut outputs)?;
            }
            let mut said: Vec<_> = outputs.into_iter().map(sent).collect::<Result<_, _>>()?;
            while said.len() < GROUP {
                match feed.next(&log, &everything, now, &sign)? {
                    Some(message) => said.push(message),
                    None => break,
                }
            }
            Ok(said)
        })?;
        let asks = said.iter().any(|message| matches!(message, FromOrigin::Ladder { .. }));
        self.tally.ladder_trips += u32::from(asks);
        let encoded = said.into_iter().map(|message| self.send_up(message)).collect();
        self.tally.origin += since.elapsed();
        Ok(encoded)
    }

    fn send_up(&mut self, message: FromOrigin) -> Vec<u8> {
        let (kind, payloads) = up(&message);
        let bytes = Message::FromOrigin(message).encode();
        self.tally.count(kind, bytes.len(), payloads);
        bytes
    }

    fn send_down(&mut self, message: FromHub) -> Vec<u8> {
        let (kind, payloads) = down(&message);
        let bytes = Message::FromHub(message).encode();
        self.tally.count(kind, bytes.len(), payloads);
        bytes
    }
}

fn sent(output: FeedOutput) -> Result<FromOrigin, StoreError> {
    match output {
        FeedOutput::Send(message) => Ok(message),
        FeedOutput::Scrub(_) | FeedOutput::Heal { .. } | FeedOutput::Alert(_) => {
            Err(StoreError::Misuse("the log that is measured needed a repair"))
        }
    }
}

fn from_origin(bytes: &[u8]) -> Option<FromOrigin> {
    match Message::decode(bytes) {
        Ok(Message::FromOrigin(message)) => Some(message),
        _ => None,
    }
}

fn from_hub(bytes: &[u8]) -> Option<FromHub> {
    match Message::decode(bytes) {
        Ok(Message::FromHub(message)) => Some(message),
        _ => None,
    }
}

fn up(message: &FromOrigin) -> (&'static str, (u64, u64)) {
    match message {
        FromOrigin::Hello(_) => ("hello", (0, 0)),
        FromOrigin::Batch(batch) => {
            let bytes: usize =
                batch.entries.iter().filter_map(|e| Some(e.payload.as_ref()?.len())).sum();
            let kind = match batch.start {
                Start::Fork | Start::BaseFork => "fork",
                Start::After | Start::Base | Start::Gap => "batch",
            };
            (kind, (bytes as u64, batch.entries.len() as u64))
        }
        FromOrigin::Added { .. } => ("added", (0, 0)),
        FromOrigin::Gone(_) => ("gone", (0, 0)),
        FromOrigin::Ladder { .. } => ("ladder", (0, 0)),
        FromOrigin::Checkpoint(_) => ("checkpoint", (0, 0)),
        FromOrigin::Want { .. } => ("want", (0, 0)),
        FromOrigin::Entries { found, .. } => ("entries", found_in(found)),
    }
}

fn down(message: &FromHub) -> (&'static str, (u64, u64)) {
    match message {
        FromHub::InSync { .. } => ("in-sync", (0, 0)),
        FromHub::Heads { .. } => ("heads", (0, 0)),
        FromHub::Match { .. } => ("match", (0, 0)),
        FromHub::Ack { .. } => ("ack", (0, 0)),
        FromHub::Refused { .. } => ("refused", (0, 0)),
        FromHub::Credit { .. } => ("credit", (0, 0)),
        FromHub::Want { .. } => ("want", (0, 0)),
        FromHub::Entries { found, .. } => ("entries", found_in(found)),
        FromHub::Stopped { .. } => ("stopped", (0, 0)),
    }
}

fn found_in(found: &[Found]) -> (u64, u64) {
    let bytes: usize = found.iter().filter_map(|f| Some(f.entry.payload.as_ref()?.len())).sum();
    (bytes as u64, found.len() as u64)
}
