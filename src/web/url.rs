//! Where a person on this machine opens the web interface.

use crate::config::Tls;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// The address for a browser on this machine: by loopback if that is listened on, which needs no
/// certificate, else by the first address.
#[must_use]
pub fn url(listening: &[SocketAddr], tls: &Tls) -> Option<String> {
    let nearest =
        listening.iter().map(|address| SocketAddr::new(near(address.ip()), address.port()));
    let by_loopback = nearest.clone().find(|address| address.ip().is_loopback());
    let address = by_loopback.or_else(|| nearest.clone().next())?;
    let plain = address.ip().is_loopback() || *tls == Tls::Off;
    Some(format!("{}://{address}/", if plain { "http" } else { "https" }))
}

/// Every address of the machine includes loopback.
const fn near(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED) => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(Ipv6Addr::UNSPECIFIED) => IpAddr::V6(Ipv6Addr::LOCALHOST),
        IpAddr::V4(_) | IpAddr::V6(_) => ip,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn loopback_is_the_nearest_and_needs_no_certificate() {
        let url = |addresses: &[&str], tls| {
            let addresses: Vec<_> = addresses.iter().map(|text| text.parse().unwrap()).collect();
            url(&addresses, &tls)
        };
        assert_eq!(url(&[], Tls::Off), None);
        let far = ["192.0.2.7:9898"];
        assert_eq!(url(&far, Tls::Off).as_deref(), Some("http://192.0.2.7:9898/"));
        assert_eq!(url(&far, Tls::SelfSigned).as_deref(), Some("https://192.0.2.7:9898/"));
        let both = ["192.0.2.7:9898", "[::]:9899"];
        assert_eq!(url(&both, Tls::SelfSigned).as_deref(), Some("http://[::1]:9899/"));
        assert_eq!(url(&["0.0.0.0:1"], Tls::Off).as_deref(), Some("http://127.0.0.1:1/"));
    }
}
