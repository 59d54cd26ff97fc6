//! Orders: whatever is asked in whatever order, the money adds up.

mod support;

use std::collections::BTreeMap;

use daybook_domain::checkout::events::PaymentPart;
use daybook_domain::deposit::events::{DeductedTo, DepositDeducted};
use daybook_domain::order::commands::{OrderCommand as C, Place, RefundOf};
use daybook_domain::order::events::*;
use daybook_domain::order::{DisputeStage, Order};
use daybook_domain::{
    Aggregate, CampaignId, Event, LineId, Money, PaymentId, RefundId, ReturnId, ShipmentId, Timestamp,
};
use proptest::prelude::*;
use support::sale::*;
use support::{Books, Scenario, cny, given, id};

/// What the events alone say, in minor units.
#[derive(Default)]
struct Told {
    came: i64,
    paid: i64,
    to_merchant: i64,
    tax: i64,
    from_escrow: i64,
    lost_from_escrow: i64,
    to_buyer: i64,
    charged_back: i64,
    subsidies: BTreeMap<CampaignId, i64>,
    shortfall: i64,
    payments: BTreeMap<PaymentId, i64>,
    goods_left: BTreeMap<LineId, i64>,
    released: Vec<LineId>,
    disputes: BTreeMap<String, i64>,
    refunds: Vec<(RefundId, PaymentPart)>,
    shipments: Vec<(ShipmentId, Option<Timestamp>)>,
    returns: Vec<ReturnId>,
    exchanges: Vec<ReturnId>,
}

impl Told {
    fn back(&mut self, subsidies: &[Subsidy], shortfall: Money) -> i64 {
        for s in subsidies {
            *self.subsidies.entry(s.campaign).or_default() -= s.amount.minor;
        }
        self.shortfall -= shortfall.minor;
        subsidies.iter().map(|s| s.amount.minor).sum::<i64>() + shortfall.minor
    }

    fn lines(&mut self, lines: &[LineRefund]) {
        for l in lines {
            *self.goods_left.entry(l.line).or_default() -= l.merchant_base.minor;
        }
    }

