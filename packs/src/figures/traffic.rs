//! How much of the turnover rests on traffic that was paid for.

use super::Out;
use super::scope::Scope;
use crate::numbers::ratio;

pub fn tell(scope: &Scope<'_>, out: &mut Out) {
    let (mut all, mut paid, mut known) = ((0i128, 0i128), (0i128, 0i128), 0i128);
    for (_, order, _) in scope.paid() {
        let amount = i128::from(order.paid.0);
        all = (all.0 + 1, all.1 + amount);
        known += if order.traffic.is_some() { amount } else { 0 };
        if order.traffic.as_deref() == Some("paid") {
            paid = (paid.0 + 1, paid.1 + amount);
        }
    }
    out.figure("dependence.paid_traffic", ratio(paid.1, all.1));
    out.figure("dependence.paid_traffic_orders", ratio(paid.0, all.0));
    out.figure("dependence.traffic_known", ratio(known, all.1));
}
