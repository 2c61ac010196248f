//! One repo, plan or channel as TOML, as the file would have it, without its secrets.

use super::encode::{self, Fields};
use super::hooks::{Channel, Hook, show_channel, show_hooks};
use super::secret::{SecretSource, Template};
use super::valid::{Plan, Repo};
use crate::notify::Action;
use std::collections::BTreeMap;
use toml_edit::Value;
use zeroize::Zeroizing;

fn table(kind: &str, fields: Fields) -> String {
    format!("[[{kind}]]\n{}", encode::filled(fields))
}

fn with_hooks(mut fields: Fields, hooks: &[Hook]) -> Fields {
    fields.push(("hook", show_hooks(hooks)));
    fields
}

impl Plan {
    /// As the file says it.
    #[must_use]
    pub fn show(&self) -> String {
        table("plan", with_hooks(encode::plan(self), &self.hooks))
    }
}

impl Repo {
    /// As the file says it, without secrets.
    #[must_use]
    pub fn show(&self) -> String {
        table("repo", with_hooks(encode::repo(&encode::redacted(self)), &self.hooks))
    }

    /// As the file says it, with secrets: for what tells one state of it from another.
    #[must_use]
    pub fn exact(&self) -> Zeroizing<String> {
        Zeroizing::new(table("repo", with_hooks(encode::repo(self), &self.hooks)))
    }

    /// What of it is a secret that is set, by its key.
    #[must_use]
    pub fn secrets_set(&self) -> Vec<String> {
        let shown = encode::redacted(self);
        let mut set = Vec::new();
        if shown.uri != self.uri {
            set.push("uri".to_owned());
        }
        set.push("password".to_owned());
        set.extend(hidden("env", &self.env, &shown.env));
        if shown.member.uri != self.member.uri {
            set.push("member-uri".to_owned());
        }
        set.extend(hidden("member-env", &self.member.env, &shown.member.env));
        set
    }

    /// The same without its secrets: locations without credentials, hidden values as `***`.
    #[must_use]
    pub fn redacted(&self) -> Self {
        encode::redacted(self)
    }
}

/// The variables of which another value is shown.
fn hidden<'a>(
    key: &'a str,
    own: &'a [(String, Template)],
    shown: &'a [(String, Template)],
) -> impl Iterator<Item = String> + 'a {
    let hidden = own.iter().zip(shown).filter(|(own, shown)| own != shown);
    hidden.map(move |((name, _), _)| format!("{key}.{name}"))
}

impl Channel {
    /// Its settings and manner by key, a list with a line for each, and the settings that have a
    /// secret, which are left out.
    #[must_use]
    pub fn fields(&self) -> (BTreeMap<String, String>, Vec<String>) {
        let (mut fields, mut secrets) = (BTreeMap::new(), Vec::new());
        let action = self.deed.action.as_str();
        for (key, value) in show_channel(self).into_iter().filter(|(key, _)| *key != "id") {
            match value {
                Some(Value::InlineTable(settings)) if key == action => {
                    for (key, value) in settings.iter() {
                        // A script may have a secret in it, and only its owner reads it.
                        let is_script = self.deed.action == Action::Command;
                        match shown(value).filter(|_| !is_script) {
                            Some(text) => drop(fields.insert(key.to_owned(), text)),
                            None => secrets.push(key.to_owned()),
                        }
                    }
                }
                Some(value) => fields.extend(shown(&value).map(|text| (key.to_owned(), text))),
                None => {}
            }
        }
        (fields, secrets)
    }

    /// As the file says it, without secrets.
    #[must_use]
    pub fn show(&self) -> String {
        table("channel", show_channel(self))
    }
}

impl SecretSource {
    /// The path of the file that it is in.
    #[must_use]
    pub fn file(&self) -> Option<&str> {
        match self {
            Self::File(path) => Some(path.as_written()),
            Self::Inline(_) | Self::Command(_) => None,
        }
    }
}

/// `None` of what is hidden.
fn shown(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.value().clone()).filter(|text| text != encode::HIDDEN),
        Value::Array(list) => {
            let lines: Vec<_> = list.iter().filter_map(Value::as_str).collect();
            Some(lines.join("\n"))
        }
        // Tables hold headers and variables, which are secrets.
        Value::InlineTable(_) => None,
        Value::Integer(_) | Value::Float(_) | Value::Boolean(_) | Value::Datetime(_) => {
            Some(value.to_string().trim().to_owned())
        }
    }
}
