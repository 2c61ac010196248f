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
        ("cron: 61 2 * * *", "\"61\" is no minute, which is 0 to 59"),
        ("cron: 0 2-24 * * *", "\"2-24\" is no hour, which is 0 to 23"),
        ("cron: 0 2 0 * *", "\"0\" is no day of the month, which is 1 to 31"),
        ("cron: 0 2 * 13 *", "\"13\" is no month, which is 1 to 12"),
        ("cron: 0 2 * * moon", "\"moon\" is no day of the week, which is 0 to 7"),
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

#[test]
fn the_longest_gap_is_that_of_the_clock() {
    const MINUTE: u64 = 60;
    const HOUR: u64 = 3600;
    const DAY: u64 = 24 * HOUR;
    for (text, seconds) in [
        ("cron: * * * * *", MINUTE),
        ("cron: */20 * * * *", 20 * MINUTE),
        ("cron: 30 2 * * *", DAY),
        ("cron: 0 8,20 * * *", 12 * HOUR),
        ("cron: 0 9-17 * * *", 16 * HOUR),
        ("cron: 0 9 * * 1-5", 3 * DAY),
        ("cron: 0 3 1 * *", 31 * DAY),
        ("cron: 0 3 31 * *", 61 * DAY),
        ("cron: 0 0 29 2 *", 1461 * DAY),
        ("every 6h", 6 * HOUR),
    ] {
        let schedule: Schedule = text.parse().unwrap();
        assert_eq!(schedule.longest_gap(), Some(Duration::from_secs(seconds)), "{text}");
    }
    assert_eq!(Schedule::Manual.longest_gap(), None);
    let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
    assert_eq!(grace(minutes(20), minutes(0)), minutes(15));
    assert_eq!(grace(minutes(6 * 60), minutes(20)), minutes(110));
    assert_eq!(grace(minutes(31 * 24 * 60), minutes(20)), minutes(360));
}

#[test]
fn every_minute_of_three_years_is_a_time_of_the_pattern_or_not() {
    // Against a clock that is asked each minute, as cron does it.
    for (pattern, zone) in [
        ("30 2 * * *", "Europe/Rome"),
        ("15 0,12 */3 * 1", "America/New_York"),
        ("*/40 * * * *", "Australia/Lord_Howe"),
        ("0 */5 * * 6", "Pacific/Chatham"),
    ] {
        let (cron, zone): (CronPattern, Zone) = (pattern.parse().unwrap(), zone.parse().unwrap());
        let start = Timestamp::parse("2025-01-01T00:00:00Z").unwrap();
        let end = start.plus(Duration::from_secs(3 * 365 * 24 * 3600));
        let mut found = std::collections::BTreeSet::new();
        let mut at = start;
        while let Some(next) = cron.next(at, &zone).filter(|next| *next <= end) {
            assert!(next > at);
            found.insert(next);
            at = next;
        }
        let mut seen = std::collections::BTreeSet::new();
        for minute in 1..=3 * 365 * 24 * 60 {
            let at = start.plus(Duration::from_secs(60 * minute));
            if shows(pattern, &zone.clock_at(at)) {
                seen.insert(at);
            }
        }
        // They differ only where clocks are changed: no more than a few times a year.
        let differ: Vec<_> = found.symmetric_difference(&seen).collect();
        let near_a_change = |at: &&&Timestamp| {
            let (before, after) =
                (at.minus(Duration::from_secs(7200)), at.plus(Duration::from_secs(7200)));
            zone.clock_at(before).offset() != zone.clock_at(after).offset()
        };
        assert!(differ.iter().all(|at| near_a_change(&at)), "{pattern}: {differ:?}");
        assert!(pattern.contains(" * * * *") <= differ.is_empty(), "{pattern}: {differ:?}");
    }
}

