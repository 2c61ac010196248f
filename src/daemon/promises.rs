//! Keeps what each plan promises in the log, whenever something that it depends on changed.
//!
//! Level, not edge: changes that come together are one look at everything.

use super::expectations;
use super::node::Node;
use crate::shutdown::Guard;
use std::sync::Arc;
use std::time::Duration;

/// Changes that come together, such as the end of a run and what follows it.
const SETTLE: Duration = Duration::from_millis(100);
/// After a fault of the store.
const AGAIN: Duration = Duration::from_secs(30);

/// Follows the configuration, the peers, what they share, the runs and the state of the store.
pub(super) async fn follow(node: Arc<Node>, mut guard: Guard) {
    let (mut config, mut runs) = (node.config.subscribe(), node.engine.changes());
    let (mut peers, mut store) = (node.roster.changes(), node.history.state());
    let mut shared = node.sharing.changes();
    let mut agenda = node.scheduler.changes();
    let mut under_way = None;
    loop {
        let wait = match refresh(&node).await {
            true => Duration::MAX,
            false => AGAIN,
        };
        loop {
            tokio::select! {
                () = guard.asked() => return,
                () = tokio::time::sleep(wait) => break,
                Ok(()) = config.changed() => break,
                Ok(()) = peers.changed() => break,
                Ok(()) = shared.changed() => break,
                Ok(()) = agenda.changed() => break,
                Ok(()) = store.changed() => break,
                Ok(()) = runs.changed() => {
                    // Progress is a change as well; only a beginning or an end counts.
                    let live = node.engine.live();
                    let now = Some(live.iter().map(|live| live.operation.id).collect::<Vec<_>>());
                    if now != under_way {
                        under_way = now;
                        break;
                    }
                }
            }
        }
        tokio::time::sleep(SETTLE).await;
    }
}

async fn refresh(node: &Node) -> bool {
    let refreshed = expectations::refresh(
        (node.config.current(), node.scheduler.agenda()),
        &node.trust,
        &node.history,
    )
    .await;
    match refreshed {
        Ok(0) => true,
        Ok(appended) => {
            tracing::debug!(appended, "what plans promise has changed");
            true
        }
        Err(error) => {
            tracing::warn!(%error, "what plans promise was not kept; it is tried again");
            false
        }
    }
}
