//! Watches a run for signs of life: first attention is raised, then the run is interrupted.
//!
//! A line that says only that time has passed is no sign of life: restic's progress lines come
//! whether or not anything happens.

use super::board::{Active, Why};
use super::engine::Inner;
use crate::model::{Progress, Tuning};
use crate::restic::{Event, Line};
use std::fmt;
use std::future::{Future, pending};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

/// How long attention is raised before the run is interrupted.
pub(super) const GRACE: Duration = Duration::from_secs(600);
/// How much of a line is compared with the next.
const COMPARED: usize = 256;

/// What is wrong with a run that goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Overdue {
    /// No sign of life for so long.
    Stalled(Duration),
    /// It runs for longer than that.
    TooLong(Duration),
}

impl fmt::Display for Overdue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stalled(limit) => {
                let limit = humantime::format_duration(*limit);
                write!(f, "restic has shown no sign of life for {limit} (stall-after)")
            }
            Self::TooLong(limit) => {
                let limit = humantime::format_duration(*limit);
                write!(f, "restic runs for longer than {limit} (max-run)")
            }
        }
    }
}

impl Overdue {
    /// What the operation says once it was interrupted for it.
    pub(super) fn ended(self) -> String {
        match self {
            Self::Stalled(_) => format!(
                "{self}, so it was interrupted. Check the network and the storage; the next run goes on where this one was"
            ),
            Self::TooLong(_) => format!(
                "{self}, so it was interrupted. What it has saved need not be saved again; allow it more time if it needs it"
            ),
        }
    }
}

/// What a line says apart from the time.
#[derive(Debug, PartialEq, Eq)]
enum Seen {
    Progress { files: (u64, u64), bytes: (u64, u64) },
    Text(String),
}

impl Seen {
    fn of(line: &Line) -> Self {
        match &line.event {
            Event::Progress(progress) => {
                let Progress { files_done, files_total, bytes_done, bytes_total, .. } = progress;
                Self::Progress {
                    files: (*files_done, *files_total),
                    bytes: (*bytes_done, *bytes_total),
                }
            }
            Event::ItemError(_) | Event::Summary(_) | Event::Freed(_) | Event::Said => {
                Self::Text(without_time(&line.text).chars().take(COMPARED).collect())
            }
        }
    }
}

/// `12.00%  3 / 25 packs` of `[0:05] 12.00%  3 / 25 packs`.
fn without_time(text: &str) -> &str {
    let timed = text.strip_prefix('[').and_then(|rest| rest.split_once(']'));
    match timed {
        Some((time, rest)) if time.bytes().all(|b| b.is_ascii_digit() || b == b':') => rest,
        Some(_) | None => text,
    }
}

/// The signs of life of one run.
pub(super) struct Signs {
    began: Instant,
    newest: Mutex<(Instant, Option<Seen>)>,
    came: Notify,
}

impl Signs {
    /// Of a run that begins now.
    pub(super) fn new() -> Self {
        let began = Instant::now();
        Self { began, newest: Mutex::new((began, None)), came: Notify::new() }
    }

    fn newest(&self) -> MutexGuard<'_, (Instant, Option<Seen>)> {
        self.newest.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes note of a line.
    pub(super) fn see(&self, line: &Line) {
        let seen = Some(Seen::of(line));
        let mut newest = self.newest();
        if newest.1 != seen {
            *newest = (Instant::now(), seen);
            drop(newest);
            self.came.notify_one();
        }
    }

    fn next(&self, tuning: &Tuning) -> Option<(Instant, Overdue)> {
        let last = self.newest().0;
        let stalled = tuning.stall_limit().map(|limit| (last + limit, Overdue::Stalled(limit)));
        let long = tuning.run_limit().map(|limit| (self.began + limit, Overdue::TooLong(limit)));
        stalled.into_iter().chain(long).min_by_key(|(at, _)| *at)
    }

    /// Waits until something is wrong.
    async fn overdue(&self, tuning: &Tuning) -> Overdue {
        loop {
            let Some((at, overdue)) = self.next(tuning) else { return pending().await };
            sleep_until(at).await;
            // There may have been a sign meanwhile.
            if self.next(tuning).is_some_and(|next| next == (at, overdue)) {
                return overdue;
            }
        }
    }

