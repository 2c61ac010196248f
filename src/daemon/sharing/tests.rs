//! The rules of sharing, each by itself, over a real store.
#![allow(clippy::unwrap_used)] // a test may fail

use super::super::ports::{Obstacle, Repos, place};
use super::shelf::{Own, Seniority, settle};
use super::take::{put_in_order, receive};
use super::withdraw::due;
use super::{Heard, held_back};
use crate::config::{Config, parse};
use crate::grant::Grants;
use crate::model::{KeyId, PeerRole, RepoGuid, RepoId, Secret, SharedRepo, Timestamp};
use crate::share::{Allowance, ENVIRONMENT};
use crate::store::Trust;
use crate::store::trust::{Peer, ReceivedRepo, ReceivedState, RecordReason, RepoRecord};
use proptest::prelude::*;
use std::sync::Arc;

const HUB: KeyId = KeyId::from_bytes([7; 32]);
const NAS: KeyId = KeyId::from_bytes([8; 32]);
const PLACE: &str = "rest:https://vault.example/x";

fn id(text: &str) -> RepoId {
    text.parse().unwrap()
}

fn guid(digit: char) -> RepoGuid {
    digit.to_string().repeat(64).parse().unwrap()
}

fn secret(text: &str) -> Secret {
    Secret::new(text.to_owned())
}

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis)
}

fn peer(key: KeyId, grants: &[&str]) -> Peer {
    let mut peer = Peer::new(key, "hub".parse().unwrap(), PeerRole::KnownHost, at(1));
    peer.grants = Grants::parse(grants.iter().copied()).unwrap();
    peer
}

fn pushed(name: &str, digit: char, uri: &str) -> SharedRepo {
    let password = Some(secret("swordfish"));
    SharedRepo { id: id(name), guid: guid(digit), uri: secret(uri), password, env: Vec::new() }
}

fn heard(repos: Vec<SharedRepo>) -> Heard {
    let ids = repos.iter().map(|repo| repo.id.clone()).collect();
    Heard { session: 1, revision: 1, ids, repos, seen: Vec::new() }
}

/// A member and what it has received.
struct Member {
    config: Config,
    trust: Trust,
    _folder: tempfile::TempDir,
}

impl Member {
    fn new(config: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = parse(&format!("instance = \"laptop\"\n{config}")).unwrap();
        Self { config, trust: Trust::open(folder.path()).unwrap(), _folder: folder }
    }

    fn hears(&self, key: KeyId, repos: Vec<SharedRepo>) {
        let from = peer(key, &["send-shared-repos"]);
        put_in_order(&self.config, &self.trust, &[(from, heard(repos))], None).unwrap();
    }

    fn looks_again(&self) {
        put_in_order(&self.config, &self.trust, &[], None).unwrap();
    }

    fn chooses(&self, origin: KeyId, name: &str) {
        put_in_order(&self.config, &self.trust, &[], Some(&(origin, id(name)))).unwrap();
    }

    fn repo(&self, origin: KeyId, name: &str) -> ReceivedRepo {
        self.trust.received_repo(&origin, &id(name)).unwrap().unwrap()
    }

    fn state(&self, origin: KeyId, name: &str) -> ReceivedState {
        self.repo(origin, name).state
    }

    fn sets(&self, origin: KeyId, name: &str, state: ReceivedState) {
        assert!(self.trust.set_received_state(&origin, &id(name), state, "", at(5)).unwrap());
    }
}

// ------------------------------------------------------------------ the owner

#[test]
fn absence_is_no_reason_to_take_back() {
    let shared = "[[repo]]\nid = \"vault\"\nuri = \"/srv\"\npassword = \"x\"\nshared = true\n";
    let unshared = shared.replace("true", "false");
    let config = |text: &str| parse(&format!("instance = \"hub\"\n{text}")).unwrap();
    let may = peer(NAS, &["receive-shared-repos=repo:vault"]);
    let other = peer(NAS, &["receive-shared-repos=repo:other"]);
    let excluded = peer(NAS, &["receive-shared-repos=*,!repo:vault"]);
    let removed = Peer { removed_at: Some(at(9)), ..peer(NAS, &[]) };
    for (text, peer, expected) in [
        (shared, Some(&may), None),
        ("", Some(&may), None),
        ("", None, None),
        (shared, None, None),
        (&unshared, Some(&may), Some(RecordReason::Unshared)),
        (shared, Some(&other), Some(RecordReason::Revoked)),
        (shared, Some(&excluded), Some(RecordReason::Revoked)),
        ("", Some(&removed), Some(RecordReason::PeerRemoved)),
    ] {
        assert_eq!(due(&id("vault"), &config(text), peer), expected, "{text}");
    }
}

