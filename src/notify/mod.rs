//! What somebody is told, when, and in which words: events, actions, templates, and when a message
//! is worth sending.
//!
//! ```text
//!  operation, plan state, presence ──► Event + Context ──policy──► outbox (the store's) ──┐
//!                                                                                         ▼
//!  [[channel]], hook (the owner's file) ──► Action + Settings ──► message ──► Request ──► Sender
//! ```
//! Pure but for [`Sender`] and its mail: which hooks there are, what waits, and commands of the owner
//! are not its business (`config`, `store`, `job` and `daemon`).
//!
//! 1. C2: a template sees the fields of [`Context`] and nothing else; no secret is among them.
//! 2. What a service limits or would take for markup is cut and escaped in `request`, nowhere else.
//! 3. A template is bounded in work and in output, an answer in bytes and in time, and a redirect to
//!    another place is never followed.
//! 4. A failure is either worth another try or not; nothing is tried for ever.
//! 5. X1: an event of a peer chooses words in a message, never an action, an address or a template.

mod action;
mod anomaly;
mod context;
mod email;
mod event;
mod message;
pub mod policy;
mod request;
mod send;
mod template;

pub use action::{Action, Given, Need, Setting, Settings, Shape};
pub use anomaly::{Anomaly, LOOKED_AT, Size, anomaly};
pub use context::{Context, StatsContext};
pub use event::{Event, Severity};
pub use message::{Message, Wording, Words, digest};
pub use request::{Request, request};
pub use send::{Answer, SendError, Sender};
pub use template::{TemplateError, check as check_template, render};
