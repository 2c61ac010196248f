//! The file from text to life: problems, edits, reloads, and what never shows.
#![allow(clippy::unwrap_used)]

mod edits;
mod hooks;
mod input;
mod life;
mod tuning;

use super::*;
use crate::grant::{Permission, Target};
use crate::model::{MachineClass, PeerRole, RepoId};
use crate::schedule::Retry;
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
parallel = 8

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
member-env = {{ AWS_SESSION_TOKEN = "hunter2" }}
member-password-file = "/etc/member"
auto-init = false
forget = {{ schedule = {{ cron = "0 3 * * *" }}, retention = {{ daily = 30, monthly = 12 }} }}
prune = {{ schedule = {{ cron = "0 4 1 * *" }}, max-unused = "10%" }}
check = {{ schedule = {{ every = "30d" }}, read-data = "5%" }}
stats = {{ schedule = {{ every = "7d" }} }}
parallel = 2
lock-wait = "2h"
lock-alarm = "12h"
retry = {{ attempts = 5, wait = "1m" }}

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
schedule = {{ cron = "30 2 * * *", time-zone = "Europe/Rome", jitter = "20m" }}
retention = {{ last = 3, hourly = 24, within = "90d" }}
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

fn file(text: &str) -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("config.toml");
    std::fs::write(&path, text).unwrap();
    (dir, path)
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap()
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
    let upkeep = &vault.upkeep;
    assert_eq!(upkeep.forget.as_ref().unwrap().rules.to_string(), "daily=30,monthly=12");
    assert_eq!(upkeep.prune.as_ref().unwrap().max_unused.as_ref().unwrap().as_str(), "10%");
    assert_eq!(upkeep.check.as_ref().unwrap().read_data.as_ref().unwrap().parts(), 20);
    assert_eq!(
        (upkeep.parallel, upkeep.lock_wait),
        (Some(2), Some(Span(Duration::from_secs(7200))))
    );
    assert_eq!(upkeep.lock_alarm, Some(Span(Duration::from_secs(12 * 3600))));
    assert_eq!(upkeep.retry, Some(Retry { attempts: 5, wait: Duration::from_secs(60) }));
    let schedules: Vec<_> =
        upkeep.schedules().map(|(kind, when)| format!("{kind}: {when}")).collect();
    assert_eq!(schedules[0], "forget: cron: 0 3 * * *");
    assert_eq!(schedules[2..], ["check: every 30d", "stats: every 7d"]);
    assert_eq!(config.parallel, 8);
    let retention = config.plan(&id("home")).unwrap().retention;
    assert_eq!(retention.to_string(), "last=3,hourly=24,within=90d");
    assert_eq!((vault.place.as_deref(), vault.kind.as_deref()), (Some("off-site"), Some("server")));
    assert_eq!(vault.env[0].0, "AWS_ACCESS_KEY_ID");
    let home = config.plan(&id("home")).unwrap();
    assert_eq!(home.paths, ["/home", "/etc"]);
    assert!(home.one_file_system && home.enabled && !config.plans[1].enabled);
    assert_eq!(home.max_age, Some(Span(Duration::from_secs(36 * 3600))));
    assert_eq!(home.schedule.to_string(), "cron: 30 2 * * *");
    assert_eq!(home.schedule.zone().unwrap().to_string(), "Europe/Rome");
    assert_eq!(home.schedule.jitter(), Duration::from_secs(20 * 60));
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
fn unknown_keys_name_the_nearest() {
    assert_eq!(
        of("heartbeet = \"5s\""),
        "line 2, column 1: heartbeet: this key is not known; did you mean \"heartbeat\"?"
    );
    assert!(of("trusted_proxies = []").contains("did you mean \"trusted-proxies\"?"));
    assert!(of("zzz = 1").contains("the keys here are instance, class"));
    let repo = "[[repo]]\nid = \"a\"\nuri = \"/a\"\npassword = \"p\"\n";
    let unknown = of(&format!("{repo}hok = []"));
    assert!(unknown.starts_with("line 6, column 1: repo[a].hok: "), "{unknown}");
    let below = of(&format!("{repo}class = \"server\""));
    assert!(below.ends_with("it belongs to the top level: write it above the first [[table]]"));
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
        ("tls = { cert = \"c\", key = \"/k\" }", "tls.cert: this is no absolute path"),
        ("listen = []", "there is nothing in it; write at least one, as in"),
        ("sync-listen = [\"[::]:1\"]\nlisten = [\"[::]:1\"]", "is in listen as well"),
        ("history = { quota-per-peer = \"1kB\" }", "1kB is less than 1MiB"),
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
        ("password-file = \"pass\"", "repo[a].password-file: this is no absolute path"),
        ("password = \"p\"\nmember-uri = \"vault\"", "this is no location of a repository"),
        ("password = \"${\"", "repo[a].password: ${ is not followed by a variable name"),
        ("password = \"p\"\nenv = { \"a b\" = \"x\" }", "no name of an environment variable"),
        (
            "password = \"p\"\nenv = { RESTIC_PASSWORD_COMMAND = \"x\" }",
            "not set by the environment",
        ),
        ("password = \"p\"\nmember-uri = \"rest:{host}\"", "{instance} is the only placeholder"),
        ("password = \"p\"\nforget = {}", "repo[a].forget: \"retention\" is missing"),
        ("password = \"p\"\nforget = { retention = \"none\" }", "nothing would ever be forgotten"),
        ("password = \"p\"\nprune = { max-unused = \"100%\" }", "no amount of unused data"),
        ("password = \"p\"\nprune = { max-used = \"1%\" }", "did you mean \"max-unused\"?"),
        ("password = \"p\"\ncheck = { read-data = \"1/300\" }", "no part of the data"),
        ("password = \"p\"\ncheck = { schedule = { after = \"x\" } }", "only a plan runs after"),
        ("password = \"p\"\nparallel = 0", "0 is not between 1 and 64"),
        ("password = \"p\"\nlock-wait = \"8d\"", "8d is not between"),
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
    let wrong = twice.replacen("password = \"p\"\n", "", 1);
    let both = parse(&format!("instance = \"nas\"\n{wrong}")).unwrap_err().to_string();
    assert!(both.contains("password") && both.contains("repo id a is used twice"), "{both}");
    let empty = of("[[repo]]\nid = \"a\"\nuri = \"\"\npassword = \"p\"");
    assert!(empty.contains("repo[a].uri: this must not be empty"), "{empty}");
}

