//! From the file as written to a valid configuration, or to all that is wrong with it.

use super::check::check;
use super::hooks::{CHANNEL, channel, hooks};
use super::problem::{Problem, Problems};
use super::tables::{AUTHORIZED_CLIENT, KNOWN_HOST, PLAN, REPO, peer, plan, repo};
use super::units::{ByteSize, Span};
use super::upkeep::parallel;
use super::valid::{Config, History, Revision, Tls};
use super::values::{absolute, at_least_one, label, within};
use super::written::{Field, Findings, Keys, Place, Section};
use crate::model::{InstanceId, MachineClass, PeerRole};
use std::cell::RefCell;
use std::collections::HashSet;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;
use toml::de::DeTable;

/// No configuration file is larger.
pub(super) const MAX_FILE: usize = 1024 * 1024;

/// Of the top level.
pub(super) const TOP: Keys = Keys {
    known: &[
        "instance",
        "class",
        "listen",
        "urls",
        "formerly",
        "heartbeat",
        "dead-after",
        "offline-after",
        "sync-listen",
        "trusted-proxies",
        "history",
        "tls",
        "restic",
        "parallel",
        "repo",
        "plan",
        "known-host",
        "authorized-client",
        "channel",
        "hook",
    ],
};
const HISTORY: Keys = Keys { known: &["keep", "keep-peers", "quota-per-peer"] };
const TLS: Keys = Keys { known: &["cert", "key"] };
/// Every key of this version, for the test of the manual.
#[cfg(test)]
pub(super) fn all_keys() -> impl Iterator<Item = &'static str> {
    use super::hooks::HOOK;
    use super::schedules::{ONLY_WHEN, RETRY, SCHEDULE};
    use super::tables::GRANT;
    use super::tuning::LIMITS;
    use super::upkeep::{CHECK, FORGET, PRUNE, RETENTION, STATS};
    let upkeep = [&FORGET, &PRUNE, &CHECK, &STATS, &RETENTION];
    let peers = [&KNOWN_HOST, &AUTHORIZED_CLIENT, &GRANT];
    let of_plans = [&SCHEDULE, &ONLY_WHEN, &RETRY, &LIMITS];
    let hooks = [&CHANNEL, &HOOK];
    let tables = [&TOP, &HISTORY, &TLS, &REPO, &PLAN].into_iter().chain(peers).chain(of_plans);
    let tables = tables.chain(upkeep).chain(hooks);
    tables.flat_map(|keys| keys.known.iter().copied())
}

/// Reads a configuration.
///
/// # Errors
/// All problems of the text, in its order.
pub fn parse(text: &str) -> Result<Config, Problems> {
    if text.len() > MAX_FILE {
        return Err(too_large(text.len()));
    }
    let findings = Findings::new(text);
    let (root, syntax) = DeTable::parse_recoverable(text);
    for error in &syntax {
        let place = Place { span: error.span().unwrap_or(0..0), key: String::new() };
        findings.report(&place, format!("this is not TOML: {}", error.message()), None);
    }
    let config = if syntax.is_empty() { read(&findings, root.get_ref()) } else { None };
    let problems = findings.into_problems();
    match config {
        Some(config) if problems.is_empty() => {
            Ok(Config { revision: Revision::of(text), ..config })
        }
        Some(_) | None => Err(Problems(problems)),
    }
}

fn too_large(len: usize) -> Problems {
    Problems(vec![Problem {
        line: 1,
        column: 1,
        key: String::new(),
        message: format!("the file has {len} bytes, at most {MAX_FILE} are allowed"),
        suggestion: None,
    }])
}

fn read<'a>(findings: &'a Findings<'a>, table: &'a DeTable<'a>) -> Option<Config> {
    let top = Section::root(findings, table).checked(&TOP);
    let instance = top.required("instance", "\"NAME\"").and_then(|field| field.parse());
    // Before those who name them.
    let channels = tables(&top, "channel", &CHANNEL, channel);
    let repos = tables(&top, "repo", &REPO, repo);
    let plans = tables(&top, "plan", &PLAN, plan);
    let mut peers = tables(&top, "known-host", &KNOWN_HOST, |section, place| {
        peer(section, place, PeerRole::KnownHost)
    });
    peers.extend(tables(&top, "authorized-client", &AUTHORIZED_CLIENT, |section, place| {
        peer(section, place, PeerRole::AuthorizedClient)
    }));
    check(findings, &plans, &peers);
    let hooks = hooks(&top);
    let settings = settings(&top, instance);
    addresses_apart(&top);
    Some(Config {
        repos: without_places(repos),
        plans: without_places(plans),
        peers: without_places(peers),
        channels: without_places(channels),
        hooks,
        ..settings?
    })
}

/// A value with the place of what names it, for the checks across tables.
pub(super) type Placed<T> = (T, Place);

fn without_places<T>(placed: Vec<Placed<T>>) -> Vec<T> {
    placed.into_iter().map(|(value, _)| value).collect()
}

fn tables<'a, T>(
    top: &Section<'a>,
    key: &str,
    keys: &Keys,
    read: impl Fn(Section<'a>, &mut Place) -> Option<T>,
) -> Vec<Placed<T>> {
    let Some(field) = top.field(key) else { return Vec::new() };
    let ids = RefCell::new(HashSet::new());
    field.list(|item| {
        let section = item.open_table()?.named(key).checked(keys);
        // Also of one that is wrong in another way: all problems are told at once.
        if let Some((id, place)) =
            section.text_of("id").filter(|(id, _)| !ids.borrow_mut().insert(*id))
        {
            let cure = "give it another id".to_owned();
            top.findings.report(&place, format!("{key} id {id} is used twice"), Some(cure));
        }
        let mut place = section.place.clone();
        read(section, &mut place).map(|value| (value, place))
    })
}

