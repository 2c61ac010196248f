//! Operations started on a peer by somebody here, and what waits for peers that are away.

use super::describe::Names;
use super::lookup::{self, Named};
use super::{peers, refuse};
use crate::api::command_service_server::CommandService;
use crate::api::{
    self, CommandList, ListCommandsRequest, OperationRequest, PeerCommand as Document,
    SendCommandRequest, WithdrawCommandRequest,
};
use crate::clock;
use crate::daemon::Node;
use crate::daemon::areas::Area;
use crate::daemon::commands::{MOST_QUEUED, Outcome, WORTH, is_late, too_late};
use crate::grant::Permission;
use crate::model::{KeyId, OperationId, OperationKind};
use crate::store::trust::{Peer, PeerCommand};
use crate::wire::{CommandRequest, Refusal};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{sleep, timeout};
use tonic::{Request, Response, Status};

/// The state of one that its peer has, or may have.
const SENT: &str = "sent";
/// How long a peer may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long it is waited for the log to tell of what was started.
const TOLD_WITHIN: Duration = Duration::from_secs(5);
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Answers for one instance.
pub(super) struct Service {
    node: Arc<Node>,
}

impl Service {
    pub(super) const fn new(node: Arc<Node>) -> Self {
        Self { node }
    }

    async fn send(&self, request: SendCommandRequest) -> Result<Document, Status> {
        let peer = peers::find(&self.node, &request.peer).await?;
        let is_queued = request.queue;
        let request = order(request)?;
        may(&peer)?;
        if let Some(same) = self.same(&peer, &request).await? {
            return Ok(document(&peer, same));
        }
        let command = command(&peer, request, is_queued);
        match given(&self.node, &peer, command.clone()).await? {
            Given::Waits => Ok(document(&peer, command)),
            Given::Sent => Ok(Document { state: SENT.to_owned(), ..document(&peer, command) }),
            Given::Answered(Ok(operation)) => Ok(self.done(&peer, command, operation).await),
            Given::Answered(Err(refusal)) => Err(refused(&peer, &refusal)),
        }
    }

    /// One that asks for the same, and waits while the peer is away: one is enough.
    async fn same(
        &self,
        peer: &Peer,
        request: &CommandRequest,
    ) -> Result<Option<PeerCommand>, Status> {
        if self.node.links.is_connected(&peer.key) {
            return Ok(None);
        }
        let read = self.node.with_trust(|trust, _| trust.commands()).await;
        let (key, now) = (peer.key, clock::now());
        Ok(read.map_err(refuse::store)?.into_iter().find(|one| {
            let CommandRequest { kind, repo, plan, operation, .. } = &one.request;
            let waits = one.is_queued && one.refused.is_none() && !is_late(one, now);
            one.peer == key
                && waits
                && (kind, repo, plan, operation)
                    == (&request.kind, &request.repo, &request.plan, &request.operation)
        }))
    }

    /// With the operation, where log sync tells of it soon.
    async fn done(&self, peer: &Peer, command: PeerCommand, operation: OperationId) -> Document {
        let told = async {
            loop {
                if let Some(told) = self.told(&peer.key, operation).await {
                    return told;
                }
                sleep(LOOK_EVERY).await;
            }
        };
        let can_see = has(peer, Permission::ReadOperations);
        let started = if can_see { timeout(TOLD_WITHIN, told).await.ok() } else { None };
        Document {
            state: "done".to_owned(),
            operation: Some(operation.to_string()),
            started,
            ..document(peer, command)
        }
    }

    async fn told(&self, peer: &KeyId, operation: OperationId) -> Option<api::Operation> {
        let (operation, peer) = (operation.to_string(), Some(peer.to_string()));
        let named =
            lookup::operation(&self.node, &OperationRequest { operation, peer }).await.ok()?;
        Some(named.document(&Names::read(&self.node).await.ok()?))
    }

