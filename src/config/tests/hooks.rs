//! Channels and hooks: read, refused, shown, and complete as listeners.

use super::*;
use crate::notify::policy::Repeat;
use crate::notify::{Action, Event, Severity};

const HOOKS: &str = r#"
instance = "nas"
hook = [
  { on = ["any-failure", "stale"], channel = "phone", remind = "12h" },
  { on = ["backup-succeeded"], healthchecks = { url = "https://hc.example/hunter2" } },
]

[[repo]]
id = "vault"
uri = "/srv/vault"
password-file = "/etc/pass"
hook = [{ on = ["check-failed"], command = { file = "/usr/local/bin/alarm", shell = "/bin/bash" } }]

[[plan]]
id = "home"
repo = "vault"
paths = ["/home"]

[[plan.hook]]
on = ["backup-started"]
on-error = "cancel"
timeout = "2m"
command = "mountpoint -q /home"

[[plan.hook]]
on = ["backup-failed"]
title = "{{ plan }} failed"
webhook = { url-file = "/etc/hook", method = "PUT", headers = { Authorization = "Bearer hunter2" }, body = "{{ message|tojson }}" }

[[channel]]
id = "phone"
quiet = "22:00-07:00"
wake = "error"
remind = "1d"
ntfy = { url = "https://ntfy.example/backups", token-command = "pass ntfy", priority = 4, tags = "backup" }

[[channel]]
id = "mail"
digest = "08:00"
email = { host = "mail.example", port = 465, security = "tls", user = "nas", password = "hunter2", from = "nas@example.org", to = ["a@example.org", "b@example.org"] }
"#;

fn config() -> Config {
    parse(HOOKS).unwrap_or_else(|problems| panic!("{problems}"))
}

fn listener(key: &str) -> Listener {
    let all = config().listeners();
    let keys: Vec<_> = all.iter().map(|listener| listener.key.clone()).collect();
    all.into_iter().find(|l| l.key == key).unwrap_or_else(|| panic!("{key} is none of {keys:?}"))
}

/// What is said of a hook at the top of a file.
fn said(hook: &str) -> String {
    let text = format!(
        "instance = \"nas\"\nhook = [{hook}]\n[[channel]]\nid = \"phone\"\nslack.url = \"https://s.example\"\n"
    );
    parse(&text).map_or_else(|problems| problems.to_string(), |_| String::new())
}

#[test]
fn hooks_are_read_at_every_level_with_what_their_channel_says() {
    let phone = listener("top/phone/any-failure,stale");
    assert_eq!((phone.deed.action, phone.channel.as_deref()), (Action::Ntfy, Some("phone")));
    assert_eq!(phone.rule.remind, Some(Duration::from_secs(12 * 3600)), "the hook says more");
    assert_eq!((phone.rule.repeat, phone.rule.wake), (Repeat::Changes, Some(Severity::Error)));
    assert_eq!(phone.rule.quiet.unwrap().to_string(), "22:00-07:00");
    let ping = listener("top/healthchecks/backup-succeeded");
    assert_eq!((ping.rule.repeat, ping.timeout), (Repeat::Always, Duration::from_secs(30)));
    let before = listener("plan:home/command/backup-started");
    assert_eq!((before.on_error, before.timeout), (OnError::Cancel, Duration::from_secs(120)));
    let failed = listener("plan:home/webhook/backup-failed");
    assert_eq!(failed.wording.title.as_deref(), Some("{{ plan }} failed"));

    let (vault, home): (RepoId, _) = ("vault".parse().unwrap(), "home".parse().unwrap());
    let other = "other".parse().unwrap();
    let alarm = listener("repo:vault/command/check-failed");
    assert!(alarm.hears(Some(&vault), None) && !alarm.hears(None, Some(&home)));
    assert!(failed.hears(Some(&vault), Some(&home)) && !failed.hears(Some(&vault), Some(&other)));
    assert!(phone.hears(None, None));
}

#[test]
fn two_hooks_that_are_alike_have_two_names_which_stay_when_others_come() {
    let twice =
        "{ on = [\"late\"], channel = \"phone\" }, { on = [\"late\"], channel = \"phone\" }";
    let text = |hooks: &str| {
        format!(
            "instance = \"nas\"\nhook = [{hooks}]\n[[channel]]\nid = \"phone\"\nslack = {{ url = \"https://s\" }}\n"
        )
    };
    let keys = |hooks: &str| -> Vec<_> {
        parse(&text(hooks)).unwrap().listeners().into_iter().map(|l| l.key).collect()
    };
    assert_eq!(keys(twice), ["top/phone/late", "top/phone/late#2"]);
    let more = format!("{{ on = [\"stale\"], channel = \"phone\" }}, {twice}");
    assert!(keys(&more).contains(&"top/phone/late".to_owned()));
}

#[test]
fn c2_what_is_shown_has_no_secret_and_reads_back() {
    let config = config();
    let shown = config.show();
    assert!(!shown.contains("hunter2"), "{shown}");
    assert!(!format!("{config:?}").contains("hunter2"));
    for kept in
        ["token-command = \"pass ntfy\"", "url-file = \"/etc/hook\"", "quiet = \"22:00-07:00\""]
    {
        assert!(shown.contains(kept), "{kept}: {shown}");
    }
    let again = parse(&shown).unwrap_or_else(|problems| panic!("{problems}\n{shown}"));
    let keys = |config: &Config| config.listeners().into_iter().map(|l| l.key).collect::<Vec<_>>();
    assert_eq!(keys(&again), keys(&config));
}

