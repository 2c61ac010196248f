//! A session that grew old is replaced by a fresh one, without a gap.

use super::PATIENCE;
use holdfast::config::{DataDir, create_private_dir, read_or_create_identity};
use holdfast::daemon::links::Settings;
use holdfast::daemon::{Instance, Options};
use holdfast::model::{KeyId, LinkState};
use holdfast::restic::Guard;
use holdfast::session::{Code, Timing};
use std::net::TcpListener;
use std::path::Path;
use std::time::Duration;

/// The identity in a folder, made where there is none.
fn key(folder: &Path) -> KeyId {
    let data = DataDir::new(folder.join("data"));
    create_private_dir(data.path()).unwrap();
    read_or_create_identity(&data.identity()).unwrap().key_id()
}

async fn start(folder: &Path, config: String) -> Instance {
    let file = folder.join("config.toml");
    std::fs::write(&file, config).unwrap();
    let data_dir = folder.join("data");
    let options = Options { config: file, data_dir, listen: Vec::new(), restic: None };
    Instance::start(options, Guard::None).await.unwrap()
}

/// Sessions that begin from now on are old after a second.
fn hurry(instance: &Instance) {
    let links = &instance.node().links;
    let settings = links.settings();
    let timing = Timing { renew_after: Duration::from_secs(1), ..settings.timing };
    links.resettle(Settings { timing, ..Settings::clone(&settings) });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s2_an_old_session_is_replaced_by_a_fresh_one_and_the_peer_is_never_out_of_sight() {
    let (hub_dir, nas_dir) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (hub_key, nas_key) = (key(hub_dir.path()), key(nas_dir.path()));
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let hub = format!(
        "instance = \"hub\"\nlisten = [\"{address}\"]\n[[authorized-client]]\ninstance = \"nas\"\n\
         key-id = \"{nas_key}\"\n"
    );
    let nas = format!(
        "instance = \"nas\"\nlisten = [\"127.0.0.1:0\"]\n[[known-host]]\ninstance = \"hub\"\n\
         key-id = \"{hub_key}\"\nurls = [\"http://{address}\"]\n"
    );
    let (hub, nas) = (start(hub_dir.path(), hub).await, start(nas_dir.path(), nas).await);
    let mut seen = nas.node().presences.watch(&hub_key);
    let up = |state: LinkState| state == LinkState::Connected;
    let stands = seen.wait_for(|presence| up(presence.state));
    tokio::time::timeout(PATIENCE, stands).await.expect("a session").unwrap();
    hurry(&nas);
    let generation = || nas.node().links.generation(&hub_key);
    let first = generation().unwrap();
    nas.node().links.close(&hub_key, Code::Restart);
    let renewed = async {
        let mut was_up_since_second = true;
        loop {
            let now = generation();
            if now.is_some_and(|now| now > first) {
                was_up_since_second &= up(nas.node().presences.of(&hub_key).state);
            }
            if now.is_some_and(|now| now >= first + 3) {
                return was_up_since_second;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let stayed = tokio::time::timeout(PATIENCE, renewed).await.expect("two renewals");
    assert!(stayed, "the hub went out of sight while its session was renewed");
    nas.stop().await;
    hub.stop().await;
}
