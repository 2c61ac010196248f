//! `holdfast schedule`: what a pattern means, without a daemon.

use super::{Context, Exit, Failure};
use crate::clock;
use crate::schedule::{CronPattern, Schedule, ScheduleError, Zone};
use serde::Serialize;
use std::time::Duration;

/// Try out schedules
#[derive(Debug, clap::Subcommand)]
#[command(after_help = "Example:\n  holdfast schedule test 'every 6h'")]
pub(crate) enum Command {
    /// Print the next times of a schedule; needs no daemon
    #[command(
        after_help = "Example:\n  holdfast schedule test '30 2 * * *' --time-zone Europe/Rome\n  holdfast schedule test 'every 6h'"
    )]
    Test {
        /// As for plan add: 'cron: 30 2 * * *', 'every 6h', 'after PLAN' or manual; or a cron pattern alone
        #[arg(value_parser = schedule)]
        schedule: Schedule,
        /// By whose clocks; without it the machine's own
        #[arg(long, value_name = "ZONE")]
        time_zone: Option<Zone>,
        /// How many times
        #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..=1000))]
        count: u16,
    },
}

/// What `schedule test` says.
#[derive(Debug, Serialize)]
struct Tested {
    schedule: String,
    time_zone: String,
    next_runs: Vec<String>,
}

impl Command {
    pub(crate) fn run(self, context: &Context) -> Result<Exit, Failure> {
        let Self::Test { schedule, time_zone, count } = self;
        let zone = time_zone.unwrap_or_else(Zone::of_this_machine);
        let first = schedule.next(clock::now(), Duration::ZERO, &zone);
        let runs =
            first.map(|first| schedule.next_runs(first, usize::from(count), Duration::ZERO, &zone));
        let runs = runs.unwrap_or_default();
        let tested = Tested {
            schedule: schedule.to_string(),
            time_zone: zone.to_string(),
            next_runs: runs.iter().map(ToString::to_string).collect(),
        };
        let text = || match runs.as_slice() {
            [] => format!("{schedule}: it has no times of its own"),
            runs => runs.iter().map(|at| zone.show(*at)).collect::<Vec<_>>().join("\n"),
        };
        context.output.show(&tested, text)?;
        Ok(Exit::Done)
    }
}

/// Any schedule, and five fields or a nickname without the word before them.
fn schedule(text: &str) -> Result<Schedule, ScheduleError> {
    match text.parse() {
        Err(ScheduleError::Unknown(_)) => {
            let pattern: CronPattern = text.parse()?;
            Ok(Schedule::Cron { pattern, zone: None, jitter: Duration::ZERO })
        }
        read => read,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn every_form_that_a_plan_takes_is_read_and_a_pattern_alone() {
        let read = |text: &str| schedule(text).unwrap().to_string();
        for form in ["cron: 30 2 * * *", "every 6h", "after home", "manual"] {
            assert_eq!(read(form), form);
        }
        assert_eq!(read("30 2 * * *"), "cron: 30 2 * * *");
        assert_eq!(read("@daily"), read("cron: @daily"));
        assert!(matches!(schedule("nonsense"), Err(ScheduleError::Cron(_))));
        assert!(matches!(schedule("every now"), Err(ScheduleError::Span(_))));
    }
}
