//! JSON as protobuf writes it, read leniently: names in either spelling, numbers as strings, enums as
//! names or numbers, `null` as absent. Whatever has the wrong type is a problem that names its path.

use serde_json::{Map, Value};
use std::cell::RefCell;
use std::collections::HashSet;
use std::fmt;

/// More problems than this help nobody.
const MAX_PROBLEMS: usize = 50;

/// A value that is not what it has to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where, such as `repos[0].uri`.
    pub path: String,
    /// What is wrong, with the value unless that may be a secret.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.message)
    }
}

/// Whether a value may be repeated in a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shown {
    Yes,
    Secret,
}

/// What was found wrong and what was looked at, shared by all parts of one document.
#[derive(Debug, Default)]
pub(super) struct Findings {
    problems: RefCell<Vec<Problem>>,
    asked: RefCell<HashSet<String>>,
    dismissed: RefCell<HashSet<String>>,
}

impl Findings {
    fn report(&self, path: &str, message: String) {
        let mut problems = self.problems.borrow_mut();
        if problems.len() < MAX_PROBLEMS {
            problems.push(Problem { path: path.to_owned(), message });
        }
    }

    pub(super) fn problems(&self) -> Vec<Problem> {
        self.problems.borrow().clone()
    }

    /// The paths below an object that nobody asked for, those left out that say nothing.
    pub(super) fn unread(&self, root: &Map<String, Value>) -> Vec<String> {
        let mut unread = Vec::new();
        self.walk("", root, &mut unread);
        unread
    }

    fn walk(&self, path: &str, object: &Map<String, Value>, unread: &mut Vec<String>) {
        for (name, value) in object.iter().filter(|(_, value)| !is_default(value)) {
            let path = joined(path, name);
            if !self.asked.borrow().contains(&path) {
                unread.push(path);
                continue;
            }
            let is_dismissed = |path: &str| self.dismissed.borrow().contains(path);
            match value {
                Value::Object(_) if is_dismissed(&path) => {}
                Value::Object(inner) => self.walk(&path, inner, unread),
                Value::Array(items) => {
                    for (n, inner) in items.iter().enumerate() {
                        let Value::Object(inner) = inner else { continue };
                        let path = format!("{path}[{n}]");
                        if !is_dismissed(&path) {
                            self.walk(&path, inner, unread);
                        }
                    }
                }
                Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
            }
        }
    }
}

/// What protobuf takes for absent.
fn is_default(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(flag) => !flag,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(map) => map.is_empty(),
    }
}

fn joined(path: &str, name: &str) -> String {
    let name: String = name.chars().take(80).collect();
    if path.is_empty() { name } else { format!("{path}.{name}") }
}

/// `backup_flags`, `backupFlags` and `BackupFlags` are one name.
fn is_same_name(a: &str, b: &str) -> bool {
    let bare = |text: &str| text.replace('_', "").to_ascii_lowercase();
    a == b || bare(a) == bare(b)
}

/// An object of the document.
#[derive(Clone)]
pub(super) struct Object<'a> {
    findings: &'a Findings,
    /// Where it is; empty for the document itself.
    pub(super) path: String,
    map: &'a Map<String, Value>,
}

impl<'a> Object<'a> {
    pub(super) const fn root(findings: &'a Findings, map: &'a Map<String, Value>) -> Self {
        Self { findings, path: String::new(), map }
    }

    /// The path of a key of it.
    pub(super) fn at(&self, key: &str) -> String {
        joined(&self.path, key)
    }

    /// Nothing more has to be told of it.
    pub(super) fn dismiss(&self) {
        self.findings.dismissed.borrow_mut().insert(self.path.clone());
    }

