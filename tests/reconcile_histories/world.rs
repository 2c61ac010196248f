//! Origins, hubs and the links between them: messages, events, faults.

use crate::history::{Event, History, Kind, Profile};
use crate::random::{Random, at};
use holdfast::model::{Epoch, KeyId, OperationId, Timestamp};
use holdfast::reconcile::memory::{Chain, MemoryHub, MemoryOrigin, Part, is_finished};
use holdfast::reconcile::{
    BatchLimits, Checkpoint, EntryKind, Feed, FeedOutput, FeedPast, FromHub, FromOrigin, Hash,
    HubLog, Intake, Quota, Shard, Start, checkpoint_statement, digest,
};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

pub type Outcome = Result<(), String>;
type Link = (usize, usize);
/// Shards, and the position of the newest entry of each operation there.
type Live = BTreeMap<Shard, BTreeMap<OperationId, u64>>;
type Kept = (usize, Shard, OperationId, bytes::Bytes);

#[derive(Clone)]
pub struct Sent {
    generation: u64,
    message: FromOrigin,
    /// What was live at the origin when it was sent.
    live: Live,
}

pub struct Origin {
    pub key: KeyId,
    pub log: MemoryOrigin,
    pub scope: Vec<BTreeSet<Shard>>,
    feeds: Vec<Option<Feed>>,
    past: Vec<FeedPast>,
    copies: Vec<MemoryOrigin>,
    recent: Vec<MemoryOrigin>,
    epochs: u8,
}

pub struct Hub {
    pub held: Vec<MemoryHub>,
    synced: Vec<MemoryHub>,
    intakes: Vec<Option<(u64, Intake)>>,
    inbox: VecDeque<(usize, Sent)>,
    /// Answers that wait until what they answer is durable.
    answers: Vec<(usize, u64, FromHub)>,
    kept: BTreeSet<Kept>,
    copies: Vec<Vec<MemoryHub>>,
    dirty: bool,
}

#[derive(Default)]
pub struct Wire {
    generation: u64,
    up: bool,
    to_hub: VecDeque<Sent>,
    to_origin: VecDeque<FromHub>,
}

pub struct World {
    pub history: History,
    variant: bool,
    closed: bool,
    pub shards: Vec<Shard>,
    pub origins: Vec<Origin>,
    pub hubs: Vec<Hub>,
    pub wires: BTreeMap<Link, Wire>,
    ever: BTreeMap<(usize, Shard), Vec<OperationId>>,
    top_base: BTreeMap<(usize, Shard), u64>,
    untrimmed: BTreeSet<(usize, Shard)>,
    pub damaged: bool,
    pub messages: u64,
    now: Timestamp,
    pub trace: Vec<String>,
}

fn signature(statement: &[u8]) -> [u8; 64] {
    let mut signature = [0; 64];
    signature[..32].copy_from_slice(&digest(statement));
    signature
}

fn epoch(origin: usize, number: u8) -> Epoch {
    let mut bytes = [number; 16];
    bytes[0] = origin as u8;
    Epoch::from_bytes(bytes)
}

impl Origin {
    pub fn visible(&self, hub: usize) -> BTreeSet<Shard> {
        self.scope[hub].iter().filter(|s| self.log.shards.contains_key(*s)).cloned().collect()
    }

    fn live(&self, hub: usize) -> Live {
        let visible = self.visible(hub).into_iter();
        visible.map(|shard| (shard.clone(), self.log.shards[&shard].newest())).collect()
    }
}

impl Hub {
    pub fn listed(&self, origin: usize) -> BTreeSet<(Shard, OperationId)> {
        self.held[origin].listed().cloned().collect()
    }

    fn stored(&self) -> BTreeSet<Kept> {
        let mut stored = BTreeSet::new();
        for (o, held) in self.held.iter().enumerate() {
            let live =
                held.shards.iter().flat_map(|(s, h)| h.chain.iter().map(move |(_, e)| (s, e)));
            let archived = held.archive.iter().map(|((s, ..), e)| (s, e));
            let finished = live.chain(archived).filter(|(_, e)| is_finished(e.payload.as_ref()));
            stored.extend(
                finished.map(|(s, e)| (o, s.clone(), e.operation, e.payload.clone().unwrap())),
            );
        }
        stored
    }

