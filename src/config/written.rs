//! The file as written: TOML with spans, and readers that turn a value into a type or a problem.

use super::parse::TOP;
use super::problem::{Problem, nearest, quoted};
use std::cell::RefCell;
use std::fmt::Display;
use std::ops::Range;
use std::str::FromStr;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// More problems than this help nobody.
const MAX_PROBLEMS: usize = 100;
/// No string of a configuration needs more.
const MAX_STRING: usize = 8 * 1024;
/// No list of a configuration needs more.
const MAX_ITEMS: usize = 4096;

/// The text and what was found wrong in it so far.
pub(super) struct Findings<'a> {
    text: &'a str,
    problems: RefCell<Vec<Problem>>,
    /// The ids of the channels, which hooks name; read first.
    pub(super) channels: RefCell<Vec<String>>,
}

/// Where, by byte offsets, and which key.
#[derive(Clone)]
pub(super) struct Place {
    pub(super) span: Range<usize>,
    pub(super) key: String,
}

impl<'a> Findings<'a> {
    pub(super) const fn new(text: &'a str) -> Self {
        Self { text, problems: RefCell::new(Vec::new()), channels: RefCell::new(Vec::new()) }
    }

    pub(super) fn report(&self, place: &Place, message: impl Into<String>, cure: Option<String>) {
        let mut problems = self.problems.borrow_mut();
        if problems.len() < MAX_PROBLEMS {
            let (line, column) = self.position(place.span.start);
            let (key, message) = (place.key.clone(), message.into());
            problems.push(Problem { line, column, key, message, suggestion: cure });
        }
    }

    fn is_full(&self) -> bool {
        self.problems.borrow().len() >= MAX_PROBLEMS
    }

    fn position(&self, offset: usize) -> (u32, u32) {
        let before = self.text.get(..offset).unwrap_or(self.text);
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        let line = before.bytes().filter(|b| *b == b'\n').count();
        let column = before[line_start..].chars().count();
        let from_one = |n| u32::try_from(n).unwrap_or(u32::MAX).saturating_add(1);
        (from_one(line), from_one(column))
    }

    pub(super) fn into_problems(self) -> Vec<Problem> {
        let mut problems = self.problems.into_inner();
        problems.sort_by_key(|problem| (problem.line, problem.column));
        problems
    }
}

/// What may have been meant by a key that is not known here.
fn nearest_or_all<K: AsRef<str>>(name: &str, known: &[K]) -> String {
    let known: Vec<_> = known.iter().map(AsRef::as_ref).collect();
    match nearest(name, known.iter().copied()) {
        Some(near) => format!("did you mean {near:?}?"),
        None => format!("the keys here are {}", known.join(", ")),
    }
}

/// The keys of one kind of table.
pub(super) struct Keys {
    pub(super) known: &'static [&'static str],
}

/// One table of the file.
pub(super) struct Section<'a> {
    pub(super) findings: &'a Findings<'a>,
    pub(super) place: Place,
    table: &'a DeTable<'a>,
}

impl<'a> Section<'a> {
    /// Opens the table of the whole file.
    pub(super) fn root(findings: &'a Findings<'a>, table: &'a DeTable<'a>) -> Self {
        Self { findings, place: Place { span: 0..0, key: String::new() }, table }
    }

    /// Reports the keys that are not known here.
    pub(super) fn checked(self, keys: &Keys) -> Self {
        self.check_keys(keys);
        self
    }

    fn check_keys(&self, keys: &Keys) {
        for key in self.table.keys() {
            // Looking for near words is not free, and would be for nobody.
            if self.findings.is_full() {
                return;
            }
            let name = key.get_ref().as_ref();
            let place = Place { span: key.span(), key: self.path_of(name) };
            if !keys.known.contains(&name) {
                self.findings.report(&place, "this key is not known", Some(self.cure(name, keys)));
            }
        }
    }

    fn cure(&self, name: &str, keys: &Keys) -> String {
        if !self.place.key.is_empty() && TOP.known.contains(&name) {
            return "it belongs to the top level: write it above the first [[table]]".to_owned();
        }
        nearest_or_all(name, keys.known)
    }

