//! What strangers try before they are authenticated (protocol, section 6).

use super::support::*;
use bytes::Bytes;
use futures_util::future::join_all;
use holdfast::net::{
    Budget, CutReason, DialError, Dialer, HalfOpenLimits, Limits, Link, LinkError, Overrun,
    SYNC_PATH,
};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

fn quick() -> Limits {
    let time = Duration::from_millis(200);
    Limits { budget: Budget { time, ..Budget::LISTENER }, ..Limits::default() }
}

async fn cut_of(link: &mut Link) -> CutReason {
    match tokio::time::timeout(PATIENCE, link.incoming.next()).await.expect("a cut") {
        Some(Err(LinkError::Cut(reason))) => reason,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn slow_handshake_is_cut_on_both_ends() {
    let mut hub = Hub::start(Setup { limits: quick(), ..Setup::default() }).await;
    let mut dialer = dial(&http(hub.main)).await;
    let mut stalled = hub.link().await;
    assert_eq!(cut_of(&mut stalled).await, CutReason::Slow(quick().budget.time));
    // The listener's driver still holds its end; the call has ended all the same.
    let ended = tokio::time::timeout(PATIENCE, dialer.incoming.next()).await.unwrap();
    assert!(matches!(ended, None | Some(Err(LinkError::Broken(_)))), "{ended:?}");
    stalled.outgoing.closed().await;
}

#[tokio::test]
async fn oversized_frame_is_refused_before_authentication_only() {
    let mut hub = Hub::start(Setup::default()).await;
    let dialer = dial(&http(hub.main)).await;
    let mut stranger = hub.link().await;
    dialer.outgoing.send(record(8192)).await.unwrap();
    let Overrun::Message { size, limit } = overrun_of(&mut stranger).await else { panic!() };
    assert!(size > 8192 && limit == 8192);

    let dialer = dial(&http(hub.main)).await;
    let mut peer = hub.link().await;
    peer.half_open.authenticated();
    dialer.outgoing.send(record(8192)).await.unwrap();
    assert_eq!(next(&mut peer).await, Some(record(8192)));
    dialer.outgoing.send(record((1 << 20) + 1024)).await.unwrap();
    let ended = tokio::time::timeout(PATIENCE, peer.incoming.next()).await.unwrap();
    assert!(!matches!(ended, Some(Ok(_))), "over 1 MiB");
}

async fn overrun_of(link: &mut Link) -> Overrun {
    loop {
        match tokio::time::timeout(PATIENCE, link.incoming.next()).await.expect("a cut") {
            Some(Ok(_)) => {}
            Some(Err(LinkError::Cut(CutReason::Overrun(overrun)))) => return overrun,
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn many_small_messages_end_at_64_kib() {
    let mut hub = Hub::start(Setup::default()).await;
    let dialer = dial(&http(hub.main)).await;
    let mut stranger = hub.link().await;
    let outgoing = dialer.outgoing.clone();
    tokio::spawn(async move { while outgoing.send(record(4000)).await.is_ok() {} });
    assert!(matches!(overrun_of(&mut stranger).await, Overrun::InAll { limit: 65_536, .. }));
}

#[tokio::test]
async fn half_open_flood_of_one_address_displaces_its_own_oldest() {
    let mut hub = Hub::start(Setup::default()).await;
    let mut dialers = Vec::new();
    let mut links = Vec::new();
    for _ in 0..8 {
        dialers.push(dial(&http(hub.main)).await);
        links.push(hub.link().await);
    }
    links[0].half_open.valid_hello();
    dialers.push(dial(&http(hub.main)).await);
    links.push(hub.link().await);
    assert_eq!(cut_of(&mut links[1]).await, CutReason::Displaced);
    for link in &links {
        link.half_open.valid_hello();
    }
    let error = Dialer::default().dial(&http(hub.main)).await.unwrap_err();
    assert!(matches!(error, DialError::Busy { .. }), "{error}");
    links[0].half_open.authenticated();
    dial(&http(hub.main)).await;
}

#[tokio::test]
async fn half_open_flood_behind_one_proxy_address_spares_other_clients() {
    let mut hub = Hub::start(Setup { behind_proxy: true, ..Setup::default() }).await;
    let mut good = call_from(hub.main, "192.0.2.1").await;
    let mut honest = hub.link().await;
    assert_eq!(honest.remote.client, Some("192.0.2.1".parse().unwrap()));
    let flood = join_all((0..20).map(|_| call_from(hub.main, "198.51.100.7"))).await;
    let mut flooding = Vec::new();
    for _ in 0..20 {
        flooding.push(hub.link().await);
    }
    let cuts = join_all(
        flooding.iter_mut().map(|link| tokio::time::timeout(A_WHILE, link.incoming.next())),
    )
    .await;
    assert_eq!(cuts.iter().filter(|cut| cut.is_ok()).count(), 12, "all but 8 have gone");
    let spared = tokio::time::timeout(Duration::ZERO, honest.incoming.next()).await;
    assert!(spared.is_err(), "{spared:?}");
    good.write_all(&[]).await.unwrap();
    drop(flood);
}

#[tokio::test]
async fn half_open_flood_from_everywhere_stops_at_the_sum() {
    let links = HalfOpenLimits { in_all: 20, per_address: 8 };
    let setup = Setup {
        behind_proxy: true,
        limits: Limits { links, ..Limits::default() },
        ..Setup::default()
    };
    let mut hub = Hub::start(setup).await;
    let mut held = Vec::new();
    let mut sockets = Vec::new();
    for caller in 0..30 {
        sockets.push(call_from(hub.main, &format!("192.0.2.{caller}")).await);
        held.push(hub.link().await);
    }
    for link in &mut held[..10] {
        assert_eq!(cut_of(link).await, CutReason::Displaced);
    }
}

#[tokio::test]
async fn silent_connections_are_closed() {
    let limits = Limits {
        setup: Duration::from_millis(200),
        idle: Duration::from_millis(200),
        ..Limits::default()
    };
    let hub = Hub::start(Setup { limits, ..Setup::default() }).await;
    for opening in [&b""[..], b"GET / HT", PREFACE] {
        let mut tcp = TcpStream::connect(hub.main).await.unwrap();
        tcp.write_all(opening).await.unwrap();
        let mut rest = Vec::new();
        let ended = tokio::time::timeout(PATIENCE, tcp.read_to_end(&mut rest)).await;
        assert!(ended.is_ok(), "still open after {opening:?}");
    }
}

#[tokio::test]
async fn crowds_of_idle_connections_leave_room_for_a_newcomer() {
    let idle_connections = HalfOpenLimits { in_all: 4, per_address: 4 };
    let limits = Limits { idle_connections, ..Limits::default() };
    let hub = Hub::start(Setup { limits, ..Setup::default() }).await;
    let mut idle = Vec::new();
    for _ in 0..4 {
        idle.push(TcpStream::connect(hub.main).await.unwrap());
    }
    let address = hub.main;
    let _hub = hub.echo();
    round_trip(&mut dial(&http(address)).await, 10).await;
    let mut rest = Vec::new();
    let oldest = tokio::time::timeout(PATIENCE, idle[0].read_to_end(&mut rest)).await;
    assert!(oldest.is_ok(), "the oldest has gone");
}

// ------------------------------------------------------------------ frames by hand

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut bytes = length[1..].to_vec();
    bytes.extend([kind, flags]);
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
    bytes
}

/// RFC 7541: indexed POST and http, then literals without indexing.
fn sync_headers(forwarded_for: &str) -> Vec<u8> {
    let mut block = vec![0x83, 0x86];
    let mut literal = |name: &[u8], value: &str| {
        block.extend(name);
        block.push(u8::try_from(value.len()).unwrap());
        block.extend(value.as_bytes());
    };
    literal(&[0x04], SYNC_PATH);
    literal(&[0x01], "hub.example");
    literal(&[0x0f, 0x10], "application/grpc");
    literal(b"\0\x0fx-forwarded-for", forwarded_for);
    block
}

fn open_stream(stream: u32, forwarded_for: &str) -> Vec<u8> {
    const END_HEADERS: u8 = 4;
    frame(HEADERS, END_HEADERS, stream, &sync_headers(forwarded_for))
}

/// One connection with one sync call, as a proxy makes it.
async fn call_from(hub: SocketAddr, client: &str) -> TcpStream {
    let mut tcp = TcpStream::connect(hub).await.unwrap();
    tcp.write_all(PREFACE).await.unwrap();
    tcp.write_all(&open_stream(1, client)).await.unwrap();
    tcp
}

#[tokio::test]
async fn length_lies_end_their_link_and_no_other() {
    let mut hub = Hub::start(Setup::default()).await;
    let lies: [&[u8]; 3] = [
        &[0, 0xff, 0xff, 0xff, 0xff, 1, 2, 3],    // far over the limit
        &[1, 0, 0, 0, 4, 1, 2, 3, 4],             // said to be compressed
        &[0, 0, 0, 0, 4, 0xff, 0xff, 0xff, 0xff], // not an envelope
    ];
    let mut honest_end = dial(&http(hub.main)).await;
    let honest = hub.link().await;
    for lie in lies {
        let mut tcp = call_from(hub.main, "").await;
        let mut link = hub.link().await;
        tcp.write_all(&frame(DATA, 0, 1, lie)).await.unwrap();
        let ended = tokio::time::timeout(PATIENCE, link.incoming.next()).await.unwrap();
        assert!(matches!(ended, Some(Err(_))), "{lie:?}: {ended:?}");
    }
    let mut tcp = call_from(hub.main, "").await;
    let mut link = hub.link().await;
    const END_STREAM: u8 = 1;
    tcp.write_all(&frame(DATA, END_STREAM, 1, &[0, 0, 0, 0, 9, 1, 2])).await.unwrap();
    let ended = tokio::time::timeout(PATIENCE, link.incoming.next()).await.unwrap();
    assert!(matches!(ended, Some(Err(_))), "shorter than it said: {ended:?}");
    tokio::spawn(echo(honest));
    round_trip(&mut honest_end, 10).await;
}

#[tokio::test]
async fn reset_flood_ends_its_own_connection() {
    let hub = Hub::start(Setup::default()).await;
    let address = hub.main;
    let mut tcp = TcpStream::connect(address).await.unwrap();
    let mut flood = PREFACE.to_vec();
    for stream in (1..20_000).step_by(2) {
        flood.extend(open_stream(stream, ""));
        flood.extend(frame(RST_STREAM, 0, stream, &8u32.to_be_bytes()));
    }
    ends_connection(&mut tcp, flood).await;
    assert!(hub.arrived() < 2000, "{} links were opened by resets", hub.arrived());
    let _hub = hub.echo();
    round_trip(&mut dial(&http(address)).await, 10).await;
}

#[tokio::test]
async fn empty_frame_flood_does_not_outlive_its_budget() {
    let mut hub = Hub::start(Setup { limits: quick(), ..Setup::default() }).await;
    let mut tcp = call_from(hub.main, "").await;
    let mut link = hub.link().await;
    let (mut reading, mut writing) = tcp.split();
    let empty: Bytes = frame(DATA, 0, 1, &[]).repeat(1000).into();
    let flood = async { while writing.write_all(&empty).await.is_ok() {} };
    let mut answers = Vec::new();
    let ended = async {
        let reason = tokio::time::timeout(PATIENCE, link.incoming.next()).await.expect("an end");
        assert!(!matches!(reason, Some(Ok(_))), "{reason:?}");
    };
    tokio::select! {
        () = ended => {}
        () = flood => {}
        _ = reading.read_to_end(&mut answers) => {}
    }
    drop(link);
    let address = hub.main;
    let _hub = hub.echo();
    round_trip(&mut dial(&http(address)).await, 10).await;
}

/// Writes until the other side has had enough.
async fn ends_connection(tcp: &mut TcpStream, bytes: Vec<u8>) {
    let (mut reading, mut writing) = tcp.split();
    let mut answers = Vec::new();
    let flood = async {
        let _ = writing.write_all(&bytes).await;
        std::future::pending::<()>().await;
    };
    let ended = async {
        tokio::select! { () = flood => {}, _ = reading.read_to_end(&mut answers) => {} }
    };
    tokio::time::timeout(PATIENCE, ended).await.expect("the connection is ended");
}
