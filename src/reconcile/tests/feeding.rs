//! What an origin sends, and what it takes from a hub.

use super::*;

/// A feed that is open to a hub which holds nothing, and may see shard a only.
fn open_feed(log: &MemoryOrigin) -> Feed {
    open_feed_to(log, &only_a)
}

fn open_feed_to(log: &MemoryOrigin, visible: &Visible<'_>) -> Feed {
    let mut feed = Feed::new(ORIGIN);
    let hello = feed.open(log, visible).unwrap();
    let heads = FromHub::Heads { number: hello.number, held: vec![] };
    feed.handle(log, visible, heads, NOW, &mut Vec::new()).unwrap();
    feed
}

fn only_a(other: &Shard) -> bool {
    *other == shard("a")
}

fn told(feed: &mut Feed, log: &MemoryOrigin, message: FromHub) -> Vec<FeedOutput> {
    let mut out = Vec::new();
    feed.handle(log, &only_a, message, NOW, &mut out).unwrap();
    out
}

#[test]
fn g3_a_hub_that_names_shards_outside_its_scope_learns_nothing() {
    let mut log = log_of(3);
    log.append(&shard("secret"), operation(7), EntryKind::State, "F secret".into());
    for name in ["secret", "none"] {
        let mut feed = Feed::new(ORIGIN);
        let number = feed.open(&log, &only_a).unwrap().number;
        let held = vec![Held { shard: shard(name), seq: 1, chain: [0; 8], hidden: false }];
        let out = told(&mut feed, &log, FromHub::Heads { number, held });
        assert_eq!(out, [FeedOutput::Send(FromOrigin::Gone(shard(name)))]);
        let want = FromHub::Want { shard: shard(name), seqs: vec![1] };
        assert_eq!(told(&mut feed, &log, want), []);
        let points = vec![Point { seq: 1, chain: [0; 8] }];
        let matched =
            FromHub::Match { number, shard: shard(name), equal: Some(1), base: 0, points };
        assert_eq!(told(&mut feed, &log, matched), []);
        assert_eq!(told(&mut feed, &log, FromHub::Refused { shard: Some(shard(name)) }), []);
        let rest = feed.next(&log, &only_a, NOW, &signature).unwrap();
        assert!(matches!(rest, Some(FromOrigin::Hello(_))), "starts over, says no more: {rest:?}");
    }
}

#[test]
fn g2_a_shard_revoked_between_two_steps_is_not_sent() {
    let log = log_of(3);
    let mut feed = open_feed(&log);
    assert_eq!(feed.next(&log, &|_| false, NOW, &signature).unwrap(), None);
    let mut out = Vec::new();
    feed.announce(&log, &|_| false, &mut out).unwrap();
    assert_eq!(out, [FeedOutput::Send(FromOrigin::Gone(shard("a")))]);
}

#[test]
fn three_refusals_in_an_hour_stop_a_shard_with_an_alert() {
    let log = log_of(3);
    let mut feed = open_feed(&log);
    for round in 1..=3 {
        let out = told(&mut feed, &log, FromHub::Refused { shard: Some(shard("a")) });
        let alert = matches!(out[..], [FeedOutput::Alert(_)]);
        assert_eq!(alert, round == 3, "{out:?}");
        let Some(FromOrigin::Hello(hello)) = feed.next(&log, &only_a, NOW, &signature).unwrap()
        else {
            panic!("starts over")
        };
        told(&mut feed, &log, FromHub::Heads { number: hello.number, held: vec![] });
    }
    assert!(feed.stopped(&Some(shard("a"))));
    assert_eq!(feed.next(&log, &only_a, NOW, &signature).unwrap(), None);
    assert_eq!(told(&mut feed, &log, FromHub::Refused { shard: Some(shard("a")) }), []);
    // The next session remembers; a person's retry ends it.
    let mut next = Feed::resumed(ORIGIN, feed.into_past());
    assert!(next.stopped(&Some(shard("a"))));
    let hello = next.open(&log, &only_a).unwrap();
    let heads = FromHub::Heads { number: hello.number, held: vec![] };
    assert!(matches!(told(&mut next, &log, heads)[..], [FeedOutput::Alert(_)]));
    next.retry();
    assert!(!next.stopped(&Some(shard("a"))));
}

