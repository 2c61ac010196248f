//! How snapshots are named on the command line: one, or those that meet conditions.

use super::{Client, Failure, parse};
use crate::api::{ListPlansRequest, ListSnapshotsRequest, Plan, SnapshotName};
use crate::model::Timestamp;

/// Which snapshots.
#[derive(Debug, clap::Args)]
pub(crate) struct Select {
    /// In this repo [default: every repo]
    #[arg(long)]
    repo: Option<String>,
    /// Of this plan
    #[arg(long)]
    plan: Option<String>,
    /// Made by this instance
    #[arg(long)]
    instance: Option<String>,
    /// Made on this host, as restic names it
    #[arg(long)]
    host: Option<String>,
    /// With this tag; may be repeated, then with all of them
    #[arg(long)]
    tag: Vec<String>,
    /// In which this was saved, or the folder that it is in; may be repeated
    #[arg(long, value_name = "PATH")]
    path: Vec<String>,
    /// Made at or after this time, or within this long, such as 2026-11-21T04:00:00Z or 7d
    #[arg(long, value_name = "TIME", value_parser = parse::since)]
    since: Option<Timestamp>,
    /// Made before this time, or longer ago than this
    #[arg(long, value_name = "TIME", value_parser = parse::since)]
    until: Option<Timestamp>,
    /// Only the newest so many of each plan of each instance
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    latest: Option<u32>,
}

impl From<Select> for ListSnapshotsRequest {
    fn from(select: Select) -> Self {
        Self {
            repo: select.repo,
            plan: select.plan,
            instance: select.instance,
            tags: select.tag,
            host: select.host,
            paths: select.path,
            since: select.since.map(|at| at.to_string()),
            until: select.until.map(|at| at.to_string()),
            latest: select.latest,
        }
    }
}

/// Where the snapshot that is named is.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Whose {
    /// Of this plan; needed for latest, unless there is one only
    #[arg(long)]
    pub(crate) plan: Option<String>,
    /// In this repo, where id or plan alone do not say it
    #[arg(long)]
    pub(crate) repo: Option<String>,
    /// The latest that this instance made [default: this one]
    #[arg(long, requires = "plan")]
    pub(crate) instance: Option<String>,
}

impl Whose {
    /// With the plan that `latest` is of: the only one of this instance, where none is named.
    pub(crate) async fn settled(
        self,
        client: &Client,
        snapshots: &[&str],
    ) -> Result<Self, Failure> {
        if self.plan.is_some() || !snapshots.contains(&"latest") {
            return Ok(self);
        }
        let plans = client.plans().list(ListPlansRequest { peer: None }).await?.into_inner().plans;
        Ok(Self { plan: Some(only(plans)?), ..self })
    }

    pub(crate) fn name(self, snapshot: String) -> SnapshotName {
        let Self { plan, repo, instance } = self;
        SnapshotName { snapshot, repo, plan, instance }
    }
}

/// The plan that is meant where none is named.
fn only(mut plans: Vec<Plan>) -> Result<String, Failure> {
    let message = "latest is the newest snapshot of a plan, and none is named";
    match (plans.pop(), plans.is_empty()) {
        (Some(only), true) => Ok(only.id),
        (Some(_), false) => Err(Failure::usage(message, "add --plan PLAN: holdfast plan list")),
        (None, _) => {
            let remedy = "there is no plan here; name the snapshot by its id: holdfast snapshots";
            Err(Failure::usage(message, remedy))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_plan_is_not_guessed_where_there_are_several() {
        let plans = |ids: &[&str]| {
            only(ids.iter().map(|&id| Plan { id: id.to_owned(), ..Plan::default() }).collect())
        };
        assert!(matches!(plans(&["home"]), Ok(id) if id == "home"));
        assert!(matches!(plans(&["home", "etc"]), Err(Failure::Usage(_))));
        assert!(matches!(plans(&[]), Err(Failure::Usage(_))));
    }
}
