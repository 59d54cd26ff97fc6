//! What becomes of merchants' money once it is settled: payouts and their banks, what providers pay to the market,
//! adjustments, advertising, assessments. Fates hang on the number of a payout, not on chance.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use chrono::NaiveDate;
use daybook_domain::account::commands::AccountCommand;
use daybook_domain::account::events::{Direction, PayoutRequested};
use daybook_domain::books::commands::{BooksCommand, MarketCommand};
use daybook_domain::books::events::{Side, VoucherEntry};
use daybook_domain::books::{Policy, TierReward};
use daybook_domain::merchant::commands::MerchantCommand;
use daybook_domain::posting::post;
use daybook_domain::time::SECOND;
use daybook_domain::{
    Currency, DecodeError, Event, EventKind, MerchantId, Money, PartyId, Rate, Refs, Timestamp,
};
use daybook_journal::{Filter, Position};

use super::cast::Seller;
use super::run::DemoError;
use super::{Script, text};
use crate::payouts::{Outcome, Run, Runs};
use crate::{AnyCommand, Market};

const HOUR: i64 = 3_600 * SECOND;
/// The market's bank accounts: one in its own currency, one for payouts that are converted.
const BANK: &str = "icbc-001";
const DOLLAR_BANK: &str = "citi-usd";
/// The rate at which dollars are bought and payouts are converted: US cents for one of the market's currency.
const DOLLAR_CENTS: i64 = 14;

/// The money side of the simulation.
#[derive(Default)]
pub(super) struct Finance {
    runs: Runs,
    /// What its runs did.
    pub(super) outcome: Outcome,
    /// The journal was read up to here.
    seen: Position,
    /// Payouts asked for so far.
    payouts: u32,
    /// What providers hold for the market, minor units.
    providers: BTreeMap<String, i64>,
}

/// Who sends a command: what takes two persons is proposed by one and approved by another.
pub(super) fn actor_of(command: &AnyCommand) -> PartyId {
    match command {
        AnyCommand::Account { command: AccountCommand::ApproveAdjustment { .. }, .. }
        | AnyCommand::Books { command: BooksCommand::PostVoucher { .. }, .. } => text("demo-controller"),
        _ => text("demo"),
    }
}

/// The settings of the simulated market: the defaults, with rewards for the best of its merchants.
pub(super) fn settings(market: &Market, currency: Currency) -> AnyCommand {
    let reward = |tier, minor| TierReward { tier: text(tier), amount: Money::new(minor, currency) };
    let tier_rewards = vec![reward("gold", 30_000), reward("silver", 10_000)];
    let policy = Policy { tier_rewards, ..Policy::default() };
    AnyCommand::Market { id: market.id(), command: MarketCommand::AdoptPolicy { policy } }
}

impl Finance {
    /// A business day, after its settlements: payouts, and what comes of those of the days before is in the script.
    pub(super) async fn day(
        &mut self,
        market: &Market,
        (today, number): (NaiveDate, i64),
        sellers: &[Seller],
        currency: Currency,
        script: &mut Script,
    ) -> Result<(), DemoError> {
        let now = market.commands().now();
        let run = Run { day: today, at: now, merchant: None, minimum: None, paid_by: None };
        self.outcome.add(self.runs.run(market, &run).await?);
        self.read(market, script)?;
        if number % 7 == 6 {
            self.remit(market, today, now, currency, script);
        }
        for (n, seller) in sellers.iter().enumerate() {
            occasions(seller.id, n, number, today, now, currency, script);
        }
        Ok(())
    }

