//! Words for people: times, sizes, states and grants as the glossary has them.
//!
//! Pure; the machine-readable output uses none of this.

use crate::api::{Grant, ReceivedGrant};
use crate::grant::{Grants, Permission, Scope};
use crate::model::Timestamp;
use std::time::Duration;

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// Hours are told up to two days: `28 h` says more than `1 d 4 h`.
const DAYS_FROM: u64 = 2 * DAY;

/// Of a duration: the unit it is told in, its word, and the next smaller one.
type Unit = (u64, &'static str, Option<(u64, &'static str)>);

const fn unit(seconds: u64) -> Unit {
    match seconds {
        0..MINUTE => (1, "s", None),
        MINUTE..HOUR => (MINUTE, "min", Some((1, "s"))),
        HOUR..DAYS_FROM => (HOUR, "h", Some((MINUTE, "min"))),
        DAYS_FROM.. => (DAY, "d", Some((HOUR, "h"))),
    }
}

/// Two units, one from 10 of the larger on, as in the web interface: `45 s`, `1 min 30 s`, `37 min`,
/// `4 h 27 min`, `23 h`, `6 d 3 h`. Rounded down, so that nothing looks older than it is.
pub(crate) fn duration(time: Duration) -> String {
    let seconds = time.as_secs();
    let (big, word, smaller) = unit(seconds);
    let first = seconds / big;
    match smaller.map(|(small, word)| (seconds % big / small, word)) {
        Some((rest @ 1.., small)) if first < 10 => format!("{first} {word} {rest} {small}"),
        _ => format!("{first} {word}"),
    }
}

/// `3 h ago`, `in 2 d`, `now`; the text itself where it is no time.
pub(crate) fn relative(at: &str, now: Timestamp) -> String {
    let Some(time) = Timestamp::parse(at) else { return at.to_owned() };
    let (past, ahead) = (now.since(time), time.since(now));
    match (past.as_secs(), ahead.as_secs()) {
        (0, 0) => "now".to_owned(),
        (0, _) => format!("in {}", duration(rounded(ahead))),
        _ => format!("{} ago", duration(past)),
    }
}

/// What was set to 24 h a moment ago is 24 h away, not 23 h: to the nearest of the smallest unit told.
fn rounded(time: Duration) -> Duration {
    let (big, _, smaller) = unit(time.as_secs());
    let told = match smaller {
        Some((small, _)) if time.as_secs() / big < 10 => small,
        _ => big,
    };
    time.saturating_add(Duration::from_secs(told) / 2)
}

/// [`relative`] of a time that may be absent.
pub(crate) fn maybe_relative(at: Option<&str>, now: Timestamp) -> String {
    at.map_or_else(|| "–".to_owned(), |at| relative(at, now))
}

/// [`relative`] of what is to come: what has not come by its time is due.
pub(crate) fn due(at: &str, now: Timestamp) -> String {
    match Timestamp::parse(at) {
        Some(time) if time <= now => "due".to_owned(),
        _ => relative(at, now),
    }
}

/// `1.5 MiB`, powers of 1024.
pub(crate) fn bytes(count: u64) -> String {
    const UNITS: [&str; 7] = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    let power = (count.max(1).ilog2() / 10) as usize;
    match power {
        0 => format!("{count} B"),
        _ => {
            #[expect(clippy::cast_precision_loss, reason = "one decimal is shown")]
            let size = count as f64 / (1_u64 << (10 * power)) as f64;
            format!("{size:.1} {}", UNITS[power])
        }
    }
}

/// A name on one line: what would move the cursor is written as Rust writes it.
pub(crate) fn name(text: &str) -> String {
    let escaped = |letter: char| match letter.is_control() {
        true => letter.escape_default().to_string(),
        false => letter.to_string(),
    };
    text.chars().map(escaped).collect()
}

/// How a state looks: a shape and a colour, never a colour alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tone {
    /// Someone is needed.
    Bad,
    /// Look at it some time.
    Watch,
    /// Under way.
    Run,
    /// Nothing to say.
    Off,
    /// As it should be.
    Good,
}

impl Tone {
    pub(crate) const ALL: [Self; 5] = [Self::Bad, Self::Watch, Self::Run, Self::Off, Self::Good];

    pub(crate) const fn glyph(self) -> char {
        match self {
            Self::Bad => '✗',
            Self::Watch => '!',
            Self::Run => '▸',
            Self::Off => '·',
            Self::Good => '✓',
        }
    }

