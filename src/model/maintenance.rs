//! How a repository is kept in order: how much waste is tolerated, and how much is read again.

use std::fmt;
use std::num::NonZeroU16;
use std::str::FromStr;

/// How much unused data a prune leaves where it is, as the owner wrote it and restic reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MaxUnused(String);

/// How much of the data a check reads, besides what it always verifies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadData {
    text: String,
    parts: NonZeroU16,
}

/// One of the parts that a repository is read in, each at another check: `3/20`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Subset {
    /// Which, from 1.
    pub part: u16,
    /// Of how many.
    pub of: u16,
}

/// How a message says that it was read.
const READ: &str = "data was read";

/// A text that is no such amount.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AmountError {
    /// Of [`MaxUnused`].
    #[error("{0:?} is no amount of unused data; write 10%, 500M, 2G or unlimited")]
    MaxUnused(String),
    /// Of [`ReadData`].
    #[error(
        "{0:?} is no part of the data; write 5% or 1/20 (at least 1/256), or 100% for all of it"
    )]
    ReadData(String),
    /// Of [`Subset`].
    #[error("{0:?} is no part of a repository, such as 3/20")]
    Subset(String),
}

fn short(text: &str) -> String {
    text.chars().take(80).collect()
}

/// A percentage in hundredths of a percent: `5%` is 500. At most two digits after the point.
fn hundredths(text: &str) -> Option<u32> {
    let number = text.strip_suffix('%')?;
    let (whole, part) = number.split_once('.').unwrap_or((number, ""));
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(part) || part.len() > 2 {
        return None;
    }
    let part = format!("{part:0<2}").parse::<u32>().ok()?;
    whole.parse::<u32>().ok()?.checked_mul(100)?.checked_add(part).filter(|all| *all <= 10_000)
}

impl MaxUnused {
    /// As restic takes it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for MaxUnused {
    type Err = AmountError;

    fn from_str(text: &str) -> Result<Self, AmountError> {
        let number = text.strip_suffix(['k', 'K', 'm', 'M', 'g', 'G', 't', 'T']).unwrap_or(text);
        let is_size = number.parse::<u64>().is_ok_and(|size| size < 1 << 40)
            && number.bytes().all(|b| b.is_ascii_digit());
        if text == "unlimited" || is_size || hundredths(text).is_some_and(|all| all < 10_000) {
            Ok(Self(text.to_owned()))
        } else {
            Err(AmountError::MaxUnused(short(text)))
        }
    }
}

impl fmt::Display for MaxUnused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl ReadData {
    /// More parts than this restic does not make.
    const MOST: u16 = 256;

    /// In how many checks all of it is read.
    #[must_use]
    pub const fn parts(&self) -> u16 {
        self.parts.get()
    }

    /// The part to be read after `last`; the first where nothing was read, or in other parts.
    #[must_use]
    pub fn after(&self, last: Option<Subset>) -> Subset {
        let of = self.parts();
        let last = last.filter(|last| last.of == of).map_or(0, |last| last.part);
        Subset { part: last % of + 1, of }
    }
}

impl FromStr for ReadData {
    type Err = AmountError;

    fn from_str(text: &str) -> Result<Self, AmountError> {
        let parts = match text.strip_prefix("1/") {
            Some(parts) => parts.parse().ok(),
            None => hundredths(text).filter(|all| *all > 0).map(|all| 10_000_u32.div_ceil(all)),
        };
        let parts = parts.and_then(|parts| u16::try_from(parts).ok());
        let parts = parts.filter(|parts| *parts <= Self::MOST).and_then(NonZeroU16::new);
        let parts = parts.ok_or_else(|| AmountError::ReadData(short(text)))?;
        Ok(Self { text: text.to_owned(), parts })
    }
}

impl fmt::Display for ReadData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Subset {
    /// What was read of the data, in words.
    #[must_use]
    pub fn in_words(&self) -> String {
        match self {
            Self { of: 1, .. } => format!("all {READ}"),
            Self { part, of } => format!("part {part} of {of} of the {READ}"),
        }
    }

    /// The part that such words in a message tell of.
    #[must_use]
    pub fn told_in(message: &str) -> Option<Self> {
        let words = message.split(READ).next().filter(|words| words.len() < message.len())?;
        let mut words = words.split_whitespace().rev();
        if words.next() == Some("all") {
            return Some(Self { part: 1, of: 1 });
        }
        let mut number = || words.nth(1)?.parse::<u16>().ok();
        let (of, part) = (number()?, number()?);
        format!("{part}/{of}").parse().ok()
    }
}

impl FromStr for Subset {
    type Err = AmountError;

    fn from_str(text: &str) -> Result<Self, AmountError> {
        let read = |text: &str| {
            let (part, of) = text.split_once('/')?;
            Some(Self { part: part.parse().ok()?, of: of.parse().ok()? })
        };
        let fits =
            |subset: &Self| (1..=subset.of).contains(&subset.part) && subset.of <= ReadData::MOST;
        read(text).filter(fits).ok_or_else(|| AmountError::Subset(short(text)))
    }
}

impl fmt::Display for Subset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.part, self.of)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_part_is_read_before_one_is_read_again() {
        for (text, parts) in [("5%", 20), ("1/20", 20), ("100%", 1), ("0.5%", 200), ("30%", 4)] {
            let data: ReadData = text.parse().unwrap();
            assert_eq!((data.parts(), data.to_string().as_str()), (parts, text));
            let mut last = None;
            let turns: Vec<_> = (0..=parts)
                .map(|_| {
                    last = Some(data.after(last));
                    last.unwrap().part
                })
                .collect();
            assert_eq!(turns, (1..=parts).chain([1]).collect::<Vec<_>>(), "{text}");
        }
    }

    #[test]
    fn what_was_read_is_told_in_words_and_found_in_them() {
        for text in ["1/1", "1/20", "20/20", "3/256"] {
            let subset: Subset = text.parse().unwrap();
            let words = subset.in_words();
            for message in [format!("no errors; {words}"), format!("Damaged (part 1). {words}")] {
                assert_eq!(Subset::told_in(&message), Some(subset), "{message}");
            }
        }
        let no_errors = "no errors; the data itself was not read";
        for message in ["", no_errors, "data was read", "part x of 2 of the data was read"] {
            assert_eq!(Subset::told_in(message), None, "{message}");
        }
    }

    #[test]
    fn a_change_of_the_parts_begins_anew() {
        let data: ReadData = "1/10".parse().unwrap();
        assert_eq!(data.after(Some("7/20".parse().unwrap())).to_string(), "1/10");
        assert_eq!(data.after(Some("7/10".parse().unwrap())).to_string(), "8/10");
    }

    #[test]
    fn what_restic_would_not_take_is_refused() {
        for bad in ["0%", "101%", "5", "1/0", "2/20", "1/257", "0.1%", "-1%", "%", "1.234%", ""] {
            assert!(bad.parse::<ReadData>().is_err(), "{bad}");
        }
        for bad in ["", "10", "x", "100%", "-1", "1e3", "+5", "10GiB"] {
            let is_bytes = bad == "10";
            assert_eq!(bad.parse::<MaxUnused>().is_ok(), is_bytes, "{bad}");
        }
        for good in ["10%", "0%", "1.5%", "500M", "2g", "unlimited", "0"] {
            assert_eq!(good.parse::<MaxUnused>().unwrap().as_str(), good);
        }
        for bad in ["0/3", "4/3", "1/300", "3", "a/b"] {
            assert!(bad.parse::<Subset>().is_err(), "{bad}");
        }
    }
}
