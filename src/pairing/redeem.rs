//! Whether a token admits a candidate, at a given now.

use super::Token;
use crate::grant::Grants;
use crate::model::{InstanceId, KeyId, SecretHash, Timestamp, words};
use std::fmt;
use std::str::FromStr;

/// Names a token in lists; tells nothing about its secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TokenId([u8; 4]);

impl TokenId {
    /// From random bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 4]) -> Self {
        Self(bytes)
    }
}

/// Not the id of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a token id has 8 hexadecimal digits; `holdfast token list` shows them")]
pub struct TokenIdError;

impl FromStr for TokenId {
    type Err = TokenIdError;

    fn from_str(text: &str) -> Result<Self, TokenIdError> {
        let mut bytes = [0; 4];
        hex::decode_to_slice(text, &mut bytes).map_err(|_| TokenIdError)?;
        Ok(Self(bytes))
    }
}

impl fmt::Display for TokenId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

/// A token as the listener keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenRow {
    /// Its name in lists.
    pub id: TokenId,
    /// What is kept of its secret.
    pub secret_hash: SecretHash,
    /// For whom it is, in the words of its maker.
    pub label: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// From when it is expired; `None` for never.
    pub expires_at: Option<Timestamp>,
    /// How often it may be redeemed; 0 = unlimited.
    pub max_uses: u32,
    /// How often it was redeemed.
    pub uses: u32,
    /// Whether somebody took it back.
    pub revoked: bool,
    /// What whoever redeems it may do here.
    pub grants: Grants,
    /// What the listener would like in return.
    pub asks: Grants,
    /// Whose entry the redeemer takes over.
    pub replaces: Option<KeyId>,
}

words!(
    /// Whether a token may still be redeemed.
    TokenState, "token state", {
        /// It may.
        Open = "open",
        /// As often as it was meant for.
        UsedUp = "used-up",
        /// Its time is over.
        Expired = "expired",
        /// Somebody took it back.
        Revoked = "revoked",
    }
);

impl TokenRow {
    /// Its state at `now`. What a person did counts before what time did.
    #[must_use]
    pub fn state(&self, now: Timestamp) -> TokenState {
        if self.revoked {
            TokenState::Revoked
        } else if self.max_uses != 0 && self.uses >= self.max_uses {
            TokenState::UsedUp
        } else if self.expires_at.is_some_and(|end| now >= end) {
            TokenState::Expired
        } else {
            TokenState::Open
        }
    }
}

/// Who wants to be admitted, and what is known here of that key and name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// Its authenticated key.
    pub key: KeyId,
    /// What it calls itself.
    pub instance: InstanceId,
    /// Whether this key is a peer already.
    pub standing: Standing,
    /// The peer that has this instance id now, whatever its key. That it is the listener's own is for
    /// the listener to see.
    pub name_holder: Option<KeyId>,
}

/// What a key is here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Never seen, or forgotten.
    Stranger,
    /// A peer.
    Known,
    /// Removed then; only a later token or `peer allow` lifts that.
    RemovedAt(Timestamp),
}

/// How a candidate comes in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// As the peer that it is: no use counted, no grant changed.
    AlreadyKnown,
    /// The token is used once and the peer inserted, in one transaction (P1).
    Redeem {
        /// The entry that it takes over; that key is refused from then on.
        replaces: Option<KeyId>,
    },
}

words!(
    /// Why a pairing is refused: the code of the message.
    Refusal, "refusal", {
        /// No token with this secret.
        Unknown = "unknown",
        /// Its time is over.
        Expired = "expired",
        /// As often as it was meant for.
        UsedUp = "used-up",
        /// Somebody took it back.
        Revoked = "revoked",
        /// The listener is not called what the token says.
        WrongInstance = "wrong-instance",
        /// Another key holds that instance id.
        NameTaken = "name-taken",
        /// The key was removed after the token was made.
        Denied = "denied",
    }
);

impl Refusal {
    /// What to do about it, in one sentence.
    #[must_use]
    pub const fn remedy(self) -> &'static str {
        match self {
            Self::Unknown => {
                "the listener has no such token: check that all of it was copied, or ask for a new one"
            }
            Self::Expired => "the time of this token is over: ask for a new one",
            Self::UsedUp => {
                "this token was redeemed as often as it may be: ask for a new one, or for more uses (--max-uses)"
            }
            Self::Revoked => "this token was taken back: ask for a new one",
            Self::WrongInstance => {
                "the listener has another name than the token says: ask for a token made under its present name"
            }
            Self::NameTaken => {
                "this instance id is that of another peer there, or of the listener itself: set another `instance` in the config file, or ask for a token made with --replaces"
            }
            Self::Denied => {
                "this machine was removed there: ask for a token made since, or for `holdfast peer allow`"
            }
        }
    }
}

/// The dialer's check: the authenticated listener must be the one that the token names.
///
/// # Errors
/// [`Refusal::Unknown`] for another key, [`Refusal::WrongInstance`] for another name.
pub fn check_listener(token: &Token, key: &KeyId, instance: &InstanceId) -> Result<(), Refusal> {
    if token.listener != *key {
        Err(Refusal::Unknown)
    } else if token.instance != *instance {
        Err(Refusal::WrongInstance)
    } else {
        Ok(())
    }
}

