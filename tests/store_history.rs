//! The own log in a real file: appended, listed, followed, trimmed, proved.

mod store;

use holdfast::model::{OperationKind, Status, Timestamp};
use holdfast::reconcile::{EntryKind, OriginLog as _, root};
use holdfast::store::history::{Filter, Presence, Whose};
use holdfast::store::{History, Result, StoreError};
use store::{NOON, OWNER, expectation, id, open, operation, proved, shard};

async fn append(history: &History, n: u64, plan: &'static str, status: Status) -> u32 {
    let job = move |tx: &mut holdfast::store::history::HistoryTx<'_>| {
        tx.own()?.append(&operation(n, plan, status))
    };
    history.write(job).await.expect("it is appended")
}

async fn listed(history: &History, filter: Filter) -> Vec<String> {
    let page = history.read(move |reader| reader.operations(&filter, None, 1_000)).await;
    let operations = page.expect("a list").operations;
    operations.into_iter().map(|found| found.state.expect("its state").message).collect()
}

#[tokio::test]
async fn r1_entry_head_and_index_change_together() {
    let dir = tempfile::tempdir().expect("a folder");
    let history = open(dir.path());
    assert_eq!(append(&history, 1, "home", Status::Running).await, 1);
    assert_eq!(append(&history, 1, "home", Status::Succeeded).await, 2);
    let failed: Result<()> = history
        .write(|tx| {
            tx.own()?.append(&operation(2, "home", Status::Running))?;
            Err(StoreError::Misuse("half way"))
        })
        .await;
    assert!(failed.is_err());
    let head = history
        .read(|reader| {
            let head = reader.own().shard(&shard("home"))?.expect("the shard");
            assert_eq!(reader.operations(&Filter::default(), None, 10)?.operations.len(), 1);
            assert!(reader.operation(Whose::Own, id(2))?.is_empty());
            assert_eq!(reader.own().chain_at(&shard("home"), 2)?, Some(head.head.chain));
            Ok(head)
        })
        .await
        .expect("it reads");
    assert_eq!(head.head.seq, 2);
}

#[tokio::test]
async fn superseded_unfinished_states_are_blank_and_finished_ones_stay() {
    let dir = tempfile::tempdir().expect("a folder");
    let history = open(dir.path());
    for status in [Status::Running, Status::Failed, Status::Succeeded] {
        append(&history, 1, "home", status).await;
    }
    let entries = history
        .read(|reader| reader.own().entries_after(&shard("home"), 0, 10, 1 << 20))
        .await
        .expect("entries");
    let have: Vec<_> = entries.iter().map(|entry| (entry.kind, entry.payload.is_some())).collect();
    let expected = [(EntryKind::First, false), (EntryKind::State, true), (EntryKind::State, true)];
    assert_eq!(have, expected);
    assert!(entries.iter().all(|entry| entry.digest.is_some() && !entry.lost));
    let states = history.read(|reader| {
        let found = reader.operation(Whose::Own, id(1))?;
        reader.states(&found[0])
    });
    let states = states.await.expect("states");
    assert_eq!(states.len(), 3);
    assert_eq!(states[2].state.as_ref().map(|state| state.revision), Some(3));
}

#[tokio::test]
async fn entries_are_given_within_their_limits() {
    let dir = tempfile::tempdir().expect("a folder");
    let history = open(dir.path());
    for n in 1..=5 {
        append(&history, n, "home", Status::Succeeded).await;
    }
    let counts = history
        .read(|reader| {
            let count = |after: u64, entries: usize, bytes: usize| -> Result<usize> {
                Ok(reader.own().entries_after(&shard("home"), after, entries, bytes)?.len())
            };
            Ok((count(0, 3, 1 << 20)?, count(0, 10, 0)?, count(4, 10, 1 << 20)?, count(5, 10, 1)?))
        })
        .await;
    assert_eq!(counts.expect("counts"), (3, 1, 1, 0));
}

