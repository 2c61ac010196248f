//! The story of a machine that moves from Backrest: its config, its history and its snapshots go on
//! under holdfast, through the real binary and the real restic.
#![allow(clippy::unwrap_used)]

mod machine;

use machine::Machine;
use serde_json::{Value, json};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

const PASSWORD: &str = "correct horse ${battery}";

/// A machine whose daemon is not running, and what Backrest left on it.
struct Moved {
    machine: Machine,
    guid: String,
    snapshot: String,
}

impl Moved {
    fn at(&self, name: &str) -> String {
        self.machine.folder().join(name).to_str().unwrap().to_owned()
    }

    fn restic(&self, arguments: &[&str]) -> Vec<u8> {
        let output = Command::new("restic")
            .args(["--repo", &self.at("vault"), "--json"])
            .args(arguments)
            .env("RESTIC_PASSWORD", PASSWORD)
            .env("RESTIC_CACHE_DIR", self.at("cache"))
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        output.stdout
    }

    fn new() -> Self {
        let mut machine = Machine::start("before");
        machine.kill9();
        fs::remove_file(machine.config()).unwrap();
        fs::create_dir(machine.folder().join("home")).unwrap();
        fs::write(machine.folder().join("home/letter.txt"), "dear reader").unwrap();
        let mut moved = Self { machine, guid: String::new(), snapshot: String::new() };
        moved.restic(&["init"]);
        let home = moved.at("home");
        moved.restic(&["backup", "--tag", "plan:home,created-by:MyHost", &home]);
        let config: Value = serde_json::from_slice(&moved.restic(&["cat", "config"])).unwrap();
        let snapshots: Value = serde_json::from_slice(&moved.restic(&["snapshots"])).unwrap();
        moved.guid = config["id"].as_str().unwrap().to_owned();
        moved.snapshot = snapshots[0]["id"].as_str().unwrap().to_owned();
        fs::write(moved.at("config.json"), moved.settings().to_string()).unwrap();
        moved.write_oplog();
        moved
    }

    fn settings(&self) -> Value {
        json!({
            "version": 6,
            "instance": "MyHost",
            "repos": [{ "id": "vault", "uri": self.at("vault"), "guid": self.guid, "password": PASSWORD }],
            "plans": [{ "id": "home", "repo": "vault", "paths": [self.at("home")],
                "schedule": { "disabled": true }, "retention": { "policyKeepAll": true } }],
            "auth": { "users": [{ "name": "admin", "passwordBcrypt": "JDJhJA==" }] }
        })
    }

    /// As the format has it, by hand: field by field.
    fn write_oplog(&self) {
        let connection = rusqlite::Connection::open(self.at("oplog.sqlite")).unwrap();
        connection
            .execute_batch(
                "CREATE TABLE operations (id INTEGER PRIMARY KEY, ogid INTEGER, \
                 original_id INTEGER, original_flow_id INTEGER, modno INTEGER, flow_id INTEGER, \
                 start_time_ms INTEGER, status INTEGER, snapshot_id STRING, operation BLOB)",
            )
            .unwrap();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
        let start = i64::try_from(now).unwrap() - 3_600_000;
        let summary = [number(1, 7), number(9, 1000), text(13, &self.snapshot)].concat();
        let backup = message(100, &message(3, &message(2, &summary)));
        let rows = [
            (1, start, 3, self.snapshot.as_str(), "home", backup),
            (2, start + 10, 3, "", "home", message(102, &message(1, b""))),
            (3, start + 20, 4, "", "_system_", message(107, &text(1, "pack is damaged\n"))),
            (4, start + 86_400_000, 1, "", "home", message(100, b"")),
        ];
        for (id, start, status, snapshot, plan, kind) in rows {
            let blob = [
                number(1, id),
                text(2, "vault"),
                text(3, plan),
                number(4, status),
                number(5, u64::try_from(start).unwrap()),
                number(6, u64::try_from(start).unwrap() + 5),
                text(8, snapshot),
                number(10, 70 + id / 3),
                text(11, "MyHost"),
                text(15, &self.guid),
                kind,
            ];
            let values = (i64::try_from(id).unwrap(), start, snapshot, blob.concat());
            let sql = "INSERT INTO operations (id, flow_id, start_time_ms, status, snapshot_id, \
                       operation) VALUES (?1, 70 + ?1 / 3, ?2, 3, ?3, ?4)";
            connection.execute(sql, values).unwrap();
        }
    }

