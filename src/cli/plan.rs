//! `holdfast plan`.

mod conditions;
pub(super) mod printed;

pub(crate) use printed::listed;
use printed::{none_in_sight, removed, shown, tried};

use super::elsewhere::{Elsewhere, Of};
use super::tuning::{self, Tuning};
use super::{Context, Exit, Failure, Output, parse, upkeep, watch};
use crate::api::{
    AddPlanRequest, EditPlanRequest, ListPlansRequest, PausePlanRequest, PlanList, PlanRequest,
    TextList, WrittenRequest,
};
use crate::clock;
use crate::model::{OperationKind, PlanId, RepoId, Retention, Timestamp};
use crate::schedule::{Schedule, Zone};
use std::path::Path;
use std::time::Duration;

/// What is backed up, and where to
#[derive(Debug, clap::Subcommand)]
#[command(
    after_help = "Example:\n  holdfast plan add home --repo vault --path /home\n  holdfast plan backup home"
)]
pub(crate) enum Command {
    /// List plans, their state and the age of the newest good backup
    #[command(after_help = "Example:\n  holdfast plan list\n  holdfast plan list --peer nas")]
    List {
        /// A peer's instead, as far as it lets us see
        #[arg(long)]
        peer: Option<String>,
    },
    /// Show a plan and its next runs
    #[command(after_help = "Example:\n  holdfast plan show home")]
    Show {
        #[command(flatten)]
        named: Named,
    },
    Add(Box<Add>),
    Edit(Box<Edit>),
    /// Do not run a plan by its schedule; what is due meanwhile is not made up for
    #[command(
        after_help = "Example:\n  holdfast plan pause home\n  holdfast plan pause home --until 8h"
    )]
    Pause {
        #[command(flatten)]
        named: Named,
        /// Until when, such as 2026-12-01T06:00:00Z, or 8h for in 8 hours; without it until it is resumed
        #[arg(long, value_name = "TIME", value_parser = parse::time)]
        until: Option<Timestamp>,
    },
    /// Run a paused plan by its schedule again
    #[command(after_help = "Example:\n  holdfast plan resume home")]
    Resume {
        #[command(flatten)]
        named: Named,
    },
    /// Pause a plan for a while
    #[command(after_help = "Example:\n  holdfast plan snooze home 8h")]
    Snooze {
        #[command(flatten)]
        named: Named,
        /// How long, such as 8h
        #[arg(value_name = "DURATION", value_parser = parse::duration)]
        time: Duration,
    },
    /// Remove a plan; its snapshots and history stay
    #[command(after_help = "Example:\n  holdfast plan remove home")]
    Remove {
        #[command(flatten)]
        named: Named,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    /// Bring back a plan that was removed in the last 30 days, as it was written
    #[command(after_help = "Example:\n  holdfast plan restore home")]
    Restore {
        #[command(flatten)]
        named: Named,
    },
    /// Back up now
    ///
    /// Ctrl-C cancels the backup and lets restic unlock; a second Ctrl-C leaves it running.
    #[command(
        after_help = "Example:\n  holdfast plan backup home\n  holdfast plan backup home --peer laptop --queue"
    )]
    Backup {
        #[command(flatten)]
        named: Named,
        /// Say what it would save, and save nothing
        #[arg(long, conflicts_with_all = ["peer", "queue", "no_wait"])]
        dry_run: bool,
        #[command(flatten)]
        at: Elsewhere,
        #[command(flatten)]
        wait: watch::Wait,
    },
    /// Forget snapshots by the plan's retention now
    ///
    /// It happens after each backup anyway. Only snapshots of this plan made by this instance are weighed.
    #[command(after_help = "Example:\n  holdfast plan forget home --dry-run")]
    Forget {
        #[command(flatten)]
        named: Named,
        /// Only show what would be kept and forgotten, and why
        #[arg(long)]
        dry_run: bool,
        #[command(flatten)]
        at: Elsewhere,
        #[command(flatten)]
        wait: watch::Wait,
    },
}

/// Which plan.
#[derive(Debug, clap::Args)]
pub(crate) struct Named {
    /// Its id
    pub(super) plan: PlanId,
}

