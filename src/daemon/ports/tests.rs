//! Which repo an id names, and what the engine is handed of it, over real files.
#![allow(clippy::unwrap_used)] // a test may fail

use super::{LiveCatalogue, Named, Obstacle, Repos, StoredHistory, place};
use crate::config::{Config, LiveConfig, parse};
use crate::job::{Catalogue as _, History as _, Keeping, Standing};
use crate::model::{
    KeyId, Operation, OperationId, OperationKind, PeerRole, RepoId, Secret, Status, Timestamp,
};
use crate::restic::FileSystems;
use crate::store::history::{Owner, StoreState};
use crate::store::trust::{Peer, ReceivedRepo, ReceivedState, RecordReason, RepoRecord};
use crate::store::{History, Trust};
use std::path::Path;
use std::sync::Arc;
use tempfile::TempDir;

const HUB: KeyId = KeyId::from_bytes([7; 32]);
const NAS: KeyId = KeyId::from_bytes([8; 32]);

const CONFIG: &str = r#"
instance = "laptop"
[[repo]]
id = "disk"
uri = "/srv/${HOLDFAST_NO_SUCH_VARIABLE}"
password = "swordfish"
[[repo]]
id = "server"
uri = "rest:https://vault.example/laptop"
password-command = "echo swordfish"
env = { RESTIC_REST_USERNAME = "laptop" }
auto-init = false
[[plan]]
id = "home"
repo = "server"
paths = ["/home"]
exclude = ["*.cache"]
one-file-system = true
[[plan]]
id = "off"
repo = "server"
paths = ["/home"]
enabled = false
[[plan]]
id = "shared"
repo = "vault"
paths = ["/home"]
"#;

fn id(text: &str) -> RepoId {
    text.parse().unwrap()
}

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis)
}

fn config() -> Arc<Config> {
    Arc::new(parse(CONFIG).unwrap())
}

fn received(origin: KeyId, name: &str, state: ReceivedState) -> ReceivedRepo {
    ReceivedRepo {
        origin,
        id: id(name),
        guid: "ab".repeat(32).parse().unwrap(),
        uri: Secret::new("rest:https://${HOME}@vault.example/x".to_owned()),
        password: Some(Secret::new("$(id) ${HOME}".to_owned())),
        env: vec![("RESTIC_REST_PASSWORD".to_owned(), Secret::new("${HOME}".to_owned()))],
        state,
        detail: String::new(),
        dropped: Vec::new(),
        revision: 1,
        changed_at: at(1),
    }
}

/// The store of a laptop that knows hub and nas.
struct Store {
    folder: TempDir,
    trust: Arc<Trust>,
}

impl Store {
    fn new(received: &[ReceivedRepo]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let trust = Trust::open(folder.path()).unwrap();
        for (key, name) in [(HUB, "hub"), (NAS, "nas")] {
            let peer = Peer::new(key, name.parse().unwrap(), PeerRole::KnownHost, at(1));
            trust.put_peer(&peer).unwrap();
        }
        trust.put_received_repos(received).unwrap();
        Self { folder, trust: Arc::new(trust) }
    }

    fn repos(&self) -> Repos {
        Repos::read(config(), &self.trust).unwrap()
    }

    fn record(&self, number: u64, reason: RecordReason) {
        let guid = "ab".repeat(32).parse().unwrap();
        let record = RepoRecord { number, guid, repo: id("vault"), reason, at: at(2) };
        self.trust.add_incoming_record(&HUB, &record, at(2)).unwrap();
    }
}

fn file(folder: &Path) -> Arc<LiveConfig> {
    let path = folder.join("config.toml");
    std::fs::write(&path, CONFIG).unwrap();
    Arc::new(LiveConfig::open(path).unwrap())
}

/// What becomes of the work of a catalogue over that store.
fn with_catalogue<T>(store: &Store, work: impl FnOnce(&LiveCatalogue) -> T) -> T {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let config = file(store.folder.path());
    work(&LiveCatalogue::new(config, Arc::clone(&store.trust), runtime.handle().clone()))
}

