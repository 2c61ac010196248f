//! `trust.db` in a real file: pairing, removal, received repos, records, runs.

use holdfast::grant::{Grants, Permission};
use holdfast::model::{
    Dropped, InstanceId, KeyId, OperationId, PeerRole, RepoGuid, Secret, SecretHash, Status,
    Timestamp,
};
use holdfast::pairing::{Admission, PairingSecret, Refusal, TokenId, TokenRow};
use holdfast::store::Trust;
use holdfast::store::trust::{
    Newcomer, OpenRun, Peer, Place, ReceivedRepo, ReceivedState, RecordReason, RepoRecord, RunEnd,
    ToldGrant,
};
use std::sync::Barrier;

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis)
}

fn trust() -> (tempfile::TempDir, Trust) {
    let dir = tempfile::tempdir().expect("a folder");
    let trust = Trust::open(dir.path()).expect("trust");
    (dir, trust)
}

fn secret(n: u8) -> SecretHash {
    PairingSecret::from_bytes([n; 32]).hash()
}

fn token(n: u8) -> TokenRow {
    TokenRow {
        id: TokenId::from_bytes([n; 4]),
        secret_hash: secret(n),
        label: "for the laptop".into(),
        created_at: at(500),
        expires_at: Some(at(2_000)),
        max_uses: 1,
        uses: 0,
        revoked: false,
        grants: Grants::parse(["read-operations=*,!repo:private"]).expect("grants"),
        asks: Grants::none(),
        replaces: None,
    }
}

fn newcomer(n: u8, name: &str) -> Newcomer {
    let instance: InstanceId = name.parse().expect("a name");
    Newcomer {
        public_key: [n; 32],
        instance,
        grants_received: vec![ToldGrant {
            permission: "read-operations".into(),
            scopes: vec!["*".into()],
            exceptions: false,
        }],
        address: Some("192.0.2.7".into()),
        software: Some("holdfast 0.1.0".into()),
    }
}

fn key(n: u8) -> KeyId {
    KeyId::of(&[n; 32])
}

fn guid() -> RepoGuid {
    "ab".repeat(32).parse().expect("a guid")
}

#[test]
fn p1_two_redeem_a_single_use_token_and_exactly_one_wins() {
    for _ in 0..10 {
        let (_dir, trust) = trust();
        trust.add_token(&token(1)).expect("added");
        let barrier = Barrier::new(2);
        let outcomes: Vec<_> = std::thread::scope(|scope| {
            let run = |n: u8| {
                let (trust, barrier) = (&trust, &barrier);
                scope.spawn(move || {
                    barrier.wait();
                    let name = format!("laptop{n}");
                    trust.redeem(&secret(1), &newcomer(n, &name), at(1_000)).expect("decided")
                })
            };
            [run(11), run(12)].map(|thread| thread.join().expect("a thread")).into()
        });
        let won = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
        assert_eq!(won, 1);
        assert!(outcomes.contains(&Err(Refusal::UsedUp)));
        assert_eq!(trust.peers().expect("peers").len(), 1);
        assert_eq!(trust.tokens().expect("tokens")[0].uses, 1);
    }
}

#[test]
fn p1_use_and_peer_survive_together_and_a_retry_uses_nothing_more() {
    let (dir, first) = trust();
    first.add_token(&token(1)).expect("added");
    let redeemed = first.redeem(&secret(1), &newcomer(5, "laptop"), at(1_000));
    let peer = redeemed.expect("decided").expect("admitted").peer;
    assert_eq!(peer.grants, token(1).grants);
    drop(first);
    let again = Trust::open(dir.path()).expect("trust");
    assert_eq!(again.peer(&key(5)).expect("read"), Some(peer.clone()));
    let retry = again.redeem(&secret(1), &newcomer(5, "laptop"), at(1_500)).expect("decided");
    let retry = retry.expect("connected");
    assert_eq!((retry.admission, retry.peer), (Admission::AlreadyKnown, peer));
    assert_eq!(again.tokens().expect("tokens")[0].uses, 1);
}

