//! The handshake: a state is named for what it awaits and consumed by value.

use super::established::Established;
use super::{Admission, Applicant, Code, Ending, Errand, Event, Now, Opened, Session, State};
use crate::crypto::{
    Channel, CryptoError, DialerAuthenticated, DialerStart, Identity, ListenerStart,
    ListenerWaiting, Proof, SentHello,
};
use crate::grant::Grants;
use crate::model::{InstanceId, KeyId};
use crate::reconcile::FromOrigin;
use crate::wire::handshake::{
    Accepted, AuthReply, DialerAuth, HelloBody, HelloReplyBody, Opening, Proven, Purpose,
};
use crate::wire::proto::sync as pb;
use crate::wire::proto::sync::envelope::Body;
use crate::wire::{CloseReason, VERSION, WireError};
use bytes::Bytes;

/// Where a handshake stands.
pub(super) enum Handshake {
    /// Dialer: the listener's HelloReply.
    ExpectReply(ExpectReply),
    /// Dialer: the listener's answer to DialerAuth.
    ExpectAnswer(ExpectAnswer),
    /// Listener: the dialer's Hello.
    ExpectHello,
    /// Listener: the dialer's DialerAuth.
    ExpectAuth(ListenerWaiting),
    /// Listener: this instance's own decision about the applicant.
    Admitting(Admitting),
}

pub(super) struct ExpectReply {
    errand: Errand,
    start: DialerStart,
    hello: pb::Hello,
}

pub(super) struct ExpectAnswer {
    errand: Errand,
    channel: Channel,
    listener: Proven,
}

pub(super) struct Admitting {
    channel: Channel,
    applicant: Applicant,
    opening: Opening,
}

/// A handshake that does not verify goes no further, and the other side is not told why.
impl From<WireError> for Ending {
    fn from(error: WireError) -> Self {
        Self::NotAuthenticated(error.to_string())
    }
}

impl From<CryptoError> for Ending {
    fn from(error: CryptoError) -> Self {
        Self::NotAuthenticated(error.to_string())
    }
}

fn unexpected(what: &str) -> Ending {
    Ending::NotAuthenticated(format!("{what} was not expected now"))
}

impl Handshake {
    pub(super) fn dial(errand: Errand) -> Result<(Self, pb::Envelope), CryptoError> {
        let start = DialerStart::new(errand.listener)?;
        let body = HelloBody {
            versions: vec![VERSION],
            kem_public_key: Bytes::copy_from_slice(start.kem_public_key()),
            random: *start.random(),
        }
        .encode();
        let mac = Bytes::copy_from_slice(&start.mac(&body));
        let hello = pb::Hello { body, mac };
        let envelope = pb::Envelope { body: Some(Body::Hello(hello.clone())) };
        Ok((Self::ExpectReply(ExpectReply { errand, start, hello }), envelope))
    }
}

fn record(sealed: Vec<u8>) -> pb::Envelope {
    pb::Envelope { body: Some(Body::Record(sealed.into())) }
}

impl Session {
    /// One envelope of the handshake.
    pub(super) fn step(&mut self, handshake: Handshake, envelope: pb::Envelope, now: Now) {
        let next = match (handshake, envelope.body) {
            (Handshake::ExpectReply(state), Some(Body::HelloReply(reply))) => {
                self.hello_reply(state, &reply)
            }
            (Handshake::ExpectReply(_), Some(Body::Unsupported(theirs))) => {
                Err(unsupported(&theirs.versions))
            }
            (Handshake::ExpectAnswer(state), Some(Body::Record(answer))) => {
                return self.auth_reply(state, &answer, now);
            }
            (Handshake::ExpectHello, Some(Body::Hello(hello))) => self.hello(&hello),
            (Handshake::ExpectAuth(state), Some(Body::Record(auth))) => {
                self.dialer_auth(state, &auth)
            }
            (Handshake::Admitting(_), _) => Err(unexpected("a message before the answer")),
            _ => Err(unexpected("this kind of message")),
        };
        match next {
            Ok(next) => self.state = State::Handshake(Box::new(next)),
            Err(ending) => self.end(ending),
        }
    }

    fn hello(&mut self, hello: &pb::Hello) -> Result<Handshake, Ending> {
        let (waiting, reply) = self.reply_to_hello(hello)?;
        self.event(Event::HelloValid);
        self.transmit.push_back(reply);
        Ok(Handshake::ExpectAuth(waiting))
    }

