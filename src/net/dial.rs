//! Reaches a listener: name, connection, TLS, HTTP/2, sync path; each failure says which.
//!
//! It does not know whom it should find there, does not retry and does not choose among URLs.

use super::gate::Budget;
use super::grpc;
use super::half_open::HalfOpenLink;
use super::ladder::{Ladder, StepName};
use super::link::{ByteStream, Certificate, Link, RemoteAddress, TlsSeen};
use super::tls;
use crate::pairing::{PeerUrl, Transport};
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use http::uri::Scheme;
use http::{Response, StatusCode, Uri};
use hyper::body::Incoming;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::ServerName;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use thiserror::Error;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// A second address is tried beside the first when that has been silent for this long.
const STAGGER: Duration = Duration::from_millis(250);
/// What the listener may send unread: bounds memory per peer and still fills a long line.
const STREAM_WINDOW: u32 = 256 * 1024;
const MAX_HEADERS: u32 = 16 * 1024;
const SEND_BUFFER: usize = 64 * 1024;

/// Why there is no link, sorted by the step that failed.
#[derive(Debug, Error)]
pub enum DialError {
    /// The address cannot be asked for.
    #[error("{url} cannot be used: {source}")]
    Url {
        /// The listener.
        url: PeerUrl,
        /// Why.
        source: http::Error,
    },
    /// The name has no address.
    #[error("no address for {host}: {source}")]
    Dns {
        /// The name.
        host: String,
        /// Why.
        source: io::Error,
    },
    /// Nobody answers there.
    #[error("no connection to {host} port {port}: {source}")]
    Tcp {
        /// The name.
        host: String,
        /// The port.
        port: u16,
        /// Why.
        source: io::Error,
    },
    /// What answers does not speak TLS, or not with us.
    #[error("no TLS with {host} port {port}: {source}")]
    Tls {
        /// The name.
        host: String,
        /// The port.
        port: u16,
        /// Why.
        source: io::Error,
    },
    /// What answers does not speak HTTP/2.
    #[error("no HTTP/2 with {url}: {source}")]
    Http2 {
        /// The listener.
        url: PeerUrl,
        /// Why.
        source: hyper::Error,
    },
    /// It speaks HTTP, but there is no holdfast at that path.
    #[error("{url} answered with HTTP status {status}, not with the sync path")]
    Path {
        /// The listener.
        url: PeerUrl,
        /// Its answer.
        status: StatusCode,
    },
    /// It is a holdfast that takes no more links now.
    #[error("{url} takes no more links now: {reason}")]
    Busy {
        /// The listener.
        url: PeerUrl,
        /// Its words.
        reason: String,
    },
    /// A step took too long.
    #[error("{url} gave no answer to {step} within {limit:?}")]
    Silent {
        /// The listener.
        url: PeerUrl,
        /// The step.
        step: StepName,
        /// The time it had.
        limit: Duration,
    },
}

impl DialError {
    /// The rung of the ladder that broke.
    #[must_use]
    pub fn step(&self) -> StepName {
        match self {
            Self::Url { .. } => StepName::Url,
            Self::Dns { .. } => StepName::Dns,
            Self::Tcp { .. } => StepName::Tcp,
            Self::Tls { .. } => StepName::Tls,
            Self::Http2 { .. } | Self::Path { .. } | Self::Busy { .. } => StepName::Http2,
            Self::Silent { step, .. } => *step,
        }
    }

    /// What a person can do about it.
    #[must_use]
    pub fn remedy(&self) -> String {
        match self {
            Self::Url { .. } => "write it as https://HOST[:PORT][/PATH]".to_owned(),
            Self::Dns { host, .. } => {
                format!("check the spelling of {host}, and that this machine is online and resolves it")
            }
            Self::Tcp { host, source, .. } if has_no_route(source) => format!(
                "check that this machine is online and has a route to {host}: its network, its VPN, and IPv6 where that is an IPv6 address"
            ),
            Self::Tcp { port, .. } => format!(
                "check that the other machine runs, that something listens on port {port}, and that no firewall is between"
            ),
            Self::Tls { .. } => {
                "where the listener has no TLS, write http:// instead of https://".to_owned()
            }
            Self::Http2 { .. } => {
                "check that this is the listener or a proxy that speaks HTTP/2 to us; where the listener has TLS, write https://".to_owned()
            }
            Self::Path { status: StatusCode::HTTP_VERSION_NOT_SUPPORTED, .. } => {
                "let the proxy speak HTTP/2 without TLS (h2c) to holdfast, not HTTP/1".to_owned()
            }
            Self::Path { status, .. } if status.is_server_error() => {
                "the proxy answers but reaches no holdfast: check that the daemon runs and that the proxy speaks h2c to it".to_owned()
            }
            Self::Path { .. } => format!(
                "let the proxy pass {} on, unchanged, over HTTP/2 (see examples/caddy)",
                grpc::SYNC_PATH
            ),
            Self::Busy { .. } => "nothing: it is tried again by and by".to_owned(),
            Self::Silent { .. } => {
                "check that the other machine is up and that nothing between drops what we send".to_owned()
            }
        }
    }
}

