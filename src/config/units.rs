//! Sizes and networks as people write them.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

pub use crate::model::Span;

/// A text that is no value of its kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct UnitError(&'static str);

/// A number of bytes, written as `4GiB`, `500MB` or `1024`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ByteSize(pub u64);

impl ByteSize {
    const UNITS: [(&str, u64); 10] = [
        ("TiB", 1 << 40),
        ("GiB", 1 << 30),
        ("MiB", 1 << 20),
        ("KiB", 1 << 10),
        ("TB", 1_000_000_000_000),
        ("GB", 1_000_000_000),
        ("MB", 1_000_000),
        ("kB", 1_000),
        ("KB", 1_000),
        ("B", 1),
    ];
}

impl FromStr for ByteSize {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let error = UnitError("a size is a whole number and a unit, such as 500MB or 4GiB");
        let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let (number, unit) = text.split_at(end);
        let unit = unit.trim_start();
        let factor = match Self::UNITS.iter().find(|(name, _)| *name == unit) {
            Some((_, factor)) => *factor,
            None if unit.is_empty() => 1,
            None => return Err(error),
        };
        let number: u64 = number.parse().map_err(|_| error)?;
        number.checked_mul(factor).map(Self).ok_or(error)
    }
}

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = |(_, factor): &&(&str, u64)| self.0 != 0 && self.0.is_multiple_of(*factor);
        match Self::UNITS.iter().find(whole) {
            Some((name, factor)) => write!(f, "{}{name}", self.0 / factor),
            None => write!(f, "{}B", self.0),
        }
    }
}

/// A proxy, or a network of them, whose `X-Forwarded-For` counts: `127.0.0.1` or `10.0.0.0/8`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TrustedProxy {
    network: IpAddr,
    prefix: u8,
}

const fn width(address: IpAddr) -> u8 {
    match address {
        IpAddr::V4(_) => 32,
        IpAddr::V6(_) => 128,
    }
}

/// The address in the upper bits, so that one shift compares prefixes of both families.
fn upper_bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => u128::from(v4.to_bits()) << 96,
        IpAddr::V6(v6) => v6.to_bits(),
    }
}

impl TrustedProxy {
    /// Whether an address is such a proxy (an IPv4 address inside IPv6 is taken as IPv4).
    #[must_use]
    pub fn covers(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        let differing = upper_bits(self.network) ^ upper_bits(address);
        width(self.network) == width(address) && differing.leading_zeros() >= u32::from(self.prefix)
    }
}

impl FromStr for TrustedProxy {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let error = UnitError("use an address such as 127.0.0.1 or a network such as 10.0.0.0/8");
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let network: IpAddr = address.parse().map_err(|_| error)?;
        let prefix = prefix.map_or(Ok(width(network)), str::parse).map_err(|_| error)?;
        if prefix > width(network) { Err(error) } else { Ok(Self { network, prefix }) }
    }
}

impl fmt::Display for TrustedProxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.network)?;
        if self.prefix == width(self.network) { Ok(()) } else { write!(f, "/{}", self.prefix) }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn units_read_back() {
        for (text, bytes) in [("4GiB", 4 << 30), ("500MB", 500_000_000), ("7", 7), ("1 KiB", 1024)]
        {
            let size: ByteSize = text.parse().unwrap();
            assert_eq!(size, ByteSize(bytes), "{text}");
            assert_eq!(size.to_string().parse(), Ok(size), "{text}");
        }
        for bad in ["", "GiB", "4 bananas", "1.5GiB", "99999999999TiB", "-1"] {
            assert!(bad.parse::<ByteSize>().is_err(), "{bad}");
        }
    }

    #[test]
    fn networks_cover_their_addresses() {
        let covers =
            |net: &str, ip: &str| net.parse::<TrustedProxy>().unwrap().covers(ip.parse().unwrap());
        assert!(covers("127.0.0.1", "127.0.0.1"));
        assert!(covers("127.0.0.1", "::ffff:127.0.0.1"));
        assert!(!covers("127.0.0.1", "127.0.0.2"));
        assert!(covers("10.0.0.0/8", "10.9.8.7"));
        assert!(!covers("10.0.0.0/8", "11.0.0.0"));
        assert!(covers("fd00::/8", "fd12::1"));
        assert!(!covers("::/0", "1.2.3.4"));
        assert!("10.0.0.0/33".parse::<TrustedProxy>().is_err());
    }
}
