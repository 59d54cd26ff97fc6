//! Any history of commands leaves a merchant in a state that can be explained.

mod support;

use daybook_domain::merchant::commands::{AgreedFees, MerchantCommand as Ask};
use daybook_domain::merchant::events::*;
use daybook_domain::merchant::{Merchant, Stage};
use daybook_domain::{Aggregate, Event, Timestamp};
use proptest::prelude::*;
use support::{cny, currency, given, id, noon};

fn qualification() -> impl Strategy<Value = QualificationKind> {
    proptest::sample::select(&[QualificationKind::UnifiedLicence, QualificationKind::Trademark][..])
}

fn day() -> impl Strategy<Value = Timestamp> {
    (0..40u32).prop_map(|days| noon().plus_days(days))
}

fn any_command() -> impl Strategy<Value = Ask> {
    let kind = proptest::sample::select(MerchantKind::ALL);
    let reason = || "by rule".to_owned();
    let entry = prop_oneof![
        kind.prop_map(|kind| Ask::Apply {
            name: "m".to_owned(),
            kind,
            country: id("CN"),
            settlement_currency: currency("CNY"),
        }),
        Just(Ask::Import {
            source: id("olist"),
            settlement_currency: currency("CNY"),
            name: None,
            kind: None,
            country: None,
            region: None,
        }),
        (qualification(), proptest::option::of(day())).prop_map(|(kind, valid_until)| {
            Ask::SubmitQualification { kind, document_ref: id("doc"), valid_until }
        }),
        qualification().prop_map(|kind| Ask::VerifyQualification { kind }),
        qualification().prop_map(move |kind| Ask::RejectQualification { kind, reason: reason() }),
        (qualification(), day()).prop_map(|(kind, due)| Ask::ExpireQualification { kind, due }),
        Just(Ask::Approve {}),
        Just(Ask::Reject { reason: reason() }),
    ];
    let terms = prop_oneof![
        day().prop_map(|valid_until| Ask::SignContract { document_ref: id("doc"), valid_until }),
        (day(), 0..3i64).prop_map(|(effective_from, deposit)| Ask::AgreeFeeSchedule(AgreedFees {
            effective_from,
            default_commission: "0.05".parse().expect("a rate"),
            categories: Vec::new(),
            deposit_required: cny(deposit),
            settlement: SettlementTerms { cycle: SettlementCycle::Weekly, days: 0, minimum_payout: cny(0) },
            vat_on_fees: None,
            platform_fee: None,
            reserve: None,
        })),
    ];
    let standing = prop_oneof![
        (-1..3i64, 0..3i64).prop_map(|(b, r)| Ask::SatisfyDeposit { balance: cny(b), required: cny(r) }),
        (-1..3i64, 0..3i64).prop_map(|(b, r)| Ask::ReportDepositShort { balance: cny(b), required: cny(r) }),
        Just(Ask::OpenStore {}),
        Just(Ask::Suspend { reason: reason() }),
        day().prop_map(|due| Ask::SuspendForDeposit { due }),
        Just(Ask::Reinstate { reason: reason() }),
        Just(Ask::Terminate { reason: TerminationReason::Withdrew }),
    ];
    prop_oneof![5 => entry, 2 => terms, 4 => standing]
}

/// The shortest way to an open store, so that random histories go on from there too.
fn to_open() -> Vec<Ask> {
    let kind = QualificationKind::UnifiedLicence;
    vec![
        Ask::Apply {
            name: "m".to_owned(),
            kind: MerchantKind::Retailer,
            country: id("CN"),
            settlement_currency: currency("CNY"),
        },
        Ask::SubmitQualification { kind, document_ref: id("doc"), valid_until: Some(noon().plus_days(20)) },
        Ask::VerifyQualification { kind },
        Ask::Approve {},
        Ask::SignContract { document_ref: id("doc"), valid_until: noon().plus_days(30) },
        Ask::AgreeFeeSchedule(AgreedFees {
            effective_from: noon(),
            default_commission: "0.05".parse().expect("a rate"),
            categories: Vec::new(),
            deposit_required: cny(2),
            settlement: SettlementTerms { cycle: SettlementCycle::Weekly, days: 0, minimum_payout: cny(0) },
            vat_on_fees: None,
            platform_fee: None,
            reserve: None,
        }),
        Ask::SatisfyDeposit { balance: cny(2), required: cny(2) },
        Ask::OpenStore {},
    ]
}

proptest! {
    #[test]
    fn a_store_sells_only_for_a_merchant_that_was_let_in_and_nobody_comes_back_after_leaving(
        start in any::<bool>(),
        commands in proptest::collection::vec((any_command(), 0..3u32), 0..60),
        import in any::<bool>(),
    ) {
        let mut m = given::<Merchant>("m1", []);
        m.import = import;
        let mut approved = false;
        let prefix = if start { to_open() } else { Vec::new() };
        for (command, days) in prefix.into_iter().map(|c| (c, 0)).chain(commands) {
            m.now = m.now.plus_days(days);
            let before = m.state.clone();
            let Ok(events) = m.ask(&command) else {
                prop_assert_eq!(&m.state, &before, "a refusal changes nothing");
                continue;
            };
            let mut read_back = before.clone();
            for event in &events {
                let decoded = Event::decode(event.kind().as_str(), event.kind().schema(), &event.encode());
                read_back.evolve(&decoded.expect("an event reads back"), m.now);
                match event {
                    Event::MerchantApproved(_) | Event::MerchantImported(_) => approved = true,
                    Event::StoreOpened(e) => {
                        let schedule = before.schedule_at(m.now);
                        prop_assert_eq!(schedule.map(|s| s.version), Some(e.fee_schedule_version));
                        let required = schedule.map_or(0, |s| s.deposit_required.minor);
                        let balance = before.deposit().map_or(0, |d| d.balance.minor);
                        prop_assert!(import || balance >= required, "{balance} of {required}");
                    }
                    Event::FeeScheduleAgreed(e) => {
                        let last = before.schedule_at(Timestamp(i64::MAX)).map_or(0, |s| s.version);
                        prop_assert_eq!(e.version, last + 1);
                    }
                    _ => {}
                }
            }
            prop_assert_eq!(&read_back, &m.state, "what JSON keeps leaves the same state");

            let stage = m.state.stage();
            prop_assert_eq!(m.state.facts(m.now).open, stage == Stage::Open);
            prop_assert!(stage != Stage::Open || approved, "open without having been let in");
            prop_assert!(before.stage() != Stage::Terminated || stage == Stage::Terminated);
            prop_assert_eq!(m.state.facts(m.now).terminated_at.is_some(), stage == Stage::Terminated);
            match stage {
                Stage::Open => prop_assert_eq!(m.state.suspended_for().count(), 0),
                Stage::Suspended => prop_assert!(m.state.suspended_for().count() > 0),
                _ => {}
            }
            // a rejection may fall on the renewal first and then on what it renews
            if !matches!(command, Ask::RejectQualification { .. }) {
                let again = m.clone().ask(&command);
                prop_assert!(again.as_ref().is_ok_and(Vec::is_empty) || again.is_err(), "sent twice: {again:?}");
            }
        }
    }
}
