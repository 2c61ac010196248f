//! The readers of `[[repo]]`, `[[plan]]`, `[[known-host]]` and `[[authorized-client]]`.

use super::hooks::hooks;
use super::schedules::{grace, only_when, retry, schedule};
use super::secret::{SecretSource, Template, is_variable};
use super::tuning;
use super::units::Span;
use super::upkeep::{retention, upkeep};
use super::valid::{DeclaredPeer, Member, Plan, Repo, Stdin};
use super::values::{absolute, at_least_one, label, within};
use super::written::{Field, Keys, Place, Section};
use crate::grant::Grants;
use crate::model::PeerRole;
use crate::pairing::PeerUrl;
use crate::schedule::Schedule;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

pub(super) const REPO: Keys = Keys {
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
        "member-env",
        "member-password-file",
        "auto-init",
        "hook",
        "forget",
        "prune",
        "check",
        "stats",
        "parallel",
        "lock-wait",
        "lock-alarm",
        "retry",
        "limits",
        "compression",
        "pack-size",
        "stall-after",
        "max-run",
    ],
};
pub(super) const PLAN: Keys = Keys {
    known: &[
        "id",
        "repo",
        "paths",
        "exclude",
        "iexclude",
        "exclude-file",
        "iexclude-file",
        "exclude-if-present",
        "exclude-larger-than",
        "exclude-caches",
        "one-file-system",
        "read-concurrency",
        "skip-if-unchanged",
        "host",
        "schedule",
        "only-when",
        "retry",
        "retention",
        "max-age",
        "grace",
        "enabled",
        "hook",
        "stdin-command",
        "stdin-name",
        "limits",
        "compression",
        "pack-size",
        "stall-after",
        "max-run",
    ],
};
pub(super) const KNOWN_HOST: Keys = Keys {
    known: &["instance", "key-id", "urls", "grants", "allow-remote-commands", "allowed-paths"],
};
pub(super) const AUTHORIZED_CLIENT: Keys =
    Keys { known: &["instance", "key-id", "grants", "allow-remote-commands", "allowed-paths"] };
pub(super) const GRANT: Keys = Keys { known: &["permission", "scopes"] };

pub(super) fn repo(section: Section<'_>, place: &mut Place) -> Option<Repo> {
    let id = name(&section, "id", place);
    let uri = section.required("uri", "\"LOCATION\"").and_then(|f| location(&f));
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
        hooks: hooks(&section),
        upkeep: upkeep(&section),
        tuning: tuning::read(&section),
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

/// What a text is that [`check_location`] does not take.
pub const NO_LOCATION: &str = "this is no location of a repository";
/// The schemes of restic; anything else is a path of this machine.
const SCHEMES: [&str; 8] = ["rest:", "sftp:", "s3:", "b2:", "azure:", "gs:", "swift:", "rclone:"];

/// Whether a text names a place that restic knows how to reach.
///
/// # Errors
/// It does not; what it has to be.
pub fn check_location(uri: &Template) -> Result<(), String> {
    let text = uri.as_written();
    let path = text.strip_prefix("local:").unwrap_or(text);
    let is_known = ["/", "${"].iter().chain(&SCHEMES).any(|start| path.starts_with(start));
    is_known
        .then_some(())
        .ok_or_else(|| format!("begin it with / or with one of {}", SCHEMES.join(" ")))
}

fn location(field: &Field<'_>) -> Option<Template> {
    let uri: Template = field.parse()?;
    match check_location(&uri) {
        Ok(()) => Some(uri),
        Err(cure) => {
            field.report(NO_LOCATION, Some(cure));
            None
        }
    }
}

/// The daemon's working directory is none of the owner's business, so paths are absolute.
pub(super) fn secret_file(field: &Field<'_>) -> Option<SecretSource> {
    let path: Template = field.parse()?;
    if !path.as_written().starts_with("${") {
        absolute(field)?;
    }
    Some(SecretSource::File(path))
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
        (None, Some(field), _) => secret_file(&field),
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
        let uri = location(&field)?;
        check_placeholders(&field, uri.as_written());
        Some(uri)
    });
    let password = section.field("member-password-file").and_then(|field| secret_file(&field));
    let env = section.field("member-env").map(|field| environment(&field)).unwrap_or_default();
    Member { uri, password, env }
}

fn check_placeholders(field: &Field<'_>, uri: &str) {
    let rest = uri.replace("{instance}", "");
    let stray = rest.match_indices('{').any(|(at, _)| !rest[..at].ends_with('$'));
    if stray {
        let cure = "{instance} is the only placeholder".to_owned();
        field.report("there is an unknown placeholder in braces", Some(cure));
    }
}

