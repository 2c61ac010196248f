//! The messages of the local API: `holdfast.api.v1`, one definition for the wire and for `--json`.
//!
//! No behaviour: the daemon serves them, the CLI and the UI call them. Messages that are documents
//! of the machine-readable contract are printed as they are.

mod error;

/// Generated messages, clients and servers.
#[allow(missing_docs, unreachable_pub, unused_qualifications, clippy::all, clippy::pedantic)]
mod generated {
    tonic::include_proto!("holdfast.api.v1");
}
pub use generated::*;

/// The `FileDescriptorSet` of everything in `proto/`, with its comments: for reflection, the JSON
/// form of the API and the UI's messages.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));