    pub fn check_kept(&self) -> Outcome {
        let stored = self.stored();
        match self.kept.iter().find(|kept| !stored.contains(kept)) {
            Some(lost) => Err(format!("R3: finished {lost:?} lost")),
            None => Ok(()),
        }
    }

    /// Its own trim, retention, disk or restore took it.
    fn excused(&mut self) {
        let stored = self.stored();
        self.kept.retain(|kept| stored.contains(kept));
        self.dirty = true;
    }

    fn keep(&mut self, origin: usize, shard: &Shard, upto: u64) {
        let Some(held) = self.held[origin].shards.get(shard) else { return };
        for (_, entry) in held.chain.iter().filter(|(seq, _)| *seq <= upto) {
            let payload = entry.payload.clone().filter(|p| is_finished(Some(p)));
            if let Some(payload) = payload.filter(|p| Some(digest(p)) == entry.digest) {
                self.kept.insert((origin, shard.clone(), entry.operation, payload));
            }
        }
    }

    /// Full sync: what is held is durable from here on.
    fn sync(&mut self) -> Result<Vec<(usize, u64, FromHub)>, String> {
        if !std::mem::take(&mut self.dirty) && self.answers.is_empty() {
            return Ok(Vec::new());
        }
        self.synced.clone_from(&self.held);
        for origin in 0..self.held.len() {
            let shards: Vec<_> = self.held[origin].shards.keys().cloned().collect();
            for shard in shards {
                let chain = &self.held[origin].shards[&shard].chain;
                if chain.is_hurt() {
                    continue;
                }
                if let Some(seq) = chain.audit() {
                    return Err(format!("chain wrong on a hub at {seq}"));
                }
                self.keep(origin, &shard, u64::MAX);
            }
        }
        let answers = std::mem::take(&mut self.answers);
        for (origin, _, answer) in &answers {
            if let FromHub::Ack { shard, seq } = answer {
                self.keep(*origin, shard, *seq);
            }
        }
        self.check_kept()?;
        Ok(answers)
    }

    fn down(&mut self, lose_tail: bool) -> Outcome {
        if lose_tail {
            self.held.clone_from(&self.synced);
        }
        self.held.iter_mut().for_each(MemoryHub::restarted);
        self.synced.clone_from(&self.held);
        self.answers.clear();
        self.inbox.clear();
        self.intakes.iter_mut().for_each(|intake| *intake = None);
        self.check_kept()
    }
}

impl World {
    pub fn new(history: History, variant: bool) -> Self {
        let names = ["a", "b", "c"].iter().take(history.shards);
        let shards: Vec<_> =
            names.map(|n| Shard { repo: (*n).into(), plan: String::new() }).collect();
        let all = !history.scoped || history.profile == Profile::G3;
        let scope: BTreeSet<_> = shards.iter().take(if all { 3 } else { 1 }).cloned().collect();
        let hubs = history.hubs;
        let origin = |o: usize| {
            let key = KeyId::from_bytes([o as u8 + 1; 32]);
            Origin {
                key,
                log: MemoryOrigin::new(key, epoch(o, 1)),
                scope: vec![scope.clone(); hubs],
                feeds: (0..hubs).map(|_| None).collect(),
                past: vec![FeedPast::default(); hubs],
                copies: Vec::new(),
                recent: Vec::new(),
                epochs: 1,
            }
        };
        let hub = |_| Hub {
            held: vec![MemoryHub::default(); history.origins],
            synced: vec![MemoryHub::default(); history.origins],
            intakes: (0..history.origins).map(|_| None).collect(),
            inbox: VecDeque::new(),
            answers: Vec::new(),
            kept: BTreeSet::new(),
            copies: Vec::new(),
            dirty: false,
        };
        let links = (0..history.origins).flat_map(|o| (0..hubs).map(move |h| (o, h)));
        Self {
            variant,
            closed: false,
            origins: (0..history.origins).map(origin).collect(),
            hubs: (0..hubs).map(hub).collect(),
            wires: links.map(|link| (link, Wire::default())).collect(),
            ever: BTreeMap::new(),
            top_base: BTreeMap::new(),
            untrimmed: BTreeSet::new(),
            damaged: false,
            messages: 0,
            now: Timestamp::from_millis(1_000_000_000),
            trace: Vec::new(),
            shards,
            history,
        }
    }

