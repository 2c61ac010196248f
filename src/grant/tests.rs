//! Grants against a naive model: sets of all repos and plans that there are.
#![allow(clippy::unwrap_used)]

use super::*;
use proptest::prelude::*;
use std::collections::HashSet;

const REPOS: [&str; 4] = ["", "a", "b", "c"];
const PLANS: [&str; 4] = ["", "a", "p", "q"];

type Shards = HashSet<(&'static str, &'static str)>;

fn universe() -> impl Iterator<Item = (&'static str, &'static str)> {
    REPOS.into_iter().flat_map(|repo| PLANS.into_iter().map(move |plan| (repo, plan)))
}

/// All that the text names, by the words of the documentation and nothing of the code.
fn named(scope: &str) -> Shards {
    let scope = scope.trim_start_matches('!');
    let named = |(repo, plan): &(&str, &str)| match scope.split_once(':') {
        None => true,
        Some(("repo", id)) => *repo == id,
        Some((_, id)) => *plan == id,
    };
    universe().filter(named).collect()
}

fn union(scopes: &[String], excluding: bool) -> Shards {
    let of_kind = scopes.iter().filter(|scope| scope.starts_with('!') == excluding);
    of_kind.flat_map(|scope| named(scope)).collect()
}

/// What a stored grant allows: a union of sets less another one.
fn modelled_stored(scopes: &[String]) -> Shards {
    union(scopes, false).difference(&union(scopes, true)).copied().collect()
}

/// What a written grant allows once it is stored.
fn modelled_written(scopes: &[String]) -> Shards {
    let mut stored = scopes.to_vec();
    if stored.iter().all(|scope| scope.starts_with('!')) {
        stored.push("*".to_owned());
    }
    modelled_stored(&stored)
}

fn allowed(grants: &Grants, permission: Permission) -> Shards {
    universe().filter(|(repo, plan)| grants.allow(permission, Target::shard(repo, plan))).collect()
}

fn written(scopes: &[String]) -> Grants {
    let scopes = scopes.iter().map(String::as_str).collect();
    Grants::from_written([("read-operations", scopes)]).unwrap()
}

fn stored(scopes: &[String]) -> Grants {
    let mut grants = Grants::none();
    let scopes = scopes.iter().map(|scope| scope.parse::<Scope>().unwrap()).collect();
    grants.put_stored(Permission::ReadOperations, scopes);
    grants
}

fn of_reading(grants: &Grants) -> Shards {
    allowed(grants, Permission::ReadOperations)
}

fn scope() -> impl Strategy<Value = String> {
    prop_oneof![Just("*".to_owned()), "!?(repo:[a-c]|plan:[apq])"]
}

fn scopes() -> impl Strategy<Value = Vec<String>> {
    prop::collection::vec(scope(), 1..6)
}

proptest! {
    #[test]
    fn g1_stored_scopes_allow_what_the_model_allows(scopes in prop::collection::vec(scope(), 0..6)) {
        prop_assert_eq!(of_reading(&stored(&scopes)), modelled_stored(&scopes));
    }

    #[test]
    fn written_scopes_allow_what_the_model_allows(scopes in scopes()) {
        prop_assert_eq!(of_reading(&written(&scopes)), modelled_written(&scopes));
    }

    #[test]
    fn g1_without_a_positive_scope_nothing_is_allowed(
        scopes in prop::collection::vec("!(repo:[a-c]|plan:[apq])", 0..6)
    ) {
        let grants = stored(&scopes);
        prop_assert!(of_reading(&grants).is_empty());
        prop_assert!(!grants.has(Permission::ReadOperations));
    }

    #[test]
    fn g1_revoking_a_positive_scope_never_widens(scopes in scopes(), at: prop::sample::Index) {
        let before = written(&scopes);
        let left: Vec<_> =
            before.scopes(Permission::ReadOperations).unwrap().iter().map(Scope::to_string).collect();
        let positive: Vec<_> = left.iter().filter(|scope| !scope.starts_with('!')).cloned().collect();
        let revoked = at.get(&positive);
        let after = stored(&left.iter().filter(|scope| *scope != revoked).cloned().collect::<Vec<_>>());
        prop_assert!(of_reading(&after).is_subset(&of_reading(&before)));
    }

    #[test]
    fn g1_adding_an_exclusion_never_widens(scopes in scopes(), more in "!(repo:[a-c]|plan:[apq])") {
        let before = written(&scopes);
        let mut after = before.clone();
        after.add("read-operations", [more.as_str()]).unwrap();
        prop_assert!(of_reading(&after).is_subset(&of_reading(&before)));
    }

    #[test]
    fn several_grants_of_one_permission_are_one(one in scopes(), other in scopes()) {
        let together = [one.clone(), other.clone()].concat();
        let texts = [one, other].map(|scopes| format!("read-operations={}", scopes.join(",")));
        let apart = Grants::parse(texts.iter().map(String::as_str)).unwrap();
        prop_assert_eq!(&apart, &Grants::parse(texts.iter().rev().map(String::as_str)).unwrap());
        prop_assert_eq!(apart, written(&together));
    }

    #[test]
    fn uniting_stored_grants_unites_scopes(one in scopes(), other in scopes()) {
        let mut united = stored(&one);
        united.unite(stored(&other));
        prop_assert_eq!(of_reading(&united), modelled_stored(&[one, other].concat()));
    }

    #[test]
    fn one_permission_says_nothing_of_another(scopes in scopes()) {
        let grants = written(&scopes);
        for permission in Permission::ALL.iter().filter(|p| **p != Permission::ReadOperations) {
            prop_assert!(!grants.has(*permission) && allowed(&grants, *permission).is_empty());
        }
    }

    #[test]
    fn reads_what_it_prints(scopes in scopes(), more in scopes(), send: bool) {
        let mut grants = written(&scopes);
        grants.add("write-config", more.iter().map(String::as_str)).unwrap();
        if send {
            grants.add("send-shared-repos", []).unwrap();
        }
        let text = grants.to_string();
        prop_assert_eq!(Grants::parse(text.split(' ')).unwrap(), grants);
    }

    #[test]
    fn parsing_never_panics(text in "\\PC{0,120}", scope in "!?(repo|plan|x)?:?\\PC{0,70}") {
        let _ = Grants::parse([text.as_str()]);
        let _ = text.parse::<Scope>();
        if let Ok(read) = scope.parse::<Scope>() {
            prop_assert_eq!(read.to_string(), scope);
        }
    }

    #[test]
    fn errors_are_short(text in "\\PC{200,2000}") {
        let scope = Grants::parse([format!("restore={text}").as_str()]).unwrap_err();
        prop_assert!(scope.to_string().len() < 2_000);
        let permission = Grants::parse([text.as_str()]).unwrap_err();
        prop_assert!(permission.to_string().len() < 2_000);
    }
}

