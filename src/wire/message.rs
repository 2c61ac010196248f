//! The messages of an established session as values that have been checked.

use super::command::{self, CommandRequest, CommandUpdate};
use super::log_sync::{from_hub_in, from_hub_out, from_origin_in, from_origin_out};
use super::log_text::{self, LogChunk, LogRequest};
use super::proto::sync as pb;
use super::{MAX_SHARDS, WireError, at_most, exact};
use crate::grant::Grants;
use crate::model::{
    Dropped, InstanceId, OperationId, Progress, RepoGuid, RepoId, Secret, SharedRepo, Timestamp,
};
use crate::reconcile::{FromHub, FromOrigin, Shard};
use bytes::Bytes;
use prost::Message as _;
use serde::{Deserialize, Serialize};

const MAX_TEXT_BYTES: usize = 4096;
const MAX_URLS: usize = 16;
const MAX_GRANTS: usize = 32;
const MAX_SCOPES: usize = 1024;
const MAX_SHARED_REPOS: usize = 256;
const MAX_ENV: usize = 64;

/// One message of a session.
#[derive(Clone)]
pub enum Message {
    /// What the receiver may do at the sender now.
    Grants(Vec<ToldGrant>),
    /// "Are you there?", with the sender's clock.
    Heartbeat {
        /// Repeated in the answer.
        number: u64,
        /// When it was sent, by the sender's clock.
        sent: Timestamp,
    },
    /// "I am."
    HeartbeatAck {
        /// Of the heartbeat.
        number: u64,
        /// Of the heartbeat.
        sent: Timestamp,
        /// When it came, by the answerer's clock.
        received: Timestamp,
    },
    /// Nothing follows.
    Close(CloseReason),
    /// Something about the sender changed.
    Notice(Notice),
    /// About the sender's own log.
    FromOrigin(FromOrigin),
    /// About the receiver's log.
    FromHub(FromHub),
    /// How far a running operation of the sender is.
    Progress(RunProgress),
    /// The repos that the receiver may have now.
    SharedRepos(SharedRepoSet),
    /// What was taken back, kept until acknowledged.
    SharedRepoRecords(Vec<SharedRepoRecord>),
    /// What the sender took of the repos it was sent.
    SharedRepoReport(SharedRepoReport),
    /// Asks for the log text of an operation of the receiver.
    LogRequest(LogRequest),
    /// A part of such a text.
    LogChunk(LogChunk),
    /// Asks the receiver to do something.
    CommandRequest(CommandRequest),
    /// What became of that.
    CommandUpdate(CommandUpdate),
    /// A kind that this version does not know: skipped and counted.
    Unknown,
}

/// A grant as the other side is told it: what is excluded is neither named nor counted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToldGrant {
    /// The permission's word.
    pub permission: String,
    /// Its positive scopes.
    pub scopes: Vec<String>,
    /// "with exceptions".
    pub exceptions: bool,
}

/// What `grants` look like to the peer that holds them.
#[must_use]
pub fn tell(grants: &Grants) -> Vec<ToldGrant> {
    let told =
        |(permission, scopes): (crate::grant::Permission, &crate::grant::Scopes)| ToldGrant {
            permission: permission.as_str().to_owned(),
            scopes: scopes.iter().filter(|s| s.is_positive()).map(ToString::to_string).collect(),
            exceptions: scopes.has_exclusions(),
        };
    grants.iter().map(told).collect()
}

/// Why a session ends, or why none begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CloseReason {
    /// One word for programs, such as `clone`.
    pub code: String,
    /// A sentence for a person: what to do about it.
    pub remedy: String,
    /// When trying again makes sense; 0 leaves it to the dialer.
    pub retry_after_s: u32,
}

/// Something about the sender.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// It is reached at these from now on.
    Urls(Vec<String>),
    /// Its name is this from now on.
    Renamed(InstanceId),
    /// It has removed the receiver as a peer.
    Removed,
    /// It knows somebody else by the receiver's name, and goes on calling the receiver this.
    NameTaken(InstanceId),
}

/// How far a running operation is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunProgress {
    /// Of which operation.
    pub operation: OperationId,
    /// In which shard: decides who may see it.
    pub shard: Shard,
    /// How far.
    pub progress: Progress,
}

