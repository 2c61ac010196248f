//! One plan's days and runs.

use super::super::describe::{self, Names};
use super::super::{peers, refuse};
use super::overview::{Days, leaders};
use super::strips::Strip;
use crate::api::{PlanDay, PlanHistory, PlanHistoryRequest};
use crate::clock;
use crate::daemon::Node;
use crate::daemon::services::fleet::{self, LOOKED_AT, Seen};
use crate::model::{KeyId, PlanId, Timestamp};
use crate::reconcile::Shard;
use crate::store::history::{Recorded, ShardLog};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tonic::Status;

/// Days where none are asked for, and at most.
const DAYS: (u32, u32) = (30, 366);
/// Runs that are shown.
const RUNS: usize = 500;
/// Due times of a day that are told.
const DUE: usize = 24;

/// The days and runs of a plan.
pub(super) async fn history(
    node: &Node,
    request: PlanHistoryRequest,
) -> Result<PlanHistory, Status> {
    let Days { count, zone } = super::days_of(request.days, DAYS, &request.time_zone)?;
    let id: PlanId = refuse::field("plan", &request.plan)?;
    let (starts, end) = zone.days(clock::now(), count);
    let from = starts.first().map_or(end, |(_, start)| *start);
    let (seen, logs) = machine(node, request.peer.as_deref(), from).await?;
    let is_it = |seen: &&Seen| seen.known.expectation.plan == id;
    let Some(plan) = seen.iter().filter(is_it).max_by_key(|seen| seen.known.expectation.enabled)
    else {
        return Err(refuse::not_found(format!("there is no plan {id}"), "holdfast fleet"));
    };
    let shard = Shard { repo: plan.document.repo.clone(), plan: plan.document.id.clone() };
    let is_trimmed = logs.get(&shard).is_some_and(|log| log.is_trimmed);
    let (config, leaders) = (node.config.current(), leaders(&seen));
    let strip = Strip::new(node, &config, (&plan.known, is_trimmed), &leaders);
    let edges: Vec<_> = starts.iter().map(|(_, start)| *start).chain([end]).collect();
    let outcomes = strip.days(&edges);
    let days = starts.iter().zip(&edges[1..]).zip(outcomes);
    let day = |(((name, from), until), outcome): ((&(String, Timestamp), &Timestamp), _)| PlanDay {
        day: name.clone(),
        outcome: crate::freshness::days::Day::to_string(&outcome),
        due: strip.due_in(*from, *until, DUE).iter().map(ToString::to_string).collect(),
    };
    let runs = runs(node, plan.known.origin, shard, from).await?;
    let names = Names::read(node).await?;
    let runs = runs.iter().map(|run| describe::recorded(run, &names)).collect();
    Ok(PlanHistory { days: days.map(day).collect(), runs })
}

type Logs = BTreeMap<Shard, Arc<ShardLog>>;

/// All plans of the machine: one may follow another.
async fn machine(
    node: &Node,
    peer: Option<&str>,
    from: Timestamp,
) -> Result<(Vec<Seen>, Logs), Status> {
    let origin = match peer {
        Some(name) => peers::find(node, name).await?.key,
        None => node.key(),
    };
    let (live, config) = (node.engine.live(), node.config.current());
    let read = node.history.read(move |reader| reader.shard_logs_of(origin, from, LOOKED_AT)).await;
    let logs = read.map_err(refuse::store)?.into_iter().map(|log| {
        let expectation = &log.record.expectation;
        let shard =
            Shard { repo: expectation.repo.to_string(), plan: expectation.plan.to_string() };
        (shard, log)
    });
    let logs: Logs = logs.collect();
    let seen = match peer {
        Some(_) => {
            let records = logs.values().map(|log| log.record.clone()).collect();
            fleet::of_peers(node, records).await?
        }
        None => {
            let own = |shard: &Shard| {
                let log = logs.get(shard);
                log.map(|log| (log.record.known_at, log.record.backups.clone())).unwrap_or_default()
            };
            fleet::own_with(node, (&config, &live), own).await?
        }
    };
    Ok((seen, logs))
}

async fn runs(
    node: &Node,
    origin: KeyId,
    shard: Shard,
    from: Timestamp,
) -> Result<Vec<Recorded>, Status> {
    // By its own clock; a little more does no harm.
    let from = from.minus(Duration::from_secs(1));
    let read = node.history.read(move |reader| reader.runs_since(origin, &shard, from, RUNS));
    read.await.map_err(refuse::store)
}
