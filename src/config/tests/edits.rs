//! Edits of the file.

use super::*;

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
