//! Twelve kinds of breaks, each planted where its writer would make it.

use daybook_domain::provider::events::BreakKind;
use daybook_domain::time::{DAY, SECOND};
use daybook_domain::{Currency, Money, Timestamp};
use daybook_reconciliation::{Format, LineKind, Side};

use super::{Planted, Row, Sheet};

/// How far from the period's end a break is planted: what is younger may still come.
const CLEAR: i64 = 12 * DAY;

/// Plants all, in files that have lines for them, and writes down what was planted.
pub(super) fn plant(sheets: &mut [Sheet], until: Timestamp, planted: &mut Vec<Planted>) {
    let mut other: Option<Row> = None;
    for sheet in sheets.iter_mut() {
        let mut garden = Garden { sheet, until, planted };
        match garden.sheet.format {
            Format::AlipayLedger => {
                other = garden.pick(LineKind::Payment, 3, 5).map(|at| garden.sheet.rows[at].clone());
                garden.alipay();
            }
            Format::WechatBill => garden.wechat(other.take()),
            Format::StripeItemised if garden.sheet.provider == "unionpay" => garden.cards(),
            _ if garden.sheet.format.side() == Side::Bank => garden.bank(),
            _ => {}
        }
    }
}

struct Garden<'a> {
    sheet: &'a mut Sheet,
    until: Timestamp,
    planted: &'a mut Vec<Planted>,
}

