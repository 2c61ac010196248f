//! Every released schema opens with the present program: the fixtures are dumps that SQLite reads back.

mod store;

use holdfast::model::{
    AccessSecret, ApiKeyId, FlowId, OperationKind, PeerRole, RepoGuid, Role, Secret, SecretHash,
    SessionId, Status, Timestamp,
};
use holdfast::reconcile::OriginLog as _;
use holdfast::schedule::{Pause, Pending, Record, Started, TaskKey};
use holdfast::store::history::{
    Filter, PageFilter, Place as LogPlace, Since, StoreState, Turn, Whose,
};
use holdfast::store::trust::{
    ApiKey, HookState, NewMessage, NewSession, NewUser, OfferedRepo, OpenRun, Peer, Place, Telling,
};
use holdfast::store::{StoreError, Trust};
use rusqlite::Connection;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use store::{NOON, expectation, id, open, operation, peer, shard};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/store").join(name)
}

fn load(name: &str, database: &Path) {
    let sql = fs::read_to_string(fixture(name)).expect("the fixture");
    let conn = Connection::open(database).expect("a file");
    // A dump has its tables in the order of their making, not of what they refer to.
    conn.pragma_update(None, "foreign_keys", false).expect("off");
    conn.execute_batch(&sql).expect("it loads");
}

#[test]
fn history_schema_1_opens() {
    let dir = tempfile::tempdir().expect("a folder");
    load("history-1.sql", &dir.path().join("history.db"));
    let history = open(dir.path());
    assert_eq!(*history.state().borrow(), StoreState::Ok);
    let (page, expectations, head) = history
        .read_blocking(|reader| {
            let page = reader.operations(&Filter::default(), None, 10)?;
            Ok((page, reader.expectations(Whose::Own)?, reader.own().shard(&shard("home"))?))
        })
        .expect("it reads");
    let found: Vec<_> = page.operations.iter().map(|found| (found.id, found.status)).collect();
    assert_eq!(found, [(id(1), Some(Status::Succeeded)), (id(2), Some(Status::Running))]);
    assert_eq!(expectations.len(), 1);
    assert_eq!(head.expect("the shard").head.seq, 4);
    let job = |tx: &mut holdfast::store::history::HistoryTx<'_>| {
        tx.own()?.append(&operation(2, "home", Status::Failed))
    };
    assert_eq!(history.write_blocking(job).expect("it goes on"), 2);
}

#[test]
fn history_schema_2_opens_and_knows_since_when_a_plan_is_known() {
    let known = |name| {
        let dir = tempfile::tempdir().expect("a folder");
        load(name, &dir.path().join("history.db"));
        let plans = open(dir.path()).read_blocking(|reader| reader.plans(Whose::Own, 9));
        let plan = plans.expect("it reads").remove(0);
        let backups: Vec<_> = plan.backups.iter().map(|found| (found.id, found.status)).collect();
        assert_eq!(backups, [(id(2), Some(Status::Running)), (id(1), Some(Status::Succeeded))]);
        (plan.known_at, plan.backups[1].started_at)
    };
    let (known_at, oldest) = known("history-1.sql");
    assert_eq!(known_at, Some(oldest), "an earlier schema did not keep it");
    let (known_at, oldest) = known("history-2.sql");
    assert!(known_at.is_some_and(|at| at != oldest));
}

#[test]
fn trust_schema_1_opens() {
    let dir = tempfile::tempdir().expect("a folder");
    load("trust-1.sql", &dir.path().join("trust.db"));
    let trust = Trust::open(dir.path()).expect("it opens");
    let peers = trust.peers().expect("peers");
    assert_eq!(peers.iter().map(|peer| peer.instance.as_str()).collect::<Vec<_>>(), ["hub"]);
}

#[test]
fn the_last_runs_of_trust_schema_1_are_kept() {
    let dir = tempfile::tempdir().expect("a folder");
    let file = dir.path().join("trust.db");
    load("trust-1.sql", &file);
    let insert = "INSERT INTO plan_run VALUES ('home', zeroblob(16), 1, 2, 4711, 1)";
    Connection::open(&file).expect("a file").execute_batch(insert).expect("a row");
    let runs = Trust::open(dir.path()).expect("it opens").plan_runs().expect("runs");
    assert_eq!((runs[0].plan.as_str(), runs[0].repo.as_ref()), ("home", None));
    assert_eq!(runs[0].last_success, Some(Timestamp::from_millis(1)));
}

