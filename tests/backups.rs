//! The story of a backup on one machine: repos, plans, runs and the config file, through the real
//! binary and the real restic.
#![allow(clippy::unwrap_used)]

mod machine;

use machine::Machine;
use serde_json::{Value, json};
use std::fs;
use std::process::Command;

/// A machine with a folder to save, and a file with the password of its repositories.
fn machine(name: &str) -> Machine {
    let machine =
        Machine::start_with(name, "# kept as it is\nclass = \"laptop\" # and so is this\n");
    fs::create_dir(machine.folder().join("home")).unwrap();
    fs::write(machine.folder().join("home/letter.txt"), "dear reader").unwrap();
    fs::write(machine.folder().join("pass"), "correct horse\n").unwrap();
    fs::write(machine.folder().join("wrong"), "battery staple\n").unwrap();
    machine
}

/// The path of something in its folder.
fn at(machine: &Machine, name: &str) -> String {
    machine.folder().join(name).to_str().unwrap().to_owned()
}

fn add_repo<'a>(id: &'a str, uri: &'a str, pass: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    [&["repo", "add", id, uri, "--password-file", pass], more].concat()
}

fn config(machine: &Machine) -> String {
    fs::read_to_string(machine.config()).unwrap()
}

/// A repository that was made by hand.
fn make_repository(machine: &Machine, name: &str) -> String {
    let uri = at(machine, name);
    let restic = Command::new("restic")
        .args(["init", "--repo", &uri, "--password-file", &at(machine, "pass")])
        .env("RESTIC_CACHE_DIR", at(machine, "cache"))
        .output()
        .unwrap();
    assert!(restic.status.success(), "{}", String::from_utf8_lossy(&restic.stderr));
    uri
}

fn states(plans: &Value) -> Vec<&str> {
    plans.as_array().unwrap().iter().map(|plan| plan["state"].as_str().unwrap()).collect()
}

#[test]
fn a_repo_is_created_once_and_a_plan_backs_up_into_it() {
    let nas = machine("nas");
    let (uri, pass) = (at(&nas, "vault"), at(&nas, "pass"));
    let repo = nas.ask(&add_repo("vault", &uri, &pass, &[]));
    assert_eq!((repo["state"].as_str(), repo["uri"].as_str()), (Some("ready"), Some(&*uri)));
    assert_eq!(repo["guid"].as_str().unwrap().len(), 64);
    assert_eq!(repo["locked_by"], Value::Null);
    assert!(nas.folder().join("vault/config").exists());
    assert_eq!(nas.cli(&add_repo("vault", &uri, &pass, &[])).refused(), "exists");
    assert_eq!(nas.cli(&["repo", "init", "vault"]).refused(), "exists");

    let home = at(&nas, "home");
    let add = ["plan", "add", "home", "--repo", "vault", "--path", &home, "--max-age", "36h"];
    let plan = nas.ask(&add);
    assert_eq!((plan["state"].as_str(), plan["enabled"].as_bool()), (Some("not-yet"), Some(true)));
    assert_eq!(plan["allowed_age_s"], 36 * 3600);
    assert_eq!((plan["age_s"].clone(), plan["next_run"].clone()), (Value::Null, Value::Null));
    assert_eq!(nas.cli(&add).refused(), "exists");
    assert_eq!(nas.cli(&["fleet"]).code, 0, "nothing needs anybody yet");

    let started = nas.ask(&["plan", "backup", "home", "--no-wait"]);
    assert_eq!(
        (started["kind"].as_str(), started["plan"].as_str()),
        (Some("backup"), Some("home"))
    );
    assert_eq!(started["origin"], nas.key());
    let plans = nas.until(&["plan", "list"], |plans| plans[0]["state"] == "fresh");
    assert_eq!(plans[0]["last_status"], "succeeded");
    assert_eq!(plans[0]["last_success"], plans[0]["last_run"]);
    assert!(plans[0]["age_s"].as_u64().unwrap() < 3600);
    assert_eq!(nas.ask(&["fleet"])[0]["state"], "fresh");
    let again = nas.ask(&["plan", "backup", "home"]);
    assert_eq!(
        (again["status"].as_str(), again["kind"].as_str()),
        (Some("succeeded"), Some("backup"))
    );
    let operations = nas.cli(&["ops"]).lines();
    let kinds: Vec<_> = operations.iter().map(|operation| operation["kind"].as_str()).collect();
    assert_eq!(kinds[..2], [Some("init"), Some("backup")], "{operations:?}");
    assert!(operations.contains(&again), "{operations:?}");
    let snapshots = nas.cli(&["snapshots"]).lines();
    assert_eq!(snapshots.len(), 2);
    assert!(snapshots.iter().all(|snapshot| snapshot["plan"] == "home"), "{snapshots:?}");

    let text = config(&nas);
    assert!(text.contains("# kept as it is\n"), "{text}");
    assert!(text.contains("class = \"laptop\" # and so is this"), "{text}");
    nas.ask(&["plan", "remove", "home"]);
    assert_eq!(nas.ask(&["fleet"]), Value::Array(Vec::new()));
}

