//! Valid values as TOML: what edits write, and what `config show` prints.

use super::hooks::{Hook, show_channel, show_hooks};
use super::schedules;
use super::secret::{SecretSource, Template};
use super::tuning;
use super::units::Span;
use super::upkeep;
use super::valid::{Config, DeclaredPeer, History, Plan, Repo, Tls};
use crate::grant::Grants;
use crate::model::PeerRole;
use crate::schedule::Schedule;
use std::fmt::Display;
use toml_edit::{Array, ArrayOfTables, DocumentMut, InlineTable, Item, Table, Value};

/// Keys with their values; `None` where the default says it.
pub(super) type Fields = Vec<(&'static str, Option<Value>)>;

pub(super) fn text(value: impl Display) -> Value {
    Value::from(value.to_string())
}

fn set(flag: bool, otherwise: bool) -> Option<Value> {
    (flag != otherwise).then(|| Value::from(flag))
}

pub(super) fn list<T: Display>(items: &[T]) -> Option<Value> {
    (!items.is_empty()).then(|| Value::Array(items.iter().map(text).collect()))
}

fn template(template: &Template) -> Value {
    Value::from(template.as_written())
}

pub(super) fn inline<'a>(pairs: impl IntoIterator<Item = (&'a str, Value)>) -> Value {
    Value::InlineTable(pairs.into_iter().collect::<InlineTable>())
}

pub(super) fn repo(repo: &Repo) -> Fields {
    let environment = |env: &[(String, Template)]| {
        (!env.is_empty())
            .then(|| inline(env.iter().map(|(name, value)| (name.as_str(), template(value)))))
    };
    let mut fields = vec![("id", Some(text(&repo.id))), ("uri", Some(template(&repo.uri)))];
    fields.extend(password(&repo.password));
    fields.extend([
        ("env", environment(&repo.env)),
        ("place", repo.place.as_ref().map(text)),
        ("kind", repo.kind.as_ref().map(text)),
        ("shared", set(repo.shared, false)),
        ("member-uri", repo.member.uri.as_ref().map(template)),
        ("member-env", environment(&repo.member.env)),
        ("member-password-file", repo.member.password.as_ref().and_then(file)),
        ("auto-init", set(repo.auto_init, true)),
    ]);
    fields.extend(upkeep::fields(&repo.upkeep));
    fields.extend(tuning::encode(&repo.tuning));
    fields
}

fn file(source: &SecretSource) -> Option<Value> {
    match source {
        SecretSource::File(path) => Some(template(path)),
        SecretSource::Inline(_) | SecretSource::Command(_) => None,
    }
}

