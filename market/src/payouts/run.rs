//! A payout run: what is available, to each merchant's bank.

use chrono::NaiveDate;
use daybook_commands::{Batch, CommandError};
use daybook_domain::account::commands::AccountCommand;
use daybook_domain::{BankAccountId, Currency, MerchantId, Money, PartyId, PayoutId, Reference, Timestamp};
use serde::Serialize;
use uuid::Uuid;

use super::accounts::{Account, Accounts, Purse};
use crate::{AnyCommand, AnyRequest, Market, MarketError};

/// Names the commands of runs: uuid5 of (this, what and payout).
const NAMESPACE: Uuid = Uuid::from_u128(0x6461_7962_6f6f_6b2d_7061_796f_7574_0001);
/// Events of one write.
const BATCH: usize = 4_096;
/// Accounts listed with the reason why nothing was paid; the others are counted.
const LISTED: usize = 1_000;

/// What a run is to do.
#[derive(Clone, Copy, Debug)]
pub struct Run {
    /// The business day that its payouts are named after.
    pub day: NaiveDate,
    /// When they are asked for: what is available then is paid.
    pub at: Timestamp,
    /// Only this merchant.
    pub merchant: Option<MerchantId>,
    /// Leave what is below this, in its currency, beside what contracts say.
    pub minimum: Option<Money>,
    /// The bank that paid them: sent and confirmed within the run. For history; else the bank says so later.
    pub paid_by: Option<BankAccountId>,
}

/// An account that was not paid, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HeldBack {
    /// Whose.
    pub merchant: MerchantId,
    /// What would have been paid.
    pub amount: Money,
    /// A stable word, such as `destination_blocked`.
    pub code: &'static str,
    /// What is wrong and how to cure it.
    pub reason: String,
}

/// What a run did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Outcome {
    /// Payouts asked for now.
    pub requested: u64,
    /// What they come to, by currency.
    pub amounts: Vec<Money>,
    /// Payouts recorded as confirmed now.
    pub confirmed: u64,
    /// Payouts of this day that were there already.
    pub already: u64,
    /// Accounts with less than their minimum.
    pub below_minimum: u64,
    /// Accounts that could not be paid.
    pub held_back: u64,
    /// The first of them, with the reason.
    pub reasons: Vec<HeldBack>,
}

impl Outcome {
    /// With what another run did.
    pub fn add(&mut self, other: Self) {
        self.requested += other.requested;
        self.confirmed += other.confirmed;
        self.already += other.already;
        self.below_minimum += other.below_minimum;
        self.held_back += other.held_back;
        for amount in other.amounts {
            self.count(amount);
        }
        let room = LISTED.saturating_sub(self.reasons.len());
        self.reasons.extend(other.reasons.into_iter().take(room));
    }

    fn count(&mut self, amount: Money) {
        match self.amounts.iter_mut().find(|sum| sum.currency == amount.currency) {
            Some(sum) => sum.minor = sum.minor.saturating_add(amount.minor),
            None => self.amounts.push(amount),
        }
    }

    fn hold_back(&mut self, merchant: MerchantId, amount: Money, code: &'static str, reason: String) {
        self.held_back += 1;
        if self.reasons.len() < LISTED {
            self.reasons.push(HeldBack { merchant, amount, code, reason });
        }
    }
}

/// The id of a run's payout: `merchant.day.currency`, or a UUID derived from that where it is too long for an id.
fn payout_id(merchant: MerchantId, day: NaiveDate, currency: Currency) -> PayoutId {
    let text = format!("{merchant}.{day}.{currency}");
    PayoutId::new(&text).unwrap_or_else(|_| {
        let id = Uuid::new_v5(&NAMESPACE, text.as_bytes());
        PayoutId::new(&id.to_string()).expect("invariant: a UUID is an id")
    })
}

/// Payout runs on one market. Kept between runs, it reads on from where the last one read to.
#[derive(Debug, Default)]
pub struct Runs {
    accounts: Accounts,
}

