//! What happens at random, until it is quiet.

use crate::instance::{Dialling, Process, Who};
use crate::plan::some_grants;
use crate::random::{Random, at};
use crate::world::{Due, Outcome, World};
use holdfast::model::OperationId;
use holdfast::reconcile::{EntryKind, Shard};
use holdfast::session::Code;

#[derive(Debug, Clone, Copy)]
enum Kind {
    Append,
    Burst,
    Blank,
    Trim,
    HubTrim,
    Cut,
    HalfOpen,
    Latency,
    Restart,
    PowerLoss,
    Copy,
    RestoreLog,
    RestoreHeld,
    RestoreAll,
    LoseLog,
    Clone,
    Allow,
    Grant,
    /// Taken away and given back within a moment.
    Waver,
    Remove,
    Readmit,
    Wake,
}

const WEIGHTS: &[(Kind, f64)] = &[
    (Kind::Append, 40.),
    (Kind::Burst, 6.),
    (Kind::Blank, 3.),
    (Kind::Trim, 3.),
    (Kind::HubTrim, 1.),
    (Kind::Cut, 10.),
    (Kind::HalfOpen, 3.),
    (Kind::Latency, 3.),
    (Kind::Restart, 4.),
    (Kind::PowerLoss, 3.),
    (Kind::Copy, 6.),
    (Kind::RestoreLog, 4.),
    (Kind::RestoreHeld, 3.),
    (Kind::RestoreAll, 2.),
    (Kind::LoseLog, 1.),
    (Kind::Clone, 1.5),
    (Kind::Allow, 1.),
    (Kind::Grant, 10.),
    (Kind::Waver, 6.),
    (Kind::Remove, 1.),
    (Kind::Readmit, 1.),
    (Kind::Wake, 2.),
];

/// What a restore brings back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Log,
    Held,
    All,
}

/// The kinds as often as this seed wants them.
fn weights(random: &mut Random) -> Vec<(Kind, f64)> {
    let weight = |&(kind, weight): &(Kind, f64)| {
        let factor = match kind {
            Kind::Append => *random.pick(&[0.5, 1., 2.]),
            _ => *random.pick(&[0., 0.5, 1., 1., 3.]),
        };
        (kind, weight * factor)
    };
    WEIGHTS.iter().map(weight).collect()
}

fn choose(weights: &[(Kind, f64)], random: &mut Random) -> Kind {
    let mut x = random.unit() * weights.iter().map(|(_, weight)| weight).sum::<f64>();
    let chosen = weights.iter().find(|(_, weight)| {
        x -= weight;
        x < 0.
    });
    chosen.map_or(Kind::Append, |(kind, _)| *kind)
}

impl World {
    /// The random part.
    pub fn rage(&mut self) -> Outcome {
        let weights = weights(&mut self.random);
        for _ in 0..self.plan.happenings {
            let pause = match self.random.unit() < 0.3 {
                true => self.random.below(30), // in the middle of what the last one began
                false => self.random.below(self.plan.pause),
            };
            self.run_until(self.now + pause)?;
            let kind = choose(&weights, &mut self.random);
            self.come(kind)?;
        }
        Ok(())
    }

    fn come(&mut self, kind: Kind) -> Outcome {
        let process = self.some_process();
        let peers: Vec<_> = self.instances[process].peers.keys().copied().collect();
        let peer = *self.random.pick(&peers);
        self.say(|| format!("--- {kind:?} {process} {peer}"));
        match kind {
            Kind::Append => self.append(process, 1),
            Kind::Burst => {
                let count = 2 + self.random.below(20) as usize;
                self.append(process, count)
            }
            Kind::Blank => self.blank(process),
            Kind::Trim => self.trim_own(process),
            Kind::HubTrim => self.trim_held(process, peer),
            Kind::Cut => self.cut_some(),
            Kind::HalfOpen => self.half_open(),
            Kind::Latency => {
                let latency = *self.random.pick(&[1, 5, 40, 150, 700]);
                let one = self.instances[process].who;
                self.plan.set_latency(one, peer, latency);
                Ok(())
            }
            Kind::Restart => self.restart(process, true, None),
            Kind::PowerLoss => self.restart(process, false, None),
            Kind::Copy => {
                let copy = self.instances[process].database.clone();
                self.instances[process].copies.push(copy);
                Ok(())
            }
            Kind::RestoreLog => self.restart(process, true, Some(Part::Log)),
            Kind::RestoreHeld => self.restart(process, true, Some(Part::Held)),
            Kind::RestoreAll => self.restart(process, true, Some(Part::All)),
            Kind::LoseLog => {
                self.restart(process, true, None)?;
                self.instances[process].lose_log(&mut self.random);
                Ok(())
            }
            Kind::Clone => self.clone_of(process),
            Kind::Allow => {
                self.allow(process, peer);
                Ok(())
            }
            Kind::Grant => {
                let grants = some_grants(&mut self.random);
                self.grant(process, peer, grants)
            }
            Kind::Waver => self.waver(process, peer),
            Kind::Remove => self.remove(process, peer),
            Kind::Readmit => {
                self.readmit(process, peer);
                Ok(())
            }
            Kind::Wake => {
                self.wake(process);
                Ok(())
            }
        }
    }

