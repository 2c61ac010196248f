//! Where a peer is reached: scheme, host, port, sub-path.

use std::fmt;
use std::str::FromStr;
use thiserror::Error;

/// How the outer connection is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// HTTP/2 without TLS, by prior knowledge.
    Http,
    /// HTTP/2 inside TLS.
    Https,
}

/// The address of a listener. Trust is in the key, never in this.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PeerUrl {
    scheme: Scheme,
    host: String,
    port: u16,
    path: String,
}

/// Why a text is not a [`PeerUrl`].
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PeerUrlError {
    /// Neither `http` nor `https`.
    #[error("url {0:?} does not start with https:// or http://")]
    Scheme(String),
    /// The rest is not host, port and path.
    #[error("url {0:?} is not https://HOST[:PORT][/PATH]")]
    Form(String),
}

impl PeerUrl {
    /// How the outer connection is made.
    #[must_use]
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// A name or an address; an IPv6 address without its brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port, given or the scheme's own.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The path before the sync path: empty, or with a leading and without a trailing slash.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    fn authority(&self) -> String {
        let brackets = if self.host.contains(':') { ("[", "]") } else { ("", "") };
        let default = match self.scheme {
            Scheme::Http => 80,
            Scheme::Https => 443,
        };
        let port = if self.port == default { String::new() } else { format!(":{}", self.port) };
        format!("{}{}{}{port}", brackets.0, self.host, brackets.1)
    }
}

impl FromStr for PeerUrl {
    type Err = PeerUrlError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let form = || PeerUrlError::Form(text.to_owned());
        let uri: http::Uri = text.parse().map_err(|_| form())?;
        let (scheme, default) = match uri.scheme_str() {
            Some("http") => (Scheme::Http, 80),
            Some("https") => (Scheme::Https, 443),
            _ => return Err(PeerUrlError::Scheme(text.to_owned())),
        };
        let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
        let userinfo = uri.authority().is_some_and(|authority| authority.as_str().contains('@'));
        if host.is_empty() || userinfo || uri.query().is_some() {
            return Err(form());
        }
        let port = uri.port_u16().unwrap_or(default);
        let path = uri.path().trim_end_matches('/').to_owned();
        Ok(Self { scheme, host: host.to_owned(), port, path })
    }
}

impl fmt::Display for PeerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match self.scheme {
            Scheme::Http => "http",
            Scheme::Https => "https",
        };
        write!(f, "{scheme}://{}{}", self.authority(), self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_host_port_and_sub_path() {
        let url: PeerUrl = "https://hub.example/sub/path/".parse().unwrap();
        assert_eq!((url.host(), url.port(), url.path()), ("hub.example", 443, "/sub/path"));
        assert_eq!(url.to_string(), "https://hub.example/sub/path");
        let url: PeerUrl = "http://[::1]:9898".parse().unwrap();
        assert_eq!((url.host(), url.port(), url.path()), ("::1", 9898, ""));
        assert_eq!(url.to_string(), "http://[::1]:9898");
    }

    #[test]
    fn refuses_what_is_not_a_listener() {
        for text in ["", "hub", "ftp://hub", "https://", "https://u:p@hub/", "https://hub/?q=1"] {
            assert!(text.parse::<PeerUrl>().is_err(), "{text}");
        }
    }
}
