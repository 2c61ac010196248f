use super::*;
use crate::config;
use proptest::prelude::*;
use serde_json::json;
use std::path::PathBuf;

const SECRETS: &str = "/etc/holdfast/secrets";

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/backrest").join(name)
}

fn translated(json: &[u8]) -> Translation {
    translate(json, Path::new(SECRETS)).unwrap()
}

/// The fixture with this file name.
fn of_file(name: &str) -> Translation {
    translated(&std::fs::read(fixture(name)).unwrap())
}

fn of(value: &Value) -> Translation {
    translated(value.to_string().as_bytes())
}

fn written(report: &Report) -> String {
    let line = |remark: &Remark| {
        let part = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
        let (from, to, why) = (part(&remark.from), part(&remark.to), part(&remark.why));
        format!("{} {}\n  from {from}\n  to   {to}\n  why  {why}\n", remark.kind, remark.what)
    };
    report.0.iter().map(line).collect()
}

/// Compares with a file that is kept; `HOLDFAST_WRITE_GOLDEN=1` writes it anew.
fn golden(name: &str, text: &str) {
    let path = fixture(name);
    if std::env::var_os("HOLDFAST_WRITE_GOLDEN").is_some() {
        std::fs::write(&path, text).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap();
    assert_eq!(text, kept, "{name} differs; HOLDFAST_WRITE_GOLDEN=1 writes it anew");
}

fn remark<'a>(made: &'a Translation, what: &str) -> &'a Remark {
    let found = made.report.0.iter().find(|remark| remark.what == what);
    found.unwrap_or_else(|| panic!("nothing of {what} in\n{}", written(&made.report)))
}

/// Before the rounds with the parser: what it takes today is another matter.
#[test]
fn a_whole_installation_is_translated_as_kept() {
    let json = std::fs::read(fixture("full.json")).unwrap();
    let (document, _, draft) = read(&json, Path::new(SECRETS)).unwrap();
    golden("full.toml", &document.text());
    golden("full.report", &written(&draft.report));
}

#[test]
fn what_is_written_is_valid_and_means_what_it_meant() {
    let made = of_file("full.json");
    let config = config::parse(&made.text).unwrap();
    assert_eq!(
        (config.instance.as_str(), &config.formerly[..]),
        ("myhost", &["MyHost".to_owned()][..])
    );
    let repos: Vec<_> =
        config.repos.iter().map(|repo| (repo.id.as_str(), repo.auto_init, repo.shared)).collect();
    assert_eq!(
        repos,
        [("cloud", false, true), ("usb-disk", true, false), ("from-nas", false, false)]
    );
    let env: Vec<_> = config.repos[0]
        .env
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_written()))
        .collect();
    assert_eq!(
        env,
        [("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE"), ("AWS_SECRET_ACCESS_KEY", "${S3_SECRET}")]
    );
    let plans: Vec<_> =
        config.plans.iter().map(|plan| (plan.id.as_str(), plan.repo.as_str())).collect();
    assert_eq!(plans, [("home", "cloud"), ("My-Photos", "usb-disk"), ("archive", "cloud")]);
    let home = &config.plans[0];
    assert_eq!(home.exclude, ["*.cache", "a b"]);
    assert_eq!(home.iexclude, ["*.TMP"]);
    assert!(home.one_file_system);
}

#[test]
fn secrets_are_in_files_alone() {
    let made = of_file("full.json");
    let report = written(&made.report);
    let secrets = [
        "correct horse",
        "shared pw",
        "secret-token",
        "gotify-secret",
        "telegram-secret",
        "ping-secret",
        "pairing-secret",
        "c2VjcmV0",
        "AKIAEXAMPLE",
        "member:pw",
    ];
    for secret in secrets {
        assert!(!report.contains(secret), "{secret} in {report}");
        let may_be_in_text = ["AKIAEXAMPLE", "member:pw"].contains(&secret);
        assert!(may_be_in_text || !made.text.contains(secret), "{secret} in {}", made.text);
    }
    let password =
        made.secrets.iter().find(|file| file.path.ends_with("repo-cloud.password")).unwrap();
    assert_eq!(*password.content, "correct horse ${battery} staple");
    assert!(made.secrets.iter().all(|file| made.text.contains(file.path.to_str().unwrap())));
}

#[test]
fn every_setting_has_a_remark() {
    let made = of_file("full.json");
    let json: Value =
        serde_json::from_slice(&std::fs::read(fixture("full.json")).unwrap()).unwrap();
    for list in ["repos", "plans"] {
        for (n, object) in json[list].as_array().unwrap().iter().enumerate() {
            let whole = format!("{list}[{n}]");
            if made.report.0.iter().any(|remark| remark.what == whole) {
                assert_eq!(object["id"], "_system_", "told as a whole");
                continue;
            }
            for key in object.as_object().unwrap().keys() {
                let at = format!("{list}[{n}].{key}");
                let is_told = made.report.0.iter().any(|remark| remark.what.starts_with(&at));
                assert!(is_told, "{at} in\n{}", written(&made.report));
            }
        }
    }
    assert_eq!(remark(&made, "futureThing").kind, Fate::LeftOut);
    assert!(remark(&made, "sync.knownHosts[0]").why.as_ref().unwrap().contains(
        "holdfast join TOKEN --url https://nas.example --allow 'read-operations=repo:cloud,plan:home'"
    ));
    let client = remark(&made, "sync.authorizedClients[0]").why.as_ref().unwrap();
    assert!(client.contains("--label laptop --grant 'receive-shared-repos=*'"), "{client}");
    assert!(
        remark(&made, "auth.users[0]").why.as_ref().unwrap().contains("holdfast user add admin")
    );
}