/// Add a plan
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  holdfast plan add home --repo vault --path /home --exclude '*.cache'\n  holdfast plan add app --repo vault --stdin-name app.dump --stdin-command pg_dump --format=custom app"
)]
pub(crate) struct Add {
    #[command(flatten)]
    named: Named,
    /// Where to
    #[arg(long, value_name = "REPO")]
    repo: RepoId,
    /// What; may be repeated
    #[arg(long, required_unless_present = "stdin_command", value_name = "PATH", value_parser = parse::path)]
    path: Vec<String>,
    /// Instead of paths: what this program prints. Comes last, all that follows is its arguments
    #[arg(
        long,
        value_name = "PROGRAM",
        num_args = 1..,
        allow_hyphen_values = true,
        conflicts_with = "path"
    )]
    stdin_command: Vec<String>,
    /// The name of the file that it is saved as [default: stdin]
    #[arg(long, value_name = "NAME", requires = "stdin_command")]
    stdin_name: Option<String>,
    /// Leave out what matches; may be repeated
    #[arg(long, value_name = "PATTERN")]
    exclude: Vec<String>,
    /// As --exclude, whatever the case; may be repeated
    #[arg(long, value_name = "PATTERN")]
    iexclude: Vec<String>,
    /// Leave out folders that hold this file; may be repeated
    #[arg(long, value_name = "FILE")]
    exclude_if_present: Vec<String>,
    #[command(flatten)]
    more: Exclusions,
    /// Leave out folders with a CACHEDIR.TAG
    #[arg(long)]
    exclude_caches: bool,
    /// Stay on the file systems of the paths
    #[arg(long)]
    one_file_system: bool,
    /// Make no snapshot where nothing has changed (restic 0.17 and newer)
    #[arg(long)]
    skip_if_unchanged: bool,
    /// What of its snapshots stays: none, keep-all, or rules such as last=3,daily=30,within=90d
    #[arg(long, value_name = "RULES")]
    retention: Option<Retention>,
    /// How old the newest good backup may be, such as 36h
    #[arg(long, value_name = "DURATION", value_parser = parse::duration)]
    max_age: Option<Duration>,
    /// When it runs: 'cron: 30 2 * * *', 'every 6h', 'after PLAN' or manual
    #[arg(long, value_name = "SCHEDULE")]
    schedule: Option<Schedule>,
    /// By whose clocks the cron pattern goes; without it the machine's own
    #[arg(long, value_name = "ZONE")]
    time_zone: Option<Zone>,
    /// Puts runs off by up to this, always the same for a machine and a plan
    #[arg(long, value_name = "DURATION", value_parser = parse::duration)]
    jitter: Option<Duration>,
    /// How long after its due time a run is late
    #[arg(long, value_name = "DURATION", value_parser = parse::duration)]
    grace: Option<Duration>,
    /// What a due run waits for: ac-power,unmetered,network,window=22:00-06:00,load-below=1.5,force-after=3d
    #[arg(long, value_name = "CONDITIONS", value_parser = conditions::only_when)]
    only_when: Option<conditions::OnlyWhen>,
    /// How often a failed run is tried in all, and how long after the first: 3,5m; 1: never again
    #[arg(long, value_name = "ATTEMPTS[,WAIT]", value_parser = conditions::retry)]
    retry: Option<conditions::Retry>,
    #[command(flatten)]
    tuning: Tuning,
}

/// What else is left out, and how files are read.
#[derive(Debug, clap::Args)]
pub(crate) struct Exclusions {
    /// Leave out what the patterns in this file match; may be repeated
    #[arg(long, value_name = "FILE", value_parser = parse::path)]
    exclude_file: Vec<String>,
    /// As --exclude-file, whatever the case; may be repeated
    #[arg(long, value_name = "FILE", value_parser = parse::path)]
    iexclude_file: Vec<String>,
    /// Leave out files that are larger, such as 2GiB; 0: none
    #[arg(long, value_name = "SIZE", value_parser = parse::size)]
    exclude_larger_than: Option<u64>,
    /// Read so many files at a time (restic 0.15 and newer); 0: restic's own number
    #[arg(long, value_name = "N")]
    read_concurrency: Option<u32>,
    /// The host that snapshots say they are from; empty: the machine's own name
    #[arg(long, value_name = "NAME")]
    host: Option<String>,
}

