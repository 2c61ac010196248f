//! One session per pair of keys (invariant S2), and clones.
//!
//! Between two keys that dial each other, the session dialled by the smaller key id stays.
//! Otherwise the newest wins. A boot id that returns after another was seen means that two
//! machines use one identity: both are refused until a person decides.

use crate::model::KeyId;
use std::collections::{HashMap, VecDeque};

/// Who dialled a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DialledBy {
    /// This instance.
    Us,
    /// The peer.
    Them,
}

/// What to do with a session whose other side is authenticated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claim {
    /// It is the session of this pair now, under this generation; another one was displaced.
    Takes {
        /// Counts the sessions of all pairs; writes of older ones are dropped.
        generation: u64,
        /// The generation to be closed as replaced.
        displaces: Option<u64>,
    },
    /// The other direction counts.
    Duplicate,
    /// Two machines use this key.
    Clone,
    /// It is our own key.
    SelfDial,
}

/// How many boot ids of a peer are remembered: a clone shows itself within a few reconnects.
const BOOTS: usize = 64;

#[derive(Debug, Default)]
struct Pair {
    current: Option<(u64, DialledBy)>,
    boots: VecDeque<[u8; 16]>,
    cloned: bool,
}

/// Every pair that this instance is part of.
#[derive(Debug)]
pub struct Pairs {
    own: KeyId,
    pairs: HashMap<KeyId, Pair>,
    generation: u64,
}

impl Pairs {
    /// None yet.
    #[must_use]
    pub fn new(own: KeyId) -> Self {
        Self { own, pairs: HashMap::new(), generation: 0 }
    }

    /// An authenticated peer would begin a session.
    pub fn claim(&mut self, peer: KeyId, by: DialledBy, boot_id: [u8; 16]) -> Claim {
        if peer == self.own {
            return Claim::SelfDial;
        }
        let smaller = if self.own < peer { DialledBy::Us } else { DialledBy::Them };
        let pair = self.pairs.entry(peer).or_default();
        if pair.sees_clone(boot_id) {
            return Claim::Clone;
        }
        match pair.current {
            Some((_, current)) if current != by && current == smaller => Claim::Duplicate,
            displaced => {
                self.generation += 1;
                pair.current = Some((self.generation, by));
                Claim::Takes {
                    generation: self.generation,
                    displaces: displaced.map(|(generation, _)| generation),
                }
            }
        }
    }

    /// A session has ended; ignored where a newer one took its place.
    pub fn ended(&mut self, peer: KeyId, generation: u64) {
        if let Some(pair) = self.pairs.get_mut(&peer)
            && pair.current.is_some_and(|(current, _)| current == generation)
        {
            pair.current = None;
        }
    }

    /// The generation of the session that stands with this peer.
    #[must_use]
    pub fn current(&self, peer: &KeyId) -> Option<u64> {
        self.pairs.get(peer).and_then(|pair| pair.current).map(|(generation, _)| generation)
    }

    /// Whether two machines use this peer's key.
    #[must_use]
    pub fn is_cloned(&self, peer: &KeyId) -> bool {
        self.pairs.get(peer).is_some_and(|pair| pair.cloned)
    }

    /// A person picked the real one: whoever connects next is it.
    pub fn forget_clone(&mut self, peer: &KeyId) {
        if let Some(pair) = self.pairs.get_mut(peer) {
            pair.cloned = false;
            pair.boots.clear();
        }
    }
}

impl Pair {
    fn sees_clone(&mut self, boot_id: [u8; 16]) -> bool {
        if self.boots.back() != Some(&boot_id) {
            self.cloned |= self.boots.contains(&boot_id);
            self.boots.push_back(boot_id);
            if self.boots.len() > BOOTS {
                self.boots.pop_front();
            }
        }
        self.cloned
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(n: u8) -> KeyId {
        KeyId::from_bytes([n; 32])
    }

    #[test]
    fn s2_the_newest_wins_in_one_direction() {
        let mut pairs = Pairs::new(key(1));
        let first = pairs.claim(key(2), DialledBy::Them, [1; 16]);
        assert_eq!(first, Claim::Takes { generation: 1, displaces: None });
        let second = pairs.claim(key(2), DialledBy::Them, [1; 16]);
        assert_eq!(second, Claim::Takes { generation: 2, displaces: Some(1) });
        pairs.ended(key(2), 1);
        assert_eq!(pairs.current(&key(2)), Some(2), "an older session's end changes nothing");
    }

    #[test]
    fn s2_dialled_by_the_smaller_key_stays() {
        let mut pairs = Pairs::new(key(1));
        pairs.claim(key(2), DialledBy::Us, [1; 16]);
        assert_eq!(pairs.claim(key(2), DialledBy::Them, [1; 16]), Claim::Duplicate);
        let mut pairs = Pairs::new(key(3));
        pairs.claim(key(2), DialledBy::Us, [1; 16]);
        let took = pairs.claim(key(2), DialledBy::Them, [1; 16]);
        assert_eq!(took, Claim::Takes { generation: 2, displaces: Some(1) });
    }

    #[test]
    fn a_boot_id_that_returns_is_a_clone_until_a_person_decides() {
        let mut pairs = Pairs::new(key(1));
        for boot in [1, 1, 2] {
            assert!(matches!(
                pairs.claim(key(2), DialledBy::Them, [boot; 16]),
                Claim::Takes { .. }
            ));
        }
        assert_eq!(pairs.claim(key(2), DialledBy::Them, [1; 16]), Claim::Clone);
        assert_eq!(pairs.claim(key(2), DialledBy::Them, [2; 16]), Claim::Clone);
        pairs.forget_clone(&key(2));
        assert!(matches!(pairs.claim(key(2), DialledBy::Them, [2; 16]), Claim::Takes { .. }));
    }

    #[test]
    fn dialling_oneself_is_said() {
        let mut pairs = Pairs::new(key(1));
        assert_eq!(pairs.claim(key(1), DialledBy::Us, [1; 16]), Claim::SelfDial);
    }
}