#[test]
fn a_hub_that_stops_a_shard_again_and_again_is_told_of_once() {
    let log = log_of(3);
    let mut feed = open_feed(&log);
    let stop = |name: &str| FromHub::Stopped { shard: Some(shard(name)), reason: "no".to_owned() };
    assert!(matches!(told(&mut feed, &log, stop("a"))[..], [FeedOutput::Alert(_)]));
    assert_eq!(told(&mut feed, &log, stop("a")), []);
    assert_eq!(told(&mut feed, &log, stop("never heard of")), []);
    assert_eq!(feed.next(&log, &only_a, NOW, &signature).unwrap(), None, "nothing more is sent");
}

#[test]
fn a_checkpoint_is_sent_at_most_once_a_second() {
    let mut log = log_of(3);
    let mut hub = Hub::new(Quota::default());
    let mut feed = Feed::new(ORIGIN);
    hub.run(&mut log, &mut feed, &|_| true);
    assert!(hub.held.checkpoint.is_some());
    log.append(&shard("a"), operation(9), EntryKind::State, "F9".into());
    let step = |feed: &mut Feed, now| feed.next(&log, &|_| true, now, &signature).unwrap();
    assert!(matches!(step(&mut feed, NOW), Some(FromOrigin::Batch(_))));
    assert_eq!(step(&mut feed, NOW), None);
    let due = feed.next_checkpoint_at().unwrap();
    assert_eq!(due.since(NOW), CHECKPOINT_EVERY);
    assert!(matches!(step(&mut feed, due), Some(FromOrigin::Checkpoint(_))));
    assert_eq!(feed.next_checkpoint_at(), None);
}

#[test]
fn answers_to_a_want_keep_the_size_of_a_batch() {
    let mut log = MemoryOrigin::new(ORIGIN, EPOCH);
    for n in 0..20 {
        log.append(&shard("a"), operation(n), EntryKind::State, vec![b'F'; MAX_PAYLOAD].into());
    }
    let mut feed = Feed::new(ORIGIN);
    feed.open(&log, &only_a).unwrap();
    told(&mut feed, &log, FromHub::Want { shard: shard("a"), seqs: (1..100_000).collect() });
    let (mut answered, mut found_in_all) = (0, 0);
    while let Some(message) = feed.next(&log, &only_a, NOW, &signature).unwrap() {
        let FromOrigin::Entries { seqs, found, .. } = message else { panic!("{message:?}") };
        let bytes: usize =
            found.iter().filter_map(|f| f.entry.payload.as_ref()).map(Bytes::len).sum();
        assert!(bytes <= MAX_BATCH_BYTES + MAX_PAYLOAD, "{bytes}");
        answered += seqs.len();
        found_in_all += found.len();
    }
    assert_eq!((answered, found_in_all), (MAX_WANTED, 20));
}

#[test]
fn an_origin_gets_back_more_than_one_answer_carries() {
    let mut log = MemoryOrigin::new(ORIGIN, EPOCH);
    for n in 0..20 {
        log.append(&shard("a"), operation(n), EntryKind::State, vec![b'F'; 20_000].into());
    }
    let mut hub = Hub::new(Quota::default());
    hub.sync(&mut log);
    let whole = log.clone();
    let chain = log.shards.get_mut(&shard("a")).unwrap();
    for seq in (1..=19).step_by(2) {
        assert!(chain.damage(seq, Part::Payload));
    }
    assert_eq!(log.scrub(), 10);
    assert_eq!(log.lost(&shard("a"), 100).unwrap().len(), 10);
    let seen = hub.sync(&mut log);
    let heals = seen.iter().filter(|output| matches!(output, FeedOutput::Heal { .. })).count();
    assert_eq!(heals, 3);
    assert!(log.lost(&shard("a"), 100).unwrap().is_empty());
    let entries = |log: &MemoryOrigin| log.entries_at(&shard("a"), &[1, 19]).unwrap();
    assert_eq!(entries(&log), entries(&whole));
}

#[test]
fn batches_of_large_payloads_keep_their_limit() {
    let mut log = MemoryOrigin::new(ORIGIN, EPOCH);
    for n in 0..9 {
        log.append(&shard("a"), operation(n), EntryKind::State, vec![b'F'; 20_000].into());
    }
    let mut feed = open_feed(&log);
    let Some(FromOrigin::Batch(batch)) = feed.next(&log, &only_a, NOW, &signature).unwrap() else {
        panic!("a batch")
    };
    assert_eq!(batch.entries.len(), 3);
    assert_eq!(feed.next(&log, &only_a, NOW, &signature).unwrap(), None, "one credit");
}

