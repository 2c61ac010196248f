//! Answers that come one after another, at the speed of whoever reads them.

use crate::store::StoreError;
use std::future::Future;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Response, Status};

/// What waits to be read; a slow reader slows whoever writes.
const UNREAD: usize = 16;

/// A stream of answers.
pub(super) type Answers<T> = ReceiverStream<Result<T, Status>>;

/// Why a stream ends before its end.
#[derive(Debug)]
pub(super) enum Stop {
    /// The caller has gone.
    Unheard,
    /// It cannot go on; the caller is told why.
    Refused(Status),
}

impl From<Status> for Stop {
    fn from(status: Status) -> Self {
        Self::Refused(status)
    }
}

impl From<StoreError> for Stop {
    fn from(error: StoreError) -> Self {
        Self::Refused(super::refuse::store(error))
    }
}

/// Where answers go in.
#[derive(Debug)]
pub(super) struct Outlet<T>(mpsc::Sender<Result<T, Status>>);

impl<T> Outlet<T> {
    /// Waits until there is room.
    pub(super) async fn send(&self, answer: T) -> Result<(), Stop> {
        self.0.send(Ok(answer)).await.map_err(|_| Stop::Unheard)
    }
}

/// Runs `work` beside the call and streams what it sends. It ends at once when the caller goes.
pub(super) fn streamed<T, F>(work: impl FnOnce(Outlet<T>) -> F) -> Response<Answers<T>>
where
    T: Send + 'static,
    F: Future<Output = Result<(), Stop>> + Send + 'static,
{
    let (sender, answers) = mpsc::channel(UNREAD);
    let work = work(Outlet(sender.clone()));
    tokio::spawn(async move {
        tokio::select! {
            ended = work => if let Err(Stop::Refused(status)) = ended {
                // Nobody reads it: nobody has to know.
                let _ = sender.send(Err(status)).await;
            },
            () = sender.closed() => {}
        }
    });
    Response::new(ReceiverStream::new(answers))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use tokio_stream::StreamExt as _;

    #[tokio::test]
    async fn a_slow_reader_slows_the_writer_and_one_that_goes_ends_it() {
        let sent = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&sent);
        let (alive, ended) = tokio::sync::oneshot::channel::<()>();
        let mut answers = streamed(|outlet| async move {
            let _alive = alive;
            loop {
                outlet.send(counter.fetch_add(1, Ordering::SeqCst)).await?;
            }
        })
        .into_inner();
        for n in 0..100 {
            assert_eq!(answers.next().await.unwrap().unwrap(), n);
        }
        assert!(sent.load(Ordering::SeqCst) <= 100 + UNREAD + 2);
        drop(answers);
        assert!(ended.await.is_err(), "the writer is gone");
    }

    #[tokio::test]
    async fn why_it_cannot_go_on_is_the_last_answer() {
        let mut answers = streamed(|outlet| async move {
            outlet.send(1).await?;
            Err(Stop::Refused(Status::not_found("no more")))
        })
        .into_inner();
        assert_eq!(answers.next().await.unwrap().unwrap(), 1);
        assert_eq!(answers.next().await.unwrap().unwrap_err().message(), "no more");
        assert!(answers.next().await.is_none());
    }
}
