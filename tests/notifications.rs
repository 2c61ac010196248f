//! Who is told what: real daemons, real restic, and a server on loopback that keeps what it is sent.
#![allow(clippy::unwrap_used)]

mod machine;

use holdfast::clock;
use holdfast::model::{Operation, OperationId, OperationKind, Status};
use machine::{Machine, PATIENCE, light};
use serde_json::Value;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// A request as it came.
#[derive(Debug, Clone)]
struct Heard {
    line: String,
    headers: String,
    body: String,
}

impl Heard {
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }
}

/// A server that answers every request with one status.
struct Service {
    url: String,
    status: Arc<AtomicU16>,
    heard: Arc<Mutex<Vec<Heard>>>,
}

impl Service {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (status, heard) = (Arc::new(AtomicU16::new(200)), Arc::<Mutex<Vec<Heard>>>::default());
        let (answer, keeps) = (Arc::clone(&status), Arc::clone(&heard));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if let Some(request) = read(&stream) {
                    let status = answer.load(Ordering::SeqCst);
                    keeps.lock().unwrap().push(request);
                    let text = format!(
                        "HTTP/1.1 {status} X\r\ncontent-length: 4\r\nconnection: close\r\n\r\nsaid"
                    );
                    let _ = (&stream).write_all(text.as_bytes());
                }
            }
        });
        Self { url, status, heard }
    }

    fn answers(&self, status: u16) {
        self.status.store(status, Ordering::SeqCst);
    }

    fn heard(&self) -> Vec<Heard> {
        self.heard.lock().unwrap().clone()
    }

    /// What was heard, once there is as much as that.
    #[track_caller]
    fn until(&self, machine: &Machine, enough: impl Fn(&[Heard]) -> bool) -> Vec<Heard> {
        self.within(PATIENCE, machine, enough)
    }

    /// The same, where more time has to pass first.
    #[track_caller]
    fn within(
        &self,
        patience: Duration,
        machine: &Machine,
        enough: impl Fn(&[Heard]) -> bool,
    ) -> Vec<Heard> {
        let begun = Instant::now();
        loop {
            let heard = self.heard();
            if enough(&heard) {
                return heard;
            }
            assert!(begun.elapsed() < patience, "{heard:#?}\n{}", machine.log());
            thread::sleep(Duration::from_millis(20));
        }
    }
}

fn read(stream: &TcpStream) -> Option<Heard> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let (mut headers, mut length) = (String::new(), 0);
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).ok()?;
        if header.trim().is_empty() {
            break;
        }
        let lower = header.to_lowercase();
        if let Some(value) = lower.strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
        headers.push_str(&lower);
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(Heard { line: line.trim().to_owned(), headers, body: String::from_utf8(body).ok()? })
}

/// Hooks that tell the service of these events, as a webhook.
fn webhook(service: &Service, on: &str) -> String {
    format!("hook = [{{ on = [{on}], webhook = {{ url = \"{}/w\" }} }}]\n", service.url)
}

/// A machine with these top-level lines, a folder to save and a plan `home` with these lines.
fn machine(name: &str, top: &str, plan: &str) -> Machine {
    let mut machine = Machine::start_with(name, top);
    let folder = machine.folder().to_owned();
    fs::create_dir(folder.join("home")).unwrap();
    fs::write(folder.join("home/letter.txt"), "dear reader").unwrap();
    fs::write(folder.join("pass"), "correct horse\n").unwrap();
    light::repository(&folder.join("vault"), 1);
    let text = fs::read_to_string(machine.config()).unwrap();
    let at = |path: &str| folder.join(path).display().to_string();
    let more = format!(
        "{text}\n[[repo]]\nid = \"vault\"\nuri = \"{}\"\npassword-file = \"{}\"\n\
         [[plan]]\nid = \"home\"\nrepo = \"vault\"\npaths = [\"{}\"]\n{plan}\n",
        at("vault"),
        at("pass"),
        at("home")
    );
    machine.write_config(&more);
    machine.restart();
    machine
}

