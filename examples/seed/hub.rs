//! Peers on a hub: each with a log that was really made, sent and taken in, only without a network.
//!
//! The n-th peer is always the same identity, so that a program that measures can play it.

use holdfast::clock;
use holdfast::crypto::{Identity, verify_checkpoint};
use holdfast::grant::Grants;
use holdfast::model::{
    Epoch, Expectation, InstanceId, KeyId, Operation, OperationId, OperationKind, PeerRole, Status,
    Timestamp, Timing,
};
use holdfast::reconcile::memory::MemoryOrigin;
use holdfast::reconcile::{
    EntryKind, Feed, FeedOutput, FromHub, FromOrigin, HubLog as _, Intake, Quota, Shard,
};
use holdfast::store::history::HistoryTx;
use holdfast::store::trust::{Peer, ToldGrant};
use holdfast::store::{History, StoreError, Trust};
use holdfast::wire::log::{encode_expectation, encode_operation};
use std::collections::VecDeque;
use std::time::Duration;

/// Peers in one commit.
const GROUP: u32 = 50;
const REPO: &str = "vault";
const DAY: Duration = Duration::from_secs(24 * 3600);

/// The identity of the n-th peer.
pub(crate) fn identity(number: u32) -> Identity {
    let mut seed = *b"holdfast seed: peer number xxxx.";
    seed[27..31].copy_from_slice(&number.to_be_bytes());
    Identity::from_seed(seed)
}

/// The name of the n-th peer.
pub(crate) fn name(number: u32) -> InstanceId {
    format!("peer-{number:05}").parse().expect("an instance id")
}

/// What each peer did.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Logs {
    /// Plans of it.
    pub(crate) plans: u32,
    /// Operations of each, six hours apart, the newest just now and good.
    pub(crate) runs: u32,
}

/// Adds the peers that are not there, each with a log; how many were added.
pub(crate) fn fill(
    trust: &Trust,
    history: &History,
    peers: u32,
    logs: Logs,
    mut progress: impl FnMut(u32),
) -> Result<u32, StoreError> {
    let mut added = 0;
    let numbers: Vec<u32> = (1..=peers).collect();
    for group in numbers.chunks(GROUP as usize) {
        let known = |number: &u32| trust.peer(&identity(*number).key_id());
        let mut new = Vec::new();
        for &number in group {
            if known(&number)?.is_none() {
                new.push(number);
            }
        }
        let numbers = new.clone();
        history.write_blocking(move |tx| numbers.iter().try_for_each(|&n| hold(tx, n, logs)))?;
        // After its log: a run that is cut leaves no peer without one.
        trust.put_peers(&new.iter().map(|&number| paired(number)).collect::<Vec<_>>())?;
        added += new.len() as u32;
        progress(group.last().copied().unwrap_or_default());
    }
    Ok(added)
}

/// Paired: it lets us read all its operations, and we let it do nothing.
fn paired(number: u32) -> Peer {
    let (identity, now) = (identity(number), clock::now());
    let mut peer = Peer::new(identity.key_id(), name(number), PeerRole::AuthorizedClient, now);
    peer.public_key = Some(identity.public_key());
    peer.grants = Grants::none();
    peer.grants_received = vec![ToldGrant {
        permission: "read-operations".to_owned(),
        scopes: vec!["*".to_owned()],
        exceptions: false,
    }];
    peer.last_heard = Some(now);
    peer
}

/// Takes the whole log of one peer into what is held of it, as a session with it would.
fn hold(tx: &mut HistoryTx<'_>, number: u32, logs: Logs) -> Result<(), StoreError> {
    let identity = identity(number);
    if tx.hub(identity.key_id())?.epoch()?.is_some() {
        return Ok(());
    }
    tx.remember_key(&identity.public_key())?;
    let log = log_of(&identity.key_id(), number, logs);
    converse(tx, &identity, &log)
}

/// Feed and intake speak until neither has anything to say; the last thing is a signed checkpoint.
fn converse(
    tx: &mut HistoryTx<'_>,
    identity: &Identity,
    log: &MemoryOrigin,
) -> Result<(), StoreError> {
    let public_key = identity.public_key();
    let verify = move |epoch: &_, told: &holdfast::reconcile::Checkpoint| {
        verify_checkpoint(&public_key, epoch, &told.root, told.time, &told.signature).is_ok()
    };
    let sign = |epoch: &_, root: &_, time| identity.sign_checkpoint(epoch, root, time);
    let mut feed = Feed::new(identity.key_id());
    let mut intake = Intake::new(identity.key_id(), Quota::default(), Box::new(verify));
    let mut held = tx.hub(identity.key_id())?;
    let everything = |_: &Shard| true;
    let hello = feed.open(log, &everything).unwrap_or_else(|never| match never {});
    let mut said = VecDeque::from([FromOrigin::Hello(hello)]);
    while let Some(message) = said.pop_front() {
        let mut answers = Vec::new();
        intake.handle(&mut held, message, clock::now(), &mut answers)?;
        intake.give(1, &mut answers);
        said.extend(hear(&mut feed, log, answers)?);
        if said.is_empty() {
            let read = feed.next(log, &everything, clock::now(), &sign);
            said.extend(read.unwrap_or_else(|never| match never {}));
        }
    }
    Ok(())
}

