//! One operation as it goes on, until its end.

use super::super::describe::{self, Names};
use super::super::lookup::{self, Named};
use super::super::stream::{Outlet, Stop};
use crate::api::{Operation as Document, OperationEvent};
use crate::daemon::Node;
use crate::job::Live;
use crate::model::Progress;
use std::sync::Arc;
use tokio::sync::watch;

/// Sends the operation as it is, then each change and its progress; returns after its end.
pub(super) async fn watch(
    node: Arc<Node>,
    named: Named,
    outlet: Outlet<OperationEvent>,
) -> Result<(), Stop> {
    let names = Names::read(&node).await?;
    let mut teller = Teller { outlet, told: None, progress: Progress::default() };
    if named.origin == node.key()
        && let Some(live) = node.engine.watch(named.id)
        && run(live, &node, &mut teller).await?
    {
        return Ok(());
    }
    follow(&node, named, &names, &mut teller).await
}

/// Tells of a run of this instance; whether its end was among that.
async fn run(
    mut live: watch::Receiver<Live>,
    node: &Node,
    teller: &mut Teller,
) -> Result<bool, Stop> {
    loop {
        let now = live.borrow_and_update().clone();
        teller.operation(describe::operation(&now.operation, &node.key())).await?;
        if now.operation.status.is_finished() {
            return Ok(true);
        }
        teller.progress(&now.progress).await?;
        if live.changed().await.is_err() {
            return Ok(false);
        }
    }
}

/// Tells what the history learns of an operation, and how far its peer says it is.
async fn follow(
    node: &Node,
    mut named: Named,
    names: &Names,
    teller: &mut Teller,
) -> Result<(), Stop> {
    let mut changes = node.history.changes();
    let mut presence = node.presences.watch(&named.origin);
    loop {
        changes.mark_unchanged();
        if let Some(now) = lookup::again(node, &named).await? {
            named = now;
        }
        teller.operation(named.document(names)).await?;
        if named.is_over(node.key()) {
            return Ok(());
        }
        let running = presence.borrow_and_update().running.get(&named.id).cloned();
        if let Some(run) = running {
            teller.progress(&run.progress).await?;
        }
        tokio::select! {
            Ok(()) = changes.changed() => {}
            Ok(()) = presence.changed() => {}
            else => return Ok(()),
        }
    }
}

/// Says only what is new.
struct Teller {
    outlet: Outlet<OperationEvent>,
    told: Option<Document>,
    progress: Progress,
}

impl Teller {
    async fn operation(&mut self, operation: Document) -> Result<(), Stop> {
        if self.told.as_ref() == Some(&operation) {
            return Ok(());
        }
        self.told = Some(operation.clone());
        self.outlet.send(OperationEvent { operation: Some(operation), progress: None }).await
    }

    async fn progress(&mut self, progress: &Progress) -> Result<(), Stop> {
        if self.progress == *progress {
            return Ok(());
        }
        self.progress = progress.clone();
        let progress = Some(describe::progress(progress));
        self.outlet.send(OperationEvent { operation: None, progress }).await
    }
}
