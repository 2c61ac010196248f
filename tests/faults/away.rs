//! Repositories that are away for a while, and one whose password was changed.

use crate::disks::Disks;
use crate::machine::{Machine, free_port};
use crate::server::Server;
use crate::{add_due, at, fails, furnish, repo_state, succeeds, until_plan_is};
use std::fs;
use std::process::Command;

#[test]
fn a_disk_that_was_pulled_is_missed_never_made_anew_and_used_again_once_it_is_back() {
    let disks = Disks::new();
    let drive = tempfile::tempdir().unwrap();
    let drive = drive.path().to_str().unwrap();
    let plugged = disks.plug("drive", drive);
    let nas = Machine::start_within("nas", disks.within(), None, "", &[]);
    furnish(&nas, &format!("{plugged}/vault"));
    nas.ask(&["plan", "add", "home", "--repo", "vault", "--path", &at(&nas, "home")]);
    succeeds(&nas);
    disks.pull("drive");
    let said = fails(&nas);
    assert!(said.starts_with("repo vault is missing: repository "), "{said}");
    assert!(said.ends_with("it is never created again"), "{said}");
    assert_eq!(repo_state(&nas), "missing");
    until_plan_is(&nas, "home", "failing");
    add_due(&nas, "due");
    until_plan_is(&nas, "due", "failing");
    // Neither by a run, nor because a person says so.
    assert_ne!(nas.cli(&["repo", "init", "vault"]).code, 0);
    let left = fs::read_dir(disks.seen(&plugged)).unwrap().count();
    assert_eq!(left, 0, "nothing is made where the disk was");
    disks.plug("drive", drive);
    let due = until_plan_is(&nas, "due", "fresh");
    assert_eq!(due["failures"], 0, "{due}");
    succeeds(&nas);
    assert_eq!(repo_state(&nas), "ready");
    let snapshots = nas.cli(&["snapshots"]).lines();
    assert_eq!(snapshots.len(), 3, "{snapshots:#?}\n{:#?}", nas.cli(&["ops"]).lines());
}

#[test]
fn a_server_that_was_stopped_is_unreachable_and_used_again_once_it_is_back() {
    let folder = tempfile::tempdir().unwrap();
    let port = free_port();
    let serve = || {
        let address = format!("127.0.0.1:{port}");
        let arguments = ["serve", "restic", "--addr", &address, folder.path().to_str().unwrap()];
        Server::start("rclone", &arguments, port)
    };
    let server = serve();
    let nas = Machine::start("nas");
    furnish(&nas, &format!("rest:http://127.0.0.1:{port}/"));
    nas.ask(&["plan", "add", "home", "--repo", "vault", "--path", &at(&nas, "home")]);
    succeeds(&nas);
    drop(server);
    let said = fails(&nas);
    assert!(said.starts_with("the storage of the repository was not reached"), "{said}");
    assert!(said.ends_with("Check the network and the uri; the next run tries again"), "{said}");
    assert_eq!(repo_state(&nas), "unreachable");
    until_plan_is(&nas, "home", "failing");
    add_due(&nas, "due");
    until_plan_is(&nas, "due", "failing");
    let _server = serve();
    let due = until_plan_is(&nas, "due", "fresh");
    assert_eq!(due["failures"], 0, "{due}");
    succeeds(&nas);
    assert_eq!(repo_state(&nas), "ready");
    let snapshots = nas.cli(&["snapshots"]).lines();
    assert_eq!(snapshots.len(), 3, "{snapshots:#?}\n{:#?}", nas.cli(&["ops"]).lines());
}

#[test]
fn a_password_that_was_changed_behind_our_back_is_said_and_the_right_one_is_taken_at_once() {
    let nas = Machine::start("nas");
    let vault = at(&nas, "vault");
    furnish(&nas, &vault);
    nas.ask(&["plan", "add", "home", "--repo", "vault", "--path", &at(&nas, "home")]);
    succeeds(&nas);
    fs::write(at(&nas, "new"), "battery staple").unwrap();
    let changed = Command::new("restic")
        .args(["key", "passwd", "--no-cache", "--new-password-file", &at(&nas, "new")])
        .env("RESTIC_REPOSITORY", &vault)
        .env("RESTIC_PASSWORD_FILE", at(&nas, "pass"))
        .output()
        .unwrap();
    assert!(changed.status.success(), "{}", String::from_utf8_lossy(&changed.stderr));
    let said = fails(&nas);
    assert!(said.starts_with("the password does not open the repository"), "{said}");
    assert!(said.ends_with("Check the password of the repo in the configuration"), "{said}");
    until_plan_is(&nas, "home", "failing");
    assert_eq!(nas.cli(&["repo", "init", "vault"]).refused(), "wrong-password");
    fs::rename(at(&nas, "new"), at(&nas, "pass")).unwrap();
    succeeds(&nas);
    until_plan_is(&nas, "home", "fresh");
    assert_eq!(nas.cli(&["snapshots"]).lines().len(), 2);
}
