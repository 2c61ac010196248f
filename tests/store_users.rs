//! Users, logins and API keys in a real `trust.db`.

use holdfast::model::{
    AccessSecret, ApiKeyId, Role, Secret, SecretHash, SessionId, Timestamp, UserName,
};
use holdfast::store::Trust;
use holdfast::store::trust::{
    ApiKey, IDLE, LONGEST, MOST_SESSIONS, NewSession, NewUser, UserChange,
};
use std::sync::Barrier;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_millis(seconds * 1000)
}

fn name(text: &str) -> UserName {
    text.parse().expect("a name")
}

fn hash_of(user: &str) -> Secret {
    Secret::new(format!("$argon2id$of-{user}"))
}

fn user(text: &str, role: Role) -> NewUser {
    NewUser { name: name(text), password: hash_of(text), role }
}

fn token(n: u8) -> SecretHash {
    AccessSecret::from_bytes([n; 32]).hash()
}

fn session(n: u8, user: &str) -> NewSession {
    NewSession {
        id: SessionId::from_bytes([n; 8]),
        token: token(n),
        user: name(user),
        address: "192.0.2.7".to_owned(),
        agent: "Firefox".to_owned(),
    }
}

fn trust() -> (tempfile::TempDir, Trust) {
    let dir = tempfile::tempdir().expect("a folder");
    let trust = Trust::open(dir.path()).expect("trust");
    (dir, trust)
}

fn with_users(users: &[(&str, Role)]) -> (tempfile::TempDir, Trust) {
    let (dir, trust) = trust();
    for (name, role) in users {
        assert!(trust.add_user(&user(name, *role), at(0)).expect("added"));
    }
    (dir, trust)
}

fn open(trust: &Trust, n: u8, user: &str, now: Timestamp) {
    let opened = trust.open_session(&session(n, user), &hash_of(user), None, now);
    assert!(opened.expect("written"));
}

fn is_open(trust: &Trust, n: u8, now: Timestamp) -> bool {
    trust.session_by(&token(n), now).expect("read").is_some()
}

#[test]
fn a_user_is_added_once_and_listed_by_name() {
    let (_dir, trust) = with_users(&[("bert", Role::Viewer), ("anna", Role::Admin)]);
    assert!(!trust.add_user(&user("bert", Role::Admin), at(9)).expect("refused"));
    let users = trust.users(at(1)).expect("users");
    let shown: Vec<_> = users.iter().map(|user| (user.name.as_str(), user.role)).collect();
    assert_eq!(shown, [("anna", Role::Admin), ("bert", Role::Viewer)]);
    assert_eq!(users[0].created_at, at(0));
    let credentials = trust.credentials(&name("bert")).expect("read").expect("bert");
    assert_eq!(credentials.password.expose(), "$argon2id$of-bert");
    assert!(trust.credentials(&name("carl")).expect("read").is_none());
}

#[test]
fn only_one_of_many_at_once_is_the_first_user() {
    let (_dir, trust) = trust();
    let start = Barrier::new(8);
    let add = |n: usize| {
        start.wait();
        trust.add_first_user(&user(&format!("user{n}"), Role::Admin), at(0)).expect("written")
    };
    let added = std::thread::scope(|scope| {
        let all: Vec<_> = (0..8).map(|n| scope.spawn(move || add(n))).collect();
        all.into_iter().map(|one| one.join().expect("ends")).filter(|added| *added).count()
    });
    assert_eq!((added, trust.users(at(0)).expect("users").len()), (1, 1));
}

#[test]
fn a_login_is_found_by_its_secret_until_it_expires() {
    let (_dir, trust) = with_users(&[("anna", Role::Operator)]);
    open(&trust, 1, "anna", at(0));
    let found = trust.session_by(&token(1), at(1)).expect("read").expect("the login");
    assert_eq!((found.user.as_str(), found.role), ("anna", Role::Operator));
    assert!(!is_open(&trust, 2, at(1)));
    let idle = at(0).plus(IDLE);
    assert_eq!(found.ends_at(), idle);
    assert!(is_open(&trust, 1, idle.minus(std::time::Duration::from_millis(1))));
    assert!(!is_open(&trust, 1, idle), "not used for too long");
    assert!(!trust.is_session(found.id, idle).expect("read"));
}