#[tokio::test]
async fn lists_are_paged_filtered_and_without_what_was_removed() {
    let dir = tempfile::tempdir().expect("a folder");
    let history = open(dir.path());
    for n in 1..=50 {
        append(&history, n, if n % 2 == 0 { "home" } else { "etc" }, Status::Succeeded).await;
    }
    assert!(history.write(|tx| tx.own()?.remove(id(50))).await.expect("removed"));
    assert!(!history.write(|tx| tx.own()?.remove(id(50))).await.expect("removed before"));
    let mut all = Vec::new();
    let mut after = None;
    loop {
        let page = history
            .read(move |reader| reader.operations(&Filter::default(), after, 20))
            .await
            .expect("a page");
        assert!(page.operations.len() <= 20);
        all.extend(page.operations.into_iter().map(|found| found.id));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(all, (1..50).map(id).collect::<Vec<_>>());
    let home = Filter { plan: Some("home".parse().expect("an id")), ..Filter::default() };
    assert_eq!(listed(&history, home).await.len(), 24);
    let since = Filter { since: Some(Timestamp::from_millis(NOON + 48)), ..Filter::default() };
    assert_eq!(listed(&history, since).await, ["operation 48", "operation 49"]);
    let summary = history.read(|reader| reader.own_summary()).await.expect("read").expect("a log");
    assert_eq!((summary.operations, summary.shards), (49, 2));
    assert_eq!(summary.usage.entries, 51);
}

#[tokio::test]
async fn an_expectation_is_appended_when_it_changes_and_outlives_a_trim() {
    let dir = tempfile::tempdir().expect("a folder");
    let history = open(dir.path());
    let put = |hours| {
        let history = history.clone();
        async move {
            let job = move |tx: &mut holdfast::store::history::HistoryTx<'_>| {
                tx.own()?.append_expectation(&expectation("home", hours))
            };
            history.write(job).await.expect("appended")
        }
    };
    assert!(put(24).await);
    assert!(!put(24).await);
    assert!(put(36).await);
    for n in 1..=3 {
        append(&history, n, "home", Status::Succeeded).await;
    }
    let gone = history.write(|tx| tx.own()?.trim(&shard("home"), 4)).await.expect("trimmed");
    assert_eq!(gone, 4);
    let (found, head) = history
        .read(|reader| Ok((reader.expectations(Whose::Own)?, reader.own().shard(&shard("home"))?)))
        .await
        .expect("read");
    assert_eq!(found, [(OWNER.key(), expectation("home", 36))]);
    let head = head.expect("the shard");
    assert_eq!((head.base.seq, head.head.seq), (4, 6));
    assert_eq!(listed(&history, Filter::default()).await, ["operation 3"]);
}

#[tokio::test]
async fn retention_takes_a_prefix_and_leaves_what_is_younger() {
    let dir = tempfile::tempdir().expect("a folder");
    let history = open(dir.path());
    for n in 1..=10 {
        append(&history, n, "home", Status::Succeeded).await;
    }
    let cutoff = Timestamp::from_millis(NOON + 8);
    assert_eq!(history.write(move |tx| tx.own()?.retain(cutoff)).await.expect("retained"), 7);
    assert_eq!(history.write(move |tx| tx.own()?.retain(cutoff)).await.expect("retained"), 0);
    let summary = history.read(|reader| reader.own_summary()).await.expect("read").expect("a log");
    assert_eq!((summary.operations, summary.usage.entries), (3, 3));
    append(&history, 11, "home", Status::Succeeded).await;
    assert_eq!(listed(&history, Filter::default()).await.len(), 4);
}