/// All repos that the receiver may have; one that is missing is unknown, not taken back.
#[derive(Clone)]
pub struct SharedRepoSet {
    /// Repeated in the report.
    pub revision: u64,
    /// The repos.
    pub repos: Vec<SharedRepo>,
    /// What was malformed in a received set and left out.
    pub dropped: Vec<Dropped>,
}

/// Why a shared repo was taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SharedReason {
    /// The owner no longer shares it.
    Unshared,
    /// The owner revoked the grant.
    Revoked,
    /// The owner removed the peer.
    PeerRemoved,
}

impl SharedReason {
    /// The word that stores and documents use.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unshared => "unshared",
            Self::Revoked => "revoked",
            Self::PeerRemoved => "peer-removed",
        }
    }

    /// Reads [`SharedReason::as_str`].
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Unshared, Self::Revoked, Self::PeerRemoved].into_iter().find(|r| r.as_str() == text)
    }
}

/// An explicit record that a repo was taken back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SharedRepoRecord {
    /// The sender's number of it; acknowledged by it.
    pub number: u64,
    /// Which repository.
    pub guid: RepoGuid,
    /// The owner's id of it.
    pub id: RepoId,
    /// Why.
    pub reason: SharedReason,
    /// When, by the owner's clock.
    pub at: Timestamp,
}

/// What a member made of what it was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SharedRepoReport {
    /// Of the set; 0 where none has come.
    pub revision: u64,
    /// Each repo of the set.
    pub repos: Vec<TakenRepo>,
    /// Numbers of the records seen.
    pub acknowledged: Vec<u64>,
}

/// What a member made of one repo.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TakenRepo {
    /// The owner's id of it.
    pub id: RepoId,
    /// How it stands.
    pub state: TakenState,
    /// A sentence.
    pub detail: String,
    /// What was left out.
    pub dropped: Vec<String>,
}

/// How a shared repo stands at a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TakenState {
    /// Usable there.
    Taken,
    /// Another repo there has its id or guid.
    Conflict,
    /// The member deleted it and has not asked for it again.
    Deleted,
    /// The member does not grant `send-shared-repos`.
    NotGranted,
    /// Its uri may not be used there (X1).
    Refused,
}

impl TakenState {
    const ALL: [Self; 5] =
        [Self::Taken, Self::Conflict, Self::Deleted, Self::NotGranted, Self::Refused];

    /// The word on the wire and in documents.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Taken => "taken",
            Self::Conflict => "conflict",
            Self::Deleted => "deleted",
            Self::NotGranted => "not-granted",
            Self::Refused => "refused",
        }
    }

    /// Reads [`TakenState::as_str`].
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }
}

