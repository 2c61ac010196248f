//! Looking into snapshots and restoring, through the real binary and both versions of restic.
#![allow(clippy::unwrap_used)]

mod machine;

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

#[test]
fn a_folder_is_dumped_as_an_archive_that_tar_and_unzip_read_back() {
    for machine in both() {
        for name in NAMES {
            write(&machine, name, &format!("content of {name}"));
        }
        symlink("gl*ob", machine.folder().join("home/link")).unwrap();
        let id = back_up(&machine);
        let home = at(&machine, "home");
        let (code, tar, said) = bytes(&machine, &["dump", &id, &home]);
        assert_eq!(code, 0, "{said}");
        let archive = machine.folder().join("home.tar");
        fs::write(&archive, tar).unwrap();
        let out = machine.folder().join("untarred");
        fs::create_dir(&out).unwrap();
        let unpacked = Command::new("tar").arg("-xf").arg(&archive).arg("-C").arg(&out).status();
        assert!(unpacked.unwrap().success());
        let inside = files(&out);
        for name in NAMES {
            let path =
                inside.iter().find(|path| path.ends_with(name)).unwrap_or_else(|| panic!("{name}"));
            assert_eq!(fs::read_to_string(out.join(path)).unwrap(), format!("content of {name}"));
        }

        let saved = machine.ask(&[
            "download",
            &id,
            &home,
            "--format",
            "zip",
            "--to",
            machine.folder().to_str().unwrap(),
        ]);
        let zip = at(&machine, "home.zip");
        assert_eq!((saved["path"].as_str(), saved["format"].as_str()), (Some(&*zip), Some("zip")));
        assert_eq!(saved["bytes"], fs::metadata(&zip).unwrap().len());
        let script = "import sys, zipfile\nz = zipfile.ZipFile(sys.argv[1])\nassert z.testzip() is None\n\
                      for n in z.namelist():\n    print(repr(z.read(n)))";
        let read = Command::new("python3").args(["-c", script, &zip]).output().unwrap();
        let read = String::from_utf8(read.stdout).unwrap();
        assert!(read.contains("content of back\\\\slash") && read.contains("[x]?"), "{read}");

        let again = machine.cli(&["download", &id, &home, "--format", "zip", "--to", &zip]);
        assert_eq!(again.refused(), "exists");
        let file = format!("{home}/!bang");
        assert_eq!(machine.cli(&["dump", &id, &file, "--format", "tar"]).refused(), "invalid");
        let link = machine.cli(&["dump", &id, &format!("{home}/link")]);
        assert!(link.error()["message"].as_str().unwrap().contains("symlink"), "{link:?}");
        assert_eq!(link.code, 1);
    }
}

/// Another content of the same length.
fn damage(file: &Path) {
    let mut permissions = fs::metadata(file).unwrap().permissions();
    std::os::unix::fs::PermissionsExt::set_mode(&mut permissions, 0o600);
    fs::set_permissions(file, permissions).unwrap();
    let mut content = fs::read(file).unwrap();
    let half = content.len() / 2;
    content[..half].fill(0);
    fs::write(file, content).unwrap();
}

