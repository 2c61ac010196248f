//! What a backup by holdfast costs beside bare restic: both save the same files into repositories of
//! their own, in turns, within one run.

use crate::machine::cpu_with_children;
use crate::process::{Daemon, Home};
use crate::random::Random;
use crate::report::{Goal, Report};
use crate::scale::Scale;
use anyhow::ensure;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const MB: f64 = 1_000_000.0;
const PASSWORD: &str = "swordfish";
/// Of each, the one that begins changing every time.
const PAIRS: usize = 3;
const SMALL: usize = 1024;
const CHUNK: usize = 1 << 20;

/// What a backup took.
#[derive(Debug, Clone, Copy)]
struct Cost {
    wall: Duration,
    cpu: Duration,
}

/// A daemon and where it lives.
struct Saver<'a> {
    home: &'a Home,
    daemon: &'a Daemon,
    folder: &'a Path,
}

impl Saver<'_> {
    /// Of this process with all that it has run, and of the daemon with every restic.
    fn cpu(&self) -> Duration {
        cpu_with_children(std::process::id()) + self.daemon.cpu_with_children()
    }

    fn cost(&self, work: impl FnOnce() -> anyhow::Result<()>) -> anyhow::Result<Cost> {
        let (cpu, since) = (self.cpu(), Instant::now());
        work()?;
        Ok(Cost { wall: since.elapsed(), cpu: self.cpu().saturating_sub(cpu) })
    }
}

pub(crate) fn measure(scale: &Scale, folder: &Path, report: &mut Report) -> anyhow::Result<()> {
    let folder = folder.join("backups");
    fs::create_dir(&folder)?;
    let home = Home::new(&folder, "saver")?;
    let daemon = home.start()?;
    let idle = daemon.memory().resident;
    let many = small_files(&folder.join("many"), scale.small_files)?;
    let saver = Saver { home: &home, daemon: &daemon, folder: &folder };
    compare(&saver, &format!("{} files of 1 KiB", scale.small_files), &many, report)?;
    let large = large_file(&folder.join("large"), scale.large_file)?;
    let what = format!("one file of {} MB", scale.large_file / 1_000_000);
    compare(&saver, &what, &large, report)?;
    memory(&daemon, idle, report);
    daemon.stop()
}

fn memory(daemon: &Daemon, idle: u64, report: &mut Report) {
    let peak = daemon.memory().peak;
    report.add("backups: daemon idle, before", idle as f64 / MB, "MB", Goal::None);
    report.add("backups: peak of the daemon", peak as f64 / MB, "MB", Goal::AtMost(30.0));
}

fn small_files(folder: &Path, count: u32) -> anyhow::Result<PathBuf> {
    let mut random = Random::new(1);
    for number in 0..count {
        let below = folder.join((number / 1000).to_string());
        if number % 1000 == 0 {
            fs::create_dir_all(&below)?;
        }
        fs::write(below.join(number.to_string()), random.bytes(SMALL))?;
    }
    Ok(folder.to_owned())
}

fn large_file(folder: &Path, bytes: u64) -> anyhow::Result<PathBuf> {
    fs::create_dir_all(folder)?;
    let mut file = File::create(folder.join("large"))?;
    let mut random = Random::new(2);
    for _ in 0..bytes / CHUNK as u64 {
        file.write_all(&random.bytes(CHUNK))?;
    }
    Ok(folder.to_owned())
}

fn compare(saver: &Saver<'_>, what: &str, files: &Path, report: &mut Report) -> anyhow::Result<()> {
    // Both read from memory what one of them has read.
    let (mut bare, mut held) = (Vec::new(), Vec::new());
    for pair in 0..PAIRS {
        let name = format!("{}-{pair}", files.file_name().unwrap_or_default().display());
        let bare_turn = || run_bare(saver, &format!("{name}-bare"), files);
        let held_turn = || run_held(saver, &format!("{name}-held"), files);
        if pair % 2 == 0 {
            bare.push(bare_turn()?);
            held.push(held_turn()?);
        } else {
            held.push(held_turn()?);
            bare.push(bare_turn()?);
        }
    }
    let more = |of: fn(Cost) -> Duration| {
        let [bare, held] = [&bare, &held].map(|costs| median(costs.iter().copied().map(of)));
        let percent = (held.as_secs_f64() / bare.as_secs_f64() - 1.0) * 100.0;
        let note = format!("median of {PAIRS}: {held:.2?} beside {bare:.2?} of restic alone");
        (percent, note)
    };
    let (percent, note) = more(|cost| cost.wall);
    report.note(&format!("backup of {what}: more time"), percent, "%", Goal::AtMost(2.0), note);
    let (percent, note) = more(|cost| cost.cpu);
    report.note(&format!("backup of {what}: more CPU"), percent, "%", Goal::None, note);
    Ok(())
}

fn median(times: impl Iterator<Item = Duration>) -> Duration {
    let mut times: Vec<_> = times.collect();
    times.sort_unstable();
    times[times.len() / 2]
}

fn restic(repository: &Path, arguments: &[&str]) -> anyhow::Result<()> {
    let mut command = Command::new("restic");
    command.arg("-r").arg(repository).args(arguments).env("RESTIC_PASSWORD", PASSWORD);
    let output = command.stdin(Stdio::null()).output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "restic {} says {said}", arguments.join(" "));
    Ok(())
}

fn run_bare(saver: &Saver<'_>, name: &str, files: &Path) -> anyhow::Result<Cost> {
    let repository = saver.folder.join(name);
    restic(&repository, &["init"])?;
    let files = files.to_string_lossy();
    let cost = saver.cost(|| restic(&repository, &["backup", "--json", "--", &files]))?;
    fs::remove_dir_all(repository)?;
    Ok(cost)
}

fn run_held(saver: &Saver<'_>, name: &str, files: &Path) -> anyhow::Result<Cost> {
    let (home, repository) = (saver.home, saver.folder.join(name));
    let password = home.data.join("password");
    fs::write(&password, PASSWORD)?;
    let texts = [&*repository, &password, files].map(|path| path.to_string_lossy().into_owned());
    let [at, password, files] = texts.each_ref().map(String::as_str);
    home.ask(&["repo", "add", name, at, "--password-file", password])?;
    home.ask(&["plan", "add", name, "--repo", name, "--path", files])?;
    let cost = saver.cost(|| {
        let operation = home.ask(&["plan", "backup", name])?;
        ensure!(operation["status"] == "succeeded", "{operation}");
        Ok(())
    })?;
    home.ask(&["plan", "remove", name, "--yes"])?;
    home.ask(&["repo", "remove", name, "--yes"])?;
    fs::remove_dir_all(repository)?;
    Ok(cost)
}