impl Message {
    /// The bytes of the message, not yet sealed.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        pb::Message { kind: self.kind() }.encode_to_vec()
    }

    fn kind(&self) -> Option<pb::message::Kind> {
        use pb::message::Kind;
        Some(match self {
            Self::Grants(told) => {
                Kind::Grants(pb::Grants { granted: told.iter().map(told_out).collect() })
            }
            Self::Heartbeat { number, sent } => {
                Kind::Heartbeat(pb::Heartbeat { number: *number, sent_ms: sent.as_millis() })
            }
            Self::HeartbeatAck { number, sent, received } => Kind::HeartbeatAck(pb::HeartbeatAck {
                number: *number,
                sent_ms: sent.as_millis(),
                received_ms: received.as_millis(),
            }),
            Self::Close(reason) => Kind::Close(pb::Close {
                code: reason.code.clone(),
                remedy: reason.remedy.clone(),
                retry_after_s: reason.retry_after_s,
            }),
            Self::Notice(notice) => Kind::Notice(notice_out(notice)),
            Self::FromOrigin(message) => Kind::FromOrigin(from_origin_out(message)),
            Self::FromHub(message) => Kind::FromHub(from_hub_out(message)),
            Self::Progress(progress) => Kind::Progress(progress_out(progress)),
            Self::SharedRepos(set) => Kind::SharedRepos(set_out(set)),
            Self::SharedRepoRecords(records) => Kind::Records(pb::SharedRepoRecords {
                records: records.iter().map(record_out).collect(),
            }),
            Self::SharedRepoReport(report) => Kind::Report(report_out(report)),
            Self::LogRequest(request) => Kind::LogRequest(log_text::request_out(request)),
            Self::LogChunk(chunk) => Kind::LogChunk(log_text::chunk_out(chunk)),
            Self::CommandRequest(request) => Kind::CommandRequest(command::request_out(request)),
            Self::CommandUpdate(update) => Kind::CommandUpdate(command::update_out(update)),
            Self::Unknown => return None,
        })
    }

    /// Reads the opened bytes of a record.
    ///
    /// # Errors
    /// [`WireError`]: the peer broke the protocol.
    pub fn decode(bytes: &[u8]) -> Result<Self, WireError> {
        use pb::message::Kind;
        let message = pb::Message::decode(bytes)
            .map_err(|_| WireError::Malformed { message: "session message" })?;
        let Some(kind) = message.kind else { return Ok(Self::Unknown) };
        Ok(match kind {
            Kind::Grants(grants) => Self::Grants(told_in(grants.granted)?),
            Kind::Heartbeat(beat) => {
                Self::Heartbeat { number: beat.number, sent: Timestamp::from_millis(beat.sent_ms) }
            }
            Kind::HeartbeatAck(ack) => Self::HeartbeatAck {
                number: ack.number,
                sent: Timestamp::from_millis(ack.sent_ms),
                received: Timestamp::from_millis(ack.received_ms),
            },
            Kind::Close(close) => {
                Self::Close(close_in(close.code, close.remedy, close.retry_after_s)?)
            }
            Kind::Notice(notice) => notice_in(notice)?.map_or(Self::Unknown, Self::Notice),
            Kind::FromOrigin(m) => from_origin_in(m)?.map_or(Self::Unknown, Self::FromOrigin),
            Kind::FromHub(m) => from_hub_in(m)?.map_or(Self::Unknown, Self::FromHub),
            Kind::Progress(progress) => Self::Progress(progress_in(&progress)?),
            Kind::SharedRepos(set) => Self::SharedRepos(set_in(set)?),
            Kind::Records(records) => Self::SharedRepoRecords(records_in(records)?),
            Kind::Report(report) => Self::SharedRepoReport(report_in(report)?),
            Kind::LogRequest(request) => Self::LogRequest(log_text::request_in(&request)?),
            Kind::LogChunk(chunk) => Self::LogChunk(log_text::chunk_in(chunk)?),
            Kind::CommandRequest(request) => Self::CommandRequest(command::request_in(request)?),
            Kind::CommandUpdate(update) => Self::CommandUpdate(command::update_in(update)?),
        })
    }
}

/// Checks a close reason that came from a peer.
pub(super) fn close_in(
    code: String,
    remedy: String,
    retry_after_s: u32,
) -> Result<CloseReason, WireError> {
    text("code", &code, 64)?;
    text("remedy", &remedy, MAX_TEXT_BYTES)?;
    Ok(CloseReason { code, remedy, retry_after_s })
}

/// Refuses a text that is too long or carries control characters (it may reach a terminal).
pub(super) fn text(field: &'static str, text: &str, allowed: usize) -> Result<(), WireError> {
    at_most(field, text.len(), allowed)?;
    if text.chars().any(char::is_control) { Err(WireError::Value { field }) } else { Ok(()) }
}

/// A told grant in its wire form.
pub(super) fn told_out(told: &ToldGrant) -> pb::Grant {
    pb::Grant {
        permission: told.permission.clone(),
        scopes: told.scopes.clone(),
        exceptions: told.exceptions,
    }
}

/// Checks the grants that a peer says it gives.
pub(super) fn told_in(grants: Vec<pb::Grant>) -> Result<Vec<ToldGrant>, WireError> {
    at_most("grants", grants.len(), MAX_GRANTS)?;
    let one = |grant: pb::Grant| {
        text("permission", &grant.permission, 64)?;
        at_most("scopes", grant.scopes.len(), MAX_SCOPES)?;
        grant.scopes.iter().try_for_each(|scope| text("scope", scope, 80))?;
        Ok(ToldGrant {
            permission: grant.permission,
            scopes: grant.scopes,
            exceptions: grant.exceptions,
        })
    };
    grants.into_iter().map(one).collect()
}

