//! The file from text to life: problems, edits, reloads, and what never shows.
#![allow(clippy::unwrap_used)]

use super::*;
use crate::grant::{Permission, Target};
use crate::model::{MachineClass, PeerRole, RepoId};
use crate::shutdown::Shutdown;
use proptest::prelude::*;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

const KEY: &str = "ed25519.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
const KEY_2: &str = "ed25519.AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE";

fn full() -> String {
    format!(
        r#"# a file with everything
instance = "nas"   # me
class = "desktop"
listen = ["127.0.0.1:9898", "[::1]:9898"]
urls = ["https://nas.example/sub"]
formerly = ["MyHost"]
heartbeat = "5s"
sync-listen = ["0.0.0.0:9899"]
trusted-proxies = ["127.0.0.1", "10.0.0.0/8"]
history = {{ keep = "100d", quota-per-peer = "1GiB" }}
tls = {{ cert = "/c.pem", key = "/k.pem" }}
restic = "/usr/bin/restic"

# the vault
[[repo]]
id = "vault"
uri = "rest:https://nas:hunter2@vault.example/nas"
password = "hunter2"     # to be moved
env = {{ AWS_SECRET_ACCESS_KEY = "hunter2", AWS_ACCESS_KEY_ID = "${{VAULT_KEY}}" }}
place = "off-site"
kind = "server"
shared = true
member-uri = "rest:https://{{instance}}:hunter2@vault.example/nas"
member-password-file = "/etc/member"
auto-init = false

[[repo]]
id = "disk"
uri = "/mnt/disk"
password-command = "pass disk"

[[plan]]
id = "home"
repo = "vault"
paths = ["/home", "/etc"]
exclude = ["*.cache"]
iexclude = ["*.TMP"]
exclude-if-present = [".nobackup"]
one-file-system = true
schedule = "manual"
retention = "none"
max-age = "36h"

[[plan]]
id = "srv"
repo = "received"
paths = ["/srv"]
enabled = false

[[known-host]]
instance = "hub"
key-id = "{KEY}"
urls = ["https://hub.example", "http://10.0.0.1:9898"]
grants = [
  {{ permission = "read-operations", scopes = ["*", "!repo:private"] }},
  {{ permission = "send-shared-repos" }},
]
allowed-paths = ["/srv"]

[[authorized-client]]
instance = "laptop"
key-id = "{KEY_2}"
grants = [{{ permission = "receive-shared-repos", scopes = ["repo:vault"] }}]
allow-remote-commands = true
"#
    )
}

fn problems(text: &str) -> Vec<Problem> {
    parse(text).unwrap_err().0
}

fn the_problem(text: &str) -> Problem {
    let mut all = problems(text);
    assert_eq!(all.len(), 1, "{all:#?}");
    all.remove(0)
}

/// The one problem of a file that consists of these lines after the name.
fn of(lines: &str) -> String {
    the_problem(&format!("instance = \"nas\"\n{lines}")).to_string()
}

fn id<T: std::str::FromStr<Err: std::fmt::Debug>>(text: &str) -> T {
    text.parse().unwrap()
}

#[test]
fn every_key_is_read() {
    let config = parse(&full()).unwrap();
    assert_eq!(config.class, MachineClass::Desktop);
    assert_eq!((config.listen.len(), config.sync_listen[0].port()), (2, 9899));
    assert_eq!((config.heartbeat.as_secs(), config.dead_after.as_secs()), (5, 15));
    assert!(config.trusted_proxies[1].covers(id("10.1.1.1")));
    assert_eq!(config.history.quota_per_peer, ByteSize(1 << 30));
    assert_eq!(
        (config.history.keep, config.history.keep_peers),
        (Span::days(100), Span::days(400))
    );
    assert_eq!(config.tls, Tls::Files { cert: "/c.pem".into(), key: "/k.pem".into() });
    assert_eq!(config.restic, Some(PathBuf::from("/usr/bin/restic")));
    let vault = config.repo(&id("vault")).unwrap();
    assert!(vault.shared && !vault.auto_init);
    assert_eq!((vault.place.as_deref(), vault.kind.as_deref()), (Some("off-site"), Some("server")));
    assert_eq!(vault.env[0].0, "AWS_ACCESS_KEY_ID");
    let home = config.plan(&id("home")).unwrap();
    assert_eq!(home.paths, ["/home", "/etc"]);
    assert!(home.one_file_system && home.enabled && !config.plans[1].enabled);
    assert_eq!(home.max_age, Some(Span(Duration::from_secs(36 * 3600))));
    let hub = config.peer(&id(KEY)).unwrap();
    assert_eq!((hub.role, hub.urls.len()), (PeerRole::KnownHost, 2));
    assert!(hub.grants.allow(Permission::ReadOperations, Target::repo("vault")));
    assert!(!hub.grants.allow(Permission::ReadOperations, Target::repo("private")));
    assert!(config.peer(&id(KEY_2)).unwrap().allow_remote_commands);
}

