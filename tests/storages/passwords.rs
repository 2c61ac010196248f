//! What must not be seen: in arguments, in the history, in the log.

use crate::machine::{Machine, PATIENCE, RESTICS, free_port};
use crate::server::Server;
use crate::{at, config, machine};
use std::fs;
use std::time::Instant;

/// All processes, by id, with their arguments.
fn processes() -> Vec<(u32, String)> {
    let entries = fs::read_dir("/proc").unwrap().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let arguments = |pid: u32| {
        let bytes = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
        Some((pid, String::from_utf8_lossy(&bytes).replace('\0', " ")))
    };
    pids.filter_map(arguments).collect()
}

/// The restic that saves the plan of that machine, once it does.
pub(crate) fn saving(machine: &Machine) -> u32 {
    let home = at(machine, "home");
    let deadline = Instant::now() + PATIENCE;
    loop {
        let is_it = |text: &str| text.contains(" backup ") && text.contains(&home);
        // Not the guard, nor a program that becomes restic.
        let name = |text: &str| text.split(' ').next()?.rsplit('/').next().map(str::to_owned);
        let restic = |text: &str| name(text).is_some_and(|name| name.starts_with("restic"));
        let found = processes().into_iter().find(|(_, text)| is_it(text) && restic(text));
        match found {
            Some((pid, _)) => return pid,
            None => assert!(Instant::now() < deadline, "{}", machine.log()),
        }
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
}

#[test]
fn c2_no_secret_is_in_arguments_in_the_history_or_in_the_log() {
    for restic in RESTICS {
        let folder = tempfile::tempdir().unwrap();
        let port = free_port();
        let address = format!("127.0.0.1:{port}");
        // Its own password comes by its environment: this test looks at everybody's arguments.
        let serve = "RCLONE_USER=nas RCLONE_PASS=Ui9h4xKq exec rclone serve restic --addr $0 $1";
        let arguments = ["-c", serve, &address, folder.path().to_str().unwrap()];
        let server = Server::start("sh", &arguments, port);
        let nas = machine(restic, &[("STORAGE_KEY", "Zk3v8wQm")]);
        fs::write(at(&nas, "pass"), "Pw7t2yLn\n").unwrap();
        // The user of the server is in the location, and the repository's env has a secret as well.
        let config = config(&nas);
        let repo = format!(
            "{config}\n[[repo]]\nid = \"vault\"\nuri = \"rest:http://nas:Ui9h4xKq@127.0.0.1:{}/\"\n\
             password-file = {:?}\nenv = {{ AWS_SECRET_ACCESS_KEY = \"${{STORAGE_KEY}}\" }}\n\
             limits = {{ upload = \"300KiB\", nice = 7 }}\n\
             [[plan]]\nid = \"home\"\nrepo = \"vault\"\npaths = [{:?}]\n",
            server.port,
            at(&nas, "pass"),
            at(&nas, "home")
        );
        let noise: Vec<u8> =
            (0..3_000_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
        fs::write(at(&nas, "home") + "/large", noise).unwrap();
        nas.write_config(&repo);
        nas.until(&["plan", "list"], |plans| plans[0]["id"] == "home");
        let pending = nas.ask(&["plan", "backup", "home", "--no-wait"]);
        let pid = saving(&nas);
        let environment = fs::read(format!("/proc/{pid}/environ")).unwrap();
        let environment = String::from_utf8_lossy(&environment).into_owned();
        let secrets = ["Ui9h4xKq", "Zk3v8wQm", "Pw7t2yLn"];
        for secret in secrets {
            assert!(environment.contains(secret), "{secret} is where restic finds it");
            let seen: Vec<_> =
                processes().into_iter().filter(|(_, a)| a.contains(secret)).collect();
            assert!(seen.is_empty(), "{seen:?}");
        }
        assert!(!environment.contains("HOLDFAST_"), "{environment}");
        let id = pending["id"].as_str().unwrap();
        nas.until(&["op", "show", id], |shown| shown.to_string().contains("succeeded"));
        let shown = ["ops", "repo list", "status", "config show"].map(|words| {
            let words: Vec<_> = words.split(' ').collect();
            nas.cli(&words).stdout
        });
        let said = nas.cli(&["op", "log", id]).stdout;
        for secret in secrets {
            assert!(!said.contains(secret) && !nas.log().contains(secret), "{secret}");
            assert!(shown.iter().all(|text| !text.contains(secret)), "{secret}: {shown:?}");
        }
    }
}

#[test]
fn a_password_that_was_made_is_shown_when_it_is_asked_for_and_never_else() {
    let [restic, _] = RESTICS;
    let nas = machine(restic, &[]);
    let uri = at(&nas, "vault");
    let added = nas.ask(&["repo", "add", "vault", &uri, "--generate-password"]);
    let password = added["password"].as_str().unwrap().to_owned();
    assert_eq!(password.len(), 39);
    let shown = nas.ask(&["repo", "show", "vault", "--password"]);
    assert_eq!(shown["password"], password.as_str());
    for command in
        [&["repo", "show", "vault"][..], &["repo", "list"], &["config", "show"], &["status"]]
    {
        assert!(!nas.cli(command).stdout.contains(&password), "{command:?}");
    }
    assert!(!nas.log().contains(&password));
    // It does open the repository.
    let opened = std::process::Command::new(restic.program())
        .args(["cat", "config"])
        .env("RESTIC_REPOSITORY", &uri)
        .env("RESTIC_PASSWORD", &password)
        .env("RESTIC_CACHE_DIR", at(&nas, "cache"))
        .output()
        .unwrap();
    assert!(opened.status.success());
}

#[test]
fn a_password_in_a_file_that_others_can_read_is_warned_of() {
    use std::os::unix::fs::PermissionsExt as _;
    let [restic, _] = RESTICS;
    let nas = machine(restic, &[]);
    for (repo, mode, is_warned) in [("own", 0o600, false), ("open", 0o644, true)] {
        fs::set_permissions(nas.config(), fs::Permissions::from_mode(mode)).unwrap();
        let said = nas.told(&["repo", "add", repo, &at(&nas, repo), "--generate-password"]);
        assert_eq!(said.code, 0, "{}", said.stderr);
        assert_eq!(said.stderr.contains("can read: chmod 600 "), is_warned, "{}", said.stderr);
    }
}
