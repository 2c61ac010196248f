//! Signing in, as a browser and as a stranger see it: the real daemon over HTTP.

#![allow(clippy::unwrap_used)]

mod machine;
#[path = "sign_in/browser.rs"]
#[allow(unreachable_pub, clippy::unwrap_used)]
mod browser;

use browser::{Answer, Browser};
use holdfast::web::roles::{METHODS, Needs};
use machine::Machine;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

const PASSWORD: &str = "correct horse battery";

fn add(machine: &Machine, name: &str, more: &[&str]) {
    let file = machine.folder().join("password");
    std::fs::write(&file, PASSWORD).unwrap();
    let file = file.to_str().unwrap();
    machine.ask(&[&["user", "add", name, "--password-file", file], more].concat());
}

fn login(browser: &mut Browser, name: &str, password: &str) -> Answer {
    browser.call("SessionService/Login", &json!({ "user": name, "password": password }))
}

/// A browser in which this user is signed in.
fn signed_in(machine: &Machine, name: &str) -> Browser {
    let mut browser = Browser::of(machine);
    assert_eq!(login(&mut browser, name, PASSWORD).ok()["user"], name);
    browser
}

fn key(machine: &Machine, role: &str) -> Browser {
    let created = machine.ask(&["user", "key", "create", "--role", role]);
    let secret = created["secret"].as_str().unwrap();
    Browser::of(machine).with("authorization", &format!("Bearer {secret}"))
}

fn methods() -> impl Iterator<Item = (String, Needs)> {
    METHODS.iter().flat_map(|(service, methods)| {
        methods.iter().map(move |(method, needs)| (format!("{service}/{method}"), *needs))
    })
}

#[test]
fn without_a_user_this_machine_is_admin_and_nobody_else_is_anything() {
    let machine = Machine::start("nas");
    let mut here = Browser::of(&machine);
    let who = here.call("SessionService/WhoAmI", &json!({})).ok();
    assert_eq!(
        (&who["role"], &who["users_exist"], &who["loopback"]),
        (&json!("admin"), &json!(false), &json!(true))
    );
    assert_eq!(here.call("StatusService/Get", &json!({})).ok()["instance"], "nas");
    let mut elsewhere = Browser::of(&machine).with("x-forwarded-for", "192.0.2.7");
    let who = elsewhere.call("SessionService/WhoAmI", &json!({})).ok();
    assert_eq!(
        (&who["role"], &who["instance"], &who["code_needed"]),
        (&json!("none"), &json!(""), &json!(true))
    );
    let refused = elsewhere.call("StatusService/Get", &json!({}));
    assert_eq!(refused.refusal(), (401, "no-users".to_owned()));
    assert!(refused.text().contains("holdfast user add"), "{}", refused.text());
    let first = json!({ "user": "eve", "password": PASSWORD });
    assert_eq!(elsewhere.call("SessionService/CreateFirstUser", &first).refusal().1, "no-code");
    assert_eq!(machine.ask(&["user", "list"]), json!([]));
}

