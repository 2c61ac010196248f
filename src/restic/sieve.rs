//! What a backup leaves out, by the rules of restic, so that somebody who writes a pattern sees at once
//! what it does.
//!
//! 1. Patterns are taken apart at each `/`, and their parts compared as Go's `filepath.Match` does. No
//!    crate has those rules: they differ from a shell's in classes, escapes and what `**` stands for.
//! 2. The last pattern of a list that fits decides; one that begins with `!` takes in again. Patterns that
//!    do not mind the case are a list of their own.
//! 3. What is left out is not looked into, so that nothing in it is taken in again.
//! 4. A file with patterns in it is read up to [`LONGEST_FILE`], and what it says is never told: it may be any
//!    file of this machine. Variables in it are known to restic's run only, and not put in here.
//!
//! It is compared with the real restic in `tests/drafts.rs`.

use super::{Caches, Exclusions, pattern_fault};
use rustix::fs::OFlags;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

/// Of patterns, in bytes.
const LONGEST_FILE: u64 = 1 << 20;
/// Of one plan.
const MOST_PATTERNS: usize = 2_000;

/// What begins a `CACHEDIR.TAG` (Cache Directory Tagging Specification).
const CACHE_TAG: (&str, &str) = ("CACHEDIR.TAG", "Signature: 8a477f597d28d172789f06886806bc55");

/// Where a path begins.
const ROOT: [char; 1] = ['/'];
/// Of names, also none.
const ANY_NUMBER: [char; 2] = ['*', '*'];

/// The exclusions of a plan, made ready.
#[derive(Debug)]
pub struct Sieve {
    patterns: Vec<Pattern>,
    larger_than: Option<u64>,
    /// Names of files, with what they have to begin with.
    tags: Vec<(String, String)>,
}

/// Why a plan's exclusions cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SieveError {
    /// A file with patterns cannot be read.
    #[error("{field}: {path:?} cannot be read: {error}")]
    Unread {
        /// As the config calls it.
        field: &'static str,
        /// The file.
        path: String,
        /// Why.
        error: io::Error,
    },
    /// restic gives up on it.
    #[error("{field}: {text:?}: {fault}")]
    Malformed {
        /// As the config calls it.
        field: &'static str,
        /// The pattern, or where it is.
        text: String,
        /// What is wrong with it.
        fault: &'static str,
    },
    /// More than are compared.
    #[error("exclude: there are {0} patterns; at most {MOST_PATTERNS} are counted")]
    TooMany(usize),
}

/// One pattern, as it was written and as it is compared.
#[derive(Debug)]
pub struct Pattern {
    /// As it was written; of a file: where it is.
    pub text: String,
    /// Whether it was given as one that does not mind the case.
    pub any_case: bool,
    takes_in: bool,
    /// Each as its characters: it is compared with every file of a machine.
    parts: Vec<Vec<char>>,
}

impl Sieve {
    /// Reads the files with patterns in them too.
    ///
    /// # Errors
    ///
    /// Such a file cannot be read, a pattern is malformed, or there are too many.
    pub fn of(exclusions: &Exclusions) -> Result<Self, SieveError> {
        let Exclusions { exclude, iexclude, exclude_file, iexclude_file, .. } = exclusions;
        let mut patterns = Vec::new();
        let lists = [
            (false, "exclude", exclude, "exclude-file", exclude_file),
            (true, "iexclude", iexclude, "iexclude-file", iexclude_file),
        ];
        for (any_case, field, written, file_field, files) in lists {
            for text in written {
                patterns.push(Pattern::new(field, text.clone(), text, any_case)?);
            }
            for path in files {
                for (line, text) in lines(file_field, path)? {
                    let place = format!("{path}:{line}");
                    patterns.push(Pattern::new(file_field, place, &text, any_case)?);
                }
            }
        }
        if patterns.len() > MOST_PATTERNS {
            return Err(SieveError::TooMany(patterns.len()));
        }
        Ok(Self { patterns, larger_than: exclusions.larger_than, tags: tags(exclusions)? })
    }

    /// In the order in which they decide, those that mind the case first.
    #[must_use]
    pub fn patterns(&self) -> &[Pattern] {
        &self.patterns
    }

    /// Which pattern leaves out what has this absolute path.
    #[must_use]
    pub fn left_out_by(&self, path: &str) -> Option<usize> {
        let decided = |any_case: bool, path: &str| {
            let names = names(path);
            let list = self.patterns.iter().enumerate();
            let own = list.filter(|(_, pattern)| pattern.any_case == any_case);
            let last = own.rev().find(|(_, pattern)| is_match(&pattern.parts, &names));
            last.filter(|(_, pattern)| !pattern.takes_in).map(|(at, _)| at)
        };
        let minds_no_case = || self.patterns.iter().any(|pattern| pattern.any_case);
        decided(false, path)
            .or_else(|| minds_no_case().then(|| decided(true, &path.to_lowercase())).flatten())
    }