    fn reply_to_hello(
        &mut self,
        hello: &pb::Hello,
    ) -> Result<(ListenerWaiting, pb::Envelope), Ending> {
        let identity = self.local.identity.clone();
        // Whoever does not know our key id costs no KEM and learns nothing.
        let start = ListenerStart::check(&identity.key_id(), &hello.body, &hello.mac)?;
        let body = HelloBody::decode(&hello.body)?;
        if !body.versions.contains(&VERSION) {
            let unsupported = pb::Unsupported { versions: vec![VERSION] };
            self.transmit.push_back(pb::Envelope { body: Some(Body::Unsupported(unsupported)) });
            return Err(Ending::Incompatible(format!(
                "the dialer speaks protocol versions {:?}, this one speaks {VERSION}",
                body.versions
            )));
        }
        let encapsulated = start.encapsulate(&body.kem_public_key)?;
        let reply = HelloReplyBody {
            version: VERSION,
            kem_ciphertext: Bytes::copy_from_slice(encapsulated.kem_ciphertext()),
            random: *encapsulated.random(),
        }
        .encode();
        let sent = SentHello { body: &hello.body, mac: &hello.mac };
        let keyed = encapsulated.key(sent, &reply)?;
        let signature = keyed.sign(&identity, self.local.instance.as_str());
        let auth = proven(&identity, &self.local.instance, signature).encode_listener();
        let (sealed, waiting) = keyed.seal_auth(&auth)?;
        let reply = pb::HelloReply { body: reply, sealed_auth: sealed.into() };
        Ok((waiting, pb::Envelope { body: Some(Body::HelloReply(reply)) }))
    }

    fn hello_reply(
        &mut self,
        state: ExpectReply,
        reply: &pb::HelloReply,
    ) -> Result<Handshake, Ending> {
        let (next, auth) = self.authenticate_listener(state, reply)?;
        self.transmit.push_back(auth);
        Ok(Handshake::ExpectAnswer(next))
    }

    fn authenticate_listener(
        &self,
        state: ExpectReply,
        reply: &pb::HelloReply,
    ) -> Result<(ExpectAnswer, pb::Envelope), Ending> {
        let body = HelloReplyBody::decode(&reply.body)?;
        if body.version != VERSION {
            return Err(unsupported(&[body.version]));
        }
        let sent = SentHello { body: &state.hello.body, mac: &state.hello.mac };
        let keyed = state.start.receive(sent, &reply.body, &body.kem_ciphertext)?;
        let (auth, opened) = keyed.open_listener_auth(&reply.sealed_auth)?;
        let listener = Proven::decode_listener(&auth)?;
        let authenticated = opened.authenticate(&proof(&listener))?;
        if self.expected.as_ref().is_some_and(|name| *name != listener.instance) {
            return Err(Ending::Ours(Code::WrongInstance.reason()));
        }
        let auth = self.dialer_auth_of(&state.errand, &authenticated);
        let mut channel = authenticated.into_channel();
        let sealed = channel.seal(&auth.encode())?;
        Ok((ExpectAnswer { errand: state.errand, channel, listener }, record(sealed)))
    }

    fn dialer_auth_of(&self, errand: &Errand, listener: &DialerAuthenticated) -> DialerAuth {
        let identity = &self.local.identity;
        let signature = listener.sign(identity, self.local.instance.as_str());
        DialerAuth {
            proven: proven(identity, &self.local.instance, signature),
            purpose: errand.purpose,
            boot_id: self.local.boot_id,
            software: self.local.software.clone(),
            redemption: errand.redemption.clone(),
            opening: errand.opening.clone(),
            features: Vec::new(),
        }
    }

    fn dialer_auth(&mut self, state: ListenerWaiting, auth: &[u8]) -> Result<Handshake, Ending> {
        let admitting = authenticate_dialer(state, auth)?;
        self.event(Event::Ask(Box::new(admitting.applicant.clone())));
        Ok(Handshake::Admitting(admitting))
    }

    fn auth_reply(&mut self, state: ExpectAnswer, answer: &[u8], now: Now) {
        let ExpectAnswer { errand, mut channel, listener } = state;
        let opened = channel.open(answer).map_err(Ending::from);
        let reply = opened.and_then(|bytes| AuthReply::decode(&bytes).map_err(Ending::from));
        match reply {
            Err(ending) => self.end(ending),
            Ok(AuthReply::Refused(reason)) => self.end(Ending::Theirs(reason)),
            Ok(AuthReply::Offer(offer)) => {
                self.event(Event::Offered(offer));
                self.end(Ending::Theirs(Code::Done.reason()));
            }
            Ok(AuthReply::Accepted(accepted)) => {
                let opened = opened_listener(&listener, &accepted, now);
                let other = Other {
                    key: opened.key,
                    public_key: opened.public_key,
                    purpose: errand.purpose,
                };
                self.event(Event::Opened(Box::new(opened)));
                self.establish(channel, &other, accepted.opening, now);
            }
        }
    }