#[test]
fn small_batches_go_together_as_far_as_credit_and_one_full_batch_reach() {
    let mut log = MemoryOrigin::new(ORIGIN, EPOCH);
    let full = MAX_BATCH_BYTES / 2;
    for (n, (repo, bytes)) in (0..).zip([("a", 10), ("b", full), ("b", full), ("c", 10)]) {
        log.append(&shard(repo), operation(n), EntryKind::State, vec![b'F'; bytes].into());
    }
    let all = |_: &Shard| true;
    let mut feed = open_feed_to(&log, &all);
    feed.handle(&log, &all, FromHub::Credit { batches: 4 }, NOW, &mut Vec::new()).unwrap();
    let repos = |few: &[FromOrigin]| -> Vec<String> {
        few.iter()
            .map(|message| match message {
                FromOrigin::Batch(batch) => batch.shard.repo.clone(),
                FromOrigin::Checkpoint(_) => "checkpoint".to_owned(),
                other => panic!("{other:?}"),
            })
            .collect()
    };
    let mut few = || feed.next_few(&log, &all, NOW, &signature).unwrap();
    assert_eq!(repos(&few()), ["a", "b"], "b is full");
    assert_eq!(repos(&few()), ["c", "checkpoint"]);
    assert!(few().is_empty());
}

#[test]
fn credit_of_batches_that_never_left_is_there_again() {
    let (log, all) = (log_of(1), |_: &Shard| true);
    let mut feed = open_feed_to(&log, &all);
    let sent = feed.next_few(&log, &all, NOW, &signature).unwrap();
    assert!(matches!(sent[0], FromOrigin::Batch(_)), "with the credit of the start");
    // Withheld: it begins again, and the hub still holds nothing.
    feed.retry();
    let answer = |feed: &mut Feed| {
        let hello = feed.next_few(&log, &all, NOW, &signature).unwrap();
        let [FromOrigin::Hello(hello)] = hello[..] else { panic!("a hello") };
        let heads = FromHub::Heads { number: hello.number, held: Vec::new() };
        feed.handle(&log, &all, heads, NOW, &mut Vec::new()).unwrap();
        feed.next_few(&log, &all, NOW, &signature).unwrap()
    };
    assert!(answer(&mut feed).is_empty(), "its credit is used");
    feed.unsent(1);
    feed.retry();
    assert!(matches!(answer(&mut feed)[0], FromOrigin::Batch(_)));
}

#[test]
fn a_hub_that_answers_a_ladder_with_nonsense_does_not_keep_the_origin_busy() {
    let log = log_of(100);
    let mut feed = Feed::new(ORIGIN);
    let number = feed.open(&log, &only_a).unwrap().number;
    let held = vec![Held { shard: shard("a"), seq: u64::MAX, chain: [1; 8], hidden: false }];
    let mut out = told(&mut feed, &log, FromHub::Heads { number, held });
    let mut ladders = 0;
    while let Some(FeedOutput::Send(FromOrigin::Ladder { number, points, .. })) = out.pop() {
        ladders += 1;
        let equal = points.iter().map(|point| point.seq).min();
        let answer = FromHub::Match { number, shard: shard("a"), equal, base: 0, points: vec![] };
        out = told(&mut feed, &log, answer);
        assert!(ladders < 20);
    }
}

#[test]
fn a_fork_below_what_the_hub_has_trimmed_itself_is_taken() {
    let mut hub = Hub::with(5);
    hub.reconnect();
    let chain = &mut hub.held.shards.get_mut(&shard("a")).unwrap().chain;
    let fork = Head { seq: 2, chain: chain.at(2).unwrap() };
    chain.trim(4);
    let out = hub.take(FromOrigin::Batch(batch(Start::Fork, fork, vec![state(50, "F new")])));
    assert!(!is_refused(&out), "{out:?}");
    let chain = &hub.held.shards[&shard("a")].chain;
    assert_eq!((chain.base(), chain.head().seq), (fork, 3));
}

