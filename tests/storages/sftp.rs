//! SFTP, against an sshd with keys of its own.

use crate::machine::{RESTICS, free_port};
use crate::server::Server;
use crate::{adding, at, config, machine, story};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

fn key(folder: &Path, name: &str) {
    let made = Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", "", "-f"])
        .arg(folder.join(name))
        .status();
    assert!(made.unwrap().success());
}

/// An sshd that knows one key, and a program `ssh` that uses it and nothing of this user's.
fn sshd(folder: &Path) -> Server {
    key(folder, "host");
    key(folder, "user");
    let (port, base) = (free_port(), folder.display());
    let settings = format!(
        "Port {port}\nListenAddress 127.0.0.1\nHostKey {base}/host\nPidFile none\nStrictModes no\n\
         AuthorizedKeysFile {base}/user.pub\nPasswordAuthentication no\nUsePAM no\n\
         Subsystem sftp internal-sftp\n"
    );
    fs::write(folder.join("sshd_config"), settings).unwrap();
    fs::write(folder.join("known"), "").unwrap();
    let client = format!(
        "Port {port}\nIdentityFile {base}/user\nIdentitiesOnly yes\n\
         UserKnownHostsFile {base}/known\nGlobalKnownHostsFile none\nStrictHostKeyChecking yes\n"
    );
    fs::write(folder.join("ssh_config"), client).unwrap();
    fs::create_dir(folder.join("bin")).unwrap();
    let ssh = folder.join("bin/ssh");
    fs::write(&ssh, format!("#!/bin/sh\nexec /usr/bin/ssh -F {base}/ssh_config \"$@\"\n")).unwrap();
    fs::set_permissions(&ssh, fs::Permissions::from_mode(0o755)).unwrap();
    // Only as root, and only where no sshd was ever started.
    let _ = fs::create_dir("/run/sshd");
    let file = folder.join("sshd_config");
    Server::start("/usr/sbin/sshd", &["-D", "-e", "-f", file.to_str().unwrap()], port)
}

#[test]
fn a_server_with_ssh_is_used_once_its_key_is_known() {
    let user = Command::new("id").arg("-un").output().unwrap();
    let user = String::from_utf8(user.stdout).unwrap();
    for restic in RESTICS {
        let folder = tempfile::tempdir().unwrap();
        let server = sshd(folder.path());
        let path = format!("{}:{}", folder.path().join("bin").display(), env!("PATH"));
        let nas = machine(restic, &[("PATH", &path)]);
        let uri = format!("sftp:{}@127.0.0.1:{}/vault", user.trim(), folder.path().display());
        let (pass, before) = (at(&nas, "pass"), config(&nas));
        let unknown = nas.cli(&adding(&uri, &pass, &[]));
        assert!(unknown.error()["remedy"].as_str().unwrap().contains("by hand"), "{unknown:?}");
        assert_eq!(unknown.refused(), "host-key");
        assert_eq!(config(&nas), before, "nothing was saved");
        let host = fs::read_to_string(folder.path().join("host.pub")).unwrap();
        let known = format!("[127.0.0.1]:{} {host}", server.port);
        fs::write(folder.path().join("known"), known).unwrap();
        story(&nas, &uri, &[]);
    }
}
