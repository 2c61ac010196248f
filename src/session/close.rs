//! Why sessions end: the codes both sides know, and what a dialer makes of each.

use crate::wire::CloseReason;
use std::time::Duration;

/// The code of a close, as both sides know it. What is not known is kept as text.
macro_rules! codes {
    ($($(#[$doc:meta])* $variant:ident = $code:literal, $verdict:expr, $remedy:literal;)+) => {
        /// Why a session ends or does not begin.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Code {
            $($(#[$doc])* $variant,)+
        }

        impl Code {
            /// Every code.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The word on the wire.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $code,)+ }
            }

            /// What the dialer does about it.
            #[must_use]
            pub const fn verdict(self) -> Verdict {
                match self { $(Self::$variant => $verdict,)+ }
            }

            /// What a person can do about it, said to the other side.
            #[must_use]
            pub const fn remedy(self) -> &'static str {
                match self { $(Self::$variant => $remedy,)+ }
            }
        }
    };
}

/// What a dialer does after an ending; its loop looks at nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// Dial again by back-off.
    Retry,
    /// The cure is a person's, on either side: dial again every 15 to 60 minutes.
    Refused,
    /// The versions do not fit: as refused, and shown as incompatible.
    Incompatible,
    /// The other direction has a session: wait while it lives.
    Duplicate,
}

codes! {
    /// A newer session took over.
    Replaced = "replaced", Verdict::Retry, "a newer session took over; nothing needs doing";
    /// Something changed that a new session has to begin with.
    Restart = "restart", Verdict::Retry, "a new session begins at once; nothing needs doing";
    /// The daemon stops.
    Shutdown = "shutdown", Verdict::Retry, "the other side is stopping; the link comes back with it";
    /// The two dial each other, and the other direction counts.
    Duplicate = "duplicate", Verdict::Duplicate, "the two dial each other; the other session is used";
    /// A boot id came back after another was seen.
    Clone = "clone", Verdict::Refused, "two machines use this identity; give the copy a new identity and another `instance`, pair it with a new token, and run `holdfast peer allow` on the other side for the real one";
    /// Somebody dialled its own key.
    SelfDial = "self", Verdict::Refused, "this address leads back to the same instance; correct the URL";
    /// The dialer's key is not known here.
    UnknownPeer = "unknown-peer", Verdict::Refused, "not paired with this instance; pair with a token (`holdfast token create` there, `holdfast join` here)";
    /// The dialer was removed here.
    Denied = "denied", Verdict::Refused, "this instance was removed there; a token made later, or `holdfast peer allow`, lets it back";
    /// The token is not known.
    TokenUnknown = "unknown", Verdict::Refused, "the token is not known there; ask for a new one";
    /// The token's time is over.
    TokenExpired = "expired", Verdict::Refused, "the token has expired; ask for a new one";
    /// The token was used as often as it may be.
    TokenUsedUp = "used-up", Verdict::Refused, "the token was used already; ask for a new one";
    /// The token was revoked.
    TokenRevoked = "revoked", Verdict::Refused, "the token was revoked; ask for a new one";
    /// The key is right and the name is not.
    WrongInstance = "wrong-instance", Verdict::Refused, "the token names another instance than the one that answers; ask for a new one";
    /// Another key holds the dialer's name.
    NameTaken = "name-taken", Verdict::Refused, "another peer there, or that instance itself, has this instance's name; change `instance` in the config, or ask for a token with --replaces";
    /// The grants offered in a pairing were malformed.
    BadGrants = "bad-grants", Verdict::Refused, "the grants sent along were not understood; update the older side";
    /// The protocol was broken.
    Protocol = "protocol", Verdict::Retry, "the other side finds that what this instance sent is not what the protocol allows; update the older side if it goes on";
    /// No protocol version in common.
    Incompatible = "incompatible", Verdict::Incompatible, "no protocol version in common; update the older side";
    /// Too many at once.
    Busy = "busy", Verdict::Retry, "too busy now; it is tried again by itself";
    /// The peer was removed while connected.
    Removed = "removed", Verdict::Refused, "this instance was removed there; a token made later, or `holdfast peer allow`, lets it back";
    /// A fault of the side that closes.
    Internal = "internal", Verdict::Retry, "the other side has a fault of its own; its log says which";
    /// Pairing, preview or probe is done.
    Done = "done", Verdict::Retry, "done";
}

impl Code {
    /// Reads the word on the wire.
    #[must_use]
    pub fn parse(code: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|known| known.as_str() == code)
    }

    /// The close message of this code.
    #[must_use]
    pub fn reason(self) -> CloseReason {
        let retry_after_s = match self {
            Self::Clone => 15 * 60,
            _ => 0,
        };
        CloseReason {
            code: self.as_str().to_owned(),
            remedy: self.remedy().to_owned(),
            retry_after_s,
        }
    }
}

/// How a session ended, and by whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// We closed it.
    Ours(CloseReason),
    /// The peer closed or refused it.
    Theirs(CloseReason),
    /// The link went without a close.
    Cut,
    /// Nothing was heard for the allowed time.
    Silent(Duration),
    /// The handshake was not done in time.
    HandshakeTimeout,
    /// The listener is not who was dialled, or the handshake does not verify: told nothing.
    NotAuthenticated(String),
    /// No version in common.
    Incompatible(String),
}

impl Ending {
    /// What the dialer does about it.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        match self {
            Self::Ours(reason) | Self::Theirs(reason) => {
                // A code of a later version is taken as a refusal: its remedy is shown.
                Code::parse(&reason.code).map_or(Verdict::Refused, Code::verdict)
            }
            Self::Cut | Self::Silent(_) | Self::HandshakeTimeout => Verdict::Retry,
            Self::NotAuthenticated(_) => Verdict::Refused,
            Self::Incompatible(_) => Verdict::Incompatible,
        }
    }

    /// One word for programs.
    #[must_use]
    pub fn code(&self) -> &str {
        match self {
            Self::Ours(reason) | Self::Theirs(reason) => &reason.code,
            Self::Cut => "cut",
            Self::Silent(_) => "silent",
            Self::HandshakeTimeout => "handshake-timeout",
            Self::NotAuthenticated(_) => "not-authenticated",
            Self::Incompatible(_) => "incompatible",
        }
    }

    /// What a person can do about it.
    #[must_use]
    pub fn remedy(&self) -> String {
        match self {
            Self::Ours(reason) | Self::Theirs(reason) => reason.remedy.clone(),
            Self::Cut => "the connection was cut; the link comes back by itself".to_owned(),
            Self::Silent(silence) => {
                format!(
                    "nothing was heard for {} s; the link comes back by itself",
                    silence.as_secs()
                )
            }
            Self::HandshakeTimeout => {
                "the other side did not answer in time; check that the URL leads to holdfast"
                    .to_owned()
            }
            Self::NotAuthenticated(why) => {
                format!("{why}; somebody else answers at this URL: correct it, or pair again")
            }
            Self::Incompatible(why) => format!("{why}; update the older side"),
        }
    }
}
