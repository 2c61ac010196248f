//! From the file as written to a valid configuration, or to all that is wrong with it.

use super::check::check;
use super::problem::{Problem, Problems};
use super::secret::{SecretSource, Template, is_variable};
use super::units::Span;
use super::valid::{
    Config, DeclaredPeer, History, Member, Plan, Repo, Retention, Revision, Schedule, Tls,
};
use super::written::{Field, Findings, Keys, Place, Section};
use crate::grant::Grants;
use crate::model::{InstanceId, MachineClass, PeerRole};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;
use toml::de::DeTable;

/// No configuration file is larger.
pub(super) const MAX_FILE: usize = 1024 * 1024;

const TOP: Keys = Keys {
    known: &[
        "instance",
        "class",
        "listen",
        "urls",
        "formerly",
        "heartbeat",
        "dead-after",
        "sync-listen",
        "trusted-proxies",
        "history",
        "tls",
        "restic",
        "repo",
        "plan",
        "known-host",
        "authorized-client",
    ],
    later: &["channel", "hook"],
};
const HISTORY: Keys = Keys { known: &["keep", "keep-peers", "quota-per-peer"], later: &[] };
const TLS: Keys = Keys { known: &["cert", "key"], later: &[] };
const REPO: Keys = Keys {
    known: &[
        "id",
        "uri",
        "password",
        "password-file",
        "password-command",
        "env",
        "place",
        "kind",
        "shared",
        "member-uri",
        "member-password-file",
        "auto-init",
    ],
    later: &["forget", "prune", "check", "hook"],
};
const PLAN: Keys = Keys {
    known: &[
        "id",
        "repo",
        "paths",
        "exclude",
        "iexclude",
        "exclude-if-present",
        "one-file-system",
        "schedule",
        "retention",
        "max-age",
        "enabled",
    ],
    later: &["hook", "only-when", "grace"],
};
const KNOWN_HOST: Keys = Keys {
    known: &["instance", "key-id", "urls", "grants", "allow-remote-commands", "allowed-paths"],
    later: &[],
};
const AUTHORIZED_CLIENT: Keys = Keys {
    known: &["instance", "key-id", "grants", "allow-remote-commands", "allowed-paths"],
    later: &[],
};
const GRANT: Keys = Keys { known: &["permission", "scopes"], later: &[] };

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
    let repos = tables(&top, "repo", &REPO, repo);
    let plans = tables(&top, "plan", &PLAN, plan);
    let mut peers = tables(&top, "known-host", &KNOWN_HOST, |section, place| {
        peer(section, place, PeerRole::KnownHost)
    });
    peers.extend(tables(&top, "authorized-client", &AUTHORIZED_CLIENT, |section, place| {
        peer(section, place, PeerRole::AuthorizedClient)
    }));
    check(findings, &repos, &plans, &peers);
    let settings = settings(&top, instance);
    Some(Config {
        repos: without_places(repos),
        plans: without_places(plans),
        peers: without_places(peers),
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
    field.list(|item| {
        let section = item.open_table()?.named(key).checked(keys);
        let mut place = section.place.clone();
        read(section, &mut place).map(|value| (value, place))
    })
}

fn settings(top: &Section<'_>, instance: Option<InstanceId>) -> Option<Config> {
    // The rest is read, and its problems found, even where the name is missing.
    let named = instance.is_some();
    let base = Config::new(instance.or_else(|| "unnamed".parse().ok())?);
    let listen = addresses(top, "listen").filter(|list| !list.is_empty());
    let heartbeat = heartbeat(top).unwrap_or(base.heartbeat);
    let config = Config {
        class: top.field("class").and_then(|f| class(&f)).unwrap_or(base.class),
        listen: listen.unwrap_or_else(|| base.listen.clone()),
        urls: list(top, "urls"),
        formerly: top.field("formerly").map(|f| f.list(label)).unwrap_or_default(),
        heartbeat,
        dead_after: dead_after(top, heartbeat).unwrap_or(3 * heartbeat),
        sync_listen: addresses(top, "sync-listen").unwrap_or_default(),
        trusted_proxies: list(top, "trusted-proxies"),
        history: top.field("history").and_then(|f| history(&f)).unwrap_or_default(),
        tls: top.field("tls").and_then(|f| tls(&f)).unwrap_or_default(),
        restic: top.field("restic").and_then(|f| f.text()).map(PathBuf::from),
        ..base
    };
    named.then_some(config)
}

fn list<T: FromStr<Err: std::fmt::Display>>(section: &Section<'_>, key: &str) -> Vec<T> {
    section.field(key).map(|field| field.list(Field::parse)).unwrap_or_default()
}

fn class(field: &Field<'_>) -> Option<MachineClass> {
    field.word(&["server", "desktop", "laptop", "rarely-on"])
}

fn addresses(section: &Section<'_>, key: &str) -> Option<Vec<SocketAddr>> {
    section.field(key).map(|field| field.list(address))
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

fn label(field: &Field<'_>) -> Option<String> {
    let text = field.text()?;
    if text.chars().count() > 80 || text.chars().any(char::is_control) {
        field.report("a name has at most 80 characters and no control characters", None);
        return None;
    }
    Some(text.to_owned())
}

fn within(field: &Field<'_>, least: Duration, most: Duration) -> Option<Duration> {
    let Span(given) = field.parse()?;
    if given < least || given > most {
        let (given, least, most) = (Span(given), Span(least), Span(most));
        field.report(format!("{given} is not between {least} and {most}"), None);
        return None;
    }
    Some(given)
}

fn heartbeat(top: &Section<'_>) -> Option<Duration> {
    within(&top.field("heartbeat")?, Duration::from_millis(100), Duration::from_secs(60))
}

/// At least two heartbeats, so that one lost answer is no death.
fn dead_after(top: &Section<'_>, heartbeat: Duration) -> Option<Duration> {
    within(&top.field("dead-after")?, 2 * heartbeat, Duration::from_secs(600))
}

fn history(field: &Field<'_>) -> Option<History> {
    let section = field.table(&HISTORY)?;
    let base = History::default();
    Some(History {
        keep: section.field("keep").and_then(|f| age(&f)).unwrap_or(base.keep),
        keep_peers: section.field("keep-peers").and_then(|f| age(&f)).unwrap_or(base.keep_peers),
        quota_per_peer: section
            .field("quota-per-peer")
            .and_then(|f| f.parse())
            .unwrap_or(base.quota_per_peer),
    })
}

/// A time to keep history: less than a day would lose it before anyone looks.
fn age(field: &Field<'_>) -> Option<Span> {
    let day = Span::days(1).0;
    within(field, day, Span::days(100 * 365).0).map(Span)
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
    let file = |key| section.required(key, "\"FILE\"").and_then(|f| f.text()).map(PathBuf::from);
    let (cert, key) = (file("cert"), file("key"));
    Some(Tls::Files { cert: cert?, key: key? })
}

fn repo(section: Section<'_>, place: &mut Place) -> Option<Repo> {
    let id = name(&section, "id", place);
    let uri = section.required("uri", "\"LOCATION\"").and_then(|f| f.parse());
    let password = password(&section);
    let flag = |key, otherwise| section.field(key).and_then(|f| f.flag()).unwrap_or(otherwise);
    let text = |key| section.field(key).and_then(|f| label(&f));
    let repo = Repo {
        env: section.field("env").map(|f| environment(&f)).unwrap_or_default(),
        place: text("place"),
        kind: text("kind"),
        shared: flag("shared", false),
        member: member(&section),
        auto_init: flag("auto-init", true),
        ..Repo::new(id?, uri?, password?)
    };
    Some(repo)
}

/// What names a table; problems that concern the name itself point at it.
fn name<T: FromStr<Err: std::fmt::Display>>(
    section: &Section<'_>,
    key: &str,
    place: &mut Place,
) -> Option<T> {
    let field = section.required(key, "\"NAME\"")?;
    place.span = field.place.span.clone();
    field.parse()
}

fn password(section: &Section<'_>) -> Option<SecretSource> {
    let inline = section.field("password");
    let file = section.field("password-file");
    let command = section.field("password-command");
    let given = [&inline, &file, &command].into_iter().flatten().count();
    if given != 1 {
        let message = format!("{given} sources of the password are given, exactly one is needed");
        let cure = "give one of password-file, password-command and password".to_owned();
        section.report(message, Some(cure));
    }
    let source = match (inline, file, command) {
        (Some(field), ..) => field.parse().map(SecretSource::Inline),
        (None, Some(field), _) => field.parse().map(SecretSource::File),
        (None, None, Some(field)) => field.text().map(|text| SecretSource::Command(text.into())),
        (None, None, None) => None,
    };
    source.filter(|_| given == 1)
}

fn environment(field: &Field<'_>) -> Vec<(String, Template)> {
    let Some(section) = field.open_table() else { return Vec::new() };
    let mut env: Vec<_> =
        section.entries().filter_map(|(name, value)| variable(name, &value)).collect();
    env.sort_by(|a, b| a.0.cmp(&b.0));
    env
}

fn variable(name: &str, value: &Field<'_>) -> Option<(String, Template)> {
    let template = value.parse();
    if !is_variable(name) {
        value.report("this is no name of an environment variable", None);
        return None;
    }
    // The daemon passes these itself; two sources for one thing would be a guess.
    if ["RESTIC_REPOSITORY", "RESTIC_PASSWORD"].iter().any(|own| name.starts_with(own)) {
        let cure = "use uri, password, password-file or password-command".to_owned();
        value.report("location and password are not set by the environment", Some(cure));
        return None;
    }
    Some((name.to_owned(), template?))
}

fn member(section: &Section<'_>) -> Member {
    let uri: Option<Template> = section.field("member-uri").and_then(|field| {
        let uri: Template = field.parse()?;
        check_placeholders(&field, uri.as_written());
        Some(uri)
    });
    let password = section.field("member-password-file").and_then(|field| field.parse());
    Member { uri, password: password.map(SecretSource::File) }
}

fn check_placeholders(field: &Field<'_>, uri: &str) {
    let rest = uri.replace("{instance}", "");
    let stray = rest.match_indices('{').any(|(at, _)| !rest[..at].ends_with('$'));
    if stray {
        let cure = "{instance} is the only placeholder".to_owned();
        field.report("there is an unknown placeholder in braces", Some(cure));
    }
}

fn plan(section: Section<'_>, place: &mut Place) -> Option<Plan> {
    let id = name(&section, "id", place);
    let repo = section.required("repo", "\"REPO\"").and_then(|f| f.parse());
    let paths = section.required("paths", "[\"/path\"]").map(|f| paths(&f));
    let patterns = |key| section.field(key).map(|f| f.list(pattern)).unwrap_or_default();
    let flag = |key, otherwise| section.field(key).and_then(|f| f.flag()).unwrap_or(otherwise);
    let plan = Plan {
        exclude: patterns("exclude"),
        iexclude: patterns("iexclude"),
        exclude_if_present: patterns("exclude-if-present"),
        one_file_system: flag("one-file-system", false),
        schedule: schedule(&section),
        retention: retention(&section),
        max_age: section.field("max-age").and_then(|f| max_age(&f)),
        enabled: flag("enabled", true),
        ..Plan::new(id?, repo?, paths?)
    };
    Some(plan)
}

fn pattern(field: &Field<'_>) -> Option<String> {
    field.text().map(str::to_owned)
}

fn paths(field: &Field<'_>) -> Vec<String> {
    let paths = field.list(|item| absolute(item).map(str::to_owned));
    if field.items().is_empty() {
        field.report(
            "there is no path in it",
            Some("write at least one, such as [\"/home\"]".into()),
        );
    }
    paths
}

fn absolute<'a>(field: &Field<'a>) -> Option<&'a str> {
    let path = field.text()?;
    if path.starts_with('/') {
        return Some(path);
    }
    field.report("this is no absolute path", Some("begin it with / (~ is not expanded)".into()));
    None
}

