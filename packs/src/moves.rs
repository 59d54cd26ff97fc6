//! What an event of each type can change of a merchant's balances, as the posting rules of the domain have it.
//!
//! A close of the books seals by how much a line changed what is owed and how much it moved within that, not which balance it
//! took from: that follows from its type, and rows that say otherwise are refused.

use daybook_domain::EventKind;
use daybook_domain::account::lines::LineKind;

use crate::Movement;

/// How an event may change pending, available, held, reserve, in transit, deposit and frozen deposit: up (`+`), down (`-`), either
/// way (`*`) or not at all (`.`); and whether it only moves between them.
const fn shape(kind: EventKind) -> Option<(&'static [u8; 7], bool)> {
    Some(match kind {
        EventKind::EscrowReleased
        | EventKind::CommissionCharged
        | EventKind::CommissionReversed
        | EventKind::RefundIssued
        | EventKind::ReturnFreightCharged
        | EventKind::RulingReversed
        | EventKind::ChargebackClosed
        | EventKind::PlatformFeeCharged
        | EventKind::AdvertisingFeeCharged
        | EventKind::PenaltyCharged
        | EventKind::FeeWaived
        | EventKind::RewardGranted
        | EventKind::AdjustmentApproved => (b"*......", false),
        EventKind::SettlementClosed => (b"**.+...", true),
        EventKind::ReserveReleased => (b".+.-...", true),
        EventKind::BalanceHeld => (b".-+....", true),
        EventKind::BalanceHoldLifted => (b".+-....", true),
        EventKind::PayoutRequested => (b".-..+..", true),
        EventKind::PayoutFailed => (b".+..-..", true),
        EventKind::PayoutConfirmed => (b"....-..", false),
        EventKind::PayoutReturned => (b".+.....", false),
        EventKind::PayoutConverted => (b"....*..", false),
        EventKind::DepositPaid | EventKind::DepositRestored => (b".....+.", false),
        EventKind::DepositRefunded => (b".....-.", false),
        EventKind::DepositPaidFromBalance => (b"..-..+.", true),
        EventKind::DepositFrozen => (b".....-+", true),
        EventKind::DepositReleased => (b".....+-", true),
        EventKind::DepositDeducted => (b"+....--", false),
        _ => return None,
    })
}

/// What is wrong with a row of the account by the type of its event: a sentence's end.
pub fn fault(row: &Movement) -> Option<&'static str> {
    let shape_of = |kind| Some((kind, shape(kind)?));
    let Some((kind, (shape, even))) = EventKind::parse(&row.event).and_then(shape_of) else {
        return Some("no event of this type moves a merchant's balances");
    };
    let parts = [row.pending, row.available, row.held, row.reserve, row.in_transit, row.deposit, row.frozen];
    let fits = shape.iter().zip(parts).all(|(way, part)| match way {
        b'+' => part.0 >= 0,
        b'-' => part.0 <= 0,
        b'*' => true,
        _ => part.0 == 0,
    });
    if !fits {
        return Some("an event of this type moves other balances, or the other way");
    }
    let sum = |parts: &[crate::Minor]| parts.iter().map(|part| i128::from(part.0)).sum::<i128>();
    if even && sum(&parts) != 0 {
        return Some("an event of this type moves as much in as out");
    }
    // a debt is paid with what is available, and nothing else is taken from that
    let (pending, available, reserve) = (row.pending.0, row.available.0, row.reserve.0);
    let turned = if pending > 0 { reserve != 0 } else { available < 0 };
    if kind == EventKind::SettlementClosed && turned {
        return Some(
            "a settlement takes from what is available what pays a debt, and keeps back of what it settles",
        );
    }
    // what a deposit lost came to the pending balance whole, or went elsewhere
    let brought = i128::from(row.pending.0);
    if kind == EventKind::DepositDeducted && brought != 0 && brought + sum(&parts[5..]) != 0 {
        return Some("it brought over another amount than the deposit lost");
    }
    let line = row.pending.0 != 0 && kind != EventKind::SettlementClosed;
    let about = line.then(|| LineKind::of(kind).as_str());
    if row.about.as_deref() != about {
        return Some("it is said to be about something else than an event of this type is");
    }
    let ends =
        matches!(kind, EventKind::PayoutConfirmed | EventKind::PayoutFailed | EventKind::PayoutReturned);
    let still = parts.iter().all(|part| part.0 == 0);
    match row.converted {
        Some(_) if !ends || !still => Some("only the end of a payout that left this currency is `converted`"),
        None if still && kind != EventKind::SettlementClosed => Some("it moves nothing"),
        _ => None,
    }
}
