//! Merchants: entry by the rules, a store that opens and closes with its conditions, fees by date.

mod support;

use daybook_domain::merchant::commands::{AgreedFees, LoanPack, MerchantCommand as Ask};
use daybook_domain::merchant::events::*;
use daybook_domain::merchant::{Merchant, Stage};
use daybook_domain::{Aggregate, Timestamp};
use support::{Scenario, at, cny, currency, given, id, noon, product, usd};

use QualificationKind::{BrandAuthorisation, UnifiedLicence};

fn apply(kind: MerchantKind) -> Ask {
    Ask::Apply {
        name: "Runze Home".to_owned(),
        kind,
        country: id("CN"),
        settlement_currency: currency("CNY"),
    }
}

fn submit(kind: QualificationKind, valid_until: Option<Timestamp>) -> Ask {
    Ask::SubmitQualification { kind, document_ref: id("vault:1"), valid_until }
}

fn verify(kind: QualificationKind) -> Ask {
    Ask::VerifyQualification { kind }
}

fn refuse(kind: QualificationKind) -> Ask {
    Ask::RejectQualification { kind, reason: "forged".to_owned() }
}

fn fees(from: &str, deposit: i64) -> AgreedFees {
    AgreedFees {
        effective_from: at(from),
        default_commission: "0.05".parse().expect("a rate"),
        categories: Vec::new(),
        deposit_required: cny(deposit),
        settlement: SettlementTerms { cycle: SettlementCycle::Weekly, days: 0, minimum_payout: cny(1_000) },
        vat_on_fees: None,
        platform_fee: None,
        reserve: None,
    }
}

fn agree(from: &str, deposit: i64) -> Ask {
    Ask::AgreeFeeSchedule(fees(from, deposit))
}

fn sign() -> Ask {
    Ask::SignContract { document_ref: id("vault:2"), valid_until: noon().plus_days(365) }
}

fn satisfy(balance: i64) -> Ask {
    Ask::SatisfyDeposit { balance: cny(balance), required: cny(10_000) }
}

fn short(balance: i64) -> Ask {
    Ask::ReportDepositShort { balance: cny(balance), required: cny(10_000) }
}

fn overdue() -> Ask {
    Ask::SuspendForDeposit { due: noon().plus_days(7) }
}

fn suspend(reason: &str) -> Ask {
    Ask::Suspend { reason: reason.to_owned() }
}

fn reinstate() -> Ask {
    Ask::Reinstate { reason: "cleared".to_owned() }
}

fn leave() -> Ask {
    Ask::Terminate { reason: TerminationReason::Withdrew }
}

fn takeover() -> Ask {
    let (source, settlement_currency) = (id("olist"), currency("BRL"));
    Ask::Import { source, settlement_currency, name: None, kind: None, country: None, region: None }
}

fn new() -> Scenario<Merchant> {
    given("m1", [])
}

fn applied() -> Scenario<Merchant> {
    new().and(apply(MerchantKind::Retailer))
}

/// With a licence that runs out in 30 days.
fn shown() -> Scenario<Merchant> {
    applied().and(submit(UnifiedLicence, Some(noon().plus_days(30)))).and(verify(UnifiedLicence))
}

fn approved() -> Scenario<Merchant> {
    shown().and(Ask::Approve {})
}

fn open() -> Scenario<Merchant> {
    let agreed = approved().and(sign()).and(agree("2018-01-01T00:00:00Z", 10_000));
    agreed.and(satisfy(10_000)).and(Ask::OpenStore {})
}

#[test]
fn a_merchant_is_approved_once_it_has_shown_what_its_kind_must_show() {
    applied().when(Ask::Approve {}).refused("qualification_missing");
    let submitted = applied().and(submit(UnifiedLicence, None));
    submitted.clone().when(Ask::Approve {}).refused("qualification_missing");
    let approved = submitted.and(verify(UnifiedLicence)).by("li").when(Ask::Approve {});
    approved.then([MerchantApproved { by: id("li"), entry_rules: 1 }.into()]).when(Ask::Approve {}).nothing();

    let agent =
        new().and(apply(MerchantKind::Agent)).and(submit(UnifiedLicence, None)).and(verify(UnifiedLicence));
    let refused = agent.clone().when(Ask::Approve {}).result.expect_err("no authorisation");
    assert!(refused.message.contains("brand_authorisation"), "{refused}");
    let both = agent.and(submit(BrandAuthorisation, None)).and(verify(BrandAuthorisation));
    both.when(Ask::Approve {}).then_kinds(&["MerchantApproved"]);
}

