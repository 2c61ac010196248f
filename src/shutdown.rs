//! Ask the daemon to stop, and know that it has stopped.

use std::future::Future;
use tokio::sync::watch;

/// Held by whoever may ask for the stop; [`Shutdown::complete`] returns once every guard is gone.
#[derive(Debug)]
pub struct Shutdown {
    asked: watch::Sender<bool>,
}

/// Held by everything that must end before the process does.
#[derive(Debug, Clone)]
pub struct Guard {
    asked: watch::Receiver<bool>,
}

impl Default for Shutdown {
    fn default() -> Self {
        Self { asked: watch::Sender::new(false) }
    }
}

impl Shutdown {
    /// A guard for one more task.
    #[must_use]
    pub fn guard(&self) -> Guard {
        Guard { asked: self.asked.subscribe() }
    }

    /// Asks every guard's holder to stop.
    pub fn ask(&self) {
        self.asked.send_replace(true);
    }

    /// Asks, then waits until every guard has been dropped.
    pub async fn complete(self) {
        self.ask();
        self.asked.closed().await;
    }
}

impl Guard {
    /// Returns once the stop has been asked for.
    pub async fn asked(&mut self) {
        // An error means that the asker is gone, which is a stop as well.
        let _ = self.asked.wait_for(|asked| *asked).await;
    }

    /// Whether the stop has been asked for.
    #[must_use]
    pub fn is_asked(&self) -> bool {
        *self.asked.borrow()
    }

    /// Runs `work` until it ends (`Some`) or the stop is asked for (`None`).
    pub async fn run<T>(&mut self, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            () = self.asked() => None,
            done = work => Some(done),
        }
    }
}