#[test]
fn defaults_are_those_of_the_documentation() {
    let config = parse("instance = \"nas\"").unwrap();
    let defaults = Config { revision: config.revision, ..Config::new(id("nas")) };
    assert_eq!(config, defaults);
    assert_eq!(config.listen[0].to_string(), "127.0.0.1:9898");
    assert_eq!((config.heartbeat.as_secs(), config.dead_after.as_secs()), (15, 45));
}

#[test]
fn a_repo_that_is_not_in_the_file_may_come_from_a_peer() {
    let config = parse(&full()).unwrap();
    let unresolved: Vec<_> = config.unresolved_repos().map(|(p, r)| format!("{p}:{r}")).collect();
    assert_eq!(unresolved, ["srv:received"]);
}

#[test]
fn all_problems_are_reported_at_once_and_in_order() {
    let text = "instance = \"Nas\"\nlisten = \"x\"\n[[repo]]\nid = \"a\"\n[[plan]]\npahts = []\n";
    let found: Vec<_> =
        problems(text).into_iter().map(|p| (p.line, p.column, p.key, p.message)).collect();
    let keys: Vec<_> = found.iter().map(|(line, _, key, _)| (*line, key.as_str())).collect();
    assert_eq!(
        keys,
        [
            (1, "instance"),
            (2, "listen"),
            (3, "repo[a]"),
            (3, "repo[a]"),
            (5, "plan[0]"),
            (5, "plan[0]"),
            (5, "plan[0]"),
            (6, "plan[0].pahts"),
        ],
        "{found:#?}"
    );
    assert_eq!((found[0].1, found[1].1), (12, 10));
    assert_eq!(found[1].3, "this is a string, but has to be a list, such as [\"…\"]");
}

#[test]
fn unknown_keys_name_the_nearest_and_later_ones_say_so() {
    assert_eq!(
        of("heartbeet = \"5s\""),
        "line 2, column 1: heartbeet: this key is not known; did you mean \"heartbeat\"?"
    );
    assert!(of("trusted_proxies = []").contains("did you mean \"trusted-proxies\"?"));
    assert!(of("zzz = 1").contains("the keys here are instance, class"));
    let repo = "[[repo]]\nid = \"a\"\nuri = \"/a\"\npassword = \"p\"\n";
    let later = of(&format!("{repo}prune = {{ max-unused = \"10%\" }}"));
    assert!(later.starts_with("line 6, column 1: repo[a].prune: "), "{later}");
    assert!(later.contains("this version of holdfast does not have this yet"), "{later}");
    assert!(of("[[channel]]\nid = \"phone\"").contains("does not have this yet"));
}

#[test]
fn columns_count_characters() {
    let problem = the_problem("instance = \"nas\"\nhistory = { \"ä\" = 1 }");
    assert_eq!((problem.line, problem.column), (2, 13));
    let problem = the_problem("instance = \"nas\"\nformerly = [\"äöü\", 1]");
    assert_eq!((problem.line, problem.column, problem.key.as_str()), (2, 20, "formerly[1]"));
}

#[test]
fn text_that_is_no_toml_says_where() {
    let all = problems("instance = \"nas\"\nclass = \n[[repo]\n");
    assert_eq!((all[0].line, all[0].key.as_str()), (2, ""));
    assert!(all[0].message.starts_with("this is not TOML"), "{all:?}");
}

#[test]
fn values_are_checked() {
    for (lines, part) in [
        ("class = \"sever\"", "did you mean \"server\"?"),
        ("listen = [\":9898\"]", "write \"0.0.0.0:9898\""),
        ("listen = [\"localhost:1\"]", "write \"127.0.0.1:1\""),
        ("urls = [\"https://me:pw@nas\"]", "carries credentials"),
        ("heartbeat = \"5m\"", "5m is not between 100ms and 1m"),
        ("heartbeat = 5", "this is an integer, but has to be a string"),
        ("dead-after = \"20s\"", "20s is not between 30s and 10m"),
        ("history = { keep = \"1h\" }", "1h is not between 1d and"),
        ("tls = \"letsencrypt\"", "neither \"self-signed\" nor a table"),
        ("tls = { cert = \"/c\" }", "\"key\" is missing"),
        ("restic = \"\"", "must not be empty"),
        ("formerly = [\"a\\nb\"]", "no control characters"),
        ("trusted-proxies = [\"nas\"]", "an address such as"),
    ] {
        let problem = of(lines);
        assert!(problem.contains(part), "{lines}: {problem}");
    }
}

