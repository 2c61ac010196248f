//! Edits of channels and hooks that keep what they do not change: comments, order and secrets.
//!
//! 1. A secret that is not given again stays as it is written; no edit can read one.
//! 2. X1: no command is written by an edit; those are the owner's, in the file.

use super::edit::{EditError, position, same, with_tables};
use super::hooks::Level;
use super::secret::Template;
use crate::notify::{Action, Event, Setting, Shape};
use std::collections::BTreeMap;
use toml_edit::{Array, DocumentMut, InlineTable, Item, Table, TableLike, Value};

/// When and in which words somebody is told: keys of the channel itself.
const MANNER: [&str; 8] =
    ["repeat", "remind", "digest", "quiet", "wake", "timeout", "title", "body"];

/// A channel as it is to be.
#[derive(Debug, Clone, PartialEq)]
pub struct ChannelDraft {
    /// The name that hooks use.
    pub id: String,
    /// What is done.
    pub action: Action,
    /// Its settings and manner by key, without the secrets that stay.
    pub fields: BTreeMap<String, Given>,
}

/// A value of a setting that may be a secret: not shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Given(pub String);

impl std::fmt::Debug for Given {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Given(..)")
    }
}

/// A hook as it is to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HookDraft {
    /// Where it is written.
    pub place: Level,
    /// Which of those there; `None`: a new one.
    pub index: Option<usize>,
    /// Of which events it hears.
    pub on: Vec<Event>,
    /// Who is told; `None`: as it is.
    pub channel: Option<String>,
}

pub(super) fn put_channel(
    document: &mut DocumentMut,
    draft: &ChannelDraft,
) -> Result<(), EditError> {
    refuse_commands(draft)?;
    with_tables(document, "channel", |tables| {
        let at = match position(tables, &draft.id) {
            Some(at) => at,
            None => {
                let mut table = Table::new();
                table.insert("id", Item::Value(Value::from(draft.id.as_str())));
                table.decor_mut().set_prefix("\n");
                tables.push(table);
                tables.len() - 1
            }
        };
        let Some(table) = tables.get_mut(at) else { return Ok(()) };
        write_channel(table, draft);
        Ok(())
    })
}

fn refuse_commands(draft: &ChannelDraft) -> Result<(), EditError> {
    let is_command = |key: &String| key.ends_with("-command");
    match draft.action == Action::Command || draft.fields.keys().any(is_command) {
        true => Err(EditError::ByHand { what: "a command" }),
        false => Ok(()),
    }
}

fn write_channel(table: &mut Table, draft: &ChannelDraft) {
    let action = draft.action.as_str();
    let others = Action::ALL.iter().filter(|other| **other != draft.action);
    for other in others {
        table.remove(other.as_str());
    }
    let is_setting = |key: &str| draft.action.settings().iter().any(|s| belongs(s, key));
    for key in MANNER.iter().filter(|key| !is_setting(key)) {
        let value = draft.fields.get(*key).map(|given| Value::from(given.0.as_str()));
        set(table, key, value);
    }
    let item = table.entry(action).or_insert(Item::Value(InlineTable::new().into()));
    let Some(settings) = item.as_table_like_mut() else { return };
    for setting in draft.action.settings() {
        write_setting(settings, setting, draft);
    }
    // What is no setting is written all the same, for the parser to name it.
    let known = |key: &str| MANNER.contains(&key) || is_setting(key);
    for (key, given) in draft.fields.iter().filter(|(key, _)| !known(key)) {
        set(settings, key, Some(Value::from(given.0.as_str())));
    }
}

/// Whether a key is this setting, in any of the ways to say it.
fn belongs(setting: &Setting, key: &str) -> bool {
    let ways = ways(setting);
    ways.iter().any(|way| way == key)
}

fn ways(setting: &Setting) -> Vec<String> {
    let name = setting.name;
    match setting.shape {
        Shape::Secret => vec![name.to_owned(), format!("{name}-file"), format!("{name}-command")],
        Shape::Text
        | Shape::Word(_)
        | Shape::Number(..)
        | Shape::Path
        | Shape::List
        | Shape::Table
        | Shape::Template
        | Shape::Script => vec![name.to_owned()],
    }
}

