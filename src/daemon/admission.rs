//! Who comes in: the listener's decision about an applicant whose signature is verified.
//!
//! Decides nothing by itself: `pairing` judges a token, the store commits its use together with
//! the peer (P1), and the grants stored for a peer are what its session begins with. A purpose
//! other than a session changes no peer and opens no log.

use super::roster::Roster;
use crate::clock;
use crate::model::{InstanceId, KeyId};
use crate::net::drive::{Feeding, Ground};
use crate::pairing::{Admission as Standing, PairingSecret, Refusal};
use crate::session::{Admission, Applicant, Code};
use crate::store::trust::{Newcomer, Peer, Redeemed};
use crate::store::{History, StoreError, Trust};
use crate::wire::handshake::{Offer, Opening, Purpose};
use crate::wire::tell;
use std::sync::Arc;

/// The listener's side of every handshake.
#[derive(Clone)]
pub(super) struct Admissions {
    trust: Arc<Trust>,
    roster: Arc<Roster>,
    ground: Ground,
}

/// What this instance is to who asks.
pub(super) struct Here {
    /// What it is called: a name that is taken.
    pub(super) instance: InstanceId,
    /// Where it says that it is reached.
    pub(super) urls: Vec<String>,
}

type Decided = Result<(Admission, Option<Feeding>), StoreError>;

impl Admissions {
    /// Over the pairings of this instance.
    #[must_use]
    pub(super) const fn new(trust: Arc<Trust>, roster: Arc<Roster>, ground: Ground) -> Self {
        Self { trust, roster, ground }
    }

    /// Decides. `address` is whence this instance is asked.
    /// A fault of the store is told to the applicant as one of this instance.
    pub(super) async fn decide(
        &self,
        applicant: &Applicant,
        here: Here,
        address: Option<String>,
    ) -> (Admission, Option<Feeding>) {
        let decided = match applicant.purpose {
            Purpose::Preview => self.preview(applicant, here, address).await,
            Purpose::Pair => self.pair(applicant, here, address).await,
            Purpose::Session | Purpose::Probe => self.connect(applicant, here.urls).await,
        };
        decided.unwrap_or_else(|error| {
            tracing::error!(%error, peer = %applicant.key, "an applicant could not be judged");
            (Admission::Refuse(Code::Internal.reason()), None)
        })
    }

    async fn preview(&self, applicant: &Applicant, here: Here, address: Option<String>) -> Decided {
        let Some((secret, newcomer)) = presented(applicant, address) else {
            return Ok(refuse(Code::TokenUnknown));
        };
        let roster = Arc::clone(&self.roster);
        let looked = self.store(move |trust| {
            let looked = trust.preview(&secret, &newcomer, clock::now())?;
            Ok(match &looked {
                Ok((Standing::Redeem { .. }, _)) if is_ours(&roster, &here, &newcomer)? => {
                    Err(Refusal::NameTaken)
                }
                _ => looked,
            })
        });
        Ok(match looked.await? {
            Ok((_, Some(token))) => {
                let (grants, asks) = (tell(&token.grants), tell(&token.asks));
                (Admission::Offer(Offer { grants, asks, label: token.label }), None)
            }
            // A peer with a token that is not ours any more: there is nothing to offer.
            Ok((_, None)) => refuse(Code::TokenUnknown),
            Err(refusal) => refuse(code_of(refusal)),
        })
    }

    async fn pair(&self, applicant: &Applicant, here: Here, address: Option<String>) -> Decided {
        let Some((secret, newcomer)) = presented(applicant, address) else {
            return Ok(refuse(Code::TokenUnknown));
        };
        if let Some(peer) = self.declared(applicant.key).await? {
            return Ok((accept(&peer, here.urls, None), None));
        }
        let (roster, urls) = (Arc::clone(&self.roster), here.urls.clone());
        let redeemed = self.store(move |trust| {
            // A faulty token is told first, as without the name; a known key keeps its place.
            if is_ours(&roster, &here, &newcomer)?
                && let Ok((Standing::Redeem { .. }, _)) =
                    trust.preview(&secret, &newcomer, clock::now())?
            {
                return Ok(Err(Refusal::NameTaken));
            }
            trust.redeem(&secret, &newcomer, clock::now())
        });
        Ok(match redeemed.await? {
            Ok(redeemed) => {
                self.roster.changed();
                told(&redeemed);
                take_over(&self.ground.history, &redeemed).await;
                (accept(&redeemed.peer, urls, None), None)
            }
            Err(refusal) => refuse(code_of(refusal)),
        })
    }

