//! The fleet at a glance, one plan in full, and what changes.

mod advice;
mod overview;
mod past;
mod snooze;
mod strips;
mod watch;

use super::refuse;
use super::stream::{Answers, streamed};
use crate::api::fleet_service_server::FleetService;
use crate::api::{
    Event, Overview, OverviewRequest, PlanHistory, PlanHistoryRequest, SnoozePlanRequest,
    SnoozedPlan, WatchRequest,
};
use crate::daemon::Node;
use crate::schedule::Zone;
use overview::{Days, Shelf};
use std::sync::Arc;
use tonic::{Request, Response, Status};

/// Days of a strip where none are asked for …
const DAYS: u32 = 14;
/// … and at most; what lies further back is one plan's history.
const MOST_DAYS: u32 = 31;

/// Answers for one instance.
pub(super) struct Service {
    node: Arc<Node>,
    shelf: Shelf,
}

impl Service {
    pub(super) fn new(node: Arc<Node>) -> Self {
        Self { node, shelf: Shelf::default() }
    }
}

#[tonic::async_trait]
impl FleetService for Service {
    type WatchStream = Answers<Event>;

    async fn overview(
        &self,
        request: Request<OverviewRequest>,
    ) -> Result<Response<Overview>, Status> {
        let OverviewRequest { days, time_zone } = request.into_inner();
        let days = days_of(days, (DAYS, MOST_DAYS), &time_zone)?;
        overview::overview(&self.node, &self.shelf, days).await.map(Response::new)
    }

    async fn watch(
        &self,
        request: Request<WatchRequest>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        let cursor = watch::begin(&self.node, request.into_inner().cursor).await?;
        let node = Arc::clone(&self.node);
        Ok(streamed(|outlet| watch::watch(node, cursor, outlet)))
    }

    async fn plan_history(
        &self,
        request: Request<PlanHistoryRequest>,
    ) -> Result<Response<PlanHistory>, Status> {
        past::history(&self.node, request.into_inner()).await.map(Response::new)
    }

    async fn snooze(
        &self,
        request: Request<SnoozePlanRequest>,
    ) -> Result<Response<SnoozedPlan>, Status> {
        snooze::snooze(&self.node, request.into_inner()).await.map(Response::new)
    }
}

fn days_of(asked: u32, (usual, most): (u32, u32), zone: &str) -> Result<Days, Status> {
    let count = if asked == 0 { usual } else { asked };
    if count > most {
        let message = format!("days {count}: at most {most} are shown");
        return Err(refuse::invalid(message, "ask for fewer"));
    }
    let zone = match zone {
        "" => Zone::of_this_machine(),
        name => refuse::field("time_zone", name)?,
    };
    Ok(Days { count, zone })
}