    pub fn links(&self) -> Vec<Link> {
        self.wires.keys().copied().collect()
    }

    /// Live at the origin, and this hub can know: not so where a copy older than a trim came back,
    /// below the hub's base.
    pub fn is_live(&self, (o, h): Link, shard: &Shard, op: &OperationId, live: &Live) -> bool {
        let Some(seq) = live.get(shard).and_then(|newest| newest.get(op)) else { return false };
        let base = self.hubs[h].held[o].shards.get(shard).map_or(0, |held| held.chain.base().seq);
        !(self.untrimmed.contains(&(o, shard.clone())) && *seq <= base)
    }

    pub fn live(&self, (o, h): Link) -> Live {
        self.origins[o].live(h)
    }

    // ---------------------------------------------------------------- links

    pub fn connect(&mut self, (o, h): Link) {
        let batches = BatchLimits { entries: self.history.batch, ..BatchLimits::default() };
        let wire = self.wires.get_mut(&(o, h)).unwrap();
        if wire.up {
            return;
        }
        *wire = Wire { generation: wire.generation + 1, up: true, ..Wire::default() };
        let origin = &mut self.origins[o];
        let past = std::mem::take(&mut origin.past[h]);
        let mut feed = Feed::resumed(origin.key, past).with_limits(batches);
        let scope = &origin.scope[h];
        let hello = feed.open(&origin.log, &|s| scope.contains(s)).unwrap();
        origin.feeds[h] = Some(feed);
        self.send(o, h, FromOrigin::Hello(hello));
    }

    pub fn cut(&mut self, (o, h): Link) {
        let wire = self.wires.get_mut(&(o, h)).unwrap();
        wire.up = false;
        wire.to_hub.clear();
        wire.to_origin.clear();
        if let Some(feed) = self.origins[o].feeds[h].take() {
            self.origins[o].past[h] = feed.into_past();
        }
    }

    fn cut_origin(&mut self, o: usize) {
        (0..self.hubs.len()).for_each(|h| self.cut((o, h)));
    }

    fn cut_hub(&mut self, h: usize) {
        (0..self.origins.len()).for_each(|o| self.cut((o, h)));
    }

    fn send(&mut self, o: usize, h: usize, mut message: FromOrigin) {
        self.messages += 1;
        if h == 0 {
            self.trace.push(traced(o, &message));
        }
        if let FromOrigin::Batch(batch) = &mut message
            && batch.start == Start::After
        {
            batch.after.chain = Hash::default(); // not on the wire
        }
        let live = self.origins[o].live(h);
        let wire = self.wires.get_mut(&(o, h)).unwrap();
        wire.to_hub.push_back(Sent { generation: wire.generation, message, live });
    }

    /// One step of the origin's sender.
    pub fn origin_step(&mut self, (o, h): Link) -> bool {
        let origin = &mut self.origins[o];
        let Some(feed) = &mut origin.feeds[h] else { return false };
        let key = origin.key;
        let scope = &origin.scope[h];
        let sign = |epoch: &Epoch, root: &Hash, time| {
            signature(&checkpoint_statement(&key, epoch, root, time))
        };
        let visible = |s: &Shard| scope.contains(s);
        let mut next = feed.next(&origin.log, &visible, self.now, &sign).unwrap();
        if let Some(due) = feed.next_checkpoint_at().filter(|_| next.is_none()) {
            self.now = due;
            next = feed.next(&origin.log, &visible, self.now, &sign).unwrap();
        }
        let moved = next.is_some();
        next.into_iter().for_each(|message| self.send(o, h, message));
        moved
    }