    /// Reports the keys that are none of these.
    pub(super) fn check_names(&self, known: &[String]) {
        for key in self.table.keys() {
            let name = key.get_ref().as_ref();
            if self.findings.is_full() || known.iter().any(|known| known == name) {
                continue;
            }
            let place = Place { span: key.span(), key: self.path_of(name) };
            let cure = nearest_or_all(name, known);
            self.findings.report(&place, "this key is not known", Some(cure));
        }
    }

    fn path_of(&self, key: &str) -> String {
        let key: String = key.chars().take(80).collect();
        if self.place.key.is_empty() { key } else { format!("{}.{key}", self.place.key) }
    }

    /// Names this table by its id, where it has one, in the problems that follow.
    pub(super) fn named(mut self, kind: &str) -> Self {
        if let Some((id, _)) = self.text_of("id").or_else(|| self.text_of("instance")) {
            let id: String = id.chars().take(63).collect();
            self.place.key = format!("{kind}[{id}]");
        }
        self
    }

    /// The text of a key where it is one, and where it stands, as a problem of the table.
    pub(super) fn text_of(&self, key: &str) -> Option<(&'a str, Place)> {
        let (_, value) = self.table.iter().find(|(name, _)| name.get_ref() == key)?;
        let DeValue::String(text) = value.get_ref() else { return None };
        Some((text.as_ref(), Place { span: value.span(), key: self.place.key.clone() }))
    }

    /// The value of a key, if it is there.
    pub(super) fn field(&self, key: &str) -> Option<Field<'a>> {
        let (_, value) = self.table.iter().find(|(name, _)| name.get_ref() == key)?;
        let place = Place { span: value.span(), key: self.path_of(key) };
        Some(Field { findings: self.findings, place, value: value.get_ref() })
    }

    /// The value of a key that has to be there.
    pub(super) fn required(&self, key: &str, example: &str) -> Option<Field<'a>> {
        let field = self.field(key);
        if field.is_none() {
            self.report(format!("{key:?} is missing"), Some(format!("add {key} = {example}")));
        }
        field
    }

    /// A problem of the table as a whole.
    pub(super) fn report(&self, message: impl Into<String>, cure: Option<String>) {
        self.findings.report(&self.place, message, cure);
    }

    /// The keys and values of a table of free names.
    pub(super) fn entries(&self) -> impl Iterator<Item = (&'a str, Field<'a>)> {
        let (findings, table) = (self.findings, self.table);
        let path = self.place.key.clone();
        table.iter().take(MAX_ITEMS).map(move |(name, value)| {
            let name = name.get_ref().as_ref();
            let short: String = name.chars().take(80).collect();
            let place = Place { span: value.span(), key: format!("{path}.{short}") };
            (name, Field { findings, place, value: value.get_ref() })
        })
    }
}

/// One value of the file.
pub(super) struct Field<'a> {
    findings: &'a Findings<'a>,
    pub(super) place: Place,
    value: &'a DeValue<'a>,
}

impl<'a> Field<'a> {
    pub(super) fn report(&self, message: impl Into<String>, cure: Option<String>) {
        self.findings.report(&self.place, message, cure);
    }

    fn mistyped<T>(&self, wanted: &str) -> Option<T> {
        self.report(format!("this is {}, but has to be {wanted}", type_of(self.value)), None);
        None
    }

    /// Whether it is a string.
    pub(super) const fn is_string(&self) -> bool {
        matches!(self.value, DeValue::String(_))
    }

