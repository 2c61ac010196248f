//! A repository: where it is, how it is opened, and how it is kept in order.

use super::document::{Block, inline};
use super::draft::{Draft, Was};
use super::flags::{Flag, Given, flags};
use super::hooks::{self, Owner};
use super::ids::{Names, is_reserved};
use super::json::{Object, Shown, Word};
use super::report::{Fate, Remark, RemarkId};
use super::schedules::{Told, percent, retention, schedule, size};
use super::secrets::{environment, template};
use crate::config::redact_uri;
use std::collections::BTreeMap;
use toml_edit::Value;

/// The table of a repository; `None` where it gets none.
pub(super) fn repo(repo: &Object<'_>, names: &Names, draft: &mut Draft) -> Option<Block> {
    let Some(old) = repo.text("id") else {
        repo.dismiss();
        draft.report.left_out(repo.path.clone(), None, "it has no id");
        return None;
    };
    let Some(id) = names.repos.get(old).filter(|_| !is_reserved(old)) else {
        repo.dismiss();
        draft.report.left_out(repo.path.clone(), Some(old), "an id of Backrest's own");
        return None;
    };
    let to = Some(format!("[[repo]] id = {:?}", id.as_str()));
    let (what, from) = (repo.at("id"), Some(old.to_owned()));
    let (kind, why) = match old == id.as_str() {
        true => (Fate::Translated, None),
        false => (
            Fate::Changed,
            Some("not a valid id here; its history is kept under the new one".to_owned()),
        ),
    };
    let mut block = Block::new("[[repo]]", draft.report.add(Remark { what, from, to, kind, why }));
    block.set("id", id.as_str());
    uri(repo, draft, &mut block);
    let env = variables(repo, draft);
    let options = flags(&repo.texts("flags", Shown::Secret));
    let used = password(repo, (&env, &options), draft, &mut block);
    own_environment(repo, (env, used.as_deref()), draft, &mut block);
    let others = options.into_iter().filter(|flag| used.as_ref() != Some(&flag.path));
    let mut limits = nice(repo, draft);
    limits.extend(put_flags(others.collect(), draft, &mut block));
    put_limits(limits, &mut block);
    creation(repo, draft, &mut block);
    upkeep(repo, draft, &mut block);
    block.inner =
        hooks::hooks(repo, &Owner { header: "[[repo.hook]]", name: format!("repo-{id}") }, draft);
    Some(block)
}

fn uri(repo: &Object<'_>, draft: &mut Draft, block: &mut Block) {
    let Some(uri) = repo.secret("uri") else { return };
    let uri = uri.trim();
    let value = template(uri);
    let redacted = redact_uri(uri);
    let was =
        if redacted == uri { Was::shown(repo.at("uri"), uri) } else { Was::secret(repo.at("uri")) };
    draft.put(block, "uri", value, was);
}

/// Variables by name; what cannot be one is left out.
fn variables(repo: &Object<'_>, draft: &mut Draft) -> BTreeMap<String, (String, String)> {
    let mut variables = BTreeMap::new();
    for (path, text) in repo.texts("env", Shown::Secret) {
        let is_name = |name: &str| {
            let first = name.bytes().next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_');
            first
                && name.len() <= 128
                && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
        };
        match text.split_once('=') {
            Some((name, value)) if is_name(name) && !value.is_empty() => {
                variables.insert(name.to_owned(), (path, value.to_owned()));
            }
            Some((name, "")) => draft.report.left_out(path, Some(name), "it has no value"),
            Some(_) | None => draft.report.left_out(path, None, "it is not NAME=VALUE"),
        }
    }
    variables
}

type Variables = BTreeMap<String, (String, String)>;

