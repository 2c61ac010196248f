//! What a seed makes of a simulation before it begins.

use crate::instance::{Dialer, Dialling, Instance, Peer, Who};
use crate::random::Random;
use holdfast::grant::Grants;
use holdfast::net::Backoff;
use holdfast::reconcile::{BatchLimits, Shard};
use holdfast::session::Timing;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

pub struct Plan {
    pub instances: usize,
    pub timing: Timing,
    pub limits: BatchLimits,
    /// Batches that an origin may have under way beyond the first.
    pub window: u32,
    /// Frames that a lane takes before the sender waits.
    pub room: usize,
    /// The longest that a commit takes.
    pub commit: u64,
    /// Between two, in milliseconds.
    latency: BTreeMap<(Who, Who), u64>,
    pub shards: Vec<Shard>,
    /// Happenings before it is quiet.
    pub happenings: usize,
    /// The longest between two of them.
    pub pause: u64,
    /// Whether a peer is dialled that has dialled us meanwhile.
    pub eager: bool,
    /// Whether a person wakes dialers that were refused, once it is quiet; else they wait.
    pub woken: bool,
}

/// What may be granted; everything more often than the rest.
const GRANTS: &[&str] = &[
    "read-operations=*",
    "read-operations=*",
    "read-operations=*",
    "read-operations=repo:vault",
    "read-operations=plan:home",
    "read-operations=*,!repo:attic",
    "read-operations=*,!plan:home",
    "read-config=*",
];

pub fn some_grants(random: &mut Random) -> Grants {
    Grants::parse([*random.pick(GRANTS)]).unwrap()
}

impl Plan {
    pub fn new(random: &mut Random) -> Self {
        let woken = random.unit() < 0.7;
        let heartbeat = if woken { *random.pick(&[15, 15, 60]) } else { 120 };
        let mut timing = Timing::with_heartbeat(Duration::from_secs(heartbeat));
        if random.unit() < 0.2 {
            timing.renew_after = Duration::from_secs(60 + random.below(600));
        }
        let names = [("vault", "home"), ("vault", "docs"), ("attic", "home"), ("", "")];
        let shard = |(repo, plan): &(&str, &str)| Shard {
            repo: (*repo).to_owned(),
            plan: (*plan).to_owned(),
        };
        let shards = 1 + random.below(4) as usize;
        Self {
            instances: *random.pick(&[2, 2, 2, 3, 3, 4, 5]),
            timing,
            limits: BatchLimits { entries: *random.pick(&[1, 2, 3, 8]), ..BatchLimits::default() },
            window: *random.pick(&[1, 3, 15]),
            room: *random.pick(&[1, 2, 4]),
            commit: *random.pick(&[2, 10, 60]),
            latency: BTreeMap::new(),
            shards: names.iter().take(shards).map(shard).collect(),
            happenings: *random.pick(&[15, 30, 60]),
            pause: *random.pick(&[300, 3_000, 30_000]),
            eager: random.unit() < 0.5,
            woken,
        }
    }

    /// Who knows whom, who dials whom, and what each grants.
    pub fn introduce(&self, instances: &mut [Instance], random: &mut Random) {
        for one in 0..instances.len() {
            for other in 0..one {
                // Nobody is alone; of more than three not all know each other.
                let near = one == other + 1 || instances.len() <= 3;
                if near || random.unit() < 0.3 {
                    let [first, second] = match random.below(4) {
                        0 => [true, false],
                        1 => [false, true],
                        _ => [true, true],
                    };
                    instances[one].meet(other, first, random);
                    instances[other].meet(one, second, random);
                }
            }
        }
    }

    pub fn latency_between(&self, one: Who, other: Who) -> u64 {
        let pair = (one.min(other), one.max(other));
        self.latency.get(&pair).copied().unwrap_or(20)
    }

    pub fn set_latency(&mut self, one: Who, other: Who, latency: u64) {
        self.latency.insert((one.min(other), one.max(other)), latency);
    }
}

impl Instance {
    fn meet(&mut self, other: Who, dials: bool, random: &mut Random) {
        let grants = Rc::new(some_grants(random));
        self.peers.insert(other, Peer { grants, removed: false });
        if dials {
            let dialer = Dialer { backoff: Backoff::default(), state: Dialling::Busy };
            self.dialers.insert(other, dialer);
        }
    }
}
