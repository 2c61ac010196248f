//! What restic says at its end, recorded and made up.

use super::*;

/// `exit N` in the first line, standard error in the rest.
fn recorded(version: &str, case: &str) -> Option<Failure> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/restic");
    let fixture = std::fs::read_to_string(format!("{folder}/{version}/{case}.err")).unwrap();
    let (first, stderr) = fixture.split_once('\n').unwrap();
    match first.strip_prefix("exit ").unwrap().parse().unwrap() {
        0 | 3 => Failure::despite_success(stderr),
        code => Some(Failure::of_exit(code, stderr)),
    }
}

const VERSIONS: [&str; 2] = ["0.14", "0.18"];

#[test]
fn recorded_failures_are_told_apart_in_both_versions() {
    for (case, expected) in [
        ("wrong-password", Reason::WrongPassword),
        ("empty-password", Reason::WrongPassword),
        ("missing-local", Reason::RepositoryMissing),
        ("missing-local-backup", Reason::RepositoryMissing),
        ("missing-rest", Reason::RepositoryMissing),
        ("init-exists", Reason::AlreadyExists),
        ("no-space", Reason::NoSpace),
        ("restore-no-space", Reason::NoSpace),
        ("out-of-memory", Reason::OutOfMemory),
        ("refused", Reason::Unreachable),
        ("no-host", Reason::Unreachable),
        ("sftp-refused", Reason::Unreachable),
        ("rest-401", Reason::Denied),
        ("denied-local", Reason::Denied),
        ("rest-append-only-forget", Reason::AppendOnly),
        ("nothing-to-save", Reason::NothingToSave),
        ("no-snapshot", Reason::NoSuchSnapshot),
        ("bad-flag", Reason::Unknown { code: 1 }),
    ] {
        for version in VERSIONS {
            let failure = recorded(version, case).unwrap_or_else(|| panic!("{version} {case}"));
            assert_eq!(failure.reason, expected, "{version} {case}: {}", failure.said);
            assert!(!failure.said.is_empty() && !failure.said.starts_with('{'), "{failure}");
        }
    }
}

#[test]
fn a_recorded_check_that_finds_damage_says_so() {
    let fixture = include_str!("../../tests/fixtures/restic/keep/check-damaged.err");
    let (_, stderr) = fixture.split_once('\n').unwrap();
    assert_eq!(Failure::of_exit(1, stderr).reason, Reason::Damaged);
}

#[test]
fn a_recorded_lock_names_its_holder_in_both_versions() {
    for case in ["locked", "locked-check"] {
        for version in VERSIONS {
            let failure = recorded(version, case).unwrap();
            let Reason::Locked { holder } = &failure.reason else { panic!("{failure}") };
            assert!(holder.starts_with("by PID ") && holder.contains(" on other by root"));
            assert!(holder.contains(", since 2026-11-21 11:1"), "{holder}");
            assert!(failure.to_string().contains("`holdfast repo unlock ID --all`"));
        }
    }
}

#[test]
fn a_restore_that_finds_no_room_says_that_its_target_is_full() {
    let restore = Command::Restore(crate::restic::look::tests::restore());
    for version in VERSIONS {
        let full = recorded(version, "restore-no-space").unwrap().of_command(&restore);
        assert_eq!(full.reason, Reason::TargetFull, "{version} {full}");
        assert!(full.said.contains("no space left on device"), "{full}");
        // A repository that cannot take the lock of a restore is full itself.
        let locked = recorded(version, "restore-repo-full").unwrap().of_command(&restore);
        assert_eq!(locked.reason, Reason::NoSpace, "{version} {locked}");
        let other = recorded(version, "no-space").unwrap().of_command(&Command::Prune(None));
        assert_eq!(other.reason, Reason::NoSpace);
    }
}

#[test]
fn who_has_no_operation_is_not_sent_to_its_log() {
    let failed = Failure::of_exit(1, "panic: what is this");
    assert!(failed.to_string().contains("operation's log"));
    let looking = failed.of_command(&Command::Snapshots(crate::restic::SnapshotFilter::default()));
    assert!(!looking.to_string().contains("log"), "{looking}");
}

#[test]
fn what_ssh_says_takes_the_place_of_restics_silence() {
    let silent = Failure::of_exit(1, "Fatal: unable to start the sftp session, error: EOF\n");
    assert!(silent.lacks_words_of_ssh(), "{silent}");
    let told = silent.clone().with_words_of_ssh("Host key verification failed.\r\n");
    assert_eq!(told.reason, Reason::HostKey);
    assert!(!told.lacks_words_of_ssh());
    assert_eq!(silent.clone().with_words_of_ssh("Hello\n"), silent);
    for version in VERSIONS {
        assert!(!recorded(version, "sftp-refused").unwrap().lacks_words_of_ssh());
    }
}

#[test]
fn what_was_given_up_says_what_it_waited_for() {
    let stderr = "Stat(<config/>) returned error, retrying after 1s: connection refused\n\
                  signal interrupt received, cleaning up\n";
    let interrupted = Failure::interrupted(stderr);
    assert_eq!(interrupted.reason, Reason::Interrupted);
    let failure = interrupted.given_up();
    assert_eq!(failure.reason, Reason::Unreachable);
    assert!(failure.said.ends_with("connection refused"), "{failure}");
    assert_eq!(Failure::interrupted("").given_up().reason, Reason::Unreachable);

    let stderr = "Stat(<config/>) returned error, retrying after 571.394927ms: Stat: The specified bucket does not exist\n\
                  Stat(<config/>) returned error, retrying after 2.305195571s: Stat: The specified bucket does not exist\n\
                  signal interrupt received, cleaning up\n\
                  Fatal: unable to open config file: context canceled\n\
                  Is there a repository at the following location?\n\
                  s3:http://127.0.0.1:8000/bucket\n";
    assert_eq!(Failure::interrupted(stderr).given_up().reason, Reason::RepositoryMissing);
}

#[test]
fn what_ended_well_is_no_failure() {
    for case in ["init", "backup", "restore", "check", "prune", "forget", "unlock", "unreadable"] {
        for version in VERSIONS {
            assert_eq!(recorded(version, case), None, "{version} {case}");
        }
    }
}

#[test]
fn codes_of_newer_versions_need_no_text() {
    assert_eq!(Failure::of_exit(10, "").reason, Reason::RepositoryMissing);
    assert_eq!(Failure::of_exit(11, "").reason, Reason::Locked { holder: String::new() });
    assert_eq!(Failure::of_exit(12, "").reason, Reason::WrongPassword);
}

#[test]
fn could_not_read_is_never_not_there() {
    let text = "Fatal: unable to open config file: Stat: read /x/config: input/output error\n\
                Is there a repository at the following location?\n/x";
    assert_eq!(Failure::of_exit(1, text).reason, Reason::Unknown { code: 1 });
    // A pack that is gone is damage, not a missing repository.
    let text = "Fatal: load data/ab: no such file or directory";
    assert_eq!(Failure::of_exit(1, text).reason, Reason::Unknown { code: 1 });
}

#[test]
fn a_failure_reads_as_what_happened_and_what_to_do() {
    let failure = Failure::of_exit(1, "noise\nFatal: wrong password or no key found\n");
    assert_eq!(
        failure.to_string(),
        "the password does not open the repository (Fatal: wrong password or no key found). \
         Check the password of the repo in the configuration"
    );
}
