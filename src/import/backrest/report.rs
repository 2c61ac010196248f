//! What became of each part of the other program's settings.

use crate::model::words;
use serde::Serialize;
use std::fmt;
use std::str::FromStr;

words!(
    /// What became of something.
    Fate, "fate", {
        /// It is in the new config and means the same.
        Translated = "translated",
        /// It is there, and means something else or has another form.
        Changed = "changed",
        /// It is not there.
        LeftOut = "left-out",
    }
);

impl Serialize for Fate {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// What became of one setting. Never holds a secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Remark {
    /// Where it was: a path such as `plans[0].schedule`.
    pub what: String,
    /// Its value, where that may be shown.
    pub from: Option<String>,
    /// What it is now, as in the new file.
    pub to: Option<String>,
    /// What became of it.
    pub kind: Fate,
    /// Why it is not the same, and what to do.
    pub why: Option<String>,
}

/// Which remark of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RemarkId(usize);

/// All remarks, in the order of the settings.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(transparent)]
pub struct Report(pub Vec<Remark>);

impl Report {
    /// The remarks of a kind.
    pub fn of(&self, kind: Fate) -> impl Iterator<Item = &Remark> {
        self.0.iter().filter(move |remark| remark.kind == kind)
    }

    pub(super) fn add(&mut self, remark: Remark) -> RemarkId {
        self.0.push(remark);
        RemarkId(self.0.len() - 1)
    }

    pub(super) fn left_out(&mut self, what: String, from: Option<&str>, why: impl Into<String>) {
        let (from, why) = (from.map(short), Some(why.into()));
        self.add(Remark { what, from, to: None, kind: Fate::LeftOut, why });
    }

    pub(super) fn changed(
        &mut self,
        what: String,
        from: Option<&str>,
        to: Option<String>,
        why: impl Into<String>,
    ) -> RemarkId {
        let (from, why) = (from.map(short), Some(why.into()));
        self.add(Remark { what, from, to, kind: Fate::Changed, why })
    }

    /// What was translated is left out after all.
    pub(super) fn take_back(&mut self, RemarkId(at): RemarkId, why: &str) {
        if let Some(remark) = self.0.get_mut(at) {
            remark.kind = Fate::LeftOut;
            remark.why = Some(why.to_owned());
            remark.to = None;
        }
    }
}

/// A value as it may stand on a line.
pub(super) fn short(text: &str) -> String {
    const MOST: usize = 120;
    let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    match line.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}
