//! The story of an editor: what it asks before anything is saved, and what it writes, through the
//! socket of the real daemon with the real restic.
#![allow(clippy::unwrap_used)]

mod machine;

use holdfast::api::draft_service_client::DraftServiceClient;
use holdfast::api::plan_service_client::PlanServiceClient;
use holdfast::api::repo_service_client::RepoServiceClient;
use holdfast::api::settings_service_client::SettingsServiceClient;
use holdfast::api::{self, Error};
use holdfast::net::local;
use machine::Machine;
use std::collections::BTreeMap;
use std::fs;
use std::io::{Read as _, Write as _};
use tonic::Status;
use tonic::transport::Channel;

/// Secrets of the config below: no answer may have one of them.
const SECRETS: [&str; 5] = ["hunter2-inline", "tk-ntfy-9", "aws-key-77", "uri-pass-5", "horse"];

/// A machine with a commented config, a repo, a plan with a backup, and channels.
fn machine() -> Machine {
    let mut machine = Machine::start("nas");
    let at = |name: &str| machine.folder().join(name).to_str().unwrap().to_owned();
    fs::create_dir(at("home")).unwrap();
    fs::write(at("home/letter.txt"), "dear reader").unwrap();
    fs::write(at("pass"), "correct horse\n").unwrap();
    let config = format!(
        r#"instance = "nas" # of the cellar
listen = ["127.0.0.1:{port}"]
urls = ["http://127.0.0.1:{port}"]

# Where everything goes.
[[repo]]
id = "vault" # never rename
uri = "{vault}"
password-file = "{pass}"
place = "off-site"

[[repo]]
id = "away"
uri = "rest:https://nas:uri-pass-5@127.0.0.1:1/nas"
password = "hunter2-inline"
env = {{ AWS_ACCESS_KEY_ID = "${{HOME}}", AWS_SECRET_ACCESS_KEY = "aws-key-77" }}

# The family.
[[plan]]
id = "home" # all of it
repo = "vault"
paths = ["{home}"]
hook = [{{ on = ["backup-failed"], channel = "phone" }}] # wakes me

[[channel]]
id = "phone" # in the pocket
ntfy = {{ url = "https://ntfy.example/backups", token = "tk-ntfy-9", priority = 4 }}
"#,
        port = machine.port,
        vault = at("vault"),
        pass = at("pass"),
        home = at("home"),
    );
    machine.write_config(&config);
    machine.restart();
    machine
}

/// The services of a machine.
struct Api {
    drafts: DraftServiceClient<Channel>,
    settings: SettingsServiceClient<Channel>,
    plans: PlanServiceClient<Channel>,
    repos: RepoServiceClient<Channel>,
}

impl Api {
    async fn of(machine: &Machine) -> Self {
        let runtime_dir = std::env::var_os("XDG_RUNTIME_DIR").map(Into::into);
        let runtime_dir: Option<std::path::PathBuf> = runtime_dir;
        let socket = local::socket_path(&machine.data(), runtime_dir.as_deref()).unwrap();
        let channel = local::connect(&socket).await.unwrap();
        Self {
            drafts: DraftServiceClient::new(channel.clone()),
            settings: SettingsServiceClient::new(channel.clone()),
            plans: PlanServiceClient::new(channel.clone()),
            repos: RepoServiceClient::new(channel),
        }
    }

    async fn written_plan(&mut self, plan: &str) -> api::Written {
        let request = api::WrittenRequest { plan: Some(plan.to_owned()), repo: None };
        without_secrets(self.drafts.written(request).await.unwrap().into_inner())
    }

    async fn written_repo(&mut self, repo: &str) -> api::Written {
        let request = api::WrittenRequest { repo: Some(repo.to_owned()), plan: None };
        without_secrets(self.drafts.written(request).await.unwrap().into_inner())
    }

    async fn settings(&mut self) -> api::Settings {
        let settings = self.settings.get(api::GetSettingsRequest {}).await.unwrap().into_inner();
        without_secrets(settings)
    }
}

/// The answer, which is searched for every secret of the config.
#[track_caller]
fn without_secrets<T: serde::Serialize>(answer: T) -> T {
    let text = serde_json::to_string(&answer).unwrap();
    for secret in SECRETS {
        assert!(!text.contains(secret), "{secret} is in {text}");
    }
    answer
}

#[track_caller]
fn code<T>(refused: Result<T, Status>) -> String {
    let Err(status) = refused else { panic!("was not refused") };
    for secret in SECRETS {
        assert!(!status.message().contains(secret), "{secret} is in {status}");
    }
    Error::of_status(&status).code
}

