//! What comes of calling a listener, and what a person is told of an ending.

use crate::grant::Grants;
use crate::model::{KeyId, LinkState, Timestamp};
use crate::net::DialError;
use crate::pairing::PeerUrl;
use crate::session::{Code, Ending, Errand, Opened, Verdict};
use crate::store::StoreError;
use crate::wire::handshake::{Offer, Opening, Purpose, Redemption};

/// Why a dialled session did not come about.
#[derive(Debug, thiserror::Error)]
pub enum DialFailure {
    /// Nobody was reached.
    #[error(transparent)]
    Unreached(#[from] DialError),
    /// A fault of this instance.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The system has no randomness.
    #[error(transparent)]
    Crypto(#[from] crate::crypto::CryptoError),
}

impl DialFailure {
    /// What a person can do about it.
    #[must_use]
    pub fn remedy(&self) -> String {
        match self {
            Self::Unreached(error) => error.remedy(),
            Self::Store(_) | Self::Crypto(_) => "see the log of this instance".to_owned(),
        }
    }
}

/// What came of a call on a listener.
#[derive(Debug, Clone)]
pub struct Visit {
    /// How it ended; code `done` is a yes to a preview, a pairing or a probe.
    pub ending: Ending,
    /// Whether a session stood.
    pub stood: bool,
    /// Who answered, where it accepted a call that is no session.
    pub opened: Option<Opened>,
    /// The answer to a preview.
    pub offer: Option<Offer>,
}

impl Visit {
    /// One that came to nothing.
    pub(in crate::daemon) const fn cut() -> Self {
        Self { ending: Ending::Cut, stood: false, opened: None, offer: None }
    }

    /// The reason and its remedy, for a person who wanted to reach `peer` at `url`.
    #[must_use]
    pub fn said(&self, peer: &str, url: &PeerUrl) -> (String, String) {
        if self.stood || self.ending != Ending::Cut {
            return said(&self.ending);
        }
        // Who is not asked for by its key closes without a word.
        let reason = format!("what answers at {url} closed before it proved to be {peer}");
        let remedy = format!(
            "it is starting, or another instance has that address: `holdfast peer test {peer}`"
        );
        (reason, remedy)
    }

    /// Whether the errand was done.
    #[must_use]
    pub fn is_done(&self) -> bool {
        Code::parse(self.ending.code()) == Some(Code::Done)
    }
}

/// What a person sees after a session with this ending.
#[must_use]
pub fn state_after(ending: &Ending) -> LinkState {
    match ending.verdict() {
        Verdict::Retry | Verdict::Duplicate => LinkState::Offline,
        Verdict::Refused => LinkState::Refused,
        Verdict::Incompatible => LinkState::Incompatible,
    }
}

/// The reason of an ending and its remedy.
#[must_use]
pub fn said(ending: &Ending) -> (String, String) {
    let ours = match ending {
        // The remedy of the code is said to the other side.
        Ending::Ours(reason) => Code::parse(&reason.code).and_then(said_here),
        _ => None,
    };
    let remedy = ours.map_or_else(|| ending.remedy(), str::to_owned);
    (ending.code().to_owned(), remedy)
}

/// What is to be said where a link was closed, if that is not what the other side is told.
const fn said_here(code: Code) -> Option<&'static str> {
    match code {
        Code::Clone => Some(CLONE_HERE),
        Code::Internal => Some("this instance has a fault of its own; its log says which"),
        Code::Protocol => Some(
            "the other side sent what the protocol does not allow; update the older side if it goes on",
        ),
        _ => None,
    }
}

/// What to do where a clone was seen.
pub(super) const CLONE_HERE: &str = "two machines use this identity; give the copy a new identity and another `instance`, pair it with a new token, and run `holdfast peer allow` here for the real one";

/// When the peer was last heard: a link is declared dead long after that.
pub(super) fn heard_until(ending: &Ending, heard: Option<Timestamp>, now: Timestamp) -> Timestamp {
    match ending {
        Ending::Silent(silence) => heard.max(Some(now.minus(*silence))).unwrap_or(now),
        Ending::Theirs(_) => now,
        Ending::Ours(_)
        | Ending::Cut
        | Ending::HandshakeTimeout
        | Ending::NotAuthenticated(_)
        | Ending::Incompatible(_) => heard.unwrap_or(now),
    }
}

pub(super) fn errand(listener: KeyId, purpose: Purpose, redemption: Option<Redemption>) -> Errand {
    let (grants, opening) = (Grants::none(), Opening::default());
    Errand { listener, purpose, redemption, grants, opening }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_clone_is_allowed_where_it_was_seen() {
        let reason = Code::Clone.reason();
        assert!(said(&Ending::Ours(reason.clone())).1.contains("allow` here"));
        assert!(said(&Ending::Theirs(reason)).1.contains("allow` on the other side"));
        for fault in [Code::Internal, Code::Protocol] {
            let [ours, theirs] =
                [Ending::Ours, Ending::Theirs].map(|by| said(&by(fault.reason())).1);
            assert_ne!(ours, theirs, "it is not the same side's");
        }
    }

    #[test]
    fn who_closes_before_a_session_is_not_said_to_come_back() {
        let url = "https://hub.example".parse().unwrap();
        let (reason, remedy) = Visit::cut().said("hub", &url);
        assert_eq!(reason, "what answers at https://hub.example closed before it proved to be hub");
        assert!(remedy.ends_with("`holdfast peer test hub`"), "{remedy}");
        assert_eq!(state_after(&Visit::cut().ending), LinkState::Offline);
        let stood = Visit { stood: true, ..Visit::cut() };
        assert_eq!(stood.said("hub", &url).0, "cut");
    }
}
