//! Payloads of log entries: operations and expectations to bytes and back.
//!
//! A payload never exceeds [`MAX_PAYLOAD`](crate::reconcile::MAX_PAYLOAD): item errors and messages are cut when it is written.
//! What a newer version wrote may not be understood here; it is stored all the same.

use super::proto::log as proto;
use crate::model::{
    Attempt, Expectation, FlowId, ItemError, ItemErrors, Operation, OperationId, OperationKind,
    Stats, Status, Timestamp, Timing,
};
use crate::reconcile::{MAX_PAYLOAD, Shard};
use bytes::Bytes;
use prost::Message as _;
use std::time::Duration;

const MAX_MESSAGE: usize = 4 * 1024;
const MAX_PATH: usize = 1024;
const MAX_ITEM_MESSAGE: usize = 256;

/// Why a payload could not be read as what it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PayloadError {
    /// More bytes than an entry may have.
    #[error("payload of {bytes} bytes is longer than the {MAX_PAYLOAD} that are allowed")]
    TooLong {
        /// How many it has.
        bytes: usize,
    },
    /// Not the message it should be, or with a value this version does not know.
    #[error("payload is not understood: {0}")]
    NotUnderstood(String),
}

/// What of an operation's state is indexed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outline {
    /// What it does; `None` where a newer version names a kind unknown here.
    pub kind: Option<OperationKind>,
    /// How far it is; `None` where a newer version names a status unknown here.
    pub status: Option<Status>,
    /// The trigger that it belongs to.
    pub flow: Option<FlowId>,
    /// How many entries the operation has had.
    pub revision: u32,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// The snapshot made or used, while it is in the repository: 64 hexadecimal digits.
    pub snapshot: Option<String>,
    /// What it says.
    pub message: String,
}

impl Outline {
    /// Whether nothing more follows; so is taken what is not understood (R3: it is never blanked).
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.status.is_none_or(Status::is_finished)
    }
}

/// The columns of a state; `None` where the payload is not an operation at all.
#[must_use]
pub fn outline(payload: &[u8]) -> Option<Outline> {
    let message = proto::Operation::decode(payload).ok()?;
    Some(Outline {
        kind: kind_from(message.kind),
        status: status_from(message.status),
        flow: message.flow.as_ref().try_into().ok().map(FlowId::from_bytes),
        revision: message.revision,
        started_at: Timestamp::from_millis(message.started_at_ms),
        ended_at: message.ended_at_ms.map(Timestamp::from_millis),
        snapshot: Some(message.snapshot)
            .filter(|id| is_hash(id) && message.snapshot_gone_ms.is_none()),
        message: message.message,
    })
}

/// The payload of a state; what does not fit is cut.
#[must_use]
pub fn encode_operation(operation: &Operation) -> Bytes {
    let mut message = to_proto(operation);
    cut(&mut message.message, MAX_MESSAGE);
    message.item_errors.truncate(ItemErrors::KEPT);
    if message.encoded_len() > MAX_PAYLOAD {
        for item in &mut message.item_errors {
            cut(&mut item.path, MAX_PATH);
            cut(&mut item.message, MAX_ITEM_MESSAGE);
        }
    }
    while message.encoded_len() > MAX_PAYLOAD && message.item_errors.pop().is_some() {}
    message.encode_to_vec().into()
}

