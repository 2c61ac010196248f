//! The rungs of `peer test`: what was tried, what was found, what to do about it.

use std::fmt;
use std::time::{Duration, Instant};

/// A rung. The network part is filled in here, the rest by who holds the session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StepName {
    /// The address as written.
    Url,
    /// The host's addresses.
    Dns,
    /// A connection to one of them.
    Tcp,
    /// The outer TLS.
    Tls,
    /// The sync path over HTTP/2.
    Http2,
    /// The other side's key.
    Identity,
    /// What each side may do.
    Grants,
    /// How far the clocks are apart.
    Clock,
    /// Whether a protocol version is in common.
    Version,
}

impl fmt::Display for StepName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Url => "URL",
            Self::Dns => "DNS",
            Self::Tcp => "TCP",
            Self::Tls => "TLS",
            Self::Http2 => "HTTP/2",
            Self::Identity => "identity",
            Self::Grants => "grants",
            Self::Clock => "clock",
            Self::Version => "version",
        })
    }
}

/// What became of one rung.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Which.
    pub step: StepName,
    /// Whether the climb went on.
    pub ok: bool,
    /// What was found.
    pub detail: String,
    /// What a person can do about it; also on a rung that held, where something could be better.
    pub remedy: Option<String>,
    /// How long it took.
    pub took: Duration,
}

/// The rungs climbed so far, in order. The last one may have failed; none follows it.
#[derive(Debug)]
pub struct Ladder {
    steps: Vec<Step>,
    since: Instant,
}

impl Default for Ladder {
    fn default() -> Self {
        Self { steps: Vec::new(), since: Instant::now() }
    }
}

impl Ladder {
    /// A rung that held.
    pub fn held(&mut self, step: StepName, detail: impl Into<String>) {
        self.push(step, true, detail.into(), None);
    }

    /// A rung that held and could be better.
    pub fn held_but(&mut self, step: StepName, detail: String, remedy: String) {
        self.push(step, true, detail, Some(remedy));
    }

    /// The rung that broke.
    pub fn broke(&mut self, step: StepName, detail: String, remedy: String) {
        self.push(step, false, detail, Some(remedy).filter(|text| !text.is_empty()));
    }

    fn push(&mut self, step: StepName, ok: bool, detail: String, remedy: Option<String>) {
        let took = self.since.elapsed();
        self.since = Instant::now();
        self.steps.push(Step { step, ok, detail, remedy, took });
    }

    /// All rungs.
    #[must_use]
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// Whether every rung held.
    #[must_use]
    pub fn ok(&self) -> bool {
        self.steps.iter().all(|step| step.ok)
    }
}
