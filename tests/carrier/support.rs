//! A hub on a free port, and what the tests say to it.

use axum::Router;
use axum::routing::get;
use bytes::Bytes;
use holdfast::net::{
    Answers, Dialer, Limits, Link, Listener, SyncAccept, TlsServer, TrustedProxies, serve,
};
use holdfast::pairing::PeerUrl;
use holdfast::shutdown::Shutdown;
use holdfast::wire::proto::sync::{Envelope, envelope::Body};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;

/// Longer than anything takes that is going to happen.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);
/// Long enough for anything to happen that should not.
pub(crate) const A_WHILE: Duration = Duration::from_millis(300);

pub(crate) struct Hub {
    pub(crate) main: SocketAddr,
    pub(crate) sync_only: SocketAddr,
    links: mpsc::UnboundedReceiver<Link>,
    shutdown: Shutdown,
}

#[derive(Default)]
pub(crate) struct Setup {
    pub(crate) tls: Option<TlsServer>,
    pub(crate) limits: Limits,
    pub(crate) behind_proxy: bool,
}

impl Hub {
    pub(crate) async fn start(setup: Setup) -> Self {
        let loopback = SocketAddr::from(([127, 0, 0, 1], 0));
        let main = Listener::bind(loopback, Answers::Everything).await.unwrap();
        let sync_only = Listener::bind(loopback, Answers::SyncOnly).await.unwrap();
        let (sender, links) = mpsc::unbounded_channel();
        let proxies = setup.behind_proxy.then(|| "127.0.0.0/8".parse().unwrap());
        let accept = SyncAccept {
            on_link: Arc::new(move |link| drop(sender.send(link))),
            trusted_proxies: TrustedProxies::new(proxies.into_iter().collect()),
            limits: setup.limits,
        };
        let shutdown = Shutdown::default();
        let extra = Router::new().route("/", get(|| async { "the rest" }));
        let addresses = (main.local_address().unwrap(), sync_only.local_address().unwrap());
        let listeners = vec![main, sync_only];
        tokio::spawn(serve(listeners, setup.tls, accept, extra, shutdown.guard()));
        Self { main: addresses.0, sync_only: addresses.1, links, shutdown }
    }

    pub(crate) async fn link(&mut self) -> Link {
        tokio::time::timeout(PATIENCE, self.links.recv()).await.unwrap().unwrap()
    }

    pub(crate) fn arrived(&self) -> usize {
        self.links.len()
    }

    /// Answers every envelope with itself from here on.
    pub(crate) fn echo(mut self) -> Shutdown {
        tokio::spawn(async move {
            while let Some(link) = self.links.recv().await {
                tokio::spawn(echo(link));
            }
        });
        self.shutdown
    }

    pub(crate) async fn stop(self) {
        self.shutdown.complete().await;
    }
}

pub(crate) async fn echo(mut link: Link) {
    link.half_open.valid_hello();
    link.half_open.authenticated();
    while let Some(Ok(envelope)) = link.incoming.next().await {
        if link.outgoing.send(envelope).await.is_err() {
            return;
        }
    }
}

pub(crate) fn record(size: usize) -> Envelope {
    Envelope { body: Some(Body::Record(Bytes::from(vec![7; size]))) }
}

pub(crate) async fn next(link: &mut Link) -> Option<Envelope> {
    let next = tokio::time::timeout(PATIENCE, link.incoming.next()).await;
    next.expect("an answer in time").map(|envelope| envelope.unwrap())
}

/// Sends `size` bytes and waits for them to come back.
pub(crate) async fn round_trip(link: &mut Link, size: usize) {
    link.half_open.authenticated();
    link.outgoing.send(record(size)).await.unwrap();
    assert_eq!(next(link).await, Some(record(size)));
}

pub(crate) fn http(address: SocketAddr) -> PeerUrl {
    format!("http://{address}").parse().unwrap()
}

pub(crate) fn https(port: u16) -> PeerUrl {
    format!("https://localhost:{port}").parse().unwrap()
}

pub(crate) async fn dial(url: &PeerUrl) -> Link {
    Dialer::default().dial(url).await.unwrap()
}

/// One HTTP/1.1 exchange, by hand; the whole answer.
pub(crate) async fn http1(address: SocketAddr, request: &str) -> String {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut tcp = tokio::net::TcpStream::connect(address).await.unwrap();
    tcp.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    tokio::time::timeout(PATIENCE, tcp.read_to_string(&mut answer)).await.unwrap().unwrap();
    answer
}

/// The status of `GET path` over HTTP/1.1.
pub(crate) async fn status(address: SocketAddr, path: &str) -> String {
    let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
    let answer = http1(address, &request).await;
    answer.split(' ').nth(1).unwrap_or_default().to_owned()
}
