//! Operations that one machine starts and cancels on another: real daemons, real restic.
#![allow(clippy::unwrap_used)]

mod machine;

use machine::Machine;
use serde_json::Value;
use std::fs;

/// More than restic saves within the time of a test at the rate of [`SLOW`].
const MUCH: usize = 24 << 20;
const SLOW: &str = "limits = { upload = \"256KiB\" }\n";

/// A machine with a plan `home` and a plan `slow` into one repo.
fn cabin() -> Machine {
    let mut cabin = Machine::start("cabin");
    let path = |name: &str| cabin.folder().join(name);
    for (name, bytes) in [("files", b"letter".to_vec()), ("much", noise())] {
        fs::create_dir_all(path(name)).unwrap();
        fs::write(path(name).join("a"), bytes).unwrap();
    }
    let text = format!(
        "instance = \"cabin\"\nlisten = [\"127.0.0.1:{}\"]\nurls = [\"{}\"]\nheartbeat = \"1s\"\n\
         [[repo]]\nid = \"vault\"\nuri = \"{}\"\npassword = \"x\"\n\
         [[plan]]\nid = \"home\"\nrepo = \"vault\"\npaths = [\"{}\"]\n\
         [[plan]]\nid = \"slow\"\nrepo = \"vault\"\npaths = [\"{}\"]\n{SLOW}",
        cabin.port,
        cabin.url,
        path("vault").display(),
        path("files").display(),
        path("much").display(),
    );
    cabin.write_config(&text);
    cabin.restart();
    cabin
}

fn noise() -> Vec<u8> {
    let mut bytes = vec![0; MUCH];
    getrandom::fill(&mut bytes).unwrap();
    bytes
}

/// The cabin joins the hub, which may see all there and start this.
fn paired(grant: &str) -> (Machine, Machine) {
    let (hub, cabin) = (Machine::start("hub"), cabin());
    cabin.joins(&hub, &["--ask", "read-operations=*"], &["--accept-asks"]);
    cabin.ask(&["peer", "grant", "hub", grant]);
    hub.until(&["peer", "show", "cabin"], |peer| {
        let told = peer["grants_received"].as_array().unwrap();
        peer["state"] == "connected" && told.len() == 2
    });
    (hub, cabin)
}

fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field].as_str().unwrap_or_default()
}

#[test]
fn a_hub_starts_what_it_is_granted_and_sees_it_to_its_end() {
    let (hub, cabin) = paired("run-operations=*,!plan:slow");
    let backup = hub.ask(&["plan", "backup", "home", "--peer", "cabin"]);
    assert_eq!((text(&backup, "kind"), text(&backup, "status")), ("backup", "succeeded"));
    assert_eq!(text(&backup, "instance"), "cabin");
    let there = cabin.ask(&["op", "show", text(&backup, "id")]);
    assert_eq!(there["snapshot"], backup["snapshot"]);
    // Who asked for it stands in its log, there and as it is read from here.
    for machine in [&cabin, &hub] {
        let log = machine.told(&["op", "log", text(&backup, "id")]).stdout;
        assert!(log.contains(&format!("asked for by hub ({})", hub.key())), "{log}");
    }
    for kind in ["check", "prune", "stats", "index", "unlock"] {
        let done = hub.ask(&["repo", kind, "vault", "--peer", "cabin"]);
        assert_eq!((text(&done, "kind"), text(&done, "status")), (kind, "succeeded"), "{done}");
    }
    assert_eq!(hub.ask(&["peer", "commands"]), Value::Array(Vec::new()));
}