#[test]
fn each_refusal_changes_nothing() {
    let (_dir, trust) = trust();
    trust.add_token(&TokenRow { max_uses: 0, ..token(1) }).expect("added");
    trust.add_token(&token(2)).expect("added");
    let redeem = |hash: u8, who: &Newcomer, now| {
        trust
            .redeem(&secret(hash), who, at(now))
            .expect("decided")
            .map(|redeemed| redeemed.admission)
    };
    let laptop = newcomer(5, "laptop");
    assert_eq!(redeem(9, &laptop, 1_000), Err(Refusal::Unknown));
    assert_eq!(redeem(1, &laptop, 2_000), Err(Refusal::Expired));
    assert!(trust.revoke_token(TokenId::from_bytes([2; 4])).expect("revoked"));
    assert_eq!(redeem(2, &laptop, 1_000), Err(Refusal::Revoked));
    assert_eq!(trust.preview(&secret(1), &laptop, at(1_000)).expect("decided").map(drop), Ok(()));
    assert!(trust.peers().expect("peers").is_empty());
    assert_eq!(redeem(1, &laptop, 1_000), Ok(Admission::Redeem { replaces: None }));
    assert_eq!(redeem(1, &newcomer(6, "laptop"), 1_000), Err(Refusal::NameTaken));
    trust.remove_peer(&key(5), at(1_100)).expect("removed");
    assert_eq!(redeem(1, &laptop, 1_200), Err(Refusal::Denied));
    assert_eq!(trust.tokens().expect("tokens").iter().map(|row| row.uses).sum::<u32>(), 1);
    trust.add_token(&TokenRow { created_at: at(1_150), ..token(3) }).expect("added");
    assert_eq!(redeem(3, &laptop, 1_200), Ok(Admission::Redeem { replaces: None }));
    assert_eq!(trust.peers().expect("peers").len(), 1);
}

#[test]
fn a_removed_peer_is_denied_until_it_is_allowed() {
    let (_dir, trust) = trust();
    trust.add_token(&TokenRow { max_uses: 0, ..token(1) }).expect("added");
    let laptop = newcomer(5, "laptop");
    trust.redeem(&secret(1), &laptop, at(1_000)).expect("decided").expect("admitted");
    let removed = trust.remove_peer(&key(5), at(1_100)).expect("removed");
    assert!(removed.grants.is_empty());
    assert_eq!(trust.removed_peers().expect("peers"), [removed]);
    assert!(trust.allow_peer(&key(5)).expect("allowed"));
    assert!(!trust.allow_peer(&key(5)).expect("was allowed"));
    assert!(trust.redeem(&secret(1), &laptop, at(1_200)).expect("decided").is_ok());
}

fn received(origin: KeyId, id: &str) -> ReceivedRepo {
    ReceivedRepo {
        origin,
        id: id.parse().expect("an id"),
        guid: guid(),
        uri: Secret::new("rest:https://user:word@vault.example/nas".into()),
        password: Some(Secret::new("secret".into())),
        env: vec![("AWS_ACCESS_KEY_ID".into(), Secret::new("k".into()))],
        state: ReceivedState::Taken,
        detail: String::new(),
        dropped: vec![Dropped { field: "env PATH".into(), reason: "not in the table".into() }],
        revision: 3,
        changed_at: at(7),
    }
}

