//! How many links may be half-open, and which goes when there are too many.
//!
//! [`HalfOpenTable`] decides and is pure; [`HalfOpens`] shares one among connections.

use super::gate::{Budget, CutReason, Gate};
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How many may be half-open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HalfOpenLimits {
    /// In all.
    pub in_all: usize,
    /// From one address (IPv6: one /64).
    pub per_address: usize,
}

impl HalfOpenLimits {
    /// Links before authentication.
    pub const LINKS: Self = Self { in_all: 256, per_address: 8 };
}

/// Whether a newcomer is let in.
#[derive(Debug, PartialEq, Eq)]
pub enum Admission<T> {
    /// There was room.
    Room(u64),
    /// There is room now that this one, the oldest without a valid Hello, has gone.
    InPlaceOf(T, u64),
    /// Everyone here has shown a valid Hello: the newcomer waits outside.
    Full,
}

/// Who is half-open, oldest first.
#[derive(Debug)]
pub struct HalfOpenTable<T> {
    limits: HalfOpenLimits,
    next: u64,
    places: BTreeMap<u64, Place<T>>,
}

#[derive(Debug)]
struct Place<T> {
    address: Option<IpAddr>,
    valid_hello: bool,
    holder: T,
}

impl<T> HalfOpenTable<T> {
    /// An empty table.
    #[must_use]
    pub fn new(limits: HalfOpenLimits) -> Self {
        Self { limits, next: 0, places: BTreeMap::new() }
    }

    /// Lets `holder` in, if need be in place of another. Without an address only the sum counts.
    pub fn admit(&mut self, address: Option<IpAddr>, holder: T) -> Admission<T> {
        let address = address.map(neighbourhood);
        let displaced = match self.without_room(address) {
            None => None,
            Some(crowd) => match self.oldest_without_hello(crowd) {
                Some(oldest) => self.places.remove(&oldest),
                None => return Admission::Full,
            },
        };
        let number = self.next;
        self.next += 1;
        self.places.insert(number, Place { address, valid_hello: false, holder });
        match displaced {
            Some(place) => Admission::InPlaceOf(place.holder, number),
            None => Admission::Room(number),
        }
    }

    /// Which crowd is at its limit: one address (`Some(Some)`), or everyone (`Some(None)`).
    fn without_room(&self, address: Option<IpAddr>) -> Option<Option<IpAddr>> {
        let of_address = |place: &&Place<T>| place.address == address;
        let beside = self.places.values().filter(of_address).count();
        if address.is_some() && beside >= self.limits.per_address {
            return Some(address);
        }
        (self.places.len() >= self.limits.in_all).then_some(None)
    }

    fn oldest_without_hello(&self, crowd: Option<IpAddr>) -> Option<u64> {
        let candidate =
            |place: &Place<T>| !place.valid_hello && (crowd.is_none() || place.address == crowd);
        self.places.iter().find(|(_, place)| candidate(place)).map(|(number, _)| *number)
    }

    /// It has shown that it knows our key id: no stranger displaces it.
    pub fn valid_hello(&mut self, number: u64) {
        if let Some(place) = self.places.get_mut(&number) {
            place.valid_hello = true;
        }
    }

    /// It is authenticated, or gone.
    pub fn leave(&mut self, number: u64) {
        self.places.remove(&number);
    }

    /// How many are half-open.
    #[must_use]
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether none is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }
}

/// The address that counts: an IPv6 network of a /64 is one neighbour.
fn neighbourhood(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(v4) => IpAddr::V4(v4),
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX))),
    }
}

/// One table for all connections of a server.
#[derive(Debug, Clone)]
pub(super) struct HalfOpens {
    table: Arc<Mutex<HalfOpenTable<Arc<Gate>>>>,
}

impl HalfOpens {
    pub(super) fn new(limits: HalfOpenLimits) -> Self {
        Self { table: Arc::new(Mutex::new(HalfOpenTable::new(limits))) }
    }

    /// A place for a new link, or `None` where the newcomer has to wait.
    pub(super) fn admit(&self, address: Option<IpAddr>, budget: Budget) -> Option<HalfOpenLink> {
        let gate = Gate::half_open(budget);
        let number = match self.lock().admit(address, Arc::clone(&gate)) {
            Admission::Room(number) => number,
            Admission::InPlaceOf(displaced, number) => {
                displaced.cut_half_open(CutReason::Displaced);
                number
            }
            Admission::Full => return None,
        };
        Some(HalfOpenLink { gate, place: Some((self.clone(), number)) })
    }

