//! Forgetting snapshots by retention: which ones, why, and then exactly those.
//!
//! 1. Only snapshots of one plan of one instance are weighed against each other, and only those whose
//!    maker is this instance or, by the retention of a repo of ours, a peer.
//! 2. Where a peer has this instance's name, the tags do not tell whose a snapshot is: none is forgotten
//!    as this instance's, and none by its plans' retention. So it is with a name that two peers have.
//! 3. What is removed was listed before, by its id; nothing is removed that was set apart.
//! 4. What is set apart is said before anything is removed, and makes the end a warning where somebody
//!    should look at it.

use super::board::{Active, Added};
use super::engine::{About, End};
use super::keep::{self, Oddity, Pair, Pile, piles};
use super::locks::Site;
use super::queue::{Mode, Priority};
use super::{Engine, JobError, Standing, Unusable};
use crate::clock;
use crate::model::{FlowId, OperationKind, PlanId, RepoId, Retention, Rules, Status};
use crate::restic::{
    Choose, Chosen, Command, Failure, Reason, Snapshot, SnapshotFilter, SnapshotId,
};
use crate::shutdown;
use std::collections::BTreeSet;

/// How many snapshots one restic removes: its arguments have a limit.
const AT_ONCE: usize = 500;
/// How many of what is set apart a message names; the log names all.
const NAMED: usize = 5;
/// Why a plan of this instance forgets nothing.
const NAMELESS: &str = "a peer has the name of this instance too, so its snapshots cannot be told from that one's. Give one of the two another name";

/// What a retention does with the snapshots of one plan of one instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pick {
    /// Which plan.
    pub plan: PlanId,
    /// Who made them.
    pub instance: String,
    /// By which rules.
    pub rules: Rules,
    /// What stays, newest first, with the rules that keep it in restic's words.
    pub keep: Vec<(Snapshot, Vec<String>)>,
    /// What is forgotten, newest first.
    pub remove: Vec<Snapshot>,
    /// What no rule is applied to, and why.
    pub apart: Vec<(Snapshot, Oddity)>,
}

impl Engine {
    /// What a forget would do now: of a plan of this instance, or of the whole repo. Changes nothing.
    ///
    /// # Errors
    /// Nothing would be forgotten by rule, it is not ours to do, or the repository cannot be read.
    pub async fn preview_forget(
        &self,
        repo: &RepoId,
        plan: Option<&PlanId>,
    ) -> Result<Vec<Pick>, JobError> {
        let mut cancel = self.inner.task()?;
        let restic = self.inner.locator.restic().await?;
        let repo = self.inner.ports.repo(repo).await?;
        let keeping = self.inner.ports.keeping(&repo.id).await?;
        let site = Site { restic: &restic, repo: &repo, keeping: &keeping, turn: None };
        site.may_forget(plan)?;
        self.picks(site, plan, &mut cancel).await
    }

    /// As [`Engine::preview_forget`], by other rules: of a plan, which need not have any, or of the repo.
    ///
    /// # Errors
    /// It is not ours to do, or the repository cannot be read.
    pub async fn preview_rules(
        &self,
        repo: &RepoId,
        plan: Option<&PlanId>,
        rules: Rules,
    ) -> Result<Vec<Pick>, JobError> {
        let mut cancel = self.inner.task()?;
        let restic = self.inner.locator.restic().await?;
        let repo = self.inner.ports.repo(repo).await?;
        let mut keeping = self.inner.ports.keeping(&repo.id).await?;
        match plan {
            Some(plan) => drop(keeping.plans.insert(plan.clone(), Retention::Keep(rules))),
            None => keeping.rules = Some(rules),
        }
        let site = Site { restic: &restic, repo: &repo, keeping: &keeping, turn: None };
        site.may_forget(plan)?;
        self.picks(site, plan, &mut cancel).await
    }

    /// Forgets by a plan's own retention, where it has one and the repo is ours. Whether it did.
    pub(super) async fn forget_after(
        &self,
        plan: &PlanId,
        repo: &RepoId,
        why: (FlowId, Priority),
    ) -> bool {
        let (flow, priority) = why;
        let Ok(_task) = self.inner.task() else { return false };
        let Ok(keeping) = self.inner.ports.keeping(repo).await else { return false };
        let has_rules = keeping.plans.get(plan).is_some_and(|own| own.rules().is_some());
        let is_ours = |standing| standing != Standing::Received;
        let repo = self.inner.ports.repo(repo).await.ok().filter(|repo| is_ours(repo.standing));
        let Some(repo) = repo.filter(|_| has_rules) else { return false };
        let (kind, attempt) = (OperationKind::Forget, None);
        let (plan_id, flow) = (Some(plan.clone()), Some(flow));
        let about = About { kind, repo: repo.id, plan: plan_id, flow, attempt };
        let Ok(Added::New(active)) = self.inner.begin(about).await else { return false };
        active.ranks(priority);
        let end = self.upkeep_steps(&active, &super::Task::Forget(Some(plan.clone()))).await;
        self.inner.finish(&active, end).await;
        true
    }

    /// Forgets, under the turn and with the repository known.
    pub(super) async fn forget_steps(
        &self,
        active: &Active,
        site: Site<'_>,
        plan: Option<&PlanId>,
    ) -> Result<End, JobError> {
        if plan.is_some() && site.is_nameless() {
            let message = format!("skipped: {NAMELESS}");
            return Ok(End { status: Some(Status::Skipped), message, ..End::default() });
        }
        site.may_forget(plan)?;
        let picks = self.picks(site, plan, &mut active.cancelled()).await?;
        self.append_log(active, picks.iter().map(told).collect::<String>()).await;
        let gone: Vec<_> =
            picks.iter().flat_map(|pick| &pick.remove).map(|s| s.id.clone()).collect();
        for part in gone.chunks(AT_ONCE) {
            let command = Command::Forget(part.to_vec());
            self.run_unlocked(active, site, (Mode::Alone, &command)).await.1?;
        }
        let apart: Vec<_> = picks.iter().flat_map(|pick| &pick.apart).collect();
        let is_told = apart.iter().any(|(_, oddity)| oddity.is_told());
        let status = if is_told { Status::Warning } else { Status::Succeeded };
        let mut message = summary(&picks, gone.len(), &apart);
        if site.is_nameless() {
            message.push_str(&format!("; none of this instance's: {NAMELESS}"));
        }
        Ok(End { status: Some(status), message, ..End::default() })
    }