#[tokio::test]
async fn retention_leaves_the_last_success_however_old_it_is() {
    let dir = tempfile::tempdir().expect("a folder");
    let history = open(dir.path());
    append(&history, 1, "home", Status::Succeeded).await;
    append(&history, 2, "home", Status::Warning).await;
    append(&history, 3, "home", Status::Failed).await;
    append(&history, 4, "etc", Status::Failed).await;
    let late = Timestamp::from_millis(i64::MAX);
    let gone = history.write(move |tx| tx.own()?.retain(late)).await.expect("retained");
    assert_eq!(gone, 2, "the first of home and the failure of etc");
    assert_eq!(listed(&history, Filter::default()).await, ["operation 2", "operation 3"]);
    assert_eq!(history.write(move |tx| tx.own()?.retain(late)).await.expect("retained"), 0);
}

#[tokio::test]
async fn followers_see_each_change_and_are_woken() {
    let dir = tempfile::tempdir().expect("a folder");
    let history = open(dir.path());
    append(&history, 1, "home", Status::Succeeded).await;
    let mut woken = history.own_changes();
    let mut follow =
        history.read(|reader| reader.follow(&Filter::default())).await.expect("a place");
    append(&history, 2, "home", Status::Running).await;
    append(&history, 2, "home", Status::Succeeded).await;
    append(&history, 3, "new", Status::Running).await;
    assert!(woken.has_changed().expect("the writer lives"));
    woken.mark_unchanged();
    let changed = history.read_blocking(|reader| reader.changed(&mut follow, &Filter::default()));
    let changed = changed.expect("changes");
    let seen: Vec<_> = changed.iter().map(|found| (found.id, found.status)).collect();
    assert_eq!(seen, [(id(2), Some(Status::Succeeded)), (id(3), Some(Status::Running))]);
    let again = history.read_blocking(|reader| reader.changed(&mut follow, &Filter::default()));
    assert!(again.expect("no changes").is_empty());
    assert!(!woken.has_changed().expect("the writer lives"));
}

#[tokio::test]
async fn unfinished_operations_are_found_at_the_next_start() {
    let dir = tempfile::tempdir().expect("a folder");
    let history = open(dir.path());
    append(&history, 1, "home", Status::Running).await;
    append(&history, 2, "home", Status::Running).await;
    append(&history, 2, "home", Status::Succeeded).await;
    history.close().await;
    assert!(history.write(|tx| tx.own().map(drop)).await.is_err());
    let history = open(dir.path());
    let left = history.read(|reader| reader.unfinished()).await.expect("read");
    assert_eq!(left.iter().map(|found| found.id).collect::<Vec<_>>(), [id(1)]);
    assert_eq!(left[0].presence, Presence::Live);
}

#[tokio::test]
async fn log_text_is_kept_in_pieces_up_to_its_limit() {
    let dir = tempfile::tempdir().expect("a folder");
    let history = open(dir.path());
    for piece in ["first\n", "second\n"] {
        history.write(move |tx| tx.append_log(id(1), piece.as_bytes())).await.expect("kept");
    }
    let huge = vec![b'x'; 2 << 20];
    history.write(move |tx| tx.append_log(id(1), &huge)).await.expect("cut");
    history.write(|tx| tx.append_log(id(1), b"too late")).await.expect("ignored");
    let mut text = Vec::new();
    let mut offset = 0;
    loop {
        let part = history.read(move |reader| reader.log_part(id(1), offset, 100_000)).await;
        let part = part.expect("a part");
        if part.end {
            break;
        }
        assert!(part.text.len() <= 100_000);
        text.extend(part.text);
        offset = part.next_offset;
    }
    assert!(text.starts_with(b"first\nsecond\nxxx"));
    assert!(text.ends_with(b"longer than what is kept]\n"));
    assert!(text.len() < (1 << 20) + 100);
}

