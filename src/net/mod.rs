//! Carriers: dial, listen, back off, and move envelopes between two instances.
//!
//! Nothing here knows what an envelope means: identity is proved inside the channel, so the outer
//! TLS only keeps strangers from watching. The local API's Unix socket is here too.
//!
//! Invariants:
//! 1. Before authentication a link costs at most its [`Budget`]: a limit is checked on the frame's
//!    header, before anything is allocated for its message.
//! 2. Half-open links are bounded in all and per address; the oldest without a valid Hello goes first.
//! 3. An address that is for sync alone answers nothing else.
//! 4. A link that is dropped ends on both sides; a link that is only silent stays (heartbeats are
//!    the session's).

mod awake;
mod backoff;
mod client_address;
mod dial;
pub mod drive;
mod gate;
mod grpc;
mod half_open;
mod ladder;
mod link;
mod listen;
pub mod local;
mod tls;

pub use awake::{Awake, SleepDetector};
pub use backoff::{Backoff, Outcome, Pause};
pub use client_address::TrustedProxies;
pub use dial::{DialError, Dialer};
pub use gate::{Budget, CutReason, FrameBudget, Overrun};
pub use grpc::{MAX_MESSAGE, SYNC_PATH};
pub use half_open::{Admission, HalfOpenLimits, HalfOpenLink, HalfOpenTable};
pub use ladder::{Ladder, Step, StepName};
pub use link::{Certificate, Link, LinkError, LinkIncoming, RemoteAddress, TlsSeen};
pub use listen::{Answers, Limits, ListenError, Listener, OnLink, SyncAccept, serve};
pub use tls::{TlsError, TlsServer};