/// From where restic would have had it: the setting, then options, then the environment. The path of
/// what is used.
fn password(
    repo: &Object<'_>,
    (env, options): (&Variables, &[Flag]),
    draft: &mut Draft,
    block: &mut Block,
) -> Option<String> {
    let variable = |name: &str| env.get(name).cloned();
    let option = |key: &str| options.iter().find_map(|flag| flag.text_of(key));
    let or = |key: &str, name: &str| option(key).or_else(|| variable(name));
    if let Some(password) = repo.secret("password") {
        let what = repo.at("password");
        own_file(repo, (what.clone(), password), draft, block);
        Some(what)
    } else if let Some((path, file)) = or("password-file", "RESTIC_PASSWORD_FILE") {
        draft.put(block, "password-file", template(&file), Was::shown(path.clone(), &file));
        Some(path)
    } else if let Some((path, command)) = or("password-command", "RESTIC_PASSWORD_COMMAND") {
        draft.put(block, "password-command", Value::from(command), Was::secret(path.clone()));
        Some(path)
    } else if let Some((path, password)) = variable("RESTIC_PASSWORD") {
        match password.starts_with("${") {
            true => {
                let was = Was::shown(path.clone(), &password);
                draft.put(block, "password", template(&password), was);
            }
            false => own_file(repo, (path.clone(), &password), draft, block),
        }
        Some(path)
    } else {
        let why = "there is none; a repository without a password cannot be used";
        draft.report.left_out(repo.at("password"), None, why);
        None
    }
}

fn own_file(
    repo: &Object<'_>,
    (what, password): (String, &str),
    draft: &mut Draft,
    block: &mut Block,
) {
    let file = draft.secrets.keep(&format!("{}.password", file_name(repo)), password);
    let why = "it has a file of its own, which only its owner can read";
    draft.put_other(block, ("password-file", file), Was::secret(what), why);
}

fn file_name(repo: &Object<'_>) -> String {
    let id = repo.text("id").unwrap_or_default();
    let plain = |c: char| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' };
    format!("repo-{}", id.chars().take(63).map(plain).collect::<String>())
}

/// All that is not a location or a password.
fn own_environment(
    repo: &Object<'_>,
    (env, used): (Variables, Option<&str>),
    draft: &mut Draft,
    block: &mut Block,
) {
    let mut own = Vec::new();
    for (name, (path, value)) in env {
        let is_said =
            ["RESTIC_PASSWORD", "RESTIC_REPOSITORY"].iter().any(|own| name.starts_with(own));
        match is_said {
            false => own.push((name, value)),
            true if used == Some(path.as_str()) => {}
            true => draft.report.left_out(path, Some(&name), "uri and password say it"),
        }
    }
    if own.is_empty() {
        return;
    }
    let names = own.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(", ");
    let (what, to) = (repo.at("env"), Some(format!("env = {{ {names} }}")));
    let remark = Remark { what, from: Some(names), to, kind: Fate::Translated, why: None };
    let remark = draft.report.add(remark);
    block.put("env", environment(own), remark);
}

