//! A payout run: what is available, to each merchant's bank.

use std::collections::{BTreeSet, HashSet};

use chrono::NaiveDate;
use daybook_commands::{Batch, CommandError};
use daybook_domain::account::commands::AccountCommand;
use daybook_domain::{
    BankAccountId, Currency, MerchantId, Money, PartyId, PayoutId, Reference, Rejection, Timestamp,
};
use serde::Serialize;
use uuid::Uuid;

use super::accounts::{Account, Accounts, Purse};
use crate::{AnyCommand, AnyRequest, Market, MarketError};

/// Names the commands of runs: uuid5 of (this, what and payout).
const NAMESPACE: Uuid = Uuid::from_u128(0x6461_7962_6f6f_6b2d_7061_796f_7574_0001);
/// Events of one write.
const BATCH: usize = 4_096;
/// How often what other writers were faster at is tried again.
const TRIES: u32 = 10;
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

impl Run {
    /// The run of a business day for every merchant: a day of its own is paid as it begins, today as it is now.
    ///
    /// # Errors
    /// `payout_day_ahead` for a day that has not come.
    pub fn of(market: &Market, day: NaiveDate) -> Result<Self, MarketError> {
        let calendar = market.calendar()?;
        let now = market.commands().now();
        if calendar.start_of(day) > now {
            let message = format!("{day} has not come: run for a day that has begun");
            return Err(CommandError::Rejected(Rejection::new("payout_day_ahead", message)).into());
        }
        let at = if day == calendar.day(now) { now } else { calendar.start_of(day) };
        Ok(Self { day, at, merchant: None, minimum: None, paid_by: None })
    }
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
        let mut paying = Paying {
            market,
            run,
            batch: market.commands().batch().without_refusals(),
            waiting: Vec::new(),
            counted: HashSet::new(),
            lost: BTreeSet::new(),
            outcome: Outcome::default(),
        };
        let mut again: Option<BTreeSet<Place>> = None;
        for _ in 0..TRIES {
            self.accounts.follow(&**market.journal())?;
            for (merchant, account) in &self.accounts.all {
                if run.merchant.is_some_and(|only| only != *merchant) {
                    continue;
                }
                for (currency, purse) in &account.purses {
                    if again.as_ref().is_none_or(|lost| lost.contains(&(*merchant, *currency))) {
                        paying.account(*merchant, account, *currency, purse)?;
                    }
                }
                if paying.batch.events() >= BATCH {
                    paying.write().await?;
                }
            }
            paying.write().await?;
            let lost = std::mem::take(&mut paying.lost);
            if lost.is_empty() {
                return Ok(paying.outcome);
            }
            again = Some(lost);
        }
        let lost = again.map_or(0, |lost| lost.len());
        let why = format!("{lost} payouts lost against other writers {TRIES} times: run it again");
        Err(MarketError::Unavailable(why))
    }
}

/// One currency of a merchant's account.
type Place = (MerchantId, Currency);

/// What an append that waits in the batch stands for once it is written.
#[derive(Clone, Copy, Debug)]
enum Step {
    Requested(PayoutId, Money),
    Sent,
    Confirmed,
}

/// A run under way.
struct Paying<'a> {
    market: &'a Market,
    run: &'a Run,
    batch: Batch,
    /// What waits in the batch, append by append.
    waiting: Vec<(Place, Step)>,
    /// Payouts counted already: an account may be looked at again.
    counted: HashSet<PayoutId>,
    /// Where another writer was faster.
    lost: BTreeSet<Place>,
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
        let place = (merchant, currency);
        if account.has(payout) {
            self.outcome.already += u64::from(self.counted.insert(payout));
            return self.pay(place, payout);
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
        match self.send(place, payout, Step::Requested(payout, amount), self.run.at, ask) {
            Ok(()) => self.pay(place, payout),
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
    fn pay(&mut self, place: Place, payout: PayoutId) -> Result<(), MarketError> {
        let Some(bank) = self.run.paid_by else { return Ok(()) };
        let provider_ref =
            Reference::new(payout.as_str()).expect("invariant: an id is a reference: both have one alphabet");
        let (at, now) = (self.run.at, self.market.commands().now());
        let steps = [
            (Step::Sent, at, AccountCommand::SendPayout { payout, provider_ref }),
            (
                Step::Confirmed,
                at.plus_days(1).min(now).max(at),
                AccountCommand::ConfirmPayout { payout, bank, fee: None },
            ),
        ];
        for (step, at, command) in steps {
            match self.send(place, payout, step, at, command) {
                Ok(()) => {}
                // it went another way since: that is how it stays
                Err(CommandError::Rejected(_) | CommandError::Reused { .. }) => return Ok(()),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Writes the batch and counts what was written.
    async fn write(&mut self) -> Result<(), MarketError> {
        let waiting = std::mem::take(&mut self.waiting);
        for ((place, step), written) in waiting.into_iter().zip(self.batch.submit().await) {
            match (written, step) {
                (Ok(_), Step::Requested(payout, amount)) => {
                    self.counted.insert(payout);
                    self.outcome.requested += 1;
                    self.outcome.count(amount);
                }
                (Ok(_), Step::Sent) => {}
                (Ok(_), Step::Confirmed) => self.outcome.confirmed += 1,
                (Err(CommandError::Conflict { .. }), _) => {
                    self.lost.insert(place);
                }
                (Err(error), _) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Adds a command of the run.
    fn send(
        &mut self,
        place: Place,
        payout: PayoutId,
        step: Step,
        at: Timestamp,
        command: AccountCommand,
    ) -> Result<(), CommandError> {
        let (merchant, _) = place;
        let what = match step {
            Step::Requested(..) => "request",
            Step::Sent => "send",
            Step::Confirmed => "confirm",
        };
        let id = Uuid::new_v5(&NAMESPACE, format!("{what}/{merchant}/{payout}").as_bytes());
        let actor = PartyId::new("payout-run").expect("invariant: the word is an id");
        let command = AnyCommand::Account { id: merchant, command };
        let request = AnyRequest { occurred_at: Some(at), ..AnyRequest::new(command, id, actor) };
        if !request.add_to(&mut self.batch)?.events.is_empty() {
            self.waiting.push((place, step));
        }
        Ok(())
    }
}