impl Garden<'_> {
    /// The row of a kind that lies `part` of `of` parts into the file, not too near its end.
    fn pick(&self, kind: LineKind, part: usize, of: usize) -> Option<usize> {
        let clear = self.until.plus(-CLEAR);
        let fit: Vec<usize> = (0..self.sheet.rows.len())
            .filter(|n| self.sheet.rows[*n].kind == kind && self.sheet.rows[*n].at < clear)
            // rows that were changed once are left alone
            .filter(|n| !self.planted.iter().any(|p| p.reference == self.sheet.rows[*n].reference))
            .collect();
        fit.get(fit.len() * part / of).copied()
    }

    fn note(&mut self, kind: BreakKind, reference: &str, amount: Money) {
        let provider = self.sheet.provider.clone();
        self.planted.push(Planted { provider, kind, reference: reference.to_owned(), amount });
    }

    fn alipay(&mut self) {
        // a payment that the market never heard of
        if let Some(at) = self.pick(LineKind::Payment, 1, 5) {
            let like = self.sheet.rows[at].clone();
            let gross = Money::new(1_234_567, like.gross.currency);
            let row = Row {
                reference: "alipay/unheard-of".into(),
                gross,
                fee: Money::new(7_407, gross.currency),
                at: like.at.plus(SECOND),
                ..like
            };
            self.note(BreakKind::MissingHere, &row.reference.clone(), row.net());
            self.sheet.rows.push(row);
        }
        // one that the provider never had
        if let Some(at) = self.pick(LineKind::Payment, 2, 5) {
            let row = self.sheet.rows.remove(at);
            let missing = Money::new(-row.net().minor, row.gross.currency);
            self.note(BreakKind::MissingThere, &row.reference, missing);
        }
        // a fee five fen dearer
        if let Some(at) = self.pick(LineKind::Payment, 4, 5) {
            let row = &mut self.sheet.rows[at];
            row.fee.minor += 5;
            let (reference, off) = (row.reference.clone(), Money::new(-5, row.fee.currency));
            self.note(BreakKind::Fee, &reference, off);
        }
        // a trailer that says three yuan more went out
        self.sheet.trailer_off = 300;
        if let Some(of) = self.sheet.rows.first().map(|r| r.gross.currency) {
            self.note(BreakKind::Totals, "", Money::new(300, of));
        }
    }

    fn wechat(&mut self, other: Option<Row>) {
        // a fen less
        if let Some(at) = self.pick(LineKind::Payment, 1, 6) {
            let row = &mut self.sheet.rows[at];
            row.gross.minor -= 1;
            let (reference, off) = (row.reference.clone(), Money::new(-1, row.gross.currency));
            self.note(BreakKind::Amount, &reference, off);
        }
        // dollars
        if let Some(at) = self.pick(LineKind::Payment, 2, 6) {
            let usd = Currency::new("USD").expect("invariant: ISO 4217 lists USD");
            let row = &mut self.sheet.rows[at];
            (row.gross.currency, row.fee.currency) = (usd, usd);
            let (reference, gross) = (row.reference.clone(), row.gross);
            self.note(BreakKind::Currency, &reference, gross);
        }
        // the same line twice
        if let Some(at) = self.pick(LineKind::Payment, 3, 6) {
            let row = self.sheet.rows[at].clone();
            self.note(BreakKind::Duplicate, &row.reference, row.gross);
            self.sheet.rows.push(row);
        }
        // one of another provider
        if let Some(row) = other {
            self.note(BreakKind::Elsewhere, &row.reference, row.net());
            self.sheet.rows.push(row);
        }
    }

    fn cards(&mut self) {
        // a payment taken back that the books still have
        if let Some(at) = self.pick(LineKind::Payment, 1, 6) {
            let like = self.sheet.rows[at].clone();
            let gross = Money::new(-like.gross.minor, like.gross.currency);
            self.note(BreakKind::Reversed, &like.reference, gross);
            let fee = Money::zero(gross.currency);
            let row = Row { kind: LineKind::Reversal, gross, fee, at: like.at.plus(DAY), ..like };
            self.sheet.rows.push(row);
        }
        // a refund that they call a chargeback
        if let Some(at) = self.pick(LineKind::Refund, 1, 2) {
            let row = &mut self.sheet.rows[at];
            row.kind = LineKind::Chargeback;
            let (reference, gross) = (row.reference.clone(), row.gross);
            self.note(BreakKind::Kind, &reference, gross);
        }
        // three weeks late
        if let Some(at) = self.pick(LineKind::Payment, 3, 6) {
            let row = &mut self.sheet.rows[at];
            row.at = row.at.plus(21 * DAY);
            let (reference, gross) = (row.reference.clone(), row.gross);
            self.note(BreakKind::Late, &reference, gross);
        }
        // under a number that the books do not have
        if let Some(at) = self.pick(LineKind::Payment, 4, 6) {
            let row = &mut self.sheet.rows[at];
            row.reference = "ch_misread".into();
            let gross = row.gross;
            self.note(BreakKind::Reference, "ch_misread", gross);
        }
    }

    fn bank(&mut self) {
        let credits = self.sheet.rows.iter().filter(|r| r.kind == LineKind::Credit).count();
        if credits < 4 {
            return;
        }
        // a payout of a provider that never came
        if let Some(at) = self.pick(LineKind::Credit, 1, 4) {
            let row = self.sheet.rows.remove(at);
            let missing = Money::new(-row.net().minor, row.gross.currency);
            self.note(BreakKind::MissingThere, &row.reference, missing);
        }
        // one that came ten yuan short
        if let Some(at) = self.pick(LineKind::Credit, 2, 4) {
            let row = &mut self.sheet.rows[at];
            row.gross.minor -= 1_000;
            let (reference, off) = (row.reference.clone(), Money::new(-1_000, row.gross.currency));
            self.note(BreakKind::Amount, &reference, off);
        }
        // the bank's own fee
        if let Some(at) = self.pick(LineKind::Credit, 3, 4) {
            let like = self.sheet.rows[at].clone();
            let of = like.gross.currency;
            let row = Row {
                reference: format!("fee-{}", self.sheet.provider),
                kind: LineKind::Fee,
                gross: Money::zero(of),
                fee: Money::new(2_500, of),
                at: like.at.plus(DAY),
                text: "account keeping".into(),
            };
            // a camt entry has no type of its own for fees: it is a debit that nobody knows
            let kind =
                if self.sheet.format == Format::Mt940 { BreakKind::Fee } else { BreakKind::MissingHere };
            self.note(kind, &row.reference.clone(), row.net());
            self.sheet.rows.push(row);
        }
    }
}
