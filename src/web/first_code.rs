//! The one-time code that lets the first user be created from another machine.

use crate::model::Secret;

/// Crockford's digits: no I, L, O or U to be misread.
const DIGITS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
/// 16 digits: 80 bits.
const LENGTH: usize = 16;

/// Made when the daemon starts, gone with the first user.
#[derive(Clone)]
pub(super) struct FirstCode(Secret);

impl FirstCode {
    /// From random bytes.
    #[must_use]
    pub(super) fn from_bytes(bytes: [u8; LENGTH]) -> Self {
        let digit = |byte: &u8| char::from(DIGITS[usize::from(byte % 32)]);
        Self(Secret::new(bytes.iter().map(digit).collect()))
    }

    /// As it is shown to a person: in groups of four.
    #[must_use]
    pub(super) fn reveal(&self) -> Secret {
        let digits: Vec<char> = self.0.expose().chars().collect();
        let groups: Vec<String> = digits.chunks(4).map(|group| group.iter().collect()).collect();
        Secret::new(groups.join("-"))
    }

    /// Whether this was typed, however it is grouped and in whichever case.
    #[must_use]
    pub(super) fn is(&self, typed: &Secret) -> bool {
        let read = |c: char| match c.to_ascii_uppercase() {
            'O' => '0',
            'I' | 'L' => '1',
            other => other,
        };
        let kept = typed.expose().chars().take(4 * LENGTH).filter(char::is_ascii_alphanumeric);
        self.0 == Secret::new(kept.map(read).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_read_as_people_type_it() {
        let code =
            FirstCode::from_bytes([0, 1, 2, 3, 10, 11, 12, 13, 31, 30, 29, 28, 32, 33, 34, 255]);
        assert_eq!(code.reveal().expose(), "0123-ABCD-ZYXW-012Z");
        let is = |text: &str| code.is(&Secret::new(text.to_owned()));
        for good in ["0123-ABCD-ZYXW-012Z", "ol23abcdzyxw012z", " 0123 abcd zyxw 012z "] {
            assert!(is(good), "{good}");
        }
        for wrong in ["", "0123-ABCD-ZYXW-012", "0123-ABCD-ZYXW-0123", "0123-ABCD-ZYXW-012ZZ"] {
            assert!(!is(wrong), "{wrong}");
        }
    }
}
