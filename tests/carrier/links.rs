//! Links as they should be: every way to reach a hub, and every way to end.

use super::support::*;
use holdfast::net::{Certificate, Dialer, Ladder, LinkError, StepName, TlsSeen, TlsServer};
use holdfast::shutdown::Shutdown;
use std::net::SocketAddr;
use tokio::net::{TcpListener, TcpStream};

#[tokio::test]
async fn envelopes_come_back_over_h2c_on_both_ports() {
    let hub = Hub::start(Setup::default()).await;
    let (main, sync_only) = (hub.main, hub.sync_only);
    let shutdown = hub.echo();
    for address in [main, sync_only] {
        let mut link = dial(&http(address)).await;
        assert_eq!(link.tls, TlsSeen::Plain);
        assert_eq!(link.remote.socket, address);
        for size in [0, 1, 8192, 1 << 20] {
            round_trip(&mut link, size).await;
        }
    }
    shutdown.complete().await;
}

#[tokio::test]
async fn tls_prefers_the_hybrid_and_takes_a_certificate_nobody_trusts() {
    let dir = tempfile::tempdir().unwrap();
    let tls = TlsServer::self_signed(dir.path(), &["localhost".to_owned()]).unwrap();
    let mut hub = Hub::start(Setup { tls: Some(tls), ..Setup::default() }).await;
    let mut link = dial(&https(hub.main.port())).await;
    let TlsSeen::Tls { version, group, certificate } = &link.tls else { panic!("no TLS") };
    assert_eq!((version.as_str(), group.as_str()), ("TLSv1.3", "X25519MLKEM768"));
    assert!(matches!(certificate, Certificate::Untrusted(_)), "{certificate:?}");
    let accepted = hub.link().await;
    let TlsSeen::Tls { certificate, .. } = &accepted.tls else { panic!("no TLS") };
    assert_eq!(*certificate, Certificate::Ours);
    tokio::spawn(echo(accepted));
    round_trip(&mut link, 100_000).await;
}

#[tokio::test]
async fn with_tls_loopback_may_still_speak_plainly() {
    let dir = tempfile::tempdir().unwrap();
    let tls = TlsServer::self_signed(dir.path(), &["localhost".to_owned()]).unwrap();
    let hub = Hub::start(Setup { tls: Some(tls), ..Setup::default() }).await;
    assert_eq!(status(hub.main, "/").await, "200");
}

#[tokio::test]
async fn a_sync_address_answers_nothing_else() {
    let hub = Hub::start(Setup::default()).await;
    let sync = holdfast::net::SYNC_PATH;
    for path in ["/", "/metrics", sync, "/holdfast.sync.v1.SyncService/Other", "//", "/x?y=1"] {
        assert_eq!(status(hub.sync_only, path).await, "404", "{path}");
    }
    assert_eq!(status(hub.main, "/").await, "200");
    assert_eq!(status(hub.main, "/absent").await, "404");
    let elsewhere = format!("{}/sub", http(hub.main)).parse().unwrap();
    let error = Dialer::default().dial(&elsewhere).await.unwrap_err();
    assert!(error.to_string().contains("404"), "{error}");
}

#[tokio::test]
async fn http1_on_the_sync_path_is_told_what_is_missing() {
    let hub = Hub::start(Setup::default()).await;
    let path = holdfast::net::SYNC_PATH;
    let request = format!(
        "POST {path} HTTP/1.1\r\nhost: a\r\ncontent-type: application/grpc\r\n\
         content-length: 0\r\nconnection: close\r\n\r\n"
    );
    let answer = http1(hub.main, &request).await;
    assert!(answer.starts_with("HTTP/1.1 505") && answer.contains("HTTP/2"), "{answer}");
}

#[tokio::test]
async fn a_dropped_link_ends_on_the_other_side() {
    let mut hub = Hub::start(Setup::default()).await;
    let mut ours = dial(&http(hub.main)).await;
    let theirs = hub.link().await;
    ours.half_open.authenticated();
    theirs.half_open.authenticated();
    drop(theirs);
    assert!(matches!(ours.incoming.next().await, None | Some(Err(LinkError::Broken(_)))));
    assert!(ours.incoming.next().await.is_none());

    let ours = dial(&http(hub.main)).await;
    let mut theirs = hub.link().await;
    theirs.half_open.authenticated();
    drop(ours);
    assert!(matches!(theirs.incoming.next().await, None | Some(Err(_))));
    theirs.outgoing.closed().await;
}

