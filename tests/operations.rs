//! History as a person sees it: lists, one operation, its log, restores, and proofs checked offline.
#![allow(clippy::unwrap_used)]

mod machine;

use holdfast::model::{
    FlowId, ItemError, ItemErrors, Operation, OperationId, OperationKind, Status, Timestamp,
};
use machine::Machine;
use serde_json::Value;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// 2026-11-21T04:00:00Z.
const START: i64 = 1_795_233_600_000;

fn id(n: u16) -> OperationId {
    let mut random = [0; 10];
    random[8..].copy_from_slice(&n.to_be_bytes());
    OperationId::new(at(n), random)
}

fn at(n: u16) -> Timestamp {
    Timestamp::from_millis(START + i64::from(n) * 60_000)
}

fn backup(n: u16, instance: &str, plan: &str) -> Operation {
    let status = if n.is_multiple_of(10) { Status::Failed } else { Status::Succeeded };
    let is_forget = n.is_multiple_of(3);
    let kind = if is_forget { OperationKind::Forget } else { OperationKind::Backup };
    Operation {
        flow: FlowId::from(id(n - n % 2)),
        status,
        repo: Some("vault".parse().unwrap()),
        plan: Some(plan.parse().unwrap()),
        ended_at: Some(at(n)),
        ..Operation::begun(id(n), instance.parse().unwrap(), kind, at(n))
    }
}

fn backups(machine: &mut Machine, count: u16) {
    let name = machine.name.clone();
    machine.seed(move |tx| {
        let mut own = tx.own()?;
        (0..count).try_for_each(|n| {
            own.append(&backup(n, &name, if n % 2 == 0 { "home" } else { "etc" })).map(drop)
        })
    });
}

fn ids(lines: &[Value]) -> Vec<&str> {
    lines.iter().map(|line| line["id"].as_str().unwrap()).collect()
}

#[test]
fn lists_go_over_many_pages_in_order_and_are_filtered() {
    let mut nas = Machine::start("nas");
    assert_eq!(nas.cli(&["ops"]).lines(), [] as [Value; 0]);
    backups(&mut nas, 700);
    let all = nas.cli(&["ops"]).lines();
    let expected: Vec<_> = (0..700).map(|n| id(n).to_string()).collect();
    assert_eq!(ids(&all), expected);
    let first = &all[0];
    assert_eq!(first["instance"], "nas");
    assert_eq!(first["origin"], nas.key());
    assert_eq!((&first["kind"], &first["status"]), (&"forget".into(), &"failed".into()));
    assert_eq!(first["started_at"], "2026-11-21T04:00:00.000Z");
    assert_eq!((&first["message"], &first["archived"]), (&Value::Null, &false.into()));
    assert_eq!((&first["stats"], &first["revision"]), (&Value::Null, &1.into()));

    let newest = nas.cli(&["ops", "--limit", "3"]).lines();
    assert_eq!(ids(&newest), expected[697..]);
    let count = |filter: &[&str]| nas.cli(&[&["ops"], filter].concat()).lines().len();
    assert_eq!(count(&["--status", "failed"]), 70);
    assert_eq!(count(&["--kind", "forget"]), 234);
    assert_eq!(count(&["--plan", "etc"]), 350);
    assert_eq!(count(&["--plan", "etc", "--status", "failed"]), 0);
    assert_eq!(count(&["--repo", "other"]), 0);
    assert_eq!(count(&["--since", &at(690).to_string()]), 10);
    assert_eq!(count(&["--all", "--limit", "400"]), 400);
    assert_eq!(count(&["--peer", "nas"]), 700, "by its own name");
    assert_eq!(nas.cli(&["ops", "--peer", "hub"]).refused(), "not-found");
    assert_eq!(nas.cli(&["ops", "--kind", "backups"]).code, 2);

    let plain = nas.cli(&["ops", "export"]).lines();
    assert_eq!(plain, all, "a plain export is the list");
}

