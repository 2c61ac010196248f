//! 3-2-1: how many copies of a plan's data there are, on how many kinds of storage, and where.
//!
//! Pure. The data in use is one copy, on a disk; each repo with a fresh snapshot of the same paths is
//! another. Kind and place are what the owner wrote.
//!
//! 1. What is not labelled counts neither as another kind nor as off-site.
//! 2. A repository counts once, under however many names and plans.

use crate::model::{RepoGuid, Timestamp};
use std::collections::BTreeSet;
use std::time::Duration;

/// How long a restore, or a check that read data, proves that a repo can be restored from.
pub const PROOF_LASTS: Duration = Duration::from_secs(90 * 24 * 3600);

/// The kind of storage that data in use is on.
const LIVE_KIND: &str = "disk";

/// A repo, as far as copies are concerned.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Storage {
    /// Which repository; two that are not known are two.
    pub guid: Option<RepoGuid>,
    /// Its name, to tell it from others while no guid is known.
    pub name: String,
    /// What it is, in the owner's words.
    pub kind: Option<String>,
    /// Where it is, in the owner's words.
    pub place: Option<String>,
    /// When it was last restored from, or checked with its data.
    pub proven_at: Option<Timestamp>,
}

/// A plan, as far as copies are concerned.
#[derive(Debug, Clone, Copy)]
pub struct Saved<'a> {
    /// What it saves, on one machine.
    pub paths: &'a [String],
    /// Into what.
    pub storage: &'a Storage,
    /// Whether its newest snapshot is as young as it has to be.
    pub is_fresh: bool,
}

/// How many copies there are of what a plan saves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Copies {
    /// All, the data in use among them.
    pub copies: u32,
    /// On how many kinds of storage.
    pub kinds: u32,
    /// How many are elsewhere.
    pub off_site: u32,
    /// Whether one of them was restored from, or read, not long ago.
    pub restore_proven: bool,
}

/// How many copies there are of what a plan saves, with all plans of its machine, itself among them.
#[must_use]
pub fn copies(of: &Saved<'_>, machine: &[Saved<'_>], now: Timestamp) -> Copies {
    let mut storages: Vec<&Storage> = Vec::new();
    let fresh = machine.iter().filter(|plan| plan.is_fresh && covers(plan.paths, of.paths));
    for plan in fresh.chain(of.is_fresh.then_some(of)) {
        if !storages.iter().any(|known| is_same(known, plan.storage)) {
            storages.push(plan.storage);
        }
    }
    let named = storages.iter().filter_map(|storage| storage.kind.as_deref());
    let kinds: BTreeSet<_> = named.map(str::to_lowercase).chain([LIVE_KIND.to_owned()]).collect();
    let proven = |at: Timestamp| now.since(at) <= PROOF_LASTS;
    Copies {
        copies: count(storages.len()).saturating_add(1),
        kinds: count(kinds.len()),
        off_site: count(storages.iter().filter(|storage| storage.is_off_site()).count()),
        restore_proven: storages.iter().any(|storage| storage.proven_at.is_some_and(proven)),
    }
}

impl Storage {
    /// Whether its owner wrote that it is elsewhere.
    #[must_use]
    pub fn is_off_site(&self) -> bool {
        let place = self.place.as_deref().unwrap_or_default().to_lowercase();
        place.starts_with("off-site") || place.starts_with("offsite")
    }
}

fn is_same(a: &Storage, b: &Storage) -> bool {
    match (&a.guid, &b.guid) {
        (Some(a), Some(b)) => a == b,
        (Some(_), None) | (None, Some(_)) | (None, None) => a.name == b.name,
    }
}