#[test]
fn an_older_file_with_numbers_and_the_other_spelling_says_the_same() {
    let made = of_file("numbers.json");
    let config = config::parse(&made.text).unwrap();
    assert!(config.formerly.is_empty());
    assert!(config.plans[0].one_file_system);
    let utc = r#"schedule = { cron = "0 2 * * *", time-zone = "UTC" }"#;
    assert!(made.text.lines().any(|line| line == utc), "{}", made.text);
    let json = std::fs::read(fixture("numbers.json")).unwrap();
    let (document, ..) = read(&json, Path::new(SECRETS)).unwrap();
    let text = document.text();
    for line in [
        utc,
        "retention = { last = 7 }",
        r#"prune = { schedule = { every = "7d" }, max-unused = "10%" }"#,
        r#"limits = { io = "idle", nice = 10 }"#,
        r#"on = ["any-failure"]"#,
    ] {
        assert!(text.lines().any(|found| found == line), "{line} in\n{text}");
    }
    let unknown =
        made.report.0.iter().find(|remark| remark.from.as_deref() == Some("999")).unwrap();
    assert_eq!(unknown.what, "plans[0].hooks[0].conditions");
    for version in 2..=6 {
        let made = of(&json!({ "version": version, "instance": "nas" }));
        assert!(made.report.0.iter().all(|remark| remark.what != "version"));
    }
    assert_eq!(
        remark(&of(&json!({ "version": 7, "instance": "nas" })), "version").kind,
        Fate::Changed
    );
}

#[test]
fn a_password_is_found_wherever_restic_would_have_had_it() {
    let with = |more: Value| {
        let mut repo = json!({ "id": "r", "uri": "/r" });
        repo.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        of(&json!({ "instance": "nas", "repos": [repo] }))
    };
    for (repo, line) in [
        (json!({ "password": "pw" }), "password-file = \"/etc/holdfast/secrets/repo-r.password\""),
        (json!({ "flags": ["--password-file /p"] }), "password-file = \"/p\""),
        (
            json!({ "flags": ["--password-command='pass show r'"] }),
            "password-command = \"pass show r\"",
        ),
        (json!({ "env": ["RESTIC_PASSWORD_COMMAND=pass r"] }), "password-command = \"pass r\""),
        (json!({ "env": ["RESTIC_PASSWORD=${PW}"] }), "password = \"${PW}\""),
        (
            json!({ "env": ["RESTIC_PASSWORD=pw"] }),
            "password-file = \"/etc/holdfast/secrets/repo-r.password\"",
        ),
    ] {
        let made = with(repo);
        assert!(made.text.lines().any(|l| l == line), "{line} in\n{}", made.text);
        assert_eq!(config::parse(&made.text).unwrap().repos.len(), 1);
    }
    let none = with(json!({}));
    assert!(config::parse(&none.text).unwrap().repos.is_empty(), "{}", none.text);
    assert_eq!(remark(&none, "repos[0].id").kind, Fate::LeftOut);
    assert!(none.secrets.is_empty());
}

#[test]
fn what_the_config_does_not_take_is_a_comment_and_its_secrets_are_not_written() {
    let made = of(&json!({ "instance": "nas", "repos": [
        { "id": "windows", "uri": "C:\\backups", "password": "pw" },
        { "id": "good", "uri": "/srv", "password": "other" },
    ], "plans": [{ "id": "p", "repo": "good", "paths": ["relative"] }] }));
    let config = config::parse(&made.text).unwrap();
    assert_eq!((config.repos.len(), config.plans.len()), (1, 0), "{}", made.text);
    assert!(made.text.contains("# id = \"windows\""), "{}", made.text);
    assert_eq!(made.secrets.len(), 1);
    let plan = remark(&made, "plans[0].paths");
    assert_eq!(plan.kind, Fate::LeftOut);
}

