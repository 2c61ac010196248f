//! How often something may be tried: a leaky bucket for each address and each account.
//!
//! 1. Memory is bounded: where there is no room, the subject nearest to being forgotten goes.
//! 2. A success gives back its own try and no other, so that who may sign in to one account gains
//!    nothing for guessing at another.

use crate::model::{Timestamp, UserName};
use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Subjects remembered at once.
const MOST: usize = 4096;

/// Whose tries are counted together.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Subject {
    /// Everything that comes from one address.
    Address(IpAddr),
    /// Everything that tries one name, whether or not there is such a user.
    Account(UserName),
}

impl Subject {
    /// The address, or the /64 of it: whoever has one address of IPv6 has all of those.
    #[must_use]
    pub(super) fn address(address: IpAddr) -> Self {
        Self::Address(match address.to_canonical() {
            IpAddr::V6(v6) => {
                let [a, b, c, d, ..] = v6.segments();
                IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
            }
            v4 @ IpAddr::V4(_) => v4,
        })
    }

    const fn rate(&self) -> Rate {
        match self {
            Self::Address(_) => Rate { burst: 10, every: Duration::from_secs(30) },
            Self::Account(_) => Rate { burst: 10, every: Duration::from_secs(60) },
        }
    }
}

/// So many at once, then one after each of these times.
#[derive(Debug, Clone, Copy)]
struct Rate {
    burst: u32,
    every: Duration,
}

/// Everything that was tried lately.
#[derive(Debug, Default)]
pub(super) struct Limits {
    /// Until when the bucket of each still leaks.
    leaking_until: Mutex<HashMap<Subject, Timestamp>>,
}

impl Limits {
    /// Counts a try.
    ///
    /// # Errors
    /// It was tried too often; after this time it may be tried again. Nothing was counted.
    pub(super) fn take(&self, subject: &Subject, now: Timestamp) -> Result<(), Duration> {
        let Rate { burst, every } = subject.rate();
        let mut all = self.lock();
        let until = all.get(subject).copied().unwrap_or(now).max(now);
        let full = every * (burst - 1);
        let level = until.since(now);
        if level > full {
            return Err(level - full);
        }
        make_room(&mut all, subject, now);
        all.insert(subject.clone(), until.plus(every));
        Ok(())
    }

    /// Takes a try back: it was a good one.
    pub(super) fn give_back(&self, subject: &Subject) {
        if let Some(until) = self.lock().get_mut(subject) {
            *until = until.minus(subject.rate().every);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Subject, Timestamp>> {
        self.leaking_until.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn make_room(all: &mut HashMap<Subject, Timestamp>, coming: &Subject, now: Timestamp) {
    if all.len() < MOST || all.contains_key(coming) {
        return;
    }
    all.retain(|_, until| *until > now);
    if all.len() >= MOST
        && let Some(first) = all.iter().min_by_key(|(_, until)| **until).map(|(key, _)| key.clone())
    {
        all.remove(&first);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn address(n: u32) -> Subject {
        Subject::address(IpAddr::from(n.to_be_bytes()))
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1000)
    }

    #[test]
    fn ten_at_once_then_one_every_half_minute() {
        let limits = Limits::default();
        for _ in 0..10 {
            limits.take(&address(1), at(0)).unwrap();
        }
        assert_eq!(limits.take(&address(1), at(0)), Err(Duration::from_secs(30)));
        assert_eq!(limits.take(&address(1), at(29)), Err(Duration::from_secs(1)));
        limits.take(&address(1), at(30)).unwrap();
        assert!(limits.take(&address(1), at(30)).is_err());
        limits.take(&address(2), at(30)).unwrap();
    }

    #[test]
    fn a_good_try_gives_back_its_own_only() {
        let limits = Limits::default();
        for _ in 0..9 {
            limits.take(&address(1), at(0)).unwrap();
        }
        for _ in 0..100 {
            limits.take(&address(1), at(0)).unwrap();
            limits.give_back(&address(1));
        }
        limits.take(&address(1), at(0)).unwrap();
        assert!(limits.take(&address(1), at(0)).is_err(), "the nine bad ones still count");
    }

    #[test]
    fn memory_is_bounded_and_who_tried_most_is_remembered() {
        let limits = Limits::default();
        for _ in 0..10 {
            limits.take(&address(0), at(0)).unwrap();
        }
        for n in 1..(2 * MOST as u32) {
            limits.take(&address(n), at(0)).unwrap();
        }
        assert_eq!(limits.lock().len(), MOST);
        assert!(limits.take(&address(0), at(0)).is_err());
    }

    #[test]
    fn one_network_of_ipv6_is_one_subject() {
        let subject = |text: &str| Subject::address(text.parse().unwrap());
        assert_eq!(subject("2001:db8::1"), subject("2001:db8::ffff:2"));
        assert_ne!(subject("2001:db8::1"), subject("2001:db8:0:1::1"));
        assert_eq!(subject("::ffff:192.0.2.1"), subject("192.0.2.1"));
        assert_ne!(subject("192.0.2.2"), subject("192.0.2.1"));
    }
}