#[test]
fn what_is_not_granted_is_refused_before_anything_runs() {
    let (hub, cabin) = paired("run-operations=*,!plan:slow");
    let refused = |arguments: &[&str], code: &str, words: &str| {
        let output = hub.cli(arguments);
        assert_ne!(output.code, 0, "{arguments:?}");
        let error = output.error();
        assert_eq!(text(&error, "code"), code, "{error}");
        assert!(text(&error, "message").contains(words), "{error}");
    };
    let away = "cabin did not do it: there is no such thing there, or it is not granted";
    refused(&["plan", "backup", "slow", "--peer", "cabin"], "refused", away);
    refused(&["plan", "backup", "nothing", "--peer", "cabin"], "refused", away);
    refused(&["repo", "check", "nothing", "--peer", "cabin"], "refused", away);
    // It would weigh the snapshots of the plan that is left out.
    refused(&["repo", "forget", "vault", "--peer", "cabin"], "refused", away);
    let own = "cannot be asked of a peer";
    refused(&["repo", "run", "vault", "--peer", "cabin", "--", "snapshots"], "usage", own);
    refused(&["repo", "unlock", "vault", "--all", "--peer", "cabin"], "usage", own);
    assert_eq!(cabin.cli(&["ops"]).lines(), Vec::<Value>::new());

    // Taken back, it is refused here already.
    cabin.ask(&["peer", "revoke", "hub", "run-operations"]);
    hub.until(&["peer", "show", "cabin"], |peer| {
        peer["grants_received"].as_array().unwrap().len() == 1
    });
    let not_granted = "cabin does not let this instance start or stop its operations";
    refused(&["plan", "backup", "home", "--peer", "cabin"], "not-granted", not_granted);
    refused(&["plan", "backup", "home", "--peer", "nobody"], "not-found", "nobody");
}

#[test]
fn a_run_elsewhere_is_cancelled_from_here() {
    let (hub, cabin) = paired("run-operations=*");
    let begun = hub.ask(&["plan", "backup", "slow", "--peer", "cabin", "--no-wait"]);
    let id = text(&begun, "id");
    cabin.until(&["op", "show", id], |op| op["status"] == "running");
    hub.ask(&["op", "cancel", id]);
    let ended = hub.until(&["op", "show", id], |op| op["ended_at"].is_string());
    assert_eq!(text(&ended, "status"), "cancelled");
    assert_eq!(hub.cli(&["op", "cancel", id]).error()["code"], "finished");
}

#[test]
fn what_waits_for_a_peer_is_sent_when_it_is_back_or_taken_back() {
    let (mut hub, mut cabin) = paired("run-operations=*");
    cabin.kill9();
    hub.until(&["peer", "show", "cabin"], |peer| peer["state"] != "connected");
    let offline = hub.cli(&["plan", "backup", "home", "--peer", "cabin"]).error();
    assert_eq!(text(&offline, "code"), "offline");
    assert!(text(&offline, "remedy").contains("--queue"), "{offline}");

    let queued = hub.ask(&["plan", "backup", "home", "--peer", "cabin", "--queue"]);
    assert_eq!((text(&queued, "state"), text(&queued, "kind")), ("queued", "backup"));
    let again = hub.ask(&["plan", "backup", "home", "--peer", "cabin", "--queue"]);
    assert_eq!(again["id"], queued["id"], "one is enough");
    let other = hub.ask(&["repo", "check", "vault", "--peer", "cabin", "--queue"]);
    let unknown = hub.ask(&["repo", "check", "nothing", "--peer", "cabin", "--queue"]);
    // They outlive the daemon that has them.
    hub.restart();
    let waiting = hub.ask(&["peer", "commands", "cabin"]);
    assert_eq!(waiting.as_array().unwrap().len(), 3, "{waiting}");
    hub.ask(&["peer", "withdraw", text(&other, "id")]);

    cabin.restart();
    // A refusal that nobody waited for is kept until it is put away.
    let left = hub.until(&["peer", "commands"], |left| {
        left.as_array().unwrap().iter().all(|one| one["state"] == "refused")
    });
    let [refused] = &left.as_array().unwrap()[..] else { panic!("{left}") };
    assert_eq!(refused["id"], unknown["id"]);
    assert!(!text(refused, "reason").is_empty(), "{refused}");
    hub.ask(&["peer", "withdraw", text(refused, "id")]);
    assert_eq!(hub.ask(&["peer", "commands"]), Value::Array(Vec::new()));

    // The index of the run is its end: another one would have begun by then.
    let ran = || cabin.cli(&["ops"]).lines();
    let indexed = || ran().iter().any(|one| one["kind"] == "index" && one["ended_at"].is_string());
    let deadline = std::time::Instant::now() + machine::PATIENCE;
    while !indexed() {
        assert!(std::time::Instant::now() < deadline, "{:?}", ran());
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    let backups = ran().iter().filter(|one| one["kind"] == "backup").count();
    assert_eq!(backups, 1, "{:?}", ran());
    assert!(ran().iter().all(|one| one["kind"] != "check"));
}
