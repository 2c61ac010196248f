//! The settings as a person sees them.

use super::super::hooks::Silence;
use crate::api::{Channel as ChannelDocument, Hook as HookDocument, Settings};
use crate::clock;
use crate::config::{Channel, Config, Hook, Level, Recipient, Tls};
use crate::daemon::Node;
use crate::daemon::hooks::TEST;
use crate::model::{Operation, OperationKind, Status, Timestamp};
use crate::store::history::{Filter, Whose};
use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

/// How far back the last result of a channel is looked for.
const LOOKED_BACK: Duration = Duration::from_secs(30 * 24 * 3600);
const PAGE: usize = 256;

/// The licences of the program and of what it is built on.
const LICENCES: [&str; 2] = ["Apache-2.0", "MIT"];

pub(super) async fn settings(node: &Node) -> Settings {
    let config = node.config.current();
    let path = node.config.path();
    let restic = match node.engine.version().await {
        Ok(version) => version.to_string(),
        Err(error) => error.to_string(),
    };
    let texts = |items: &[std::net::SocketAddr]| items.iter().map(ToString::to_string).collect();
    let beyond_loopback = config.listen.iter().any(|address| !address.ip().is_loopback());
    let silence = Silence::read(node).await;
    Settings {
        instance: config.instance.to_string(),
        class: config.class.to_string(),
        config_path: path.display().to_string(),
        read_only: super::super::config::is_read_only(path),
        key_id: node.key().to_string(),
        restic,
        restic_path: config.restic.as_ref().map(|path| path.display().to_string()),
        listen: texts(&config.listen),
        sync_listen: texts(&config.sync_listen),
        urls: config.urls.iter().map(ToString::to_string).collect(),
        trusted_proxies: config.trusted_proxies.iter().map(ToString::to_string).collect(),
        tls: tls(&config.tls).to_owned(),
        beyond_loopback,
        channels: channels(node, &config, &silence).await,
        hooks: hooks(&config),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        data_dir: node.data.path().display().to_string(),
        licences: LICENCES.map(str::to_owned).to_vec(),
        notes: notes(node, &config, beyond_loopback),
        silent_until: silence.of_everybody().map(|until| until.to_string()),
    }
}

const fn tls(tls: &Tls) -> &'static str {
    match tls {
        Tls::Off => "none",
        Tls::SelfSigned => "self-signed",
        Tls::Files { .. } => "files",
    }
}

fn notes(node: &Node, config: &Config, beyond_loopback: bool) -> Vec<String> {
    let mut notes = Vec::new();
    if beyond_loopback {
        notes.push("other machines can reach this page; everybody has to sign in".to_owned());
        if config.tls == Tls::Off {
            notes.push(
                "without TLS passwords cross the network in clear: set tls, or put a proxy \
                 with HTTPS before it"
                    .to_owned(),
            );
        }
    }
    let wanted = config.listen.iter().chain(&config.sync_listen);
    let is_bound = |address: &std::net::SocketAddr| {
        address.port() == 0 || node.listening.iter().any(|bound| bound == address)
    };
    let count = config.listen.len() + config.sync_listen.len();
    if !wanted.clone().all(is_bound) || node.listening.len() != count {
        notes.push("the addresses take effect when the daemon is started again".to_owned());
    }
    notes
}

fn hooks(config: &Config) -> Vec<HookDocument> {
    let mut counts: HashMap<String, u32> = HashMap::new();
    let one = |(level, hook): (Level, &Hook)| {
        let place = match &level {
            Level::Instance => String::new(),
            Level::Repo(_) | Level::Plan(_) => level.to_string(),
        };
        let count = counts.entry(place.clone()).or_default();
        let index = *count;
        *count += 1;
        hook_document(place, index, hook)
    };
    config.hooks_by_level().map(one).collect()
}

fn hook_document(place: String, index: u32, hook: &Hook) -> HookDocument {
    let on: Vec<String> = hook.on.iter().map(|event| event.as_str().to_owned()).collect();
    let (channel, action) = match &hook.target {
        Recipient::Channel(id) => (Some(id.clone()), None),
        Recipient::Inline(deed) => (None, Some(deed.action.to_string())),
    };
    let target = channel.as_ref().or(action.as_ref()).cloned().unwrap_or_default();
    let summary = format!("{} → {target}", on.join(", "));
    HookDocument { place, index, on, channel, action, summary }
}

/// What became of the last message of a channel.
struct Told {
    result: &'static str,
    error: Option<String>,
    at: Timestamp,
}

async fn channels(node: &Node, config: &Config, silence: &Silence) -> Vec<ChannelDocument> {
    // What cannot be read is not known, and said so by the status.
    let told = told(node, config).await;
    let one = |channel: &Channel| {
        let (fields, secrets_set) = channel.fields();
        let last = told.get(&channel.id);
        ChannelDocument {
            id: channel.id.clone(),
            action: channel.deed.action.to_string(),
            fields,
            secrets_set,
            last_result: last.map(|last| last.result.to_owned()),
            last_error: last.and_then(|last| last.error.clone()),
            last_at: last.map(|last| last.at.to_string()),
            snoozed_until: silence.of(&channel.id).map(|until| until.to_string()),
        }
    };
    config.channels.iter().map(one).collect()
}

/// What waits in the outbox after a failure is the newest; else the newest operation says it.
async fn told(node: &Node, config: &Config) -> BTreeMap<String, Told> {
    let mut told = ended(node).await;
    let by_hook: HashMap<String, String> = config
        .listeners()
        .into_iter()
        .filter_map(|listener| Some((listener.key, listener.channel?)))
        .collect();
    let failing = node.with_trust(|trust, _| trust.failing_hooks()).await.unwrap_or_default();
    for waiting in failing {
        if let Some(channel) = by_hook.get(&waiting.hook) {
            let (result, error) = ("failed", Some(waiting.error));
            told.insert(channel.clone(), Told { result, error, at: waiting.created_at });
        }
    }
    told
}

async fn ended(node: &Node) -> BTreeMap<String, Told> {
    let since = clock::now().minus(LOOKED_BACK);
    let read = node.history.read(move |reader| {
        let kind = Some(OperationKind::Hook);
        let filter = Filter { whose: Whose::Own, kind, since: Some(since), ..Filter::default() };
        let (mut told, mut after) = (BTreeMap::new(), None);
        loop {
            let page = reader.operations(&filter, after, PAGE)?;
            let states = page.operations.into_iter().filter_map(|recorded| recorded.state);
            for state in states {
                told.extend(result(&state));
            }
            match page.next {
                Some(next) => after = Some(next),
                None => return Ok(told),
            }
        }
    });
    read.await.unwrap_or_default()
}

/// A hook operation begins with `CHANNEL (ACTION): `, of a test too.
fn result(operation: &Operation) -> Option<(String, Told)> {
    let message = operation.message.strip_prefix(TEST).unwrap_or(&operation.message);
    let (channel, rest) = message.split_once(" (")?;
    let at = operation.ended_at.unwrap_or(operation.started_at);
    let told = match operation.status {
        Status::Succeeded | Status::Warning => Told { result: "sent", error: None, at },
        Status::Failed => {
            let why = rest.split_once("): ").map_or(rest, |(_, why)| why).to_owned();
            Told { result: "failed", error: Some(why), at }
        }
        Status::Pending | Status::Running | Status::Cancelled | Status::Skipped | Status::Lost => {
            return None;
        }
    };
    Some((channel.to_owned(), told))
}
