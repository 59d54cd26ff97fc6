//! Where a market's stores lie: `sqlite:PATH`, `postgres://...`, `esdb://...` or `memory:`.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use daybook_journal::kurrentdb;

use crate::MarketError;

/// A store named by a URL.
#[derive(Clone, PartialEq, Eq)]
pub enum StoreUrl {
    /// A SQLite file.
    Sqlite(PathBuf),
    /// A database of a PostgreSQL server; the URL may hold a password.
    Postgres(String),
    /// A journal in a KurrentDB (EventStoreDB) cluster; the URL may hold a password.
    Kurrent(String),
    /// Nothing that outlives the process.
    Memory,
}

impl FromStr for StoreUrl {
    type Err = MarketError;

    fn from_str(url: &str) -> Result<Self, MarketError> {
        let wrong = |why: String| Err(MarketError::Url(why));
        match url.split_once(':') {
            Some(("sqlite", "")) => wrong("sqlite: names no file; write sqlite:daybook.db".to_owned()),
            Some(("sqlite", path)) => {
                let path = path.strip_prefix("//").unwrap_or(path);
                Ok(Self::Sqlite(PathBuf::from(path)))
            }
            Some(("memory", "")) => Ok(Self::Memory),
            Some(("postgres" | "postgresql", rest)) if rest.starts_with("//") => {
                Ok(Self::Postgres(url.to_owned()))
            }
            Some((scheme @ ("postgres" | "postgresql"), _)) => {
                wrong(format!("{scheme}: names no server; write {scheme}://USER@HOST/DATABASE"))
            }
            Some((scheme, rest)) if kurrentdb::is_scheme(scheme) && rest.starts_with("//") => {
                Ok(Self::Kurrent(url.to_owned()))
            }
            Some((scheme, _)) if kurrentdb::is_scheme(scheme) => {
                wrong(format!("{scheme}: names no cluster; write {scheme}://USER@HOST:2113"))
            }
            _ => wrong(format!(
                "{url:?} names no store; use sqlite:PATH (such as sqlite:daybook.db), postgres://HOST/DATABASE, \
                 esdb://HOST:2113 or memory:"
            )),
        }
    }
}

impl StoreUrl {
    /// The file beside this one that the market keeps for itself: `daybook.db` -> `daybook.market.db`. Nothing lies
    /// beside a database: where those files go has to be said ([`Options::own`](crate::Options::own)).
    #[must_use]
    pub fn beside(&self, word: &str) -> Self {
        match self {
            Self::Memory | Self::Postgres(_) | Self::Kurrent(_) => Self::Memory,
            Self::Sqlite(path) => Self::Sqlite(beside(path, word)),
        }
    }
}

pub(crate) fn beside(path: &Path, word: &str) -> PathBuf {
    let extension = path.extension().and_then(|e| e.to_str()).unwrap_or("db");
    path.with_extension(format!("{word}.{extension}"))
}

impl std::fmt::Debug for StoreUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Sqlite(path) => f.debug_tuple("Sqlite").field(path).finish(),
            Self::Postgres(_) => f.write_str("Postgres"),
            Self::Kurrent(_) => f.write_str("Kurrent"),
            Self::Memory => f.write_str("Memory"),
        }
    }
}