fn write_setting(settings: &mut dyn TableLike, setting: &Setting, draft: &ChannelDraft) {
    let ways = ways(setting);
    let given = ways.iter().any(|way| draft.fields.contains_key(way));
    let is_secret = matches!(setting.shape, Shape::Secret | Shape::Table);
    if is_secret && !given {
        return;
    }
    for way in &ways {
        let shape = if *way == setting.name { setting.shape } else { Shape::Path };
        let given = draft.fields.get(way).filter(|given| !given.0.is_empty());
        set(settings, way, given.map(|given| value(shape, &given.0)));
    }
}

fn value(shape: Shape, text: &str) -> Value {
    match shape {
        // A secret stands for itself; variables are written in the file.
        Shape::Secret if variable(text) => Value::from(text),
        Shape::Secret => Value::from(Template::literal(text).as_written()),
        Shape::Number(..) => text.parse::<i64>().map_or_else(|_| Value::from(text), Value::from),
        Shape::List => Value::Array(lines(text).collect::<Array>()),
        Shape::Table => {
            let pair = |line: &str| {
                let (name, value) = line.split_once(':').unwrap_or((line, ""));
                (name.trim().to_owned(), Value::from(Template::literal(value.trim()).as_written()))
            };
            Value::InlineTable(lines(text).map(pair).collect::<InlineTable>())
        }
        Shape::Text | Shape::Word(_) | Shape::Path | Shape::Template | Shape::Script => {
            Value::from(text)
        }
    }
}

/// `${NAME}` alone tells where a secret is.
fn variable(text: &str) -> bool {
    text.parse::<Template>().is_ok_and(|template| template.is_one_variable())
}

fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines().map(str::trim).filter(|line| !line.is_empty())
}

/// A value in its place, with the comment beside it; `None` removes it.
fn set(table: &mut dyn TableLike, key: &str, value: Option<Value>) {
    let Some(mut value) = value else {
        table.remove(key);
        return;
    };
    match table.get_mut(key).and_then(Item::as_value_mut) {
        Some(old) if same(old, &value) => {}
        Some(old) => {
            *value.decor_mut() = old.decor().clone();
            *old = value;
        }
        None => {
            table.insert(key, Item::Value(value));
        }
    }
}

pub(super) fn remove_channel(document: &mut DocumentMut, id: &str) -> Result<(), EditError> {
    with_tables(document, "channel", |tables| {
        let missing = || EditError::Missing { kind: "channel", id: id.to_owned() };
        let at = position(tables, id).ok_or_else(missing)?;
        tables.remove(at);
        Ok(())
    })
}

pub(super) fn put_hook(document: &mut DocumentMut, draft: &HookDraft) -> Result<(), EditError> {
    let missing = || no_hook(&draft.place, draft.index.unwrap_or_default());
    in_place(document, &draft.place, |table| {
        let item = table.entry("hook").or_insert(Item::Value(Array::new().into()));
        let at = match (draft.index, &mut *item) {
            (Some(at), _) => at,
            (None, Item::ArrayOfTables(hooks)) => {
                hooks.push(Table::new());
                hooks.len() - 1
            }
            (None, item) => {
                let Some(hooks) = item.as_array_mut() else { return Err(missing()) };
                hooks.push(InlineTable::new());
                hooks.len() - 1
            }
        };
        let hook: Option<&mut dyn TableLike> = match item {
            Item::ArrayOfTables(hooks) => hooks.get_mut(at).map(|hook| hook as _),
            item => item
                .as_array_mut()
                .and_then(|hooks| hooks.get_mut(at))
                .and_then(Value::as_inline_table_mut)
                .map(|hook| hook as _),
        };
        write_hook(hook.ok_or_else(missing)?, draft)
    })
}

