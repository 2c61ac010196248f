//! Where a command's result goes: documents for machines, text and tables for people.
//!
//! 1. Under `--json` standard output carries JSON and nothing else, and nothing ever prompts.
//! 2. Colours only on a terminal, and never where `NO_COLOR` is set.

use super::Failure;
use super::words::Tone;
use crate::api::Error;
use comfy_table::{ContentArrangement, Table};
use serde::Serialize;
use std::io::{BufRead as _, IsTerminal as _, Write as _};

/// How often somebody is asked the same, where the answers will not do.
const TRIES: usize = 3;

/// Where and how results are written.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Output {
    json: bool,
    colours: bool,
    width: Option<u16>,
    interactive: bool,
}

impl Output {
    /// As this process was started.
    pub(crate) fn of_process(json: bool) -> Self {
        let terminal = std::io::stdout().is_terminal();
        let size = rustix::termios::tcgetwinsize(std::io::stdout()).ok();
        Self {
            json,
            colours: terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()),
            width: size.map(|size| size.ws_col).filter(|columns| *columns > 20),
            interactive: !json && std::io::stdin().is_terminal() && std::io::stderr().is_terminal(),
        }
    }

    /// Plain text without a terminal.
    #[cfg(test)]
    pub(crate) const fn plain() -> Self {
        Self { json: false, colours: false, width: None, interactive: false }
    }

    pub(crate) const fn is_json(self) -> bool {
        self.json
    }

    /// Whether somebody is there to be asked.
    pub(crate) const fn is_interactive(self) -> bool {
        self.interactive
    }

    /// The document for machines, or what `text` makes of it for a person.
    pub(crate) fn show<T: Serialize>(
        self,
        document: &T,
        text: impl FnOnce() -> String,
    ) -> Result<(), Failure> {
        if self.json { self.line_of(document) } else { self.say(&text()) }
    }

    /// One JSON document on a line.
    pub(crate) fn line_of<T: Serialize>(self, document: &T) -> Result<(), Failure> {
        let line = serde_json::to_string(document)
            .map_err(|error| Failure::local("internal", error.to_string(), ""))?;
        Ok(writeln!(std::io::stdout(), "{line}")?)
    }

    /// Text for a person, with the marks of states coloured where colours are wanted.
    pub(crate) fn say(self, text: &str) -> Result<(), Failure> {
        let text = if self.colours { coloured(text) } else { text.to_owned() };
        Ok(writeln!(std::io::stdout(), "{}", text.trim_end())?)
    }

    /// A line as it is: names may end with blanks and look like marks.
    pub(crate) fn line(self, text: &str) -> Result<(), Failure> {
        Ok(writeln!(std::io::stdout(), "{text}")?)
    }

    /// A remark beside the result, on standard error; silent under `--json`.
    pub(crate) fn note(self, text: &str) {
        if !self.json {
            // Nobody reads standard error: the result still counts.
            let _ = writeln!(std::io::stderr(), "{text}");
        }
    }

    /// The error and what to do about it, on standard error.
    pub(crate) fn fail(self, error: &Error) {
        let _ = writeln!(std::io::stderr(), "{}", super::failure::render(error, self.json));
    }

    /// Asks on standard error; the answer without its line end. Only where somebody is there.
    pub(crate) fn ask(self, question: &str) -> Result<String, Failure> {
        Ok(self.typed(question)?.unwrap_or_default())
    }

    /// As [`Output::ask`], where no answer must not be taken for an empty one.
    pub(crate) fn ask_for_sure(self, question: &str) -> Result<String, Failure> {
        let answer = self.typed(question)?;
        answer.ok_or_else(|| Failure::usage("the input ended before the answer", ""))
    }

    /// What is typed; `None` at the end of input.
    fn typed(self, question: &str) -> Result<Option<String>, Failure> {
        if !self.interactive {
            return Err(Failure::usage("nobody is here to be asked", "give it as an option"));
        }
        write!(std::io::stderr(), "{question} ")?;
        std::io::stderr().flush()?;
        let mut answer = String::new();
        let read = std::io::stdin().lock().read_line(&mut answer)?;
        Ok((read > 0).then(|| answer.trim().to_owned()))
    }

    /// What `check` makes of an answer of `ask`. One that will not do is said and asked for again;
    /// the end of input (`None`) ends it.
    pub(crate) fn insist<A, T>(
        self,
        mut ask: impl FnMut() -> Result<Option<A>, Failure>,
        check: impl Fn(A) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let mut next = || {
            let answer = ask()?;
            answer.ok_or_else(|| Failure::usage("the input ended before the answer", ""))
        };
        for _ in 1..TRIES {
            match check(next()?) {
                Err(Failure::Usage(wrong)) => self.note(&super::failure::render(&wrong, false)),
                done => return done,
            }
        }
        check(next()?)
    }

    /// As [`Output::ask`], without showing what is typed; `None` at the end of input.
    pub(crate) fn ask_hidden(self, question: &str) -> Result<Option<String>, Failure> {
        use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};
        let stdin = std::io::stdin();
        let before = tcgetattr(&stdin).map_err(std::io::Error::from)?;
        let mut hidden = before.clone();
        hidden.local_modes.remove(LocalModes::ECHO);
        tcsetattr(&stdin, OptionalActions::Flush, &hidden).map_err(std::io::Error::from)?;
        let answer = self.typed(question);
        tcsetattr(&stdin, OptionalActions::Now, &before).map_err(std::io::Error::from)?;
        self.note("");
        answer
    }

    /// A table without borders that fits the terminal.
    pub(crate) fn table<const N: usize>(
        self,
        header: [&str; N],
        rows: impl IntoIterator<Item = [String; N]>,
    ) -> String {
        let mut table = Table::new();
        table.load_style(comfy_table::presets::NOTHING).set_header(header.map(str::to_uppercase));
        if let Some(width) = self.width {
            table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width);
        }
        for row in rows {
            table.add_row(row);
        }
        for column in table.column_iter_mut() {
            column.set_padding((0, 2));
        }
        table.trim_fmt()
    }
}

