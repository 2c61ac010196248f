//! The listening ports: TLS or plain, HTTP/1 or HTTP/2, the sync path and the rest.
//!
//! Each accepted sync call becomes a [`Link`] and is handed to one closure; what it means is the
//! driver's. Every limit a stranger could lean on is set here.
//!
//! ```text
//! accept ─► first byte ─► TLS? ─► HTTP ─┬─ sync path ─► place in the half-open table ─► on_link
//!   └── one place per idle connection ──┴─ other path ─► the router, or 404 on sync-only addresses
//! ```

use super::client_address::TrustedProxies;
use super::gate::Budget;
use super::grpc;
use super::half_open::{HalfOpenLimits, HalfOpens};
use super::link::{ByteStream, Certificate, Link, RemoteAddress, TlsSeen};
use super::tls::{self, TlsServer};
use crate::shutdown::Guard;
use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, Version};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use thiserror::Error;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt;

/// Streams on one connection: a proxy opens another connection for more.
const STREAMS: u32 = 64;
const STREAM_WINDOW: u32 = 256 * 1024;
/// All streams at once, so that one peer whose envelopes wait never holds up its neighbours
/// behind the same proxy.
const CONNECTION_WINDOW: u32 = STREAMS * STREAM_WINDOW;
const MAX_HEADER_BYTES: u32 = 16 * 1024;
const MAX_HEADERS: usize = 64;
const SEND_BUFFER: usize = 64 * 1024;
/// Streams reset by the other side that wait to be accepted, and resets of our own making.
const RESETS: usize = 32;
/// Finds dead connections that carry no session; sessions have heartbeats.
const PING_EVERY: Duration = Duration::from_secs(120);
const PING_ANSWER: Duration = Duration::from_secs(30);
const PAUSE_AFTER_ACCEPT_ERROR: Duration = Duration::from_millis(100);
const TLS_HANDSHAKE_BYTE: u8 = 0x16;

/// What an address answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answers {
    /// The sync path, and the router for all others (`listen`).
    Everything,
    /// The sync path, and 404 for all others (`sync-listen`).
    SyncOnly,
}

/// A bound address.
#[derive(Debug)]
pub struct Listener {
    socket: TcpListener,
    answers: Answers,
}

/// Why an address cannot be listened on.
#[derive(Debug, Error)]
#[error(
    "cannot listen on {address}: {source}. Free the port, or choose another in the configuration"
)]
pub struct ListenError {
    address: SocketAddr,
    source: io::Error,
}

impl Listener {
    /// Binds `address`; port 0 takes a free one.
    pub async fn bind(address: SocketAddr, answers: Answers) -> Result<Self, ListenError> {
        let failed = |source| ListenError { address, source };
        Ok(Self { socket: TcpListener::bind(address).await.map_err(failed)?, answers })
    }

    /// What it answers.
    #[must_use]
    pub const fn answers(&self) -> Answers {
        self.answers
    }

    /// The address bound.
    pub fn local_address(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }
}

/// What strangers and crowds may cost.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Of one link before it is authenticated.
    pub budget: Budget,
    /// How many such links.
    pub links: HalfOpenLimits,
    /// Open connections of all kinds.
    pub connections: usize,
    /// Connections without a request in flight; the oldest go first.
    pub idle_connections: HalfOpenLimits,
    /// How long one may stay so.
    pub idle: Duration,
    /// How long the first byte, TLS, and a request's headers may take.
    pub setup: Duration,
    /// How long sessions may take to say goodbye when the daemon stops.
    pub farewell: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            budget: Budget::LISTENER,
            links: HalfOpenLimits::LINKS,
            connections: 16 * 1024,
            idle_connections: HalfOpenLimits { in_all: 1024, per_address: 64 },
            idle: Duration::from_secs(60),
            setup: Duration::from_secs(5),
            farewell: Duration::from_secs(10),
        }
    }
}

/// Takes a link and returns at once.
pub type OnLink = Arc<dyn Fn(Link) + Send + Sync>;

/// What becomes of sync calls.
#[derive(Clone)]
pub struct SyncAccept {
    /// Called for each accepted one.
    pub on_link: OnLink,
    /// Whose `X-Forwarded-For` counts.
    pub trusted_proxies: TrustedProxies,
    /// What strangers may cost.
    pub limits: Limits,
}

impl std::fmt::Debug for SyncAccept {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SyncAccept").field("limits", &self.limits).finish_non_exhaustive()
    }
}