#[test]
fn approval_follows_the_entry_rules_that_the_policy_has_in_force() {
    let mut unknown = shown();
    unknown.policy.entry_rules = 99;
    unknown.clone().when(Ask::Approve {}).refused("entry_rules_unknown");
    unknown.importing().when(Ask::Approve {}).refused("entry_rules_unknown");
    applied().importing().when(Ask::Approve {}).then_kinds(&["MerchantApproved"]);
}

#[test]
fn a_certificate_that_has_run_out_is_not_verified_and_does_not_count() {
    let old = applied().and(submit(UnifiedLicence, Some(noon())));
    old.clone().when(verify(UnifiedLicence)).refused("qualification_expired");
    old.importing().when(verify(UnifiedLicence)).then_kinds(&["QualificationVerified"]);
    shown().on(noon().plus_days(30)).when(Ask::Approve {}).refused("qualification_missing");
}

#[test]
fn a_renewal_does_not_void_the_certificate_it_replaces_before_it_is_verified() {
    let renewing = shown().and(submit(UnifiedLicence, Some(noon().plus_days(400))));
    renewing.clone().when(Ask::Approve {}).then_kinds(&["MerchantApproved"]);
    // turning the renewal down leaves the old one standing
    renewing.clone().and(refuse(UnifiedLicence)).when(Ask::Approve {}).then_kinds(&["MerchantApproved"]);
    // the deadline of the old one is harmless once the new one stands
    let renewed = renewing.and(verify(UnifiedLicence)).on(noon().plus_days(30));
    renewed.when(Ask::ExpireQualification { kind: UnifiedLicence, due: noon().plus_days(30) }).nothing();
}

#[test]
fn a_rejected_applicant_may_apply_again() {
    let rejected = applied().and(Ask::Reject { reason: "no address".to_owned() });
    rejected.clone().when(Ask::Approve {}).refused("wrong_stage");
    rejected.clone().when(leave()).refused("wrong_stage");
    assert_eq!(rejected.and(apply(MerchantKind::Brand)).state.stage(), Stage::Applied);
    open().when(Ask::Reject { reason: "late".to_owned() }).refused("wrong_stage");
}

#[test]
fn a_store_opens_with_approval_contract_fees_and_deposit_and_says_which_is_missing() {
    applied().when(Ask::OpenStore {}).refused("wrong_stage");
    approved().when(Ask::OpenStore {}).refused("no_fee_schedule");
    let later = approved().and(agree("2018-04-01T00:00:00Z", 10_000));
    later.when(Ask::OpenStore {}).refused("no_fee_schedule");
    let agreed = approved().and(agree("2018-01-01T00:00:00Z", 10_000));
    agreed.clone().when(Ask::OpenStore {}).refused("no_contract");
    let signed = agreed.and(sign());
    signed.clone().when(Ask::OpenStore {}).refused("deposit_short");
    signed.clone().and(short(9_999)).when(Ask::OpenStore {}).refused("deposit_short");
    let ended = signed.clone().and(satisfy(10_000)).on(noon().plus_days(365));
    ended.when(Ask::OpenStore {}).refused("no_contract");
    let opened = signed.and(satisfy(10_000)).when(Ask::OpenStore {});
    opened.then([StoreOpened { fee_schedule_version: 1 }.into()]).when(Ask::OpenStore {}).nothing();
}

#[test]
fn the_deposit_is_measured_by_the_schedule_in_force_and_none_is_needed_where_it_asks_for_none() {
    let agreed = approved().and(sign()).and(agree("2018-01-01T00:00:00Z", 20_000)).and(satisfy(10_000));
    agreed.when(Ask::OpenStore {}).refused("deposit_short");
    let free = approved().and(sign()).and(agree("2018-01-01T00:00:00Z", 0));
    free.when(Ask::OpenStore {}).then_kinds(&["StoreOpened"]);
}

