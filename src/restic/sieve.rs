//! What a backup leaves out, by the rules of restic, so that somebody who writes a pattern sees at once
//! what it does.
//!
//! 1. Patterns are taken apart at each `/`, and their parts compared as Go's `filepath.Match` does. No
//!    crate has those rules: they differ from a shell's in classes, escapes and what `**` stands for.
//! 2. The last pattern of a list that fits decides; one that begins with `!` takes in again. Patterns that
//!    do not mind the case are a list of their own.
//! 3. What is left out is not looked into, so that nothing in it is taken in again.
//!
//! It is compared with the real restic in `tests/drafts.rs`.

use super::{Caches, Exclusions};
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::Path;

/// What begins a `CACHEDIR.TAG` (Cache Directory Tagging Specification).
const CACHE_TAG: (&str, &str) = ("CACHEDIR.TAG", "Signature: 8a477f597d28d172789f06886806bc55");

/// The exclusions of a plan, made ready.
#[derive(Debug)]
pub struct Sieve {
    patterns: Vec<Pattern>,
    larger_than: Option<u64>,
    /// Names of files, with what they have to begin with.
    tags: Vec<(String, String)>,
}

/// One pattern, as it was written and as it is compared.
#[derive(Debug)]
pub struct Pattern {
    /// As it was written.
    pub text: String,
    /// Whether it was given as one that does not mind the case.
    pub any_case: bool,
    takes_in: bool,
    parts: Vec<String>,
}

impl Sieve {
    /// Reads the files with patterns in them too.
    ///
    /// # Errors
    ///
    /// Such a file cannot be read.
    pub fn of(exclusions: &Exclusions) -> io::Result<Self> {
        let mut patterns = Vec::new();
        let lists = [
            (false, &exclusions.exclude, &exclusions.exclude_file),
            (true, &exclusions.iexclude, &exclusions.iexclude_file),
        ];
        for (any_case, written, files) in lists {
            patterns.extend(written.iter().map(|text| Pattern::new(text, any_case)));
            for file in files {
                let text = fs::read_to_string(file)?;
                let lines = text.lines().map(str::trim);
                let said = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
                patterns.extend(said.map(|line| Pattern::new(line, any_case)));
            }
        }
        let named = exclusions.exclude_if_present.iter().map(|tag| {
            let (name, header) = tag.split_once(':').unwrap_or((tag, ""));
            (name.to_owned(), header.to_owned())
        });
        let cache = (CACHE_TAG.0.to_owned(), CACHE_TAG.1.to_owned());
        let cache = (exclusions.caches == Caches::LeftOut).then_some(cache);
        let tags = named.chain(cache).collect();
        Ok(Self { patterns, larger_than: exclusions.larger_than, tags })
    }

    /// In the order in which they decide, those that mind the case first.
    #[must_use]
    pub fn patterns(&self) -> &[Pattern] {
        &self.patterns
    }

    /// Which pattern leaves out what has this absolute path.
    #[must_use]
    pub fn left_out_by(&self, path: &str) -> Option<usize> {
        let lower = path.to_lowercase();
        let decided = |any_case: bool, path: &str| {
            let names = names(path);
            let list = self.patterns.iter().enumerate();
            let own = list.filter(|(_, pattern)| pattern.any_case == any_case);
            let last = own.rev().find(|(_, pattern)| is_match(&pattern.parts, &names));
            last.filter(|(_, pattern)| !pattern.takes_in).map(|(at, _)| at)
        };
        decided(false, path).or_else(|| decided(true, &lower))
    }

    /// Whether a file of so many bytes is left out for its size.
    #[must_use]
    pub fn is_too_large(&self, bytes: u64) -> bool {
        self.larger_than.is_some_and(|most| bytes > most)
    }

    /// The file for which everything else in a folder is left out.
    #[must_use]
    pub fn tag_in(&self, folder: &Path) -> Option<&str> {
        let is_there = |(name, header): &&(String, String)| is_tag(&folder.join(name), header);
        self.tags.iter().find(is_there).map(|(name, _)| name.as_str())
    }
}

impl Pattern {
    fn new(text: &str, any_case: bool) -> Self {
        let (takes_in, rest) = text.strip_prefix('!').map_or((false, text), |rest| (true, rest));
        let lower = any_case.then(|| rest.to_lowercase());
        let parts =
            names(lower.as_deref().unwrap_or(rest)).into_iter().map(str::to_owned).collect();
        Self { text: text.to_owned(), any_case, takes_in, parts }
    }
}