#[tokio::test]
async fn a_slow_reader_slows_its_writer_and_loses_nothing() {
    let mut hub = Hub::start(Setup::default()).await;
    let ours = dial(&http(hub.main)).await;
    let mut theirs = hub.link().await;
    theirs.half_open.authenticated();
    ours.half_open.authenticated();
    let (count, size) = (100, 64 * 1024);
    let outgoing = ours.outgoing.clone();
    let writing = tokio::spawn(async move {
        for _ in 0..count {
            outgoing.send(record(size)).await.unwrap();
        }
    });
    let early = tokio::time::timeout(
        A_WHILE,
        &mut Box::pin(async {
            while !writing.is_finished() {
                tokio::task::yield_now().await
            }
        }),
    )
    .await;
    assert!(early.is_err(), "6 MiB were taken although nobody reads");
    for _ in 0..count {
        assert_eq!(next(&mut theirs).await, Some(record(size)));
    }
    writing.await.unwrap();
}

#[tokio::test]
async fn both_sides_may_fill_their_windows_at_once() {
    let mut hub = Hub::start(Setup::default()).await;
    let ours = dial(&http(hub.main)).await;
    let theirs = hub.link().await;
    let bulk = |link: holdfast::net::Link| async move {
        let holdfast::net::Link { outgoing, mut incoming, half_open, .. } = link;
        half_open.authenticated();
        tokio::spawn(async move {
            for _ in 0..50 {
                outgoing.send(record(256 * 1024)).await.unwrap();
            }
            // Ending our direction too early would reset what the other side still sends.
            outgoing.closed().await;
        });
        for _ in 0..50 {
            assert_eq!(incoming.next().await.unwrap().unwrap(), record(256 * 1024));
        }
        (incoming, half_open)
    };
    let both = async { tokio::join!(bulk(ours), bulk(theirs)) };
    tokio::time::timeout(PATIENCE, both).await.expect("no deadlock");
}

#[tokio::test]
async fn the_daemon_stops_although_a_link_does_not_move() {
    let mut hub = Hub::start(Setup::default()).await;
    let _ours = dial(&http(hub.main)).await;
    let theirs = hub.link().await;
    theirs.half_open.authenticated();
    tokio::time::timeout(PATIENCE, hub.stop()).await.expect("stopped");
}

#[tokio::test]
async fn the_ladder_names_each_step_and_the_first_that_breaks() {
    let hub = Hub::start(Setup::default()).await;
    let mut ladder = Ladder::default();
    Dialer::default().climb(&http(hub.main), &mut ladder).await.unwrap();
    let names: Vec<_> = ladder.steps().iter().map(|step| step.step.to_string()).collect();
    assert_eq!(names, ["URL", "DNS", "TCP", "TLS", "HTTP/2"]);
    assert!(ladder.ok());
    for (url, breaks) in [
        ("http://nobody.invalid".to_owned(), StepName::Dns),
        (format!("http://{}", unused_address().await), StepName::Tcp),
        (format!("https://{}", hub.main), StepName::Tls),
        (format!("http://{}", deaf_address().await), StepName::Http2),
        (format!("http://{}/wrong", hub.main), StepName::Http2),
    ] {
        let mut ladder = Ladder::default();
        Dialer::default().climb(&url.parse().unwrap(), &mut ladder).await.unwrap_err();
        let last = ladder.steps().last().unwrap();
        assert_eq!((last.step, last.ok), (breaks, false), "{url}: {last:?}");
        assert!(last.remedy.is_some() && !ladder.ok());
    }
}

async fn unused_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()
}

/// Takes connections and ends them at once.
async fn deaf_address() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { while listener.accept().await.is_ok() {} });
    address
}

/// Passes bytes on to `to` until it is told to stop; then it keeps both connections and is mute.
async fn forwarding(to: SocketAddr) -> (SocketAddr, Shutdown) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let shutdown = Shutdown::default();
    let mut guard = shutdown.guard();
    tokio::spawn(async move {
        let (mut near, _) = listener.accept().await.unwrap();
        let mut far = TcpStream::connect(to).await.unwrap();
        let _ = guard.run(tokio::io::copy_bidirectional(&mut near, &mut far)).await;
        std::future::pending::<()>().await;
    });
    (address, shutdown)
}

#[tokio::test]
async fn a_proxy_that_stops_forwarding_leaves_the_link_silent_not_ended() {
    let hub = Hub::start(Setup::default()).await;
    let (proxy, stop_forwarding) = forwarding(hub.main).await;
    let _hub = hub.echo();
    let mut link = dial(&http(proxy)).await;
    round_trip(&mut link, 10).await;
    stop_forwarding.ask();
    link.outgoing.send(record(10)).await.unwrap();
    let silent = tokio::time::timeout(A_WHILE, link.incoming.next()).await;
    assert!(silent.is_err(), "heartbeats decide, not the carrier: {silent:?}");
}