    /// Those that somebody can look at, each with its peer: of what was not queued somebody waits for
    /// the outcome.
    async fn shown(&self) -> Result<Vec<(Peer, PeerCommand)>, Status> {
        let read = self.node.with_trust(|trust, roster| Ok((trust.commands()?, roster.peers()?)));
        let (commands, peers) = read.await.map_err(refuse::store)?;
        let of = |command: &PeerCommand| peers.iter().find(|peer| peer.key == command.peer);
        let shown = commands.into_iter().filter(|one| one.is_queued || one.refused.is_some());
        Ok(shown.filter_map(|one| Some((of(&one)?.clone(), one))).collect())
    }

    async fn listed(&self, of: Option<String>) -> Result<Vec<Document>, Status> {
        let only = match of {
            Some(name) => Some(peers::find(&self.node, &name).await?.key),
            None => None,
        };
        let shown = self.shown().await?.into_iter();
        let wanted = shown.filter(|(peer, _)| only.is_none_or(|key| key == peer.key));
        Ok(wanted
            .map(|(peer, one)| {
                let is_sent = self.node.commands.is_sent(&one.request.id);
                let shown = document(&peer, one);
                let state = if is_sent { SENT.to_owned() } else { shown.state };
                Document { state, ..shown }
            })
            .collect())
    }

    async fn withdraw(&self, id: &str) -> Result<Document, Status> {
        let is_it = |command: &PeerCommand| hex::encode(command.request.id).starts_with(id);
        let shown = self.shown().await?.into_iter();
        let mut found = shown.filter(|(_, command)| !id.is_empty() && is_it(command));
        let (Some((peer, command)), None) = (found.next(), found.next()) else {
            let message = format!("there is no command {id}, or more than one that begins so");
            return Err(refuse::not_found(message, "holdfast peer commands"));
        };
        let id = command.request.id;
        if self.node.commands.is_sent(&id) {
            let (kind, name) = (command.request.kind, peer.instance);
            let message = format!("the {kind} was sent to {name} already");
            let remedy = "whether it was begun, its operations tell: holdfast ops --all";
            return Err(refuse::not_now("sent", message, remedy));
        }
        let taken = self.node.with_trust(move |trust, _| trust.take_command(&id)).await;
        if taken.map_err(refuse::store)?.is_none() {
            let message = format!("the command {} is not there any more", hex::encode(id));
            return Err(refuse::not_found(message, "holdfast peer commands"));
        }
        self.node.commands.forget(&id);
        changed(&self.node, &peer.key);
        Ok(Document { state: "withdrawn".to_owned(), ..document(&peer, command) })
    }
}

/// Asks whoever runs an operation to stop it.
pub(super) async fn cancel(node: &Arc<Node>, named: &Named) -> Result<(), Status> {
    let peer = peers::find(node, &named.origin.to_string()).await?;
    may(&peer)?;
    let request = CommandRequest {
        id: new_id()?,
        kind: "cancel".to_owned(),
        repo: None,
        plan: None,
        operation: Some(named.id),
    };
    match given(node, &peer, command(&peer, request, false)).await? {
        Given::Answered(Err(refusal)) => Err(refused(&peer, &refusal)),
        Given::Answered(Ok(_)) | Given::Waits | Given::Sent => Ok(()),
    }
}

/// How far a command got while somebody waited for its outcome.
enum Given {
    /// Its peer is away, and it is queued.
    Waits,
    /// It is queued and on its way, or behind others.
    Sent,
    Answered(Outcome),
}