#[test]
fn a_repo_of_the_config_wins_over_received_ones_of_its_id() {
    let store = Store::new(&[received(HUB, "disk", ReceivedState::Taken)]);
    let repos = store.repos();
    assert!(matches!(repos.named(&id("disk")), Named::Own(repo) if repo.id == id("disk")));
    assert_eq!(repos.disabled_reason(&id("disk")), None);
    let clash = repos.obstacle(&repos.received()[0]).unwrap();
    assert!(clash == Obstacle::IdOfOwn && clash.is_conflict());
    assert!(repos.explain(&repos.received()[0], &clash).contains("disk of hub"));
}

#[test]
fn an_id_shared_by_two_origins_names_neither_until_one_goes() {
    let both = [HUB, NAS].map(|origin| received(origin, "vault", ReceivedState::Taken));
    let store = Store::new(&both);
    let reason = store.repos().disabled_reason(&id("vault")).unwrap();
    assert!(reason.contains("hub") && reason.contains("nas"), "{reason}");
    let deleted = ReceivedState::Deleted;
    store.trust.set_received_state(&NAS, &id("vault"), deleted, "", at(3)).unwrap();
    let repos = store.repos();
    assert!(matches!(repos.named(&id("vault")), Named::Received(repo) if repo.origin == HUB));
}

#[test]
fn each_state_of_a_received_repo_says_what_to_do() {
    let no_password =
        ReceivedRepo { password: None, ..received(HUB, "vault", ReceivedState::Taken) };
    for (repo, obstacle, remedy) in [
        (received(HUB, "vault", ReceivedState::Conflict), Obstacle::Conflict, "remove one"),
        (received(HUB, "vault", ReceivedState::Deleted), Obstacle::Removed, "add vault --from hub"),
        (received(HUB, "vault", ReceivedState::Refused), Obstacle::Refused, "Allow it"),
        (no_password, Obstacle::NoPassword, "share it again with one"),
        (
            received(HUB, "vault", ReceivedState::Disabled),
            Obstacle::Withdrawn { reason: None },
            "Ask there to share it again, or let its plans use another repo",
        ),
    ] {
        let store = Store::new(&[ReceivedRepo { detail: "because.".to_owned(), ..repo }]);
        let repos = store.repos();
        let named = repos.named(&id("vault"));
        assert!(matches!(named, Named::Unusable(_, found) if found == obstacle), "{obstacle:?}");
        let reason = repos.disabled_reason(&id("vault")).unwrap();
        assert!(reason.contains("hub") && reason.contains(remedy), "{reason}");
    }
    let nothing = Store::new(&[]).repos().disabled_reason(&id("vault")).unwrap();
    assert!(nothing.contains("there is no repo vault"));
}

#[test]
fn a_withdrawn_repo_says_who_withdrew_it_and_how() {
    let store = Store::new(&[received(HUB, "vault", ReceivedState::Disabled)]);
    for (number, reason, words) in [
        (1, RecordReason::Unshared, "hub no longer shares repo vault"),
        (2, RecordReason::Revoked, "grant `receive-shared-repos=repo:vault` again"),
        (3, RecordReason::PeerRemoved, "Pair again with a token of hub"),
    ] {
        store.record(number, reason);
        let said = store.repos().disabled_reason(&id("vault")).unwrap();
        assert!(said.contains(words), "{said}");
    }
    with_catalogue(&store, |catalogue| {
        let plan = catalogue.plan(&"shared".parse().unwrap()).unwrap_err();
        assert!(plan.0.starts_with("plan shared is disabled: hub, whose repo vault is,"), "{plan}");
        assert!(catalogue.repo(&id("vault")).is_err_and(|error| error.0.contains("hub")));
    });
}

#[test]
fn x1_a_received_repo_is_handed_over_as_it_came() {
    let store = Store::new(&[received(HUB, "vault", ReceivedState::Taken)]);
    with_catalogue(&store, |catalogue| {
        let Ok(spec) = catalogue.repo(&id("vault")) else { panic!("it can be used") };
        assert_eq!(spec.standing, Standing::Received);
        assert_eq!(spec.access.uri.expose(), "rest:https://${HOME}@vault.example/x");
        assert_eq!(spec.access.password.expose(), "$(id) ${HOME}");
        assert_eq!(spec.access.env[0].1.expose(), "${HOME}");
        assert!(catalogue.plan(&"shared".parse().unwrap()).is_ok());
    });
}

