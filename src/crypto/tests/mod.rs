//! The handshake as a whole, the published vectors, and the attacks of `docs/protocol.md`.

#![allow(clippy::unwrap_used)]

mod attacks;
mod handshake;
mod primitives;
mod properties;
pub(super) mod vectors;

use super::*;

/// Bodies are made of fixed fields here; the handshake does not care.
pub(super) const VERSIONS_BYTES: usize = 4;

pub(super) struct Hello {
    body: Vec<u8>,
    mac: Vec<u8>,
}

impl Hello {
    fn by(start: &DialerStart) -> Self {
        let body = [&[0, 0, 0, 1][..], start.kem_public_key(), start.random()].concat();
        Self { mac: start.mac(&body).into(), body }
    }

    fn sent(&self) -> SentHello<'_> {
        SentHello { body: &self.body, mac: &self.mac }
    }

    fn kem_public_key(&self) -> &[u8] {
        &self.body[VERSIONS_BYTES..][..KEM_PUBLIC_KEY_BYTES]
    }
}

pub(super) struct Reply {
    body: Vec<u8>,
    sealed_auth: Vec<u8>,
}

impl Reply {
    fn kem_ciphertext(&self) -> &[u8] {
        &self.body[VERSIONS_BYTES..][..KEM_CIPHERTEXT_BYTES]
    }
}

/// An instance: who it is, and what it calls itself.
pub(super) struct Instance {
    identity: Identity,
    name: &'static str,
}

pub(super) fn instance(seed: u8, name: &'static str) -> Instance {
    Instance { identity: Identity::from_seed([seed; 32]), name }
}

/// A ListenerAuth or a DialerAuth.
#[derive(Clone)]
pub(super) struct Auth {
    public_key: Vec<u8>,
    signature: Vec<u8>,
    name: String,
}

impl Auth {
    fn of(instance: &Instance, signature: [u8; SIGNATURE_BYTES]) -> Self {
        let public_key = instance.identity.public_key().into();
        Self { public_key, signature: signature.into(), name: instance.name.into() }
    }

    fn encoded(&self) -> Vec<u8> {
        [&self.public_key[..], &self.signature, self.name.as_bytes()].concat()
    }

    fn decoded(bytes: &[u8]) -> Self {
        let (public_key, rest) = bytes.split_at(32);
        let (signature, name) = rest.split_at(SIGNATURE_BYTES);
        let name = String::from_utf8(name.to_vec()).unwrap();
        Self { public_key: public_key.into(), signature: signature.into(), name }
    }

    fn proof(&self) -> Proof<'_> {
        Proof { public_key: &self.public_key, instance: &self.name, signature: &self.signature }
    }
}

impl Instance {
    fn dials(&self, listener: &Self) -> (DialerStart, Hello) {
        let start = DialerStart::new(listener.identity.key_id()).unwrap();
        let hello = Hello::by(&start);
        (start, hello)
    }

    fn keyed(&self, hello: &Hello) -> Result<(Vec<u8>, ListenerKeyed), CryptoError> {
        let own = self.identity.key_id();
        let start = ListenerStart::check(&own, &hello.body, &hello.mac)?;
        let encapsulated = start.encapsulate(hello.kem_public_key())?;
        let fields = [&[0, 0, 0, 1], encapsulated.kem_ciphertext(), encapsulated.random()];
        let body = fields.concat();
        let keyed = encapsulated.key(hello.sent(), &body)?;
        Ok((body, keyed))
    }

    fn answers(&self, hello: &Hello) -> Result<(Reply, ListenerWaiting), CryptoError> {
        let (body, keyed) = self.keyed(hello)?;
        let auth = Auth::of(self, keyed.sign(&self.identity, self.name));
        let (sealed_auth, waiting) = keyed.seal_auth(&auth.encoded())?;
        Ok((Reply { body, sealed_auth }, waiting))
    }

    fn proves_itself(&self, authenticated: DialerAuthenticated) -> (Vec<u8>, Channel) {
        let auth = Auth::of(self, authenticated.sign(&self.identity, self.name));
        let mut channel = authenticated.into_channel();
        (channel.seal(&auth.encoded()).unwrap(), channel)
    }
}

pub(super) fn opens(
    start: DialerStart,
    hello: &Hello,
    reply: &Reply,
) -> Result<(Auth, DialerOpened), CryptoError> {
    let keyed = start.receive(hello.sent(), &reply.body, reply.kem_ciphertext())?;
    let (auth, opened) = keyed.open_listener_auth(&reply.sealed_auth)?;
    Ok((Auth::decoded(&auth), opened))
}

pub(super) fn authenticates(
    start: DialerStart,
    hello: &Hello,
    reply: &Reply,
) -> Result<DialerAuthenticated, CryptoError> {
    let (auth, opened) = opens(start, hello, reply)?;
    opened.authenticate(&auth.proof())
}

pub(super) fn accepts(
    waiting: ListenerWaiting,
    record: &[u8],
) -> Result<(crate::model::KeyId, [u8; 32], Channel), CryptoError> {
    let (auth, opened) = waiting.open_dialer_auth(record)?;
    opened.authenticate(&Auth::decoded(&auth).proof())
}

/// The dialer's and the listener's end of a channel.
pub(super) fn channels(dialer: &Instance, listener: &Instance) -> (Channel, Channel) {
    let (start, hello) = dialer.dials(listener);
    let (reply, waiting) = listener.answers(&hello).unwrap();
    let authenticated = authenticates(start, &hello, &reply).unwrap();
    let (record, dialer_end) = dialer.proves_itself(authenticated);
    let (_, _, listener_end) = accepts(waiting, &record).unwrap();
    (dialer_end, listener_end)
}
