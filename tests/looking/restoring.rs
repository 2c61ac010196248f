//! Restores, and what looking at many files costs.

use super::*;

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
    let message = done["message"].as_str().unwrap();
    assert!(message.contains("restored in place"), "{done}");
    assert!(message.ends_with(", 2 files left as before"), "{done}");
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
    let page = include_str!("../../docs/restoring.md");
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