/// Lets its plan have a good backup of that many seconds ago.
fn saved_once(machine: &mut Machine, seconds: u64) {
    let at = clock::now().minus(Duration::from_secs(seconds));
    let id = OperationId::new(at, [7; 10]);
    let backup = Operation {
        status: Status::Succeeded,
        repo: Some("vault".parse().unwrap()),
        plan: Some("home".parse().unwrap()),
        snapshot: Some("ab".repeat(32)),
        ended_at: Some(at),
        ..Operation::begun(id, machine.name.parse().unwrap(), OperationKind::Backup, at)
    };
    machine.seed(move |tx| tx.own()?.append(&backup).map(drop));
}

fn hooks(machine: &Machine) -> Vec<Value> {
    let all = machine.cli(&["ops"]).lines();
    all.into_iter().filter(|operation| operation["kind"] == "hook").collect()
}

fn break_repo(machine: &Machine) {
    fs::rename(machine.folder().join("vault"), machine.folder().join("away")).unwrap();
}

fn mend_repo(machine: &Machine) {
    fs::rename(machine.folder().join("away"), machine.folder().join("vault")).unwrap();
}

#[test]
fn the_end_of_a_backup_is_told_with_the_document_of_the_contract_and_kept_as_an_operation() {
    let service = Service::start();
    let top = webhook(&service, "\"backup-started\", \"backup-succeeded\", \"backup-failed\"");
    let nas = machine("nas", &top, "");
    let backup = nas.ask(&["plan", "backup", "home"]);
    let heard = service.until(&nas, |heard| heard.len() == 2);
    assert_eq!(heard[0].json()["event"], "backup-started");
    let told = heard[1].json();
    for (field, expected) in [
        ("event", "backup-succeeded"),
        ("instance", "nas"),
        ("plan", "home"),
        ("repo", "vault"),
        ("state", "succeeded"),
        ("operation", backup["id"].as_str().unwrap()),
        ("at", backup["ended_at"].as_str().unwrap()),
    ] {
        assert_eq!(told[field], expected, "{field}: {told}");
    }
    nas.until(&["status"], |_| hooks(&nas).len() == 2);
    let hook = &hooks(&nas)[1];
    assert_eq!((&hook["flow"], &hook["status"]), (&backup["flow"], &Value::from("succeeded")));
    assert_eq!(hook["message"], "webhook: backup-succeeded of plan home of nas");
    let log = nas.cli(&["op", "log", hook["id"].as_str().unwrap()]);
    assert!(log.stdout.contains("200 OK said") || log.stdout.contains("said"), "{log:?}");
}

#[test]
fn people_are_told_of_changes_once_and_programs_each_time() {
    let (people, programs) = (Service::start(), Service::start());
    let top = format!(
        "hook = [\n{{ on = [\"backup-failed\"], slack = {{ url = \"{}/s\" }} }},\n\
         {{ on = [\"any-failure\"], webhook = {{ url = \"{}/w\" }} }},\n]\n",
        people.url, programs.url
    );
    let nas = machine("nas", &top, "");
    nas.ask(&["plan", "backup", "home"]);
    break_repo(&nas);
    for _ in 0..2 {
        nas.cli(&["plan", "backup", "home"]);
    }
    mend_repo(&nas);
    nas.ask(&["plan", "backup", "home"]);
    break_repo(&nas);
    nas.cli(&["plan", "backup", "home"]);
    let each = programs.until(&nas, |heard| heard.len() == 3);
    assert!(each.iter().all(|heard| heard.json()["event"] == "backup-failed"), "{each:?}");
    let changes = people.until(&nas, |heard| heard.len() == 2);
    assert!(changes[0].json()["text"].as_str().unwrap().contains("repo vault is missing"));
}

#[test]
fn a_message_survives_a_kill_and_is_delivered_when_the_service_is_back() {
    let service = Service::start();
    service.answers(503);
    let mut nas = machine("nas", &webhook(&service, "\"backup-succeeded\""), "");
    nas.ask(&["plan", "backup", "home"]);
    service.until(&nas, |heard| !heard.is_empty());
    let failing = |status: &Value| {
        let attention = status["attention"].as_array().unwrap();
        attention.iter().any(|row| row["kind"] == "hook")
    };
    let status = nas.until(&["status"], failing);
    assert!(status.to_string().contains("503"), "{status}");
    nas.kill9();
    service.answers(200);
    let before = service.heard().len();
    nas.restart();
    let heard = service.until(&nas, |heard| heard.len() > before);
    assert_eq!(heard.last().unwrap().json()["event"], "backup-succeeded");
    nas.until(&["status"], |status| !failing(status) && hooks(&nas).len() == 1);
    assert_eq!(service.heard().len(), before + 1, "delivered once");
}

