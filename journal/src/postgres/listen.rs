//! Hearing of events that other processes write: the database tells, and is asked now and then all the same.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use sqlx::Error;
use sqlx::postgres::{PgConnectOptions, PgListener, PgPoolOptions};
use tokio::sync::Notify;

use super::batch::unsigned;
use super::connect::Target;
use super::explain::explain;
use crate::JournalError;
use crate::head::Head;

/// The channel that every move of the head is told on.
const CHANNEL: &str = "daybook_journal";
/// How often the head is looked at though nobody has said a word.
const POLL: Duration = Duration::from_millis(500);
/// How long the pool may try for itself; it tries again at growing distances.
const ACQUIRING: Duration = Duration::from_secs(2);
/// Pause before a connection is tried again.
const AGAIN: Duration = Duration::from_millis(200);

/// What the listener and those who wait have in common.
#[derive(Default)]
pub(super) struct News {
    stop: Notify,
    trouble: Mutex<Option<JournalError>>,
}

impl News {
    /// Why nothing would be heard, if so.
    pub(super) fn trouble(&self) -> Option<JournalError> {
        self.trouble.lock().clone()
    }

    pub(super) fn stop(&self) {
        self.stop.notify_one();
    }
}

/// Publishes the head until it is stopped.
pub(super) async fn listen(target: Target, head: Arc<Head>, news: Arc<News>) {
    let hear = async {
        loop {
            *news.trouble.lock() = Some(hear(&target, &head, &news).await);
            tokio::time::sleep(AGAIN).await;
        }
    };
    tokio::select! {
        () = hear => {}
        () = news.stop.notified() => {}
    }
}

/// Publishes the head until nothing is heard any more; says why.
async fn hear(target: &Target, head: &Head, news: &News) -> JournalError {
    let options = match target.options().await {
        Ok(options) => options,
        Err(error) => return error,
    };
    match hear_from(options, target, head, news).await {
        Ok(why) => why,
        // The pool says no more than that there is no connection: the reason is asked for.
        Err(Error::PoolTimedOut) => match target.connect().await {
            Ok(_) => JournalError::Unavailable(format!("{}: the connection was lost", target.name)),
            Err(error) => error,
        },
        Err(error) => explain(&target.name, &error),
    }
}

async fn hear_from(
    options: PgConnectOptions,
    target: &Target,
    head: &Head,
    news: &News,
) -> Result<JournalError, Error> {
    let pool = PgPoolOptions::new()
        .max_connections(1)
        .acquire_timeout(ACQUIRING.min(target.patience))
        .connect_lazy_with(options);
    let mut listener = PgListener::connect_with(&pool).await?;
    listener.listen(CHANNEL).await?;
    loop {
        let row = sqlx::query("SELECT last FROM daybook_journal.head");
        let row = match tokio::time::timeout(target.patience, row.fetch_one(&mut listener)).await {
            Ok(row) => row?,
            Err(_) => return Ok(target.silent()),
        };
        head.publish(unsigned(&row, 0)?);
        drop(row);
        *news.trouble.lock() = None;
        match tokio::time::timeout(POLL, listener.try_recv()).await {
            // The connection is gone: begin again.
            Ok(Ok(None)) => {
                return Ok(JournalError::Unavailable(format!("{}: the connection was lost", target.name)));
            }
            Ok(Ok(Some(_))) | Err(_) => {}
            Ok(Err(error)) => return Err(error),
        }
        // One look answers for all that was said so far.
        while let Some(_said) = listener.next_buffered() {}
    }
}
