//! The only source of now.

use crate::model::Timestamp;
use std::time::{SystemTime, UNIX_EPOCH};

/// The wall clock.
#[must_use]
pub fn now() -> Timestamp {
    let millis = match SystemTime::now().duration_since(UNIX_EPOCH) {
        Ok(after) => i64::try_from(after.as_millis()).unwrap_or(i64::MAX),
        Err(before) => i64::try_from(before.duration().as_millis()).map_or(i64::MIN, |ms| -ms),
    };
    Timestamp::from_millis(millis)
}

/// Time that never goes back, in milliseconds since the first call: for deadlines.
#[must_use]
pub fn monotonic() -> Timestamp {
    use std::sync::OnceLock;
    use std::time::Instant;
    static START: OnceLock<Instant> = OnceLock::new();
    let start = START.get_or_init(Instant::now);
    Timestamp::from_millis(i64::try_from(start.elapsed().as_millis()).unwrap_or(i64::MAX))
}
