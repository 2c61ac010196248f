//! Pages by any filter and both ways, and following what changes by a cursor: against the slow way.
#![allow(clippy::unwrap_used)]

mod store;

use holdfast::model::{FlowId, Operation, OperationId, OperationKind, Status, Timestamp};
use holdfast::store::History;
use holdfast::store::history::{
    Cursor, Filter, OperationPage, PageFilter, Position, Presence, Recorded, Since, Turn, Whose,
};
use proptest::prelude::*;
use std::collections::BTreeMap;
use store::{NOON, id, open, operation};

const PLANS: [&str; 3] = ["home", "etc", "photos"];
const KINDS: [OperationKind; 3] =
    [OperationKind::Backup, OperationKind::Forget, OperationKind::Restore];
const STATUSES: [Status; 4] = [Status::Running, Status::Succeeded, Status::Failed, Status::Warning];
const MESSAGES: [&str; 4] = ["", "disk full: 100%", "3 files could not be read", "Disk gone_away"];

/// The n-th operation, by four small numbers; several begin in one moment.
fn made(n: u64, (plan, kind, status, said): (usize, usize, usize, usize)) -> Operation {
    let first = n - n % 3;
    Operation {
        kind: KINDS[kind],
        message: MESSAGES[said].to_owned(),
        flow: FlowId::from(id(first)),
        started_at: Timestamp::from_millis(NOON + i64::try_from(n / 2).unwrap() * 1000),
        ..operation(n, PLANS[plan], STATUSES[status])
    }
}

fn append(history: &History, operations: Vec<Operation>) {
    let job = move |tx: &mut holdfast::store::history::HistoryTx<'_>| {
        let mut own = tx.own()?;
        operations.iter().try_for_each(|operation| own.append(operation).map(drop))
    };
    history.write_blocking(job).unwrap();
}

/// Everything, newest first, the slow way.
fn everything(history: &History) -> Vec<Recorded> {
    let read = history.read_blocking(|reader| {
        let filter = Filter { whose: Whose::All, ..Filter::default() };
        reader.operations(&filter, None, 10_000)
    });
    let mut all = read.unwrap().operations;
    all.reverse();
    all
}

fn admits(filter: &PageFilter, one: &Recorded) -> bool {
    let state = one.state.as_ref().unwrap();
    let has = |list: &[String], name: &str| list.is_empty() || list.iter().any(|n| n == name);
    let digits = |text: &str| text.replace('-', "");
    has(&filter.plans, &one.shard.plan)
        && has(&filter.repos, &one.shard.repo)
        && (filter.kinds.is_empty() || filter.kinds.contains(&state.kind))
        && (filter.statuses.is_empty() || filter.statuses.contains(&state.status))
        && filter.since.is_none_or(|since| since <= state.started_at)
        && filter.until.is_none_or(|until| state.started_at < until)
        && filter.flow.is_none_or(|flow| flow == state.flow)
        && filter.contains.as_ref().is_none_or(|text| {
            let folded = text.to_lowercase();
            let is_id = text.len() >= 6 && text.chars().all(|c| c.is_ascii_hexdigit() || c == '-');
            let begins = |id: String| is_id && digits(&id).starts_with(&digits(text));
            state.message.to_lowercase().contains(&folded)
                || one.shard.plan.contains(&folded)
                || one.shard.repo.contains(&folded)
                || begins(one.id.to_string())
                || begins(state.flow.to_string())
        })
}

fn page(history: &History, filter: &PageFilter, turn: Turn, limit: usize) -> OperationPage {
    history.read_blocking(|reader| reader.page(filter, turn, limit)).unwrap()
}

fn ids(operations: &[Recorded]) -> Vec<OperationId> {
    operations.iter().map(|operation| operation.id).collect()
}

/// All pages from the newest to the oldest, and then back up from the oldest of all.
fn both_ways(
    history: &History,
    filter: &PageFilter,
    limit: usize,
) -> (Vec<OperationId>, Vec<OperationId>) {
    let mut down = Vec::new();
    let mut turn = Turn::Newest;
    loop {
        let page = page(history, filter, turn, limit);
        assert!(page.operations.len() <= limit);
        down.extend(ids(&page.operations));
        match page.older {
            Some(key) => turn = Turn::Before(again(key)),
            None => break,
        }
    }
    let mut up = Vec::new();
    let begin: Position = "0.00000000-0000-0000-0000-000000000000.0".parse().unwrap();
    let mut key = begin;
    loop {
        let page = page(history, filter, Turn::After(key), limit);
        if page.operations.is_empty() {
            break;
        }
        up.splice(0..0, ids(&page.operations));
        key = again(page.newer.unwrap());
    }
    (down, up)
}

