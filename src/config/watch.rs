//! Sees that the file changed, however it was saved, and has it read again.

use super::live::LiveConfig;
use crate::shutdown::Guard;
use notify::{RecommendedWatcher, RecursiveMode, Watcher as _};
use std::collections::BTreeSet;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;

/// Editors save in several steps; the file is read once they are through.
const SETTLE: Duration = Duration::from_millis(50);
/// Network file systems tell nobody of changes.
const LOOK_ANYWAY: Duration = Duration::from_secs(60);

/// Watches until the stop is asked for. The watch stands when this returns; the future does the rest.
///
/// # Errors
/// The system cannot watch the folder.
pub fn watch(
    live: Arc<LiveConfig>,
    mut guard: Guard,
) -> Result<impl Future<Output = ()> + Send, notify::Error> {
    let changed = Arc::new(Notify::new());
    let watcher = watch_folders(live.path(), Arc::clone(&changed))?;
    Ok(async move {
        let _watcher = watcher;
        // A change between the first reading and the start of the watch is seen here.
        live.reload();
        while guard.run(next_change(&changed)).await.is_some() {
            live.reload();
        }
    })
}

async fn next_change(changed: &Notify) {
    if tokio::time::timeout(LOOK_ANYWAY, changed.notified()).await.is_ok() {
        tokio::time::sleep(SETTLE).await;
    }
}

fn watch_folders(path: &Path, changed: Arc<Notify>) -> Result<RecommendedWatcher, notify::Error> {
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        // Our own reading is an event as well; an error may hide a change.
        if event.is_ok_and(|event| event.kind.is_access()) {
            return;
        }
        changed.notify_one();
    })?;
    for folder in folders(path) {
        watcher.watch(&folder, RecursiveMode::NonRecursive)?;
    }
    Ok(watcher)
}

/// The folder of the file (editors replace the file), and that of what it links to.
fn folders(path: &Path) -> BTreeSet<PathBuf> {
    let target = path.canonicalize().ok();
    let parent = |path: &Path| match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        Some(_) | None => PathBuf::from("."),
    };
    std::iter::once(parent(path)).chain(target.as_deref().map(parent)).collect()
}