#[test]
fn a_gap_says_nothing_of_what_lies_before_it_and_a_fork_does() {
    for (start, gone) in [(Start::Gap, 0), (Start::Base, 0), (Start::BaseFork, 5)] {
        let mut hub = Hub::with(5);
        hub.reconnect();
        let base = Head { seq: 9, chain: [6; 32] };
        let sent = batch(start, base, vec![state(50, "F new")]);
        let head = Head { seq: 10, chain: sent.chain };
        hub.take(FromOrigin::Batch(sent));
        assert_eq!(hub.held.listed().count(), 0, "not before the roots are equal");
        let root = root([(&shard("a"), head)].into_iter());
        let signature = signature(&EPOCH, &root, NOW);
        hub.take(FromOrigin::Checkpoint(Checkpoint { root, time: NOW, signature }));
        assert_eq!(hub.held.listed().count(), gone, "{start:?}");
    }
}

#[test]
fn a_shard_revoked_before_its_fork_at_0_was_sent_is_gone() {
    let log = MemoryOrigin::new(ORIGIN, EPOCH);
    let mut feed = Feed::new(ORIGIN);
    let number = feed.open(&log, &only_a).unwrap().number;
    let held = vec![Held { shard: shard("a"), seq: 4, chain: [0; 8], hidden: false }];
    assert_eq!(told(&mut feed, &log, FromHub::Heads { number, held }), []);
    let mut out = Vec::new();
    feed.announce(&log, &|_| false, &mut out).unwrap();
    assert_eq!(out, [FeedOutput::Send(FromOrigin::Gone(shard("a")))]);
    assert_eq!(feed.next(&log, &|_| false, NOW, &signature).unwrap().filter(is_batch), None);
}

fn is_batch(message: &FromOrigin) -> bool {
    matches!(message, FromOrigin::Batch(_))
}

#[test]
fn s4_answers_with_another_number_are_ignored() {
    let log = log_of(3);
    let mut feed = Feed::new(ORIGIN);
    let old = feed.open(&log, &only_a).unwrap().number;
    let new = feed.open(&log, &only_a).unwrap().number;
    assert_ne!(old, new);
    for stale in [FromHub::InSync { number: old }, FromHub::Heads { number: old, held: vec![] }] {
        assert_eq!(told(&mut feed, &log, stale), []);
        assert_eq!(feed.next(&log, &only_a, NOW, &signature).unwrap(), None);
    }
    told(&mut feed, &log, FromHub::Heads { number: new, held: vec![] });
    let sent = feed.next(&log, &only_a, NOW, &signature).unwrap();
    assert!(sent.as_ref().is_some_and(is_batch), "{sent:?}");
}

#[test]
fn a_lost_payload_is_sent_as_lost_and_not_as_blanked() {
    let mut log = log_of(3);
    assert!(log.shards.get_mut(&shard("a")).unwrap().damage(2, Part::Payload));
    log.scrub();
    let mut hub = Hub::new(Quota::default());
    hub.sync(&mut log);
    let held = &hub.held.shards[&shard("a")].chain;
    assert_eq!(held.iter().map(|(_, entry)| entry.lost).collect::<Vec<_>>(), [false, true, false]);
    assert_eq!(held.audit(), None);
}

#[test]
fn r2_a_shard_that_grows_all_the_time_keeps_no_other_waiting() {
    let mut log = log_of(1);
    log.append(&shard("b"), operation(1_000), EntryKind::State, "F b".into());
    let mut feed = Feed::new(ORIGIN);
    let everything = |_: &Shard| true;
    let hello = feed.open(&log, &everything).unwrap();
    let heads = FromHub::Heads { number: hello.number, held: Vec::new() };
    feed.handle(&log, &everything, heads, NOW, &mut Vec::new()).unwrap();
    let mut sent = Vec::new();
    for n in 1..=3 {
        let credit = FromHub::Credit { batches: 1 };
        feed.handle(&log, &everything, credit, NOW, &mut Vec::new()).unwrap();
        let next = feed.next(&log, &everything, NOW, &signature).unwrap();
        if let Some(FromOrigin::Batch(batch)) = next {
            sent.push(batch.shard.repo);
        }
        log.append(&shard("a"), operation(n), EntryKind::State, "F a".into());
    }
    assert_eq!(sent, ["a", "b", "a"]);
}
