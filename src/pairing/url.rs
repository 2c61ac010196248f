//! Where a peer is reached: scheme, host, port and sub-path, and nothing else.

use std::fmt;
use std::net::Ipv6Addr;
use std::str::FromStr;

/// Why a text is no address of a peer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    /// Longer than any address should be.
    #[error("the URL has {len} bytes, at most 512 are allowed")]
    TooLong {
        /// What was given.
        len: usize,
    },
    /// No scheme, or another one.
    #[error("the URL has to begin with https:// (or http:// for a plain connection)")]
    Scheme,
    /// A user name or password before the host.
    #[error(
        "the URL carries credentials before the host; remove them: peers are known by their keys"
    )]
    Credentials,
    /// No host, or one with characters that a host cannot have.
    #[error("the URL has no valid host name or address after its scheme")]
    Host,
    /// Not a port.
    #[error("the port in the URL is not a number from 1 to 65535")]
    Port,
    /// A `?` or `#`.
    #[error("the URL has a query or a fragment ('?' or '#'); give only host, port and path")]
    Extra,
    /// A path with `..` or characters that a path cannot have.
    #[error("the path of the URL has '..', '//' or characters that have to be percent-encoded")]
    Path,
}

/// How bytes travel to a peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Transport {
    /// TLS: `https://` or `holdfast://`.
    Tls,
    /// Plain HTTP/2: `http://` or `holdfast+http://`. The channel inside is sealed all the same.
    Plain,
}

impl Transport {
    const fn default_port(self) -> u16 {
        match self {
            Self::Tls => 443,
            Self::Plain => 80,
        }
    }
}

/// An address of a peer, as `https://host:port/sub/path`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PeerUrl {
    transport: Transport,
    host: String,
    port: u16,
    path: String,
}

impl PeerUrl {
    /// No address is longer.
    pub const MAX_LEN: usize = 512;
    const SYNC_PATH: &str = "/holdfast.sync.v1.SyncService/Sync";

    /// How bytes travel there.
    #[must_use]
    pub const fn transport(&self) -> Transport {
        self.transport
    }

    /// The host name or address, without the brackets of IPv6.
    #[must_use]
    pub fn host(&self) -> &str {
        self.host.trim_matches(['[', ']'])
    }

    /// The port, given or implied.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// What stands before the sync path: empty, or `/` and a path without a final slash.
    #[must_use]
    pub fn sub_path(&self) -> &str {
        &self.path
    }

    /// The path that a session is opened at.
    #[must_use]
    pub fn sync_path(&self) -> String {
        format!("{}{}", self.path, Self::SYNC_PATH)
    }

    /// Host, and the port where it is not the usual one: for the `Host` header.
    #[must_use]
    pub fn authority(&self) -> String {
        if self.port == self.transport.default_port() {
            self.host.clone()
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }

    /// The same address with the schemes of links, `holdfast://` or `holdfast+http://`.
    #[must_use]
    pub fn as_link(&self) -> String {
        let scheme = match self.transport {
            Transport::Tls => "holdfast",
            Transport::Plain => "holdfast+http",
        };
        format!("{scheme}://{}{}", self.authority(), self.path)
    }
}

impl FromStr for PeerUrl {
    type Err = UrlError;

    fn from_str(text: &str) -> Result<Self, UrlError> {
        if text.len() > Self::MAX_LEN {
            return Err(UrlError::TooLong { len: text.len() });
        }
        let (transport, rest) = scheme(text)?;
        if rest.contains(['?', '#']) {
            return Err(UrlError::Extra);
        }
        let (authority, path) = rest.find('/').map_or((rest, ""), |slash| rest.split_at(slash));
        if authority.contains('@') {
            return Err(UrlError::Credentials);
        }
        let (host, port) = host_and_port(authority)?;
        Ok(Self {
            transport,
            host: checked_host(host)?,
            port: port.map_or(Ok(transport.default_port()), parse_port)?,
            path: checked_path(path)?,
        })
    }
}

fn scheme(text: &str) -> Result<(Transport, &str), UrlError> {
    let (scheme, rest) = text.split_once("://").ok_or(UrlError::Scheme)?;
    match scheme.to_ascii_lowercase().as_str() {
        "https" | "holdfast" => Ok((Transport::Tls, rest)),
        "http" | "holdfast+http" => Ok((Transport::Plain, rest)),
        _ => Err(UrlError::Scheme),
    }
}

fn host_and_port(authority: &str) -> Result<(&str, Option<&str>), UrlError> {
    let after_host = match authority.strip_prefix('[') {
        Some(inner) => inner.find(']').map(|at| at + 2).ok_or(UrlError::Host)?,
        None => authority.find(':').unwrap_or(authority.len()),
    };
    let (host, rest) = authority.split_at(after_host);
    match rest.strip_prefix(':') {
        Some(port) => Ok((host, Some(port))),
        None if rest.is_empty() => Ok((host, None)),
        None => Err(UrlError::Host),
    }
}

fn checked_host(host: &str) -> Result<String, UrlError> {
    if let Some(inner) = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        let address: Ipv6Addr = inner.parse().map_err(|_| UrlError::Host)?;
        return Ok(format!("[{address}]"));
    }
    let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_');
    let begins_well = host.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric() || b == b'_');
    if begins_well && host.len() <= 253 && host.bytes().all(allowed) && !host.contains("..") {
        Ok(host.to_ascii_lowercase())
    } else {
        Err(UrlError::Host)
    }
}