/// Nothing left this machine, or its network knows of no way on.
fn has_no_route(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NetworkUnreachable | io::ErrorKind::HostUnreachable)
}

/// Reaches listeners.
#[derive(Debug, Clone)]
pub struct Dialer {
    budget: Budget,
    patience: Duration,
}

impl Default for Dialer {
    fn default() -> Self {
        Self { budget: Budget::DIALER, patience: Duration::from_secs(10) }
    }
}

type Connection = Box<dyn ByteStream>;

impl Dialer {
    /// With other limits: `patience` is for each step, `budget` for what follows.
    #[must_use]
    pub fn with(budget: Budget, patience: Duration) -> Self {
        Self { budget, patience }
    }

    /// A link to whoever listens at `url`.
    pub async fn dial(&self, url: &PeerUrl) -> Result<Link, DialError> {
        self.climb(url, &mut Ladder::default()).await
    }

    /// The same, each step noted on `ladder`.
    pub async fn climb(&self, url: &PeerUrl, ladder: &mut Ladder) -> Result<Link, DialError> {
        let linked = self.try_climb(url, ladder).await;
        if let Err(error) = &linked {
            ladder.broke(error.step(), error.to_string(), error.remedy());
        }
        linked
    }

    async fn try_climb(&self, url: &PeerUrl, ladder: &mut Ladder) -> Result<Link, DialError> {
        let uri = sync_uri(url)?;
        ladder.held(StepName::Url, url.to_string());
        let addresses = self.patiently(url, StepName::Dns, resolve(url)).await?;
        ladder.held(StepName::Dns, listed(&addresses));
        let tcp = self.patiently(url, StepName::Tcp, connect(url, addresses)).await?;
        let tcp_failed = |source| tcp_error(url, source);
        tcp.set_nodelay(true).map_err(tcp_failed)?;
        let remote = RemoteAddress::direct(tcp.peer_addr().map_err(tcp_failed)?);
        ladder.held(StepName::Tcp, format!("connected to {}", remote.socket));
        let (connection, tls) = self.patiently(url, StepName::Tls, secure(url, tcp)).await?;
        note_tls(ladder, &tls);
        let half_open = HalfOpenLink::alone(self.budget);
        let opening = open(url, uri, connection, &half_open);
        let (outgoing, incoming) = self.patiently(url, StepName::Http2, opening).await?;
        ladder.held(StepName::Http2, "the sync path answers");
        Ok(Link { outgoing, incoming, remote, tls, half_open })
    }

    async fn patiently<T>(
        &self,
        url: &PeerUrl,
        step: StepName,
        work: impl Future<Output = Result<T, DialError>>,
    ) -> Result<T, DialError> {
        let silent = |_| DialError::Silent { url: url.clone(), step, limit: self.patience };
        tokio::time::timeout(self.patience, work).await.map_err(silent)?
    }
}

async fn resolve(url: &PeerUrl) -> Result<Vec<SocketAddr>, DialError> {
    let failed = |source| DialError::Dns { host: url.host().to_owned(), source };
    let found = tokio::net::lookup_host((url.host(), url.port())).await.map_err(failed)?;
    let addresses: Vec<_> = found.collect();
    if addresses.is_empty() {
        return Err(failed(io::Error::new(io::ErrorKind::NotFound, "the name has no address")));
    }
    Ok(addresses)
}

fn listed(addresses: &[SocketAddr]) -> String {
    let ips: Vec<_> = addresses.iter().map(|address| address.ip().to_string()).collect();
    ips.join(", ")
}

fn tcp_error(url: &PeerUrl, source: io::Error) -> DialError {
    DialError::Tcp { host: url.host().to_owned(), port: url.port(), source }
}

/// The first of the addresses to answer; each next one starts a little later.
async fn connect(url: &PeerUrl, addresses: Vec<SocketAddr>) -> Result<TcpStream, DialError> {
    let attempts = (0u32..).zip(addresses).map(|(n, address)| async move {
        tokio::time::sleep(STAGGER * n).await;
        TcpStream::connect(address).await
    });
    let mut attempts: FuturesUnordered<_> = attempts.collect();
    let mut failed = Vec::new();
    while let Some(attempt) = attempts.next().await {
        match attempt {
            Ok(tcp) => return Ok(tcp),
            Err(error) => failed.push(error),
        }
    }
    Err(tcp_error(url, most_telling(failed)))
}

/// The last one of a machine that was reached, else the last: a name often has an IPv6 address too,
/// also where there is no IPv6.
fn most_telling(mut failed: Vec<io::Error>) -> io::Error {
    let reached = failed.iter().rposition(|error| !has_no_route(error));
    match reached.map(|index| failed.swap_remove(index)).or_else(|| failed.pop()) {
        Some(error) => error,
        None => io::Error::new(io::ErrorKind::NotFound, "the name has no address"),
    }
}