    /// One that runs, clones too.
    fn some_process(&mut self) -> Process {
        let up: Vec<_> = (0..self.instances.len()).filter(|&p| self.instances[p].up).collect();
        if up.is_empty() { 0 } else { *self.random.pick(&up) }
    }

    fn some_link(&mut self) -> Option<u64> {
        let links: Vec<_> = self.sides.keys().map(|id| id / 2).collect();
        (!links.is_empty()).then(|| *self.random.pick(&links))
    }

    // -------------------------------------------------------------------- log

    fn append(&mut self, process: Process, count: usize) -> Outcome {
        if !self.instances[process].up {
            return Ok(());
        }
        for _ in 0..count {
            let shard = self.random.pick(&self.plan.shards).clone();
            let (operation, kind) = self.operation(process, &shard);
            let finished = self.random.unit() < 0.5 && kind != EntryKind::Expectation;
            let payload = match kind {
                EntryKind::Removed => String::new(),
                _ => format!("{}{}", if finished { "F" } else { "P" }, self.random.next()),
            };
            let log = &mut self.instances[process].database.log;
            log.append(&shard, operation, kind, payload.into());
        }
        self.announce(process)
    }

    fn operation(&mut self, process: Process, shard: &Shard) -> (OperationId, EntryKind) {
        let chain = self.instances[process].database.log.shards.get(shard);
        let live = chain.map_or(Vec::new(), |chain| chain.newest().into_keys().collect());
        let live: Vec<_> = live.into_iter().filter(|op| *op != OperationId::EXPECTATION).collect();
        let x = self.random.unit();
        if x < 0.06 {
            return (OperationId::EXPECTATION, EntryKind::Expectation);
        }
        if x < 0.5 || live.is_empty() {
            let new = OperationId::from_bytes(crate::instance::bytes16(&mut self.random));
            return (new, EntryKind::State);
        }
        let kind = if x > 0.93 { EntryKind::Removed } else { EntryKind::State };
        (*self.random.pick(&live), kind)
    }

    fn blank(&mut self, process: Process) -> Outcome {
        let Self { random, instances, .. } = self;
        for chain in instances[process].database.log.shards.values_mut() {
            chain.blank(|| random.unit() < 0.6);
        }
        Ok(())
    }

    fn trim_own(&mut self, process: Process) -> Outcome {
        let (shard, part) = (self.random.pick(&self.plan.shards).clone(), self.random.unit());
        if let Some(chain) = self.instances[process].database.log.shards.get_mut(&shard) {
            let (base, head) = (chain.base().seq, chain.head().seq);
            chain.trim(base + at(part, 1 + (head - base) as usize) as u64);
        }
        Ok(())
    }

    /// The hub's own retention.
    fn trim_held(&mut self, process: Process, peer: Who) -> Outcome {
        let (shard, part) = (self.random.pick(&self.plan.shards).clone(), self.random.unit());
        let instance = &mut self.instances[process];
        let held = instance.database.held.get_mut(&peer);
        let busy = !instance.writer.is_idle();
        if let Some(held) = held.and_then(|held| held.shards.get_mut(&shard)).filter(|_| !busy) {
            let (base, head) = (held.chain.base().seq, held.chain.head().seq);
            held.chain.trim(base + at(part, (head - base) as usize) as u64);
            instance.excused();
        }
        Ok(())
    }

    // ------------------------------------------------------------------ links

    fn cut_some(&mut self) -> Outcome {
        if let Some(link) = self.some_link() {
            self.cut(link);
        }
        Ok(())
    }