/// As it comes back from whoever kept it.
fn again(key: Position) -> Position {
    key.to_string().parse().unwrap()
}

fn some<T: Clone + std::fmt::Debug + 'static>(all: &[T]) -> impl Strategy<Value = Vec<T>> + use<T> {
    let all = all.to_vec();
    let most = all.len();
    prop_oneof![2 => Just(Vec::new()), 1 => proptest::sample::subsequence(all, 1..=most)]
}

fn any_filter() -> impl Strategy<Value = PageFilter> {
    let plans: Vec<String> = PLANS.iter().map(|plan| (*plan).to_owned()).collect();
    let text = prop_oneof![
        3 => Just(None),
        1 => proptest::sample::select(vec!["disk", "100%", "gone_", "e", "zzz", "VAULT", "pho", "_away"])
            .prop_map(|text| Some(text.to_owned())),
        1 => (0..60_u64, 6..36_usize).prop_map(|(n, length)| Some(id(n).to_string()[..length].to_owned())),
    ];
    let second = |n: i64| Timestamp::from_millis(NOON + n * 1000);
    (
        some(&plans),
        some(&KINDS),
        some(&STATUSES),
        proptest::option::weighted(0.3, 0..30_i64),
        proptest::option::weighted(0.3, 0..30_i64),
        text,
        proptest::option::weighted(0.1, 0..60_u64),
    )
        .prop_map(move |(plans, kinds, statuses, since, until, contains, flow)| PageFilter {
            plans,
            kinds,
            statuses,
            since: since.map(second),
            until: until.map(second),
            contains,
            flow: flow.map(|n| FlowId::from(id(n - n % 3))),
            ..PageFilter::default()
        })
}

fn numbers() -> impl Strategy<Value = (usize, usize, usize, usize)> {
    (0..PLANS.len(), 0..KINDS.len(), 0..STATUSES.len(), 0..MESSAGES.len())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn pages_one_after_another_are_the_list(
        operations in proptest::collection::vec(numbers(), 0..60),
        removed in proptest::collection::vec(0..60_u64, 0..4),
        filters in proptest::collection::vec((any_filter(), 1..9_usize), 12),
    ) {
        let dir = tempfile::tempdir().unwrap();
        let history = open(dir.path());
        let all = operations.iter().zip(0..).map(|(numbers, n)| made(n, *numbers)).collect();
        append(&history, all);
        history.write_blocking(move |tx| {
            let mut own = tx.own()?;
            removed.iter().try_for_each(|n| own.remove(id(*n)).map(drop))
        }).unwrap();
        let all = everything(&history);
        for (filter, limit) in &filters {
            let wanted: Vec<_> = all.iter().filter(|one| admits(filter, one)).cloned().collect();
            let (down, up) = both_ways(&history, filter, *limit);
            prop_assert_eq!(&down, &ids(&wanted), "{:?}", filter);
            prop_assert_eq!(&up, &down, "the other way: {:?}", filter);
        }
    }

    #[test]
    fn each_revision_is_told_once_and_the_last_one_always(
        steps in proptest::collection::vec((0..12_u64, 0..PLANS.len(), 0..STATUSES.len(), 0..6_u8), 1..60),
        limit in 1..5_usize,
    ) {
        let dir = tempfile::tempdir().unwrap();
        let mut history = open(dir.path());
        let mut cursor = history.read_blocking(|reader| reader.newest_cursor()).unwrap();
        let mut told: BTreeMap<OperationId, Vec<u32>> = BTreeMap::new();
        let mut last: BTreeMap<OperationId, u32> = BTreeMap::new();
        for (n, _, status, what) in steps {
            // An operation stays in its shard.
            let operation = made(n, (usize::try_from(n % 3).unwrap(), 0, status, 0));
            match what {
                // A reader that is cut off in the middle of what it is told, and comes back.
                0 => cursor = read(&history, &cursor, limit, Some(limit), &mut told),
                1 => cursor = read(&history, &cursor, limit, None, &mut told),
                2 => {
                    drop(history);
                    history = open(dir.path());
                }
                _ => {
                    let id = operation.id;
                    let revision = history.write_blocking(move |tx| tx.own()?.append(&operation)).unwrap();
                    last.insert(id, revision);
                }
            }
        }
        read(&history, &cursor, limit, None, &mut told);
        for (id, revisions) in &told {
            prop_assert!(revisions.windows(2).all(|two| two[0] < two[1]), "{id}: {revisions:?}");
        }
        let newest: BTreeMap<_, _> =
            told.iter().map(|(id, revisions)| (*id, *revisions.last().unwrap())).collect();
        prop_assert_eq!(newest, last);
    }
}

