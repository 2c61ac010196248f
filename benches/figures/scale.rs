//! How much is measured.

use anyhow::Context as _;
use std::env;

/// Payload of an operation, in bytes.
pub(crate) const PAYLOAD: usize = 1024;
/// Plans that the operations are spread over.
pub(crate) const SHARDS: u64 = 50;

/// What can be measured by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    Handshake,
    LogSync,
    Live,
    Daemons,
    Backups,
    Api,
}

/// From `OPERATIONS`, `QUICK` and `PART`.
pub(crate) struct Scale {
    /// Operations of the origin.
    pub(crate) operations: u64,
    /// Repetitions of what is short.
    pub(crate) repeats: u32,
    /// Peers that are connected at once.
    pub(crate) peers: u32,
    /// How long a rate is kept up.
    pub(crate) seconds: u64,
    /// Small files of a backup.
    pub(crate) small_files: u32,
    /// Bytes of the one large file of a backup.
    pub(crate) large_file: u64,
    /// This only.
    part: Option<Part>,
}

impl Scale {
    pub(crate) fn from_env() -> anyhow::Result<Self> {
        let quick = env::var("QUICK").is_ok_and(|value| !matches!(value.as_str(), "" | "0"));
        let part = part()?;
        let whole = Self {
            operations: 1_000_000,
            repeats: 300,
            peers: 1_000,
            seconds: 10,
            small_files: 100_000,
            large_file: 2_000_000_000,
            part,
        };
        let less = Self {
            operations: 20_000,
            repeats: 50,
            peers: 50,
            seconds: 2,
            small_files: 5_000,
            large_file: 100_000_000,
            part,
        };
        let scale = if quick { less } else { whole };
        let given = env::var("OPERATIONS").ok().filter(|value| !value.is_empty());
        Ok(match given {
            None => scale,
            Some(given) => {
                let operations: u64 = given.parse().context("OPERATIONS is a number")?;
                Self { operations: operations.max(5_000), ..scale }
            }
        })
    }

    /// Whether this is to be measured.
    pub(crate) fn has(&self, part: Part) -> bool {
        self.part.is_none_or(|only| only == part)
    }

    /// The log sizes at which a reconnect is measured.
    pub(crate) fn sizes(&self) -> Vec<u64> {
        [1_000, 100_000, self.operations].into_iter().filter(|&n| n <= self.operations).collect()
    }
}

fn part() -> anyhow::Result<Option<Part>> {
    Ok(match env::var("PART").unwrap_or_default().as_str() {
        "" => None,
        "handshake" => Some(Part::Handshake),
        "log-sync" => Some(Part::LogSync),
        "live" => Some(Part::Live),
        "daemons" => Some(Part::Daemons),
        "backups" => Some(Part::Backups),
        "api" => Some(Part::Api),
        other => {
            anyhow::bail!(
                "PART={other} is not one of handshake, log-sync, live, daemons, backups, api"
            )
        }
    })
}
