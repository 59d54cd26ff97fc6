//! One row per merchant's account: how far it is settled. Its child rows are the account's lines.
//!
//! A line is a posting to what the merchant has pending, save those of a settlement itself. Lines are numbered
//! 1, 2, ... in journal order over all currencies; settlements name the last number they take in.

use daybook_domain::Event;
use daybook_domain::account::lines::{LineKind, is_line};
use daybook_domain::posting::POSTING_RULES_VERSION;

use super::{text, text_of};
use crate::model::{Cut, Envelope, Key, Keys, KindSet, Model, Out};
use crate::record;
use crate::world::World;

record! {
    /// How far a merchant's account is settled and paid out.
    MerchantAccountRow in "merchant_accounts", key(merchant_id) {
        /// The merchant.
        merchant_id: String,
        /// Lines.
        lines: i64,
        /// Of these, taken by settlements.
        lines_settled: i64,
        /// Currencies in which the last settlement carried a debt out.
        debts: i64,
        /// Settlements closed.
        settlements: i64,
        /// The last settlement.
        settlement_id: Option<String>,
        /// Number of the last line it looked at.
        settled_through: i64,
        /// It takes in what was booked before this instant.
        settled_until: Option<i64> = time,
        /// When it was closed.
        settled_at: Option<i64> = time,
        /// Payouts requested.
        payouts: i64,
        /// Payouts that failed or came back.
        payouts_failed: i64,
        /// Whether the last destination came back and was not checked since.
        destination_blocked: bool,
        /// Adjustments proposed and not decided.
        adjustments_open: i64,
    }
}

record! {
    /// A line of a merchant's account.
    MerchantLineRow in "merchant_lines", number {
        /// 1, 2, ... in journal order.
        number: i64,
        /// ISO 4217 code.
        currency: String,
        /// For the merchant where positive, against it where negative; minor units.
        amount: i64 = money,
        /// release, commission, refund, fee, penalty, reward, chargeback, ruling_reversed, deposit, adjustment.
        kind: String,
        /// When it happened.
        occurred_at: i64 = time,
        /// When it is booked.
        booked_at: i64 = time,
        /// When the journal took it.
        recorded_at: i64 = time local,
        /// Position of the event in the journal.
        position: i64 = local,
        /// Type of the event.
        event: String,
        /// The order it concerns.
        order_id: Option<String>,
    }
}

/// The model of [`MerchantAccountRow`].
#[derive(Debug)]
pub struct MerchantAccounts;

impl Model for MerchantAccounts {
    type Row = MerchantAccountRow;
    type Child = MerchantLineRow;
    const VERSION: u32 = 1_000 * POSTING_RULES_VERSION + 2;
    const KINDS: KindSet = KindSet::MONEY.or(KindSet::of_category("account"));
    const CUT: Cut = Cut::Booked;

    fn route<'e>(e: &'e Envelope<'e>, keys: &mut Keys<'e>) {
        let lines = e.entries.iter().filter(|entry| is_line(e.kind, entry));
        keys.extend(lines.map(|entry| Key::new(&[entry.account.dimension])));
        if keys.is_empty()
            && e.kind.category() == "account"
            && let Some(merchant) = &e.refs.merchant
        {
            keys.push(Key::new(&[merchant.as_str()]));
        }
    }

    fn empty(key: &Key<'_>) -> MerchantAccountRow {
        MerchantAccountRow { merchant_id: text(key.part(0)), ..MerchantAccountRow::default() }
    }

    fn fold(
        row: &mut MerchantAccountRow,
        n: usize,
        e: &Envelope<'_>,
        _: &World,
        out: &mut Out<MerchantLineRow>,
    ) {
        if let Some(entry) = e.entries.iter().filter(|entry| is_line(e.kind, entry)).nth(n) {
            row.lines += 1;
            let mut amount = 0;
            out.take(&mut amount, entry.amount.minor);
            out.append(MerchantLineRow {
                number: row.lines,
                currency: text(entry.amount.currency.as_str()),
                amount,
                kind: text(LineKind::of(e.kind).as_str()),
                occurred_at: e.occurred_at,
                booked_at: e.booked_at,
                recorded_at: e.recorded_at,
                position: e.position as i64,
                event: text(e.kind.as_str()),
                order_id: text_of(e.refs.order),
            });
        }
        if n == 0 {
            row.remember(e);
        }
    }
}

impl MerchantAccountRow {
    fn remember(&mut self, e: &Envelope<'_>) {
        match e.event {
            Event::SettlementClosed(x) => {
                self.settlements += 1;
                self.lines_settled =
                    self.lines_settled.saturating_add(i64::try_from(x.lines).unwrap_or(i64::MAX));
                self.debts += i64::from(x.carried_out.minor < 0) - i64::from(x.carried_in.minor < 0);
                self.settlement_id = Some(text(x.settlement));
                self.settled_through = i64::try_from(x.through).unwrap_or(i64::MAX);
                self.settled_until = Some(x.until.0);
                self.settled_at = Some(e.occurred_at);
            }
            Event::PayoutRequested(_) => self.payouts += 1,
            Event::PayoutFailed(_) => self.payouts_failed += 1,
            Event::PayoutReturned(_) => {
                self.payouts_failed += 1;
                self.destination_blocked = true;
            }
            Event::DestinationUnblocked(_) => self.destination_blocked = false,
            Event::AdjustmentProposed(_) => self.adjustments_open += 1,
            Event::AdjustmentApproved(_) | Event::AdjustmentRejected(_) => self.adjustments_open -= 1,
            _ => {}
        }
    }
}