#[test]
fn who_replaces_a_peer_takes_over_its_entry_and_the_old_key_is_refused() {
    let (_dir, trust) = trust();
    let mut old =
        Peer::new(key(5), "laptop".parse().expect("a name"), PeerRole::AuthorizedClient, at(1));
    old.label = Some("the old one".into());
    old.grants = Grants::parse(["receive-shared-repos=repo:vault"]).expect("grants");
    trust.put_peer(&old).expect("kept");
    trust.put_received_repos(&[received(key(5), "vault")]).expect("kept");
    trust.add_token(&TokenRow { replaces: Some(key(5)), ..token(1) }).expect("added");
    let previewed = trust.preview(&secret(1), &newcomer(6, "laptop"), at(900));
    let offered = previewed.expect("decided").expect("it would be").1.expect("a token").grants;
    assert!(offered.has(Permission::ReceiveSharedRepos) && offered.has(Permission::ReadOperations));
    let redeemed = trust.redeem(&secret(1), &newcomer(6, "laptop"), at(1_000));
    let peer = redeemed.expect("decided").expect("admitted").peer;
    assert_eq!(peer.label.as_deref(), Some("the old one"));
    assert!(peer.grants.has(Permission::ReceiveSharedRepos));
    assert!(peer.grants.has(Permission::ReadOperations));
    let old = trust.peer(&key(5)).expect("read").expect("it is remembered");
    assert_eq!((old.removed_at, old.replaced_by), (Some(at(1_000)), Some(key(6))));
    assert!(
        trust.received_repo(&key(6), &"vault".parse().expect("an id")).expect("read").is_some()
    );
    let back = trust.redeem(&secret(1), &newcomer(5, "laptop"), at(1_100)).expect("decided");
    assert!(back.is_err());
}

#[test]
fn peers_read_back_and_g1_stored_exclusions_alone_allow_nothing() {
    let (dir, trust) = trust();
    let mut peer = Peer::new(key(5), "hub".parse().expect("a name"), PeerRole::KnownHost, at(1));
    peer.public_key = Some([5; 32]);
    peer.urls = vec!["https://hub.example".into()];
    peer.allowed_paths = vec!["/srv".into()];
    peer.allow_remote_commands = true;
    trust.put_peer(&peer).expect("kept");
    trust.heard(&key(5), at(9), Some("192.0.2.1")).expect("kept");
    peer.last_heard = Some(at(9));
    peer.last_address = Some("192.0.2.1".into());
    assert_eq!(trust.peers().expect("peers"), [peer.clone()]);
    trust.heard_all(&[(key(5), at(12)), (key(6), at(12))]).expect("one of them is no peer");
    peer.last_heard = Some(at(12));
    assert_eq!(trust.peers().expect("peers"), [peer]);
    drop(trust);
    let raw = rusqlite::Connection::open(dir.path().join("trust.db")).expect("it opens");
    raw.execute("UPDATE peer SET grants = 'read-operations=!repo:a bogus=*'", []).expect("changed");
    drop(raw);
    let trust = Trust::open(dir.path()).expect("trust");
    let grants = trust.peer(&key(5)).expect("read").expect("it").grants;
    assert!(!grants.has(Permission::ReadOperations));
    assert_eq!(grants.to_string(), "read-operations=!repo:a");
}

#[test]
fn received_repos_and_their_states_read_back() {
    let (_dir, trust) = trust();
    let repos = [received(key(5), "photos"), received(key(5), "vault")];
    trust.put_received_repos(&repos).expect("kept");
    assert!(trust.received_repos().expect("repos") == repos);
    let id = "vault".parse().expect("an id");
    let set = trust.set_received_state(&key(5), &id, ReceivedState::Deleted, "by hand", at(8));
    assert!(set.expect("set"));
    let repo = trust.received_repo(&key(5), &id).expect("read").expect("it is kept");
    assert_eq!((repo.state, repo.detail.as_str()), (ReceivedState::Deleted, "by hand"));
}

#[test]
fn records_are_sent_until_acknowledged_and_acted_on_once() {
    let (dir, trust) = trust();
    let repo = "vault".parse().expect("an id");
    let add =
        |reason| trust.add_outgoing_record(&key(5), &guid(), &repo, reason, at(3)).expect("kept");
    let (first, second) = (add(RecordReason::Unshared), add(RecordReason::PeerRemoved));
    trust.acknowledge_records(&key(5), &[first, u64::MAX], at(4)).expect("noted");
    trust.acknowledge_records(&key(6), &[second], at(4)).expect("of another peer");
    drop(trust);
    let trust = Trust::open(dir.path()).expect("trust");
    let open = trust.open_records(&key(5)).expect("records");
    assert_eq!(open.iter().map(|record| record.number).collect::<Vec<_>>(), [second]);
    let record = RepoRecord { number: 7, ..open[0].clone() };
    assert!(trust.add_incoming_record(&key(6), &record, at(5)).expect("new"));
    assert!(!trust.add_incoming_record(&key(6), &record, at(6)).expect("seen before"));
    assert_eq!(trust.incoming_records(&key(6)).expect("records"), [record]);
}

