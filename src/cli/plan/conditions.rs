//! `--only-when` and `--retry`: the tables of the config on one line.

use crate::api;
use crate::cli::parse;

/// What a run waits for.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct OnlyWhen(api::OnlyWhen);

/// When a failed run is tried again.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Retry(api::Retry);

impl From<OnlyWhen> for api::OnlyWhen {
    fn from(OnlyWhen(given): OnlyWhen) -> Self {
        given
    }
}

impl From<Retry> for api::Retry {
    fn from(Retry(given): Retry) -> Self {
        given
    }
}

/// `ac-power,unmetered,window=22:00-06:00,force-after=3d`; empty: nothing.
pub(super) fn only_when(text: &str) -> Result<OnlyWhen, String> {
    let mut given = api::OnlyWhen::default();
    for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
        match part.split_once('=') {
            None if part == "ac-power" => given.ac_power = true,
            None if part == "unmetered" => given.unmetered = true,
            None if part == "network" => given.network = true,
            Some(("window", window)) => given.window = Some(window.to_owned()),
            Some(("load-below", load)) => given.load_below = Some(load.to_owned()),
            Some(("force-after", after)) => {
                given.force_after_s = Some(parse::duration(after)?.as_secs());
            }
            Some(_) | None => {
                return Err(format!(
                    "{part:?} is none of ac-power, unmetered, network, window=FROM-TO, \
                     load-below=LOAD and force-after=DURATION"
                ));
            }
        }
    }
    Ok(OnlyWhen(given))
}

/// `3,5m`, or `1` for never again.
pub(super) fn retry(text: &str) -> Result<Retry, String> {
    let (attempts, wait) = match text.split_once(',') {
        Some((attempts, wait)) => (attempts, parse::duration(wait.trim())?.as_secs()),
        None => (text, crate::schedule::Retry::default().wait.as_secs()),
    };
    let wrong = || format!("{text:?} is no number of attempts; write it like 3,5m");
    let attempts = attempts.trim().parse().map_err(|_| wrong())?;
    Ok(Retry(api::Retry { attempts, wait_s: wait }))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn conditions_stand_on_one_line() {
        let OnlyWhen(given) =
            only_when("ac-power, window=22:00-06:00,load-below=1.5,force-after=3d").unwrap();
        assert!(given.ac_power && !given.network);
        assert_eq!(given.window.as_deref(), Some("22:00-06:00"));
        assert_eq!(
            (given.load_below.as_deref(), given.force_after_s),
            (Some("1.5"), Some(259_200))
        );
        assert_eq!(only_when("").unwrap().0, api::OnlyWhen::default());
        assert!(only_when("ac-powr").unwrap_err().contains("ac-power"));
    }

    #[test]
    fn a_retry_is_a_number_and_a_wait() {
        let said = |text| retry(text).map(|Retry(given)| (given.attempts, given.wait_s));
        assert_eq!(said("5,10m"), Ok((5, 600)));
        assert_eq!(said("1"), Ok((1, 300)));
        assert!(said("often").is_err());
    }
}
