//! A length of time as people write it.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// A length of time, written as `15s`, `36h`, `400d`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span(pub Duration);

/// A text that is no length of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a duration is a number and a unit, such as 15s, 20m, 36h or 400d")]
pub struct SpanError;

impl Span {
    /// Of whole days.
    #[must_use]
    pub const fn days(days: u64) -> Self {
        Self(Duration::from_secs(days * 24 * 60 * 60))
    }
}

impl FromStr for Span {
    type Err = SpanError;

    fn from_str(text: &str) -> Result<Self, SpanError> {
        if text.len() > 80 {
            return Err(SpanError);
        }
        humantime::parse_duration(text).map(Self).map_err(|_| SpanError)
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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn spans_read_back() {
        for text in ["400d", "36h", "20m", "15s", "1500ms"] {
            let span: Span = text.parse().unwrap();
            assert_eq!(span.to_string().parse(), Ok(span), "{text}");
        }
        assert_eq!(Span::days(400).to_string(), "400d");
        assert!("4 bananas".parse::<Span>().is_err());
    }
}
