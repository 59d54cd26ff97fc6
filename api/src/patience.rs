//! A connection whose other side must take what it asked for: who never reads would hold its place for ever.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep};

/// How slowly answers may be taken.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    /// So long is looked at together.
    pub window: Duration,
    /// Bytes that are to be taken meanwhile.
    pub least: usize,
}

impl Default for Patience {
    /// A kilobyte a second.
    fn default() -> Self {
        Self { window: Duration::from_secs(60), least: 60 << 10 }
    }
}

/// A stream that fails once the other side takes less than it must. As long as there is nothing that waits to be
/// taken, it may be as quiet as it likes.
pub(crate) struct Patient<S> {
    stream: S,
    patience: Patience,
    /// While something waits: when it is looked, and what was taken so far.
    waiting: Option<(Pin<Box<Sleep>>, usize)>,
}

impl<S> Patient<S> {
    pub fn new(stream: S, patience: Patience) -> Self {
        Self { stream, patience, waiting: None }
    }

    /// What came of an attempt to write.
    fn wrote(&mut self, cx: &mut Context<'_>, wrote: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        let Patience { window, least } = self.patience;
        match wrote {
            Poll::Ready(Ok(bytes)) => {
                if let Some((_, taken)) = &mut self.waiting {
                    *taken += bytes;
                }
                Poll::Ready(Ok(bytes))
            }
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Pending => {
                let (end, taken) = self.waiting.get_or_insert_with(|| (Box::pin(sleep(window)), 0));
                loop {
                    ready!(end.as_mut().poll(cx));
                    if *taken < least {
                        let why = format!("the other side took {taken} bytes within {window:?}");
                        return Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, why)));
                    }
                    *taken = 0;
                    end.as_mut().reset(Instant::now() + window);
                }
            }
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Patient<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, into)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Patient<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let wrote = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.wrote(cx, wrote)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let wrote = Pin::new(&mut self.stream).poll_write_vectored(cx, bytes);
        self.wrote(cx, wrote)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    /// Asked for once all that there was is written.
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.stream).poll_flush(cx))?;
        self.waiting = None;
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;

    const SHORT: Patience = Patience { window: Duration::from_millis(200), least: 1_000 };

    #[tokio::test]
    async fn who_takes_nothing_is_let_go() {
        let (near, _far) = duplex(1_000);
        let mut near = Patient::new(near, SHORT);
        let failed = near.write_all(&[0; 10_000]).await.unwrap_err();
        assert_eq!(failed.kind(), io::ErrorKind::TimedOut);
    }

    #[tokio::test]
    async fn who_takes_a_little_now_and_then_is_let_go_as_well() {
        let (near, mut far) = duplex(1_000);
        let mut near = Patient::new(near, SHORT);
        let reading = tokio::spawn(async move {
            while far.read_exact(&mut [0; 10]).await.is_ok() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        });
        let failed = near.write_all(&[0; 100_000]).await.unwrap_err();
        assert_eq!(failed.kind(), io::ErrorKind::TimedOut);
        drop(near);
        reading.await.unwrap();
    }

    #[tokio::test]
    async fn who_takes_enough_may_be_slow_and_quiet_between() {
        // a reader that a busy machine forgets for a while still takes enough in a window of this length
        let patience = Patience { window: Duration::from_secs(2), least: 2_000 };
        let (near, mut far) = duplex(1_000);
        let mut near = Patient::new(near, patience);
        let reading = tokio::spawn(async move {
            while far.read_exact(&mut [0; 500]).await.is_ok() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        });
        // less than is to be taken in a window, and then nothing for longer than one
        near.write_all(&[0; 1_500]).await.unwrap();
        near.flush().await.unwrap();
        tokio::time::sleep(patience.window + Duration::from_millis(100)).await;
        // takes longer than a window
        near.write_all(&[0; 60_000]).await.unwrap();
        near.flush().await.unwrap();
        drop(near);
        reading.await.unwrap();
    }
}