    fn import(&self, more: &[&str]) -> machine::Output {
        let file = self.at("config.json");
        self.machine.cli(&[&["config", "import-backrest", &file], more].concat())
    }
}

fn varint(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 0x80 {
        bytes.push(u8::try_from(value & 0x7f).unwrap() | 0x80);
        value >>= 7;
    }
    bytes.push(u8::try_from(value).unwrap());
    bytes
}

fn number(field: u64, value: u64) -> Vec<u8> {
    [varint(field << 3), varint(value)].concat()
}

fn message(field: u64, content: &[u8]) -> Vec<u8> {
    let length = u64::try_from(content.len()).unwrap();
    [varint(field << 3 | 2), varint(length), content.to_vec()].concat()
}

fn text(field: u64, value: &str) -> Vec<u8> {
    message(field, value.as_bytes())
}

fn mode(path: PathBuf) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn a_machine_moves_with_config_history_and_snapshots() {
    let mut moved = Moved::new();
    let oplog = moved.at("oplog.sqlite");
    let made = moved.import(&["--write", "--operations", &oplog]).ok();
    assert_eq!(made["path"], moved.at("config.toml"));
    assert_eq!(made["text"], Value::Null);
    assert_eq!(
        (made["operations"]["found"].as_u64(), made["operations"]["added"].as_u64()),
        (Some(4), Some(3))
    );
    assert_eq!(made["operations"]["left_out"], json!({ "not begun yet": 1 }));
    let kinds: Vec<_> = made["report"]
        .as_array()
        .unwrap()
        .iter()
        .map(|remark| remark["kind"].as_str().unwrap())
        .collect();
    assert!(
        kinds.contains(&"translated") && kinds.contains(&"changed") && kinds.contains(&"left-out")
    );
    let secret = moved.machine.folder().join("secrets/repo-vault.password");
    assert_eq!(made["secrets"], json!([secret.to_str().unwrap()]));
    assert_eq!(fs::read_to_string(&secret).unwrap(), format!("{PASSWORD}\n"));
    assert_eq!(
        (mode(secret), mode(moved.machine.folder().join("secrets")), mode(moved.machine.config())),
        (0o600, 0o700, 0o600)
    );
    assert_eq!(moved.machine.ask(&["config", "check"])["ok"], true);

    let config = fs::read_to_string(moved.machine.config()).unwrap();
    let here = format!("listen = [\"127.0.0.1:{}\"]", moved.machine.port);
    moved.machine.write_config(&config.replace("listen = [\"127.0.0.1:9898\"]", &here));
    moved.machine.restart();
    let plans = moved.machine.ask(&["plan", "list"]);
    assert_eq!(
        (plans[0]["id"].as_str(), plans[0]["state"].as_str()),
        (Some("home"), Some("fresh")),
        "{plans}"
    );
    let operations = moved.machine.cli(&["ops"]).lines();
    let told: Vec<_> = operations
        .iter()
        .map(|one| (one["kind"].as_str().unwrap(), one["status"].as_str().unwrap()))
        .collect();
    assert_eq!(told, [("backup", "succeeded"), ("forget", "succeeded"), ("check", "failed")]);
    assert_eq!(operations[0]["snapshot"], moved.snapshot.as_str());
    assert_eq!(operations[0]["instance"], "myhost");
    assert_eq!(operations[0]["stats"]["files_new"], 7);
    assert_eq!(operations[0]["flow"], operations[1]["flow"]);
    assert_eq!(operations[2]["plan"], Value::Null);
    let snapshots =
        moved.machine.cli(&["snapshots", "--plan", "home", "--instance", "myhost"]).lines();
    assert_eq!(snapshots.len(), 1, "a snapshot of the earlier name is one of this instance");
    assert_eq!(
        (&snapshots[0]["id"], &snapshots[0]["instance"]),
        (&json!(moved.snapshot), &json!("MyHost"))
    );

    let target = moved.at("restored");
    moved.machine.ask(&["restore", "latest", "--plan", "home", "--to", &target]);
    let letter = PathBuf::from(format!("{target}{}", moved.at("home/letter.txt")));
    assert_eq!(fs::read_to_string(letter).unwrap(), "dear reader");
    let again = moved.machine.ask(&["plan", "backup", "home"]);
    assert_eq!(again["status"], "succeeded");
    assert_eq!(
        moved.machine.cli(&["snapshots", "--plan", "home", "--instance", "myhost"]).lines().len(),
        2
    );

    let other = moved.at("other.toml");
    let refused = moved.import(&["--output", &other, "--operations", &oplog]);
    assert!(refused.error()["remedy"].as_str().unwrap().contains("stop the daemon"), "{refused:?}");
    assert!(!PathBuf::from(&other).exists(), "nothing is written where something fails");
    moved.machine.kill9();
    let second = moved.import(&["--operations", &oplog]).ok();
    assert_eq!(
        (second["operations"]["added"].as_u64(), second["operations"]["known"].as_u64()),
        (Some(0), Some(3))
    );
}