    /// Whether a file of so many bytes is left out for its size.
    #[must_use]
    pub fn is_too_large(&self, bytes: u64) -> bool {
        self.larger_than.is_some_and(|most| bytes > most)
    }

    /// Whether everything in a folder is left out, but for the files that say so.
    #[must_use]
    pub fn is_tagged(&self, folder: &Path) -> bool {
        self.tags.iter().any(|(name, header)| is_tag(&folder.join(name), header))
    }

    /// Whether a file of this name is one of them.
    #[must_use]
    pub fn is_tag(&self, name: &std::ffi::OsStr) -> bool {
        self.tags.iter().any(|(tag, _)| name == tag.as_str())
    }
}

impl Pattern {
    fn new(
        field: &'static str,
        text: String,
        said: &str,
        any_case: bool,
    ) -> Result<Self, SieveError> {
        if let Some(fault) = pattern_fault(said) {
            return Err(SieveError::Malformed { field, text, fault });
        }
        let (takes_in, rest) = said.strip_prefix('!').map_or((false, said), |rest| (true, rest));
        let lower = any_case.then(|| rest.to_lowercase());
        let cleaned = clean(lower.as_deref().unwrap_or(rest));
        Ok(Self { text, any_case, takes_in, parts: names(&cleaned) })
    }
}

/// What a file says, line by line, without comments.
fn lines(field: &'static str, path: &str) -> Result<Vec<(usize, String)>, SieveError> {
    let unread = |error| SieveError::Unread { field, path: path.to_owned(), error };
    let text = short_file(Path::new(path)).map_err(unread)?;
    let text = String::from_utf8_lossy(&text);
    let lines = text.trim_start_matches('\u{feff}').lines().map(str::trim).enumerate();
    let said = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
    Ok(said.map(|(at, line)| (at + 1, line.replace("$$", "$"))).collect())
}

/// A plain file; a pipe is not waited for, and a device not read.
fn short_file(path: &Path) -> io::Result<Vec<u8>> {
    if !path.is_absolute() {
        return Err(io::Error::other("it is no absolute path"));
    }
    let file = opened(path)?;
    if file.metadata()?.len() > LONGEST_FILE {
        return Err(io::Error::other("it is larger than 1 MiB"));
    }
    let mut text = Vec::new();
    file.take(LONGEST_FILE).read_to_end(&mut text)?;
    Ok(text)
}

fn opened(path: &Path) -> io::Result<File> {
    let flags = OFlags::NONBLOCK.bits().cast_signed();
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
    match file.metadata()?.is_file() {
        true => Ok(file),
        false => Err(io::Error::other("it is no file")),
    }
}

/// Names of files that mark a folder, with what they have to begin with.
fn tags(exclusions: &Exclusions) -> Result<Vec<(String, String)>, SieveError> {
    let mut tags = Vec::new();
    for tag in &exclusions.exclude_if_present {
        let (name, header) = tag.split_once(':').unwrap_or((tag, ""));
        if name.is_empty() || name.contains('/') {
            let (field, fault) = ("exclude-if-present", "this is no name of a file");
            return Err(SieveError::Malformed { field, text: tag.clone(), fault });
        }
        tags.push((name.to_owned(), header.to_owned()));
    }
    if exclusions.caches == Caches::LeftOut {
        tags.push((CACHE_TAG.0.to_owned(), CACHE_TAG.1.to_owned()));
    }
    Ok(tags)
}

/// Without `.` and `..`, as restic compares paths and patterns (Go's `filepath.Clean`).
#[must_use]
pub fn clean(path: &str) -> String {
    let is_absolute = path.starts_with('/');
    let mut names: Vec<&str> = Vec::new();
    for name in path.split('/') {
        match name {
            "" | "." => {}
            ".." if names.last().is_some_and(|last| *last != "..") => drop(names.pop()),
            ".." if is_absolute => {}
            name => names.push(name),
        }
    }
    format!("{}{}", if is_absolute { "/" } else { "" }, names.join("/"))
}

/// `/` first where it is absolute, then each name; of a clean path.
fn names(path: &str) -> Vec<Vec<char>> {
    let root = path.starts_with('/').then_some("/");
    let names = root.into_iter().chain(path.split('/').filter(|name| !name.is_empty()));
    names.map(|name| name.chars().collect()).collect()
}