/// `/` first where it is absolute, then each name; without what a path may have too much.
fn names(path: &str) -> Vec<&str> {
    let root = path.starts_with('/').then_some("/");
    root.into_iter().chain(path.split('/').filter(|name| !matches!(*name, "" | "."))).collect()
}

/// Whether the pattern is a run of the names: from the first where it is absolute, else anywhere.
fn is_match<P: AsRef<str>>(pattern: &[P], names: &[&str]) -> bool {
    match pattern.first().map(AsRef::as_ref) {
        None => false,
        Some("/") => begins(pattern, names, None),
        Some(_) => {
            begins(pattern, &names[usize::from(names.first() == Some(&"/"))..], Some((0, 0)))
        }
    }
}

/// Whether the names begin with what the pattern says. After a `**` one more name is passed over whenever
/// it fails, from where the last one stands: that takes no more steps than pattern times names. `again`:
/// where in the pattern and in the names that is.
fn begins<P: AsRef<str>>(pattern: &[P], names: &[&str], mut again: Option<(usize, usize)>) -> bool {
    let (mut at, mut name) = (0, 0);
    while let Some(part) = pattern.get(at).map(AsRef::as_ref) {
        if part == "**" {
            at += 1;
            again = Some((at, name));
        } else if names.get(name).is_some_and(|name| is_name(part, name)) {
            (at, name) = (at + 1, name + 1);
        } else {
            let Some((after, from)) = again.filter(|(_, from)| *from < names.len()) else {
                return false;
            };
            again = Some((after, from + 1));
            (at, name) = (after, from + 1);
        }
    }
    true
}

/// Whether one part of a pattern is one whole name; `*` goes as `**` does.
fn is_name(part: &str, name: &str) -> bool {
    let (part, name): (Vec<char>, Vec<char>) = (part.chars().collect(), name.chars().collect());
    let (mut rest, mut left) = (part.as_slice(), name.as_slice());
    let mut again: Option<(&[char], &[char])> = None;
    while !(rest.is_empty() && left.is_empty()) {
        if let ['*', after @ ..] = rest {
            rest = after;
            again = Some((rest, left));
        } else if let Some(after) = one(rest, left) {
            (rest, left) = after;
        } else {
            let Some((after, [_, from @ ..])) = again else { return false };
            again = Some((after, from));
            (rest, left) = (after, from);
        }
    }
    true
}

/// What is left of both where the pattern takes the first character.
fn one<'a>(part: &'a [char], name: &'a [char]) -> Option<(&'a [char], &'a [char])> {
    let (character, left) = name.split_first()?;
    match part {
        [] => None,
        ['?', rest @ ..] => Some((rest, left)),
        ['[', class @ ..] => in_class(class, *character).map(|rest| (rest, left)),
        ['\\', wanted, rest @ ..] | [wanted, rest @ ..] => {
            (wanted == character).then_some((rest, left))
        }
    }
}

/// What follows a class that has this character; `None` where it has not, or does not end.
fn in_class(class: &[char], character: char) -> Option<&[char]> {
    let (is_not, mut class) = match class {
        ['^', rest @ ..] => (true, rest),
        class => (false, class),
    };
    let (mut is_in, mut is_first) = (false, true);
    loop {
        match class {
            [']', rest @ ..] if !is_first => return (is_in != is_not).then_some(rest),
            _ => {}
        }
        let (low, rest) = member(class)?;
        let (high, rest) = match rest {
            ['-', rest @ ..] => member(rest)?,
            rest => (low, rest),
        };
        is_in |= (low..=high).contains(&character);
        (class, is_first) = (rest, false);
    }
}

fn member(class: &[char]) -> Option<(char, &[char])> {
    match class {
        ['\\', character, rest @ ..] | [character, rest @ ..] => Some((*character, rest)),
        [] => None,
    }
}

