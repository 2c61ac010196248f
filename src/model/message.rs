//! Messages for people: a sentence on what is wrong, and then what to do about it.

/// The two apart. What stands in brackets or in a further line belongs to the first, as does all of a
/// message that is one sentence.
#[must_use]
pub fn what_and_remedy(message: &str) -> (&str, Option<&str>) {
    let whole = (message, None);
    let line = message.lines().next().unwrap_or_default();
    if line.len() != message.len() {
        return whole;
    }
    let mut depth = 0_usize;
    for (at, letter) in line.char_indices() {
        match letter {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            '.' if depth == 0 => {
                let Some(rest) = line[at..].strip_prefix(". ") else { continue };
                if rest.starts_with(|first: char| first.is_uppercase() || first == '`') {
                    return (&line[..at], Some(rest));
                }
            }
            _ => {}
        }
    }
    whole
}

#[cfg(test)]
mod tests {
    use super::what_and_remedy;

    #[test]
    fn a_message_says_what_is_wrong_and_then_what_to_do() {
        for (message, what, remedy) in [
            (
                "no space left. Free some. Then try again",
                "no space left",
                "Free some. Then try again",
            ),
            (
                "a repo is missing. `holdfast repo init` makes it",
                "a repo is missing",
                "`holdfast repo init` makes it",
            ),
            ("locked (by nas. Since noon). Wait", "locked (by nas. Since noon)", "Wait"),
            ("see a.b and v. 2 of it", "see a.b and v. 2 of it", ""),
            ("one sentence.", "one sentence.", ""),
            ("two lines. Of text\nhere", "two lines. Of text\nhere", ""),
            ("", "", ""),
        ] {
            let remedy = Some(remedy).filter(|text| !text.is_empty());
            assert_eq!(what_and_remedy(message), (what, remedy), "{message}");
        }
    }
}
