//! The run that closes settlements.
//!
//! One run is for one business day. It releases the reserves that are due by then, charges the platform fees of the
//! periods that have ended, and closes a settlement for every account with something to settle: lines booked before
//! its cut, or a debt that what is available can pay. What each act says, and when it happened, follows from the day
//! alone (the day's first instant, a reserve's due time, the last instant of a fee's period), and its command id from
//! what it is about; so a run that was stopped anywhere goes on when it is run again, and one that is complete adds
//! nothing. A line that is written to the journal after an account was settled up to a day waits for the next cut,
//! even if it is booked before that day.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use daybook_commands::{Batch, CommandError};
use daybook_domain::account::MerchantAccount;
use daybook_domain::account::commands::AccountCommand;
use daybook_domain::account::lines::{Bounds, figures};
use daybook_domain::merchant::Merchant;
use daybook_domain::{Currency, Event, MerchantId, Money, PartyId, Rejection, SettlementId, Timestamp};
use daybook_projections::ReadModels;
use serde::Serialize;
use uuid::Uuid;

use super::cycle::{Due, last_due};
use super::source::{FromModels, OpenAccount, Source};
use crate::{AnyCommand, AnyRequest, Calendar, Market, MarketError};

/// Names the commands of runs: uuid5 of this and what they are about.
const NAMESPACE: Uuid = Uuid::from_u128(0x6461_7962_6f6f_6b2d_7365_7474_6c65_0001);
/// Appends written together.
const BATCH: usize = 512;
/// How often what other writers were faster at is tried again.
const TRIES: u32 = 10;

/// Up to where accounts are settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// Everything booked before this business day, whatever was agreed.
    Before(NaiveDate),
    /// Each merchant as its contract says, as of this business day; those without a contract are left out.
    ByContract(NaiveDate),
}

impl Cut {
    /// The business day of the run.
    #[must_use]
    pub const fn day(self) -> NaiveDate {
        match self {
            Self::Before(day) | Self::ByContract(day) => day,
        }
    }
}

/// Something that a run asked for and was refused; the run went on without it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Refused {
    /// Whose account.
    pub merchant: MerchantId,
    /// The code of the rejection.
    pub code: &'static str,
    /// Why, and what to do.
    pub reason: String,
}

/// What a run did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Ran {
    /// Settlements closed.
    pub settlements: u64,
    /// Lines they took.
    pub lines: u64,
    /// Their totals without what was carried in, by currency: the sum of their lines, minor units.
    #[serde(serialize_with = "as_money")]
    pub settled: BTreeMap<Currency, i64>,
    /// Reserves released.
    pub reserves: u64,
    /// Platform fees charged.
    pub fees: u64,
    /// What was refused.
    pub refused: Vec<Refused>,
}

fn as_money<S: serde::Serializer>(sums: &BTreeMap<Currency, i64>, to: S) -> Result<S::Ok, S::Error> {
    to.collect_seq(sums.iter().map(|(currency, minor)| Money::new(*minor, *currency)))
}

impl Ran {
    /// Takes in what another run did.
    pub fn add(&mut self, other: Self) {
        self.settlements += other.settlements;
        self.lines += other.lines;
        for (currency, minor) in other.settled {
            let sum = self.settled.entry(currency).or_default();
            *sum = sum.saturating_add(minor);
        }
        self.reserves += other.reserves;
        self.fees += other.fees;
        self.refused.extend(other.refused);
    }

    fn count(&mut self, events: &[Event]) {
        for event in events {
            match event {
                Event::SettlementClosed(e) => {
                    self.settlements += 1;
                    self.lines += e.lines;
                    let sum = self.settled.entry(e.currency).or_default();
                    *sum = sum.saturating_add(e.total.minor.saturating_sub(e.carried_in.minor));
                }
                Event::ReserveReleased(_) => self.reserves += 1,
                Event::PlatformFeeCharged(_) => self.fees += 1,
                _ => {}
            }
        }
    }
}

/// The id of a merchant's settlement up to a day: `merchant.2018-05-01`, the currency behind it where it is not the
/// market's first; a UUID derived from that where it is too long for an id.
#[must_use]
pub fn settlement_id(
    merchant: MerchantId,
    until: NaiveDate,
    currency: Currency,
    first: Currency,
) -> SettlementId {
    let behind = if currency == first { String::new() } else { format!(".{currency}") };
    let text = format!("{merchant}.{until}{behind}");
    SettlementId::new(&text).unwrap_or_else(|_| {
        SettlementId::new(&Uuid::new_v5(&NAMESPACE, text.as_bytes()).to_string())
            .expect("invariant: a UUID is an id")
    })
}

