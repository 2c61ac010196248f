//! `Content-Disposition`: under which name a browser saves what it gets (RFC 6266, RFC 8187).
//!
//! 1. No name leads to another folder, ends the header, or looks like what it is not.

use http::HeaderValue;
use std::fmt::Write as _;

/// No file system has longer names.
const LONGEST: usize = 200;

/// As a file to be saved under this name.
pub(super) fn attachment(name: &str) -> HeaderValue {
    let name = harmless(name);
    let plain: String =
        name.chars().map(|c| if c.is_ascii() && !"\"\\%".contains(c) { c } else { '_' }).collect();
    let text = format!("attachment; filename=\"{plain}\"; filename*=UTF-8''{}", encoded(&name));
    HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static("attachment"))
}

/// A name that is nothing but one.
fn harmless(name: &str) -> String {
    let one =
        |c: char| if c.is_control() || is_deceiving(c) || "/\\".contains(c) { '_' } else { c };
    let name: String = name.chars().take(LONGEST).map(one).collect();
    match name.trim_matches([' ', '.']) {
        "" => "download".to_owned(),
        // A name may begin with a dot; it may not end with one, or with a space.
        _ => name.trim_end_matches([' ', '.']).trim_start().to_owned(),
    }
}

/// Turns the direction of what follows, or cannot be seen.
const fn is_deceiving(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}')
}

/// `attr-char` of RFC 8187 as it is, every other byte in hexadecimal.
fn encoded(name: &str) -> String {
    let mut text = String::new();
    for byte in name.bytes() {
        match byte {
            b'!' | b'#' | b'$' | b'&' | b'+' | b'-' | b'.' | b'^' | b'_' | b'`' | b'|' | b'~' => {
                text.push(char::from(byte));
            }
            byte if byte.is_ascii_alphanumeric() => text.push(char::from(byte)),
            // Writing to a text does not fail.
            byte => drop(write!(text, "%{byte:02X}")),
        }
    }
    text
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_nothing_but_a_name() {
        for (name, said) in [
            ("letter.txt", "filename=\"letter.txt\"; filename*=UTF-8''letter.txt"),
            ("a b.txt", "filename=\"a b.txt\"; filename*=UTF-8''a%20b.txt"),
            ("naïve.txt", "filename=\"na_ve.txt\"; filename*=UTF-8''na%C3%AFve.txt"),
            (
                "x\";evil\r\nSet-Cookie: a",
                "filename=\"x_;evil__Set-Cookie: a\"; filename*=UTF-8''x%22%3Bevil__Set-Cookie%3A%20a",
            ),
            ("photo\u{202e}gpj.exe", "filename=\"photo_gpj.exe\"; filename*=UTF-8''photo_gpj.exe"),
            (
                "../../etc/passwd",
                "filename=\".._.._etc_passwd\"; filename*=UTF-8''.._.._etc_passwd",
            ),
            (".bashrc", "filename=\".bashrc\"; filename*=UTF-8''.bashrc"),
            ("..", "filename=\"download\"; filename*=UTF-8''download"),
            ("", "filename=\"download\"; filename*=UTF-8''download"),
        ] {
            assert_eq!(attachment(name).to_str().unwrap(), format!("attachment; {said}"));
        }
        assert!(attachment(&"ä".repeat(9000)).len() < 2000);
    }
}
