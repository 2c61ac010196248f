//! This instance at a glance.

use super::repos::Failing;
use super::{hooks, peers, plans, repos};
use crate::api::status_service_server::StatusService;
use crate::api::{
    Attention, Error, GetIdentityRequest, GetStatusRequest, Identity, Peer, Plan, Repo,
    Status as Document, Store,
};
use crate::daemon::Node;
use crate::daemon::ports::Backlog;
use crate::job::Live;
use crate::model::{KeyId, Timestamp, what_and_remedy};
use crate::reconcile::{Shard, Trouble};
use crate::store::StoreError;
use crate::store::history::{LogSummary, StoreState};
use crate::wire::{TakenRepo, TakenState};
use std::sync::Arc;
use tonic::{Request, Response, Status};

/// Answers for one instance.
pub(super) struct Service {
    node: Arc<Node>,
}

impl Service {
    pub(super) const fn new(node: Arc<Node>) -> Self {
        Self { node }
    }
}

#[tonic::async_trait]
impl StatusService for Service {
    async fn get(&self, _: Request<GetStatusRequest>) -> Result<Response<Document>, Status> {
        let plans = plans::documents(&self.node).await;
        Ok(Response::new(gather(&self.node, plans).await))
    }

    async fn identity(&self, _: Request<GetIdentityRequest>) -> Result<Response<Identity>, Status> {
        Ok(Response::new(Identity {
            instance: self.node.config.current().instance.to_string(),
            key_id: self.node.key().to_string(),
            public_key: hex::encode(self.node.identity.public_key()),
            path: self.node.data.identity().display().to_string(),
        }))
    }
}

/// This instance with its plans as they were read, and everything that needs attention.
pub(super) async fn gather(node: &Node, plans: Result<Vec<Plan>, Status>) -> Document {
    let mut attention: Vec<_> = config_trouble(node).into_iter().collect();
    let peers = readable("peers", peers::documents(node).await, &mut attention);
    let plans = readable("plans", plans, &mut attention);
    let repos = readable("repos", repos::with_failing(node).await, &mut attention);
    let store = node.history.state().borrow().clone();
    attention.extend(store_trouble(&store));
    let backlog = node.journal.backlog();
    attention.extend(backlog.as_ref().map(|backlog| backlog_trouble(backlog, node)));
    attention.extend(book_trouble(node));
    attention.extend(restic_trouble(node).await);
    attention.extend(plans.iter().filter_map(plan_trouble));
    attention.extend(repos.iter().flat_map(|(repo, failing)| repo_troubles(repo, failing)));
    attention.extend(node.engine.live().iter().filter_map(run_trouble));
    attention.extend(peers.iter().flat_map(|peer| sharing_troubles(node, peer)));
    attention.extend(peers.iter().filter_map(link_trouble));
    attention.extend(log_troubles(node, &peers).await);
    attention.extend(hooks::troubles(node).await);
    Document {
        instance: node.config.current().instance.to_string(),
        key_id: node.key().to_string(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        listen: node.listening.iter().map(ToString::to_string).collect(),
        ui_url: node.ui_url.clone(),
        store: Some(Store { state: store_state(&store, backlog.is_some()).to_owned() }),
        plans,
        repos: repos.into_iter().map(|(repo, _)| repo).collect(),
        peers,
        attention,
    }
}

fn row(kind: &str, subject: impl Into<String>, message: impl Into<String>) -> Attention {
    Attention {
        kind: kind.to_owned(),
        subject: subject.into(),
        message: message.into(),
        remedy: None,
        since: None,
    }
}

/// A store that cannot be read does not silence the rest: that is when a person looks here.
fn readable<T>(
    subject: &str,
    read: Result<Vec<T>, Status>,
    attention: &mut Vec<Attention>,
) -> Vec<T> {
    read.unwrap_or_else(|status| {
        let Error { message, remedy, .. } = Error::of_status(&status);
        attention.push(Attention { remedy, ..row("store", subject, message) });
        Vec::new()
    })
}

fn config_trouble(node: &Node) -> Option<Attention> {
    let snapshot = node.config.subscribe().borrow().clone();
    let trouble = snapshot.trouble?;
    let path = node.config.path().display().to_string();
    let remedy = "correct the file; until then the last good configuration stays in effect";
    Some(Attention {
        remedy: Some(remedy.to_owned()),
        since: snapshot.since.map(|at| at.to_string()),
        ..row("config", path, trouble.to_string())
    })
}

fn store_trouble(state: &StoreState) -> Option<Attention> {
    match state {
        StoreState::Ok => None,
        StoreState::Repairing { reason } => Some(Attention {
            remedy: Some("connect the peers that hold the same history".to_owned()),
            ..row("store", "history.db", reason)
        }),
        StoreState::Empty { reason, since } => Some(Attention {
            remedy: Some(
                "backups go on; peers send what they hold again, and archive what they have of ours. Look for a dying disk"
                    .to_owned(),
            ),
            since: Some(since.to_string()),
            ..row("store", "history.db", reason)
        }),
    }
}

/// One that takes nothing is not well, however whole it is.
const fn store_state(state: &StoreState, takes_nothing: bool) -> &'static str {
    match (state, takes_nothing) {
        (StoreState::Ok, true) => "unwritable",
        (StoreState::Ok | StoreState::Repairing { .. } | StoreState::Empty { .. }, _) => {
            state.as_str()
        }
    }
}

