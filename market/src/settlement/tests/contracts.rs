//! What a contract says: days, reserve, fees.

use super::*;

#[tokio::test]
async fn a_reserve_is_held_as_the_contract_says_and_released_by_the_run_once_it_is_due() {
    let mut place = Place::new();
    let reserve = Some(ReserveTerms { share: Rate::new(10, 2), days: 30 });
    place.contract("a", AgreedFees { reserve, ..terms(SettlementCycle::Monthly, 0, None) }).await;
    place.line("a", 1_000, "2026-03-20T12:00").await;
    place.line("a", 2_000, "2026-04-20T12:00").await;
    place.before("2026-04-01").await;
    assert_eq!(place.stands("a"), [900, 100, 0]);
    let ran = place.before("2026-05-01").await;
    assert_eq!(
        (ran.reserves, ran.settlements),
        (1, 1),
        "30 days later the first is due, on the first of May"
    );
    assert_eq!(place.stands("a"), [900 + 100 + 1_800, 200, 0]);
    assert_eq!(place.before("2026-05-01").await, Ran::default());
    assert_eq!(place.before("2026-06-01").await.reserves, 1);
    assert_eq!(place.stands("a"), [3_000, 0, 0]);
    place.audited();
}

#[tokio::test]
async fn each_merchant_is_settled_on_the_days_of_its_own_contract() {
    let mut place = Place::new();
    for (merchant, cycle, days) in [
        ("daily", SettlementCycle::Daily, 0),
        ("weekly", SettlementCycle::Weekly, 0),
        ("monthly", SettlementCycle::Monthly, 0),
        ("after3", SettlementCycle::TPlusN, 3),
    ] {
        place.contract(merchant, terms(cycle, days, None)).await;
        for date in ["2026-05-04", "2026-05-05", "2026-05-11"] {
            place.line(merchant, 100, &format!("{date}T12:00")).await;
        }
    }
    place.line("without", 100, "2026-05-04T12:00").await;
    for cut in Every::Contract.runs(day("2026-05-04"), day("2026-06-01")) {
        place.settle(cut).await;
    }
    let names: Vec<_> = place.sums().into_iter().map(|(name, lines, ..)| (name, lines)).collect();
    let expected = [
        ("daily.2026-05-05", 1),
        ("daily.2026-05-06", 1),
        ("after3.2026-05-05", 1),
        ("after3.2026-05-06", 1),
        ("weekly.2026-05-11", 2),
        ("daily.2026-05-12", 1),
        ("after3.2026-05-12", 1),
        ("weekly.2026-05-18", 1),
        ("monthly.2026-06-01", 3),
    ];
    assert_eq!(names, expected.map(|(name, lines)| (name.to_owned(), lines)));
    place.audited();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_running_market_settles_by_contract_as_each_business_day_begins() {
    let mut place = Place::new();
    place.contract("a", terms(SettlementCycle::Daily, 0, None)).await;
    place.line("a", 100, "2026-05-31T12:00").await;
    place.line("a", 20, "2026-06-01T00:00").await;
    let Place { folder, clock, market, .. } = place;
    let market = Arc::new(market);
    let url = format!("sqlite:{}", folder.path().join("running.db").display());
    let (_models, follower) = market.follow(Some(&url), &mut |_| {}).unwrap();
    let running = market.spawn();
    let settled = async |count: usize| {
        for _ in 0..2_000 {
            if closed(&market).len() == count {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{:?} after 20 s", closed(&market));
    };
    settled(1).await;
    clock.set(at("2026-06-02T00:00").0);
    settled(2).await;
    running.stop().await;
    follower.stop();
    let totals: Vec<_> = closed(&market).iter().map(|e| e.total.minor).collect();
    assert_eq!(totals, [100, 20]);
}

#[tokio::test]
async fn platform_fees_are_charged_for_every_period_since_the_store_opened_by_the_schedule_in_force_at_its_end()
 {
    let mut place = Place::new();
    place.contract("a", terms(SettlementCycle::Monthly, 0, Some((5_000, SettlementCycle::Monthly)))).await;
    let dearer = AgreedFees {
        effective_from: at("2026-04-01T00:00"),
        ..terms(SettlementCycle::Monthly, 0, Some((8_000, SettlementCycle::Monthly)))
    };
    let agree = MerchantCommand::AgreeFeeSchedule(dearer);
    place.tell(AnyCommand::Merchant { id: id("a"), command: agree }, "2026-03-15T00:00").await;
    // March's by hand, at another price
    let march = Ask::ChargePlatformFee { period: "2026-03".parse().unwrap(), amount: Some(yuan(1)) };
    place.account("a", march, "2026-04-01T09:00").await;
    let ran = place.settle(Cut::ByContract(day("2026-05-10"))).await;
    assert_eq!((ran.fees, ran.settlements), (3, 1));
    let closed = &place.closed()[0];
    assert_eq!((closed.fees, closed.lines), (yuan(2 * 5_000 + 1 + 8_000), 4));
    assert_eq!(place.settle(Cut::ByContract(day("2026-05-31"))).await, Ran::default());
    assert_eq!(place.settle(Cut::ByContract(day("2026-06-01"))).await.fees, 1);
    assert_eq!(place.stands("a"), [0, 0, -(2 * 5_000 + 1 + 8_000 + 8_000)]);
    place.audited();
}

#[tokio::test]
async fn a_reserve_is_released_on_the_day_it_is_due_across_a_clock_change_and_never_ahead_of_the_clock() {
    let mut place = Place::in_zone("Europe/Berlin");
    // the clocks go forward on the 29th of March: 30 days of 24 hours end an hour into the 14th of April
    place.clock.set(Timestamp::parse("2026-04-14T00:30:00+02:00").unwrap().0);
    let reserve = Some(ReserveTerms { share: Rate::new(10, 2), days: 30 });
    place.contract("a", AgreedFees { reserve, ..terms(SettlementCycle::Monthly, 0, None) }).await;
    place.line("a", 1_000, "2026-03-10T12:00").await;
    place.before("2026-03-15").await;
    assert_eq!(place.stands("a"), [900, 100, 0]);
    assert_eq!(place.before("2026-04-14").await.reserves, 0, "it is due in half an hour");
    place.clock.set(Timestamp::parse("2026-04-14T01:00:00+02:00").unwrap().0);
    assert_eq!(place.before("2026-04-13").await.reserves, 0);
    assert_eq!(place.before("2026-04-14").await.reserves, 1);
    assert_eq!(place.stands("a"), [1_000, 0, 0]);
    place.audited();
}

#[tokio::test]
async fn each_day_is_charged_for_once_where_the_cycle_of_the_platform_fee_changes_within_a_period() {
    use SettlementCycle::{Monthly, Weekly};
    let changes = [
        ("2026-03-18", Weekly, 7_00),
        ("2026-04-15", Monthly, 30_00),
        ("2026-04-20", Weekly, 7_00),
        ("2026-04-27", Monthly, 30_00),
    ];
    let expected = [
        ("2026-01", 31_00),
        ("2026-02", 31_00),
        ("2026-03", 17_00),
        ("2026-W12", 5_00),
        ("2026-W13", 7_00),
        ("2026-W14", 7_00),
        ("2026-W15", 7_00),
        ("2026-W16", 2_00),
        ("2026-04", 5_00),
        ("2026-W17", 7_00),
        ("2026-04.from-2026-04-27", 4_00),
        ("2026-05", 30_00),
    ];
    for every_day in [true, false] {
        let mut place = Place::new();
        place.contract("a", terms(Monthly, 0, Some((31_00, Monthly)))).await;
        for (from, cycle, fee) in changes {
            let effective_from = at(&format!("{from}T00:00"));
            let agreed = AgreedFees { effective_from, ..terms(Monthly, 0, Some((fee, cycle))) };
            let agree = MerchantCommand::AgreeFeeSchedule(agreed);
            place.tell(AnyCommand::Merchant { id: id("a"), command: agree }, "2026-01-02T00:00").await;
        }
        let last = day("2026-06-01");
        let first = if every_day { day("2026-01-01") } else { day("2026-05-31") };
        for cut in Every::Day.runs(first, last) {
            place.settle(cut).await;
        }
        let charged = place.fees();
        let charged: Vec<_> = charged.iter().map(|(period, minor)| (period.as_str(), *minor)).collect();
        assert_eq!(charged, expected, "a run every day: {every_day}");
        place.audited();
    }
}

#[tokio::test]
async fn a_history_begins_with_the_first_store_under_contract_where_nothing_was_sold() {
    let mut place = Place::new();
    let first = |place: &Place| {
        place.models.catch_up(&mut |_| {}).unwrap();
        (place.models.first_line_booked_at().unwrap(), place.models.first_contracted_at().unwrap())
    };
    assert_eq!(first(&place), (None, None));
    place.contract("a", terms(SettlementCycle::Monthly, 0, Some((5_000, SettlementCycle::Monthly)))).await;
    assert_eq!(first(&place), (None, Some(at("2026-01-01T00:00"))));
    let ran = place.before("2026-03-01").await;
    assert_eq!((ran.fees, ran.settlements), (2, 1));
    place.audited();
}
