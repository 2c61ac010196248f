//! Tables of schedules and of the times that follow from them.

use super::*;
use crate::model::Timestamp;

fn next_runs(pattern: &str, zone: &str, after: &str, count: usize) -> Vec<String> {
    let (pattern, zone): (CronPattern, Zone) = (pattern.parse().unwrap(), zone.parse().unwrap());
    let mut at: Timestamp = Timestamp::parse(after).unwrap();
    let mut runs = Vec::new();
    for _ in 0..count {
        at = pattern.next(at, &zone).unwrap();
        runs.push(zone.clock_at(at).strftime("%m-%d %H:%M%:z").to_string());
    }
    runs
}

#[test]
fn schedules_read_back() {
    for text in ["manual", "cron: 30 2 * * *", "every 6h", "after home", "every 400m"] {
        let schedule: Schedule = text.parse().unwrap();
        assert_eq!(schedule.to_string(), text);
    }
    let spaced: Schedule = "  cron  */5  * *  * 1-5 ".parse().unwrap();
    assert_eq!(spaced.to_string(), "cron: */5 * * * 1-5");
    for (bad, part) in [
        ("", "is no schedule"),
        ("daily", "is no schedule"),
        ("every 1s", "every 1s is not between 1m and 366d"),
        ("every day", "a duration is"),
        ("after ../x", "plan id"),
        ("cron: 30 2 * *", "five"),
        ("cron: 0 30 2 * * *", "five"),
        ("cron: 61 2 * * *", "is no cron pattern"),
        ("cron: 0 2 * * moon", "is no cron pattern"),
        ("cron: 0 0 30 2 *", "never comes"),
    ] {
        let error = bad.parse::<Schedule>().unwrap_err().to_string();
        assert!(error.contains(part), "{bad}: {error}");
    }
    assert!("Europe/Atlantis".parse::<Zone>().is_err());
}

#[test]
fn days_are_chosen_as_vixie_cron_does() {
    let days = |pattern| -> Vec<String> {
        let runs = next_runs(pattern, "UTC", "2026-01-01T00:00:00Z", 5);
        runs.iter().map(|run| run[..5].to_owned()).collect()
    };
    // 2026-01-01 is a Thursday.
    assert_eq!(days("0 2 13 * 5"), ["01-02", "01-09", "01-13", "01-16", "01-23"], "either day");
    assert_eq!(days("0 2 */2 * 5"), ["01-09", "01-23", "02-13", "02-27", "03-13"], "a star: both");
    assert_eq!(days("0 2 * * 7"), days("0 2 * * 0"), "7 is Sunday");
    assert_eq!(days("0 2 * * sun"), ["01-04", "01-11", "01-18", "01-25", "02-01"]);
    assert_eq!(days("0 0 29 2 *")[0], "02-29");
    assert_eq!(days("@monthly"), ["02-01", "03-01", "04-01", "05-01", "06-01"]);
}

#[test]
fn a_skipped_time_runs_after_the_gap_and_a_repeated_one_once() {
    // Europe/Rome goes from 02:00+01 to 03:00+02 on 2026-03-29, back at 03:00+02 on 2026-10-25.
    let spring = |pattern| next_runs(pattern, "Europe/Rome", "2026-03-28T12:00:00Z", 3);
    assert_eq!(
        spring("30 2 * * *"),
        ["03-29 03:00+02:00", "03-30 02:30+02:00", "03-31 02:30+02:00"]
    );
    assert_eq!(
        spring("*/20 2 * * *"),
        ["03-29 03:00+02:00", "03-30 02:00+02:00", "03-30 02:20+02:00"],
        "three that are skipped are one"
    );
    let autumn = |pattern| next_runs(pattern, "Europe/Rome", "2026-10-24T12:00:00Z", 2);
    assert_eq!(autumn("30 2 * * *"), ["10-25 02:30+02:00", "10-26 02:30+01:00"]);
    let second = next_runs("45 2 * * *", "Europe/Rome", "2026-10-25T01:10:00Z", 1);
    assert_eq!(second, ["10-26 02:45+01:00"], "it was there before the clock went back");
    // A zone whose clocks skip midnight.
    let midnight = next_runs("0 0 * * *", "America/Sao_Paulo", "2018-11-03T12:00:00Z", 1);
    assert_eq!(midnight, ["11-04 01:00-02:00"]);
    // A zone that left out a whole day, 2011-12-30.
    let day = next_runs("0 5 * * *", "Pacific/Apia", "2011-12-29T20:00:00Z", 2);
    assert_eq!(day, ["12-31 00:00+14:00", "12-31 05:00+14:00"]);
}

#[test]
fn a_pattern_of_every_hour_runs_in_each_hour_that_passes() {
    let runs = |after| next_runs("30 * * * *", "Europe/Rome", after, 4);
    assert_eq!(
        runs("2026-03-28T23:40:00Z"),
        ["03-29 01:30+01:00", "03-29 03:30+02:00", "03-29 04:30+02:00", "03-29 05:30+02:00"]
    );
    assert_eq!(
        runs("2026-10-24T23:10:00Z"),
        ["10-25 01:30+02:00", "10-25 02:30+02:00", "10-25 02:30+01:00", "10-25 03:30+01:00"]
    );
    // Half an hour back: 02:00+11:00 is 01:30+10:30 again.
    let lord_howe = next_runs("*/30 * * * *", "Australia/Lord_Howe", "2026-04-04T14:20:00Z", 4);
    assert_eq!(
        lord_howe,
        ["04-05 01:30+11:00", "04-05 01:30+10:30", "04-05 02:00+10:30", "04-05 02:30+10:30"]
    );
}
