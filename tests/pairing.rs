//! Pairing and what becomes of peers, with the real binary on both sides.
#![allow(clippy::unwrap_used)]

mod machine;

use holdfast::api::PreviewRequest;
use holdfast::api::peer_service_client::PeerServiceClient;
use holdfast::clock;
use holdfast::model::{InstanceId, Operation, OperationId, OperationKind, Status};
use holdfast::net::local;
use holdfast::store::History;
use holdfast::store::history::Owner;
use machine::{Machine, free_port};
use serde_json::{Value, json};

/// The token with this label, as listed.
#[track_caller]
fn token(machine: &Machine, label: &str) -> Value {
    let list = machine.ask(&["token", "list"]);
    let found = list.as_array().unwrap().iter().find(|token| token["label"] == label);
    found.unwrap_or_else(|| panic!("no token {label} in {list}")).clone()
}

fn is(field: &'static str, wanted: &'static str) -> impl Fn(&Value) -> bool {
    move |document| document[field] == wanted
}

fn permissions(grants: &Value) -> Vec<&str> {
    grants.as_array().unwrap().iter().map(|g| g["permission"].as_str().unwrap()).collect()
}

#[test]
fn a_token_is_shown_once_listed_without_its_secret_and_revoked() {
    let hub = Machine::start("hub");
    let created = hub.ask(&["token", "create", "--label", "one", "--ask", "read-operations=*"]);
    assert_eq!(created["uses"], 0);
    assert_eq!(created["asks"], json!([{"permission": "read-operations", "scopes": ["*"]}]));
    let text = created["token"].as_str().unwrap();
    let link = created["link"].as_str().unwrap();
    assert_eq!(link, format!("holdfast+http://127.0.0.1:{}#{text}", hub.port));
    assert!(created["join_command"].as_str().unwrap().contains(text));
    assert!(text.starts_with(&hub.key()) && text.ends_with("#hub"), "{text}");

    hub.ask(&["token", "create", "--label", "two", "--ttl", "never", "--max-uses", "0"]);
    let list = hub.ask(&["token", "list"]);
    let labels: Vec<_> = list.as_array().unwrap().iter().map(|t| t["label"].as_str()).collect();
    assert_eq!(labels, [Some("two"), Some("one")], "newest first");
    let secret = &text[text.find(':').unwrap() + 1..text.find('#').unwrap()];
    assert_eq!(secret.len(), 64);
    assert!(!list.to_string().contains(secret) && !hub.log().contains(secret));
    assert_eq!(list[0]["expires_at"], Value::Null);

    let id = created["id"].as_str().unwrap();
    assert_eq!(hub.ask(&["token", "revoke", &id[..6]])["state"], "revoked");
    assert_eq!(token(&hub, "one")["state"], "revoked");
    assert_eq!(token(&hub, "two")["state"], "open");
    assert_eq!(hub.cli(&["token", "revoke", "three"]).refused(), "not-found");
}

