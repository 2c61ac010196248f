//! Words kept in columns of `trust.db`.

use crate::model::words;
use std::fmt;
use std::str::FromStr;

words!(
    /// What became of a pushed repo here.
    ReceivedState, "received repo state", {
        /// Usable.
        Taken = "taken",
        /// A local repo has the same guid or id; that one stays.
        Conflict = "conflict",
        /// A person deleted it here; it stays deleted until that person takes it again.
        Deleted = "deleted",
        /// Its owner took it back; plans on it are disabled with the reason.
        Disabled = "disabled",
        /// Not usable as it came, such as a uri that is not allowed.
        Refused = "refused",
    }
);

words!(
    /// Why an owner takes a repo back.
    RecordReason, "record reason", {
        /// It is no longer shared.
        Unshared = "unshared",
        /// The grant was revoked.
        Revoked = "revoked",
        /// The peer was removed.
        PeerRemoved = "peer-removed",
    }
);