    fn outputs(&mut self, (o, h): Link, outputs: Vec<FeedOutput>) {
        for output in outputs {
            match output {
                FeedOutput::Send(message) => self.send(o, h, message),
                FeedOutput::Scrub(shard) => {
                    self.origins[o].log.shards.get_mut(&shard).map(Chain::scrub);
                }
                FeedOutput::Heal { shard, found } => self.origins[o].log.heal(&shard, &found),
                FeedOutput::Alert(_) => {}
            }
        }
    }

    fn announce(&mut self, (o, h): Link) {
        let origin = &mut self.origins[o];
        let Some(feed) = &mut origin.feeds[h] else { return };
        let scope = &origin.scope[h];
        let mut out = Vec::new();
        feed.announce(&origin.log, &|s| scope.contains(s), &mut out).unwrap();
        self.outputs((o, h), out);
    }

    fn announce_all(&mut self, o: usize) {
        (0..self.hubs.len()).for_each(|h| self.announce((o, h)));
    }

    pub fn deliver_to_origin(&mut self, (o, h): Link) -> Result<bool, String> {
        let Some(message) = self.wires.get_mut(&(o, h)).unwrap().to_origin.pop_front() else {
            return Ok(false);
        };
        if let (FromHub::Refused { shard }, false) = (&message, self.damaged) {
            return Err(format!("refused {shard:?} without a fault by hub {h}"));
        }
        let origin = &mut self.origins[o];
        let Some(feed) = &mut origin.feeds[h] else { return Ok(true) };
        let scope = &origin.scope[h];
        let mut out = Vec::new();
        feed.handle(&origin.log, &|s| scope.contains(s), message, self.now, &mut out).unwrap();
        self.outputs((o, h), out);
        Ok(true)
    }

    pub fn deliver_to_hub(&mut self, (o, h): Link) -> bool {
        let Some(sent) = self.wires.get_mut(&(o, h)).unwrap().to_hub.pop_front() else {
            return false;
        };
        let inbox = &mut self.hubs[h].inbox;
        if matches!(sent.message, FromOrigin::Hello(_)) {
            // The writer drops older generations.
            inbox.retain(|(other, old)| *other != o || old.generation == sent.generation);
        }
        inbox.push_back((o, sent));
        true
    }

    /// The hub's writer takes the next message: one transaction.
    pub fn hub_step(&mut self, h: usize) -> Result<bool, String> {
        let Some((o, sent)) = self.hubs[h].inbox.pop_front() else { return Ok(false) };
        let before = self.hubs[h].listed(o);
        let mut out = Vec::new();
        let now = self.now;
        self.intake(o, h, sent.generation, &mut out);
        let hub = &mut self.hubs[h];
        hub.dirty = true;
        let Some((_, intake)) = &mut hub.intakes[o] else { return Ok(true) };
        intake.handle(&mut hub.held[o], sent.message.clone(), now, &mut out).unwrap();
        hub.answers.extend(out.into_iter().map(|answer| (o, sent.generation, answer)));
        for (shard, op) in self.hubs[h].listed(o).difference(&before) {
            if self.is_live((o, h), shard, op, &sent.live) {
                return Err(format!("false listing: {shard:?} {op} after {:?}", sent.message));
            }
        }
        Ok(true)
    }

    fn intake(&mut self, o: usize, h: usize, generation: u64, out: &mut Vec<FromHub>) {
        let place = &mut self.hubs[h].intakes[o];
        if place.as_ref().is_none_or(|(known, _)| *known != generation) {
            let key = self.origins[o].key;
            let verify = move |epoch: &Epoch, c: &Checkpoint| {
                c.signature == signature(&checkpoint_statement(&key, epoch, &c.root, c.time))
            };
            let mut intake = Intake::new(key, Quota::default(), Box::new(verify));
            if self.history.credit > 1 {
                intake.give(self.history.credit - 1, out);
            }
            *place = Some((generation, intake));
        }
    }

    pub fn sync(&mut self, h: usize) -> Outcome {
        for (o, generation, answer) in self.hubs[h].sync()? {
            let wire = self.wires.get_mut(&(o, h)).unwrap();
            if wire.up && wire.generation == generation {
                self.messages += u64::from(!matches!(answer, FromHub::Credit { .. }));
                wire.to_origin.push_back(answer);
            }
        }
        Ok(())
    }