#[tokio::test]
async fn the_own_log_is_proved_in_parts_from_its_bases_to_its_heads() {
    let dir = tempfile::tempdir().expect("a folder");
    let history = open(dir.path());
    for n in 1..=4 {
        append(&history, n, "home", Status::Running).await;
        append(&history, n, "home", Status::Succeeded).await;
    }
    history.write(|tx| tx.own()?.append_expectation(&expectation("etc", 1))).await.expect("kept");
    history.write(|tx| tx.own()?.trim(&shard("home"), 2)).await.expect("trimmed");
    let look = history.read(|reader| {
        let log = reader.own_provable()?.expect("an own log");
        Ok((proved(reader, &log), log))
    });
    let (entries, log) = look.await.expect("read");
    assert_eq!((log.origin, log.public_key), (OWNER.key(), OWNER.public_key));
    assert_eq!((log.shards.len(), entries), (2, 7));
    history.write(|tx| tx.own()?.trim(&shard("home"), 5)).await.expect("trimmed");
    let home = log.shards[1].clone();
    let part = history.read(move |reader| reader.provable_entries(OWNER.key(), &home, home.base));
    assert_eq!(part.await.expect("read"), None, "trimmed meanwhile");
}

#[tokio::test]
async fn the_newest_are_found_from_the_end_and_ids_by_their_beginning() {
    let dir = tempfile::tempdir().expect("a folder");
    let history = open(dir.path());
    for n in 1..=40 {
        let status = if n % 4 == 0 { Status::Failed } else { Status::Succeeded };
        append(&history, n, if n % 2 == 0 { "home" } else { "etc" }, status).await;
    }
    let newest = |filter: Filter, count| {
        let look = history.read_blocking(|reader| {
            let from = reader.before_newest(&filter, count)?;
            let page = reader.operations(&filter, from, 100)?;
            Ok(page.operations.into_iter().map(|one| one.id).collect::<Vec<_>>())
        });
        look.expect("read")
    };
    assert_eq!(newest(Filter::default(), 3), [id(38), id(39), id(40)]);
    let failed = Filter { status: Some(Status::Failed), ..Filter::default() };
    assert_eq!(newest(failed.clone(), 2), [id(36), id(40)]);
    assert_eq!(newest(failed, 100).len(), 10);
    assert_eq!(newest(Filter { kind: Some(OperationKind::Prune), ..Filter::default() }, 5), []);
    let flow = Filter { flow: Some(id(7).into()), ..Filter::default() };
    assert_eq!(newest(flow, 5), [id(7)]);
    assert_eq!(newest(Filter::default(), 0), []);
    let found = history.read_blocking(|r| r.operations_in(Whose::Own, &(id(7)..=id(9)), 2));
    assert_eq!(found.expect("read").len(), 2);
    let one = history.read_blocking(|r| r.operations_in(Whose::All, &(id(7)..=id(7)), 9));
    assert_eq!(one.expect("read").first().map(|one| one.id), Some(id(7)));
}

#[tokio::test]
async fn the_epoch_is_kept_and_the_root_is_that_of_the_heads() {
    let dir = tempfile::tempdir().expect("a folder");
    let history = open(dir.path());
    append(&history, 1, "home", Status::Succeeded).await;
    let look = |history: &History| {
        history.read_blocking(|reader| {
            let shards = reader.own().shards(&|_| true)?;
            let root = root(shards.iter().map(|shard| (&shard.shard, shard.head)));
            Ok((reader.own().epoch()?, root))
        })
    };
    let first = look(&history).expect("read");
    history.close().await;
    let again = open(dir.path());
    assert_eq!(look(&again).expect("read"), first);
}

#[tokio::test]
async fn the_writer_outlives_a_fault_of_one_job_and_undoes_it() {
    let dir = tempfile::tempdir().expect("a folder");
    let history = open(dir.path());
    let faulty = history.write(|tx| {
        let revision = tx.own()?.append(&operation(1, "home", Status::Succeeded))?;
        assert_eq!(revision, 0, "which it never is");
        Ok(())
    });
    assert!(matches!(faulty.await, Err(StoreError::Fault)));
    append(&history, 2, "home", Status::Succeeded).await;
    let page = history.read(|reader| reader.operations(&Filter::default(), None, 10)).await;
    let ids: Vec<_> = page.expect("read").operations.iter().map(|one| one.id).collect();
    assert_eq!(ids, [id(2)]);
}