fn schedule(section: &Section<'_>) -> Schedule {
    if let Some(field) = section.field("schedule") {
        only_word(&field, Schedule::Manual.as_str(), "plans run when they are asked to");
    }
    Schedule::Manual
}

fn retention(section: &Section<'_>) -> Retention {
    if let Some(field) = section.field("retention") {
        only_word(&field, Retention::None.as_str(), "snapshots are not forgotten");
    }
    Retention::None
}

fn only_word(field: &Field<'_>, word: &str, why: &str) {
    if !field.is_string() || field.text().is_some_and(|text| text != word) {
        let message = format!("this version of holdfast has only {word:?} here ({why})");
        field.report(message, Some(format!("write {word:?} or remove the key")));
    }
}

fn max_age(field: &Field<'_>) -> Option<Span> {
    within(field, Duration::from_secs(60), Span::days(100 * 365).0).map(Span)
}

fn peer(section: Section<'_>, place: &mut Place, role: PeerRole) -> Option<DeclaredPeer> {
    let instance = name(&section, "instance", place);
    let key = section.required("key-id", "\"ed25519.…\"").and_then(|f| f.parse());
    let urls = match role {
        PeerRole::KnownHost => host_urls(&section),
        PeerRole::AuthorizedClient => Vec::new(),
    };
    let commands = section.field("allow-remote-commands").and_then(|f| f.flag());
    let allowed = |field: Field<'_>| field.list(|item| absolute(item).map(PathBuf::from));
    let peer = DeclaredPeer {
        role,
        urls,
        grants: section.field("grants").map(|f| grants(&f)).unwrap_or_default(),
        allow_remote_commands: commands.unwrap_or(false),
        allowed_paths: section.field("allowed-paths").map(allowed).unwrap_or_default(),
        instance: instance?,
        key: key?,
    };
    Some(peer)
}

fn host_urls(section: &Section<'_>) -> Vec<crate::pairing::PeerUrl> {
    let Some(field) = section.required("urls", "[\"https://HOST\"]") else { return Vec::new() };
    if field.items().is_empty() {
        field.report("there is no URL in it", Some("write at least one".into()));
    }
    field.list(Field::parse)
}

fn grants(field: &Field<'_>) -> Grants {
    let written = field.list(|item| {
        let section = item.table(&GRANT)?;
        let permission = section.required("permission", "\"PERMISSION\"")?.text()?;
        let scopes = section.field("scopes").map(|f| f.list(Field::text)).unwrap_or_default();
        // Each by itself first: so a problem is told where it is.
        let fault = Grants::none().add(permission, scopes.iter().copied()).err();
        fault.map_or(Some((permission, scopes)), |fault| {
            item.report(fault.to_string(), None);
            None
        })
    });
    Grants::from_written(written).unwrap_or_else(|fault| {
        field.report(fault.to_string(), None);
        Grants::none()
    })
}