/// What the feed has to say to these answers.
fn hear(
    feed: &mut Feed,
    log: &MemoryOrigin,
    answers: Vec<FromHub>,
) -> Result<Vec<FromOrigin>, StoreError> {
    let mut outputs = Vec::new();
    for answer in answers {
        if matches!(answer, FromHub::Refused { .. } | FromHub::Stopped { .. }) {
            return Err(StoreError::Misuse("the log of a seeded peer was refused"));
        }
        feed.handle(log, &|_| true, answer, clock::now(), &mut outputs)
            .unwrap_or_else(|never| match never {});
    }
    let said = |output| match output {
        FeedOutput::Send(message) => Some(message),
        FeedOutput::Scrub(_) | FeedOutput::Heal { .. } | FeedOutput::Alert(_) => None,
    };
    Ok(outputs.into_iter().filter_map(said).collect())
}

/// The log of one peer: of each plan what it promises, and what ran of it.
fn log_of(origin: &KeyId, number: u32, Logs { plans, runs }: Logs) -> MemoryOrigin {
    let mut epoch = [0; 16];
    epoch.copy_from_slice(&origin.as_bytes()[..16]);
    let mut log = MemoryOrigin::new(*origin, Epoch::from_bytes(epoch));
    for plan in 1..=plans {
        let shard = Shard { repo: REPO.to_owned(), plan: format!("plan-{plan:04}") };
        let ended = clock::now().minus(Duration::from_secs(60 * u64::from(plan)));
        let promise = encode_expectation(&expectation(&shard, ended));
        log.append(&shard, OperationId::EXPECTATION, EntryKind::Expectation, promise);
        for back in (0..runs).rev() {
            let run = run(&shard, number, (ended, back));
            log.append(&shard, run.id, EntryKind::First, encode_operation(&run));
        }
    }
    log
}

fn expectation(shard: &Shard, last_met: Timestamp) -> Expectation {
    Expectation {
        repo: shard.repo.parse().expect("a repo id"),
        plan: shard.plan.parse().expect("a plan id"),
        schedule: "manual".to_owned(),
        allowed_age: Some(DAY * 2),
        last_met: Some(last_met),
        enabled: true,
        disabled_reason: String::new(),
        timing: Timing::default(),
    }
}

/// The run before so many others: mostly a good backup, now and then something else.
fn run(shard: &Shard, number: u32, (newest, back): (Timestamp, u32)) -> Operation {
    let backup = backup(shard, number, newest.minus(DAY / 4 * back));
    let failed = |status, message: &str| (OperationKind::Backup, status, message.to_owned());
    let good = (OperationKind::Backup, Status::Succeeded, String::new());
    let (kind, status, message) = match back {
        0 => good,
        back if back % 400 == 5 => (OperationKind::Restore, Status::Succeeded, String::new()),
        back if back % 50 == 7 => failed(Status::Failed, "the repository cannot be reached"),
        back if back % 97 == 3 => {
            failed(Status::Warning, &format!("{back} files could not be read"))
        }
        back if back % 5 == 4 => (OperationKind::Forget, Status::Succeeded, "12 kept".to_owned()),
        _ => good,
    };
    Operation { kind, status, message, ..backup }
}

fn backup(shard: &Shard, number: u32, ended: Timestamp) -> Operation {
    let started_at = ended.minus(Duration::from_secs(40));
    let mut random = [0; 10];
    random[..4].copy_from_slice(&number.to_be_bytes());
    random[4..].copy_from_slice(&shard.plan.as_bytes()[shard.plan.len() - 6..]);
    let id = OperationId::new(started_at, random);
    Operation {
        status: Status::Succeeded,
        repo: shard.repo.parse().ok(),
        plan: shard.plan.parse().ok(),
        snapshot: Some("5eed".repeat(16)),
        ended_at: Some(ended),
        ..Operation::begun(id, name(number), OperationKind::Backup, started_at)
    }
}