/// Has a command sent and waits for its outcome, where the peer is there. What was not queued is taken
/// back where there is none; should nobody wait any more, it is not sent once its time is over.
async fn given(node: &Arc<Node>, peer: &Peer, command: PeerCommand) -> Result<Given, Status> {
    let (id, is_queued) = (command.request.id, command.is_queued);
    if !is_queued && !node.links.is_connected(&peer.key) {
        return Err(away(peer, &command));
    }
    // Before it can be sent.
    let mut outcome = node.commands.expect(id);
    let kept = command.clone();
    let queued = node.with_trust(move |trust, _| trust.queue_command(&kept, MOST_QUEUED)).await;
    if !queued.map_err(refuse::store)? {
        let message = format!("{MOST_QUEUED} commands wait for {} already", peer.instance);
        return Err(refuse::not_now("queue-full", message, "holdfast peer commands"));
    }
    changed(node, &peer.key);
    let is_there = node.links.is_connected(&peer.key);
    if is_queued && !is_there {
        return Ok(Given::Waits);
    }
    if is_there {
        match timeout(PATIENCE, &mut outcome).await {
            Ok(Ok(outcome)) => return Ok(Given::Answered(outcome)),
            // Somebody took it back meanwhile.
            Ok(Err(_)) => return Err(refuse::not_now("withdrawn", "it was taken back", "")),
            Err(_) if is_queued => return Ok(Given::Sent),
            Err(_) => {}
        }
    }
    let was_sent = node.commands.is_sent(&id);
    let taken = node.with_trust(move |trust, _| trust.take_command(&id)).await;
    changed(node, &peer.key);
    taken.map_err(refuse::store)?;
    // The answer may have come in between.
    match outcome.try_recv() {
        Ok(outcome) => Ok(Given::Answered(outcome)),
        Err(_) if was_sent => Err(no_answer(peer)),
        Err(_) => Err(away(peer, &command)),
    }
}

fn changed(node: &Node, peer: &KeyId) {
    node.commands.changed(peer);
    node.areas.changed(Area::Peers);
}

fn command(peer: &Peer, request: CommandRequest, is_queued: bool) -> PeerCommand {
    let at = clock::now();
    let until = at.plus(if is_queued { WORTH } else { PATIENCE });
    PeerCommand { peer: peer.key, at, until, is_queued, request, refused: None }
}

/// What is asked for, with an id of its own.
fn order(request: SendCommandRequest) -> Result<CommandRequest, Status> {
    let SendCommandRequest { kind, repo, plan, .. } = request;
    let is_known: OperationKind = refuse::field("kind", &kind)?;
    let plan = plan.map(|plan| refuse::field("plan", &plan)).transpose()?;
    let repo = repo.map(|repo| refuse::field("repo", &repo)).transpose()?;
    match (is_known, &plan, &repo) {
        (OperationKind::Backup, Some(_), None)
        | (OperationKind::Forget, Some(_), None)
        | (
            OperationKind::Forget
            | OperationKind::Prune
            | OperationKind::Check
            | OperationKind::Stats
            | OperationKind::Index
            | OperationKind::Unlock,
            None,
            Some(_),
        ) => {}
        (
            OperationKind::Command
            | OperationKind::Restore
            | OperationKind::Hook
            | OperationKind::Init,
            ..,
        ) => {
            return Err(refuse::invalid(format!("kind {kind:?} is not done for others"), ""));
        }
        (OperationKind::Backup, ..) => return Err(refuse::invalid("a backup is of a plan", "")),
        _ => return Err(refuse::invalid("give a repo, or a plan for its forget", "")),
    }
    Ok(CommandRequest { id: new_id()?, kind, repo, plan, operation: None })
}

fn new_id() -> Result<[u8; 16], Status> {
    let mut id = [0; 16];
    getrandom::fill(&mut id)
        .map_err(|error| Status::internal(format!("the system gives no random bytes ({error})")))?;
    Ok(id)
}

fn has(peer: &Peer, permission: Permission) -> bool {
    let granted = |told: &crate::wire::ToldGrant| told.permission == permission.as_str();
    peer.grants_received.iter().any(granted)
}

/// Said before it is asked: scopes are the peer's to judge.
fn may(peer: &Peer) -> Result<(), Status> {
    if has(peer, Permission::RunOperations) {
        return Ok(());
    }
    let name = &peer.instance;
    let message = format!("{name} does not let this instance start or stop its operations");
    let remedy = "there: holdfast peer grant THIS-INSTANCE run-operations=*";
    Err(refuse::not_now("not-granted", message, remedy))
}