/// Of a plan, what can be changed.
const CHANGES: [&str; 21] = [
    "only_when",
    "retry",
    "repo",
    "path",
    "exclude",
    "iexclude",
    "exclude_if_present",
    "exclude_file",
    "iexclude_file",
    "exclude_larger_than",
    "exclude_caches",
    "one_file_system",
    "read_concurrency",
    "host",
    "skip_if_unchanged",
    "retention",
    "max_age",
    "schedule",
    "time_zone",
    "jitter",
    "grace",
];

/// Change a plan; what is not given stays
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  holdfast plan edit home --path /home --path /etc --max-age 36h",
    group = clap::ArgGroup::new("change").multiple(true)
        .args(CHANGES)
        .args(tuning::OPTIONS)
)]
pub(crate) struct Edit {
    #[command(flatten)]
    named: Named,
    /// Where to
    #[arg(long, value_name = "REPO")]
    repo: Option<RepoId>,
    /// What, instead of the present paths; may be repeated
    #[arg(long, value_name = "PATH", value_parser = parse::path)]
    path: Vec<String>,
    /// Instead of the present ones; may be repeated, one empty pattern removes all
    #[arg(long, value_name = "PATTERN")]
    exclude: Vec<String>,
    /// Instead of the present ones; may be repeated, one empty pattern removes all
    #[arg(long, value_name = "PATTERN")]
    iexclude: Vec<String>,
    /// Instead of the present ones; may be repeated, one empty name removes all
    #[arg(long, value_name = "FILE")]
    exclude_if_present: Vec<String>,
    #[command(flatten)]
    more: Exclusions,
    /// Whether to leave out folders with a CACHEDIR.TAG
    #[arg(long, value_name = "BOOL")]
    exclude_caches: Option<bool>,
    /// Whether to stay on the file systems of the paths
    #[arg(long, value_name = "BOOL")]
    one_file_system: Option<bool>,
    /// Whether to make no snapshot where nothing has changed (restic 0.17 and newer)
    #[arg(long, value_name = "BOOL")]
    skip_if_unchanged: Option<bool>,
    /// What of its snapshots stays: none, keep-all, or rules such as last=3,daily=30,within=90d
    #[arg(long, value_name = "RULES")]
    retention: Option<Retention>,
    /// How old the newest good backup may be, such as 36h; 0s: as for this class of machine
    #[arg(long, value_name = "DURATION", value_parser = parse::duration)]
    max_age: Option<Duration>,
    /// When it runs: 'cron: 30 2 * * *', 'every 6h', 'after PLAN' or manual
    #[arg(long, value_name = "SCHEDULE")]
    schedule: Option<Schedule>,
    /// By whose clocks the cron pattern goes; an empty name: the machine's own
    #[arg(long, value_name = "ZONE")]
    time_zone: Option<String>,
    /// Puts runs off by up to this, always the same for a machine and a plan
    #[arg(long, value_name = "DURATION", value_parser = parse::duration)]
    jitter: Option<Duration>,
    /// How long after its due time a run is late; 0s: as its schedule says
    #[arg(long, value_name = "DURATION", value_parser = parse::duration)]
    grace: Option<Duration>,
    /// What a due run waits for: ac-power,unmetered,network,window=22:00-06:00,load-below=1.5,force-after=3d; empty: nothing
    #[arg(long, value_name = "CONDITIONS", value_parser = conditions::only_when)]
    only_when: Option<conditions::OnlyWhen>,
    /// How often a failed run is tried in all, and how long after the first: 3,5m; 1: never again
    #[arg(long, value_name = "ATTEMPTS[,WAIT]", value_parser = conditions::retry)]
    retry: Option<conditions::Retry>,
    #[command(flatten)]
    tuning: Tuning,
}

impl From<Named> for PlanRequest {
    fn from(named: Named) -> Self {
        Self { plan: named.plan.to_string() }
    }
}

