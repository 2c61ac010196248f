//! A TCP proxy that counts bytes each way, and cuts what goes through it.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// What has gone through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Passed {
    pub(crate) up: u64,
    pub(crate) down: u64,
    pub(crate) connections: u64,
}

#[derive(Default)]
struct Counters {
    up: AtomicU64,
    down: AtomicU64,
    connections: AtomicU64,
    open: Mutex<Vec<TcpStream>>,
}

/// Listens until the process ends.
pub(crate) struct Proxy {
    counters: Arc<Counters>,
    pub(crate) address: SocketAddr,
}

impl Proxy {
    pub(crate) fn to(target: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let counters = Arc::<Counters>::default();
        let shared = Arc::clone(&counters);
        std::thread::spawn(move || {
            for near in listener.incoming().flatten() {
                // Nobody there: the near side is told by the close.
                let _ = join(&shared, near, target);
            }
        });
        Ok(Self { counters, address })
    }

    pub(crate) fn passed(&self) -> Passed {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Passed {
            up: count(&self.counters.up),
            down: count(&self.counters.down),
            connections: count(&self.counters.connections),
        }
    }

    /// Cuts every connection.
    pub(crate) fn cut(&self) {
        let mut open = self.counters.open.lock().unwrap_or_else(PoisonError::into_inner);
        for stream in open.drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    /// Waits until `done`, and then until nothing has passed for a while.
    pub(crate) fn quiet(&self, mut done: impl FnMut(&Passed) -> bool) -> anyhow::Result<Passed> {
        let until = Instant::now() + Duration::from_secs(600);
        let (mut last, mut since) = (self.passed(), Instant::now());
        while Instant::now() < until {
            std::thread::sleep(Duration::from_millis(50));
            let now = self.passed();
            if now != last {
                (last, since) = (now, Instant::now());
            }
            if since.elapsed() > Duration::from_millis(1_200) && done(&now) {
                return Ok(now);
            }
        }
        anyhow::bail!("the two daemons did not get quiet: {last:?}")
    }
}

fn join(counters: &Arc<Counters>, near: TcpStream, target: SocketAddr) -> io::Result<()> {
    let far = TcpStream::connect(target)?;
    near.set_nodelay(true)?;
    far.set_nodelay(true)?;
    counters.connections.fetch_add(1, Ordering::Relaxed);
    let open = [near.try_clone()?, far.try_clone()?];
    counters.open.lock().unwrap_or_else(PoisonError::into_inner).extend(open);
    let (from_near, to_near) = (near.try_clone()?, near);
    let (from_far, to_far) = (far.try_clone()?, far);
    let (up, down) = (Arc::clone(counters), Arc::clone(counters));
    std::thread::spawn(move || copy(from_near, to_far, |n| up.up.fetch_add(n, Ordering::Relaxed)));
    std::thread::spawn(move || {
        copy(from_far, to_near, |n| down.down.fetch_add(n, Ordering::Relaxed))
    });
    Ok(())
}

/// Copies until either side ends, then ends both.
fn copy(mut from: TcpStream, mut to: TcpStream, count: impl Fn(u64) -> u64) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(read @ 1..) = from.read(&mut buffer) {
        count(read as u64);
        if to.write_all(&buffer[..read]).is_err() {
            break;
        }
    }
    let _ = from.shutdown(Shutdown::Both);
    let _ = to.shutdown(Shutdown::Both);
}
