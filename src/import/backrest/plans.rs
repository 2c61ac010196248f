//! A plan: what is backed up, where to, when, and how long it is kept.

use super::document::{Block, list};
use super::draft::{Draft, Was};
use super::flags::flags;
use super::hooks::{self, Owner};
use super::ids::Names;
use super::json::{Object, Shown};
use super::report::{Fate, Remark};
use super::repos::{put_flags, put_limits};
use super::schedules::{retention, schedule};
use crate::model::PlanId;

/// The table of a plan; `None` where it gets none.
pub(super) fn plan(plan: &Object<'_>, names: &Names, draft: &mut Draft) -> Option<Block> {
    let Some(old) = plan.text("id") else {
        plan.dismiss();
        draft.report.left_out(plan.path.clone(), None, "it has no id");
        return None;
    };
    let Some(id) = names.plans.get(old) else {
        plan.dismiss();
        draft.report.left_out(plan.path.clone(), Some(old), "an id of Backrest's own");
        return None;
    };
    let why = (old != id.as_str()).then(|| renamed(old, id, names));
    let to = Some(format!("[[plan]] id = {:?}", id.as_str()));
    let kind = if why.is_some() { Fate::Changed } else { Fate::Translated };
    let remark =
        Remark { what: plan.at("id"), from: Some(old.to_owned()), to, kind, why: why.clone() };
    let mut block = Block::new("[[plan]]", draft.report.add(remark));
    why.iter().for_each(|why| block.comment(why));
    block.set("id", id.as_str());
    repo(plan, names, draft, &mut block);
    paths(plan, draft, &mut block);
    patterns(plan, draft, &mut block);
    if let Some(told) = plan.object("schedule").and_then(|found| schedule(&found)) {
        draft.put_told(&mut block, "schedule", plan.at("schedule"), told);
    }
    if let Some(told) = plan.object("retention").and_then(|found| retention(&found)) {
        draft.put_told(&mut block, "retention", plan.at("retention"), told);
    }
    if plan.flag("skipIfUnchanged") {
        let was = Was::shown(plan.at("skipIfUnchanged"), "true");
        let why = "it needs restic 0.17 or newer";
        draft.put_other(&mut block, ("skip-if-unchanged", true.into()), was, why);
    }
    let owner = Owner { header: "[[plan.hook]]", name: format!("plan-{id}") };
    block.inner = hooks::hooks(plan, &owner, draft);
    Some(block)
}

/// The snapshots keep the tag that they have.
fn renamed(old: &str, id: &PlanId, names: &Names) -> String {
    let tag = format!("plan:{old}");
    let maker = names.formerly.iter().map(|maker| format!(",created-by:{maker}"));
    let both = format!("{tag}{}", maker.collect::<String>());
    format!(
        "not a valid id here: its snapshots are tagged {tag:?}; to have them as this plan's: restic tag --tag {} --add plan:{id} --remove {}",
        quoted(&both),
        quoted(&tag),
    )
}

/// As one word of a shell.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

fn repo(plan: &Object<'_>, names: &Names, draft: &mut Draft, block: &mut Block) {
    let Some(old) = plan.text("repo") else { return };
    let was = Was::shown(plan.at("repo"), old);
    match names.repos.get(old) {
        Some(repo) if repo.as_str() == old => draft.put(block, "repo", repo.as_str(), was),
        Some(repo) => {
            let value = repo.as_str().into();
            draft.put_other(block, ("repo", value), was, "the repository has another id here");
        }
        None => {
            let why = "there is no such repository in the file; it has to come from a peer";
            draft.put_other(block, ("repo", old.into()), was, why);
        }
    }
}

/// The paths; a relative one is left out, unless there is no other: then the plan cannot be in use.
fn paths(plan: &Object<'_>, draft: &mut Draft, block: &mut Block) {
    let all = plan.texts("paths", Shown::Yes);
    let mut paths: Vec<_> = all.into_iter().filter(|(_, path)| !path.is_empty()).collect();
    if paths.iter().any(|(_, path)| path.starts_with('/')) {
        paths.retain(|(at, path)| {
            let is_absolute = path.starts_with('/');
            if !is_absolute {
                let why =
                    "it is relative, and paths begin with / here; add it as it is on this machine";
                draft.report.left_out(at.clone(), Some(path), why);
            }
            is_absolute
        });
    }
    let texts: Vec<_> = paths.iter().map(|(_, path)| *path).collect();
    let was = Was::shown(plan.at("paths"), texts.join(", "));
    draft.put(block, "paths", list(texts.iter().copied()), was);
}

/// The patterns of the plan, and those that were given as options.
fn patterns(plan: &Object<'_>, draft: &mut Draft, block: &mut Block) {
    let options = flags(&plan.texts("backup_flags", Shown::Secret));
    let mut others = Vec::new();
    let mut excludes = owned(plan.texts("excludes", Shown::Yes));
    let mut iexcludes = owned(plan.texts("iexcludes", Shown::Yes));
    for flag in options {
        match &flag.key {
            Some(("exclude", super::flags::Given::Item(item))) => {
                excludes.push((flag.path, item.clone()))
            }
            Some(("iexclude", super::flags::Given::Item(item))) => {
                iexcludes.push((flag.path, item.clone()))
            }
            Some(_) | None => others.push(flag),
        }
    }
    put_patterns("exclude", excludes, draft, block);
    put_patterns("iexclude", iexcludes, draft, block);
    let limits = put_flags(others, draft, block);
    put_limits(limits, block);
}

fn owned(texts: Vec<(String, &str)>) -> Vec<(String, String)> {
    texts.into_iter().map(|(path, text)| (path, text.to_owned())).collect()
}

/// A line of patterns, with one remark for each place that they come from.
pub(super) fn put_patterns(
    key: &'static str,
    patterns: Vec<(String, String)>,
    draft: &mut Draft,
    block: &mut Block,
) {
    let patterns: Vec<_> = patterns.into_iter().filter(|(_, text)| !text.is_empty()).collect();
    let Some((first, _)) = patterns.first() else { return };
    let what = first.rsplit_once('[').map_or(first.as_str(), |(list, _)| list).to_owned();
    let texts: Vec<_> = patterns.iter().map(|(_, text)| text.as_str()).collect();
    let was = Was::shown(what, texts.join(", "));
    draft.put(block, key, list(texts), was);
}