#[tokio::test]
async fn members_with_a_location_of_their_own_are_not_sent_the_owners_credentials() {
    let access = async |more: &str| {
        let env = "env = { RESTIC_REST_PASSWORD = \"owner\" }";
        let uri = "uri = \"rest:https://vault.example/x\"\npassword = \"x\"";
        let text = format!("instance = \"hub\"\n[[repo]]\nid = \"vault\"\n{uri}\n{env}\n{more}");
        let repo = parse(&text).unwrap().repos.remove(0);
        repo.member_access(&"laptop".parse().unwrap()).await.ok().unwrap()
    };
    assert_eq!(access("").await.env.len(), 1);
    let member = access("member-uri = \"rest:https://{instance}@vault.example/x\"\n").await;
    assert!(member.env.is_empty());
}

#[test]
fn what_members_are_not_sent_is_listed_by_name() {
    let repo = |more: &str| {
        let env = "env = { AWS_ACCESS_KEY_ID = \"k\", RESTIC_REST_PASSWORD = \"p\" }";
        let uri = "uri = \"rest:https://vault.example/x\"\npassword = \"x\"";
        let text = format!("instance = \"hub\"\n[[repo]]\nid = \"vault\"\n{uri}\n{env}\n{more}");
        parse(&text).unwrap().repos.remove(0)
    };
    let fields =
        |more: &str| held_back(&repo(more)).into_iter().map(|part| part.field).collect::<Vec<_>>();
    let both = ["env AWS_ACCESS_KEY_ID", "env RESTIC_REST_PASSWORD"];
    assert!(fields("").is_empty(), "it has no members");
    assert_eq!(fields("shared = true\n"), both[..1]);
    let member = "shared = true\nmember-uri = \"rest:https://{instance}@vault.example/x\"\n";
    assert_eq!(fields(member), both);
}

#[test]
fn what_is_taken_back_is_told_until_acknowledged_and_no_more_once_offered_again() {
    let member = Member::new("");
    let trust = &member.trust;
    let offer = || trust.offer(&NAS, &[(id("vault"), guid('a'))], at(1)).unwrap();
    offer();
    let offered = trust.offered_repos().unwrap().remove(0);
    assert!(trust.take_back(&offered, RecordReason::Unshared, at(2)).unwrap());
    assert!(!trust.take_back(&offered, RecordReason::Unshared, at(3)).unwrap(), "it has it not");
    let open = trust.open_records(&NAS).unwrap();
    assert_eq!(open.len(), 1);
    offer();
    assert_eq!(trust.open_records(&NAS).unwrap(), []);
    assert!(trust.take_back(&offered, RecordReason::Revoked, at(4)).unwrap());
    let again = trust.open_records(&NAS).unwrap();
    assert!(again[0].number > open[0].number, "no number is used twice");
    trust.acknowledge_records(&NAS, &[again[0].number], at(5)).unwrap();
    assert_eq!(trust.open_records(&NAS).unwrap(), []);
    assert!(trust.next_set_revision().unwrap() < trust.next_set_revision().unwrap());
}

// ------------------------------------------------------------------ the member

#[test]
fn a_repo_missing_in_a_later_set_stays_as_it_is() {
    let member = Member::new("");
    member.hears(HUB, vec![pushed("vault", 'a', PLACE), pushed("other", 'b', PLACE)]);
    member.hears(HUB, vec![pushed("other", 'b', PLACE)]);
    assert_eq!(member.state(HUB, "vault"), ReceivedState::Taken);
    member.hears(HUB, Vec::new());
    assert_eq!(member.state(HUB, "other"), ReceivedState::Taken);
}

#[test]
fn a_repo_that_a_person_deleted_stays_deleted() {
    let member = Member::new("");
    member.hears(HUB, vec![pushed("vault", 'a', PLACE)]);
    member.sets(HUB, "vault", ReceivedState::Deleted);
    member.hears(HUB, vec![pushed("vault", 'b', "rest:https://elsewhere.example/")]);
    assert_eq!(member.state(HUB, "vault"), ReceivedState::Deleted);
    assert!(member.trust.forget_received_repo(&HUB, &id("vault")).unwrap());
    member.hears(HUB, vec![pushed("vault", 'b', PLACE)]);
    assert_eq!(member.state(HUB, "vault"), ReceivedState::Taken);
}

