//! What a retention that is being written would keep of the snapshots that are there.

use super::checking::problem_at;
use super::refuse;
use crate::api::{KeptSnapshot, RetentionPreview, RetentionRequest};
use crate::daemon::Node;
use crate::daemon::services::snapshots::document;
use crate::job::{JobError, Pick};
use crate::model::{PlanId, RepoId, Retention, Rules};
use crate::restic::{Snapshot, SnapshotFilter};
use tonic::Status;

pub(super) async fn preview(
    node: &Node,
    request: RetentionRequest,
) -> Result<RetentionPreview, Status> {
    let RetentionRequest { plan, repo, retention } = request;
    let plan: Option<PlanId> = plan.map(|plan| refuse::field("plan", &plan)).transpose()?;
    let config = node.config.current();
    let own = plan.as_ref().and_then(|plan| config.plan(plan));
    let repo: RepoId = match (repo, own) {
        (Some(repo), _) => refuse::field("repo", &repo)?,
        (None, Some(plan)) => plan.repo.clone(),
        (None, None) => return Err(refuse::invalid("give a plan or a repo", "one of the two")),
    };
    let retention: Retention = match refuse::field("retention", &retention) {
        Ok(retention) => retention,
        Err(refused) => return Ok(refused_preview(&refused)),
    };
    // Where a plan has none, the repo's own holds for it.
    let of_repo = config.repo(&repo).and_then(|repo| repo.upkeep.forget.as_ref());
    let rules = match (retention, of_repo) {
        (Retention::Keep(rules), _) => Some(rules),
        (Retention::None, Some(forget)) if plan.is_some() => Some(forget.rules),
        (Retention::None | Retention::KeepAll, _) => None,
    };
    let weighed = match rules {
        Some(rules) => by_rules(node, &repo, plan.as_ref(), rules).await,
        None => all(node, &repo, plan).await,
    };
    match weighed {
        Ok(snapshots) => Ok(counted(snapshots)),
        Err(error) => Ok(refused_preview(&refuse::job(error))),
    }
}

fn refused_preview(refused: &Status) -> RetentionPreview {
    let problems = vec![problem_at("retention", refused)];
    RetentionPreview { problems, ..RetentionPreview::default() }
}

async fn by_rules(
    node: &Node,
    repo: &RepoId,
    plan: Option<&PlanId>,
    rules: Rules,
) -> Result<Vec<KeptSnapshot>, JobError> {
    let picks = node.engine.preview_rules(repo, plan, rules).await?;
    Ok(picks.into_iter().flat_map(|pick| fates(pick, repo)).collect())
}

fn fates(pick: Pick, repo: &RepoId) -> Vec<KeptSnapshot> {
    let Pick { keep, remove, apart, .. } = pick;
    let kept = keep.into_iter().map(|(snapshot, why)| fate(snapshot, repo, "keep", why));
    let gone = remove.into_iter().map(|snapshot| fate(snapshot, repo, "forget", Vec::new()));
    let apart = apart
        .into_iter()
        .map(|(snapshot, why)| fate(snapshot, repo, "apart", vec![why.to_string()]));
    kept.chain(gone).chain(apart).collect()
}

fn fate(snapshot: Snapshot, repo: &RepoId, fate: &str, reasons: Vec<String>) -> KeptSnapshot {
    let snapshot = Some(document(snapshot, repo));
    KeptSnapshot { snapshot, fate: fate.to_owned(), reasons }
}

/// Nothing is forgotten.
async fn all(
    node: &Node,
    repo: &RepoId,
    plan: Option<PlanId>,
) -> Result<Vec<KeptSnapshot>, JobError> {
    let config = node.config.current();
    let is_own = |name: &str| {
        config.instance.as_str() == name || config.formerly.iter().any(|former| former == name)
    };
    let is_wanted = |snapshot: &Snapshot| {
        let mut makers = snapshot.tags.iter().filter_map(|tag| tag.strip_prefix("created-by:"));
        plan.is_none() || makers.any(is_own)
    };
    let filter = SnapshotFilter { plan: plan.clone(), ..SnapshotFilter::default() };
    let mut found = node.engine.snapshots(repo, filter).await?;
    found.retain(is_wanted);
    let why = || vec!["nothing is forgotten".to_owned()];
    Ok(found.into_iter().map(|snapshot| fate(snapshot, repo, "keep", why())).collect())
}

fn counted(mut snapshots: Vec<KeptSnapshot>) -> RetentionPreview {
    let time = |kept: &KeptSnapshot| kept.snapshot.as_ref().map(|snapshot| snapshot.time.clone());
    snapshots.sort_by_key(|kept| std::cmp::Reverse(time(kept)));
    let forgotten = snapshots.iter().filter(|kept| kept.fate == "forget").count();
    let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    RetentionPreview {
        kept: count(snapshots.len() - forgotten),
        forgotten: count(forgotten),
        snapshots,
        problems: Vec::new(),
    }
}