    /// Runs until quiet; `false` if it is not after so many rounds.
    pub fn pump(&mut self, links: &[Link], rounds: usize) -> Result<bool, String> {
        for _ in 0..rounds {
            let mut moved = false;
            for &link in links {
                while self.origin_step(link) {
                    moved = true;
                }
                while self.deliver_to_hub(link) {
                    moved = true;
                }
                while self.hub_step(link.1)? {
                    moved = true;
                }
                self.sync(link.1)?;
                while self.deliver_to_origin(link)? {
                    moved = true;
                }
            }
            if !moved {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn single_step(&mut self, link: Link, which: usize) -> Outcome {
        match which {
            0 => {
                self.origin_step(link);
            }
            1 => {
                self.deliver_to_hub(link);
            }
            2 => {
                self.hub_step(link.1)?;
            }
            3 => self.sync(link.1)?,
            _ => {
                self.deliver_to_origin(link)?;
            }
        }
        Ok(())
    }

    // ---------------------------------------------------------------- events

    pub fn event(&mut self, event: &Event) -> Outcome {
        let r = event.r;
        let links = self.links();
        let link = links[at(r[0], links.len())];
        let (o, h) = link;
        let shard = self.shards[at(r[1], self.shards.len())].clone();
        match event.kind {
            Kind::Op => self.append(o, &shard, event, 1),
            Kind::Burst => self.append(o, &shard, event, (2. + r[2] * 12.) as usize),
            Kind::Step => self.single_step(link, at(r[1], 5))?,
            Kind::Pump => {
                self.pump(&[link], 1 + (r[1] * r[1] * 12.) as usize)?;
            }
            Kind::Frag => {
                for n in 0..(r[1] * 40.) as usize {
                    self.single_step(link, n % 5)?;
                }
                if r[2] < 0.7 {
                    self.cut(link);
                }
            }
            Kind::Cut => self.cut(link),
            Kind::Connect => self.connect(link),
            Kind::Grant => self.grant(link, shard),
            Kind::OBlank | Kind::OTrim | Kind::ODamage => self.change_own(event, o, &shard),
            Kind::HBlank | Kind::HTrim | Kind::HDamage => self.change_held(event, link, &shard),
            Kind::HRetain => self.retain(link, r),
            Kind::Hour => self.now = self.now.plus(Duration::from_secs(3600)),
            Kind::HRestart | Kind::HPower => {
                self.cut_hub(h);
                self.hubs[h].down(event.kind == Kind::HPower)?;
            }
            Kind::HCopy => {
                let copy = self.hubs[h].held.clone();
                self.hubs[h].copies.push(copy);
            }
            Kind::OCopy => {
                let copy = self.origins[o].log.clone();
                self.origins[o].copies.push(copy);
            }
            Kind::ORestart => {
                self.cut_origin(o);
                self.origins[o].past.iter_mut().for_each(FeedPast::retry);
            }
            Kind::HRestore => self.restore_hub(h, r[2])?,
            Kind::ORestore => self.restore_origin(o, self.origins[o].copies.clone(), r[2]),
            Kind::OTail => self.restore_origin(o, self.origins[o].recent.clone(), r[2]),
            Kind::Both => {
                if !self.hubs[h].copies.is_empty() && !self.origins[o].copies.is_empty() {
                    self.restore_hub(h, r[2])?;
                    self.restore_origin(o, self.origins[o].copies.clone(), r[3]);
                }
            }
            Kind::OLost => {
                self.cut_origin(o);
                let origin = &mut self.origins[o];
                origin.epochs += 1;
                origin.log = MemoryOrigin::new(origin.key, epoch(o, origin.epochs));
                origin.recent.clear();
            }
            Kind::OScrub => self.scrub_origin(o),
            Kind::HScrub => self.scrub_hub(h)?,
        }
        Ok(())
    }

    fn append(&mut self, o: usize, shard: &Shard, event: &Event, count: usize) {
        let hidden =
            self.variant && Some(shard) == self.shards.last() && event.index >= self.history.split;
        let count = if hidden { count * (event.r[3] * 3.) as usize } else { count };
        let mut random = Random::new(event.r[3].to_bits());
        for n in 0..count {
            let tag = format!("{}.{n}{}", event.index, if hidden { "x" } else { "" });
            let (operation, kind) = self.choose(o, shard, &tag, &mut random);
            let finished = random.unit() < 0.5 && kind != EntryKind::Expectation;
            let payload = match kind {
                EntryKind::Removed => String::new(),
                _ => format!("{}{tag}", if finished { "F" } else { "P" }),
            };
            self.origins[o].log.append(shard, operation, kind, payload.into());
        }
        let origin = &mut self.origins[o];
        origin.recent.push(origin.log.clone());
        let old = origin.recent.len().saturating_sub(5);
        origin.recent.drain(..old);
        self.announce_all(o);
    }

    fn choose(
        &mut self,
        o: usize,
        shard: &Shard,
        tag: &str,
        random: &mut Random,
    ) -> (OperationId, EntryKind) {
        let chain = self.origins[o].log.shards.get(shard);
        let live: Vec<_> = chain.map_or(Vec::new(), |c| c.newest().into_keys().collect());
        let live: Vec<_> = live.into_iter().filter(|op| *op != OperationId::EXPECTATION).collect();
        let ever = self.ever.entry((o, shard.clone())).or_default();
        let x = random.unit();
        if x < 0.06 {
            return (OperationId::EXPECTATION, EntryKind::Expectation);
        }
        if x < 0.45 || ever.is_empty() {
            let hash = digest(format!("{o}{shard:?}{tag}").as_bytes());
            let operation = OperationId::from_bytes(hash[..16].try_into().unwrap());
            ever.push(operation);
            return (operation, EntryKind::State);
        }
        let from = if x < 0.9 && !live.is_empty() { &live } else { &*ever };
        let kind = if (0.8..=0.9).contains(&x) { EntryKind::Removed } else { EntryKind::State };
        (*random.pick(from), kind)
    }

    fn grant(&mut self, (o, h): Link, shard: Shard) {
        if self.history.profile == Profile::G3 && h == 0 && Some(&shard) == self.shards.last() {
            return;
        }
        let scope = &mut self.origins[o].scope[h];
        if !scope.remove(&shard) {
            scope.insert(shard);
        }
        self.announce((o, h));
    }

    fn change_own(&mut self, event: &Event, o: usize, shard: &Shard) {
        let mut random = Random::new(event.r[3].to_bits());
        let Some(chain) = self.origins[o].log.shards.get_mut(shard) else { return };
        match event.kind {
            Kind::OBlank => chain.blank(|| random.unit() < 0.6),
            Kind::ODamage => self.damaged |= damage(chain, &mut random),
            _ => {
                let (base, head) = (chain.base().seq, chain.head().seq);
                let part = (event.r[2] * 1.2 * (head - base) as f64) as u64;
                chain.trim(if event.r[2] < 0.8 { base + part } else { head });
                let top = self.top_base.entry((o, shard.clone())).or_default();
                *top = (*top).max(chain.base().seq);
            }
        }
    }

    fn change_held(&mut self, event: &Event, (o, h): Link, shard: &Shard) {
        let mut random = Random::new(event.r[3].to_bits());
        let hub = &mut self.hubs[h];
        let Some(held) = hub.held[o].shards.get_mut(shard) else { return };
        let chain = &mut held.chain;
        match event.kind {
            Kind::HBlank => chain.blank(|| random.unit() < 0.6),
            Kind::HDamage => self.damaged |= damage(chain, &mut random),
            _ => {
                let (base, head) = (chain.base().seq, chain.head().seq);
                chain.trim(base + (event.r[2] * (head - base) as f64) as u64);
            }
        }
        hub.excused();
    }

    /// Archived and hidden entries follow the hub's retention.
    fn retain(&mut self, (o, h): Link, r: [f64; 4]) {
        let hub = &mut self.hubs[h];
        let held = &mut hub.held[o];
        let keys: Vec<_> = held.archive.keys().cloned().collect();
        if keys.is_empty() {
            return;
        }
        held.archive.remove(&keys[at(r[2], keys.len())]);
        let mut hidden: Vec<_> = held.shards.values_mut().filter(|held| held.hidden).collect();
        if !hidden.is_empty() && r[3] < 0.3 {
            let index = at(r[3], hidden.len());
            let chain = &mut hidden[index].chain;
            chain.trim(chain.head().seq);
        }
        hub.excused();
    }

    fn restore_hub(&mut self, h: usize, which: f64) -> Outcome {
        let copies = &self.hubs[h].copies;
        if copies.is_empty() {
            return Ok(());
        }
        let copy = copies[at(which, copies.len())].clone();
        self.cut_hub(h);
        self.hubs[h].held = copy;
        self.hubs[h].excused();
        self.hubs[h].down(false)
    }

    fn restore_origin(&mut self, o: usize, copies: Vec<MemoryOrigin>, which: f64) {
        if copies.is_empty() {
            return;
        }
        self.cut_origin(o);
        self.origins[o].log = copies[at(which, copies.len())].clone();
        for (shard, chain) in &self.origins[o].log.shards {
            let key = (o, shard.clone());
            if chain.base().seq < self.top_base.get(&key).copied().unwrap_or(0) {
                self.untrimmed.insert(key);
            }
        }
    }

    fn scrub_origin(&mut self, o: usize) {
        let origin = &mut self.origins[o];
        origin.log.scrub();
        origin.past.iter_mut().for_each(FeedPast::scrubbed);
        origin.feeds.iter_mut().flatten().for_each(Feed::scrubbed);
    }

    fn scrub_hub(&mut self, h: usize) -> Outcome {
        let hub = &mut self.hubs[h];
        for o in 0..hub.held.len() {
            hub.held[o].scrub(None).unwrap();
            if let Some((generation, intake)) = &mut hub.intakes[o] {
                let mut out = Vec::new();
                intake.scrubbed(&hub.held[o], &mut out).unwrap();
                hub.answers.extend(out.into_iter().map(|answer| (o, *generation, answer)));
            }
        }
        hub.excused();
        self.sync(h)
    }

    pub fn scrub_all(&mut self) -> Outcome {
        (0..self.origins.len()).for_each(|o| self.scrub_origin(o));
        (0..self.hubs.len()).try_for_each(|h| self.scrub_hub(h))
    }

    /// A person retries: what was refused three times may go on.
    pub fn retry_all(&mut self) {
        self.now = self.now.plus(Duration::from_secs(3601));
        for origin in &mut self.origins {
            origin.past.iter_mut().for_each(FeedPast::retry);
        }
    }

    /// From here on the first hub never sees the last shard; in the second run the first origin has
    /// also lost it without a trace.
    pub fn close(&mut self) -> Outcome {
        if std::mem::replace(&mut self.closed, true) {
            return Ok(());
        }
        let Some(last) = self.shards.last().cloned() else { return Ok(()) };
        for o in 0..self.origins.len() {
            self.origins[o].scope[0].remove(&last);
            self.announce_all(o);
            if self.variant && o == 0 {
                (1..self.hubs.len()).for_each(|h| self.cut((0, h)));
                let origin = &mut self.origins[0];
                origin.log.shards.remove(&last);
                for copy in origin.copies.iter_mut().chain(&mut origin.recent) {
                    copy.shards.remove(&last);
                }
            }
        }
        Ok(())
    }
}

fn damage(chain: &mut Chain, random: &mut Random) -> bool {
    let (base, head) = (chain.base().seq, chain.head().seq);
    if base == head {
        return false;
    }
    let seq = base + 1 + random.below(head - base);
    let part = *random.pick(&[Part::Payload, Part::Digest, Part::Chain]);
    chain.damage(seq, part)
}

/// A message without what differs between two runs: the time of a checkpoint.
fn traced(o: usize, message: &FromOrigin) -> String {
    match message {
        FromOrigin::Checkpoint(checkpoint) => format!("{o} Checkpoint {:?}", checkpoint.root),
        other => format!("{o} {other:?}"),
    }
}