#[test]
fn a_dry_run_says_what_a_backup_would_do_and_does_nothing() {
    let nas = machine("nas");
    let (uri, pass, home) = (at(&nas, "vault"), at(&nas, "pass"), at(&nas, "home"));
    nas.ask(&add_repo("vault", &uri, &pass, &[]));
    nas.ask(&["plan", "add", "home", "--repo", "vault", "--path", &home]);
    nas.ask(&["plan", "backup", "home"]);
    fs::write(nas.folder().join("home/new.txt"), "something new").unwrap();
    fs::write(nas.folder().join("home/letter.txt"), "dear reader, more").unwrap();
    let before = (nas.cli(&["ops"]).lines().len(), nas.cli(&["snapshots"]).lines().len());
    let trial = nas.ask(&["plan", "backup", "home", "--dry-run"]);
    let counts = |stats: &Value| {
        ["files_new", "files_changed", "files_unmodified", "bytes_processed", "item_errors"]
            .map(|field| stats[field].as_u64().unwrap())
    };
    assert_eq!(counts(&trial["stats"]), [1, 1, 0, 30, 0]);
    assert!(trial["stats"]["bytes_added"].as_u64().unwrap() > 0 && trial["unread"] == json!([]));
    let after = (nas.cli(&["ops"]).lines().len(), nas.cli(&["snapshots"]).lines().len());
    assert_eq!(before, after, "neither an operation nor a snapshot");
    let done = nas.ask(&["plan", "backup", "home"]);
    assert_eq!(counts(&done["stats"]), counts(&trial["stats"]));
    assert_eq!(nas.cli(&["plan", "backup", "nothing", "--dry-run"]).refused(), "not-found");

    let printed = "\n[[plan]]\nid = \"dump\"\nrepo = \"vault\"\nstdin-command = [\"date\"]\n";
    fs::write(nas.config(), config(&nas) + printed).unwrap();
    nas.until(&["plan", "list"], |plans| plans.as_array().unwrap().len() == 2);
    let refused = nas.cli(&["plan", "backup", "dump", "--dry-run"]);
    assert!(refused.error()["message"].as_str().unwrap().contains("what a command prints"));
}

#[test]
fn a_repository_that_is_there_is_adopted_with_its_password_only() {
    let nas = machine("nas");
    let (pass, wrong) = (at(&nas, "pass"), at(&nas, "wrong"));
    let (found, absent) = (make_repository(&nas, "found"), at(&nas, "absent"));
    let before = config(&nas);
    let refused = nas.cli(&add_repo("vault", &found, &wrong, &[]));
    assert!(refused.error()["remedy"].as_str().unwrap().contains("password"), "{refused:?}");
    assert_eq!(refused.refused(), "wrong-password");
    assert_eq!(nas.cli(&add_repo("vault", &absent, &pass, &["--no-init"])).refused(), "missing");
    assert!(!nas.folder().join("absent").exists());
    assert_eq!(nas.ask(&["repo", "list"]), Value::Array(Vec::new()));
    assert_eq!(config(&nas).trim_end(), before.trim_end(), "the config is as it was");

    let repo = nas.ask(&add_repo("vault", &found, &pass, &["--no-init"]));
    assert_eq!(repo["state"], "ready");
    assert_eq!(nas.ask(&["repo", "list"])[0], repo);
}

#[test]
fn a_repository_that_is_gone_is_said_to_be_missing_and_its_plan_to_fail() {
    let nas = machine("nas");
    let (uri, pass, home) = (at(&nas, "vault"), at(&nas, "pass"), at(&nas, "home"));
    nas.ask(&add_repo("vault", &uri, &pass, &[]));
    nas.ask(&["plan", "add", "home", "--repo", "vault", "--path", &home]);
    fs::rename(&uri, at(&nas, "elsewhere")).unwrap();
    nas.ask(&["plan", "backup", "home", "--no-wait"]);
    let plan = nas.until(&["plan", "list"], |plans| plans[0]["state"] == "failing");
    assert_eq!(plan[0]["failures"], 1);
    let repo = nas.ask(&["repo", "show", "vault"]);
    assert_eq!(repo["state"], "missing", "{repo}");
    assert!(repo["reason"].as_str().unwrap().contains("never created again"), "{repo}");
    let fleet = nas.cli(&["fleet"]);
    assert_eq!((fleet.code, states(&fleet.json)), (1, vec!["failing"]), "somebody is needed");
    fs::rename(at(&nas, "elsewhere"), &uri).unwrap();
    nas.ask(&["plan", "backup", "home", "--no-wait"]);
    nas.until(&["plan", "list"], |plans| plans[0]["state"] == "fresh");
    assert_eq!(nas.ask(&["repo", "show", "vault"])["state"], "ready");
}

