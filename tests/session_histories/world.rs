//! Instances, links and the virtual clock: what happens when.

use crate::instance::{Instance, Process, Who};
use crate::link::Link;
use crate::plan::Plan;
use crate::random::Random;
use crate::side::Side;
use holdfast::grant::Grants;
use holdfast::model::{KeyId, Timestamp};
use holdfast::session::{Code, Ending, Now};
use holdfast::wire::proto::sync::Envelope;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::rc::Rc;

pub type Outcome = Result<(), String>;
pub type SideId = u64;

/// The monotonic clock begins here, so that a process may have started before.
const START: i64 = 1_000_000_000;
/// How long a side waits for the other to end its direction.
const FAREWELL: u64 = 2_000;

/// Something that is to happen at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Due {
    /// Bytes come on this lane of a link.
    Bytes(u64, usize),
    /// The receiver of this lane learns that nothing more comes.
    End(u64, usize),
    Tick(SideId),
    Read(SideId),
    Close(SideId, &'static str),
    Gone(SideId),
    /// A commit of the process, in the start that is counted, ends.
    Commit(Process, u32),
    Dial(Process, Who),
    Renew(Process, Who),
    Start(Process),
    /// The clone goes.
    Vanish(Process),
}

/// A side that has said its last.
struct Leaving {
    side: Side,
    ending: Ending,
}

pub struct World {
    pub plan: Plan,
    pub random: Random,
    pub now: u64,
    queue: BinaryHeap<Reverse<(u64, u64, Due)>>,
    serial: u64,
    pub instances: Vec<Instance>,
    whos: BTreeMap<KeyId, Who>,
    pub links: BTreeMap<u64, Link>,
    pub sides: BTreeMap<SideId, Side>,
    leaving: BTreeMap<SideId, Leaving>,
    /// Messages of log sync that came.
    pub chatter: u64,
    pub steps: u64,
    /// How often what was seen: that a simulation meets what it is for.
    pub seen: BTreeMap<String, u64>,
    /// The faults are over: no session is renewed.
    pub quiet: bool,
    loud: bool,
}

/// The side at one end of a link.
pub fn side_of(link: u64, end: usize) -> SideId {
    link * 2 + end as u64
}