/// Serves all `listeners` until the stop is asked for. Connections hold the guard until their
/// sessions have ended.
pub async fn serve(
    listeners: Vec<Listener>,
    tls: Option<TlsServer>,
    accept: SyncAccept,
    extra: axum::Router,
    mut guard: Guard,
) {
    let limits = accept.limits;
    let site = Arc::new(Site {
        tls,
        links: HalfOpens::new(limits.links),
        idle: HalfOpens::new(limits.idle_connections),
        connections: Arc::new(Semaphore::new(limits.connections)),
        http: http(&limits),
        accept,
        extra,
    });
    for Listener { socket, answers } in listeners {
        let (site, guard) = (Arc::clone(&site), guard.clone());
        tokio::spawn(accept_all(site, socket, answers, guard));
    }
    guard.asked().await;
}

/// Everything the connections share.
struct Site {
    tls: Option<TlsServer>,
    links: HalfOpens,
    idle: HalfOpens,
    connections: Arc<Semaphore>,
    http: auto::Builder<TokioExecutor>,
    accept: SyncAccept,
    extra: axum::Router,
}

fn http(limits: &Limits) -> auto::Builder<TokioExecutor> {
    let mut http = auto::Builder::new(TokioExecutor::new());
    http.http1()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.setup)
        .max_headers(MAX_HEADERS)
        .max_buf_size(MAX_HEADER_BYTES as usize);
    http.http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_header_list_size(MAX_HEADER_BYTES)
        .max_send_buf_size(SEND_BUFFER)
        .max_pending_accept_reset_streams(RESETS)
        .max_local_error_reset_streams(RESETS)
        .keep_alive_interval(PING_EVERY)
        .keep_alive_timeout(PING_ANSWER);
    http
}

async fn accept_all(site: Arc<Site>, socket: TcpListener, answers: Answers, mut guard: Guard) {
    while let Some(accepted) = guard.run(socket.accept()).await {
        match accepted {
            Ok((tcp, peer)) => site.take(tcp, peer, answers, &guard),
            Err(error) => {
                // Most likely out of descriptors: others have to close theirs first.
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(PAUSE_AFTER_ACCEPT_ERROR).await;
            }
        }
    }
}

impl Site {
    fn take(self: &Arc<Self>, tcp: TcpStream, peer: SocketAddr, answers: Answers, guard: &Guard) {
        let Ok(permit) = Arc::clone(&self.connections).try_acquire_owned() else {
            tracing::warn!(%peer, "connection refused: too many are open");
            return;
        };
        let connection = Connection {
            site: Arc::clone(self),
            peer,
            answers,
            in_flight: Arc::new(watch::Sender::new(0)),
        };
        let guard = guard.clone();
        tokio::spawn(async move {
            connection.serve(tcp, guard).await;
            drop(permit);
        });
    }

    fn sync_only(&self, answers: Answers) -> Option<axum::Router> {
        match answers {
            Answers::Everything => Some(self.extra.clone()),
            Answers::SyncOnly => None,
        }
    }
}

/// One accepted connection.
#[derive(Clone)]
struct Connection {
    site: Arc<Site>,
    peer: SocketAddr,
    answers: Answers,
    /// Requests whose answers have not ended.
    in_flight: Arc<watch::Sender<usize>>,
}

impl Connection {
    async fn serve(self, tcp: TcpStream, guard: Guard) {
        let limits = &self.site.accept.limits;
        let Some(place) = self.site.idle.admit(self.idle_address(), limits.waiting(limits.setup))
        else {
            return;
        };
        let displaced = Arc::clone(place.gate()).cut();
        let (stream, tls) = tokio::select! {
            set_up = self.set_up(tcp) => match set_up {
                Ok(set_up) => set_up,
                Err(error) => return tracing::debug!(peer = %self.peer, %error, "no connection"),
            },
            _ = displaced => return,
        };
        drop(place);
        self.serve_http(stream, tls, guard).await;
    }

    /// A proxy's idle connections are not one caller's.
    fn idle_address(&self) -> Option<IpAddr> {
        let proxies = &self.site.accept.trusted_proxies;
        (!proxies.trusts(self.peer.ip())).then(|| self.peer.ip())
    }

    async fn set_up(&self, tcp: TcpStream) -> io::Result<(Box<dyn ByteStream>, TlsSeen)> {
        tcp.set_nodelay(true)?;
        let mut first = [0];
        let tls_spoken = tcp.peek(&mut first).await? > 0 && first == [TLS_HANDSHAKE_BYTE];
        match (&self.site.tls, tls_spoken) {
            (Some(tls), true) => {
                let stream = TlsAcceptor::from(tls.config()).accept(tcp).await?;
                let seen = tls::seen(stream.get_ref().1, Certificate::Ours);
                Ok((Box::new(stream), seen))
            }
            (None, true) => Err(io::Error::other("it speaks TLS, and no certificate is set here")),
            (Some(_), false) if !self.may_speak_plainly() => {
                Err(io::Error::other("it speaks without TLS, and a certificate is set here"))
            }
            (Some(_) | None, false) => Ok((Box::new(tcp), TlsSeen::Plain)),
        }
    }

