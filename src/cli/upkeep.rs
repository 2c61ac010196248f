//! Keeping repositories in order: what of `holdfast repo` and `holdfast plan` starts it, and how a
//! forget is foretold.

use super::elsewhere::{Elsewhere, Of};
use super::{Client, Exit, Failure, Output, parse, watch, words};
use crate::api::{
    ForgetGroup, ForgetPreview, ForgetRequest, Operation, Picked, UpkeepRequest, UpkeepSettings,
};
use crate::clock;
use crate::model::{OperationKind, RepoId, Timestamp};
use std::time::Duration;

/// How it is kept in order.
#[derive(Debug, Default, clap::Args)]
pub(crate) struct Settings {
    /// What stays of the snapshots of each plan and instance without a retention of its own, such as
    /// daily=30,monthly=12; empty: nothing is forgotten
    #[arg(long, value_name = "RULES")]
    forget: Option<String>,
    /// When: "cron: 0 3 * * *", "every 1d" or manual
    #[arg(long, value_name = "SCHEDULE")]
    forget_schedule: Option<String>,
    /// When what no snapshot needs is removed: "cron: 0 4 1 * *", "every 30d" or manual; empty: never
    #[arg(long, value_name = "SCHEDULE")]
    prune: Option<String>,
    /// How much unused data a prune leaves: 10%, 500M or unlimited
    #[arg(long, value_name = "AMOUNT")]
    max_unused: Option<String>,
    /// When it is verified; empty: never
    #[arg(long, value_name = "SCHEDULE")]
    check: Option<String>,
    /// How much of the data each check reads, in turns: 5% or 1/20; empty: none
    #[arg(long, value_name = "PART")]
    read_data: Option<String>,
    /// When it is measured; empty: never
    #[arg(long, value_name = "SCHEDULE")]
    stats: Option<String>,
    /// How many backups may run on it at once; 0: no limit of its own
    #[arg(long, value_name = "N")]
    parallel: Option<u32>,
    /// How long work waits for somebody else's lock, such as 1h
    #[arg(long, value_name = "DURATION", value_parser = parse::duration)]
    lock_wait: Option<Duration>,
    /// How long somebody else's lock may be in the way before hooks are told, such as 6h; 0s: 6h
    #[arg(long, value_name = "DURATION", value_parser = parse::duration)]
    lock_alarm: Option<Duration>,
    /// How often upkeep that was due is tried; 0: three times, after 5 and 20 minutes
    #[arg(long, value_name = "N")]
    retry_attempts: Option<u32>,
    /// How long it is waited before the second attempt; each later wait is four times as long
    #[arg(long, value_name = "DURATION", value_parser = parse::duration)]
    retry_wait: Option<Duration>,
}

impl From<Settings> for UpkeepSettings {
    fn from(given: Settings) -> Self {
        Self {
            forget: given.forget,
            forget_schedule: given.forget_schedule,
            prune_schedule: given.prune,
            max_unused: given.max_unused,
            check_schedule: given.check,
            read_data: given.read_data,
            stats_schedule: given.stats,
            parallel: given.parallel,
            lock_wait_s: given.lock_wait.map(|wait| wait.as_secs()),
            lock_alarm_s: given.lock_alarm.map(|alarm| alarm.as_secs()),
            retry_attempts: given.retry_attempts,
            retry_wait_s: given.retry_wait.map(|wait| wait.as_secs()),
        }
    }
}

/// A repo, and whether to wait.
#[derive(Debug, clap::Args)]
pub(crate) struct Work {
    /// Which repo
    repo: RepoId,
    #[command(flatten)]
    at: Elsewhere,
    #[command(flatten)]
    wait: watch::Wait,
}

/// What is forgotten by the retention of a repo.
#[derive(Debug, clap::Args)]
pub(crate) struct ForgetRepo {
    #[command(flatten)]
    work: Work,
    /// Only show what would be kept and forgotten, and why
    #[arg(long)]
    dry_run: bool,
}

/// Which locks are removed.
#[derive(Debug, clap::Args)]
pub(crate) struct Unlock {
    #[command(flatten)]
    work: Work,
    /// Every lock, also of work that may be going on; asks first
    #[arg(long)]
    all: bool,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

/// A restic command for the repo of which holdfast knows location and password.
#[derive(Debug, clap::Args)]
pub(crate) struct ByHand {
    #[command(flatten)]
    work: Work,
    /// The command of restic and its arguments, behind --
    #[arg(last = true, required = true, value_name = "ARGUMENTS")]
    words: Vec<String>,
}

impl Work {
    /// Starts a kind of upkeep and sees it to its end.
    pub(crate) async fn run(
        self,
        client: &Client,
        output: Output,
        kind: OperationKind,
    ) -> Result<Exit, Failure> {
        if !self.at.is_here() {
            let of = Of::Repo(self.repo.to_string());
            return self.at.start(client, output, (kind, of), self.wait).await;
        }
        let request = UpkeepRequest { kind: kind.to_string(), ..UpkeepRequest::default() };
        let pending = self.start(client, request).await?;
        self.wait.follow(client, output, pending).await
    }