#[test]
fn own_repos_and_plans_are_handed_over_with_their_secrets_resolved() {
    with_catalogue(&Store::new(&[]), |catalogue| {
        assert_eq!(catalogue.instance().as_str(), "laptop");
        let Ok(server) = catalogue.repo(&id("server")) else { panic!("it can be used") };
        assert_eq!(server.standing, Standing::OwnByHand);
        assert_eq!(server.access.password.expose(), "swordfish");
        assert_eq!(server.access.env[0].0, "RESTIC_REST_USERNAME");
        let Err(disk) = catalogue.repo(&id("disk")) else { panic!("a variable is missing") };
        assert!(disk.0.starts_with("repo disk: environment variable"), "{disk}");

        let plan = |name: &str| catalogue.plan(&name.parse().unwrap());
        let home = plan("home").unwrap();
        assert_eq!(home.exclusions.exclude, ["*.cache"]);
        assert_eq!(home.exclusions.file_systems, FileSystems::One);
        assert!(plan("off").unwrap_err().0.contains("enabled = false"));
        assert!(plan("shared").unwrap_err().0.contains("there is no repo vault"));
        assert!(plan("none").unwrap_err().0.contains("there is no plan none"));
    });
}

#[test]
fn a_changed_password_in_a_uri_moves_no_repository() {
    let of = |uri: &str| place(&Secret::new(uri.to_owned()));
    let server = of("rest:https://nas:old@vault.example/nas");
    assert_eq!(server, of("rest:https://nas:new@vault.example/nas"));
    assert_ne!(server, of("rest:https://nas:old@vault.example/other"));
    assert_ne!(of("/mnt/a"), of("/mnt/b"));
}

/// Our names and those of peers whose snapshots a retention may see, with this in the config too.
fn names(store: &Store, more: &str) -> (Vec<String>, Vec<String>) {
    let keeping = keeping(store, more);
    (keeping.own_names, keeping.peer_names)
}

fn keeping(store: &Store, more: &str) -> Keeping {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let path = store.folder.path().join("config.toml");
    std::fs::write(&path, format!("{CONFIG}{more}")).unwrap();
    let config = Arc::new(LiveConfig::open(path).unwrap());
    let trust = Arc::clone(&store.trust);
    LiveCatalogue::new(config, trust, runtime.handle().clone()).keeping(&id("server")).unwrap()
}

#[test]
fn a_name_that_two_keys_have_is_nobodys_to_a_retention() {
    let store = Store::new(&[]);
    let declared = |key: KeyId, name: &str| {
        format!(
            "[[known-host]]\ninstance = \"{name}\"\nkey-id = \"{key}\"\nurls = [\"https://a.example\"]\n"
        )
    };
    let expected = |own: &[&str], peers: &[&str]| {
        let owned = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
        (owned(own), owned(peers))
    };
    assert_eq!(names(&store, ""), expected(&["laptop"], &["hub", "nas"]));
    let same = declared(NAS, "nas");
    assert_eq!(names(&store, &same), expected(&["laptop"], &["hub", "nas"]), "one key is one peer");
    let renamed = declared(NAS, "attic");
    assert_eq!(names(&store, &renamed), expected(&["laptop"], &["hub", "attic"]));
    let other = KeyId::from_bytes([9; 32]);
    let put = |name: &str| {
        let peer = Peer::new(other, name.parse().unwrap(), PeerRole::KnownHost, at(1));
        store.trust.put_peer(&peer).unwrap();
    };
    put("nas");
    assert_eq!(names(&store, ""), expected(&["laptop"], &["hub"]), "two peers");
    put("laptop");
    assert_eq!(names(&store, ""), expected(&[], &["hub", "nas"]), "ours is a peer's too");
}