/// Reads on from a cursor, to the end or until so many came; the cursor of the last that was taken.
fn read(
    history: &History,
    from: &Cursor,
    limit: usize,
    most: Option<usize>,
    told: &mut BTreeMap<OperationId, Vec<u32>>,
) -> Cursor {
    let mut cursor: Cursor = from.to_string().parse().unwrap();
    let mut taken = 0;
    loop {
        let at = cursor.clone();
        let since = history.read_blocking(|reader| reader.changed_since(&at, limit)).unwrap();
        let Since::Changes(changes, next) = since else { panic!("lost: {since:?}") };
        for change in changes {
            if most.is_some_and(|most| taken >= most) {
                return cursor;
            }
            cursor = change.cursor;
            if let Some(operation) = change.operation {
                let revision = operation.state.as_ref().unwrap().revision;
                told.entry(operation.id).or_default().push(revision);
                taken += 1;
            }
        }
        cursor = next;
        if cursor == at {
            return cursor;
        }
    }
}

#[test]
fn a_cursor_of_another_history_is_lost() {
    let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (here, there) = (open(one.path()), open(other.path()));
    append(&here, vec![made(1, (0, 0, 1, 0))]);
    append(&there, vec![made(1, (0, 0, 1, 0))]);
    let cursor = here.read_blocking(|reader| reader.newest_cursor()).unwrap();
    let lost = there.read_blocking(|reader| reader.changed_since(&cursor, 9)).unwrap();
    let newest = there.read_blocking(|reader| reader.newest_cursor()).unwrap();
    assert_eq!(lost, Since::Lost(newest));
    for text in ["", "x", "0123456789abcdef.1.1", "0123456789abcdef.-1.1.0000000000000000"] {
        assert!(text.parse::<Cursor>().is_err(), "{text}");
    }
    let ahead = format!("{}.99.1.0000000000000000", cursor.to_string().split('.').next().unwrap());
    let ahead: Cursor = ahead.parse().unwrap();
    let lost = here.read_blocking(|reader| reader.changed_since(&ahead, 9)).unwrap();
    assert!(matches!(lost, Since::Lost(_)), "of a copy that was set back");
}

#[test]
fn a_sentence_that_nobody_has_any_more_is_not_kept() {
    let dir = tempfile::tempdir().unwrap();
    let history = open(dir.path());
    append(&history, vec![made(1, (0, 0, 0, 1)), made(1, (0, 0, 2, 2))]);
    drop(history);
    let conn = rusqlite::Connection::open(dir.path().join("history.db")).unwrap();
    let texts: Vec<String> = conn
        .prepare("SELECT text FROM message")
        .unwrap()
        .query_map([], |row| row.get(0))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    assert_eq!(texts, [MESSAGES[2]]);
}

#[test]
fn what_was_removed_here_is_on_no_page() {
    let dir = tempfile::tempdir().unwrap();
    let history = open(dir.path());
    append(&history, (0..4).map(|n| made(n, (0, 0, 1, 0))).collect());
    history.write_blocking(|tx| tx.own()?.remove(id(2))).unwrap();
    let found = page(&history, &PageFilter::default(), Turn::Newest, 9);
    assert_eq!(ids(&found.operations), [id(3), id(1), id(0)]);
    assert!(found.operations.iter().all(|one| one.presence == Presence::Live));
    assert_eq!(found.older, None);
}