/// Reads a state; its id and shard come from the entry.
///
/// # Errors
/// A payload that is too long, or not understood by this version.
pub fn decode_operation(
    id: OperationId,
    shard: &Shard,
    payload: &[u8],
) -> Result<Operation, PayloadError> {
    limit(payload)?;
    let message = proto::Operation::decode(payload).map_err(|error| unclear(&error))?;
    let item_errors = item_errors(message.item_errors, message.item_errors_total);
    Ok(Operation {
        id,
        flow: FlowId::from_bytes(
            message.flow.as_ref().try_into().map_err(|_| not_known("flow", message.flow.len()))?,
        ),
        revision: message.revision,
        instance: message.instance.parse().map_err(|error| unclear(&error))?,
        kind: kind_from(message.kind).ok_or_else(|| not_known("kind", message.kind))?,
        status: status_from(message.status).ok_or_else(|| not_known("status", message.status))?,
        repo: optional(&shard.repo)?,
        plan: optional(&shard.plan)?,
        repo_guid: optional(&message.repo_guid)?,
        snapshot: is_hash(&message.snapshot).then_some(message.snapshot),
        snapshot_gone: message.snapshot_gone_ms.map(Timestamp::from_millis),
        started_at: Timestamp::from_millis(message.started_at_ms),
        ended_at: message.ended_at_ms.map(Timestamp::from_millis),
        message: message.message,
        stats: message.stats.map(stats_from),
        item_errors,
        attempt: message.attempt.map(|proto::Attempt { number, of }| Attempt { number, of }),
    })
}

/// The payload of an expectation; its repo and plan are the shard's.
#[must_use]
pub fn encode_expectation(expectation: &Expectation) -> Bytes {
    let timing = &expectation.timing;
    let mut message = proto::Expectation {
        schedule: expectation.schedule.clone(),
        allowed_age_s: expectation.allowed_age.map(|age| age.as_secs()),
        last_met_ms: expectation.last_met.map(Timestamp::as_millis),
        disabled: !expectation.enabled,
        disabled_reason: expectation.disabled_reason.clone(),
        time_zone: timing.time_zone.clone(),
        next_due_ms: timing.next_due.map(Timestamp::as_millis),
        longest_gap_s: timing.longest_gap.map(|gap| gap.as_secs()),
        grace_s: timing.grace.map(|grace| grace.as_secs()),
        paused: timing.paused,
        paused_until_ms: timing.paused_until.map(Timestamp::as_millis),
        waiting_for: timing.waiting_for.clone(),
    };
    cut(&mut message.schedule, MAX_MESSAGE);
    cut(&mut message.waiting_for, MAX_MESSAGE);
    cut(&mut message.disabled_reason, MAX_MESSAGE);
    message.encode_to_vec().into()
}

/// Reads an expectation of a shard.
///
/// # Errors
/// A payload that is too long or not understood, or a shard without both repo and plan.
pub fn decode_expectation(shard: &Shard, payload: &[u8]) -> Result<Expectation, PayloadError> {
    limit(payload)?;
    let message = proto::Expectation::decode(payload).map_err(|error| unclear(&error))?;
    Ok(Expectation {
        repo: shard.repo.parse().map_err(|error| unclear(&error))?,
        plan: shard.plan.parse().map_err(|error| unclear(&error))?,
        schedule: message.schedule,
        allowed_age: message.allowed_age_s.map(Duration::from_secs),
        last_met: message.last_met_ms.map(Timestamp::from_millis),
        enabled: !message.disabled,
        disabled_reason: message.disabled_reason,
        timing: Timing {
            time_zone: message.time_zone,
            next_due: message.next_due_ms.map(Timestamp::from_millis),
            longest_gap: message.longest_gap_s.map(Duration::from_secs),
            grace: message.grace_s.map(Duration::from_secs),
            paused: message.paused,
            paused_until: message.paused_until_ms.map(Timestamp::from_millis),
            waiting_for: message.waiting_for,
        },
    })
}

fn limit(payload: &[u8]) -> Result<(), PayloadError> {
    match payload.len() {
        bytes if bytes > MAX_PAYLOAD => Err(PayloadError::TooLong { bytes }),
        _ => Ok(()),
    }
}

fn unclear(error: &dyn std::fmt::Display) -> PayloadError {
    PayloadError::NotUnderstood(error.to_string())
}

fn not_known(what: &str, value: impl std::fmt::Display) -> PayloadError {
    PayloadError::NotUnderstood(format!("{what} {value} is not known to this version"))
}

fn optional<T: std::str::FromStr<Err: std::fmt::Display>>(
    text: &str,
) -> Result<Option<T>, PayloadError> {
    match text {
        "" => Ok(None),
        _ => text.parse().map(Some).map_err(|error: T::Err| unclear(&error)),
    }
}