#[test]
fn the_latest_agreement_that_has_taken_effect_is_the_schedule_in_force() {
    let m =
        open().and(agree("2018-06-01T00:00:00Z", 20_000)).and(agree("2018-05-01T00:00:00Z", 30_000)).state;
    let version = |text: &str| m.schedule_at(at(text)).map(|s| s.version);
    assert_eq!(version("2017-12-31T23:59:59Z"), None);
    assert_eq!(version("2018-01-01T00:00:00Z"), Some(1));
    assert_eq!(version("2018-04-30T23:59:59.999999Z"), Some(1));
    assert_eq!(version("2018-05-01T00:00:00Z"), Some(3));
    assert_eq!(
        version("2018-07-01T00:00:00Z"),
        Some(3),
        "what was agreed later replaces what was agreed before"
    );
    assert_eq!(m.facts(at("2018-05-01T00:00:00Z")).schedule.map(|s| s.deposit_required), Some(cny(30_000)));
    open().when(agree("2018-01-01T00:00:00Z", 10_000)).nothing();
}

#[test]
fn a_schedule_that_cannot_be_meant_is_refused_naming_the_field() {
    let with = |change: fn(&mut AgreedFees)| {
        let mut agreed = fees("2018-01-01T00:00:00Z", 0);
        change(&mut agreed);
        Ask::AgreeFeeSchedule(agreed)
    };
    let twice = |a: &mut AgreedFees| {
        let category = CategoryRate { category: id("books"), rate: "0.1".parse().expect("a rate") };
        a.categories = vec![category.clone(), category];
    };
    for (ask, code, field) in [
        (
            with(|a| a.default_commission = "5".parse().expect("a rate")),
            "rate_out_of_range",
            "default_commission",
        ),
        (
            with(|a| a.default_commission = "-0.01".parse().expect("a rate")),
            "rate_out_of_range",
            "default_commission",
        ),
        (with(twice), "category_twice", "books"),
        (with(|a| a.deposit_required = usd(5)), "currency_mismatch", "deposit_required"),
        (with(|a| a.deposit_required = cny(-5)), "amount_negative", "deposit_required"),
        (with(|a| a.settlement.minimum_payout = usd(5)), "currency_mismatch", "settlement.minimum_payout"),
        (with(|a| a.settlement.days = 4_000), "days_out_of_range", "settlement.days"),
        (
            with(|a| {
                a.platform_fee = Some(PlatformFee { amount: cny(1), period: SettlementCycle::TPlusN });
            }),
            "fee_period_unknown",
            "platform_fee.period",
        ),
        (with(|a| a.vat_on_fees = "6".parse().ok()), "rate_out_of_range", "vat_on_fees"),
        (
            with(|a| a.reserve = "1.5".parse().ok().map(|share| ReserveTerms { share, days: 30 })),
            "rate_out_of_range",
            "reserve.share",
        ),
    ] {
        let refused = applied().when(ask).result.expect_err(field);
        assert_eq!(refused.code, code, "{refused}");
        assert!(refused.message.contains(field), "{refused}");
    }
}

#[test]
fn a_store_whose_deposit_is_not_topped_up_in_time_is_suspended_and_reinstated_by_the_money() {
    let due = noon().plus_days(7);
    let warned = open().when(short(9_000));
    let warned = warned.then([DepositShort { balance: cny(9_000), required: cny(10_000), due }.into()]);
    assert!(warned.state.facts(noon()).open);
    // a further deduction does not extend the grace
    let again = warned.on(noon().plus_days(3)).when(short(8_000));
    let again = again.then([DepositShort { balance: cny(8_000), required: cny(10_000), due }.into()]);
    again.clone().when(overdue()).refused("not_due");

    let stopped = again.clone().on(due).and(overdue());
    assert_eq!(stopped.state.status(), "suspended");
    assert!(!stopped.state.facts(noon()).open);
    stopped.clone().when(overdue()).nothing();
    stopped.clone().when(reinstate()).refused("deposit_short");
    stopped.when(satisfy(10_000)).then_kinds(&["DepositSatisfied", "MerchantReinstated"]);

    again.and(satisfy(10_000)).on(due).when(overdue()).nothing();
}

#[test]
fn a_store_suspended_for_two_reasons_is_not_reinstated_by_the_deposit_alone() {
    let both =
        open().and(short(9_000)).on(noon().plus_days(7)).and(overdue()).and(suspend("fraud suspected"));
    both.clone().when(suspend("fraud suspected")).nothing();
    let paid = both.when(satisfy(10_000)).then_kinds(&["DepositSatisfied"]);
    assert_eq!(paid.state.suspended_for().collect::<Vec<_>>(), ["fraud suspected"]);
    paid.when(reinstate()).then_kinds(&["MerchantReinstated"]);
}