#[test]
fn what_a_service_refuses_is_given_up_and_says_why() {
    let service = Service::start();
    service.answers(401);
    let nas = machine("nas", &webhook(&service, "\"backup-succeeded\""), "");
    nas.ask(&["plan", "backup", "home"]);
    nas.until(&["status"], |_| !hooks(&nas).is_empty());
    let hook = &hooks(&nas)[0];
    assert_eq!(hook["status"], "failed");
    assert!(hook["message"].as_str().unwrap().contains("401"), "{hook}");
    assert_eq!(service.heard().len(), 1);
}

#[test]
fn healthchecks_hears_start_and_end_of_one_run_with_its_log() {
    let service = Service::start();
    let plan = format!(
        "hook = [{{ on = [\"backup-started\", \"backup-succeeded\", \"backup-failed\"], healthchecks = {{ url = \"{}/uuid\" }} }}]",
        service.url
    );
    let nas = machine("nas", "", &plan);
    let id = nas.ask(&["plan", "backup", "home"])["id"].as_str().unwrap().to_owned();
    let heard = service.until(&nas, |heard| heard.len() == 2);
    assert!(heard[0].line.starts_with(&format!("POST /uuid/start?rid={id} ")), "{}", heard[0].line);
    assert!(heard[1].line.starts_with(&format!("POST /uuid?rid={id} ")), "{}", heard[1].line);
    assert!(heard[1].body.contains("snapshot"), "the log of restic: {}", heard[1].body);
}

#[test]
fn a_command_after_a_backup_is_told_by_its_environment_and_its_output_is_kept() {
    let plan = "hook = [{ on = [\"backup-succeeded\"], command = \"echo $HOLDFAST_EVENT $HOLDFAST_PLAN $HOLDFAST_STATS_FILES_NEW; env | grep -c HOLDFAST_DATA_DIR || true\" }]";
    let nas = machine("nas", "", plan);
    let backup = nas.ask(&["plan", "backup", "home"]);
    nas.until(&["status"], |_| !hooks(&nas).is_empty());
    let hook = hooks(&nas).remove(0);
    assert_eq!((&hook["flow"], hook["status"].as_str()), (&backup["flow"], Some("succeeded")));
    let log = nas.cli(&["op", "log", hook["id"].as_str().unwrap()]).stdout;
    assert!(log.contains("backup-succeeded home 1"), "{log}");
    assert!(log.contains('0'), "nothing of the daemon's environment: {log}");
}

#[test]
fn a_command_before_a_backup_can_cancel_it() {
    let plan = "hook = [{ on = [\"backup-started\"], command = \"echo not today; exit 4\", on-error = \"cancel\" }]";
    let nas = machine("nas", "", plan);
    let backup = nas.cli(&["plan", "backup", "home"]);
    assert_eq!(backup.json["status"], "cancelled", "{backup:?}");
    assert!(backup.json["message"].as_str().unwrap().contains("exit status: 4"));
    assert!(nas.cli(&["snapshots"]).lines().is_empty());
}

