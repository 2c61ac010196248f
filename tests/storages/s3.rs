//! S3.

use crate::machine::{RESTICS, free_port, tool};
use crate::server::Server;
use crate::{adding, at, machine, story};

#[test]
fn a_bucket_keeps_what_is_saved() {
    let port = free_port();
    let program = tool("s3/bin/moto_server");
    let port_text = port.to_string();
    let server = Server::start(&program, &["-H", "127.0.0.1", "-p", &port_text], port);
    for restic in RESTICS {
        let nas = machine(restic, &[]);
        let file = at(&nas, "cloud.env");
        let keys =
            "# of the bucket\nAWS_ACCESS_KEY_ID=key\nexport AWS_SECRET_ACCESS_KEY='s3cret'\n";
        std::fs::write(&file, keys).unwrap();
        let uri = format!("s3:http://127.0.0.1:{}/bucket/{}", server.port, restic.name());
        let (pass, env) = (at(&nas, "pass"), ["--env-file", &file]);
        // The storage answers and has no such bucket: nothing to adopt.
        let absent = nas.cli(&adding(&uri, &pass, &[&env[..], &["--no-init"]].concat()));
        assert_eq!(absent.refused(), "missing");
        story(&nas, &uri, &env);
        assert!(!nas.ask(&["config", "show"]).to_string().contains("s3cret"));
    }
}