#[test]
fn nothing_is_overwritten_and_a_preview_writes_nothing() {
    let moved = Moved::new();
    let preview = moved.import(&[]).ok();
    let text = preview["text"].as_str().unwrap();
    assert!(text.contains("instance = \"myhost\"") && !text.contains("correct horse"), "{text}");
    assert!(!moved.machine.config().exists() && !moved.machine.folder().join("secrets").exists());

    fs::write(moved.machine.config(), "# mine\n").unwrap();
    let config = moved.at("config.toml");
    for arguments in [&["--write"][..], &["--output", &config]] {
        let refused = moved.import(arguments);
        assert!(refused.error()["message"].as_str().unwrap().contains(&config), "{refused:?}");
        assert_eq!(refused.refused(), "exists");
    }
    assert_eq!(fs::read_to_string(moved.machine.config()).unwrap(), "# mine\n");
    assert!(!moved.machine.folder().join("secrets").exists());

    fs::create_dir(moved.machine.folder().join("secrets")).unwrap();
    fs::write(moved.machine.folder().join("secrets/repo-vault.password"), "another\n").unwrap();
    let other = moved.at("other.toml");
    assert_eq!(moved.import(&["--output", &other]).refused(), "exists");
    assert!(!PathBuf::from(&other).exists());
}

#[test]
fn bad_input_is_named_by_file_path_and_value() {
    let moved = Moved::new();
    let file = moved.at("config.json");
    let mut settings = moved.settings();
    settings["plans"][0]["schedule"] = json!({ "maxFrequencyDays": "often" });
    fs::write(&file, settings.to_string()).unwrap();
    let refused = moved.import(&["--write"]);
    let message = refused.error()["message"].as_str().unwrap().to_owned();
    assert!(message.contains(&file), "{message}");
    assert!(
        message.contains("plans[0].schedule.maxFrequencyDays: \"often\" is not a whole number"),
        "{message}"
    );
    assert_eq!((refused.refused().as_str(), moved.machine.config().exists()), ("import", false));
    fs::write(&file, moved.settings().to_string()).unwrap();
    assert_eq!(moved.import(&["--write", "--operations", &file]).refused(), "operations");
    assert!(
        !moved.machine.config().exists(),
        "a history that cannot be read stops it before anything is written"
    );
}
