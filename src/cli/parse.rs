//! Readers for what is typed: grants, durations, times and paths.

use super::Failure;
use crate::api::Grant;
use crate::clock;
use crate::grant::{GrantError, Grants};
use crate::model::Timestamp;
use std::path::PathBuf;
use std::time::Duration;

/// One `PERM[=SCOPE,..]`, well formed and kept as written: what "all except" means only the daemon
/// knows, which unites it with what is granted already.
pub(crate) fn grant(text: &str) -> Result<Grant, GrantError> {
    Grants::parse([text])?;
    let (permission, scopes) = match text.split_once('=') {
        Some((permission, scopes)) => (permission, scopes.split(',').collect()),
        None => (text, Vec::new()),
    };
    let scopes = scopes.into_iter().map(|scope| scope.trim().to_owned()).collect();
    Ok(Grant { permission: permission.trim().to_owned(), scopes })
}

/// `36h`, `7d`.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text)
        .map_err(|_| format!("{text:?} is no duration; write it like 36h or 7d"))
}

/// RFC 3339, or how long ago: `2026-11-21T04:00:00Z`, `2h`.
pub(crate) fn since(text: &str) -> Result<Timestamp, String> {
    Timestamp::parse(text)
        .or_else(|| Some(clock::now().minus(humantime::parse_duration(text).ok()?)))
        .ok_or_else(|| {
            format!("{text:?} is no time; write 2026-11-21T04:00:00Z, or 2h for 2 hours ago")
        })
}

/// RFC 3339, or how long from now: `2026-11-21T04:00:00Z`, `8h`.
pub(crate) fn time(text: &str) -> Result<Timestamp, String> {
    Timestamp::parse(text)
        .or_else(|| Some(clock::now().plus(humantime::parse_duration(text).ok()?)))
        .ok_or_else(|| {
            format!("{text:?} is no time; write 2026-11-21T04:00:00Z, or 8h for in 8 hours")
        })
}

/// The daemon has another working directory: paths go to it absolute.
pub(crate) fn path(text: &str) -> Result<String, String> {
    let path = std::path::absolute(text).map_err(|error| format!("{text}: {error}"))?;
    path.into_os_string().into_string().map_err(|_| format!("{text}: the path is not UTF-8"))
}

/// A repository location; one without a scheme is a path.
pub(crate) fn repo_uri(text: &str) -> Result<String, String> {
    let scheme = text.split_once(':').map(|(scheme, _)| scheme);
    let known = scheme.is_some_and(|scheme| {
        scheme.len() > 1 && scheme.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit())
    });
    if known { Ok(text.to_owned()) } else { path(text) }
}

/// The content of a file that holds one secret, or of standard input for `-`.
pub(crate) fn secret_file(file: &PathBuf) -> Result<String, Failure> {
    /// A token or password is far shorter; a wrong file is not read to its end.
    const LIMIT: u64 = 64 << 10;
    use std::io::Read as _;
    let mut text = String::new();
    let read = match file.as_os_str() == "-" {
        true => std::io::stdin().lock().take(LIMIT).read_to_string(&mut text),
        false => std::fs::File::open(file)
            .and_then(|opened| opened.take(LIMIT).read_to_string(&mut text)),
    };
    read.map_err(|error| Failure::file(file, &error))?;
    Ok(text.trim().to_owned())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_scheme_makes_a_uri_and_anything_else_is_a_path() {
        assert_eq!(repo_uri("rest:https://x/y").unwrap(), "rest:https://x/y");
        assert_eq!(repo_uri("s3:host/bucket").unwrap(), "s3:host/bucket");
        assert_eq!(repo_uri("/srv/repo").unwrap(), "/srv/repo");
        assert!(repo_uri("repo").unwrap().ends_with("/repo"));
        assert!(repo_uri("./a:b").unwrap().starts_with('/'));
    }

    #[test]
    fn a_permission_without_scope_names_the_cure() {
        assert!(grant("read-operations").unwrap_err().to_string().contains("read-operations=*"));
        assert!(grant("send-shared-repos").is_ok());
    }

    #[test]
    fn g1_an_exclusion_is_sent_as_written() {
        let given = grant("read-operations=!repo:b, !plan:x").unwrap();
        assert_eq!(given.permission, "read-operations");
        assert_eq!(given.scopes, ["!repo:b", "!plan:x"], "`*` would widen what is granted already");
        assert!(grant("send-shared-repos").unwrap().scopes.is_empty());
    }

    #[test]
    fn since_takes_a_time_or_an_age() {
        let two_hours = clock::now().minus(Duration::from_secs(7200));
        let given = since("2h").unwrap();
        assert!(given >= two_hours && given.since(two_hours) < Duration::from_secs(60));
        assert_eq!(since("2026-11-21T04:00:00Z").unwrap().to_string(), "2026-11-21T04:00:00.000Z");
        assert!(since("yesterday").is_err());
    }
}