/// A key of `limits`, its value, and the remark that it stands for.
pub(super) type Limit = (&'static str, Value, RemarkId);

pub(super) fn put_limits(limits: Vec<Limit>, block: &mut Block) {
    if limits.is_empty() {
        return;
    }
    let remarks = limits.iter().map(|(.., remark)| *remark).collect();
    let pairs = limits.into_iter().map(|(key, value, _)| (key.to_owned(), value));
    block.put_all("limits", inline(pairs), remarks);
}

/// Options as keys; several of one list are one line. Those of `limits` are handed out.
pub(super) fn put_flags(options: Vec<Flag>, draft: &mut Draft, block: &mut Block) -> Vec<Limit> {
    const LISTS: [&str; 5] =
        ["exclude", "iexclude", "exclude-if-present", "exclude-file", "iexclude-file"];
    let mut lists: BTreeMap<&str, Vec<(String, String)>> = BTreeMap::new();
    let mut limits: Vec<Limit> = Vec::new();
    for Flag { path, name, key } in options {
        match key {
            Some(("password-file" | "password-command", _)) => {
                draft.report.left_out(path, Some(&name), "the password comes from elsewhere");
            }
            Some((key, _)) if block.has(key) || limits.iter().any(|(known, ..)| *known == key) => {
                draft.report.left_out(path, Some(&name), format!("{key} is given already"));
            }
            Some((key, Given::Item(item))) => lists.entry(key).or_default().push((path, item)),
            Some((key, Given::Limit(text))) => {
                let to = format!("limits = {{ {key} = {text:?} }}");
                let remark = draft.part(to, Was::shown(path, format!("{name} {text}")));
                limits.push((key, Value::from(text), remark));
            }
            Some((key, Given::Switch)) => draft.put(block, key, true, Was::shown(path, &name)),
            Some((key, Given::Number(n))) => {
                draft.put(block, key, n, Was::shown(path, format!("{name} {n}")));
            }
            Some((key, Given::Text(text))) => {
                let was = Was::shown(path, format!("{name} {text}"));
                draft.put(block, key, text, was);
            }
            None => {
                let why = "holdfast has no key for this option of restic";
                draft.report.left_out(path, Some(&name), why);
            }
        }
    }
    for key in LISTS {
        let Some(items) = lists.remove(key) else { continue };
        super::plans::put_patterns(key, items, draft, block);
    }
    limits
}

fn creation(repo: &Object<'_>, draft: &mut Draft, block: &mut Block) {
    if let Some(origin) = repo.text("originInstanceId") {
        let why = format!(
            "it was sent by {origin}; here it is a repository of your own until you remove it and {origin} shares it anew"
        );
        draft.report.changed(repo.at("originInstanceId"), Some(origin), None, why);
        block.comment(&format!(
            "Was sent by {origin}: remove it here once you are paired and it is shared anew."
        ));
    }
    if repo.has("guid") {
        let why = "it exists, so it is never created anew; its id is read from the repository";
        let was = Was::shown(repo.at("guid"), repo.text("guid").unwrap_or_default());
        draft.put_other(block, ("auto-init", Value::from(false)), was, why);
    } else {
        let initialize = repo.flag("autoInitialize");
        let was = Was::shown(repo.at("autoInitialize"), initialize.to_string());
        if repo.has("autoInitialize") {
            draft.put(block, "auto-init", initialize, was);
        } else {
            // Neither known nor to be created: only what is there is used.
            block.set("auto-init", false);
        }
    }
    if repo.has("originInstanceId") && repo.flag("shared") {
        draft.report.left_out(repo.at("shared"), Some("true"), "only its owner shares it");
    } else if repo.flag("shared") {
        let why = "nobody is sent it before you pair again";
        draft.put_other(
            block,
            ("shared", Value::from(true)),
            Was::shown(repo.at("shared"), "true"),
            why,
        );
    }
    if repo.flag("autoUnlock") {
        let why = "locks whose owner is provably gone are always removed, others never";
        draft.report.changed(repo.at("autoUnlock"), Some("true"), None, why);
    }
}

/// The priorities of the repository's processes.
fn nice(repo: &Object<'_>, draft: &mut Draft) -> Vec<Limit> {
    const IO: &[(&str, i64)] =
        &[("IO_DEFAULT", 0), ("IO_BEST_EFFORT_LOW", 1), ("IO_BEST_EFFORT_HIGH", 2), ("IO_IDLE", 3)];
    const CPU: &[(&str, i64)] = &[("CPU_DEFAULT", 0), ("CPU_HIGH", 1), ("CPU_LOW", 2)];
    let Some(prefix) = repo.object("commandPrefix") else { return Vec::new() };
    let mut limits = Vec::new();
    for (old, words, key) in [("ioNice", IO, "io"), ("cpuNice", CPU, "nice")] {
        let (word, value) = match prefix.word(old, words) {
            Word::Known("IO_DEFAULT" | "CPU_DEFAULT") => continue,
            Word::Known(word @ "IO_IDLE") => (word.to_owned(), Some(Value::from("idle"))),
            Word::Known(word @ "IO_BEST_EFFORT_LOW") => (word.to_owned(), Some(Value::from("low"))),
            Word::Known(word @ "CPU_LOW") => (word.to_owned(), Some(Value::from(10))),
            Word::Known(word) => (word.to_owned(), None),
            Word::Unknown(word) => (word, None),
        };
        let what = prefix.at(old);
        match value {
            Some(value) => {
                let to = format!("limits = {{ {key} = {value} }}");
                let remark = draft.part(to, Was::shown(what, word));
                limits.push((key, value, remark));
            }
            None => {
                let why = "no backup is put before other work";
                draft.report.left_out(what, Some(&word), why);
            }
        }
    }
    limits
}

/// A table of a schedule and one more setting, with what both were.
struct Task {
    pairs: Vec<(String, Value)>,
    said: Vec<String>,
    why: Option<String>,
}

impl Task {
    fn of(policy: &Object<'_>) -> Self {
        let mut task = Self { pairs: Vec::new(), said: Vec::new(), why: None };
        let when = policy.object("schedule").and_then(|found| schedule(&found));
        match when {
            // What is done by hand is what a task without a schedule is.
            Some(told) if told.value.is_str() => task.said.push(told.from),
            Some(told) => task.add("schedule", told),
            None => {}
        }
        task
    }

    fn add(&mut self, key: &str, told: Told) {
        self.pairs.push((key.to_owned(), told.value));
        self.said.push(told.from);
        self.why = self.why.take().or(told.why);
    }

    fn put(self, block: &mut Block, key: &'static str, what: String, draft: &mut Draft) {
        if self.pairs.is_empty() {
            let said = self.said.join("; ");
            draft.report.left_out(
                what,
                Some(&said),
                format!(
                    "without a schedule nothing happens by itself; holdfast repo {key} does it"
                ),
            );
            return;
        }
        let (value, from) = (inline(self.pairs), self.said.join("; "));
        draft.put_told(block, key, what, Told { value, from, why: self.why });
    }
}

fn upkeep(repo: &Object<'_>, draft: &mut Draft, block: &mut Block) {
    let is_foreign = repo.has("originInstanceId");
    for (old, key) in
        [("forgetPolicy", "forget"), ("prunePolicy", "prune"), ("checkPolicy", "check")]
    {
        let Some(policy) = repo.object(old) else { continue };
        let mut task = Task::of(&policy);
        let (setting, told) = match key {
            "forget" => {
                ("retention", policy.object("retention").and_then(|found| retention(&found)))
            }
            "prune" => ("max-unused", Some(max_unused(&policy))),
            _ => ("read-data", read_data(&policy)),
        };
        if let Some(told) = told {
            task.add(setting, told);
        }
        if is_foreign {
            policy.dismiss();
            draft.report.left_out(repo.at(old), None, "its owner does this");
        } else {
            task.put(block, key, repo.at(old), draft);
        }
    }
}

fn max_unused(policy: &Object<'_>) -> Told {
    let (bytes, share) = (policy.integer("maxUnusedBytes"), policy.number("maxUnusedPercent"));
    let text = match bytes {
        0 if share >= 100.0 => "unlimited".to_owned(),
        0 => percent(share),
        bytes => size(bytes),
    };
    let from = format!("at most {text} unused");
    Told { value: Value::from(text), from, why: None }
}

fn read_data(policy: &Object<'_>) -> Option<Told> {
    let share = policy.number("readDataSubsetPercent");
    // Asked for, so that it is not told as unknown.
    policy.flag("structureOnly");
    let text = percent(share.min(100.0));
    let from = format!("{text} of the data");
    let why = "each check reads another part, so that in time all of it is read".to_owned();
    (share > 0.0).then(|| Told { value: Value::from(text), from, why: Some(why) })
}