    /// Who the owner's file declares is known: it just connects, whatever token it brings.
    async fn declared(&self, key: KeyId) -> Result<Option<Peer>, StoreError> {
        let roster = Arc::clone(&self.roster);
        self.store(move |_| match roster.is_declared(&key) {
            true => roster.peer(&key),
            false => Ok(None),
        })
        .await
    }

    async fn connect(&self, applicant: &Applicant, urls: Vec<String>) -> Decided {
        let key: KeyId = applicant.key;
        let roster = Arc::clone(&self.roster);
        let Some(peer) = self.store(move |_| roster.peer(&key)).await? else {
            return Ok(refuse(Code::UnknownPeer));
        };
        if peer.removed_at.is_some() {
            return Ok(refuse(Code::Denied));
        }
        if !applicant.purpose.is_session() {
            return Ok((accept(&peer, urls, None), None));
        }
        let (feed, hello) = Feeding::open(&self.ground, &key, &peer.grants).await?;
        Ok((accept(&peer, urls, hello), Some(feed)))
    }

    /// A call to `trust.db`, which may wait for the disk.
    async fn store<T: Send + 'static>(
        &self,
        call: impl FnOnce(&Trust) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let trust = Arc::clone(&self.trust);
        let called = tokio::task::spawn_blocking(move || call(&trust)).await;
        called.unwrap_or(Err(StoreError::Closed))
    }
}

/// Whether a name is one that no token gives away: that of this instance, or of a peer that its file
/// declares. The names of other peers are held against the token where it is redeemed.
fn is_ours(roster: &Roster, here: &Here, newcomer: &Newcomer) -> Result<bool, StoreError> {
    if newcomer.instance == here.instance {
        return Ok(true);
    }
    let key = KeyId::of(&newcomer.public_key);
    let holds = |peer: &Peer| peer.instance == newcomer.instance && peer.key != key;
    Ok(roster.peers()?.iter().any(|peer| holds(peer) && roster.is_declared(&peer.key)))
}

/// One line for whoever reads the log: which token let whom in. Its secret is nobody's to read.
fn told(redeemed: &Redeemed) {
    let Redeemed { admission: Standing::Redeem { replaces }, token, peer } = redeemed else {
        return;
    };
    let token = token.map(|token| token.to_string()).unwrap_or_default();
    let (instance, key) = (&peer.instance, &peer.key);
    match replaces {
        Some(old) => {
            tracing::info!(%token, %instance, %key, %old, "a token was redeemed; the old key is refused");
        }
        None => tracing::info!(%token, %instance, %key, "a token was redeemed"),
    }
}

/// Who takes an entry over takes its history over. A fault of the history ends no pairing: the next
/// start looks again.
async fn take_over(history: &History, redeemed: &Redeemed) {
    if let Standing::Redeem { replaces: Some(old) } = redeemed.admission {
        let new = redeemed.peer.key;
        if let Err(error) = history.write(move |tx| tx.take_over(old, new)).await {
            tracing::error!(%error, %old, %new, "the history of a replaced peer was not taken over");
        }
    }
}

fn refuse(code: Code) -> (Admission, Option<Feeding>) {
    (Admission::Refuse(code.reason()), None)
}

fn accept(
    peer: &Peer,
    urls: Vec<String>,
    sync_hello: Option<crate::reconcile::SyncHello>,
) -> Admission {
    let opening = Opening { granted: tell(&peer.grants), sync_hello };
    Admission::Accept { grants: peer.grants.clone(), opening, urls }
}

/// The token's secret by its hash, and who presents it; `None` where no well-formed one came.
fn presented(
    applicant: &Applicant,
    address: Option<String>,
) -> Option<(crate::model::SecretHash, Newcomer)> {
    let redemption = applicant.redemption.as_ref()?;
    let secret = PairingSecret::from_text(redemption.secret.expose())?.hash();
    let newcomer = Newcomer {
        public_key: applicant.public_key,
        instance: applicant.instance.clone(),
        grants_received: redemption.grants.clone(),
        address,
        software: Some(applicant.software.clone()),
    };
    Some((secret, newcomer))
}