    /// Where there is TLS, only this machine and its proxies may do without.
    fn may_speak_plainly(&self) -> bool {
        let ip = self.peer.ip();
        ip.to_canonical().is_loopback() || self.site.accept.trusted_proxies.trusts(ip)
    }

    async fn serve_http(self, stream: Box<dyn ByteStream>, tls: TlsSeen, mut guard: Guard) {
        let service = service_fn(|request| {
            let (connection, tls) = (self.clone(), tls.clone());
            async move { Ok::<_, Infallible>(connection.answer(request, tls).await) }
        });
        let mut http = pin!(self.site.http.serve_connection(TokioIo::new(stream), service));
        let limits = &self.site.accept.limits;
        let patience = tokio::select! {
            ended = http.as_mut() => return note_end(self.peer, ended),
            () = self.idle_too_long() => limits.setup,
            () = guard.asked() => limits.farewell,
        };
        http.as_mut().graceful_shutdown();
        if let Ok(ended) = tokio::time::timeout(patience, http).await {
            note_end(self.peer, ended);
        }
    }

    /// Returns when no request has been in flight for too long, or others need the place.
    async fn idle_too_long(&self) {
        let limits = &self.site.accept.limits;
        let mut in_flight = self.in_flight.subscribe();
        loop {
            let budget = limits.waiting(limits.idle);
            let Some(place) = self.site.idle.admit(self.idle_address(), budget) else { return };
            tokio::select! {
                // Both waits end with a change only: the sender is ours.
                _ = in_flight.wait_for(|requests| *requests > 0) => {}
                _ = Arc::clone(place.gate()).cut() => return,
            }
            drop(place);
            let _ = in_flight.wait_for(|requests| *requests == 0).await;
        }
    }

    async fn answer(self, request: Request<Incoming>, tls: TlsSeen) -> Response<Answer> {
        let in_flight = InFlight::new(&self.in_flight);
        let remote = self.site.accept.trusted_proxies.remote(self.peer, request.headers());
        let response = if is_sync(&request) {
            self.sync(request, remote, tls)
        } else if let Some(router) = self.site.sync_only(self.answers) {
            route(router, request, remote, tls).await
        } else {
            grpc::plain(StatusCode::NOT_FOUND, "not found\n")
        };
        response.map(|body| Answer { body, _in_flight: in_flight })
    }

    fn sync(
        &self,
        request: Request<Incoming>,
        remote: RemoteAddress,
        tls: TlsSeen,
    ) -> Response<tonic::body::Body> {
        if request.version() != Version::HTTP_2 {
            let hint = "the sync path needs HTTP/2: let the proxy speak h2c to it\n";
            return grpc::plain(StatusCode::HTTP_VERSION_NOT_SUPPORTED, hint);
        }
        let budget = self.site.accept.limits.budget;
        let Some(half_open) = self.site.links.admit(remote.client, budget) else {
            return grpc::refusal(tonic::Code::ResourceExhausted, "too many half-open links");
        };
        let (response, (outgoing, incoming)) = grpc::accept(request.into_body(), &half_open);
        (self.site.accept.on_link)(Link { outgoing, incoming, remote, tls, half_open });
        response
    }
}

impl Limits {
    /// The place of a connection that may wait for `time`.
    fn waiting(&self, time: Duration) -> Budget {
        Budget { time, ..self.budget }
    }
}

fn is_sync(request: &Request<Incoming>) -> bool {
    request.uri().path() == grpc::SYNC_PATH
        && request.method() == Method::POST
        && grpc::is_grpc(request.headers())
}

async fn route(
    router: axum::Router,
    request: Request<Incoming>,
    remote: RemoteAddress,
    tls: TlsSeen,
) -> Response<tonic::body::Body> {
    let mut request = request.map(axum::body::Body::new);
    request.extensions_mut().insert(remote);
    request.extensions_mut().insert(tls);
    match router.oneshot(request).await {
        Ok(response) => response.map(tonic::body::Body::new),
        Err(never) => match never {},
    }
}

fn note_end(peer: SocketAddr, ended: Result<(), impl std::fmt::Display>) {
    if let Err(error) = ended {
        tracing::debug!(%peer, %error, "connection ended");
    }
}

/// One request in flight.
struct InFlight(Arc<watch::Sender<usize>>);

impl InFlight {
    fn new(counter: &Arc<watch::Sender<usize>>) -> Self {
        counter.send_modify(|requests| *requests += 1);
        Self(Arc::clone(counter))
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.send_modify(|requests| *requests -= 1);
    }
}

/// An answer's body: its request is in flight until it has ended.
struct Answer {
    body: tonic::body::Body,
    _in_flight: InFlight,
}

impl Body for Answer {
    type Data = Bytes;
    type Error = tonic::Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, tonic::Status>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
