//! Commands to a peer: ids of what it has, and nothing that it would not know by itself.

use super::message::text;
use super::proto::sync as pb;
use super::{WireError, exact};
use crate::model::{OperationId, PlanId, RepoId};
use bytes::Bytes;

const MAX_KIND_BYTES: usize = 32;
const MAX_REASON_BYTES: usize = 1024;

/// Names a command through all tries: 16 random bytes.
pub type CommandId = [u8; 16];

/// What a peer is asked to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandRequest {
    /// The same at every try.
    pub id: CommandId,
    /// An operation's kind, or `cancel`. Whether it may be asked for is the receiver's to say.
    pub kind: String,
    /// On which repo.
    pub repo: Option<RepoId>,
    /// For which plan.
    pub plan: Option<PlanId>,
    /// Which operation is cancelled.
    pub operation: Option<OperationId>,
}

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandUpdate {
    /// Of the request.
    pub id: CommandId,
    /// The operation that was started or asked to stop, or the refusal.
    pub outcome: Result<OperationId, Refusal>,
}

/// Why a command was not carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The reason, without a full stop.
    pub reason: String,
    /// What to do about it; may be empty.
    pub remedy: String,
}

pub(super) fn request_out(request: &CommandRequest) -> pb::CommandRequest {
    pb::CommandRequest {
        id: Bytes::copy_from_slice(&request.id),
        kind: request.kind.clone(),
        repo: request.repo.as_ref().map(ToString::to_string).unwrap_or_default(),
        plan: request.plan.as_ref().map(ToString::to_string).unwrap_or_default(),
        operation: request.operation.map_or_else(Bytes::new, bytes_of),
    }
}

pub(super) fn request_in(request: pb::CommandRequest) -> Result<CommandRequest, WireError> {
    text("kind", &request.kind, MAX_KIND_BYTES)?;
    let pb::CommandRequest { id, kind, repo, plan, operation } = request;
    Ok(CommandRequest {
        id: exact("command id", &id)?,
        kind,
        repo: named("repo id", &repo)?,
        plan: named("plan id", &plan)?,
        operation: operation_in(&operation)?,
    })
}

pub(super) fn update_out(update: &CommandUpdate) -> pb::CommandUpdate {
    let id = Bytes::copy_from_slice(&update.id);
    match &update.outcome {
        Ok(operation) => {
            pb::CommandUpdate { id, operation: bytes_of(*operation), ..Default::default() }
        }
        Err(Refusal { reason, remedy }) => pb::CommandUpdate {
            id,
            operation: Bytes::new(),
            refused: cut(reason),
            remedy: cut(remedy),
        },
    }
}

pub(super) fn update_in(update: pb::CommandUpdate) -> Result<CommandUpdate, WireError> {
    text("refused", &update.refused, MAX_REASON_BYTES)?;
    text("remedy", &update.remedy, MAX_REASON_BYTES)?;
    let pb::CommandUpdate { id, operation, refused: reason, remedy } = update;
    let outcome = operation_in(&operation)?.ok_or(Refusal { reason, remedy });
    Ok(CommandUpdate { id: exact("command id", &id)?, outcome })
}

fn bytes_of(operation: OperationId) -> Bytes {
    Bytes::copy_from_slice(operation.as_bytes())
}

fn operation_in(bytes: &[u8]) -> Result<Option<OperationId>, WireError> {
    match bytes {
        [] => Ok(None),
        bytes => Ok(Some(OperationId::from_bytes(exact("operation", bytes)?))),
    }
}

fn named<T: std::str::FromStr>(field: &'static str, id: &str) -> Result<Option<T>, WireError> {
    match id {
        "" => Ok(None),
        id => id.parse().map(Some).map_err(|_| WireError::Value { field }),
    }
}

/// As much as is taken, without what is not.
fn cut(reason: &str) -> String {
    let plain = reason.chars().map(|c| if c.is_control() { ' ' } else { c });
    let mut length = 0;
    let fits = |c: &char| {
        length += c.len_utf8();
        length <= MAX_REASON_BYTES
    };
    plain.take_while(fits).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::Message;
    use super::*;

    fn crosses(message: &Message) -> Message {
        Message::decode(&message.encode()).unwrap()
    }

    #[test]
    fn commands_and_their_outcomes_read_back() {
        let operation = OperationId::from_bytes([7; 16]);
        let request = CommandRequest {
            id: [1; 16],
            kind: "backup".to_owned(),
            repo: None,
            plan: Some("home".parse().unwrap()),
            operation: None,
        };
        let cancel = CommandRequest {
            kind: "cancel".to_owned(),
            repo: Some("vault".parse().unwrap()),
            plan: None,
            operation: Some(operation),
            ..request.clone()
        };
        for request in [request, cancel] {
            let read = crosses(&Message::CommandRequest(request.clone()));
            assert!(matches!(read, Message::CommandRequest(read) if read == request));
        }
        let refusal = Refusal { reason: "no".to_owned(), remedy: "ask".to_owned() };
        for outcome in [Ok(operation), Err(refusal)] {
            let update = CommandUpdate { id: [1; 16], outcome };
            let read = crosses(&Message::CommandUpdate(update.clone()));
            assert!(matches!(read, Message::CommandUpdate(read) if read == update));
        }
    }

    #[test]
    fn a_long_reason_is_cut_and_its_lines_are_one() {
        let reason = format!("two\nlines {}", "ä".repeat(MAX_REASON_BYTES));
        let outcome = Err(Refusal { reason, remedy: String::new() });
        let read = update_in(update_out(&CommandUpdate { id: [1; 16], outcome })).unwrap();
        let Refusal { reason, .. } = read.outcome.unwrap_err();
        assert!(reason.starts_with("two lines ") && reason.len() <= MAX_REASON_BYTES);
    }

    #[test]
    fn what_is_no_id_is_no_command() {
        let good = pb::CommandRequest {
            id: Bytes::from_static(&[1; 16]),
            kind: "backup".to_owned(),
            plan: "home".to_owned(),
            ..Default::default()
        };
        assert!(request_in(good.clone()).is_ok());
        let short = Bytes::from_static(&[1; 15]);
        for bad in [
            pb::CommandRequest { id: short.clone(), ..good.clone() },
            pb::CommandRequest { operation: short, ..good.clone() },
            pb::CommandRequest { plan: "../home".to_owned(), ..good.clone() },
            pb::CommandRequest { repo: "-o".to_owned(), ..good.clone() },
            pb::CommandRequest { kind: "k".repeat(MAX_KIND_BYTES + 1), ..good.clone() },
            pb::CommandRequest { kind: "a\nb".to_owned(), ..good },
        ] {
            assert!(request_in(bad.clone()).is_err(), "{bad:?}");
        }
    }
}