#[test]
fn a_store_stops_selling_when_a_certificate_it_was_let_in_by_runs_out() {
    let due = noon().plus_days(30);
    let expire = Ask::ExpireQualification { kind: UnifiedLicence, due };
    open().when(expire.clone()).refused("not_due");
    let stopped = open().on(due).when(expire.clone());
    let stopped = stopped.then_kinds(&["QualificationExpired", "MerchantSuspended"]);
    stopped.clone().when(expire.clone()).nothing();
    stopped.clone().when(reinstate()).refused("qualification_missing");
    let renewed = stopped.and(submit(UnifiedLicence, None)).and(verify(UnifiedLicence));
    assert_eq!(renewed.and(reinstate()).state.stage(), Stage::Open);
    open().when(refuse(UnifiedLicence)).then_kinds(&["QualificationRejected", "MerchantSuspended"]);
    // one it did not need
    let more = open().and(submit(BrandAuthorisation, None)).and(verify(BrandAuthorisation));
    more.when(refuse(BrandAuthorisation)).then_kinds(&["QualificationRejected"]);
}

#[test]
fn who_has_left_takes_no_further_part_but_its_deposit_is_still_counted() {
    let left = open().and(leave());
    assert_eq!(left.state.facts(noon()).terminated_at, Some(noon()));
    assert!(!left.state.facts(noon()).open);
    left.clone().when(leave()).nothing();
    left.clone().when(reinstate()).refused("merchant_terminated");
    left.clone().when(agree("2018-04-01T00:00:00Z", 0)).refused("merchant_terminated");
    left.clone().when(apply(MerchantKind::Brand)).refused("merchant_exists");
    left.when(short(0)).then_kinds(&["DepositShort"]);
}

#[test]
fn only_an_import_takes_a_merchant_over_unseen() {
    new().when(takeover()).refused("import_only");
    applied().importing().when(takeover()).refused("merchant_exists");
    let imported = new().importing().and(takeover());
    assert!(imported.state.facts(noon()).open);
    assert_eq!(imported.state.facts(noon()).schedule, None);
    imported.clone().when(takeover()).nothing();
    // its papers were the other system's: no entry rule closes it
    let mut now = imported;
    now.import = false;
    now.and(suspend("fraud suspected")).when(reinstate()).then_kinds(&["MerchantReinstated"]);
}

#[test]
fn a_lender_sees_the_history_only_while_a_consent_runs() {
    let grant = |through| Ask::GrantLenderConsent { consent_ref: id("c1"), recipient: id("icbc"), through };
    let through = noon().plus_days(90);
    open().when(grant(noon())).refused("consent_ended");
    let given = open().and(grant(through));
    assert!(given.state.consents_to(id("icbc"), through));
    assert!(!given.state.consents_to(id("icbc"), through.plus(1)));
    assert!(!given.state.consents_to(id("ccb"), noon()));
    given.clone().when(grant(through)).nothing();
    given.clone().when(grant(through.plus(1))).refused("consent_exists");
    let revoke = Ask::RevokeLenderConsent { consent_ref: id("c1") };
    let revoked = given.and(leave()).and(revoke.clone());
    assert!(!revoked.state.consents_to(id("icbc"), noon()));
    revoked.when(revoke).nothing();
}

fn pack(consent: &str, digest: &str) -> Ask {
    Ask::IssueLoanPack(LoanPack {
        digest: id(&digest.repeat(32)),
        recipient: id("icbc"),
        consent_ref: id(consent),
        purpose: "working capital".to_owned(),
        from: id("2016-12-01"),
        to: id("2018-11-30"),
        through: 7,
        definitions: 1,
    })
}

