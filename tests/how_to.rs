//! Every page of `docs/how-to` is followed to the letter: its commands run as they stand there.
//!
//! What a fenced block means is in its first line: `sh` runs and must succeed, `sh background` runs
//! until the page ends, `sh fails` must fail, `toml FILE` is added to that file, anything else is only
//! shown. `@NAME` as a last word says on which machine; each has a home of its own.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long a daemon may take to answer on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(50);

/// A fenced block.
#[derive(Debug, PartialEq)]
struct Block {
    line: usize,
    words: Vec<String>,
    machine: String,
    text: String,
}

fn blocks(page: &str) -> Vec<Block> {
    let mut found: Vec<Block> = Vec::new();
    let mut open = false;
    for (number, line) in page.lines().enumerate() {
        match (line.strip_prefix("```"), open) {
            (Some(info), false) => {
                let (machines, words): (Vec<_>, Vec<_>) =
                    info.split_whitespace().partition(|word| word.starts_with('@'));
                let machine = machines.first().map_or("here", |name| &name[1..]).to_owned();
                let words = words.into_iter().map(str::to_owned).collect();
                found.push(Block { line: number + 1, words, machine, text: String::new() });
                open = true;
            }
            (Some(_), true) => open = false,
            (None, true) => {
                let block = found.last_mut().expect("a block is open");
                block.text.push_str(line);
                block.text.push('\n');
            }
            (None, false) => {}
        }
    }
    assert!(!open, "a block has no end");
    found
}

/// The machines of one page, below one folder.
struct Sandbox {
    folder: tempfile::TempDir,
    ports: BTreeMap<String, u16>,
    running: Vec<Child>,
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        for child in &mut self.running {
            // The whole group: a shell and what it started.
            let group = format!("-{}", child.id());
            let _ = Command::new("kill").args(["-TERM", "--", &group]).status();
            let _ = child.wait();
        }
    }
}

impl Sandbox {
    fn new() -> Self {
        let folder = tempfile::Builder::new().prefix("holdfast-how-to-").tempdir().unwrap();
        Self { folder, ports: BTreeMap::new(), running: Vec::new() }
    }

    fn home(&self, machine: &str) -> PathBuf {
        let home = self.folder.path().join(machine);
        fs::create_dir_all(&home).unwrap();
        home
    }

    fn port(&mut self, machine: &str) -> u16 {
        *self.ports.entry(machine.to_owned()).or_insert_with(|| {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
            listener.local_addr().unwrap().port()
        })
    }

    /// What a page takes for granted lies in the sandbox instead.
    fn here(&mut self, text: &str, machine: &str) -> String {
        let mnt = self.folder.path().join("mnt");
        fs::create_dir_all(&mnt).unwrap();
        text.replace("/mnt/", &format!("{}/", mnt.display()))
            .replace("127.0.0.1:9898", &format!("127.0.0.1:{}", self.port(machine)))
            .replace("127.0.0.1:8000", &format!("127.0.0.1:{}", self.port("port 8000")))
    }

    fn shell(&mut self, block: &Block) -> Command {
        let home = self.home(&block.machine);
        let program = Path::new(env!("CARGO_BIN_EXE_holdfast")).parent().unwrap();
        let path = std::env::var("PATH").unwrap();
        let mut shell = Command::new("bash");
        shell
            .args(["-euo", "pipefail", "-c", &self.here(&block.text, &block.machine)])
            .env_clear()
            .env("PATH", format!("{}:{path}", program.display()))
            .env("HOME", &home)
            .env("HOLDFAST_LISTEN", format!("127.0.0.1:{}", self.port(&block.machine)))
            .current_dir(&home)
            .stdin(Stdio::null())
            .process_group(0);
        shell
    }

    fn follow(&mut self, page: &str, block: &Block) {
        let words: Vec<&str> = block.words.iter().map(String::as_str).collect();
        match words[..] {
            ["sh"] => self.run(page, block, true),
            ["sh", "fails"] => self.run(page, block, false),
            ["sh", "background"] => self.start(page, block),
            ["toml", file] => self.write(file, block),
            ["sh", ..] | ["toml", ..] => panic!("{page}:{}: what is {words:?}?", block.line),
            _ => {}
        }
    }

    fn run(&mut self, page: &str, block: &Block, succeeds: bool) {
        let output = self.shell(block).output().unwrap();
        let said = [output.stdout, output.stderr].map(|t| String::from_utf8_lossy(&t).into_owned());
        let expected = if succeeds { "succeed" } else { "fail" };
        assert_eq!(
            output.status.success(),
            succeeds,
            "{page}:{} was to {expected}:\n{}\n{}",
            block.line,
            block.text,
            said.concat()
        );
    }

    fn start(&mut self, page: &str, block: &Block) {
        let log = self.folder.path().join(format!("background-{}.log", block.line));
        let to = || fs::File::options().create(true).append(true).open(&log).unwrap();
        let child = self.shell(block).stdout(to()).stderr(to()).spawn().unwrap();
        self.running.push(child);
        if !block.text.contains("holdfast run") {
            return;
        }
        let status = Block { text: "holdfast status --json".to_owned(), ..block_like(block) };
        let since = Instant::now();
        while !self.shell(&status).output().unwrap().status.success() {
            let said = || fs::read_to_string(&log).unwrap_or_default();
            assert!(since.elapsed() < PATIENCE, "{page}:{} is not up:\n{}", block.line, said());
            std::thread::sleep(POLL);
        }
    }

    fn write(&mut self, file: &str, block: &Block) {
        let home = self.home(&block.machine);
        let path = file.strip_prefix("~/").map_or_else(|| PathBuf::from(file), |f| home.join(f));
        assert!(path.starts_with(&home), "{file} is outside the sandbox");
        let text = self.here(&block.text.replace("~/", "$HOME/"), &block.machine);
        let text = text.replace("$HOME", &home.display().to_string());
        let mut file = OpenOptions::new().create(true).append(true).open(path).unwrap();
        writeln!(file, "\n{text}").unwrap();
    }
}

fn block_like(block: &Block) -> Block {
    Block { line: block.line, words: vec![], machine: block.machine.clone(), text: String::new() }
}

fn follow(page: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/how-to").join(page);
    let text = fs::read_to_string(&path).unwrap();
    let blocks = blocks(&text);
    assert!(blocks.iter().any(|block| block.words == ["sh"]), "{page} has nothing to do");
    let mut sandbox = Sandbox::new();
    for block in &blocks {
        sandbox.follow(page, block);
    }
}

macro_rules! pages {
    ($($name:ident = $page:literal),+ $(,)?) => {
        $(#[test]
        fn $name() {
            follow($page);
        })+

        const PAGES: &[&str] = &[$($page),+];
    };
}

pages! {
    append_only_server = "append-only-server.md",
    database_dumps = "database-dumps.md",
    first_backup = "first-backup.md",
    moving_from_backrest = "moving-from-backrest.md",
    notifications = "notifications.md",
    restore_on_a_new_machine = "restore-on-a-new-machine.md",
}

#[test]
fn every_page_is_followed() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/how-to");
    let mut there: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    there.sort();
    assert_eq!(there, PAGES);
}

#[test]
fn a_block_says_what_it_is_and_where() {
    let page = "a\n```sh background @nas\nx\ny\n```\n```toml ~/c\nz\n```\n";
    let found = blocks(page);
    assert_eq!(found[0].words, ["sh", "background"]);
    assert_eq!((found[0].machine.as_str(), found[0].text.as_str()), ("nas", "x\ny\n"));
    assert_eq!((found[1].machine.as_str(), found[1].line), ("here", 6));
}
