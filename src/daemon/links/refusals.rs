//! Who asked to be let in and was refused, and why: a pairing that fails is not silent on this side.
//!
//! Kept in memory, the last of each key, bounded: whoever can reach the sync path can make any number
//! of keys.

use crate::clock;
use crate::model::{InstanceId, KeyId, Timestamp};
use crate::session::{Admission, Applicant, Code};
use tokio::sync::watch;

/// Of so many keys the last refusal is kept.
const KEPT: usize = 50;

/// One that was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// Its key, which it has proven.
    pub key: KeyId,
    /// What it calls itself.
    pub instance: InstanceId,
    /// Whence it came, as far as that is known.
    pub address: Option<String>,
    /// When that was last.
    pub at: Timestamp,
    /// How often, for the same reason.
    pub times: u32,
    /// Why.
    pub code: Code,
}

/// The last refusals, the newest first.
#[derive(Debug, Default)]
pub struct Refusals(watch::Sender<Vec<Refused>>);

impl Refusals {
    /// All of them.
    #[must_use]
    pub fn all(&self) -> Vec<Refused> {
        self.0.borrow().clone()
    }

    /// Changes with each refusal.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<Vec<Refused>> {
        self.0.subscribe()
    }

    /// Takes note of a decision.
    pub(super) fn note(&self, applicant: &Applicant, admission: &Admission, from: Option<&str>) {
        match admission {
            Admission::Refuse(reason) => {
                let (code, key, instance) = (&reason.code, &applicant.key, &applicant.instance);
                tracing::info!(%code, %key, %instance, from, "an applicant was refused");
                if let Some(code) = Code::parse(&reason.code).filter(|code| is_told(*code)) {
                    self.add(applicant, code, from);
                }
            }
            Admission::Accept { .. } => self.forget(&applicant.key),
            Admission::Offer(_) => {}
        }
    }

    fn add(&self, applicant: &Applicant, code: Code, from: Option<&str>) {
        self.0.send_modify(|kept| {
            let before = kept.iter().position(|refused| refused.key == applicant.key);
            let before = before.map(|at| kept.remove(at)).filter(|before| before.code == code);
            let times = before.map_or(0, |before| before.times).saturating_add(1);
            let (key, instance) = (applicant.key, applicant.instance.clone());
            let address = from.map(ToOwned::to_owned);
            kept.insert(0, Refused { key, instance, address, at: clock::now(), times, code });
            kept.truncate(KEPT);
        });
    }

    /// Whoever is let in, or was allowed again, is no longer listed.
    pub fn forget(&self, key: &KeyId) {
        self.0.send_if_modified(|kept| {
            let before = kept.len();
            kept.retain(|refused| refused.key != *key);
            kept.len() != before
        });
    }
}

/// A fault of this side, or of the moment, is no word about the applicant.
const fn is_told(code: Code) -> bool {
    !matches!(code, Code::Internal | Code::Busy)
}

/// Why, and what to do about it on this side.
#[must_use]
pub const fn explained(code: Code) -> (&'static str, &'static str) {
    match code {
        Code::TokenUnknown => ("its token is not one of this instance", "make a new token for it"),
        Code::TokenExpired => ("its token has expired", "make a new token for it"),
        Code::TokenUsedUp => {
            ("its token was used as often as it may be", "make a new token for it")
        }
        Code::TokenRevoked => ("its token was revoked", "make a new token if it may pair"),
        Code::WrongInstance => ("its token names another instance", "make a new token for it"),
        Code::NameTaken => (
            "another peer or this instance has its name",
            "change its `instance`, or make a token that replaces that peer",
        ),
        Code::Denied | Code::Removed => {
            ("it was removed here", "allow its key, or leave it as it is")
        }
        Code::UnknownPeer => {
            ("it dials as a peer and is not known here", "pair it again with a new token")
        }
        Code::Replaced
        | Code::Restart
        | Code::Shutdown
        | Code::Duplicate
        | Code::Clone
        | Code::SelfDial
        | Code::BadGrants
        | Code::Protocol
        | Code::Incompatible
        | Code::Busy
        | Code::Internal
        | Code::Done => {
            ("it was refused", "look at its own words for the reason: holdfast peer test there")
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::crypto::Identity;
    use crate::wire::handshake::Purpose;

    fn applicant(seed: u8) -> Applicant {
        let identity = Identity::from_seed([seed; 32]);
        Applicant {
            key: identity.key_id(),
            public_key: identity.public_key(),
            instance: format!("host-{seed}").parse().unwrap(),
            purpose: Purpose::Pair,
            boot_id: [seed; 16],
            software: String::new(),
            redemption: None,
        }
    }

    fn refuse(code: Code) -> Admission {
        Admission::Refuse(code.reason())
    }

    #[test]
    fn the_last_of_each_key_is_kept_and_counted() {
        let refusals = Refusals::default();
        refusals.note(&applicant(1), &refuse(Code::TokenExpired), Some("192.0.2.7"));
        refusals.note(&applicant(2), &refuse(Code::TokenUnknown), None);
        refusals.note(&applicant(1), &refuse(Code::TokenExpired), None);
        let all = refusals.all();
        let seen: Vec<_> = all.iter().map(|one| (one.instance.as_str(), one.times)).collect();
        assert_eq!(seen, [("host-1", 2), ("host-2", 1)]);
        refusals.note(&applicant(1), &refuse(Code::TokenUsedUp), None);
        assert_eq!((refusals.all()[0].code, refusals.all()[0].times), (Code::TokenUsedUp, 1));
    }

    #[test]
    fn any_number_of_keys_fills_no_memory() {
        let refusals = Refusals::default();
        for seed in 0..=u8::MAX {
            refusals.note(&applicant(seed), &refuse(Code::TokenUnknown), None);
        }
        assert_eq!(refusals.all().len(), KEPT);
        assert_eq!(refusals.all()[0].instance.as_str(), "host-255");
    }

    #[test]
    fn our_own_faults_are_no_word_about_it() {
        let refusals = Refusals::default();
        refusals.note(&applicant(1), &refuse(Code::Internal), None);
        refusals.note(&applicant(1), &refuse(Code::Busy), None);
        assert_eq!(refusals.all(), []);
    }
}