const fn code_of(refusal: Refusal) -> Code {
    match refusal {
        Refusal::Unknown => Code::TokenUnknown,
        Refusal::Expired => Code::TokenExpired,
        Refusal::UsedUp => Code::TokenUsedUp,
        Refusal::Revoked => Code::TokenRevoked,
        Refusal::WrongInstance => Code::WrongInstance,
        Refusal::NameTaken => Code::NameTaken,
        Refusal::Denied => Code::Denied,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::Identity;
    use crate::grant::Grants;
    use crate::model::Timestamp;
    use crate::pairing::{TokenRow, TokenState};
    use crate::store::History;
    use crate::store::history::Owner;
    use crate::wire::handshake::Redemption;

    struct Hub {
        admissions: Admissions,
        trust: Arc<Trust>,
        config: Arc<crate::config::LiveConfig>,
        _dir: tempfile::TempDir,
    }

    fn hub() -> Hub {
        let dir = tempfile::tempdir().unwrap();
        let identity = Arc::new(Identity::from_seed([2; 32]));
        let owner = Owner { public_key: identity.public_key() };
        let history = History::open(dir.path(), owner).unwrap();
        let trust = Arc::new(Trust::open(dir.path()).unwrap());
        let ground = Ground::new(identity, history);
        let file = dir.path().join("config.toml");
        std::fs::write(&file, "instance = \"hub\"\n").unwrap();
        let config = Arc::new(crate::config::LiveConfig::open(file).unwrap());
        let roster = Arc::new(Roster::new(Arc::clone(&config), Arc::clone(&trust)));
        let admissions = Admissions::new(Arc::clone(&trust), roster, ground);
        Hub { admissions, trust, config, _dir: dir }
    }

    fn secret() -> PairingSecret {
        PairingSecret::from_bytes([7; 32])
    }

    fn token(max_uses: u32, expires_at: Option<Timestamp>) -> TokenRow {
        TokenRow {
            id: "0a0b0c0d".parse().unwrap(),
            secret_hash: secret().hash(),
            label: "for the nas".to_owned(),
            created_at: Timestamp::EPOCH,
            expires_at,
            max_uses,
            uses: 0,
            revoked: false,
            grants: Grants::parse(["receive-shared-repos=repo:vault"]).unwrap(),
            asks: Grants::parse(["read-operations=*"]).unwrap(),
            replaces: None,
        }
    }

    fn applicant(seed: u8, name: &str, purpose: Purpose) -> Applicant {
        let identity = Identity::from_seed([seed; 32]);
        let redemption = Redemption {
            secret: secret().reveal(),
            grants: tell(&Grants::parse(["read-operations=*"]).unwrap()),
        };
        Applicant {
            key: identity.key_id(),
            public_key: identity.public_key(),
            instance: name.parse().unwrap(),
            purpose,
            boot_id: [seed; 16],
            software: "holdfast test".to_owned(),
            redemption: (!purpose.is_session()).then_some(redemption),
        }
    }

    async fn answer(hub: &Hub, applicant: &Applicant) -> Admission {
        let here = Here { instance: "hub".parse().unwrap(), urls: Vec::new() };
        hub.admissions.decide(applicant, here, None).await.0
    }

    fn refusal(admission: &Admission) -> Option<&str> {
        match admission {
            Admission::Refuse(reason) => Some(&reason.code),
            Admission::Accept { .. } | Admission::Offer(_) => None,
        }
    }

    #[tokio::test]
    async fn p1_a_token_is_previewed_redeemed_once_and_then_the_key_is_known() {
        let hub = hub();
        hub.trust.add_token(&token(1, None)).unwrap();
        let offer = answer(&hub, &applicant(1, "nas", Purpose::Preview)).await;
        assert!(matches!(offer, Admission::Offer(offer) if offer.label == "for the nas"));
        let before = answer(&hub, &applicant(1, "nas", Purpose::Session)).await;
        assert_eq!(refusal(&before), Some("unknown-peer"), "a preview uses nothing");

        let paired = answer(&hub, &applicant(1, "nas", Purpose::Pair)).await;
        assert!(matches!(paired, Admission::Accept { .. }));
        let again = answer(&hub, &applicant(1, "nas", Purpose::Pair)).await;
        assert!(matches!(again, Admission::Accept { .. }), "a known key just connects");
        let used = hub.trust.tokens().unwrap();
        assert_eq!((used[0].uses, used[0].state(clock::now())), (1, TokenState::UsedUp));
        let other = answer(&hub, &applicant(3, "laptop", Purpose::Pair)).await;
        assert_eq!(refusal(&other), Some("used-up"));
        let session = answer(&hub, &applicant(1, "nas", Purpose::Session)).await;
        assert!(matches!(session, Admission::Accept { .. }));
    }

    #[tokio::test]
    async fn every_refused_token_says_which() {
        let hub = hub();
        let forged = answer(&hub, &applicant(1, "nas", Purpose::Pair)).await;
        assert_eq!(refusal(&forged), Some("unknown"));
        let past = Timestamp::from_millis(1);
        hub.trust.add_token(&token(0, Some(past))).unwrap();
        let expired = answer(&hub, &applicant(1, "nas", Purpose::Pair)).await;
        assert_eq!(refusal(&expired), Some("expired"));
        hub.trust.revoke_token(token(0, None).id).unwrap();
        let revoked = answer(&hub, &applicant(1, "nas", Purpose::Pair)).await;
        assert_eq!(refusal(&revoked), Some("revoked"));
    }

    #[tokio::test]
    async fn a_removed_peer_with_its_old_token_is_denied() {
        let hub = hub();
        hub.trust.add_token(&token(0, None)).unwrap();
        let nas = applicant(1, "nas", Purpose::Pair);
        answer(&hub, &nas).await;
        hub.trust.remove_peer(&nas.key, clock::now()).unwrap();
        assert_eq!(refusal(&answer(&hub, &nas).await), Some("denied"));
        let session = answer(&hub, &applicant(1, "nas", Purpose::Session)).await;
        assert_eq!(refusal(&session), Some("denied"));
    }

    #[tokio::test]
    async fn who_the_file_declares_uses_no_token() {
        let hub = hub();
        hub.trust.add_token(&token(1, None)).unwrap();
        let nas = applicant(1, "nas", Purpose::Pair);
        let declared = format!(
            "instance = \"hub\"\n[[authorized-client]]\ninstance = \"nas\"\nkey-id = \"{}\"\n\
             grants = [{{ permission = \"read-operations\", scopes = [\"repo:a\"] }}]\n",
            nas.key
        );
        std::fs::write(hub._dir.path().join("config.toml"), declared).unwrap();
        hub.config.reload();
        let Admission::Accept { grants, .. } = answer(&hub, &nas).await else {
            panic!("it is known already")
        };
        assert_eq!(grants.to_string(), "read-operations=repo:a");
        assert_eq!(hub.trust.tokens().unwrap()[0].uses, 0);
    }

    #[tokio::test]
    async fn a_name_that_another_key_holds_is_taken() {
        let hub = hub();
        hub.trust.add_token(&token(0, None)).unwrap();
        answer(&hub, &applicant(1, "nas", Purpose::Pair)).await;
        let impostor = answer(&hub, &applicant(3, "nas", Purpose::Pair)).await;
        assert_eq!(refusal(&impostor), Some("name-taken"));
    }

    #[tokio::test]
    async fn our_own_name_is_taken_and_the_token_stays_unused() {
        let hub = hub();
        hub.trust.add_token(&token(1, None)).unwrap();
        for purpose in [Purpose::Preview, Purpose::Pair] {
            let namesake = answer(&hub, &applicant(3, "hub", purpose)).await;
            assert_eq!(refusal(&namesake), Some("name-taken"));
        }
        assert_eq!(hub.trust.tokens().unwrap()[0].uses, 0);
        let renamed = answer(&hub, &applicant(3, "nas", Purpose::Pair)).await;
        assert!(matches!(renamed, Admission::Accept { .. }));
        let known = answer(&hub, &applicant(3, "hub", Purpose::Pair)).await;
        assert!(matches!(known, Admission::Accept { .. }), "a known key just connects");
    }

    #[tokio::test]
    async fn the_name_of_a_declared_peer_is_taken() {
        let hub = hub();
        hub.trust.add_token(&token(0, None)).unwrap();
        let nas = applicant(1, "nas", Purpose::Pair);
        let declared = format!(
            "instance = \"hub\"\n[[authorized-client]]\ninstance = \"nas\"\nkey-id = \"{}\"\n",
            nas.key
        );
        std::fs::write(hub._dir.path().join("config.toml"), declared).unwrap();
        hub.config.reload();
        let impostor = answer(&hub, &applicant(3, "nas", Purpose::Pair)).await;
        assert_eq!(refusal(&impostor), Some("name-taken"));
    }
}
