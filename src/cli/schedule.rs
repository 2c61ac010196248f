//! `holdfast schedule`: what a pattern means, without a daemon.

use super::{Context, Exit, Failure};
use crate::clock;
use crate::schedule::{CronPattern, Schedule, Zone};
use serde::Serialize;
use std::time::Duration;

/// Try out schedules
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Print the next times of a cron pattern; needs no daemon
    #[command(
        after_help = "Example:\n  holdfast schedule test '30 2 * * *' --time-zone Europe/Rome"
    )]
    Test {
        /// Five fields, or @daily and the like
        cron: CronPattern,
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
        let Self::Test { cron, time_zone, count } = self;
        let zone = time_zone.unwrap_or_else(Zone::of_this_machine);
        let schedule = Schedule::Cron { pattern: cron, zone: None, jitter: Duration::ZERO };
        let first = schedule.next(clock::now(), Duration::ZERO, &zone);
        let runs =
            first.map(|first| schedule.next_runs(first, usize::from(count), Duration::ZERO, &zone));
        let runs = runs.unwrap_or_default();
        let tested = Tested {
            schedule: schedule.to_string(),
            time_zone: zone.to_string(),
            next_runs: runs.iter().map(ToString::to_string).collect(),
        };
        let text = || runs.iter().map(|at| zone.show(*at)).collect::<Vec<_>>().join("\n");
        context.output.show(&tested, text)?;
        Ok(Exit::Done)
    }
}