#[test]
fn a_dump_that_breaks_off_is_exit_1_and_a_download_leaves_nothing() {
    for machine in both() {
        let large: Vec<u8> =
            (0..3_000_000_u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
        fs::write(machine.folder().join("home/large"), &large).unwrap();
        let id = back_up(&machine);
        let path = format!("{}/large", at(&machine, "home"));
        let (code, content, said) = bytes(&machine, &["dump", &id, &path]);
        assert!(code == 0 && content == large, "{said}");
        // All packs but the smallest, which has the folders.
        let mut packs: Vec<_> = files(&machine.folder().join("vault/data")).into_iter().collect();
        packs.sort_by_key(|pack| {
            fs::metadata(machine.folder().join("vault/data").join(pack)).unwrap().len()
        });
        for pack in &packs[1..] {
            damage(&machine.folder().join("vault/data").join(pack));
        }
        let (code, content, said) = bytes(&machine, &["dump", &id, &path]);
        assert_eq!(code, 1, "{} bytes: {said}", content.len());
        assert!(said.contains("not whole"), "{said}");
        let to = at(&machine, "saved");
        assert_eq!(machine.cli(&["download", &id, &path, "--to", &to]).refused(), "cut-short");
        let left = fs::read_dir(machine.folder()).unwrap().map(|entry| entry.unwrap().file_name());
        let left: Vec<_> = left
            .filter(|name| {
                name.to_string_lossy().contains("saved")
                    || name.to_string_lossy().starts_with(".holdfast")
            })
            .collect();
        assert!(left.is_empty(), "{left:?}");
    }
}

/// The processes whose parent is the daemon.
fn children(machine: &Machine) -> Vec<String> {
    let parent = machine.pid().unwrap().to_string();
    let stat = |entry: fs::DirEntry| fs::read_to_string(entry.path().join("stat")).ok();
    let stats = fs::read_dir("/proc").unwrap().filter_map(|entry| stat(entry.unwrap()));
    let of_daemon = |stat: &String| {
        stat.rsplit(')').next().unwrap().split_whitespace().nth(1) == Some(&*parent)
    };
    stats.filter(of_daemon).collect()
}

#[test]
fn a_reader_that_goes_ends_restic() {
    for machine in both() {
        let noise: Vec<u8> =
            (0..8_000_000_u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
        fs::write(machine.folder().join("home/large"), noise).unwrap();
        let id = back_up(&machine);
        let path = format!("{}/large", at(&machine, "home"));
        let mut dump =
            cli(&machine).args(["dump", &id, &path]).stdout(Stdio::piped()).spawn().unwrap();
        let mut some = [0; 1000];
        dump.stdout.as_mut().unwrap().read_exact(&mut some).unwrap();
        assert_eq!(children(&machine).len(), 1, "restic waits for its reader");
        dump.kill().unwrap();
        dump.wait().unwrap();
        let deadline = Instant::now() + PATIENCE;
        while !children(&machine).is_empty() {
            assert!(Instant::now() < deadline, "{:?}", children(&machine));
            std::thread::yield_now();
        }
    }
}

#[test]
fn what_restic_0_14_lacks_is_refused_naming_the_version_that_has_it() {
    let machine = machine(None);
    write(&machine, "letter", "dear reader");
    let id = back_up(&machine);
    let (home, out) = (at(&machine, "home"), at(&machine, "out"));
    let before = machine.cli(&["ops"]).lines().len();
    for more in [
        &["--in-place", "--yes", "--path", &home][..],
        &["--in-place", "--dry-run"],
        &["--to", &out, "--dry-run"],
        &["--to", &out, "--overwrite", "if-newer"],
        &["--to", &out, "--delete", "--yes"],
    ] {
        let refused = machine.cli(&[&["restore", &id], more].concat());
        let said = refused.error()["message"].as_str().unwrap().to_owned();
        assert!(said.contains("0.14") && said.contains("0.17.0"), "{more:?}: {said}");
        assert_eq!(refused.code, 1);
    }
    assert_eq!(machine.cli(&["ops"]).lines().len(), before);
    let done = machine.ask(&["restore", "latest", "--plan", "home", "--to", &out, "--verify"]);
    assert_eq!(done["message"], format!("restored to {out}"));
    assert_eq!(fs::read_to_string(format!("{out}{home}/letter")).unwrap(), "dear reader");
}

#[test]
fn a_restore_in_place_says_what_it_would_do_and_never_runs_unasked() {
    let machine = machine(Some(newer()));
    let home = at(&machine, "home");
    for (name, text) in [("same", "1"), ("edited", "original"), ("lost", "3"), ("other/left", "4")]
    {
        write(&machine, name, text);
    }
    symlink("same", format!("{home}/link")).unwrap();
    let id = back_up(&machine);
    write(&machine, "edited", "spoilt");
    write(&machine, "extra", "5");
    write(&machine, "other/left", "changed, and to be left alone");
    fs::remove_file(format!("{home}/lost")).unwrap();
    let (edited, lost, link, same) = (
        format!("{home}/edited"),
        format!("{home}/lost"),
        format!("{home}/link"),
        format!("{home}/same"),
    );
    let chosen = ["--path", &edited, "--path", &lost, "--path", &link, "--path", &same];
    let restore = |more: &[&str]| {
        machine.cli(
            &[&["restore", "latest", "--plan", "home", "--in-place"], &chosen[..], more].concat(),
        )
    };
    assert_eq!(restore(&[]).code, 2, "nobody is there to be asked");
    let mut plan = restore(&["--dry-run"]).lines();
    let totals = plan.pop().unwrap()["totals"].clone();
    let acts: BTreeSet<_> = plan
        .iter()
        .map(|line| {
            format!(
                "{} {}",
                line["change"]["act"].as_str().unwrap(),
                line["change"]["path"].as_str().unwrap()
            )
        })
        .collect();
    let expected =
        [format!("overwrite {edited}"), format!("create {lost}"), format!("overwrite {link}")];
    assert_eq!(acts, expected.into());
    assert_eq!((&totals["overwrite"], &totals["create"]), (&json!(2), &json!(1)));
    assert_eq!(fs::read_to_string(&edited).unwrap(), "spoilt", "a rehearsal does nothing");

    assert_eq!(restore(&["--overwrite", "never", "--yes"]).ok()["status"], "succeeded");
    assert_eq!(fs::read_to_string(&edited).unwrap(), "spoilt");
    assert_eq!(fs::read_to_string(&lost).unwrap(), "3");
    let done = restore(&["--overwrite", "if-changed", "--yes", "--verify"]).ok();
    assert_eq!((done["kind"].as_str(), done["snapshot"].as_str()), (Some("restore"), Some(&*id)));
    assert!(done["message"].as_str().unwrap().ends_with("restored in place"), "{done}");
    assert_eq!(fs::read_to_string(&edited).unwrap(), "original");
    assert_eq!(fs::read_link(&link).unwrap(), Path::new("same"));
    assert!(fs::read_to_string(format!("{home}/other/left")).unwrap().contains("left alone"));
    assert!(Path::new(&format!("{home}/extra")).exists());

    let all = ["restore", &id, "--in-place", "--delete", "--yes"];
    assert_eq!(machine.cli(&all).refused(), "invalid", "without a path it would empty the machine");
    let below = machine.ask(&[&all[..], &["--path", &home]].concat());
    assert_eq!(below["status"], "succeeded", "{below}");
    assert!(!Path::new(&format!("{home}/extra")).exists());
    assert_eq!(fs::read_to_string(format!("{home}/other/left")).unwrap(), "4");
}

#[test]
fn a_restore_that_cannot_write_everything_fails_and_names_what_it_missed() {
    let machine = machine(Some(newer()));
    let home = at(&machine, "home");
    write(&machine, "blocked", "1");
    write(&machine, "fine", "2");
    back_up(&machine);
    fs::remove_file(format!("{home}/blocked")).unwrap();
    write(&machine, "blocked/in the way", "3");
    fs::remove_file(format!("{home}/fine")).unwrap();
    let done = machine.cli(&[
        "restore",
        "latest",
        "--plan",
        "home",
        "--in-place",
        "--yes",
        "--path",
        &home,
    ]);
    assert_eq!((done.code, done.json["status"].as_str()), (1, Some("failed")), "{}", done.stderr);
    assert_eq!(fs::read_to_string(format!("{home}/fine")).unwrap(), "2");
    let shown = machine.ask(&["op", "show", done.json["id"].as_str().unwrap()]);
    let missed = shown["item_errors"][0]["path"].as_str().unwrap();
    assert!(missed.ends_with("/blocked"), "{shown}");
}

/// The commands of a page: lines of its `console` blocks that begin with `$ `.
fn commands(page: &str) -> Vec<&str> {
    let blocks = page.split("```console\n").skip(1);
    let lines = blocks.flat_map(|block| block.split("```").next().unwrap().lines());
    lines.filter_map(|line| line.strip_prefix("$ ")).collect()
}

#[test]
fn every_command_of_the_page_on_restoring_runs() {
    let machine = machine(Some(newer()));
    for (name, text) in [("ada/letters/taxes.odt", "much"), ("ada/notes.txt", "buy milk")] {
        write(&machine, name, text);
    }
    let first = back_up(&machine);
    write(&machine, "ada/letters/taxes.odt", "more");
    let second = back_up(&machine);
    // A second machine without a plan, for the last part.
    let fresh =
        Machine::start_with("fresh", &format!("restic = {:?}\n", newer().to_str().unwrap()));
    fs::create_dir(machine.folder().join("srv")).unwrap();
    symlink(machine.folder().join("vault"), machine.folder().join("srv/vault")).unwrap();
    fs::copy(machine.folder().join("pass"), machine.folder().join("srv/vault.pass")).unwrap();
    fs::create_dir(machine.folder().join("tmp")).unwrap();
    let page = include_str!("../docs/restoring.md");
    let all = commands(page);
    assert!(all.len() > 15, "{all:?}");
    let new_machine = all.iter().position(|command| command.contains("--no-init")).unwrap();
    let program = Path::new(env!("CARGO_BIN_EXE_holdfast")).parent().unwrap();
    for (n, command) in all.iter().enumerate() {
        let on = if n < new_machine { &machine } else { &fresh };
        let mut text = command.replace("0a1b2c3d", &first[..8]).replace("4e5f6071", &second[..8]);
        let folders = ["home", "tmp", "srv"];
        for folder in folders {
            text = text.replace(&format!(" /{folder}/"), &format!(" @{folder}@/"));
        }
        for folder in folders {
            text = text.replace(&format!("@{folder}@"), &at(&machine, folder));
        }
        let run = Command::new("bash")
            .args(["-c", &format!("set -eo pipefail\n{text}")])
            .env("PATH", format!("{}:{}", program.display(), std::env::var("PATH").unwrap()))
            .env("HOLDFAST_CONFIG", on.config())
            .env("HOLDFAST_DATA_DIR", on.data())
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&run.stderr);
        assert!(run.status.success(), "{text}: {said}");
        let prints = !command.contains('>');
        assert!(!prints || !run.stdout.is_empty(), "{text} said nothing; {said}");
    }
    let read = |name: &str| fs::read_to_string(machine.folder().join("tmp").join(name)).unwrap();
    assert_eq!((read("taxes.odt"), read("taxes-2.odt")), ("more".to_owned(), "more".to_owned()));
    let home = at(&machine, "home");
    assert_eq!(read(&format!("letters{home}/ada/letters/taxes.odt")), "more");
    assert_eq!(read(&format!("both{home}/ada/notes.txt")), "buy milk");
    assert_eq!(read(&format!("everything{home}/ada/letters/taxes.odt")), "more");
}

/// The most memory that the daemon has used since the last call, in KiB.
fn peak(machine: &Machine) -> u64 {
    let process = format!("/proc/{}", machine.pid().unwrap());
    let status = fs::read_to_string(format!("{process}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    fs::write(format!("{process}/clear_refs"), "5").unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// How much memory looking at 100,000 files may cost the daemon, in KiB.
const BOUND: u64 = 16 << 10;

#[test]
fn a_hundred_thousand_files_are_paged_listed_found_and_restored_in_bounded_memory() {
    const FILES: usize = 100_000;
    let machine = machine(None);
    let home = at(&machine, "home");
    for folder in 0..5 {
        let folder = format!("{home}/{folder}");
        fs::create_dir(&folder).unwrap();
        for file in 0..FILES / 5 {
            fs::File::create(format!("{folder}/a file with a name of some length {file:06}"))
                .unwrap();
        }
    }
    let id = back_up(&machine);
    let lines = |arguments: &[&str]| {
        let (code, out, said) = bytes(&machine, arguments);
        assert_eq!(code, 0, "{said}");
        String::from_utf8(out).unwrap().lines().map(str::to_owned).collect::<Vec<_>>()
    };
    peak(&machine);
    let before = peak(&machine);
    assert_eq!(lines(&["ls", &id, &home, "--recursive"]).len(), FILES + 5);
    let listing = peak(&machine);
    let folder = format!("{home}/3");
    let page = |after: Option<&String>| {
        let after = after.map(|path| ["--after".to_owned(), path.clone()]);
        let mut arguments = vec!["ls", &id, &folder, "--repo", "vault", "--limit", "7000"];
        arguments.extend(after.iter().flatten().map(String::as_str));
        lines(&arguments)
    };
    let first = page(None);
    // The other pages need neither restic nor the repository.
    fs::rename(at(&machine, "vault"), at(&machine, "elsewhere")).unwrap();
    let second = page(first.last());
    let third = page(second.last());
    assert_eq!([first.len(), second.len(), third.len()], [7000, 7000, 6000]);
    assert!(page(third.last()).is_empty());
    let all: BTreeSet<_> = [first, second, third].concat().into_iter().collect();
    assert_eq!(all.len(), FILES / 5, "each once");
    fs::rename(at(&machine, "elsewhere"), at(&machine, "vault")).unwrap();
    let paging = peak(&machine);

    let out = at(&machine, "out");
    assert_eq!(machine.ask(&["restore", &id, "--to", &out])["status"], "succeeded");
    assert_eq!(files(Path::new(&out)).len(), FILES);
    let restoring = peak(&machine);

    let found = lines(&["find", "a file*", "--limit", "100000"]);
    assert_eq!(found.len(), FILES + 1, "the matches and the snapshot that they are in");
    let finding = peak(&machine);
    println!(
        "KiB: {before} before; listing {listing}, paging {paging}, restoring {restoring}, finding {finding}"
    );
    for after in [listing, paging, restoring] {
        assert!(after <= before + BOUND, "{before} KiB before, {after} KiB then");
    }
    assert!(finding <= before + 3 * BOUND, "a search keeps its matches: {before}, {finding}");
}
