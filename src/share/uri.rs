//! Which repository locations a peer may name.

use super::Allowance;
use std::path::{Component, Path};

/// How restic reaches a repository, of those that a peer may name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// `rest:https://user:password@host:port/path`
    Rest,
    /// `s3:host/bucket` or `s3:https://host/bucket`
    S3,
    /// `b2:bucket:path`
    B2,
    /// `azure:container:/path`
    Azure,
    /// `gs:bucket:/path`
    Gs,
    /// `swift:container:/path`
    Swift,
    /// `sftp:user@host:/path` or `sftp://user@host:port//path`
    Sftp,
}

impl Scheme {
    /// Of a location; `None` for a folder, and for what a peer may not name.
    fn of(uri: &str) -> Option<Self> {
        let (word, _) = uri.split_once(':')?;
        Self::ALL.iter().find(|(_, known)| *known == word).map(|(scheme, _)| *scheme)
    }

    /// How the names of its storage's variables begin. ssh knows none.
    const fn variables(self) -> &'static [&'static str] {
        match self {
            Self::Rest => &["RESTIC_REST_"],
            Self::S3 => &["AWS_"],
            Self::B2 => &["B2_"],
            Self::Azure => &["AZURE_"],
            Self::Gs => &["GOOGLE_"],
            Self::Swift => &["OS_", "ST_"],
            Self::Sftp => &[],
        }
    }

    const ALL: [(Self, &'static str); 7] = [
        (Self::Rest, "rest"),
        (Self::S3, "s3"),
        (Self::B2, "b2"),
        (Self::Azure, "azure"),
        (Self::Gs, "gs"),
        (Self::Swift, "swift"),
        (Self::Sftp, "sftp"),
    ];
}

/// Why a repository location of a peer is not used. Never repeats the location: it may hold secrets.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UriRefused {
    /// A local path outside what the peer was allowed.
    #[error("the repository is a local folder outside this peer's allowed paths")]
    Path,
    /// rclone can name a command.
    #[error(
        "an rclone remote can name a command. To allow it, set `allow-remote-commands = true` for \
         this peer in the config"
    )]
    Rclone,
    /// Not a scheme that may come from a peer.
    #[error("the repository's scheme {scheme:?} may not come from a peer")]
    Scheme {
        /// Cut to 16 characters.
        scheme: String,
    },
    /// A host, user or bucket that is not a plain name: it could be taken for an option.
    #[error("the repository's {part} is not a plain name")]
    Name {
        /// Which part.
        part: &'static str,
    },
    /// Control characters, or too long.
    #[error("the repository's location has characters or a length that are not allowed")]
    Malformed,
}

/// Whether a variable belongs to the storage of that location.
pub(super) fn has_variable(uri: &str, name: &str) -> bool {
    let prefixes = Scheme::of(uri).map_or(&[][..], Scheme::variables);
    prefixes.iter().any(|prefix| name.starts_with(prefix))
}

const MAX_URI_BYTES: usize = 4096;

/// Whether a peer may name this location (invariant X1).
pub(super) fn check(uri: &str, allowance: &Allowance) -> Result<(), UriRefused> {
    if uri.len() > MAX_URI_BYTES || uri.is_empty() || uri.chars().any(char::is_control) {
        return Err(UriRefused::Malformed);
    }
    if let Some(path) = uri.strip_prefix("local:").or_else(|| uri.starts_with('/').then_some(uri)) {
        return check_path(path, allowance);
    }
    let Some((word, rest)) = uri.split_once(':') else { return Err(UriRefused::Path) };
    if word == "rclone" {
        return if allowance.remote_commands { Ok(()) } else { Err(UriRefused::Rclone) };
    }
    let Some(scheme) = Scheme::of(uri) else {
        return Err(UriRefused::Scheme { scheme: word.chars().take(16).collect() });
    };
    match scheme {
        Scheme::Rest => check_url(rest),
        Scheme::S3 => match rest.split_once("://") {
            Some(_) => check_url(rest),
            None => check_authority(rest.split('/').next().unwrap_or_default()),
        },
        Scheme::B2 | Scheme::Azure | Scheme::Gs | Scheme::Swift => {
            plain("bucket or container", rest.split(':').next().unwrap_or_default())
        }
        Scheme::Sftp => check_sftp(rest),
    }
}

fn check_path(path: &str, allowance: &Allowance) -> Result<(), UriRefused> {
    let path = Path::new(path);
    let walks = path.components().any(|part| matches!(part, Component::ParentDir));
    let allowed = path.is_absolute()
        && !walks
        && allowance.paths.iter().any(|root| root.is_absolute() && path.starts_with(root));
    if allowed { Ok(()) } else { Err(UriRefused::Path) }
}