impl Market {
    /// Settles accounts up to a business day: all of them, or one merchant's. The read models say where to look;
    /// they are brought up to the journal's head first.
    ///
    /// # Errors
    /// `settlement_cut_ahead` for a day that has not come, `merchant_unknown`; [`MarketError::Unavailable`] when the
    /// read models or the journal cannot be used. What one merchant's account refuses is in the result.
    pub async fn settle(
        &self,
        models: &ReadModels,
        cut: Cut,
        merchant: Option<MerchantId>,
    ) -> Result<Ran, MarketError> {
        self.settle_from(&mut FromModels(models), cut, merchant).await
    }

    pub(crate) async fn settle_from(
        &self,
        source: &mut dyn Source,
        cut: Cut,
        merchant: Option<MerchantId>,
    ) -> Result<Ran, MarketError> {
        self.may_settle(cut, merchant)?;
        let (calendar, first) = self.business()?;
        let mut tries = 0;
        let mut ran = Ran::default();
        loop {
            let batch = self.commands.batch();
            let mut run = Run {
                market: self,
                calendar,
                first,
                cut,
                merchant,
                batch,
                waiting: Vec::new(),
                lost: 0,
                ran,
            };
            run.go(source).await?;
            let lost = run.lost;
            ran = run.ran;
            if lost == 0 {
                return Ok(ran);
            }
            tries += 1;
            if tries == TRIES {
                let why =
                    format!("{lost} settlements lost against other writers {TRIES} times: run it again");
                return Err(MarketError::Unavailable(why));
            }
            ran.refused.clear();
        }
    }

    /// The market's business days, and its first currency.
    pub(crate) fn business(&self) -> Result<(Calendar, Currency), MarketError> {
        type Settings = daybook_domain::books::Market;
        let (zone, first) = self.commands.look(self.id(), |market: &Settings| {
            (market.time_zone(), market.currencies().first().copied())
        })?;
        let calendar = zone.and_then(|zone| Calendar::of(zone.as_str()).ok());
        calendar.zip(first).ok_or_else(|| {
            let message = "the market is not open: open it, or import into it, before anything is settled";
            CommandError::Rejected(Rejection::new("market_not_open", message)).into()
        })
    }

    /// The business day it is now.
    ///
    /// # Errors
    /// `market_not_open`; [`MarketError::Command`] when the journal cannot be read.
    pub fn business_day(&self) -> Result<NaiveDate, MarketError> {
        let (calendar, _) = self.business()?;
        Ok(calendar.day(self.commands.now()))
    }

    /// The business day on which an instant falls.
    ///
    /// # Errors
    /// As [`business_day`](Self::business_day).
    pub fn business_day_of(&self, at: Timestamp) -> Result<NaiveDate, MarketError> {
        Ok(self.business()?.0.day(at))
    }

    /// Whether a run may be made: its day has come, and its merchant is known.
    ///
    /// # Errors
    /// `settlement_cut_ahead`, `merchant_unknown`.
    pub fn may_settle(&self, cut: Cut, merchant: Option<MerchantId>) -> Result<(), MarketError> {
        let (calendar, _) = self.business()?;
        let (now, day) = (self.commands.now(), cut.day());
        let refused =
            |code, message: String| Err(CommandError::Rejected(Rejection::new(code, message)).into());
        if calendar.start_of(day) > now {
            let today = calendar.day(now);
            let message =
                format!("{day} has not come: settle up to a day that has begun, {today} at the latest");
            return refused("settlement_cut_ahead", message);
        }
        let Some(merchant) = merchant else { return Ok(()) };
        let (_, account) = self.commands.state::<MerchantAccount>(merchant)?;
        let (_, known) = self.commands.state::<Merchant>(merchant)?;
        if account == 0 && known == 0 {
            return refused(
                "merchant_unknown",
                format!("merchant {merchant} is not known: see daybook merchants"),
            );
        }
        Ok(())
    }
}

/// One pass.
pub(super) struct Run<'m> {
    pub(super) market: &'m Market,
    pub(super) calendar: Calendar,
    /// The market's first currency.
    first: Currency,
    pub(super) cut: Cut,
    pub(super) merchant: Option<MerchantId>,
    batch: Batch,
    /// The events of each append that waits in the batch.
    waiting: Vec<Vec<Event>>,
    /// Appends that other writers were faster than.
    lost: u64,
    pub(super) ran: Ran,
}