    fn field(&self, key: &str) -> Option<Field<'a>> {
        let (name, value) = self.map.iter().find(|(name, _)| is_same_name(name, key))?;
        let path = self.at(name);
        self.findings.asked.borrow_mut().insert(path.clone());
        let field = Field { findings: self.findings, path, value };
        (!value.is_null()).then_some(field)
    }

    /// Whether a key is there with something in it. It counts as read.
    pub(super) fn has(&self, key: &str) -> bool {
        self.field(key).is_some_and(|field| !is_default(field.value))
    }

    /// A text that is not empty.
    pub(super) fn text(&self, key: &str) -> Option<&'a str> {
        self.field(key)?.text(Shown::Yes).filter(|text| !text.is_empty())
    }

    /// As [`Object::text`]; no message repeats it.
    pub(super) fn secret(&self, key: &str) -> Option<&'a str> {
        self.field(key)?.text(Shown::Secret).filter(|text| !text.is_empty())
    }

    pub(super) fn flag(&self, key: &str) -> bool {
        self.field(key).and_then(|field| field.flag()).unwrap_or_default()
    }

    /// A whole number; 0 where it is absent.
    pub(super) fn integer(&self, key: &str) -> i64 {
        self.field(key).and_then(|field| field.integer()).unwrap_or_default()
    }

    /// A number; 0 where it is absent.
    pub(super) fn number(&self, key: &str) -> f64 {
        self.field(key).and_then(|field| field.number()).unwrap_or_default()
    }

    /// A word of an enum, by its name or its number; the first of the table where it is absent.
    pub(super) fn word(&self, key: &str, words: &'static [(&'static str, i64)]) -> Word {
        match self.field(key) {
            Some(field) => field.word(words),
            None => Word::Known(words.first().map_or("", |(name, _)| *name)),
        }
    }

    pub(super) fn words(&self, key: &str, words: &'static [(&'static str, i64)]) -> Vec<Word> {
        self.items(key).iter().map(|item| item.word(words)).collect()
    }

    pub(super) fn texts(&self, key: &str, shown: Shown) -> Vec<(String, &'a str)> {
        let items = self.items(key).into_iter();
        items.filter_map(|item| item.text(shown).map(|text| (item.path, text))).collect()
    }

    pub(super) fn object(&self, key: &str) -> Option<Self> {
        self.field(key)?.object()
    }

    pub(super) fn objects(&self, key: &str) -> Vec<Self> {
        self.items(key).iter().filter_map(Field::object).collect()
    }

    fn items(&self, key: &str) -> Vec<Field<'a>> {
        let Some(field) = self.field(key) else { return Vec::new() };
        let Value::Array(items) = field.value else {
            return field.mistyped("a list").unwrap_or_default();
        };
        let item = |(n, value)| Field {
            findings: field.findings,
            path: format!("{}[{n}]", field.path),
            value,
        };
        items.iter().enumerate().map(item).collect()
    }
}

/// A word of an enum.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Word {
    /// By the name in the table.
    Known(&'static str),
    /// As it is written: an enum may have got more words.
    Unknown(String),
}

struct Field<'a> {
    findings: &'a Findings,
    path: String,
    value: &'a Value,
}

impl<'a> Field<'a> {
    fn mistyped<T>(&self, wanted: &str) -> Option<T> {
        let value: String = self.value.to_string().chars().take(80).collect();
        self.findings.report(&self.path, format!("{value} is not {wanted}"));
        None
    }

    fn text(&self, shown: Shown) -> Option<&'a str> {
        match (self.value, shown) {
            (Value::String(text), _) => Some(text),
            (_, Shown::Yes) => self.mistyped("a string"),
            (_, Shown::Secret) => {
                self.findings.report(&self.path, "this is not a string".to_owned());
                None
            }
        }
    }

    fn flag(&self) -> Option<bool> {
        self.value.as_bool().or_else(|| self.mistyped("true or false"))
    }

    fn integer(&self) -> Option<i64> {
        let read = match self.value {
            Value::String(text) => text.parse().ok(),
            Value::Number(number) => number.as_i64().or_else(|| whole(number.as_f64()?)),
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
        };
        read.or_else(|| self.mistyped("a whole number"))
    }

    fn number(&self) -> Option<f64> {
        let read = match self.value {
            Value::String(text) => text.parse().ok(),
            value => value.as_f64(),
        };
        read.filter(|number: &f64| number.is_finite()).or_else(|| self.mistyped("a number"))
    }

    fn word(&self, words: &'static [(&'static str, i64)]) -> Word {
        let found = match self.value {
            Value::String(text) => words.iter().find(|(name, _)| name == text),
            value => value.as_i64().and_then(|n| words.iter().find(|(_, number)| *number == n)),
        };
        match (found, self.value) {
            (Some((name, _)), _) => Word::Known(name),
            (None, Value::String(_) | Value::Number(_)) => {
                Word::Unknown(self.value.to_string().chars().take(80).collect())
            }
            (None, _) => {
                let unreadable = self.mistyped("the name or number of a value");
                unreadable.unwrap_or_else(|| Word::Unknown(String::new()))
            }
        }
    }

    fn object(&self) -> Option<Object<'a>> {
        match self.value {
            Value::Object(map) => {
                Some(Object { findings: self.findings, path: self.path.clone(), map })
            }
            _ => {
                self.findings.report(&self.path, "this is not an object".to_owned());
                None
            }
        }
    }
}

