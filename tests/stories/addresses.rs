//! Where a hub is reached, and wires that carry nothing.

use super::machine::{Machine, free_port};
use super::support::{Wire, backs_up, backup, holds, link, operations, pair};
use std::fs;

#[test]
fn a_hub_that_moves_tells_its_members_first() {
    let (mut hub, nas) = (Machine::start("hub"), Machine::start("nas"));
    pair(&nas, &hub);
    let port = free_port();
    let moved = format!("http://127.0.0.1:{port}");
    let config = fs::read_to_string(hub.config()).unwrap();
    let both = config.replace(
        &format!("urls = [\"{}\"]", hub.url),
        &format!("urls = [\"{moved}\", \"{}\"]", hub.url),
    );
    hub.write_config(&both);
    nas.until(&["peer", "show", "hub"], |peer| {
        peer["urls"].as_array().unwrap().iter().any(|url| url.as_str() == Some(moved.as_str()))
    });

    hub.kill9();
    hub.write_config(&both.replace(
        &format!("listen = [\"127.0.0.1:{}\"]", hub.port),
        &format!("listen = [\"127.0.0.1:{port}\"]"),
    ));
    hub.restart();
    link(&nas, &hub, "connected");
}

#[test]
fn a_hub_that_moved_unannounced_is_found_at_the_address_that_a_person_gives() {
    let (mut hub, nas) = (Machine::start("hub"), Machine::start("nas"));
    pair(&nas, &hub);
    hub.kill9();
    let port = free_port();
    let config = fs::read_to_string(hub.config()).unwrap();
    hub.write_config(&config.replace(&hub.port.to_string(), &port.to_string()));
    hub.restart();
    let gone = link(&nas, &hub, "offline");
    assert!(gone["reason"].as_str().is_some_and(|reason| !reason.is_empty()), "{gone}");
    assert!(gone["remedy"].as_str().is_some_and(|remedy| !remedy.is_empty()), "{gone}");
    nas.ask(&["peer", "edit", "hub", "--url", &format!("http://127.0.0.1:{port}")]);
    link(&nas, &hub, "connected");
}

#[test]
fn a_link_that_carries_nothing_any_more_is_found_dead_by_both_sides_and_replaced() {
    let (mut hub, nas) = (Machine::start("hub"), Machine::start("nas"));
    let wire = Wire::to(hub.port);
    hub.url.clone_from(&wire.url);
    backs_up(&nas);
    pair(&nas, &hub);
    // The hub says where it is reached as well; the wire is to be the only way.
    nas.ask(&["peer", "edit", "hub", "--url", &wire.url]);
    let before = operations(&nas, &[]).len() as u64;
    holds(&hub, &nas, before);

    wire.hold(true);
    let (here, there) = (link(&nas, &hub, "offline"), link(&hub, &nas, "offline"));
    for peer in [here, there] {
        assert!(peer["last_heard"].is_string(), "{peer}");
    }
    backup(&nas);
    wire.hold(false);
    link(&nas, &hub, "connected");
    holds(&hub, &nas, operations(&nas, &[]).len() as u64);
}
