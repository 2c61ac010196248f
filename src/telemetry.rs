//! Structured logs on standard error.
//!
//! Nothing here decides what is logged. `HOLDFAST_LOG` filters, such as `debug` or
//! `holdfast::session=trace,info`.

use std::io::IsTerminal as _;
use tracing_subscriber::EnvFilter;

/// How log lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// For a person; colours on a terminal.
    Text,
    /// One JSON object a line.
    Json,
}

/// Starts logging for this process; a second call changes nothing.
///
/// # Errors
/// `HOLDFAST_LOG` is not a filter.
pub fn start(format: Format, default: &str) -> Result<(), LogFilterError> {
    let written = std::env::var("HOLDFAST_LOG").unwrap_or_default();
    let filter = if written.is_empty() { default } else { &written };
    let filter = EnvFilter::try_new(filter)
        .map_err(|error| LogFilterError { given: filter.to_owned(), reason: error.to_string() })?;
    let colours = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(colours);
    // An error says that a subscriber is set already, which is the wish of whoever set it.
    let _ = match format {
        Format::Text => builder.try_init(),
        Format::Json => builder.json().try_init(),
    };
    Ok(())
}

/// The filter in `HOLDFAST_LOG` cannot be read.
#[derive(Debug, thiserror::Error)]
#[error(
    "HOLDFAST_LOG {given:?} is not a filter: {reason}. Write a level such as debug, or module=level pairs"
)]
pub struct LogFilterError {
    given: String,
    reason: String,
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_filter_is_named() {
        let error = start(Format::Text, "holdfast=loud").unwrap_err();
        assert!(error.to_string().contains("holdfast=loud"), "{error}");
    }
}