#[test]
fn plans_are_checked() {
    let plan = |lines: &str| of(&format!("[[plan]]\nid = \"a\"\nrepo = \"r\"\n{lines}"));
    for (lines, part) in [
        ("", "\"paths\" is missing"),
        ("paths = []", "there is nothing in it"),
        ("paths = [\"home\"]", "this is no absolute path"),
        ("paths = [\"/h\"]\nschedule = { cron = \"0 2 * *\" }", "schedule.cron: \"0 2 * *\" is no"),
        ("paths = [\"/h\"]\nschedule = \"daily\"", "schedule: \"daily\" is no schedule"),
        ("paths = [\"/h\"]\nschedule = {}", "0 of cron, every and after are given"),
        ("paths = [\"/h\"]\nschedule = { every = \"6h\", after = \"b\" }", "2 of cron, every"),
        ("paths = [\"/h\"]\nschedule = { every = \"2s\" }", "every 2s is not between 1m and"),
        ("paths = [\"/h\"]\nschedule = { every = \"2h\", jitter = \"2d\" }", "2d is not between"),
        ("paths = [\"/h\"]\nschedule = { every = \"2h\", time-zone = \"UTC\" }", "only a cron"),
        (
            "paths = [\"/h\"]\nschedule = { cron = \"@daily\", time-zone = \"Rome\" }",
            "schedule.time-zone: \"Rome\" is no time zone",
        ),
        ("paths = [\"/h\"]\nschedule = { after = \"b\" }", "after plan b, which is not there"),
        ("paths = [\"/h\"]\nschedule = { after = \"a\" }", "wait for itself: a after a"),
        ("paths = [\"/h\"]\nretention = \"keepall\"", "retention \"keepall\" is not understood"),
        ("paths = [\"/h\"]\nretention = {}", "retention: this retention would keep nothing"),
        ("paths = [\"/h\"]\nretention = { daily = 0 }", "would keep nothing"),
        ("paths = [\"/h\"]\nretention = { daily = -1 }", "retention.daily: -1 is less than 0"),
        ("paths = [\"/h\"]\nretention = { daily = \"3\" }", "has to be a whole number"),
        ("paths = [\"/h\"]\nretention = { dayly = 3, last = 1 }", "did you mean \"daily\"?"),
        ("paths = [\"/h\"]\nretention = { within = \"90\" }", "no time of whole hours"),
        ("paths = [\"/h\"]\nonly-when = { ac-powr = true }", "did you mean"),
        ("paths = [\"/h\"]\nonly-when = { window = \"22-6\" }", "such as 22:00-06:00"),
        ("paths = [\"/h\"]\nonly-when = { load-below = 0 }", "0 is not between 0.01 and"),
        ("paths = [\"/h\"]\nonly-when = { load-below = \"2\" }", "has to be a number"),
        ("paths = [\"/h\"]\nretry = { attempts = 0 }", "0 is no whole number from 1 to 10"),
        ("paths = [\"/h\"]\nretry = { wait = \"7h\" }", "7h is not between 1s and 6h"),
        ("paths = [\"/h\"]\ngrace = \"5s\"", "5s is not between 1m and 31d"),
        ("paths = [\"/h\\u0000\"]", "NUL"),
    ] {
        let problem = plan(lines);
        assert!(problem.contains(part), "{lines}: {problem}");
    }
}

