//! Names of the other program as names that are valid here, each given once.

use crate::model::{InstanceId, PlanId, RepoId};
use std::collections::{BTreeMap, HashSet};
use std::str::FromStr;

/// What the instance, its repos and its plans were called, and are called now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Names {
    /// What the instance was called; `None` where it had no name.
    pub formerly: Option<String>,
    /// What it is called now.
    pub instance: InstanceId,
    /// Repos by their old ids.
    pub repos: BTreeMap<String, RepoId>,
    /// Plans by their old ids.
    pub plans: BTreeMap<String, PlanId>,
}

/// `_system_` and the like: not made by a person.
pub(super) fn is_reserved(id: &str) -> bool {
    id.len() > 1 && id.starts_with('_') && id.ends_with('_')
}

/// An id for each of the old ones, in their order; valid ones stay as they are, and nobody gets an id
/// that another one has. Reserved ids get none.
pub(super) fn renamed<T>(old: &[&str], otherwise: &str) -> BTreeMap<String, T>
where
    T: FromStr + Clone,
{
    let is_valid = |id: &str| id.parse::<T>().is_ok();
    let mut taken: HashSet<String> =
        old.iter().filter(|id| is_valid(id)).map(ToString::to_string).collect();
    let mut names = BTreeMap::new();
    for id in old.iter().copied().filter(|id| !is_reserved(id)) {
        let new = match id.parse() {
            Ok(same) => Some(same),
            Err(_) if names.contains_key(id) => None,
            Err(_) => candidates(id, otherwise)
                .find(|new| taken.insert(new.clone()))
                .and_then(|new| new.parse().ok()),
        };
        if let Some(new) = new {
            names.insert(id.to_owned(), new);
        }
    }
    names
}

/// Valid ids that look like this text, the nearest first.
fn candidates(text: &str, otherwise: &str) -> impl Iterator<Item = String> {
    let fit = |c: char| match c {
        c if c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-') => c,
        _ => '-',
    };
    let fitted: String = text.trim().chars().map(fit).collect();
    let bare = fitted.trim_matches(['.', '_', '-']);
    let stem: String = if bare.is_empty() { otherwise } else { bare }.chars().take(63).collect();
    let numbered = stem.chars().take(56).collect::<String>();
    std::iter::once(stem).chain((2..10_000).map(move |n| format!("{numbered}-{n}")))
}

/// An instance id that looks like this text.
pub(super) fn instance(text: &str) -> Option<InstanceId> {
    let lower = text.to_lowercase();
    lower.parse().ok().or_else(|| candidates(&lower, "backrest").next()?.parse().ok())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn plans(old: &[&str]) -> Vec<(String, String)> {
        let names = renamed::<PlanId>(old, "plan");
        names.into_iter().map(|(old, new)| (old, new.to_string())).collect()
    }

    #[test]
    fn valid_ids_stay_and_others_take_none_of_theirs() {
        let named = plans(&["My Plan", "My-Plan", "_x", "ä", "_system_", "My/Plan"]);
        let expected = [
            ("My Plan", "My-Plan-2"),
            ("My-Plan", "My-Plan"),
            ("My/Plan", "My-Plan-3"),
            ("_x", "x"),
            ("ä", "plan"),
        ];
        assert_eq!(named, expected.map(|(old, new)| (old.to_owned(), new.to_owned())));
    }

    #[test]
    fn an_instance_keeps_as_much_of_its_name_as_it_may() {
        for (old, new) in [
            ("MyHost", "myhost"),
            ("my.host", "my.host"),
            ("my host!", "my-host"),
            ("…", "backrest"),
        ] {
            assert_eq!(instance(old).unwrap().as_str(), new);
        }
    }

    proptest! {
        #[test]
        fn every_old_id_gets_one_of_its_own(old in prop::collection::hash_set("\\PC{1,70}", 0..20)) {
            let old: Vec<&str> = old.iter().map(String::as_str).filter(|id| !is_reserved(id)).collect();
            let names = renamed::<PlanId>(&old, "plan");
            let distinct: HashSet<_> = names.values().map(PlanId::as_str).collect();
            prop_assert_eq!((names.len(), distinct.len()), (old.len(), old.len()));
        }
    }
}