    async fn picks(
        &self,
        site: Site<'_>,
        plan: Option<&PlanId>,
        cancel: &mut shutdown::Guard,
    ) -> Result<Vec<Pick>, JobError> {
        let filter = SnapshotFilter { plan: plan.cloned(), ..SnapshotFilter::default() };
        let snapshots = self.listed(site.restic, site.repo, filter, cancel).await?;
        let mut picks = Vec::new();
        let keeping = site.keeping;
        let called = |name: &str| keeping.maker(name);
        for (pair, pile) in piles(snapshots, clock::now(), called, &keeping.disputed) {
            let is_wanted = plan.is_none() || site.keeping.is_own(&pair.1);
            let rules = site.keeping.rules_of(&pair.0, &pair.1).filter(|_| is_wanted);
            if let Some(rules) = rules {
                picks.push(site.pick(pair, pile, *rules, cancel).await?);
            }
        }
        Ok(picks)
    }
}

impl Site<'_> {
    /// Whether no name is known to be this instance's alone.
    fn is_nameless(self) -> bool {
        self.keeping.own_names.is_empty()
    }

    /// Whether a forget is ours to do and would do anything.
    fn may_forget(self, plan: Option<&PlanId>) -> Result<(), JobError> {
        let repo = self.repo.id.clone();
        if self.repo.standing == Standing::Received {
            return Err(JobError::OwnersWork { repo, what: "forgetting snapshots" });
        }
        let own = self.keeping.own_names.first().map_or("", String::as_str);
        match plan {
            Some(_) if self.is_nameless() => Err(Unusable(NAMELESS.to_owned()).into()),
            Some(plan) if self.keeping.rules_of(plan, own).is_none() => {
                Err(JobError::KeepsAll { plan: plan.clone() })
            }
            None if self.keeping.rules.is_none() => Err(JobError::NoRetention { repo }),
            Some(_) | None => Ok(()),
        }
    }

    /// restic decides, unless it would see what is set apart.
    async fn pick(
        self,
        (plan, instance): Pair,
        pile: Pile,
        rules: Rules,
        cancel: &mut shutdown::Guard,
    ) -> Result<Pick, Failure> {
        let Pile { seen, apart, names } = pile;
        let ids: BTreeSet<SnapshotId> = seen.iter().map(|snapshot| snapshot.id.clone()).collect();
        let chosen = match apart.is_empty() && names.iter().all(|name| is_plain(name)) {
            true => {
                let made_by = names.into_iter().collect();
                let choose = Choose { plan: plan.clone(), made_by, rules };
                self.restic.choose(&self.repo.access, choose, cancel).await?
            }
            false => keep::choose(&rules, self.restic.version().into(), seen),
        };
        let Chosen { keep, mut remove } = chosen;
        remove.retain(|snapshot| ids.contains(&snapshot.id));
        // Rules that keep nothing do not exist.
        if keep.is_empty() && !remove.is_empty() {
            return Err(Failure::new(Reason::Unreadable, "no rule would keep any snapshot"));
        }
        Ok(Pick { plan, instance, rules, keep, remove, apart })
    }
}

/// Whether a name stands for itself in a list of tags.
fn is_plain(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    !name.is_empty() && name.chars().all(plain)
}

/// For the log: each snapshot with what becomes of it, and why.
fn told(pick: &Pick) -> String {
    let Pick { plan, instance, rules, keep, remove, apart } = pick;
    let line = |what: &str, snapshot: &Snapshot, why: &str| {
        let id: String = snapshot.id.as_str().chars().take(8).collect();
        format!("{what}  {id}  {}  {why}\n", snapshot.time)
    };
    let mut text = format!("plan {plan} of {instance}, {rules}:\n");
    for (snapshot, oddity) in apart {
        text.push_str(&line("apart ", snapshot, &oddity.to_string()));
    }
    for (snapshot, reasons) in keep {
        text.push_str(&line("keep  ", snapshot, &reasons.join(", ")));
    }
    for snapshot in remove {
        text.push_str(&line("forget", snapshot, "no rule keeps it"));
    }
    text
}

fn summary(picks: &[Pick], gone: usize, apart: &[&(Snapshot, Oddity)]) -> String {
    let all = gone + picks.iter().map(|pick| pick.keep.len()).sum::<usize>();
    let noun = if all == 1 { "snapshot" } else { "snapshots" };
    let mut text = match picks {
        [] | [_] => format!("{gone} of {all} {noun} forgotten"),
        several => format!("{gone} of {all} {noun} of {} plans forgotten", several.len()),
    };
    if !apart.is_empty() {
        let first = apart.iter().take(NAMED).map(|(snapshot, oddity)| {
            let id: String = snapshot.id.as_str().chars().take(8).collect();
            format!("{id} ({oddity})")
        });
        let first: Vec<_> = first.collect();
        let more = apart.len().saturating_sub(NAMED);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        text.push_str(&format!(
            "; {} set apart and kept: {}{more}. Remove what should not be there with `holdfast repo run`",
            apart.len(),
            first.join(", ")
        ));
    }
    text
}
