use super::*;
use proptest::prelude::*;

const NOW: i64 = 1_750_000_000_000;
const PERIOD: Period =
    Period { oldest: Timestamp::from_millis(NOW - 1_000_000), now: Timestamp::from_millis(NOW) };

fn names() -> Names {
    Names {
        formerly: Some("MyHost".to_owned()),
        instance: "myhost".parse().unwrap(),
        repos: BTreeMap::from([("usb disk".to_owned(), "usb-disk".parse().unwrap())]),
        plans: BTreeMap::from([("home".to_owned(), "home".parse().unwrap())]),
    }
}

fn row(id: i64, status: i32, start_ms: i64, kind: Kind) -> Row {
    Row {
        id,
        repo: "usb disk".to_owned(),
        plan: "home".to_owned(),
        status,
        start_ms,
        end_ms: start_ms + 5,
        flow: 77,
        instance: "MyHost".to_owned(),
        kind: Some(kind),
        ..Row::default()
    }
}

fn backup(id: i64, status: i32, start_ms: i64) -> Row {
    row(id, status, start_ms, Kind::Backup(Backup::default()))
}

fn imported(row: &Row) -> Result<Imported, Why> {
    read(Some(&row.encode_to_vec()), Some(NOW - 500), &names(), PERIOD)
}

fn operation(row: &Row) -> Operation {
    imported(row).unwrap().operation
}

/// A history with a write-ahead log that is not taken in yet, as under a running program.
fn oplog(rows: &[Row]) -> (tempfile::TempDir, Connection, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("oplog.sqlite");
    let connection = Connection::open(&path).unwrap();
    connection.pragma_update(None, "journal_mode", "wal").unwrap();
    connection
        .execute_batch(
            "CREATE TABLE operations (id INTEGER PRIMARY KEY, flow_id INTEGER, \
             start_time_ms INTEGER, status INTEGER, snapshot_id STRING, operation BLOB)",
        )
        .unwrap();
    for row in rows {
        let values =
            (row.id, row.flow, row.start_ms, row.status, &row.snapshot, row.encode_to_vec());
        connection
            .execute("INSERT INTO operations VALUES (?1, ?2, ?3, ?4, ?5, ?6)", values)
            .unwrap();
    }
    (folder, connection, path)
}

fn all(oplog: &Oplog) -> (Vec<Imported>, Tally) {
    let mut found = Vec::new();
    let tally = oplog.each::<HistoryError>(&names(), PERIOD, |imported| {
        found.push(imported);
        Ok(())
    });
    (found, tally.unwrap())
}

#[test]
fn each_status_has_its_word_and_what_never_ended_is_lost() {
    use Status::{Cancelled, Failed, Lost, Succeeded, Warning};
    let statuses = [0, 1, 2, 3, 4, 5, 6, 7, 99].map(|status| {
        let operation = operation(&backup(1, status, NOW - 100));
        assert_eq!(operation.ended_at.is_none(), operation.status == Lost);
        operation.status
    });
    let expected = [Lost, Lost, Lost, Succeeded, Failed, Cancelled, Cancelled, Warning, Lost];
    assert_eq!(statuses, expected);
    assert_eq!(imported(&backup(1, 1, NOW + 1)), Err("not begun yet"));
    assert!(
        imported(&backup(1, 2, NOW + 1)).is_ok(),
        "a clock that was set back lies about no run"
    );
}

#[test]
fn a_backup_keeps_what_it_did() {
    let snapshot = "0123456789".repeat(6) + "0123";
    let summary = Summary {
        files_new: 1,
        files_changed: 2,
        files_unmodified: -3,
        data_added: 40,
        bytes_processed: 50,
        snapshot: snapshot.clone(),
    };
    let error = |n: usize| BackupError {
        item: format!("/home/{n}"),
        during: "scan".to_owned(),
        message: "denied".to_owned(),
    };
    let kind = Kind::Backup(Backup {
        last: Some(LastStatus { summary: Some(summary) }),
        errors: (0..150).map(error).collect(),
        dry_run: false,
    });
    let operation = operation(&row(1, 7, NOW - 100, kind));
    assert_eq!(operation.snapshot.as_deref(), Some(&*snapshot), "digits only, and still a text");
    let stats = operation.stats.unwrap();
    assert_eq!((stats.files_new, stats.files_changed, stats.files_unmodified), (1, 2, 0));
    assert_eq!((stats.bytes_added, stats.bytes_processed, stats.item_errors), (40, 50, 150));
    assert_eq!((operation.item_errors.first.len(), operation.item_errors.total), (100, 150));
    assert_eq!(operation.item_errors.first[3].message, "scan: denied");
    assert_eq!(
        (operation.repo.unwrap().as_str(), operation.instance.as_str()),
        ("usb-disk", "myhost")
    );
}

