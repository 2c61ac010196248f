//! The list of operations: page by page from the history, then each change as it comes.

use super::super::describe::{self, Names};
use super::super::stream::{Outlet, Stop};
use super::super::{lookup, refuse};
use crate::api::{ListOperationsRequest, Operation as Document};
use crate::daemon::Node;
use crate::model::{Operation, Timestamp};
use crate::store::StoreError;
use crate::store::history::{Filter, Follow, Position, Presence, Recorded, Whose};
use std::sync::Arc;
use tokio::sync::watch;
use tonic::Status;

/// Operations read at once.
const PAGE: usize = 256;

/// What is listed.
#[derive(Debug)]
pub(super) struct Query {
    filter: Filter,
    newest: Option<usize>,
    goes_on: bool,
}

impl Query {
    /// As a person asked for it.
    pub(super) async fn read(node: &Node, request: &ListOperationsRequest) -> Result<Self, Status> {
        let newest = request.limit.map(|limit| usize::try_from(limit).unwrap_or(usize::MAX));
        let filter = Filter { whose: whose(node, request).await?, ..filter(request)? };
        Ok(Self { filter, newest, goes_on: request.follow })
    }
}

async fn whose(node: &Node, request: &ListOperationsRequest) -> Result<Whose, Status> {
    match (&request.peer, request.all) {
        (Some(_), true) => {
            Err(refuse::invalid("one peer and all are asked for", "name a peer or ask for all"))
        }
        (Some(peer), false) => Ok(Whose::Peer(lookup::origin(node, peer).await?)),
        (None, true) => Ok(Whose::All),
        (None, false) => Ok(Whose::Own),
    }
}

fn filter(request: &ListOperationsRequest) -> Result<Filter, Status> {
    fn read<T>(name: &str, text: Option<&String>) -> Result<Option<T>, Status>
    where
        T: std::str::FromStr,
        T::Err: std::fmt::Display,
    {
        text.map(|text| refuse::field(name, text)).transpose()
    }
    let since = request.since.as_ref().map(|text| {
        let wrong = || refuse::invalid(format!("since {text:?} is not a time of RFC 3339"), "");
        Timestamp::parse(text).ok_or_else(wrong)
    });
    Ok(Filter {
        whose: Whose::Own,
        repo: read("repo", request.repo.as_ref())?,
        plan: read("plan", request.plan.as_ref())?,
        kind: read("kind", request.kind.as_ref())?,
        status: read("status", request.status.as_ref())?,
        flow: read("flow", request.flow.as_ref())?,
        since: since.transpose()?,
    })
}

/// Sends what is asked for.
pub(super) async fn list(
    node: Arc<Node>,
    query: Query,
    outlet: Outlet<Document>,
) -> Result<(), Stop> {
    let names = Names::read(&node).await?;
    let mut changes = node.history.changes();
    changes.mark_unchanged();
    let listing = Listing { node: &node, filter: query.filter, names, outlet };
    let unrecorded = listing.unrecorded().await?;
    let newest = query.newest.map(|newest| newest.saturating_sub(unrecorded.len()));
    // The place is taken first: what changes while the list is read comes again, and nothing is missed.
    let (place, from) = listing.begin(newest).await?;
    listing.pages(from).await?;
    for operation in unrecorded {
        listing.outlet.send(describe::operation(&operation, &node.key())).await?;
    }
    match query.goes_on {
        true => listing.follow(place, changes).await,
        false => Ok(()),
    }
}

struct Listing<'n> {
    node: &'n Node,
    filter: Filter,
    names: Names,
    outlet: Outlet<Document>,
}

impl Listing<'_> {
    /// What runs here and is not in the history, which could not be written.
    async fn unrecorded(&self) -> Result<Vec<Operation>, StoreError> {
        let own = self.node.key();
        if !matches!(self.filter.whose, Whose::Own | Whose::All)
            && self.filter.whose != Whose::Peer(own)
        {
            return Ok(Vec::new());
        }
        let mut running: Vec<_> =
            self.node.engine.live().into_iter().map(|live| live.operation).collect();
        running.retain(|operation| self.filter.admits(operation));
        let look = self.node.history.read(move |reader| {
            let mut unrecorded = Vec::new();
            for operation in running {
                if reader.operation(Whose::Own, operation.id)?.is_empty() {
                    unrecorded.push(operation);
                }
            }
            Ok(unrecorded)
        });
        look.await
    }

    async fn begin(&self, newest: Option<usize>) -> Result<(Follow, Option<Position>), StoreError> {
        let filter = self.filter.clone();
        let look = self.node.history.read(move |reader| {
            let from = newest.map(|newest| reader.before_newest(&filter, newest)).transpose()?;
            Ok((reader.follow(&filter)?, from.flatten()))
        });
        look.await
    }

    async fn pages(&self, mut from: Option<Position>) -> Result<(), Stop> {
        loop {
            let filter = self.filter.clone();
            let look = self.node.history.read(move |reader| reader.operations(&filter, from, PAGE));
            let page = look.await?;
            self.send(page.operations).await?;
            from = page.next;
            if from.is_none() {
                return Ok(());
            }
        }
    }

    /// Sends each change until the history is closed.
    async fn follow(
        &self,
        mut place: Follow,
        mut changes: watch::Receiver<u64>,
    ) -> Result<(), Stop> {
        loop {
            place = self.changed(place).await?;
            if changes.changed().await.is_err() {
                return Ok(());
            }
        }
    }

    /// Sends what has changed since the place; says the new one.
    async fn changed(&self, mut place: Follow) -> Result<Follow, Stop> {
        loop {
            let filter = self.filter.clone();
            let look = self.node.history.read(move |reader| {
                let changed = reader.changed(&mut place, &filter)?;
                Ok((changed, place))
            });
            let (changed, next) = look.await?;
            place = next;
            if changed.is_empty() {
                return Ok(place);
            }
            let shown = changed.into_iter().filter(|recorded| self.is_listed(recorded)).collect();
            self.send(shown).await?;
        }
    }

    fn is_listed(&self, recorded: &Recorded) -> bool {
        // What this instance removed from its own history is not shown, as in the list.
        let is_removed =
            recorded.presence == Presence::Removed && recorded.origin == self.names.own();
        let Filter { kind, status, flow, .. } = self.filter;
        !is_removed
            && match &recorded.state {
                Some(state) => self.filter.admits(state),
                // Of what is not understood the index may still tell.
                None => {
                    flow.is_none()
                        && kind.is_none_or(|kind| recorded.kind == Some(kind))
                        && status.is_none_or(|status| recorded.status == Some(status))
                }
            }
    }

    async fn send(&self, operations: Vec<Recorded>) -> Result<(), Stop> {
        for recorded in operations {
            self.outlet.send(describe::recorded(&recorded, &self.names)).await?;
        }
        Ok(())
    }
}