#[test]
fn a_record_is_acted_on_once_and_an_offer_after_it_is_taken() {
    let member = Member::new("");
    member.hears(HUB, vec![pushed("vault", 'a', PLACE)]);
    let reason = RecordReason::Unshared;
    let record = RepoRecord { number: 1, guid: guid('a'), repo: id("vault"), reason, at: at(1) };
    let act = |record: &RepoRecord| member.trust.act_on_record(&HUB, record, at(2)).unwrap();
    assert!(act(&record));
    assert_eq!(member.state(HUB, "vault"), ReceivedState::Disabled);
    member.looks_again();
    assert_eq!(member.state(HUB, "vault"), ReceivedState::Disabled);
    member.hears(HUB, vec![pushed("vault", 'a', PLACE)]);
    assert_eq!(member.state(HUB, "vault"), ReceivedState::Taken);
    assert!(!act(&record), "seen");
    assert_eq!(member.state(HUB, "vault"), ReceivedState::Taken);
    let reused = RepoRecord { at: at(7), reason: RecordReason::Revoked, ..record };
    assert!(act(&reused), "the owner went back to an older copy of its store");
    assert_eq!(member.state(HUB, "vault"), ReceivedState::Disabled);
}

#[test]
fn s3_a_record_takes_back_only_what_its_sender_shared() {
    let member = Member::new("");
    member.hears(HUB, vec![pushed("vault", 'a', PLACE)]);
    let reason = RecordReason::Unshared;
    let record = RepoRecord { number: 1, guid: guid('a'), repo: id("vault"), reason, at: at(1) };
    assert!(!member.trust.act_on_record(&NAS, &record, at(2)).unwrap());
    let stale = RepoRecord { guid: guid('b'), ..record };
    assert!(!member.trust.act_on_record(&HUB, &stale, at(2)).unwrap());
    assert_eq!(member.state(HUB, "vault"), ReceivedState::Taken);
    assert_eq!(member.trust.incoming_records(&NAS).unwrap(), [], "nothing of it is kept");
}

const OWN_VAULT: &str = "[[repo]]\nid = \"vault\"\nuri = \"/srv/own\"\npassword = \"x\"\n";

#[test]
fn a_repo_of_the_config_keeps_its_id_and_the_conflict_ends_with_it() {
    let mut member = Member::new(OWN_VAULT);
    member.hears(HUB, vec![pushed("vault", 'a', PLACE)]);
    assert_eq!(member.state(HUB, "vault"), ReceivedState::Conflict);
    assert!(member.repo(HUB, "vault").detail.contains("same id"));
    member.config.repos.clear();
    member.looks_again();
    assert_eq!(member.state(HUB, "vault"), ReceivedState::Taken);
}

const PLAN: &str = "[[plan]]\nid = \"home\"\nrepo = \"vault\"\npaths = [\"/home\"]\n";

#[test]
fn a_plan_is_not_led_to_a_peers_repo_when_its_own_of_that_id_goes() {
    let mut member = Member::new(&format!("{OWN_VAULT}{PLAN}"));
    member.hears(HUB, vec![pushed("vault", 'a', PLACE)]);
    member.config.repos.clear();
    // Nor when it is offered again, as another repository or by one more peer.
    member.looks_again();
    member.hears(HUB, vec![pushed("vault", 'b', PLACE)]);
    member.hears(NAS, vec![pushed("vault", 'c', PLACE)]);
    for origin in [HUB, NAS] {
        assert_eq!(member.state(origin, "vault"), ReceivedState::Conflict);
        assert_eq!(member.repo(origin, "vault").detail, Obstacle::MEANT_ANOTHER);
    }
    let repos = Repos::read(Arc::new(member.config.clone()), &member.trust).unwrap();
    let reason = repos.disabled_reason(&id("vault")).unwrap();
    assert!(reason.contains("holdfast repo add vault --from"), "{reason}");
    member.chooses(NAS, "vault");
    assert_eq!(member.state(NAS, "vault"), ReceivedState::Taken);
    member.looks_again();
    assert_eq!(member.state(NAS, "vault"), ReceivedState::Taken, "it stays chosen");
    assert_eq!(member.repo(HUB, "vault").detail, "a repo of another peer has the same id");
}