#[test]
fn an_operation_is_named_by_the_beginning_of_its_id() {
    let mut nas = Machine::start("nas");
    nas.seed(|tx| {
        let mut own = tx.own()?;
        for n in 0..40 {
            let mut operation = backup(n, "nas", "home");
            operation.item_errors = ItemErrors {
                first: vec![ItemError { path: "/x".to_owned(), message: "denied".to_owned() }],
                total: 7,
            };
            own.append(&operation)?;
        }
        tx.append_log(id(5), "caf\u{e9}\n".repeat(20_000).as_bytes())
    });
    let whole = id(5).to_string();
    let shown = nas.ask(&["op", "show", &whole]);
    assert_eq!((&shown["id"], &shown["has_log"]), (&whole.clone().into(), &true.into()));
    assert_eq!(shown["item_errors"][0]["path"], "/x");
    assert_eq!(shown["item_errors_total"], 7);
    let unique = &whole[..12];
    assert_eq!(nas.ask(&["op", "show", unique])["id"], whole);
    assert_eq!(nas.ask(&["op", "show", &id(6).to_string()])["has_log"], false);

    let ambiguous = nas.cli(&["op", "show", "0"]);
    let message = ambiguous.error()["message"].as_str().unwrap().to_owned();
    assert_eq!(ambiguous.refused(), "ambiguous");
    assert!(message.contains(&id(0).to_string()) && message.contains("others"), "{message}");
    assert_eq!(nas.cli(&["op", "show", "ffff"]).refused(), "not-found");
    assert_eq!(nas.cli(&["op", "show", "latest"]).refused(), "invalid");
    assert_eq!(nas.cli(&["op", "cancel", &whole]).refused(), "finished");

    let parts = nas.cli(&["op", "log", &whole]).lines();
    assert!(parts.len() > 1, "in parts");
    let text: String = parts.iter().map(|part| part["text"].as_str().unwrap()).collect();
    assert_eq!(text, "caf\u{e9}\n".repeat(20_000));
    assert_eq!(nas.cli(&["op", "log", &whole, "--follow"]).lines().len(), parts.len());
}

/// What `holdfast ops verify` says of these lines; no daemon is asked.
fn verify(folder: &Path, lines: &[Value]) -> (i32, Value) {
    let file = folder.join("proof.jsonl");
    let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
    fs::write(&file, text).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_holdfast"));
    command.arg("--data-dir").arg(folder.join("nowhere"));
    let output = command.args(["--json", "ops", "verify"]).arg(&file).output().unwrap();
    let said = if output.status.success() { output.stdout } else { output.stderr };
    (output.status.code().unwrap(), serde_json::from_slice(&said).unwrap())
}

fn kind_of(line: &Value) -> &str {
    line["record"].as_str().unwrap()
}

