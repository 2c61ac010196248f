//! Through a real Caddy, configured by the example file. Skipped, and said so, where there is none.

use super::caddy::{Caddy, Front, free_address};
use super::support::*;
use holdfast::net::{Certificate, Dialer, Link, TlsSeen};
use holdfast::pairing::PeerUrl;

fn url(caddy: &Caddy, front: &Front) -> PeerUrl {
    caddy.url(front).parse().unwrap()
}

/// Dials until the front is there: Caddy listens before its own CA has made the certificate.
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
        let Some(caddy) = Caddy::start(&front, hub.main) else { return };
        let mut link = dial_again(&url(&caddy, &front)).await;
        let accepted = hub.link().await;
        assert!(accepted.remote.via_proxy && accepted.remote.client.is_some());
        tokio::spawn(echo(accepted));
        let mut second = dial(&url(&caddy, &front)).await;
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
        let wrong = format!("{}/elsewhere", url(&caddy, &front)).parse().unwrap();
        let error = Dialer::default().dial(&wrong).await.unwrap_err().to_string();
        assert!(error.contains("404"), "{error}");
        drop((link, second));
    }
}

#[tokio::test]
async fn a_stop_of_caddy_does_not_wait_for_the_links_through_it() {
    let mut hub = Hub::start(Setup { behind_proxy: true, ..Setup::default() }).await;
    let Some(mut caddy) = Caddy::start(&Front::Plain, hub.main) else { return };
    let mut link = dial(&url(&caddy, &Front::Plain)).await;
    tokio::spawn(echo(hub.link().await));
    round_trip(&mut link, 10).await;
    tokio::task::spawn_blocking(move || caddy.stop()).await.unwrap();
    assert!(!lives(&mut link).await);
}

#[tokio::test]
async fn a_link_ends_on_the_other_side_through_caddy() {
    let mut hub = Hub::start(Setup { behind_proxy: true, ..Setup::default() }).await;
    let Some(caddy) = Caddy::start(&Front::Plain, hub.main) else { return };
    let ours = dial(&url(&caddy, &Front::Plain)).await;
    let mut theirs = hub.link().await;
    theirs.half_open.authenticated();
    drop(ours);
    let ended = tokio::time::timeout(PATIENCE, theirs.incoming.next()).await.expect("an end");
    assert!(!matches!(ended, Some(Ok(_))));

    let mut ours = dial(&url(&caddy, &Front::Plain)).await;
    ours.half_open.authenticated();
    drop(hub.link().await);
    let ended = tokio::time::timeout(PATIENCE, ours.incoming.next()).await.expect("an end");
    assert!(!matches!(ended, Some(Ok(_))));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reload_keeps_links_or_ends_them_and_a_restart_ends_them() {
    for front in [Front::Plain, Front::InternalCa] {
        let hub = Hub::start(Setup { behind_proxy: true, ..Setup::default() }).await;
        let Some(mut caddy) = Caddy::start(&front, hub.main) else { return };
        let _hub = hub.echo();
        let to = url(&caddy, &front);
        let mut link = dial_again(&to).await;
        round_trip(&mut link, 1000).await;
        tokio::task::block_in_place(|| caddy.reload());
        println!("after a reload the link lives: {}", lives(&mut link).await);
        let mut link = dial_again(&to).await;
        round_trip(&mut link, 1000).await;

        caddy.kill();
        assert!(!lives(&mut link).await, "a killed proxy ends its links");
        Dialer::default().dial(&to).await.unwrap_err();
        tokio::task::block_in_place(|| caddy.run());
        round_trip(&mut dial_again(&to).await, 1000).await;
    }
}

#[tokio::test]
async fn a_proxy_without_a_daemon_behind_it_says_so() {
    let Some(caddy) = Caddy::start(&Front::Plain, free_address()) else { return };
    let error = Dialer::default().dial(&url(&caddy, &Front::Plain)).await.unwrap_err();
    assert!(error.to_string().contains("502"), "{error}");
    assert!(error.remedy().contains("reaches no holdfast"), "{}", error.remedy());
}