#[test]
fn a_circle_of_plans_is_named() {
    let plan = |id: &str, after: &str| {
        format!(
            "[[plan]]\nid = \"{id}\"\nrepo = \"r\"\npaths = [\"/\"]\nschedule = {{ after = \"{after}\" }}\n"
        )
    };
    let text = ["a b", "b c", "c a", "d a"]
        .map(|pair| pair.split_once(' ').map(|(id, after)| plan(id, after)).unwrap());
    let found = problems(&format!("instance = \"nas\"\n{}", text.concat()));
    let found: Vec<_> = found.iter().map(ToString::to_string).collect();
    assert_eq!(found.len(), 3, "{found:#?}");
    assert!(found[0].contains("plan[a]: it would wait for itself: a after b after c after a"));
}

#[test]
fn schedules_are_written_as_they_are_read() {
    for written in [
        "{ cron = \"30 2 * * *\", time-zone = \"Europe/Rome\", jitter = \"20m\" }",
        "{ cron = \"@daily\" }",
        "{ every = \"6h\", jitter = \"5m\" }",
        "{ after = \"home\" }",
        "\"manual\"\nonly-when = { ac-power = true, unmetered = true, network = true, window = \"22:00-06:00\", load-below = 2.5, force-after = \"3d\" }",
        "{ every = \"6h\" }\nretry = { attempts = 5, wait = \"1m\" }\nmax-age = \"2d\"\ngrace = \"1h\"",
    ] {
        let plans = "[[plan]]\nid = \"home\"\nrepo = \"r\"\npaths = [\"/\"]\n[[plan]]\nid = \"b\"\nrepo = \"r\"\npaths = [\"/\"]";
        let config = parse(&format!("instance = \"nas\"\n{plans}\nschedule = {written}")).unwrap();
        let shown = config.show();
        let written = written.replace("\"manual\"\n", "");
        assert!(shown.contains(&written), "{shown}");
        assert_eq!(parse(&shown).unwrap().plans, config.plans);
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
    let climbing = of(&format!("{host}allowed-paths = [\"/srv/../etc\"]"));
    assert!(climbing.contains("has no .. in it"), "{climbing}");
    let client = format!("[[authorized-client]]\ninstance = \"x\"\nkey-id = \"{KEY}\"\n");
    assert!(of(&format!("{host}{client}")).contains("is used twice"));
    assert!(of(&format!("{client}urls = []")).contains("this key is not known"));
}

#[test]
fn every_key_is_documented() {
    let manual = include_str!("../../../docs/configuration.md");
    for key in parse::all_keys() {
        assert!(manual.contains(&format!("| `{key}` |")), "{key}");
    }
}

#[test]
fn the_examples_of_the_manual_are_valid() {
    let manuals = [
        include_str!("../../../docs/configuration.md"),
        include_str!("../../../docs/notifications.md"),
        include_str!("../../../docs/database-dumps.md"),
    ];
    let examples = manuals.iter().flat_map(|manual| {
        let blocks = manual.split("```toml\n").skip(1);
        blocks.map(|rest| rest.split("```").next().unwrap())
    });
    let examples: Vec<_> = examples.collect();
    assert!(examples.len() >= 4);
    for example in examples {
        let text = match example.contains("instance = \"nas\"") {
            true => example.to_owned(),
            false => format!("instance = \"nas\"\n{example}"),
        };
        assert!(parse(&text).is_ok(), "{example}\n{}", parse(&text).unwrap_err());
    }
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
    let whole = parse(&full()).unwrap();
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
