//! Restores: what is wanted, and what it would do.

use super::super::refuse;
use super::super::stream::{Answers, Outlet, Stop, streamed};
use super::selection::Makers;
use super::{named, paths};
use crate::api::{RehearsalRecord, RehearsalTotals, RehearsedChange, RestoreRequest, SnapshotName};
use crate::daemon::Node;
use crate::job::{Place, RestoreRequest as Wish};
use crate::restic::{Extra, Planned, PlannedAct, Verify, pattern_fault};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;
use tonic::{Response, Status};

/// What a request means: its snapshot is there, and every path that it names is in it.
pub(super) async fn wish(node: &Arc<Node>, request: RestoreRequest) -> Result<Wish, Status> {
    let place = place(&request)?;
    let paths = paths::paths(&request.paths)?;
    let overwrite = request.overwrite.as_deref();
    let overwrite = overwrite.map(|word| refuse::field("overwrite", word)).transpose()?;
    let RestoreRequest { snapshot, repo, plan, instance, include, delete, verify, .. } = request;
    for pattern in &include {
        if let Some(fault) = pattern_fault(pattern) {
            return Err(refuse::invalid(format!("include {pattern:?}: {fault}"), ""));
        }
    }
    if delete && is_everywhere(&place) && !stays_below(&paths, &include) {
        return Err(refuse::invalid(
            "delete: in place it would delete files of the whole machine that are not in the snapshot",
            "name the folder with --path",
        ));
    }
    let name = SnapshotName { snapshot, repo, plan, instance };
    let found = named::find(node, &name).await?;
    paths::kinds(node, &found, &paths).await?;
    // A plan of that name of another instance is not ours.
    let makers = Makers::named(node, node.config.current().instance.as_str());
    Ok(Wish {
        plan: found.snapshot.plan().filter(|_| makers.include(&found.snapshot)),
        repo: found.repo,
        snapshot: found.snapshot.id,
        place,
        paths,
        include,
        overwrite,
        extra: if delete { Extra::Delete } else { Extra::Keep },
        verify: if verify { Verify::Content } else { Verify::Skip },
    })
}

/// `/` is where everything was, however it is written; what leads up may lead there.
fn is_everywhere(place: &Place) -> bool {
    match place {
        Place::Original => true,
        Place::Folder(folder) => {
            let mut parts = folder.components();
            let leads_up = parts.clone().any(|part| part == Component::ParentDir);
            leads_up || !parts.any(|part| matches!(part, Component::Normal(_)))
        }
    }
}

/// Whether what is restored is within folders that are named. restic takes `.` and `..` out of a pattern
/// before it looks: with them none says where it is.
fn stays_below(paths: &[String], include: &[String]) -> bool {
    let is_named = |pattern: &String| {
        let first = pattern.strip_prefix('/').and_then(|rest| rest.split('/').next());
        let is_plain = !pattern.split('/').any(|name| matches!(name, "." | ".."));
        is_plain && first.is_some_and(|name| !name.is_empty() && !name.contains(['*', '?', '[']))
    };
    !(paths.is_empty() && include.is_empty())
        && paths.iter().all(|path| path != "/")
        && include.iter().all(is_named)
}

fn place(request: &RestoreRequest) -> Result<Place, Status> {
    let target = PathBuf::from(&request.target);
    match (request.in_place, request.target.is_empty()) {
        (true, true) => Ok(Place::Original),
        (true, false) => {
            Err(refuse::invalid("target: in place there is none", "choose one of the two"))
        }
        (false, _) if target.is_absolute() => Ok(Place::Folder(target)),
        (false, _) => {
            let message = format!("target {:?} is not an absolute path", request.target);
            Err(refuse::invalid(message, "name the folder from / on"))
        }
    }
}

pub(super) async fn rehearse(
    node: &Arc<Node>,
    request: RestoreRequest,
) -> Result<Response<Answers<RehearsalRecord>>, Status> {
    // Nothing is written that could be read again, and restic refuses the two together.
    let wish = Wish { verify: Verify::Skip, ..wish(node, request).await? };
    let node = Arc::clone(node);
    Ok(streamed(move |outlet| send(node, wish, outlet)))
}

async fn send(node: Arc<Node>, wish: Wish, outlet: Outlet<RehearsalRecord>) -> Result<(), Stop> {
    let mut planned = node.engine.rehearse(&wish).await.map_err(refuse::job)?;
    let mut totals = RehearsalTotals::default();
    while let Some(next) = planned.next().await {
        let next = next.map_err(refuse::job)?;
        let path = place_of(wish.target(), &next);
        let act = act(&path, next.act).await;
        if let Some(word) = count(&mut totals, act, next.size) {
            let path = path.to_string_lossy().into_owned();
            let change = RehearsedChange { path, act: word.to_owned(), size: next.size };
            outlet.send(RehearsalRecord { change: Some(change), totals: None }).await?;
        }
    }
    outlet.send(RehearsalRecord { change: None, totals: Some(totals) }).await
}

