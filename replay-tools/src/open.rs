//! Opening what the URLs name.

use std::path::PathBuf;
use std::sync::Arc;

use daybook_api::access::{Access, Settings};
use daybook_api::webhooks::{self, Webhooks};
use daybook_journal::{Journal, PostgresJournal, SqliteJournal, kurrentdb};
use daybook_market::{Market, Options, StoreUrl};
use daybook_projections::metrics::Sites;
use daybook_projections::{Place, ReadModels, Stage};

use crate::cli::{Global, Url};
use crate::failure::Failure;
use crate::progress::Progress;

impl Global {
    /// The file beside which this market's other files lie: the journal, or, where that is a database, `daybook.db` in the
    /// folder that is named for them, or what the read models are named after (`daybook.views.db`: `daybook.db`).
    pub fn file(&self) -> Result<PathBuf, Failure> {
        if let (Url::Postgres(_) | Url::Kurrent(_), Some(folder)) = (&self.journal, &self.files) {
            return match folder.is_dir() {
                true => Ok(folder.join("daybook.db")),
                false => {
                    Err(Failure::Usage(format!("--files {}: there is no such folder", folder.display())))
                }
            };
        }
        match (&self.journal, &self.read_models) {
            (Url::Sqlite(_), _) if self.files.is_some() => Err(Failure::Usage(
                "--files is for a journal in a database: beside a file the market's other files lie as they are".to_owned(),
            )),
            (Url::Sqlite(path), _) => Ok(path.clone()),
            (Url::Postgres(_) | Url::Kurrent(_), Some(Url::Postgres(_) | Url::Kurrent(_))) => {
                Ok(PathBuf::from("daybook.db"))
            }
            (Url::Postgres(_) | Url::Kurrent(_), Some(Url::Sqlite(models))) => {
                let views = models.file_stem().map(std::path::Path::new);
                let plain = views.filter(|name| name.extension().is_some_and(|word| word == "views"));
                Ok(match (plain, models.extension()) {
                    (Some(name), Some(extension)) => models.with_file_name(name.with_extension(extension)),
                    _ => models.clone(),
                })
            }
            (Url::Postgres(_) | Url::Kurrent(_), None) => Err(Failure::Usage(
                "a journal in a database leaves open where the read models and the market's own files lie: name a file \
                 with --read-models, such as --read-models sqlite:daybook.views.db, or a database (--read-models \
                 postgres://USER@HOST/DATABASE) and a folder with --files"
                    .to_owned(),
            )),
        }
    }

    /// The journal's file, for what only a file can give.
    pub fn journal_file(&self, cure: &str) -> Result<&std::path::Path, Failure> {
        match &self.journal {
            Url::Sqlite(path) => Ok(path),
            Url::Postgres(_) | Url::Kurrent(_) => Err(Failure::Usage(format!(
                "{} is a database, and this works on a file: {cure}",
                self.journal
            ))),
        }
    }

    /// Where the read models are: as asked, else beside the journal, where the running market has them too.
    fn read_models_place(&self) -> Result<Place, Failure> {
        match &self.read_models {
            Some(Url::Sqlite(path)) => Ok(path.into()),
            Some(Url::Postgres(url)) => Ok(Place::Database(url.clone())),
            Some(url @ Url::Kurrent(_)) => Err(Failure::Usage(format!(
                "--read-models {url}: they lie in a file or in PostgreSQL: write sqlite:PATH or postgres://USER@HOST/DATABASE"
            ))),
            None => Ok(self.beside("views")?.into()),
        }
    }

    /// A file of this market by its word: `daybook.db` -> `daybook.views.db`.
    fn beside(&self, word: &str) -> Result<PathBuf, Failure> {
        match StoreUrl::Sqlite(self.file()?).beside(word) {
            StoreUrl::Sqlite(path) => Ok(path),
            StoreUrl::Memory | StoreUrl::Postgres(_) | StoreUrl::Kurrent(_) => {
                Err(Failure::Usage("this needs a file: name a journal with --journal".to_owned()))
            }
        }
    }

