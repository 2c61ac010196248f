//! How long a token may be redeemed.

use crate::model::Timestamp;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// Not a time to live.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TtlError {
    /// Neither `never` nor a duration.
    #[error(
        "{given:?} is no time to live; use 15m, 1h, 24h, 7d, never, or another duration such as 36h"
    )]
    Malformed {
        /// What was given, cut to 80 characters.
        given: String,
    },
    /// A token that is expired when it is made.
    #[error("a token that lives for 0 s could never be used; use 15m or more")]
    Zero,
}

/// From its making, how long a token may be redeemed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ttl {
    /// For so long.
    For(Duration),
    /// Until it is used up or revoked.
    Never,
}

impl Ttl {
    /// The moment from which it is expired; `None` for never.
    #[must_use]
    pub fn expires_at(self, made: Timestamp) -> Option<Timestamp> {
        match self {
            Self::For(time) => Some(made.plus(time)),
            Self::Never => None,
        }
    }
}

/// A day.
impl Default for Ttl {
    fn default() -> Self {
        Self::For(Duration::from_secs(24 * 60 * 60))
    }
}

impl FromStr for Ttl {
    type Err = TtlError;

    fn from_str(text: &str) -> Result<Self, TtlError> {
        let given = || text.chars().take(80).collect();
        if text == "never" {
            return Ok(Self::Never);
        }
        if text.len() > 80 {
            return Err(TtlError::Malformed { given: given() });
        }
        match humantime::parse_duration(text) {
            Ok(Duration::ZERO) => Err(TtlError::Zero),
            Ok(time) => Ok(Self::For(time)),
            Err(_) => Err(TtlError::Malformed { given: given() }),
        }
    }
}

impl fmt::Display for Ttl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::For(time) => fmt::Display::fmt(&humantime::format_duration(*time), f),
            Self::Never => f.write_str("never"),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn knows_the_words_of_the_product() {
        let minutes = |n: u64| Ok(Ttl::For(Duration::from_secs(60 * n)));
        for (text, ttl) in [
            ("15m", minutes(15)),
            ("1h", minutes(60)),
            ("24h", minutes(24 * 60)),
            ("7d", minutes(7 * 24 * 60)),
            ("never", Ok(Ttl::Never)),
            ("0s", Err(TtlError::Zero)),
            ("soon", Err(TtlError::Malformed { given: "soon".into() })),
        ] {
            assert_eq!(text.parse::<Ttl>(), ttl, "{text}");
        }
        let made = Timestamp::from_millis(1_000);
        assert_eq!(
            "1s".parse::<Ttl>().unwrap().expires_at(made),
            Some(Timestamp::from_millis(2_000))
        );
        assert_eq!(Ttl::Never.expires_at(made), None);
    }

    proptest! {
        #[test]
        fn never_panics(text in "\\PC{0,100}") {
            let _ = text.parse::<Ttl>();
        }

        #[test]
        fn reads_what_it_prints(secs in 1u64..1_000_000_000) {
            let ttl = Ttl::For(Duration::from_secs(secs));
            prop_assert_eq!(ttl.to_string().parse(), Ok(ttl));
        }
    }
}