    /// The driver has decided about the applicant.
    pub(super) fn answer(&mut self, handshake: Handshake, admission: Admission, now: Now) {
        match handshake {
            Handshake::Admitting(admitting) => match admission {
                Admission::Accept { grants, opening, urls } => {
                    self.accept(admitting, grants, opening, urls, now);
                }
                Admission::Offer(offer) => {
                    self.finish(admitting, &AuthReply::Offer(offer), Code::Done.reason());
                }
                Admission::Refuse(reason) => {
                    self.finish(admitting, &AuthReply::Refused(reason.clone()), reason);
                }
            },
            other @ (Handshake::ExpectReply(_)
            | Handshake::ExpectAnswer(_)
            | Handshake::ExpectHello
            | Handshake::ExpectAuth(_)) => self.state = State::Handshake(Box::new(other)),
        }
    }

    fn accept(
        &mut self,
        admitting: Admitting,
        grants: Grants,
        opening: Opening,
        urls: Vec<String>,
        now: Now,
    ) {
        let Admitting { mut channel, applicant, opening: theirs } = admitting;
        let accepted = AuthReply::Accepted(Accepted {
            boot_id: self.local.boot_id,
            software: self.local.software.clone(),
            opening,
            features: Vec::new(),
            urls,
            clock: now.wall,
        });
        let Ok(sealed) = channel.seal(&accepted.encode()) else {
            return self.end(Ending::Ours(Code::Internal.reason()));
        };
        self.transmit.push_back(record(sealed));
        self.grants = grants;
        self.event(Event::Opened(Box::new(opened_dialer(&applicant, &theirs))));
        let other = Other {
            key: applicant.key,
            public_key: applicant.public_key,
            purpose: applicant.purpose,
        };
        self.establish(channel, &other, theirs, now);
    }

    fn finish(&mut self, mut admitting: Admitting, reply: &AuthReply, reason: CloseReason) {
        if let Ok(sealed) = admitting.channel.seal(&reply.encode()) {
            self.transmit.push_back(record(sealed));
        }
        self.end(Ending::Ours(reason));
    }

    fn establish(&mut self, channel: Channel, other: &Other, theirs: Opening, now: Now) {
        if !other.purpose.is_session() {
            return self.end(Ending::Ours(Code::Done.reason()));
        }
        let mut established =
            Box::new(Established::new(channel, other.key, other.public_key, &self.timing, now));
        if let Some(hello) = theirs.sync_hello {
            established.note_hello(&hello);
            self.event(Event::FromOrigin(FromOrigin::Hello(hello)));
        }
        self.state = State::Established(established);
    }
}

/// What a session keeps of the other side's proof.
struct Other {
    key: KeyId,
    public_key: [u8; 32],
    purpose: Purpose,
}

fn authenticate_dialer(state: ListenerWaiting, auth: &[u8]) -> Result<Admitting, Ending> {
    let (auth, opened) = state.open_dialer_auth(auth)?;
    let auth = DialerAuth::decode(&auth)?;
    let (key, public_key, channel) = opened.authenticate(&proof(&auth.proven))?;
    let applicant = Applicant {
        key,
        public_key,
        instance: auth.proven.instance,
        purpose: auth.purpose,
        boot_id: auth.boot_id,
        software: auth.software,
        redemption: auth.redemption,
    };
    Ok(Admitting { channel, applicant, opening: auth.opening })
}

fn unsupported(theirs: &[u32]) -> Ending {
    let first: Vec<_> = theirs.iter().take(8).collect();
    Ending::Incompatible(format!(
        "the listener speaks protocol versions {first:?}, this one speaks {VERSION}"
    ))
}

fn proven(identity: &Identity, instance: &InstanceId, signature: [u8; 64]) -> Proven {
    Proven { public_key: identity.public_key(), instance: instance.clone(), signature }
}

fn proof(proven: &Proven) -> Proof<'_> {
    Proof {
        public_key: &proven.public_key,
        instance: proven.instance.as_str(),
        signature: &proven.signature,
    }
}

fn opened_listener(listener: &Proven, accepted: &Accepted, now: Now) -> Opened {
    let ahead = accepted.clock.as_millis().saturating_sub(now.wall.as_millis());
    Opened {
        key: KeyId::of(&listener.public_key),
        public_key: listener.public_key,
        instance: listener.instance.clone(),
        boot_id: accepted.boot_id,
        software: accepted.software.clone(),
        granted: accepted.opening.granted.clone(),
        urls: accepted.urls.clone(),
        clock_ahead_ms: Some(ahead),
    }
}

fn opened_dialer(applicant: &Applicant, theirs: &Opening) -> Opened {
    Opened {
        key: applicant.key,
        public_key: applicant.public_key,
        instance: applicant.instance.clone(),
        boot_id: applicant.boot_id,
        software: applicant.software.clone(),
        granted: theirs.granted.clone(),
        urls: Vec::new(),
        clock_ahead_ms: None,
    }
}
