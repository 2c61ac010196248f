//! Channels and hooks as TOML, without their secrets: what `config show` prints.

use super::super::encode::{Fields, hidden, text as shown_text};
use super::super::secret::{SecretSource, Template};
use super::{Channel, Deed, Hook, Manner, OnError, Recipient, Written};
use crate::notify::{Setting, Shape};
use toml_edit::{Array, InlineTable, Value};

pub(in crate::config) fn show_channel(channel: &Channel) -> Fields {
    let mut fields: Fields = vec![("id", Some(shown_text(&channel.id)))];
    fields.extend(show_manner(&channel.manner));
    fields.push((channel.deed.action.as_str(), Some(show_deed(&channel.deed))));
    fields
}

/// The hooks of a table, without their secrets. `None` where there are none.
pub(in crate::config) fn show_hooks(hooks: &[Hook]) -> Option<Value> {
    let one = |hook: &Hook| {
        let mut table = InlineTable::new();
        let on: Array = hook.on.iter().map(|event| event.as_str()).collect();
        table.insert("on", Value::Array(on));
        match &hook.target {
            Recipient::Channel(id) => table.insert("channel", shown_text(id)),
            Recipient::Inline(deed) => table.insert(deed.action.as_str(), show_deed(deed)),
        };
        if hook.on_error != OnError::Ignore {
            table.insert("on-error", shown_text(hook.on_error));
        }
        for (key, value) in show_manner(&hook.manner) {
            if let Some(value) = value {
                table.insert(key, value);
            }
        }
        Value::InlineTable(table)
    };
    (!hooks.is_empty()).then(|| Value::Array(hooks.iter().map(one).collect()))
}

fn show_manner(manner: &Manner) -> Fields {
    let Manner { repeat, remind, digest, quiet, wake, timeout, wording } = manner;
    vec![
        ("repeat", repeat.map(shown_text)),
        ("remind", remind.map(shown_text)),
        ("digest", digest.map(shown_text)),
        ("quiet", quiet.map(shown_text)),
        ("wake", wake.map(shown_text)),
        ("timeout", timeout.map(shown_text)),
        ("title", wording.title.as_ref().map(shown_text)),
        ("body", wording.body.as_ref().map(shown_text)),
    ]
}

fn show_deed(deed: &Deed) -> Value {
    let mut table = InlineTable::new();
    for setting in deed.action.settings() {
        let Some(written) = deed.settings.get(setting.name) else { continue };
        let (key, value) = show_setting(setting, written);
        table.insert(&key, value);
    }
    Value::InlineTable(table)
}

fn show_setting(setting: &Setting, written: &Written) -> (String, Value) {
    let is_secret = matches!(setting.shape, Shape::Secret | Shape::Table);
    let one = |template: &Template| {
        let shown = if is_secret { hidden(template) } else { template.clone() };
        Value::from(shown.as_written())
    };
    let name = setting.name.to_owned();
    match written {
        Written::Text(SecretSource::Inline(text)) if matches!(setting.shape, Shape::Number(..)) => {
            let number = text.as_written().parse::<i64>();
            (name, number.map_or_else(|_| one(text), Value::from))
        }
        Written::Text(SecretSource::Inline(template)) => (name, one(template)),
        Written::Text(SecretSource::File(path)) => {
            (format!("{name}-file"), Value::from(path.as_written()))
        }
        Written::Text(SecretSource::Command(command)) => {
            (format!("{name}-command"), Value::from(command.as_str()))
        }
        Written::Literal(text) => (name, Value::from(text.as_str())),
        Written::List(list) => (name, Value::Array(list.iter().map(one).collect())),
        Written::Table(table) => {
            let pairs = table.iter().map(|(name, value)| (name.as_str(), one(value)));
            (name, Value::InlineTable(pairs.collect::<InlineTable>()))
        }
    }
}
