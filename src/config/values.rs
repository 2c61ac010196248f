//! Readers of values that several keys have in common.

use super::units::Span;
use super::written::Field;
use std::time::Duration;

pub(super) fn at_least_one(field: &Field<'_>, example: &str) {
    if field.is_empty_list() {
        field
            .report("there is nothing in it", Some(format!("write at least one, as in {example}")));
    }
}

pub(super) fn label(field: &Field<'_>) -> Option<String> {
    let text = field.text()?;
    if text.chars().count() > 80 || text.chars().any(char::is_control) {
        field.report("a name has at most 80 characters and no control characters", None);
        return None;
    }
    Some(text.to_owned())
}

pub(super) fn within(field: &Field<'_>, least: Duration, most: Duration) -> Option<Duration> {
    let Span(given) = field.parse()?;
    if given < least || given > most {
        let (given, least, most) = (Span(given), Span(least), Span(most));
        field.report(format!("{given} is not between {least} and {most}"), None);
        return None;
    }
    Some(given)
}

pub(super) fn absolute<'a>(field: &Field<'a>) -> Option<&'a str> {
    let path = field.text()?;
    if path.starts_with('/') {
        return Some(path);
    }
    field.report("this is no absolute path", Some("begin it with / (~ is not expanded)".into()));
    None
}