    /// Waits for the end of the grace; `false` if there is a sign of life before, where that helps.
    async fn lasts(&self, overdue: Overdue) -> bool {
        let end = Instant::now() + GRACE;
        let stalled_since = self.newest().0;
        loop {
            tokio::select! {
                () = sleep_until(end) => return true,
                () = self.came.notified() => {}
            }
            if matches!(overdue, Overdue::Stalled(_)) && self.newest().0 > stalled_since {
                return false;
            }
        }
    }
}

impl Inner {
    /// Waits for the end of `work`, which is interrupted if it stalls or takes too long.
    pub(super) async fn watched<T>(
        &self,
        active: &Active,
        (tuning, signs): (&Tuning, &Signs),
        work: impl Future<Output = T>,
    ) -> T {
        tokio::pin!(work);
        let given_up = async {
            loop {
                let overdue = signs.overdue(tuning).await;
                self.raise(active, Some(overdue)).await;
                if signs.lasts(overdue).await {
                    return overdue;
                }
                self.raise(active, None).await;
            }
        };
        let overdue = tokio::select! {
            done = &mut work => return done,
            overdue = given_up => overdue,
        };
        active.cancel(Why::Overdue(overdue));
        work.await
    }

    async fn raise(&self, active: &Active, overdue: Option<Overdue>) {
        let grace = humantime::format_duration(GRACE);
        let attention = overdue.map(|overdue| format!("{overdue}; it is interrupted in {grace}"));
        if let Some(attention) = &attention {
            tracing::warn!(operation = %active.operation().id, "{attention}");
        }
        let message = attention.clone().unwrap_or_default();
        active.attend(attention);
        self.record(active.amend(|op| op.message = message)).await;
        self.board.changed();
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::model::Patience;
    use crate::restic::decode_line;
    use tokio::time::advance;

    fn line(text: &str) -> Line {
        Line { event: decode_line(text), text: text.to_owned() }
    }

    fn status(seconds: u64, bytes: u64) -> Line {
        line(&format!(
            r#"{{"message_type":"status","seconds_elapsed":{seconds},"bytes_done":{bytes}}}"#
        ))
    }

    const HOUR: Duration = Duration::from_secs(3600);

    #[tokio::test(start_paused = true)]
    async fn a_run_that_only_says_that_time_passes_has_stalled() {
        let signs = Signs::new();
        let began = Instant::now();
        let waiting = async {
            let overdue = signs.overdue(&Tuning::NONE).await;
            (overdue, began.elapsed())
        };
        let talking = async {
            for n in 0..240 {
                advance(Duration::from_secs(60)).await;
                // For an hour it saves, then the same again and again.
                signs.see(&status(n * 60, n.min(60)));
                tokio::task::yield_now().await;
            }
        };
        let ((overdue, after), ()) = tokio::join!(waiting, talking);
        assert_eq!(overdue, Overdue::Stalled(2 * HOUR));
        assert!(after >= 3 * HOUR && after <= 3 * HOUR + Duration::from_secs(120), "{after:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_sign_of_life_in_the_grace_lets_a_stalled_run_go_on_and_not_a_long_one() {
        let signs = Signs::new();
        for (overdue, expected) in [(Overdue::Stalled(HOUR), false), (Overdue::TooLong(HOUR), true)]
        {
            let speaking = async {
                advance(GRACE / 2).await;
                signs.see(&line(&format!("{overdue}")));
            };
            let (ends, ()) = tokio::join!(signs.lasts(overdue), speaking);
            assert_eq!(ends, expected, "{overdue}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_limit_that_is_reached_first_counts() {
        let tuning =
            |stall, run| Tuning { stall_after: Some(stall), max_run: Some(run), ..Tuning::NONE };
        let (one, two) = (Patience::For(HOUR), Patience::For(2 * HOUR));
        let signs = Signs::new();
        assert_eq!(signs.overdue(&tuning(one, two)).await, Overdue::Stalled(HOUR));
        let signs = Signs::new();
        assert_eq!(signs.overdue(&tuning(two, one)).await, Overdue::TooLong(HOUR));
        let endless = tuning(Patience::Endless, Patience::Endless);
        assert_eq!(Signs::new().next(&endless), None);
    }

    #[test]
    fn the_time_of_a_line_is_not_compared() {
        assert_eq!(without_time("[1:02:03] 5.00%  1 / 20 packs"), " 5.00%  1 / 20 packs");
        assert_eq!(without_time("[a] b"), "[a] b");
        assert_eq!(without_time("load indexes"), "load indexes");
    }
}
