//! The messages of the handshake as values that have been checked.

use super::log_sync::{hello_in, hello_out};
use super::message::{close_in, instance_in, told_in, told_out, urls_in};
use super::proto::sync as pb;
use super::{CloseReason, ToldGrant, WireError, at_most, exact};
use crate::model::{InstanceId, Secret, Timestamp};
use crate::reconcile::SyncHello;
use bytes::Bytes;
use prost::Message as _;

/// X-Wing public key (draft-connolly-cfrg-xwing-kem): ML-KEM-768 1184 B, X25519 32 B.
pub const KEM_PUBLIC_KEY_BYTES: usize = 1216;
/// X-Wing ciphertext: ML-KEM-768 1088 B, X25519 32 B.
pub const KEM_CIPHERTEXT_BYTES: usize = 1120;
const MAX_VERSIONS: usize = 16;
const MAX_FEATURES: usize = 32;

/// What a dialer wants of the listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// A session.
    Session,
    /// What a token offers; uses nothing.
    Preview,
    /// To redeem a token.
    Pair,
    /// `peer test`.
    Probe,
}

impl Purpose {
    /// Whether it begins a session that may displace another.
    #[must_use]
    pub const fn is_session(self) -> bool {
        matches!(self, Self::Session)
    }
}

/// The dialer's first bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HelloBody {
    /// The versions it speaks.
    pub versions: Vec<u32>,
    /// [`KEM_PUBLIC_KEY_BYTES`].
    pub kem_public_key: Bytes,
    /// Fresh.
    pub random: [u8; 32],
}

impl HelloBody {
    /// The bytes that the mac and the transcript cover.
    #[must_use]
    pub fn encode(&self) -> Bytes {
        let body = pb::HelloBody {
            versions: self.versions.clone(),
            kem_public_key: self.kem_public_key.clone(),
            dialer_random: Bytes::copy_from_slice(&self.random),
        };
        body.encode_to_vec().into()
    }

    /// Reads them.
    ///
    /// # Errors
    /// [`WireError`]: the dialer broke the protocol.
    pub fn decode(bytes: &[u8]) -> Result<Self, WireError> {
        let body =
            pb::HelloBody::decode(bytes).map_err(|_| WireError::Malformed { message: "hello" })?;
        at_most("versions", body.versions.len(), MAX_VERSIONS)?;
        exact::<KEM_PUBLIC_KEY_BYTES>("kem public key", &body.kem_public_key)?;
        Ok(Self {
            versions: body.versions,
            random: exact("dialer random", &body.dialer_random)?,
            kem_public_key: body.kem_public_key,
        })
    }
}

/// The listener's first bytes, up to the sealed part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HelloReplyBody {
    /// The version it chose.
    pub version: u32,
    /// [`KEM_CIPHERTEXT_BYTES`].
    pub kem_ciphertext: Bytes,
    /// Fresh.
    pub random: [u8; 32],
}

impl HelloReplyBody {
    /// The bytes that the transcript covers.
    #[must_use]
    pub fn encode(&self) -> Bytes {
        let body = pb::HelloReplyBody {
            version: self.version,
            kem_ciphertext: self.kem_ciphertext.clone(),
            listener_random: Bytes::copy_from_slice(&self.random),
        };
        body.encode_to_vec().into()
    }

    /// Reads them.
    ///
    /// # Errors
    /// [`WireError`]: the listener broke the protocol.
    pub fn decode(bytes: &[u8]) -> Result<Self, WireError> {
        let body = pb::HelloReplyBody::decode(bytes)
            .map_err(|_| WireError::Malformed { message: "hello reply" })?;
        exact::<KEM_CIPHERTEXT_BYTES>("kem ciphertext", &body.kem_ciphertext)?;
        Ok(Self {
            version: body.version,
            random: exact("listener random", &body.listener_random)?,
            kem_ciphertext: body.kem_ciphertext,
        })
    }
}

/// Who somebody says to be, and the signature that proves it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proven {
    /// Ed25519.
    pub public_key: [u8; 32],
    /// The name it uses for itself.
    pub instance: InstanceId,
    /// Over this channel's transcript (`crypto`).
    pub signature: [u8; 64],
}

impl Proven {
    fn checked(key: &[u8], instance: &str, signature: &[u8]) -> Result<Self, WireError> {
        Ok(Self {
            public_key: exact("public key", key)?,
            instance: instance_in(instance)?,
            signature: exact("signature", signature)?,
        })
    }