fn is_tag(file: &Path, header: &str) -> bool {
    // A tag is a plain file: a pipe of that name would be waited for.
    if !fs::symlink_metadata(file).is_ok_and(|found| found.is_file()) {
        return false;
    }
    let mut begin = vec![0; header.len()];
    header.is_empty()
        || File::open(file).and_then(|mut file| file.read_exact(&mut begin)).is_ok()
            && begin == header.as_bytes()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn sieve(exclude: &[&str], iexclude: &[&str]) -> Sieve {
        let owned = |list: &[&str]| list.iter().map(|&text| text.to_owned()).collect();
        let (exclude, iexclude) = (owned(exclude), owned(iexclude));
        Sieve::of(&Exclusions { exclude, iexclude, ..Exclusions::default() }).unwrap()
    }

    #[test]
    fn a_pattern_fits_a_run_of_names() {
        let cases = [
            ("cache", "/home/ada/cache", true),
            ("cache", "/home/ada/cache/x", true),
            ("cache", "/home/ada/caches", false),
            ("ada/cache", "/home/ada/cache", true),
            ("home/cache", "/home/ada/cache", false),
            ("/home/ada", "/home/ada", true),
            ("/ada", "/home/ada", false),
            ("/home/ada/", "/home/ada", true),
            ("/home/**/x", "/home/ada/b/x", true),
            ("/home/**/x", "/home/x", true),
            ("**/x/**", "/home/x", true),
            ("*.o?t", "/a/b.odt", true),
            ("*.odt", "/a/b.odt.gz", false),
            ("*", "/a", true),
            ("[a-c]x", "/bx", true),
            ("[^a-c]x", "/bx", false),
            (r"\[a]", "/[a]", true),
            (r"[\]]", "/]", true),
            ("[!a]", "/!", true),
            ("a$b", "/a$b", true),
            ("", "/a", false),
            ("a*b*c", "/aXbYc", true),
            ("a*b*c", "/aXbYcZ", false),
            ("**/b/**/d", "/a/b/c/b/d", true),
        ];
        for (pattern, path, expected) in cases {
            let found = sieve(&[pattern], &[]).left_out_by(path).is_some();
            assert_eq!(found, expected, "{pattern} {path}");
        }
    }

    #[test]
    fn no_pattern_takes_long() {
        let stars = "*a".repeat(100) + "b";
        assert_eq!(sieve(&[&stars], &[]).left_out_by(&format!("/{}", "a".repeat(255))), None);
        let deep = "**/a/".repeat(200) + "b";
        assert_eq!(sieve(&[&deep], &[]).left_out_by(&"/a".repeat(1000)), None);
    }

    #[test]
    fn the_last_that_fits_decides_and_each_list_by_itself() {
        let both = sieve(&["*.odt", "!letter.odt", "draft*"], &["*.TMP"]);
        assert_eq!(both.left_out_by("/a.odt"), Some(0));
        assert_eq!(both.left_out_by("/letter.odt"), None);
        assert_eq!(both.left_out_by("/draft.odt"), Some(2));
        assert_eq!(both.left_out_by("/x.tmp"), Some(3));
        assert_eq!(both.left_out_by("/x.ODT"), None);
    }

    #[test]
    fn files_with_patterns_and_tags_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::write(at("patterns"), "# none\n\n  *.iso \n!keep.iso\n").unwrap();
        fs::write(at("CACHEDIR.TAG"), format!("{}\nmore", CACHE_TAG.1)).unwrap();
        let said = Exclusions {
            exclude_file: vec![at("patterns").to_str().unwrap().to_owned()],
            exclude_if_present: vec![".nobackup".to_owned(), "tag:yes".to_owned()],
            larger_than: Some(10),
            ..Exclusions::default()
        };
        let sieve = Sieve::of(&said).unwrap();
        assert_eq!(sieve.left_out_by("/x.iso"), Some(0));
        assert_eq!(sieve.left_out_by("/keep.iso"), None);
        assert!(sieve.is_too_large(11) && !sieve.is_too_large(10));
        assert_eq!(sieve.tag_in(folder.path()), None);
        fs::write(at("tag"), "no").unwrap();
        assert_eq!(sieve.tag_in(folder.path()), None);
        fs::write(at("tag"), "yes and no").unwrap();
        assert_eq!(sieve.tag_in(folder.path()), Some("tag"));
        let caches = Exclusions { caches: Caches::LeftOut, ..Exclusions::default() };
        assert_eq!(Sieve::of(&caches).unwrap().tag_in(folder.path()), Some("CACHEDIR.TAG"));
        let gone = vec![at("gone").to_str().unwrap().to_owned()];
        assert!(Sieve::of(&Exclusions { exclude_file: gone, ..Exclusions::default() }).is_err());
    }
}
