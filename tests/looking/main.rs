//! Looking into snapshots and restoring, through the real binary and both versions of restic.
#![allow(clippy::unwrap_used)]

#[path = "../machine/mod.rs"]
mod machine;

mod dumping;
mod restoring;

use machine::{Machine, PATIENCE, light};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fs;
use std::io::Read as _;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

/// Names that are patterns, options, several lines or no ASCII.
const NAMES: [&str; 11] = [
    "-dash/-f",
    "back\\slash",
    "gl*ob/[x]?",
    "gl*ob/x1",
    "gl*ob/xx",
    "new\nline",
    "sp ace/a b ",
    "!bang",
    "$HOME",
    "{a,b}~",
    "ünï/ñ",
];

/// restic of Debian's next release, as `.ci/install` puts it there.
fn newer() -> PathBuf {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/tools/restic-0.18/restic");
    assert!(path.exists(), "{} is not there: run .ci/install", path.display());
    path
}

/// A machine with a repo, a plan of its folder `home`, and restic on PATH or a newer one.
fn machine(restic: Option<PathBuf>) -> Machine {
    let line = restic.map(|path| format!("restic = {:?}\n", path.to_str().unwrap()));
    let machine = Machine::start_with("nas", &line.unwrap_or_default());
    fs::create_dir(machine.folder().join("home")).unwrap();
    fs::write(machine.folder().join("pass"), "correct horse\n").unwrap();
    let (uri, pass) = (at(&machine, "vault"), at(&machine, "pass"));
    light::repository(Path::new(&uri), 1);
    machine.ask(&["repo", "add", "vault", &uri, "--password-file", &pass]);
    let home = at(&machine, "home");
    machine.ask(&["plan", "add", "home", "--repo", "vault", "--path", &home]);
    machine
}

fn both() -> [Machine; 2] {
    [machine(None), machine(Some(newer()))]
}

/// The path of something in its folder.
fn at(machine: &Machine, name: &str) -> String {
    machine.folder().join(name).to_str().unwrap().to_owned()
}

fn write(machine: &Machine, name: &str, text: &str) {
    let path = machine.folder().join("home").join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

/// Saves the plan; the id of the snapshot.
#[track_caller]
fn back_up(machine: &Machine) -> String {
    let done = machine.ask(&["plan", "backup", "home"]);
    assert_eq!(done["status"], "succeeded", "{done}");
    done["snapshot"].as_str().unwrap().to_owned()
}

fn paths(lines: &[Value]) -> Vec<&str> {
    lines.iter().map(|line| line["path"].as_str().unwrap()).collect()
}

/// A command whose standard output is bytes.
fn bytes(machine: &Machine, arguments: &[&str]) -> (i32, Vec<u8>, String) {
    let output = cli(machine).args(arguments).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.code().unwrap(), output.stdout, said)
}

fn cli(machine: &Machine) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_holdfast"));
    command.arg("--config").arg(machine.config()).arg("--data-dir").arg(machine.data());
    command.stdin(Stdio::null());
    command
}

/// Files below a folder, relative to it.
fn files(folder: &Path) -> BTreeSet<String> {
    let (mut found, mut folders) = (BTreeSet::new(), vec![folder.to_owned()]);
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                found.insert(path.strip_prefix(folder).unwrap().to_str().unwrap().to_owned());
            }
        }
    }
    found
}

