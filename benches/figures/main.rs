//! Measures the goals of the sync protocol and prints them as a table and as JSON.
//!
//! ```text
//! make bench                     the whole, on 1,000,000 operations of 1 KB in 50 shards
//! make bench OPERATIONS=50000    the same on fewer
//! make bench QUICK=1             20,000, and less of everything
//! make bench PART=handshake      one part: handshake, log-sync, live, daemons, backups, api
//! ```
//! First within this process: feed and intake over real databases, two sessions, two instances over
//! loopback. Then between two real daemons, measured from outside. A goal that is missed is a line
//! of the table, not a failure.

#[path = "../../examples/seed/hub.rs"]
mod hub;
#[path = "../../examples/seed/own.rs"]
#[allow(dead_code)]
mod own;

mod api;
mod backups;
mod daemons;
mod handshake;
mod live;
mod log_sync;
mod machine;
mod node;
mod process;
mod proxy;
#[path = "../../tests/histories/random.rs"]
#[allow(dead_code, unreachable_pub)]
mod random;
mod report;
mod scale;
mod talk;

use report::Report;
use scale::{Part, Scale};
use std::path::Path;

fn main() -> anyhow::Result<()> {
    // `cargo test --all-targets` runs this as well, without the argument that `cargo bench` gives.
    if !std::env::args().any(|argument| argument == "--bench") {
        println!("figures are measured by `make bench`");
        return Ok(());
    }
    let scale = Scale::from_env()?;
    let mut report = Report::new(&scale);
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    if scale.has(Part::Handshake) {
        handshake::measure(&scale, &mut report)?;
    }
    if scale.has(Part::LogSync) {
        log_sync::measure(&scale, folder.path(), &mut report)?;
    }
    if scale.has(Part::Live) {
        live::measure(&scale, folder.path(), &mut report)?;
    }
    if scale.has(Part::Daemons) {
        daemons::measure(&scale, folder.path(), &mut report)?;
    }
    if scale.has(Part::Backups) {
        backups::measure(&scale, folder.path(), &mut report)?;
    }
    if scale.has(Part::Api) {
        api::measure(&scale, folder.path(), &mut report)?;
    }
    let json = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("figures.json");
    report.finish(&json)
}
