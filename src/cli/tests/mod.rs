//! The contract of the command line: documents, grammar, help.

mod socket;

use super::*;
use crate::api;
use serde_json::{Value, json};

/// The keys of an object in alphabetical order.
fn keys(value: &Value) -> Vec<&str> {
    let mut keys: Vec<_> = value.as_object().unwrap().keys().map(String::as_str).collect();
    keys.sort_unstable();
    keys
}

fn sorted(fields: &str) -> Vec<&str> {
    let mut fields: Vec<_> = fields.split(", ").collect();
    fields.sort_unstable();
    fields
}

/// `T`'s fields are those of the contract, and those that were added since.
fn has_fields<T: serde::Serialize + Default>(contract: &str, added: &str) {
    let value = serde_json::to_value(T::default()).unwrap();
    let all = if added.is_empty() { contract.to_owned() } else { format!("{contract}, {added}") };
    assert_eq!(keys(&value), sorted(&all), "{}", std::any::type_name::<T>());
}

#[test]
fn status_has_the_fields_of_the_contract() {
    has_fields::<api::Status>(
        "instance, key_id, version, listen, ui_url, store, plans, repos, peers, attention",
        "",
    );
    has_fields::<api::Store>("state", "");
    has_fields::<api::Attention>("kind, subject, message, remedy, since", "");
}

#[test]
fn tokens_have_the_fields_of_the_contract() {
    has_fields::<api::CreatedToken>(
        "id, link, token, label, expires_at, max_uses, uses, grants, asks, join_command",
        "replaces",
    );
    let token = "id, label, state, expires_at, max_uses, uses, grants, asks";
    has_fields::<api::Token>(token, "replaces");
    has_fields::<api::Grant>("permission, scopes", "");
}

#[test]
fn join_and_peers_have_the_fields_of_the_contract() {
    has_fields::<api::Joined>("peer, key_id, url, granted, received, state", "");
    has_fields::<api::Peer>(
        "instance, key_id, role, state, since, last_heard, reason, remedy, urls, address, version, \
         grants, grants_received, log",
        "label, allowed_paths, declared",
    );
    has_fields::<api::PeerLog>("shards, operations, verified_at, behind", "");
    has_fields::<api::ReceivedGrant>("permission, scopes", "with_exceptions");
    has_fields::<api::PeerTest>("peer, ok, steps", "");
    has_fields::<api::PeerCommand>(
        "id, peer, instance, kind, repo, plan, state, asked_at, expires_at, reason, remedy, \
         operation",
        "started",
    );
    has_fields::<api::TestStep>("step, ok, detail, remedy, ms", "");
}

#[test]
fn repos_and_plans_have_the_fields_of_the_contract() {
    has_fields::<api::Repo>(
        "id, guid, uri, shared, origin, origin_instance, read_only, state, conflict, locked_by, \
         last_check, last_prune",
        "dropped, reason, upkeep, next_forget, next_prune, next_check, next_stats, kind, place, members, size",
    );
    has_fields::<api::Plan>(
        "id, instance, failures, waiting_for, paused_until, as_of, repo, paths, schedule, \
         retention, enabled, disabled_reason, state, next_run, last_run, last_success, \
         last_status, allowed_age_s, age_s, fresh_until",
        "time_zone, grace_s, jitter_s, next_runs, retention_inactive, attempt, retry_at, \
         failing_since, needs_someone, paused, snoozed_until, paused_since, paused_by",
    );
}

#[test]
fn operations_and_snapshots_have_the_fields_of_the_contract() {
    has_fields::<api::Operation>(
        "id, revision, origin, instance, flow, kind, status, plan, repo, repo_guid, snapshot, \
         started_at, ended_at, message, archived, stats",
        "snapshot_gone, attempt",
    );
    has_fields::<api::Stats>(
        "files_new, files_changed, files_unmodified, bytes_processed, bytes_added, item_errors",
        "",
    );
    has_fields::<api::Snapshot>(
        "id, short_id, time, host, tags, paths, plan, instance, size",
        "repo",
    );
}