fn parse_port(text: &str) -> Result<u16, UrlError> {
    let digits = text.bytes().all(|b| b.is_ascii_digit());
    text.parse().ok().filter(|port| digits && *port != 0).ok_or(UrlError::Port)
}

/// RFC 3986 section 3.3: `pchar` and `/`; dot segments could climb out of a proxy's prefix.
fn checked_path(path: &str) -> Result<String, UrlError> {
    let path = path.trim_end_matches('/');
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"-._~%!$&'()*+,;=:@/".contains(&b);
    let segments_fit =
        path.split('/').skip(1).all(|part| !part.is_empty() && part != "." && part != "..");
    if path.bytes().all(allowed) && segments_fit {
        Ok(path.to_owned())
    } else {
        Err(UrlError::Path)
    }
}

impl fmt::Display for PeerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match self.transport {
            Transport::Tls => "https",
            Transport::Plain => "http",
        };
        write!(f, "{scheme}://{}{}", self.authority(), self.path)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn url(text: &str) -> PeerUrl {
        text.parse().unwrap()
    }

    #[test]
    fn reads_each_form() {
        let plain = url("http://127.0.0.1:9898");
        assert_eq!((plain.host(), plain.port()), ("127.0.0.1", 9898));
        assert_eq!(plain.sync_path(), "/holdfast.sync.v1.SyncService/Sync");
        assert_eq!(plain.as_link(), "holdfast+http://127.0.0.1:9898");
        let below = url("HTTPS://Backup.Example.com/nas/sync/");
        assert_eq!(below.to_string(), "https://backup.example.com/nas/sync");
        assert_eq!(below.sync_path(), "/nas/sync/holdfast.sync.v1.SyncService/Sync");
        assert_eq!((below.transport(), below.port()), (Transport::Tls, 443));
        let six = url("holdfast://[::1]:8443/x");
        assert_eq!((six.host(), six.authority().as_str()), ("::1", "[::1]:8443"));
        assert_eq!(url("https://h:443"), url("https://h/"));
    }

    #[test]
    fn refuses_with_the_reason() {
        for (text, error) in [
            ("nas.example", UrlError::Scheme),
            ("ftp://nas.example", UrlError::Scheme),
            ("https://", UrlError::Host),
            ("https://-x", UrlError::Host),
            ("https://a b", UrlError::Host),
            ("https://[::1", UrlError::Host),
            ("https://[::1]x", UrlError::Host),
            ("https://me:pw@nas.example", UrlError::Credentials),
            ("https://nas.example:0", UrlError::Port),
            ("https://nas.example:+1", UrlError::Port),
            ("https://nas.example:99999", UrlError::Port),
            ("https://nas.example/?a", UrlError::Extra),
            ("https://nas.example/a/../b", UrlError::Path),
            ("https://nas.example/a b", UrlError::Path),
        ] {
            assert_eq!(text.parse::<PeerUrl>(), Err(error), "{text}");
        }
    }

    proptest! {
        #[test]
        fn never_panics(text in "(https?://)?\\PC{0,100}") {
            if let Ok(url) = text.parse::<PeerUrl>() {
                prop_assert_eq!(url.to_string().parse::<PeerUrl>(), Ok(url.clone()));
                prop_assert_eq!(url.as_link().parse::<PeerUrl>(), Ok(url));
            }
        }

        #[test]
        fn reads_what_it_prints(
            text in "(https|http|holdfast|holdfast\\+http)://([a-z0-9]{1,9}(\\.[a-z]{2,5})?|\\[::1\\])(:[1-9][0-9]{0,3})?(/[a-z0-9%~]{1,5}){0,3}/?"
        ) {
            let url = text.parse::<PeerUrl>().unwrap();
            prop_assert_eq!(url.to_string().parse::<PeerUrl>(), Ok(url.clone()));
            prop_assert_eq!(url.as_link().parse::<PeerUrl>(), Ok(url));
        }
    }
}
