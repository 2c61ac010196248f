//! What has to hold before a due run is started.

use super::Zone;
use crate::model::Timestamp;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// What a plan waits for. What is not known holds nothing up.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OnlyWhen {
    /// The machine is on AC power.
    pub ac_power: bool,
    /// Its network is not metered.
    pub unmetered: bool,
    /// It has a network.
    pub network: bool,
    /// The clock is within this time of the day.
    pub window: Option<Window>,
    /// The load of the last minute is below this.
    pub load_below: Option<Load>,
    /// After this long a time it runs all the same.
    pub force_after: Option<Duration>,
}

/// The machine as it is now; `None` where it does not tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Surroundings {
    /// Whether it is on AC power.
    pub ac_power: Option<bool>,
    /// Whether its network costs by what is sent.
    pub metered: Option<bool>,
    /// Whether it has a network.
    pub network: Option<bool>,
    /// The load of the last minute.
    pub load: Option<Load>,
}

/// A load of the system in hundredths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Load(pub u32);

/// A time of the day, such as `22:00-06:00`: from the first on, before the second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    from_minute: u16,
    to_minute: u16,
}

/// A text that is no time of the day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a window is two different times of the day, such as 22:00-06:00")]
pub struct WindowError;

impl OnlyWhen {
    /// Whether it waits for nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let Self { ac_power, unmetered, network, window, load_below, force_after: _ } = self;
        !ac_power && !unmetered && !network && window.is_none() && load_below.is_none()
    }

    /// What it waits for in these surroundings; `None` where all holds.
    #[must_use]
    pub fn waits_for(&self, around: &Surroundings, now: Timestamp, zone: &Zone) -> Option<String> {
        let mut lacks = Vec::new();
        if self.ac_power && around.ac_power == Some(false) {
            lacks.push("AC power".to_owned());
        }
        if self.network && around.network == Some(false) {
            lacks.push("a network".to_owned());
        }
        if self.unmetered && around.metered == Some(true) {
            lacks.push("a network that is not metered".to_owned());
        }
        if let Some(window) = self.window.filter(|window| !window.contains(now, zone)) {
            lacks.push(format!("the time {window}"));
        }
        if let (Some(limit), Some(load)) = (self.load_below, around.load)
            && load >= limit
        {
            lacks.push(format!("a load below {limit}"));
        }
        (!lacks.is_empty()).then(|| lacks.join(" and "))
    }
}

impl Window {
    fn contains(self, now: Timestamp, zone: &Zone) -> bool {
        let clock = zone.clock_at(now);
        let minute = 60 * clock.hour().unsigned_abs() as u16 + clock.minute().unsigned_abs() as u16;
        let (after_start, before_end) = (minute >= self.from_minute, minute < self.to_minute);
        // Over midnight it is either of both.
        match self.from_minute < self.to_minute {
            true => after_start && before_end,
            false => after_start || before_end,
        }
    }
}

impl FromStr for Window {
    type Err = WindowError;

    fn from_str(text: &str) -> Result<Self, WindowError> {
        let (from, to) = text.split_once('-').ok_or(WindowError)?;
        let window = Self { from_minute: minute(from)?, to_minute: minute(to)? };
        if window.from_minute == window.to_minute { Err(WindowError) } else { Ok(window) }
    }
}

fn minute(text: &str) -> Result<u16, WindowError> {
    let (hour, minute) = text.trim().split_once(':').ok_or(WindowError)?;
    let number = |text: &str, end: u16| {
        let digits =
            !text.is_empty() && text.len() <= 2 && text.bytes().all(|b| b.is_ascii_digit());
        text.parse::<u16>().ok().filter(|n| digits && *n < end).ok_or(WindowError)
    };
    Ok(60 * number(hour, 24)? + number(minute, 60)?)
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { from_minute: a, to_minute: b } = self;
        write!(f, "{:02}:{:02}-{:02}:{:02}", a / 60, a % 60, b / 60, b % 60)
    }
}

impl fmt::Display for Load {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:02}", self.0 / 100, self.0 % 100)
    }
}
