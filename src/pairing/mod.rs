//! Pairing by token: its text, the link that carries it, and whether it may be redeemed at a given now.
//!
//! Stores nothing and asks no clock: the store finds the row and commits what is decided here.
//!
//! 1. The text of a token appears only through [`Token::reveal`] and [`Invitation::reveal`]; errors
//!    never repeat any part of what was given (C2).
//! 2. A key that is already known connects and uses nothing.
//! 3. Whoever does not hold the secret learns only that the token is unknown.

mod invitation;
mod redeem;
mod token;
mod ttl;
mod url;

pub use invitation::Invitation;
pub use redeem::{
    Admission, Candidate, Refusal, Standing, TokenId, TokenIdError, TokenRow, TokenState,
    check_listener, decide,
};
pub use token::{PairingSecret, Token, TokenError};
pub use ttl::{Ttl, TtlError};
pub use url::{PeerUrl, Transport, UrlError};