    fn half_open(&mut self) -> Outcome {
        let lanes = *self.random.pick(&[&[0][..], &[1], &[0, 1]]);
        if let Some(link) = self.some_link() {
            lanes.iter().for_each(|&lane| self.swallow(link, lane));
        }
        Ok(())
    }

    // -------------------------------------------------------------- processes

    fn restart(&mut self, process: Process, told: bool, restore: Option<Part>) -> Outcome {
        if restore.is_some() && self.instances[process].copies.is_empty() {
            return Ok(());
        }
        self.stop(process, told)?;
        if let Some(part) = restore {
            let instance = &mut self.instances[process];
            let copy = self.random.pick(&instance.copies).clone();
            if part != Part::Held {
                instance.database.log = copy.log;
            }
            if part != Part::Log {
                instance.database.held = copy.held;
                instance.restored_at = self.now;
                instance.excused();
            }
        }
        // Longer than anything of before is under way: see `Pairs` on boot ids that return.
        let down = 2_000 + self.random.below(20_000);
        self.schedule(down, Due::Start(process));
        Ok(())
    }

    /// A second machine with the same disk, for a while.
    fn clone_of(&mut self, process: Process) -> Outcome {
        let clone = self.instances[process].cloned(&mut self.random);
        self.instances.push(clone);
        let clone = self.instances.len() - 1;
        self.dial_all(clone);
        let lives = 3_000 + self.random.below(90_000);
        self.schedule(lives, Due::Vanish(clone));
        Ok(())
    }

    /// The clone goes for good.
    pub fn vanish(&mut self, process: Process) -> Outcome {
        self.instances[process].gone = true;
        if self.instances[process].up {
            self.say(|| format!("clone {process} goes"));
            self.stop(process, true)?;
        }
        Ok(())
    }

    /// A person says that whoever connects next is the real one.
    fn allow(&mut self, process: Process, peer: Who) {
        let key = self.instances[peer].key();
        self.instances[process].pairs.forget_clone(&key);
    }

    // ----------------------------------------------------------------- people

    fn waver(&mut self, process: Process, peer: Who) -> Outcome {
        let before = self.instances[process].grants(peer);
        for _ in 0..1 + self.random.below(3) {
            // With something under way that the change may meet.
            let count = self.random.below(6) as usize;
            self.append(process, count)?;
            let grants = some_grants(&mut self.random);
            self.grant(process, peer, grants)?;
            let moment = self.now + self.random.below(60);
            self.run_until(moment)?;
        }
        self.grant(process, peer, (*before).clone())
    }

    fn remove(&mut self, process: Process, peer: Who) -> Outcome {
        if let Some(known) = self.instances[process].peers.get_mut(&peer) {
            known.removed = true;
        }
        for id in self.standing(process, peer) {
            self.close(id, Code::Removed.as_str())?;
        }
        Ok(())
    }

    fn readmit(&mut self, process: Process, peer: Who) {
        if let Some(known) = self.instances[process].peers.get_mut(&peer) {
            known.removed = false;
        }
    }

    /// The network changes, or the machine wakes: who waits dials at once.
    fn wake(&mut self, process: Process) {
        let dialers = &mut self.instances[process].dialers;
        let waits = dialers.iter_mut().filter(|(_, d)| matches!(d.state, Dialling::At(_)));
        let waiting: Vec<_> = waits
            .map(|(peer, dialer)| {
                dialer.backoff.reset();
                *peer
            })
            .collect();
        waiting.into_iter().for_each(|peer| self.dial_at(process, peer, 0));
    }

    /// Every fault ends: clones go, machines run, people decide.
    pub fn cure(&mut self) -> Outcome {
        self.quiet = true;
        for process in 0..self.instances.len() {
            if process >= self.plan.instances {
                self.vanish(process)?;
                continue;
            }
            for peer in self.instances[process].peers.keys().copied().collect::<Vec<_>>() {
                self.readmit(process, peer);
                self.allow(process, peer);
            }
            self.schedule(1, Due::Start(process));
        }
        // Whatever a clone still had under way has come.
        self.run_until(self.now + 5_000)?;
        for process in 0..self.plan.instances {
            for peer in self.instances[process].peers.keys().copied().collect::<Vec<_>>() {
                self.allow(process, peer);
            }
            if self.plan.woken {
                self.wake(process);
            }
        }
        Ok(())
    }
}
