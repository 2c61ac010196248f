//! What ssh itself says, where restic ended before it had passed that on: it relays the words of the
//! ssh that it started in the background, and does not wait for them when it gives up.

use super::Failure;
use std::ffi::OsString;
use std::process::Stdio;
use std::time::Duration;
use tokio::process::Command;
use tokio::time::timeout;

/// How long ssh may take to say why it cannot connect.
const PATIENCE: Duration = Duration::from_secs(15);

/// Where ssh is to connect to, as restic tells it.
#[derive(Debug, PartialEq, Eq)]
struct Destination<'a> {
    user: Option<&'a str>,
    host: &'a str,
    port: Option<&'a str>,
}

/// Of `sftp:user@host:path` or `sftp://user@host:port/path`; `None` of anything else, and of what
/// ssh would take for an option.
fn destination(uri: &str) -> Option<Destination<'_>> {
    let rest = uri.strip_prefix("sftp:")?;
    let (authority, is_url) = match rest.strip_prefix("//") {
        Some(url) => (url.split('/').next()?, true),
        None => (rest.split_once(':')?.0, false),
    };
    let (user, host) = match authority.rsplit_once('@') {
        Some((user, host)) => (Some(user), host),
        None => (None, authority),
    };
    let (host, port) = match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, port)) => (address, port.strip_prefix(':')),
        None if is_url => match host.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (host, None),
        },
        None => (host, None),
    };
    let is_word = |text: &str| !text.is_empty() && !text.starts_with('-');
    let are_words = is_word(host) && user.is_none_or(is_word) && port.is_none_or(is_word);
    are_words.then_some(Destination { user, host, port })
}

/// Connects as restic does, sends nothing, and gives the failure with what ssh had to say about it.
/// As it is where ssh connects, takes too long, or says nothing either.
pub(super) async fn explained(
    failure: Failure,
    uri: &str,
    environment: Vec<(String, OsString)>,
) -> Failure {
    let Some(Destination { user, host, port }) = destination(uri) else { return failure };
    let mut ssh = Command::new("ssh");
    ssh.args(["-o", "BatchMode=yes"]);
    ssh.args(port.into_iter().flat_map(|port| ["-p", port]));
    ssh.args(user.into_iter().flat_map(|user| ["-l", user]));
    ssh.args(["-s", "--", host, "sftp"]);
    ssh.env_clear().envs(environment);
    ssh.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true);
    match timeout(PATIENCE, ssh.output()).await {
        Ok(Ok(ended)) if !ended.status.success() => {
            failure.with_words_of_ssh(&String::from_utf8_lossy(&ended.stderr))
        }
        Ok(_) | Err(_) => failure,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_location_says_where_ssh_connects_to() {
        let of = |user, host, port| Some(Destination { user, host, port });
        for (uri, expected) in [
            ("sftp:nas@vault.example:/srv", of(Some("nas"), "vault.example", None)),
            ("sftp:vault:srv/a:b", of(None, "vault", None)),
            ("sftp://nas@vault:2222//srv", of(Some("nas"), "vault", Some("2222"))),
            ("sftp://[::1]:22/srv", of(None, "::1", Some("22"))),
            ("sftp:-oProxyCommand=x:/srv", None),
            ("sftp://-lroot@vault/srv", None),
            ("sftp:vault", None),
            ("rest:http://vault/", None),
            ("/srv", None),
        ] {
            assert_eq!(destination(uri), expected, "{uri}");
        }
    }
}
