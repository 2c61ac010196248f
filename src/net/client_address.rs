//! Who is really calling: the TCP peer, or whom a trusted proxy names.

use super::link::RemoteAddress;
use crate::config::TrustedProxy;
use arc_swap::ArcSwap;
use http::HeaderMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

const FORWARDED: &str = "x-forwarded-for";

/// The proxies whose `X-Forwarded-For` counts. Clones share one list, replaced when it changes.
#[derive(Debug, Clone, Default)]
pub struct TrustedProxies(Arc<ArcSwap<Vec<TrustedProxy>>>);

impl TrustedProxies {
    /// These and no others.
    #[must_use]
    pub fn new(proxies: Vec<TrustedProxy>) -> Self {
        let trusted = Self::default();
        trusted.replace(proxies);
        trusted
    }

    /// From now on these and no others.
    pub fn replace(&self, proxies: Vec<TrustedProxy>) {
        self.0.store(Arc::new(proxies));
    }

    /// Whether `ip` is one of them.
    #[must_use]
    pub fn trusts(&self, ip: IpAddr) -> bool {
        self.0.load().iter().any(|proxy| proxy.covers(ip))
    }

    /// Who sent a request with these headers over this connection.
    #[must_use]
    pub fn remote(&self, socket: SocketAddr, headers: &HeaderMap) -> RemoteAddress {
        if !self.trusts(socket.ip()) {
            return RemoteAddress::direct(socket);
        }
        RemoteAddress { socket, client: last_forwarded(headers), via_proxy: true }
    }
}

/// The last entry is the one the proxy itself wrote; all before it is the caller's word.
fn last_forwarded(headers: &HeaderMap) -> Option<IpAddr> {
    let last_line = headers.get_all(FORWARDED).iter().next_back()?.to_str().ok()?;
    let entry = last_line.rsplit(',').next()?.trim();
    let bare =
        entry.parse::<IpAddr>().or_else(|_| entry.parse().map(|socket: SocketAddr| socket.ip()));
    bare.ok().map(|ip| ip.to_canonical())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn remote(peer: &str, forwarded: &[&str]) -> RemoteAddress {
        let mut headers = HeaderMap::new();
        for line in forwarded {
            headers.append(FORWARDED, line.parse().unwrap());
        }
        TrustedProxies::new(vec!["127.0.0.1".parse().unwrap()])
            .remote(peer.parse().unwrap(), &headers)
    }

    fn client(peer: &str, forwarded: &[&str]) -> Option<String> {
        remote(peer, forwarded).client.map(|ip| ip.to_string())
    }

    #[test]
    fn only_a_trusted_proxy_is_believed_and_only_its_last_word() {
        let believed = client("127.0.0.1:4", &["10.0.0.1, 192.0.2.7"]);
        assert_eq!(believed.as_deref(), Some("192.0.2.7"));
        let lines = client("[::ffff:127.0.0.1]:4", &["192.0.2.1", "10.0.0.1, [2001:db8::1]:99"]);
        assert_eq!(lines.as_deref(), Some("2001:db8::1"));
        let stranger = client("192.0.2.66:4", &["10.0.0.1"]);
        assert_eq!(stranger.as_deref(), Some("192.0.2.66"));
    }

    #[test]
    fn a_proxy_that_says_nothing_usable_names_nobody() {
        for forwarded in [&[][..], &["unknown"], &["10.0.0.1,"], &[""]] {
            assert_eq!(client("127.0.0.1:4", forwarded), None, "{forwarded:?}");
            assert!(remote("127.0.0.1:4", forwarded).via_proxy);
        }
    }
}
