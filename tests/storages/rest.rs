//! REST servers: with a password, and one that only adds.

use crate::machine::{RESTICS, Restic, free_port};
use crate::server::Server;
use crate::{adding, at, config, machine, story};
use holdfast::restic::Reason;
use std::path::Path;

fn serve(folder: &Path, more: &[&str]) -> Server {
    let port = free_port();
    let address = format!("127.0.0.1:{port}");
    let arguments = [&["serve", "restic", "--addr", &address], more, &[folder.to_str().unwrap()]];
    Server::start("rclone", &arguments.concat(), port)
}

const USER: &str = "RESTIC_REST_USERNAME=nas";

#[test]
fn a_rest_server_is_used_with_the_password_of_its_user_and_refused_with_another() {
    for restic in RESTICS {
        let folder = tempfile::tempdir().unwrap();
        let server = serve(folder.path(), &["--user", "nas", "--pass", "ri/g:ht"]);
        let nas = machine(restic, &[]);
        let uri = format!("rest:http://127.0.0.1:{}/", server.port);
        let (pass, before) = (at(&nas, "pass"), config(&nas));
        let wrong = ["--env", USER, "--env", "RESTIC_REST_PASSWORD=hunter22"];
        let refused = nas.cli(&adding(&uri, &pass, &wrong));
        assert!(!refused.stderr.contains("hunter22"), "{refused:?}");
        assert_eq!(refused.refused(), "denied");
        assert_eq!(config(&nas), before, "nothing was saved");
        // 0.14 does not know these variables: it finds them in its location.
        story(&nas, &uri, &["--env", USER, "--env", "RESTIC_REST_PASSWORD=ri/g:ht"]);
        assert!(!nas.log().contains("ri/g:ht") && !nas.log().contains("ri%2Fg%3Aht"));
    }
}

#[test]
fn a_server_that_only_adds_takes_backups_and_says_why_it_forgets_nothing() {
    for restic in RESTICS {
        let folder = tempfile::tempdir().unwrap();
        let server = serve(folder.path(), &["--append-only"]);
        let nas = machine(restic, &[]);
        let uri = format!("rest:http://127.0.0.1:{}/", server.port);
        story(&nas, &uri, &[]);
        // 0.14 tries again for half a minute; what it says then is among the recorded fixtures.
        if restic == Restic::V014 {
            continue;
        }
        nas.ask(&["plan", "backup", "home"]);
        nas.ask(&["plan", "edit", "home", "--retention", "last=1"]);
        // 0.18 ends well although it was refused.
        let forget = nas.cli(&["plan", "forget", "home"]).json;
        let said = forget["message"].as_str().unwrap();
        assert_eq!(forget["status"], "failed", "{forget}");
        assert!(said.starts_with(&Reason::AppendOnly.to_string()), "{said}");
        assert!(said.ends_with(Reason::AppendOnly.remedy()), "{said}");
        assert_eq!(nas.cli(&["snapshots"]).lines().len(), 2, "both are there");
    }
}

#[test]
fn a_server_that_is_not_there_is_said_to_be_unreachable_in_time() {
    for restic in RESTICS {
        let nas = machine(restic, &[]);
        let (pass, before) = (at(&nas, "pass"), config(&nas));
        let uri = format!("rest:http://nas:hunter22@127.0.0.1:{}/", free_port());
        let refused = nas.cli(&adding(&uri, &pass, &[]));
        assert!(refused.error()["message"].as_str().unwrap().contains("refused"), "{refused:?}");
        assert!(!refused.stderr.contains("hunter22"), "{refused:?}");
        assert_eq!(refused.refused(), "unreachable");
        assert_eq!(config(&nas), before, "nothing was saved");
        let saved = nas.ask(&adding(&uri, &pass, &["--no-test"]));
        assert_eq!(saved["state"], "uninitialised");
        assert!(!saved.to_string().contains("hunter22"), "{saved}");
    }
}