/// A naive reading of the four patterns above.
fn shows(pattern: &str, clock: &jiff::Zoned) -> bool {
    let (minute, hour, day) = (clock.minute(), clock.hour(), clock.day());
    let weekday = clock.weekday().to_sunday_zero_offset();
    match pattern {
        "30 2 * * *" => (minute, hour) == (30, 2),
        "15 0,12 */3 * 1" => minute == 15 && hour % 12 == 0 && (day - 1) % 3 == 0 && weekday == 1,
        "*/40 * * * *" => minute % 40 == 0,
        "0 */5 * * 6" => minute == 0 && hour % 5 == 0 && weekday == 6,
        other => panic!("{other} is not one of them"),
    }
}

fn home() -> TaskKey {
    TaskKey::Plan("home".parse().unwrap())
}

#[test]
fn jitter_is_stable_and_within_its_limit() {
    let machine = |n| crate::model::KeyId::from_bytes([n; 32]);
    let limit = Duration::from_secs(20 * 60);
    let put_off = home().put_off(&machine(1), limit);
    assert_eq!(put_off, home().put_off(&machine(1), limit), "always the same");
    let all: std::collections::BTreeSet<_> =
        (0..100).map(|n| home().put_off(&machine(n), limit)).collect();
    assert!(all.len() > 80, "machines differ: {}", all.len());
    assert!(all.iter().all(|off| *off <= limit));
    assert_eq!(home().put_off(&machine(1), Duration::ZERO), Duration::ZERO);
    let keys = [home(), TaskKey::Repo("v".parse().unwrap(), crate::model::OperationKind::Prune)];
    for key in keys {
        assert_eq!(key.to_string().parse(), Ok(key));
    }
}

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

fn entry(schedule: &str) -> Entry {
    Entry {
        key: home(),
        repo: "vault".parse().unwrap(),
        schedule: schedule.parse().unwrap(),
        only_when: OnlyWhen::default(),
        retry: Retry::default(),
        put_off: Duration::ZERO,
        last_start: None,
        followed: None,
        enabled: true,
    }
}

/// What is started at a look, by its due time.
fn look(book: &mut Book, now: &str, entries: &[Entry]) -> Vec<String> {
    let outlook = book.look(at(now), &Zone::UTC, &Surroundings::default(), entries);
    outlook.start.iter().map(|start| format!("{} {}", start.due, start.attempt.number)).collect()
}

fn ended(book: &mut Book, now: &str, end: Ended) {
    book.ended(&home(), end.into(), Retry::default(), at(now));
}

#[test]
fn what_was_missed_is_made_up_for_once() {
    let (mut book, daily) = (Book::default(), [entry("cron: 30 2 * * *")]);
    assert_eq!(look(&mut book, "2026-01-01T12:00:00Z", &daily), [""; 0]);
    assert_eq!(look(&mut book, "2026-01-05T09:00:00Z", &daily), ["2026-01-02T02:30:00.000Z 1"]);
    assert_eq!(look(&mut book, "2026-01-05T09:00:01Z", &daily), [""; 0], "it runs");
    ended(&mut book, "2026-01-05T09:10:00Z", Ended::Well);
    assert_eq!(look(&mut book, "2026-01-05T09:10:00Z", &daily), [""; 0]);
    assert_eq!(book.record(&home()).unwrap().next_due, Some(at("2026-01-06T02:30:00Z")));
}

#[test]
fn a_clock_that_goes_back_repeats_nothing_and_one_that_was_far_off_is_believed() {
    let (mut book, daily) = (Book::default(), [entry("cron: 30 2 * * *")]);
    look(&mut book, "2026-01-01T12:00:00Z", &daily);
    assert_eq!(look(&mut book, "2026-01-02T02:30:00Z", &daily).len(), 1);
    ended(&mut book, "2026-01-02T02:31:00Z", Ended::Well);
    assert_eq!(look(&mut book, "2026-01-02T01:30:00Z", &daily), [""; 0]);
    assert_eq!(look(&mut book, "2026-01-02T02:30:00Z", &daily), [""; 0], "it was run for");
    // Ten years ahead: what was missed is made up for; back again: the plan goes on.
    assert_eq!(look(&mut book, "2036-01-02T02:00:00Z", &daily), ["2026-01-03T02:30:00.000Z 1"]);
    ended(&mut book, "2036-01-02T02:01:00Z", Ended::Well);
    assert_eq!(look(&mut book, "2036-01-02T02:30:00Z", &daily).len(), 1);
    ended(&mut book, "2036-01-02T02:31:00Z", Ended::Well);
    assert_eq!(look(&mut book, "2026-01-02T03:00:00Z", &daily), [""; 0]);
    assert_eq!(look(&mut book, "2026-01-04T02:30:00Z", &daily), ["2026-01-04T02:30:00.000Z 1"]);
}

