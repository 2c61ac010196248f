//! One page of operations by any filter, newest first.
//!
//! ```text
//!  what is asked for ──► a few streams, each in order along one index ──► merged, checked, loaded
//! ```
//! 1. The order is total: when an operation began, then its id, then its shard. Pages that are asked for
//!    one after another, by the key that each ends with, are together the whole list.
//! 2. A page looks at no more than [`LOOKED_AT`] candidates. One that ends there is short and has a key.

use super::query::{Key, Position, Presence, Recorded, limit_in};
use super::tx::HistoryReader;
use crate::model::{FlowId, KeyId, OperationId, OperationKind, Status, Timestamp};
use crate::store::column::{Col, noun};
use crate::store::error::Result;
use rusqlite::types::Value;
use rusqlite::{Connection, Row, params_from_iter};
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, HashSet, VecDeque};
use std::fmt;
use std::str::FromStr;

/// Candidates that one page looks at.
const LOOKED_AT: usize = 50_000;
/// Read at once of a stream, first and at most.
const CHUNK: (usize, usize) = (16, 2_048);
/// Streams of shards that are merged; of more the whole log is read instead.
const SHARDS: usize = 256;
/// So many of a kind and status are read one by one, whatever shards they are of.
const FEW: usize = 20_000;
/// Sentences that are followed one by one.
const SENTENCES: usize = 256;
/// The least of an id that is looked for, in hexadecimal digits.
const LEAST_OF_ID: usize = 6;

/// Which operations; every list that is not empty must name one of what an operation has.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PageFilter {
    /// Whose; empty: everybody's.
    pub origins: Vec<KeyId>,
    /// Of which plans.
    pub plans: Vec<String>,
    /// On which repos.
    pub repos: Vec<String>,
    /// Of which kinds.
    pub kinds: Vec<OperationKind>,
    /// In which status.
    pub statuses: Vec<Status>,
    /// Begun at or after.
    pub since: Option<Timestamp>,
    /// Begun before.
    pub until: Option<Timestamp>,
    /// In the sentence it ended with, plan or repo; or what its id or flow begins with.
    pub contains: Option<String>,
    /// Of which flow.
    pub flow: Option<FlowId>,
}

/// Where a page lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// The newest.
    Newest,
    /// What is older than a key.
    Before(Position),
    /// What is newer than a key, the nearest of it.
    After(Position),
}

/// A page.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OperationPage {
    /// Newest first.
    pub operations: Vec<Recorded>,
    /// What is older begins there; `None`: there is nothing.
    pub older: Option<Position>,
    /// What is newer begins there.
    pub newer: Option<Position>,
}

/// `MILLISECONDS.ID.SHARD`, for whoever keeps it.
impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.started_at.as_millis(), self.id, self.shard)
    }
}

/// A text that is no key of a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is no key of a page")]
pub struct NoPosition;

impl FromStr for Position {
    type Err = NoPosition;

    fn from_str(text: &str) -> std::result::Result<Self, NoPosition> {
        let parts: Vec<_> = text.split('.').take(4).collect();
        let [millis, id, shard] = parts.as_slice() else { return Err(NoPosition) };
        Ok(Self {
            started_at: Timestamp::from_millis(millis.parse().map_err(|_| NoPosition)?),
            id: id.parse().map_err(|_| NoPosition)?,
            shard: shard.parse().map_err(|_| NoPosition)?,
        })
    }
}

const fn before_all(at: Timestamp) -> Position {
    Position { started_at: at, id: OperationId::from_bytes([0; 16]), shard: i64::MIN }
}

/// Which way, from where, and up to when.
#[derive(Debug, Clone, Copy)]
struct Way {
    newest_first: bool,
    from: Position,
    last: Timestamp,
}

impl Way {
    fn new(turn: Turn, filter: &PageFilter) -> Self {
        let until = before_all(filter.until.unwrap_or(Timestamp::from_millis(i64::MAX)));
        let since = filter.since.unwrap_or(Timestamp::from_millis(i64::MIN));
        match turn {
            Turn::Newest => Self { newest_first: true, from: until, last: since },
            Turn::Before(key) => Self { newest_first: true, from: until.min(key), last: since },
            Turn::After(key) => {
                let last = Timestamp::from_millis(until.started_at.as_millis().saturating_sub(1));
                Self { newest_first: false, from: before_all(since).max(key), last }
            }
        }
    }

