//! How restic is run, as options of `repo` and `plan` commands.

use std::collections::BTreeMap;

/// The names of [`Tuning`]'s options, for what asks that one of several is given.
pub(super) const OPTIONS: [&str; 10] = [
    "limit_upload",
    "limit_download",
    "nice",
    "io",
    "memory",
    "gogc",
    "compression",
    "pack_size",
    "stall_after",
    "max_run",
];

/// What restic may use up, and how long it may take.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(next_help_heading = "How restic is run (as in the config; an empty text removes one)")]
pub(crate) struct Tuning {
    /// Send at most so much a second, such as 5MiB
    #[arg(long, value_name = "SIZE")]
    limit_upload: Option<String>,
    /// Read at most so much a second
    #[arg(long, value_name = "SIZE")]
    limit_download: Option<String>,
    /// Leave the processor to others: 0 to 19
    #[arg(long, value_name = "N")]
    nice: Option<String>,
    /// When its disk accesses have their turn: normal, low or idle
    #[arg(long, value_name = "CLASS")]
    io: Option<String>,
    /// Memory that it tries to stay below, such as 1GiB
    #[arg(long, value_name = "SIZE")]
    memory: Option<String>,
    /// Garbage that is left lying, in percent; less is less memory and more work
    #[arg(long, value_name = "PERCENT")]
    gogc: Option<String>,
    /// How hard it compresses: auto, off or max
    #[arg(long, value_name = "HOW")]
    compression: Option<String>,
    /// How large the files of the repository become, such as 64MiB
    #[arg(long, value_name = "SIZE")]
    pack_size: Option<String>,
    /// Interrupt a run without a sign of life for so long; never: not at all
    #[arg(long, value_name = "DURATION")]
    stall_after: Option<String>,
    /// Interrupt a run that takes longer; never: not at all
    #[arg(long, value_name = "DURATION")]
    max_run: Option<String>,
}

impl Tuning {
    /// By key of the config.
    pub(crate) fn values(self) -> BTreeMap<String, String> {
        let values = [
            ("upload", self.limit_upload),
            ("download", self.limit_download),
            ("nice", self.nice),
            ("io", self.io),
            ("memory", self.memory),
            ("gogc", self.gogc),
            ("compression", self.compression),
            ("pack-size", self.pack_size),
            ("stall-after", self.stall_after),
            ("max-run", self.max_run),
        ];
        let given = values.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?)));
        given.collect()
    }
}