/// Colours each mark of a state and the words beside it, up to the end of its column.
fn coloured(text: &str) -> String {
    text.split_inclusive('\n').map(coloured_line).collect()
}

fn coloured_line(line: &str) -> String {
    let marked = |tone: &Tone| Some((*tone, find_mark(line, tone.glyph())?));
    let Some((tone, at)) = Tone::ALL.iter().filter_map(marked).min_by_key(|(_, at)| *at) else {
        return line.to_owned();
    };
    let rest = &line[at..];
    let end = rest.find("  ").unwrap_or_else(|| rest.trim_end().len());
    let (cell, after) = rest.split_at(end);
    format!("{}\x1b[{}m{cell}\x1b[0m{}", &line[..at], tone.colour(), coloured_line(after))
}

/// A mark stands at the start of a line or column and has a space behind it.
fn find_mark(line: &str, glyph: char) -> Option<usize> {
    line.match_indices(glyph).map(|(at, _)| at).find(|&at| {
        let before = &line[..at];
        let after = &line[at + glyph.len_utf8()..];
        (before.is_empty() || before.ends_with("  ")) && after.starts_with(' ')
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn tables_align_and_end_without_blanks() {
        let rows = [["home".to_owned(), "✓ fresh".to_owned()], ["db".to_owned(), String::new()]];
        let table = Output::plain().table(["plan", "state"], rows);
        assert_eq!(table, "PLAN  STATE\nhome  ✓ fresh\ndb");
    }

    #[test]
    fn tables_fit_the_terminal() {
        let output = Output { width: Some(40), ..Output::plain() };
        let long = "a sentence that is much longer than what the terminal has room for".to_owned();
        let table = output.table(["plan", "why"], [["home".to_owned(), long]]);
        assert!(table.lines().count() > 2, "{table}");
        assert!(table.lines().all(|line| line.chars().count() <= 40), "{table}");
    }

    #[test]
    fn only_marks_are_coloured() {
        let line = "home  ✗ failing, 3 in a row  wow! it · is";
        assert_eq!(coloured(line), "home  \u{1b}[31m✗ failing, 3 in a row\u{1b}[0m  wow! it · is");
        assert_eq!(coloured("nothing here\n"), "nothing here\n");
    }

    #[test]
    fn without_a_terminal_nobody_is_asked() {
        assert!(matches!(Output::plain().ask("sure?"), Err(Failure::Usage(_))));
    }

    #[test]
    fn what_will_not_do_is_asked_for_again_three_times_at_most() {
        let number = |text: &str| text.parse::<u8>().map_err(|_| Failure::usage("no number", ""));
        let asked = |answers: &[&'static str]| {
            let mut left = answers.iter().copied();
            (Output::plain().insist(|| Ok(left.next()), number), left.count())
        };
        assert!(matches!(asked(&["one", "2", "3"]), (Ok(2), 1)));
        assert!(matches!(asked(&["a", "b", "c", "4"]), (Err(Failure::Usage(_)), 1)));
        let (ended, _) = asked(&["one"]);
        assert!(ended.unwrap_err().to_string().contains("input ended"));
    }

    #[test]
    fn what_is_no_fault_of_the_answer_is_not_asked_again() {
        let mut asked = 0;
        let ask = || {
            asked += 1;
            Ok(Some(()))
        };
        let broken = |()| Err::<(), _>(Failure::local("io", "broken", ""));
        assert!(matches!(Output::plain().insist(ask, broken), Err(Failure::Refused(_))));
        assert_eq!(asked, 1);
    }
}
