//! An order that is asked one thing after the other, checked after each.

use daybook_domain::deposit::events::{DeductedTo, DepositDeducted, DepositRestored};
use daybook_domain::order::Order;
use daybook_domain::order::commands::{OrderCommand as C, RefundOf};
use daybook_domain::order::events::*;
use daybook_domain::{Aggregate, Event, Money, RefundId};

use crate::support::sale::*;
use crate::support::{Books, Scenario, cny, id};
use crate::told::Told;

/// An order, what its events told, and its books.
pub struct History {
    pub order: Scenario<Order>,
    pub told: Told,
    pub books: Books,
    pub asked: u32,
    /// Without reading each event back from its JSON and comparing states: for a million histories.
    pub quick: bool,
    /// What the deposit gave for the buyer, less what came back.
    pub from_deposit: i64,
}

impl History {
    /// Of a scenario.
    pub fn of(order: Scenario<Order>) -> Self {
        let (told, books) = (Told::default(), Books::default());
        Self { order, told, books, asked: 0, quick: false, from_deposit: 0 }
    }

    pub fn ask(&mut self, command: &C) -> bool {
        self.asked += 1;
        let before = (!self.quick).then(|| self.order.state.clone());
        let Ok(events) = self.order.ask(command) else {
            assert!(
                before.is_none_or(|before| before == self.order.state),
                "a refused command changes nothing"
            );
            return false;
        };
        events.iter().for_each(|event| self.told.hear(event));
        if let Some(mut replayed) = before {
            for event in &events {
                let kind = event.kind();
                let stored = Event::decode(kind.as_str(), kind.schema(), &event.encode()).expect("decodes");
                assert_eq!(&stored, event, "stored and read again");
                replayed.evolve(&stored, self.order.now);
            }
            assert_eq!(replayed, self.order.state);
        }
        self.books.book(&self.order.state, &events);
        self.deposits_pay(&events);
        self.check(command);
        true
    }

    /// The deposit gives its share of a ruling, as the reactor makes it do.
    pub fn deposits_pay(&mut self, events: &[Event]) {
        for event in events {
            if let Event::RulingReversed(reversed) = event
                && !reversed.to_deposit.is_zero()
            {
                self.from_deposit -= reversed.to_deposit.minor;
                let (amount, dispute) = (reversed.to_deposit, reversed.dispute);
                let reason = reversed.reason.clone();
                let restored = DepositRestored { amount, order: id("o1"), dispute, reason };
                self.books.book(&self.order.state, &[restored.into()]);
            }
            let Event::DisputeRuled(ruled) = event else { continue };
            if ruled.from_deposit.is_zero() {
                continue;
            }
            let to = DeductedTo::Buyer { order: id("o1") };
            let (amount, reason) = (ruled.from_deposit, "ruling".to_owned());
            let deducted = DepositDeducted { amount, reason: reason.clone(), to, hold: None };
            self.books.book(&self.order.state, &[deducted.into()]);
            self.from_deposit += amount.minor;
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
    pub fn aimed(&self, command: &C) -> C {
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

    pub fn check(&self, after: &C) {
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
