//! The one binary: `holdfast`.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(holdfast::cli::main(std::env::args_os().collect()).code())
}
