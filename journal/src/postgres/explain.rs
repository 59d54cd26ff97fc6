//! What an error of PostgreSQL or of the way to it means for the journal, in words that name the cure.

use sqlx::Error;
use sqlx::postgres::PgDatabaseError;

use crate::{JournalError, Position};

/// The code of a disk that is full.
const NO_ROOM: &str = "53100";

/// Says it for the database at `at` (never with a password). Nothing was written, unless the caller knows better.
pub(super) fn explain(at: &str, error: &Error) -> JournalError {
    if let Some(error) = server_says(error) {
        return by_code(at, error);
    }
    let why = match error {
        Error::Io(error) => format!(
            "cannot reach {at} ({error}); is PostgreSQL running there? The journal goes on by itself when it is"
        ),
        Error::Tls(error) => {
            format!(
                "no encrypted connection to {at} ({error}); see sslmode and sslrootcert in docs/postgres.md"
            )
        }
        Error::Configuration(error) => format!("{at}: {error}"),
        Error::Protocol(text) => format!("{at}: the connection was lost ({text})"),
        // A value that the schema does not allow.
        Error::ColumnDecode { .. } | Error::Decode(_) | Error::RowNotFound => {
            return JournalError::Corrupt(format!(
                "the journal {at} is damaged ({error}); restore it from a copy"
            ));
        }
        other => format!("{at}: {other}"),
    };
    JournalError::Unavailable(why)
}

/// The answer of the server, when it is one.
pub(super) fn server_says(error: &Error) -> Option<&PgDatabaseError> {
    match error {
        Error::Database(error) => error.try_downcast_ref(),
        _ => None,
    }
}

/// Whether the disk had no room for it. A session of that server may begin and commit what needs none all the same.
pub(super) fn no_room(error: &Error) -> bool {
    server_says(error).is_some_and(|error| error.code() == NO_ROOM)
}

fn by_code(at: &str, error: &PgDatabaseError) -> JournalError {
    let says = error.message();
    let why = match error.code() {
        "28P01" | "28000" => format!(
            "{at} does not let this user in ({says}); check user and password in the URL, or PGPASSWORD, and pg_hba.conf"
        ),
        "3D000" => format!("{says} at {at}; make it: createdb daybook"),
        "53300" => format!(
            "{at} has no connection left ({says}); raise max_connections, or stop what holds them. The journal goes on \
             by itself"
        ),
        NO_ROOM => {
            format!("no room on the disk of {at} ({says}); make room, the journal goes on by itself")
        }
        "53000" | "53200" | "53400" => {
            format!("{at} is short of memory ({says}); the journal goes on by itself")
        }
        "25006" => standby(at),
        "57P01" | "57P02" | "57P03" | "57P05" => {
            format!("{at} is restarting, or has ended the session ({says}); the journal goes on by itself")
        }
        "55P03" => format!(
            "another session holds the head of {at} and does not let go ({says}); find it in pg_stat_activity: its \
             transaction is open, its commit waits for a standby, or it is bringing the tables up to date"
        ),
        "57014" => format!("{at} took too long ({says})"),
        "42501" => format!("{at}: {says}; docs/postgres.md has the grants that this needs"),
        "42P01" | "3F000" | "42703" => return foreign(at, says),
        "XX001" | "XX002" | "23505" => {
            return JournalError::Corrupt(format!(
                "the journal {at} is damaged ({says}); restore it from a copy"
            ));
        }
        code => format!("{at}: {says} (SQLSTATE {code})"),
    };
    JournalError::Unavailable(why)
}

/// The database has something else where the journal would be.
pub(super) fn foreign(at: &str, why: &str) -> JournalError {
    JournalError::Corrupt(format!("{at} is not a Daybook journal ({why}); name another database"))
}

/// A server that has less than this process has seen of it.
pub(super) fn set_back(at: &str, last: Position, seen: Position) -> JournalError {
    JournalError::Corrupt(format!(
        "{at} ends at position {last}, and this process has seen {seen}: the server was set back, or another one took \
         over that did not have all; nothing is written or believed before somebody has looked"
    ))
}

/// A server that takes no writes.
pub(super) fn standby(at: &str) -> String {
    format!("{at} is a standby or read-only; name the primary, from which the journal is written and read")
}
