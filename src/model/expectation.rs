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
    /// What its schedule makes of it now.
    pub timing: Timing,
}

impl Expectation {
    /// What its owner switched off has this as its reason.
    pub const SWITCHED_OFF: &str = "its configuration says `enabled = false`";

    /// Whether something else than its owner disabled it: what it saves is not saved, unmeant.
    #[must_use]
    pub fn is_out_of_order(&self) -> bool {
        let has_reason = !self.disabled_reason.is_empty();
        !self.enabled && has_reason && !self.disabled_reason.starts_with(Self::SWITCHED_OFF)
    }
}

/// When a plan runs by itself next, and what keeps it from doing so.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Timing {
    /// By the clocks of which zone; empty where the schedule names no time of a day.
    pub time_zone: String,
    /// When the next run is due, or was, if it has not begun. `None` where no clock makes it due.
    pub next_due: Option<Timestamp>,
    /// The longest time between two due times.
    pub longest_gap: Option<Duration>,
    /// How long after its due time a run is late.
    pub grace: Option<Duration>,
    /// Whether a person paused it.
    pub paused: bool,
    /// Until when; `None` while paused: until it is resumed.
    pub paused_until: Option<Timestamp>,
    /// What a run that is due waits for; empty where none waits.
    pub waiting_for: String,
}
