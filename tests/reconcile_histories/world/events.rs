//! What happens to origins and hubs: work, faults, and what people do about them.

use super::*;

impl World {
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
