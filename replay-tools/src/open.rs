//! Opening what the URLs name.

use std::path::PathBuf;
use std::sync::Arc;

use daybook_api::access::{Access, Settings};
use daybook_api::webhooks::{self, Webhooks};
use daybook_journal::SqliteJournal;
use daybook_market::{Market, Options, StoreUrl};
use daybook_projections::metrics::Sites;
use daybook_projections::{ReadModels, Stage};

use crate::cli::{Global, Url};
use crate::failure::Failure;
use crate::progress::Progress;

impl Global {
    /// Where the read models are: as asked, else beside the journal, where the running market has them too.
    fn read_models_path(&self) -> Result<PathBuf, Failure> {
        if let Some(Url(path)) = &self.read_models {
            return Ok(path.clone());
        }
        match StoreUrl::Sqlite(self.journal.0.clone()).beside("views") {
            StoreUrl::Sqlite(path) => Ok(path),
            StoreUrl::Memory => {
                Err(Failure::Usage("read models need a file: name one with --read-models".to_owned()))
            }
        }
    }

    /// The journal, for reading only: beside a process that writes it, or without one.
    pub fn read_journal(&self) -> Result<SqliteJournal, Failure> {
        self.must_exist()?;
        Ok(SqliteJournal::open_read_only(&self.journal.0)?)
    }

    /// The read models, made or caught up; the journal is only read.
    pub fn read_models(&self) -> Result<ReadModels, Failure> {
        let journal = Arc::new(self.read_journal()?);
        let progress = Progress::new(!self.no_progress, "catching up", 1);
        Ok(ReadModels::open(self.read_models_path()?, journal, &mut told(&progress))?)
    }

    /// The lists by which channels are told, for who must not open the read models: those that are named, else those that the
    /// read models were made with, else the rule's own.
    pub fn sites(&self, named: Option<Sites>) -> Result<Sites, Failure> {
        Ok(match named {
            Some(named) => named,
            None => ReadModels::sites_kept_in(&self.read_models_path()?)?.unwrap_or_default(),
        })
    }

    /// The keys of this journal's market, in a file beside it that is made where there is none.
    pub fn access(&self, settings: Settings) -> Result<Access, Failure> {
        let StoreUrl::Sqlite(path) = StoreUrl::Sqlite(self.journal.0.clone()).beside("access") else {
            return Err(Failure::Usage("keys need a file: name a journal with --journal".to_owned()));
        };
        Ok(Access::open(&path, settings)?)
    }

    /// The webhooks of this journal's market, in a file beside it that is made where there is none.
    pub fn webhooks(&self, options: webhooks::Options) -> Result<Webhooks, Failure> {
        let StoreUrl::Sqlite(path) = StoreUrl::Sqlite(self.journal.0.clone()).beside("webhooks") else {
            return Err(Failure::Usage("webhooks need a file: name a journal with --journal".to_owned()));
        };
        Webhooks::open(Some(&path), options).map_err(|error| Failure::Unavailable(error.to_string()))
    }

    /// The running market; makes the journal when there is none, and keeps a second writer out.
    pub fn market(&self) -> Result<Market, Failure> {
        self.market_with(Options::default())
    }

    /// The same with these options.
    pub fn market_with(&self, options: Options) -> Result<Market, Failure> {
        Ok(Market::open(&self.journal.to_string(), options)?)
    }

    /// The read models of a market that this process runs, made or caught up.
    pub fn read_models_of(&self, market: &Market) -> Result<ReadModels, Failure> {
        let progress = Progress::new(!self.no_progress, "catching up", 1);
        let journal = Arc::clone(market.journal());
        Ok(ReadModels::open(self.read_models_path()?, journal, &mut told(&progress))?)
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
        let path = &self.journal.0;
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