/// The listener's decision on the row found for the presented secret, if any was.
///
/// # Errors
/// Why the candidate stays out.
pub fn decide(
    row: Option<&TokenRow>,
    candidate: &Candidate,
    now: Timestamp,
) -> Result<Admission, Refusal> {
    // A retry after a crash between commit and answer ends here, whatever became of the token.
    if candidate.standing == Standing::Known {
        return Ok(Admission::AlreadyKnown);
    }
    let row = row.ok_or(Refusal::Unknown)?;
    match row.state(now) {
        TokenState::Open => {}
        TokenState::UsedUp => return Err(Refusal::UsedUp),
        TokenState::Expired => return Err(Refusal::Expired),
        TokenState::Revoked => return Err(Refusal::Revoked),
    }
    if matches!(candidate.standing, Standing::RemovedAt(then) if row.created_at <= then) {
        return Err(Refusal::Denied);
    }
    let holder = candidate.name_holder.filter(|key| *key != candidate.key);
    if holder.is_some_and(|key| row.replaces != Some(key)) {
        return Err(Refusal::NameTaken);
    }
    Ok(Admission::Redeem { replaces: row.replaces })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::PairingSecret;
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_000);

    fn key(byte: u8) -> KeyId {
        KeyId::from_bytes([byte; 32])
    }

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    fn row() -> TokenRow {
        TokenRow {
            id: TokenId::from_bytes([1, 2, 3, 4]),
            secret_hash: PairingSecret::from_bytes([0; 32]).hash(),
            label: "for the laptop".into(),
            created_at: at(500),
            expires_at: Some(at(2_000)),
            max_uses: 1,
            uses: 0,
            revoked: false,
            grants: Grants::none(),
            asks: Grants::none(),
            replaces: None,
        }
    }

    fn candidate() -> Candidate {
        Candidate {
            key: key(1),
            instance: "laptop".parse().unwrap(),
            standing: Standing::Stranger,
            name_holder: None,
        }
    }

    const REDEEMED: Result<Admission, Refusal> = Ok(Admission::Redeem { replaces: None });

    #[test]
    fn an_open_token_is_redeemed() {
        assert_eq!(decide(Some(&row()), &candidate(), NOW), REDEEMED);
        let unlimited = TokenRow { max_uses: 0, uses: 9, expires_at: None, ..row() };
        assert_eq!(decide(Some(&unlimited), &candidate(), NOW), REDEEMED);
    }

    #[test]
    fn each_refusal_is_distinct() {
        let refused = |row: TokenRow| decide(Some(&row), &candidate(), NOW);
        assert_eq!(decide(None, &candidate(), NOW), Err(Refusal::Unknown));
        assert_eq!(refused(TokenRow { expires_at: Some(NOW), ..row() }), Err(Refusal::Expired));
        assert_eq!(refused(TokenRow { uses: 1, ..row() }), Err(Refusal::UsedUp));
        assert_eq!(refused(TokenRow { revoked: true, uses: 1, ..row() }), Err(Refusal::Revoked));
        let mut remedies: Vec<_> = Refusal::ALL.iter().map(|refusal| refusal.remedy()).collect();
        remedies.sort_unstable();
        remedies.dedup();
        assert_eq!(remedies.len(), Refusal::ALL.len());
    }

    #[test]
    fn a_known_key_connects_and_uses_nothing() {
        let known = Candidate { standing: Standing::Known, ..candidate() };
        for row in [None, Some(TokenRow { uses: 1, ..row() }), Some(row())] {
            assert_eq!(decide(row.as_ref(), &known, NOW), Ok(Admission::AlreadyKnown));
        }
    }

    #[test]
    fn a_removed_peer_needs_a_token_made_later() {
        let removed = |then| Candidate { standing: Standing::RemovedAt(at(then)), ..candidate() };
        assert_eq!(decide(Some(&row()), &removed(900), NOW), Err(Refusal::Denied));
        assert_eq!(decide(Some(&row()), &removed(500), NOW), Err(Refusal::Denied));
        assert_eq!(decide(Some(&row()), &removed(499), NOW), REDEEMED);
    }

    #[test]
    fn a_name_is_taken_unless_its_holder_is_replaced() {
        let named = |holder| Candidate { name_holder: Some(holder), ..candidate() };
        assert_eq!(decide(Some(&row()), &named(key(2)), NOW), Err(Refusal::NameTaken));
        assert_eq!(decide(Some(&row()), &named(key(1)), NOW), REDEEMED);
        let replacing = TokenRow { replaces: Some(key(2)), ..row() };
        assert_eq!(
            decide(Some(&replacing), &named(key(2)), NOW),
            Ok(Admission::Redeem { replaces: Some(key(2)) })
        );
        assert_eq!(decide(Some(&replacing), &named(key(3)), NOW), Err(Refusal::NameTaken));
    }

    #[test]
    fn the_listener_must_be_the_one_of_the_token() {
        let token = Token {
            listener: key(1),
            instance: "nas".parse().unwrap(),
            secret: PairingSecret::from_bytes([0; 32]),
        };
        let instance = |name: &str| name.parse::<InstanceId>().unwrap();
        assert_eq!(check_listener(&token, &key(1), &instance("nas")), Ok(()));
        assert_eq!(check_listener(&token, &key(1), &instance("hub")), Err(Refusal::WrongInstance));
        assert_eq!(check_listener(&token, &key(2), &instance("nas")), Err(Refusal::Unknown));
    }

    #[test]
    fn ids_read_back() {
        let id = TokenId::from_bytes([0xab, 0, 1, 2]);
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_eq!("xyz".parse::<TokenId>(), Err(TokenIdError));
    }
}
