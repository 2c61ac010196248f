//! The HTTP surface of the listening address: the web interface's files and the API for browsers
//! and scripts.
//!
//! It knows no method of the API but for the role that each needs: the services are those of the Unix
//! socket, and what may be called by whom is [`access`]'s word.
//!
//! 1. A request is answered only under a name of this instance (DNS rebinding).
//! 2. No page of another origin can make a browser call the API.
//! 3. Every call of the API has passed [`access::Access::enter`].
//! 4. Every answer carries the headers that keep a page from loading or sending anything elsewhere.
//! 5. Without any user only this machine itself is answered; as soon as there is one, nobody is
//!    without signing in. A method that no row of [`roles`] names is refused.

pub mod access;
pub mod accounts;
mod assets;
mod caller;
mod cookie;
mod denial;
mod disposition;
pub mod download;
mod first_code;
mod headers;
mod hosts;
mod json;
mod limits;
pub mod password;
mod refusal;
mod reports;
pub mod roles;
mod serve;
mod url;

pub use refusal::Refusal;
pub use serve::{Surface, router};
pub use url::url;
