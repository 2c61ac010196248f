//! Names in many snapshots, the newest first.

use super::super::refuse;
use super::super::stream::{Answers, Outlet, Stop, streamed};
use super::selection::{Selection, tagged};
use super::{Unread, short};
use crate::api::{FindRequest, Match as Document};
use crate::daemon::Node;
use crate::job::JobError;
use crate::model::RepoId;
use crate::restic::{Entry, Letters, Match, Search, Snapshot, SnapshotId, pattern_fault};
use std::sync::Arc;
use tonic::{Response, Status};

/// How many matches are sent where the caller says nothing, and at most.
const MATCHES: u32 = 10_000;
const MOST: u32 = 100_000;
/// How many snapshots one restic looks through. The newest is looked through by itself: what is
/// sought is often there.
const BATCH: usize = 32;

pub(super) async fn find(
    node: &Arc<Node>,
    request: FindRequest,
) -> Result<Response<Answers<Document>>, Status> {
    if request.pattern.is_empty() || request.pattern.contains('\0') {
        return Err(refuse::invalid(
            "pattern: none is given",
            "such as '*.odt' or /home/ada/letter",
        ));
    }
    if let Some(fault) = pattern_fault(&request.pattern) {
        let pattern = format!("pattern {:?}: it cannot be read", request.pattern);
        return Err(refuse::invalid(pattern, fault));
    }
    let limit = request.limit.unwrap_or(MATCHES);
    if limit == 0 || limit > MOST {
        return Err(refuse::invalid(format!("limit {limit}: it is from 1 to {MOST}"), ""));
    }
    let ids = request.snapshots.iter().map(|id| refuse::field("snapshot", id));
    let ids = ids.collect::<Result<Vec<SnapshotId>, _>>()?;
    let selection = Selection::of(node, request.among.unwrap_or_default()).await?;
    let letters = if request.ignore_case { Letters::AnyCase } else { Letters::AsWritten };
    let pattern = request.pattern;
    let node = Arc::clone(node);
    let (left, is_over) = (limit, false);
    let hunt = Hunt { node, selection, ids, pattern, letters, limit, left, is_over };
    Ok(streamed(|outlet| hunt.run(outlet)))
}

struct Hunt {
    node: Arc<Node>,
    selection: Selection,
    ids: Vec<SnapshotId>,
    pattern: String,
    letters: Letters,
    limit: u32,
    left: u32,
    /// A match came that was one too many.
    is_over: bool,
}

/// Why the search of a repo stops.
enum Halt {
    Unread(JobError),
    Stop(Stop),
}

impl From<Stop> for Halt {
    fn from(stop: Stop) -> Self {
        Self::Stop(stop)
    }
}

impl From<JobError> for Halt {
    fn from(error: JobError) -> Self {
        Self::Unread(error)
    }
}

impl Hunt {
    async fn run(mut self, outlet: Outlet<Document>) -> Result<(), Stop> {
        let mut unread = Unread::default();
        for repo in self.selection.repos.clone() {
            let found = unread.snapshots(&self.node, &repo, &self.selection).await;
            match self.repo(&repo, self.newest_first(found), &outlet).await {
                Ok(()) => {}
                Err(Halt::Unread(error)) => unread.add(&repo, &error),
                Err(Halt::Stop(stop)) => return Err(stop),
            }
        }
        unread.end()
    }

    fn newest_first(&self, mut found: Vec<Snapshot>) -> Vec<Snapshot> {
        let begins =
            |snapshot: &Snapshot, id: &SnapshotId| snapshot.id.as_str().starts_with(id.as_str());
        found.retain(|one| self.ids.is_empty() || self.ids.iter().any(|id| begins(one, id)));
        found.sort_by_key(|snapshot| std::cmp::Reverse(snapshot.time));
        found
    }

    async fn repo(
        &mut self,
        repo: &RepoId,
        snapshots: Vec<Snapshot>,
        outlet: &Outlet<Document>,
    ) -> Result<(), Halt> {
        let (newest, older) = snapshots.split_at(snapshots.len().min(1));
        for batch in newest.chunks(1).chain(older.chunks(BATCH)) {
            let mut found = self.batch(repo, batch).await?;
            // Versions have their own order.
            found.sort_by_key(|(snapshot, _)| std::cmp::Reverse(snapshot.time));
            for (snapshot, entries) in found {
                for entry in entries {
                    outlet.send(document(repo, snapshot, entry)).await?;
                }
            }
            if self.is_over {
                let message = format!("there are more than {} matches", self.limit);
                let remedy = "narrow the pattern or the snapshots, or raise --limit";
                return Err(Stop::from(refuse::not_now("limit", message, remedy)).into());
            }
        }
        Ok(())
    }

    /// The matches of some snapshots; in which one they are is known behind them.
    async fn batch<'a>(
        &mut self,
        repo: &RepoId,
        batch: &'a [Snapshot],
    ) -> Result<Vec<(&'a Snapshot, Vec<Entry>)>, Halt> {
        let snapshots = batch.iter().map(|snapshot| snapshot.id.clone()).collect();
        let search = Search { snapshots, pattern: self.pattern.clone(), letters: self.letters };
        let mut matches = self.node.engine.find(repo, search).await?;
        let (mut found, mut open) = (Vec::new(), Vec::new());
        while let Some(next) = matches.next().await {
            match next? {
                Match::Entry(_) if self.left == 0 => {
                    self.is_over = true;
                    break;
                }
                Match::Entry(entry) => {
                    self.left -= 1;
                    open.push(entry);
                }
                Match::Of(id) => {
                    let of = batch.iter().find(|snapshot| snapshot.id == id);
                    let entries = std::mem::take(&mut open);
                    found.extend(of.map(|snapshot| (snapshot, entries)));
                }
            }
        }
        if let [only] = batch
            && !open.is_empty()
        {
            found.push((only, open));
        }
        Ok(found)
    }
}

fn document(repo: &RepoId, snapshot: &Snapshot, entry: Entry) -> Document {
    Document {
        repo: repo.to_string(),
        snapshot: snapshot.id.to_string(),
        short_id: short(&snapshot.id),
        time: snapshot.time.to_string(),
        plan: tagged(snapshot, "plan:"),
        instance: tagged(snapshot, "created-by:"),
        path: entry.path,
        r#type: entry.kind.to_string(),
        size: entry.size,
        mtime: entry.mtime.map(|at| at.to_string()),
        permissions: entry.permissions,
    }
}