#[test]
fn a_login_that_is_used_all_the_time_ends_all_the_same() {
    let (_dir, trust) = with_users(&[("anna", Role::Operator)]);
    open(&trust, 1, "anna", at(0));
    let last = at(0).plus(LONGEST);
    let mut now = at(0);
    while now < last {
        assert!(is_open(&trust, 1, now));
        trust.touch_session(SessionId::from_bytes([1; 8]), "192.0.2.8", now).expect("written");
        now = now.plus(IDLE / 2);
    }
    assert!(!is_open(&trust, 1, last));
    assert!(trust.sessions(None, last).expect("read").is_empty());
}

#[test]
fn a_login_takes_the_place_of_the_one_that_the_browser_had() {
    let (_dir, trust) = with_users(&[("anna", Role::Admin)]);
    open(&trust, 1, "anna", at(0));
    let before = Some(SessionId::from_bytes([1; 8]));
    let opened = trust.open_session(&session(2, "anna"), &hash_of("anna"), before, at(1));
    assert!(opened.expect("written"));
    assert!(!is_open(&trust, 1, at(2)) && is_open(&trust, 2, at(2)));
    let anna = trust.user(&name("anna"), at(2)).expect("read").expect("anna");
    assert_eq!((anna.last_login, anna.sessions), (Some(at(1)), 1));
}

#[test]
fn no_login_is_opened_with_a_password_that_was_changed_meanwhile() {
    let (_dir, trust) = with_users(&[("anna", Role::Admin)]);
    let old = hash_of("anna");
    assert!(trust.set_password(&name("anna"), &Secret::new("new".into()), None).expect("set"));
    assert!(!trust.open_session(&session(1, "anna"), &old, None, at(1)).expect("written"));
    trust.remove_user(&name("anna")).expect("removed");
    let new = Secret::new("new".into());
    assert!(!trust.open_session(&session(1, "anna"), &new, None, at(1)).expect("written"));
}

#[test]
fn a_new_password_ends_the_other_logins_of_that_user_only() {
    let (_dir, trust) = with_users(&[("anna", Role::Admin), ("bert", Role::Viewer)]);
    for (n, user) in [(1, "anna"), (2, "anna"), (3, "bert")] {
        open(&trust, n, user, at(0));
    }
    let keep = Some(SessionId::from_bytes([2; 8]));
    assert!(trust.set_password(&name("anna"), &Secret::new("new".into()), keep).expect("set"));
    assert_eq!([1, 2, 3].map(|n| is_open(&trust, n, at(1))), [false, true, true]);
    assert!(trust.set_password(&name("anna"), &Secret::new("newer".into()), None).expect("set"));
    assert_eq!([1, 2, 3].map(|n| is_open(&trust, n, at(1))), [false, false, true]);
    assert!(!trust.set_password(&name("carl"), &Secret::new("x".into()), None).expect("none"));
}

#[test]
fn another_role_and_removal_end_the_logins() {
    let (_dir, trust) = with_users(&[("anna", Role::Admin), ("bert", Role::Viewer)]);
    open(&trust, 1, "bert", at(0));
    assert_eq!(trust.set_role(&name("bert"), Role::Viewer).expect("same"), UserChange::Done);
    assert!(is_open(&trust, 1, at(1)), "nothing changed");
    assert_eq!(trust.set_role(&name("bert"), Role::Operator).expect("set"), UserChange::Done);
    assert!(!is_open(&trust, 1, at(1)));
    open(&trust, 2, "bert", at(1));
    assert_eq!(trust.remove_user(&name("bert")).expect("removed"), UserChange::Done);
    assert!(!is_open(&trust, 2, at(2)));
    trust.add_user(&user("bert", Role::Admin), at(3)).expect("added");
    assert!(!is_open(&trust, 2, at(4)), "a namesake does not inherit it");
}

#[test]
fn the_last_admin_stays_one_while_there_are_others() {
    let (_dir, trust) = with_users(&[("anna", Role::Admin), ("bert", Role::Operator)]);
    let anna = name("anna");
    assert_eq!(trust.set_role(&anna, Role::Viewer).expect("refused"), UserChange::LastAdmin);
    assert_eq!(trust.remove_user(&anna).expect("refused"), UserChange::LastAdmin);
    assert_eq!(trust.remove_user(&name("carl")).expect("none"), UserChange::Unknown);
    assert_eq!(trust.set_role(&name("carl"), Role::Admin).expect("none"), UserChange::Unknown);
    assert_eq!(trust.remove_user(&name("bert")).expect("removed"), UserChange::Done);
    assert_eq!(trust.remove_user(&anna).expect("removed"), UserChange::Done);
    assert!(!trust.has_users().expect("read"), "nobody else is left to be locked out");
}