fn settings(top: &Section<'_>, instance: Option<InstanceId>) -> Option<Config> {
    // The rest is read, and its problems found, even where the name is missing.
    let named = instance.is_some();
    let base = Config::new(instance.or_else(|| "unnamed".parse().ok())?);
    let heartbeat = heartbeat(top).unwrap_or(base.heartbeat);
    let config = Config {
        class: top.field("class").and_then(|f| class(&f)).unwrap_or(base.class),
        listen: top.field("listen").map(|f| listen(&f)).unwrap_or(base.listen),
        urls: list(top, "urls"),
        formerly: top.field("formerly").map(|f| f.list(label)).unwrap_or_default(),
        heartbeat,
        dead_after: dead_after(top, heartbeat).unwrap_or(3 * heartbeat),
        offline_after: offline_after(top).unwrap_or(base.offline_after),
        sync_listen: top.field("sync-listen").map(|f| f.list(address)).unwrap_or_default(),
        trusted_proxies: list(top, "trusted-proxies"),
        history: top.field("history").and_then(|f| history(&f)).unwrap_or_default(),
        tls: top.field("tls").and_then(|f| tls(&f)).unwrap_or_default(),
        restic: top.field("restic").and_then(|f| f.text()).map(PathBuf::from),
        parallel: top.field("parallel").and_then(|f| parallel(&f)).unwrap_or(base.parallel),
        ..base
    };
    named.then_some(config)
}

fn list<T: FromStr<Err: std::fmt::Display>>(section: &Section<'_>, key: &str) -> Vec<T> {
    section.field(key).map(|field| field.list(Field::parse)).unwrap_or_default()
}

fn class(field: &Field<'_>) -> Option<MachineClass> {
    field.word(MachineClass::ALL)
}

fn listen(field: &Field<'_>) -> Vec<SocketAddr> {
    at_least_one(field, "[\"127.0.0.1:9898\"]");
    field.list(address)
}

/// One address cannot serve everything and the sync path alone.
fn addresses_apart(top: &Section<'_>) {
    let Some(sync) = top.field("sync-listen") else { return };
    let others = top.field("listen").map(|field| field.strings()).unwrap_or_default();
    if sync.strings().iter().any(|address| others.contains(address)) {
        sync.report("an address of it is in listen as well", Some("use another port".into()));
    }
}

fn address(field: &Field<'_>) -> Option<SocketAddr> {
    let text = field.text()?;
    let cure = || match text.strip_prefix(':').or_else(|| text.strip_prefix("localhost:")) {
        Some(port) if text.starts_with(':') => {
            Some(format!("for every address write \"0.0.0.0:{port}\""))
        }
        Some(port) => Some(format!("write \"127.0.0.1:{port}\"")),
        None => Some("write an IP address and a port, such as \"127.0.0.1:9898\"".to_owned()),
    };
    text.parse().map_err(|_| field.report("this is no address to listen on", cure())).ok()
}

fn heartbeat(top: &Section<'_>) -> Option<Duration> {
    within(&top.field("heartbeat")?, Duration::from_millis(100), Duration::from_secs(60))
}

/// At least two heartbeats, so that one lost answer is no death.
fn dead_after(top: &Section<'_>, heartbeat: Duration) -> Option<Duration> {
    within(&top.field("dead-after")?, 2 * heartbeat, Duration::from_secs(600))
}

fn offline_after(top: &Section<'_>) -> Option<Duration> {
    within(&top.field("offline-after")?, Duration::from_secs(1), Span::days(365).0)
}

fn history(field: &Field<'_>) -> Option<History> {
    let section = field.table(&HISTORY)?;
    let base = History::default();
    Some(History {
        keep: section.field("keep").and_then(|f| age(&f)).unwrap_or(base.keep),
        keep_peers: section.field("keep-peers").and_then(|f| age(&f)).unwrap_or(base.keep_peers),
        quota_per_peer: section
            .field("quota-per-peer")
            .and_then(|f| quota(&f))
            .unwrap_or(base.quota_per_peer),
    })
}

/// A time to keep history: less than a day would lose it before anyone looks.
fn age(field: &Field<'_>) -> Option<Span> {
    let day = Span::days(1).0;
    within(field, day, Span::days(100 * 365).0).map(Span)
}

fn quota(field: &Field<'_>) -> Option<ByteSize> {
    let (size, least) = (field.parse()?, ByteSize(1 << 20));
    if size < least {
        field.report(format!("{size} is less than {least}"), None);
        return None;
    }
    Some(size)
}

fn tls(field: &Field<'_>) -> Option<Tls> {
    if field.is_string() {
        return match field.text()? {
            "self-signed" => Some(Tls::SelfSigned),
            _ => {
                let cure =
                    "write \"self-signed\" or { cert = \"FILE\", key = \"FILE\" }".to_owned();
                field.report("this is neither \"self-signed\" nor a table", Some(cure));
                None
            }
        };
    }
    let section = field.table(&TLS)?;
    let file =
        |key| section.required(key, "\"FILE\"").and_then(|f| absolute(&f)).map(PathBuf::from);
    let (cert, key) = (file("cert"), file("key"));
    Some(Tls::Files { cert: cert?, key: key? })
}
