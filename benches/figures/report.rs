//! The table: figure, measured, goal, met or missed.

use crate::machine;
use crate::scale::{PAYLOAD, SHARDS, Scale};
use serde_json::{Value, json};
use std::path::Path;
use std::time::{Duration, Instant};

/// What a figure should be.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Goal {
    /// No more than this.
    AtMost(f64),
    /// No less than this.
    AtLeast(f64),
    /// There is none; it is shown for what it is.
    None,
}

struct Figure {
    name: String,
    value: f64,
    unit: &'static str,
    goal: Goal,
    note: String,
}

/// All figures of one run.
pub(crate) struct Report {
    scale: Value,
    figures: Vec<Figure>,
    since: Instant,
}

impl Report {
    pub(crate) fn new(scale: &Scale) -> Self {
        let (operations, peers) = (scale.operations, scale.peers);
        let scale = json!({
            "operations": operations, "shards": SHARDS, "payload_bytes": PAYLOAD, "peers": peers,
        });
        Self { scale, figures: Vec::new(), since: Instant::now() }
    }

    /// Adds a figure, and shows it at once.
    pub(crate) fn add(&mut self, name: &str, value: f64, unit: &'static str, goal: Goal) {
        self.note(name, value, unit, goal, String::new());
    }

    /// As [`Report::add`], with a word on how to read it.
    pub(crate) fn note(
        &mut self,
        name: &str,
        value: f64,
        unit: &'static str,
        goal: Goal,
        note: String,
    ) {
        let figure = Figure { name: name.to_owned(), value, unit, goal, note };
        println!(
            "{:>5} s  {name}: {} {}",
            self.since.elapsed().as_secs(),
            figure.shown(),
            figure.note
        );
        self.figures.push(figure);
    }

    pub(crate) fn finish(&self, path: &Path) -> anyhow::Result<()> {
        let seconds = self.since.elapsed().as_secs();
        println!("\n{}", machine::describe());
        println!("scale {}, {seconds} s in all\n", self.scale);
        println!("| figure | measured | goal | | |\n|---|---|---|---|---|");
        for figure in &self.figures {
            let (goal, verdict) = (figure.wanted(), figure.verdict());
            let Figure { name, note, .. } = figure;
            println!("| {name} | {} | {goal} | {verdict} | {note} |", figure.shown());
        }
        let figures: Vec<_> = self.figures.iter().map(Figure::json).collect();
        let document = json!({
            "machine": machine::describe(), "scale": self.scale, "seconds": seconds,
            "figures": figures,
        });
        std::fs::write(path, serde_json::to_vec_pretty(&document)?)?;
        Ok(())
    }
}

impl Figure {
    fn shown(&self) -> String {
        amount(self.value, self.unit)
    }

    fn wanted(&self) -> String {
        match self.goal {
            Goal::AtMost(limit) => format!("≤ {}", amount(limit, self.unit)),
            Goal::AtLeast(limit) => format!("≥ {}", amount(limit, self.unit)),
            Goal::None => String::new(),
        }
    }

    fn verdict(&self) -> &'static str {
        let met = match self.goal {
            Goal::AtMost(limit) => self.value <= limit,
            Goal::AtLeast(limit) => self.value >= limit,
            Goal::None => return "",
        };
        if met { "met" } else { "**missed**" }
    }

    fn json(&self) -> Value {
        let (bound, limit) = match self.goal {
            Goal::AtMost(limit) => (Some("at-most"), Some(limit)),
            Goal::AtLeast(limit) => (Some("at-least"), Some(limit)),
            Goal::None => (None, None),
        };
        let met = bound.map(|_| self.verdict() == "met");
        json!({
            "figure": self.name, "measured": self.value, "unit": self.unit,
            "goal": {"bound": bound, "limit": limit}, "met": met, "note": self.note,
        })
    }
}

fn amount(value: f64, unit: &str) -> String {
    let digits = match value.abs() {
        small if small >= 100.0 || value.fract() == 0.0 => 0,
        small if small >= 10.0 => 1,
        _ => 3,
    };
    let number = format!("{value:.digits$}");
    let (whole, fraction) = number.split_once('.').unwrap_or((&number, ""));
    let point = if fraction.is_empty() { "" } else { "." };
    format!("{}{point}{fraction} {unit}", grouped(whole))
}

/// With a comma before each three digits.
fn grouped(whole: &str) -> String {
    let mut out = String::new();
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// In milliseconds, with fractions.
pub(crate) fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}
