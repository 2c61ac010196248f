//! What this machine's owner wrote: the file, its validated form, and the handle on it that lives.
//!
//! ```text
//!  file text ──parse──► as written (spans) ──read──► Config (valid) ──► LiveConfig (current + problems)
//!      ▲                                                 │
//!      └────────────── Editor: text edits ◄──────────────┘
//! ```
//! It does not know the store: a plan may name a repo that was received from a peer, so those names
//! are handed out by [`Config::unresolved_repos`] instead of being judged here.
//!
//! 1. Parsing edits nothing and reports every problem, with line and column.
//! 2. A text that does not validate never replaces a running configuration, nor the file.
//! 3. Secrets are resolved when they are used; no form of a configuration prints one (C2).
//! 4. Only strings of the owner's file are expanded (`${NAME}`); see X1.

mod check;
mod edit;
mod edit_hooks;
mod encode;
mod first;
mod hooks;
mod identity_file;
mod live;
mod parse;
mod paths;
mod problem;
mod schedules;
mod secret;
mod show;
mod tables;
mod tuning;
mod units;
mod upkeep;
mod valid;
mod values;
mod watch;
mod written;

#[cfg(test)]
mod tests;

pub use crate::model::Retention;
pub use crate::schedule::Schedule;
pub use edit::{Edit, EditError, Editor, Same, TopLevel};
pub use edit_hooks::{ChannelDraft, Given, HookDraft};
pub use encode::redact_uri;
pub use first::{
    create_default, create_private_dir, default_text, instance_from_host, instance_of_this_host,
    write_new,
};
pub use hooks::{Channel, Deed, Hook, Level, Listener, Manner, OnError, Recipient, Written};
pub use identity_file::{IdentityFileError, read_or_create_identity};
pub use live::{LiveConfig, LoadError, Reload, Snapshot};
pub use parse::parse;
pub use paths::{DataDir, Paths, PathsError};
pub use problem::{Problem, Problems};
pub use secret::{SecretError, SecretSource, Template, TemplateError};
pub use tables::{NO_LOCATION, check_location};
pub use tuning::{tune, tuned_values};
pub use units::{ByteSize, Span, TrustedProxy};
pub use upkeep::{CheckTask, ForgetTask, PruneTask, StatsTask, Upkeep};
pub use valid::{Config, DeclaredPeer, History, Member, Plan, Repo, Revision, Stdin, Tls};
pub use watch::watch;
