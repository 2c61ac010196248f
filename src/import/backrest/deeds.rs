//! What a hook does, as an action of the new config.

use super::document::{inline, list};
use super::json::{Object, Word};
use super::secrets::{Secrets, literal};
use toml_edit::Value;

/// An action with its settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Deed {
    pub(super) action: &'static str,
    settings: Vec<(&'static str, Setting)>,
}

/// The value of a setting.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Setting {
    /// Gets a file of its own.
    Secret(String),
    Text(String),
    /// Nothing in it is expanded.
    Script(String),
    Number(i64),
    List(Vec<String>),
}

impl std::fmt::Debug for Setting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Secret(_) | Self::Script(_) => f.write_str("(..)"),
            Self::Text(text) => write!(f, "{text:?}"),
            Self::Number(number) => write!(f, "{number}"),
            Self::List(texts) => write!(f, "{texts:?}"),
        }
    }
}

impl Deed {
    pub(super) const fn new(action: &'static str) -> Self {
        Self { action, settings: Vec::new() }
    }

    pub(super) fn with(mut self, key: &'static str, setting: Setting) -> Self {
        self.settings.push((key, setting));
        self
    }

    pub(super) fn secret(self, key: &'static str, secret: impl Into<String>) -> Self {
        self.with(key, Setting::Secret(secret.into()))
    }

    pub(super) fn text(self, key: &'static str, text: impl Into<String>) -> Self {
        self.with(key, Setting::Text(text.into()))
    }

    /// A number that is in its range; another one is left to the default.
    pub(super) fn number(self, key: &'static str, number: i64, least: i64, most: i64) -> Self {
        match (least..=most).contains(&number) {
            true => self.with(key, Setting::Number(number)),
            false => self,
        }
    }

    /// As the config says it; secrets go into files that begin with this name.
    pub(super) fn value(&self, secrets: &mut Secrets, name: &str) -> Value {
        let pair = |(key, setting): &(&str, Setting)| match setting {
            Setting::Secret(secret) => {
                (format!("{key}-file"), secrets.keep(&format!("{name}.{key}"), secret))
            }
            Setting::Text(text) => ((*key).to_owned(), literal(text)),
            Setting::Script(text) => ((*key).to_owned(), Value::from(text.as_str())),
            Setting::Number(number) => ((*key).to_owned(), Value::from(*number)),
            Setting::List(texts) => ((*key).to_owned(), list(texts.iter().map(String::as_str))),
        };
        inline(self.settings.iter().map(pair))
    }
}

/// What a hook does, the template of its words, and what kind it was.
#[derive(Debug)]
pub(super) struct Act {
    pub(super) kind: &'static str,
    pub(super) deeds: Result<Vec<Deed>, String>,
    pub(super) templates: Vec<String>,
    /// What of it is not quite the same.
    pub(super) why: Vec<&'static str>,
}

/// What the hook does; `None` where there is no action that is known.
pub(super) fn act(hook: &Object<'_>) -> Option<Act> {
    let kinds: [(&str, Reader); 8] = [
        ("actionCommand", command),
        ("actionWebhook", webhook),
        ("actionDiscord", discord),
        ("actionGotify", gotify),
        ("actionSlack", slack),
        ("actionShoutrrr", shoutrrr),
        ("actionHealthchecks", healthchecks),
        ("actionTelegram", telegram),
    ];
    kinds.into_iter().find_map(|(key, read)| hook.object(key).map(|action| read(&action)))
}

type Reader = fn(&Object<'_>) -> Act;

impl Act {
    fn new(kind: &'static str, action: &Object<'_>, deeds: Result<Vec<Deed>, String>) -> Self {
        let templates =
            ["template", "titleTemplate"].into_iter().filter_map(|key| action.text(key));
        let templates = templates.map(str::to_owned).filter(|text| !text.trim().is_empty());
        Self { kind, deeds, templates: templates.collect(), why: Vec::new() }
    }

    /// Of an action that needs these secrets or texts.
    fn needing(
        kind: &'static str,
        action: &Object<'_>,
        keys: &[&str],
        deed: impl FnOnce(&[&str]) -> Deed,
    ) -> Self {
        let given: Vec<_> = keys.iter().filter_map(|key| action.secret(key)).collect();
        let deeds = match given.len() == keys.len() {
            true => Ok(vec![deed(&given)]),
            false => Err(format!("it has no {}", keys.join(" and "))),
        };
        Self::new(kind, action, deeds)
    }
}

fn command(action: &Object<'_>) -> Act {
    let deed =
        |script: &[&str]| Deed::new("command").with("script", Setting::Script(script.concat()));
    let mut act = Act::needing("command", action, &["command"], deed);
    let script = action.secret("command").unwrap_or_default();
    if script.contains("{{") {
        let why = "its script has Go templates, which are not read here; write it anew with the variables of docs/notifications.md";
        act.deeds = Err(why.to_owned());
    }
    act
}

fn webhook(action: &Object<'_>) -> Act {
    const METHODS: &[(&str, i64)] = &[("UNKNOWN", 0), ("GET", 1), ("POST", 2)];
    let method = action.word("method", METHODS);
    let deed = |given: &[&str]| {
        let deed = Deed::new("webhook").secret("url", given.concat());
        match method {
            Word::Known("GET") => deed.text("method", "GET"),
            Word::Known(_) | Word::Unknown(_) => deed.text("method", "POST"),
        }
    };
    let mut act = Act::needing("webhook", action, &["webhookUrl"], deed);
    act.why.push("the body is holdfast's JSON document; write another one as body");
    act
}

fn discord(action: &Object<'_>) -> Act {
    Act::needing("discord", action, &["webhookUrl"], |url| {
        Deed::new("discord").secret("url", url.concat())
    })
}

fn slack(action: &Object<'_>) -> Act {
    Act::needing("slack", action, &["webhookUrl"], |url| {
        Deed::new("slack").secret("url", url.concat())
    })
}

fn healthchecks(action: &Object<'_>) -> Act {
    let deed = |url: &[&str]| Deed::new("healthchecks").secret("url", url.concat());
    Act::needing("healthchecks", action, &["webhookUrl"], deed)
}

fn gotify(action: &Object<'_>) -> Act {
    let priority = action.integer("priority");
    let deed = |given: &[&str]| {
        let deed = Deed::new("gotify").text("url", given[0]).secret("token", given[1]);
        if priority == 0 { deed } else { deed.number("priority", priority, 0, 10) }
    };
    Act::needing("gotify", action, &["baseUrl", "token"], deed)
}

fn telegram(action: &Object<'_>) -> Act {
    let deed =
        |given: &[&str]| Deed::new("telegram").secret("token", given[0]).text("chat-id", given[1]);
    Act::needing("telegram", action, &["botToken", "chatId"], deed)
}

fn shoutrrr(action: &Object<'_>) -> Act {
    let deeds = match action.secret("shoutrrrUrl") {
        Some(url) => super::shoutrrr::deeds(url),
        None => Err("it has no shoutrrrUrl".to_owned()),
    };
    Act::new("shoutrrr", action, deeds)
}
