//! How restic is run: the keys that a repo and a plan have in common.

use super::encode::{Fields, filled, inline};
use super::units::{ByteSize, Span};
use super::values::within;
use super::written::{Field, Findings, Keys, Section};
use crate::model::{Compression, IoClass, Nice, OutOfBounds, PackSize, Patience, Rate, Tuning};
use std::fmt::Display;
use std::time::Duration;
use toml::de::DeTable;
use toml_edit::{Item, Value};

pub(super) const LIMITS: Keys =
    Keys { known: &["upload", "download", "nice", "io", "memory", "gogc"] };

/// The keys that a repo and a plan have in common.
const KEYS: Keys =
    Keys { known: &["limits", "compression", "pack-size", "stall-after", "max-run"] };

/// Written where no time is a limit.
const NEVER: &str = "never";

pub(super) fn read(section: &Section<'_>) -> Tuning {
    let limits = section.field("limits").map(|field| limits(&field)).unwrap_or_default();
    Tuning {
        compression: section.field("compression").and_then(|f| f.word(Compression::ALL)),
        pack_size: section.field("pack-size").and_then(|f| bytes(&f, PackSize::of_bytes)),
        stall_after: section.field("stall-after").and_then(|f| patience(&f)),
        max_run: section.field("max-run").and_then(|f| patience(&f)),
        ..limits
    }
}

fn limits(field: &Field<'_>) -> Tuning {
    let Some(section) = field.table(&LIMITS) else { return Tuning::default() };
    Tuning {
        upload: section.field("upload").and_then(|f| bytes(&f, Rate::of_bytes)),
        download: section.field("download").and_then(|f| bytes(&f, Rate::of_bytes)),
        nice: section.field("nice").and_then(|f| checked(&f, f.integer()?, Nice::of)),
        io: section.field("io").and_then(|f| f.word(IoClass::ALL)),
        memory: section.field("memory").and_then(|f| memory(&f)),
        gogc: section.field("gogc").and_then(|f| number(&f, 1, 1000)),
        ..Tuning::default()
    }
}

fn checked<T: Copy + Display, U>(
    field: &Field<'_>,
    value: T,
    of: impl Fn(T) -> Result<U, OutOfBounds>,
) -> Option<U> {
    of(value).map_err(|error| field.report(format!("{value}: {error}"), None)).ok()
}

fn bytes<T>(field: &Field<'_>, of: impl Fn(u64) -> Result<T, OutOfBounds>) -> Option<T> {
    checked(field, field.parse()?, |ByteSize(given)| of(given))
}

/// restic does nothing useful with less.
const LEAST_MEMORY: ByteSize = ByteSize(64 << 20);

fn memory(field: &Field<'_>) -> Option<u64> {
    let given: ByteSize = field.parse()?;
    if given < LEAST_MEMORY {
        field.report(format!("{given} is less than {LEAST_MEMORY}"), None);
        return None;
    }
    Some(given.0)
}

/// A whole number within bounds.
pub(super) fn number<T: TryFrom<i64>>(field: &Field<'_>, least: i64, most: i64) -> Option<T> {
    let given = field.integer()?;
    if !(least..=most).contains(&given) {
        field.report(format!("{given} is not between {least} and {most}"), None);
        return None;
    }
    T::try_from(given).ok()
}

fn patience(field: &Field<'_>) -> Option<Patience> {
    if field.is_string() && field.text()? == NEVER {
        return Some(Patience::Endless);
    }
    within(field, Duration::from_secs(60), Span::days(30).0).map(Patience::For)
}

/// Sets values by their keys, as written in the file; an empty text removes one.
///
/// # Errors
/// An unknown key, or a value that the file would not take either.
pub fn tune<'a>(
    tuning: &Tuning,
    values: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> Result<Tuning, String> {
    let mut table = filled(encode(tuning));
    let mut limits =
        table.remove("limits").and_then(|item| item.into_table().ok()).unwrap_or_default();
    for (key, text) in values {
        let of = if LIMITS.known.contains(&key) { &mut limits } else { &mut table };
        of.remove(key);
        let value = match (text, key, text.parse::<i64>()) {
            ("", ..) => continue,
            (_, "nice" | "gogc", Ok(number)) => Value::from(number),
            (text, ..) => Value::from(text),
        };
        of.insert(key, Item::Value(value));
    }
    table.insert("limits", Item::Value(Value::InlineTable(limits.into_inline_table())));
    read_text(&table.to_string())
}

/// The values that are set, by their keys, as [`tune`] takes them.
#[must_use]
pub fn tuned_values(tuning: &Tuning) -> Vec<(&'static str, String)> {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let mut values = Vec::new();
    for (key, value) in encode(tuning) {
        match value {
            Some(Value::InlineTable(limits)) => {
                let given = LIMITS.known.iter().filter_map(|key| Some((*key, limits.get(key)?)));
                values.extend(given.map(|(key, value)| (key, text(value).trim().to_owned())));
            }
            Some(value) => values.push((key, text(&value).trim().to_owned())),
            None => {}
        }
    }
    values
}

/// Reads the keys out of a text of nothing else.
fn read_text(text: &str) -> Result<Tuning, String> {
    let findings = Findings::new(text);
    let (root, syntax) = DeTable::parse_recoverable(text);
    let section = Section::root(&findings, root.get_ref()).checked(&KEYS);
    let tuning = read(&section);
    drop(section);
    let problems = findings.into_problems();
    let told = problems.iter().map(|problem| format!("{}: {}", problem.key, problem.message));
    match (syntax.first(), told.collect::<Vec<_>>()) {
        (None, told) if told.is_empty() => Ok(tuning),
        (None, told) => Err(told.join("; ")),
        (Some(error), _) => Err(error.message().to_owned()),
    }
}

/// As they are written back.
pub(super) fn encode(tuning: &Tuning) -> Fields {
    let size = |bytes: u64| Value::from(ByteSize(bytes).to_string());
    let limits = [
        ("upload", tuning.upload.map(|rate| size(rate.bytes()))),
        ("download", tuning.download.map(|rate| size(rate.bytes()))),
        ("nice", tuning.nice.map(|nice| Value::from(i64::from(nice.get())))),
        ("io", tuning.io.map(|class| Value::from(class.as_str()))),
        ("memory", tuning.memory.map(size)),
        ("gogc", tuning.gogc.map(|percent| Value::from(i64::from(percent)))),
    ];
    let limits: Vec<_> =
        limits.into_iter().filter_map(|(key, value)| Some((key, value?))).collect();
    let time = |patience| match patience {
        Patience::For(time) => Value::from(Span(time).to_string()),
        Patience::Endless => Value::from(NEVER),
    };
    vec![
        ("limits", (!limits.is_empty()).then(|| inline(limits))),
        ("compression", tuning.compression.map(|how| Value::from(how.as_str()))),
        ("pack-size", tuning.pack_size.map(|pack| size(pack.bytes()))),
        ("stall-after", tuning.stall_after.map(time)),
        ("max-run", tuning.max_run.map(time)),
    ]
}
