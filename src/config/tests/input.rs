//! Bad input: nothing panics and every size is bounded.

use super::*;

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
        uri in "/[ -~]{1,20}", password in "\\PC{1,12}", place in prop::option::of("[a-z ä]{1,9}"),
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
