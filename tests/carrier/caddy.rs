//! Through a real Caddy, configured by the example file. Skipped, and said so, where there is none.

use super::support::*;
use holdfast::net::{Certificate, Dialer, Link, TlsSeen};
use holdfast::pairing::PeerUrl;
use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

const EXAMPLE: &str = include_str!("../../examples/caddy/Caddyfile");

enum Front {
    Plain,
    InternalCa,
    /// Plain, below `/nas`, as the example's README says.
    SubPath,
}

/// A Caddy of the test's own: its site, its admin endpoint and its storage are nobody else's.
struct Caddy {
    dir: TempDir,
    site: SocketAddr,
    admin: SocketAddr,
    process: Option<Child>,
}

fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

impl Caddy {
    async fn start(front: &Front, upstream: SocketAddr) -> Option<Self> {
        if Command::new("caddy").arg("version").output().is_err() {
            eprintln!("skipped: caddy is not installed");
            return None;
        }
        let dir = tempfile::tempdir().unwrap();
        let (site, admin) = (free_address(), free_address());
        let mut caddy = Self { dir, site, admin, process: None };
        fs::write(caddy.file(), caddy.configuration(front, upstream)).unwrap();
        caddy.run().await;
        Some(caddy)
    }

    fn file(&self) -> PathBuf {
        self.dir.path().join("Caddyfile")
    }

    /// The example, its addresses exchanged and its global block completed.
    fn configuration(&self, front: &Front, upstream: SocketAddr) -> String {
        let port = self.site.port();
        let (address, tls) = match front {
            Front::Plain | Front::SubPath => (format!("http://localhost:{port}"), ""),
            Front::InternalCa => (format!("https://localhost:{port}"), "\n\ttls internal"),
        };
        let storage = self.dir.path().join("storage");
        let global = format!(
            "{{\n\tadmin {}\n\tskip_install_trust\n\tauto_https disable_redirects\n\tstorage file_system {}\n",
            self.admin,
            storage.display()
        );
        let changed = EXAMPLE
            .replacen("{\n", &global, 1)
            .replace("\nbackup.example.com {", &format!("\n{address} {{{tls}"))
            .replace("127.0.0.1:9898", &upstream.to_string());
        let changed = match front {
            Front::SubPath => changed
                .replace("path /", "path /nas/")
                .replace("handle @sync {", "handle @sync {\n\t\turi strip_prefix /nas"),
            Front::Plain | Front::InternalCa => changed,
        };
        assert!(!changed.contains("\nbackup.example.com") && !changed.contains(":9898"));
        changed
    }

