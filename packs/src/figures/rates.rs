//! Ratios: shares of orders, buyers and turnover; what is open.

use std::collections::HashMap;

use chrono::NaiveDate;

use super::Out;
use super::months::Months;
use super::scope::Scope;
use crate::numbers::{money, ratio};

/// A part of a whole.
#[derive(Default)]
struct Part {
    of: i128,
    through: i128,
}

impl Part {
    fn add(&mut self, counted: bool, by: i64) {
        self.through += i128::from(by);
        if counted {
            self.of += i128::from(by);
        }
    }

    fn ratio(&self) -> Option<String> {
        ratio(self.of, self.through)
    }
}

pub fn tell(scope: &Scope<'_>, months: &Months, out: &mut Out) {
    let all = &months.all;
    let [mut refunded, mut returned, mut disputed, mut shipped, mut delivered] =
        std::array::from_fn(|_| Part::default());
    let (mut good, mut promoted, mut discount) = (Part::default(), Part::default(), Part::default());
    let mut bought: HashMap<u32, u32> = HashMap::new();
    let day = |at| scope.zone.day(at);
    for (place, order, _) in scope.paid() {
        refunded.add(scope.back[place] > 0, 1);
        disputed.add(scope.disputed[place], 1);
        for (rate, by, done) in [
            (&mut shipped, order.ship_by, order.shipped_all_at),
            (&mut delivered, order.deliver_by, order.delivered_at),
        ] {
            if let Some(kept) =
                by.and_then(|by| kept(day(by), done.map(day), order.cancelled_at.map(day), scope.to))
            {
                rate.add(kept, 1);
            }
        }
        if order.delivered_at.is_some() {
            returned.add(order.returned, 1);
        }
        good.through += i128::from(order.reviews);
        good.of += i128::from(order.reviews_good);
        let cheaper = order.promoted || order.discount.0 > 0 || order.subsidy.0 > 0;
        promoted.add(cheaper, order.paid.0);
        discount.add(false, order.goods.0);
        discount.add(true, order.discount.0);
        *bought.entry(order.buyer).or_default() += 1;
    }
    let placed = scope.facts.orders.iter().filter(|order| scope.within(Some(order.placed_at)).is_some());
    let (placed, cancelled) = placed.fold((0, 0), |(placed, cancelled), order| {
        (placed + 1, cancelled + i128::from(order.cancelled_at.is_some()))
    });
    let repeat = bought.values().filter(|orders| **orders > 1).count();
    let buyers = all.buyers as i128;
    out.figure("rate.subsidised", ratio(all.subsidised + all.shortfall, all.worth()));
    out.figure("rate.refund", refunded.ratio());
    out.figure("rate.refund_amount", ratio(all.back_by_order, all.buyer_paid));
    out.figure("rate.return", returned.ratio());
    out.figure("rate.dispute", disputed.ratio());
    out.figure("rate.cancellation", ratio(cancelled, placed));
    out.figure("rate.shipped_on_time", shipped.ratio());
    out.figure("rate.delivered_on_time", delivered.ratio());
    out.figure("rate.positive", good.ratio());
    out.figure("rate.repeat_buyers", ratio(repeat as i128, buyers));
    out.figure("rate.new_buyers", ratio(all.new_buyers as i128, buyers));
    out.figure("rate.commission", ratio(all.commission, all.released));
    out.figure("dependence.promoted", promoted.ratio());
    out.figure("dependence.discount", discount.ratio());
    contingent(scope, months, out);
}

fn contingent(scope: &Scope<'_>, months: &Months, out: &mut Out) {
    let (mut open, mut claimed) = ([0; 2], [0; 2]);
    for dispute in scope.facts.disputes.iter().filter(|dispute| dispute.decided_at.is_none()) {
        let at = usize::from(Scope::is_chargeback(dispute));
        open[at] += 1;
        claimed[at] += i128::from(dispute.claim.0);
    }
    let in_all = claimed[0] + claimed[1];
    out.count("contingent.disputes", open[0]);
    out.figure("contingent.disputes_amount", money(claimed[0], scope.currency()));
    out.count("contingent.chargebacks", open[1]);
    out.figure("contingent.chargebacks_amount", money(claimed[1], scope.currency()));
    out.figure("contingent.amount", money(in_all, scope.currency()));
    // a month is 30.4375 days, 487 sixteenths
    let days = scope.measured() as i128;
    out.figure("contingent.share", ratio(in_all * days * 16, months.all.net() * 487));
    let of = months.all.closing;
    let cover = of.pending + of.available + of.reserve + of.deposit;
    out.figure("liquidity.contingent_cover", ratio(cover, in_all));
}

/// Whether a promise for a day was kept; none where it was not due by the last day, or fell away before it was.
fn kept(
    by: NaiveDate,
    done: Option<NaiveDate>,
    cancelled: Option<NaiveDate>,
    last: NaiveDate,
) -> Option<bool> {
    match (done, cancelled) {
        (Some(done), _) => Some(done <= by),
        (None, Some(cancelled)) if cancelled <= by => None,
        (None, _) if by < last => Some(false),
        (None, _) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_promise_is_kept_broken_or_not_due() {
        let day = |of| NaiveDate::from_ymd_opt(2025, 10, of).unwrap();
        let of = |done: Option<u32>, cancelled: Option<u32>| {
            kept(day(3), done.map(day), cancelled.map(day), day(30))
        };
        assert_eq!(
            [of(Some(3), None), of(Some(4), None), of(None, None)],
            [Some(true), Some(false), Some(false)]
        );
        assert_eq!([of(None, Some(3)), of(None, Some(4))], [None, Some(false)]);
        // on the last day itself there is still time
        assert_eq!(
            [kept(day(30), None, None, day(30)), kept(day(29), None, None, day(30))],
            [None, Some(false)]
        );
    }
}