#[test]
fn a_run_that_came_to_nothing_before_it_began_is_not_made_up_for_after_a_pause() {
    let (mut book, six) = (Book::default(), [entry("every 6h")]);
    assert_eq!(look(&mut book, "2026-01-01T12:00:00Z", &six).len(), 1);
    // It has left no start.
    ended(&mut book, "2026-01-01T12:00:01Z", Ended::FailedForGood);
    book.pause(&home(), Pause::UntilResumed);
    assert_eq!(look(&mut book, "2026-01-01T13:00:00Z", &six), [""; 0]);
    book.resume(&home());
    assert_eq!(look(&mut book, "2026-01-01T13:00:01Z", &six), [""; 0]);
    assert_eq!(book.record(&home()).unwrap().next_due, Some(at("2026-01-01T18:00:00Z")));
}

#[test]
fn every_is_counted_from_the_last_start_and_does_not_drift() {
    let (mut book, six) = (Book::default(), [entry("every 6h")]);
    assert_eq!(look(&mut book, "2026-01-01T12:00:00Z", &six).len(), 1, "the first at once");
    ended(&mut book, "2026-01-01T12:10:00Z", Ended::Well);
    assert_eq!(look(&mut book, "2026-01-01T18:00:20Z", &six), ["2026-01-01T18:00:00.000Z 1"]);
    ended(&mut book, "2026-01-01T18:10:00Z", Ended::Well);
    assert_eq!(book.record(&home()).unwrap().next_due, Some(at("2026-01-02T00:00:00Z")));
    assert_eq!(look(&mut book, "2026-01-02T05:00:00Z", &six), ["2026-01-02T00:00:00.000Z 1"]);
    assert_eq!(book.record(&home()).unwrap().next_due, Some(at("2026-01-02T11:00:00Z")));
    // What waited while the clock went back counts from when it began.
    let mut book = Book::default();
    assert_eq!(look(&mut book, "2035-01-01T12:00:00Z", &six).len(), 1);
    ended(&mut book, "2035-01-01T12:10:00Z", Ended::Interrupted);
    assert_eq!(look(&mut book, "2026-01-01T12:00:00Z", &six), [""; 0]);
    assert_eq!(look(&mut book, "2026-01-01T13:00:00Z", &six).len(), 1);
    assert_eq!(book.record(&home()).unwrap().next_due, Some(at("2026-01-01T19:00:00Z")));
    let known = [Entry { last_start: Some(at("2026-01-01T11:00:00Z")), ..entry("every 6h") }];
    let mut book = Book::default();
    assert_eq!(look(&mut book, "2026-01-01T12:00:00Z", &known), [""; 0]);
    assert_eq!(look(&mut book, "2026-01-01T17:00:00Z", &known).len(), 1);
}

#[test]
fn a_plan_after_another_runs_once_for_each_good_run_of_it() {
    let after = |good: Option<&str>| [Entry { followed: good.map(at), ..entry("after other") }];
    let mut book = Book::default();
    assert_eq!(
        look(&mut book, "2026-01-01T12:00:00Z", &after(Some("2026-01-01T10:00:00Z"))),
        [""; 0]
    );
    let next = after(Some("2026-01-01T13:00:00Z"));
    assert_eq!(look(&mut book, "2026-01-01T13:10:00Z", &next).len(), 1);
    assert_eq!(look(&mut book, "2026-01-01T13:11:00Z", &next), [""; 0]);
    ended(&mut book, "2026-01-01T13:12:00Z", Ended::Well);
    assert_eq!(look(&mut book, "2026-01-01T13:13:00Z", &next), [""; 0]);
    assert_eq!(look(&mut book, "2026-01-01T13:13:00Z", &after(None)), [""; 0]);
    let mut book = Book::default();
    assert_eq!(look(&mut book, "2026-01-01T12:00:00Z", &after(None)), [""; 0]);
    assert_eq!(look(&mut book, "2026-01-01T13:10:00Z", &next).len(), 1, "its first good run");
}