    /// The plaintext of ListenerAuth.
    #[must_use]
    pub fn encode_listener(&self) -> Vec<u8> {
        let auth = pb::ListenerAuth {
            public_key: Bytes::copy_from_slice(&self.public_key),
            instance: self.instance.to_string(),
            signature: Bytes::copy_from_slice(&self.signature),
        };
        auth.encode_to_vec()
    }

    /// Reads it.
    ///
    /// # Errors
    /// [`WireError`]: the listener broke the protocol.
    pub fn decode_listener(bytes: &[u8]) -> Result<Self, WireError> {
        let auth = pb::ListenerAuth::decode(bytes)
            .map_err(|_| WireError::Malformed { message: "listener auth" })?;
        Self::checked(&auth.public_key, &auth.instance, &auth.signature)
    }
}

/// A token's secret, and what the dialer gives in return.
#[derive(Clone)]
pub struct Redemption {
    /// Sent only to an authenticated listener (P2).
    pub secret: Secret,
    /// What the listener may do at the dialer.
    pub grants: Vec<ToldGrant>,
}

/// What either side says at the start of a session.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Opening {
    /// What the other side may do here.
    pub granted: Vec<ToldGrant>,
    /// Absent where the other side may read no operations.
    pub sync_hello: Option<SyncHello>,
}

fn opening_out(opening: &Opening) -> pb::Opening {
    pb::Opening {
        granted: opening.granted.iter().map(told_out).collect(),
        sync_hello: opening.sync_hello.as_ref().map(hello_out),
    }
}

fn opening_in(opening: Option<pb::Opening>) -> Result<Opening, WireError> {
    let opening = opening.unwrap_or_default();
    Ok(Opening {
        granted: told_in(opening.granted)?,
        sync_hello: opening.sync_hello.as_ref().map(hello_in).transpose()?,
    })
}

/// What a dialer says of itself once it knows who listens.
#[derive(Clone)]
pub struct DialerAuth {
    /// Who it is.
    pub proven: Proven,
    /// What it wants.
    pub purpose: Purpose,
    /// Random per process start.
    pub boot_id: [u8; 16],
    /// Name and version of its program.
    pub software: String,
    /// For the purposes preview and pair.
    pub redemption: Option<Redemption>,
    /// For the purpose session.
    pub opening: Opening,
    /// Words for what it can do beyond version 1.
    pub features: Vec<String>,
}

impl DialerAuth {
    /// The plaintext.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let purpose = match self.purpose {
            Purpose::Session => pb::Purpose::Session,
            Purpose::Preview => pb::Purpose::Preview,
            Purpose::Pair => pb::Purpose::Pair,
            Purpose::Probe => pb::Purpose::Probe,
        };
        let redemption = self.redemption.as_ref().map(|redemption| pb::Redemption {
            secret: redemption.secret.expose().to_owned(),
            grants: redemption.grants.iter().map(told_out).collect(),
        });
        let auth = pb::DialerAuth {
            public_key: Bytes::copy_from_slice(&self.proven.public_key),
            instance: self.proven.instance.to_string(),
            signature: Bytes::copy_from_slice(&self.proven.signature),
            purpose: purpose.into(),
            boot_id: Bytes::copy_from_slice(&self.boot_id),
            software: self.software.clone(),
            redemption,
            opening: Some(opening_out(&self.opening)),
            features: self.features.clone(),
        };
        auth.encode_to_vec()
    }

    /// Reads it.
    ///
    /// # Errors
    /// [`WireError`]: the dialer broke the protocol.
    pub fn decode(bytes: &[u8]) -> Result<Self, WireError> {
        let auth = pb::DialerAuth::decode(bytes)
            .map_err(|_| WireError::Malformed { message: "dialer auth" })?;
        let purpose = match pb::Purpose::try_from(auth.purpose) {
            Ok(pb::Purpose::Session) => Purpose::Session,
            Ok(pb::Purpose::Preview) => Purpose::Preview,
            Ok(pb::Purpose::Pair) => Purpose::Pair,
            Ok(pb::Purpose::Probe) => Purpose::Probe,
            Ok(pb::Purpose::Unspecified) | Err(_) => {
                return Err(WireError::Value { field: "purpose" });
            }
        };
        Ok(Self {
            proven: Proven::checked(&auth.public_key, &auth.instance, &auth.signature)?,
            purpose,
            boot_id: exact("boot id", &auth.boot_id)?,
            software: software_in(auth.software)?,
            redemption: auth.redemption.map(redemption_in).transpose()?,
            opening: opening_in(auth.opening)?,
            features: features_in(auth.features)?,
        })
    }
}

