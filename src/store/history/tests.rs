//! What needs to reach below the public face.

#![allow(clippy::unwrap_used)]

use super::*;
use crate::model::{Operation, OperationId, OperationKind, Status, Timestamp};

fn operation(n: u8) -> Operation {
    let id = OperationId::from_bytes([n; 16]);
    Operation {
        status: Status::Succeeded,
        message: "m".repeat(4_000),
        ..Operation::begun(
            id,
            "nas".parse().unwrap(),
            OperationKind::Check,
            Timestamp::from_millis(i64::from(n)),
        )
    }
}

#[test]
fn s5_a_full_disk_fails_the_job_and_keeps_what_was_acknowledged() {
    let dir = tempfile::tempdir().unwrap();
    let history = History::open(dir.path(), Owner { public_key: [1; 32] }).unwrap();
    let limit = |tx: &mut HistoryTx<'_>| {
        let pages: u32 = tx.conn.pragma_query_value(None, "page_count", |row| row.get(0))?;
        // The pragma answers with a row, which is of no interest.
        let sql = format!("PRAGMA max_page_count = {}", pages + 8);
        Ok(tx.conn.query_row(&sql, [], |_| Ok(()))?)
    };
    history.write_blocking(limit).unwrap();
    let mut kept = 0;
    let refused = loop {
        match history.write_blocking(move |tx| tx.own()?.append(&operation(kept + 1))) {
            Ok(_) => kept += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(refused, StoreError::Full), "{refused}");
    assert!(kept > 0);
    let summary = history.read_blocking(|reader| reader.own_summary()).unwrap().unwrap();
    assert_eq!(summary.operations, u64::from(kept));
    assert_eq!(history.state().borrow().as_str(), "ok");
}

#[test]
fn a_job_that_fails_undoes_itself_and_the_rest_of_its_group_commits() {
    let dir = tempfile::tempdir().unwrap();
    let history = History::open(dir.path(), Owner { public_key: [1; 32] }).unwrap();
    let (ready, go) = std::sync::mpsc::channel::<()>();
    let outcomes = std::thread::scope(|scope| {
        // The first job waits inside the writer, so that the second may join its group.
        let first = scope.spawn(|| {
            history.write_blocking(move |tx| {
                let _ = go.recv();
                tx.own()?.append(&operation(1))
            })
        });
        let second = scope.spawn(|| {
            history.write_blocking(|tx| {
                tx.own()?.append(&operation(2))?;
                Err::<(), _>(StoreError::Misuse("half way"))
            })
        });
        ready.send(()).unwrap();
        (first.join().unwrap(), second.join().unwrap())
    });
    assert!(outcomes.0.is_ok() && outcomes.1.is_err());
    let summary = history.read_blocking(|reader| reader.own_summary()).unwrap().unwrap();
    assert_eq!((summary.operations, summary.usage.entries), (1, 1));
}
