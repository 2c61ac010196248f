//! What a peer with grants that are being written would see: by the predicate that will decide.

use super::checking::problem_at;
use super::{grants, refuse};
use crate::api::{Visibility, VisibleRequest, VisibleThing};
use crate::daemon::Node;
use crate::daemon::ports::Repos;
use crate::grant::{Grants, Permission, Target};
use std::collections::BTreeSet;
use std::sync::Arc;
use tonic::Status;

pub(super) async fn visible(node: &Node, request: VisibleRequest) -> Result<Visibility, Status> {
    let grants = match grants::read(&request.grants) {
        Ok(grants) => grants,
        Err(refused) => {
            let problems = vec![problem_at("grants", &refused)];
            return Ok(Visibility { problems, ..Visibility::default() });
        }
    };
    let config = node.config.current();
    let read = node.with_trust({
        let config = Arc::clone(&config);
        move |trust, _| Repos::read(config, trust)
    });
    let repos = read.await.map_err(refuse::store)?;
    let own: BTreeSet<&str> = config.repos.iter().map(|repo| repo.id.as_str()).collect();
    let received = repos.received().iter().map(|repo| repo.id.as_str());
    let received: BTreeSet<&str> = received.filter(|id| !own.contains(id)).collect();
    let plans = config.plans.iter().map(|plan| {
        let (id, repo) = (plan.id.as_str(), plan.repo.as_str());
        let target = Target { repo: Some(repo), plan: Some(id) };
        thing(id, &grants, target, |permission| permission != Permission::ReceiveSharedRepos)
    });
    let own = own.into_iter().map(|id| thing(id, &grants, Target::repo(id), |_| true));
    let received = received.into_iter().map(|id| {
        // What a peer shares with us is its owner's to share.
        thing(id, &grants, Target::repo(id), |permission| {
            permission != Permission::ReceiveSharedRepos
        })
    });
    Ok(Visibility {
        plans: plans.collect(),
        repos: own.chain(received).collect(),
        text: grants.to_string(),
        problems: Vec::new(),
    })
}

fn thing(
    id: &str,
    grants: &Grants,
    target: Target<'_>,
    concerns: impl Fn(Permission) -> bool,
) -> VisibleThing {
    let scoped = Permission::ALL.iter().copied().filter(|permission| permission.is_scoped());
    let held =
        scoped.filter(|permission| concerns(*permission) && grants.allow(*permission, target));
    VisibleThing { id: id.to_owned(), permissions: held.map(|held| held.to_string()).collect() }
}