impl Runs {
    /// Asks for the payouts of a day, and, where the run says which bank paid them, records that they were sent and
    /// confirmed a day later. Payouts of the day that are there already are left as they are.
    ///
    /// # Errors
    /// [`MarketError`] when journal or market cannot be used; what was written until then stays, and the same run
    /// goes on from there.
    pub async fn run(&mut self, market: &Market, run: &Run) -> Result<Outcome, MarketError> {
        market.begin().await?;
        self.accounts.follow(&**market.journal())?;
        let mut paying = Paying {
            market,
            run,
            batch: market.commands().batch().without_refusals(),
            outcome: Outcome::default(),
        };
        for (merchant, account) in &self.accounts.all {
            if run.merchant.is_some_and(|only| only != *merchant) {
                continue;
            }
            for (currency, purse) in &account.purses {
                paying.account(*merchant, account, *currency, purse)?;
            }
            if paying.batch.events() >= BATCH {
                paying.batch.commit().await?;
            }
        }
        paying.batch.commit().await?;
        Ok(paying.outcome)
    }
}

/// A run under way.
struct Paying<'a> {
    market: &'a Market,
    run: &'a Run,
    batch: Batch,
    outcome: Outcome,
}

impl Paying<'_> {
    fn account(
        &mut self,
        merchant: MerchantId,
        account: &Account,
        currency: Currency,
        purse: &Purse,
    ) -> Result<(), MarketError> {
        let payout = payout_id(merchant, self.run.day, currency);
        if account.has(payout) {
            self.outcome.already += 1;
            return self.pay(merchant, payout);
        }
        if purse.stays(self.run.at, 0) <= 0 {
            return Ok(());
        }
        let pending = self.market.commands().pending(merchant, currency).map_or(0, |p| p.minor);
        let amount = Money::new(purse.stays(self.run.at, pending), currency);
        let minimum = self.run.minimum.filter(|minimum| minimum.currency == currency);
        if amount.minor <= 0 || minimum.is_some_and(|minimum| amount.minor < minimum.minor) {
            self.outcome.below_minimum += 1;
            return Ok(());
        }
        let Some(to) = account.destination(merchant, currency) else {
            let why = "no destination can be named after the merchant: request its first payout by hand";
            self.outcome.hold_back(merchant, amount, "destination_unknown", why.to_owned());
            return Ok(());
        };
        if account.is_blocked(to) {
            let why =
                format!("a payout to {to} came back: check it and unblock it, or pay to another by hand");
            self.outcome.hold_back(merchant, amount, "destination_blocked", why);
            return Ok(());
        }
        let ask = AccountCommand::RequestPayout { payout, amount, destination_ref: to };
        match self.send(merchant, payout, "request", self.run.at, ask) {
            Ok(_) => {
                self.outcome.requested += 1;
                self.outcome.count(amount);
                self.pay(merchant, payout)
            }
            Err(CommandError::Rejected(no)) if no.code == "payout_below_minimum" => {
                self.outcome.below_minimum += 1;
                Ok(())
            }
            Err(CommandError::Rejected(no)) => {
                self.outcome.hold_back(merchant, amount, no.code, no.message.into_owned());
                Ok(())
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Records that the bank took and paid it, where the run says so.
    fn pay(&mut self, merchant: MerchantId, payout: PayoutId) -> Result<(), MarketError> {
        let Some(bank) = self.run.paid_by else { return Ok(()) };
        let provider_ref =
            Reference::new(payout.as_str()).expect("invariant: an id is a reference: both have one alphabet");
        let (at, now) = (self.run.at, self.market.commands().now());
        let steps = [
            ("send", at, AccountCommand::SendPayout { payout, provider_ref }),
            (
                "confirm",
                at.plus_days(1).min(now).max(at),
                AccountCommand::ConfirmPayout { payout, bank, fee: None },
            ),
        ];
        let mut new = false;
        for (what, at, command) in steps {
            match self.send(merchant, payout, what, at, command) {
                Ok(did) => new = did,
                // it went another way since: that is how it stays
                Err(CommandError::Rejected(_) | CommandError::Reused { .. }) => return Ok(()),
                Err(error) => return Err(error.into()),
            }
        }
        self.outcome.confirmed += u64::from(new);
        Ok(())
    }

    /// Adds a command of the run; whether it does anything.
    fn send(
        &mut self,
        merchant: MerchantId,
        payout: PayoutId,
        what: &str,
        at: Timestamp,
        command: AccountCommand,
    ) -> Result<bool, CommandError> {
        let id = Uuid::new_v5(&NAMESPACE, format!("{what}/{merchant}/{payout}").as_bytes());
        let actor = PartyId::new("payout-run").expect("invariant: the word is an id");
        let command = AnyCommand::Account { id: merchant, command };
        let request = AnyRequest { occurred_at: Some(at), ..AnyRequest::new(command, id, actor) };
        Ok(!request.add_to(&mut self.batch)?.events.is_empty())
    }
}