#[test]
fn trust_schema_2_opens() {
    let dir = tempfile::tempdir().expect("a folder");
    load("trust-2.sql", &dir.path().join("trust.db"));
    let trust = Trust::open(dir.path()).expect("it opens");
    assert_eq!(trust.peers().expect("peers").len(), 1);
    let run = open_run();
    assert_eq!(trust.open_runs().expect("runs"), std::slice::from_ref(&run));
    assert_eq!(trust.plan_runs().expect("runs")[0].repo, Some(run.repo.clone()));
    assert_eq!(trust.repo_guid(&run.repo, &place()).expect("a guid"), Some(guid()));
}

#[test]
fn trust_schema_3_opens() {
    let dir = tempfile::tempdir().expect("a folder");
    load("trust-3.sql", &dir.path().join("trust.db"));
    let trust = Trust::open(dir.path()).expect("it opens");
    assert_eq!(trust.offered_repos().expect("offers"), [offered()]);
}

#[test]
fn trust_schema_4_opens() {
    let dir = tempfile::tempdir().expect("a folder");
    load("trust-4.sql", &dir.path().join("trust.db"));
    let trust = Trust::open(dir.path()).expect("it opens");
    assert_eq!(trust.offered_repos().expect("offers"), [offered()]);
    assert_eq!(trust.peers().expect("peers").len(), 1);
}

#[test]
fn trust_schema_5_opens() {
    let dir = tempfile::tempdir().expect("a folder");
    load("trust-5.sql", &dir.path().join("trust.db"));
    let trust = Trust::open(dir.path()).expect("it opens");
    assert_eq!(trust.tasks().expect("tasks"), tasks(None).into_iter().collect());
    assert_eq!(trust.peers().expect("peers").len(), 1);
}

fn tasks(flow: Option<FlowId>) -> [(TaskKey, Record); 2] {
    let at = |hours: i64| Timestamp::from_millis(NOON + hours * 3_600_000);
    let home = Record {
        next_due: Some(at(24)),
        pending: Some(Pending {
            due: at(0),
            since: at(1),
            not_before: at(2),
            attempt: 1,
            flow: None,
        }),
        running: Some(Started { due: at(-24), at: at(-23), attempt: 3, flow }),
        made: vec![at(-48), at(-24)],
        followed: None,
        paused: Some(Pause::Until(at(9))),
    };
    let after = Record {
        followed: Some(Some(at(-1))),
        paused: Some(Pause::UntilResumed),
        ..Record::default()
    };
    let prune = TaskKey::Repo("vault".parse().expect("an id"), OperationKind::Prune);
    [(TaskKey::Plan("home".parse().expect("an id")), home), (prune, after)]
}

#[test]
fn trust_schema_6_opens() {
    let dir = tempfile::tempdir().expect("a folder");
    load("trust-6.sql", &dir.path().join("trust.db"));
    let trust = Trust::open(dir.path()).expect("it opens");
    let waiting = trust.due_messages(Timestamp::from_millis(NOON), 9).expect("messages");
    let waiting: Vec<_> = waiting.iter().map(|one| (one.hook.as_str(), one.held)).collect();
    assert_eq!(waiting, [("top/phone/any-failure", false)]);
    assert_eq!(trust.told_states().expect("states"), [told()]);
    let until = Timestamp::from_millis(NOON + 1);
    assert_eq!(trust.snoozes().expect("snoozes"), [("phone".to_owned(), until)]);
    let first = |telling: &Telling<'_>| telling.is_first(&peer().1, id(1), until);
    assert!(!trust.telling(first).expect("told"), "its end was told before");
}

#[test]
fn trust_schema_7_opens() {
    let dir = tempfile::tempdir().expect("a folder");
    load("trust-7.sql", &dir.path().join("trust.db"));
    let trust = Trust::open(dir.path()).expect("it opens");
    let kept = tasks(Some(id(3).into())).into_iter().collect();
    assert_eq!(trust.tasks().expect("tasks"), kept);
    let since = trust.lock_in_way(&open_run().repo, LOCK, &[], Timestamp::from_millis(NOON + 9));
    assert_eq!(since.expect("a lock"), Timestamp::from_millis(NOON));
}

/// Somebody else's, in a repository.
const LOCK: &str = "other/root/4711";

