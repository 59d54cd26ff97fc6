//! What an error of PostgreSQL or of the way to it means for read models, in words that name the cure.

use std::sync::Arc;

use sqlx::Error;
use sqlx::postgres::PgDatabaseError;

/// What went wrong.
#[derive(Debug)]
pub(crate) struct Explained {
    /// Where, without a password.
    pub(crate) at: Arc<str>,
    /// What, and what to do.
    pub(crate) why: String,
    /// Whether the same may succeed later.
    pub(crate) transient: bool,
    /// Whether another session holds what was asked for.
    pub(crate) held: bool,
    /// Whether the connection can still be used.
    pub(super) connected: bool,
}

impl Explained {
    /// What is wrong for good.
    pub(super) fn lasting(at: &Arc<str>, why: String) -> Self {
        Self { at: Arc::clone(at), why, transient: false, held: false, connected: true }
    }

    /// A connection that is gone.
    pub(super) fn lost(at: &Arc<str>, why: &str) -> Self {
        let why = format!("the connection was lost ({why}); the read models go on by themselves");
        Self { at: Arc::clone(at), why, transient: true, held: false, connected: false }
    }
}

/// Says it of the database at `at`.
pub(super) fn explain(at: &Arc<str>, error: &Error) -> Explained {
    let says: Option<&PgDatabaseError> = match error {
        Error::Database(error) => error.try_downcast_ref(),
        _ => None,
    };
    if let Some(says) = says {
        return by_code(at, says);
    }
    match error {
        Error::Io(error) => Explained {
            why: format!(
                "cannot be reached ({error}); is PostgreSQL running there? The read models go on by themselves when it is"
            ),
            ..Explained::lost(at, "")
        },
        Error::Tls(error) => Explained {
            connected: false,
            ..Explained::lasting(
                at,
                format!("no encrypted connection ({error}); see sslmode and sslrootcert in docs/postgres.md"),
            )
        },
        Error::Configuration(error) => Explained::lasting(at, error.to_string()),
        other => Explained::lost(at, &other.to_string()),
    }
}

fn by_code(at: &Arc<str>, error: &PgDatabaseError) -> Explained {
    let says = error.message();
    let later = |why: String| Explained { transient: true, ..Explained::lasting(at, why) };
    match error.code() {
        "28P01" | "28000" => Explained::lasting(
            at,
            format!(
                "does not let this user in ({says}); check user and password in the URL, or PGPASSWORD, and pg_hba.conf"
            ),
        ),
        "3D000" => Explained::lasting(at, format!("{says}; make it: createdb daybook")),
        "53300" => later(format!(
            "has no connection left ({says}); raise max_connections, or stop what holds them. The read models go on by \
             themselves"
        )),
        "53100" => {
            later(format!("no room on the disk ({says}); make room, the read models go on by themselves"))
        }
        "53000" | "53200" | "53400" => {
            later(format!("is short of memory ({says}); the read models go on by themselves"))
        }
        "25006" => Explained::lasting(
            at,
            format!("is a standby or read-only ({says}); name the primary, where read models can be written"),
        ),
        "57P01" | "57P02" | "57P03" | "57P05" => Explained {
            why: format!("is restarting ({says}); the read models go on by themselves"),
            ..Explained::lost(at, "")
        },
        "55P03" => Explained {
            held: true,
            ..later(format!(
                "another session holds the read models and does not let go ({says}): see pg_stat_activity"
            ))
        },
        "57014" => later(format!("took too long ({says})")),
        "40001" | "40P01" => later(format!("another session was in the way ({says})")),
        "42501" => {
            Explained::lasting(at, format!("{says}; docs/postgres.md has the rights that read models need"))
        }
        "42P01" | "3F000" | "42703" => {
            Explained::lasting(at, format!("the read models are not whole ({says}): run `daybook rebuild`"))
        }
        code => Explained::lasting(at, format!("{says} (SQLSTATE {code})")),
    }
}
