//! A config being written: tables of lines, each with the remark that it stands for, and the rounds
//! with the config's own parser that leave only what it takes.
//!
//! 1. What [`Document::settle`] gives out parses, or nothing is given out.
//! 2. A line that the parser refuses stays in the text as a comment, with the reason.

use super::report::{RemarkId, Report};
use crate::config::{self, Problems};
use toml_edit::Value;

/// `key = value`.
#[derive(Debug)]
pub(super) struct Line {
    key: &'static str,
    value: Value,
    remarks: Vec<RemarkId>,
    refused: Option<String>,
}

/// A table with its comment, its lines, and the tables that belong to it.
#[derive(Debug, Default)]
pub(super) struct Block {
    header: &'static str,
    comments: Vec<String>,
    lines: Vec<Line>,
    remark: Option<RemarkId>,
    refused: Option<String>,
    pub(super) inner: Vec<Self>,
}

impl Block {
    pub(super) fn new(header: &'static str, remark: RemarkId) -> Self {
        Self { header, remark: Some(remark), ..Self::default() }
    }

    /// A comment before the table.
    pub(super) fn comment(&mut self, text: &str) {
        self.comments.extend(text.lines().map(str::to_owned));
    }

    /// A line that stands for what the remark says.
    pub(super) fn put(&mut self, key: &'static str, value: impl Into<Value>, remark: RemarkId) {
        self.put_all(key, value, vec![remark]);
    }

    /// A line that stands for what several remarks say.
    pub(super) fn put_all(
        &mut self,
        key: &'static str,
        value: impl Into<Value>,
        remarks: Vec<RemarkId>,
    ) {
        self.lines.push(Line { key, value: value.into(), remarks, refused: None });
    }

    /// A line of the new file's own.
    pub(super) fn set(&mut self, key: &'static str, value: impl Into<Value>) {
        self.put_all(key, value, Vec::new());
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.lines.iter().any(|line| line.key == key)
    }

    /// Takes the table with all that belongs to it out of force.
    pub(super) fn refuse(&mut self, why: &str, report: &mut Report) {
        if self.refused.is_some() {
            return;
        }
        self.refused = Some(why.to_owned());
        let lines = self.lines.iter().filter(|line| line.refused.is_none());
        for remark in lines.flat_map(|line| &line.remarks).chain(&self.remark) {
            report.take_back(*remark, why);
        }
        for inner in &mut self.inner {
            inner.refuse(why, report);
        }
    }

    /// A line that is missing because it was refused is so for the reason of that.
    fn first_cause(&self, why: &str) -> String {
        let is_it = |line: &&Line| why == format!("{:?} is missing", line.key);
        let refused = self.lines.iter().find(is_it).and_then(|line| line.refused.clone());
        refused.unwrap_or_else(|| why.to_owned())
    }

    fn refuse_line(&mut self, at: usize, why: &str, report: &mut Report) {
        let Some(line) = self.lines.get_mut(at).filter(|line| line.refused.is_none()) else {
            return;
        };
        line.refused = Some(why.to_owned());
        for remark in &line.remarks {
            report.take_back(*remark, why);
        }
    }
}

/// Which table, and which line of it (`None`: its head).
#[derive(Debug, Clone, PartialEq, Eq)]
struct Owner {
    block: Vec<usize>,
    line: Option<usize>,
}

/// The file.
#[derive(Debug)]
pub(super) struct Document {
    /// The first one has no header: the top level.
    pub(super) blocks: Vec<Block>,
}

impl Document {
    /// The text that parses, after what the parser refuses has become comments.
    ///
    /// # Errors
    /// What is refused is nothing that could be left out.
    pub(super) fn settle(mut self, report: &mut Report) -> Result<String, Problems> {
        loop {
            let page = self.page();
            let Err(problems) = config::parse(&page.text) else { return Ok(page.text) };
            let mut progress = false;
            for problem in &problems.0 {
                let at = usize::try_from(problem.line).unwrap_or(1).saturating_sub(1);
                let Some(owner) = page.owners.get(at).cloned().flatten() else { continue };
                let key = problem.key.rsplit_once(']').map_or("", |(_, key)| key);
                let key = key.trim_start_matches('.');
                let key = if key.is_empty() { String::new() } else { format!("{key}: ") };
                progress |= self.refuse(&owner, &format!("{key}{}", problem.message), report);
            }
            if !progress {
                return Err(problems);
            }
        }
    }

    /// `false` where it was refused before, or cannot be.
    fn refuse(&mut self, owner: &Owner, why: &str, report: &mut Report) -> bool {
        let mut path = owner.block.iter();
        let first = path.next().and_then(|at| self.blocks.get_mut(*at));
        let block = path.fold(first, |block, at| block?.inner.get_mut(*at));
        let Some(block) = block else { return false };
        match owner.line {
            Some(line) => block.refuse_line(line, why, report),
            None if block.header.is_empty() => return false,
            None => {
                let why = block.first_cause(why);
                block.refuse(&why, report);
            }
        }
        true
    }

    /// The text before any rounds.
    #[cfg(test)]
    pub(super) fn text(&self) -> String {
        self.page().text
    }