#[test]
fn names_that_are_patterns_or_options_are_listed_dumped_and_restored_literally() {
    for machine in both() {
        for name in NAMES {
            write(&machine, name, &format!("content of {name}"));
        }
        let id = back_up(&machine);
        let home = at(&machine, "home");
        let all = machine.cli(&["ls", &id, &home, "--recursive"]).lines();
        let listed: BTreeSet<_> = all
            .iter()
            .filter(|entry| entry["type"] == "file")
            .map(|entry| {
                entry["path"].as_str().unwrap().strip_prefix(&home).unwrap()[1..].to_owned()
            })
            .collect();
        assert_eq!(listed, NAMES.iter().map(ToString::to_string).collect());
        let glob = machine.cli(&["ls", &id[..10], &format!("{home}/gl*ob/")]).lines();
        assert_eq!(paths(&glob).len(), 3, "a folder is listed by what is in it: {glob:?}");
        assert_eq!(glob[0]["size"], "content of gl*ob/[x]?".len());
        for name in NAMES {
            let path = format!("{home}/{name}");
            assert_eq!(paths(&machine.cli(&["ls", &id, &path]).lines()), [path.as_str()]);
            let (code, content, said) = bytes(&machine, &["dump", &id, &path]);
            assert_eq!((code, content), (0, format!("content of {name}").into()), "{said}");
        }
        for (n, name) in NAMES.iter().enumerate() {
            let (target, path) = (at(&machine, &format!("out{n}")), format!("{home}/{name}"));
            let done = machine.ask(&["restore", &id, "--to", &target, "--path", &path]);
            assert_eq!(
                (done["status"].as_str(), done["plan"].as_str()),
                (Some("succeeded"), Some("home"))
            );
            assert_eq!(done["snapshot"], id);
            let restored = files(Path::new(&target));
            assert_eq!(restored, BTreeSet::from([path[1..].to_owned()]), "this file and no other");
        }
    }
}

#[test]
fn what_is_not_in_a_snapshot_is_refused_by_name_before_anything_is_written() {
    for machine in both() {
        write(&machine, "letter", "dear reader");
        let id = back_up(&machine);
        let (home, out) = (at(&machine, "home"), at(&machine, "out"));
        let (letter, gone) = (format!("{home}/letter"), format!("{home}/lettre"));
        for command in [
            vec!["ls", &id, &gone],
            vec!["dump", &id, &gone],
            vec!["restore", &id, "--to", &out, "--path", &letter, "--path", &gone],
        ] {
            let refused = machine.cli(&command);
            let said = refused.error()["message"].as_str().unwrap().to_owned();
            assert!(said.contains("lettre") && !said.contains("letter\""), "{said}");
            assert_eq!(refused.refused(), "not-found", "{command:?}");
        }
        assert!(!Path::new(&out).exists());
        let before = machine.cli(&["ops"]).lines().len();
        let unknown = "0123".repeat(16);
        assert_eq!(machine.cli(&["ls", &unknown]).refused(), "not-found");
        assert_eq!(machine.cli(&["restore", &unknown, "--to", &out]).refused(), "not-found");
        assert_eq!(machine.cli(&["ls", &id, "home"]).refused(), "invalid");
        assert_eq!(machine.cli(&["ls", &id, "/a/../b"]).refused(), "invalid");
        assert_eq!(machine.cli(&["ops"]).lines().len(), before, "looking is no operation");
        fs::create_dir(&out).unwrap();
        fs::write(format!("{out}/mine"), "").unwrap();
        let refused = machine.cli(&["restore", &id, "--to", &out]);
        assert!(refused.error()["message"].as_str().unwrap().contains("not an empty folder"));
    }
}

