//! Schedules as a person uses them: through the real binary, with the real restic.
#![allow(clippy::unwrap_used)]

mod machine;

use machine::{Machine, PATIENCE, light};
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::time::Instant;

/// A machine with a repo and a folder to save; its plans are added by the test.
fn machine() -> Machine {
    let nas = Machine::start("nas");
    fs::create_dir(nas.folder().join("home")).unwrap();
    fs::write(nas.folder().join("home/letter.txt"), "dear reader").unwrap();
    fs::write(nas.folder().join("pass"), "correct horse\n").unwrap();
    let (uri, pass) = (at(&nas, "vault"), at(&nas, "pass"));
    light::repository(Path::new(&uri), 1);
    nas.ask(&["repo", "add", "vault", &uri, "--password-file", &pass]);
    nas
}

fn at(machine: &Machine, name: &str) -> String {
    machine.folder().join(name).to_str().unwrap().to_owned()
}

fn add(machine: &Machine, plan: &str, schedule: &str) -> Value {
    let home = at(machine, "home");
    machine.ask(&["plan", "add", plan, "--repo", "vault", "--path", &home, "--schedule", schedule])
}

fn plan<'a>(plans: &'a Value, id: &str) -> &'a Value {
    plans.as_array().unwrap().iter().find(|plan| plan["id"] == id).unwrap()
}

#[test]
fn a_plan_runs_by_itself_another_after_it_and_once() {
    let mut nas = machine();
    add(&nas, "first", "every 6h");
    let second = add(&nas, "second", "after first");
    assert_eq!(
        (second["schedule"].as_str(), &second["next_run"]),
        (Some("after first"), &Value::Null)
    );
    let both =
        |plans: &Value| ["first", "second"].iter().all(|id| plan(plans, id)["state"] == "fresh");
    let plans = nas.until(&["plan", "list"], both);
    let first = plan(&plans, "first");
    assert_eq!(first["allowed_age_s"], 9 * 3600, "one and a half of the longest gap");
    assert!(first["next_run"].is_string(), "{first}");
    // A daemon that comes back repeats nothing, and knows when the next one is due.
    nas.restart();
    let again = nas.until(&["plan", "list"], |plans| plans[0]["next_run"].is_string());
    assert_eq!(plan(&again, "first")["next_run"], first["next_run"]);
    let operations = nas.cli(&["ops"]).lines();
    let backups = operations.iter().filter(|op| op["kind"] == "backup").count();
    assert_eq!(backups, 2, "{operations:#?}");
}

#[test]
fn a_failed_run_is_not_tried_again_where_that_is_of_no_use_and_speaks_of_no_attempts() {
    let nas = machine();
    fs::write(nas.folder().join("pass"), "battery staple\n").unwrap();
    add(&nas, "home", "every 6h");
    let plans = nas.until(&["plan", "list"], |plans| plans[0]["state"] == "failing");
    assert_eq!(plans[0]["failures"], 1);
    let operations = nas.cli(&["ops"]).lines();
    let failed = operations.iter().find(|op| op["kind"] == "backup").unwrap();
    let said = failed["message"].as_str().unwrap();
    assert!(!said.contains("Attempt"), "there will be no other: {said}");
}

#[test]
fn a_plan_is_paused_resumed_and_shown_with_its_next_runs() {
    let nas = machine();
    let home = add(&nas, "home", "cron: 30 2 1 1 *");
    assert_eq!(
        (home["schedule"].as_str(), home["state"].as_str()),
        (Some("cron: 30 2 1 1 *"), Some("not-yet"))
    );
    let zone = ["plan", "edit", "home", "--time-zone", "Europe/Rome", "--jitter", "0s"];
    let home = nas.ask(&zone);
    assert_eq!(
        (home["time_zone"].as_str(), home["jitter_s"].as_u64()),
        (Some("Europe/Rome"), Some(0))
    );
    assert_eq!(home["grace_s"], 6 * 3600);
    let due = |plan: &Value| plan["next_runs"].as_array().is_some_and(|runs| runs.len() == 5);
    let home = nas.until(&["plan", "show", "home"], due);
    let runs: Vec<_> =
        home["next_runs"].as_array().unwrap().iter().map(|at| at.as_str().unwrap()).collect();
    assert!(runs.iter().all(|at| at.ends_with("-01-01T01:30:00.000Z")), "{runs:?}");
    assert_eq!(home["next_run"], home["next_runs"][0]);

    let paused = nas.ask(&["plan", "snooze", "home", "8h"]);
    assert_eq!(paused["state"], "paused");
    assert!(paused["paused_until"].is_string());
    let paused = nas.ask(&["plan", "pause", "home"]);
    assert_eq!((&paused["state"], &paused["paused_until"]), (&"paused".into(), &Value::Null));
    assert!(paused["paused_since"].is_string());
    let resumed = nas.ask(&["plan", "resume", "home"]);
    assert_eq!((&resumed["state"], &resumed["paused_since"]), (&"not-yet".into(), &Value::Null));
    assert_eq!(
        nas.cli(&["plan", "pause", "home", "--until", "2020-01-01T00:00:00Z"]).refused(),
        "invalid"
    );
    let circle = ["plan", "edit", "home", "--schedule", "after home"];
    assert!(nas.cli(&circle).error()["message"].as_str().unwrap().contains("home after home"));
}

