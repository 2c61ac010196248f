//! The cookie that carries a login.
//!
//! 1. Never readable by scripts, never sent from another site, and over TLS never sent without it,
//!    nor settable by a neighbouring host (`__Host-`).
//! 2. Its name is this instance's: two instances on one host and different ports share a browser's
//!    cookies.

use crate::model::{AccessSecret, KeyId, Secret};
use std::time::Duration;

/// Whether the caller's connection is encrypted, up to us or up to a trusted proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// HTTPS.
    Secure,
    /// HTTP.
    Plain,
}

/// The name of this instance's cookie.
#[derive(Debug, Clone)]
pub(super) struct CookieName(String);

impl CookieName {
    /// That of the instance with this key.
    #[must_use]
    pub(super) fn of(key: KeyId) -> Self {
        Self(format!("holdfast-{}", hex::encode(&key.as_bytes()[..4])))
    }

    fn on(&self, transport: Transport) -> String {
        match transport {
            Transport::Secure => format!("__Host-{}", self.0),
            Transport::Plain => self.0.clone(),
        }
    }

    /// The secret in a `Cookie` header. Over TLS only the cookie that TLS protects counts.
    #[must_use]
    pub(super) fn find(&self, header: &Secret, transport: Transport) -> Option<AccessSecret> {
        let name = self.on(transport);
        let mut pairs = header.expose().split(';').filter_map(|pair| pair.trim().split_once('='));
        pairs.find(|(found, _)| *found == name).and_then(|(_, text)| AccessSecret::from_text(text))
    }

    /// The `Set-Cookie` header that keeps a secret for so long.
    #[must_use]
    pub(super) fn set(&self, secret: &AccessSecret, age: Duration, transport: Transport) -> Secret {
        self.header(secret.reveal().expose(), age, transport)
    }

    /// The `Set-Cookie` header that has the browser forget it.
    #[must_use]
    pub(super) fn clear(&self, transport: Transport) -> Secret {
        self.header("", Duration::ZERO, transport)
    }

    fn header(&self, value: &str, age: Duration, transport: Transport) -> Secret {
        let secure = match transport {
            Transport::Secure => "; Secure",
            Transport::Plain => "",
        };
        Secret::new(format!(
            "{}={value}; Path=/; Max-Age={}; HttpOnly; SameSite=Strict{secure}",
            self.on(transport),
            age.as_secs()
        ))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const AGE: Duration = Duration::from_secs(60);

    fn name() -> CookieName {
        CookieName::of(KeyId::from_bytes([0xab; 32]))
    }

    fn found(header: &str, transport: Transport) -> Option<String> {
        let secret = name().find(&Secret::new(header.to_owned()), transport)?;
        Some(secret.reveal().expose().to_owned())
    }

    #[test]
    fn what_is_set_is_found() {
        let secret = AccessSecret::from_bytes([7; 32]);
        let text = secret.reveal().expose().to_owned();
        for transport in [Transport::Plain, Transport::Secure] {
            let set = name().set(&secret, AGE, transport);
            let pair = set.expose().split(';').next().unwrap();
            let header = format!("theme=dark; {pair}; x");
            assert_eq!(found(&header, transport).unwrap(), text);
            assert!(set.expose().contains("; Path=/; Max-Age=60; HttpOnly; SameSite=Strict"));
            assert_eq!(set.expose().ends_with("; Secure"), transport == Transport::Secure);
            assert_eq!(set.expose().starts_with("__Host-"), transport == Transport::Secure);
        }
    }

    #[test]
    fn over_tls_a_cookie_that_anybody_could_set_does_not_count() {
        let secret = AccessSecret::from_bytes([7; 32]);
        let plain = name().set(&secret, AGE, Transport::Plain);
        let pair = plain.expose().split(';').next().unwrap();
        assert_eq!(found(pair, Transport::Secure), None);
    }

    #[test]
    fn other_cookies_are_no_login() {
        for header in ["", ";;", "holdfast-abababab", "holdfast-abababab=", "holdfast-abababab=x"] {
            assert_eq!(found(header, Transport::Plain), None, "{header}");
        }
        let other = CookieName::of(KeyId::from_bytes([1; 32]));
        let theirs = other.set(&AccessSecret::from_bytes([7; 32]), AGE, Transport::Plain);
        assert_eq!(found(theirs.expose(), Transport::Plain), None);
    }

    #[test]
    fn forgetting_is_setting_nothing_for_no_time() {
        let clear = name().clear(Transport::Plain);
        assert!(clear.expose().starts_with("holdfast-abababab=; Path=/; Max-Age=0;"));
    }
}
