//! Hooks: which events, which action, and what becomes of a run whose command failed.

use super::deeds::{Act, Deed, act};
use super::document::{Block, list};
use super::draft::Draft;
use super::json::{Object, Word};
use super::report::{Fate, Remark, RemarkId};

const CONDITIONS: &[(&str, i64)] = &[
    ("CONDITION_UNKNOWN", 0),
    ("CONDITION_ANY_ERROR", 1),
    ("CONDITION_SNAPSHOT_START", 2),
    ("CONDITION_SNAPSHOT_END", 3),
    ("CONDITION_SNAPSHOT_ERROR", 4),
    ("CONDITION_SNAPSHOT_WARNING", 5),
    ("CONDITION_SNAPSHOT_SUCCESS", 6),
    ("CONDITION_SNAPSHOT_SKIPPED", 7),
    ("CONDITION_PRUNE_START", 100),
    ("CONDITION_PRUNE_ERROR", 101),
    ("CONDITION_PRUNE_SUCCESS", 102),
    ("CONDITION_CHECK_START", 200),
    ("CONDITION_CHECK_ERROR", 201),
    ("CONDITION_CHECK_SUCCESS", 202),
    ("CONDITION_FORGET_START", 300),
    ("CONDITION_FORGET_ERROR", 301),
    ("CONDITION_FORGET_SUCCESS", 302),
];
const ON_ERROR: &[(&str, i64)] = &[
    ("ON_ERROR_IGNORE", 0),
    ("ON_ERROR_CANCEL", 1),
    ("ON_ERROR_FATAL", 2),
    ("ON_ERROR_RETRY_1MINUTE", 100),
    ("ON_ERROR_RETRY_10MINUTES", 101),
    ("ON_ERROR_RETRY_EXPONENTIAL_BACKOFF", 103),
];
/// The policy, and the remark that it stands for.
type OnError = (&'static str, RemarkId);

const STARTED: &str = "backup-started";

/// Whose hooks they are.
pub(super) struct Owner {
    /// As `[[plan.hook]]`.
    pub(super) header: &'static str,
    /// For the names of files with secrets.
    pub(super) name: String,
}

/// The events of a condition; none where there is nothing like it.
const fn events(condition: &str) -> &'static [&'static str] {
    match condition.as_bytes() {
        b"CONDITION_ANY_ERROR" => &["any-failure"],
        b"CONDITION_SNAPSHOT_START" => &[STARTED],
        b"CONDITION_SNAPSHOT_END" => &["backup-succeeded", "backup-warning", "backup-failed"],
        b"CONDITION_SNAPSHOT_ERROR" => &["backup-failed"],
        b"CONDITION_SNAPSHOT_WARNING" => &["backup-warning"],
        b"CONDITION_SNAPSHOT_SUCCESS" => &["backup-succeeded"],
        b"CONDITION_SNAPSHOT_SKIPPED" => &["backup-skipped"],
        b"CONDITION_PRUNE_ERROR" => &["prune-failed"],
        b"CONDITION_PRUNE_SUCCESS" => &["prune-succeeded"],
        b"CONDITION_CHECK_ERROR" => &["check-failed"],
        b"CONDITION_CHECK_SUCCESS" => &["check-succeeded"],
        b"CONDITION_FORGET_ERROR" => &["forget-failed"],
        b"CONDITION_FORGET_SUCCESS" => &["forget-succeeded"],
        _ => &[],
    }
}

/// The tables of the hooks of a repo or plan.
pub(super) fn hooks(object: &Object<'_>, owner: &Owner, draft: &mut Draft) -> Vec<Block> {
    let hooks = object.objects("hooks");
    hooks.iter().enumerate().flat_map(|(n, found)| hook(found, n, owner, draft)).collect()
}

fn hook(hook: &Object<'_>, n: usize, owner: &Owner, draft: &mut Draft) -> Vec<Block> {
    let on = conditions(hook, draft);
    let on_error = hook.word("onError", ON_ERROR);
    let Some(act) = act(hook) else {
        hook.dismiss();
        draft.report.left_out(hook.path.clone(), None, "it has no action that is known here");
        return Vec::new();
    };
    let deeds = match &act.deeds {
        Ok(deeds) if !on.is_empty() => deeds,
        Ok(_) => {
            let why = "none of its conditions is an event here";
            draft.report.left_out(hook.path.clone(), Some(act.kind), why);
            return Vec::new();
        }
        Err(why) => {
            draft.report.left_out(hook.path.clone(), Some(act.kind), why);
            return Vec::new();
        }
    };
    let remark = told(hook, &act, &on, draft);
    let error = on_error_word(hook, &on_error, act.kind, draft);
    let name = format!("{}-hook-{}", owner.name, n + 1);
    let mut blocks = Vec::new();
    for deed in deeds {
        for (on, error) in parted(&on, error) {
            let mut block = Block::new(owner.header, remark);
            templates(&act, &mut block);
            fill(&mut block, (&on, error), deed, (draft, &name));
            blocks.push(block);
        }
    }
    blocks
}