    /// Reads on: new payouts go to the bank, and what providers hold is counted.
    fn read(&mut self, market: &Market, script: &mut Script) -> Result<(), DemoError> {
        let kinds = EventKind::ALL.iter().filter(|kind| kind.posts());
        let kinds = kinds.map(|kind| kind.as_str().into()).collect();
        let filter = Filter { kinds: Some(kinds), categories: None };
        let mut failed: Option<DecodeError> = None;
        let scanned = market.journal().scan(self.seen, None, &filter, &mut |stored| {
            let event = match Event::decode(stored.kind, stored.schema, stored.data) {
                Ok(event) => event,
                Err(error) => {
                    failed = Some(error);
                    return ControlFlow::Break(());
                }
            };
            let refs = Refs::parse(stored.refs).unwrap_or_default();
            let mut entries = Vec::new();
            post(&event, &refs, &mut entries);
            for entry in entries.iter().filter(|entry| entry.account.name == "Provider") {
                *self.providers.entry(entry.account.dimension.to_owned()).or_default() += entry.amount.minor;
            }
            if let (Event::PayoutRequested(payout), Some(merchant)) = (&event, refs.merchant) {
                fate(market, self.payouts, merchant, payout, Timestamp(stored.occurred_at), script);
                self.payouts += 1;
            }
            ControlFlow::Continue(())
        })?;
        if let Some(error) = failed {
            return Err(error.into());
        }
        self.seen = scanned.through;
        Ok(())
    }

    /// Each provider pays half of what it holds to the market's bank; the rest covers refunds and chargebacks.
    fn remit(
        &self,
        market: &Market,
        today: NaiveDate,
        now: Timestamp,
        currency: Currency,
        script: &mut Script,
    ) {
        for (provider, held) in self.providers.iter().filter(|(_, held)| **held > 1) {
            let command = BooksCommand::RecordProviderPayout {
                provider: text(provider),
                amount: Money::new(held / 2, currency),
                bank: text(BANK),
                reference: text(&format!("remit/{provider}/{today}")),
                fee: None,
            };
            script.push(now.plus(HOUR), AnyCommand::Books { id: market.id(), command });
        }
    }
}

fn entry(account: &str, side: Side, amount: Money) -> VoucherEntry {
    VoucherEntry { account: text(account), side, amount }
}

/// What the owners put in before the first sale: subsidies, goodwill and what merchants owe for a time come out of
/// it, not out of the clients' money.
pub(super) fn capital(market: &Market, currency: Currency) -> AnyCommand {
    let amount = Money::new(100_000_000, currency);
    let command = BooksCommand::PostVoucher {
        voucher: text("capital"),
        entries: vec![
            entry(&format!("Assets:Bank:{BANK}"), Side::Debit, amount),
            entry("Equity:Capital", Side::Credit, amount),
        ],
        reason: "the owners' capital".to_owned(),
        proposed_by: text("demo"),
    };
    AnyCommand::Books { id: market.id(), command }
}

fn dollars() -> Currency {
    Currency::new("USD").expect("invariant: USD is in ISO 4217")
}

/// What the market keeps of a payout that is converted.
const fn spread(asked: &PayoutRequested) -> Money {
    Money::new(asked.amount.minor / 200, asked.amount.currency)
}

/// Before a payout is converted the market buys the dollars with the money that it frees, at the same rate and in
/// whole dollars: the dollar account never pays what it has not got.
fn buy_dollars(asked: &PayoutRequested) -> BooksCommand {
    let net = asked.amount.minor - spread(asked).minor;
    let up = |a: i64, b: i64| (a + b - 1) / b;
    let bought = up(net * DOLLAR_CENTS, 100 * 100) * 100;
    let bought = Money::new(bought, dollars());
    let cost = Money::new(up(bought.minor * 100, DOLLAR_CENTS), asked.amount.currency);
    BooksCommand::PostVoucher {
        voucher: text(&format!("fx/{}", asked.payout)),
        entries: vec![
            entry(&format!("Assets:Bank:{DOLLAR_BANK}"), Side::Debit, bought),
            entry("Equity:Conversion", Side::Credit, bought),
            entry("Equity:Conversion", Side::Debit, cost),
            entry(&format!("Assets:Bank:{BANK}"), Side::Credit, cost),
        ],
        reason: format!("dollars bought for payout {}", asked.payout),
        proposed_by: text("demo"),
    }
}

