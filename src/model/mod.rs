//! The nouns of holdfast as types that cannot be wrong: a value that exists has been checked.
//!
//! No I/O, no clock, no wire format; every other module may use this one and it uses none.

mod expectation;
mod id;
mod maintenance;
mod message;
mod operation;
mod peer;
mod repo;
mod retention;
mod secret;
mod span;
mod time;
mod tuning;
mod user;

pub use expectation::{Expectation, MachineClass, Timing};
pub use id::{
    Epoch, FlowId, IdError, InstanceId, KeyId, OperationId, PlanId, RepoGuid, RepoId, UserName,
};
pub use maintenance::{AmountError, MaxUnused, ReadData, Subset};
pub use message::what_and_remedy;
pub use operation::{
    Attempt, ItemError, ItemErrors, Operation, OperationKind, Progress, Stats, Status, UnknownWord,
};
pub use peer::{LinkState, PeerRole};
pub use repo::{Dropped, RepoAccess, SharedRepo};
pub use retention::{Retention, RetentionError, Rules, Within};
pub use secret::{Secret, SecretHash};
pub use span::{Span, SpanError};
pub use time::Timestamp;
pub use tuning::{Compression, IoClass, Nice, OutOfBounds, PackSize, Patience, Rate, Tuning};
pub use user::{AccessSecret, ApiKeyId, Role, SessionId};

pub(crate) use operation::words;