#[test]
fn a_proof_is_verified_offline_and_each_tampering_is_found() {
    let mut nas = Machine::start("nas");
    backups(&mut nas, 600);
    let lines = nas.cli(&["ops", "export", "--proof"]).lines();
    nas.kill9();
    let kinds: Vec<_> = lines.iter().map(kind_of).collect();
    assert_eq!((kinds[0], kinds[1], kinds[lines.len() - 1]), ("origin", "shard", "checkpoint"));
    assert_eq!(lines[1]["plan"], "etc");
    let (code, proven) = verify(nas.folder(), &lines);
    assert_eq!(code, 0, "{proven}");
    assert_eq!((&proven["ok"], &proven["entries"]), (&true.into(), &600.into()));
    assert_eq!((&proven["shards"], &proven["unproven"]), (&2.into(), &0.into()));
    assert_eq!(proven["instance"], "nas");

    let changed = |change: &dyn Fn(&mut Vec<Value>)| {
        let mut copy = lines.clone();
        change(&mut copy);
        let (code, error) = verify(nas.folder(), &copy);
        assert_eq!((code, &error["error"]["code"]), (1, &"not-proven".into()), "{error}");
        error["error"]["message"].as_str().unwrap().to_owned()
    };
    let payload = changed(&|lines| lines[5]["payload"] = lines[6]["payload"].clone());
    assert!(payload.starts_with("line 6: the payload is not the one"), "{payload}");
    changed(&|lines| {
        lines[5]["payload"] = lines[6]["payload"].clone();
        lines[5]["digest"] = lines[6]["digest"].clone();
    });
    changed(&|lines| lines[5]["kind"] = "removed".into());
    changed(&|lines| lines.swap(5, 6));
    changed(&|lines| {
        lines.swap(5, 6);
        (lines[5]["seq"], lines[6]["seq"]) = (lines[6]["seq"].clone(), lines[5]["seq"].clone());
    });
    changed(&|lines| drop(lines.remove(5)));
    changed(&|lines| drop(lines.drain(1..302)));
    changed(&|lines| lines[1]["plan"] = "other".into());
    changed(&|lines| drop(lines.pop()));
    let last = lines.len() - 1;
    changed(&|lines| lines[last]["time"] = "2026-11-21T05:00:00.000Z".into());
    changed(&|lines| lines[last]["signature"] = "00".repeat(64).into());
    // Another instance signs the same history as its own.
    let other = holdfast::crypto::Identity::from_seed([9; 32]);
    changed(&|lines| {
        let epoch = lines[0]["epoch"].as_str().unwrap().parse().unwrap();
        let root = hex_of(&lines[last]["root"]);
        let time = Timestamp::parse(lines[last]["time"].as_str().unwrap()).unwrap();
        lines[0]["key_id"] = other.key_id().to_string().into();
        lines[0]["public_key"] = hex::encode(other.public_key()).into();
        let forged = other.sign_checkpoint(&epoch, &root, time);
        lines[last]["signature"] = hex::encode(forged).into();
    });
}

fn hex_of(value: &Value) -> [u8; 32] {
    hex::decode(value.as_str().unwrap()).unwrap().try_into().unwrap()
}

