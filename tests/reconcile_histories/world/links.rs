//! The links between origins and hubs, and the messages that cross them.

use super::*;

impl World {
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

    pub(super) fn cut_origin(&mut self, o: usize) {
        (0..self.hubs.len()).for_each(|h| self.cut((o, h)));
    }

    pub(super) fn cut_hub(&mut self, h: usize) {
        (0..self.origins.len()).for_each(|o| self.cut((o, h)));
    }

    pub(super) fn send(&mut self, o: usize, h: usize, mut message: FromOrigin) {
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

    pub(super) fn announce(&mut self, (o, h): Link) {
        let origin = &mut self.origins[o];
        let Some(feed) = &mut origin.feeds[h] else { return };
        let scope = &origin.scope[h];
        let mut out = Vec::new();
        feed.announce(&origin.log, &|s| scope.contains(s), &mut out).unwrap();
        self.outputs((o, h), out);
    }

    pub(super) fn announce_all(&mut self, o: usize) {
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

    pub(super) fn single_step(&mut self, link: Link, which: usize) -> Outcome {
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
}

/// A message without what differs between two runs: the time of a checkpoint.
fn traced(o: usize, message: &FromOrigin) -> String {
    match message {
        FromOrigin::Checkpoint(checkpoint) => format!("{o} Checkpoint {:?}", checkpoint.root),
        other => format!("{o} {other:?}"),
    }
}