#[test]
fn absent_is_null_empty_is_a_list_and_counts_are_integers() {
    let operation = api::Operation {
        revision: 2,
        stats: Some(api::Stats { bytes_added: u64::MAX, ..api::Stats::default() }),
        ..api::Operation::default()
    };
    let value = serde_json::to_value(&operation).unwrap();
    assert_eq!(value["plan"], Value::Null);
    assert_eq!(value["ended_at"], Value::Null);
    assert_eq!(value["archived"], json!(false));
    assert_eq!(value["stats"]["bytes_added"], json!(18_446_744_073_709_551_615_u64));
    let peer = serde_json::to_value(api::Peer::default()).unwrap();
    assert_eq!((&peer["urls"], &peer["log"]), (&json!([]), &Value::Null));
    let plan = serde_json::to_value(api::Plan { age_s: Some(7), ..api::Plan::default() }).unwrap();
    assert_eq!((&plan["age_s"], &plan["allowed_age_s"]), (&json!(7), &Value::Null));
}

#[test]
fn documents_read_back() {
    let peer = api::Peer { log: Some(api::PeerLog::default()), ..api::Peer::default() };
    let text = serde_json::to_string(&peer).unwrap();
    assert_eq!(serde_json::from_str::<api::Peer>(&text).unwrap(), peer);
}

#[test]
fn the_grammar_holds_together() {
    Cli::command().debug_assert();
}

/// Every command and every group of commands, with its path.
fn all(command: &clap::Command, path: &str, found: &mut Vec<(String, clap::Command)>) {
    let path = format!("{path} {}", command.get_name());
    found.push((path.clone(), command.clone()));
    let visible = command.get_subcommands().filter(|sub| !sub.is_hide_set());
    visible.for_each(|sub| all(sub, &path, found));
}

#[test]
fn every_command_has_an_example_that_the_grammar_takes() {
    let mut found = Vec::new();
    all(&Cli::command(), "", &mut found);
    assert!(found.len() > 80, "{}", found.len());
    for (path, command) in found {
        let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
        let examples =
            help.strip_prefix("Example:\n").unwrap_or_else(|| panic!("{path}: no example"));
        assert!(command.get_about().is_some(), "{path}: no description");
        for example in examples.lines() {
            takes(&path, example);
        }
    }
}

/// The part of the line that is ours is read without an error.
fn takes(path: &str, example: &str) {
    let start = example.find("holdfast").unwrap_or_else(|| panic!("{path}: {example}"));
    let ours = example[start..].split(" > ").next().unwrap();
    let ours = ours.split(" && ").next().unwrap().split(" || ").next().unwrap();
    let ours = ours.split(" | ").next().unwrap().split(")\"").next().unwrap();
    let ours = ours.replace("TOKEN", &token());
    let words = shell_words(&ours);
    let wanted = path.trim();
    assert!(ours.starts_with(wanted), "{path}: the example is of another command: {example}");
    if let Err(error) = Cli::try_parse_from(&words) {
        panic!("{example}: {error}");
    }
}

fn token() -> String {
    let key = crate::model::KeyId::from_bytes([1; 32]);
    format!("{key}:{}#nas", "ab".repeat(32))
}

/// Words with single quotes, as a shell would split them.
fn shell_words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    for (n, part) in text.split('\'').enumerate() {
        match n % 2 {
            0 => words.extend(part.split_whitespace().map(ToOwned::to_owned)),
            _ => words.push(part.to_owned()),
        }
    }
    words
}

#[test]
fn completions_name_every_command() {
    for shell in [completions::Shell::Bash, completions::Shell::Zsh, completions::Shell::Fish] {
        let script = String::from_utf8(completions::script(shell, Cli::command())).unwrap();
        for word in ["fleet", "snapshots", "unshare", "--accept-asks"] {
            let word = if matches!(shell, completions::Shell::Fish) {
                word.trim_matches('-')
            } else {
                word
            };
            assert!(script.contains(word), "{shell:?}: {word}");
        }
    }
}

