//! What is collected while settings are translated: remarks and secrets.

use super::document::Block;
use super::report::{Fate, Remark, RemarkId, Report, short};
use super::schedules::Told;
use super::secrets::Secrets;
use std::path::Path;
use toml_edit::Value;

/// Where a setting was, and its value where that may be shown.
#[derive(Debug, Clone)]
pub(super) struct Was {
    what: String,
    from: Option<String>,
}

impl Was {
    pub(super) fn shown(what: String, from: impl AsRef<str>) -> Self {
        Self { what, from: Some(short(from.as_ref())) }
    }

    pub(super) const fn secret(what: String) -> Self {
        Self { what, from: None }
    }
}

/// The report and the secrets so far.
#[derive(Debug)]
pub(super) struct Draft {
    pub(super) report: Report,
    pub(super) secrets: Secrets,
}

impl Draft {
    pub(super) fn new(secrets: &Path) -> Self {
        Self { report: Report::default(), secrets: Secrets::new(secrets) }
    }

    /// A line that means what it meant.
    pub(super) fn put(
        &mut self,
        block: &mut Block,
        key: &'static str,
        value: impl Into<Value>,
        was: Was,
    ) {
        self.write(block, (key, value.into()), was, None);
    }

    /// A line that does not mean quite the same.
    pub(super) fn put_other(
        &mut self,
        block: &mut Block,
        (key, value): (&'static str, Value),
        was: Was,
        why: impl Into<String>,
    ) {
        self.write(block, (key, value), was, Some(why.into()));
    }

    /// A line of a schedule or a retention.
    pub(super) fn put_told(
        &mut self,
        block: &mut Block,
        key: &'static str,
        what: String,
        told: Told,
    ) {
        self.write(block, (key, told.value), Was::shown(what, told.from), told.why);
    }

    /// A part of a line that is put together from several settings.
    pub(super) fn part(&mut self, to: String, Was { what, from }: Was) -> RemarkId {
        let kind = Fate::Translated;
        self.report.add(Remark { what, from, to: Some(to), kind, why: None })
    }

    fn write(
        &mut self,
        block: &mut Block,
        (key, value): (&'static str, Value),
        Was { what, from }: Was,
        why: Option<String>,
    ) {
        // What must not be shown as it was is not shown as it is.
        let to = match from {
            Some(_) => short(&format!("{key} = {}", value.to_string().trim())),
            None => key.to_owned(),
        };
        let kind = if why.is_some() { Fate::Changed } else { Fate::Translated };
        let remark = self.report.add(Remark { what, from, to: Some(to), kind, why });
        block.put(key, value, remark);
    }
}
