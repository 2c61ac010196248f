//! The story of a repository that is kept in order, through the real binary and the real restic.
#![allow(clippy::unwrap_used)]

mod machine;

use machine::{Machine, light};
use serde_json::{Value, json};
use std::fs;

/// A machine with a repo, and a plan that keeps its newest snapshot.
fn machine() -> Machine {
    let machine = Machine::start("nas");
    let at = |name: &str| machine.folder().join(name).to_str().unwrap().to_owned();
    fs::create_dir(at("home")).unwrap();
    fs::write(at("home/letter.txt"), "dear reader").unwrap();
    fs::write(at("pass"), "correct horse\n").unwrap();
    machine.ask(&["repo", "add", "vault", &at("vault"), "--password-file", &at("pass")]);
    let home = at("home");
    let add = ["plan", "add", "home", "--repo", "vault", "--path", &home, "--retention", "last=1"];
    let plan = machine.ask(&add);
    assert_eq!((&plan["retention"], &plan["retention_inactive"]), (&json!("last=1"), &Value::Null));
    machine
}

#[test]
fn a_received_repo_is_kept_in_order_by_its_owner_and_a_members_retention_is_said_to_be_inactive() {
    let (hub, laptop) = (Machine::start("hub"), Machine::start("laptop"));
    let text = |path: std::path::PathBuf| path.to_str().unwrap().to_owned();
    let (vault, pass) = (text(hub.folder().join("vault")), text(hub.folder().join("pass")));
    fs::write(&pass, "correct horse\n").unwrap();
    light::repository(vault.as_ref(), 1);
    hub.ask(&["repo", "add", "vault", &vault, "--password-file", &pass]);
    hub.ask(&["repo", "share", "vault"]);
    let grants = ["--grant", "receive-shared-repos=repo:vault", "--ask", "send-shared-repos"];
    let allow = text(hub.folder().to_owned());
    laptop.joins(&hub, &grants, &["--accept-asks", "--allow-path", &allow]);
    laptop.until(&["repo", "list"], |repos| repos[0]["state"] == "ready");
    let home = text(laptop.folder().join("home"));
    fs::create_dir(&home).unwrap();
    fs::write(laptop.folder().join("home/letter.txt"), "dear reader").unwrap();
    let add = ["plan", "add", "home", "--repo", "vault", "--path", &home, "--retention", "last=1"];
    let plan = laptop.ask(&add);
    let inactive = plan["retention_inactive"].as_str().unwrap_or_default();
    assert!(inactive.contains("shared by hub"), "{plan}");
    for _ in 0..2 {
        assert_eq!(laptop.ask(&["plan", "backup", "home"])["status"], "succeeded");
    }
    assert_eq!(laptop.cli(&["snapshots", "--plan", "home"]).lines().len(), 2, "none is forgotten");
    for refused in [
        vec!["repo", "prune", "vault"],
        vec!["repo", "check", "vault"],
        vec!["repo", "unlock", "vault", "--all", "--yes"],
        vec!["repo", "edit", "vault", "--prune", "every 30d"],
        vec!["repo", "run", "vault", "--", "forget", "latest"],
    ] {
        assert_eq!(laptop.cli(&refused).refused(), "read-only", "{refused:?}");
    }
    let password = ["repo", "show", "vault", "--password"];
    let hidden = laptop.cli(&password);
    let said = hidden.error();
    assert!(said["message"].as_str().unwrap().contains("the owner's to show"), "{said}");
    assert_eq!(said["remedy"], "ask on hub: holdfast repo show vault --password");
    assert_eq!(hidden.refused(), "read-only");
    assert_eq!(hub.ask(&password)["password"], "correct horse");
    assert_eq!(hub.ask(&["repo", "check", "vault"])["status"], "succeeded");
}

fn of_kind<'a>(operations: &'a [Value], kind: &str) -> Vec<&'a Value> {
    operations.iter().filter(|operation| operation["kind"] == kind).collect()
}