pub(super) fn plan(section: Section<'_>, place: &mut Place) -> Option<Plan> {
    let id = name(&section, "id", place);
    let repo = section.required("repo", "\"REPO\"").and_then(|f| f.parse());
    let stdin = stdin(&section);
    // One that has a fault is still in place of paths.
    let paths = match section.field("stdin-command") {
        Some(_) => Some(Vec::new()),
        None => section.required("paths", "[\"/path\"]").map(|f| paths(&f)),
    };
    let patterns = |key| section.field(key).map(|f| f.list(pattern)).unwrap_or_default();
    let files = |key| section.field(key).map(|f| f.list(file)).unwrap_or_default();
    let concurrency = section.field("read-concurrency");
    let flag = |key, otherwise| section.field(key).and_then(|f| f.flag()).unwrap_or(otherwise);
    let plan = Plan {
        exclude: patterns("exclude"),
        iexclude: patterns("iexclude"),
        exclude_file: files("exclude-file"),
        iexclude_file: files("iexclude-file"),
        exclude_if_present: patterns("exclude-if-present"),
        exclude_larger_than: section.field("exclude-larger-than").and_then(|f| f.parse()),
        exclude_caches: flag("exclude-caches", false),
        one_file_system: flag("one-file-system", false),
        schedule: section.field("schedule").and_then(|f| schedule(&f)).unwrap_or(Schedule::Manual),
        retention: section.field("retention").and_then(|f| retention(&f)).unwrap_or_default(),
        only_when: section.field("only-when").and_then(|f| only_when(&f)).unwrap_or_default(),
        retry: section.field("retry").and_then(|f| retry(&f)).unwrap_or_default(),
        grace: section.field("grace").and_then(|f| grace(&f)),
        read_concurrency: concurrency.and_then(|f| tuning::number(&f, 1, 64)),
        skip_if_unchanged: flag("skip-if-unchanged", false),
        host: section.field("host").and_then(|f| host(&f)),
        tuning: tuning::read(&section),
        max_age: section.field("max-age").and_then(|f| max_age(&f)),
        enabled: flag("enabled", true),
        hooks: hooks(&section),
        stdin,
        ..Plan::new(id?, repo?, paths?)
    };
    Some(plan)
}

/// A command whose output is saved, in place of paths.
fn stdin(section: &Section<'_>) -> Option<Stdin> {
    let name = section.field("stdin-name");
    let Some(field) = section.field("stdin-command") else {
        if let Some(name) = name {
            name.report("there is no stdin-command whose output it would name", None);
        }
        return None;
    };
    if let Some(paths) = section.field("paths") {
        paths.report("a plan saves paths or the output of a command, not both", None);
    }
    at_least_one(&field, "[\"pg_dump\", \"app\"]");
    let argv = field.list(|item| item.text().map(str::to_owned));
    let name = match name {
        Some(field) => file_name(&field)?,
        None => "stdin".to_owned(),
    };
    Some(Stdin { argv, name })
}

fn file_name(field: &Field<'_>) -> Option<String> {
    let name = field.text()?;
    let is_plain =
        !name.chars().any(|c| c == '/' || c.is_control()) && ![".", ".."].contains(&name);
    if !is_plain {
        field.report("this is no file name", Some("write one such as \"db.sql\"".into()));
    }
    is_plain.then(|| name.to_owned())
}

fn pattern(field: &Field<'_>) -> Option<String> {
    field.text().map(str::to_owned)
}

fn file(field: &Field<'_>) -> Option<String> {
    absolute(field).map(str::to_owned)
}

/// The host of a snapshot is one word, as a machine's name is.
fn host(field: &Field<'_>) -> Option<String> {
    let text = field.text()?;
    let plain = |c: char| c.is_alphanumeric() || "-._".contains(c);
    if text.len() <= 253 && text.starts_with(char::is_alphanumeric) && text.chars().all(plain) {
        return Some(text.to_owned());
    }
    field.report("this is no name of a host", Some("use letters, digits, - . and _".into()));
    None
}

fn paths(field: &Field<'_>) -> Vec<String> {
    at_least_one(field, "[\"/home\"]");
    field.list(|item| absolute(item).map(str::to_owned))
}

fn max_age(field: &Field<'_>) -> Option<Span> {
    within(field, Duration::from_secs(60), Span::days(100 * 365).0).map(Span)
}

pub(super) fn peer(
    section: Section<'_>,
    place: &mut Place,
    role: PeerRole,
) -> Option<DeclaredPeer> {
    let instance = name(&section, "instance", place);
    let key = section.required("key-id", "\"ed25519.…\"").and_then(|f| f.parse());
    let urls = match role {
        PeerRole::KnownHost => host_urls(&section),
        PeerRole::AuthorizedClient => Vec::new(),
    };
    let commands = section.field("allow-remote-commands").and_then(|f| f.flag());
    let allowed = |field: Field<'_>| field.list(allowed_path);
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

/// A path with `..` would not be the limit that it looks like.
fn allowed_path(field: &Field<'_>) -> Option<PathBuf> {
    let path = absolute(field)?;
    if path.split('/').any(|part| part == "..") {
        field.report("an allowed path has no .. in it", None);
        return None;
    }
    Some(PathBuf::from(path))
}

fn host_urls(section: &Section<'_>) -> Vec<PeerUrl> {
    let Some(field) = section.required("urls", "[\"https://HOST\"]") else { return Vec::new() };
    at_least_one(&field, "[\"https://hub.example\"]");
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