#[test]
fn trust_schema_8_opens() {
    let dir = tempfile::tempdir().expect("a folder");
    load("trust-8.sql", &dir.path().join("trust.db"));
    let trust = Trust::open(dir.path()).expect("it opens");
    let now = Timestamp::from_millis(NOON + 1);
    let session = trust.session_by(&login().token, now).expect("read").expect("the login");
    assert_eq!((session.user, session.role), (admin().name, Role::Admin));
    let found = trust.api_key_by(&api_key().1, now).expect("read");
    assert_eq!(found, Some(api_key().0));
}

fn admin() -> NewUser {
    let password = Secret::new("$argon2id$v=19$m=19456,t=2,p=1$c2FsdA$aGFzaA".to_owned());
    NewUser { name: "anna".parse().expect("a name"), password, role: Role::Admin }
}

fn login() -> NewSession {
    NewSession {
        id: SessionId::from_bytes([1; 8]),
        token: AccessSecret::from_bytes([2; 32]).hash(),
        user: admin().name,
        address: "192.0.2.7".to_owned(),
        agent: "Firefox".to_owned(),
    }
}

fn api_key() -> (ApiKey, SecretHash) {
    let key = ApiKey {
        id: ApiKeyId::from_bytes([3; 8]),
        label: "grafana".to_owned(),
        role: Role::Viewer,
        created_at: Timestamp::from_millis(NOON),
        expires_at: None,
        last_used: None,
        last_address: None,
    };
    (key, AccessSecret::from_bytes([4; 32]).hash())
}

/// What users leave in `trust.db`.
fn sign_in(trust: &Trust) -> holdfast::store::Result<()> {
    let at = Timestamp::from_millis(NOON);
    assert!(trust.add_user(&admin(), at)?);
    assert!(trust.open_session(&login(), &admin().password, None, at)?);
    trust.add_api_key(&api_key().0, &api_key().1)
}

fn told() -> HookState {
    HookState {
        hook: "top/phone/any-failure".to_owned(),
        subject: "nas/vault/home".to_owned(),
        family: "backup".to_owned(),
        event: "backup-failed".to_owned(),
        since: Timestamp::from_millis(NOON),
        told_at: Some(Timestamp::from_millis(NOON)),
        context: "{}".to_owned(),
    }
}

/// What hooks leave in `trust.db`.
fn tell(trust: &Trust) -> holdfast::store::Result<()> {
    let at = Timestamp::from_millis(NOON);
    trust.snooze("phone", Some(Timestamp::from_millis(NOON + 1)))?;
    trust.telling(|telling| {
        telling.is_first(&peer().1, id(1), at)?;
        telling.keep_state(&told())?;
        telling.keep_places(&[LogPlace { shard: 1, seq: 2, chain: [3; 32] }])?;
        let (hook, context) = ("top/phone/any-failure", "{\"event\":\"backup-failed\"}");
        telling.enqueue(&NewMessage { hook, context, at, held_until: None, reminder: false })
    })
}

fn offered() -> OfferedRepo {
    OfferedRepo { peer: peer().1, repo: open_run().repo, guid: guid() }
}

fn open_run() -> OpenRun {
    OpenRun {
        operation: id(1),
        repo: "vault".parse().expect("an id"),
        plan: Some("home".parse().expect("an id")),
        pid: 4711,
        since: Timestamp::from_millis(NOON),
        ended: None,
    }
}

fn place() -> Place {
    Place::of("/mnt/disk")
}

fn guid() -> RepoGuid {
    "ab".repeat(32).parse().expect("a guid")
}

#[test]
fn a_newer_schema_is_refused_and_left_as_it_is() {
    let dir = tempfile::tempdir().expect("a folder");
    drop(Trust::open(dir.path()).expect("it opens"));
    let raw = Connection::open(dir.path().join("trust.db")).expect("a file");
    raw.pragma_update(None, "user_version", 99).expect("changed");
    drop(raw);
    let refused = Trust::open(dir.path()).map(drop);
    assert!(matches!(refused, Err(StoreError::NewerSchema { found: 99, .. })), "{refused:?}");
}

/// Set when a schema is released: then its fixtures are written, once.
const WRITE: &str = "HOLDFAST_WRITE_FIXTURES";

