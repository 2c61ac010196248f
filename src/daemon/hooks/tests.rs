//! What becomes a message and what does not, over real stores.
#![allow(clippy::unwrap_used)] // a test may fail

use super::*;
use crate::model::Stats;
use crate::store::history::{Follow, Owner};
use crate::store::trust::Waiting;
use tempfile::TempDir;

const PEER: KeyId = KeyId::from_bytes([9; 32]);
const REPO: &str = "[[repo]]\nid = \"vault\"\nuri = \"/v\"\npassword = \"x\"\n\
                    [[plan]]\nid = \"home\"\nrepo = \"vault\"\npaths = [\"/home\"]\n";

struct World {
    _folder: TempDir,
    herald: Herald,
    trust: Arc<Trust>,
    runtime: tokio::runtime::Runtime,
}

/// An instance with these hooks at the top, and in its plan.
fn world(top: &str, plan: &str) -> World {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.toml");
    let text = format!("instance = \"nas\"\nhook = [{top}]\n{REPO}hook = [{plan}]\n");
    std::fs::write(&path, text).unwrap();
    let config = Arc::new(LiveConfig::open(path).unwrap());
    let trust = Arc::new(Trust::open(folder.path()).unwrap());
    let owner = Owner { public_key: [1; 32] };
    let history = History::open(folder.path(), owner).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let handle = runtime.handle().clone();
    let herald = Herald::new(config, Arc::clone(&trust), history, owner.key(), handle);
    World { _folder: folder, herald, trust, runtime }
}

fn slack(on: &str) -> String {
    format!("{{ on = [{on}], slack = {{ url = \"https://s.example\" }} }}")
}

fn webhook(on: &str) -> String {
    format!("{{ on = [{on}], webhook = {{ url = \"https://w.example\" }} }}")
}

fn operation(number: u8, status: Status) -> Operation {
    let now = clock::now();
    let (id, nas) = (OperationId::new(now, [number; 10]), "nas".parse().unwrap());
    Operation {
        revision: 2,
        status,
        repo: Some("vault".parse().unwrap()),
        plan: Some("home".parse().unwrap()),
        ended_at: Some(now),
        ..Operation::begun(id, nas, OperationKind::Backup, now)
    }
}

impl World {
    fn waiting(&self) -> Vec<Waiting> {
        self.trust.due_messages(clock::now().plus(NEWS_FOR * 999), 999).unwrap()
    }

    /// Hook and event of each message.
    fn told(&self) -> Vec<(String, String)> {
        let of = |waiting: Waiting| (waiting.hook, from_json(&waiting.context).event);
        self.waiting().into_iter().map(of).collect()
    }

    fn events(&self) -> Vec<String> {
        self.told().into_iter().map(|(_, event)| event).collect()
    }

    fn tell_of_peer(&self, operation: &Operation) {
        let desk = self.herald.desk().unwrap();
        let told =
            self.trust.telling(|telling| self.herald.tell_end(telling, &desk, (&PEER, operation)));
        told.unwrap();
    }

    fn level(&self, event: Event) {
        let mut context = Context::new(event, "nas", clock::now());
        context.plan = Some("home".to_owned());
        let (repo, plan) = (Some("vault".parse().unwrap()), Some("home".parse().unwrap()));
        let news = News { event, context, whose: Whose::Own, kind: Kind::Level, repo, plan };
        self.herald.tell(&[news]).unwrap();
    }
}

#[test]
fn an_end_is_told_once_however_often_it_comes() {
    let world = world(&webhook("\"backup-failed\""), "");
    let failed = operation(1, Status::Failed);
    for _ in 0..3 {
        world.herald.ended(&failed).unwrap();
    }
    // Found lost at the next start, though its end was told: one end is enough.
    world.herald.ended(&Operation { status: Status::Lost, ..failed }).unwrap();
    world.herald.ended(&operation(2, Status::Lost)).unwrap();
    assert_eq!(world.events(), ["backup-failed", "backup-failed"]);
}

#[test]
fn x1_a_peers_events_reach_the_hooks_at_the_top_and_no_other() {
    let world = world(&webhook("\"any-failure\""), &webhook("\"backup-failed\""));
    world.tell_of_peer(&operation(1, Status::Failed));
    assert_eq!(world.told(), [("top/webhook/any-failure".to_owned(), "backup-failed".to_owned())]);
    world.herald.ended(&operation(2, Status::Failed)).unwrap();
    assert_eq!(world.told().len(), 3, "its own reach both");
    // It calls itself by our name, and is none of us all the same.
    let claims = from_json(&world.waiting()[0].context);
    assert_eq!((claims.instance.as_str(), claims.peer), ("nas", Some(PEER.to_string())));
}

#[test]
fn what_arrives_days_after_its_end_is_no_news() {
    let world = world(&webhook("\"backup-failed\""), "");
    let old = clock::now().minus(NEWS_FOR + Duration::from_secs(60));
    let late = Operation { ended_at: Some(old), started_at: old, ..operation(1, Status::Failed) };
    world.tell_of_peer(&late);
    assert!(world.told().is_empty());
}

#[test]
fn a_state_that_is_looked_at_again_and_again_is_told_once_and_its_end_once() {
    let world = world(&webhook("\"stale\", \"recovered\""), "");
    world.level(Event::Recovered);
    assert!(world.told().is_empty(), "nothing has recovered that was not stale");
    for _ in 0..3 {
        world.level(Event::Stale);
    }
    for _ in 0..3 {
        world.level(Event::Recovered);
    }
    world.level(Event::Stale);
    assert_eq!(world.events(), ["stale", "recovered", "stale"]);
}

