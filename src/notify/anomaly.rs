//! Whether a backup differs so much from those before it that somebody should look.
//!
//! The rule: of the last backups (at least [`ENOUGH`], at most [`LOOKED_AT`]) the median is taken of the
//! bytes looked at, the files and the bytes added. A backup is an anomaly if
//! - its bytes looked at or its files are below half of their median (something is no longer there:
//!   an unmounted disk, a wiped folder), or
//! - above three times that, or
//! - it added more than ten times the median of what was added (something encrypts or rewrites all).
//!
//! Amounts below [`SMALL_BYTES`] and [`SMALL_FILES`] on both sides are never one: they differ by nature.

/// As many backups there have to be before there is a rule.
const ENOUGH: usize = 5;
/// No more are looked at.
pub const LOOKED_AT: usize = 20;
const SMALL_BYTES: u64 = 16 << 20;
const SMALL_FILES: u64 = 100;

/// How large a backup was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// Bytes looked at.
    pub bytes: u64,
    /// Files looked at.
    pub files: u64,
    /// Bytes added to the repository.
    pub added: u64,
}

/// What is odd, in a sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Anomaly(pub String);

/// What is odd about a backup, given those before it. `None` where nothing is, or too little is known.
#[must_use]
pub fn anomaly(newest: Size, before: &[Size]) -> Option<Anomaly> {
    let before = &before[before.len().saturating_sub(LOOKED_AT)..];
    if before.len() < ENOUGH {
        return None;
    }
    let usual = |of: fn(&Size) -> u64| median(before.iter().map(of).collect());
    let found = odd("bytes looked at", newest.bytes, usual(|size| size.bytes), SMALL_BYTES)
        .or_else(|| odd("files", newest.files, usual(|size| size.files), SMALL_FILES))
        .or_else(|| flood(newest.added, usual(|size| size.added)));
    found.map(|what| Anomaly(format!("{what} of the {} backups before it", before.len())))
}

fn odd(what: &str, now: u64, usual: u64, small: u64) -> Option<String> {
    if now.max(usual) < small {
        return None;
    }
    let is_less = now < usual / 2;
    let is_more = now > usual.saturating_mul(3);
    let word = if is_less { "less than half" } else { "more than three times" };
    (is_less || is_more).then(|| format!("{now} {what}, {word} the median {usual}"))
}

fn flood(now: u64, usual: u64) -> Option<String> {
    let usual = usual.max(SMALL_BYTES);
    (now > usual.saturating_mul(10))
        .then(|| format!("{now} bytes added, more than ten times the median {usual}"))
}

fn median(mut values: Vec<u64>) -> u64 {
    values.sort_unstable();
    values.get(values.len() / 2).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIB: u64 = 1 << 30;

    fn size(bytes: u64, files: u64, added: u64) -> Size {
        Size { bytes, files, added }
    }

    #[test]
    fn half_gone_three_times_more_or_ten_times_added_is_an_anomaly() {
        let usual = [size(10 * GIB, 1000, GIB); 6];
        for (what, newest, expected) in [
            ("as ever", size(10 * GIB, 1000, GIB), false),
            ("half", size(5 * GIB, 500, 0), false),
            ("less than half of the bytes", size(5 * GIB - 1, 1000, 0), true),
            ("less than half of the files", size(10 * GIB, 499, 0), true),
            ("three times", size(30 * GIB, 3000, GIB), false),
            ("more", size(30 * GIB + 1, 1000, GIB), true),
            ("all rewritten", size(10 * GIB, 1000, 10 * GIB + 1), true),
            ("nothing", size(0, 0, 0), true),
        ] {
            assert_eq!(anomaly(newest, &usual).is_some(), expected, "{what}");
        }
    }

    #[test]
    fn little_and_too_few_are_no_rule() {
        assert_eq!(anomaly(size(0, 0, 0), &[size(10 * GIB, 1000, 0); 4]), None);
        assert_eq!(anomaly(size(1, 1, 1), &[size(1000, 99, 1000); 9]), None);
        let first_one_only = [size(0, 0, 0); 9];
        assert_eq!(anomaly(size(SMALL_BYTES - 1, 99, 150 << 20), &first_one_only), None);
    }

    #[test]
    fn one_odd_backup_among_the_usual_ones_moves_nothing() {
        let mut before = vec![size(10 * GIB, 1000, GIB); 6];
        before.push(size(0, 0, 0));
        assert_eq!(anomaly(size(10 * GIB, 1000, GIB), &before), None);
        let said = anomaly(size(0, 0, 0), &before).expect("an anomaly").0;
        assert!(said.contains("less than half") && said.contains("7 backups"), "{said}");
    }
}
