//! What settlements make available, paid out.

use super::*;
use crate::payouts;

impl Place {
    async fn pay(&self, date: &str) -> payouts::Outcome {
        let at = at(&format!("{date}T09:00"));
        let run = payouts::Run { day: day(date), at, merchant: None, minimum: None, paid_by: None };
        payouts::Runs::default().run(&self.market, &run).await.unwrap()
    }
}

#[tokio::test]
async fn a_carried_debt_is_kept_back_once_when_a_reserve_comes_free() {
    let mut place = Place::new();
    let reserve = Some(ReserveTerms { share: Rate::new(10, 2), days: 30 });
    place.contract("a", AgreedFees { reserve, ..terms(SettlementCycle::Monthly, 0, None) }).await;
    place.line("a", 1_000, "2026-03-20T12:00").await;
    place.before("2026-04-01").await;
    let paid = place.pay("2026-04-01").await;
    assert_eq!((paid.requested, &paid.amounts[..]), (1, &[yuan(900)][..]));
    place.line("a", -16, "2026-04-20T12:00").await;
    place.clock.set(at("2026-04-30T10:00").0);
    place.before("2026-04-30").await;
    assert_eq!(place.stands("a"), [0, 100, -16]);
    place.clock.set(at("2026-06-01T00:00").0);
    let release = Ask::ReleaseReserve { settlement: place.closed()[0].settlement };
    place.account("a", release, "2026-05-01T00:00").await;
    assert_eq!(place.stands("a"), [100, 0, -16]);
    let paid = place.pay("2026-05-01").await;
    assert_eq!((paid.requested, &paid.amounts[..]), (1, &[yuan(84)][..]), "{:?}", paid.reasons);
    place.audited();
}
