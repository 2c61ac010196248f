//! One stream of envelopes each way, whoever dialled: what the session is driven over.
//!
//! A link knows neither keys nor peers. It ends when either half is dropped; silence does not end it.

use super::gate::{CutReason, Gate};
use super::half_open::HalfOpenLink;
use crate::wire::proto::sync::Envelope;
use futures_util::future::BoxFuture;
use futures_util::stream::{BoxStream, Stream, StreamExt};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

/// Envelopes waiting for the carrier: the one being written, and no queue behind it.
pub(super) const OUTGOING: usize = 1;

/// A carrier between us and one remote end.
///
/// A clean end: send the last envelope, drop `outgoing`, and read `incoming` until `None`.
#[derive(Debug)]
pub struct Link {
    /// To the other side. Closed when the link is gone; dropping it ends our direction.
    pub outgoing: mpsc::Sender<Envelope>,
    /// From the other side.
    pub incoming: LinkIncoming,
    /// Where the other side is.
    pub remote: RemoteAddress,
    /// What the outer connection looked like.
    pub tls: TlsSeen,
    /// How far the link has come. Whoever drives it says so, in both roles, and holds this until
    /// the other side's signature is verified: until then its [`super::Budget`] counts.
    pub half_open: HalfOpenLink,
}

/// What bytes travel on, below HTTP.
pub(super) trait ByteStream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> ByteStream for T {}

/// Where the other side of a link is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RemoteAddress {
    /// The TCP peer.
    pub socket: SocketAddr,
    /// Who is behind it: the TCP peer, or what a trusted proxy says; `None` where that says nothing.
    pub client: Option<IpAddr>,
    /// Whether the TCP peer is a trusted proxy.
    pub via_proxy: bool,
}

/// What the outer connection looked like from this end. It proves nothing about the peer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TlsSeen {
    /// No TLS on this hop.
    Plain,
    /// TLS on this hop.
    Tls {
        /// "TLSv1.3".
        version: String,
        /// The key exchange, "X25519MLKEM768".
        group: String,
        /// The listener's certificate.
        certificate: Certificate,
    },
}

/// What this machine thinks of the listener's certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Certificate {
    /// We are the listener.
    Ours,
    /// This machine's roots vouch for it and for the name dialled.
    Trusted,
    /// They do not, for this reason. The link is used all the same: identity is proved inside it.
    Untrusted(String),
}

/// Why a link failed.
#[derive(Debug, Error)]
pub enum LinkError {
    /// We cut it.
    #[error("link cut: {0}")]
    Cut(CutReason),
    /// It broke, or the other side sent what is not an envelope.
    #[error("link broken: {0}")]
    Broken(String),
}

/// The envelopes that arrive on a link.
pub struct LinkIncoming {
    stream: BoxStream<'static, Result<Envelope, LinkError>>,
    gate: Arc<Gate>,
    cut: BoxFuture<'static, CutReason>,
    ended: bool,
}

impl std::fmt::Debug for LinkIncoming {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LinkIncoming").field("ended", &self.ended).finish_non_exhaustive()
    }
}

impl LinkIncoming {
    pub(super) fn new(
        stream: impl Stream<Item = Result<Envelope, LinkError>> + Send + 'static,
        gate: &Arc<Gate>,
    ) -> Self {
        let cut = Box::pin(Arc::clone(gate).cut());
        Self { stream: stream.boxed(), gate: Arc::clone(gate), cut, ended: false }
    }

    /// The next envelope; `None` once the other side has ended its direction, or after an error.
    /// Dropping the future loses nothing.
    pub async fn next(&mut self) -> Option<Result<Envelope, LinkError>> {
        if self.ended {
            return None;
        }
        let next = tokio::select! {
            biased;
            reason = &mut self.cut => Some(Err(LinkError::Cut(reason))),
            next = self.stream.next() => next.map(|next| next.map_err(|error| self.explained(error))),
        };
        self.ended = !matches!(next, Some(Ok(_)));
        next
    }

    /// Where the stream broke because we cut it, the cut is the reason.
    fn explained(&self, error: LinkError) -> LinkError {
        self.gate.cut_reason().map_or(error, LinkError::Cut)
    }
}

impl Link {
    /// Two ends of a carrier in memory: the dialer's and the listener's.
    #[must_use]
    pub fn pair() -> (Self, Self) {
        let (to_listener, from_dialer) = mpsc::channel(OUTGOING);
        let (to_dialer, from_listener) = mpsc::channel(OUTGOING);
        (Self::in_memory(to_listener, from_listener), Self::in_memory(to_dialer, from_dialer))
    }

    fn in_memory(outgoing: mpsc::Sender<Envelope>, incoming: mpsc::Receiver<Envelope>) -> Self {
        let half_open = HalfOpenLink::unlimited();
        Self {
            outgoing,
            incoming: LinkIncoming::new(ReceiverStream::new(incoming).map(Ok), half_open.gate()),
            remote: RemoteAddress::direct(SocketAddr::from(([127, 0, 0, 1], 0))),
            tls: TlsSeen::Plain,
            half_open,
        }
    }
}

impl RemoteAddress {
    /// A remote end with nothing between.
    #[must_use]
    pub fn direct(socket: SocketAddr) -> Self {
        Self { socket, client: Some(socket.ip().to_canonical()), via_proxy: false }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_pair_carries_envelopes_until_one_end_is_dropped() {
        let (dialer, mut listener) = Link::pair();
        dialer.outgoing.send(Envelope::default()).await.unwrap();
        assert_eq!(listener.incoming.next().await.unwrap().unwrap(), Envelope::default());
        drop(dialer);
        assert!(listener.incoming.next().await.is_none());
        assert!(listener.outgoing.is_closed());
    }
}
