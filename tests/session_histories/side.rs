//! One end of a link, driven as `net::drive` does it: events first, then reading the own log, then
//! one envelope at a time while the carrier has room.

use crate::feeding::Feeding;
use crate::instance::{Process, Who, sees};
use crate::link::Came;
use crate::world::{Due, Outcome, SideId, World};
use holdfast::grant::Grants;
use holdfast::reconcile::{FromHub, FromOrigin, Shard};
use holdfast::session::{
    Admission, Applicant, Claim, Code, DialledBy, Ending, Event, Opened, Session,
};
use holdfast::wire::handshake::Opening;
use holdfast::wire::tell;
use std::rc::Rc;
use std::time::Duration;

/// The shortest wait for a checkpoint.
const SOON: Duration = Duration::from_millis(20);

pub struct Side {
    pub process: Process,
    pub link: u64,
    /// 0 is the dialer's.
    pub end: usize,
    pub session: Session,
    pub feeding: Option<Feeding>,
    /// Who is dialled, or has shown who it is.
    pub peer: Option<Who>,
    /// The session stands, with this number among those of its pair.
    pub generation: Option<u64>,
    /// What the peer said that we might see, when it sealed the frame that came last.
    pub under: Rc<Grants>,
    /// A call of `handle_timeout` is scheduled.
    pub armed: Option<u64>,
}

impl Side {
    pub fn new((link, end): (u64, usize), process: Process, session: Session) -> Self {
        Self {
            process,
            link,
            end,
            session,
            feeding: None,
            peer: None,
            generation: None,
            under: Rc::default(),
            armed: None,
        }
    }

    pub fn by(&self) -> DialledBy {
        if self.end == 0 { DialledBy::Us } else { DialledBy::Them }
    }

    /// Whether it is a standing session with this peer.
    pub fn stands(&self, process: Process, peer: Who) -> bool {
        self.process == process && self.peer == Some(peer) && self.generation.is_some()
    }
}

/// The shards that a message names.
fn named(message: &FromOrigin) -> Vec<&Shard> {
    match message {
        FromOrigin::Batch(batch) => vec![&batch.shard],
        FromOrigin::Added { shards, .. } => shards.iter().collect(),
        FromOrigin::Ladder { shard, .. } | FromOrigin::Entries { shard, .. } => vec![shard],
        // To say that something is hidden, or asked for, its name is said.
        FromOrigin::Gone(_) | FromOrigin::Want { .. } => Vec::new(),
        FromOrigin::Hello(_) | FromOrigin::Checkpoint(_) => Vec::new(),
    }
}

impl World {
    /// Envelopes have come whole.
    pub fn receive(&mut self, id: SideId, came: Vec<Came>) -> Outcome {
        for (envelope, grants) in came {
            let now = self.sees_time_of(id);
            let Some(side) = self.sides.get_mut(&id) else { return Ok(()) };
            side.under = grants;
            side.session.handle_envelope(envelope, now);
            self.turn(id)?;
        }
        Ok(())
    }

    /// Does all that a side has to do now.
    pub fn turn(&mut self, id: SideId) -> Outcome {
        let Some(mut side) = self.sides.remove(&id) else { return Ok(()) };
        loop {
            if let Some(ending) = self.events(id, &mut side)? {
                self.farewell(id, side, ending);
                return Ok(());
            }
            self.start_reading(id, &mut side);
            if !self.transmit(id, &mut side) {
                break;
            }
        }
        self.arm(id, &mut side);
        self.sides.insert(id, side);
        Ok(())
    }