#[test]
fn a_repo_reaches_every_plan_on_it_and_an_exclusion_hides_it_from_named_plans() {
    let grants = Grants::parse(["restore=repo:a,plan:p,!repo:b"]).unwrap();
    let may = |repo, plan| grants.allow(Permission::Restore, Target::shard(repo, plan));
    assert!(may("a", "q") && may("a", "") && may("c", "p") && may("", "p"));
    assert!(!may("b", "p") && !may("c", "q") && !may("", ""));
}

#[test]
fn all_except_shows_the_star() {
    let grants = Grants::parse(["read-files=!repo:private"]).unwrap();
    assert_eq!(grants.to_string(), "read-files=*,!repo:private");
}

#[test]
fn an_exclusion_given_apart_does_not_imply_all() {
    let grants = Grants::parse(["read-files=!repo:b", "read-files=repo:a"]).unwrap();
    assert_eq!(grants.to_string(), "read-files=repo:a,!repo:b");
}

#[test]
fn sending_shared_repos_takes_no_scope() {
    let grants = Grants::parse(["send-shared-repos"]).unwrap();
    assert!(grants.allow(Permission::SendSharedRepos, Target::default()));
    assert!(grants.has(Permission::SendSharedRepos));
    for scope in ["*", "repo:a", ""] {
        let text = format!("send-shared-repos={scope}");
        assert!(Grants::parse([text.as_str()]).is_err(), "{text}");
    }
}

#[test]
fn g1_a_fault_refuses_the_whole_change() {
    let fault = |texts: &[&str]| Grants::parse(texts.iter().copied()).unwrap_err().to_string();
    assert!(fault(&["read-files=*", "fly"]).starts_with("permission \"fly\" is not known"));
    assert!(fault(&["read-files=*", "restore=disk:x"]).starts_with("scope \"disk:x\" of restore"));
    assert!(fault(&["read-files"]).contains("read-files=*"));
    assert!(fault(&["read-files="]).contains("malformed"));
    for scope in ["repo:", "plan:../x", "!*", "repo:a:b", "REPO:a", "**", "repo:-a", "repo"] {
        assert!(scope.parse::<Scope>().is_err(), "{scope}");
    }
    let mut grants = Grants::parse(["read-files=repo:a"]).unwrap();
    assert!(grants.add("read-files", ["repo:b", "repo:*"]).is_err());
    assert_eq!(grants.to_string(), "read-files=repo:a");
}

#[test]
fn the_number_of_scopes_is_limited() {
    let text = |count| (0..count).map(|n| format!("repo:r{n}")).collect::<Vec<_>>().join(",");
    let parse = |count| Grants::parse([format!("restore={}", text(count)).as_str()]);
    assert!(parse(256).is_ok());
    let error = GrantError::TooManyScopes { permission: Permission::Restore, count: 257 };
    assert_eq!(parse(257), Err(error));
    let mut grants = parse(256).unwrap();
    assert!(grants.add("restore", ["plan:one-more"]).is_err());
    assert_eq!(grants, parse(256).unwrap());
}

#[test]
fn revoking_takes_the_permission_with_all_its_scopes() {
    let mut grants = Grants::parse(["restore=repo:a,repo:b", "read-files=*"]).unwrap();
    assert!(grants.revoke(Permission::Restore));
    assert!(!grants.revoke(Permission::Restore));
    assert_eq!(grants.to_string(), "read-files=*");
    assert!(allowed(&grants, Permission::Restore).is_empty());
}
