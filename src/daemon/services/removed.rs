//! Plans and repos that were removed, kept for a while as they were written, in the data directory: of
//! a password that was made here the config file may have had the only copy.
//!
//! 1. One that cannot be kept is removed all the same: that is what was asked for.

use super::refuse;
use crate::api::RemovedPlan;
use crate::clock;
use crate::config::{Editor, write_new};
use crate::daemon::Node;
use crate::model::{PlanId, RepoId, Timestamp};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};
use tonic::Status;

/// How long.
const KEPT: Duration = Duration::from_secs(30 * 24 * 3600);

/// What is removed.
#[derive(Debug, Clone)]
pub(super) enum Removed {
    Plan(PlanId),
    Repo(RepoId),
}

impl Removed {
    const fn kind(&self) -> &'static str {
        match self {
            Self::Plan(_) => "plan",
            Self::Repo(_) => "repo",
        }
    }

    fn id(&self) -> &str {
        match self {
            Self::Plan(id) => id.as_str(),
            Self::Repo(id) => id.as_str(),
        }
    }

    /// An id has no character that means something in a path.
    fn file(&self, node: &Node) -> PathBuf {
        folder(node, self.kind()).join(format!("{}.toml", self.id()))
    }
}

fn folder(node: &Node, kind: &str) -> PathBuf {
    node.data.path().join(format!("removed-{kind}s"))
}

/// Where it is kept, readable for its owner only, and until when; `None` if it is not.
pub(super) async fn keep(node: &Node, removed: Removed) -> Option<(PathBuf, Timestamp)> {
    let file = removed.file(node);
    let (editor, place) = (Editor::new(node.config.path().to_owned()), file.clone());
    let kept = tokio::task::spawn_blocking(move || {
        place.parent().into_iter().for_each(sweep);
        let text = editor.text_of(removed.kind(), removed.id()).map_err(io::Error::other)?;
        let text = text.ok_or(io::ErrorKind::NotFound)?;
        remove(&place)?;
        write_new(&place, &text)
    });
    match kept.await.unwrap_or_else(|error| Err(io::Error::other(error))) {
        Ok(()) => Some((file, clock::now().plus(KEPT))),
        Err(error) => {
            tracing::warn!(%error, "what is removed is not kept");
            None
        }
    }
}

/// As it was written.
pub(super) async fn text(node: &Node, id: &PlanId) -> Result<String, Status> {
    let file = Removed::Plan(id.clone()).file(node);
    let read = tokio::task::spawn_blocking(move || {
        if is_over(&file) {
            return Err(io::ErrorKind::NotFound.into());
        }
        std::fs::read_to_string(&file)
    });
    let read = read.await.unwrap_or_else(|error| Err(io::Error::other(error)));
    read.map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => {
            let message = format!("no plan {id} was removed here in the last 30 days");
            refuse::not_found(message, "write it anew: holdfast plan add")
        }
        _ => refuse::not_now("file", format!("plan {id}: {error}"), ""),
    })
}

/// The plans that can be brought back, and until when; those removed last come first.
pub(super) async fn plans(node: &Node) -> Vec<RemovedPlan> {
    let folder = folder(node, "plan");
    let config = node.config.current();
    let listed = tokio::task::spawn_blocking(move || {
        let files = std::fs::read_dir(folder).into_iter().flatten().flatten();
        let mut kept: Vec<_> = files.filter_map(|entry| kept_plan(&entry.path())).collect();
        kept.retain(|(plan, _)| config.plan(plan).is_none());
        kept.sort_by_key(|(_, until)| std::cmp::Reverse(*until));
        kept
    });
    let listed = listed.await.unwrap_or_default().into_iter();
    let document = |(plan, until): (PlanId, Timestamp)| RemovedPlan {
        plan: plan.to_string(),
        restorable_until: Some(until.to_string()),
    };
    listed.map(document).collect()
}

fn kept_plan(file: &Path) -> Option<(PlanId, Timestamp)> {
    let plan = file.file_name()?.to_str()?.strip_suffix(".toml")?.parse().ok()?;
    let written = std::fs::metadata(file).ok()?.modified().ok()?;
    let since = written.duration_since(SystemTime::UNIX_EPOCH).ok()?;
    let until = Timestamp::EPOCH.plus(since).plus(KEPT);
    (!is_over(file)).then_some((plan, until))
}

/// It is there again.
pub(super) async fn forget(node: &Node, id: &PlanId) {
    let file = Removed::Plan(id.clone()).file(node);
    let forgotten = tokio::task::spawn_blocking(move || remove(&file)).await;
    if let Ok(Err(error)) = forgotten {
        tracing::warn!(%error, "what was kept of a removal stays");
    }
}

fn remove(file: &Path) -> io::Result<()> {
    match std::fs::remove_file(file) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// A clock that went back keeps it longer.
fn is_over(file: &Path) -> bool {
    let written = std::fs::metadata(file).and_then(|file| file.modified());
    let age = written.ok().and_then(|at| SystemTime::now().duration_since(at).ok());
    age.is_some_and(|age| age > KEPT)
}

/// What is over goes when the next one comes.
fn sweep(folder: &Path) {
    let files = std::fs::read_dir(folder).into_iter().flatten().flatten();
    for file in files.map(|entry| entry.path()).filter(|file| is_over(file)) {
        if let Err(error) = remove(&file) {
            tracing::warn!(%error, "what was kept of a removal stays");
        }
    }
}