/// Where it would be on this machine; what is deleted is told by that already.
fn place_of(target: &Path, planned: &Planned) -> PathBuf {
    match planned.act {
        PlannedAct::Deleted => PathBuf::from(&planned.path),
        PlannedAct::Restored | PlannedAct::Updated | PlannedAct::Unchanged | PlannedAct::Other => {
            target.join(planned.path.trim_start_matches('/'))
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Act {
    Create,
    Overwrite,
    Delete,
    Leave,
}

/// restic says `restored` also of folders and links that are there: a folder stays, a link is
/// replaced.
async fn act(path: &Path, act: PlannedAct) -> Act {
    match act {
        PlannedAct::Updated => Act::Overwrite,
        PlannedAct::Deleted => Act::Delete,
        PlannedAct::Unchanged | PlannedAct::Other => Act::Leave,
        PlannedAct::Restored => match tokio::fs::symlink_metadata(path).await {
            Ok(about) if about.is_dir() => Act::Leave,
            Ok(_) => Act::Overwrite,
            Err(_) => Act::Create,
        },
    }
}

fn count(totals: &mut RehearsalTotals, act: Act, size: u64) -> Option<&'static str> {
    let (number, word) = match act {
        Act::Create => (&mut totals.create, Some("create")),
        Act::Overwrite => (&mut totals.overwrite, Some("overwrite")),
        Act::Delete => (&mut totals.delete, Some("delete")),
        Act::Leave => (&mut totals.unchanged, None),
    };
    *number += 1;
    if matches!(act, Act::Create | Act::Overwrite) {
        totals.bytes = totals.bytes.saturating_add(size);
    }
    word
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_there_and_no_folder_would_be_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::os::unix::fs::symlink("nowhere", at("link")).unwrap();
        assert_eq!(act(&at("link"), PlannedAct::Restored).await, Act::Overwrite);
        assert_eq!(act(folder.path(), PlannedAct::Restored).await, Act::Leave);
        assert_eq!(act(&at("new"), PlannedAct::Restored).await, Act::Create);
        assert_eq!(act(&at("link"), PlannedAct::Unchanged).await, Act::Leave);
        let mut totals = RehearsalTotals::default();
        assert_eq!(count(&mut totals, Act::Overwrite, 7), Some("overwrite"));
        assert_eq!(count(&mut totals, Act::Leave, 7), None);
        assert_eq!((totals.overwrite, totals.unchanged, totals.bytes), (1, 1, 7));
    }

    #[test]
    fn only_what_is_below_a_named_folder_may_be_deleted_in_place() {
        let below = |paths: &[&str], include: &[&str]| {
            let owned = |all: &[&str]| all.iter().map(|&text| text.to_owned()).collect::<Vec<_>>();
            stays_below(&owned(paths), &owned(include))
        };
        assert!(below(&["/home/ada"], &[]) && below(&[], &["/home/**/*.odt"]));
        assert!(below(&["/home"], &["/srv/x"]));
        for (paths, include) in [
            (&[][..], &[][..]),
            (&["/"], &[]),
            (&[], &["*.odt"]),
            (&["/home"], &["*.odt"]),
            (&[], &["/*/x"]),
            (&[], &["/**"]),
            (&[], &["/"]),
            (&[], &["/./**"]),
            (&[], &["/../**"]),
            (&[], &["/home/../**"]),
            (&[], &["/home/./../*"]),
            (&[], &["/home/**/../.."]),
        ] {
            assert!(!below(paths, include), "{paths:?} {include:?}");
        }
    }

    #[test]
    fn the_root_is_everywhere_however_it_is_written() {
        for root in ["/", "//", "/.", "/x/.."] {
            assert!(is_everywhere(&Place::Folder(root.into())), "{root}");
        }
        assert!(is_everywhere(&Place::Original) && !is_everywhere(&Place::Folder("/x".into())));
    }

    #[test]
    fn in_place_and_a_target_exclude_each_other() {
        let request = |in_place, target: &str| {
            place(&RestoreRequest { in_place, target: target.to_owned(), ..Default::default() })
        };
        assert_eq!(request(true, "").unwrap(), Place::Original);
        assert!(request(true, "/x").is_err() && request(false, "").is_err());
        assert!(request(false, "x").unwrap_err().message().contains("target \"x\""));
    }
}
