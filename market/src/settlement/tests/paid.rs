//! What settlements make available, paid out.

use daybook_domain::BankAccountId;

use super::*;
use crate::payouts;

impl Place {
    async fn pay(&self, date: &str) -> payouts::Outcome {
        self.run_for(date, None).await
    }

    async fn run_for(&self, date: &str, paid_by: Option<BankAccountId>) -> payouts::Outcome {
        let at = at(&format!("{date}T09:00"));
        let run = payouts::Run { day: day(date), at, merchant: None, minimum: None, paid_by };
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

#[tokio::test]
async fn a_payout_that_another_writer_was_faster_than_is_decided_again_and_counted_once() {
    let mut place = Place::new();
    for merchant in ["a", "b", "c"] {
        place.line(merchant, 1_000, "2026-03-20T12:00").await;
    }
    place.before("2026-04-01").await;
    // whoever has another copy of the account's state writes to the journal behind the market's back: one event, as
    // many as the payout's request, so that what follows the request finds the version it expects
    let options = daybook_commands::Options::new(place.market.id());
    let other = daybook_commands::Commands::new(Arc::clone(place.market.journal()), options);
    let (hold, reason) = ("h-1".parse().unwrap(), "a claim".to_owned());
    let command = Ask::Hold { hold, claim: yuan(300), reason, dispute: None };
    let command = AnyCommand::Account { id: id("b"), command };
    AnyRequest::new(command, Uuid::from_u128(1 << 64), "li".parse().unwrap()).execute(&other).await.unwrap();

    let bank = Some("bank-1".parse().unwrap());
    let paid = place.run_for("2026-05-31", bank).await;
    assert_eq!((paid.requested, paid.confirmed, &paid.amounts[..]), (3, 3, &[yuan(2_700)][..]), "{paid:?}");
    assert_eq!((paid.already, paid.below_minimum, paid.held_back), (0, 0, 0));
    assert_eq!(place.stands("b"), [0, 0, 0]);
    let (b, _) = place.market.commands().state::<MerchantAccount>(id("b")).unwrap();
    assert_eq!((b.paid_out(yuan(0).currency), b.held(yuan(0).currency)), (yuan(700), yuan(300)));
    let again = place.run_for("2026-05-31", bank).await;
    assert_eq!((again.requested, again.confirmed, again.already), (0, 0, 3));
    place.audited();
}