#[test]
fn what_is_wrong_with_a_hook_is_said_where_it_is() {
    for (hook, expected) in [
        ("{ on = [\"backup-faild\"], channel = \"phone\" }", "did you mean \"backup-failed\"?"),
        (
            "{ on = [\"late\"], channel = \"fone\" }",
            "there is no channel \"fone\"; did you mean \"phone\"?",
        ),
        ("{ on = [], channel = \"phone\" }", "nothing in it"),
        ("{ channel = \"phone\" }", "\"on\" is missing"),
        ("{ on = [\"late\"] }", "0 actions are given"),
        ("{ on = [\"late\"], channel = \"phone\", command = \"x\" }", "not both"),
        (
            "{ on = [\"late\"], slack = { url = \"https://s\", url-file = \"/x\" } }",
            "give one of url",
        ),
        ("{ on = [\"late\"], slack = { ulr = \"https://s\" } }", "did you mean \"url\"?"),
        ("{ on = [\"late\"], gotify = { url = \"https://g\" } }", "\"token\" is missing"),
        (
            "{ on = [\"late\"], ntfy = { url = \"https://n/t\", priority = 9 } }",
            "9 is not between 1 and 5",
        ),
        ("{ on = [\"late\"], ntfy = { url = \"https://n/t\", user = \"u\" } }", "go together"),
        ("{ on = [\"late\"], webhook = { url = \"ftp://n/t\" } }", "neither http:// nor https://"),
        (
            "{ on = [\"late\"], slack = { url = \"hooks.example/x\" } }",
            "neither http:// nor https://",
        ),
        ("{ on = [\"late\"], command = { script = \"x\", file = \"/x\" } }", "exactly one of"),
        ("{ on = [\"late\"], command = { file = \"x\" } }", "no absolute path"),
        ("{ on = [\"late\"], command = \"x\", on-error = \"cancel\" }", "what has ended"),
        (
            "{ on = [\"late\"], slack = { url = \"https://s\" }, on-error = \"retry\" }",
            "is for commands",
        ),
        ("{ on = [\"late\"], channel = \"phone\", body = \"{{ x\" }", "the template has a fault"),
        ("{ on = [\"late\"], channel = \"phone\", quiet = \"22-7\" }", "quiet hours are"),
        (
            "{ on = [\"late\"], webhook = { url = \"https://w\", method = \"PSOT\" } }",
            "is none of GET, POST",
        ),
        (
            "{ on = [\"late\"], email = { host = \"h\", from = \"f\", to = \"t\", user = \"u\", password = \"p\", security = \"none\" } }",
            "in clear",
        ),
    ] {
        let said = said(hook);
        assert!(said.contains(expected), "{hook}: {said}");
        assert!(said.contains("line 2, column"), "{said}");
    }
    assert_eq!(said("{ on = [\"late\"], channel = \"phone\" }"), "");
}

#[tokio::test]
async fn secrets_are_resolved_when_they_are_used() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("hook");
    let text = format!(
        "instance = \"nas\"\n[[channel]]\nid = \"w\"\nwebhook = {{ url-file = \"{}\", headers = {{ A = \"$${{x}}\" }} }}\n",
        file.display()
    );
    let config = parse(&text).unwrap();
    let deed = &config.channel("w").unwrap().deed;
    assert!(deed.resolve().await.is_err());
    std::fs::write(&file, "https://w.example/hunter2\n").unwrap();
    let settings = deed.resolve().await.unwrap();
    assert_eq!(settings.text("url"), "https://w.example/hunter2");
    assert_eq!(settings.table("headers"), [("A", "${x}")]);
}

#[test]
fn a_script_is_not_expanded_and_every_event_and_action_can_be_written() {
    let text =
        "instance = \"nas\"\nhook = [{ on = [\"late\"], command = \"echo ${HOME} {{ x }}\" }]";
    let config = parse(text).unwrap();
    let Recipient::Inline(deed) = &config.hooks[0].target else { panic!("an action") };
    assert_eq!(deed.settings["script"], Written::Literal("echo ${HOME} {{ x }}".to_owned()));
    let words: Vec<_> = Event::ALL.iter().map(|event| format!("\"{event}\"")).collect();
    assert_eq!(said(&format!("{{ on = [{}], channel = \"phone\" }}", words.join(", "))), "");
}

#[test]
fn a_plan_saves_paths_or_the_output_of_a_command() {
    let plan = |more: &str| {
        let text = format!(
            "instance = \"nas\"\n[[repo]]\nid = \"v\"\nuri = \"/v\"\npassword = \"x\"\n[[plan]]\nid = \"db\"\nrepo = \"v\"\n{more}\n"
        );
        parse(&text)
    };
    let dump = plan("stdin-command = [\"pg_dump\", \"app\"]\nstdin-name = \"app.sql\"").unwrap();
    let stdin =
        Stdin { argv: vec!["pg_dump".to_owned(), "app".to_owned()], name: "app.sql".to_owned() };
    assert_eq!((dump.plans[0].stdin.as_ref(), dump.plans[0].paths.len()), (Some(&stdin), 0));
    assert!(dump.show().contains("stdin-name = \"app.sql\""));
    for (more, expected) in [
        ("stdin-command = [\"x\"]\npaths = [\"/home\"]", "not both"),
        ("stdin-command = []", "nothing in it"),
        ("stdin-name = \"x\"\npaths = [\"/home\"]", "no stdin-command"),
        ("stdin-command = [\"x\"]\nstdin-name = \"a/b\"", "no file name"),
        ("", "\"paths\" is missing"),
    ] {
        let said = plan(more).unwrap_err().to_string();
        assert!(said.contains(expected), "{more}: {said}");
        assert!(!more.contains("stdin-command") || !said.contains("is missing"), "{more}: {said}");
    }
}
