//! Disks of a few MB, which a test fills, pulls and puts back: tmpfs in a mount namespace of its own,
//! within a user namespace, so that nobody has to be root. Where a machine allows none the test fails.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// A namespace with disks; gone with this value.
pub(crate) struct Disks {
    holder: Child,
    folder: tempfile::TempDir,
}

impl Disks {
    #[track_caller]
    pub(crate) fn new() -> Self {
        let folder = tempfile::Builder::new().prefix("holdfast-").tempdir().unwrap();
        // It ends when its standard input does, so also when this process is killed.
        let mut holder = Command::new("unshare")
            .args(["--user", "--map-root-user", "--mount", "sh", "-c", "echo ready && exec cat"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = String::new();
        BufReader::new(holder.stdout.as_mut().unwrap()).read_line(&mut said).unwrap();
        if said != "ready\n" {
            holder.stderr.as_mut().unwrap().read_to_string(&mut said).unwrap();
            panic!("this test needs user and mount namespaces (unshare): {said}");
        }
        Self { holder, folder }
    }

    /// What a program is started with to see the disks.
    pub(crate) fn within(&self) -> Vec<String> {
        let target = self.holder.id().to_string();
        ["nsenter", "--user", "--mount", "--preserve-credentials", "--target", &target, "--"]
            .map(str::to_owned)
            .to_vec()
    }

    /// Runs a program that sees them; what it printed.
    #[track_caller]
    pub(crate) fn run(&self, arguments: &[&str]) -> String {
        let within = self.within();
        let mut command = Command::new(&within[0]);
        let output = command.args(&within[1..]).args(arguments).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{arguments:?}: {said}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Where a disk of that name is mounted.
    pub(crate) fn at(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().to_owned()
    }

    /// Mounts an empty disk of that size.
    #[track_caller]
    pub(crate) fn mount(&self, name: &str, size: &str) -> String {
        let at = self.at(name);
        fs::create_dir_all(&at).unwrap();
        let size = format!("size={size}");
        self.run(&["mount", "-t", "tmpfs", "-o", &size, "none", &at]);
        at
    }

    /// Mounts a folder as a disk.
    #[track_caller]
    pub(crate) fn plug(&self, name: &str, folder: &str) -> String {
        let at = self.at(name);
        fs::create_dir_all(&at).unwrap();
        self.run(&["mount", "--bind", folder, &at]);
        at
    }

    /// Takes a disk away. It may be busy for a moment: whoever has it open keeps it.
    #[track_caller]
    pub(crate) fn pull(&self, name: &str) {
        self.run(&["umount", "--lazy", &self.at(name)]);
    }

    /// The same file as it is seen from outside.
    pub(crate) fn seen(&self, path: &str) -> PathBuf {
        let root = format!("/proc/{}/root", self.holder.id());
        Path::new(&root).join(path.trim_start_matches('/'))
    }

    /// Fills a disk to its last byte.
    #[track_caller]
    pub(crate) fn fill(&self, name: &str) {
        let mut ballast = File::create(self.seen(&self.at(name)).join("ballast")).unwrap();
        for size in [64 << 10, 4096, 512, 1] {
            while ballast.write_all(&vec![0; size]).is_ok() {}
        }
    }

    /// Makes room again.
    #[track_caller]
    pub(crate) fn free(&self, name: &str) {
        fs::remove_file(self.seen(&self.at(name)).join("ballast")).unwrap();
    }
}

impl Drop for Disks {
    fn drop(&mut self) {
        drop(self.holder.stdin.take());
        let _ = self.holder.wait();
    }
}