#[test]
fn a_failed_run_is_tried_again_later_and_later_and_not_for_ever() {
    let (mut book, daily) = (Book::default(), [entry("cron: 30 2 * * *")]);
    look(&mut book, "2026-01-01T12:00:00Z", &daily);
    assert_eq!(look(&mut book, "2026-01-02T02:30:00Z", &daily).len(), 1);
    ended(&mut book, "2026-01-02T02:31:00Z", Ended::Failed);
    assert_eq!(look(&mut book, "2026-01-02T02:35:59Z", &daily), [""; 0]);
    assert_eq!(look(&mut book, "2026-01-02T02:36:00Z", &daily), ["2026-01-02T02:30:00.000Z 2"]);
    ended(&mut book, "2026-01-02T02:37:00Z", Ended::Failed);
    assert_eq!(look(&mut book, "2026-01-02T02:56:59Z", &daily), [""; 0]);
    assert_eq!(look(&mut book, "2026-01-02T02:57:00Z", &daily), ["2026-01-02T02:30:00.000Z 3"]);
    ended(&mut book, "2026-01-02T02:58:00Z", Ended::Failed);
    assert_eq!(book.record(&home()).unwrap().pending, None, "three attempts");
    assert_eq!(look(&mut book, "2026-01-03T02:30:00Z", &daily), ["2026-01-03T02:30:00.000Z 1"]);
    ended(&mut book, "2026-01-03T02:31:00Z", Ended::FailedForGood);
    assert_eq!(book.record(&home()).unwrap().pending, None);
    look(&mut book, "2026-01-04T02:30:00Z", &daily);
    ended(&mut book, "2026-01-04T02:31:00Z", Ended::Interrupted);
    assert_eq!(look(&mut book, "2026-01-04T09:00:00Z", &daily), ["2026-01-04T02:30:00.000Z 1"]);
}

#[test]
fn a_further_attempt_counts_as_the_start_where_the_one_before_left_none() {
    // The first attempt did not come as far as to a restic: what is known is the start before it.
    let known = [Entry { last_start: Some(at("2026-01-01T06:00:00Z")), ..entry("every 6h") }];
    let mut book = Book::default();
    assert_eq!(look(&mut book, "2026-01-01T12:00:00Z", &known).len(), 1);
    ended(&mut book, "2026-01-01T12:00:10Z", Ended::Failed);
    assert_eq!(look(&mut book, "2026-01-01T12:00:11Z", &known), [""; 0]);
    assert_eq!(look(&mut book, "2026-01-01T12:05:10Z", &known), ["2026-01-01T12:00:00.000Z 2"]);
    assert_eq!(look(&mut book, "2026-01-01T12:05:11Z", &known), [""; 0], "it runs");
    ended(&mut book, "2026-01-01T12:06:00Z", Ended::Well);
    assert_eq!(look(&mut book, "2026-01-01T12:06:00Z", &known), [""; 0], "once");
    assert_eq!(book.record(&home()).unwrap().next_due, Some(at("2026-01-01T18:00:00Z")));
}