#[test]
fn a_dump_streams_into_restic_and_a_failing_one_leaves_no_snapshot() {
    let nas = machine("nas", "", "");
    let text = fs::read_to_string(nas.config()).unwrap();
    let dump = |script: &str| {
        format!(
            "{text}\n[[plan]]\nid = \"db\"\nrepo = \"vault\"\nstdin-command = [\"/bin/sh\", \"-c\", \"{script}\"]\nstdin-name = \"db.sql\"\n"
        )
    };
    nas.write_config(&dump("echo half; exit 5"));
    nas.until(&["plan", "list"], |plans| plans.as_array().unwrap().len() == 2);
    let failed = nas.cli(&["plan", "backup", "db"]);
    assert_eq!((failed.code, failed.json["status"].as_str()), (1, Some("failed")));
    assert!(failed.json["message"].as_str().unwrap().contains("exit status: 5"), "{failed:?}");
    assert!(nas.cli(&["snapshots"]).lines().is_empty());
    nas.write_config(&dump("echo whole"));
    let mut saved = failed;
    let begun = Instant::now();
    while saved.json["status"] != "succeeded" {
        assert!(begun.elapsed() < PATIENCE, "{saved:?}");
        saved = nas.cli(&["plan", "backup", "db"]);
    }
    let snapshots = nas.cli(&["snapshots", "--plan", "db"]).lines();
    assert_eq!(snapshots.len(), 1);
    assert_eq!(snapshots[0]["paths"], serde_json::json!(["/db.sql"]));
}

#[test]
fn hook_test_sends_at_once_and_says_what_the_service_answers() {
    let service = Service::start();
    let top = format!(
        "hook = [{{ on = [\"any-failure\"], channel = \"phone\" }}]\n[[channel]]\nid = \"phone\"\nquiet = \"00:00-23:59\"\n\
         ntfy = {{ url = \"{}/backups\", token = \"hunter22\" }}\n",
        service.url
    );
    let nas = machine("nas", &top, "");
    let tests = nas.ask(&["hook", "test", "phone"]);
    assert_eq!((tests[0]["ok"].as_bool(), tests[0]["action"].as_str()), (Some(true), Some("ntfy")));
    assert!(tests[0]["answer"].as_str().unwrap().contains("said"), "{tests}");
    let heard = service.heard();
    assert_eq!(heard[0].json()["topic"], "backups");
    assert!(heard[0].headers.contains("authorization: bearer hunter22"), "{}", heard[0].headers);
    assert_eq!(nas.ask(&["hook", "test", "--plan", "home"])[0]["hook"], "top/phone/any-failure");
    service.answers(403);
    let refused = nas.cli(&["hook", "test", "phone"]);
    assert_eq!(refused.code, 1);
    assert!(refused.json[0]["error"].as_str().unwrap().contains("403"), "{refused:?}");
    assert_eq!(nas.cli(&["hook", "test", "fone"]).refused(), "not-found");
    let kept = hooks(&nas);
    assert_eq!(kept.len(), 3);
    for operation in &kept {
        let message = operation["message"].as_str().unwrap();
        assert!(message.starts_with("test: phone (ntfy): backup-failed of "), "{message}");
    }
    let shown = nas.cli(&["config", "show"]);
    assert!(!shown.stdout.contains("hunter22"), "{}", shown.stdout);
}

#[test]
fn a_plan_that_goes_stale_is_told_once_across_restarts_and_so_is_its_recovery() {
    let service = Service::start();
    let top = webhook(&service, "\"stale\", \"recovered\"");
    let mut nas = machine("nas", &top, "max-age = \"60s\"");
    saved_once(&mut nas, 90);
    let told = service.until(&nas, |heard| !heard.is_empty())[0].json();
    assert_eq!((told["event"].as_str(), told["plan"].as_str()), (Some("stale"), Some("home")));
    // A kill between delivery and its note would have it told twice.
    nas.until(&["status"], |_| hooks(&nas).len() == 1);
    for _ in 0..2 {
        nas.restart();
        nas.until(&["plan", "list"], |plans| plans[0]["state"] == "stale");
    }
    nas.ask(&["plan", "backup", "home"]);
    let heard = service.until(&nas, |heard| heard.len() >= 2);
    let events: Vec<_> = heard.iter().map(|heard| heard.json()["event"].clone()).collect();
    assert_eq!(events, ["stale", "recovered"]);
}