#[test]
fn a_relative_path_is_left_out_alone_and_what_cannot_do_without_says_why() {
    let made = of(&json!({ "instance": "nas", "repos": [
        { "id": "good", "uri": "/srv", "password": "other" },
        { "id": "near", "uri": "backups/near", "password": "pw" },
    ], "plans": [
        { "id": "p", "repo": "good", "paths": ["/home", "Music"] },
        { "id": "q", "repo": "good", "paths": ["Music"], "excludes": ["*.tmp"] },
    ] }));
    let config = config::parse(&made.text).unwrap();
    assert_eq!(config.plans.len(), 1, "{}", made.text);
    assert_eq!(config.plans[0].paths, ["/home"]);
    let left_out = remark(&made, "plans[0].paths[1]");
    assert_eq!((left_out.kind, left_out.from.as_deref()), (Fate::LeftOut, Some("Music")));
    assert_eq!(remark(&made, "plans[0].paths").kind, Fate::Translated);
    for (what, said) in [
        ("plans[1].id", "absolute path"),
        ("plans[1].paths", "absolute path"),
        ("plans[1].excludes", "absolute path"),
        ("repos[1].id", "uri: "),
        ("repos[1].uri", "uri: "),
    ] {
        let why = remark(&made, what).why.clone().unwrap_or_default();
        assert!(why.contains(said), "{what}: {why}");
    }
    assert!(!written(&made.report).contains("is missing"), "{}", written(&made.report));
}

#[test]
fn an_instance_without_a_name_gets_that_of_the_machine() {
    let made = of(&json!({ "repos": [], "plans": [], "auth": { "disabled": true } }));
    assert!(config::parse(&made.text).unwrap().formerly.is_empty());
    assert_eq!(remark(&made, "instance").kind, Fate::Changed);
    assert_eq!(made.names.formerly, None);
}

#[test]
fn what_is_no_config_of_it_is_refused_with_the_place() {
    let refused = |text: &[u8]| translate(text, Path::new(SECRETS)).unwrap_err().to_string();
    assert!(refused(b"{").contains("not JSON"));
    assert!(refused(b"[1]").contains("not Backrest's config.json"));
    assert!(refused(b"{\"name\": 1}").contains("not Backrest's config.json"));
    assert!(refused(&vec![b' '; MAX_FILE + 1]).contains("more than"));
    let wrong = json!({ "instance": "nas", "repos": [{ "id": 7, "password": 1234567 }],
        "plans": [{ "id": "p", "schedule": { "maxFrequencyDays": "often" }, "paths": "/" }] });
    let said = refused(wrong.to_string().as_bytes());
    for expected in [
        "repos[0].id: 7 is not a string",
        "plans[0].schedule.maxFrequencyDays: \"often\" is not a whole number",
        "plans[0].paths: \"/\" is not a list",
    ] {
        assert!(said.contains(expected), "{said}");
    }
    assert!(!said.contains("1234567"), "{said}");
}

/// Any JSON, with the names that are known among others.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "\\PC{0,12}|CLOCK_UTC|[0-9]{1,3}|A=b|--exclude|\\$\\{x|#|\n\"\"\"|'''"
            .prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 60, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::hash_map("[a-z]{1,5}|id|uri|password|env|flags|schedule|cron|clock|retention|hooks|conditions|paths|repo", inner, 0..5)
                .prop_map(|map| Value::from(map.into_iter().collect::<serde_json::Map<_, _>>())),
        ]
    })
}

/// Settings of the right types with any texts in them.
fn any_settings() -> impl Strategy<Value = Value> {
    let text = || "\\PC{0,20}|[a-z]{1,4}|/[a-z]{1,4}|a\"\"\"b\n\\\\|'''|\\$\\{|a\u{7}b";
    let repo = (text(), text(), text(), prop::collection::vec(text(), 0..3), any::<i64>());
    let repo = repo.prop_map(|(id, uri, password, texts, number)| {
        json!({ "id": id, "uri": uri, "password": password, "env": texts, "flags": texts,
            "prunePolicy": { "schedule": { "maxFrequencyDays": number }, "maxUnusedBytes": number } })
    });
    let plan = (text(), text(), prop::collection::vec(text(), 0..3), text(), any::<i32>());
    let plan = plan.prop_map(|(id, repo, texts, cron, number)| {
        json!({ "id": id, "repo": repo, "paths": texts, "excludes": texts, "backup_flags": texts,
            "schedule": { "cron": cron, "clock": number }, "retention": { "policyKeepLastN": number },
            "hooks": [{ "conditions": [1, 2], "onError": 1, "actionCommand": { "command": cron } },
                      { "conditions": [3], "actionGotify": { "baseUrl": cron, "token": id, "priority": number, "template": cron } }] })
    });
    (text(), prop::collection::vec(repo, 0..3), prop::collection::vec(plan, 0..3))
        .prop_map(|(instance, repos, plans)| json!({ "instance": instance, "repos": repos, "plans": plans, "auth": { "disabled": true } }))
}

proptest! {
    #[test]
    fn any_json_is_translated_or_refused(value in any_json()) {
        for value in [value.clone(), json!({ "instance": "nas", "repos": value, "plans": value }), json!({ "instance": "nas", "repos": [value], "plans": [value], "sync": value })] {
            if let Ok(made) = translate(value.to_string().as_bytes(), Path::new(SECRETS)) {
                prop_assert!(config::parse(&made.text).is_ok());
            }
        }
    }

    #[test]
    fn settings_with_any_texts_make_a_valid_config(value in any_settings()) {
        let made = translate(value.to_string().as_bytes(), Path::new(SECRETS));
        let made = made.map_err(|error| TestCaseError::fail(error.to_string()))?;
        prop_assert!(config::parse(&made.text).is_ok());
    }
}