impl World {
    pub fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let plan = Plan::new(&mut random);
        let mut instances: Vec<_> =
            (0..plan.instances).map(|who| Instance::new(who, &mut random)).collect();
        plan.introduce(&mut instances, &mut random);
        let whos = instances.iter().map(|instance| (instance.key(), instance.who)).collect();
        let mut world = Self {
            plan,
            random,
            now: 0,
            queue: BinaryHeap::new(),
            serial: 0,
            instances,
            whos,
            links: BTreeMap::new(),
            sides: BTreeMap::new(),
            leaving: BTreeMap::new(),
            chatter: 0,
            steps: 0,
            seen: BTreeMap::new(),
            quiet: false,
            loud: std::env::var_os("HOLDFAST_LOG").is_some(),
        };
        (0..world.instances.len()).for_each(|process| world.dial_all(process));
        world
    }

    pub fn say(&self, text: impl FnOnce() -> String) {
        if self.loud {
            println!("{:>10} {}", self.now, text());
        }
    }

    pub fn count(&mut self, what: impl Into<String>) {
        *self.seen.entry(what.into()).or_default() += 1;
    }

    pub fn who(&self, key: KeyId) -> Who {
        self.whos[&key]
    }

    pub fn time_of(&self, process: Process) -> Now {
        let monotonic = START + self.now as i64;
        let wall = monotonic + self.instances[process].skew;
        Now { monotonic: Timestamp::from_millis(monotonic), wall: Timestamp::from_millis(wall) }
    }

    pub fn sees_time_of(&self, id: SideId) -> Now {
        self.time_of(self.sides.get(&id).map_or(0, |side| side.process))
    }

    pub fn schedule(&mut self, after: u64, due: Due) {
        let serial = self.number();
        self.queue.push(Reverse((self.now + after, serial, due)));
    }

    /// One that was not given before.
    pub fn number(&mut self) -> u64 {
        self.serial += 1;
        self.serial
    }

    /// Runs until this time.
    pub fn run_until(&mut self, end: u64) -> Outcome {
        while let Some(Reverse((at, _, due))) = self.queue.peek().copied().filter(|d| d.0.0 <= end)
        {
            self.queue.pop();
            self.now = at;
            self.steps += 1;
            self.happen(due)?;
            if self.steps > 3_000_000 {
                return Err("the instances never grow quiet".into());
            }
        }
        self.now = end;
        Ok(())
    }

    fn happen(&mut self, due: Due) -> Outcome {
        match due {
            Due::Bytes(link, lane) => self.bytes(link, lane),
            Due::End(link, lane) => self.ended(link, lane),
            Due::Tick(id) => self.tick(id),
            Due::Read(id) => self.read_done(id),
            Due::Close(id, code) => self.close(id, code),
            Due::Gone(id) => {
                self.gone(id);
                Ok(())
            }
            Due::Commit(process, start) => self.committed(process, start),
            Due::Dial(process, who) => self.dial_due(process, who),
            Due::Renew(..) if self.quiet => Ok(()),
            Due::Renew(process, who) => self.dial(process, who),
            Due::Start(process) => {
                self.start(process);
                Ok(())
            }
            Due::Vanish(process) => self.vanish(process),
        }
    }

    // ------------------------------------------------------------------ links

    fn bytes(&mut self, link: u64, lane: usize) -> Outcome {
        let came = self.links.get_mut(&link).map(|l| l.lanes[lane].arrive(self.now));
        let came = came.unwrap_or_default();
        if came.is_empty() {
            return Ok(());
        }
        self.receive(side_of(link, 1 - lane), came)?;
        self.turn(side_of(link, lane)) // there is room again
    }

    /// The receiver sees the end of the stream: of one that has said its last, that is all.
    fn ended(&mut self, link: u64, lane: usize) -> Outcome {
        let id = side_of(link, 1 - lane);
        if self.leaving.contains_key(&id) {
            self.gone(id);
        }
        if let Some(side) = self.sides.get_mut(&id) {
            side.session.handle_cut();
        }
        self.turn(id)
    }

    pub fn send(&mut self, id: SideId, side: &Side, envelope: &Envelope) {
        let peer = side.peer.unwrap_or(side.process);
        let grants = self.instances[side.process].grants(peer);
        let Some(link) = self.links.get_mut(&side.link) else { return };
        let when = (self.now, link.latency);
        let times = link.lanes[side.end].send(envelope, grants, when, &mut self.random);
        let mut times: Vec<_> = times;
        times.dedup();
        for at in times {
            self.schedule(at - self.now, Due::Bytes(id / 2, side.end));
        }
    }

    /// Nothing more leaves this end of a link; the other learns it unless the link swallows it.
    fn end_lane(&mut self, link: u64, lane: usize) {
        let Some(ending) = self.links.get_mut(&link) else { return };
        let when = (self.now, ending.latency);
        if let Some(at) = ending.lanes[lane].end(when) {
            self.schedule(at - self.now, Due::End(link, lane));
        }
    }

    /// The link breaks: some bytes that are under way still come, and then both sides know.
    pub fn cut(&mut self, link: u64) {
        for lane in 0..2 {
            if let Some(cut) = self.links.get_mut(&link) {
                cut.lanes[lane].cut(&mut self.random);
            }
            self.end_lane(link, lane);
        }
    }

    pub fn swallow(&mut self, link: u64, lane: usize) {
        if let Some(link) = self.links.get_mut(&link) {
            link.lanes[lane].swallow(&mut self.random);
        }
    }

    // --------------------------------------------------------------- sessions

    pub fn close(&mut self, id: SideId, code: &str) -> Outcome {
        if let (Some(side), Some(code)) = (self.sides.get_mut(&id), Code::parse(code)) {
            side.session.close(code);
        }
        self.turn(id)
    }

    /// Sends what is left, ends our direction, and lets the other side read it.
    pub fn farewell(&mut self, id: SideId, mut side: Side, ending: Ending) {
        self.say(|| format!("{id}: {} ends: {}", side.process, ending.code()));
        self.count(format!("ended {}", ending.code()));
        let now = self.time_of(side.process);
        while let Some(envelope) = side.session.poll_transmit(now) {
            self.send(id, &side, &envelope);
        }
        self.end_lane(side.link, side.end);
        self.instances[side.process].writer.finish(id);
        self.leaving.insert(id, Leaving { side, ending });
        self.schedule(FAREWELL, Due::Gone(id));
    }

    /// The link is dropped; its claim on the pair ends.
    fn gone(&mut self, id: SideId) {
        let Some(Leaving { side, ending }) = self.leaving.remove(&id) else { return };
        self.swallow(side.link, 1 - side.end);
        let Some(peer) = side.peer else { return };
        let key = self.instances[peer].key();
        let instance = &mut self.instances[side.process];
        if let Some(generation) = side.generation {
            instance.pairs.ended(key, generation);
        }
        self.after_session(&side, peer, &ending);
    }

    /// Begins the next commit of an instance where one is due.
    pub fn commit(&mut self, process: Process) -> Outcome {
        let now = self.time_of(process).wall;
        let instance = &mut self.instances[process];
        if instance.begin_commit(now)? {
            let start = instance.starts;
            let takes = 1 + self.random.below(self.plan.commit);
            self.schedule(takes, Due::Commit(process, start));
        }
        Ok(())
    }

    fn committed(&mut self, process: Process, start: u32) -> Outcome {
        let instance = &mut self.instances[process];
        if instance.starts != start {
            return Ok(());
        }
        let Some(done) = instance.end_commit() else { return self.commit(process) };
        if let Some(side) = self.sides.get_mut(&done.side) {
            for answer in done.answers {
                side.session.send(holdfast::session::Send::FromHub(answer));
            }
        }
        self.turn(done.side)?;
        self.commit(process)
    }

    // --------------------------------------------------------------- processes

    /// The process dies. Who is connected learns it, or must find out.
    pub fn stop(&mut self, process: Process, told: bool) -> Outcome {
        let ids: Vec<_> = self.sides.iter().filter(|(_, s)| s.process == process).collect();
        let mut ids: Vec<_> = ids.into_iter().map(|(id, _)| *id).collect();
        let leaving = self.leaving.iter().filter(|(_, l)| l.side.process == process);
        ids.extend(leaving.map(|(id, _)| *id));
        for id in ids {
            self.sides.remove(&id);
            self.leaving.remove(&id);
            let (link, end) = (id / 2, (id % 2) as usize);
            self.swallow(link, 1 - end);
            if told && let Some(cut) = self.links.get_mut(&link) {
                cut.lanes[end].cut(&mut self.random);
                self.end_lane(link, end);
            } else {
                self.swallow(link, end);
            }
        }
        self.instances[process].stop();
        self.instances[process].check_kept().map_err(|why| format!("S5: {why}"))
    }

    fn start(&mut self, process: Process) {
        let boot = crate::instance::bytes16(&mut self.random);
        let skew = self.random.below(7_200_000) as i64 - 3_600_000;
        let instance = &mut self.instances[process];
        if instance.up || instance.gone {
            return;
        }
        instance.up = true;
        instance.local.boot_id = boot;
        instance.skew = skew;
        self.say(|| format!("{process} starts"));
        self.dial_all(process);
    }

    /// The sides of this process that stand with this peer.
    pub fn standing(&self, process: Process, peer: Who) -> Vec<SideId> {
        let all = self.sides.iter().filter(|(_, side)| side.stands(process, peer));
        all.map(|(id, _)| *id).collect()
    }

    pub fn grant(&mut self, process: Process, peer: Who, grants: Grants) -> Outcome {
        let Some(known) = self.instances[process].peers.get_mut(&peer) else { return Ok(()) };
        known.grants = Rc::new(grants);
        for id in self.standing(process, peer) {
            if let Some(mut side) = self.sides.remove(&id) {
                self.follow_grants(&mut side);
                self.sides.insert(id, side);
            }
            self.turn(id)?;
        }
        Ok(())
    }

    pub fn announce(&mut self, process: Process) -> Outcome {
        let ids: Vec<_> = self.sides.iter().filter(|(_, s)| s.process == process).collect();
        let ids: Vec<_> = ids.into_iter().map(|(id, _)| *id).collect();
        for id in ids {
            let side = self.sides.get_mut(&id).filter(|side| side.generation.is_some());
            let Some(Side { feeding: Some(feeding), .. }) = side else { continue };
            feeding.announce();
            self.turn(id)?;
        }
        Ok(())
    }
}