#[test]
fn logins_are_bounded_and_the_one_unused_for_longest_goes() {
    let (_dir, trust) = with_users(&[("anna", Role::Admin)]);
    let most = u8::try_from(MOST_SESSIONS).expect("few");
    for n in 0..=most {
        open(&trust, n, "anna", at(i64::from(n)));
    }
    let now = at(100);
    assert_eq!(trust.sessions(Some(&name("anna")), now).expect("read").len(), usize::from(most));
    assert!(!is_open(&trust, 0, now) && is_open(&trust, 1, now) && is_open(&trust, most, now));
}

#[test]
fn others_are_ended_and_one_stays() {
    let (_dir, trust) = with_users(&[("anna", Role::Admin), ("bert", Role::Viewer)]);
    for (n, user) in [(1, "anna"), (2, "anna"), (3, "bert")] {
        open(&trust, n, user, at(0));
    }
    trust.end_other_sessions(&name("anna"), Some(SessionId::from_bytes([1; 8]))).expect("ended");
    assert_eq!([1, 2, 3].map(|n| is_open(&trust, n, at(1))), [true, false, true]);
    assert!(trust.end_session(SessionId::from_bytes([1; 8])).expect("ended"));
    assert!(!trust.end_session(SessionId::from_bytes([1; 8])).expect("none"));
    assert!(trust.is_session_from(&name("bert"), "192.0.2.7", at(1)).expect("read"));
    assert!(!trust.is_session_from(&name("bert"), "192.0.2.8", at(1)).expect("read"));
    assert!(!trust.is_session_from(&name("anna"), "192.0.2.7", at(1)).expect("read"));
}

#[test]
fn a_key_works_until_it_expires_or_is_revoked() {
    let (_dir, trust) = trust();
    let key = |n: u8, expires_at| ApiKey {
        id: ApiKeyId::from_bytes([n; 8]),
        label: "grafana".to_owned(),
        role: Role::Viewer,
        created_at: at(0),
        expires_at,
        last_used: None,
        last_address: None,
    };
    trust.add_api_key(&key(1, Some(at(10))), &token(1)).expect("added");
    trust.add_api_key(&key(2, None), &token(2)).expect("added");
    let works = |n: u8, now| trust.api_key_by(&token(n), now).expect("read").is_some();
    assert!(works(1, at(9)) && !works(1, at(10)) && works(2, at(1_000_000_000)));
    assert!(!works(3, at(1)));
    let id = ApiKeyId::from_bytes([2; 8]);
    trust.touch_api_key(id, "192.0.2.9", at(5)).expect("noted");
    let keys = trust.api_keys().expect("read");
    assert_eq!(keys[0], key(1, Some(at(10))));
    assert_eq!(
        (keys[1].last_used, keys[1].last_address.as_deref()),
        (Some(at(5)), Some("192.0.2.9"))
    );
    assert!(trust.is_api_key(id, at(6)).expect("read"));
    assert!(trust.revoke_api_key(id).expect("revoked") && !trust.revoke_api_key(id).expect("gone"));
    assert!(!works(2, at(6)) && !trust.is_api_key(id, at(6)).expect("read"));
}

#[test]
fn c2_no_secret_is_in_the_file() {
    let (dir, trust) = with_users(&[("anna", Role::Admin)]);
    let secret = AccessSecret::from_bytes([0xc5; 32]);
    let login = NewSession { token: secret.hash(), ..session(1, "anna") };
    assert!(trust.open_session(&login, &hash_of("anna"), None, at(0)).expect("written"));
    drop(trust);
    let file = std::fs::read(dir.path().join("trust.db")).expect("the file");
    let has = |wanted: &[u8]| file.windows(wanted.len()).any(|part| part == wanted);
    assert!(has(secret.hash().as_bytes()), "the hash is");
    assert!(!has(&[0xc5; 32]) && !has(secret.reveal().expose().as_bytes()));
    assert!(!format!("{login:?}").contains("c5c5"));
}