/// All three keys: the two that do not hold are removed.
fn password(source: &SecretSource) -> [(&'static str, Option<Value>); 3] {
    let (inline, command) = match source {
        SecretSource::Inline(value) => (Some(template(value)), None),
        SecretSource::Command(command) => (None, Some(text(command))),
        SecretSource::File(_) => (None, None),
    };
    [("password", inline), ("password-file", file(source)), ("password-command", command)]
}

pub(super) fn plan(plan: &Plan) -> Fields {
    let stdin = plan.stdin.as_ref();
    let concurrency = plan.read_concurrency.map(|n| Value::from(i64::from(n)));
    let mut fields = vec![
        ("id", Some(text(&plan.id))),
        ("repo", Some(text(&plan.repo))),
        ("paths", list(&plan.paths)),
        ("exclude", list(&plan.exclude)),
        ("iexclude", list(&plan.iexclude)),
        ("exclude-file", list(&plan.exclude_file)),
        ("iexclude-file", list(&plan.iexclude_file)),
        ("exclude-if-present", list(&plan.exclude_if_present)),
        ("exclude-larger-than", plan.exclude_larger_than.map(text)),
        ("exclude-caches", set(plan.exclude_caches, false)),
        ("one-file-system", set(plan.one_file_system, false)),
        (
            "schedule",
            (plan.schedule != Schedule::Manual).then(|| schedules::encoded(&plan.schedule)),
        ),
        ("retention", upkeep::retention_as_written(&plan.retention)),
        ("only-when", schedules::encoded_only_when(&plan.only_when)),
        ("retry", schedules::encoded_retry(&plan.retry)),
        ("read-concurrency", concurrency),
        ("skip-if-unchanged", set(plan.skip_if_unchanged, false)),
        ("host", plan.host.as_ref().map(text)),
        ("max-age", plan.max_age.map(text)),
        ("grace", plan.grace.map(text)),
        ("enabled", set(plan.enabled, true)),
        ("stdin-command", stdin.and_then(|stdin| list(&stdin.argv))),
        ("stdin-name", stdin.map(|stdin| text(&stdin.name))),
    ];
    fields.extend(tuning::encode(&plan.tuning));
    fields
}

fn peer(peer: &DeclaredPeer) -> Fields {
    let paths: Vec<_> = peer.allowed_paths.iter().map(|path| path.display()).collect();
    vec![
        ("instance", Some(text(&peer.instance))),
        ("key-id", Some(text(peer.key))),
        ("urls", list(&peer.urls)),
        ("grants", (!peer.grants.is_empty()).then(|| grants(&peer.grants))),
        ("allow-remote-commands", set(peer.allow_remote_commands, false)),
        ("allowed-paths", list(&paths)),
    ]
}

fn grants(grants: &Grants) -> Value {
    let grant = |(permission, scopes): (_, &crate::grant::Scopes)| {
        let scopes: Vec<_> = scopes.iter().collect();
        let scopes = list(&scopes).map(|list| ("scopes", list));
        inline([("permission", text(permission))].into_iter().chain(scopes))
    };
    Value::Array(grants.iter().map(grant).collect::<Array>())
}

pub(super) fn history(history: &History) -> Value {
    inline([
        ("keep", text(history.keep)),
        ("keep-peers", text(history.keep_peers)),
        ("quota-per-peer", text(history.quota_per_peer)),
    ])
}

pub(super) fn tls(tls: &Tls) -> Option<Value> {
    match tls {
        Tls::Off => None,
        Tls::SelfSigned => Some(text("self-signed")),
        Tls::Files { cert, key } => {
            Some(inline([("cert", text(cert.display())), ("key", text(key.display()))]))
        }
    }
}

fn settings(config: &Config) -> Fields {
    vec![
        ("instance", Some(text(&config.instance))),
        ("class", Some(text(config.class))),
        ("listen", list(&config.listen)),
        ("urls", list(&config.urls)),
        ("formerly", list(&config.formerly)),
        ("heartbeat", Some(text(Span(config.heartbeat)))),
        ("dead-after", Some(text(Span(config.dead_after)))),
        ("offline-after", Some(text(Span(config.offline_after)))),
        ("sync-listen", list(&config.sync_listen)),
        ("trusted-proxies", list(&config.trusted_proxies)),
        ("history", Some(history(&config.history))),
        ("tls", tls(&config.tls)),
        ("restic", config.restic.as_ref().map(|path| text(path.display()))),
        ("parallel", Some(Value::from(i64::from(config.parallel)))),
    ]
}

impl Config {
    /// The configuration in effect as TOML, with every secret replaced.
    #[must_use]
    pub fn show(&self) -> String {
        let mut document = DocumentMut::new();
        fill(document.as_table_mut(), settings(self));
        let peers_of = |role: PeerRole| self.peers.iter().filter(move |peer| peer.role == role);
        let hosts = peers_of(PeerRole::KnownHost).map(peer);
        let clients = peers_of(PeerRole::AuthorizedClient).map(peer);
        if let Some(hooks) = show_hooks(&self.hooks) {
            document.insert("hook", Item::Value(hooks));
        }
        let with_hooks = |mut fields: Fields, hooks: &[Hook]| {
            fields.push(("hook", show_hooks(hooks)));
            fields
        };
        let repos = self.repos.iter().map(|r| with_hooks(repo(&redacted(r)), &r.hooks));
        let plans = self.plans.iter().map(|p| with_hooks(plan(p), &p.hooks));
        add_tables(&mut document, "repo", repos);
        add_tables(&mut document, "plan", plans);
        add_tables(&mut document, "channel", self.channels.iter().map(show_channel));
        add_tables(&mut document, "known-host", hosts);
        add_tables(&mut document, "authorized-client", clients);
        document.to_string()
    }
}

fn fill(table: &mut Table, fields: Fields) {
    for (key, value) in fields {
        if let Some(value) = value {
            table.insert(key, Item::Value(value));
        }
    }
}

fn add_tables(document: &mut DocumentMut, key: &str, each: impl Iterator<Item = Fields>) {
    let tables: ArrayOfTables = each.map(filled).collect();
    if !tables.is_empty() {
        document.insert(key, Item::ArrayOfTables(tables));
    }
}

/// A new table with these fields, set apart by an empty line.
pub(super) fn filled(fields: Fields) -> Table {
    let mut table = Table::new();
    fill(&mut table, fields);
    table.decor_mut().set_prefix("\n");
    table
}

pub(super) const HIDDEN: &str = "***";

pub(super) fn redacted(repo: &Repo) -> Repo {
    let mut shown = repo.clone();
    shown.uri = redacted_uri(&repo.uri);
    shown.member.uri = repo.member.uri.as_ref().map(redacted_uri);
    if let SecretSource::Inline(value) = &repo.password {
        shown.password = SecretSource::Inline(hidden(value));
    }
    for (_, value) in shown.env.iter_mut().chain(&mut shown.member.env) {
        *value = hidden(value);
    }
    shown
}

/// A value that is nothing but one variable tells where the secret is, not what it is.
pub(super) fn hidden(value: &Template) -> Template {
    if value.is_one_variable() { value.clone() } else { Template::literal(HIDDEN) }
}

fn redacted_uri(uri: &Template) -> Template {
    // The owner's own text with something cut out: still a template, or hidden altogether.
    redact_uri(uri.as_written()).parse().unwrap_or_else(|_| Template::literal(HIDDEN))
}

/// A repository's location without the user name and password that it may carry.
#[must_use]
pub fn redact_uri(uri: &str) -> String {
    let Some(start) = uri.find("://").map(|at| at + 3) else { return uri.to_owned() };
    // restic takes sftp users from here; they are no credentials.
    if uri.starts_with("sftp:") {
        return uri.to_owned();
    }
    // A password may hold '/' or '#', written by mistake; up to the last '@' all is hidden.
    match uri[start..].rfind('@') {
        Some(at) => format!("{}{HIDDEN}{}", &uri[..start], &uri[start + at..]),
        None => uri.to_owned(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn credentials_leave_locations() {
        for (uri, shown) in [
            ("rest:https://nas:pw@vault.example/nas", "rest:https://***@vault.example/nas"),
            ("rest:https://nas:p/w@vault.example/nas", "rest:https://***@vault.example/nas"),
            ("rest:http://${USER}:${PW}@h/", "rest:http://***@h/"),
            ("rest:https://vault.example/nas", "rest:https://vault.example/nas"),
            ("sftp://nas@vault.example//srv", "sftp://nas@vault.example//srv"),
            ("/srv/a@b", "/srv/a@b"),
        ] {
            assert_eq!(redact_uri(uri), shown);
        }
    }
}