#[test]
fn a_pack_is_issued_only_under_a_consent_that_runs_to_that_lender() {
    let grant = |consent: &str, recipient: &str| Ask::GrantLenderConsent {
        consent_ref: id(consent),
        recipient: id(recipient),
        through: noon().plus_days(90),
    };
    open().when(pack("c1", "aa")).refused("consent_missing");
    let given = open().and(grant("c1", "icbc")).and(grant("c2", "ccb"));
    given.clone().when(pack("c2", "aa")).refused("consent_for_other");
    let issued = given.clone().when(pack("c1", "aa")).then_kinds(&["LoanPackIssued"]);
    issued.clone().when(pack("c1", "aa")).nothing();
    issued.when(pack("c1", "bb")).then_kinds(&["LoanPackIssued"]);
    for digest in ["a", "AA", "zz"] {
        given.clone().when(pack("c1", digest)).refused("digest_malformed");
    }
    given
        .clone()
        .and(Ask::RevokeLenderConsent { consent_ref: id("c1") })
        .when(pack("c1", "aa"))
        .refused("consent_missing");
    given.on(noon().plus_days(91)).when(pack("c1", "aa")).refused("consent_for_other");
    let mut reversed = pack("c1", "aa");
    if let Ask::IssueLoanPack(pack) = &mut reversed {
        std::mem::swap(&mut pack.from, &mut pack.to);
    }
    open().and(grant("c1", "icbc")).when(reversed).refused("days_reversed");
}

#[test]
fn a_later_assessment_of_a_period_replaces_the_earlier() {
    let assess = |score: &str| Ask::Assess {
        period: id("2018-Q1"),
        figures: vec![AssessedFigure { name: id("dispute_rate"), value: "0.01".to_owned() }],
        score: score.parse().expect("a score"),
        tier: id("gold"),
        passed: true,
    };
    let first = open().and(assess("87.5"));
    first.clone().when(assess("87.5")).nothing();
    let second = first.when(assess("85")).then_kinds(&["MerchantAssessed"]);
    assert_eq!(second.state.assessment(id("2018-Q1")).map(|a| a.score), "85".parse().ok());
}

#[test]
fn every_state_answers_every_command() {
    let states = [
        ("unknown", new()),
        ("applied", applied()),
        ("papers shown", shown()),
        ("rejected", applied().and(Ask::Reject { reason: "no address".to_owned() })),
        ("approved", approved()),
        ("ready to open", approved().and(sign()).and(agree("2018-01-01T00:00:00Z", 0))),
        ("open", open()),
        ("deposit short", open().and(short(9_000)).on(noon().plus_days(7))),
        ("suspended for its deposit", open().and(short(9_000)).on(noon().plus_days(7)).and(overdue())),
        ("suspended by hand", open().and(suspend("fraud suspected"))),
        ("left", open().and(leave())),
        ("imported", {
            let mut imported = new().importing().and(takeover());
            imported.import = false;
            imported
        }),
    ];
    let (exchange, warranty_months) = (true, 0);
    let consent_ref = id("c1");
    let commands = [
        ("apply", apply(MerchantKind::Retailer)),
        ("import", takeover()),
        ("submit qualification", submit(BrandAuthorisation, None)),
        ("verify qualification", verify(UnifiedLicence)),
        ("reject qualification", refuse(UnifiedLicence)),
        (
            "expire qualification",
            Ask::ExpireQualification { kind: UnifiedLicence, due: noon().plus_days(30) },
        ),
        ("approve", Ask::Approve {}),
        ("reject", Ask::Reject { reason: "no address".to_owned() }),
        ("sign contract", sign()),
        (
            "commit service",
            Ask::CommitService { ship_within_hours: 48, return_days: 7, exchange, warranty_months },
        ),
        ("agree fee schedule", agree("2018-02-01T00:00:00Z", 0)),
        ("satisfy deposit", satisfy(10_000)),
        ("report deposit short", short(9_000)),
        ("open store", Ask::OpenStore {}),
        ("suspend", suspend("fraud suspected")),
        ("suspend for deposit", overdue()),
        ("reinstate", reinstate()),
        ("assess", {
            let (period, tier, score) = (id("2018-Q1"), id("gold"), "87.5".parse().expect("a score"));
            Ask::Assess { period, figures: Vec::new(), score, tier, passed: true }
        }),
        ("terminate", leave()),
        ("grant consent", {
            let through = noon().plus_days(90);
            Ask::GrantLenderConsent { consent_ref, recipient: id("icbc"), through }
        }),
        ("revoke consent", Ask::RevokeLenderConsent { consent_ref }),
        ("issue loan pack", pack("c1", "aa")),
    ];
    insta::assert_snapshot!("merchant_states_and_commands", product(&states, &commands));
}