    fn events(&mut self, id: SideId, side: &mut Side) -> Result<Option<Ending>, String> {
        let (mut opened, mut first) = (None, Vec::new());
        while let Some(event) = side.session.poll_event() {
            match event {
                Event::Ask(applicant) => self.admit(side, &applicant),
                Event::Opened(other) => opened = Some(other),
                Event::FromOrigin(message) => first.push(message),
                Event::FromHub(message) => self.take_from_hub(side, message)?,
                Event::Withheld { batches } => {
                    self.count("withheld");
                    side.feeding.iter_mut().for_each(|feeding| feeding.start_over(batches));
                }
                Event::Renew if side.end == 0 => {
                    self.schedule(0, Due::Renew(side.process, side.peer.unwrap_or_default()));
                }
                Event::Closed(ending) => return Ok(Some(ending)),
                _ => {}
            }
        }
        if let Some(opened) = opened
            && let Err(code) = self.stand(id, side, &opened)
        {
            side.session.close(code);
            return Ok(Some(Ending::Ours(code.reason())));
        }
        first.into_iter().try_for_each(|message| self.take_from_origin(id, side, message))?;
        Ok(None)
    }

    /// As `daemon::admission` decides about a session.
    fn admit(&mut self, side: &mut Side, applicant: &Applicant) {
        let who = self.who(applicant.key);
        side.peer = Some(who);
        let now = self.time_of(side.process);
        let instance = &self.instances[side.process];
        let code = match instance.peers.get(&who) {
            None => Some(Code::UnknownPeer),
            Some(peer) if peer.removed => Some(Code::Denied),
            Some(_) => None,
        };
        if let Some(code) = code {
            return side.session.admit(Admission::Refuse(code.reason()), now);
        }
        let grants = instance.grants(who);
        let (feeding, sync_hello) =
            Feeding::open(instance.key(), self.plan.limits, &instance.database, &grants);
        side.feeding = Some(feeding);
        let opening = Opening { granted: tell(&grants), sync_hello };
        let grants = Grants::clone(&grants);
        side.session.admit(Admission::Accept { grants, opening, urls: Vec::new() }, now);
    }

    /// As `daemon::links` claims a pair.
    fn stand(&mut self, id: SideId, side: &mut Side, opened: &Opened) -> Result<(), Code> {
        let who = self.who(opened.key);
        let instance = &mut self.instances[side.process];
        let known = instance.peers.get(&who).is_some_and(|peer| !peer.removed);
        if !known {
            return Err(Code::UnknownPeer);
        }
        let generation = match instance.pairs.claim(opened.key, side.by(), opened.boot_id) {
            Claim::Takes { generation, .. } => generation,
            Claim::Duplicate => return Err(Code::Duplicate),
            Claim::Clone => {
                // The one that is connected is refused as well: nobody knows which is real.
                self.displace(side.process, who, Code::Clone);
                return Err(Code::Clone);
            }
            Claim::SelfDial => return Err(Code::SelfDial),
        };
        instance.current.insert(who, generation);
        instance.claims.insert(who, generation);
        instance.writer.begin(id, (who, generation), opened.public_key, self.plan.window);
        self.count("stood");
        self.displace(side.process, who, Code::Replaced);
        (side.peer, side.generation) = (Some(who), Some(generation));
        self.follow_grants(side);
        self.say(|| format!("{id}: {} and {who} stand ({generation})", side.process));
        Ok(())
    }

    /// The session that stood before hears of it a little later.
    fn displace(&mut self, process: Process, who: Who, code: Code) {
        let standing = self.sides.iter().filter(|(_, side)| side.stands(process, who));
        let displaced: Vec<_> = standing.map(|(id, _)| *id).collect();
        for id in displaced {
            let after = self.random.below(50);
            self.schedule(after, Due::Close(id, code.as_str()));
        }
    }

    pub fn follow_grants(&mut self, side: &mut Side) {
        let Some(peer) = side.peer else { return };
        let grants = self.instances[side.process].grants(peer);
        side.session.set_grants(Grants::clone(&grants));
        side.feeding.iter_mut().for_each(Feeding::announce);
    }