fn fill(
    block: &mut Block,
    (on, error): (&[&str], Option<OnError>),
    deed: &Deed,
    (draft, name): (&mut Draft, &str),
) {
    block.set("on", list(on.iter().copied()));
    block.set(deed.action, deed.value(&mut draft.secrets, name));
    if let Some((error, remark)) = error {
        block.put("on-error", error, remark);
    }
}

fn conditions(hook: &Object<'_>, draft: &mut Draft) -> Vec<&'static str> {
    let mut on: Vec<&str> = Vec::new();
    for condition in hook.words("conditions", CONDITIONS) {
        let (name, found) = match &condition {
            Word::Known(name) => (*name, events(name)),
            Word::Unknown(name) => (name.as_str(), &[][..]),
        };
        if found.is_empty() {
            draft.report.left_out(hook.at("conditions"), Some(name), "there is no such event");
        }
        on.extend(found);
    }
    // One failure is one event: told by its own name it would be told twice.
    if on.contains(&"any-failure") {
        on.retain(|event| !event.ends_with("-failed"));
    }
    let mut seen = std::collections::HashSet::new();
    on.retain(|event| seen.insert(*event));
    on
}

/// What the hook was, and what is not the same.
fn told(hook: &Object<'_>, act: &Act, on: &[&str], draft: &mut Draft) -> RemarkId {
    let mut why: Vec<&str> = act.why.clone();
    if !act.templates.is_empty() {
        why.push("its template is one of Go, which is not read here; the words are holdfast's (the template stands beside it as a comment)");
    }
    let kind = if why.is_empty() { Fate::Translated } else { Fate::Changed };
    let what = hook.path.clone();
    let action = act.deeds.iter().flatten().next().map_or("", |deed| deed.action);
    let to = Some(format!("hook: {action} on {}", on.join(", ")));
    let why = (!why.is_empty()).then(|| why.join("; "));
    draft.report.add(Remark { what, from: Some(act.kind.to_owned()), to, kind, why })
}

fn templates(act: &Act, block: &mut Block) {
    const LINES: usize = 20;
    for template in &act.templates {
        block.comment("The template was:");
        for line in template.lines().take(LINES) {
            block.comment(&format!("  {line}"));
        }
    }
}

/// The policy of a command; messages have none.
fn on_error_word(hook: &Object<'_>, word: &Word, kind: &str, draft: &mut Draft) -> Option<OnError> {
    let what = || hook.at("onError");
    let (old, new) = match word {
        Word::Known("ON_ERROR_IGNORE" | "") => return None,
        Word::Known(old @ "ON_ERROR_CANCEL") => (*old, "cancel"),
        Word::Known(old @ "ON_ERROR_FATAL") => (*old, "fail"),
        Word::Known(old) => (*old, "retry"),
        Word::Unknown(old) => {
            draft.report.left_out(what(), Some(old), "this policy is not known here");
            return None;
        }
    };
    if kind != "command" {
        let why = "messages are sent again by themselves, and never stop a backup";
        draft.report.left_out(what(), Some(old), why);
        return None;
    }
    let to = Some(format!("on-error = {new:?}"));
    let from = Some(old.to_owned());
    let (kind, why) = match new {
        "retry" => (
            Fate::Changed,
            Some("it is tried again later and later, then the run fails".to_owned()),
        ),
        _ => (Fate::Translated, None),
    };
    let remark = draft.report.add(Remark { what: what(), from, to, kind, why });
    Some((new, remark))
}

/// What stops a run can only stand before it: such a hook becomes two where it has other events.
fn parted<'a>(on: &[&'a str], error: Option<OnError>) -> Vec<(Vec<&'a str>, Option<OnError>)> {
    let stops = matches!(error, Some(("cancel" | "fail", _)));
    let (before, after): (Vec<_>, Vec<_>) = on.iter().copied().partition(|event| *event == STARTED);
    match stops {
        false => vec![(on.to_vec(), error)],
        true => {
            let parts = [(before, error), (after, None)];
            parts.into_iter().filter(|(on, _)| !on.is_empty()).collect()
        }
    }
}