#[test]
fn repos_are_checked() {
    let repo = |lines: &str| of(&format!("[[repo]]\nid = \"a\"\nuri = \"/a\"\n{lines}"));
    for (lines, part) in [
        ("", "0 sources of the password"),
        ("password = \"p\"\npassword-file = \"/p\"", "2 sources of the password"),
        ("password = \"${\"", "repo[a].password: ${ is not followed by a variable name"),
        ("password = \"p\"\nenv = { \"a b\" = \"x\" }", "no name of an environment variable"),
        (
            "password = \"p\"\nenv = { RESTIC_PASSWORD_COMMAND = \"x\" }",
            "not set by the environment",
        ),
        ("password = \"p\"\nmember-uri = \"rest:{host}\"", "{instance} is the only placeholder"),
    ] {
        let problem = repo(lines);
        assert!(problem.contains(part), "{lines}: {problem}");
    }
    let twice = "[[repo]]\nid = \"a\"\nuri = \"/a\"\npassword = \"p\"\n".repeat(2);
    assert!(
        of(&twice).contains("line 7, column 6: repo[a]: repo id a is used twice"),
        "{}",
        of(&twice)
    );
    let empty = of("[[repo]]\nid = \"a\"\nuri = \"\"\npassword = \"p\"");
    assert!(empty.contains("repo[a].uri: this must not be empty"), "{empty}");
}

#[test]
fn plans_are_checked() {
    let plan = |lines: &str| of(&format!("[[plan]]\nid = \"a\"\nrepo = \"r\"\n{lines}"));
    for (lines, part) in [
        ("", "\"paths\" is missing"),
        ("paths = []", "there is no path in it"),
        ("paths = [\"home\"]", "this is no absolute path"),
        ("paths = [\"/h\"]\nschedule = { cron = \"0 2 * * *\" }", "has only \"manual\" here"),
        ("paths = [\"/h\"]\nretention = \"keep-all\"", "has only \"none\" here"),
        ("paths = [\"/h\"]\nonly-when = { ac-power = true }", "does not have this yet"),
        ("paths = [\"/h\\u0000\"]", "NUL"),
    ] {
        let problem = plan(lines);
        assert!(problem.contains(part), "{lines}: {problem}");
    }
}

#[test]
fn peers_are_checked() {
    let host = format!("[[known-host]]\ninstance = \"hub\"\nkey-id = \"{KEY}\"\n");
    assert!(of(&host).contains("known-host[hub]: \"urls\" is missing"));
    let host = format!("{host}urls = [\"https://hub\"]\n");
    let malformed =
        of(&format!("{host}grants = [{{ permission = \"read-files\", scopes = [\"x\"] }}]"));
    assert!(malformed.contains("scope \"x\" of read-files is malformed"), "{malformed}");
    let scopeless = of(&format!("{host}grants = [{{ permission = \"read-files\" }}]"));
    assert!(scopeless.contains("read-files=*"), "{scopeless}");
    let client = format!("[[authorized-client]]\ninstance = \"x\"\nkey-id = \"{KEY}\"\n");
    assert!(of(&format!("{host}{client}")).contains("is used twice"));
    assert!(of(&format!("{client}urls = []")).contains("this key is not known"));
}

#[test]
fn the_default_file_is_valid_and_its_examples_are_too() {
    let text = default_text(&id("nas"));
    let config = parse(&text).unwrap();
    assert_eq!(config, Config { revision: config.revision, ..Config::new(id("nas")) });
    let is_example = |line: &&str| line.contains(" = ") || line.starts_with("# [[");
    let examples: Vec<_> =
        text.lines().filter(is_example).map(|line| line.trim_start_matches("# ")).collect();
    let config = parse(&examples.join("\n")).unwrap();
    assert_eq!((config.repos.len(), config.plans.len()), (1, 1));
}