fn away(peer: &Peer, command: &PeerCommand) -> Status {
    let name = &peer.instance;
    let message = format!("{name} is not connected");
    let remedy = match command.request.operation {
        Some(_) => format!("holdfast peer test {name}"),
        None => format!(
            "holdfast peer test {name}; with --queue what is to be started is sent once it is back"
        ),
    };
    refuse::not_now("offline", message, &remedy)
}

fn no_answer(peer: &Peer) -> Status {
    let name = &peer.instance;
    let message = format!("{name} did not answer within 10 s; whether it was done is not known");
    let remedy = format!(
        "see holdfast ops --peer {name}; it may run an older version of holdfast, which does not know of this"
    );
    refuse::not_now("no-answer", message, &remedy)
}

fn refused(peer: &Peer, refusal: &Refusal) -> Status {
    let message = format!("{} did not do it: {}", peer.instance, refusal.reason);
    refuse::not_now("refused", message, &refusal.remedy)
}

fn document(peer: &Peer, command: PeerCommand) -> Document {
    let late = is_late(&command, clock::now()).then(too_late);
    let PeerCommand { at, until, request, refused, .. } = command;
    let refused = refused.or(late);
    let state = if refused.is_some() { "refused" } else { "queued" }.to_owned();
    let (reason, remedy) = refused.map(|Refusal { reason, remedy }| (reason, remedy)).unzip();
    Document {
        id: hex::encode(request.id),
        peer: peer.key.to_string(),
        instance: peer.instance.to_string(),
        kind: request.kind,
        repo: request.repo.map(|id| id.to_string()),
        plan: request.plan.map(|id| id.to_string()),
        state,
        asked_at: at.to_string(),
        expires_at: until.to_string(),
        reason,
        remedy: remedy.filter(|remedy: &String| !remedy.is_empty()),
        operation: request.operation.map(|id| id.to_string()),
        started: None,
    }
}

#[tonic::async_trait]
impl CommandService for Service {
    async fn send(
        &self,
        request: Request<SendCommandRequest>,
    ) -> Result<Response<Document>, Status> {
        self.send(request.into_inner()).await.map(Response::new)
    }

    async fn list(
        &self,
        request: Request<ListCommandsRequest>,
    ) -> Result<Response<CommandList>, Status> {
        let commands = self.listed(request.into_inner().peer).await?;
        Ok(Response::new(CommandList { commands }))
    }

    async fn withdraw(
        &self,
        request: Request<WithdrawCommandRequest>,
    ) -> Result<Response<Document>, Status> {
        self.withdraw(&request.into_inner().id).await.map(Response::new)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for_is_whole_before_it_is_sent() {
        let asked = |kind: &str, repo: Option<&str>, plan: Option<&str>| {
            let text = |id: Option<&str>| id.map(str::to_owned);
            order(SendCommandRequest {
                kind: kind.to_owned(),
                repo: text(repo),
                plan: text(plan),
                ..Default::default()
            })
        };
        let backup = asked("backup", None, Some("home")).unwrap();
        assert_eq!(backup.plan.unwrap().as_str(), "home");
        assert!(asked("forget", None, Some("home")).is_ok());
        for kind in ["forget", "prune", "check", "stats", "index", "unlock"] {
            assert!(asked(kind, Some("vault"), None).is_ok(), "{kind}");
            assert!(asked(kind, None, None).is_err(), "{kind}");
        }
        for (kind, repo, plan) in [
            ("backup", Some("vault"), None),
            ("prune", None, Some("home")),
            ("command", Some("vault"), None),
            ("restore", None, Some("home")),
            ("cancel", None, None),
            ("backup", None, Some("../home")),
        ] {
            assert!(asked(kind, repo, plan).is_err(), "{kind}");
        }
    }
}