fn backlog_trouble(backlog: &Backlog, node: &Node) -> Attention {
    let Backlog { operations, since, reason } = backlog;
    let data = node.data.path().display();
    let noun = if *operations == 1 { "operation waits" } else { "operations wait" };
    Attention {
        remedy: Some(format!(
            "make {data} writable and free some space there; backups go on, and what waits is written by itself unless the daemon ends before"
        )),
        since: Some(since.to_string()),
        ..row("store", "history.db", format!("{reason}: {operations} {noun} in memory"))
    }
}

fn book_trouble(node: &Node) -> Option<Attention> {
    let (since, reason) = node.scheduler.unkept()?;
    let data = node.data.path().display();
    Some(Attention {
        remedy: Some(format!(
            "make {data} writable and free some space there; what is due runs all the same, and may run once more if the daemon ends before"
        )),
        since: Some(since.to_string()),
        ..row("store", "trust.db", format!("what was started is not kept: {reason}"))
    })
}

/// A machine that backs nothing up and keeps no repo needs no restic.
async fn restic_trouble(node: &Node) -> Option<Attention> {
    let config = node.config.current();
    if config.plans.is_empty() && config.repos.is_empty() {
        return None;
    }
    let lack = node.engine.version().await.err()?;
    Some(explained("restic", "restic", &lack.to_string()))
}

fn plan_trouble(plan: &Plan) -> Option<Attention> {
    if !plan.needs_someone {
        return None;
    }
    if let Some(reason) = plan.disabled_reason.as_ref().filter(|_| !plan.enabled) {
        return Some(explained("plan", &plan.id, reason));
    }
    let message = match plan.state.as_str() {
        "never" => "there is no good backup, and the first one is due".to_owned(),
        "stale" => "the newest good backup is older than allowed".to_owned(),
        "failing" if plan.failures > 1 => format!("the newest {} runs failed", plan.failures),
        "failing" => "the newest run failed".to_owned(),
        _ => return None,
    };
    let since = match plan.state.as_str() {
        "stale" => &plan.fresh_until,
        "failing" => &plan.failing_since,
        _ => &None,
    };
    Some(Attention {
        remedy: Some(format!(
            "see `holdfast ops --plan {0}`, then `holdfast plan backup {0}`",
            plan.id
        )),
        since: since.clone(),
        ..row("plan", &plan.id, message)
    })
}

/// A run that goes on and should be looked at.
fn run_trouble(live: &Live) -> Option<Attention> {
    let operation = &live.operation;
    let remedy = format!("see `holdfast op log {0}`, or `holdfast op cancel {0}`", operation.id);
    Some(Attention {
        remedy: Some(remedy),
        since: Some(operation.started_at.to_string()),
        ..row("operation", operation.id.to_string(), live.attention.clone()?)
    })
}

/// How a repo is, and each kind of its upkeep that failed: what keeps it usable may be damaged.
fn repo_troubles(repo: &Repo, failing: &[Failing]) -> Vec<Attention> {
    let is_told = failing.iter().any(|one| repo.reason.as_ref() == Some(&one.reason()));
    let standing = repo_trouble(repo).filter(|_| repo.state != "ready" || !is_told);
    let failed = |one: &Failing| Attention {
        remedy: Some(one.remedy()),
        since: one.since.map(|at| at.to_string()),
        ..row("repo", &repo.id, one.what())
    };
    standing.into_iter().chain(failing.iter().map(failed)).collect()
}