async fn secure(url: &PeerUrl, tcp: TcpStream) -> Result<(Connection, TlsSeen), DialError> {
    if url.transport() == Transport::Plain {
        return Ok((Box::new(tcp), TlsSeen::Plain));
    }
    let failed = |source| DialError::Tls { host: url.host().to_owned(), port: url.port(), source };
    let name = ServerName::try_from(url.host().to_owned())
        .map_err(|error| failed(io::Error::new(io::ErrorKind::InvalidInput, error)))?;
    let (config, verdict) = tls::client().map_err(|error| failed(io::Error::other(error)))?;
    let stream = TlsConnector::from(Arc::new(config)).connect(name, tcp).await.map_err(failed)?;
    let unseen = || Certificate::Untrusted("it showed no certificate".to_owned());
    let certificate = verdict.get().cloned().unwrap_or_else(unseen);
    let seen = tls::seen(stream.get_ref().1, certificate);
    Ok((Box::new(stream), seen))
}

fn note_tls(ladder: &mut Ladder, seen: &TlsSeen) {
    match seen {
        TlsSeen::Plain => {
            ladder.held(
                StepName::Tls,
                "none on this hop; the channel inside is encrypted all the same",
            );
        }
        TlsSeen::Tls { version, group, certificate: Certificate::Untrusted(reason) } => ladder
            .held_but(
                StepName::Tls,
                format!("{version}, {group}, certificate not trusted by this machine: {reason}"),
                "nothing has to be done: identity is proved inside the channel".to_owned(),
            ),
        TlsSeen::Tls { version, group, certificate: Certificate::Trusted | Certificate::Ours } => {
            ladder.held(StepName::Tls, format!("{version}, {group}, certificate trusted"));
        }
    }
}

async fn open(
    url: &PeerUrl,
    uri: Uri,
    connection: Connection,
    half_open: &HalfOpenLink,
) -> Result<grpc::Halves, DialError> {
    let failed = |source| DialError::Http2 { url: url.clone(), source };
    let (mut sender, driver) = http2::Builder::new(TokioExecutor::new())
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(STREAM_WINDOW)
        .max_header_list_size(MAX_HEADERS)
        .max_send_buf_size(SEND_BUFFER)
        .handshake(TokioIo::new(connection))
        .await
        .map_err(failed)?;
    // It ends by itself once the call is over: the last sender goes when this function returns.
    tokio::spawn(driver);
    let (request, outgoing) = grpc::request(uri, half_open);
    let response = sender.send_request(request).await.map_err(failed)?;
    check(url, &response)?;
    Ok((outgoing, grpc::answered(response, half_open)))
}

fn sync_uri(url: &PeerUrl) -> Result<Uri, DialError> {
    let scheme = match url.transport() {
        Transport::Plain => Scheme::HTTP,
        Transport::Tls => Scheme::HTTPS,
    };
    let uri = Uri::builder().scheme(scheme).authority(url.authority());
    let uri = uri.path_and_query(url.sync_path()).build();
    uri.map_err(|source| DialError::Url { url: url.clone(), source })
}

fn check(url: &PeerUrl, response: &Response<Incoming>) -> Result<(), DialError> {
    let status = response.status();
    if status != StatusCode::OK || !grpc::is_grpc(response.headers()) {
        return Err(DialError::Path { url: url.clone(), status });
    }
    match tonic::Status::from_header_map(response.headers()) {
        None => Ok(()),
        Some(refused) if refused.code() == tonic::Code::ResourceExhausted => {
            let reason = refused.message().to_owned();
            Err(DialError::Busy { url: url.clone(), reason })
        }
        Some(_) => Err(DialError::Path { url: url.clone(), status: StatusCode::NOT_FOUND }),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn tcp(kind: io::ErrorKind) -> DialError {
        tcp_error(&"https://nas.example".parse().unwrap(), kind.into())
    }

    #[test]
    fn no_route_is_not_cured_at_the_other_machine() {
        for kind in [io::ErrorKind::NetworkUnreachable, io::ErrorKind::HostUnreachable] {
            let remedy = tcp(kind).remedy();
            assert!(remedy.contains("this machine is online"), "{remedy}");
        }
        let remedy = tcp(io::ErrorKind::ConnectionRefused).remedy();
        assert!(remedy.contains("listens on port 443"), "{remedy}");
    }

    #[test]
    fn an_address_that_was_reached_says_more_than_one_without_a_route() {
        let told = |kinds: &[io::ErrorKind]| {
            most_telling(kinds.iter().map(|kind| io::Error::from(*kind)).collect()).kind()
        };
        let (refused, away) = (io::ErrorKind::ConnectionRefused, io::ErrorKind::NetworkUnreachable);
        assert_eq!(told(&[refused, away]), refused);
        assert_eq!(told(&[away, refused]), refused);
        assert_eq!(told(&[away, away]), away);
    }
}