fn write_hook(hook: &mut dyn TableLike, draft: &HookDraft) -> Result<(), EditError> {
    let is_inline = Action::ALL.iter().any(|action| hook.contains_key(action.as_str()));
    if is_inline && draft.channel.is_some() {
        return Err(EditError::ByHand { what: "a hook that carries its action" });
    }
    let on: Array = draft.on.iter().map(|event| event.as_str()).collect();
    set(hook, "on", Some(Value::Array(on)));
    if let Some(channel) = &draft.channel {
        set(hook, "channel", Some(Value::from(channel.as_str())));
    }
    Ok(())
}

pub(super) fn remove_hook(
    document: &mut DocumentMut,
    place: &Level,
    index: usize,
) -> Result<(), EditError> {
    in_place(document, place, |table| {
        let missing = || no_hook(place, index);
        let left = match table.get_mut("hook").ok_or_else(missing)? {
            Item::ArrayOfTables(hooks) if index < hooks.len() => {
                hooks.remove(index);
                hooks.len()
            }
            item => {
                let hooks = item.as_array_mut().filter(|hooks| index < hooks.len());
                let hooks = hooks.ok_or_else(missing)?;
                hooks.remove(index);
                hooks.len()
            }
        };
        if left == 0 {
            table.remove("hook");
        }
        Ok(())
    })
}

fn no_hook(place: &Level, index: usize) -> EditError {
    EditError::Missing { kind: "hook", id: format!("{index} of {place}") }
}

/// Works on the table that has the hooks of a level.
fn in_place(
    document: &mut DocumentMut,
    place: &Level,
    work: impl FnOnce(&mut Table) -> Result<(), EditError>,
) -> Result<(), EditError> {
    let (kind, id) = match place {
        Level::Instance => return work(document.as_table_mut()),
        Level::Repo(id) => ("repo", id.as_str()),
        Level::Plan(id) => ("plan", id.as_str()),
    };
    with_tables(document, kind, |tables| {
        let missing = || EditError::Missing { kind, id: id.to_owned() };
        let at = position(tables, id).ok_or_else(missing)?;
        work(tables.get_mut(at).ok_or_else(missing)?)
    })
}

/// Appends the repos, plans and channels of another text of a configuration, comments and all.
pub(super) fn merge(document: &mut DocumentMut, text: &str) -> Result<(), EditError> {
    let Ok(mut other) = text.parse::<DocumentMut>() else {
        return Err(EditError::Invalid(super::Problems::default()));
    };
    for kind in ["channel", "repo", "plan"] {
        let Some(more) = other.remove(kind) else { continue };
        let more = match more {
            Item::ArrayOfTables(tables) => tables,
            item => item.into_array_of_tables().unwrap_or_default(),
        };
        with_tables(document, kind, |tables| {
            for mut table in more {
                let id = table.get("id").and_then(Item::as_str).unwrap_or_default().to_owned();
                if position(tables, &id).is_some() {
                    return Err(EditError::Exists { kind, id });
                }
                unplace(&mut table);
                tables.push(table);
            }
            Ok(())
        })?;
        if document.get(kind).and_then(Item::as_array_of_tables).is_some_and(|all| all.is_empty()) {
            document.remove(kind);
        }
    }
    Ok(())
}

/// Where it and what is below it stood in another text says nothing here: it goes to the end.
fn unplace(table: &mut Table) {
    table.set_position(None);
    for (_, item) in table.iter_mut() {
        match item {
            Item::Table(below) => unplace(below),
            Item::ArrayOfTables(all) => all.iter_mut().for_each(unplace),
            Item::None | Item::Value(_) => {}
        }
    }
}

/// A table of a text by its id, with its comments, as a text of its own.
pub(super) fn cut_out(text: &str, kind: &str, id: &str) -> Option<String> {
    let mut document = text.parse::<DocumentMut>().ok()?;
    let mut alone = DocumentMut::new();
    let mut tables = document.remove(kind)?.into_array_of_tables().ok()?;
    let at = position(&tables, id)?;
    let table = tables.iter().nth(at)?.clone();
    tables.clear();
    tables.push(table);
    alone.insert(kind, Item::ArrayOfTables(tables));
    Some(alone.to_string())
}