/// Exact below 2^53.
fn whole(number: f64) -> Option<i64> {
    let is_exact = number.fract() == 0.0 && number.abs() < 9e15;
    #[allow(clippy::cast_possible_truncation, reason = "it is whole and small enough")]
    is_exact.then_some(number as i64)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use serde_json::json;

    const CLOCKS: &[(&str, i64)] = &[("CLOCK_DEFAULT", 0), ("CLOCK_UTC", 2)];

    fn with<T>(value: &Value, read: impl FnOnce(&Object<'_>) -> T) -> (T, Vec<String>) {
        let findings = Findings::default();
        let answer = read(&Object::root(&findings, value.as_object().unwrap()));
        (answer, findings.problems().iter().map(ToString::to_string).collect())
    }

    #[test]
    fn numbers_names_and_enums_are_read_in_every_spelling() {
        let value = json!({ "maxUnusedBytes": "1024", "percent": 12.5, "modno": 3.0, "a": "CLOCK_UTC", "b": 2, "c": 7, "backupFlags": ["x"], "gone": null });
        let (_, problems) = with(&value, |object| {
            assert_eq!((object.integer("maxUnusedBytes"), object.integer("modno")), (1024, 3));
            assert_eq!((object.number("percent"), object.number("nothing")), (12.5, 0.0));
            assert_eq!(object.word("a", CLOCKS), Word::Known("CLOCK_UTC"));
            assert_eq!(object.word("b", CLOCKS), Word::Known("CLOCK_UTC"));
            assert_eq!(object.word("c", CLOCKS), Word::Unknown("7".to_owned()));
            assert_eq!(object.word("none", CLOCKS), Word::Known("CLOCK_DEFAULT"));
            assert_eq!(
                object.texts("backup_flags", Shown::Yes),
                [("backupFlags[0]".to_owned(), "x")]
            );
            assert_eq!((object.text("gone"), object.has("gone")), (None, false));
        });
        assert!(problems.is_empty(), "{problems:?}");
    }

    #[test]
    fn a_wrong_type_names_path_and_value_but_no_secret() {
        let value = json!({ "repos": [{ "uri": 5, "password": 1234 }, 7], "shared": "yes" });
        let (_, problems) = with(&value, |object| {
            for repo in object.objects("repos") {
                assert_eq!((repo.text("uri"), repo.secret("password")), (None, None));
            }
            assert!(!object.flag("shared"));
        });
        let expected = [
            "repos[1]: this is not an object",
            "repos[0].uri: 5 is not a string",
            "repos[0].password: this is not a string",
            "shared: \"yes\" is not true or false",
        ];
        assert_eq!(problems, expected);
    }

    #[test]
    fn what_nobody_asked_for_is_known_unless_it_says_nothing() {
        let value = json!({ "a": { "x": 1, "y": 2 }, "list": [{ "p": 1 }, { "q": 1 }], "new": 1, "off": false });
        let findings = Findings::default();
        let root = Object::root(&findings, value.as_object().unwrap());
        root.object("a").unwrap().integer("x");
        root.objects("list")[0].integer("p");
        assert_eq!(findings.unread(value.as_object().unwrap()), ["a.y", "list[1].q", "new"]);
    }
}