#[test]
fn a_plan_forgets_by_its_retention_and_says_before_what_it_would_do() {
    let nas = machine();
    let text = fs::read_to_string(nas.config()).unwrap();
    assert!(text.contains("retention = { last = 1 }"), "{text}");
    let first = nas.ask(&["plan", "backup", "home"]);
    nas.ask(&["plan", "edit", "home", "--retention", "keep-all"]);
    assert_eq!(nas.cli(&["plan", "forget", "home"]).refused(), "keeps-all");
    nas.ask(&["plan", "backup", "home"]);
    nas.ask(&["plan", "edit", "home", "--retention", "daily=1"]);

    let preview = nas.ask(&["plan", "forget", "home", "--dry-run"]);
    let group = &preview["groups"][0];
    assert_eq!((&group["plan"], &group["instance"]), (&json!("home"), &json!("nas")));
    let fates: Vec<_> = group["snapshots"].as_array().unwrap().iter().map(|s| &s["fate"]).collect();
    assert_eq!(fates, [&json!("keep"), &json!("forget")]);
    assert_eq!(group["snapshots"][0]["reasons"], json!(["daily snapshot"]));
    assert_eq!(group["snapshots"][1]["id"], first["snapshot"]);
    assert_eq!(nas.cli(&["snapshots"]).lines().len(), 2, "a dry run changes nothing");

    let forget = nas.ask(&["plan", "forget", "home"]);
    assert_eq!(forget["message"], "1 of 2 snapshots forgotten");
    assert_eq!(nas.cli(&["snapshots"]).lines().len(), 1);
    nas.ask(&["repo", "index", "vault"]);
    let id = first["id"].as_str().unwrap();
    let marked = nas.ask(&["op", "show", id]);
    assert_eq!(marked["snapshot"], first["snapshot"], "history outlives the snapshot");
    assert!(marked["snapshot_gone"].is_string(), "{marked}");
    let bad = nas.cli(&["plan", "edit", "home", "--retention", "daily=0"]);
    assert_eq!(bad.code, 2, "{bad:?}");
}

#[test]
fn a_repo_is_pruned_checked_measured_and_looked_into_by_hand() {
    let nas = machine();
    nas.ask(&["plan", "backup", "home"]);
    let before = nas.ask(&["repo", "show", "vault"]);
    assert_eq!((&before["last_check"], &before["last_prune"]), (&Value::Null, &Value::Null));
    let edit = [
        "repo",
        "edit",
        "vault",
        "--check",
        "every 30d",
        "--read-data",
        "1/2",
        "--max-unused",
        "0%",
    ];
    let repo = nas.ask(&edit);
    assert_eq!(repo["upkeep"]["check_schedule"], "every 30d");
    let text = fs::read_to_string(nas.config()).unwrap();
    assert!(
        text.contains("check = { schedule = { every = \"30d\" }, read-data = \"1/2\" }"),
        "{text}"
    );
    assert!(text.contains("prune = { max-unused = \"0%\" }"), "{text}");

    let prune = nas.ask(&["repo", "prune", "vault"]);
    assert_eq!((&prune["kind"], &prune["status"]), (&json!("prune"), &json!("succeeded")));
    let check = nas.ask(&["repo", "check", "vault"]);
    assert!(check["message"].as_str().unwrap().contains(" of 2 of the data was read"), "{check}");
    assert_eq!(nas.ask(&["repo", "stats", "vault"])["status"], "succeeded");
    let repo = nas.ask(&["repo", "list"])[0].clone();
    assert_eq!(repo["last_check"], check["ended_at"]);
    assert_eq!(repo["last_prune"], prune["ended_at"]);
    assert_eq!((&repo["state"], &repo["locked_by"]), (&json!("ready"), &Value::Null));

    let command = nas.ask(&["repo", "run", "vault", "--", "snapshots"]);
    assert_eq!(
        (&command["kind"], &command["message"]),
        (&json!("command"), &json!("restic snapshots"))
    );
    let log = nas.cli(&["op", "log", command["id"].as_str().unwrap()]);
    assert!(log.stdout.contains("plan:home"), "{log:?}");
    let told = nas.told(&["repo", "run", "vault", "--", "snapshots"]);
    assert!(told.stdout.contains("plan:home"), "{told:?}");
    assert!(
        told.stderr.contains("command of vault") && told.stderr.contains("op log "),
        "{told:?}"
    );
    let other = nas.cli(&["repo", "run", "vault", "--", "snapshots", "--repo=/elsewhere"]);
    assert_eq!(other.refused(), "not-allowed");
    let unlock = nas.ask(&["repo", "unlock", "vault"]);
    assert_eq!(unlock["message"], "no lock was removed");
    assert_eq!(nas.cli(&["repo", "unlock", "vault", "--all"]).code, 2, "a person has to say so");
    assert_eq!(nas.cli(&["repo", "forget", "vault"]).refused(), "keeps-all");
    assert_eq!(nas.cli(&["repo", "prune", "valt"]).code, 1);
}

#[test]
fn one_operation_is_removed_by_hand_and_the_log_says_so() {
    let nas = machine();
    let backup = nas.ask(&["plan", "backup", "home"]);
    let id = backup["id"].as_str().unwrap();
    let removed = nas.ask(&["op", "remove", id]);
    assert_eq!((&removed["id"], &removed["archived"]), (&backup["id"], &json!(true)));
    let operations = nas.cli(&["ops"]).lines();
    assert!(operations.iter().all(|operation| operation["id"] != backup["id"]), "{operations:?}");
    assert_eq!(of_kind(&operations, "init").len(), 1, "only that one");
    assert_eq!(nas.cli(&["op", "remove", id]).refused(), "not-found");
    let proof = nas.cli(&["ops", "export", "--proof"]).lines();
    let says_so = |entry: &Value| entry["operation"] == backup["id"] && entry["kind"] == "removed";
    assert!(proof.iter().any(says_so), "{proof:?}");
}