#[test]
fn a_repository_once_known_stays_known_at_its_place() {
    let (dir, trust) = trust();
    let (vault, other) = ("vault".parse().expect("an id"), "other".parse().expect("an id"));
    let (disk, server) = (Place::of("/mnt/disk"), Place::of("rest:https://vault.example/nas"));
    trust.keep_repo_guid(&vault, &disk, &guid(), at(1)).expect("kept");
    let another: RepoGuid = "cd".repeat(32).parse().expect("a guid");
    trust.keep_repo_guid(&vault, &disk, &another, at(2)).expect("left as it is");
    drop(trust);
    let trust = Trust::open(dir.path()).expect("trust");
    assert_eq!(trust.repo_guid(&vault, &disk).expect("read"), Some(guid()));
    assert_eq!(trust.repo_guid(&vault, &server).expect("read"), None);
    assert_eq!(trust.repo_guid(&other, &disk).expect("read"), None);
    assert_eq!(trust.known_as(&guid()).expect("read"), [vault]);
    assert!(trust.known_as(&another).expect("read").is_empty());
}

fn run(n: u8, plan: Option<&str>, repo: &str, since: i64) -> OpenRun {
    OpenRun {
        operation: OperationId::from_bytes([n; 16]),
        repo: repo.parse().expect("an id"),
        plan: plan.map(|plan| plan.parse().expect("an id")),
        pid: 4711,
        since: at(since),
        ended: None,
    }
}

#[test]
fn processes_are_open_until_they_are_closed_also_after_a_kill() {
    let (dir, trust) = trust();
    let (backup, init) = (run(3, Some("home"), "vault", 1), run(4, None, "vault", 2));
    trust.run_started(&backup).expect("kept");
    trust.run_started(&init).expect("kept");
    drop(trust);
    let trust = Trust::open(dir.path()).expect("trust");
    assert_eq!(trust.open_runs().expect("runs"), [backup.clone(), init.clone()]);
    let lost = Status::Lost;
    trust.run_ended(backup.operation, lost, RunEnd::NotGood, at(3)).expect("kept");
    trust.run_closed(init.operation).expect("kept");
    let left = OpenRun { ended: Some(lost), ..backup };
    assert_eq!(trust.open_runs().expect("runs"), [left]);
}

#[test]
fn the_last_success_of_a_plan_is_of_the_repo_it_saves_to_now() {
    let (_dir, trust) = trust();
    let last = || trust.plan_runs().expect("runs").remove(0);
    let ended = |run: &OpenRun, status, end, millis| {
        trust.run_ended(run.operation, status, end, at(millis)).expect("kept");
    };
    let good = run(3, Some("home"), "vault", 2);
    trust.run_started(&good).expect("kept");
    assert_eq!((last().ended_at, last().last_success), (None, None));
    ended(&good, Status::Succeeded, RunEnd::Good, 3);
    let failed = run(4, Some("home"), "vault", 9);
    trust.run_started(&failed).expect("kept");
    ended(&failed, Status::Failed, RunEnd::NotGood, 10);
    assert_eq!((last().last_success, last().ended_at), (Some(at(2)), Some(at(10))));
    let elsewhere = run(5, Some("home"), "disk", 11);
    trust.run_started(&elsewhere).expect("kept");
    assert_eq!((last().repo, last().last_success), (Some(elsewhere.repo), None));
    assert_eq!(trust.plan_runs().expect("runs").len(), 1);
}
