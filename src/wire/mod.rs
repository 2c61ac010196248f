//! Generated messages, their limits, and conversion to and from `model` and `reconcile`.
//!
//! Decoding is where a peer's bytes become values: lengths are checked before anything is copied,
//! every number and name is checked here once, and unknown kinds become [`Message::Unknown`].

mod command;
pub mod handshake;
mod log_sync;
mod log_text;
mod message;

pub use command::{CommandId, CommandRequest, CommandUpdate, Refusal};
pub use log_text::{LogChunk, LogRequest};
pub use message::{
    CloseReason, Message, Notice, RunProgress, SharedReason, SharedRepoRecord, SharedRepoReport,
    SharedRepoSet, TakenRepo, TakenState, ToldGrant, tell,
};

pub mod log;

/// The messages of `proto/`, as generated.
#[allow(missing_docs, unreachable_pub, unused_qualifications, clippy::all, clippy::pedantic)]
pub mod proto {
    /// `holdfast.log.v1`: payloads of log entries.
    pub mod log {
        tonic::include_proto!("holdfast.log.v1");
    }
    /// `holdfast.sync.v1`: the protocol between instances.
    pub mod sync {
        tonic::include_proto!("holdfast.sync.v1");
    }
}

// What log sync allows and what the decoder allows are one limit in one place.
pub use crate::reconcile::{
    MAX_BATCH_ENTRIES as MAX_ENTRIES, MAX_LISTED as MAX_SHARDS, MAX_PAYLOAD as MAX_PAYLOAD_BYTES,
    MAX_POINTS, MAX_SEQ, MAX_WANTED,
};

/// The version of the protocol that this build speaks.
pub const VERSION: u32 = 1;
/// The longest envelope before authentication, in bytes.
pub const MAX_UNAUTHENTICATED_BYTES: usize = 8 * 1024;
/// The longest record after it, in bytes of ciphertext.
pub const MAX_RECORD_BYTES: usize = 1024 * 1024;

/// How a peer's bytes break the protocol. Always the peer's fault; the session is closed for it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// Not protobuf, or not of this message.
    #[error("{message} cannot be decoded")]
    Malformed {
        /// Which message.
        message: &'static str,
    },
    /// Something has a length that is not allowed.
    #[error("{field} has {found} bytes or items, allowed are {allowed}")]
    Length {
        /// Which field.
        field: &'static str,
        /// How many it has.
        found: usize,
        /// How many it may have.
        allowed: usize,
    },
    /// A field has a value that is not allowed.
    #[error("{field} has a value that is not allowed")]
    Value {
        /// Which field.
        field: &'static str,
    },
}

/// Takes exactly `N` bytes.
fn exact<const N: usize>(field: &'static str, bytes: &[u8]) -> Result<[u8; N], WireError> {
    bytes.try_into().map_err(|_| WireError::Length { field, found: bytes.len(), allowed: N })
}

/// Refuses more than `allowed` of something.
fn at_most(field: &'static str, found: usize, allowed: usize) -> Result<(), WireError> {
    if found > allowed { Err(WireError::Length { field, found, allowed }) } else { Ok(()) }
}