/// Checks the URLs that a peer says it is reached at.
pub(super) fn urls_in(urls: Vec<String>) -> Result<Vec<String>, WireError> {
    at_most("urls", urls.len(), MAX_URLS)?;
    urls.iter().try_for_each(|url| text("url", url, 512))?;
    Ok(urls)
}

/// Checks the name that a peer says it has.
pub(super) fn instance_in(instance: &str) -> Result<InstanceId, WireError> {
    instance.parse().map_err(|_| WireError::Value { field: "instance" })
}

fn notice_out(notice: &Notice) -> pb::Notice {
    use pb::notice::Notice as Kind;
    let kind = match notice {
        Notice::Urls(urls) => Kind::Urls(pb::Urls { urls: urls.clone() }),
        Notice::Renamed(instance) => Kind::Instance(instance.to_string()),
        Notice::Removed => Kind::Removed(pb::Removed {}),
        Notice::NameTaken(known) => Kind::NameTaken(known.to_string()),
    };
    pb::Notice { notice: Some(kind) }
}

fn notice_in(notice: pb::Notice) -> Result<Option<Notice>, WireError> {
    use pb::notice::Notice as Kind;
    Ok(match notice.notice {
        Some(Kind::Urls(urls)) => Some(Notice::Urls(urls_in(urls.urls)?)),
        Some(Kind::Instance(instance)) => Some(Notice::Renamed(instance_in(&instance)?)),
        Some(Kind::Removed(pb::Removed {})) => Some(Notice::Removed),
        Some(Kind::NameTaken(known)) => Some(Notice::NameTaken(instance_in(&known)?)),
        None => None,
    })
}

fn progress_out(run: &RunProgress) -> pb::Progress {
    pb::Progress {
        operation: Bytes::copy_from_slice(run.operation.as_bytes()),
        shard: Some(pb::Shard { repo: run.shard.repo.clone(), plan: run.shard.plan.clone() }),
        files_done: run.progress.files_done,
        files_total: run.progress.files_total,
        bytes_done: run.progress.bytes_done,
        bytes_total: run.progress.bytes_total,
        permille: run.progress.permille,
        seconds_remaining: run.progress.seconds_remaining,
    }
}

fn progress_in(run: &pb::Progress) -> Result<RunProgress, WireError> {
    let shard = run.shard.clone().unwrap_or_default();
    text("repo", &shard.repo, 63)?;
    text("plan", &shard.plan, 63)?;
    Ok(RunProgress {
        operation: OperationId::from_bytes(exact("operation", &run.operation)?),
        shard: Shard { repo: shard.repo, plan: shard.plan },
        progress: Progress {
            files_done: run.files_done,
            files_total: run.files_total,
            bytes_done: run.bytes_done,
            bytes_total: run.bytes_total,
            permille: run.permille.min(1000),
            seconds_remaining: run.seconds_remaining,
            current_files: Vec::new(),
        },
    })
}

fn set_out(set: &SharedRepoSet) -> pb::SharedRepos {
    let repo = |repo: &SharedRepo| pb::SharedRepo {
        id: repo.id.to_string(),
        guid: repo.guid.to_string(),
        uri: repo.uri.expose().to_owned(),
        password: repo.password.as_ref().map(|password| password.expose().to_owned()),
        env: repo.env.iter().map(|(k, v)| (k.clone(), v.expose().to_owned())).collect(),
    };
    pb::SharedRepos { revision: set.revision, repos: set.repos.iter().map(repo).collect() }
}

fn set_in(set: pb::SharedRepos) -> Result<SharedRepoSet, WireError> {
    at_most("repos", set.repos.len(), MAX_SHARED_REPOS)?;
    let repos = set.repos.into_iter().map(shared_repo_in).collect::<Result<_, _>>()?;
    Ok(SharedRepoSet { revision: set.revision, repos, dropped: Vec::new() })
}

fn shared_repo_in(repo: pb::SharedRepo) -> Result<SharedRepo, WireError> {
    at_most("env", repo.env.len(), MAX_ENV)?;
    at_most("uri", repo.uri.len(), MAX_TEXT_BYTES)?;
    at_most("password", repo.password.as_ref().map_or(0, String::len), MAX_TEXT_BYTES)?;
    for (name, value) in &repo.env {
        text("env name", name, 64)?;
        at_most("env value", value.len(), MAX_TEXT_BYTES)?;
    }
    Ok(SharedRepo {
        id: repo.id.parse().map_err(|_| WireError::Value { field: "repo id" })?,
        guid: repo.guid.parse().map_err(|_| WireError::Value { field: "repo guid" })?,
        uri: Secret::new(repo.uri),
        password: repo.password.map(Secret::new),
        env: repo.env.into_iter().map(|(name, value)| (name, Secret::new(value))).collect(),
    })
}

