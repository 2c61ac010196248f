//! Operations that are started on a peer: `--peer`, and what waits for peers that are away.

use super::{Client, Exit, Failure, Output, watch, words};
use crate::api::{ListCommandsRequest, PeerCommand, SendCommandRequest, WithdrawCommandRequest};
use crate::clock;
use crate::model::{OperationKind, Timestamp};

/// On which machine.
#[derive(Debug, Default, clap::Args)]
pub(crate) struct Elsewhere {
    /// On a peer that grants run-operations, with what it has stored
    #[arg(long, value_name = "PEER")]
    peer: Option<String>,
    /// Where that peer is away, have it sent once it is back
    #[arg(long, requires = "peer")]
    queue: bool,
}

/// What is started there: of a plan, or of a repo.
pub(crate) enum Of {
    Plan(String),
    Repo(String),
}

impl Elsewhere {
    pub(crate) const fn is_here(&self) -> bool {
        self.peer.is_none()
    }

    /// What cannot be done on a peer is refused before anything is sent.
    pub(crate) fn must_be_here(&self, what: &str) -> Result<(), Failure> {
        match &self.peer {
            None => Ok(()),
            Some(peer) => {
                let message = format!("{what} cannot be asked of a peer");
                Err(Failure::usage(message, &format!("do it on {peer}")))
            }
        }
    }

    /// Starts it there, and sees it to its end as far as this machine may see it.
    pub(crate) async fn start(
        self,
        client: &Client,
        output: Output,
        (kind, of): (OperationKind, Of),
        wait: watch::Wait,
    ) -> Result<Exit, Failure> {
        let (plan, repo) = match of {
            Of::Plan(plan) => (Some(plan), None),
            Of::Repo(repo) => (None, Some(repo)),
        };
        let request = SendCommandRequest {
            peer: self.peer.unwrap_or_default(),
            kind: kind.to_string(),
            repo,
            plan,
            queue: self.queue,
        };
        let mut command = client.commands().send(request).await?.into_inner();
        if let Some(started) = command.started.take() {
            return wait.follow(client, output, started).await;
        }
        output.show(&command, || sent(&command))?;
        // Its end is not known, so it is not said to be good.
        let is_unseen = command.operation.is_some() && !wait.is_not_wanted();
        Ok(if is_unseen { Exit::Failed } else { Exit::Done })
    }
}

fn sent(command: &PeerCommand) -> String {
    let PeerCommand { kind, instance, id, .. } = command;
    let back = short(id);
    match (&command.operation, command.state.as_str()) {
        (Some(operation), _) => format!(
            "{instance} has begun the {kind} ({operation}); how it ends is not seen from here, which takes its read-operations. --no-wait does not wait for that"
        ),
        (None, "sent") => format!(
            "the {kind} was sent to {instance}, which has not answered yet: holdfast peer commands"
        ),
        (None, _) => format!(
            "the {kind} is sent once {instance} is back; take it back with: holdfast peer withdraw {back}"
        ),
    }
}

fn short(id: &str) -> &str {
    id.get(..8).unwrap_or(id)
}

/// `peer commands`.
pub(crate) async fn list(
    client: &Client,
    output: Output,
    peer: Option<String>,
) -> Result<(), Failure> {
    let request = ListCommandsRequest { peer };
    let commands = client.commands().list(request).await?.into_inner().commands;
    output.show(&commands, || listed(output, &commands, clock::now()))
}

/// `peer withdraw`.
pub(crate) async fn withdraw(client: &Client, output: Output, id: String) -> Result<(), Failure> {
    let request = WithdrawCommandRequest { id };
    let command = client.commands().withdraw(request).await?.into_inner();
    output.show(&command, || match &command.reason {
        Some(_) => format!("the refused {} is put away", command.kind),
        None => format!("the {} is not sent to {}", command.kind, command.instance),
    })
}

fn listed(output: Output, commands: &[PeerCommand], now: Timestamp) -> String {
    if commands.is_empty() {
        return "nothing waits for a peer".to_owned();
    }
    let row = |command: &PeerCommand| {
        let of = command.plan.as_ref().or(command.repo.as_ref()).cloned().unwrap_or_default();
        let detail = match (&command.reason, &command.remedy) {
            (Some(reason), Some(remedy)) => format!("{reason}. {remedy}"),
            (Some(reason), None) => reason.clone(),
            (None, _) => {
                format!("sent once it is back, until {}", words::due(&command.expires_at, now))
            }
        };
        [
            short(&command.id).to_owned(),
            command.instance.clone(),
            command.kind.clone(),
            of,
            words::relative(&command.asked_at, now),
            command.state.clone(),
            detail,
        ]
    };
    let header = ["id", "peer", "what", "of", "asked", "state", "remark"];
    output.table(header, commands.iter().map(row))
}
