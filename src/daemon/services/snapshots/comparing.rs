//! How two snapshots differ.

use super::super::refuse;
use super::super::stream::{Answers, Outlet, Stop, streamed};
use super::named::{self, Found};
use crate::api::{DiffChange, DiffRecord, DiffRequest, DiffSide, DiffTotals};
use crate::daemon::Node;
use crate::restic::{Change, ChangeTotals, Changes, Comparison, Side};
use std::sync::Arc;
use tonic::{Response, Status};

pub(super) async fn diff(
    node: &Arc<Node>,
    request: DiffRequest,
) -> Result<Response<Answers<DiffRecord>>, Status> {
    let from = named::find(node, &request.from.unwrap_or_default()).await?;
    let to = named::find(node, &request.to.unwrap_or_default()).await?;
    if from.repo != to.repo {
        let message = format!("one snapshot is in repo {}, the other in {}", from.repo, to.repo);
        return Err(refuse::invalid(message, "compare snapshots of one repo"));
    }
    let depth = if request.metadata { Changes::Metadata } else { Changes::Content };
    let node = Arc::clone(node);
    Ok(streamed(move |outlet| send(node, from, to, depth, outlet)))
}

async fn send(
    node: Arc<Node>,
    from: Found,
    to: Found,
    depth: Changes,
    outlet: Outlet<DiffRecord>,
) -> Result<(), Stop> {
    let (from_id, to_id) = (from.snapshot.id, to.snapshot.id);
    let comparison = Comparison { from: from_id.clone(), to: to_id.clone(), depth };
    let mut changes = node.engine.diff(&from.repo, comparison).await.map_err(refuse::job)?;
    while let Some(change) = changes.next().await {
        let record = match change.map_err(refuse::job)? {
            Change::Item { path, kind } => {
                let change = Some(DiffChange { path, change: kind.to_string() });
                DiffRecord { change, totals: None }
            }
            Change::Totals(totals) => {
                let totals = document(totals, from_id.to_string(), to_id.to_string());
                DiffRecord { change: None, totals: Some(totals) }
            }
        };
        outlet.send(record).await?;
    }
    Ok(())
}

fn document(totals: ChangeTotals, from: String, to: String) -> DiffTotals {
    let side = |side: Side| {
        let Side { files, dirs, others, bytes } = side;
        Some(DiffSide { files, dirs, others, bytes })
    };
    let ChangeTotals { changed_files, added, removed } = totals;
    DiffTotals { from, to, changed_files, added: side(added), removed: side(removed) }
}