#[test]
fn c2_no_form_of_a_configuration_shows_a_secret() {
    let config = parse(&full()).unwrap();
    let shown = config.show();
    assert!(!shown.contains("hunter2"), "{shown}");
    assert!(!format!("{config:?}").contains("hunter2"));
    assert!(shown.contains("rest:https://***@vault.example/nas") && shown.contains("${VAULT_KEY}"));
    // Apart from what is hidden, it is the configuration in effect.
    let again = parse(&shown).unwrap();
    assert_eq!((again.plans, again.peers), (config.plans, config.peers));
    let whole = parse(&full().replace("dead", "")).unwrap();
    assert_eq!((again.listen, again.history, again.tls), (whole.listen, whole.history, whole.tls));
}

#[test]
fn a_pairing_secret_has_one_hash() {
    // The token's maker and the handshake are in modules that may not know each other.
    let secret = crate::pairing::PairingSecret::from_bytes([7; 32]);
    assert_eq!(secret.hash().as_bytes(), &crate::crypto::secret_hash(secret.reveal().expose()));
}

#[tokio::test]
async fn members_get_their_own_way_to_the_repo() {
    let config = parse(
        "instance = \"nas\"\n[[repo]]\nid = \"v\"\nuri = \"/own\"\npassword = \"own\"\nmember-uri = \"rest:https://{instance}@v/\"",
    );
    let config = config.unwrap();
    let access = config.repos[0].member_access(&id("laptop")).await.ok().unwrap();
    assert_eq!((access.uri.expose(), access.password.expose()), ("rest:https://laptop@v/", "own"));
    let own = config.repos[0].access().await.ok().unwrap();
    assert_eq!(own.uri.expose(), "/own");
}

// ------------------------------------------------------------------ edits

fn file(text: &str) -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("config.toml");
    std::fs::write(&path, text).unwrap();
    (dir, path)
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap()
}

fn new_repo(name: &str) -> Repo {
    let password = SecretSource::File(Template::literal("/etc/pass"));
    Repo::new(id(name), Template::literal("/srv/new"), password)
}

fn new_plan(name: &str) -> Plan {
    Plan::new(id(name), id("vault"), vec!["/srv".into()])
}

#[test]
fn an_added_plan_leaves_every_other_line_as_it_was() {
    let (_dir, path) = file(&full());
    let config = Editor::new(path.clone()).apply(&[Edit::AddPlan(new_plan("new"))]).unwrap();
    assert_eq!(config.plans.len(), 3);
    let (before, after) = (full(), read(&path));
    let added = "\n[[plan]]\nid = \"new\"\nrepo = \"vault\"\npaths = [\"/srv\"]\n";
    assert_eq!(after.replace(added, ""), before);
    assert_eq!(config.revision, Revision::of(&after));
}

#[test]
fn a_replaced_repo_keeps_its_comments_and_order() {
    let (_dir, path) = file(&full());
    let mut vault = parse(&full()).unwrap().repo(&id("vault")).unwrap().clone();
    vault.password = SecretSource::File("${CREDENTIALS_DIRECTORY}/p".parse().unwrap());
    vault.shared = false;
    vault.place = Some("cellar".into());
    let config = Editor::new(path.clone()).apply(&[Edit::ReplaceRepo(Box::new(vault.clone()))]);
    assert_eq!(config.unwrap().repo(&id("vault")), Some(&vault));
    let text = read(&path);
    assert!(text.contains("# the vault\n[[repo]]\nid = \"vault\""));
    assert!(text.contains("place = \"cellar\"\nkind = \"server\""));
    assert!(!text.contains("shared = true") && text.contains("password-file = \"${CRED"));
}

#[test]
fn settings_keep_the_comment_beside_them() {
    let (_dir, path) = file(&full());
    let edits = [
        Edit::Set(TopLevel::Instance(id("attic"))),
        Edit::Set(TopLevel::Formerly(vec!["nas".into()])),
        Edit::Set(TopLevel::Tls(Tls::Off)),
        Edit::Set(TopLevel::DeadAfter(Duration::from_secs(30))),
    ];
    let config = Editor::new(path.clone()).apply(&edits).unwrap();
    assert_eq!((config.tls, config.dead_after.as_secs()), (Tls::Off, 30));
    assert!(read(&path).contains("instance = \"attic\"   # me\n"));
}

