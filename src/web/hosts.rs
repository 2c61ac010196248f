//! Which names this instance answers to: the guard against DNS rebinding.
//!
//! A page of somebody else's name that suddenly resolves to this machine still sends its own name.
//! An address as such cannot be rebound, so one that listens everywhere answers to every address.

use super::denial::Denial;
use crate::config::{Config, LiveConfig};
use http::uri::Authority;
use http::{HeaderMap, StatusCode, Uri, header};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

/// The names that count, those of the configuration as it is now.
pub(super) struct Hosts {
    config: Arc<LiveConfig>,
    listening: Vec<SocketAddr>,
}

impl Hosts {
    pub(super) const fn new(config: Arc<LiveConfig>, listening: Vec<SocketAddr>) -> Self {
        Self { config, listening }
    }

    /// The one name that the request was sent to, if it is one of ours.
    pub(super) fn addressed(&self, uri: &Uri, headers: &HeaderMap) -> Result<Authority, Denial> {
        let named = named(uri, headers).ok_or_else(|| {
            let message = "the request does not say which one host it was sent to";
            Denial::new(StatusCode::BAD_REQUEST, "host", message, "send one Host header")
        })?;
        if is_ours(&named, &self.listening, &self.config.current()) {
            return Ok(named);
        }
        Err(Denial::new(
            StatusCode::MISDIRECTED_REQUEST,
            "wrong-host",
            format!("this instance does not answer to the name {}", named.host()),
            format!("add \"https://{named}\" to `urls` in the config, or open it by its address"),
        ))
    }

    /// Whether a page from there is one of ours: of the host asked, or of the configured `urls`.
    pub(super) fn is_own_origin(&self, origin: &str, addressed: &Authority) -> bool {
        let Some(from) = authority_of_origin(origin) else { return false };
        let of_urls = |config: &Config| {
            config.urls.iter().any(|url| {
                from.host().eq_ignore_ascii_case(url.host())
                    && from.port_u16().is_none_or(|port| port == url.port())
            })
        };
        from.as_str().eq_ignore_ascii_case(addressed.as_str()) || of_urls(&self.config.current())
    }
}

fn authority_of_origin(origin: &str) -> Option<Authority> {
    let rest = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"))?;
    rest.parse().ok()
}

/// The authority of the request line and of the Host header, which have to agree.
fn named(uri: &Uri, headers: &HeaderMap) -> Option<Authority> {
    let mut hosts = headers.get_all(header::HOST).iter();
    let host = hosts.next().map(|host| host.to_str().ok()?.parse::<Authority>().ok());
    let named = match (uri.authority(), host) {
        (Some(line), None) => line.clone(),
        (None, Some(host)) => host?,
        (Some(line), Some(host)) if host.as_ref() == Some(line) => line.clone(),
        (Some(_), Some(_)) | (None, None) => return None,
    };
    (hosts.next().is_none() && !named.as_str().contains('@')).then_some(named)
}

fn is_ours(named: &Authority, listening: &[SocketAddr], config: &Config) -> bool {
    if is_loopback_name(named) {
        return true;
    }
    let host = bare(named);
    if config.urls.iter().any(|url| bare_text(url.host()).eq_ignore_ascii_case(host)) {
        return true;
    }
    let Ok(address) = host.parse::<IpAddr>() else { return false };
    let covers = |bound: &SocketAddr| bound.ip().is_unspecified() || bound.ip() == address;
    listening.iter().any(covers)
}

/// `localhost`, 127.0.0.0/8 or [::1].
pub(super) fn is_loopback_name(named: &Authority) -> bool {
    let host = bare(named);
    host.eq_ignore_ascii_case("localhost")
        || host.parse::<IpAddr>().is_ok_and(|ip| ip.to_canonical().is_loopback())
}

fn bare(named: &Authority) -> &str {
    bare_text(named.host())
}

/// Without the brackets of an IPv6 address and the dot of a rooted name.
fn bare_text(host: &str) -> &str {
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    host.strip_suffix('.').unwrap_or(host)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn config(urls: &[&str]) -> Config {
        let urls = urls.iter().map(|url| url.parse().unwrap()).collect();
        Config { urls, ..Config::new("nas".parse().unwrap()) }
    }

    fn ours(host: &str, listening: &str, urls: &[&str]) -> bool {
        is_ours(&host.parse().unwrap(), &[listening.parse().unwrap()], &config(urls))
    }

    #[test]
    fn names_of_this_instance_are_loopback_what_is_listened_on_and_the_urls() {
        for host in ["localhost:1", "LocalHost.", "127.1.2.3", "[::1]:9898", "[::ffff:127.0.0.1]"] {
            assert!(ours(host, "192.0.2.1:9898", &[]), "{host}");
        }
        assert!(ours("192.0.2.1:80", "192.0.2.1:9898", &[]));
        assert!(!ours("192.0.2.2", "192.0.2.1:9898", &[]));
        let urls = ["https://nas.example", "https://[2001:db8::1]:9898"];
        for host in ["nas.example", "NAS.example:8443", "nas.example.", "[2001:db8::1]"] {
            assert!(ours(host, "192.0.2.1:9898", &urls), "{host}");
        }
        for host in ["evil.example", "nas.example.evil.example", "xnas.example", "localhost.evil"] {
            assert!(!ours(host, "192.0.2.1:9898", &urls), "{host}");
        }
    }

    #[test]
    fn who_listens_everywhere_answers_to_every_address_and_to_no_more_names() {
        assert!(ours("192.0.2.7:9898", "0.0.0.0:9898", &[]));
        assert!(ours("[2001:db8::7]", "[::]:9898", &[]));
        for host in ["evil.example", "192.0.2.7.evil.example", "0xc0000207", "3221225991"] {
            assert!(!ours(host, "0.0.0.0:9898", &[]), "{host}");
        }
    }

    #[test]
    fn a_request_names_one_host() {
        let hosts = |lines: &[&str]| {
            let lines = lines.iter().map(|line| HeaderValue::from_str(line).unwrap());
            lines.fold(HeaderMap::new(), |mut headers, line| {
                headers.append(header::HOST, line);
                headers
            })
        };
        let named = |uri: &str, lines: &[&str]| named(&uri.parse().unwrap(), &hosts(lines));
        assert_eq!(named("/", &["nas:1"]).unwrap(), "nas:1");
        assert_eq!(named("http://nas/", &[]).unwrap(), "nas");
        assert_eq!(named("http://nas/", &["nas"]).unwrap(), "nas");
        for (uri, lines) in [
            ("/", &[][..]),
            ("/", &["nas", "nas"]),
            ("/", &["me@nas"]),
            ("/", &["na s"]),
            ("http://nas/", &["evil"]),
        ] {
            assert_eq!(named(uri, lines), None, "{uri} {lines:?}");
        }
    }

    #[test]
    fn an_origin_is_a_whole_one() {
        let authority = |origin| authority_of_origin(origin).map(|found| found.to_string());
        assert_eq!(authority("https://nas:1").as_deref(), Some("nas:1"));
        for none in ["null", "nas", "ftp://nas", "https://", "https://nas/x", "https://a b"] {
            assert_eq!(authority(none), None, "{none}");
        }
    }
}