#[test]
fn a_name_that_a_peer_gives_itself_counts_like_one_that_it_has() {
    let store = Store::new(&[]);
    let here =
        |name: &str| names(&store, "").0.iter().chain(&names(&store, "").1).any(|n| n == name);
    store.trust.dispute(&"hub".parse().unwrap(), NAS, at(1)).unwrap();
    assert!(!here("hub") && here("nas") && here("laptop"));
    store.trust.dispute(&"laptop".parse().unwrap(), NAS, at(1)).unwrap();
    assert!(!here("laptop"), "our own name too");
    store.trust.settle_disputes(&NAS, at(9)).unwrap();
    assert!(here("hub") && here("laptop"));
    let disputed = keeping(&store, "").disputed;
    assert_eq!(disputed.len(), 2);
    assert!(disputed[0].covers("hub", at(5)) && !disputed[0].covers("nas", at(5)));
    assert!(!disputed[0].covers("hub", at(9).plus(std::time::Duration::from_secs(3601))));
}

fn backup(n: u8, status: Status) -> Operation {
    let id = OperationId::from_bytes([n; 16]);
    Operation {
        status,
        repo: Some(self::id("vault")),
        plan: Some("home".parse().unwrap()),
        ..Operation::begun(id, "laptop".parse().unwrap(), OperationKind::Backup, at(1))
    }
}

fn history(folder: &Path) -> History {
    History::open(folder, Owner { public_key: [1; 32] }).unwrap()
}

#[test]
fn the_store_counts_revisions_and_lost_runs_are_asked_for_by_repo_and_plan() {
    let folder = tempfile::tempdir().unwrap();
    let journal = StoredHistory::new(history(folder.path()));
    // As after an entry that the disk did not take: the engine has counted it, the log has not.
    let late = Operation { revision: 3, ..backup(1, Status::Running) };
    journal.record(&late).unwrap();
    journal.record(&backup(2, Status::Succeeded)).unwrap();
    assert_eq!(journal.unfinished().unwrap(), [Operation { revision: 1, ..late.clone() }]);
    journal.record(&Operation { status: Status::Lost, ..late }).unwrap();
    assert!(journal.unfinished().unwrap().is_empty());

    let found = Operation { snapshot: Some("ab".repeat(32)), ..backup(3, Status::Lost) };
    journal.record(&found).unwrap();
    let lost = |repo: &str| journal.lost(&id(repo), &"home".parse().unwrap()).unwrap();
    let ids: Vec<_> = lost("vault").iter().map(|found| (found.id, found.revision)).collect();
    assert_eq!(ids, [(OperationId::from_bytes([1; 16]), 2)]);
    assert!(lost("other").is_empty());
}

#[tokio::test]
async fn a_state_that_meets_damage_is_in_the_history_that_begins_anew() {
    let folder = tempfile::tempdir().unwrap();
    let filled = history(folder.path());
    let fill = |tx: &mut crate::store::history::HistoryTx<'_>| {
        let mut own = tx.own()?;
        (1..200).try_for_each(|n| own.append(&backup(n, Status::Succeeded)).map(drop))
    };
    filled.write(fill).await.unwrap();
    filled.close().await;
    drop(filled);
    let opened = history(folder.path());
    damage(&folder.path().join("history.db"));
    let journal = StoredHistory::new(opened.clone());
    let ended = backup(250, Status::Succeeded);
    let recorded = tokio::task::spawn_blocking(move || journal.record(&ended));
    recorded.await.unwrap().unwrap();
    assert!(matches!(*opened.state().borrow(), StoreState::Empty { .. }));
    let kept = opened.read(|reader| reader.operations(&Default::default(), None, 1_000)).await;
    assert_eq!(kept.unwrap().operations.len(), 1);
}

/// Overwrites all but the first page, and changes something else, so that who has it open reads anew.
fn damage(path: &Path) {
    let other = rusqlite::Connection::open(path).unwrap();
    other.execute("INSERT INTO meta VALUES ('other', 'writer')", []).unwrap();
    let page: u16 = other.pragma_query_value(None, "page_size", |row| row.get(0)).unwrap();
    let mut bytes = std::fs::read(path).unwrap();
    bytes[usize::from(page)..].fill(0xA5);
    std::fs::write(path, bytes).unwrap();
}