    /// The SGR colour.
    pub(crate) const fn colour(self) -> &'static str {
        match self {
            Self::Bad => "31",
            Self::Watch => "33",
            Self::Run => "34",
            Self::Off => "2",
            Self::Good => "32",
        }
    }

    /// Of any state word: of a plan, an operation, a peer, a repo, a token or the store.
    pub(crate) fn of(state: &str) -> Self {
        match state {
            "never" | "stale" | "failing" | "failed" | "refused" | "incompatible" | "missing"
            | "conflict" | "lost" | "empty" => Self::Bad,
            "late" | "warnings" | "warning" | "unreachable" | "locked" | "disabled"
            | "repairing" | "unwritable" => Self::Watch,
            "running" | "pending" | "connecting" => Self::Run,
            "fresh" | "succeeded" | "connected" | "ready" | "open" | "ok" => Self::Good,
            _ => Self::Off,
        }
    }
}

/// `✓ fresh`.
pub(crate) fn marked(state: &str, text: &str) -> String {
    format!("{} {text}", Tone::of(state).glyph())
}

/// The word for how an operation is.
pub(crate) fn status(status: &str) -> &str {
    match status {
        "pending" => "waiting",
        "succeeded" => "done",
        "warning" => "warnings",
        other => other,
    }
}

/// The verb of a permission and what it means for whoever gives it.
pub(crate) const fn verb(permission: Permission) -> (&'static str, &'static str) {
    match permission {
        Permission::ReadOperations => ("see", "operations, expectations and logs"),
        Permission::ReceiveSharedRepos => {
            ("take repos", "be sent shared repos, with their credentials")
        }
        Permission::SendSharedRepos => ("send repos", "send its shared repos"),
        Permission::ReadConfig => ("see settings", "repos, plans and settings, without secrets"),
        Permission::WriteConfig => ("change settings", "repos, plans and settings"),
        Permission::RunOperations => (
            "run",
            "start and cancel backup, forget, prune, check, stats, index and unlock, as they are set up",
        ),
        Permission::ReadFiles => ("read files", "list and download what snapshots hold"),
        Permission::Restore => ("restore", "write files, only below its allowed paths"),
    }
}

fn scope(text: &str) -> String {
    match text.parse::<Scope>() {
        Ok(Scope::All) => "everything".to_owned(),
        Ok(Scope::Repo(id)) => format!("repo {id}"),
        Ok(Scope::Plan(id)) => format!("plan {id}"),
        Ok(Scope::NotRepo(id)) => format!("except repo {id}"),
        Ok(Scope::NotPlan(id)) => format!("except plan {id}"),
        Err(_) => text.to_owned(),
    }
}

fn phrase(permission: &str, scopes: &[String]) -> String {
    let said = permission.parse::<Permission>().map_or(permission, |known| verb(known).0);
    let scopes: Vec<_> = scopes.iter().map(|text| scope(text)).collect();
    match scopes.is_empty() {
        true => said.to_owned(),
        false => format!("{said}: {}", scopes.join(", ")),
    }
}

/// `see: everything, except repo private; send repos`, or `nothing`.
pub(crate) fn grants(grants: &[Grant]) -> String {
    let said: Vec<_> =
        grants.iter().map(|grant| phrase(&grant.permission, &grant.scopes)).collect();
    if said.is_empty() { "nothing".to_owned() } else { said.join("; ") }
}

/// As [`grants`], of what a peer told us: exceptions without names.
pub(crate) fn received(grants: &[ReceivedGrant]) -> String {
    let said = |grant: &ReceivedGrant| {
        let exceptions = if grant.with_exceptions { ", with exceptions" } else { "" };
        format!("{}{exceptions}", phrase(&grant.permission, &grant.scopes))
    };
    let said: Vec<_> = grants.iter().map(said).collect();
    if said.is_empty() { "nothing".to_owned() } else { said.join("; ") }
}

/// One line for consent: verb, meaning, and the code second.
pub(crate) fn consent_line(grant: &Grant) -> String {
    let meaning = grant.permission.parse::<Permission>().map_or("", |known| verb(known).1);
    let text = phrase(&grant.permission, &grant.scopes);
    format!("{text} ({meaning})  [{}]", written(grant))
}

/// As typed: `read-operations=*,!repo:private`.
pub(crate) fn written(grant: &Grant) -> String {
    match grant.scopes.is_empty() {
        true => grant.permission.clone(),
        false => format!("{}={}", grant.permission, grant.scopes.join(",")),
    }
}

