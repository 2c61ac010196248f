//! Databases that are older than they were, or gone.

use super::machine::Machine;
use super::support::{backs_up, backup, copy, holds, operations, pair, seen};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;

fn ids(operations: &[Value]) -> BTreeSet<String> {
    operations.iter().map(|operation| operation["id"].as_str().unwrap().to_owned()).collect()
}

fn own(machine: &Machine) -> Vec<Value> {
    operations(machine, &[])
}

#[test]
fn r2_a_hub_restored_from_an_older_copy_of_its_databases_catches_up() {
    let (mut hub, nas) = (Machine::start("hub"), Machine::start("nas"));
    backs_up(&nas);
    pair(&nas, &hub);
    holds(&hub, &nas, own(&nas).len() as u64);
    hub.kill9();
    let older = hub.folder().join("older");
    copy(&hub.data(), &older);

    hub.restart();
    backup(&nas);
    backup(&nas);
    let all = own(&nas);
    holds(&hub, &nas, all.len() as u64);
    hub.kill9();
    fs::remove_dir_all(hub.data()).unwrap();
    copy(&older, &hub.data());

    hub.restart();
    holds(&hub, &nas, all.len() as u64);
    assert_eq!(ids(&operations(&hub, &["--peer", "nas"])), ids(&all));
}

#[test]
fn r3_a_member_whose_history_is_deleted_loses_nothing_on_the_hub_and_goes_on() {
    let (hub, mut nas) = (Machine::start("hub"), Machine::start("nas"));
    backs_up(&nas);
    pair(&nas, &hub);
    let before = own(&nas);
    holds(&hub, &nas, before.len() as u64);

    nas.kill9();
    for suffix in ["", "-wal", "-shm"] {
        // Which of them exist depends on when the last writer ended.
        let _ = fs::remove_file(nas.data().join(format!("history.db{suffix}")));
    }
    nas.restart();
    let latest = backup(&nas);
    let held = hub.until(&["peer", "show", "nas"], |peer| {
        peer["log"]["behind"] == false && peer["log"]["operations"] == own(&nas).len()
    });
    assert_eq!(held["state"], "connected");
    let listed = operations(&hub, &["--peer", "nas"]);
    let is = |archived: bool| {
        let some = listed.iter().filter(|operation| operation["archived"] == archived);
        ids(&some.cloned().collect::<Vec<_>>())
    };
    assert_eq!(is(true), ids(&before), "what the member lost is archived");
    assert!(is(false).contains(latest["id"].as_str().unwrap()));
}

#[test]
fn r3_a_member_restored_from_an_older_copy_forks_and_the_hub_keeps_both_pasts() {
    let (hub, mut nas) = (Machine::start("hub"), Machine::start("nas"));
    backs_up(&nas);
    pair(&nas, &hub);
    holds(&hub, &nas, own(&nas).len() as u64);
    nas.kill9();
    let older = nas.folder().join("older");
    copy(&nas.data(), &older);
    nas.restart();
    let lost = backup(&nas);
    holds(&hub, &nas, own(&nas).len() as u64);

    nas.kill9();
    fs::remove_dir_all(nas.data()).unwrap();
    copy(&older, &nas.data());
    nas.restart();
    let found = backup(&nas);
    holds(&hub, &nas, own(&nas).len() as u64);
    let listed = operations(&hub, &["--peer", "nas"]);
    let archived = |id: &Value| {
        let operation = listed.iter().find(|operation| operation["id"] == *id).unwrap();
        operation["archived"].as_bool().unwrap()
    };
    assert!(archived(&lost["id"]));
    assert!(!archived(&found["id"]));
}

#[test]
fn r3_a_machine_that_replaces_another_takes_over_its_history_on_the_hub() {
    let (hub, old) = (Machine::start("hub"), Machine::start("nas"));
    backs_up(&old);
    pair(&old, &hub);
    let before = own(&old);
    holds(&hub, &old, before.len() as u64);

    let new = Machine::start("nas");
    let token = hub.token(&["--replaces", "nas", "--ask", "read-operations=*"]);
    new.ask(&["join", &token, "--url", &hub.url, "--accept-asks"]);
    assert!(ids(&operations(&hub, &["--peer", "nas"])).is_superset(&ids(&before)));
    backs_up(&new);
    hub.until(&["peer", "show", "nas"], |peer| {
        peer["log"]["behind"] == false && peer["log"]["operations"] == own(&new).len()
    });
    let listed = operations(&hub, &["--peer", "nas"]);
    let archived = listed.iter().filter(|operation| operation["archived"] == true);
    assert_eq!(ids(&archived.cloned().collect::<Vec<_>>()), ids(&before));
}

#[test]
fn a_damaged_history_is_set_aside_and_pairing_and_backups_go_on() {
    let (hub, mut nas) = (Machine::start("hub"), Machine::start("nas"));
    backs_up(&nas);
    pair(&nas, &hub);
    holds(&hub, &nas, own(&nas).len() as u64);
    nas.kill9();
    fs::write(nas.data().join("history.db"), "this is no database any more".repeat(1_000)).unwrap();
    // What was not yet in the file would bring all of it back.
    let _ = fs::remove_file(nas.data().join("history.db-wal"));
    nas.restart();
    let status = nas.ask(&["status"]);
    assert_eq!(status["store"]["state"], "empty", "{status}");
    let attention = status["attention"].as_array().unwrap();
    assert!(attention.iter().any(|row| row["kind"] == "store"), "{status}");
    backup(&nas);
    hub.until(&["peer", "show", "nas"], |peer| peer["log"]["behind"] == false);
    assert_eq!(seen(&hub, &nas)["state"], "connected");
    let aside = fs::read_dir(nas.data())
        .unwrap()
        .flatten()
        .any(|entry| entry.file_name().to_string_lossy().starts_with("history-damaged-"));
    assert!(aside, "the damaged file is kept");
}

#[test]
fn a_history_that_is_gone_is_said_to_be_until_there_is_one_again() {
    let mut nas = Machine::start("nas");
    backs_up(&nas);
    nas.kill9();
    for name in ["history.db", "history.db-wal", "history.db-shm"] {
        let _ = fs::remove_file(nas.data().join(name));
    }
    nas.restart();
    let status = nas.ask(&["status"]);
    assert_eq!(status["store"]["state"], "empty", "{status}");
    let said = status["attention"].as_array().unwrap().iter().find(|row| row["kind"] == "store");
    assert!(said.unwrap()["message"].as_str().unwrap().contains("history.db is gone"), "{status}");
    backup(&nas);
    nas.restart();
    assert_eq!(nas.ask(&["status"])["store"]["state"], "ok");
}