fn repo_trouble(repo: &Repo) -> Option<Attention> {
    let (otherwise, remedy) = match repo.state.as_str() {
        "conflict" => (
            "it is in conflict with another repo",
            "remove or rename one of the two; a received one goes with `holdfast repo remove`",
        ),
        "missing" => (
            "the repository was known and is not there",
            "mount its disk or restore it; it is not created a second time",
        ),
        "unreachable" => (
            "the storage cannot be reached",
            "check the network and the credentials; see `holdfast ops` for what restic said",
        ),
        "disabled" => ("disabled", "ask its owner, or give the plans that use it another repo"),
        // Usable, and yet with something to say.
        "ready" if repo.reason.is_some() => ("it is not confirmed", "ask its owner"),
        _ => return None,
    };
    let why = repo.conflict.as_ref().or(repo.reason.as_ref());
    let row = explained("repo", &repo.id, why.map_or(otherwise, String::as_str));
    let remedy = row.remedy.clone().unwrap_or_else(|| remedy.to_owned());
    Some(Attention { remedy: Some(remedy), ..row })
}

/// A reason is a sentence on what is wrong, and then what to do about it.
fn explained(kind: &str, subject: &str, reason: &str) -> Attention {
    let (what, remedy) = what_and_remedy(reason);
    Attention { remedy: remedy.map(str::to_owned), ..row(kind, subject, what) }
}

/// What a member is not sent, and what it could not take of what it was sent.
fn sharing_troubles(node: &Node, peer: &Peer) -> Vec<Attention> {
    let Ok(key) = peer.key_id.parse() else { return Vec::new() };
    let unsent = node.sharing.unsent(&key).into_iter().map(|(repo, reason)| {
        let message = format!("{} is not sent it: {reason}", peer.instance);
        let remedy =
            format!("holdfast repo show {repo} has its members; see to the file or value named");
        Attention { remedy: Some(remedy), ..row("repo", repo.to_string(), message) }
    });
    let report = node.sharing.reported(&key);
    let repos = report.iter().flat_map(|report| &report.repos);
    let untaken =
        repos.filter(|repo| matches!(repo.state, TakenState::Conflict | TakenState::Refused));
    let one = |repo: &TakenRepo| {
        let state = repo.state.as_str();
        let message = format!("{} does not use it ({state}): {}", peer.instance, repo.detail);
        let remedy = format!("settle it on {}; it is taken then by itself", peer.instance);
        Attention { remedy: Some(remedy), ..row("repo", repo.id.to_string(), message) }
    };
    unsent.chain(untaken.map(one)).collect()
}

/// Being offline alone is nothing that needs a person. A link that stands has a reason only where the
/// peer calls itself what somebody else is called.
fn link_trouble(peer: &Peer) -> Option<Attention> {
    let message = match (peer.state.as_str(), &peer.reason) {
        ("connected", Some(reason)) => reason.clone(),
        ("refused" | "incompatible", Some(reason)) => format!("{}: {reason}", peer.state),
        ("refused" | "incompatible", None) => peer.state.clone(),
        _ => return None,
    };
    Some(Attention {
        remedy: peer.remedy.clone(),
        since: peer.since.clone(),
        ..row("peer", &peer.instance, message)
    })
}

/// What log sync with a peer cannot settle by itself; what is told with its shard is not told twice.
fn sync_trouble(
    instance: &str,
    (message, since): (String, Timestamp),
    log: Option<&LogSummary>,
) -> Option<Attention> {
    let is_told =
        |(shard, _): &(Shard, _)| message == Trouble::Stopped(Some(shard.clone())).to_string();
    if log.is_some_and(|log| log.stopped.iter().any(is_told)) {
        return None;
    }
    let remedy = match message == StoreError::Full.to_string() {
        true => "make room in this instance's data directory; it goes on by itself then".to_owned(),
        false => format!("holdfast peer verify {instance}"),
    };
    Some(Attention {
        remedy: Some(remedy),
        since: Some(since.to_string()),
        ..row("history", instance, message)
    })
}