/// Whether the pattern is a run of the names: from the first where it is absolute, else anywhere.
fn is_match(pattern: &[Vec<char>], names: &[Vec<char>]) -> bool {
    match (pattern.first(), names.split_first()) {
        (None, _) => false,
        (Some(first), _) if *first == ROOT => begins(pattern, names, None),
        (Some(_), Some((first, rest))) if *first == ROOT => begins(pattern, rest, Some((0, 0))),
        (Some(_), _) => begins(pattern, names, Some((0, 0))),
    }
}

/// Whether the names begin with what the pattern says. After a `**` one more name is passed over whenever
/// it fails, from where the last one stands: that takes no more steps than pattern times names. `again`:
/// where in the pattern and in the names that is.
fn begins(pattern: &[Vec<char>], names: &[Vec<char>], mut again: Option<(usize, usize)>) -> bool {
    let (mut at, mut name) = (0, 0);
    while let Some(part) = pattern.get(at) {
        if *part == ANY_NUMBER {
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
fn is_name(part: &[char], name: &[char]) -> bool {
    let (mut rest, mut left) = (part, name);
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
    if header.is_empty() {
        return fs::symlink_metadata(file).is_ok();
    }
    let mut begin = vec![0; header.len()];
    opened(file).and_then(|mut file| file.read_exact(&mut begin)).is_ok()
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
        assert!(!sieve.is_tagged(folder.path()));
        fs::write(at("tag"), "no").unwrap();
        assert!(!sieve.is_tagged(folder.path()));
        fs::write(at("tag"), "yes and no").unwrap();
        assert!(sieve.is_tagged(folder.path()) && sieve.is_tag("tag".as_ref()));
        fs::remove_file(at("tag")).unwrap();
        // Without a header anything of that name counts.
        fs::create_dir(at(".nobackup")).unwrap();
        assert!(sieve.is_tagged(folder.path()));
        let caches = Exclusions { caches: Caches::LeftOut, ..Exclusions::default() };
        assert!(Sieve::of(&caches).unwrap().is_tagged(folder.path()));
    }

    #[test]
    fn what_a_file_says_is_not_told_and_what_is_none_is_not_read() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        let read = |path: String| {
            Sieve::of(&Exclusions { exclude_file: vec![path], ..Exclusions::default() })
        };
        fs::write(at("shadow"), "\u{feff}# users\nroot:secret\ncash$$\n").unwrap();
        let sieve = read(at("shadow")).unwrap();
        let told: Vec<_> = sieve.patterns().iter().map(|pattern| &pattern.text).collect();
        assert_eq!(told, [&format!("{}:2", at("shadow")), &format!("{}:3", at("shadow"))]);
        assert_eq!(sieve.left_out_by("/cash$"), Some(1));
        let pipe = at("pipe");
        rustix::fs::mkfifoat(rustix::fs::CWD, pipe.as_str(), 0o600.into()).unwrap();
        fs::write(at("large"), vec![b'x'; (LONGEST_FILE + 1) as usize]).unwrap();
        for (path, why) in [
            (pipe, "no file"),
            ("/dev/zero".to_owned(), "no file"),
            (at("large"), "larger"),
            (at("gone"), "No such file"),
            ("relative".to_owned(), "no absolute path"),
        ] {
            let said = read(path.clone()).unwrap_err().to_string();
            assert!(said.starts_with("exclude-file: ") && said.contains(why), "{said}");
            assert!(said.contains(&path), "{said}");
        }
        fs::write(at("shadow"), "good\nroot:[secret\n").unwrap();
        let said = read(at("shadow")).unwrap_err().to_string();
        assert!(said.contains("shadow:2") && !said.contains("secret"), "{said}");
    }

    #[test]
    fn what_restic_gives_up_on_is_refused() {
        let refused = |exclusions| Sieve::of(&exclusions).unwrap_err().to_string();
        let one = |text: &str| vec![text.to_owned()];
        let bad = Exclusions { exclude: one("["), ..Exclusions::default() };
        assert!(refused(bad).starts_with("exclude: \"[\": "));
        let bad = Exclusions { exclude_if_present: one("../x"), ..Exclusions::default() };
        assert!(refused(bad).starts_with("exclude-if-present: \"../x\": "));
        let many = vec!["x".to_owned(); MOST_PATTERNS + 1];
        let many = Exclusions { exclude: many, ..Exclusions::default() };
        assert!(refused(many).contains("2001 patterns"));
    }

    #[test]
    fn paths_and_patterns_are_compared_clean() {
        for (path, plain) in [
            ("/a/../b", "/b"),
            ("/../a/./b//", "/a/b"),
            ("x/../real", "real"),
            ("../x", "../x"),
            ("/", "/"),
            ("", ""),
        ] {
            assert_eq!(clean(path), plain, "{path}");
        }
        assert_eq!(sieve(&["x/../real"], &[]).left_out_by("/home/real"), Some(0));
    }
}