/// What becomes of the nth payout: most are confirmed a day later; a few fail, a few come back two days after that
/// and block their destination for a day; some are converted.
fn fate(
    market: &Market,
    n: u32,
    merchant: MerchantId,
    asked: &PayoutRequested,
    at: Timestamp,
    script: &mut Script,
) {
    let payout = asked.payout;
    if n % 40 == 9 {
        let id = market.id();
        script.push(at.plus(HOUR), AnyCommand::Books { id, command: buy_dollars(asked) });
    }
    let mut push = |hours: i64, command| {
        script.push(at.plus(hours * HOUR), AnyCommand::Account { id: merchant, command });
    };
    let converted = n % 40 == 9;
    if converted {
        let convert = AccountCommand::ConvertPayout {
            payout,
            currency: dollars(),
            rate: Rate::new(DOLLAR_CENTS, 2),
            rate_ref: text(&format!("desk/{payout}")),
            spread: spread(asked),
        };
        push(1, convert);
    }
    push(2, AccountCommand::SendPayout { payout, provider_ref: text(&format!("bank/{payout}")) });
    if n % 29 == 7 {
        let reason = "the bank knows no such account".to_owned();
        return push(6, AccountCommand::FailPayout { payout, reason });
    }
    let bank = text(if converted { DOLLAR_BANK } else { BANK });
    let fee = (n.is_multiple_of(5) && !converted).then(|| Money::new(50, asked.amount.currency));
    push(26, AccountCommand::ConfirmPayout { payout, bank, fee });
    if n % 31 == 13 {
        let reason = "the account was closed".to_owned();
        push(60, AccountCommand::ReturnPayout { payout, bank, reason });
        push(84, AccountCommand::UnblockDestination { destination_ref: asked.destination_ref });
    }
}

/// What happens to the nth merchant on this day besides its sales.
fn occasions(
    id: MerchantId,
    n: usize,
    number: i64,
    today: NaiveDate,
    now: Timestamp,
    currency: Currency,
    script: &mut Script,
) {
    let mut push =
        |hours: i64, command| script.push(now.plus(hours * HOUR), AnyCommand::Account { id, command });
    let yuan = |amount: i64| Money::new(amount * 100, currency);
    match (number % 30, n % 6) {
        (14, 0 | 3) => {
            let adjustment = text(&format!("adj-{today}"));
            push(
                3,
                AccountCommand::ProposeAdjustment {
                    adjustment,
                    amount: yuan(20 + n as i64),
                    direction: if n.is_multiple_of(6) {
                        Direction::ForMerchant
                    } else {
                        Direction::AgainstMerchant
                    },
                    reason: "freight was billed to the wrong side".to_owned(),
                    document_ref: Some(text(&format!("ticket/{today}/{id}"))),
                },
            );
            match n % 9 {
                3 => push(
                    30,
                    AccountCommand::RejectAdjustment { adjustment, reason: "the carrier paid".to_owned() },
                ),
                _ => push(30, AccountCommand::ApproveAdjustment { adjustment }),
            }
        }
        (20, 1) => {
            let campaign = text(&format!("ads-{}", today.format("%Y-%m")));
            push(4, AccountCommand::ChargeAdvertisingFee { campaign, amount: yuan(60) });
        }
        (21, 1) => {
            push(4, AccountCommand::WaiveFee { amount: yuan(10), reason: "a day off the air".to_owned() })
        }
        (22, 4) => {
            let reason = "rule 3:7.2: shipped late three times".to_owned();
            push(4, AccountCommand::ChargePenalty { amount: yuan(15), reason, dispute: None });
        }
        (29, _) => {
            let (tier, score, passed) = match n % 4 {
                0 => ("gold", 48, true),
                1 => ("silver", 45, true),
                2 => ("bronze", 41, true),
                _ => ("bronze", 36, false),
            };
            let command = MerchantCommand::Assess {
                period: text(&today.format("%Y-%m").to_string()),
                figures: Vec::new(),
                score: Rate::new(score, 1),
                tier: text(tier),
                passed,
            };
            script.push(now.plus(5 * HOUR), AnyCommand::Merchant { id, command });
        }
        _ => {}
    }
}
