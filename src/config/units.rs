//! Durations, sizes and networks as people write them.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;
use std::time::Duration;

/// A length of time, written as `15s`, `36h`, `400d`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span(pub Duration);

/// A text that is no value of its kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct UnitError(&'static str);

impl Span {
    /// Of whole days.
    #[must_use]
    pub const fn days(days: u64) -> Self {
        Self(Duration::from_secs(days * 24 * 60 * 60))
    }
}

impl FromStr for Span {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let error = UnitError("a duration is a number and a unit, such as 15s, 20m, 36h or 400d");
        if text.len() > 80 {
            return Err(error);
        }
        humantime::parse_duration(text).map(Self).map_err(|_| error)
    }
}

/// In one unit where it is a whole number of days, hours or minutes: `400d`, not `1year 1month …`.
impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let secs = self.0.as_secs();
        if self.0.subsec_nanos() != 0 || secs == 0 {
            return fmt::Display::fmt(&humantime::format_duration(self.0), f);
        }
        match [(86_400, "d"), (3_600, "h"), (60, "m")]
            .iter()
            .find(|(unit, _)| secs.is_multiple_of(*unit))
        {
            Some((unit, name)) => write!(f, "{}{name}", secs / unit),
            None => write!(f, "{secs}s"),
        }
    }
}

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
        for text in ["400d", "36h", "20m", "15s", "1500ms"] {
            let span: Span = text.parse().unwrap();
            assert_eq!(span.to_string().parse(), Ok(span), "{text}");
        }
        assert_eq!(Span::days(400).to_string(), "400d");
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
