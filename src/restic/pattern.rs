//! Whether a pattern is one that restic can read: it gives up on a malformed one in the middle of its
//! work, and says so as if it were a fault of its own.
//!
//! restic takes a pattern apart at each `/` and hands the parts to Go's `filepath.Match`:
//! `*`, `?`, `[abc]`, `[^a-z]`, and `\` before a character that stands for itself.

use std::str::Chars;

/// What is wrong with a pattern; `None` if nothing is.
#[must_use]
pub fn pattern_fault(pattern: &str) -> Option<&'static str> {
    pattern.split('/').find_map(|part| fault(part.chars()))
}

const OPEN: &str = "a [ has no ] behind what is in it; write \\[ for the character itself";
const ESCAPE: &str = "nothing follows its last \\; write \\\\ for the character itself";

fn fault(mut part: Chars<'_>) -> Option<&'static str> {
    while let Some(character) = part.next() {
        match character {
            '\\' if part.next().is_none() => return Some(ESCAPE),
            '[' => {
                if let Some(fault) = fault_of_class(&mut part) {
                    return Some(fault);
                }
            }
            _ => {}
        }
    }
    None
}

/// What follows a `[`, up to its `]`: characters and ranges, at least one.
fn fault_of_class(part: &mut Chars<'_>) -> Option<&'static str> {
    if part.as_str().starts_with('^') {
        part.next();
    }
    let mut is_empty = true;
    loop {
        if !is_empty && part.as_str().starts_with(']') {
            part.next();
            return None;
        }
        if !takes_member(part) {
            return Some(OPEN);
        }
        if part.as_str().starts_with('-') {
            part.next();
            if !takes_member(part) {
                return Some(OPEN);
            }
        }
        is_empty = false;
    }
}

/// One character of a class, which something has to follow.
fn takes_member(part: &mut Chars<'_>) -> bool {
    let taken = match part.next() {
        None | Some('-' | ']') => return false,
        Some('\\') => part.next(),
        plain => plain,
    };
    taken.is_some() && !part.as_str().is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_restic_cannot_read_is_found_before_it_is_asked() {
        // restic 0.14 and 0.18 end with "syntax error in pattern" for each of them.
        for bad in ["[", r"a\", "[]", "[a-]", "[a", "[^", "a/[", "**/[", r"\", "[/]", r"[a\"] {
            assert!(pattern_fault(bad).is_some(), "{bad}");
        }
        for good in [
            "*.odt",
            "/home/ada/letter",
            "[!a]",
            "[b-a]",
            r"\[",
            r"[\]]",
            "[^a-z]*",
            "]",
            "a-b",
            "ä[ö-ü]?",
        ] {
            assert_eq!(pattern_fault(good), None, "{good}");
        }
    }
}
