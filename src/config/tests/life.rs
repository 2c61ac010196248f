//! The file while the daemon runs.

use super::*;

async fn until(
    changes: &mut tokio::sync::watch::Receiver<Snapshot>,
    holds: impl FnMut(&Snapshot) -> bool,
) -> Snapshot {
    let waited = tokio::time::timeout(Duration::from_secs(20), changes.wait_for(holds)).await;
    waited.expect("the change is seen").unwrap().clone()
}

/// As editors do: a new file takes the place of the old one.
fn save(path: &Path, text: &str) {
    let new = path.with_extension("new");
    std::fs::write(&new, text).unwrap();
    std::fs::rename(new, path).unwrap();
}

#[tokio::test]
async fn saves_are_seen_and_a_broken_file_keeps_the_last_good_one() {
    let (_dir, path) = file("instance = \"one\"");
    let live = Arc::new(LiveConfig::open(path.clone()).unwrap());
    let mut changes = live.subscribe();
    let shutdown = Shutdown::default();
    let watching = tokio::spawn(watch(Arc::clone(&live), shutdown.guard()).unwrap());

    save(&path, "instance = \"two\"");
    until(&mut changes, |now| now.config.instance.as_str() == "two").await;
    assert_eq!(live.current().instance.as_str(), "two");

    save(&path, "instance = \"three\"\nlisten = 7\n");
    let broken = until(&mut changes, |now| now.trouble.is_some()).await;
    assert_eq!(broken.config.instance.as_str(), "two");
    let Some(LoadError::Invalid { problems, .. }) = broken.trouble else { panic!("{broken:?}") };
    assert_eq!((problems.0[0].line, problems.0[0].column), (2, 10));

    std::fs::write(&path, "instance = \"four\"").unwrap();
    let mended = until(&mut changes, |now| now.config.instance.as_str() == "four").await;
    assert_eq!(mended.trouble, None);
    shutdown.complete().await;
    watching.await.unwrap();
}

#[test]
fn reload_says_what_it_came_to() {
    let (_dir, path) = file("instance = \"one\"");
    let live = LiveConfig::open(path.clone()).unwrap();
    assert_eq!(live.reload(), Reload::Unchanged);
    std::fs::remove_file(&path).unwrap();
    assert!(matches!(live.reload(), Reload::Refused(LoadError::Unreadable { .. })));
    assert!(live.trouble().is_some());
    let mut changes = live.subscribe();
    changes.mark_unchanged();
    assert!(matches!(live.reload(), Reload::Refused(_)));
    assert!(!changes.has_changed().unwrap(), "the same trouble is said once");
    std::fs::write(&path, "instance = \"one\"").unwrap();
    assert_eq!(live.reload(), Reload::Changed);
    assert_eq!((live.trouble(), live.current().instance.as_str()), (None, "one"));
    std::fs::write(&path, [0xff, 0xfe]).unwrap();
    assert!(matches!(live.reload(), Reload::Refused(_)));
}