impl Run<'_> {
    async fn go(&mut self, source: &mut dyn Source) -> Result<(), MarketError> {
        source.catch_up()?;
        let reserves = self.release_reserves(source).await?;
        let fees = self.charge_fees(source).await?;
        if reserves + fees > 0 {
            source.catch_up()?;
        }
        let mut after = None;
        loop {
            let accounts = match self.merchant {
                Some(_) if after.is_some() => Vec::new(),
                Some(merchant) => source.account(merchant)?.into_iter().collect(),
                None => source.open_accounts(after)?,
            };
            let Some(last) = accounts.last() else { break };
            after = Some(last.merchant);
            for account in accounts {
                if let Some(due) = self.due(account.merchant)? {
                    self.settle_account(source, account, due).await?;
                }
            }
        }
        self.write().await.map(drop)
    }

    /// Which cut of the account this run makes; none where its contract asks for none.
    fn due(&self, merchant: MerchantId) -> Result<Option<Due>, MarketError> {
        match self.cut {
            Cut::Before(day) => Ok(Some(Due { on: day, until: day })),
            Cut::ByContract(day) => {
                let at = self.calendar.start_of(day);
                Ok(self.market.commands.look(merchant, |m: &Merchant| {
                    m.schedule_at(at).map(|schedule| last_due(&schedule.settlement, day))
                })?)
            }
        }
    }

    async fn settle_account(
        &mut self,
        source: &dyn Source,
        account: OpenAccount,
        due: Due,
    ) -> Result<(), MarketError> {
        let OpenAccount { merchant, lines: through } = account;
        let (until, on) = (self.calendar.start_of(due.until), self.calendar.start_of(due.on));
        for currency in source.currencies(merchant)? {
            let (cut, available) = self.market.commands.look(merchant, |account: &MerchantAccount| {
                (account.cut(currency), account.available(currency))
            })?;
            let settled = cut.map_or(Bounds::NONE, Bounds::from);
            if settled.until >= until {
                continue;
            }
            let bounds = Bounds { until, through: through.max(settled.through) };
            let carried = cut.map_or(Money::zero(currency), |cut| cut.carried);
            let lines = source.lines(merchant, currency, cut, bounds)?;
            if lines.is_empty() && (carried.is_zero() || available.minor <= 0) {
                continue;
            }
            let settlement = settlement_id(merchant, due.until, currency, self.first);
            match figures(settlement, bounds, carried, &lines) {
                Ok(figures) => {
                    let about = format!("settlement {settlement}");
                    self.ask(merchant, AccountCommand::CloseSettlement(figures), &about, on).await?;
                }
                Err(error) => self.refuse(merchant, Rejection::from(error)),
            }
        }
        Ok(())
    }

    /// Releases what is due on the run's day or before, each at its own time: terms are days of 24 hours, so that
    /// across a clock change a reserve is due within a day and not as it begins.
    async fn release_reserves(&mut self, source: &mut dyn Source) -> Result<u64, MarketError> {
        let next = self.cut.day().succ_opt().unwrap_or(NaiveDate::MAX);
        let at = self.calendar.start_of(next).plus(-1).min(self.market.commands.now());
        let before = self.ran.reserves;
        loop {
            let (due, so_far) = (source.reserves_due(at, self.merchant)?, self.ran.reserves);
            for reserve in &due {
                let command = AccountCommand::ReleaseReserve { settlement: reserve.settlement };
                let about = format!("reserve {}", reserve.settlement);
                self.ask(reserve.merchant, command, &about, reserve.due).await?;
            }
            self.write().await?;
            if self.ran.reserves == so_far {
                return Ok(self.ran.reserves - before);
            }
            source.catch_up()?;
        }
    }

    /// Decides a command as part of the batch; writes the batch when it is full.
    pub(super) async fn ask(
        &mut self,
        merchant: MerchantId,
        command: AccountCommand,
        about: &str,
        at: Timestamp,
    ) -> Result<(), MarketError> {
        let id = Uuid::new_v5(&NAMESPACE, about.as_bytes());
        let actor = PartyId::new("settlement").expect("invariant: the word is an id");
        let command = AnyCommand::Account { id: merchant, command };
        let request = AnyRequest { occurred_at: Some(at), ..AnyRequest::new(command, id, actor) };
        match request.add_to(&mut self.batch) {
            Ok(added) if added.events.is_empty() => {}
            Ok(added) => self.waiting.push(added.events.to_vec()),
            Err(CommandError::Rejected(rejection)) => self.refuse(merchant, rejection),
            Err(error) => return Err(error.into()),
        }
        if self.waiting.len() >= BATCH {
            self.write().await?;
        }
        Ok(())
    }

    fn refuse(&mut self, merchant: MerchantId, rejection: Rejection) {
        let reason = rejection.message.into_owned();
        self.ran.refused.push(Refused { merchant, code: rejection.code, reason });
    }

    /// Writes the batch and counts what was written.
    pub(super) async fn write(&mut self) -> Result<(), MarketError> {
        let waiting = std::mem::take(&mut self.waiting);
        for (events, written) in waiting.into_iter().zip(self.batch.submit().await) {
            match written {
                Ok(_) => self.ran.count(&events),
                Err(CommandError::Conflict { .. }) => self.lost += 1,
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }
}
