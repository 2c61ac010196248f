//! What a plan promises: with it, any peer can tell by itself that a backup is overdue.

use super::operation::words;
use super::{PlanId, RepoId, Timestamp};
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

words!(
    /// What kind of machine an instance runs on: how old a backup may get where no plan says.
    MachineClass, "class", {
        /// Always on.
        Server = "server",
        /// On most days.
        Desktop = "desktop",
        /// On when somebody travels with it.
        Laptop = "laptop",
        /// On now and then.
        RarelyOn = "rarely-on",
    }
);

/// When a plan is due and how old its newest good backup may be. One per plan, the newest counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expectation {
    /// The plan's repo.
    pub repo: RepoId,
    /// The plan.
    pub plan: PlanId,
    /// The schedule as written in the config, such as `manual`.
    pub schedule: String,
    /// How old the newest good backup may be; `None` if the plan is never stale.
    pub allowed_age: Option<Duration>,
    /// When it was last met: the start of the newest good backup.
    pub last_met: Option<Timestamp>,
    /// Whether the plan is enabled; `false` with a reason where something disabled it.
    pub enabled: bool,
    /// Why it is not enabled.
    pub disabled_reason: String,
}