    fn take_from_origin(&mut self, id: SideId, side: &Side, message: FromOrigin) -> Outcome {
        self.chatter += 1;
        self.say(|| format!("{id}: {} hears {}", side.process, brief(&message)));
        match &message {
            FromOrigin::Batch(batch) => self.count(format!("batch {:?}", batch.start)),
            FromOrigin::Ladder { .. } => self.count("ladder"),
            FromOrigin::Gone(_) => self.count("gone"),
            FromOrigin::Want { .. } | FromOrigin::Entries { .. } => self.count("repair"),
            FromOrigin::Hello(_) | FromOrigin::Added { .. } | FromOrigin::Checkpoint(_) => {}
        }
        if let Some(shard) = named(&message).into_iter().find(|shard| !sees(&side.under, shard)) {
            let process = side.process;
            return Err(format!("G2: {process} was sent {shard:?}, which it may not see"));
        }
        self.instances[side.process].writer.push(id, message);
        self.commit(side.process)
    }

    fn take_from_hub(&mut self, side: &mut Side, message: FromHub) -> Outcome {
        self.chatter += 1;
        self.say(|| format!("{} as origin hears {message:?}", side.process));
        match &message {
            FromHub::Ack { shard, seq } => self.check_ack(side, shard, *seq)?,
            FromHub::Refused { shard } => {
                return Err(format!(
                    "R2: {} refused {shard:?} of {}",
                    side.peer.unwrap_or(99),
                    side.process
                ));
            }
            _ => {}
        }
        side.feeding.iter_mut().for_each(|feeding| feeding.hear(message.clone()));
        Ok(())
    }

    fn start_reading(&mut self, id: SideId, side: &mut Side) {
        let wall = self.time_of(side.process).wall;
        let instance = &self.instances[side.process];
        let Some(feeding) = &mut side.feeding else { return };
        if side.generation.is_some()
            && feeding.start(&side.session, &instance.database, &instance.local.identity, wall)
        {
            let takes = self.random.below(4);
            self.schedule(takes, Due::Read(id));
        }
    }

    /// The read that was begun is done.
    pub fn read_done(&mut self, id: SideId) -> Outcome {
        if let Some(Side { feeding: Some(feeding), session, process, .. }) = self.sides.get_mut(&id)
        {
            feeding.done(session, &mut self.instances[*process].database);
        }
        self.turn(id)
    }

    /// Sends one envelope where there is one and room for it.
    fn transmit(&mut self, id: SideId, side: &mut Side) -> bool {
        let room = self.links[&side.link].lanes[side.end].under_way() < self.plan.room;
        if !room || !side.session.wants_transmit() {
            return false;
        }
        let now = self.time_of(side.process);
        if let Some(envelope) = side.session.poll_transmit(now) {
            self.send(id, side, &envelope);
        }
        true
    }

    fn arm(&mut self, id: SideId, side: &mut Side) {
        let now = self.time_of(side.process);
        let deadline = side.session.next_timeout().map(|at| at.since(now.monotonic));
        let due = side.feeding.as_ref().and_then(Feeding::checkpoint_due);
        let due = due.map(|at| at.since(now.wall).max(SOON));
        let Some(first) = deadline.into_iter().chain(due).min() else { return };
        let at = self.now + first.as_millis() as u64;
        if side.armed.is_none_or(|armed| at < armed) {
            side.armed = Some(at);
            self.schedule(first.as_millis() as u64, Due::Tick(id));
        }
    }

    pub fn tick(&mut self, id: SideId) -> Outcome {
        let now = self.sees_time_of(id);
        let Some(side) = self.sides.get_mut(&id) else { return Ok(()) };
        if side.armed.is_none_or(|armed| armed != self.now) {
            return Ok(());
        }
        side.armed = None;
        side.feeding.iter_mut().for_each(Feeding::wake);
        side.session.handle_timeout(now);
        self.turn(id)
    }
}

/// A message for the log of a replay.
fn brief(message: &FromOrigin) -> String {
    match message {
        FromOrigin::Batch(batch) => {
            let (shard, after, count) = (&batch.shard, batch.after.seq, batch.entries.len());
            format!("Batch {:?} {shard:?} after {after}, {count} entries", batch.start)
        }
        other => format!("{other:?}"),
    }
}