#[test]
fn a_plan_is_not_led_from_one_peers_repo_to_anothers() {
    let mut member = Member::new(PLAN);
    member.hears(NAS, vec![pushed("vault", 'a', PLACE)]);
    assert_eq!(member.state(NAS, "vault"), ReceivedState::Taken, "nothing had that id before");
    member.hears(HUB, vec![pushed("vault", 'b', PLACE)]);
    member.chooses(HUB, "vault");
    assert_eq!(member.state(HUB, "vault"), ReceivedState::Conflict, "the other has its place");
    member.sets(NAS, "vault", ReceivedState::Deleted);
    member.looks_again();
    assert_eq!(member.repo(HUB, "vault").detail, Obstacle::MEANT_ANOTHER);
    member.config.plans.clear();
    member.looks_again();
    assert_eq!(member.state(HUB, "vault"), ReceivedState::Taken);
}

#[test]
fn a_repo_that_was_withdrawn_comes_back_to_its_plans_past_a_contender() {
    let member = Member::new(PLAN);
    member.hears(NAS, vec![pushed("vault", 'a', PLACE)]);
    member.hears(HUB, vec![pushed("vault", 'b', PLACE)]);
    member.sets(NAS, "vault", ReceivedState::Disabled);
    member.hears(NAS, vec![pushed("vault", 'a', PLACE)]);
    assert_eq!(member.state(NAS, "vault"), ReceivedState::Taken);
}

#[test]
fn a_repository_of_the_config_is_not_taken_under_another_id() {
    let own = Own::of([(id("mine"), Some(guid('a'))), (id("unknown"), None)]);
    let allowed = Allowance::default();
    let of = |name, digit| receive(None, pushed(name, digit, PLACE), HUB, &allowed);
    let settled = settle(&own, None, vec![of("vault", 'a'), of("other", 'b')]);
    let states: Vec<_> = settled.iter().map(|repo| repo.state).collect();
    assert_eq!(states, [ReceivedState::Conflict, ReceivedState::Taken]);
    assert!(settled[0].detail.contains("repo mine of the configuration"));
}

/// A repo of the config that is known to be that repository.
fn knows(member: &mut Member, name: &str, digit: char) {
    let uri = format!("/srv/{name}");
    let own = OWN_VAULT.replace("vault", name).replace("/srv/own", &uri);
    let config = parse(&format!("instance = \"laptop\"\n{own}")).unwrap();
    member.config.repos.extend(config.repos);
    member.trust.keep_repo_guid(&id(name), &place(&secret(&uri)), &guid(digit), at(1)).unwrap();
}

#[test]
fn plans_come_back_by_themselves_after_a_conflict_by_guid() {
    let mut member = Member::new(PLAN);
    member.hears(HUB, vec![pushed("vault", 'a', PLACE)]);
    knows(&mut member, "mine", 'a');
    member.looks_again();
    assert_eq!(member.state(HUB, "vault"), ReceivedState::Conflict);
    // Nobody else's becomes meanwhile what the plans name.
    member.hears(NAS, vec![pushed("vault", 'b', PLACE)]);
    assert_eq!(member.repo(NAS, "vault").detail, Obstacle::MEANT_ANOTHER);
    member.hears(HUB, vec![pushed("vault", 'a', PLACE)]);
    member.config.repos.clear();
    member.looks_again();
    assert_eq!(member.state(HUB, "vault"), ReceivedState::Taken);
    assert_eq!(member.repo(NAS, "vault").detail, "a repo of another peer has the same id");
}

#[test]
fn a_conflict_by_guid_does_not_hide_that_plans_may_mean_another() {
    let mut member = Member::new(&format!("{OWN_VAULT}{PLAN}"));
    member.hears(HUB, vec![pushed("vault", 'a', PLACE)]);
    knows(&mut member, "mine", 'a');
    member.config.repos.remove(0);
    member.looks_again();
    assert_eq!(member.repo(HUB, "vault").detail, Obstacle::MEANT_ANOTHER);
    // A person says what the plans mean: then only the other id is in the way.
    member.chooses(HUB, "vault");
    assert!(member.repo(HUB, "vault").detail.contains("repo mine"));
    member.config.repos.clear();
    member.looks_again();
    assert_eq!(member.state(HUB, "vault"), ReceivedState::Taken);
}

#[test]
fn whoever_looks_at_an_own_repo_is_told_of_a_received_one_with_its_id() {
    let member = Member::new(OWN_VAULT);
    let told = || {
        let repos = Repos::read(Arc::new(member.config.clone()), &member.trust).unwrap();
        repos.shadowed(&id("vault"))
    };
    member.hears(HUB, vec![pushed("other", 'b', PLACE)]);
    assert_eq!(told(), None);
    member.hears(HUB, vec![pushed("vault", 'a', PLACE)]);
    let told_now = told().unwrap();
    assert!(told_now.contains("has the id of this one"), "{told_now}");
    assert!(told_now.contains("`holdfast repo add vault --from"), "{told_now}");
    member.sets(HUB, "vault", ReceivedState::Deleted);
    assert_eq!(told(), None);
}

