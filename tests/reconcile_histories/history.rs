//! A history: what it is made of, running it, and making a failing one short.

use crate::random::Random;
use crate::seeds::caught;
use crate::world::World;
use std::fmt;
use std::time::{Duration, Instant};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    /// No faults.
    Calm,
    /// Restores and losses.
    Wild,
    /// Damage as well.
    Hurt,
    /// Run twice: with and without a shard that the first hub may not see.
    G3,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Op,
    Burst,
    Step,
    Pump,
    Frag,
    Cut,
    Connect,
    Grant,
    OBlank,
    HBlank,
    OTrim,
    HTrim,
    HRetain,
    Hour,
    HRestart,
    HPower,
    HCopy,
    ORestart,
    OCopy,
    HRestore,
    ORestore,
    OTail,
    Both,
    OLost,
    ODamage,
    HDamage,
    OScrub,
    HScrub,
}

use Kind::*;

const CALM: &[(Kind, f64)] = &[
    (Op, 40.),
    (Burst, 3.),
    (Step, 45.),
    (Pump, 16.),
    (Frag, 7.),
    (Cut, 5.),
    (Connect, 12.),
    (Grant, 4.),
    (OBlank, 3.),
    (HBlank, 3.),
    (OTrim, 2.),
    (HTrim, 1.),
    (HRetain, 1.),
    (Hour, 1.),
    (HRestart, 1.),
    (HPower, 1.),
    (HCopy, 2.),
    (ORestart, 1.),
    (OCopy, 3.),
];
const WILD: &[(Kind, f64)] =
    &[(HRestore, 1.6), (ORestore, 2.), (OTail, 2.), (Both, 0.5), (OLost, 0.4)];
const HURT: &[(Kind, f64)] = &[(ODamage, 1.5), (HDamage, 1.5), (OScrub, 1.5), (HScrub, 1.5)];

#[derive(Debug, Clone, Copy)]
pub struct Event {
    pub index: usize,
    pub kind: Kind,
    pub r: [f64; 4],
}

#[derive(Debug, Clone)]
pub struct History {
    pub profile: Profile,
    pub batch: usize,
    pub credit: u32,
    pub origins: usize,
    pub hubs: usize,
    pub shards: usize,
    /// Whether hubs see only the first shard at the beginning.
    pub scoped: bool,
    /// From this event on, the last shard is hidden from the first hub (profile g3).
    pub split: usize,
    pub events: Vec<Event>,
}

impl History {
    pub fn from_seed(seed: u64) -> Self {
        let mut r = Random::new(seed);
        use Profile::*;
        let profile = *r.pick(&[Calm, Wild, Wild, Wild, Hurt, Hurt, G3]);
        let (origins, hubs) = *r.pick(&[(1, 1), (1, 1), (1, 1), (1, 2), (2, 1), (2, 2)]);
        let length = *r.pick(&[25, 50, 100, 180]);
        let weights = weights(profile, &mut r);
        Self {
            profile,
            batch: *r.pick(&[1, 2, 3, 8]),
            credit: *r.pick(&[1, 2, 4]),
            origins,
            hubs,
            shards: if profile == G3 { 3 } else { *r.pick(&[1, 2, 3]) },
            scoped: r.unit() < 0.7,
            split: (r.unit() * length as f64) as usize,
            events: (0..length).map(|index| event(index, &weights, &mut r)).collect(),
        }
    }

    /// A shorter history that fails for the same reason.
    pub fn shrunk(&self, why: &str) -> Self {
        let same = |history: &Self| verdict(history).is_err_and(|w| reason(&w) == reason(why));
        let deadline = Instant::now() + Duration::from_secs(20);
        let mut best = self.clone();
        let mut size = best.events.len().div_ceil(2).max(1);
        loop {
            let (mut at, mut cut) = (0, false);
            while at < best.events.len() && Instant::now() < deadline {
                let mut fewer = best.clone();
                fewer.events.drain(at..(at + size).min(best.events.len()));
                if same(&fewer) {
                    (best, cut) = (fewer, true);
                } else {
                    at += size;
                }
            }
            if Instant::now() >= deadline || size == 1 && !cut {
                return best;
            }
            size = (size / 2).max(1);
        }
    }
}

impl fmt::Display for History {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { batch, credit, origins, hubs, shards, scoped, split, .. } = self;
        writeln!(
            f,
            "batch {batch} credit {credit} origins {origins} hubs {hubs} shards {shards} scoped {scoped} split {split}"
        )?;
        self.events.iter().try_for_each(|event| writeln!(f, "  {event:?}"))
    }
}

fn weights(profile: Profile, r: &mut Random) -> Vec<(Kind, f64)> {
    let extra: &[&[(Kind, f64)]] = match profile {
        Profile::Calm => &[],
        Profile::Wild | Profile::G3 => &[WILD],
        Profile::Hurt => &[WILD, HURT],
    };
    let all = CALM.iter().chain(extra.iter().copied().flatten());
    all.map(|&(kind, weight)| {
        let factor = match kind {
            Op => *r.pick(&[0.3, 1., 2.]),
            Pump => *r.pick(&[1., 1., 4.]), // more caught-up states to fork from
            Step | Connect | Frag => 1.,
            _ => *r.pick(&[0., 0.5, 1., 1., 3.]),
        };
        (kind, weight * factor)
    })
    .collect()
}

fn event(index: usize, weights: &[(Kind, f64)], r: &mut Random) -> Event {
    let mut x = r.unit() * weights.iter().map(|(_, weight)| weight).sum::<f64>();
    let chosen = weights.iter().find(|(_, weight)| {
        x -= weight;
        x < 0.
    });
    let kind = chosen.map_or(Op, |(kind, _)| *kind);
    Event { index, kind, r: [r.unit(), r.unit(), r.unit(), r.unit()] }
}

/// The first words of a failure: what it is, without which entry.
fn reason(why: &str) -> Vec<&str> {
    why.split_whitespace().take(2).collect()
}

pub fn verdict(history: &History) -> Result<(), String> {
    let trace = run_caught(history, false)?;
    if history.profile == Profile::G3 {
        let without = run_caught(history, true)?;
        let longest = trace.len().max(without.len());
        if let Some(n) = (0..longest).find(|&n| trace.get(n) != without.get(n)) {
            return Err(format!(
                "G3: bytes depend on a hidden shard:\n{:?}\n{:?}",
                trace.get(n),
                without.get(n)
            ));
        }
    }
    Ok(())
}

fn run_caught(history: &History, variant: bool) -> Result<Vec<String>, String> {
    caught(|| run(history, variant))
}

fn run(history: &History, variant: bool) -> Result<Vec<String>, String> {
    let mut world = World::new(history.clone(), variant);
    let g3 = history.profile == Profile::G3;
    for event in &history.events {
        if g3 && event.index >= history.split {
            world.close()?;
        }
        world.event(event)?;
    }
    if g3 {
        world.close()?;
    }
    world.settle()?;
    world.check()?;
    Ok(world.trace)
}