    /// Whether a candidate lies this way.
    fn covers(&self, at: Position) -> bool {
        match self.newest_first {
            true => at < self.from && at.started_at >= self.last,
            false => at > self.from && at.started_at <= self.last,
        }
    }
}

/// An operation that may be one, with what is known of it without a look at its entry.
#[derive(Debug, Clone)]
struct Candidate {
    at: Position,
    kind: Option<String>,
    status: Option<String>,
    message: Option<i64>,
}

/// Candidates in order along one index.
struct Stream {
    sql: String,
    values: Vec<Value>,
    way: Way,
    read: VecDeque<Candidate>,
    chunk: usize,
    is_over: bool,
}

impl Stream {
    /// `columns` are what is selected besides the position; `place` is what the index begins with.
    fn new(way: Way, index: &str, place: &str, values: Vec<Value>, is_covered: bool) -> Self {
        let (than, up_to, order) =
            if way.newest_first { ("<", ">=", "DESC") } else { (">", "<=", "ASC") };
        let message = if is_covered { "NULL" } else { "message" };
        let n = values.len();
        let sql = format!(
            "SELECT started_at, id, shard, kind, status, {message} AS message \
             FROM operation INDEXED BY {index} WHERE {place} \
             AND (started_at, id, shard) {than} (?{a}, ?{b}, ?{c}) AND started_at {up_to} ?{d} \
             ORDER BY started_at {order}, id {order}, shard {order} LIMIT ?{e}",
            a = n + 1,
            b = n + 2,
            c = n + 3,
            d = n + 4,
            e = n + 5,
        );
        Self { sql, values, way, read: VecDeque::new(), chunk: CHUNK.0, is_over: false }
    }

    /// What was found in another way.
    fn of(mut found: Vec<Candidate>, way: Way) -> Self {
        found.retain(|candidate| way.covers(candidate.at));
        found.sort_by_key(|candidate| candidate.at);
        if way.newest_first {
            found.reverse();
        }
        let read = found.into();
        Self { sql: String::new(), values: Vec::new(), way, read, chunk: 0, is_over: true }
    }

    fn next(&mut self, conn: &Connection) -> Result<Option<Candidate>> {
        if self.read.is_empty() && !self.is_over {
            self.fill(conn)?;
        }
        Ok(self.read.pop_front())
    }

    fn fill(&mut self, conn: &Connection) -> Result<()> {
        let mut select = conn.prepare_cached(&self.sql)?;
        let Way { from, last, .. } = self.way;
        let more = [
            Value::Integer(from.started_at.as_millis()),
            Value::Blob(from.id.as_bytes().to_vec()),
            Value::Integer(from.shard),
            Value::Integer(last.as_millis()),
            Value::Integer(limit_in(self.chunk)),
        ];
        let values = self.values.iter().cloned().chain(more);
        let rows = select.query_map(params_from_iter(values), candidate)?;
        self.read = rows.collect::<rusqlite::Result<_>>()?;
        self.is_over = self.read.len() < self.chunk;
        self.chunk = (self.chunk * 2).min(CHUNK.1);
        if let Some(last) = self.read.back() {
            self.way.from = last.at;
        }
        Ok(())
    }
}

fn candidate(row: &Row<'_>) -> rusqlite::Result<Candidate> {
    Ok(Candidate {
        at: Position {
            started_at: noun(row, "started_at")?,
            id: noun(row, "id")?,
            shard: row.get("shard")?,
        },
        kind: row.get("kind")?,
        status: row.get("status")?,
        message: row.get("message")?,
    })
}

/// Streams in one order; what several have comes once.
struct Merge<'c> {
    conn: &'c Connection,
    streams: Vec<Stream>,
    /// The first of each stream: by order, then which stream.
    heads: BinaryHeap<(Rank, usize)>,
    waiting: BTreeMap<usize, Candidate>,
    last: Option<Position>,
}

/// The first to come is the greatest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Newest(Position),
    Oldest(std::cmp::Reverse<Position>),
}

impl<'c> Merge<'c> {
    fn new(conn: &'c Connection, streams: Vec<Stream>) -> Result<Self> {
        let mut merge =
            Self { conn, heads: BinaryHeap::new(), waiting: BTreeMap::new(), last: None, streams };
        for n in 0..merge.streams.len() {
            merge.pull(n)?;
        }
        Ok(merge)
    }