    fn page(&self) -> Page {
        let mut page = Page::default();
        for (n, block) in self.blocks.iter().enumerate() {
            page.block(block, vec![n]);
        }
        page
    }
}

/// Text, and to what each line of it belongs.
#[derive(Debug, Default)]
struct Page {
    text: String,
    owners: Vec<Option<Owner>>,
}

impl Page {
    fn block(&mut self, block: &Block, path: Vec<usize>) {
        if !self.text.is_empty() {
            self.push("", None);
        }
        block.comments.iter().for_each(|comment| self.comment(comment));
        if let Some(why) = &block.refused {
            self.comment(&format!("Not in use: {why}"));
        }
        let owner = |line| (block.refused.is_none()).then(|| Owner { block: path.clone(), line });
        if !block.header.is_empty() {
            self.code(block.header, owner(None));
        }
        for (n, line) in block.lines.iter().enumerate() {
            if let (Some(why), None) = (&line.refused, &block.refused) {
                self.comment(&format!("Not in use: {why}"));
            }
            let owner = owner(Some(n)).filter(|_| line.refused.is_none());
            self.code(&format!("{} = {}", line.key, line.value.to_string().trim()), owner);
        }
        for (n, inner) in block.inner.iter().enumerate() {
            self.block(inner, [path.as_slice(), &[n]].concat());
        }
    }

    /// Without an owner it is out of force.
    fn code(&mut self, text: &str, owner: Option<Owner>) {
        for line in text.split('\n') {
            match &owner {
                Some(owner) => self.push(line, Some(owner.clone())),
                None => self.comment(line),
            }
        }
    }

    /// TOML allows no control characters in comments.
    fn comment(&mut self, text: &str) {
        let plain: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        self.push(format!("# {plain}").trim_end(), None);
    }

    fn push(&mut self, line: &str, owner: Option<Owner>) {
        self.text.push_str(line);
        self.text.push('\n');
        self.owners.push(owner);
    }
}

/// `{ key = value, … }`.
pub(super) fn inline(pairs: impl IntoIterator<Item = (String, Value)>) -> Value {
    Value::InlineTable(pairs.into_iter().collect())
}

/// `["…", …]`.
pub(super) fn list<'a>(texts: impl IntoIterator<Item = &'a str>) -> Value {
    Value::Array(texts.into_iter().collect())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::report::{Fate, Remark};
    use super::*;

    fn remark(report: &mut Report, what: &str) -> RemarkId {
        let what = what.to_owned();
        report.add(Remark { what, from: None, to: None, kind: Fate::Translated, why: None })
    }

    fn kinds(report: &Report) -> Vec<(&str, &str)> {
        report.0.iter().map(|remark| (remark.what.as_str(), remark.kind.as_str())).collect()
    }

    fn document(report: &mut Report, path: &str, max_age: &str) -> Document {
        let mut top = Block::default();
        top.set("instance", "nas");
        let mut plan = Block::new("[[plan]]", remark(report, "plan"));
        plan.set("id", "home");
        plan.set("repo", "r");
        plan.put("paths", list([path]), remark(report, "paths"));
        plan.put("max-age", max_age, remark(report, "age"));
        plan.put("exclude", list(["a\nb", "c"]), remark(report, "exclude"));
        Document { blocks: vec![top, plan] }
    }

    #[test]
    fn what_parses_is_left_as_it_is() {
        let mut report = Report::default();
        let text = document(&mut report, "/home", "36h").settle(&mut report).unwrap();
        assert!(!text.contains('#'), "{text}");
        assert!(report.0.iter().all(|remark| remark.kind == Fate::Translated));
    }

    #[test]
    fn a_line_that_is_refused_becomes_a_comment_with_the_reason() {
        let mut report = Report::default();
        let text = document(&mut report, "/home", "soon").settle(&mut report).unwrap();
        assert!(text.contains("# Not in use: max-age: a duration is"), "{text}");
        assert!(text.contains("\n# max-age = \"soon\"\nexclude"), "{text}");
        assert_eq!(config::parse(&text).unwrap().plans[0].exclude, ["a\nb", "c"]);
        let left_out = [("plan", "translated"), ("paths", "translated"), ("age", "left-out")];
        assert_eq!(kinds(&report)[..3], left_out);
    }

    #[test]
    fn a_table_without_what_it_needs_goes_as_a_whole_with_what_belongs_to_it() {
        let mut report = Report::default();
        let mut document = document(&mut report, "home", "36h");
        let mut inner = Block::new("[[plan.hook]]", remark(&mut report, "hook"));
        inner.set("on", list(["backup-failed"]));
        document.blocks[1].inner.push(inner);
        let text = document.settle(&mut report).unwrap();
        assert!(config::parse(&text).unwrap().plans.is_empty(), "{text}");
        assert!(text.lines().skip(1).all(|l| l.is_empty() || l.starts_with('#')), "{text}");
        assert!(report.0.iter().all(|remark| remark.kind == Fate::LeftOut), "{report:?}");
    }

    #[test]
    fn what_cannot_be_left_out_is_an_error() {
        let mut top = Block::default();
        top.set("instance", "No Instance");
        let document = Document { blocks: vec![top] };
        assert!(document.settle(&mut Report::default()).is_err());
    }
}
