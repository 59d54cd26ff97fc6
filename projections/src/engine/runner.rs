//! One model, whatever its row type: what the engine asks of a table.

use std::any::Any;
use std::sync::Arc;

use super::error::ReadModelError;
use super::sql::Statements;
use super::store::{Db, Pg};
use crate::digest::TableDigest;
use crate::metrics::Sites;
use crate::model::{Cut, Envelope, Keys, KindSet};
use crate::queries::RowVisit;
use crate::record::Column;
use crate::world::World;

/// What becomes of child rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Children {
    /// They are written.
    Write,
    /// They stay in memory, to be asked for.
    Keep,
    /// They are hashed and dropped.
    Hash,
}

/// A piece of writing, done on the thread that owns the connection.
pub(crate) type Job = Box<dyn FnOnce(&mut Writer<'_>) -> Result<(), ReadModelError> + Send>;

/// A connection in a transaction, committed and begun anew every so many rows: other writers of the same file
/// wait no longer than that takes.
pub(crate) struct Writer<'c> {
    pub(crate) db: &'c Db,
    every: u64,
    rows: u64,
}

impl<'c> Writer<'c> {
    /// Begins. `every` is the most rows of one transaction.
    pub(crate) fn begin(db: &'c Db, every: u64) -> Result<Self, ReadModelError> {
        db.begin_beside()?;
        Ok(Self { db, every, rows: 0 })
    }
    /// Counts a row written.
    pub(crate) fn wrote(&mut self) -> Result<(), ReadModelError> {
        self.rows += 1;
        if self.rows.is_multiple_of(self.every) {
            self.db.commit()?;
            self.db.begin_beside()?;
        }
        Ok(())
    }
    /// Ends.
    pub(crate) fn commit(self) -> Result<(), ReadModelError> {
        Ok(self.db.commit()?)
    }
}

/// One model.
pub(crate) trait Runner: Any + Send + Sync {
    /// The name of the model: that of its table.
    fn name(&self) -> &'static str;
    /// Its tables.
    fn tables(&self) -> Vec<&'static str>;
    /// Its tables in the generation it is attached to.
    fn stored_tables(&self) -> Vec<String>;
    /// Its tables with their columns.
    fn columns(&self) -> Vec<(&'static str, &'static [Column])>;
    /// Its views with their columns: those of child rows begin with their parent's key.
    fn viewed(&self) -> Vec<(&'static str, Vec<Column>)>;
    /// Version of its layout and folds.
    fn version(&self) -> u32;
    /// The event types it looks at.
    fn kinds(&self) -> KindSet;
    /// Whether it follows apart from the others, at a position of its own: models of money neither wait for those that
    /// look at traffic, nor stop where a hit cannot be read.
    fn apart(&self) -> bool {
        self.kinds().iter().any(|kind| KindSet::TRAFFIC.has(kind))
    }
    /// The model whose rows it tallies.
    fn tallies(&self) -> Option<&'static str>;
    /// What "as of a business time" means for it.
    fn cut(&self) -> Cut;
    /// Its SQL in the generation it is attached to.
    fn statements(&self) -> &Statements;
    /// Names the lists by which channels are told in what is made from here on.
    fn tell(&mut self, _: &Arc<Sites>) {}
    /// Whether the tables that it is attached to were made with these lists; where none are named, with any of this rule.
    fn is_made_with(&self, _: Option<&Sites>) -> bool {
        true
    }
    /// Goes on with the tables of this generation, nothing of them in memory.
    fn attach(&mut self, generation: u32, db: Option<&Db>) -> Result<(), ReadModelError>;
    /// Folds one event. Rows that are not in memory are loaded from `db` where there is one.
    fn apply<'e>(
        &mut self,
        e: &'e Envelope<'e>,
        world: &World,
        keys: &mut Keys<'e>,
        db: Option<&Db>,
    ) -> Result<(), ReadModelError>;
    /// Notes the rows that an event will touch, for [`load_foreseen`](Self::load_foreseen).
    fn foresee<'e>(&mut self, _: &'e Envelope<'e>, _: &mut Keys<'e>) {}
    /// Loads them together.
    fn load_foreseen(&mut self, _: &Pg) -> Result<(), ReadModelError> {
        Ok(())
    }
    /// Writes what has changed; returns the number of rows.
    fn flush(&mut self, db: &Db) -> Result<u64, ReadModelError>;
    /// Forgets what is in memory when that is more than `most` rows, or when `most` is zero.
    fn trim(&mut self, most: usize);
    /// Bytes of memory that its rows take, about.
    fn bytes(&self) -> usize;
    /// Child rows that wait, as a piece of writing, when there are at least `least`.
    fn take_children(&mut self, least: usize) -> Option<Job>;
    /// All rows, as a piece of writing.
    fn take_rows(&mut self) -> Job;
    /// Visits the rows in memory of one of its tables, in order of creation; of child rows those that were kept, each
    /// after its parent's key.
    fn visit_rows(&self, table: &str, visit: RowVisit<'_>);
    /// Digests of what is in memory.
    fn digests(&self) -> Vec<TableDigest>;
    /// Digests of what is stored.
    fn stored_digests(&self, db: &Db) -> Result<Vec<TableDigest>, ReadModelError>;
    /// One that folds a later stretch of the journal on a thread of its own, to be [joined](Self::join); none of a model
    /// whose rows depend on what came before, the world included.
    fn later(&self) -> Option<Box<dyn Runner>> {
        None
    }
    /// Takes what [`later`](Self::later)'s one folded, which began where this ended.
    fn join(&mut self, _: Box<dyn Runner>) {}
    /// For a caller that knows the model.
    fn as_any(&self) -> &dyn Any;
}
