//! Two machines with a network of their own each: what both show when the cable is pulled and put
//! back. Needs network namespaces (root and `ip`); where there are none it says so and does nothing.
#![allow(clippy::unwrap_used)]

mod machine;

use holdfast::model::Timestamp;
use machine::Machine;
use serde_json::Value;
use std::fs;
use std::process::Command;
use std::time::Duration;

/// Two namespaces and the cable between them; gone with this value.
struct Cable {
    hub: String,
    nas: String,
    plug: String,
}

impl Cable {
    /// `None` where this machine does not allow namespaces.
    fn laid() -> Option<Self> {
        let number = std::process::id() % 100_000;
        let name = |side: &str| format!("holdfast-{side}-{number}");
        let (hub, nas) = (name("hub"), name("nas"));
        let cable = Self { hub, nas, plug: format!("hfn{number}") };
        let (Self { hub, nas, plug }, other) = (&cable, format!("hfh{number}"));
        let steps = [
            format!("netns add {hub}"),
            format!("netns add {nas}"),
            format!("link add {other} netns {hub} type veth peer name {plug} netns {nas}"),
            format!("-n {hub} addr add 192.0.2.1/24 dev {other}"),
            format!("-n {nas} addr add 192.0.2.2/24 dev {plug}"),
            format!("-n {hub} link set {other} up"),
            format!("-n {nas} link set {plug} up"),
            format!("-n {nas} link set lo up"),
        ];
        steps.iter().all(|step| ip(step)).then_some(cable)
    }

    fn set(&self, state: &str) {
        assert!(ip(&format!("-n {} link set {} {state}", self.nas, self.plug)));
    }
}

impl Drop for Cable {
    fn drop(&mut self) {
        ip(&format!("netns del {}", self.hub));
        ip(&format!("netns del {}", self.nas));
    }
}

fn ip(arguments: &str) -> bool {
    let output = Command::new("ip").args(arguments.split(' ')).output();
    output.is_ok_and(|output| output.status.success())
}

fn state_is(state: &'static str) -> impl Fn(&Value) -> bool {
    move |peer| peer["state"] == state
}

fn time(value: &Value) -> Timestamp {
    Timestamp::parse(value.as_str().unwrap()).unwrap()
}

fn backups_of(hub: &Machine) -> usize {
    let ops = ["ops", "--peer", "nas", "--kind", "backup", "--status", "succeeded"];
    hub.cli(&ops).lines().len()
}

/// A repo and a plan of its own.
fn furnished(nas: &Machine) {
    let (repo, files) = (nas.folder().join("repo"), nas.folder().join("files"));
    let password = nas.folder().join("pass");
    fs::create_dir(&files).unwrap();
    fs::write(files.join("letter"), "dear reader").unwrap();
    fs::write(&password, "a long password").unwrap();
    let [repo, files, password] = [&repo, &files, &password].map(|path| path.to_str().unwrap());
    nas.ask(&["repo", "add", "own", repo, "--password-file", password]);
    nas.ask(&["plan", "add", "home", "--repo", "own", "--path", files]);
}

#[test]
fn a_pulled_cable_is_seen_on_both_sides_and_what_ran_meanwhile_arrives() {
    let Some(cable) = Cable::laid() else {
        eprintln!("skipped: network namespaces need root and `ip`, and to be permitted here");
        return;
    };
    let hub = Machine::start_in("hub", &cable.hub, "192.0.2.1");
    let nas = Machine::start_in("nas", &cable.nas, "192.0.2.2");
    furnished(&nas);
    nas.joins(&hub, &["--ask", "read-operations=*"], &["--accept-asks"]);
    nas.ask(&["plan", "backup", "home"]);
    hub.until(&["peer", "show", "nas"], |peer| {
        peer["log"]["operations"] == 3 && peer["log"]["behind"] == false
    });
    assert_eq!(backups_of(&hub), 1);

    cable.set("down");
    nas.ask(&["plan", "backup", "home"]);
    let away = hub.until(&["peer", "show", "nas"], state_is("offline"));
    assert_eq!(away["reason"], "silent");
    let quiet = time(&away["since"]).since(time(&away["last_heard"]));
    assert!(quiet >= Duration::from_secs(2), "was last heard before it was given up: {away}");
    let away = nas.until(&["peer", "show", "hub"], state_is("offline"));
    assert!(away["remedy"].is_string(), "{away}");
    assert_eq!(backups_of(&hub), 1, "what is held of it stays");

    cable.set("up");
    nas.until(&["peer", "show", "hub"], state_is("connected"));
    hub.until(&["peer", "show", "nas"], state_is("connected"));
    hub.until(&["peer", "show", "nas"], |peer| peer["log"]["operations"] == 5);
    assert_eq!(backups_of(&hub), 2);
}