/// `http(s)://[user[:password]@]host[:port]/…`
fn check_url(url: &str) -> Result<(), UriRefused> {
    let rest = url
        .strip_prefix("https://")
        .or_else(|| url.strip_prefix("http://"))
        .ok_or(UriRefused::Scheme { scheme: url.chars().take(16).collect() })?;
    check_authority(rest.split(['/', '?', '#']).next().unwrap_or_default())
}

/// sftp's host is handed to ssh, where a leading `-` is an option.
fn check_sftp(rest: &str) -> Result<(), UriRefused> {
    match rest.strip_prefix("//") {
        Some(url) => check_authority(url.split('/').next().unwrap_or_default()),
        None => {
            let (authority, _) = rest.split_once(':').ok_or(UriRefused::Malformed)?;
            check_authority(authority)
        }
    }
}

/// `[user[:password]@]host[:port]`
fn check_authority(authority: &str) -> Result<(), UriRefused> {
    let (user, host) = match authority.rsplit_once('@') {
        Some((user, host)) => (Some(user.split(':').next().unwrap_or_default()), host),
        None => (None, authority),
    };
    if let Some(user) = user {
        plain("user", user)?;
    }
    match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, port)) => {
            let v6 = address.parse::<std::net::Ipv6Addr>().is_ok();
            if v6 { check_port(port) } else { Err(UriRefused::Name { part: "host" }) }
        }
        None => {
            let (host, port) = host.find(':').map_or((host, ""), |at| host.split_at(at));
            plain("host", host)?;
            check_port(port)
        }
    }
}

fn check_port(port: &str) -> Result<(), UriRefused> {
    match port.strip_prefix(':') {
        None if port.is_empty() => Ok(()),
        Some(digits) if digits.parse::<u16>().is_ok() => Ok(()),
        _ => Err(UriRefused::Name { part: "port" }),
    }
}

/// `[A-Za-z0-9][A-Za-z0-9._-]*`
fn plain(part: &'static str, name: &str) -> Result<(), UriRefused> {
    let mut chars = name.chars();
    let good = chars.next().is_some_and(|c| c.is_ascii_alphanumeric())
        && chars.all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'));
    if good { Ok(()) } else { Err(UriRefused::Name { part }) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn verdict(uri: &str) -> Result<(), UriRefused> {
        check(uri, &Allowance { paths: vec!["/srv/backup".into()], remote_commands: false })
    }

    #[test]
    fn every_remote_storage_is_taken() {
        for uri in [
            "rest:https://nas@vault.example:8000/nas",
            "rest:http://nas:secret@[::1]:8000/",
            "s3:s3.amazonaws.com/bucket/path",
            "s3:https://minio.example:9000/bucket",
            "b2:bucket:path/to/repo",
            "azure:container:/path",
            "gs:bucket:/path",
            "swift:container:/path",
            "sftp:nas@backup.example:/srv/repo",
            "sftp://nas@backup.example:2222//srv/repo",
            "/srv/backup/repo",
            "local:/srv/backup",
        ] {
            assert_eq!(verdict(uri), Ok(()), "{uri}");
        }
    }

    #[test]
    fn x1_nothing_that_could_be_an_option_a_command_or_another_path() {
        for uri in [
            "sftp:-oProxyCommand=touch${IFS}x:/srv",
            "sftp:user@-oProxyCommand=x:/srv",
            "sftp://-oProxyCommand=x/srv",
            "sftp:-l@host:/srv",
            "rclone:remote:path",
            "rest:file:///etc/passwd",
            "rest:https://-x/",
            "s3:-x/bucket",
            "b2:-x:path",
            "/srv/backup/../../etc",
            "/srv/backupper",
            "local:/etc",
            "relative/path",
            "local:relative",
            "C:\\backup",
            "opendal:x",
            "${SECRET}",
            "rest:https://${SECRET}.example/",
            "",
            "rest:https://a.example/\nx",
        ] {
            assert!(verdict(uri).is_err(), "{uri}");
        }
    }

    #[test]
    fn x1_a_local_path_needs_an_allowed_path() {
        assert_eq!(check("/srv/backup", &Allowance::default()), Err(UriRefused::Path));
        let everything = Allowance { paths: vec!["/".into()], remote_commands: true };
        assert_eq!(check("/srv/backup", &everything), Ok(()));
        assert_eq!(check("rclone:remote:path", &everything), Ok(()));
    }

    proptest! {
        #[test]
        fn x1_what_is_taken_hands_ssh_no_option(uri in "sftp:.{0,40}") {
            if verdict(&uri).is_ok() {
                let rest = &uri["sftp:".len()..];
                let host = rest.trim_start_matches('/').rsplit('@').next().unwrap();
                prop_assert!(!host.starts_with('-'));
                prop_assert!(!rest.starts_with('-'));
            }
        }

        #[test]
        fn any_text_is_decided(uri in ".{0,200}") {
            let _ = verdict(&uri);
        }
    }
}