#[test]
fn what_is_wrong_is_refused_by_name_and_changes_nothing() {
    let nas = machine("nas");
    let (uri, pass, home) = (at(&nas, "vault"), at(&nas, "pass"), at(&nas, "home"));
    nas.ask(&add_repo("vault", &uri, &pass, &[]));
    let before = config(&nas);
    let unknown = nas.cli(&["plan", "add", "home", "--repo", "valt", "--path", &home]);
    assert!(unknown.error()["message"].as_str().unwrap().contains("repo \"valt\""), "{unknown:?}");
    assert_eq!(unknown.refused(), "invalid");
    let young = ["plan", "add", "home", "--repo", "vault", "--path", &home, "--max-age", "5s"];
    let young = nas.cli(&young);
    assert!(young.error()["message"].as_str().unwrap().contains("max-age 5s"), "{young:?}");
    assert_eq!(nas.cli(&["plan", "backup", "home"]).refused(), "not-found");
    assert_eq!(nas.cli(&["repo", "edit", "valt", "--uri", &uri]).refused(), "not-found");
    assert_eq!(config(&nas), before);

    nas.ask(&["plan", "add", "home", "--repo", "vault", "--path", &home]);
    let removed = nas.ask(&["repo", "remove", "vault"]);
    assert_eq!(removed["disabled_plans"], serde_json::json!(["home"]));
    let kept = std::path::Path::new(removed["kept_in"].as_str().unwrap());
    assert!(fs::read_to_string(kept).unwrap().contains("id = \"vault\""), "{removed}");
    let mode = std::os::unix::fs::MetadataExt::mode(&kept.metadata().unwrap());
    assert_eq!(mode & 0o777, 0o600, "a password may stand in it");
    assert_eq!(nas.cli(&["fleet"]).code, 1, "a plan that something disabled needs somebody");
    let plan = nas.ask(&["plan", "list"]);
    assert_eq!(
        (plan[0]["state"].as_str(), plan[0]["enabled"].as_bool()),
        (Some("paused"), Some(false))
    );
    assert!(plan[0]["disabled_reason"].as_str().unwrap().contains("no repo vault"), "{plan}");
    for repo in [&[][..], &["--repo", "vault"]] {
        let edit = [&["plan", "edit", "home", "--max-age", "2d"], repo].concat();
        assert_eq!(nas.ask(&edit)["allowed_age_s"], 172_800, "it can be edited all the same");
    }
    let elsewhere = nas.cli(&["plan", "edit", "home", "--repo", "valt"]);
    assert!(elsewhere.error()["message"].as_str().unwrap().contains("repo \"valt\""));
    assert_eq!(elsewhere.refused(), "invalid");
    assert!(nas.folder().join("vault/config").exists(), "the repository stays");
}

#[test]
fn a_config_broken_by_hand_leaves_the_old_one_running_and_says_where() {
    let nas = machine("nas");
    let (uri, pass) = (at(&nas, "vault"), at(&nas, "pass"));
    nas.ask(&add_repo("vault", &uri, &pass, &["--env", "TOKEN=hunter2"]));
    let good = config(&nas);
    nas.write_config(&format!(
        "{good}\n[[plan]]\nid = \"home\"\nrepo = \"vault\"\npats = [\"/home\"]\n"
    ));
    let shown = nas.until(&["config", "show"], |shown| shown["problems"][0]["line"].is_u64());
    let problems = shown["problems"].as_array().unwrap();
    let told = |problem: &Value| problem["message"].as_str().unwrap().contains("pats");
    assert!(problems.iter().any(told), "{shown}");
    assert!(!shown["text"].as_str().unwrap().contains("hunter2"), "{shown}");
    assert_eq!(nas.ask(&["repo", "show", "vault"])["state"], "ready", "the old one runs");
    assert_eq!(nas.ask(&["plan", "list"]), Value::Array(Vec::new()));
    assert_eq!(nas.cli(&["repo", "remove", "vault"]).refused(), "invalid");
    nas.write_config(&good);
    nas.until(&["config", "show"], |shown| shown["problems"] == Value::Array(Vec::new()));
}
