//! Where a market's stores lie: `sqlite:PATH`, `postgres://...` or `memory:`.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use crate::MarketError;

/// A store named by a URL.
#[derive(Clone, PartialEq, Eq)]
pub enum StoreUrl {
    /// A SQLite file.
    Sqlite(PathBuf),
    /// A database of a PostgreSQL server; the URL may hold a password.
    Postgres(String),
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
            Some((scheme @ ("esdb" | "kurrentdb"), _)) => wrong(format!(
                "{scheme}: is not built into this version; use sqlite:PATH, postgres://HOST/DATABASE or memory:"
            )),
            _ => wrong(format!(
                "{url:?} names no store; use sqlite:PATH (such as sqlite:daybook.db), postgres://HOST/DATABASE or \
                 memory:"
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
            Self::Memory | Self::Postgres(_) => Self::Memory,
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
            Self::Memory => f.write_str("Memory"),
        }
    }
}
