//! A merchant's account read from its stream, without a running market.

use daybook_domain::account::MerchantAccount;
use daybook_domain::{Aggregate, MerchantId, Timestamp};
use daybook_journal::Journal;

use crate::MarketError;
use crate::stream::visit;

/// The account as its events leave it; an empty one where there are none.
///
/// # Errors
/// [`MarketError`] when the journal cannot be read.
pub fn account_of(journal: &dyn Journal, merchant: MerchantId) -> Result<MerchantAccount, MarketError> {
    let mut account = MerchantAccount::named(merchant.as_str());
    visit(journal, &format!("account-{merchant}"), &mut |event, recorded| {
        account.evolve(&event, Timestamp(recorded.occurred_at));
    })?;
    Ok(account)
}