#[test]
fn the_present_schemas_have_fixtures() {
    let dir = tempfile::tempdir().expect("a folder");
    let trust = Trust::open(dir.path()).expect("trust");
    let now = Timestamp::from_millis(NOON);
    let name = "hub".parse().expect("a name");
    trust.put_peer(&Peer::new(peer().1, name, PeerRole::KnownHost, now)).expect("kept");
    trust.run_started(&open_run()).expect("kept");
    trust.keep_repo_guid(&open_run().repo, &place(), &guid(), now).expect("kept");
    trust.offer(&peer().1, &[(open_run().repo, guid())], now).expect("kept");
    tell(&trust).expect("kept");
    sign_in(&trust).expect("kept");
    trust.lock_in_way(&open_run().repo, LOCK, &[], now).expect("kept");
    let all = tasks(Some(id(3).into())).map(|(key, record)| (key, Some(record)));
    trust.keep_tasks(&all).expect("kept");
    let kept = tasks(Some(id(3).into())).into_iter().collect();
    assert_eq!(trust.tasks().expect("tasks"), kept);
    trust.keep_tasks(&[(all[0].0.clone(), None)]).expect("kept");
    assert_eq!(trust.tasks().expect("tasks").len(), 1, "one is no more");
    trust.keep_tasks(&all).expect("kept");
    let history = open(dir.path());
    let job = |tx: &mut holdfast::store::history::HistoryTx<'_>| {
        let mut own = tx.own()?;
        own.append(&operation(1, "home", Status::Running))?;
        own.append(&operation(1, "home", Status::Succeeded))?;
        own.append_expectation(&expectation("home", 24))?;
        own.append(&operation(2, "home", Status::Running))
    };
    history.write_blocking(job).expect("written");
    for name in ["history", "trust"] {
        let (version, text) = dump(&dir.path().join(format!("{name}.db")));
        let fixture = fixture(&format!("{name}-{version}.sql"));
        if !fixture.exists() && std::env::var_os(WRITE).is_some() {
            fs::write(&fixture, text).expect("written");
        }
        assert!(fixture.exists(), "{} is missing: set {WRITE}=1", fixture.display());
    }
}

/// The number of the schema; schema and rows as SQL text.
fn dump(database: &Path) -> (u32, String) {
    let conn = Connection::open(database).expect("it opens");
    let texts = |sql: &str| -> Vec<String> {
        let mut select = conn.prepare(sql).expect("a query");
        let rows = select.query_map([], |row| row.get(0)).expect("rows");
        rows.map(|text| text.expect("a text")).collect()
    };
    let version: u32 =
        conn.pragma_query_value(None, "user_version", |row| row.get(0)).expect("a number");
    let mut out = format!("PRAGMA user_version = {version};\n");
    for sql in
        texts("SELECT sql FROM sqlite_master WHERE sql NOT NULL AND name NOT LIKE 'sqlite_%'")
    {
        writeln!(out, "{sql};").expect("written");
    }
    for table in
        texts("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
    {
        let columns =
            texts(&format!("SELECT 'quote(' || name || ')' FROM pragma_table_info('{table}')"));
        let row = columns.join(" || ', ' || ");
        for values in texts(&format!("SELECT {row} FROM {table}")) {
            writeln!(out, "INSERT INTO {table} VALUES ({values});").expect("written");
        }
    }
    (version, out)
}

#[test]
fn history_schema_3_finds_what_operations_of_earlier_ones_said() {
    for name in ["history-1.sql", "history-2.sql", "history-3.sql"] {
        let dir = tempfile::tempdir().expect("a folder");
        load(name, &dir.path().join("history.db"));
        let history = open(dir.path());
        let containing = |text: &str| {
            let filter = PageFilter { contains: Some(text.to_owned()), ..PageFilter::default() };
            let page = history.read_blocking(|reader| reader.page(&filter, Turn::Newest, 9));
            page.expect("it reads").operations.into_iter().map(|found| found.id).collect::<Vec<_>>()
        };
        assert_eq!(containing("operation 1"), [id(1)], "{name}");
        assert_eq!(containing("operation"), [id(2), id(1)], "{name}");
        let cursor = history.read_blocking(|reader| reader.newest_cursor()).expect("a cursor");
        let since = history.read_blocking(|reader| reader.changed_since(&cursor, 9));
        assert!(matches!(since.expect("it reads"), Since::Changes(found, _) if found.is_empty()));
    }
}