    fn hear(&mut self, event: &Event) {
        match event {
            Event::OrderPlaced(e) => {
                for l in &e.lines {
                    let goods = l.unit_price.minor * i64::from(l.quantity) - l.discount.minor;
                    self.goods_left.insert(l.line, goods);
                }
            }
            Event::EscrowFunded(e) => {
                for p in &e.parts {
                    self.paid += p.amount.minor;
                    self.payments.insert(p.payment, p.amount.minor);
                }
                for s in &e.subsidies {
                    self.subsidies.insert(s.campaign, s.amount.minor);
                }
                self.shortfall = e.shortfall.minor;
                self.came = self.paid + self.shortfall + self.subsidies.values().sum::<i64>();
            }
            Event::EscrowReleased(e) => {
                self.to_merchant += e.to_merchant.minor;
                self.tax += e.tax.as_ref().map_or(0, |t| t.amount.minor);
                self.released.extend(e.lines.iter().map(|l| l.line));
            }
            Event::EscrowRefunded(e) => {
                let gross: i64 = e.lines.iter().map(|l| l.gross.minor).sum();
                let back = self.back(&e.subsidies_back, e.shortfall_back) + e.to_buyer.minor;
                assert_eq!(gross, back, "gross is what goes back: {e:?}");
                self.from_escrow += gross;
                self.to_buyer += e.to_buyer.minor;
                self.parts(e.refund, e.to_buyer, &e.parts);
                self.lines(&e.lines);
                self.towards(e.dispute.map(|d| d.to_string()), gross);
            }
            Event::RefundIssued(e) => {
                let [share] = &e.borne_by[..] else { panic!("one bearer: {e:?}") };
                let gross: i64 = e.lines.iter().map(|l| l.gross.minor).sum();
                let back = self.back(&share.subsidies_back, share.shortfall_back) + share.to_buyer.minor;
                assert_eq!((gross, gross, e.to_buyer), (share.gross.minor, back, share.to_buyer), "{e:?}");
                self.to_buyer += e.to_buyer.minor;
                self.parts(e.refund, e.to_buyer, &e.parts);
                self.lines(&e.lines);
                self.towards(e.dispute.map(|d| d.to_string()), gross);
            }
            Event::ChargebackClosed(e) if e.outcome == ChargebackOutcome::Lost => {
                let from_refunds = e.from_refunds.map_or(0, |m| m.minor);
                let mut given = e.loss.minor + from_refunds;
                if let Some(taken) = &e.from_escrow {
                    let back = self.back(&taken.subsidies_back, taken.shortfall_back);
                    self.lost_from_escrow += taken.to_buyer.minor + back;
                    given += taken.to_buyer.minor;
                    self.lines(&taken.lines);
                }
                for share in &e.borne_by {
                    self.back(&share.subsidies_back, share.shortfall_back);
                    given += share.to_buyer.minor;
                }
                self.lines(&e.lines);
                assert_eq!(e.amount.minor, given, "the bank gets what it took: {e:?}");
                assert!(e.loss.minor >= 0);
                self.charged_back += e.amount.minor - from_refunds - e.loss.minor;
            }
            Event::OrderShipped(e) => self.shipments.push((e.shipment, None)),
            Event::OrderDelivered(e) => self.shipments.push((e.shipment, Some(e.release_due))),
            Event::ReturnRequested(e) => self.returns.push(e.r#return),
            Event::ExchangeRequested(e) => self.exchanges.push(e.exchange),
            Event::DisputeRuled(e) => {
                let from = [e.from_escrow, e.from_merchant, e.from_deposit, e.from_platform];
                assert_eq!(e.refund.minor, from.iter().map(|m| m.minor).sum::<i64>(), "{e:?}");
                assert!(from.iter().all(|m| m.minor >= 0));
            }
            _ => {}
        }
    }

    fn parts(&mut self, refund: RefundId, to_buyer: Money, parts: &[PaymentPart]) {
        assert_eq!(to_buyer.minor, parts.iter().map(|p| p.amount.minor).sum::<i64>());
        for p in parts {
            assert!(p.amount.minor > 0, "{parts:?}");
            self.refunds.push((refund, p.clone()));
            *self.payments.entry(p.payment).or_default() -= p.amount.minor;
        }
    }

    fn towards(&mut self, dispute: Option<String>, gross: i64) {
        if let Some(dispute) = dispute {
            *self.disputes.entry(dispute).or_default() += gross;
        }
    }
}

/// An order, what its events told, and its books.
struct History {
    order: Scenario<Order>,
    told: Told,
    books: Books,
    asked: u32,
}

impl History {
    fn ask(&mut self, command: &C) -> bool {
        self.asked += 1;
        let before = self.order.state.clone();
        let Ok(events) = self.order.ask(command) else {
            assert_eq!(before, self.order.state, "a refused command changes nothing");
            return false;
        };
        let mut replayed = before;
        for event in &events {
            let kind = event.kind();
            let stored = Event::decode(kind.as_str(), kind.schema(), &event.encode()).expect("decodes");
            assert_eq!(&stored, event, "stored and read again");
            replayed.evolve(&stored, self.order.now);
            self.told.hear(event);
        }
        assert_eq!(replayed, self.order.state);
        self.books.book(&self.order.state, &events);
        self.deposits_pay(&events);
        self.check(command);
        true
    }

    /// The deposit gives its share of a ruling, as the reactor makes it do.
    fn deposits_pay(&mut self, events: &[Event]) {
        for event in events {
            let Event::DisputeRuled(ruled) = event else { continue };
            if ruled.from_deposit.is_zero() {
                continue;
            }
            let to = DeductedTo::Buyer { order: id("o1") };
            let (amount, reason) = (ruled.from_deposit, "ruling".to_owned());
            let deducted = DepositDeducted { amount, reason: reason.clone(), to, hold: None };
            self.books.book(&self.order.state, &[deducted.into()]);
            let refund: RefundId = id(&format!("deposit-{}", self.asked));
            let share = C::IssueRefund {
                refund,
                of: RefundOf::Amount(amount),
                borne_by: Bearer::Deposit,
                reason,
                dispute: Some(ruled.dispute),
            };
            assert!(self.ask(&share), "the deposit's share of a ruling is always taken");
        }
    }

