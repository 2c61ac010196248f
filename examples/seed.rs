//! Fills a stopped instance with history, for measuring real daemons from outside.
//!
//! ```text
//! cargo run --release --example seed -- --data-dir DIR --operations 1000000 --shards 50 --bytes 1024
//! cargo run --release --example seed -- --data-dir HUB --peers 100 --plans 10 --runs 1000
//! holdfast run --config FILE --data-dir DIR
//! ```
//! Data directory, identity and databases are created where they are missing; a config file is not
//! (`holdfast run` writes one). Everything goes through the code that a daemon uses: entries are
//! appended, linked and indexed as a backup's would be, and a peer's log is taken in as a session
//! takes it. A second run appends more operations, and leaves the peers as they are.

#[path = "seed/hub.rs"]
mod hub;
#[path = "seed/own.rs"]
mod own;

use anyhow::Context as _;
use clap::Parser;
use holdfast::config::{DataDir, instance_of_this_host, read_or_create_identity};
use holdfast::model::InstanceId;
use holdfast::store::history::Owner;
use holdfast::store::{DataDirLock, History, Trust};
use std::path::PathBuf;
use std::time::Instant;

/// Fills the log of a stopped instance.
#[derive(Debug, Parser)]
struct Arguments {
    /// The data directory of the instance.
    #[arg(long)]
    data_dir: PathBuf,
    /// The name that the operations carry; by default that of this host.
    #[arg(long)]
    instance: Option<InstanceId>,
    /// Finished operations of one entry each, to append to its own log.
    #[arg(long, default_value_t = 0)]
    operations: u64,
    /// How many plans they are spread over, each a shard.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=4096))]
    shards: u64,
    /// The length of a payload, up to 32768; what an operation has to say anyway is about 200.
    #[arg(long, default_value_t = 1024, value_parser = clap::value_parser!(u64).range(..=32_768))]
    bytes: u64,
    /// Peers whose logs this instance holds.
    #[arg(long, default_value_t = 0)]
    peers: u32,
    /// Plans of each peer: an expectation and what ran of each.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=4096))]
    plans: u32,
    /// Operations of each of these plans.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    runs: u32,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let dir = DataDir::new(arguments.data_dir);
    // First of all: nothing is read or written beside a daemon that runs.
    let _lock = DataDirLock::take(dir.path())?;
    let identity = read_or_create_identity(&dir.identity())?;
    let trust = Trust::open(dir.path())?;
    let history = History::open(dir.path(), Owner { public_key: identity.public_key() })?;
    let instance = match arguments.instance {
        Some(instance) => instance,
        None => instance_of_this_host().context("name the instance with --instance")?,
    };
    println!("key id {}", identity.key_id());
    if arguments.operations > 0 {
        let shape = own::Shape::new(instance, arguments.shards, arguments.bytes as usize);
        println!("{} bytes of payload each", shape.payload_bytes());
        let rate = Rate::new("operations", arguments.operations);
        own::fill(&history, &shape, arguments.operations, |done| rate.show(done))?;
    }
    if arguments.peers > 0 {
        let rate = Rate::new("peers", u64::from(arguments.peers));
        let show = |done| rate.show(u64::from(done));
        let logs = hub::Logs { plans: arguments.plans, runs: arguments.runs };
        let added = hub::fill(&trust, &history, arguments.peers, logs, show)?;
        println!("{added} of {} peers are new", arguments.peers);
    }
    // The write-ahead log goes into the file: a copy of the file alone is whole.
    tokio::runtime::Builder::new_current_thread().build()?.block_on(history.close());
    Ok(())
}

/// How far it is, at most once in a while.
struct Rate {
    what: &'static str,
    of: u64,
    since: Instant,
}

impl Rate {
    fn new(what: &'static str, of: u64) -> Self {
        Self { what, of, since: Instant::now() }
    }

    /// After every tenth of the whole.
    fn show(&self, done: u64) {
        let tenth = |n: u64| n * 10 / self.of;
        if done == self.of || tenth(done) > tenth(done.saturating_sub(own::GROUP)) {
            let seconds = self.since.elapsed().as_secs_f64();
            let rate = done as f64 / seconds.max(0.001);
            println!("{done} of {} {} in {seconds:.1} s, {rate:.0} a second", self.of, self.what);
        }
    }
}
