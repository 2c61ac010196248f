//! A session that stands: one loop over link, disk, clock and what this instance has to say.

use super::feeding::{Read, Work};
use super::taking::{Taken, Turn, take};
use super::{Feeding, Ground, Host, Link, Messages, Pasts, Standing, farewell, now, until};
use crate::clock;
use crate::model::KeyId;
use crate::reconcile::{FeedOutput, FromHub, FromOrigin, Shard};
use crate::session::{Code, Ending, Event, Opened, Send as Outgoing, Session};
use crate::store::{History, StoreError};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

/// Messages about either log that wait for the disk; when full, the link is not read.
const WAITING_FOR_DISK: usize = 64;

/// The shortest wait for a checkpoint: one that stays due must not spin.
const SOON: Duration = Duration::from_millis(20);

/// Entries in one transaction of a scrub.
const SCRUB_RANGE: usize = 1_024;

/// See the module.
pub(super) struct Running<H> {
    session: Session,
    ground: Ground,
    host: Arc<H>,
    peer: KeyId,
    standing: Standing,
    feed: Feed,
    take: mpsc::Sender<Box<FromOrigin>>,
    answers: mpsc::Receiver<Box<Result<Taken, StoreError>>>,
    /// Came and is not yet with the disk.
    untaken: Vec<FromOrigin>,
    own_changes: watch::Receiver<u64>,
}

/// The feed at rest, or reading.
struct Feed {
    rest: Option<Feeding>,
    job: Option<JoinHandle<Result<Read, StoreError>>>,
    said: Vec<FromHub>,
    announce: bool,
    again: bool,
    unsent: u32,
    /// The last read found something, or something changed since.
    hungry: bool,
}

impl<H: Host> Running<H> {
    pub(super) fn new(
        session: Session,
        ground: Ground,
        host: Arc<H>,
        (opened, standing): (Box<Opened>, Standing),
        feeding: Feeding,
    ) -> Self {
        let (take_in, messages) = mpsc::channel(WAITING_FOR_DISK);
        let (answer, answers) = mpsc::channel(WAITING_FOR_DISK);
        let turn = Turn { generation: standing.generation, current: Arc::clone(&standing.current) };
        let (key, quota) = (opened.public_key, standing.quota);
        tokio::spawn(take(ground.clone(), key, quota, turn, messages, answer));
        let own_changes = ground.history.own_changes();
        let peer = opened.key;
        host.note(peer, Event::Opened(opened));
        let feed = Feed {
            rest: Some(feeding),
            job: None,
            said: Vec::new(),
            announce: false,
            again: false,
            unsent: 0,
            hungry: true,
        };
        let untaken = Vec::new();
        Self {
            session,
            ground,
            host,
            peer,
            standing,
            feed,
            take: take_in,
            answers,
            untaken,
            own_changes,
        }
    }

    pub(super) async fn run(mut self: Box<Self>, mut link: Link, first: Messages) -> Ending {
        self.untaken.extend(first.from_origin);
        self.feed.said.extend(first.from_hub);
        self.follow_grants();
        loop {
            if let Some(ending) = self.events() {
                // First: whoever dials again finds it so.
                if asks_to_begin_anew(&ending) {
                    self.ground.pasts.restarted_by(&self.peer, clock::monotonic());
                }
                let past = keep_past(self.feed, self.ground.pasts, self.peer);
                tokio::join!(past, farewell(self.session, link));
                return ending;
            }
            self.start_reading();
            self.turn(&mut link).await;
        }
    }

    fn events(&mut self) -> Option<Ending> {
        while let Some(event) = self.session.poll_event() {
            match event {
                Event::FromOrigin(message) => self.untaken.push(message),
                Event::FromHub(message) => {
                    self.feed.said.push(message);
                    self.feed.hungry = true;
                }
                Event::Withheld { batches } => {
                    self.feed.again = true;
                    self.feed.unsent += batches;
                }
                Event::Closed(ending) => return Some(ending),
                other => self.host.note(self.peer, other),
            }
        }
        None
    }

    /// Waits for the next thing and does it.
    async fn turn(&mut self, link: &mut Link) {
        let idle = self.idle_for();
        let sends = self.session.wants_transmit();
        let reads = self.untaken.is_empty() && self.feed.said.len() < WAITING_FOR_DISK;
        let takes = !self.untaken.is_empty();
        let take = self.take.clone();
        tokio::select! {
            place = link.outgoing.reserve(), if sends => match place {
                Ok(place) => {
                    if self.standing.grants.has_changed().unwrap_or(false) {
                        self.follow_grants();
                    }
                    if let Some(envelope) = self.session.poll_transmit(now()) {
                        place.send(envelope);
                    }
                }
                Err(_) => self.session.handle_cut(),
            },
            came = link.incoming.next(), if reads => match came {
                Some(Ok(envelope)) => self.session.handle_envelope(envelope, now()),
                Some(Err(_)) | None => self.session.handle_cut(),
            },
            place = take.reserve(), if takes => match place {
                Ok(place) => place.send(Box::new(self.untaken.remove(0))),
                Err(_) => self.session.close(Code::Internal),
            },
            Some(answer) = self.answers.recv() => self.answered(*answer),
            read = finished(&mut self.feed.job) => self.read_done(read),
            Ok(()) = self.own_changes.changed() => {
                self.feed.announce = true;
                self.feed.hungry = true;
            }
            Ok(()) = self.standing.grants.changed() => self.follow_grants(),
            Ok(()) = self.standing.closing.changed() => {
                let code = *self.standing.closing.borrow_and_update();
                if let Some(code) = code {
                    self.session.close(code);
                }
            }
            Some(outgoing) = self.standing.outgoing.recv() => self.session.send(*outgoing),
            () = tokio::time::sleep(idle) => {
                self.feed.hungry = true;
                self.session.handle_timeout(now());
            }
        }
    }

