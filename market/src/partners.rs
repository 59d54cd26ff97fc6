//! What campaigns owe partners, and advertising channels. A commission is paid through its campaign, which knows what it
//! owes; a bill of an advertising channel through the books, which know no campaign. So that nobody is paid twice for one thing,
//! whoever settles a payable of a partner is let pay what was spent with it as a channel, and no more.

use std::ops::ControlFlow;

use ahash::HashMap;
use daybook_commands::CommandError;
use daybook_domain::books::commands::BooksCommand;
use daybook_domain::campaign::events::FundedBy;
use daybook_domain::{Code, Currency, Event, EventKind, Money, Rejection};
use daybook_journal::{Filter, Position};
use tokio::sync::MutexGuard;

use crate::{AnyCommand, AnyRequest, Market, MarketError};

/// What says something of payables.
const KINDS: [EventKind; 3] =
    [EventKind::CampaignSpendRecorded, EventKind::AffiliateCommissionAccrued, EventKind::PayableSettled];

/// Payables up to a position of the journal, by who is owed.
#[derive(Debug, Default)]
pub(crate) struct Payables {
    through: Position,
    of: HashMap<(Code, Currency), Payable>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Payable {
    /// Whether a campaign ever accrued a commission.
    partner: bool,
    /// What campaigns spent and the books have not paid, minor units.
    bills: i64,
}

impl Market {
    /// Refuses to settle with a partner what its campaigns are to pay. What comes back is held until it is recorded.
    pub(crate) async fn is_no_commission(
        &self,
        request: &AnyRequest,
    ) -> Result<Option<MutexGuard<'_, Payables>>, MarketError> {
        let AnyCommand::Books { command: BooksCommand::SettlePayable { channel, amount, .. }, .. } =
            &request.command
        else {
            return Ok(None);
        };
        let mut payables = self.payables.lock().await;
        payables.catch_up(self)?;
        let of = payables.of.get(&(*channel, amount.currency)).copied().unwrap_or_default();
        // what was written before is answered as it was
        if of.partner && amount.minor > of.bills && !request.taken(&self.commands)? {
            let bills = Money::new(of.bills.max(0), amount.currency);
            let message = format!(
                "amount is {amount}, and {channel} is a partner whose recorded spend comes to {bills} unpaid: what campaigns owe \
                 it in commission is paid by pay_commission of the campaign"
            );
            let rejection = Rejection::new("more_than_owed", message);
            request.keep_refusal(&self.commands, &rejection);
            return Err(CommandError::Rejected(rejection).into());
        }
        Ok(Some(payables))
    }
}

impl Payables {
    fn catch_up(&mut self, market: &Market) -> Result<(), MarketError> {
        let kinds = KINDS.map(|kind| kind.as_str().into());
        let filter = Filter { kinds: Some(kinds.into()), categories: None };
        let (of, mut broken) = (&mut self.of, None);
        let mut change = |who: Code, amount: Money, sign: i64| {
            let payable: &mut Payable = of.entry((who, amount.currency)).or_default();
            payable.bills = payable.bills.saturating_add(amount.minor.saturating_mul(sign));
            payable.partner |= sign == 0;
        };
        let scanned = market.journal().scan(self.through, None, &filter, &mut |recorded| {
            match Event::decode(recorded.kind, recorded.schema, recorded.data) {
                Ok(Event::CampaignSpendRecorded(e)) if e.funded_by == FundedBy::Market => {
                    change(e.channel, e.amount, 1);
                }
                Ok(Event::PayableSettled(e)) => change(e.channel, e.amount, -1),
                Ok(Event::AffiliateCommissionAccrued(e)) if e.funded_by == FundedBy::Market => {
                    change(e.partner, e.amount, 0);
                }
                Ok(_) => {}
                Err(error) => {
                    broken = Some(format!("{} at {}: {error}", recorded.stream, recorded.position));
                    return ControlFlow::Break(());
                }
            }
            ControlFlow::Continue(())
        })?;
        match broken {
            Some(why) => Err(MarketError::Unavailable(why)),
            None => {
                self.through = scanned.through;
                Ok(())
            }
        }
    }
}