impl From<Add> for AddPlanRequest {
    fn from(add: Add) -> Self {
        Self {
            plan: add.named.plan.to_string(),
            repo: add.repo.to_string(),
            paths: add.path,
            stdin_command: add.stdin_command,
            stdin_name: add.stdin_name,
            exclude: add.exclude,
            iexclude: add.iexclude,
            exclude_if_present: add.exclude_if_present,
            one_file_system: add.one_file_system,
            max_age_s: add.max_age.map(|age| age.as_secs()),
            retention: add.retention.map(|retention| retention.to_string()),
            schedule: add.schedule.map(|schedule| schedule.to_string()),
            time_zone: add.time_zone.map(|zone| zone.to_string()),
            jitter_s: add.jitter.map(|jitter| jitter.as_secs()),
            grace_s: add.grace.map(|grace| grace.as_secs()),
            exclude_file: add.more.exclude_file,
            iexclude_file: add.more.iexclude_file,
            exclude_caches: add.exclude_caches,
            skip_if_unchanged: add.skip_if_unchanged,
            exclude_larger_than: add.more.exclude_larger_than.filter(|bytes| *bytes > 0),
            read_concurrency: add.more.read_concurrency,
            host: add.more.host.filter(|host| !host.is_empty()),
            tuning: add.tuning.values(),
            only_when: add.only_when.map(Into::into),
            retry: add.retry.map(Into::into),
            enabled: None,
            revision: None,
        }
    }
}

/// Nothing given leaves a list alone; empty texts alone clear it.
fn replaced(given: Vec<String>) -> Option<TextList> {
    let changes = !given.is_empty();
    let items = given.into_iter().filter(|text| !text.is_empty()).collect();
    changes.then_some(TextList { items })
}

impl From<Edit> for EditPlanRequest {
    fn from(edit: Edit) -> Self {
        Self {
            plan: edit.named.plan.to_string(),
            repo: edit.repo.map(|id| id.to_string()),
            paths: replaced(edit.path),
            exclude: replaced(edit.exclude),
            iexclude: replaced(edit.iexclude),
            exclude_if_present: replaced(edit.exclude_if_present),
            one_file_system: edit.one_file_system,
            max_age_s: edit.max_age.map(|age| age.as_secs()),
            retention: edit.retention.map(|retention| retention.to_string()),
            schedule: edit.schedule.map(|schedule| schedule.to_string()),
            time_zone: edit.time_zone,
            jitter_s: edit.jitter.map(|jitter| jitter.as_secs()),
            grace_s: edit.grace.map(|grace| grace.as_secs()),
            exclude_file: replaced(edit.more.exclude_file),
            iexclude_file: replaced(edit.more.iexclude_file),
            exclude_caches: edit.exclude_caches,
            skip_if_unchanged: edit.skip_if_unchanged,
            exclude_larger_than: edit.more.exclude_larger_than,
            read_concurrency: edit.more.read_concurrency,
            host: edit.more.host,
            tuning: edit.tuning.values(),
            only_when: edit.only_when.map(Into::into),
            retry: edit.retry.map(Into::into),
            enabled: None,
            revision: None,
        }
    }
}

