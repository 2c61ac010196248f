//! A text that must never be seen.

use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

/// A secret text: wiped from memory when dropped, compared in constant time.
///
/// Invariant C2: there is no `Debug`, `Display` or `Serialize`, so it cannot reach a log, an error
/// or the browser by accident; [`Secret::expose`] is the one way to its content.
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes the text over.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// The content, for the one place that must have it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_bytes().ct_eq(other.0.as_bytes()).into()
    }
}

impl Eq for Secret {}