#[test]
fn a_hub_is_told_of_its_peers_runs_once_also_across_its_restarts_and_of_their_absence() {
    let service = Service::start();
    let events = "\"backup-succeeded\", \"backup-failed\", \"peer-offline\", \"peer-online\"";
    let top = format!("offline-after = \"1s\"\n{}", webhook(&service, events));
    let mut hub = Machine::start_with("hub", &top);
    let mut laptop = machine("laptop", "", "");
    laptop.joins(&hub, &["--ask", "read-operations=*"], &["--accept-asks"]);
    laptop.ask(&["plan", "backup", "home"]);
    let heard = service.until(&hub, |heard| !heard.is_empty());
    let told = heard[0].json();
    assert_eq!(
        (told["instance"].as_str(), told["event"].as_str()),
        (Some("laptop"), Some("backup-succeeded"))
    );
    // A kill between delivery and its note would have it told twice.
    hub.until(&["status"], |_| hooks(&hub).len() == 1);
    hub.restart();
    break_repo(&laptop);
    laptop.cli(&["plan", "backup", "home"]);
    let heard = service
        .until(&hub, |heard| heard.iter().any(|heard| heard.json()["event"] == "backup-failed"));
    let succeeded = heard.iter().filter(|heard| heard.json()["event"] == "backup-succeeded");
    assert_eq!(succeeded.count(), 1, "{heard:?}");
    assert!(hooks(&laptop).is_empty(), "the laptop has no hook");
    laptop.kill9();
    service.until(&hub, |heard| heard.iter().any(|heard| heard.json()["event"] == "peer-offline"));
    laptop.restart();
    service.until(&hub, |heard| heard.iter().any(|heard| heard.json()["event"] == "peer-online"));
}

#[test]
fn a_snoozed_channel_is_told_at_the_end_of_its_silence() {
    let service = Service::start();
    let top = format!(
        "hook = [\n{{ on = [\"backup-succeeded\", \"backup-failed\"], channel = \"phone\", repeat = \"always\" }},\n\
         {{ on = [\"backup-succeeded\"], channel = \"program\" }},\n]\n\
         [[channel]]\nid = \"phone\"\nslack = {{ url = \"{url}\" }}\n\
         [[channel]]\nid = \"program\"\nwebhook = {{ url = \"{url}/w\" }}\n",
        url = service.url
    );
    let nas = machine("nas", &top, "");
    assert!(nas.ask(&["hook", "list"])["silent_until"].is_null());
    let until = nas.ask(&["hook", "snooze", "--for", "20s"])["until"].clone();
    let listed = nas.ask(&["hook", "list"]);
    assert_eq!(listed["silent_until"], until);
    assert_eq!(listed["channels"][0]["snoozed_until"], until);
    nas.ask(&["plan", "backup", "home"]);
    nas.ask(&["plan", "backup", "home"]);
    assert!(service.heard().is_empty());
    let heard = service.until(&nas, |heard| heard.len() >= 2);
    let all: Vec<_> = heard.iter().map(Heard::json).collect();
    let text = all.iter().find_map(|body| body["text"].as_str()).unwrap();
    assert!(text.starts_with("2 messages"), "{text}");
    let document = all.iter().find(|body| body["text"].is_null()).unwrap();
    assert_eq!(document["event"], "backup-succeeded");
    assert_eq!(document["messages"].as_array().unwrap().len(), 2, "{document}");
    assert_eq!(service.heard().len(), 2, "one each");
    assert_eq!(nas.cli(&["hook", "snooze", "fone", "--for", "1h"]).refused(), "not-found");
}

