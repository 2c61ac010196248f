//! Each kind of storage for real, with both versions of restic that CI has: a folder, a REST server,
//! SFTP and S3, each a server on loopback that the test starts; and what must not be seen anywhere.
#![allow(clippy::unwrap_used)]

#[path = "../machine/mod.rs"]
mod machine;

mod limits;
mod passwords;
mod rest;
mod s3;
mod server;
mod sftp;

use machine::{Machine, RESTICS, Restic};
use std::fs;

/// A machine with a folder to save, a password for its repositories, and a restic.
fn machine(restic: Restic, env: &[(&str, &str)]) -> Machine {
    let config = format!("restic = {:?}\n", restic.program());
    let machine = Machine::start_env("nas", &config, env);
    let home = machine.folder().join("home");
    fs::create_dir(&home).unwrap();
    fs::write(home.join("letter.txt"), "dear reader").unwrap();
    fs::write(machine.folder().join("pass"), "correct horse\n").unwrap();
    machine
}

/// The path of something in its folder.
fn at(machine: &Machine, name: &str) -> String {
    machine.folder().join(name).to_str().unwrap().to_owned()
}

/// `repo add vault URI` with the password of the machine.
fn adding<'a>(uri: &'a str, pass: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    [&["repo", "add", "vault", uri, "--password-file", pass], more].concat()
}

/// A repo is added, a plan saves into it, its snapshot is listed and comes back as it was.
#[track_caller]
fn story(machine: &Machine, uri: &str, more: &[&str]) {
    let (pass, home, out) = (at(machine, "pass"), at(machine, "home"), at(machine, "out"));
    let repo = machine.ask(&adding(uri, &pass, more));
    assert_eq!(repo["state"], "ready", "{repo}");
    machine.ask(&["plan", "add", "home", "--repo", "vault", "--path", &home]);
    let backup = machine.ask(&["plan", "backup", "home"]);
    assert_eq!(backup["status"], "succeeded", "{backup}");
    let snapshots = machine.cli(&["snapshots"]).lines();
    assert_eq!(snapshots.len(), 1, "{snapshots:?}");
    assert_eq!(snapshots[0]["id"], backup["snapshot"]);
    let restored = machine.ask(&["restore", "latest", "--plan", "home", "--to", &out]);
    assert_eq!(restored["status"], "succeeded", "{restored}");
    let letter = format!("{out}{home}/letter.txt");
    assert_eq!(fs::read_to_string(letter).unwrap(), "dear reader");
}

fn config(machine: &Machine) -> String {
    fs::read_to_string(machine.config()).unwrap()
}

#[test]
fn a_folder_keeps_what_is_saved() {
    for restic in RESTICS {
        let nas = machine(restic, &[]);
        story(&nas, &at(&nas, "vault"), &[]);
    }
}

#[test]
fn what_a_restic_lacks_is_refused_with_the_version_that_has_it() {
    for (restic, expected) in [(Restic::V014, "failed"), (Restic::V018, "succeeded")] {
        let nas = machine(restic, &[]);
        story(&nas, &at(&nas, "vault"), &[]);
        nas.ask(&["plan", "edit", "home", "--skip-if-unchanged", "true"]);
        let again = nas.cli(&["plan", "backup", "home"]).json;
        assert_eq!(again["status"], expected, "{again}");
        let said = again["message"].as_str().unwrap_or_default();
        let wanted = match restic {
            Restic::V014 => "needs restic 0.17.0 or newer, and this is restic 0.14.0",
            // Folders above the one that is saved change all the time; then there is a snapshot.
            Restic::V018 => "",
        };
        assert!(said.contains(wanted), "{said}");
        assert!(again["ended_at"].is_string(), "{again}");
    }
}
