//! What comes of calling a listener, and what a person is told of an ending.

use crate::grant::Grants;
use crate::model::{KeyId, LinkState, Timestamp};
use crate::net::DialError;
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
    (ending.code().to_owned(), ending.remedy())
}

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
