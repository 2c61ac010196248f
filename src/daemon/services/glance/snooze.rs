//! Plans that are left alone for a while.

use super::super::{peers, refuse};
use crate::api::{SnoozePlanRequest, SnoozedPlan};
use crate::clock;
use crate::daemon::Node;
use crate::daemon::areas::Area;
use crate::daemon::services::fleet;
use crate::model::{KeyId, PlanId, Timestamp};
use std::time::Duration;
use tonic::Status;

const LONGEST: Duration = Duration::from_secs(366 * 24 * 3600);

/// Keeps a plan out of what needs somebody.
pub(super) async fn snooze(node: &Node, request: SnoozePlanRequest) -> Result<SnoozedPlan, Status> {
    let plan: PlanId = refuse::field("plan", &request.plan)?;
    let now = clock::now();
    let until = request.until.as_deref().map(|text| end(text, now)).transpose()?;
    let (origin, instance) = owner(node, request.peer.as_deref(), &plan).await?;
    let key = (origin, plan.clone());
    let kept = node.with_trust(move |trust, _| trust.snooze_plan(key, until, now)).await;
    kept.map_err(refuse::store)?;
    node.areas.changed(Area::Plans);
    node.areas.changed(Area::Attention);
    Ok(SnoozedPlan {
        plan: plan.to_string(),
        instance,
        key_id: origin.to_string(),
        until: until.map(|at| at.to_string()),
    })
}

/// Whose plan it is.
async fn owner(node: &Node, peer: Option<&str>, plan: &PlanId) -> Result<(KeyId, String), Status> {
    let config = node.config.current();
    let (owner, is_there) = match peer {
        None => ((node.key(), config.instance.to_string()), config.plan(plan).is_some()),
        Some(name) => {
            let peer = peers::find(node, name).await?;
            let seen = fleet::of(node, &peer).await?;
            let is_there = seen.iter().any(|seen| seen.document.id == plan.as_str());
            ((peer.key, peer.instance.to_string()), is_there)
        }
    };
    match is_there {
        true => Ok(owner),
        false => {
            let message = format!("{} has no plan {plan}", owner.1);
            Err(refuse::not_found(message, "holdfast fleet"))
        }
    }
}

fn end(text: &str, now: Timestamp) -> Result<Timestamp, Status> {
    let wrong = |what: &str| refuse::invalid(format!("until {text:?}: {what}"), "");
    let until = Timestamp::parse(text).ok_or_else(|| wrong("this is no time of RFC 3339"))?;
    if until <= now {
        return Err(wrong("this is over already"));
    }
    if until > now.plus(LONGEST) {
        return Err(wrong("this is more than a year away"));
    }
    Ok(until)
}