#[test]
fn who_was_here_first_keeps_its_place_whatever_another_peer_pushes() {
    // NAS sorts after HUB: it is not the order of the store that decides.
    let member = Member::new("");
    member.hears(NAS, vec![pushed("vault", 'a', PLACE), pushed("moving", 'c', PLACE)]);
    member.hears(HUB, vec![pushed("vault", 'b', PLACE), pushed("same", 'a', PLACE)]);
    assert_eq!(member.state(NAS, "vault"), ReceivedState::Taken);
    assert_eq!(member.state(HUB, "vault"), ReceivedState::Conflict);
    assert_eq!(member.state(HUB, "same"), ReceivedState::Conflict);
    member.hears(NAS, vec![pushed("moving", 'a', PLACE)]);
    assert_eq!(member.state(NAS, "moving"), ReceivedState::Conflict, "another repository now");
    // Plans that name a withdrawn repo are not led to another peer's.
    member.sets(NAS, "vault", ReceivedState::Disabled);
    member.looks_again();
    assert_eq!(member.state(HUB, "vault"), ReceivedState::Conflict);
    member.sets(NAS, "vault", ReceivedState::Deleted);
    member.looks_again();
    assert_eq!(member.state(HUB, "vault"), ReceivedState::Taken);
}

#[test]
fn seniority_decides_before_the_order_of_the_store() {
    let taken = |origin, name: &str| {
        receive(None, pushed(name, 'a', PLACE), origin, &Allowance::default()).1
    };
    let settled = settle(
        &Own::of([]),
        None,
        vec![(Seniority::Newcomer, taken(HUB, "a")), (Seniority::Placed, taken(NAS, "b"))],
    );
    let first: Vec<_> = settled.iter().map(|repo| (repo.origin, repo.state)).collect();
    assert_eq!(first, [(NAS, ReceivedState::Taken), (HUB, ReceivedState::Conflict)]);
}

#[test]
fn x1_a_refused_location_is_not_kept_and_its_folder_is_shown_to_whoever_may_allow_it() {
    let member = Member::new("");
    member.hears(HUB, vec![pushed("vault", 'a', PLACE)]);
    member.hears(HUB, vec![pushed("vault", 'a', "/srv/backup")]);
    let repo = member.repo(HUB, "vault");
    assert_eq!(repo.state, ReceivedState::Refused);
    assert!(repo.uri.expose().is_empty() && repo.password.is_none() && repo.env.is_empty());
    assert!(repo.detail.contains("/srv/backup") && repo.detail.contains("--allow-path"));
    let mut from = peer(HUB, &["send-shared-repos"]);
    from.allowed_paths = vec!["/srv".to_owned()];
    let set = heard(vec![pushed("vault", 'a', "/srv/backup")]);
    put_in_order(&member.config, &member.trust, &[(from, set)], None).unwrap();
    assert_eq!(member.state(HUB, "vault"), ReceivedState::Taken);
}

#[test]
fn x1_a_kept_password_stays_at_its_location_and_dropped_variables_are_listed() {
    let member = Member::new("");
    let silent = |uri| SharedRepo { password: None, ..pushed("vault", 'a', uri) };
    member.hears(HUB, vec![pushed("vault", 'a', PLACE)]);
    let env = vec![("RESTIC_PASSWORD_COMMAND".to_owned(), secret("touch /tmp/x"))];
    member.hears(HUB, vec![SharedRepo { env, ..silent(PLACE) }]);
    let kept = member.repo(HUB, "vault");
    assert!(kept.password == Some(secret("swordfish")) && kept.env.is_empty());
    assert_eq!(kept.dropped[0].field, "env RESTIC_PASSWORD_COMMAND");
    member.hears(HUB, vec![silent("rest:https://thief.example/x")]);
    assert!(member.repo(HUB, "vault").password.is_none());
}