    /// Until the session's next deadline or the next checkpoint.
    fn idle_for(&self) -> Duration {
        let deadline = until(&self.session);
        let due = self.feed.rest.as_ref().and_then(Feeding::checkpoint_due);
        due.map_or(deadline, |at| deadline.min(at.since(clock::now()).max(SOON)))
    }

    fn answered(&mut self, answer: Result<Taken, StoreError>) {
        match answer {
            Ok(Taken { out, trouble }) => {
                out.into_iter().for_each(|m| self.session.send(Outgoing::FromHub(m)));
                if let Some(trouble) = trouble {
                    self.host.alert(self.peer, trouble.to_string());
                }
            }
            Err(error) => self.fail(&error),
        }
    }

    fn fail(&mut self, error: &StoreError) {
        self.host.alert(self.peer, error.to_string());
        self.session.close(Code::Internal);
    }

    fn follow_grants(&mut self) {
        let grants = self.standing.grants.borrow_and_update().clone();
        self.session.set_grants(grants);
        self.feed.announce = true;
        self.feed.hungry = true;
    }

    fn start_reading(&mut self) {
        let feed = &mut self.feed;
        let read = self.session.wants_origin();
        let due = feed.announce || feed.again || !feed.said.is_empty() || (feed.hungry && read);
        if !due || !self.session.is_established() {
            return;
        }
        let Some(feeding) = feed.rest.take() else { return };
        let work = Work {
            grants: self.session.grants().clone(),
            said: std::mem::take(&mut feed.said),
            announce: std::mem::take(&mut feed.announce),
            again: std::mem::take(&mut feed.again),
            unsent: std::mem::take(&mut feed.unsent),
            read,
        };
        feed.hungry &= !read;
        let (history, identity) = (self.ground.history.clone(), self.ground.identity.clone());
        feed.job = Some(tokio::spawn(async move {
            let read = feeding.work(work, &history, identity).await?;
            mend(&history, &read.outputs).await?;
            Ok(read)
        }));
    }

    fn read_done(&mut self, read: Result<Read, StoreError>) {
        self.feed.job = None;
        let Read { feeding, outputs, next } = match read {
            Ok(read) => read,
            Err(error) => return self.fail(&error),
        };
        self.feed.rest = Some(feeding);
        self.feed.hungry |= !next.is_empty() || !outputs.is_empty();
        for output in outputs {
            self.output(output);
        }
        for message in next {
            self.session.send(Outgoing::FromOrigin(message));
        }
    }

    fn output(&mut self, output: FeedOutput) {
        match output {
            FeedOutput::Send(message) => self.session.send(Outgoing::FromOrigin(message)),
            FeedOutput::Alert(message) => self.host.alert(self.peer, message),
            // Done by the job.
            FeedOutput::Heal { .. } | FeedOutput::Scrub(_) => {}
        }
    }
}

/// Does what a read asked for of the own log: beside the session, which goes on with heartbeats.
async fn mend(history: &History, outputs: &[FeedOutput]) -> Result<(), StoreError> {
    for output in outputs.iter().cloned() {
        match output {
            FeedOutput::Heal { shard, found } => {
                history.write(move |tx| tx.own()?.heal(&shard, &found)).await?;
            }
            FeedOutput::Scrub(shard) => scrub(history, shard).await?,
            FeedOutput::Send(_) | FeedOutput::Alert(_) => {}
        }
    }
    Ok(())
}

/// Whether the peer ended the session for the next one to begin anew.
fn asks_to_begin_anew(ending: &Ending) -> bool {
    matches!(ending, Ending::Theirs(reason) if Code::parse(&reason.code) == Some(Code::Restart))
}

async fn keep_past(feed: Feed, pasts: Pasts, peer: KeyId) {
    let feeding = match feed.job {
        Some(job) => job.await.ok().and_then(Result::ok).map(|read| read.feeding),
        None => feed.rest,
    };
    if let Some(feeding) = feeding {
        pasts.keep_feed(peer, feeding.into_past());
    }
}

/// Recomputes a shard of ours that a hub has refused, a range at a time.
async fn scrub(history: &History, shard: Shard) -> Result<(), StoreError> {
    let mut from = None;
    loop {
        let shard = shard.clone();
        let done = history.write(move |tx| tx.own()?.scrub(&shard, from, SCRUB_RANGE)).await?;
        from = done.reached;
        if from.is_none() {
            return Ok(());
        }
    }
}

/// The end of the job, if one is under way.
async fn finished(
    job: &mut Option<JoinHandle<Result<Read, StoreError>>>,
) -> Result<Read, StoreError> {
    match job {
        Some(job) => job.await.unwrap_or(Err(StoreError::Closed)),
        None => std::future::pending().await,
    }
}
