//! Who leaves, and how the others learn of it.

use super::machine::Machine;
use super::support::{link, text};
use std::fs;

#[test]
fn a_listener_that_was_removed_while_away_is_told_when_it_is_back() {
    let (mut hub, nas) = (Machine::start("hub"), Machine::start("nas"));
    let password = nas.folder().join("pass");
    fs::write(&password, "a password of the test").unwrap();
    let repository = text(&nas.folder().join("repository"));
    let vault = ["repo", "add", "vault", &repository, "--password-file", &text(&password)];
    nas.ask(&[&vault[..], &["--shared"]].concat());
    let token = hub.token(&["--grant", "send-shared-repos"]);
    let allow = ["--allow", "receive-shared-repos=repo:vault"];
    nas.ask(&[&["join", &token, "--url", &hub.url][..], &allow].concat());
    hub.ask(&["peer", "edit", "nas", "--allow-path", &text(nas.folder())]);
    let is = |state: &'static str| {
        move |repos: &serde_json::Value| repos[0]["id"] == "vault" && repos[0]["state"] == state
    };
    hub.until(&["repo", "list"], is("ready"));

    hub.kill9();
    link(&nas, &hub, "offline");
    nas.ask(&["peer", "remove", "hub"]);
    assert_eq!(nas.ask(&["peer", "list"]), serde_json::json!([]));
    hub.restart();
    let told = hub.until(&["repo", "list"], is("disabled"));
    assert!(told[0]["reason"].as_str().is_some_and(|reason| reason.contains("nas")), "{told}");
    let seen = hub.ask(&["peer", "show", "nas"]);
    assert_eq!(
        (seen["state"].as_str(), seen["reason"].as_str()),
        (Some("refused"), Some("removed"))
    );
}