#[test]
fn removing_takes_only_what_it_names() {
    let (_dir, path) = file(&full());
    let edits = [Edit::RemovePlan(id("home")), Edit::RemoveRepo(id("disk"))];
    let config = Editor::new(path.clone()).apply(&edits).unwrap();
    assert_eq!((config.plans.len(), config.repos.len()), (1, 1));
    assert!(read(&path).contains("# the vault"));
}

#[test]
fn the_first_repo_and_inline_tables_are_edited_as_well() {
    let (_dir, path) = file(&default_text(&id("nas")));
    let editor = Editor::new(path.clone());
    editor.apply(&[Edit::AddRepo(Box::new(new_repo("a")))]).unwrap();
    assert_eq!(editor.apply(&[Edit::AddPlan(new_plan("p"))]).unwrap().plans.len(), 1);
    std::fs::write(
        &path,
        "instance = \"nas\"\nrepo = [{ id = \"x\", uri = \"/x\", password = \"p\" }]\nclass = \"laptop\"\n",
    )
    .unwrap();
    let config = editor.apply(&[Edit::AddRepo(Box::new(new_repo("a")))]).unwrap();
    assert_eq!((config.repos.len(), config.class), (2, MachineClass::Laptop));
}

#[test]
fn what_does_not_validate_never_replaces_the_file() {
    let (_dir, path) = file(&full());
    let editor = Editor::new(path.clone());
    let relative = Plan { paths: vec!["relative".into()], ..new_plan("x") };
    let error = editor.apply(&[Edit::RemovePlan(id("home")), Edit::AddPlan(relative)]);
    assert!(
        matches!(&error, Err(EditError::Invalid(p)) if p.0[0].key.contains("paths")),
        "{error:?}"
    );
    let error = editor.apply(&[Edit::AddPlan(new_plan("home"))]);
    assert!(matches!(error, Err(EditError::Exists { kind: "plan", .. })));
    let error = editor.apply(&[Edit::RemoveRepo(id("nothing"))]);
    assert!(matches!(error, Err(EditError::Missing { kind: "repo", .. })));
    assert_eq!(read(&path), full());
    std::fs::write(&path, "instance = ").unwrap();
    let error = editor.apply(&[Edit::AddPlan(new_plan("x"))]);
    assert!(matches!(error, Err(EditError::Invalid(_))));
    assert_eq!(read(&path), "instance = ");
}

#[test]
fn a_read_only_file_says_so_and_stays() {
    let (dir, path) = file(&full());
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o440)).unwrap();
    let error = Editor::new(path.clone()).apply(&[Edit::AddPlan(new_plan("x"))]).unwrap_err();
    assert!(matches!(error, EditError::ReadOnly { .. }), "{error}");
    assert_eq!(read(&path), full());
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
}

#[test]
fn mode_and_links_are_kept() {
    let (dir, path) = file(&full());
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
    let link = dir.path().join("link.toml");
    std::os::unix::fs::symlink(&path, &link).unwrap();
    Editor::new(link.clone()).apply(&[Edit::AddPlan(new_plan("x"))]).unwrap();
    assert!(std::fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o640);
    assert!(read(&path).contains("id = \"x\""));
}

#[test]
fn edits_at_the_same_time_are_all_kept() {
    let (_dir, path) = file(&full());
    std::thread::scope(|scope| {
        for n in 0..8 {
            let editor = Editor::new(path.clone());
            scope
                .spawn(move || editor.apply(&[Edit::AddPlan(new_plan(&format!("p{n}")))]).unwrap());
        }
    });
    assert_eq!(parse(&read(&path)).unwrap().plans.len(), 10);
}

// ------------------------------------------------------------------ life

async fn until(
    changes: &mut tokio::sync::watch::Receiver<Snapshot>,
    holds: impl FnMut(&Snapshot) -> bool,
) -> Snapshot {
    let waited = tokio::time::timeout(Duration::from_secs(20), changes.wait_for(holds)).await;
    waited.expect("the change is seen").unwrap().clone()
}

/// As editors do: a new file takes the place of the old one.
fn save(path: &Path, text: &str) {
    let new = path.with_extension("new");
    std::fs::write(&new, text).unwrap();
    std::fs::rename(new, path).unwrap();
}