#[test]
fn a_run_that_is_due_waits_outside_of_its_window_and_says_so() {
    let nas = machine();
    add(&nas, "home", "every 6h");
    nas.until(&["plan", "list"], |plans| plans[0]["state"] == "fresh");
    // A load of a hundredth is never there while tests run.
    let config = fs::read_to_string(nas.config()).unwrap();
    let more = format!(
        "{config}\n[[plan]]\nid = \"waits\"\nrepo = \"vault\"\npaths = [\"{}\"]\n\
         schedule = {{ every = \"6h\" }}\nonly-when = {{ load-below = 0.01 }}\n",
        at(&nas, "home")
    );
    nas.write_config(&more);
    let waits =
        |plans: &Value| plans.as_array().unwrap().iter().any(|plan| plan["state"] == "waiting");
    let plans = nas.until(&["plan", "list"], waits);
    assert_eq!(plan(&plans, "waits")["waiting_for"], "a load below 0.01");
    assert_eq!(
        nas.ask(&["plan", "backup", "waits"])["status"],
        "succeeded",
        "a person need not wait"
    );
}

#[test]
fn a_retry_says_which_it_is_and_stays_in_its_flow_across_a_restart() {
    let mut nas = machine();
    let (home, ready) = (at(&nas, "home"), at(&nas, "ready"));
    let config = fs::read_to_string(nas.config()).unwrap();
    nas.write_config(&format!(
        "{config}\n[[plan]]\nid = \"home\"\nrepo = \"vault\"\npaths = [{home:?}]\n\
         schedule = {{ every = \"6h\" }}\nretry = {{ attempts = 4, wait = \"3s\" }}\n\
         hook = [{{ on = [\"backup-started\"], command = \"test -e {ready}\", on-error = \"fail\" }}]\n"
    ));
    let waits =
        |plans: &Value| plans[0]["attempt"]["number"] == 2 && plans[0]["retry_at"].is_string();
    let plans = nas.until(&["plan", "list"], waits);
    assert_eq!((&plans[0]["attempt"]["of"], &plans[0]["state"]), (&4.into(), &"failing".into()));
    nas.restart();
    fs::write(&ready, "").unwrap();
    let over = |plans: &Value| plans[0]["state"] == "fresh" && plans[0]["attempt"].is_null();
    let plans = nas.until(&["plan", "list"], over);
    assert_eq!(plans[0]["retry_at"], Value::Null);
    let operations = nas.cli(&["ops", "--plan", "home"]).lines();
    let tries: Vec<_> = operations.iter().filter(|op| op["kind"] == "backup").collect();
    assert!((2..=4).contains(&tries.len()), "{tries:#?}");
    for (tried, number) in tries.iter().zip(1..) {
        assert_eq!(
            (&tried["attempt"]["number"], &tried["attempt"]["of"]),
            (&number.into(), &4.into())
        );
        assert_eq!(tried["flow"], tries[0]["flow"], "one run");
    }
    let by_hand = nas.ask(&["plan", "backup", "home"]);
    assert_eq!(by_hand["attempt"], Value::Null, "a person tries once");
}

#[test]
fn upkeep_says_when_it_is_due_and_is_tried_again_as_its_repo_says() {
    let nas = machine();
    let yearly = ["repo", "edit", "vault", "--prune", "cron: 30 2 1 1 *", "--stats", "manual"];
    assert_eq!(nas.ask(&yearly)["next_stats"], Value::Null);
    let due = nas.until(&["repo", "show", "vault"], |repo| repo["next_prune"].is_string());
    assert_eq!((&due["next_check"], &due["next_stats"]), (&Value::Null, &Value::Null));
    let prune = due["next_prune"].as_str().unwrap();
    assert!(prune.contains("-01-01T"), "{prune}");
    assert_eq!(nas.ask(&["repo", "list"])[0]["next_prune"], prune);

    fs::rename(at(&nas, "vault"), at(&nas, "away")).unwrap();
    let retry = ["--retry-attempts", "2", "--retry-wait", "1s"];
    let checked =
        nas.ask(&[&["repo", "edit", "vault", "--check", "every 6h"], &retry[..]].concat());
    assert_eq!(checked["upkeep"]["retry_attempts"], 2);
    let begun = Instant::now();
    let checks = loop {
        let operations = nas.cli(&["ops"]).lines();
        let ended = |op: &Value| op["kind"] == "check" && op["ended_at"].is_string();
        let checks: Vec<_> = operations.into_iter().filter(ended).collect();
        if checks.len() == 2 {
            break checks;
        }
        assert!(begun.elapsed() < PATIENCE, "{checks:#?}\n{}", nas.log());
    };
    assert_eq!(checks[0]["flow"], checks[1]["flow"]);
    let said: Vec<_> = checks.iter().map(|check| check["message"].as_str().unwrap()).collect();
    assert!(said[0].ends_with("Attempt 1 of 2") && said[1].ends_with("Attempt 2 of 2"), "{said:?}");
}