#[test]
fn a_command_before_a_backup_is_run_then_and_not_told_again() {
    let command = "{ on = [\"backup-started\"], command = \"exit 1\", on-error = \"fail\" }";
    let world = world("", &format!("{command}, {}", webhook("\"backup-started\"")));
    let begun = operation(1, Status::Running);
    world.herald.begun(&begun).unwrap();
    assert_eq!(
        world.told(),
        [("plan:home/webhook/backup-started".to_owned(), "backup-started".to_owned())]
    );
    let before = world.herald.before(&begun);
    assert_eq!(before.len(), 1);
    let script = before[0].script.as_ref().unwrap();
    assert_eq!(script.argv, ["/bin/sh", "-c", "exit 1"]);
    let ran = world.runtime.block_on(script.run());
    assert!(ran.end().is_err());
}

#[test]
fn a_lock_of_somebody_is_an_event_of_its_own() {
    let world = world(&slack("\"repo-locked\""), "");
    let failure = crate::restic::Failure::new(
        crate::restic::Reason::Locked {
            holder: "by PID 7 on other by root (UID 0, GID 0)".to_owned(),
        },
        "Fatal: unable to create lock",
    );
    let message = crate::job::JobError::from(failure).to_string();
    world.herald.ended(&Operation { message, ..operation(1, Status::Failed) }).unwrap();
    let waiting = world.waiting();
    assert_eq!(world.events(), ["repo-locked"]);
    assert!(from_json(&waiting[0].context).message.contains("PID 7 on other"));
}

fn saved(number: u8, bytes: u64) -> Operation {
    let stats = Stats { bytes_processed: bytes, files_new: 1000, ..Stats::default() };
    Operation { stats: Some(stats), ..operation(number, Status::Succeeded) }
}

#[test]
fn a_backup_of_half_as_much_as_ever_is_an_anomaly() {
    let world = world(&slack("\"anomaly\""), "");
    for number in 1..=6 {
        let good = saved(number, 10 << 30);
        world.herald.ended(&good).unwrap();
        world.herald.history.write_blocking(move |tx| tx.own()?.append(&good)).unwrap();
    }
    assert!(world.told().is_empty());
    world.herald.ended(&saved(7, 4 << 30)).unwrap();
    assert_eq!(world.events(), ["anomaly"]);
    let said = from_json(&world.waiting()[0].context).message;
    assert!(said.contains("less than half"), "{said}");
}

#[test]
fn what_still_holds_is_told_again_and_what_is_no_longer_there_is_not() {
    let hook = "{ on = [\"backup-failed\"], slack = { url = \"https://s\" }, remind = \"1m\" }";
    let world = world(hook, "");
    world.herald.ended(&operation(1, Status::Failed)).unwrap();
    let listeners = world.herald.config.current().listeners();
    world.herald.remind(&listeners).unwrap();
    assert_eq!(world.told().len(), 1, "a minute has not passed");
    let make_old = |plan: &str| {
        let mut state = world.trust.told_states().unwrap().remove(0);
        state.told_at = Some(clock::now().minus(Duration::from_secs(61)));
        state.context = state.context.replace("\"home\"", &format!("\"{plan}\""));
        world.trust.telling(|telling| telling.keep_state(&state)).unwrap();
    };
    make_old("home");
    world.herald.remind(&listeners).unwrap();
    world.herald.remind(&listeners).unwrap();
    let waiting = world.waiting();
    assert_eq!(waiting.len(), 2);
    let again = from_json(&waiting[1].context);
    assert!(again.reminder && again.since.is_some());
    make_old("gone");
    world.herald.remind(&listeners).unwrap();
    assert_eq!(world.waiting().len(), 2);
    assert!(world.trust.told_states().unwrap().is_empty(), "it is forgotten");
}

#[test]
fn quiet_hours_and_snoozes_hold_a_message_back() {
    let quiet =
        "{ on = [\"backup-failed\"], slack = { url = \"https://s\" }, quiet = \"00:00-23:59\" }";
    let world = world(quiet, "");
    world.herald.ended(&operation(1, Status::Failed)).unwrap();
    let held = &world.waiting()[0];
    // But for the one minute of the day that is not quiet.
    assert!(held.held == (held.first_due > held.created_at));
    world.trust.snooze("", Some(clock::now().plus(Duration::from_secs(3600)))).unwrap();
    world.herald.ended(&operation(2, Status::Succeeded)).unwrap();
    world.herald.ended(&operation(3, Status::Failed)).unwrap();
    let snoozed = &world.waiting()[1];
    assert!(
        snoozed.held && snoozed.first_due.since(snoozed.created_at) >= Duration::from_secs(3599)
    );
}

#[test]
fn the_logs_of_peers_are_looked_at_from_where_the_last_look_ended() {
    let world = world(&webhook("\"backup-failed\""), "");
    let follow = world.herald.step(true, None).unwrap().unwrap();
    let entry = operation(1, Status::Failed);
    world.herald.history.write_blocking(move |tx| tx.own()?.append(&entry)).unwrap();
    let follow = world.herald.step(true, Some(follow)).unwrap().unwrap();
    assert!(world.told().is_empty(), "the own log is told by the engine");
    let kept = world.trust.telling(|telling| telling.places()).unwrap();
    assert_eq!(kept, follow.moved_since(&Follow::default()), "it goes on there after a restart");
    assert!(!kept.is_empty());
    assert!(world.herald.step(false, Some(follow)).unwrap().is_none());
    assert!(world.trust.telling(|telling| telling.places()).unwrap().is_empty());
}