#[test]
fn one_peer_fills_no_more_than_its_share_of_the_store() {
    let member = Member::new("");
    for round in 0..4 {
        let repo = |n| pushed(&format!("r{round}-{n}"), 'a', "file:///x");
        member.hears(HUB, (0..256).map(repo).collect());
    }
    assert_eq!(member.trust.received_repos().unwrap().len(), 512);
    let flood = |number| RepoRecord {
        number,
        guid: guid('a'),
        repo: id("r0-0"),
        reason: RecordReason::Unshared,
        at: at(1),
    };
    for number in 0..300 {
        member.trust.act_on_record(&HUB, &flood(number), at(2)).unwrap();
    }
    assert_eq!(member.trust.incoming_records(&HUB).unwrap().len(), 256);
}

// ------------------------------------------------------------------ whatever a peer sends

fn any_location() -> impl Strategy<Value = String> {
    let word = prop_oneof![
        Just("-oProxyCommand=x".to_owned()),
        Just("${SECRET}".to_owned()),
        Just("../../etc".to_owned()),
        Just("user@host".to_owned()),
        "[a-zA-Z0-9/@:.$%-]{0,20}",
        ".{0,12}",
    ];
    let scheme = prop_oneof![
        Just(""),
        Just("sftp:"),
        Just("sftp://"),
        Just("rclone:"),
        Just("rest:https://"),
        Just("rest:"),
        Just("s3:"),
        Just("b2:"),
        Just("local:"),
        Just("/srv/ok/"),
        Just("file://"),
        Just("/etc/"),
        Just("opendal:"),
        Just("gs:"),
    ];
    (scheme, word.clone(), prop_oneof![Just(""), Just(":/"), Just("/")], word)
        .prop_map(|(scheme, a, between, b)| format!("{scheme}{a}{between}{b}"))
}

/// Name, digit of the guid, location, password, environment: what may be printed of a test.
type Written = (&'static str, char, String, Option<String>, Vec<(String, String)>);

fn any_repo() -> impl Strategy<Value = Written> {
    let name = prop_oneof![
        proptest::sample::select(&ENVIRONMENT[..]).prop_map(str::to_owned),
        Just("LD_PRELOAD".to_owned()),
        Just("RESTIC_PASSWORD_COMMAND".to_owned()),
        Just("PATH".to_owned()),
        "[A-Z_]{1,12}",
    ];
    let env = proptest::collection::vec((name, ".{0,8}"), 0..4);
    let digits = proptest::sample::select(vec!['a', 'b']);
    let names = proptest::sample::select(vec!["vault", "other", "own"]);
    (names, digits, any_location(), proptest::option::of(".{0,8}"), env)
}

fn repo((name, digit, uri, password, env): Written) -> SharedRepo {
    let env = env.into_iter().map(|(name, value)| (name, Secret::new(value))).collect();
    SharedRepo { password: password.map(Secret::new), env, ..pushed(name, digit, &uri) }
}

/// X1, said a second time and in another way than [`crate::share`] does.
fn obeys_x1(repo: &ReceivedRepo) -> bool {
    let uri = repo.uri.expose();
    let (scheme, rest) = uri.split_once(':').unwrap_or(("", uri));
    let is_below = |path: &str| path.starts_with("/srv/ok") && !path.split('/').any(|p| p == "..");
    let place_is_good = match scheme {
        "rest" => rest.starts_with("https://") || rest.starts_with("http://"),
        "sftp" | "s3" | "b2" | "azure" | "gs" | "swift" => {
            let rest = rest.trim_start_matches("https:").trim_start_matches("http:");
            let host = rest.trim_start_matches('/').split('/').next().unwrap();
            !host.split('@').any(|part| part.is_empty() || part.starts_with(['-', '$', '.']))
        }
        "local" => is_below(rest),
        _ => uri.is_empty() || is_below(uri),
    };
    place_is_good && repo.env.iter().all(|(name, _)| ENVIRONMENT.contains(&name.as_str()))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn x1_holds_for_everything_stored_whatever_a_hostile_peer_sends(
        sets in proptest::collection::vec(proptest::collection::vec(any_repo(), 0..6), 1..5)
    ) {
        let member = Member::new(&OWN_VAULT.replace("vault", "own"));
        for set in sets {
            let mut from = peer(HUB, &["send-shared-repos"]);
            from.allowed_paths = vec!["/srv/ok".to_owned()];
            let set = heard(set.into_iter().map(repo).collect());
            put_in_order(&member.config, &member.trust, &[(from, set)], None).unwrap();
            for repo in member.trust.received_repos().unwrap() {
                prop_assert!(obeys_x1(&repo), "{}", repo.uri.expose());
                prop_assert!(repo.id != id("own") || repo.state != ReceivedState::Taken);
            }
        }
    }
}
