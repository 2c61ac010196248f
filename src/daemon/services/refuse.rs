//! Why a call is refused, as the caller is told.

use crate::api::Error;
use crate::config::EditError;
use crate::daemon::roster::NoSuchPeer;
use crate::job::JobError;
use crate::store::StoreError;
use std::fmt::Display;
use std::str::FromStr;
use tonic::{Code, Status};

/// There is no such thing.
pub(super) fn not_found(message: impl Into<String>, remedy: &str) -> Status {
    Error::new("not-found", message, remedy).into_status(Code::NotFound)
}

/// A field of the request is wrong.
pub(super) fn invalid(message: impl Into<String>, remedy: &str) -> Status {
    Error::new("invalid", message, remedy).into_status(Code::InvalidArgument)
}

/// It cannot be done as things are.
pub(super) fn not_now(code: &str, message: impl Into<String>, remedy: &str) -> Status {
    Error::new(code, message, remedy).into_status(Code::FailedPrecondition)
}

/// A fault of this instance.
pub(super) fn store(error: StoreError) -> Status {
    tracing::error!(%error, "a call failed");
    let remedy = "see the daemon's log; backups go on";
    Error::new("store", error.to_string(), remedy).into_status(Code::Internal)
}

/// Nobody, or several, are called that.
pub(super) fn no_peer(error: NoSuchPeer) -> Status {
    let (code, word) = match &error {
        NoSuchPeer::Unknown(_) => (Code::NotFound, "not-found"),
        NoSuchPeer::Ambiguous { .. } => (Code::InvalidArgument, "ambiguous"),
    };
    Error::new(word, error.to_string(), "holdfast peer list").into_status(code)
}

/// The config file was not edited.
pub(super) fn edit(error: EditError) -> Status {
    let (code, word) = match &error {
        EditError::Missing { .. } => (Code::NotFound, "not-found"),
        EditError::Exists { .. } => (Code::AlreadyExists, "exists"),
        EditError::Invalid(_) => (Code::InvalidArgument, "invalid"),
        EditError::ReadOnly { .. } => (Code::FailedPrecondition, "read-only"),
        EditError::Io { .. } => (Code::Internal, "file"),
        EditError::ByHand { .. } => (Code::FailedPrecondition, "by-hand"),
        EditError::Conflict { .. } => (Code::Aborted, "conflict"),
        EditError::Contended { .. } => (Code::Aborted, "changed-meanwhile"),
    };
    let message = error.to_string();
    let (what, remedy) = match error {
        EditError::Invalid(_) | EditError::Io { .. } => (message.as_str(), ""),
        _ => message.rsplit_once("; ").unwrap_or((&message, "")),
    };
    Error::new(word, what, remedy).into_status(code)
}

/// An operation was not started.
pub(super) fn job(error: JobError) -> Status {
    Error::new("not-started", error.to_string(), "").into_status(Code::FailedPrecondition)
}

/// What was being read ended before its end.
pub(super) fn cut_short(error: JobError) -> Status {
    Error::new("cut-short", error.to_string(), "what came before is not whole; do not use it")
        .into_status(Code::DataLoss)
}

/// Reads a field of the request; its error names the field and the value.
pub(super) fn field<T>(name: &str, text: &str) -> Result<T, Status>
where
    T: FromStr,
    T::Err: Display,
{
    text.parse().map_err(|error| invalid(format!("{name} {text:?}: {error}"), ""))
}
