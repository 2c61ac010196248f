//! What a peer is to us.

use super::operation::words;
use std::fmt;
use std::str::FromStr;

words!(
    /// Who dials whom.
    PeerRole, "role", {
        /// We dial it.
        KnownHost = "known-host",
        /// It dials us.
        AuthorizedClient = "authorized-client",
    }
);

words!(
    /// How the link to a peer is, as a person sees it.
    LinkState, "peer state", {
        /// Being dialled for the first time since it was last lost.
        Connecting = "connecting",
        /// A session stands.
        Connected = "connected",
        /// No session; it is dialled again by and by, or awaited.
        Offline = "offline",
        /// One side refuses the other, for a reason that a person can mend.
        Refused = "refused",
        /// The two versions have no protocol version in common.
        Incompatible = "incompatible",
    }
);
