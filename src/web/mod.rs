//! The HTTP surface of the listening address: the web interface's files and the API for browsers
//! and scripts.
//!
//! It knows no method of the API: the services are those of the Unix socket, and what may be called
//! by whom is [`access`]'s word.
//!
//! 1. A request is answered only under a name of this instance (DNS rebinding).
//! 2. No page of another origin can make a browser call the API.
//! 3. Every call of the API has passed [`access::Access::enter`].
//! 4. Every answer carries the headers that keep a page from loading or sending anything elsewhere.

pub mod access;
mod assets;
mod caller;
mod denial;
mod download;
mod headers;
mod hosts;
mod json;
mod reports;
mod serve;
mod url;

pub use serve::{Surface, router};
pub use url::url;
