//! Pairing as a browser sees it: the way to the other side, and who was refused on this one.

use crate::client::Ask;
use crate::machine::Machine;
use serde_json::{Value, json};

async fn peers(machine: &Machine, method: &str, input: Value) -> Value {
    let method = format!("PeerService/{method}");
    Ask::json(machine.port, &method, &input.to_string()).answer().await.document()
}

fn steps(reached: &Value) -> Vec<(&str, bool)> {
    let steps = reached["test"]["steps"].as_array().unwrap();
    steps.iter().map(|one| (one["step"].as_str().unwrap(), one["ok"].as_bool().unwrap())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_tried_step_by_step_before_anything_is_given() {
    let (hub, nas) = (Machine::start("hub"), Machine::start("nas"));
    let token = hub.token(&["--label", "nas", "--ask", "read-operations=*"]);
    let good = peers(&nas, "Reach", json!({ "token": token, "urls": [hub.url] })).await;
    assert_eq!(good["test"]["ok"], true, "{good}");
    assert!(steps(&good).iter().all(|(_, ok)| *ok), "{good}");
    assert_eq!(steps(&good)[0].0, "url");
    assert_eq!(good["offer"]["asks"][0]["permission"], "read-operations");
    assert_eq!(hub.ask(&["token", "list"])[0]["uses"], 0);

    let port = crate::machine::free_port();
    let nobody = format!("http://127.0.0.1:{port}");
    let away = peers(&nas, "Reach", json!({ "token": token, "urls": [nobody] })).await;
    assert_eq!(steps(&away).last(), Some(&("tcp", false)), "{away}");
    assert_eq!(away["offer"], Value::Null);

    let at = token.find(':').unwrap() + 1;
    let forged = format!("{}{}{}", &token[..at], "0".repeat(64), &token[at + 64..]);
    let refused = peers(&nas, "Reach", json!({ "token": forged, "urls": [hub.url] })).await;
    assert_eq!(steps(&refused).last(), Some(&("grants", false)), "{refused}");
    assert!(steps(&refused).contains(&("identity", true)), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_was_refused_is_listed_until_it_is_let_in() {
    let (hub, nas) = (Machine::start("hub"), Machine::start("nas"));
    let revoked = hub.token(&["--label", "old"]);
    hub.ask(&["token", "revoke", "old"]);
    for _ in 0..2 {
        assert_eq!(nas.cli(&["join", &revoked, "--url", &hub.url]).refused(), "revoked");
    }
    let seen = peers(&hub, "List", json!({})).await;
    let refused = &seen["refused"][0];
    assert_eq!(refused["instance"], "nas", "{seen}");
    assert_eq!((&refused["code"], &refused["times"]), (&json!("revoked"), &json!(2)));
    assert_eq!(refused["key_id"], nas.key());
    assert!(refused["remedy"].as_str().unwrap().contains("token"), "{seen}");

    let token = hub.token(&[]);
    nas.ask(&["join", &token, "--url", &hub.url]);
    let seen = peers(&hub, "List", json!({})).await;
    assert_eq!((&seen["refused"], &seen["removed"]), (&json!([]), &json!([])));
    hub.ask(&["peer", "remove", "nas"]);
    let seen = peers(&hub, "List", json!({})).await;
    assert_eq!(seen["removed"][0]["key_id"], nas.key(), "{seen}");
}