impl Command {
    pub(crate) async fn run(self, context: &Context) -> Result<Exit, Failure> {
        let client = context.client().await?;
        let mut plans = client.plans();
        let output = context.output;
        match self {
            Self::List { peer } => {
                let request = ListPlansRequest { peer: peer.clone() };
                let PlanList { plans: list, removed: gone } =
                    plans.list(request).await?.into_inner();
                let now = clock::now();
                output.show(&list, || match &peer {
                    Some(peer) if list.is_empty() => none_in_sight(peer),
                    Some(_) | None => {
                        let gone = gone.iter().map(removed);
                        let table = std::iter::once(listed(output, &list, now));
                        table.chain(gone).collect::<Vec<_>>().join("\n")
                    }
                })?;
            }
            Self::Show { named } => {
                let id = named.plan.to_string();
                let plan = plans.show(PlanRequest::from(named)).await?.into_inner();
                let asked = WrittenRequest { plan: Some(id), repo: None };
                let written = client.drafts().written(asked).await?.into_inner().toml;
                output.show(&plan, || shown(output, (&plan, &written), clock::now()))?;
            }
            Self::Pause { named, until } => {
                let until = until.map(|at| at.to_string());
                let request = PausePlanRequest { plan: named.plan.to_string(), until };
                let plan = plans.pause(request).await?.into_inner();
                output.show(&plan, || listed(output, std::slice::from_ref(&plan), clock::now()))?;
            }
            Self::Resume { named } => {
                let plan = plans.resume(PlanRequest::from(named)).await?.into_inner();
                output.show(&plan, || listed(output, std::slice::from_ref(&plan), clock::now()))?;
            }
            Self::Snooze { named, time } => {
                let until = Some(clock::now().plus(time).to_string());
                let request = PausePlanRequest { plan: named.plan.to_string(), until };
                let plan = plans.pause(request).await?.into_inner();
                output.show(&plan, || listed(output, std::slice::from_ref(&plan), clock::now()))?;
            }
            Self::Add(add) => {
                for path in add.path.iter().filter(|path| !Path::new(path).exists()) {
                    output.note(&format!("note: {path} is not there now"));
                }
                let plan = plans.add(AddPlanRequest::from(*add)).await?.into_inner();
                output.show(&plan, || {
                    format!(
                        "{} is added; back it up now: holdfast plan backup {}",
                        plan.id, plan.id
                    )
                })?;
            }
            Self::Edit(edit) => {
                let plan = plans.edit(EditPlanRequest::from(*edit)).await?.into_inner();
                output.show(&plan, || listed(output, std::slice::from_ref(&plan), clock::now()))?;
            }
            Self::Restore { named } => {
                let plan = plans.restore(PlanRequest::from(named)).await?.into_inner();
                output.show(&plan, || listed(output, std::slice::from_ref(&plan), clock::now()))?;
            }
            Self::Remove { named, yes } => {
                if !yes && output.is_interactive() {
                    confirm(output, &named.plan)?;
                }
                let removed = plans.remove(PlanRequest::from(named)).await?.into_inner();
                output.show(&removed, || {
                    let plan = &removed.plan;
                    let back = removed.restorable_until.as_ref().map(|_| {
                        format!("\nbring it back within 30 days: holdfast plan restore {plan}")
                    });
                    let back = back.unwrap_or_default();
                    format!("{plan} is removed; its snapshots and history stay{back}")
                })?;
            }
            Self::Forget { named, at, dry_run, wait } => {
                let plan = named.plan.to_string();
                if !at.is_here() && !dry_run {
                    let what = (OperationKind::Forget, Of::Plan(plan));
                    return at.start(&client, output, what, wait).await;
                }
                at.must_be_here("what a forget would do")?;
                return upkeep::forget_plan(&client, output, plan, (dry_run, wait)).await;
            }
            Self::Backup { named, dry_run: true, .. } => {
                let trial = plans.dry_run(PlanRequest::from(named)).await?.into_inner();
                output.show(&trial, || tried(&trial))?;
            }
            Self::Backup { named, at, wait, .. } if !at.is_here() => {
                let what = (OperationKind::Backup, Of::Plan(named.plan.to_string()));
                return at.start(&client, output, what, wait).await;
            }
            Self::Backup { named, wait, .. } => {
                let pending = plans.backup(PlanRequest::from(named)).await?.into_inner();
                return wait.follow(&client, output, pending).await;
            }
        }
        Ok(Exit::Done)
    }
}

fn confirm(output: Output, plan: &PlanId) -> Result<(), Failure> {
    let answer = output.ask(&format!("Stop backing up {plan}? [yes/no]"))?;
    match answer.to_lowercase().as_str() {
        "y" | "yes" => Ok(()),
        _ => Err(Failure::local("declined", "nothing was removed", "")),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_pattern_clears_a_list_and_none_leaves_it() {
        assert_eq!(replaced(Vec::new()), None);
        assert_eq!(replaced(vec![String::new()]), Some(TextList { items: Vec::new() }));
        let kept = replaced(vec!["*.tmp".to_owned()]).unwrap();
        assert_eq!(kept.items, ["*.tmp"]);
    }
}