fn is_hash(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

/// Shortens to at most `bytes`, on a character boundary, and shows that it was cut.
fn cut(text: &mut String, bytes: usize) {
    if text.len() > bytes {
        text.truncate(text.floor_char_boundary(bytes.saturating_sub('…'.len_utf8())));
        text.push('…');
    }
}

fn to_proto(operation: &Operation) -> proto::Operation {
    proto::Operation {
        flow: operation.flow.as_bytes().to_vec().into(),
        revision: operation.revision,
        instance: operation.instance.to_string(),
        kind: kind_number(operation.kind) as i32,
        status: status_number(operation.status) as i32,
        repo_guid: operation.repo_guid.as_ref().map(ToString::to_string).unwrap_or_default(),
        snapshot: operation.snapshot.clone().unwrap_or_default(),
        snapshot_gone_ms: operation.snapshot_gone.map(Timestamp::as_millis),
        started_at_ms: operation.started_at.as_millis(),
        ended_at_ms: operation.ended_at.map(Timestamp::as_millis),
        message: operation.message.clone(),
        stats: operation.stats.map(stats_to),
        item_errors: operation.item_errors.first.iter().map(item_to).collect(),
        item_errors_total: operation.item_errors.total,
        attempt: operation.attempt.map(|Attempt { number, of }| proto::Attempt { number, of }),
    }
}

fn item_to(item: &ItemError) -> proto::ItemError {
    proto::ItemError { path: item.path.clone(), message: item.message.clone() }
}

fn item_errors(items: Vec<proto::ItemError>, total: u64) -> ItemErrors {
    let first = items
        .into_iter()
        .take(ItemErrors::KEPT)
        .map(|item| ItemError { path: item.path, message: item.message })
        .collect();
    ItemErrors { first, total }
}

fn stats_to(stats: Stats) -> proto::Stats {
    proto::Stats {
        files_new: stats.files_new,
        files_changed: stats.files_changed,
        files_unmodified: stats.files_unmodified,
        bytes_processed: stats.bytes_processed,
        bytes_added: stats.bytes_added,
        item_errors: stats.item_errors,
    }
}

fn stats_from(stats: proto::Stats) -> Stats {
    Stats {
        files_new: stats.files_new,
        files_changed: stats.files_changed,
        files_unmodified: stats.files_unmodified,
        bytes_processed: stats.bytes_processed,
        bytes_added: stats.bytes_added,
        item_errors: stats.item_errors,
    }
}

const fn kind_number(kind: OperationKind) -> proto::Kind {
    match kind {
        OperationKind::Backup => proto::Kind::Backup,
        OperationKind::Forget => proto::Kind::Forget,
        OperationKind::Prune => proto::Kind::Prune,
        OperationKind::Check => proto::Kind::Check,
        OperationKind::Restore => proto::Kind::Restore,
        OperationKind::Stats => proto::Kind::Stats,
        OperationKind::Index => proto::Kind::Index,
        OperationKind::Hook => proto::Kind::Hook,
        OperationKind::Command => proto::Kind::Command,
        OperationKind::Unlock => proto::Kind::Unlock,
        OperationKind::Init => proto::Kind::Init,
    }
}

const fn status_number(status: Status) -> proto::Status {
    match status {
        Status::Pending => proto::Status::Pending,
        Status::Running => proto::Status::Running,
        Status::Succeeded => proto::Status::Succeeded,
        Status::Warning => proto::Status::Warning,
        Status::Failed => proto::Status::Failed,
        Status::Cancelled => proto::Status::Cancelled,
        Status::Skipped => proto::Status::Skipped,
        Status::Lost => proto::Status::Lost,
    }
}

fn kind_from(number: i32) -> Option<OperationKind> {
    OperationKind::ALL.iter().copied().find(|kind| kind_number(*kind) as i32 == number)
}

fn status_from(number: i32) -> Option<Status> {
    Status::ALL.iter().copied().find(|status| status_number(*status) as i32 == number)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn operation() -> Operation {
        let id = OperationId::new(Timestamp::from_millis(1_795_233_600_000), [7; 10]);
        Operation {
            id,
            flow: id.into(),
            revision: 3,
            instance: "nas".parse().expect("an instance id"),
            kind: OperationKind::Backup,
            status: Status::Warning,
            repo: Some("vault".parse().expect("a repo id")),
            plan: Some("home".parse().expect("a plan id")),
            repo_guid: Some("ab".repeat(32).parse().expect("a guid")),
            snapshot: Some("cd".repeat(32)),
            snapshot_gone: Some(Timestamp::from_millis(7)),
            started_at: Timestamp::from_millis(1_795_233_600_000),
            ended_at: Some(Timestamp::from_millis(1_795_233_660_000)),
            message: "3 files could not be read".into(),
            stats: Some(Stats { files_new: 1, bytes_added: 2, ..Stats::default() }),
            item_errors: ItemErrors {
                first: vec![ItemError { path: "/home/a".into(), message: "denied".into() }],
                total: 3,
            },
            attempt: Some(Attempt { number: 2, of: 3 }),
        }
    }

    fn shard() -> Shard {
        Shard { repo: "vault".into(), plan: "home".into() }
    }

    #[test]
    fn operation_reads_back() {
        let operation = operation();
        let payload = encode_operation(&operation);
        assert_eq!(decode_operation(operation.id, &shard(), &payload), Ok(operation));
    }

    #[test]
    fn long_texts_are_cut_to_fit() {
        let mut long = operation();
        long.message = "ä".repeat(100_000);
        let item = ItemError { path: "/p".repeat(9_000), message: "m".repeat(9_000) };
        long.item_errors = ItemErrors { first: vec![item; 100], total: 5_000 };
        let payload = encode_operation(&long);
        assert!(payload.len() <= MAX_PAYLOAD);
        let read = decode_operation(long.id, &shard(), &payload).expect("it still reads");
        assert_eq!(read.item_errors.total, 5_000);
        assert!(!read.item_errors.first.is_empty());
        assert!(read.message.ends_with('…'));
    }

    #[test]
    fn expectation_reads_back() {
        let expectation = Expectation {
            repo: "vault".parse().expect("a repo id"),
            plan: "home".parse().expect("a plan id"),
            schedule: "manual".into(),
            allowed_age: Some(Duration::from_secs(129_600)),
            last_met: Some(Timestamp::from_millis(5)),
            enabled: false,
            disabled_reason: "un-shared by hub".into(),
            timing: Timing::default(),
        };
        let payload = encode_expectation(&expectation);
        assert_eq!(payload.len(), 34, "what an earlier version wrote, and reads, is the same");
        assert_eq!(decode_expectation(&shard(), &payload).as_ref(), Ok(&expectation));
        let timed = Expectation {
            timing: Timing {
                time_zone: "Europe/Rome".into(),
                next_due: Some(Timestamp::from_millis(7)),
                longest_gap: Some(Duration::from_secs(86_400)),
                grace: Some(Duration::from_secs(900)),
                paused: true,
                paused_until: Some(Timestamp::from_millis(9)),
                waiting_for: "AC power".into(),
            },
            ..expectation
        };
        let payload = encode_expectation(&timed);
        assert_eq!(decode_expectation(&shard(), &payload), Ok(timed));
    }

    #[test]
    fn what_is_not_understood_counts_as_finished() {
        let newer = proto::Operation { status: 99, kind: 99, ..Default::default() };
        let seen = outline(&newer.encode_to_vec()).expect("it is an operation");
        assert!(seen.is_finished());
        assert_eq!((seen.kind, seen.status), (None, None));
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(bytes in proptest::collection::vec(0_u8.., 0..2_000)) {
            let _ = outline(&bytes);
            let _ = decode_operation(OperationId::EXPECTATION, &shard(), &bytes);
            let _ = decode_expectation(&shard(), &bytes);
        }
    }
}
