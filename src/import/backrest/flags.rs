//! Options of restic as a person added them, as keys of the new config, those that there are.

/// What becomes of an option.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    /// `key = true`
    Switch,
    /// `key = "value"`
    Text,
    /// `key = 3`
    Number,
    /// One more of a list.
    Item,
    /// A number of KiB a second, in `limits`.
    Rate,
    /// A size as restic writes it: `500M`.
    Size,
    /// A number of MiB.
    MiB,
    /// Has a value, and no key.
    Nothing,
}

/// By all its names.
const OPTIONS: &[(&[&str], &str, Shape)] = &[
    (&["--exclude-caches"], "exclude-caches", Shape::Switch),
    (&["--one-file-system", "-x"], "one-file-system", Shape::Switch),
    (&["--skip-if-unchanged"], "skip-if-unchanged", Shape::Switch),
    (&["--exclude", "-e"], "exclude", Shape::Item),
    (&["--iexclude"], "iexclude", Shape::Item),
    (&["--exclude-if-present"], "exclude-if-present", Shape::Item),
    (&["--exclude-file"], "exclude-file", Shape::Item),
    (&["--iexclude-file"], "iexclude-file", Shape::Item),
    (&["--exclude-larger-than"], "exclude-larger-than", Shape::Size),
    (&["--read-concurrency"], "read-concurrency", Shape::Number),
    (&["--compression"], "compression", Shape::Text),
    (&["--pack-size"], "pack-size", Shape::MiB),
    (&["--limit-upload"], "upload", Shape::Rate),
    (&["--limit-download"], "download", Shape::Rate),
    (&["--password-file", "-p"], "password-file", Shape::Text),
    (&["--password-command"], "password-command", Shape::Text),
    (&["--option", "-o"], "", Shape::Nothing),
    (&["--cacert"], "", Shape::Nothing),
    (&["--tls-client-cert"], "", Shape::Nothing),
    (&["--cache-dir"], "", Shape::Nothing),
    (&["--host", "-H"], "host", Shape::Text),
    (&["--tag"], "", Shape::Nothing),
    (&["--retry-lock"], "", Shape::Nothing),
];

/// The value of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Given {
    Switch,
    Text(String),
    Number(i64),
    Item(String),
    /// Of `limits`.
    Limit(String),
}

/// An option where it was, and what it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Flag {
    pub(super) path: String,
    /// Its name without its value, which may be a secret.
    pub(super) name: String,
    pub(super) key: Option<(&'static str, Given)>,
}

impl Flag {
    /// Its text, and where it was, if it stands for this key.
    pub(super) fn text_of(&self, wanted: &str) -> Option<(String, String)> {
        match &self.key {
            Some((key, Given::Text(text))) if *key == wanted => {
                Some((self.path.clone(), text.clone()))
            }
            Some(_) | None => None,
        }
    }
}

/// The options of a list whose texts are read as a shell would.
pub(super) fn flags(texts: &[(String, &str)]) -> Vec<Flag> {
    let words = texts
        .iter()
        .flat_map(|(path, text)| words(text).into_iter().map(move |word| (path.clone(), word)));
    let mut words = words.peekable();
    let mut flags = Vec::new();
    while let Some((path, word)) = words.next() {
        let (name, value) = match word.split_once('=') {
            Some((name, value)) if word.starts_with("--") => {
                (name.to_owned(), Some(value.to_owned()))
            }
            _ => (word, None),
        };
        let known = OPTIONS.iter().find(|(names, ..)| names.contains(&name.as_str()));
        let wants = known.is_none_or(|(_, _, shape)| *shape != Shape::Switch);
        let value = value.or_else(|| {
            let next = words.next_if(|(_, next)| wants && !next.starts_with('-'));
            next.map(|(_, next)| next)
        });
        let key = known.and_then(|(_, key, shape)| Some((*key, given(*shape, value)?)));
        let is_option = name.starts_with('-');
        let name = if is_option { name.chars().take(40).collect() } else { "(a word)".to_owned() };
        flags.push(Flag { path, name, key });
    }
    flags
}