fn fields(problems: &[api::FieldProblem]) -> Vec<&str> {
    problems.iter().map(|problem| problem.field.as_str()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_is_checked_as_the_file_would_be_and_nothing_is_written() {
    let nas = machine();
    let before = fs::read_to_string(nas.config()).unwrap();
    let mut api = Api::of(&nas).await;
    let form = |plan: &str| api::AddPlanRequest {
        plan: plan.to_owned(),
        repo: "vault".to_owned(),
        paths: vec!["/srv".to_owned()],
        schedule: Some("cron: 0 1 * * *".to_owned()),
        time_zone: Some("Europe/Berlin".to_owned()),
        ..api::AddPlanRequest::default()
    };
    let mut check = async |plan, existing| {
        let request = api::CheckPlanRequest { plan: Some(plan), existing };
        without_secrets(api.drafts.check_plan(request).await.unwrap().into_inner())
    };
    let good = check(form("srv"), false).await;
    assert_eq!(good.problems, []);
    assert!(good.toml.starts_with("[[plan]]\n"), "{}", good.toml);
    assert!(
        good.toml.contains(r#"schedule = { cron = "0 1 * * *", time-zone = "Europe/Berlin" }"#),
        "{}",
        good.toml
    );
    let taken = check(form("home"), false).await;
    assert_eq!(fields(&taken.problems), ["id"]);
    let bad = check(
        api::AddPlanRequest {
            repo: "nowhere".to_owned(),
            schedule: Some("cron: 99 * * * *".to_owned()),
            host: Some("two words".to_owned()),
            max_age_s: Some(1),
            exclude_file: vec!["relative".to_owned()],
            retry: Some(api::Retry { attempts: 99, wait_s: 1 }),
            ..form("srv")
        },
        false,
    )
    .await;
    let found = fields(&bad.problems);
    for field in ["repo", "schedule", "host", "max-age", "exclude-file", "retry.attempts"] {
        assert!(found.contains(&field), "{field}: {:?}", bad.problems);
    }
    let same = check(api::AddPlanRequest { revision: Some("0".to_owned()), ..form("home") }, true);
    assert_eq!(fields(&same.await.problems), [""], "what it was based on is over");
    assert_eq!(fs::read_to_string(nas.config()).unwrap(), before, "a check writes nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_written_reads_back_and_an_edit_of_an_older_state_is_a_conflict() {
    let nas = machine();
    let mut api = Api::of(&nas).await;
    let first = api.written_plan("home").await;
    assert_eq!(first.plan.as_ref().unwrap().paths.len(), 1);
    assert!(first.toml.contains("channel = \"phone\""), "{}", first.toml);
    let request = api::EditPlanRequest {
        plan: "home".to_owned(),
        only_when: Some(api::OnlyWhen {
            ac_power: true,
            window: Some("22:00-06:00".to_owned()),
            load_below: Some("1.5".to_owned()),
            force_after_s: Some(259_200),
            ..api::OnlyWhen::default()
        }),
        retry: Some(api::Retry { attempts: 5, wait_s: 600 }),
        tuning: BTreeMap::from([("upload".to_owned(), "5MiB".to_owned())]),
        revision: Some(first.revision.clone()),
        ..api::EditPlanRequest::default()
    };
    api.plans.edit(request.clone()).await.unwrap();
    let text = fs::read_to_string(nas.config()).unwrap();
    assert!(
        text.contains(
            "only-when = { ac-power = true, window = \"22:00-06:00\", load-below = 1.5, \
             force-after = \"3d\" }"
        ),
        "{text}"
    );
    for comment in ["# never rename", "# The family.", "# all of it", "# wakes me"] {
        assert!(text.contains(comment), "{comment}: {text}");
    }
    let second = api.written_plan("home").await;
    assert_ne!(second.revision, first.revision);
    let form = second.plan.clone().unwrap();
    assert_eq!(form.only_when.as_ref().unwrap().load_below.as_deref(), Some("1.50"));
    assert_eq!(form.tuning["upload"], "5MiB");
    assert_eq!(code(api.plans.edit(request.clone()).await), "conflict");
    assert_eq!(fs::read_to_string(nas.config()).unwrap(), text, "a conflict writes nothing");
    // The form as it was read says the plan as it is.
    let check = api::CheckPlanRequest { plan: Some(form), existing: true };
    let checked = api.drafts.check_plan(check).await.unwrap().into_inner();
    assert_eq!((checked.problems, checked.toml), (vec![], second.toml));
    a_repo_that_is_gone_is_a_problem_where_it_is_chosen(&nas, &mut api).await;
    // Changed by hand, and perhaps not noticed yet.
    fs::write(nas.config(), text.replace("window = \"22:00-06:00\"", "network = true")).unwrap();
    let late = api::EditPlanRequest { revision: Some(second.revision), ..request };
    assert_eq!(code(api.plans.edit(late).await), "conflict");
}

/// Leaves the file as it was.
async fn a_repo_that_is_gone_is_a_problem_where_it_is_chosen(nas: &Machine, api: &mut Api) {
    let text = fs::read_to_string(nas.config()).unwrap();
    fs::write(nas.config(), text.replace("repo = \"vault\"", "repo = \"gone\"")).unwrap();
    nas.until(&["plan", "list"], |plans| plans[0]["repo"] == "gone");
    let form = api.written_plan("home").await.plan.unwrap();
    for (repo, wanted) in [("gone", &[][..]), ("also-gone", &["repo"])] {
        let plan = Some(api::AddPlanRequest { repo: repo.to_owned(), ..form.clone() });
        let check = api::CheckPlanRequest { plan, existing: true };
        let checked = api.drafts.check_plan(check).await.unwrap().into_inner();
        assert_eq!(fields(&checked.problems), wanted, "{repo}");
    }
    fs::write(nas.config(), text).unwrap();
    nas.until(&["plan", "list"], |plans| plans[0]["repo"] == "vault");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repo_is_tested_and_edited_without_its_secrets_leaving() {
    let nas = machine();
    let mut api = Api::of(&nas).await;
    let away = api.written_repo("away").await;
    let form = away.repo.as_ref().unwrap();
    assert_eq!(form.uri, "rest:https://***@127.0.0.1:1/nas");
    assert_eq!(form.env, BTreeMap::from([("AWS_ACCESS_KEY_ID".to_owned(), "${HOME}".to_owned())]));
    assert_eq!(away.secrets_set, ["uri", "password", "env.AWS_SECRET_ACCESS_KEY"]);
    let request = |repo: &str, existing| {
        let form = api::AddRepoRequest { repo: repo.to_owned(), ..form_of(&away) };
        api::CheckRepoRequest { repo: Some(form), existing, env_removed: vec![] }
    };
    let checked = api.drafts.check_repo(request("away", true)).await.unwrap().into_inner();
    assert_eq!(without_secrets(checked).problems, []);
    let test = api.drafts.test_repo(request("away", true)).await.unwrap().into_inner();
    assert!(!without_secrets(&test).ok && test.state != "ready", "{}", test.state);
    // The credentials that are not shown are still there after the form was sent back.
    let edit = api::EditRepoRequest {
        repo: "away".to_owned(),
        uri: Some(form.uri.clone()),
        kind: Some("cloud".to_owned()),
        revision: Some(away.revision.clone()),
        ..api::EditRepoRequest::default()
    };
    let edited = api.repos.edit(edit.clone()).await.unwrap().into_inner();
    assert_eq!(edited.kind.as_deref(), Some("cloud"));
    let text = fs::read_to_string(nas.config()).unwrap();
    assert!(text.contains("nas:uri-pass-5@127.0.0.1") && text.contains("kind = \"cloud\""));
    assert_eq!(code(api.repos.edit(edit).await), "conflict");
    // Another place is looked at before it is saved.
    let moved = |no_test| api::EditRepoRequest {
        repo: "away".to_owned(),
        uri: Some("rest:http://127.0.0.1:1/elsewhere".to_owned()),
        no_test,
        ..api::EditRepoRequest::default()
    };
    let refused = code(api.repos.edit(moved(false)).await);
    assert_ne!(refused, "conflict");
    assert_eq!(api.written_repo("away").await.repo.unwrap().uri, form.uri);
    api.repos.edit(moved(true)).await.unwrap();

    let vault = api.written_repo("vault").await;
    assert_eq!(vault.repo.as_ref().unwrap().place.as_deref(), Some("off-site"));
    let form = form_of(&vault);
    let test = api::CheckRepoRequest { repo: Some(form.clone()), ..Default::default() };
    let test = api.drafts.test_repo(test).await.unwrap().into_inner();
    assert_eq!((test.ok, test.state.as_str()), (true, "uninitialised"));
    nas.ask(&["plan", "backup", "home"]);
    let test = api::CheckRepoRequest { repo: Some(form), existing: true, env_removed: vec![] };
    let test = api.drafts.test_repo(test).await.unwrap().into_inner();
    assert_eq!((test.ok, test.state.as_str(), test.guid.is_some()), (true, "ready", true));
}

fn form_of(written: &api::Written) -> api::AddRepoRequest {
    written.repo.clone().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn schedule_retention_grants_and_folders_are_previewed() {
    let nas = machine();
    let mut api = Api::of(&nas).await;
    let request = api::ScheduleRequest {
        schedule: "cron: 0 1 * * *".to_owned(),
        time_zone: Some("Europe/Berlin".to_owned()),
        ..api::ScheduleRequest::default()
    };
    let said = api.drafts.schedule(request).await.unwrap().into_inner();
    assert_eq!(said.words, "Every day at 01:00, Berlin time");
    assert_eq!((said.next_runs.len(), said.longest_gap_s), (5, Some(86_400)));
    let bad = api::ScheduleRequest { schedule: "hourly".to_owned(), ..Default::default() };
    let bad = api.drafts.schedule(bad).await.unwrap().into_inner();
    assert_eq!(fields(&bad.problems), ["schedule"]);

    for _ in 0..2 {
        nas.ask(&["plan", "backup", "home"]);
    }
    let mut keeps = async |retention: &str| {
        let request = api::RetentionRequest {
            plan: Some("home".to_owned()),
            repo: None,
            retention: retention.to_owned(),
        };
        let preview = api.drafts.retention(request).await.unwrap().into_inner();
        assert_eq!(preview.snapshots.len(), (preview.kept + preview.forgotten) as usize);
        (preview.kept, preview.forgotten, preview.problems.len())
    };
    assert_eq!(keeps("last=1").await, (1, 1, 0));
    assert_eq!(keeps("keep-all").await, (2, 0, 0));
    assert_eq!(keeps("none").await, (2, 0, 0));
    assert_eq!(keeps("daily=0").await, (0, 0, 1));

    let grant = |permission: &str, scopes: &[&str]| api::Grant {
        permission: permission.to_owned(),
        scopes: scopes.iter().map(ToString::to_string).collect(),
    };
    let request = api::VisibleRequest {
        grants: vec![
            grant("read-operations", &["*", "!repo:away"]),
            grant("run-operations", &["plan:home"]),
        ],
        peer: None,
    };
    let seen = api.drafts.visible(request).await.unwrap().into_inner();
    assert_eq!(seen.plans[0].permissions, ["read-operations", "run-operations"]);
    let away = seen.repos.iter().find(|repo| repo.id == "away").unwrap();
    assert!(away.permissions.is_empty());
    assert!(seen.text.contains("read-operations=*,!repo:away"), "{}", seen.text);
    let wrong = api::VisibleRequest { grants: vec![grant("read-all", &["*"])], peer: None };
    let wrong = api.drafts.visible(wrong).await.unwrap().into_inner();
    assert_eq!(fields(&wrong.problems), ["grants"]);

    let path = nas.folder().canonicalize().unwrap().to_str().unwrap().to_owned();
    let request = api::FolderRequest { path: path.clone(), ..Default::default() };
    let folder = api.drafts.folder(request).await.unwrap().into_inner();
    assert!(folder.entries.iter().any(|entry| entry.name == "home" && entry.r#type == "dir"));
    let up = api::FolderRequest { path: format!("{path}/../.."), ..Default::default() };
    assert_eq!(code(api.drafts.folder(up).await), "invalid");
}

/// What a plan would save, as it was told last.
async fn measured(api: &mut Api, plan: api::AddPlanRequest) -> api::Measured {
    let request = api::MeasureRequest { plan: Some(plan) };
    let mut told = api.drafts.measure(request).await.unwrap().into_inner();
    let mut last = api::Measured::default();
    while let Some(next) = told.message().await.unwrap() {
        assert!(!last.done, "nothing follows the end");
        last = next;
    }
    assert!(last.done && !last.cut, "{last:?}");
    last
}

/// Files of 1, 2, 4 … bytes, so that a sum says which they are.
fn grow(root: &std::path::Path, names: &[&str]) {
    for (i, name) in names.iter().enumerate() {
        let file = root.join(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, vec![b'x'; 1 << i]).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_plan_would_save_is_what_restic_saves() {
    let nas = machine();
    let mut api = Api::of(&nas).await;
    let root = nas.folder().join("measured");
    grow(
        &root,
        &[
            "a.txt",
            "b.TXT",
            "c.tmp",
            "cash$/d.txt",
            "[odd]/e.txt",
            "cache/f.txt",
            "cache/deep/g.txt",
            "tagged/CACHEDIR.TAG",
            "tagged/h.txt",
            "marked/.nobackup",
            "marked/i.txt",
            "marked/deep/.nobackup",
        ],
    );
    fs::write(root.join("tagged/CACHEDIR.TAG"), "Signature: 8a477f597d28d172789f06886806bc55")
        .unwrap();
    std::os::unix::fs::symlink("a.txt", root.join("link")).unwrap();
    let root = root.to_str().unwrap();
    let at = |name: &str| format!("{root}/{name}");
    fs::write(nas.folder().join("patterns"), "# all of\n*.tmp\n").unwrap();
    let patterns = nas.folder().join("patterns").to_str().unwrap().to_owned();
    let named = |all: &[&str]| all.iter().map(|&text| text.to_owned()).collect::<Vec<_>>();
    type Form = api::AddPlanRequest;
    let cases = [
        Form::default(),
        Form { exclude: named(&["*.txt"]), ..Form::default() },
        Form { iexclude: named(&["*.txt"]), ..Form::default() },
        Form { exclude: named(&["*.txt", "!cash$/d.txt", "!cache/f.txt"]), ..Form::default() },
        Form { exclude: named(&["cache", "!cache/f.txt"]), ..Form::default() },
        Form { exclude: named(&["cache/**/g.*", "**/h.txt"]), ..Form::default() },
        Form { exclude: vec![at("cash$"), at(r"\[odd]")], ..Form::default() },
        Form { exclude: named(&["[a-b].*", "measured/c*"]), ..Form::default() },
        Form { exclude_caches: true, ..Form::default() },
        Form { exclude_if_present: named(&[".nobackup"]), ..Form::default() },
        Form { exclude_larger_than: Some(16), ..Form::default() },
        Form { exclude_file: vec![patterns], one_file_system: true, ..Form::default() },
        Form { paths: vec![at("cache"), at("cache/deep"), at("a.txt")], ..Form::default() },
        Form { paths: vec![at("link"), at("cache/../a.txt")], ..Form::default() },
        Form { paths: vec![at("tagged/h.txt")], exclude_caches: true, ..Form::default() },
        Form {
            paths: vec![root.to_owned(), at("cache/deep")],
            exclude: named(&["cache", "!cache/deep"]),
            ..Form::default()
        },
    ];
    for (number, form) in cases.into_iter().enumerate() {
        let paths = if form.paths.is_empty() { vec![root.to_owned()] } else { form.paths.clone() };
        let (plan, repo) = (format!("case-{number}"), "vault".to_owned());
        let form = Form { plan: plan.clone(), repo, paths, ..form };
        let told = measured(&mut api, form.clone()).await;
        api.plans.add(form.clone()).await.unwrap();
        let stats = nas.ask(&["plan", "backup", &plan])["stats"].clone();
        let saved = told.saved.unwrap();
        let number = |name: &str| stats[name].as_u64().unwrap();
        let files = number("files_new") + number("files_changed") + number("files_unmodified");
        let restic = (files, number("bytes_processed"));
        assert_eq!((saved.files, saved.bytes), restic, "{form:?} {told:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_exclusion_says_what_it_leaves_out() {
    let nas = machine();
    let mut api = Api::of(&nas).await;
    let root = nas.folder().join("measured");
    grow(&root, &["a.txt", "b.txt", "cache/c.txt", "cache/d.iso"]);
    let form = api::AddPlanRequest {
        paths: vec![root.to_str().unwrap().to_owned()],
        exclude: vec!["cache".to_owned(), "*.iso".to_owned()],
        iexclude: vec!["B.*".to_owned()],
        ..api::AddPlanRequest::default()
    };
    let told = measured(&mut api, form).await;
    let amount = |files, bytes| Some(api::Amount { files, bytes });
    assert_eq!((told.saved, told.left_out), (amount(1, 1), amount(3, 2 + 4 + 8)));
    let [cache, iso, b] = &told.patterns[..] else { panic!("{told:?}") };
    assert_eq!((cache.matches, cache.amount), (1, amount(2, 4 + 8)));
    assert_eq!(cache.example.as_deref(), Some(root.join("cache").to_str().unwrap()));
    // What another one leaves out already is not left out once more.
    assert_eq!((iso.matches, iso.amount, &iso.example), (0, amount(0, 0), &None));
    assert_eq!((b.matches, b.any_case, b.amount), (1, true, amount(1, 2)));

    let refused = api.drafts.measure(api::MeasureRequest::default()).await;
    assert_eq!(code(refused), "invalid");
    let paths = vec![root.to_str().unwrap().to_owned()];
    let bad = api::AddPlanRequest {
        paths: paths.clone(),
        exclude: vec!["[".to_owned()],
        ..api::AddPlanRequest::default()
    };
    let refused = api.drafts.measure(api::MeasureRequest { plan: Some(bad) }).await.unwrap_err();
    assert!(refused.message().starts_with("exclude: \"[\": "), "{refused}");
    // What a file says is told to nobody: it may be one with secrets.
    let secrets = nas.folder().join("pass").to_str().unwrap().to_owned();
    let form =
        api::AddPlanRequest { paths, exclude_file: vec![secrets.clone()], ..Default::default() };
    let told = without_secrets(measured(&mut api, form).await);
    assert_eq!(told.patterns[0].pattern, format!("{secrets}:1"));
    let gone = api::AddPlanRequest {
        paths: vec!["/nowhere/at/all".to_owned()],
        ..api::AddPlanRequest::default()
    };
    let told = measured(&mut api, gone).await;
    assert_eq!((told.saved, told.unreadable), (amount(0, 0), 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_are_edited_with_comments_and_secrets_kept() {
    let nas = machine();
    let mut api = Api::of(&nas).await;
    let settings = api.settings().await;
    assert_eq!((settings.instance.as_str(), settings.beyond_loopback), ("nas", false));
    assert_eq!(settings.notes, Vec::<String>::new());
    let phone = &settings.channels[0];
    // An address of ntfy is its password, and the token is one.
    assert_eq!(phone.secrets_set, ["url", "token"]);
    assert_eq!(phone.fields, BTreeMap::from([("priority".to_owned(), "4".to_owned())]));
    assert_eq!(
        (settings.hooks[0].place.as_str(), settings.hooks[0].channel.as_deref()),
        ("plan:home", Some("phone"))
    );

    let put = api::PutChannelRequest {
        id: "phone".to_owned(),
        action: "ntfy".to_owned(),
        fields: BTreeMap::from([
            ("priority".to_owned(), "5".to_owned()),
            ("tags".to_owned(), "disk\nnight".to_owned()),
            ("remind".to_owned(), "1d".to_owned()),
        ]),
    };
    without_secrets(api.settings.put_channel(put).await.unwrap().into_inner());
    let text = fs::read_to_string(nas.config()).unwrap();
    assert!(text.contains("token = \"tk-ntfy-9\"") && text.contains("# in the pocket"), "{text}");
    assert!(text.contains("tags = [\"disk\", \"night\"]") && text.contains("remind = \"1d\""));

    let wrong = api::PutChannelRequest {
        id: "mail".to_owned(),
        action: "gotify".to_owned(),
        fields: BTreeMap::from([("url".to_owned(), "https://g.example".to_owned())]),
    };
    assert_eq!(code(api.settings.put_channel(wrong).await), "invalid", "it lacks a token");
    let command = api::PutChannelRequest {
        id: "script".to_owned(),
        action: "command".to_owned(),
        fields: BTreeMap::from([("script".to_owned(), "true".to_owned())]),
    };
    assert_eq!(code(api.settings.put_channel(command).await), "by-hand");

    let hook = api::PutHookRequest {
        on: vec!["stale".to_owned()],
        channel: "phone".to_owned(),
        ..api::PutHookRequest::default()
    };
    let with = api.settings.put_hook(hook).await.unwrap().into_inner();
    assert_eq!(with.hooks.len(), 2);
    let hook = api::PutHookRequest {
        place: "plan:home".to_owned(),
        index: Some(0),
        on: vec!["any-failure".to_owned()],
        channel: String::new(),
    };
    api.settings.put_hook(hook).await.unwrap();
    let used = api::RemoveChannelRequest { id: "phone".to_owned() };
    assert_eq!(code(api.settings.remove_channel(used.clone()).await), "in-use");
    for place in ["", "plan:home"] {
        let request = api::RemoveHookRequest { place: place.to_owned(), index: 0 };
        api.settings.remove_hook(request).await.unwrap();
    }
    let without = api.settings.remove_channel(used).await.unwrap().into_inner();
    assert!(without.channels.is_empty() && without.hooks.is_empty());

    let edit = api::EditInstanceRequest {
        instance: Some("cellar".to_owned()),
        class: Some("laptop".to_owned()),
    };
    let renamed = api.settings.edit_instance(edit).await.unwrap().into_inner();
    assert_eq!((renamed.instance.as_str(), renamed.class.as_str()), ("cellar", "laptop"));
    let text = fs::read_to_string(nas.config()).unwrap();
    assert!(text.contains("instance = \"cellar\" # of the cellar"), "{text}");
    assert!(text.contains("formerly = [\"nas\"]"), "{text}");
    let edit = api::EditAddressesRequest {
        listen: vec![format!("0.0.0.0:{}", nas.port)],
        ..api::EditAddressesRequest::default()
    };
    let open = api.settings.edit_addresses(edit).await.unwrap().into_inner();
    assert!(open.beyond_loopback);
    assert!(open.notes.iter().any(|note| note.contains("started again")), "{:?}", open.notes);
    let edit = api::EditAddressesRequest {
        listen: vec!["localhost".to_owned()],
        ..api::EditAddressesRequest::default()
    };
    assert_eq!(code(api.settings.edit_addresses(edit).await), "invalid");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_is_previewed_then_made_as_one_edit() {
    let nas = machine();
    let mut api = Api::of(&nas).await;
    let before = fs::read_to_string(nas.config()).unwrap();
    let old = nas.folder().join("old");
    let config = serde_json::json!({
        "version": 4,
        "instance": "MyHost",
        "repos": [{ "id": "old", "uri": old, "password": "from-backrest-1" }],
        "plans": [{ "id": "photos", "repo": "old", "paths": ["/srv/photos"] }],
    });
    let request = |apply| api::ImportRequest { config: config.to_string().into_bytes(), apply };
    let shown = api.settings.import_backrest(request(false)).await.unwrap().into_inner();
    assert!(!shown.applied && shown.toml.contains("id = \"photos\""), "{}", shown.toml);
    assert!(!serde_json::to_string(&shown).unwrap().contains("from-backrest-1"));
    assert_eq!(fs::read_to_string(nas.config()).unwrap(), before);
    let done = api.settings.import_backrest(request(true)).await.unwrap().into_inner();
    assert!(done.applied);
    let text = fs::read_to_string(nas.config()).unwrap();
    assert!(text.contains("# The family.") && text.contains("id = \"photos\""), "{text}");
    assert!(text.contains("formerly = [\"MyHost\"") && text.contains("instance = \"nas\""));
    assert!(!text.contains("from-backrest-1"), "it is in a file of its own");
    let undo = done.report.split_whitespace().find(|word| word.contains("before-import")).unwrap();
    assert_eq!(fs::read_to_string(undo.trim_end_matches(';')).unwrap(), before);
    assert_eq!(code(api.settings.import_backrest(request(true)).await), "exists");

    let put_back = |undo: &str| api::UndoImportRequest { undo: undo.to_owned() };
    let undo = done.undo.unwrap();
    for unknown in ["", "1-00", "../config.toml", "x-y"] {
        assert_eq!(code(api.settings.undo_import(put_back(unknown)).await), "not-found");
    }
    fs::write(nas.config(), format!("{text}\n# and more\n")).unwrap();
    assert_eq!(code(api.settings.undo_import(put_back(&undo)).await), "conflict");
    assert!(fs::read_to_string(nas.config()).unwrap().contains("# and more"));
    fs::write(nas.config(), &text).unwrap();
    api.settings.undo_import(put_back(&undo)).await.unwrap();
    assert_eq!(fs::read_to_string(nas.config()).unwrap(), before);
    assert_eq!(code(api.settings.undo_import(put_back(&undo)).await), "conflict");
}

#[test]
fn labels_conditions_and_removed_plans_by_the_command_line() {
    let nas = machine();
    let repo = nas.ask(&["repo", "edit", "vault", "--kind", "disk", "--place", ""]);
    assert_eq!((&repo["kind"], &repo["place"]), (&"disk".into(), &serde_json::Value::Null));
    let conditions = "ac-power,window=22:00-06:00,force-after=3d";
    nas.ask(&["plan", "edit", "home", "--only-when", conditions, "--retry", "4,10m"]);
    let text = fs::read_to_string(nas.config()).unwrap();
    assert!(text.contains("retry = { attempts = 4, wait = \"10m\" }"), "{text}");
    assert!(text.contains("force-after = \"3d\" }") && text.contains("kind = \"disk\""), "{text}");
    assert!(!text.contains("place ="), "{text}");
    assert_eq!(nas.cli(&["plan", "edit", "home", "--only-when", "ac"]).code, 2);
    let moved = ["repo", "edit", "vault", "--uri", "rest:http://127.0.0.1:1/x"];
    nas.cli(&moved).refused();
    nas.ask(&[&moved[..], &["--no-test"]].concat());
    let list = nas.cli(&["hook", "list"]);
    assert!(SECRETS.iter().all(|secret| !list.stdout.contains(secret)), "{}", list.stdout);
    assert_eq!(list.ok()["channels"][0]["id"], "phone");

    let removed = nas.ask(&["plan", "remove", "home", "--yes"]);
    assert!(removed["restorable_until"].is_string(), "{removed}");
    assert!(!fs::read_to_string(nas.config()).unwrap().contains("# all of it"));
    let listed = nas.told(&["plan", "list"]).stdout;
    assert!(listed.contains("brought back by holdfast plan restore home"), "{listed}");
    nas.ask(&["plan", "restore", "home"]);
    assert!(!nas.told(&["plan", "list"]).stdout.contains("holdfast plan restore"), "it is back");
    let again = fs::read_to_string(nas.config()).unwrap();
    for part in ["# The family.", "# all of it", "# wakes me", "attempts = 4"] {
        assert!(again.contains(part), "{part}: {again}");
    }
    assert_eq!(nas.cli(&["plan", "restore", "home"]).refused(), "not-found");
}

/// An answer over HTTP: its status, headers and body.
fn fetch(machine: &Machine, path: &str, site: &str) -> (u16, String, Vec<u8>) {
    let mut stream = std::net::TcpStream::connect(("127.0.0.1", machine.port)).unwrap();
    let host = format!("127.0.0.1:{}", machine.port);
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: {host}\r\nSec-Fetch-Site: {site}\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
    let head = String::from_utf8(answer[..end].to_vec()).unwrap().to_lowercase();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, head, answer[end + 4..].to_vec())
}

#[test]
fn a_browser_downloads_what_is_in_a_snapshot_and_nothing_else() {
    let nas = machine();
    let evil = "<b>\u{202e}gpj.html";
    fs::write(nas.folder().join("home").join(evil), "<script>alert(1)</script>").unwrap();
    let backup = nas.ask(&["plan", "backup", "home"]);
    let snapshot = backup["snapshot"].as_str().unwrap();
    let home = nas.folder().join("home").to_str().unwrap().to_owned();
    let at = |path: &str, more: &str| {
        let path: String = path.bytes().map(|byte| format!("%{byte:02X}")).collect();
        format!("/download?repo=vault&snapshot={snapshot}&path={path}{more}")
    };
    let letter = format!("{home}/letter.txt");
    let (status, head, body) = fetch(&nas, &at(&letter, ""), "same-origin");
    assert_eq!(status, 200, "{head}");
    assert!(String::from_utf8_lossy(&body).contains("dear reader"));
    for header in [
        "content-disposition: attachment; filename=\"letter.txt\"",
        "x-content-type-options: nosniff",
        "content-security-policy: sandbox",
        "content-type: application/octet-stream",
    ] {
        assert!(head.contains(header), "{header}: {head}");
    }
    let (status, head, _) = fetch(&nas, &at(&format!("{home}/{evil}"), ""), "same-origin");
    assert_eq!(status, 200, "{head}");
    assert!(head.contains("filename*=utf-8''%3cb%3e_gpj.html"), "{head}");
    let (_, head, _) = fetch(&nas, &at(&format!("{home}/{evil}"), "&preview=1"), "same-origin");
    assert!(head.contains("content-type: text/plain"), "{head}");
    let (status, head, body) = fetch(&nas, &at(&home, "&format=zip"), "same-origin");
    assert_eq!(status, 200, "{head}");
    assert!(head.contains("filename=\"home.zip\"") && body.windows(2).any(|two| two == b"PK"));

    for (path, status) in [
        ("/etc/passwd".to_owned(), 404),
        (format!("{home}/../../../../etc/passwd"), 400),
        ("../etc/passwd".to_owned(), 400),
        (format!("{home}/letter.txt\0.png"), 400),
        (format!("{home}/gone.txt"), 404),
    ] {
        let (said, head, body) = fetch(&nas, &at(&path, ""), "same-origin");
        assert_eq!(said, status, "{path}: {head}");
        assert!(!String::from_utf8_lossy(&body).contains("root:"), "{path}");
    }
    for site in ["cross-site", "same-site", "none"] {
        assert_eq!(fetch(&nas, &at(&letter, ""), site).0, 403, "{site}");
    }
}
