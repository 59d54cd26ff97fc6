//! A merchant's account read from its stream, without a running market.

use std::ops::ControlFlow;

use daybook_domain::account::MerchantAccount;
use daybook_domain::{Aggregate, Event, MerchantId, Timestamp};
use daybook_journal::Journal;

use crate::MarketError;

/// The account as its events leave it; an empty one where there are none.
///
/// # Errors
/// [`MarketError`] when the journal cannot be read.
pub fn account_of(journal: &dyn Journal, merchant: MerchantId) -> Result<MerchantAccount, MarketError> {
    let mut account = MerchantAccount::named(merchant.as_str());
    let mut broken = None;
    journal.read_stream(&format!("account-{merchant}"), 0, &mut |recorded| match Event::decode(
        recorded.kind,
        recorded.schema,
        recorded.data,
    ) {
        Ok(event) => {
            account.evolve(&event, Timestamp(recorded.occurred_at));
            ControlFlow::Continue(())
        }
        Err(why) => {
            broken = Some(format!("{} at {}: {why}", recorded.kind, recorded.position));
            ControlFlow::Break(())
        }
    })?;
    broken.map_or(Ok(account), |why| Err(MarketError::Unavailable(why)))
}