#[test]
fn joining_grants_what_is_allowed_connects_and_is_idempotent() {
    let (hub, nas) = (Machine::start("hub"), Machine::start("nas"));
    let create = [
        "--label",
        "nas",
        "--grant",
        "receive-shared-repos=repo:vault",
        "--ask",
        "read-operations=*",
    ];
    let text = hub.token(&create);
    let join = ["join", &text, "--url", &hub.url, "--accept-asks", "--allow-path", "/srv"];
    let joined = nas.ask(&join);
    assert_eq!(joined["peer"], "hub");
    assert_eq!(joined["key_id"], hub.key());
    assert_eq!(joined["state"], "connected", "{joined}");
    assert_eq!(joined["granted"], json!([{"permission": "read-operations", "scopes": ["*"]}]));
    assert_eq!(permissions(&joined["received"]), ["receive-shared-repos"]);

    nas.ask(&["peer", "revoke", "hub", "read-operations"]);
    let again = nas.ask(&join);
    assert_eq!(again["state"], "connected");
    assert_eq!(again["granted"], json!([]), "what was taken away does not come back");
    let told = nas.told(&join);
    assert_eq!(told.code, 0, "{told:?}");
    assert!(told.stderr.contains("--accept-asks grants nothing"), "{told:?}");
    assert!(told.stderr.contains("holdfast peer grant hub"), "{told:?}");
    let allowed = nas.ask(&["join", &text, "--url", &hub.url, "--allow", "read-config=*"]);
    assert_eq!(permissions(&allowed["granted"]), ["read-config"]);
    assert_eq!(token(&hub, "nas")["uses"], 1);
    assert_eq!(token(&hub, "nas")["state"], "used-up");

    let seen = hub.until(&["peer", "show", "nas"], |peer| {
        permissions(&peer["grants_received"]) == ["read-config"]
    });
    assert_eq!(seen["role"], "authorized-client");
    assert_eq!(seen["state"], "connected");
    assert_eq!(seen["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(seen["declared"], false);
    let seen = nas.ask(&["peer", "show", "hub"]);
    assert_eq!(seen["role"], "known-host");
    assert_eq!(seen["allowed_paths"], json!(["/srv"]));
    assert_eq!(seen["urls"], json!([hub.url]));
    let status = nas.ask(&["status"]);
    assert_eq!(status["peers"][0]["instance"], "hub");
    assert_eq!(status["store"]["state"], "ok");
    assert_eq!(status["attention"], json!([]));
}

#[test]
fn a_script_that_joins_is_told_what_it_did_not_grant() {
    let (hub, nas) = (Machine::start("hub"), Machine::start("nas"));
    let text = hub.token(&["--ask", "read-operations=*", "--ask", "send-shared-repos"]);
    let join = ["join", &text, "--url", &hub.url, "--allow", "send-shared-repos"];
    let told = nas.told(&join);
    assert_eq!(told.code, 0, "{told:?}");
    assert!(told.stdout.starts_with("paired with hub"), "{told:?}");
    assert!(told.stderr.ends_with("holdfast peer grant hub 'read-operations=*'\n"), "{told:?}");
    nas.ask(&["peer", "grant", "hub", "read-operations=*"]);
    let told = nas.told(&join);
    assert_eq!((told.code, told.stderr.as_str()), (0, ""), "nothing is missing: {told:?}");
}

#[test]
fn p1_a_retry_after_a_crash_connects_and_uses_nothing_more() {
    let (hub, mut nas) = (Machine::start("hub"), Machine::start("nas"));
    let text = hub.token(&["--label", "nas"]);
    nas.ask(&["join", &text, "--url", &hub.url]);
    // As if it was cut off before it could keep its side of the pairing.
    nas.kill9();
    std::fs::remove_file(nas.data().join("trust.db")).unwrap();
    nas.restart();
    assert_eq!(nas.ask(&["peer", "list"]), json!([]));
    let joined = nas.ask(&["join", &text, "--url", &hub.url]);
    assert_eq!(joined["state"], "connected");
    assert_eq!(token(&hub, "nas")["uses"], 1);
}

#[test]
fn every_refused_pairing_says_which_and_keeps_nothing() {
    let (hub, nas) = (Machine::start("hub"), Machine::start("nas"));
    let join = |text: &str| nas.cli(&["join", text, "--url", &hub.url]);

    let expired = hub.token(&["--label", "short", "--ttl", "1s"]);
    hub.until(&["token", "list"], |list| list[0]["state"] == "expired");
    assert_eq!(join(&expired).refused(), "expired");

    let revoked = hub.token(&["--label", "revoked"]);
    hub.ask(&["token", "revoke", "revoked"]);
    assert_eq!(join(&revoked).refused(), "revoked");

    let good = hub.token(&["--label", "good"]);
    let at = good.find(':').unwrap() + 1;
    let forged = format!("{}{}{}", &good[..at], "0".repeat(64), &good[at + 64..]);
    assert_eq!(join(&forged).refused(), "unknown");
    assert_eq!(join(&good.replace("#hub", "#hut")).refused(), "wrong-instance");
    assert_eq!(token(&hub, "good")["uses"], 0, "another name is not told the token");

    let other = Machine::start("other");
    let elsewhere = nas.cli(&["join", &good, "--url", &other.url]);
    assert_eq!(elsewhere.refused(), "wrong-instance", "its listener is not there");
    let nobody = format!("http://127.0.0.1:{}", free_port());
    let unreached = nas.cli(&["join", &good, "--url", &nobody]);
    assert!(unreached.error()["remedy"].as_str().unwrap().contains("port"));
    assert_eq!(unreached.refused(), "unreachable");
    assert_eq!(hub.cli(&["join", &good, "--url", &hub.url]).refused(), "self");
    assert_eq!(nas.ask(&["peer", "list"]), json!([]), "nothing was kept");

    let joined = nas.ask(&["join", &good, "--url", &nobody, "--url", &hub.url]);
    assert_eq!(joined["url"], hub.url, "one address after the other");
    assert_eq!(other.cli(&["join", &good, "--url", &hub.url]).refused(), "used-up");
    let open = hub.token(&["--max-uses", "0"]);
    let namesake = Machine::start("nas");
    let taken = namesake.cli(&["join", &open, "--url", &hub.url]);
    assert!(taken.error()["remedy"].as_str().unwrap().contains("--replaces"));
    assert_eq!(taken.refused(), "name-taken");
}

#[test]
fn a_removed_peer_is_denied_until_it_is_allowed() {
    let (hub, nas) = (Machine::start("hub"), Machine::start("nas"));
    let text = hub.token(&["--max-uses", "0", "--label", "open"]);
    let join = ["join", &text, "--url", &hub.url];
    nas.ask(&join);
    let removed = hub.ask(&["peer", "remove", "nas"]);
    assert_eq!(removed["key_id"], nas.key());
    assert_eq!(hub.ask(&["peer", "list"]), json!([]));
    let told = nas.until(&["peer", "show", "hub"], is("state", "refused"));
    assert!(told["remedy"].as_str().unwrap().contains("peer allow"), "{told}");
    let status = nas.ask(&["status"]);
    assert_eq!(status["attention"][0]["kind"], "peer", "{status}");
    assert_eq!(status["attention"][0]["subject"], "hub");

    assert_eq!(nas.cli(&join).refused(), "denied");
    assert_eq!(hub.cli(&["peer", "allow", "laptop"]).refused(), "not-found");
    assert_eq!(hub.ask(&["peer", "allow", "nas"])["key_id"], nas.key());
    assert_eq!(nas.ask(&join)["state"], "connected");
    assert_eq!(token(&hub, "open")["uses"], 2);

    hub.ask(&["peer", "remove", "nas"]);
    let later = hub.token(&[]);
    let joined = nas.ask(&["join", &later, "--url", &hub.url]);
    assert_eq!(joined["state"], "connected", "a token made later lets it back as well");
}

#[test]
fn who_replaces_a_peer_takes_over_its_entry_and_the_old_key_is_refused() {
    let (hub, old) = (Machine::start("hub"), Machine::start("nas"));
    old.joins(&hub, &["--grant", "read-config=*"], &[]);
    hub.ask(&["peer", "rename", "nas", "the box"]);
    let text = hub.token(&["--replaces", "nas"]);
    let new = Machine::start("nas");
    let joined = new.ask(&["join", &text, "--url", &hub.url]);
    assert_eq!(permissions(&joined["received"]), ["read-config"]);
    let list = hub.ask(&["peer", "list"]);
    assert_eq!(list.as_array().unwrap().len(), 1, "{list}");
    assert_eq!((&list[0]["key_id"], &list[0]["label"]), (&json!(new.key()), &json!("the box")));
    old.until(&["peer", "show", "hub"], is("state", "refused"));
}

#[test]
fn a_change_of_grants_is_seen_on_the_other_side_at_once() {
    let (hub, nas) = (Machine::start("hub"), Machine::start("nas"));
    nas.joins(&hub, &[], &[]);
    let granted = nas.ask(&["peer", "grant", "hub", "read-operations=*,!repo:private"]);
    let scopes = &granted["grants"][0]["scopes"];
    assert_eq!(scopes, &json!(["*", "!repo:private"]));
    let told = json!([
        {"permission": "read-operations", "scopes": ["*"], "with_exceptions": true}
    ]);
    hub.until(&["peer", "show", "nas"], |peer| peer["grants_received"] == told);
    nas.ask(&["peer", "revoke", "hub", "read-operations"]);
    hub.until(&["peer", "show", "nas"], |peer| peer["grants_received"] == json!([]));

    let unknown = nas.cli(&["peer", "grant", "hub", "read-operation=*"]);
    assert_eq!(unknown.code, 2);
    let bare = nas.cli(&["peer", "grant", "hub", "read-operations"]);
    assert!(bare.error()["message"].as_str().unwrap().contains("read-operations=*"));
    assert_eq!(nas.ask(&["peer", "show", "hub"])["grants"], json!([]));
}

#[test]
fn a_peer_is_edited_renamed_and_found_by_its_names() {
    let (hub, nas) = (Machine::start("hub"), Machine::start("nas"));
    nas.joins(&hub, &[], &[]);
    let second = "http://hub.example:9898";
    let edited = nas.ask(&[
        "peer",
        "edit",
        "hub",
        "--url",
        &hub.url,
        "--url",
        second,
        "--allow-path",
        "/srv",
    ]);
    assert_eq!(edited["urls"], json!([hub.url, second]));
    assert_eq!(edited["allowed_paths"], json!(["/srv"]));
    let renamed = nas.ask(&["peer", "rename", "hub", "cellar"]);
    assert_eq!(renamed["label"], "cellar");
    let key = hub.key();
    for name in ["cellar", "cel", "hub", &key, &key[..14]] {
        assert_eq!(nas.ask(&["peer", "show", name])["key_id"], key);
    }
    assert_eq!(nas.ask(&["peer", "rename", "hub", ""])["label"], Value::Null);
    assert_eq!(nas.cli(&["peer", "show", "cellar"]).refused(), "not-found");
    assert_eq!(hub.cli(&["peer", "edit", "nas", "--url", second]).refused(), "not-dialled");
}

#[test]
fn a_declared_peer_is_changed_in_the_file_only() {
    let hub = Machine::start("hub");
    let nas = Machine::start_with(
        "nas",
        &format!(
            "[[known-host]]\ninstance = \"hub\"\nkey-id = \"{}\"\nurls = [\"{}\"]\n",
            hub.key(),
            hub.url
        ),
    );
    assert_eq!(nas.ask(&["peer", "show", "hub"])["declared"], true);
    for command in [
        &["peer", "grant", "hub", "read-operations=*"][..],
        &["peer", "revoke", "hub", "read-operations"],
        &["peer", "edit", "hub", "--url", "http://other"],
        &["peer", "remove", "hub"],
    ] {
        let refused = nas.cli(command);
        assert!(refused.error()["remedy"].as_str().unwrap().contains("config.toml"));
        assert_eq!(refused.refused(), "declared");
    }
    assert_eq!(nas.ask(&["peer", "rename", "hub", "cellar"])["label"], "cellar");
    let text = hub.token(&[]);
    assert_eq!(nas.ask(&["join", &text, "--url", &hub.url])["state"], "connected");
}

#[test]
fn a_test_of_a_peer_climbs_to_it_or_says_where_it_ends() {
    let (hub, nas) = (Machine::start("hub"), Machine::start("nas"));
    nas.joins(&hub, &["--grant", "read-config=*"], &[]);
    let tested = nas.ask(&["peer", "test", "hub"]);
    assert_eq!(tested["ok"], true);
    let steps: Vec<_> =
        tested["steps"].as_array().unwrap().iter().map(|s| s["step"].as_str().unwrap()).collect();
    let without_tls: Vec<_> = steps.iter().filter(|step| **step != "tls").copied().collect();
    let wanted = ["url", "dns", "tcp", "http2", "identity", "grants", "clock", "version"];
    assert_eq!(without_tls, wanted);
    assert_eq!(hub.ask(&["peer", "test", "nas"])["ok"], true, "it dials us and is here");

    let nobody = format!("http://127.0.0.1:{}", free_port());
    nas.ask(&["peer", "edit", "hub", "--url", &nobody]);
    let failed = nas.cli(&["peer", "test", "hub"]);
    assert_eq!((failed.code, &failed.json["ok"]), (1, &json!(false)));
    let last = failed.json["steps"].as_array().unwrap().last().unwrap().clone();
    assert_eq!((&last["step"], &last["ok"]), (&json!("tcp"), &json!(false)));
    assert!(last["remedy"].is_string());

    let other = Machine::start("other");
    nas.ask(&["peer", "edit", "hub", "--url", &other.url]);
    let failed = nas.cli(&["peer", "test", "hub"]);
    let last = failed.json["steps"].as_array().unwrap().last().unwrap().clone();
    assert_eq!((&last["step"], &last["ok"]), (&json!("identity"), &json!(false)), "{last}");
}

#[test]
fn a_peer_that_went_away_is_offline_since_then_and_comes_back() {
    let (hub, mut nas) = (Machine::start("hub"), Machine::start("nas"));
    nas.joins(&hub, &[], &[]);
    hub.until(&["peer", "show", "nas"], is("state", "connected"));
    let before = hub.ask(&["peer", "show", "nas"])["last_heard"].as_str().unwrap().to_owned();
    hub.until(&["peer", "show", "nas"], |peer| peer["last_heard"].as_str() > Some(&before));
    nas.kill9();
    let gone = hub.until(&["peer", "show", "nas"], is("state", "offline"));
    assert!(gone["since"].as_str() >= gone["last_heard"].as_str(), "{gone}");
    assert!(gone["last_heard"].as_str() > Some(before.as_str()));
    assert_eq!(hub.ask(&["status"])["attention"], json!([]), "offline alone is no trouble");
    nas.restart();
    hub.until(&["peer", "show", "nas"], is("state", "connected"));
    assert_eq!(token_uses(&hub), [1]);
}

fn token_uses(machine: &Machine) -> Vec<u64> {
    let list = machine.ask(&["token", "list"]);
    list.as_array().unwrap().iter().map(|token| token["uses"].as_u64().unwrap()).collect()
}

#[test]
fn a_wrong_config_file_is_attention_and_changes_nothing() {
    let nas = Machine::start("nas");
    let good = std::fs::read_to_string(nas.config()).unwrap();
    nas.write_config("instance = 7\n");
    let status = nas.until(&["status"], |status| status["attention"][0]["kind"] == "config");
    assert_eq!(status["instance"], "nas");
    nas.write_config(&good);
    nas.until(&["status"], |status| status["attention"] == json!([]));
}

async fn peers(machine: &Machine) -> PeerServiceClient<tonic::transport::Channel> {
    let runtime_dir = std::env::var_os("XDG_RUNTIME_DIR").map(std::path::PathBuf::from);
    let socket = local::socket_path(&machine.data(), runtime_dir.as_deref()).unwrap();
    PeerServiceClient::new(local::connect(&socket).await.unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_preview_says_what_is_offered_and_uses_nothing() {
    let (hub, nas) = (Machine::start("hub"), Machine::start("nas"));
    let create = [
        "--label",
        "x",
        "--grant",
        "receive-shared-repos=repo:vault",
        "--ask",
        "read-operations=*",
    ];
    let request = PreviewRequest { token: hub.token(&create), urls: vec![hub.url.clone()] };
    let offer = peers(&nas).await.preview(request.clone()).await.unwrap().into_inner();
    assert_eq!((offer.instance.as_str(), offer.paired), ("hub", false));
    assert_eq!(offer.key_id, hub.key());
    assert_eq!(offer.grants[0].scopes, ["repo:vault"]);
    assert_eq!(offer.asks[0].permission, "read-operations");
    assert_eq!(token(&hub, "x")["uses"], 0);
    assert_eq!((hub.ask(&["peer", "list"]), nas.ask(&["peer", "list"])), (json!([]), json!([])));
    nas.ask(&["join", &request.token, "--url", &hub.url]);
    assert!(peers(&nas).await.preview(request).await.unwrap().into_inner().paired);
}

/// Writes finished backups into the history of a machine that is not running.
async fn backed_up(machine: &Machine, identity: &Value, count: u8) {
    let public_key = hex::decode(identity["public_key"].as_str().unwrap()).unwrap();
    let owner = Owner { public_key: public_key.try_into().unwrap() };
    let history = History::open(&machine.data(), owner).unwrap();
    let name: InstanceId = machine.name.parse().unwrap();
    let written = history.write(move |tx| {
        let mut own = tx.own()?;
        (0..count).try_for_each(|n| own.append(&backup(&name, n)).map(drop))
    });
    written.await.unwrap();
    history.close().await;
}

fn backup(instance: &InstanceId, n: u8) -> Operation {
    let at = clock::now();
    let id = OperationId::new(at, [n; 10]);
    Operation {
        status: Status::Succeeded,
        repo: Some("vault".parse().unwrap()),
        plan: Some("home".parse().unwrap()),
        ended_at: Some(at),
        message: format!("backup {n}"),
        ..Operation::begun(id, instance.clone(), OperationKind::Backup, at)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn verify_finds_damage_in_what_is_held_and_has_it_sent_again() {
    let (mut hub, mut nas) = (Machine::start("hub"), Machine::start("nas"));
    let identity = nas.ask(&["identity", "show"]);
    nas.kill9();
    backed_up(&nas, &identity, 5).await;
    nas.restart();
    nas.joins(&hub, &["--ask", "read-operations=*"], &["--accept-asks"]);
    let held = hub.until(&["peer", "show", "nas"], |peer| {
        peer["log"]["operations"] == 5 && peer["log"]["behind"] == false
    });
    assert!(held["log"]["verified_at"].is_string(), "{held}");
    assert_eq!(nas.ask(&["peer", "show", "hub"])["log"], Value::Null, "it grants nothing to see");
    let sound = hub.ask(&["peer", "verify", "nas"]);
    assert_eq!(
        (&sound["ok"], &sound["entries"], &sound["damaged"]),
        (&json!(true), &json!(5), &json!(0))
    );

    hub.kill9();
    let file = rusqlite::Connection::open(hub.data().join("history.db")).unwrap();
    let sql = "UPDATE entry SET payload = x'00' WHERE seq = 3";
    assert_eq!(file.execute(sql, []).unwrap(), 1);
    drop(file);
    hub.restart();
    hub.until(&["peer", "show", "nas"], is("state", "connected"));
    let found = hub.ask(&["peer", "verify", "nas"]);
    assert_eq!(found["ok"], true, "{found}");
    assert_eq!((&found["damaged"], &found["repaired"]), (&json!(1), &json!(1)), "{found}");
    hub.until(&["status"], |status| status["store"]["state"] == "ok");
    assert_eq!(hub.ask(&["peer", "verify", "nas"])["damaged"], 0);

    let nothing = nas.ask(&["peer", "verify", "hub"]);
    assert_eq!((&nothing["ok"], &nothing["shards"]), (&json!(true), &json!(0)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replaced_peer_is_named_with_who_replaced_it_and_its_history_is_found_by_its_name() {
    let (hub, mut old) = (Machine::start("hub"), Machine::start("nasy"));
    let identity = old.ask(&["identity", "show"]);
    old.kill9();
    backed_up(&old, &identity, 3).await;
    old.restart();
    old.joins(&hub, &["--ask", "read-operations=*"], &["--accept-asks"]);
    hub.until(&["peer", "show", "nasy"], |peer| peer["log"]["operations"] == 3);
    let before = hub.cli(&["ops", "--peer", "nasy"]).lines();

    let text = hub.token(&["--replaces", "nasy"]);
    let listed = hub.told(&["token", "list"]).stdout;
    assert!(listed.contains("all of nasy"), "{listed}");
    let new = Machine::start("nas");
    new.ask(&["join", &text, "--url", &hub.url]);
    let after = hub.cli(&["ops", "--peer", "nasy"]).lines();
    assert_eq!((before.len(), after.len()), (3, 3), "{after:?}");
    assert!(after.iter().all(|one| one["origin"] == new.key()), "{after:?}");
    assert_eq!(hub.cli(&["ops", "--peer", &old.key()]).lines().len(), 3);

    let listed = hub.told(&["token", "list"]).stdout;
    assert!(listed.contains("all of nasy"), "also once it is used: {listed}");
    let peers = hub.told(&["peer", "list"]).stdout;
    let line = peers.lines().find(|line| line.contains(&old.key())).unwrap();
    assert!(line.starts_with("replaced by nas ") && !line.contains("allow"), "{peers}");
}
