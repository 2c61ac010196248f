//! Edits of the file.

use super::*;
use crate::notify::{Action, Event};

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
fn a_table_goes_behind_the_comments_at_the_end_so_that_they_can_be_used() {
    let template = default_text(&id("nas"));
    let (_dir, path) = file(&template);
    let editor = Editor::new(path.clone());
    editor.apply(&[Edit::AddRepo(Box::new(new_repo("a")))]).unwrap();
    let written = read(&path);
    assert!(written.starts_with(&template), "{written}");
    assert!(written[template.len()..].starts_with("\n[[repo]]\n"), "{written}");
    let edits = [Edit::AddPlan(new_plan("p")), Edit::AddRepo(Box::new(new_repo("b")))];
    editor.apply(&edits).unwrap();
    let used = read(&path).replace("# class = \"server\"", "class = \"laptop\"");
    std::fs::write(&path, used).unwrap();
    let config = editor.apply(&[Edit::AddPlan(new_plan("q"))]).unwrap();
    assert_eq!(
        (config.class, config.repos.len(), config.plans.len()),
        (MachineClass::Laptop, 2, 2)
    );
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
fn a_file_that_changed_since_it_was_read_is_not_replaced() {
    let (dir, path) = file(&full());
    let editor = Editor::new(path.clone());
    assert!(!editor.replace(&path, "instance = \"before\"", "instance = \"after\"").unwrap());
    assert_eq!(read(&path), full());
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    assert!(editor.replace(&path, &full(), "instance = \"after\"").unwrap());
    assert_eq!(read(&path), "instance = \"after\"");
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

#[test]
fn a_default_file_is_written_once_and_private() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("new/config.toml");
    assert!(create_default(&path, &id("nas")).unwrap());
    assert_eq!(parse(&read(&path)).unwrap().instance.as_str(), "nas");
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(!create_default(&path, &id("other")).unwrap());
    assert_eq!(parse(&read(&path)).unwrap().instance.as_str(), "nas");
}

/// Channels and hooks in the forms that a person may write.
const HOOKED: &str = r#"instance = "nas"
[[hook]]
on = ["stale"] # first
channel = "phone"

[[repo]]
id = "vault"
uri = "/srv/vault"
password-file = "/etc/pass"

# mine
[[plan]]
id = "home"
repo = "vault"
paths = ["/home"]
[[plan.hook]]
on = ["backup-failed"]
command = "true" # by hand

[[channel]]
id = "phone"
quiet = "22:00-07:00" # asleep
[channel.ntfy]
url = "https://n.example/x"
token-file = "/etc/token" # rotated
priority = 3
"#;

fn draft(id: &str, action: Action, fields: &[(&str, &str)]) -> Edit {
    let given = |(key, text): &(&str, &str)| ((*key).to_owned(), Given((*text).to_owned()));
    let fields = fields.iter().map(given).collect();
    Edit::PutChannel(ChannelDraft { id: id.to_owned(), action, fields })
}

#[test]
fn a_channel_keeps_its_secrets_and_comments_where_it_is_edited() {
    let (_dir, path) = file(HOOKED);
    let edit = draft("phone", Action::Ntfy, &[("priority", "5"), ("quiet", "23:00-07:00")]);
    Editor::new(path.clone()).apply(&[edit]).unwrap();
    let expected = HOOKED.replace("priority = 3", "priority = 5").replace("22:00", "23:00");
    assert_eq!(read(&path), expected);
    // A new secret takes the place of the old way to say it, and stands for itself.
    let edit = draft("phone", Action::Ntfy, &[("token", "a${b"), ("quiet", "23:00-07:00")]);
    Editor::new(path.clone()).apply(&[edit]).unwrap();
    let text = read(&path);
    assert!(text.contains("token = \"a$${b\"") && !text.contains("token-file"), "{text}");
    assert!(!text.contains("priority") && text.contains("https://n.example/x"), "{text}");
    let hidden = draft("phone", Action::Ntfy, &[("token", "s3cret")]);
    assert!(!format!("{hidden:?}").contains("s3cret"));
}

#[test]
fn x1_no_edit_writes_a_command() {
    let (_dir, path) = file(HOOKED);
    let editor = Editor::new(path.clone());
    for edit in [
        draft("script", Action::Command, &[("script", "true")]),
        draft("phone", Action::Ntfy, &[("token-command", "true")]),
        Edit::PutHook(HookDraft {
            place: Level::Plan(id("home")),
            index: Some(0),
            on: vec![Event::BackupFailed],
            channel: Some("phone".to_owned()),
        }),
    ] {
        assert!(matches!(editor.apply(&[edit]), Err(EditError::ByHand { .. })));
    }
    let unknown = draft("phone", Action::Ntfy, &[("colour", "red")]);
    assert!(matches!(editor.apply(&[unknown]), Err(EditError::Invalid(_))));
    assert_eq!(read(&path), HOOKED);
}

#[test]
fn hooks_are_edited_in_each_form_that_they_are_written_in() {
    let (_dir, path) = file(HOOKED);
    let editor = Editor::new(path.clone());
    let put = |place, index, channel: Option<&str>| {
        let on = vec![Event::AnyFailure];
        Edit::PutHook(HookDraft { place, index, on, channel: channel.map(str::to_owned) })
    };
    editor.apply(&[put(Level::Plan(id("home")), Some(0), None)]).unwrap();
    let expected = HOOKED.replace("\"backup-failed\"", "\"any-failure\"");
    assert_eq!(read(&path), expected, "a command stays, and hears of something else");
    let config = editor
        .apply(&[
            put(Level::Instance, None, Some("phone")),
            put(Level::Repo(id("vault")), None, Some("phone")),
            Edit::RemoveHook(Level::Plan(id("home")), 0),
        ])
        .unwrap();
    let count = |level: &Level| config.hooks_by_level().filter(|(at, _)| at == level).count();
    assert_eq!(count(&Level::Instance), 2);
    assert_eq!(count(&Level::Repo(id("vault"))), 1);
    assert_eq!(count(&Level::Plan(id("home"))), 0);
    assert!(read(&path).contains("# first") && read(&path).contains("# mine"));
    let gone = Edit::RemoveHook(Level::Repo(id("vault")), 7);
    assert!(matches!(editor.apply(&[gone]), Err(EditError::Missing { kind: "hook", .. })));
}

#[test]
fn an_edit_of_what_was_changed_since_is_a_conflict() {
    let (_dir, path) = file(HOOKED);
    let editor = Editor::new(path.clone());
    let before = parse(HOOKED).unwrap().plan(&id("home")).unwrap().clone();
    let after = Plan { max_age: Some(Span::days(1)), ..before.clone() };
    let edits = [Edit::If(Box::new(Same::Plan(before))), Edit::ReplacePlan(after)];
    assert!(editor.rehearse(&edits).is_ok());
    assert_eq!(read(&path), HOOKED, "a rehearsal writes nothing");
    editor.apply(&edits).unwrap();
    assert!(matches!(editor.apply(&edits), Err(EditError::Conflict { kind: "plan", .. })));
}

#[test]
fn what_was_cut_out_goes_back_with_its_comments() {
    let (_dir, path) = file(HOOKED);
    let editor = Editor::new(path.clone());
    let text = editor.text_of("plan", "home").unwrap().unwrap();
    assert!(text.contains("# mine") && text.contains("# by hand"), "{text}");
    let before = editor.apply(&[]).unwrap();
    editor.apply(&[Edit::RemovePlan(id("home"))]).unwrap();
    let after = editor.apply(&[Edit::Merge(text.clone())]).unwrap();
    assert_eq!(after.plan(&id("home")), before.plan(&id("home")));
    assert!(read(&path).contains("# mine"));
    assert!(matches!(editor.apply(&[Edit::Merge(text)]), Err(EditError::Exists { .. })));
    assert_eq!(editor.text_of("plan", "nope").unwrap(), None);
}