#[test]
fn ids_stay_the_same_and_are_of_their_time() {
    let first = operation(&backup(1, 3, NOW - 100));
    assert_eq!(first, operation(&backup(1, 3, NOW - 100)));
    let second = operation(&backup(2, 3, NOW - 50));
    assert_eq!(first.flow, second.flow, "one trigger caused both");
    let other = Row { instance: "other".to_owned(), ..backup(1, 3, NOW - 100) };
    let ids =
        [&first, &second, &operation(&other), &operation(&backup(1, 3, NOW - 99))].map(|op| op.id);
    assert_eq!(ids.iter().collect::<std::collections::HashSet<_>>().len(), 4);
    let millis = first.id.as_bytes()[..6].iter().fold(0, |ms, byte| ms << 8 | i64::from(*byte));
    assert_eq!((millis, first.id.as_bytes()[6] >> 4), (NOW - 100, 7));
    assert_eq!(uuid::Uuid::from_bytes(*first.flow.as_bytes()).get_version_num(), 7);
    let alone = Row { flow: 0, ..backup(9, 3, NOW - 100) };
    assert_eq!(operation(&alone).flow, operation(&alone).id.into());
}

#[test]
fn work_on_a_repository_as_a_whole_has_no_plan() {
    let output = WithOutput { output: "no errors were found".to_owned() };
    let check = Row { plan: "_system_".to_owned(), ..row(1, 3, NOW - 100, Kind::Check(output)) };
    let found = imported(&check).unwrap();
    assert_eq!((found.operation.plan, found.operation.kind), (None, OperationKind::Check));
    assert_eq!(found.log, "no errors were found");
    let forget = Kind::Forget(Forget { snapshots: vec![Nothing {}; 3] });
    assert_eq!(operation(&row(1, 3, NOW, forget)).message, "3 snapshots were forgotten");
}

#[test]
fn what_is_not_of_this_instance_is_left_out() {
    let good = || backup(1, 3, NOW - 100);
    let index = |instance: &str| Row {
        instance: instance.to_owned(),
        ..row(1, 3, NOW - 100, Kind::Index(Index::default()))
    };
    let dry = Backup { dry_run: true, ..Backup::default() };
    for (row, why) in [
        (Row { origin: "ed25519.x".to_owned(), ..good() }, "of another instance"),
        (Row { kind: None, ..good() }, "of an unknown kind"),
        (Row { plan: "_unassociated_".to_owned(), ..good() }, "of no plan"),
        (Row { instance: "_unassociated_".to_owned(), ..good() }, "of no instance"),
        (
            Row { plan: "no such plan".to_owned(), ..good() },
            "of a repo or plan whose id is not valid",
        ),
        (row(1, 3, NOW - 100, Kind::Backup(dry)), "a dry run"),
        (index("other"), "a snapshot of another instance"),
        (backup(1, 3, NOW - 2_000_000), "older than what is kept (history in the config)"),
    ] {
        assert_eq!(imported(&row), Err(why));
    }
    assert!(imported(&index("MyHost")).is_ok());
    let gone = operation(&Row { plan: "gone".to_owned(), ..good() });
    assert_eq!(gone.plan.unwrap().as_str(), "gone", "a plan that is no more keeps its history");
}

#[test]
fn a_file_is_read_with_its_write_ahead_log_oldest_first() {
    let rows = [backup(3, 3, NOW - 10), backup(1, 4, NOW - 30), backup(2, 3, NOW - 20)];
    let (_folder, connection, path) = oplog(&rows);
    connection.execute("INSERT INTO operations VALUES (9, 0, 5, 3, '', x'ff')", []).unwrap();
    let before = std::fs::read(&path).unwrap();
    let oplog = Oplog::open(&path).unwrap();
    let (found, tally) = all(&oplog);
    let starts: Vec<_> =
        found.iter().map(|one| one.operation.started_at.as_millis() - NOW).collect();
    assert_eq!(starts, [-30, -20, -10]);
    assert!(found.iter().all(|one| one.operation.flow == found[0].operation.flow));
    assert_eq!((tally.found, tally.taken), (4, 3));
    assert_eq!(tally.left_out, BTreeMap::from([("not readable", 1)]));
    assert_eq!(std::fs::read(&path).unwrap(), before, "the file itself is not touched");
    assert_eq!(all(&oplog).0, found);
}

#[test]
fn what_is_no_history_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("oplog.sqlite");
    let refused = |path: &Path| Oplog::open(path).unwrap_err().to_string();
    assert!(refused(&path).contains("oplog.sqlite"), "{}", refused(&path));
    std::fs::write(&path, "no database").unwrap();
    assert!(refused(&path).contains("is not a history of Backrest"));
    std::fs::remove_file(&path).unwrap();
    Connection::open(&path).unwrap().execute_batch("CREATE TABLE other (x)").unwrap();
    assert!(refused(&path).contains("no such table"), "{}", refused(&path));
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_left_out(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = read(Some(&bytes), None, &names(), PERIOD);
    }

    #[test]
    fn any_numbers_make_an_operation_or_none(id: i64, status: i32, start: i64, end: i64, flow: i64) {
        let row = Row { end_ms: end, flow, ..backup(id, status, start) };
        let endless = Period { oldest: Timestamp::from_millis(i64::MIN), ..PERIOD };
        if let Ok(found) = read(Some(&row.encode_to_vec()), Some(start), &names(), endless) {
            prop_assert!(found.operation.ended_at.is_none_or(|ended| ended >= found.operation.started_at));
        }
    }
}