    /// A string that is not empty.
    pub(super) fn text(&self) -> Option<&'a str> {
        let DeValue::String(text) = self.value else {
            return self.mistyped("a string");
        };
        let message = match text.as_ref() {
            "" => "this must not be empty".to_owned(),
            text if text.len() > MAX_STRING => {
                format!("this has {} bytes, at most {MAX_STRING} are allowed", text.len())
            }
            text if text.contains('\0') => "this must not contain a NUL character".to_owned(),
            text => return Some(text),
        };
        self.report(message, None);
        None
    }

    /// A string that a type can be read from.
    pub(super) fn parse<T: FromStr<Err: Display>>(&self) -> Option<T> {
        let text = self.text()?;
        text.parse().map_err(|error: T::Err| self.report(error.to_string(), None)).ok()
    }

    /// One of a few words; the nearest is suggested.
    pub(super) fn word<T: Copy + Display>(&self, values: &[T]) -> Option<T> {
        let words: Vec<_> = values.iter().map(T::to_string).collect();
        let text = self.text()?;
        let found = values.iter().zip(&words).find(|(_, word)| *word == text);
        if found.is_none() {
            let near = nearest(text, words.iter().map(String::as_str));
            let message = format!("{} is none of {}", quoted(text), words.join(", "));
            self.report(message, near.map(|word| format!("did you mean {word:?}?")));
        }
        found.map(|(value, _)| *value)
    }

    /// A whole number within bounds.
    pub(super) fn whole_number(&self, least: i64, most: i64) -> Option<i64> {
        let DeValue::Integer(written) = self.value else {
            return self.mistyped("a whole number");
        };
        let number = i64::from_str_radix(written.as_str(), written.radix()).ok();
        let within = number.filter(|number| (least..=most).contains(number));
        if within.is_none() {
            self.report(format!("{written} is not between {least} and {most}"), None);
        }
        within
    }

    /// `true` or `false`.
    pub(super) fn flag(&self) -> Option<bool> {
        match self.value {
            DeValue::Boolean(flag) => Some(*flag),
            _ => self.mistyped("true or false"),
        }
    }

    /// A number, whole or not.
    pub(super) fn number(&self) -> Option<f64> {
        let number = match self.value {
            DeValue::Integer(whole) if whole.radix() == 10 => whole.as_str().parse().ok(),
            DeValue::Float(number) => number.as_str().parse().ok(),
            _ => None,
        };
        number.or_else(|| self.mistyped("a number"))
    }

    /// A whole number.
    pub(super) fn integer(&self) -> Option<i64> {
        let DeValue::Integer(number) = self.value else {
            return self.mistyped("a whole number");
        };
        let read = i64::from_str_radix(number.as_str(), number.radix());
        read.map_err(|_| self.report("this number is too large", None)).ok()
    }

    /// Whether it is a list of nothing.
    pub(super) fn is_empty_list(&self) -> bool {
        matches!(self.value, DeValue::Array(array) if array.is_empty())
    }

    /// The strings of a list, whatever else is in it: for comparing, after it was read.
    pub(super) fn strings(&self) -> Vec<&'a str> {
        let DeValue::Array(array) = self.value else { return Vec::new() };
        array.iter().filter_map(|item| item.get_ref().as_str()).collect()
    }

    /// The items of a list, those that `read` could not read left out.
    pub(super) fn list<T>(&self, read: impl Fn(&Field<'a>) -> Option<T>) -> Vec<T> {
        self.items().iter().filter_map(read).collect()
    }

    /// The items of a list.
    fn items(&self) -> Vec<Field<'a>> {
        let DeValue::Array(array) = self.value else {
            return self.mistyped("a list, such as [\"…\"]").unwrap_or_default();
        };
        if array.len() > MAX_ITEMS {
            self.report(format!("{} items, at most {MAX_ITEMS} are allowed", array.len()), None);
            return Vec::new();
        }
        array.iter().enumerate().map(|(n, item)| self.item(n, item)).collect()
    }

    fn item(&self, n: usize, item: &'a Spanned<DeValue<'a>>) -> Self {
        let place = Place { span: item.span(), key: format!("{}[{n}]", self.place.key) };
        Self { findings: self.findings, place, value: item.get_ref() }
    }

    /// A table with these keys.
    pub(super) fn table(&self, keys: &Keys) -> Option<Section<'a>> {
        self.open_table().map(|section| section.checked(keys))
    }

    /// A table whose keys are not checked (yet).
    pub(super) fn open_table(&self) -> Option<Section<'a>> {
        match self.value {
            DeValue::Table(table) => {
                Some(Section { findings: self.findings, place: self.place.clone(), table })
            }
            _ => self.mistyped("a table, such as { KEY = \"value\" }"),
        }
    }
}

const fn type_of(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "an integer",
        DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date or time",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}
