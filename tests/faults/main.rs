//! What goes wrong on a real machine: processes are killed, disks are full, repositories are away,
//! passwords are changed. Each time it is said what happened, and nothing is left to be mended.
#![allow(clippy::unwrap_used)]

#[path = "../machine/mod.rs"]
mod machine;
#[allow(dead_code, unreachable_pub)] // of all its ways to choose, a few are needed here
#[path = "../histories/random.rs"]
mod random;
#[allow(dead_code)] // its port is known here
#[path = "../storages/server.rs"]
mod server;

mod away;
mod disks;
mod full;
mod kills;

use machine::Machine;
use serde_json::Value;
use std::fs;

/// The path of something in the folder of a machine.
fn at(machine: &Machine, name: &str) -> String {
    machine.folder().join(name).to_str().unwrap().to_owned()
}

/// Gives a machine a folder to save and a repo.
fn furnish(machine: &Machine, uri: &str) {
    fs::create_dir(at(machine, "home")).unwrap();
    fs::write(at(machine, "home/letter.txt"), "dear reader").unwrap();
    fs::write(at(machine, "pass"), "correct horse").unwrap();
    machine.ask(&["repo", "add", "vault", uri, "--password-file", &at(machine, "pass")]);
}

/// Adds a plan that is due at once, and tried again soon after it failed.
fn add_due(machine: &Machine, plan: &str) {
    let config = fs::read_to_string(machine.config()).unwrap();
    let home = at(machine, "home");
    let due = format!(
        "{config}\n[[plan]]\nid = {plan:?}\nrepo = \"vault\"\npaths = [{home:?}]\n\
         schedule = {{ every = \"6h\" }}\nretry = {{ attempts = 10, wait = \"1s\" }}\n"
    );
    machine.write_config(&due);
}

fn back_up(machine: &Machine) -> Value {
    machine.cli(&["plan", "backup", "home"]).json
}

#[track_caller]
fn succeeds(machine: &Machine) -> Value {
    let backup = back_up(machine);
    assert_eq!(backup["status"], "succeeded", "{backup}\n{}", machine.log());
    backup
}

/// The message of a run that fails.
#[track_caller]
fn fails(machine: &Machine) -> String {
    let backup = back_up(machine);
    assert_eq!(backup["status"], "failed", "{backup}");
    backup["message"].as_str().unwrap().to_owned()
}

/// Waits until a plan is in that state.
#[track_caller]
fn until_plan_is(machine: &Machine, plan: &str, state: &str) -> Value {
    let is_it = |one: &&Value| one["id"] == plan && one["state"] == state;
    let plans = machine
        .until(&["plan", "list"], |plans| plans.as_array().unwrap().iter().any(|one| is_it(&one)));
    plans.as_array().unwrap().iter().find(is_it).unwrap().clone()
}

fn repo_state(machine: &Machine) -> Value {
    machine.ask(&["repo", "list"])[0]["state"].clone()
}
