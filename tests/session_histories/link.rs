//! A link: bytes both ways, late by its latency, that may end after any of them.

use crate::instance::Process;
use crate::random::Random;
use bytes::Buf;
use holdfast::grant::Grants;
use holdfast::wire::proto::sync::Envelope;
use prost::Message as _;
use std::collections::VecDeque;
use std::rc::Rc;

/// What gRPC puts before each message: whether it is compressed, and its length.
const HEADER: usize = 5;

struct Chunk {
    at: u64,
    bytes: Vec<u8>,
}

/// One direction of a link.
pub struct Lane {
    way: VecDeque<Chunk>,
    /// What the receiver might see when each frame under way was sealed.
    sealed: VecDeque<Rc<Grants>>,
    came: Vec<u8>,
    /// Bytes vanish, and nobody is told.
    hole: bool,
    /// The receiver will be told that nothing more comes.
    ended: bool,
}

/// An envelope that came whole, with what the receiver might see when it was sealed.
pub type Came = (Envelope, Rc<Grants>);

impl Lane {
    fn new() -> Self {
        Self {
            way: VecDeque::new(),
            sealed: VecDeque::new(),
            came: Vec::new(),
            hole: false,
            ended: false,
        }
    }

    /// Frames that have not come whole.
    pub fn under_way(&self) -> usize {
        if self.hole { 0 } else { self.sealed.len() }
    }

    /// Sends a frame in a few pieces; answers when they will come.
    pub fn send(
        &mut self,
        envelope: &Envelope,
        grants: Rc<Grants>,
        (now, latency): (u64, u64),
        random: &mut Random,
    ) -> Vec<u64> {
        if self.hole || self.ended {
            return Vec::new();
        }
        self.sealed.push_back(grants);
        let frame = framed(envelope);
        let mut times = Vec::new();
        let mut rest = &frame[..];
        while !rest.is_empty() {
            let (piece, after) = rest.split_at(1 + random.below(rest.len() as u64) as usize);
            let jitter = random.below(1 + latency / 4);
            let at = (now + latency + jitter).max(self.way.back().map_or(0, |chunk| chunk.at));
            self.way.push_back(Chunk { at, bytes: piece.to_vec() });
            times.push(at);
            rest = after;
        }
        times
    }

    /// What has come whole by now.
    pub fn arrive(&mut self, now: u64) -> Vec<Came> {
        while let Some(chunk) = self.way.pop_front_if(|chunk| chunk.at <= now) {
            self.came.extend(chunk.bytes);
        }
        std::iter::from_fn(|| self.unframed()).collect()
    }

    fn unframed(&mut self) -> Option<Came> {
        let mut bytes = &self.came[..];
        if bytes.len() < HEADER {
            return None;
        }
        assert_eq!(bytes.get_u8(), 0, "nothing is compressed");
        let length = bytes.get_u32() as usize;
        let envelope = Envelope::decode(bytes.get(..length)?).unwrap();
        self.came.drain(..HEADER + length);
        Some((envelope, self.sealed.pop_front().unwrap()))
    }

    /// Of the bytes under way only the first few still come, and nothing is sent any more.
    pub fn cut(&mut self, random: &mut Random) {
        let bytes: usize = self.way.iter().map(|chunk| chunk.bytes.len()).sum();
        let mut left = random.below(1 + bytes as u64) as usize;
        self.way.retain_mut(|chunk| {
            chunk.bytes.truncate(left);
            left -= chunk.bytes.len();
            !chunk.bytes.is_empty()
        });
        self.ended = true;
    }

    /// As a cut that nobody is told of.
    pub fn swallow(&mut self, random: &mut Random) {
        if !self.ended {
            self.cut(random);
            self.ended = false;
        }
        self.hole = true;
    }

    /// The sender has said all; answers when the receiver will know, if ever.
    pub fn end(&mut self, (now, latency): (u64, u64)) -> Option<u64> {
        self.ended = true;
        let last = self.way.back().map_or(0, |chunk| chunk.at);
        (!self.hole).then_some((now + latency).max(last))
    }
}

fn framed(envelope: &Envelope) -> Vec<u8> {
    let body = envelope.encode_to_vec();
    let length = u32::try_from(body.len()).unwrap().to_be_bytes();
    [&[0][..], &length, &body].concat()
}

/// Both directions; lane 0 leads from the dialer to the listener.
pub struct Link {
    pub lanes: [Lane; 2],
    pub latency: u64,
    /// The dialer's and the listener's.
    pub processes: [Process; 2],
    /// When it was dialled.
    pub since: u64,
}

impl Link {
    pub fn new(processes: [Process; 2], latency: u64, since: u64) -> Self {
        Self { lanes: [Lane::new(), Lane::new()], latency, processes, since }
    }
}
