//! Generated messages, their limits, and conversion to and from `model` and `reconcile`.

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