    /// The same command about something that exists: a random id rarely does.
    fn aimed(&self, command: &C) -> C {
        let state = &self.order.state;
        let about_a_dispute = matches!(
            command,
            C::AnswerDispute { .. }
                | C::RuleDispute { .. }
                | C::RuleUnanswered { .. }
                | C::AppealDispute { .. }
        );
        if about_a_dispute && state.open_dispute().is_none() {
            return dispute(&format!("d{}", self.asked), None, None);
        }
        if matches!(command, C::AcceptReturn { .. } | C::RecordGoodsReturned { .. })
            && self.told.returns.is_empty()
        {
            return request_return(&format!("t{}", self.asked), None);
        }
        let mut command = command.clone();
        let some = |n: usize, of: usize| n.checked_rem(of);
        let number = self.asked as usize;
        match &mut command {
            C::PayRefund { refund, parts } | C::FailRefund { refund, parts, .. } => {
                if let Some(n) = some(number, self.told.refunds.len()) {
                    let (known, owed) = &self.told.refunds[n];
                    *refund = *known;
                    parts[0].payment = owed.payment;
                    if number.is_multiple_of(2) {
                        parts[0].amount = owed.amount;
                    }
                }
            }
            C::RefundEscrow { refund, .. } | C::IssueRefund { refund, .. } | C::Cancel { refund, .. } => {
                *refund = id(&format!("r{number}"));
            }
            C::Ship { shipment, .. } => *shipment = id(&format!("s{number}")),
            C::Deliver { shipment }
            | C::ReportException { shipment, .. }
            | C::ResolveException { shipment, .. } => {
                if let Some(n) = some(number, self.told.shipments.len()) {
                    *shipment = self.told.shipments[n].0;
                }
            }
            C::ConfirmByTimeout { shipment, due } => {
                let delivered: Vec<_> =
                    self.told.shipments.iter().filter_map(|(s, d)| Some((*s, (*d)?))).collect();
                if let Some(n) = some(number, delivered.len()) {
                    (*shipment, *due) = delivered[n];
                }
            }
            C::Complete { due } => *due = state.after_sales_until().unwrap_or(*due),
            C::RequestReturn { r#return, .. } | C::RequestExchange { exchange: r#return, .. } => {
                *r#return = id(&format!("t{number}"));
            }
            C::AcceptReturn { r#return }
            | C::RefuseReturn { r#return, .. }
            | C::RecordGoodsReturned { r#return, .. }
            | C::ChargeReturnFreight { r#return, .. } => {
                if let Some(n) = some(number, self.told.returns.len()) {
                    *r#return = self.told.returns[n];
                }
            }
            C::RefuseExchange { exchange, .. } | C::ShipExchange { exchange, .. } => {
                if let Some(n) = some(number, self.told.exchanges.len()) {
                    *exchange = self.told.exchanges[n];
                }
            }
            C::OpenDispute { dispute, .. } => *dispute = id(&format!("d{number}")),
            C::AnswerDispute { dispute, .. }
            | C::RuleDispute { dispute, .. }
            | C::AppealDispute { dispute, .. }
            | C::UpholdRuling { dispute, .. }
            | C::ReverseRuling { dispute, .. }
            | C::WithdrawDispute { dispute, .. }
            | C::CloseDispute { dispute, .. } => {
                *dispute = state.open_dispute().map_or(*dispute, |d| d.id);
            }
            C::RuleUnanswered { dispute, due } => {
                (*dispute, *due) = state.open_dispute().map_or((*dispute, *due), |d| (d.id, d.answer_due));
            }
            _ => {}
        }
        command
    }

    fn check(&self, after: &C) {
        let (state, told) = (&self.order.state, &self.told);
        let minor = |m: Option<Money>| m.map_or(0, |m| m.minor);
        let escrow = minor(state.escrow());
        assert!(escrow >= 0, "escrow {escrow} after {after:?}");
        if state.completed() || state.cancelled() {
            assert_eq!(escrow, 0, "an order that is over holds nothing, after {after:?}");
        }
        let went = told.to_merchant + told.tax + told.from_escrow + told.lost_from_escrow + escrow;
        assert_eq!(told.came, went, "what came in went somewhere, after {after:?}");
        let net = [state.to_merchant(), state.tax(), state.refunded(), state.lost(), state.escrow()];
        assert_eq!(told.came, net.map(minor).iter().sum::<i64>(), "the state says the same");
        assert!(
            told.to_buyer + told.charged_back <= told.paid,
            "no more back than was paid, after {after:?}"
        );
        assert!(told.subsidies.values().all(|s| *s >= 0) && told.shortfall >= 0, "after {after:?}");
        assert!(told.payments.values().all(|p| *p >= 0), "{:?} after {after:?}", told.payments);
        for line in state.lines() {
            let base = line.out.parts().goods;
            let due = cny(base).at_rate(line.rate).expect("small").minor;
            assert_eq!((line.commission_base, line.commission), (base, due), "after {after:?}");
            if escrow == 0 && told.released.contains(&line.id) {
                assert_eq!(base, told.goods_left[&line.id], "after {after:?}");
            }
        }
        let net = state.net_commission().map_or(0, |m| m.at_rate(rate("0.06")).expect("small").minor);
        assert_eq!(minor(state.net_vat()), net);
        let owed = |name: &str| -self.books.balance(name, cny(0).currency);
        assert_eq!(owed("Liabilities:Escrow:o1"), escrow, "after {after:?}");
        assert_eq!(owed("Liabilities:Refunds:o1"), minor(state.refunds_due()), "after {after:?}");
        assert_eq!(owed("Liabilities:Tax:CN"), minor(state.tax()), "after {after:?}");
        assert_eq!(owed("Income:Commission:books"), minor(state.net_commission()), "after {after:?}");
        assert!(minor(state.refunds_due()) >= 0 && minor(state.tax()) >= 0);
    }
}

prop_compose! {
    fn any_basket()(
        lines in proptest::collection::vec((1u32..5, 0i64..5_000, 0i64..300), 1..4),
        shipping in 0i64..1_000,
        tax in 0i64..1_000,
        subsidies in proptest::collection::vec(0i64..2_000, 0..3),
    ) -> Place {
        let mut place = basket();
        let of_line = |(nth, (quantity, price, discount)): (usize, &(u32, i64, i64))| {
            line(["A", "B", "C"][nth], *quantity, *price, (*discount).min(price * i64::from(*quantity)))
        };
        place.lines = lines.iter().enumerate().map(of_line).collect();
        place.shipping = cny(shipping);
        place.tax = Some(TaxAmount { jurisdiction: id("CN"), amount: cny(tax) });
        let goods = place.lines.iter().map(|l| l.unit_price.minor * i64::from(l.quantity) - l.discount.minor);
        let mut left = goods.sum::<i64>() + shipping + tax;
        place.subsidies = Vec::new();
        for (nth, wanted) in subsidies.into_iter().enumerate() {
            let amount = wanted.min(left);
            left -= amount;
            place.subsidies.push(Subsidy { campaign: id(["spring", "autumn"][nth]), amount: cny(amount) });
        }
        place
    }
}

/// Pays with up to three payments and a shortfall.
fn pay(order: &Scenario<Order>, cuts: (i64, i64, i64)) -> C {
    let due = order.state.buyer_pays().map_or(0, |m| m.minor);
    let shortfall = due * cuts.0 / 100 / 4;
    let first = (due - shortfall) * cuts.1 / 100;
    let second = (due - shortfall - first) * cuts.2 / 100;
    let third = due - shortfall - first - second;
    let parts = [("p1", first), ("p2", second), ("p3", third)];
    let parts = parts.iter().filter(|(_, minor)| *minor > 0).map(|(p, minor)| part(p, "alipay", *minor));
    C::Fund { parts: parts.collect(), shortfall: cny(shortfall) }
}

fn some_lines() -> impl Strategy<Value = Option<Vec<LineQuantity>>> {
    let lines = proptest::sample::subsequence(vec!["A", "B", "C"], 1..3);
    let lines = lines.prop_flat_map(|names| {
        let counts = proptest::collection::vec(1u32..3, names.len());
        counts.prop_map(move |counts| names.iter().zip(counts).map(|(n, q)| of(n, q)).collect())
    });
    proptest::option::of(lines)
}

fn any_refund() -> impl Strategy<Value = RefundOf> {
    use daybook_domain::order::commands::LineAmount;
    let name = proptest::sample::select(vec!["A", "B", "C"]);
    prop_oneof![
        1 => Just(RefundOf::All),
        3 => some_lines().prop_map(|l| l.map_or(RefundOf::All, RefundOf::Pieces)),
        3 => (1i64..4_000).prop_map(amount),
        3 => (name, 1i64..2_000)
            .prop_map(|(l, m)| RefundOf::Lines(vec![LineAmount { line: id(l), amount: cny(m) }])),
    ]
}

fn any_command() -> impl Strategy<Value = C> {
    let name = |prefix: &'static str, n: u8| (0..n).prop_map(move |n| format!("{prefix}{n}"));
    let bearer = proptest::sample::select(vec![Bearer::Merchant, Bearer::Merchant, Bearer::Platform]);
    let outcome = proptest::sample::select(ChargebackOutcome::ALL);
    let ruled = proptest::sample::select(RuledFor::ALL);
    let party = proptest::sample::select(DisputeParty::ALL);
    let claim = proptest::option::of((1i64..9_000).prop_map(cny));
    let sale = prop_oneof![
        (some_lines(), name("r", 20)).prop_map(|(l, r)| cancel(l, &r)),
        (name("s", 6), some_lines()).prop_map(|(s, l)| ship(&s, l)),
        name("s", 6).prop_map(|s| C::Deliver { shipment: id(&s) }),
        some_lines().prop_map(receive),
        some_lines().prop_map(receive),
        (some_lines()).prop_map(|lines| C::RefuseReceipt { lines, reason: "box open".to_owned() }),
        (name("s", 6), proptest::sample::select(ExceptionKind::ALL))
            .prop_map(|(s, kind)| C::ReportException { shipment: id(&s), kind, detail: None }),
        name("s", 6).prop_map(|s| C::ResolveException { shipment: id(&s), resolution: "found".to_owned() }),
        Just(C::Release {}),
        (0u32..40).prop_map(|n| C::Complete { due: day(n) }),
        (name("s", 6), 0u32..40).prop_map(|(s, n)| C::ConfirmByTimeout { shipment: id(&s), due: day(n) }),
    ];
    let refunds = prop_oneof![
        (name("r", 20), any_refund()).prop_map(|(r, of)| refund_escrow(&r, of)),
        (name("r", 20), any_refund(), bearer).prop_map(|(r, of, by)| refund_released(&r, of, by)),
        (name("r", 20), name("p", 4), 1i64..3_000)
            .prop_map(|(r, p, m)| C::PayRefund { refund: id(&r), parts: vec![back(&p, "alipay", m)] }),
        (name("r", 20), name("p", 4), 1i64..3_000).prop_map(|(r, p, m)| C::FailRefund {
            refund: id(&r),
            parts: vec![back(&p, "alipay", m)],
            reason: "account closed".to_owned(),
        }),
    ];
    let returns = prop_oneof![
        (name("t", 4), some_lines()).prop_map(|(t, l)| request_return(&t, l)),
        name("t", 4).prop_map(|t| C::AcceptReturn { r#return: id(&t) }),
        name("t", 4).prop_map(|t| C::RefuseReturn { r#return: id(&t), reason: "worn".to_owned() }),
        (name("t", 4), some_lines())
            .prop_map(|(t, lines)| C::RecordGoodsReturned { r#return: id(&t), lines }),
        name("t", 4).prop_map(|t| C::ChargeReturnFreight {
            r#return: id(&t),
            amount: cny(600),
            to: PaidBy::Merchant,
            provider: id("sf-express"),
        }),
        name("t", 4).prop_map(|t| C::ShipExchange {
            exchange: id(&t),
            shipment: id("x1"),
            carrier: None,
            tracking: None,
        }),
        (name("t", 4), some_lines()).prop_map(|(t, lines)| C::RequestExchange {
            exchange: id(&t),
            lines,
            reason: "colour".to_owned(),
        }),
        name("t", 4).prop_map(|t| C::RefuseExchange { exchange: id(&t), reason: "sold out".to_owned() }),
    ];
    let disputes = prop_oneof![
        (name("d", 3), claim, some_lines()).prop_map(|(d, claim, l)| dispute(&d, claim, l)),
        name("d", 3).prop_map(|d| answer(&d)),
        (name("d", 3), ruled, proptest::option::of(1i64..6_000)).prop_map(|(d, f, m)| rule(&d, f, m)),
        (name("d", 3), 0u32..20).prop_map(|(d, n)| C::RuleUnanswered { dispute: id(&d), due: day(n) }),
        (name("d", 3), party.clone()).prop_map(|(d, by)| C::AppealDispute {
            dispute: id(&d),
            by,
            reason: "new evidence".to_owned(),
        }),
        name("d", 3).prop_map(|d| C::UpholdRuling { dispute: id(&d), reason: "stands".to_owned() }),
        name("d", 3).prop_map(|d| C::ReverseRuling { dispute: id(&d), reason: "falls".to_owned() }),
        (name("d", 3), party).prop_map(|(d, by)| C::WithdrawDispute { dispute: id(&d), by }),
        name("d", 3).prop_map(|d| C::CloseDispute { dispute: id(&d), due: None }),
    ];
    let banks = prop_oneof![
        (name("k", 2), 1i64..9_000).prop_map(|(k, m)| chargeback(&k, m)),
        (name("k", 2), outcome.clone(), 1i64..9_000, 1u32..3).prop_map(|(k, o, m, r)| decided(&k, o, m, r)),
        (name("k", 2), outcome.clone(), 1i64..9_000, 1u32..3).prop_map(|(k, o, m, r)| decided(&k, o, m, r)),
        (name("k", 2), outcome, 1i64..9_000, 1u32..3).prop_map(|(k, o, m, r)| decided(&k, o, m, r)),
    ];
    prop_oneof![8 => sale, 6 => refunds, 3 => returns, 5 => disputes, 2 => banks]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]
    #[test]
    fn any_history_keeps_every_invariant_of_an_order(
        place in any_basket(),
        cuts in (0i64..101, 0i64..101, 0i64..101),
        commission in 0i64..10_000,
        balance in 0i64..6_000,
        deposit in 0i64..3_000,
        import in any::<bool>(),
        commands in proptest::collection::vec((any_command(), 0u32..4), 0..60),
    ) {
        let mut facts = merchant(balance, deposit);
        if let Some(schedule) = facts.merchant.as_mut().and_then(|m| m.schedule.as_mut()) {
            schedule.default_commission = rate(&format!("0.{commission:04}"));
        }
        let order = given("o1", []).knowing(facts);
        let mut history = History { order, told: Told::default(), books: Books::default(), asked: 0 };
        history.order.import = import;
        prop_assert!(history.ask(&C::Place(place)));
        let pays = pay(&history.order, cuts);
        prop_assert!(history.ask(&pays));
        history.ask(&ship("s0", Some(vec![of("A", 1)])));
        for (command, days) in &commands {
            let command = history.aimed(command);
            history.ask(&command);
            history.order.now = history.order.now.plus_days(if *days == 3 { 4 } else { 0 });
        }
    }

    #[test]
    fn any_series_of_partial_refunds_telescopes_to_exactly_zero(
        place in any_basket(),
        cuts in (0i64..101, 0i64..101, 0i64..101),
        released in some_lines(),
        steps in proptest::collection::vec((any_refund(), any::<bool>()), 0..20),
    ) {
        let order = given("o1", []).knowing(merchant(0, 0)).importing();
        let mut history = History { order, told: Told::default(), books: Books::default(), asked: 0 };
        prop_assert!(history.ask(&C::Place(place)));
        let pays = pay(&history.order, cuts);
        prop_assert!(history.ask(&pays));
        history.ask(&ship("s1", None));
        history.ask(&receive(released));
        for (nth, (of, in_escrow)) in steps.into_iter().enumerate() {
            let name = format!("r{nth}");
            let by = Bearer::Merchant;
            history.ask(&if in_escrow { refund_escrow(&name, of) } else { refund_released(&name, of, by) });
        }
        history.ask(&refund_escrow("all-escrow", RefundOf::All));
        history.ask(&refund_released("all-released", RefundOf::All, Bearer::Merchant));
        let (state, told) = (&history.order.state, &history.told);
        let zero = Some(cny(0));
        prop_assert_eq!((state.escrow(), state.to_merchant(), state.tax()), (zero, zero, zero));
        prop_assert_eq!((state.net_commission(), state.net_vat()), (zero, zero));
        prop_assert_eq!(told.to_buyer, told.paid);
        prop_assert_eq!(told.shortfall, 0);
        prop_assert!(told.subsidies.values().chain(told.payments.values()).all(|left| *left == 0));
        let expenses = history.books.0.iter().filter(|((name, _), _)| name.starts_with("Expenses:"));
        prop_assert!(expenses.map(|(_, left)| *left).all(|left| left == 0));
        prop_assert_eq!(history.books.balance("Liabilities:MerchantPending:m1", cny(0).currency), 0);
    }

    #[test]
    fn a_dispute_never_refunds_more_than_its_claim_whatever_was_refunded_meanwhile(
        claim in 1i64..11_500,
        meanwhile in proptest::collection::vec(any_refund(), 0..5),
        received in any::<bool>(),
        balance in 0i64..12_000,
        deposit in 0i64..12_000,
    ) {
        let order = given("o1", []).knowing(merchant(balance, deposit));
        let mut history = History { order, told: Told::default(), books: Books::default(), asked: 0 };
        for command in [C::Place(basket()), fund(), ship("s1", None)] {
            prop_assert!(history.ask(&command));
        }
        if received {
            prop_assert!(history.ask(&receive(None)));
        }
        prop_assert!(history.ask(&dispute("d1", Some(cny(claim)), None)));
        let before = history.told.from_escrow;
        let mut since = -before;
        for (nth, of) in meanwhile.into_iter().enumerate() {
            let name = format!("r{nth}");
            history.ask(&refund_escrow(&name, of.clone()));
            history.ask(&refund_released(&name, of, Bearer::Merchant));
        }
        let refunded = history.order.state.refunded().map_or(0, |m| m.minor);
        since += refunded;
        history.order.now = day(3);
        let unanswered = C::RuleUnanswered { dispute: id("d1"), due: day(3) };
        prop_assert!(history.ask(&unanswered));
        let by_ruling = history.told.disputes.get("d1").copied().unwrap_or(0);
        let in_full = (claim - since).max(0).min(11_500 - refunded);
        // the market's own share leaves subsidies where they are, so its gross is what the buyer gets
        prop_assert!(by_ruling <= in_full, "{by_ruling} of {in_full}");
        if balance + deposit >= in_full {
            prop_assert_eq!(by_ruling, in_full);
        }
        let stage = history.order.state.disputes().iter().map(|d| d.stage).next();
        prop_assert_eq!(stage, Some(DisputeStage::Ruled));
    }
}