#[test]
fn the_first_user_ends_the_time_without_login() {
    let machine = Machine::start("nas");
    let mut browser = Browser::of(&machine);
    let first = json!({ "user": "anna", "password": PASSWORD });
    let short = json!({ "user": "anna", "password": "short" });
    assert_eq!(browser.call("SessionService/CreateFirstUser", &short).refusal().1, "password");
    let created = browser.call("SessionService/CreateFirstUser", &first);
    let cookie = created.set_cookie().unwrap();
    for part in ["HttpOnly", "SameSite=Strict", "Path=/"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    assert_eq!(created.ok()["role"], "admin");
    assert_eq!(browser.call("StatusService/Get", &json!({})).ok()["instance"], "nas");
    let mut other = Browser::of(&machine);
    assert_eq!(
        other.call("StatusService/Get", &json!({})).refusal(),
        (401, "not-signed-in".into())
    );
    let again = json!({ "user": "eve", "password": PASSWORD });
    assert_eq!(other.call("SessionService/CreateFirstUser", &again).refusal().1, "users-exist");
    assert_eq!(machine.ask(&["user", "list"])[0]["user"], "anna");
}

#[test]
fn the_first_user_from_elsewhere_needs_the_code_that_the_daemon_printed() {
    let port = machine::free_port();
    let mut machine = Machine::start("nas");
    machine.write_config(&format!(
        "instance = \"nas\"\nlisten = [\"127.0.0.1:{}\", \"0.0.0.0:{port}\"]\nurls = [\"{}\"]\n",
        machine.port, machine.url
    ));
    machine.restart();
    let log = machine.log();
    let code = log.lines().find_map(|line| line.split_once("daemon is restarted): ")).unwrap().1;
    let mut elsewhere = Browser::of(&machine).with("x-forwarded-for", "192.0.2.7");
    let mut first = json!({ "user": "anna", "password": PASSWORD, "code": "0000-0000-0000-0000" });
    assert_eq!(elsewhere.call("SessionService/CreateFirstUser", &first).refusal().1, "wrong-code");
    first["code"] = json!(code.to_lowercase());
    assert_eq!(elsewhere.call("SessionService/CreateFirstUser", &first).ok()["user"], "anna");
    assert_eq!(elsewhere.call("SessionService/CreateFirstUser", &first).refusal().1, "users-exist");
    machine.ask(&["user", "remove", "anna"]);
    let refused = elsewhere.call("SessionService/CreateFirstUser", &first);
    assert_eq!(refused.refusal().1, "no-code", "it works once");
}

#[test]
fn every_method_is_refused_without_a_session() {
    let machine = Machine::start("nas");
    add(&machine, "anna", &[]);
    let mut nobody = Browser::of(&machine);
    let real = signed_in(&machine, "anna").cookie().unwrap();
    let forged = format!("{}={}", real.split('=').next().unwrap(), "A".repeat(43));
    let mut forger = Browser::of(&machine).with("cookie", &forged);
    let mut liar = Browser::of(&machine).with("authorization", "Bearer hf_none");
    for (method, needs) in methods().filter(|(_, needs)| *needs != Needs::Nothing) {
        for browser in [&mut nobody, &mut forger] {
            let refused = browser.call(&method, &json!({}));
            assert_eq!(refused.refusal(), (401, "not-signed-in".into()), "{method} {needs:?}");
        }
        assert_eq!(liar.call(&method, &json!({})).refusal(), (401, "wrong-key".into()), "{method}");
    }
    assert_eq!(nobody.grpc_web("PlanService/List"), Some(16), "unauthenticated");
    assert_eq!(nobody.call("PlanService/None", &json!({})).status, 404);
}

#[test]
fn a_key_or_user_that_may_only_read_changes_nothing() {
    let machine = Machine::start("nas");
    add(&machine, "anna", &[]);
    add(&machine, "bert", &["--role", "viewer"]);
    let mut readers = [key(&machine, "viewer"), signed_in(&machine, "bert")];
    let mut operator = key(&machine, "operator");
    use holdfast::model::Role;
    for (method, needs) in methods() {
        match needs {
            Needs::Role(Role::Admin | Role::Operator) => {
                for reader in &mut readers {
                    let refused = reader.call(&method, &json!({}));
                    assert_eq!(refused.refusal(), (403, "role".into()), "{method}");
                }
            }
            Needs::Role(Role::Viewer) | Needs::Nothing => {}
        }
        if needs == Needs::Role(Role::Admin) {
            assert_eq!(operator.call(&method, &json!({})).refusal().1, "role", "{method}");
        }
    }
    assert!(readers[0].call("PlanService/List", &json!({})).ok()["plans"].is_array());
    let command = json!({ "repo": "vault", "kind": "command", "words": ["snapshots"] });
    assert_eq!(operator.call("UpkeepService/Start", &command).refusal().1, "role");
    let others = json!({ "user": "anna", "password": "another password" });
    assert_eq!(readers[1].call("UserService/SetPassword", &others).refusal().1, "role");
}

#[test]
fn a_page_of_another_origin_calls_nothing() {
    let machine = Machine::start("nas");
    add(&machine, "anna", &[]);
    let session = signed_in(&machine, "anna");
    for (header, value) in
        [("origin", "https://evil.example"), ("origin", "null"), ("sec-fetch-site", "cross-site")]
    {
        let mut foreign = session.clone().with(header, value);
        for (method, _) in methods() {
            let refused = foreign.call(&method, &json!({}));
            assert_eq!(refused.status, 403, "{method} {value}: {}", refused.text());
        }
    }
    let mut own = session.clone().with("origin", &machine.url);
    assert_eq!(own.call("SessionService/WhoAmI", &json!({})).ok()["user"], "anna");
}

#[test]
fn a_login_has_a_new_secret_and_the_old_one_ends() {
    let machine = Machine::start("nas");
    add(&machine, "anna", &[]);
    let mut browser = signed_in(&machine, "anna");
    let before = browser.cookie().unwrap();
    login(&mut browser, "anna", PASSWORD).ok();
    let after = browser.cookie().unwrap();
    assert_ne!(before, after);
    let mut replay = Browser::of(&machine).with("cookie", &before);
    assert_eq!(replay.call("StatusService/Get", &json!({})).status, 401);
    let (name, _) = before.split_once('=').unwrap();
    let planted = format!("{name}={}", "A".repeat(43));
    let mut victim = Browser::of(&machine).with("cookie", &planted);
    let given = login(&mut victim, "anna", PASSWORD).set_cookie().unwrap();
    assert!(!given.contains(&planted), "a planted secret is not taken over");
}

#[test]
fn a_secret_is_worth_nothing_after_logout() {
    let machine = Machine::start("nas");
    add(&machine, "anna", &[]);
    let mut browser = signed_in(&machine, "anna");
    let kept = browser.cookie().unwrap();
    let out = browser.call("SessionService/Logout", &json!({}));
    assert!(out.set_cookie().unwrap().contains("Max-Age=0"));
    assert_eq!(out.ok()["role"], "none");
    let mut replay = Browser::of(&machine).with("cookie", &kept);
    assert_eq!(
        replay.call("StatusService/Get", &json!({})).refusal(),
        (401, "not-signed-in".into())
    );
    assert_eq!(machine.ask(&["user", "list"])[0]["sessions"], 0);
}

#[test]
fn logins_end_with_password_role_and_user() {
    let mut machine = Machine::start("nas");
    add(&machine, "anna", &[]);
    add(&machine, "bert", &["--role", "operator"]);
    let status = |browser: &mut Browser| browser.call("StatusService/Get", &json!({})).status;
    let mut own = signed_in(&machine, "bert");
    let mut other = signed_in(&machine, "bert");
    let new = "another horse battery";
    let wrong = json!({ "user": "bert", "password": new, "current": "wrong" });
    assert_eq!(own.call("UserService/SetPassword", &wrong).refusal().1, "wrong-password");
    let right = json!({ "user": "bert", "password": new, "current": PASSWORD });
    own.call("UserService/SetPassword", &right).ok();
    assert_eq!((status(&mut own), status(&mut other)), (200, 401));
    machine.restart();
    assert_eq!(status(&mut own), 200, "logins outlive the daemon");
    machine.ask(&["user", "role", "bert", "viewer"]);
    assert_eq!(status(&mut own), 401);
    login(&mut own, "bert", new).ok();
    machine.ask(&["user", "remove", "bert"]);
    assert_eq!(status(&mut own), 401);
    assert_eq!(machine.cli(&["user", "role", "anna", "viewer"]).refused(), "last-admin");
}

#[test]
fn a_login_is_listed_and_ended_by_its_owner_and_admins_only() {
    let machine = Machine::start("nas");
    add(&machine, "anna", &[]);
    add(&machine, "bert", &["--role", "viewer"]);
    let (mut anna, mut bert) = (signed_in(&machine, "anna"), signed_in(&machine, "bert"));
    let sessions = |browser: &mut Browser| {
        let list = browser.call("SessionService/List", &json!({})).ok()["sessions"].clone();
        list.as_array().unwrap().clone()
    };
    let seen = sessions(&mut bert);
    assert_eq!(
        (seen.len(), &seen[0]["user"], &seen[0]["current"]),
        (1, &json!("bert"), &json!(true))
    );
    let all = sessions(&mut anna);
    assert_eq!(all.len(), 2);
    let id = |user: &str| all.iter().find(|s| s["user"] == user).unwrap()["id"].clone();
    let refused = bert.call("SessionService/Revoke", &json!({ "id": id("anna") }));
    assert_eq!(refused.refusal(), (404, "not-found".into()));
    anna.call("SessionService/Revoke", &json!({ "id": id("bert") })).ok();
    assert_eq!(bert.call("StatusService/Get", &json!({})).status, 401);
}

#[test]
fn a_wrong_name_and_a_wrong_password_look_alike() {
    let machine = Machine::start("nas");
    add(&machine, "anna", &[]);
    let mut times = [Duration::ZERO; 2];
    let mut texts = [String::new(), String::new()];
    for round in 0..4 {
        for (at, name) in ["anna", "nobody"].into_iter().enumerate() {
            let mut browser = Browser::of(&machine);
            let began = Instant::now();
            let refused = login(&mut browser, name, "wrong horse battery");
            if round > 0 {
                times[at] += began.elapsed();
            }
            assert_eq!(refused.refusal(), (401, "wrong-login".into()));
            texts[at] = refused.text();
        }
    }
    assert_eq!(texts[0], texts[1]);
    let [there, not] = times.map(|time| time.as_secs_f64());
    assert!(not > there / 4.0 && there > not / 4.0, "{times:?}: both do the same work");
}

#[test]
fn a_stranger_may_send_little_and_not_slowly() {
    let nas = Machine::start("nas");
    add(&nas, "ana", &[]);
    let mut stranger = Browser::of(&nas);
    let long = json!({ "user": "ana", "password": "x".repeat(20 << 10) });
    assert_eq!(stranger.call("SessionService/Login", &long).refusal(), (413, "limit".to_owned()));
    let slow = stranger.begins("/api/v1/SessionService/Login", "application/json", 4 << 10);
    assert_eq!(slow.refusal(), (408, "timeout".to_owned()));
    let native = "/holdfast.api.v1.SessionService/Login";
    let slow = stranger.begins(native, "application/grpc", 4 << 10);
    assert!(slow.head.to_lowercase().contains("grpc-status"), "{}", slow.head);
}

#[test]
fn guessing_is_slowed_by_address_and_by_account() {
    let machine = Machine::start_with("nas", "trusted-proxies = [\"127.0.0.1\"]\n");
    add(&machine, "anna", &[]);
    add(&machine, "bert", &["--role", "viewer"]);
    let from = |address: &str| Browser::of(&machine).with("x-forwarded-for", address);
    let mut known = from("192.0.2.50");
    login(&mut known, "anna", PASSWORD).ok();
    let mut guesser = from("192.0.2.1");
    let guesses = (0..20).map(|n| login(&mut guesser, &format!("user{n}"), "wrong").refusal().1);
    let slowed = guesses.filter(|code| code == "too-often").count();
    assert!((9..=10).contains(&slowed), "{slowed} of 20 from one address");
    assert_eq!(login(&mut guesser, "bert", PASSWORD).refusal().1, "too-often");
    login(&mut from("192.0.2.2"), "bert", PASSWORD).ok();
    let many = (10..30).map(|n| login(&mut from(&format!("192.0.2.{n}")), "anna", "wrong"));
    let slowed = many.filter(|answer| answer.refusal().1 == "too-often").count();
    assert!((9..=10).contains(&slowed), "{slowed} of 20 at one account");
    let refused = login(&mut from("192.0.2.99"), "anna", PASSWORD);
    assert_eq!(refused.refusal(), (429, "too-often".into()));
    login(&mut from("192.0.2.50"), "anna", PASSWORD).ok();
    assert!(!machine.log().contains("user7"), "what was typed as a name is not logged");
}

#[test]
fn over_tls_the_cookie_is_bound_to_the_host() {
    let machine = Machine::start_with("nas", "trusted-proxies = [\"127.0.0.1\"]\n");
    add(&machine, "anna", &[]);
    let mut browser = Browser::of(&machine)
        .with("x-forwarded-for", "192.0.2.1")
        .with("x-forwarded-proto", "https");
    let cookie = login(&mut browser, "anna", PASSWORD).set_cookie().unwrap();
    assert!(cookie.starts_with("__Host-holdfast-") && cookie.ends_with("; Secure"), "{cookie}");
    assert_eq!(browser.call("StatusService/Get", &json!({})).status, 200);
    let plain = browser.cookie().unwrap().replace("__Host-", "");
    let mut tossed = browser.clone().with("cookie", &plain);
    assert_eq!(tossed.call("StatusService/Get", &json!({})).status, 401);
}

#[test]
fn a_key_shows_its_use_and_ends() {
    let machine = Machine::start("nas");
    let created = machine.ask(&["user", "key", "create", "--label", "grafana", "--ttl", "1h"]);
    let secret = created["secret"].as_str().unwrap();
    assert!(secret.starts_with("hf_") && secret.len() == 46, "{}", secret.len());
    let mut program = Browser::of(&machine).with("authorization", &format!("Bearer {secret}"));
    let who = program.call("SessionService/WhoAmI", &json!({})).ok();
    assert_eq!((&who["role"], &who["user"]), (&json!("viewer"), &Value::Null));
    let keys = machine.ask(&["user", "key", "list"]);
    assert_eq!(keys[0]["last_address"], "127.0.0.1");
    assert!(keys[0]["last_used"].is_string() && keys[0].get("secret").is_none(), "{keys}");
    let id = keys[0]["id"].as_str().unwrap();
    assert_eq!(machine.ask(&["user", "key", "revoke", id]), json!([]));
    assert_eq!(program.call("StatusService/Get", &json!({})).refusal().1, "wrong-key");
    assert!(!machine.log().contains(&secret[3..]));
}

#[test]
fn who_paused_a_plan_is_told() {
    let mut machine = Machine::start("nas");
    machine.write_config(&format!(
        "instance = \"nas\"\nlisten = [\"127.0.0.1:{}\"]\n[[repo]]\nid = \"vault\"\nuri = \"/vault\"\n\
         password = \"x\"\n[[plan]]\nid = \"home\"\nrepo = \"vault\"\npaths = [\"/home\"]\n",
        machine.port
    ));
    machine.restart();
    add(&machine, "anna", &[]);
    add(&machine, "bert", &["--role", "operator"]);
    let paused = |by: &mut Browser| by.call("PlanService/Pause", &json!({ "plan": "home" })).ok();
    let by_bert = paused(&mut signed_in(&machine, "bert"));
    assert_eq!(by_bert["paused_by"], "bert");
    assert!(by_bert["paused_since"].is_string());
    let by_key = paused(&mut key(&machine, "operator"));
    let id = machine.ask(&["user", "key", "list"])[0]["id"].clone();
    assert_eq!(by_key["paused_by"], format!("API key {}", id.as_str().unwrap()));
    let more = ["--role", "operator", "--label", "cron"];
    let labelled = machine.ask(&[&["user", "key", "create"][..], &more].concat());
    let bearer = format!("Bearer {}", labelled["secret"].as_str().unwrap());
    let by_label = paused(&mut Browser::of(&machine).with("authorization", &bearer));
    assert_eq!(by_label["paused_by"], "API key cron");
    let here = machine.ask(&["plan", "pause", "home"]);
    assert!(here["paused_since"].is_string() && here["paused_by"].is_null());
}

#[test]
fn the_command_line_says_what_it_needs() {
    let machine = Machine::start("nas");
    assert_eq!(machine.cli(&["user", "add", "anna"]).code, 2, "nobody is there to be asked");
    add(&machine, "anna", &[]);
    let file = machine.folder().join("password");
    let file = file.to_str().unwrap();
    let add = |name: &str| machine.cli(&["user", "add", name, "--password-file", file]).refused();
    assert_eq!(add("anna"), "exists");
    assert_eq!(
        machine.cli(&["user", "passwd", "bert", "--password-file", file]).refused(),
        "not-found"
    );
    assert_eq!(machine.cli(&["user", "key", "revoke", "0000000000000000"]).refused(), "not-found");
}