    fn pull(&mut self, n: usize) -> Result<()> {
        let Some(stream) = self.streams.get_mut(n) else { return Ok(()) };
        if let Some(next) = stream.next(self.conn)? {
            let rank = match stream.way.newest_first {
                true => Rank::Newest(next.at),
                false => Rank::Oldest(std::cmp::Reverse(next.at)),
            };
            self.heads.push((rank, n));
            self.waiting.insert(n, next);
        }
        Ok(())
    }

    fn next(&mut self) -> Result<Option<Candidate>> {
        while let Some((_, n)) = self.heads.pop() {
            let found = self.waiting.remove(&n);
            self.pull(n)?;
            if let Some(found) = found.filter(|found| self.last != Some(found.at)) {
                self.last = Some(found.at);
                return Ok(Some(found));
            }
        }
        Ok(None)
    }
}

/// A shard that may be shown.
struct Shown {
    log: i64,
    origin: KeyId,
    repo: String,
    plan: String,
}

/// What is asked for, with what had to be looked up for it.
struct Search<'f> {
    filter: &'f PageFilter,
    shards: BTreeMap<i64, Shown>,
    is_all: bool,
    /// Of what is contained: shards by name, sentences, and ids.
    named: BTreeSet<i64>,
    sentences: HashSet<i64>,
    ids: HashSet<(i64, OperationId)>,
}

impl Search<'_> {
    fn admits(&self, candidate: &Candidate) -> bool {
        let Candidate { at, kind, status, message } = candidate;
        let PageFilter { kinds, statuses, contains, .. } = self.filter;
        self.shards.contains_key(&at.shard)
            && (kinds.is_empty() || kinds.iter().any(|one| kind.as_deref() == Some(one.as_str())))
            && (statuses.is_empty()
                || statuses.iter().any(|one| status.as_deref() == Some(one.as_str())))
            && (contains.is_none()
                || self.named.contains(&at.shard)
                || message.is_some_and(|message| self.sentences.contains(&message))
                || self.ids.contains(&(at.shard, at.id)))
    }

    /// Every kind with every status that is asked for; nothing stands for what is not known.
    fn outcomes(&self) -> Vec<(Value, Value)> {
        let words = |all: Vec<&'static str>, every: Vec<&'static str>| {
            let is_every = all.is_empty();
            let mut words: Vec<_> = if is_every { every } else { all }
                .into_iter()
                .map(|word| Value::Text(word.to_owned()))
                .collect();
            words.extend(is_every.then_some(Value::Null));
            words
        };
        let PageFilter { kinds, statuses, .. } = self.filter;
        let kinds = words(
            kinds.iter().map(|kind| kind.as_str()).collect(),
            OperationKind::ALL.iter().map(|kind| kind.as_str()).collect(),
        );
        let statuses = words(
            statuses.iter().map(|status| status.as_str()).collect(),
            Status::ALL.iter().map(|status| status.as_str()).collect(),
        );
        let pairs = kinds.into_iter().flat_map(|kind| {
            statuses.clone().into_iter().map(move |status| (kind.clone(), status))
        });
        pairs.collect()
    }
}