    /// The journal, for reading only: beside a process that writes it, or without one.
    pub fn read_journal(&self) -> Result<Arc<dyn Journal>, Failure> {
        Ok(match &self.journal {
            Url::Sqlite(path) => {
                self.must_exist()?;
                Arc::new(SqliteJournal::open_read_only(path)?)
            }
            Url::Postgres(url) => Arc::new(PostgresJournal::open_read_only(url)?),
            Url::Kurrent(url) => kurrentdb::open_read_only(url)?,
        })
    }

    /// The read models, made or caught up; the journal is only read.
    pub fn read_models(&self) -> Result<ReadModels, Failure> {
        let journal = self.read_journal()?;
        let progress = Progress::new(!self.no_progress, "catching up", 1);
        Ok(ReadModels::open(self.read_models_place()?, journal, &mut told(&progress))?)
    }

    /// The lists by which channels are told, for who must not open the read models: those that are named, else those that the
    /// read models were made with, else the rule's own.
    pub fn sites(&self, named: Option<Sites>) -> Result<Sites, Failure> {
        Ok(match named {
            Some(named) => named,
            None => ReadModels::sites_kept_in(self.read_models_place()?)?.unwrap_or_default(),
        })
    }

    /// The keys of this journal's market, in a file beside it that is made where there is none.
    pub fn access(&self, settings: Settings) -> Result<Access, Failure> {
        Ok(Access::open(&self.beside("access")?, settings)?)
    }

    /// The webhooks of this journal's market, in a file beside it that is made where there is none.
    pub fn webhooks(&self, options: webhooks::Options) -> Result<Webhooks, Failure> {
        Webhooks::open(Some(&self.beside("webhooks")?), options)
            .map_err(|error| Failure::Unavailable(error.to_string()))
    }

    /// The running market; makes the journal when there is none, and keeps a second writer out.
    pub fn market(&self) -> Result<Market, Failure> {
        self.market_with(Options::default())
    }

    /// The same with these options.
    pub fn market_with(&self, options: Options) -> Result<Market, Failure> {
        let own = Some(self.file()?);
        Ok(Market::open(&self.journal.to_open(), Options { own, ..options })?)
    }

    /// The read models of a market that this process runs, made or caught up.
    pub fn read_models_of(&self, market: &Market) -> Result<ReadModels, Failure> {
        let progress = Progress::new(!self.no_progress, "catching up", 1);
        let journal = Arc::clone(market.journal());
        Ok(ReadModels::open(self.read_models_place()?, journal, &mut told(&progress))?)
    }

    /// What drives asynchronous work.
    pub fn runtime(&self) -> Result<tokio::runtime::Runtime, Failure> {
        tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .map_err(|error| Failure::Unavailable(format!("cannot start threads: {error}")))
    }

    /// Says how to make a journal when there is none.
    pub fn must_exist(&self) -> Result<(), Failure> {
        let path = match &self.journal {
            Url::Sqlite(path) => path,
            Url::Postgres(url) => {
                PostgresJournal::open_read_only(url)?;
                return Ok(());
            }
            Url::Kurrent(url) => {
                kurrentdb::open_read_only(url)?;
                return Ok(());
            }
        };
        if path.exists() {
            return Ok(());
        }
        Err(Failure::Unavailable(format!(
            "there is no journal at {}: make one with `daybook demo` or `daybook import olist DIR`, or name another \
             with --journal",
            path.display()
        )))
    }
}

/// What positions of a journal count.
pub fn unit(journal: &dyn Journal) -> &'static str {
    if journal.dense() { "events" } else { "positions" }
}

/// Shows how far a job of the read models has come.
pub fn told(progress: &Progress) -> impl FnMut(daybook_projections::Progress) + '_ {
    |at| {
        progress.phase(match at.stage {
            Stage::Folding => "folding events",
            Stage::Writing => "writing rows",
        });
        progress.total(at.total);
        progress.set(at.done);
    }
}
