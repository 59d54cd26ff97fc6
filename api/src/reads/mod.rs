//! Reads: from the read models, as they stand or as of a moment.

mod orders;

use daybook_domain::Timestamp;
use daybook_projections::AsOf;
use serde::Deserialize;

use crate::endpoint::Endpoint;
use crate::problem::Problem;

pub(crate) fn endpoints() -> Vec<Endpoint> {
    orders::endpoints()
}

/// The moment that a read is asked for.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Moment {
    as_of: Option<String>,
}

impl Moment {
    /// The cut that answers it.
    pub fn cut(&self) -> Result<AsOf, Problem> {
        let Some(text) = &self.as_of else { return Ok(AsOf::HEAD) };
        // a plus sign stands for a space in a query: take it back, times have none
        let at = Timestamp::parse(&text.replace(' ', "+")).map_err(|e| Problem::bad("as_of", e))?;
        Ok(AsOf::business(at.0))
    }
}