/// A restic repository with one snapshot of plan `home`, tagged as made by an instance.
fn repository(folder: &Path, instance: &str) -> String {
    fs::create_dir_all(folder.join("files")).unwrap();
    fs::write(folder.join("files/letter.txt"), "dear ada").unwrap();
    fs::write(folder.join("password"), "secret").unwrap();
    let restic = |arguments: &[&str]| {
        let mut command = Command::new("restic");
        command.env("RESTIC_REPOSITORY", folder.join("vault"));
        command.env("RESTIC_PASSWORD_FILE", folder.join("password"));
        let output = command.args(arguments).current_dir(folder).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    restic(&["init"]);
    let tag = format!("plan:home,created-by:{instance}");
    restic(&["backup", "--tag", &tag, "files"]);
    format!(
        "[[repo]]\nid = \"vault\"\nuri = \"{0}/vault\"\npassword-file = \"{0}/password\"\n\
         [[plan]]\nid = \"home\"\nrepo = \"vault\"\npaths = [\"{0}/files\"]\n",
        folder.display()
    )
}

/// A command that goes on, and its lines as they come.
struct Following {
    child: Child,
    lines: std::io::Lines<BufReader<std::process::ChildStdout>>,
}

impl Following {
    fn start(machine: &Machine, arguments: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_holdfast"));
        command.arg("--config").arg(machine.config()).arg("--data-dir").arg(machine.data());
        command.arg("--json").args(arguments);
        let mut child = command.stdout(Stdio::piped()).stdin(Stdio::null()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, lines }
    }

    /// The next document that is as wanted.
    fn until(&mut self, wanted: impl Fn(&Value) -> bool) -> Value {
        loop {
            let line = self.lines.next().expect("it goes on").unwrap();
            let document = serde_json::from_str(&line).unwrap();
            if wanted(&document) {
                return document;
            }
        }
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn snapshots_are_listed_and_restored_and_followers_see_it() {
    let store = tempfile::tempdir().unwrap();
    // Tables come last in a file: the harness writes the top-level keys before.
    let config = repository(store.path(), "OldBox");
    let nas = Machine::start_with("nas", &format!("formerly = [\"OldBox\"]\n{config}"));
    let listed = nas.cli(&["snapshots"]).lines();
    assert_eq!(listed.len(), 1);
    let snapshot = &listed[0];
    assert_eq!((&snapshot["plan"], &snapshot["instance"]), (&"home".into(), &"OldBox".into()));
    assert_eq!(snapshot["repo"], "vault");
    let whole = snapshot["id"].as_str().unwrap();
    assert!(whole.len() == 64 && whole.starts_with(snapshot["short_id"].as_str().unwrap()));
    let count = |filter: &[&str]| nas.cli(&[&["snapshots"], filter].concat()).lines().len();
    assert_eq!(count(&["--instance", "nas"]), 1, "an earlier name counts");
    assert_eq!(count(&["--instance", "hub"]), 0);
    assert_eq!((count(&["--plan", "home"]), count(&["--plan", "etc"])), (1, 0));
    assert_ne!(nas.cli(&["snapshots", "--repo", "other"]).code, 0);

    let mut following = Following::start(&nas, &["ops", "--follow"]);
    let target = store.path().join("back");
    let target = target.to_str().unwrap();
    let done = nas.ask(&["restore", "latest", "--plan", "home", "--to", target]);
    assert_eq!((&done["kind"], &done["status"]), (&"restore".into(), &"succeeded".into()));
    assert_eq!((&done["snapshot"], &done["repo"]), (&whole.into(), &"vault".into()));
    assert_eq!(done["plan"], "home");
    let back = Command::new("find").arg(target).args(["-name", "letter.txt"]).output().unwrap();
    let back = String::from_utf8(back.stdout).unwrap();
    assert_eq!(fs::read_to_string(back.trim()).unwrap(), "dear ada");
    let seen = following.until(|one| one["status"] == "succeeded");
    assert_eq!(seen, done);

    let again = nas.cli(&["restore", &whole[..8], "--to", target]);
    assert!(again.error()["message"].as_str().unwrap().contains("not an empty folder"));
    let elsewhere = store.path().join("elsewhere");
    let elsewhere = elsewhere.to_str().unwrap();
    let by_id = nas.ask(&["restore", &whole[..8], "--to", elsewhere]);
    assert_eq!(by_id["status"], "succeeded", "the only repo that has it is found");
    assert_eq!(by_id["plan"], "home", "its tags say so");
    let seen = following.until(|one| one["id"] == by_id["id"] && one["status"] == "succeeded");
    assert_eq!(seen["revision"], by_id["revision"]);
    assert_eq!(nas.cli(&["restore", "00000000", "--to", "/nowhere"]).refused(), "not-found");
}

#[test]
fn a_repo_that_cannot_be_read_is_named_after_the_others() {
    let store = tempfile::tempdir().unwrap();
    let config = repository(store.path(), "nas");
    fs::write(store.path().join("wrong"), "wrong").unwrap();
    let away = format!(
        "[[repo]]\nid = \"away\"\nuri = \"{0}/vault\"\npassword-file = \"{0}/wrong\"\n\
         [[repo]]\nid = \"new\"\nuri = \"{0}/new\"\npassword-file = \"{0}/password\"\n",
        store.path().display()
    );
    let nas = Machine::start_with("nas", &format!("{away}{config}"));
    let not_made_yet = nas.cli(&["snapshots", "--repo", "new"]).lines();
    assert_eq!(not_made_yet.len(), 0);
    let listed = nas.cli(&["snapshots"]);
    assert_eq!(listed.stdout.lines().count(), 1, "{}", listed.stderr);
    let message = listed.error()["message"].as_str().unwrap().to_owned();
    assert!(message.contains("repo away") && !message.contains("repo new"), "{message}");
    assert_eq!(listed.refused(), "unreadable");
    let told = nas.told(&["snapshots"]);
    assert_eq!((told.code, told.stdout.lines().count()), (1, 2), "a heading and one: {told:?}");
    assert!(told.stderr.contains("repo away"), "{told:?}");
}

/// A restic that never ends a restore by itself.
fn endless(folder: &Path) -> String {
    let path = folder.join("restic");
    let script = "#!/bin/sh\n\
        case \" $* \" in\n\
        *' restore '*) trap 'kill $!; exit 130' INT TERM; sleep 600 & wait;;\n\
        *) exec restic \"$@\";;\n\
        esac\n";
    fs::write(&path, script).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    format!("restic = \"{}\"\n", path.display())
}

#[test]
fn whoever_waits_for_an_operation_hears_that_it_was_cancelled() {
    let store = tempfile::tempdir().unwrap();
    let config = repository(store.path(), "nas");
    let nas = Machine::start_with("nas", &format!("{}{config}", endless(store.path())));
    let target = store.path().join("back");
    let restore = ["restore", "latest", "--plan", "home", "--to", target.to_str().unwrap()];
    let mut waiting = Following::start(&nas, &restore);
    until_lines(&nas, &["ops", "--status", "running"], |lines| lines.len() == 1);
    let running = nas.cli(&["ops", "--status", "running"]).lines().remove(0);
    let id = running["id"].as_str().unwrap();
    assert_eq!((&running["kind"], &running["ended_at"]), (&"restore".into(), &Value::Null));
    let mut text = Following::start(&nas, &["op", "log", id, "--follow"]);
    let answer = nas.ask(&["op", "cancel", id]);
    assert_eq!((&answer["id"], &answer["status"]), (&id.into(), &"running".into()));
    let ended = waiting.until(|_| true);
    assert_eq!((&ended["id"], &ended["status"]), (&id.into(), &"cancelled".into()));
    assert!(text.child.wait().unwrap().success(), "who follows the log is let go at its end");
    assert_eq!(nas.ask(&["op", "show", id])["status"], "cancelled");
    assert_eq!(nas.cli(&["op", "cancel", id]).refused(), "finished");
}

/// Two instances that declare each other: nas dials hub and lets it read.
fn declared(hub: &Machine, nas: &Machine, more: &str) {
    let client = format!(
        "[[authorized-client]]\ninstance = \"nas\"\nkey-id = \"{}\"\ngrants = []\n",
        nas.key()
    );
    let host = format!(
        "[[known-host]]\ninstance = \"hub\"\nkey-id = \"{}\"\nurls = [\"{}\"]\n\
         grants = [{{ permission = \"read-operations\", scopes = [\"*\"{more}] }}]\n",
        hub.key(),
        hub.url
    );
    for (machine, table) in [(hub, client), (nas, host)] {
        let text = fs::read_to_string(machine.config()).unwrap();
        let top = text.split("[[").next().unwrap();
        machine.write_config(&format!("{top}{table}"));
        // Whoever dials comes second: one that is not known yet is refused, and rests.
        until_lines(hub, &["ops", "--peer", "nas"], |_| true);
    }
}

fn until_lines(machine: &Machine, arguments: &[&str], wanted: impl Fn(&[Value]) -> bool) {
    let mut last = String::new();
    let deadline = std::time::Instant::now() + machine::PATIENCE;
    while std::time::Instant::now() < deadline {
        let output = machine.cli(arguments);
        last = format!("{}{}", output.stdout, output.stderr);
        if output.code == 0 && wanted(&output.lines()) {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    panic!("{arguments:?} on {}: {last}\n{}", machine.name, machine.log());
}

#[test]
fn g4_the_log_of_a_peers_operation_is_asked_from_it_where_granted() {
    let hub = Machine::start("hub");
    let mut nas = Machine::start("nas");
    nas.seed(|tx| {
        let mut own = tx.own()?;
        own.append(&backup(1, "nas", "home"))?;
        own.append(&backup(2, "nas", "secret"))?;
        tx.append_log(id(1), "hello of nas\n".repeat(20_000).as_bytes())?;
        tx.append_log(id(2), b"nobody else's business")
    });
    declared(&hub, &nas, "");
    until_lines(&hub, &["ops", "--peer", "nas"], |lines| lines.len() == 2);
    let own = hub.cli(&["ops"]).lines();
    assert_eq!(own.len(), 0, "without a peer it is this instance's own");
    assert_eq!(hub.cli(&["ops", "--all"]).lines().len(), 2);

    let (open, secret) = (id(1).to_string(), id(2).to_string());
    let shown = hub.ask(&["op", "show", &open]);
    assert_eq!((&shown["instance"], &shown["has_log"]), (&"nas".into(), &true.into()));
    let parts = hub.cli(&["op", "log", &open, "--peer", "nas"]).lines();
    let text: String = parts.iter().map(|part| part["text"].as_str().unwrap()).collect();
    assert_eq!(text, "hello of nas\n".repeat(20_000));
    assert!(hub.cli(&["op", "log", &secret]).stdout.contains("nobody else's"));
    // Those of peers are cancelled from here, where they run and that is granted.
    assert_eq!(hub.cli(&["op", "cancel", &open]).refused(), "finished");

    // What happens there is followed here; without its repository a check ends at once.
    let password = nas.folder().join("password");
    fs::write(&password, "swordfish").unwrap();
    let password = password.to_str().unwrap();
    let add = ["repo", "add", "gone", "/nowhere/at-all", "--password-file", password];
    nas.ask(&[&add[..], &["--no-test", "--no-init"]].concat());
    let mut following = Following::start(&hub, &["ops", "--peer", "nas", "--follow"]);
    following.until(|one| one["id"] == secret);
    let begun = nas.ask(&["repo", "check", "gone", "--no-wait"]);
    let seen = following.until(|one| one["id"] == begun["id"] && one["status"] == "failed");
    assert_eq!(seen["kind"], "check");
    drop(following);

    // The grant shrinks: what is hidden is neither listed nor told.
    declared(&hub, &nas, ", \"!plan:secret\"");
    until_lines(&hub, &["ops", "--peer", "nas"], |lines| lines.len() == 2);
    assert_eq!(hub.cli(&["op", "log", &secret]).refused(), "not-found");
    assert!(hub.cli(&["op", "log", &open]).code == 0);

    // The checkpoint of what is visible now can be shown to anybody.
    until_lines(&hub, &["ops", "export", "--proof", "--peer", "nas"], |lines| {
        lines.iter().filter(|line| kind_of(line) == "shard").count() == 2
    });
    let lines = hub.cli(&["ops", "export", "--proof", "--peer", "nas"]).lines();
    let (code, proven) = verify(hub.folder(), &lines);
    assert_eq!((code, &proven["key_id"]), (0, &nas.key().into()), "{proven}");

    // A history that was lost has no text any more: it is kept here, marked, and refused there.
    nas.kill9();
    for end in ["", "-wal", "-shm"] {
        let _ = fs::remove_file(nas.data().join(format!("history.db{end}")));
    }
    assert_eq!(hub.cli(&["ops", "--peer", "nas"]).lines().len(), 2, "held while it is away");
    hub.until(&["op", "show", &open], |shown| shown["has_log"] == false);
    assert_eq!(hub.cli(&["op", "log", &open]).refused(), "not-connected");
    nas.restart();
    hub.until(&["op", "show", &open], |shown| {
        shown["archived"] == true && shown["has_log"] == true
    });
    assert_eq!(hub.cli(&["op", "log", &open]).refused(), "refused");
}
