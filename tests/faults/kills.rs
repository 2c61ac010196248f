//! Power cuts and murder: daemon and restic are killed at random moments of backup, forget and prune.
//! After each, the next run needs no help; at the end the repository is sound and the history says
//! what happened.

use crate::machine::{Machine, PATIENCE};
use crate::random::Random;
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// How often something is killed; `make faults` does it 50 times (KILLS=n for another number).
const KILLS: u32 = 12;
/// Later than this nothing is left to kill.
const LATEST: u64 = 900;
const POLL: Duration = Duration::from_millis(50);

#[derive(Debug, Clone, Copy)]
enum Work {
    Backup,
    Forget,
    Prune,
}

#[derive(Debug, Clone, Copy)]
enum Victim {
    Daemon,
    Restic,
}

impl Work {
    const fn command(self) -> [&'static str; 3] {
        match self {
            Self::Backup => ["plan", "backup", "home"],
            Self::Forget => ["plan", "forget", "home"],
            Self::Prune => ["repo", "prune", "vault"],
        }
    }
}

struct Bench {
    nas: Machine,
    random: Random,
}

impl Bench {
    fn new(seed: u64) -> Self {
        let nas = Machine::start("nas");
        let folder = nas.folder().to_owned();
        fs::write(folder.join("password"), "swordfish").unwrap();
        let (repo, password) = (folder.join("repo"), folder.join("password"));
        let [repo, password] = [&repo, &password].map(|path| path.to_str().unwrap());
        nas.ask(&["repo", "add", "vault", repo, "--password-file", password]);
        let files = folder.join("files");
        fs::create_dir(&files).unwrap();
        let files = files.to_str().unwrap();
        let retention = ["--retention", "last=3"];
        nas.ask(
            &[&["plan", "add", "home", "--repo", "vault", "--path", files], &retention[..]]
                .concat(),
        );
        Self { nas, random: Random::new(seed) }
    }

    /// Something new to save, so that every run has something to do.
    fn change_files(&mut self) {
        for name in 0..8 {
            let bytes = self.random.bytes(1 << 20);
            fs::write(self.nas.folder().join("files").join(name.to_string()), bytes).unwrap();
        }
    }

    fn round(&mut self, round: u32) {
        let work =
            [Work::Backup, Work::Backup, Work::Forget, Work::Prune][self.random.below(4) as usize];
        let victim = [Victim::Daemon, Victim::Restic][self.random.below(2) as usize];
        let moment = Duration::from_millis(self.random.below(LATEST));
        println!("round {round}: {victim:?} is killed {moment:?} into {work:?}");
        self.change_files();
        let begun = self.nas.ask(&[&work.command()[..], &["--no-wait"]].concat());
        // The moment is the test.
        sleep(moment);
        match victim {
            Victim::Daemon => self.nas.restart(),
            Victim::Restic => kill_restic(&self.nas),
        }
        self.has_ended(begun["id"].as_str().unwrap());
        self.change_files();
        let next = self.nas.ask(&["plan", "backup", "home"]);
        assert_eq!(next["status"], "succeeded", "round {round}: {next}\n{}", self.nas.log());
    }

    fn has_ended(&self, operation: &str) {
        let ends = ["succeeded", "failed", "lost"];
        let shown = self.nas.until(&["op", "show", operation], |shown| {
            ends.iter().any(|end| shown["status"] == *end)
        });
        if shown["status"] != "succeeded" {
            let said = shown["message"].as_str().unwrap_or_default();
            assert!(!said.is_empty(), "{shown}");
        }
    }

    /// Waits for what follows a backup: its forget and its index work on after it has ended.
    fn is_quiet(&self) {
        let since = Instant::now();
        let is_open = |op: &Value| op["status"] == "running" || op["status"] == "pending";
        while self.nas.cli(&["ops"]).lines().iter().any(is_open) {
            assert!(since.elapsed() < PATIENCE, "something never ends\n{}", self.nas.log());
            sleep(POLL);
        }
    }

    /// What restic itself says of the repository.
    fn is_sound(&self) {
        self.is_quiet();
        let folder = self.nas.folder();
        let run = |arguments: &[&str]| {
            let restic = Command::new("restic")
                .args(["-r", folder.join("repo").to_str().unwrap()])
                .args(arguments)
                .env("RESTIC_PASSWORD_FILE", folder.join("password"))
                .output()
                .unwrap();
            let said = String::from_utf8_lossy(&restic.stderr).into_owned();
            assert!(restic.status.success(), "restic {arguments:?}: {said}");
            restic.stdout
        };
        run(&["check", "--read-data"]);
        let snapshots: Vec<Value> = serde_json::from_slice(&run(&["snapshots", "--json"])).unwrap();
        assert!(!snapshots.is_empty());
        let locks = String::from_utf8(run(&["list", "locks", "--no-lock", "--quiet"])).unwrap();
        assert_eq!(locks.trim(), "", "nothing is left locked");
    }
}

/// Every restic of this daemon that runs now; often there is none.
fn kill_restic(machine: &Machine) {
    let daemon = machine.pid().unwrap();
    for process in fs::read_dir("/proc").unwrap().flatten() {
        let Some(pid) = process.file_name().to_str().and_then(|name| name.parse::<u32>().ok())
        else {
            continue;
        };
        if parent(&process.path()) == Some(daemon) {
            let killed = Command::new("kill").args(["-KILL", &pid.to_string()]).output();
            assert!(killed.is_ok());
        }
    }
}

fn parent(process: &Path) -> Option<u32> {
    let stat = fs::read_to_string(process.join("stat")).ok()?;
    // The name is in brackets and may hold anything: what follows the last one counts.
    stat.rsplit_once(") ")?.1.split(' ').nth(1)?.parse().ok()
}

#[test]
fn whatever_is_killed_whenever_the_next_run_needs_no_help_and_the_repository_is_sound() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse().ok());
    let seed = number("HOLDFAST_SEED").unwrap_or(1);
    let kills = number("HOLDFAST_KILLS").map_or(KILLS, |n| u32::try_from(n).unwrap());
    println!("seed {seed}, {kills} kills");
    let mut bench = Bench::new(seed);
    let since = Instant::now();
    for round in 1..=kills {
        bench.round(round);
        if round % 5 == 0 {
            bench.is_sound();
        }
    }
    bench.is_sound();
    let per_round = since.elapsed() / kills;
    assert!(per_round < PATIENCE, "{per_round:?} a round");
}