/// Whether everything in the second list is in the first, by itself or below a folder of it.
fn covers(all: &[String], some: &[String]) -> bool {
    let below = |path: &String, folder: &String| {
        let folder = folder.trim_end_matches('/');
        path.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    !some.is_empty() && some.iter().all(|path| all.iter().any(|folder| below(path, folder)))
}

fn count(items: usize) -> u32 {
    u32::try_from(items).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NOW: Timestamp = Timestamp::from_millis(1_000_000_000_000);

    fn storage(name: &str, kind: &str, place: &str) -> Storage {
        let label = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        Storage {
            guid: None,
            name: name.to_owned(),
            kind: label(kind),
            place: label(place),
            proven_at: None,
        }
    }

    fn paths(all: &[&str]) -> Vec<String> {
        all.iter().map(|path| (*path).to_owned()).collect()
    }

    #[test]
    fn live_data_is_one_copy_and_each_repo_another() {
        let (disk, cloud) = (storage("disk", "disk", ""), storage("cloud", "cloud", "off-site"));
        let home = paths(&["/home"]);
        let near = Saved { paths: &home, storage: &disk, is_fresh: true };
        let far = Saved { storage: &cloud, ..near };
        let one = copies(&near, &[near], NOW);
        assert_eq!((one.copies, one.kinds, one.off_site), (2, 1, 0));
        let both = copies(&near, &[near, far], NOW);
        assert_eq!((both.copies, both.kinds, both.off_site), (3, 2, 1));
        let stale = Saved { is_fresh: false, ..far };
        assert_eq!(copies(&near, &[near, stale], NOW), one, "a stale copy is none");
        assert_eq!(copies(&stale, &[stale], NOW).copies, 1);
    }

    #[test]
    fn only_a_plan_that_saves_all_of_it_is_another_copy() {
        let (disk, cloud) = (storage("disk", "", ""), storage("cloud", "", ""));
        let (home, all) = (paths(&["/home/a", "/etc"]), paths(&["/home/", "/etc"]));
        let (some, other) = (paths(&["/home"]), paths(&["/home/ab", "/etc"]));
        let of = Saved { paths: &home, storage: &disk, is_fresh: true };
        let with = |paths| copies(&of, &[of, Saved { paths, storage: &cloud, ..of }], NOW).copies;
        assert_eq!((with(&all), with(&some), with(&other)), (3, 2, 2));
        assert_eq!(with(&[]), 2, "what is not known covers nothing");
        let root = paths(&["/"]);
        assert_eq!(with(&root), 3);
    }

    #[test]
    fn what_is_not_labelled_is_neither_another_kind_nor_elsewhere() {
        let bare = storage("vault", "", "");
        let home = paths(&["/home"]);
        let of = Saved { paths: &home, storage: &bare, is_fresh: true };
        let found = copies(&of, &[of], NOW);
        assert_eq!((found.copies, found.kinds, found.off_site), (2, 1, 0));
        assert!(!storage("x", "", "attic").is_off_site());
        assert!(storage("x", "", "Off-site, Milan").is_off_site());
    }

    #[test]
    fn a_proof_lasts_ninety_days() {
        let at = |days: u64| Storage {
            proven_at: Some(NOW.minus(Duration::from_secs(days * 24 * 3600))),
            ..storage("vault", "", "")
        };
        let home = paths(&["/home"]);
        let proven = |storage: &Storage| {
            let of = Saved { paths: &home, storage, is_fresh: true };
            copies(&of, &[], NOW).restore_proven
        };
        assert!(proven(&at(90)));
        assert!(!proven(&at(91)));
        assert!(!proven(&storage("vault", "", "")));
    }

    proptest! {
        #[test]
        fn there_are_never_more_copies_than_repos_and_one(
            plans in proptest::collection::vec((0..3_u8, 0..4_usize, any::<bool>()), 1..8),
        ) {
            let storages = [("a", "disk", ""), ("b", "server", "off-site"), ("c", "cloud", ""), ("d", "", "")]
                .map(|(name, kind, place)| storage(name, kind, place));
            let sets = [paths(&["/a"]), paths(&["/a/b"]), paths(&["/a", "/c"])];
            let saved: Vec<_> = plans.iter().map(|(set, repo, is_fresh)| Saved {
                paths: &sets[usize::from(*set)], storage: &storages[*repo], is_fresh: *is_fresh,
            }).collect();
            for of in &saved {
                let found = copies(of, &saved, NOW);
                let repos: BTreeSet<_> = saved.iter().filter(|plan| plan.is_fresh)
                    .map(|plan| &plan.storage.name).collect();
                prop_assert!(found.copies <= count(repos.len()) + 1);
                prop_assert!(found.copies > u32::from(of.is_fresh));
                prop_assert!(found.kinds >= 1 && found.kinds <= found.copies);
                prop_assert!(found.off_site < found.copies);
                let mut reversed = saved.clone();
                reversed.reverse();
                prop_assert_eq!(copies(of, &reversed, NOW), found, "in any order");
            }
        }
    }
}
