//! Reads: from the read models, as they stand or as of a moment.
//!
//! Shape: a read is [`About`](build::About) (where it is, who may, what is said) and a function from a
//! [`Question`](question::Question) to rows or to one thing; [`build`] makes the endpoint of them. What every read does
//! the same way stands there: parameters nobody knows are refused, a merchant's key sees what is its own, lists go page
//! by page, rows are JSON or CSV, what looks at much waits for its turn ([`heavy`]). The schemas of answers come from the columns of the rows ([`schema`]), so what is
//! added to a row is in the document.

mod audit;
mod books;
mod build;
mod cursor;
mod deep;
mod heavy;
mod leads;
mod merchants;
mod metrics;
mod orders;
mod payouts;
mod question;
mod reconciliation;
mod represent;
mod runs;
mod schema;
mod settlements;
mod statements;

pub(crate) use deep::{Answers, kept_turns};
pub(crate) use heavy::turns;
pub(crate) use represent::wanted;

use crate::endpoint::Endpoint;

pub(crate) fn endpoints() -> Vec<Endpoint> {
    let parts = [
        orders::endpoints(),
        leads::endpoints(),
        merchants::endpoints(),
        settlements::endpoints(),
        payouts::endpoints(),
        books::endpoints(),
        metrics::endpoints(),
        reconciliation::endpoints(),
        audit::endpoints(),
        statements::endpoints(),
        runs::endpoints(),
    ];
    parts.into_iter().flatten().collect()
}