fn record_out(record: &SharedRepoRecord) -> pb::SharedRepoRecord {
    let reason = match record.reason {
        SharedReason::Unshared => pb::Reason::Unshared,
        SharedReason::Revoked => pb::Reason::Revoked,
        SharedReason::PeerRemoved => pb::Reason::PeerRemoved,
    };
    pb::SharedRepoRecord {
        number: record.number,
        guid: record.guid.to_string(),
        id: record.id.to_string(),
        reason: reason.into(),
        at_ms: record.at.as_millis(),
    }
}

fn records_in(records: pb::SharedRepoRecords) -> Result<Vec<SharedRepoRecord>, WireError> {
    at_most("records", records.records.len(), MAX_SHARDS)?;
    let one = |record: pb::SharedRepoRecord| {
        Ok(SharedRepoRecord {
            number: record.number,
            guid: record.guid.parse().map_err(|_| WireError::Value { field: "repo guid" })?,
            id: record.id.parse().map_err(|_| WireError::Value { field: "repo id" })?,
            reason: reason_in(record.reason)?,
            at: Timestamp::from_millis(record.at_ms),
        })
    };
    records.records.into_iter().map(one).collect()
}

fn reason_in(reason: i32) -> Result<SharedReason, WireError> {
    match pb::Reason::try_from(reason) {
        Ok(pb::Reason::Unshared) => Ok(SharedReason::Unshared),
        Ok(pb::Reason::Revoked) => Ok(SharedReason::Revoked),
        Ok(pb::Reason::PeerRemoved) => Ok(SharedReason::PeerRemoved),
        Ok(pb::Reason::Unspecified) | Err(_) => Err(WireError::Value { field: "reason" }),
    }
}

fn report_out(report: &SharedRepoReport) -> pb::SharedRepoReport {
    let repo = |repo: &TakenRepo| pb::TakenRepo {
        id: repo.id.to_string(),
        state: repo.state.as_str().to_owned(),
        detail: repo.detail.clone(),
        dropped: repo.dropped.clone(),
    };
    pb::SharedRepoReport {
        revision: report.revision,
        repos: report.repos.iter().map(repo).collect(),
        acknowledged: report.acknowledged.clone(),
    }
}

fn report_in(report: pb::SharedRepoReport) -> Result<SharedRepoReport, WireError> {
    at_most("repos", report.repos.len(), MAX_SHARED_REPOS)?;
    at_most("acknowledged", report.acknowledged.len(), MAX_SHARDS)?;
    let one = |repo: pb::TakenRepo| {
        text("detail", &repo.detail, MAX_TEXT_BYTES)?;
        at_most("dropped", repo.dropped.len(), 2 * MAX_ENV)?;
        repo.dropped.iter().try_for_each(|dropped| text("dropped", dropped, 512))?;
        Ok(TakenRepo {
            id: repo.id.parse().map_err(|_| WireError::Value { field: "repo id" })?,
            state: TakenState::parse(&repo.state).ok_or(WireError::Value { field: "state" })?,
            detail: repo.detail,
            dropped: repo.dropped,
        })
    };
    Ok(SharedRepoReport {
        revision: report.revision,
        repos: report.repos.into_iter().map(one).collect::<Result<_, _>>()?,
        acknowledged: report.acknowledged,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::MAX_WANTED;

    fn want(count: usize) -> Message {
        let shard = Shard { repo: "vault".to_owned(), plan: "home".to_owned() };
        let seqs = (1..).take(count).collect();
        Message::FromHub(FromHub::Want { shard, seqs })
    }

    #[test]
    fn the_longest_want_of_log_sync_crosses_and_a_longer_one_does_not() {
        assert!(Message::decode(&want(MAX_WANTED).encode()).is_ok());
        assert!(Message::decode(&want(MAX_WANTED + 1).encode()).is_err());
    }
}
