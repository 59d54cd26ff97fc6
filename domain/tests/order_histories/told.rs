//! What the events of an order alone say, in minor units.

use std::collections::BTreeMap;

use daybook_domain::checkout::events::PaymentPart;
use daybook_domain::order::events::*;
use daybook_domain::{
    CampaignId, Event, LineId, Money, PaymentId, RefundId, ReturnId, ShipmentId, Timestamp,
};

/// What the events alone say, in minor units.
#[derive(Default)]
pub struct Told {
    pub came: i64,
    pub paid: i64,
    pub to_merchant: i64,
    pub tax: i64,
    pub from_escrow: i64,
    pub lost_from_escrow: i64,
    pub to_buyer: i64,
    pub charged_back: i64,
    pub subsidies: BTreeMap<CampaignId, i64>,
    pub shortfall: i64,
    pub payments: BTreeMap<PaymentId, i64>,
    pub goods_left: BTreeMap<LineId, i64>,
    pub released: Vec<LineId>,
    pub disputes: BTreeMap<String, i64>,
    pub refunds: Vec<(RefundId, PaymentPart)>,
    pub shipments: Vec<(ShipmentId, Option<Timestamp>)>,
    pub returns: Vec<ReturnId>,
    pub exchanges: Vec<ReturnId>,
}

impl Told {
    pub fn back(&mut self, subsidies: &[Subsidy], shortfall: Money) -> i64 {
        for s in subsidies {
            *self.subsidies.entry(s.campaign).or_default() -= s.amount.minor;
        }
        self.shortfall -= shortfall.minor;
        subsidies.iter().map(|s| s.amount.minor).sum::<i64>() + shortfall.minor
    }

    pub fn lines(&mut self, lines: &[LineRefund]) {
        for l in lines {
            *self.goods_left.entry(l.line).or_default() -= l.merchant_base.minor;
        }
    }

    pub fn hear(&mut self, event: &Event) {
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

    pub fn parts(&mut self, refund: RefundId, to_buyer: Money, parts: &[PaymentPart]) {
        assert_eq!(to_buyer.minor, parts.iter().map(|p| p.amount.minor).sum::<i64>());
        for p in parts {
            assert!(p.amount.minor > 0, "{parts:?}");
            self.refunds.push((refund, p.clone()));
            *self.payments.entry(p.payment).or_default() -= p.amount.minor;
        }
    }

    pub fn towards(&mut self, dispute: Option<String>, gross: i64) {
        if let Some(dispute) = dispute {
            *self.disputes.entry(dispute).or_default() += gross;
        }
    }
}