    async fn run(&mut self) {
        let log = fs::File::create(self.dir.path().join("log")).unwrap();
        let process = Command::new("caddy")
            .args(["run", "--adapter", "caddyfile", "--config"])
            .arg(self.file())
            .env("HOME", self.dir.path())
            .env("XDG_DATA_HOME", self.dir.path())
            .env("XDG_CONFIG_HOME", self.dir.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        self.process = Some(process);
        let listening = async {
            while tokio::net::TcpStream::connect(self.site).await.is_err() {
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
        };
        if tokio::time::timeout(PATIENCE, listening).await.is_err() {
            panic!("{}", fs::read_to_string(self.dir.path().join("log")).unwrap());
        }
    }

    async fn reload(&self) {
        let mut reload = Command::new("caddy");
        reload.args(["reload", "--force", "--adapter", "caddyfile", "--address"]);
        reload.arg(self.admin.to_string()).arg("--config").arg(self.file());
        let output = tokio::task::spawn_blocking(move || reload.output().unwrap()).await.unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().unwrap();
            process.wait().unwrap();
        }
    }

    fn url(&self, front: &Front) -> PeerUrl {
        let (scheme, path) = match front {
            Front::Plain => ("http", ""),
            Front::InternalCa => ("https", ""),
            Front::SubPath => ("http", "/nas"),
        };
        format!("{scheme}://localhost:{}{path}", self.site.port()).parse().unwrap()
    }
}

impl Drop for Caddy {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Dials until the front is back.
async fn dial_again(url: &PeerUrl) -> Link {
    let trying = async {
        loop {
            if let Ok(link) = Dialer::default().dial(url).await {
                return link;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, trying).await.expect("the front is back")
}

/// Whether the link still echoes; a link that has ended does not.
async fn lives(link: &mut Link) -> bool {
    let answer = async {
        link.outgoing.send(record(10)).await.ok()?;
        link.incoming.next().await?.ok()
    };
    tokio::time::timeout(PATIENCE, answer).await.expect("an answer or an end").is_some()
}

#[tokio::test]
async fn links_pass_in_every_form_and_other_paths_do_not() {
    for front in [Front::Plain, Front::InternalCa, Front::SubPath] {
        let mut hub = Hub::start(Setup { behind_proxy: true, ..Setup::default() }).await;
        let Some(caddy) = Caddy::start(&front, hub.main).await else { return };
        let mut link = dial(&caddy.url(&front)).await;
        let accepted = hub.link().await;
        assert!(accepted.remote.via_proxy && accepted.remote.client.is_some());
        tokio::spawn(echo(accepted));
        let mut second = dial(&caddy.url(&front)).await;
        tokio::spawn(echo(hub.link().await));
        for size in [0, 1, 8192, 1 << 20] {
            round_trip(&mut link, size).await;
            round_trip(&mut second, size).await;
        }
        match front {
            Front::Plain | Front::SubPath => {
                for path in ["/", "/metrics", "/holdfast.sync.v1.Other/Sync"] {
                    assert_eq!(status(caddy.site, path).await, "404", "{path}");
                }
            }
            Front::InternalCa => assert!(matches!(
                &link.tls,
                TlsSeen::Tls { certificate: Certificate::Untrusted(_), .. }
            )),
        }
        let wrong = format!("{}/elsewhere", caddy.url(&front)).parse().unwrap();
        let error = Dialer::default().dial(&wrong).await.unwrap_err().to_string();
        assert!(error.contains("404"), "{error}");
        drop((link, second));
    }
}

#[tokio::test]
async fn a_link_ends_on_the_other_side_through_caddy() {
    let mut hub = Hub::start(Setup { behind_proxy: true, ..Setup::default() }).await;
    let Some(caddy) = Caddy::start(&Front::Plain, hub.main).await else { return };
    let ours = dial(&caddy.url(&Front::Plain)).await;
    let mut theirs = hub.link().await;
    theirs.half_open.authenticated();
    drop(ours);
    let ended = tokio::time::timeout(PATIENCE, theirs.incoming.next()).await.expect("an end");
    assert!(!matches!(ended, Some(Ok(_))));

    let mut ours = dial(&caddy.url(&Front::Plain)).await;
    ours.half_open.authenticated();
    drop(hub.link().await);
    let ended = tokio::time::timeout(PATIENCE, ours.incoming.next()).await.expect("an end");
    assert!(!matches!(ended, Some(Ok(_))));
}

#[tokio::test]
async fn a_reload_keeps_links_or_ends_them_and_a_restart_ends_them() {
    for front in [Front::Plain, Front::InternalCa] {
        let hub = Hub::start(Setup { behind_proxy: true, ..Setup::default() }).await;
        let Some(mut caddy) = Caddy::start(&front, hub.main).await else { return };
        let _hub = hub.echo();
        let url = caddy.url(&front);
        let mut link = dial(&url).await;
        round_trip(&mut link, 1000).await;
        caddy.reload().await;
        println!("after a reload the link lives: {}", lives(&mut link).await);
        let mut link = dial_again(&url).await;
        round_trip(&mut link, 1000).await;

        caddy.kill();
        assert!(!lives(&mut link).await, "a killed proxy ends its links");
        Dialer::default().dial(&url).await.unwrap_err();
        caddy.run().await;
        round_trip(&mut dial_again(&url).await, 1000).await;
    }
}

#[tokio::test]
async fn a_proxy_without_a_daemon_behind_it_says_so() {
    let Some(caddy) = Caddy::start(&Front::Plain, free_address()).await else { return };
    let error = Dialer::default().dial(&caddy.url(&Front::Plain)).await.unwrap_err();
    assert!(error.to_string().contains("502"), "{error}");
    assert!(error.remedy().contains("reaches no holdfast"), "{}", error.remedy());
}