impl HistoryReader<'_> {
    /// One page: at most `limit` operations.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn page(&self, filter: &PageFilter, turn: Turn, limit: usize) -> Result<OperationPage> {
        let search = self.search(filter)?;
        let way = Way::new(turn, filter);
        let mut merge = Merge::new(self.conn, self.streams(&search, way)?)?;
        let mut operations = Vec::new();
        let mut keys: Vec<Position> = Vec::new();
        let (mut looked_at, mut goes_on) = (0, None);
        while let Some(candidate) = merge.next()? {
            looked_at += 1;
            if search.admits(&candidate) {
                if operations.len() == limit {
                    goes_on = keys.last().copied();
                    break;
                }
                if let Some(operation) = self.shown(&search, candidate.at)? {
                    operations.push(operation);
                    keys.push(candidate.at);
                }
            }
            if looked_at >= LOOKED_AT {
                goes_on = Some(candidate.at);
                break;
            }
        }
        Ok(turned(turn, operations, (keys.first().copied(), keys.last().copied(), goes_on)))
    }

    fn shown(&self, search: &Search<'_>, at: Position) -> Result<Option<Recorded>> {
        let Some(shard) = search.shards.get(&at.shard) else { return Ok(None) };
        let recorded = self.load(&Key { log: shard.log, origin: shard.origin, position: at })?;
        let is_removed = shard.log == self.own && recorded.presence == Presence::Removed;
        Ok(Some(recorded).filter(|_| !is_removed))
    }

    fn search<'f>(&self, filter: &'f PageFilter) -> Result<Search<'f>> {
        let mut shards = self.shown_shards()?;
        let all = shards.len();
        let one_of = |list: &[String], name: &String| list.is_empty() || list.contains(name);
        shards.retain(|_, shard| {
            one_of(&filter.plans, &shard.plan)
                && one_of(&filter.repos, &shard.repo)
                && (filter.origins.is_empty() || filter.origins.contains(&shard.origin))
        });
        let is_all = shards.len() == all;
        let (named, sentences, ids) = (BTreeSet::new(), HashSet::new(), HashSet::new());
        let mut search = Search { filter, shards, is_all, named, sentences, ids };
        if let Some(text) = &filter.contains {
            let folded = text.to_lowercase();
            let has = |name: &String| name.to_lowercase().contains(&folded);
            let named =
                search.shards.iter().filter(|(_, shard)| has(&shard.plan) || has(&shard.repo));
            search.named = named.map(|(id, _)| *id).collect();
            search.sentences = self.sentences(text)?;
            search.ids = self.ids(&search, text)?;
        }
        Ok(search)
    }

    fn shown_shards(&self) -> Result<BTreeMap<i64, Shown>> {
        let mut select = self.conn.prepare_cached(
            "SELECT s.id, s.log, s.repo, s.plan, l.origin FROM shard s JOIN log l ON l.id = s.log \
             WHERE NOT s.hidden",
        )?;
        let rows = select.query_map([], |row| {
            let shown = Shown {
                log: row.get("log")?,
                origin: noun(row, "origin")?,
                repo: row.get("repo")?,
                plan: row.get("plan")?,
            };
            Ok((row.get("id")?, shown))
        })?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    fn sentences(&self, text: &str) -> Result<HashSet<i64>> {
        let pattern: String = text.chars().fold("%".to_owned(), |mut pattern, c| {
            if matches!(c, '%' | '_' | '\\') {
                pattern.push('\\');
            }
            pattern.push(c);
            pattern
        });
        let sql = "SELECT id FROM message WHERE text LIKE ?1 ESCAPE '\\'";
        let mut select = self.conn.prepare_cached(sql)?;
        let ids = select.query_map([format!("{pattern}%")], |row| row.get(0))?;
        Ok(ids.collect::<rusqlite::Result<_>>()?)
    }

    /// Operations whose id or flow begins with the text, where it can be the beginning of one.
    fn ids(&self, search: &Search<'_>, text: &str) -> Result<HashSet<(i64, OperationId)>> {
        let Some((first, last)) = range(text) else { return Ok(HashSet::new()) };
        let mut found = self.in_flows((first, last))?;
        let mut select = self.conn.prepare_cached(
            "SELECT id FROM operation WHERE shard = ?1 AND id BETWEEN ?2 AND ?3 LIMIT ?4",
        )?;
        for shard in search.shards.keys() {
            let values = (shard, Col(first), Col(last), limit_in(FEW));
            for id in select.query_map(values, |row| noun(row, "id"))? {
                found.insert((*shard, id?));
            }
        }
        Ok(found)
    }

    /// Those that followed the first one of a flow.
    fn in_flows(
        &self,
        (first, last): (OperationId, OperationId),
    ) -> Result<HashSet<(i64, OperationId)>> {
        let mut select = self.conn.prepare_cached(
            "SELECT shard, id FROM operation INDEXED BY operation_flow \
             WHERE flow BETWEEN ?1 AND ?2 AND flow <> id LIMIT ?3",
        )?;
        let values = (Col(first), Col(last), limit_in(FEW));
        let rows = select.query_map(values, |row| Ok((row.get("shard")?, noun(row, "id")?)))?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    fn streams(&self, search: &Search<'_>, way: Way) -> Result<Vec<Stream>> {
        if let Some(flow) = search.filter.flow {
            let flow = OperationId::from_bytes(*flow.as_bytes());
            let mut ids = self.in_flows((flow, flow))?;
            ids.extend(search.shards.keys().map(|shard| (*shard, flow)));
            return Ok(vec![Stream::of(self.candidates(&ids)?, way)]);
        }
        if search.filter.contains.is_none() {
            let shards: Vec<_> = search.shards.keys().copied().collect();
            return self.streams_of(search, &shards, way);
        }
        if search.sentences.len() > SENTENCES {
            return Ok(self.by_time(search, way));
        }
        let named: Vec<_> = search.named.iter().copied().collect();
        let mut streams = self.streams_of(search, &named, way)?;
        streams.extend(search.sentences.iter().map(|id| {
            Stream::new(way, "operation_message", "message = ?1", vec![Value::Integer(*id)], false)
        }));
        streams.push(Stream::of(self.candidates(&search.ids)?, way));
        Ok(streams)
    }

    /// Everything of some shards, along whichever index has the least to look at.
    fn streams_of(&self, search: &Search<'_>, shards: &[i64], way: Way) -> Result<Vec<Stream>> {
        let PageFilter { kinds, statuses, .. } = search.filter;
        let is_narrow = !kinds.is_empty() || !statuses.is_empty();
        let outcomes = search.outcomes();
        if shards.is_empty() {
            return Ok(Vec::new());
        }
        if is_narrow && (search.is_all || shards.len() > SHARDS || self.are_few(&outcomes)?) {
            let one = |(kind, status)| {
                let place = "kind IS ?1 AND status IS ?2";
                Stream::new(way, "operation_outcome", place, vec![kind, status], true)
            };
            return Ok(outcomes.into_iter().map(one).collect());
        }
        if shards.len() > SHARDS {
            return Ok(self.by_time(search, way));
        }
        let one = |shard: &i64| {
            let shard = vec![Value::Integer(*shard)];
            Stream::new(way, "operation_shard", "shard = ?1", shard, true)
        };
        Ok(shards.iter().map(one).collect())
    }

    fn by_time(&self, search: &Search<'_>, way: Way) -> Vec<Stream> {
        let logs: BTreeSet<_> = search.shards.values().map(|shard| shard.log).collect();
        let one =
            |log| Stream::new(way, "operation_time", "log = ?1", vec![Value::Integer(log)], false);
        logs.into_iter().map(one).collect()
    }

    fn are_few(&self, outcomes: &[(Value, Value)]) -> Result<bool> {
        let mut select = self.conn.prepare_cached(
            "SELECT count(*) FROM (SELECT 1 FROM operation INDEXED BY operation_outcome \
             WHERE kind IS ?1 AND status IS ?2 LIMIT ?3)",
        )?;
        let mut room = FEW;
        for (kind, status) in outcomes {
            let values =
                params_from_iter([kind.clone(), status.clone(), Value::Integer(limit_in(room))]);
            let found: i64 = select.query_row(values, |row| row.get(0))?;
            room = room.saturating_sub(usize::try_from(found).unwrap_or(usize::MAX));
        }
        Ok(room > 0)
    }

    fn candidates(&self, ids: &HashSet<(i64, OperationId)>) -> Result<Vec<Candidate>> {
        let mut select = self.conn.prepare_cached(
            "SELECT started_at, id, shard, kind, status, message FROM operation \
             WHERE shard = ?1 AND id = ?2",
        )?;
        let mut found = Vec::new();
        for (shard, id) in ids {
            let rows = select.query_map((shard, Col(*id)), candidate)?;
            found.extend(rows.collect::<rusqlite::Result<Vec<_>>>()?);
        }
        Ok(found)
    }
}

/// The page as it is shown, whichever way it was read.
fn turned(
    turn: Turn,
    mut operations: Vec<Recorded>,
    (first, last, goes_on): (Option<Position>, Option<Position>, Option<Position>),
) -> OperationPage {
    match turn {
        Turn::Newest | Turn::Before(_) => {
            OperationPage { operations, older: goes_on, newer: first }
        }
        Turn::After(key) => {
            operations.reverse();
            OperationPage {
                operations,
                older: first.or(Some(key)),
                newer: goes_on.or(last).or(Some(key)),
            }
        }
    }
}

/// The ids that begin with a text, if it can be the beginning of one.
fn range(text: &str) -> Option<(OperationId, OperationId)> {
    let digits: String = text.chars().filter(|c| *c != '-').collect();
    let is_beginning = (LEAST_OF_ID..=32).contains(&digits.len())
        && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    let padded = |pad: &str| {
        let mut bytes = [0; 16];
        let text = format!("{digits}{}", pad.repeat(32 - digits.len()));
        hex::decode_to_slice(text, &mut bytes).ok().map(|()| OperationId::from_bytes(bytes))
    };
    is_beginning.then(|| Some((padded("0")?, padded("f")?))).flatten()
}