    fn lock(&self) -> MutexGuard<'_, HalfOpenTable<Arc<Gate>>> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How far a link has come. Dropped before [`HalfOpenLink::authenticated`], it cuts the link.
#[derive(Debug)]
pub struct HalfOpenLink {
    gate: Arc<Gate>,
    place: Option<(HalfOpens, u64)>,
}

impl HalfOpenLink {
    /// A link outside any table, with its own budget.
    pub(super) fn alone(budget: Budget) -> Self {
        Self { gate: Gate::half_open(budget), place: None }
    }

    /// A link without a budget.
    pub(super) fn unlimited() -> Self {
        let link = Self::alone(Budget::DIALER);
        link.authenticated();
        link
    }

    pub(super) fn gate(&self) -> &Arc<Gate> {
        &self.gate
    }

    /// Its Hello has a valid mac.
    pub fn valid_hello(&self) {
        if let Some((half_opens, number)) = &self.place {
            half_opens.lock().valid_hello(*number);
        }
    }

    /// Its signature is verified: budgets are those of a peer from here on.
    pub fn authenticated(&self) {
        self.gate.authenticated();
        self.leave();
    }

    fn leave(&self) {
        if let Some((half_opens, number)) = &self.place {
            half_opens.lock().leave(*number);
        }
    }
}

impl Drop for HalfOpenLink {
    fn drop(&mut self) {
        self.leave();
        self.gate.cut_half_open(CutReason::Dropped);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn ip(last: u8) -> Option<IpAddr> {
        Some(IpAddr::from([192, 0, 2, last]))
    }

    fn table(in_all: usize, per_address: usize) -> HalfOpenTable<&'static str> {
        HalfOpenTable::new(HalfOpenLimits { in_all, per_address })
    }

    #[test]
    fn the_oldest_without_a_valid_hello_goes_first() {
        let mut table = table(2, 2);
        assert_eq!(table.admit(ip(1), "a"), Admission::Room(0));
        assert_eq!(table.admit(ip(2), "b"), Admission::Room(1));
        table.valid_hello(0);
        assert_eq!(table.admit(ip(3), "c"), Admission::InPlaceOf("b", 2));
        table.valid_hello(2);
        assert_eq!(table.admit(ip(4), "d"), Admission::Full);
        table.leave(0);
        assert_eq!(table.admit(ip(4), "d"), Admission::Room(3));
    }

    #[test]
    fn one_address_displaces_only_its_own() {
        let mut table = table(10, 2);
        table.admit(ip(1), "other");
        table.admit(ip(2), "a");
        table.admit(ip(2), "b");
        assert_eq!(table.admit(ip(2), "c"), Admission::InPlaceOf("a", 3));
        assert_eq!(table.len(), 3);
    }

    #[test]
    fn a_proxy_that_names_nobody_has_no_limit_of_its_own() {
        let mut table = table(4, 1);
        for holder in ["a", "b", "c", "d"] {
            assert!(matches!(table.admit(None, holder), Admission::Room(_)));
        }
        assert_eq!(table.admit(None, "e"), Admission::InPlaceOf("a", 4));
    }

    #[test]
    fn an_ipv6_network_is_one_neighbour() {
        let mut table = table(10, 1);
        table.admit(Some("2001:db8::1".parse().unwrap()), "a");
        let beside = Some("2001:db8::ffff:1".parse().unwrap());
        assert_eq!(table.admit(beside, "b"), Admission::InPlaceOf("a", 1));
        let elsewhere = Some("2001:db8:0:1::1".parse().unwrap());
        assert!(matches!(table.admit(elsewhere, "c"), Admission::Room(_)));
        let mapped = Some("::ffff:192.0.2.9".parse().unwrap());
        table.admit(mapped, "d");
        assert_eq!(table.admit(ip(9), "e"), Admission::InPlaceOf("d", 4));
    }

    proptest! {
        /// Neither limit is ever passed, and no valid Hello is ever displaced.
        #[test]
        fn limits_hold_under_any_flood(
            steps in prop::collection::vec((0u8..4, 0u8..4, 0u64..40), 0..200)
        ) {
            let mut table: HalfOpenTable<u64> =
                HalfOpenTable::new(HalfOpenLimits { in_all: 6, per_address: 3 });
            let mut shown = std::collections::BTreeSet::new();
            for (act, address, number) in steps {
                match act {
                    0 if table.places.contains_key(&number) => {
                        table.valid_hello(number);
                        shown.insert(number);
                    }
                    0 => {}
                    1 => table.leave(number),
                    _ => {
                        let address = (address > 0).then(|| ip(address)).flatten();
                        let next = table.next;
                        if let Admission::InPlaceOf(gone, _) = table.admit(address, next) {
                            prop_assert!(!shown.contains(&gone));
                        }
                    }
                }
                prop_assert!(table.len() <= 6);
                for last in 1..4 {
                    let beside = table.places.values().filter(|p| p.address == ip(last)).count();
                    prop_assert!(beside <= 3);
                }
            }
        }
    }
}