/// Checked grants as the API carries them.
pub(crate) fn to_api(grants: &Grants) -> Vec<Grant> {
    let scopes = |scopes: &crate::grant::Scopes| scopes.iter().map(ToString::to_string).collect();
    grants
        .iter()
        .map(|(permission, set)| Grant { permission: permission.to_string(), scopes: scopes(set) })
        .collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn grant(permission: &str, scopes: &[&str]) -> Grant {
        let scopes = scopes.iter().map(|&text| text.to_owned()).collect();
        Grant { permission: permission.to_owned(), scopes }
    }

    #[test]
    fn durations_have_two_units_at_most() {
        let of = |seconds| duration(Duration::from_secs(seconds));
        assert_eq!(of(0), "0 s");
        assert_eq!(of(59), "59 s");
        assert_eq!([of(60), of(90), of(97)], ["1 min", "1 min 30 s", "1 min 37 s"]);
        assert_eq!(of(599), "9 min 59 s");
        assert_eq!([of(639), of(37 * 60 + 9)], ["10 min", "37 min"]);
        assert_eq!([of(12_000), of(16_020), of(86_399)], ["3 h 20 min", "4 h 27 min", "23 h"]);
        assert_eq!([of(86_400), of(130_000)], ["24 h", "36 h"], "hours up to two days");
        assert_eq!([of(172_800), of(187_300), of(529_200)], ["2 d", "2 d 4 h", "6 d 3 h"]);
        assert_eq!(of(u64::MAX), "213503982334601 d");
    }

    #[test]
    fn what_was_just_set_is_as_far_away_as_it_was_set() {
        let now = Timestamp::parse("2026-11-21T04:00:00.000Z").unwrap();
        for (seconds, said) in [
            (60, "in 1 min"),
            (900, "in 15 min"),
            (7_200, "in 2 h"),
            (86_400, "in 24 h"),
            (172_800, "in 2 d"),
            (604_800, "in 7 d"),
            (2_592_000, "in 30 d"),
        ] {
            let at = now.plus(Duration::from_millis(seconds * 1_000 - 400));
            assert_eq!(relative(&at.to_string(), now), said);
        }
    }

    #[test]
    fn times_are_relative_to_now() {
        let now = Timestamp::parse("2026-11-21T04:00:00.000Z").unwrap();
        assert_eq!(relative("2026-11-21T03:00:00.000Z", now), "1 h ago");
        assert_eq!(relative("2026-11-21T04:00:30.000Z", now), "in 30 s");
        assert_eq!(relative("2026-11-21T04:00:00.000Z", now), "now");
        assert_eq!(relative("soon", now), "soon");
        assert_eq!(maybe_relative(None, now), "–");
    }

    #[test]
    fn sizes_count_in_1024() {
        assert_eq!(bytes(0), "0 B");
        assert_eq!(bytes(1023), "1023 B");
        assert_eq!(bytes(1536), "1.5 KiB");
        assert_eq!(bytes(u64::MAX), "16.0 EiB");
    }

    #[test]
    fn grants_are_said_in_verbs() {
        let said = grants(&[
            grant("read-operations", &["*", "!repo:private"]),
            grant("send-shared-repos", &[]),
        ]);
        assert_eq!(said, "see: everything, except repo private; send repos");
        assert_eq!(grants(&[]), "nothing");
    }

    #[test]
    fn received_exceptions_are_not_named() {
        let said = received(&[ReceivedGrant {
            permission: "read-operations".to_owned(),
            scopes: vec!["*".to_owned()],
            with_exceptions: true,
        }]);
        assert_eq!(said, "see: everything, with exceptions");
    }

    #[test]
    fn consent_names_the_code_second() {
        let line = consent_line(&grant("receive-shared-repos", &["repo:vault"]));
        assert_eq!(
            line,
            "take repos: repo vault (be sent shared repos, with their credentials)  \
             [receive-shared-repos=repo:vault]"
        );
    }

    #[test]
    fn every_state_of_the_contract_has_its_tone() {
        for (state, tone) in [
            ("never", Tone::Bad),
            ("stale", Tone::Bad),
            ("failing", Tone::Bad),
            ("late", Tone::Watch),
            ("warnings", Tone::Watch),
            ("running", Tone::Run),
            ("waiting", Tone::Off),
            ("paused", Tone::Off),
            ("not-yet", Tone::Off),
            ("fresh", Tone::Good),
            ("offline", Tone::Off),
            ("used-up", Tone::Off),
        ] {
            assert_eq!(Tone::of(state), tone, "{state}");
        }
    }
}
