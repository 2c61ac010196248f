//! The one binary: `holdfast`.

use std::process::ExitCode;

fn main() -> ExitCode {
<<<<<<< HEAD
    let mut arguments = std::env::args_os().skip(1);
    if arguments.next().is_some_and(|word| word == holdfast::restic::guard::WORD) {
        eprintln!("{}", holdfast::restic::guard::exec(arguments));
        return ExitCode::from(127);
    }
    ExitCode::SUCCESS
=======
    ExitCode::from(holdfast::cli::main(std::env::args_os().collect()).code())
>>>>>>> cli
}