fn given(shape: Shape, value: Option<String>) -> Option<Given> {
    let number = |text: String| text.parse::<i64>().ok();
    match (shape, value) {
        (Shape::Switch, None) => Some(Given::Switch),
        (Shape::Switch, Some(value)) => (value == "true").then_some(Given::Switch),
        (Shape::Text, Some(value)) => Some(Given::Text(value)),
        (Shape::Item, Some(value)) => Some(Given::Item(value)),
        (Shape::Number, Some(value)) => number(value).map(Given::Number),
        (Shape::Rate, Some(value)) => number(value).map(|kib| Given::Limit(format!("{kib}KiB"))),
        (Shape::Size, Some(value)) => size(&value).map(Given::Text),
        (Shape::MiB, Some(value)) => number(value).map(|mib| Given::Text(format!("{mib}MiB"))),
        (Shape::Nothing, _) | (_, None) => None,
    }
}

/// restic counts in 1024s whatever it writes.
fn size(text: &str) -> Option<String> {
    let text = text.trim_end_matches(['b', 'B']);
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let unit = match unit {
        "" => "",
        "k" | "K" => "KiB",
        "m" | "M" => "MiB",
        "g" | "G" => "GiB",
        "t" | "T" => "TiB",
        _ => return None,
    };
    (!number.is_empty()).then(|| format!("{number}{unit}"))
}

/// Words as a shell parts them: blanks, both quotes, the backslash. Nothing is expanded.
fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (None, '"' | '\'') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None | Some('"'), '\\') => word.get_or_insert_default().extend(chars.next()),
            (None, c) if c.is_whitespace() => words.extend(word.take()),
            (_, c) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(texts: &[&str]) -> Vec<(String, Option<(&'static str, Given)>)> {
        let texts: Vec<_> = texts.iter().map(|text| ("f".to_owned(), *text)).collect();
        flags(&texts).into_iter().map(|flag| (flag.name, flag.key)).collect()
    }

    #[test]
    fn options_are_read_in_every_way_to_write_them() {
        let text = |text: &str| Given::Text(text.to_owned());
        let limit = |text: &str| Given::Limit(text.to_owned());
        let found = read(&[
            "--limit-upload=500",
            "--limit-download 9",
            "-x",
            "--exclude-caches",
            "--read-concurrency",
            "4",
            "--exclude-larger-than=2G",
        ]);
        let keys: Vec<_> = found.into_iter().filter_map(|(_, key)| key).collect();
        let expected = [
            ("upload", limit("500KiB")),
            ("download", limit("9KiB")),
            ("one-file-system", Given::Switch),
            ("exclude-caches", Given::Switch),
            ("read-concurrency", Given::Number(4)),
            ("exclude-larger-than", text("2GiB")),
        ];
        assert_eq!(keys, expected);
        let quoted = read(&["--exclude 'a b' -e \"c\\\"d\""]);
        let items: Vec<_> = quoted.into_iter().filter_map(|(_, key)| key).collect();
        assert_eq!(
            items,
            [("exclude", Given::Item("a b".into())), ("exclude", Given::Item("c\"d".into()))]
        );
    }

    #[test]
    fn what_has_no_key_is_named_without_its_value() {
        let found = read(&[
            "-o s3.secret=hunter2",
            "--frobnicate hunter2",
            "--tag=x",
            "hunter2",
            "--pack-size=big",
        ]);
        assert!(found.iter().all(|(_, key)| key.is_none()), "{found:?}");
        let names: Vec<_> = found.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["-o", "--frobnicate", "--tag", "(a word)", "--pack-size"]);
    }

    proptest! {
        #[test]
        fn any_text_is_read(text in "(-|=|'|\"|\\\\| |\\PC){0,30}") {
            let _ = read(&[&text, &text]);
        }
    }
}
