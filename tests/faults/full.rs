//! Full disks: of the repository, of the data directory, of restic's cache.

use crate::disks::Disks;
use crate::machine::{Machine, PATIENCE, RESTICS, Restic};
use crate::random::Random;
use crate::{add_due, at, fails, furnish, repo_state, succeeds, until_plan_is};
use serde_json::Value;
use std::fs;
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

fn write_noise(machine: &Machine, seed: u64) {
    let noise = Random::new(seed).bytes(3 << 20);
    fs::write(at(machine, &format!("home/noise-{seed}")), noise).unwrap();
}

#[test]
fn a_full_repository_is_said_and_once_there_is_room_the_run_is_repeated_by_itself() {
    let disks = Disks::new();
    let repo = disks.mount("repo", "32m");
    let nas = Machine::start_within("nas", disks.within(), None, "", &[]);
    furnish(&nas, &format!("{repo}/vault"));
    nas.ask(&["plan", "add", "home", "--repo", "vault", "--path", &at(&nas, "home")]);
    let first = succeeds(&nas);
    disks.fill("repo");
    write_noise(&nas, 1);
    let said = fails(&nas);
    assert!(said.starts_with("the storage of the repository is full"), "{said}");
    assert!(said.ends_with("Free some space there, or forget and prune old snapshots"), "{said}");
    until_plan_is(&nas, "home", "failing");
    add_due(&nas, "due");
    until_plan_is(&nas, "due", "failing");
    disks.free("repo");
    let due = until_plan_is(&nas, "due", "fresh");
    assert_eq!(due["failures"], 0, "{due}");
    succeeds(&nas);
    assert_eq!(repo_state(&nas), "ready");
    let check = nas.ask(&["repo", "check", "vault"]);
    assert_eq!(check["status"], "succeeded", "{check}");
    let snapshots = nas.cli(&["snapshots"]).lines();
    assert!(snapshots.iter().any(|one| one["id"] == first["snapshot"]), "{snapshots:?}");
    assert_eq!(snapshots.len(), 3);
}

/// The rows of `status` on the store, by their subject.
fn store_rows(status: &Value) -> Vec<&str> {
    let rows = status["attention"].as_array().unwrap();
    let of_store = rows.iter().filter(|row| row["kind"] == "store");
    of_store.map(|row| row["subject"].as_str().unwrap()).collect()
}

fn snapshots_in(machine: &Machine) -> usize {
    fs::read_dir(at(machine, "vault/snapshots")).unwrap().count()
}

fn good_backups(machine: &Machine) -> Vec<Value> {
    machine.cli(&["ops", "--kind", "backup", "--status", "succeeded"]).lines()
}

#[test]
fn with_a_full_data_directory_backups_go_on_and_their_history_is_written_later() {
    let disks = Disks::new();
    let data = disks.mount("data", "8m");
    let mut nas = Machine::start_within("nas", disks.within(), Some(data.into()), "", &[]);
    furnish(&nas, &at(&nas, "vault"));
    nas.ask(&["plan", "add", "home", "--repo", "vault", "--path", &at(&nas, "home")]);
    succeeds(&nas);
    disks.fill("data");
    // What the write-ahead log has room for is written all the same.
    let mut wanted = 1;
    let full = loop {
        wanted += 1;
        succeeds(&nas);
        let status = nas.ask(&["status"]);
        if status["store"]["state"] == "unwritable" {
            break status;
        }
        assert!(wanted < 20, "the disk is never full: {status}");
    };
    assert!(store_rows(&full).contains(&"history.db"), "{full}");
    let row = full["attention"].as_array().unwrap().iter().find(|row| row["kind"] == "store");
    let row = row.unwrap();
    assert!(row["message"].as_str().unwrap().contains("the disk is full"), "{row}");
    assert!(row["remedy"].as_str().unwrap().contains("free some space"), "{row}");
    assert!(row["since"].is_string(), "{row}");
    // What is due runs as well, and once.
    add_due(&nas, "due");
    let since = Instant::now();
    while snapshots_in(&nas) == wanted {
        assert!(since.elapsed() < PATIENCE, "{}", nas.log());
        sleep(Duration::from_millis(50));
    }
    nas.until(&["status"], |status| store_rows(status).contains(&"trust.db"));
    disks.free("data");
    nas.until(&["status"], |status| {
        status["store"]["state"] == "ok" && store_rows(status).is_empty()
    });
    assert_eq!(good_backups(&nas).len(), wanted + 1, "{}", nas.log());
    nas.restart();
    let backups = good_backups(&nas);
    assert_eq!(backups.len(), wanted + 1, "nothing is repeated or lost");
    for backup in backups {
        let log = nas.cli(&["op", "log", backup["id"].as_str().unwrap()]).stdout;
        assert!(log.contains("summary"), "{backup}: {log}");
    }
    let open = ["running", "pending", "lost"];
    let all = nas.cli(&["ops"]).lines();
    assert!(!all.iter().any(|op| open.iter().any(|state| op["status"] == *state)), "{all:#?}");
    succeeds(&nas);
    assert_eq!(snapshots_in(&nas), wanted + 2);
}

#[test]
fn a_full_cache_of_restic_stops_no_backup_and_no_upkeep() {
    for restic in RESTICS {
        let disks = Disks::new();
        let cache = disks.mount("cache", "256k");
        let config = format!("restic = {:?}\n", restic.program());
        let env = ["XDG_CACHE_HOME", "RESTIC_CACHE_DIR"][usize::from(restic == Restic::V018)];
        let nas = Machine::start_within("nas", disks.within(), None, &config, &[(env, &cache)]);
        // Full before there is a cache, and when there is one.
        disks.fill("cache");
        furnish(&nas, &at(&nas, "vault"));
        let retention = ["--retention", "last=1"];
        let plan = ["plan", "add", "home", "--repo", "vault", "--path", &at(&nas, "home")];
        nas.ask(&[&plan[..], &retention].concat());
        succeeds(&nas);
        disks.free("cache");
        succeeds(&nas);
        let made = fs::read_dir(disks.seen(&cache)).unwrap().count();
        assert!(made > 0, "restic {} uses that cache", restic.name());
        disks.fill("cache");
        write_noise(&nas, 1);
        succeeds(&nas);
        for upkeep in ["forget", "prune", "check"] {
            let words = if upkeep == "forget" {
                ["plan", upkeep, "home"]
            } else {
                ["repo", upkeep, "vault"]
            };
            let done = nas.ask(&words);
            assert_eq!(done["status"], "succeeded", "{upkeep}: {done}");
        }
        let checked = Command::new(restic.program())
            .args(["check", "--read-data", "--no-cache"])
            .env("RESTIC_REPOSITORY", at(&nas, "vault"))
            .env("RESTIC_PASSWORD_FILE", at(&nas, "pass"))
            .output();
        assert!(checked.unwrap().status.success());
    }
}