#[test]
fn a_lock_that_is_in_the_way_for_long_is_told_once_also_across_a_restart() {
    let service = Service::start();
    let mut nas = machine("nas", &webhook(&service, "\"repo-locked\""), "");
    nas.ask(&["repo", "edit", "vault", "--lock-alarm", "1s"]);
    let vault = nas.folder().join("vault");
    let mut restic = Command::new("restic");
    restic.args(["backup", "--stdin", "--repo", vault.to_str().unwrap()]);
    restic.env("RESTIC_PASSWORD", "correct horse").env("RESTIC_CACHE_DIR", nas.folder());
    let mut other = restic.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    let locks = || fs::read_dir(vault.join("locks")).unwrap().count();
    let begun = Instant::now();
    while locks() == 0 {
        assert!(begun.elapsed() < PATIENCE, "it does not lock");
        thread::sleep(Duration::from_millis(5));
    }
    nas.ask(&["repo", "prune", "vault", "--no-wait"]);
    let heard = service.until(&nas, |heard| !heard.is_empty());
    let told = heard[0].json();
    assert_eq!(
        (told["event"].as_str(), told["repo"].as_str()),
        (Some("repo-locked"), Some("vault"))
    );
    assert!(
        told["message"].as_str().unwrap().contains(&format!("process {}", other.id())),
        "{told}"
    );
    nas.until(&["status"], |_| hooks(&nas).len() == 1);
    nas.restart();
    nas.ask(&["repo", "prune", "vault", "--no-wait"]);
    nas.until(&["repo", "show", "vault"], |repo| repo["locked_by"].is_string());
    drop(other.stdin.take());
    other.wait().unwrap();
    nas.until(&["repo", "show", "vault"], |repo| repo["last_prune"].is_string());
    assert_eq!(service.heard().len(), 1);
}

#[test]
fn a_hub_is_told_once_that_a_plan_of_a_peer_is_stale_and_recovered_also_across_its_restart() {
    let service = Service::start();
    let top = webhook(&service, "\"stale\", \"recovered\"");
    let mut hub = Machine::start_with("hub", &top);
    let mut laptop = machine("laptop", "", "max-age = \"120s\"");
    saved_once(&mut laptop, 300);
    laptop.joins(&hub, &["--ask", "read-operations=*"], &["--accept-asks"]);
    let heard = service.until(&hub, |heard| !heard.is_empty());
    let told = heard[0].json();
    assert_eq!(
        (told["event"].as_str(), told["instance"].as_str(), told["plan"].as_str()),
        (Some("stale"), Some("laptop"), Some("home"))
    );
    hub.until(&["status"], |_| hooks(&hub).len() == 1);
    hub.restart();
    hub.until(&["plan", "list", "--peer", "laptop"], |plans| plans[0]["state"] == "stale");
    laptop.ask(&["plan", "backup", "home"]);
    let heard = service.until(&hub, |heard| heard.len() >= 2);
    let events: Vec<_> = heard.iter().map(|heard| heard.json()["event"].clone()).collect();
    assert_eq!(events, ["stale", "recovered"]);
    assert!(hooks(&laptop).is_empty(), "the laptop has no hook");
}

#[test]
fn a_hub_is_told_that_a_plan_of_a_peer_is_late_while_the_peer_says_what_it_waits_for() {
    let service = Service::start();
    let mut hub = Machine::start_with("hub", &webhook(&service, "\"late\", \"recovered\""));
    // No machine that runs this test has so little to do.
    let waits = "schedule = { every = \"1m\" }\ngrace = \"1m\"\nmax-age = \"1d\"\n\
                 only-when = { load-below = 0.01, force-after = \"1d\" }";
    let mut laptop = machine("laptop", "", waits);
    // One that never had a backup would be `never`, which is worse.
    saved_once(&mut laptop, 300);
    laptop.joins(&hub, &["--ask", "read-operations=*"], &["--accept-asks"]);
    // Due at once, and late a minute later.
    let heard = service.within(PATIENCE * 3, &hub, |heard| !heard.is_empty());
    let told = heard[0].json();
    assert_eq!(
        (told["event"].as_str(), told["instance"].as_str(), told["plan"].as_str()),
        (Some("late"), Some("laptop"), Some("home"))
    );
    let plan = hub.until(&["plan", "list", "--peer", "laptop"], |plans| {
        plans[0]["state"] == "late" && plans[0]["waiting_for"].is_string()
    });
    assert!(plan[0]["waiting_for"].as_str().unwrap().contains("load"), "{plan}");
    hub.until(&["status"], |_| hooks(&hub).len() == 1);
    hub.restart();
    laptop.ask(&["plan", "backup", "home"]);
    let is_newer = |plans: &Value| plans[0]["last_success"] != plan[0]["last_success"];
    hub.until(&["plan", "list", "--peer", "laptop"], is_newer);
    let lates = service.heard().iter().filter(|heard| heard.json()["event"] == "late").count();
    assert_eq!(lates, 1, "told once, also across the hub's restart");
}