#[test]
fn man_pages_are_written_for_every_command() {
    let folder = tempfile::tempdir().unwrap();
    let text = folder.path().display().to_string();
    let exit = main(["holdfast", "man", &text].map(OsString::from).to_vec());
    assert_eq!(exit, Exit::Done);
    for page in ["holdfast.1", "holdfast-token-create.1", "holdfast-plan-backup.1"] {
        assert!(folder.path().join(page).exists(), "{page}");
    }
    assert!(!folder.path().join("holdfast-__guard.1").exists());
}

fn exit_of(arguments: &[&str]) -> Exit {
    main(std::iter::once("holdfast").chain(arguments.iter().copied()).map(OsString::from).collect())
}

#[test]
fn exits_are_those_of_the_contract() {
    let nowhere = tempfile::tempdir().unwrap();
    let data_dir = nowhere.path().display().to_string();
    assert_eq!(exit_of(&["--help"]), Exit::Done);
    assert_eq!(exit_of(&["--version"]), Exit::Done);
    assert_eq!(exit_of(&["fly"]), Exit::Usage);
    assert_eq!(exit_of(&["token", "create", "--ask", "read-operations"]), Exit::Usage);
    assert_eq!(exit_of(&["status", "--data-dir", &data_dir]), Exit::Unreachable);
    assert_eq!(exit_of(&["--json", "ops", "--data-dir", &data_dir]), Exit::Unreachable);
    assert_eq!(exit_of(&["ops", "verify", "/nonexistent/file"]), Exit::Failed);
    assert_eq!(exit_of(&["join", "nonsense", "--url", "https://x.example"]), Exit::Usage);
}

#[test]
fn an_edit_of_nothing_says_where_its_options_are() {
    let said = |words: &[&str]| {
        let words = std::iter::once("holdfast").chain(words.iter().copied());
        changes_something(&Cli::command().try_get_matches_from(words).unwrap())
    };
    for command in ["repo", "plan", "peer"] {
        assert_eq!(exit_of(&[command, "edit", "vault"]), Exit::Usage);
        let failure = said(&[command, "edit", "vault"]).unwrap_err();
        let error = failure.error().unwrap();
        assert_eq!(error.message, "nothing to change: give at least one option");
        let remedy = format!("see holdfast {command} edit --help");
        assert_eq!(error.remedy.as_ref(), Some(&remedy));
    }
    for words in [
        &["repo", "edit", "vault", "--password-stdin"][..],
        &["repo", "edit", "vault", "--max-unused", "10%"],
        &["plan", "edit", "home", "--nice", "5"],
        &["peer", "edit", "nas", "--no-allow-path"],
        &["repo", "list"],
        &["plan", "backup", "home"],
    ] {
        assert!(said(words).is_ok(), "{words:?}");
    }
    assert!(said(&["repo", "edit", "vault", "--no-test"]).is_err(), "it changes nothing by itself");
}

#[test]
fn shells_offer_files_for_files_alone() {
    let script = |shell| String::from_utf8(completions::script(shell, Cli::command())).unwrap();
    let fish = script(completions::Shell::Fish);
    let ids =
        "\"__fish_holdfast_using_subcommand plan; and __fish_seen_subcommand_from edit\" -f\n";
    assert!(fish.contains(ids));
    assert!(fish.contains("using_subcommand completions\" -f -a \"bash zsh fish\"\n"));
    let uri = "using_subcommand repo; and __fish_seen_subcommand_from add\" -f\n";
    assert!(!fish.contains(uri) && !fish.contains("using_subcommand repo\" -f\n"), "may be a path");
    let zsh = script(completions::Shell::Zsh);
    assert!(!zsh.contains(":_default"), "every value says what it is");
}

#[test]
fn a_join_without_address_says_what_to_add() {
    let nowhere = tempfile::tempdir().unwrap();
    let data_dir = nowhere.path().display().to_string();
    assert_eq!(exit_of(&["join", &token(), "--data-dir", &data_dir]), Exit::Usage);
}

#[test]
fn commands_of_parts_not_built_are_absent() {
    for absent in [&["plan", "pause"][..], &["repo", "prune"], &["hook"], &["audit"]] {
        assert_eq!(exit_of(absent), Exit::Usage, "{absent:?}");
    }
}
