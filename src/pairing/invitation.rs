//! What `join` takes: a token, or a link that carries the address as well.

use super::{PeerUrl, Token, TokenError};
use crate::model::Secret;
use std::str::FromStr;

/// A token with the address that its link carried, if it came as a link.
#[derive(Debug, Clone)]
pub struct Invitation {
    /// The token.
    pub token: Token,
    /// Where its listener is reached.
    pub url: Option<PeerUrl>,
}

impl Invitation {
    /// The text to hand over, once: `holdfast://host/path#TOKEN`, or the bare token without address.
    #[must_use]
    pub fn reveal(&self) -> Secret {
        let token = self.token.reveal();
        match &self.url {
            Some(url) => Secret::new(format!("{}#{}", url.as_link(), token.expose())),
            None => token,
        }
    }
}

impl FromStr for Invitation {
    type Err = TokenError;

    fn from_str(text: &str) -> Result<Self, TokenError> {
        const LIMIT: usize = Token::MAX_LEN + PeerUrl::MAX_LEN;
        let text = text.trim();
        // Neither a token nor a link has a blank in it.
        if text.contains("holdfast join ") {
            return Err(TokenError::WholeLine);
        }
        if text.len() > LIMIT {
            return Err(TokenError::TooLong { len: text.len(), limit: LIMIT });
        }
        if !text.contains("://") {
            return Ok(Self { token: text.parse()?, url: None });
        }
        let (url, token) = text.split_once('#').ok_or(TokenError::LinkWithoutToken)?;
        Ok(Self { url: Some(url.parse()?), token: token.parse()? })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::{PairingSecret, UrlError};
    use super::*;
    use crate::model::KeyId;
    use proptest::prelude::*;

    fn invitation(url: Option<&str>) -> Invitation {
        Invitation {
            token: Token {
                listener: KeyId::from_bytes([3; 32]),
                instance: "hub".parse().unwrap(),
                secret: PairingSecret::from_bytes([4; 32]),
            },
            url: url.map(|text| text.parse().unwrap()),
        }
    }

    #[test]
    fn link_and_bare_token_read_back() {
        for url in [None, Some("https://hub.example/sub"), Some("http://[::1]:9898")] {
            let text = invitation(url).reveal();
            let back: Invitation = text.expose().parse().unwrap();
            assert_eq!(back.url, invitation(url).url);
            assert_eq!(back.token.secret.hash(), PairingSecret::from_bytes([4; 32]).hash());
        }
        let link = invitation(Some("http://hub.example")).reveal();
        assert!(link.expose().starts_with("holdfast+http://hub.example#ed25519."));
    }

    #[test]
    fn faults_of_links_are_told_apart() {
        let error = |text: &str| text.parse::<Invitation>().unwrap_err();
        assert_eq!(error("holdfast://hub.example"), TokenError::LinkWithoutToken);
        let line = "holdfast join 'K:S#hub' --url https://hub.example";
        assert_eq!(error(line), TokenError::WholeLine);
        assert_eq!(error("holdfast://#x"), TokenError::Url(UrlError::Host));
        assert_eq!(error("holdfast://hub.example#x"), TokenError::NoSecret);
    }

    proptest! {
        #[test]
        fn never_panics(text in "(holdfast://)?\\PC{0,80}#?\\PC{0,80}") {
            let _ = text.parse::<Invitation>();
        }
    }
}