async fn log_troubles(node: &Node, peers: &[Peer]) -> Vec<Attention> {
    let keyed = |peer: &Peer| Some((peer.instance.clone(), peer.key_id.parse::<KeyId>().ok()?));
    let keyed: Vec<_> = peers.iter().filter_map(keyed).collect();
    let logs = peers::summaries(node, keyed.iter().map(|(_, key)| *key).collect()).await;
    let of = |(instance, key): (String, KeyId)| {
        let (log, alert) = (logs.get(&key), node.presences.of(&key).alert);
        let sync = alert.and_then(|alert| sync_trouble(&instance, alert, log));
        let log = log.map(|log| log_trouble(&instance, log)).unwrap_or_default();
        sync.into_iter().chain(log)
    };
    keyed.into_iter().flat_map(of).collect()
}

fn log_trouble(instance: &str, log: &LogSummary) -> Vec<Attention> {
    let gone = log.went_back.map(|(at, operations)| Attention {
        remedy: Some(format!(
            "ask on {instance} whether its history was restored or lost; what is held here stays"
        )),
        since: Some(at.to_string()),
        ..row("history", instance, format!("{operations} operations are no longer there"))
    });
    let stopped = log.stopped.iter().map(|(shard, reason)| Attention {
        remedy: Some(format!("holdfast peer verify {instance}")),
        ..row(
            "history",
            instance,
            format!("nothing more of {}/{} is taken: {reason}", shard.repo, shard.plan),
        )
    });
    gone.into_iter().chain(stopped).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_peer_needs_someone_and_an_offline_one_does_not() {
        let peer = |state: &str| Peer {
            instance: "hub".to_owned(),
            state: state.to_owned(),
            reason: Some("denied".to_owned()),
            remedy: Some("pair again".to_owned()),
            ..Peer::default()
        };
        let trouble = link_trouble(&peer("refused")).unwrap();
        assert_eq!(
            (trouble.subject.as_str(), trouble.message.as_str()),
            ("hub", "refused: denied")
        );
        assert_eq!(trouble.remedy.as_deref(), Some("pair again"));
        assert!(link_trouble(&peer("incompatible")).is_some());
        for fine in ["offline", "connecting"] {
            assert_eq!(link_trouble(&peer(fine)), None);
        }
        assert_eq!(link_trouble(&Peer { reason: None, ..peer("connected") }), None);
        let misnamed = Peer { reason: Some("it calls itself nas".to_owned()), ..peer("connected") };
        assert_eq!(link_trouble(&misnamed).unwrap().message, "it calls itself nas");
    }

    #[test]
    fn a_stopped_shard_is_told_once_and_one_that_nothing_is_held_of_all_the_same() {
        let shard = |plan: &str| Shard { repo: "vault".to_owned(), plan: plan.to_owned() };
        let log = LogSummary {
            origin: KeyId::from_bytes([1; 32]),
            epoch: crate::model::Epoch::from_bytes([2; 16]),
            shards: 1,
            operations: 1,
            verified_at: None,
            behind: true,
            checkpoint: None,
            usage: crate::reconcile::Usage::default(),
            stopped: vec![(shard("home"), "refused".to_owned())],
            went_back: None,
        };
        let told = log_trouble("nas", &log);
        assert_eq!(told[0].message, "nothing more of vault/home is taken: refused");
        assert_eq!(told[0].remedy.as_deref(), Some("holdfast peer verify nas"));
        let alert = |plan| (Trouble::Stopped(Some(shard(plan))).to_string(), Timestamp::EPOCH);
        assert_eq!(sync_trouble("nas", alert("home"), Some(&log)), None);
        for log in [Some(&log), None] {
            let row = sync_trouble("nas", alert("etc"), log).unwrap();
            assert_eq!(row.remedy.as_deref(), Some("holdfast peer verify nas"));
            assert!(row.message.contains("\"etc\""), "{}", row.message);
        }
        let full = (StoreError::Full.to_string(), Timestamp::EPOCH);
        let remedy = sync_trouble("nas", full, None).unwrap().remedy.unwrap();
        assert!(remedy.starts_with("make room"), "{remedy}");
    }

    #[test]
    fn what_is_disabled_says_what_helps_and_not_to_try_again() {
        let reason = "hub no longer shares repo vault. Ask there to share it again".to_owned();
        let plan = Plan {
            id: "home".to_owned(),
            state: "paused".to_owned(),
            disabled_reason: Some(reason.clone()),
            needs_someone: true,
            ..Plan::default()
        };
        let repo = Repo {
            id: "vault".to_owned(),
            state: "disabled".to_owned(),
            reason: Some(reason),
            ..Repo::default()
        };
        let snoozed = Plan { needs_someone: false, ..plan.clone() };
        assert_eq!(plan_trouble(&snoozed), None);
        for trouble in [plan_trouble(&plan).unwrap(), repo_trouble(&repo).unwrap()] {
            assert_eq!(trouble.message, "hub no longer shares repo vault");
            assert_eq!(trouble.remedy.as_deref(), Some("Ask there to share it again"));
        }
    }

    #[test]
    fn a_history_set_aside_says_where_it_lies() {
        assert_eq!(store_trouble(&StoreState::Ok), None);
        let reason = "history.db was damaged (x); it is kept as history-damaged.db".to_owned();
        let empty = StoreState::Empty { reason: reason.clone(), since: Timestamp::EPOCH };
        let trouble = store_trouble(&empty).unwrap();
        assert_eq!(trouble.message, reason);
        assert_eq!(trouble.since.as_deref(), Some("1970-01-01T00:00:00.000Z"));
    }

    #[test]
    fn a_repo_whose_owner_says_nothing_of_it_is_usable_and_worth_a_look() {
        let repo = |state: &str, reason: Option<&str>| Repo {
            id: "vault".to_owned(),
            state: state.to_owned(),
            reason: reason.map(str::to_owned),
            ..Repo::default()
        };
        let silent = "its owner does not offer it now. Backups go on; ask there";
        let row = repo_trouble(&repo("ready", Some(silent))).unwrap();
        assert_eq!(row.message, "its owner does not offer it now");
        assert_eq!(row.remedy.as_deref(), Some("Backups go on; ask there"));
        assert_eq!(repo_trouble(&repo("ready", None)), None);
    }

    #[test]
    fn a_failed_check_is_told_once_with_where_its_words_stand() {
        let failing = repos::failed_check("the repository is damaged (x). See what is damaged");
        let repo = |state: &str, reason: Option<&str>| Repo {
            id: "vault".to_owned(),
            state: state.to_owned(),
            reason: reason.map(str::to_owned),
            ..Repo::default()
        };
        let told = repo("ready", Some(&failing.reason()));
        let rows = repo_troubles(&told, std::slice::from_ref(&failing));
        let [row] = rows.as_slice() else { panic!("{rows:?}") };
        assert_eq!((row.kind.as_str(), row.subject.as_str()), ("repo", "vault"));
        assert_eq!(row.message, "the newest check failed: the repository is damaged (x)");
        assert!(row.remedy.as_ref().unwrap().starts_with("holdfast op log "), "{row:?}");
        assert_eq!(row.since.as_deref(), Some("1970-01-01T00:00:00.002Z"));
        let away = repo("unreachable", Some("the storage was not reached"));
        assert_eq!(repo_troubles(&away, &[failing]).len(), 2, "the one does not hide the other");
        assert_eq!(repo_troubles(&told, &[]).len(), 1, "a reason alone is told as it is");
    }

    #[test]
    fn a_repo_whose_password_does_not_open_it_says_what_to_mend() {
        let reason = "the password does not open the repository (Fatal: x). \
                      Check the password of the repo in the configuration";
        let repo = Repo {
            id: "vault".to_owned(),
            state: "ready".to_owned(),
            reason: Some(reason.to_owned()),
            ..Repo::default()
        };
        let row = repo_trouble(&repo).unwrap();
        assert_eq!(row.message, "the password does not open the repository (Fatal: x)");
        let remedy = "Check the password of the repo in the configuration";
        assert_eq!(row.remedy.as_deref(), Some(remedy));
    }

    #[test]
    fn a_store_that_cannot_be_read_is_said_and_the_rest_is_shown() {
        let mut attention = Vec::new();
        let failed =
            Err(super::super::refuse::not_now("store", "trust.db: disk I/O error", "fsck"));
        let peers: Vec<Peer> = readable("peers", failed, &mut attention);
        assert!(peers.is_empty());
        let said = &attention[0];
        assert_eq!((said.kind.as_str(), said.subject.as_str()), ("store", "peers"));
        assert_eq!(said.message, "trust.db: disk I/O error");
        assert_eq!(said.remedy.as_deref(), Some("fsck"));
    }
}