    async fn start(&self, client: &Client, request: UpkeepRequest) -> Result<Operation, Failure> {
        let request = UpkeepRequest { repo: self.repo.to_string(), ..request };
        Ok(client.upkeep().start(request).await?.into_inner())
    }
}

impl ForgetRepo {
    pub(crate) async fn run(self, client: &Client, output: Output) -> Result<Exit, Failure> {
        if self.dry_run {
            self.work.at.must_be_here("what a forget would do")?;
            let repo = Some(self.work.repo.to_string());
            return foretell(client, output, ForgetRequest { plan: None, repo }).await;
        }
        self.work.run(client, output, OperationKind::Forget).await
    }
}

/// `plan forget`.
pub(crate) async fn forget_plan(
    client: &Client,
    output: Output,
    plan: String,
    how: (bool, watch::Wait),
) -> Result<Exit, Failure> {
    let (dry_run, wait) = how;
    if dry_run {
        return foretell(client, output, ForgetRequest { plan: Some(plan), repo: None }).await;
    }
    let kind = OperationKind::Forget.to_string();
    let request = UpkeepRequest { kind, plan: Some(plan), ..UpkeepRequest::default() };
    let pending = client.upkeep().start(request).await?.into_inner();
    wait.follow(client, output, pending).await
}

async fn foretell(
    client: &Client,
    output: Output,
    request: ForgetRequest,
) -> Result<Exit, Failure> {
    let preview = client.upkeep().preview_forget(request).await?.into_inner();
    output.show(&preview, || foretold(output, &preview, clock::now()))?;
    Ok(Exit::Done)
}

fn foretold(output: Output, preview: &ForgetPreview, now: Timestamp) -> String {
    if preview.groups.is_empty() {
        return format!("repo {} has no snapshots that a retention is applied to", preview.repo);
    }
    let groups: Vec<_> = preview.groups.iter().map(|group| told(output, group, now)).collect();
    groups.join("\n\n")
}

fn told(output: Output, group: &ForgetGroup, now: Timestamp) -> String {
    let of = |fate: &str| group.snapshots.iter().filter(|picked| picked.fate == fate).count();
    let (keep, forget, apart) = (of("keep"), of("forget"), of("apart"));
    let apart = if apart > 0 { format!(", {apart} set apart") } else { String::new() };
    let ForgetGroup { plan, instance, retention, .. } = group;
    let heading = format!(
        "{plan} of {instance} by {retention}: {keep} would be kept, {forget} forgotten{apart}"
    );
    let row = |picked: &Picked| {
        let why = match picked.reasons.is_empty() {
            true => "no rule keeps it".to_owned(),
            false => picked.reasons.join(", "),
        };
        let (id, age) = (picked.short_id.clone(), words::relative(&picked.time, now));
        [id, picked.time.clone(), age, picked.fate.clone(), why]
    };
    let header = ["snapshot", "time", "age", "would be", "why"];
    format!("{heading}\n{}", output.table(header, group.snapshots.iter().map(row)))
}

impl Unlock {
    pub(crate) async fn run(self, client: &Client, output: Output) -> Result<Exit, Failure> {
        if self.all && !self.yes && self.work.at.is_here() {
            self.confirm(output)?;
        }
        if !self.work.at.is_here() {
            if self.all {
                self.work.at.must_be_here("removing the locks of work that may be going on")?;
            }
            return self.work.run(client, output, OperationKind::Unlock).await;
        }
        let kind = OperationKind::Unlock.to_string();
        let request = UpkeepRequest { kind, all: self.all, ..UpkeepRequest::default() };
        let pending = self.work.start(client, request).await?;
        self.work.wait.follow(client, output, pending).await
    }

    fn confirm(&self, output: Output) -> Result<(), Failure> {
        let repo = &self.work.repo;
        if !output.is_interactive() {
            let message = "removing the locks of work that may be going on needs a person's word";
            return Err(Failure::usage(message, "add --yes if nobody works on the repository"));
        }
        let question = format!(
            "A backup that is going on could be damaged by a prune once its lock is gone. \
             Type {repo} if nobody works on it:"
        );
        match output.ask(&question)? == repo.as_str() {
            true => Ok(()),
            false => Err(Failure::local("declined", "no lock was removed", "")),
        }
    }
}

impl ByHand {
    pub(crate) async fn run(self, client: &Client, output: Output) -> Result<Exit, Failure> {
        self.work.at.must_be_here("a restic command")?;
        let kind = OperationKind::Command.to_string();
        let request = UpkeepRequest { kind, words: self.words, ..UpkeepRequest::default() };
        let pending = self.work.start(client, request).await?;
        self.work.wait.follow_said(client, output, pending).await
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn picked(id: &str, fate: &str, reasons: &[&str]) -> Picked {
        Picked {
            id: id.repeat(8),
            short_id: id.to_owned(),
            time: "2026-11-21T04:00:00.000Z".to_owned(),
            fate: fate.to_owned(),
            reasons: reasons.iter().map(|&reason| reason.to_owned()).collect(),
        }
    }

    #[test]
    fn a_forget_is_foretold_snapshot_by_snapshot_with_the_reason() {
        let group = ForgetGroup {
            plan: "home".to_owned(),
            instance: "nas".to_owned(),
            retention: "daily=1".to_owned(),
            snapshots: vec![
                picked("aaaaaaaa", "apart", &["its time is in the future"]),
                picked("bbbbbbbb", "keep", &["daily snapshot"]),
                picked("cccccccc", "forget", &[]),
            ],
        };
        let preview = ForgetPreview { repo: "vault".to_owned(), groups: vec![group] };
        let now = Timestamp::parse("2026-11-21T05:00:00Z").unwrap();
        let text = foretold(Output::plain(), &preview, now);
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines[0], "home of nas by daily=1: 1 would be kept, 1 forgotten, 1 set apart");
        assert!(lines[2].contains("apart") && lines[2].contains("in the future"), "{text}");
        assert!(lines[3].contains("keep") && lines[3].contains("daily snapshot"), "{text}");
        assert!(lines[4].contains("forget") && lines[4].contains("no rule keeps it"), "{text}");
        let none = ForgetPreview { repo: "vault".to_owned(), groups: Vec::new() };
        assert!(foretold(Output::plain(), &none, now).contains("no snapshots"));
    }
}