fn redemption_in(redemption: pb::Redemption) -> Result<Redemption, WireError> {
    at_most("pairing secret", redemption.secret.len(), 256)?;
    Ok(Redemption { secret: Secret::new(redemption.secret), grants: told_in(redemption.grants)? })
}

/// Printable ASCII only: it may reach a terminal.
fn software_in(software: String) -> Result<String, WireError> {
    at_most("software", software.len(), 64)?;
    let printable = software.bytes().all(|b| (b' '..=b'~').contains(&b));
    if printable { Ok(software) } else { Err(WireError::Value { field: "software" }) }
}

fn features_in(features: Vec<String>) -> Result<Vec<String>, WireError> {
    at_most("features", features.len(), MAX_FEATURES)?;
    features.iter().try_for_each(|f| at_most("feature", f.len(), 64))?;
    Ok(features)
}

/// A listener's yes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    /// Random per process start.
    pub boot_id: [u8; 16],
    /// Name and version of its program.
    pub software: String,
    /// The start of the session.
    pub opening: Opening,
    /// Words for what it can do beyond version 1.
    pub features: Vec<String>,
    /// Where it says it is reached.
    pub urls: Vec<String>,
    /// Its clock.
    pub clock: Timestamp,
}

/// What a token offers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// What the listener will give.
    pub grants: Vec<ToldGrant>,
    /// What it would like in return.
    pub asks: Vec<ToldGrant>,
    /// The token's label.
    pub label: String,
}

/// The listener's answer to DialerAuth.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AuthReply {
    /// A session (or a probe, or a pairing) stands.
    Accepted(Accepted),
    /// To a preview.
    Offer(Offer),
    /// No, and why.
    Refused(CloseReason),
}

impl AuthReply {
    /// The plaintext.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        use pb::auth_reply::Reply;
        let reply = match self {
            Self::Accepted(accepted) => Reply::Accepted(pb::Accepted {
                boot_id: Bytes::copy_from_slice(&accepted.boot_id),
                software: accepted.software.clone(),
                opening: Some(opening_out(&accepted.opening)),
                features: accepted.features.clone(),
                urls: accepted.urls.clone(),
                clock_ms: accepted.clock.as_millis(),
            }),
            Self::Offer(offer) => Reply::Offer(pb::Offer {
                grants: offer.grants.iter().map(told_out).collect(),
                asks: offer.asks.iter().map(told_out).collect(),
                label: offer.label.clone(),
            }),
            Self::Refused(reason) => Reply::Refused(pb::Refused {
                code: reason.code.clone(),
                remedy: reason.remedy.clone(),
                retry_after_s: reason.retry_after_s,
            }),
        };
        pb::AuthReply { reply: Some(reply) }.encode_to_vec()
    }

    /// Reads it.
    ///
    /// # Errors
    /// [`WireError`]: the listener broke the protocol.
    pub fn decode(bytes: &[u8]) -> Result<Self, WireError> {
        use pb::auth_reply::Reply;
        let malformed = WireError::Malformed { message: "answer to the dialer" };
        let reply = pb::AuthReply::decode(bytes).map_err(|_| malformed.clone())?;
        Ok(match reply.reply.ok_or(malformed)? {
            Reply::Accepted(accepted) => Self::Accepted(accepted_in(accepted)?),
            Reply::Offer(offer) => {
                at_most("label", offer.label.len(), 256)?;
                Self::Offer(Offer {
                    grants: told_in(offer.grants)?,
                    asks: told_in(offer.asks)?,
                    label: offer.label.chars().filter(|c| !c.is_control()).collect(),
                })
            }
            Reply::Refused(refused) => {
                Self::Refused(close_in(refused.code, refused.remedy, refused.retry_after_s)?)
            }
        })
    }
}

fn accepted_in(accepted: pb::Accepted) -> Result<Accepted, WireError> {
    Ok(Accepted {
        boot_id: exact("boot id", &accepted.boot_id)?,
        software: software_in(accepted.software)?,
        opening: opening_in(accepted.opening)?,
        features: features_in(accepted.features)?,
        urls: urls_in(accepted.urls)?,
        clock: Timestamp::from_millis(accepted.clock_ms),
    })
}