#[tokio::test]
async fn saves_are_seen_and_a_broken_file_keeps_the_last_good_one() {
    let (_dir, path) = file("instance = \"one\"");
    let live = Arc::new(LiveConfig::open(path.clone()).unwrap());
    let mut changes = live.subscribe();
    let shutdown = Shutdown::default();
    let watching = tokio::spawn(watch(Arc::clone(&live), shutdown.guard()).unwrap());

    save(&path, "instance = \"two\"");
    until(&mut changes, |now| now.config.instance.as_str() == "two").await;
    assert_eq!(live.current().instance.as_str(), "two");

    save(&path, "instance = \"three\"\nlisten = 7\n");
    let broken = until(&mut changes, |now| now.trouble.is_some()).await;
    assert_eq!(broken.config.instance.as_str(), "two");
    let Some(LoadError::Invalid { problems, .. }) = broken.trouble else { panic!("{broken:?}") };
    assert_eq!((problems.0[0].line, problems.0[0].column), (2, 10));

    std::fs::write(&path, "instance = \"four\"").unwrap();
    let mended = until(&mut changes, |now| now.config.instance.as_str() == "four").await;
    assert_eq!(mended.trouble, None);
    shutdown.complete().await;
    watching.await.unwrap();
}

#[test]
fn reload_says_what_it_came_to() {
    let (_dir, path) = file("instance = \"one\"");
    let live = LiveConfig::open(path.clone()).unwrap();
    assert_eq!(live.reload(), Reload::Unchanged);
    std::fs::remove_file(&path).unwrap();
    assert!(matches!(live.reload(), Reload::Refused(LoadError::Unreadable { .. })));
    assert!(live.trouble().is_some());
    std::fs::write(&path, "instance = \"one\"").unwrap();
    assert_eq!(live.reload(), Reload::Changed);
    assert_eq!((live.trouble(), live.current().instance.as_str()), (None, "one"));
    std::fs::write(&path, [0xff, 0xfe]).unwrap();
    assert!(matches!(live.reload(), Reload::Refused(_)));
}

// ------------------------------------------------------------------ bad input

#[test]
fn a_huge_file_is_refused_before_it_is_parsed() {
    let problem = the_problem(&"#".repeat(2 << 20));
    assert!(problem.message.contains("at most 1048576 are allowed"), "{problem}");
}

#[test]
fn the_number_and_size_of_problems_is_bounded() {
    let many: String = (0..10_000).map(|n| format!("k{n} = 1\n")).collect();
    assert_eq!(problems(&many).len(), 100);
    let long = format!("{} = 1", "k".repeat(500_000));
    assert!(problems(&long).iter().all(|problem| problem.to_string().len() < 1_000));
    let deep = format!("a = {}{}", "[".repeat(50_000), "]".repeat(50_000));
    assert!(!problems(&deep).is_empty());
}

fn toml_like() -> impl Strategy<Value = String> {
    let lines = full().lines().map(str::to_owned).collect::<Vec<_>>();
    let line = prop_oneof![
        prop::sample::select(lines),
        "[a-z-]{1,10} = (\"\\PC{0,9}\"|[0-9]{1,3}|\\[\\]|\\{\\}|true)",
        "\\[{0,2}(repo|plan|known-host|x)\\]{0,2}",
        "\\PC{0,20}",
    ];
    prop::collection::vec(line, 0..20).prop_map(|lines| lines.join("\n"))
}

proptest! {
    #[test]
    fn parsing_never_panics(text in toml_like()) {
        match parse(&text) {
            Ok(config) => prop_assert!(parse(&config.show()).is_ok(), "{}", config.show()),
            Err(problems) => prop_assert!((1..=100).contains(&problems.0.len())),
        }
    }

    #[test]
    fn one_changed_character_never_panics(at in 0usize..2_000, ch: char) {
        let mut text: Vec<char> = full().chars().collect();
        let at = at % text.len();
        text[at] = ch;
        let _ = parse(&text.into_iter().collect::<String>());
    }

    #[test]
    fn edited_repos_read_back(
        uri in "[ -~]{1,20}", password in "\\PC{1,12}", place in prop::option::of("[a-z ä]{1,9}"),
        shared: bool, auto_init: bool, env in prop::collection::btree_map("[A-Z]{1,6}", "\\PC{1,9}", 0..3),
    ) {
        let repo = Repo {
            env: env.iter().map(|(name, value)| (name.clone(), Template::literal(value))).collect(),
            place, shared, auto_init,
            ..Repo::new(id("x"), Template::literal(&uri), SecretSource::Inline(Template::literal(&password)))
        };
        let (_dir, path) = file(&full());
        let config = Editor::new(path).apply(&[Edit::AddRepo(Box::new(repo.clone()))]).unwrap();
        prop_assert_eq!(config.repo(&id::<RepoId>("x")), Some(&repo));
    }
}