#[test]
fn snapshots_are_chosen_by_conditions_and_found_newest_first() {
    for machine in both() {
        let home = at(&machine, "home");
        write(&machine, "old.txt", "1");
        let first = back_up(&machine);
        write(&machine, "Letter.TXT", "2");
        let second = back_up(&machine);
        write(&machine, "new.txt", "3");
        let third = back_up(&machine);
        let ids = |more: &[&str]| {
            let lines = machine.cli(&[&["snapshots"], more].concat()).lines();
            lines.iter().map(|line| line["id"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        let all = [first.clone(), second.clone(), third.clone()];
        assert_eq!(ids(&[]), all);
        assert_eq!(ids(&["--latest", "2"]), all[1..]);
        let lines = machine.cli(&["snapshots"]).lines();
        let (time, host) = (lines[1]["time"].as_str().unwrap(), lines[1]["host"].as_str().unwrap());
        assert_eq!(ids(&["--since", time]), all[1..]);
        assert_eq!(ids(&["--until", time]), all[..1]);
        assert_eq!(ids(&["--host", host, "--tag", "plan:home", "--repo", "vault"]), all);
        assert_eq!(ids(&["--tag", "weekly"]), Vec::<String>::new());
        assert_eq!(ids(&["--path", &format!("{home}/new.txt"), "--instance", "nas"]), all);
        assert_eq!(ids(&["--path", "/elsewhere"]), Vec::<String>::new());

        let found = |arguments: &[&str]| {
            let lines = machine.cli(&[&["find"], arguments].concat()).lines();
            let one = |line: &Value| {
                let name = line["path"].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
                (line["snapshot"].as_str().unwrap().to_owned(), name)
            };
            lines.iter().map(one).collect::<Vec<_>>()
        };
        let hit = |id: &String, name: &str| (id.clone(), name.to_owned());
        assert_eq!(found(&["new.txt"]), [hit(&third, "new.txt")]);
        assert_eq!(found(&["*.TXT"]), [hit(&third, "Letter.TXT"), hit(&second, "Letter.TXT")]);
        let old = [hit(&third, "old.txt"), hit(&second, "old.txt"), hit(&first, "old.txt")];
        assert_eq!(found(&["old.txt"]), old, "newest first");
        assert_eq!(found(&["OLD.*", "-i", "--until", time]), old[2..]);
        assert_eq!(found(&["old.txt", "--snapshot", &second[..9]]), old[1..2]);
        assert_eq!(found(&["--plan", "home", "--", "-x"]), []);
        assert_eq!(found(&[&format!("{home}/old.txt"), "--latest", "1"]), old[..1]);
        let cut = machine.cli(&["find", "*.txt", "--limit", "2"]);
        let told: Vec<Value> =
            cut.stdout.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
        assert_eq!(told.len(), 2, "what fits is told: {told:?}");
        assert_eq!(cut.refused(), "limit", "and that there is more");
    }
}

#[test]
fn two_snapshots_are_compared_with_totals() {
    for machine in both() {
        let home = at(&machine, "home");
        for (name, text) in [("stays", "1"), ("changes", "2"), ("goes\nsoon", "3"), ("turns", "4")]
        {
            write(&machine, name, text);
        }
        let before = back_up(&machine);
        write(&machine, "changes", "two");
        write(&machine, "comes/new", "5");
        fs::remove_file(format!("{home}/goes\nsoon")).unwrap();
        fs::remove_file(format!("{home}/turns")).unwrap();
        symlink("stays", format!("{home}/turns")).unwrap();
        back_up(&machine);
        let mut lines = machine.cli(&["diff", &before, "latest", "--plan", "home"]).lines();
        let totals = lines.pop().unwrap();
        assert_eq!(totals["totals"]["from"], before);
        assert_eq!(
            (&totals["totals"]["changed_files"], &totals["change"]),
            (&json!(1), &Value::Null)
        );
        assert_eq!(totals["totals"]["added"]["dirs"], 1);
        let told: BTreeSet<_> = lines
            .iter()
            .map(|line| {
                let path = line["change"]["path"].as_str().unwrap().strip_prefix(&home).unwrap();
                format!("{} {path}", line["change"]["change"].as_str().unwrap())
            })
            .collect();
        let expected = [
            "added /comes/",
            "added /comes/new",
            "modified /changes",
            "removed /goes\nsoon",
            "type-changed /turns",
        ];
        assert_eq!(told, expected.map(str::to_owned).into());
        let same = machine.cli(&["diff", &before, &before]).lines();
        assert_eq!((same.len(), &same[0]["totals"]["changed_files"]), (1, &json!(0)));
        // The same file system twice is two repos.
        let (other, pass) = (at(&machine, "other"), at(&machine, "pass"));
        light::repository(Path::new(&other), 2);
        machine.ask(&["repo", "add", "other", &other, "--password-file", &pass]);
        machine.ask(&["plan", "add", "twice", "--repo", "other", "--path", &home]);
        let twice =
            machine.ask(&["plan", "backup", "twice"])["snapshot"].as_str().unwrap().to_owned();
        let refused = machine.cli(&["diff", &before, &twice]);
        let said = refused.error()["message"].as_str().unwrap().to_owned();
        assert!(said.contains("vault") && said.contains("other"), "{said}");
        assert_eq!(refused.refused(), "invalid");
    }
}