#[test]
fn waiting_is_shown_and_ends_by_force() {
    let only_when = OnlyWhen {
        ac_power: true,
        window: Some("22:00-06:00".parse().unwrap()),
        force_after: Some(Duration::from_secs(3 * 24 * 3600)),
        ..OnlyWhen::default()
    };
    let daily = [Entry { only_when, ..entry("cron: 30 2 * * *") }];
    let mut book = Book::default();
    let mut look = |now: &str, ac_power| {
        let around = Surroundings { ac_power, ..Surroundings::default() };
        let outlook = book.look(at(now), &Zone::UTC, &around, &daily);
        (outlook.start.len(), outlook.waiting.get(&home()).cloned(), outlook.again)
    };
    look("2026-01-01T12:00:00Z", Some(false));
    let (started, waiting, again) = look("2026-01-02T02:30:00Z", Some(false));
    assert_eq!((started, waiting.as_deref()), (0, Some("AC power")));
    assert_eq!(again, Some(at("2026-01-02T02:31:00Z")), "looked at each minute");
    let (_, waiting, _) = look("2026-01-02T12:00:00Z", Some(false));
    assert_eq!(waiting.as_deref(), Some("AC power and the time 22:00-06:00"));
    assert_eq!(look("2026-01-05T02:29:00Z", Some(false)).0, 0);
    assert_eq!(look("2026-01-05T02:30:00Z", Some(false)).0, 1, "after three days");
    book.ended(&home(), Ended::Well.into(), Retry::default(), at("2026-01-05T02:31:00Z"));
    let mut look = |now: &str, ac_power| {
        let around = Surroundings { ac_power, ..Surroundings::default() };
        book.look(at(now), &Zone::UTC, &around, &daily).start.len()
    };
    assert_eq!(look("2026-01-06T02:30:00Z", None), 1, "what is not known holds nothing up");
}

#[test]
fn what_is_due_in_a_pause_is_not_made_up_for() {
    let (mut book, daily) = (Book::default(), [entry("cron: 30 2 * * *")]);
    look(&mut book, "2026-01-01T12:00:00Z", &daily);
    book.pause(&home(), Pause::Until(at("2026-01-03T12:00:00Z")));
    for day in 2..=3 {
        assert_eq!(look(&mut book, &format!("2026-01-0{day}T02:30:00Z"), &daily), [""; 0]);
    }
    assert_eq!(book.record(&home()).unwrap().next_due, Some(at("2026-01-04T02:30:00Z")));
    assert_eq!(look(&mut book, "2026-01-05T09:00:00Z", &daily), ["2026-01-04T02:30:00.000Z 1"]);
    assert_eq!(book.record(&home()).unwrap().paused, None, "it is over");
    ended(&mut book, "2026-01-05T09:01:00Z", Ended::Well);
    book.pause(&home(), Pause::UntilResumed);
    assert_eq!(look(&mut book, "2026-02-05T09:00:00Z", &daily), [""; 0]);
    book.resume(&home());
    assert_eq!(look(&mut book, "2026-02-05T10:00:00Z", &daily), [""; 0]);
    assert_eq!(look(&mut book, "2026-02-06T02:30:00Z", &daily).len(), 1);
}

#[test]
fn late_runs_go_one_by_one_per_repo_and_those_in_time_side_by_side() {
    let plan = |name: &str, repo: &str| Entry {
        key: TaskKey::Plan(name.parse().unwrap()),
        repo: repo.parse().unwrap(),
        ..entry("cron: 30 2 * * *")
    };
    let all = [plan("a", "one"), plan("b", "one"), plan("c", "two")];
    let mut book = Book::default();
    look(&mut book, "2026-01-01T12:00:00Z", &all);
    assert_eq!(look(&mut book, "2026-01-02T02:30:00Z", &all).len(), 3);
    for entry in &all {
        book.ended(&entry.key, Ended::Well.into(), Retry::default(), at("2026-01-02T02:31:00Z"));
    }
    let outlook = book.look(at("2026-01-05T09:00:00Z"), &Zone::UTC, &Surroundings::default(), &all);
    assert_eq!(outlook.start.len(), 2);
    assert_eq!(outlook.waiting.values().collect::<Vec<_>>(), ["its turn in repo one"]);
    book.ended(&all[0].key, Ended::Well.into(), Retry::default(), at("2026-01-05T09:05:00Z"));
    assert_eq!(look(&mut book, "2026-01-05T09:05:00Z", &all).len(), 1);
}
