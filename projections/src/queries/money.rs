//! What a merchant is owed as of a moment, from the entries of its own accounts: no stream is read again.

use crate::engine::store::Param;
use crate::engine::{AsOf, ReadModelError, ReadModels};
use crate::record;

use super::books::{Counted, generation};

record! {
    /// What a merchant is owed in one currency, from the entries of its accounts in the books.
    MerchantMoney in "", key(currency) {
        /// ISO 4217 code.
        currency: String,
        /// In escrow for its orders.
        escrow: i64 = money,
        /// Released and not yet settled; negative is a receivable.
        pending: i64 = money,
        /// Settled, may be paid out.
        available: i64 = money,
        /// Settled, held for a claim.
        held: i64 = money,
        /// Settled, kept back for a time.
        reserve: i64 = money,
        /// On its way to the merchant's bank.
        in_transit: i64 = money,
        /// Pending, available, held, reserve and in transit together.
        owed: i64 = money,
        /// Guarantee money, free.
        deposit: i64 = money,
        /// Guarantee money held for a claim.
        deposit_frozen: i64 = money,
    }
}

impl MerchantMoney {
    /// The cell of an account, and whether it is part of what is owed.
    fn cell(&mut self, name: &str) -> Option<(&mut i64, bool)> {
        Some(match name {
            "Escrow" => (&mut self.escrow, false),
            "MerchantPending" => (&mut self.pending, true),
            "MerchantAvailable" => (&mut self.available, true),
            "MerchantHeld" => (&mut self.held, true),
            "MerchantReserve" => (&mut self.reserve, true),
            "PayoutInTransit" => (&mut self.in_transit, true),
            "Deposit" => (&mut self.deposit, false),
            "DepositFrozen" => (&mut self.deposit_frozen, false),
            _ => return None,
        })
    }
}

impl ReadModels {
    /// What a merchant is owed as of a moment, by currency, from the entries of its accounts and of its orders'
    /// escrow: those of the merchant alone are read, by index, however large the books are. Now, from the sums that are
    /// kept. Empty where nothing was posted for it by then.
    ///
    /// # Errors
    /// [`ReadModelError::Behind`] when the models have not applied the position asked for.
    pub fn merchant_money(&self, merchant_id: &str, at: AsOf) -> Result<Vec<MerchantMoney>, ReadModelError> {
        let db = self.read()?;
        self.applied_for(&db, at)?;
        let generation = generation(&db)?;
        let counted = Counted::by(at);
        let (accounts, entries) =
            (format!("book_accounts__r{generation}"), format!("book_entries__r{generation}"));
        let own = format!(
            "SELECT a.name, a.currency, -sum(e.amount) FROM {accounts} a JOIN {entries} e ON e._parent = a._id \
             WHERE a.dimension = ? AND a.class = 'Liabilities' AND {} GROUP BY a.name, a.currency",
            counted.sql
        );
        let escrow = format!(
            "SELECT 'Escrow', a.currency, -sum(e.amount) FROM orders o \
             CROSS JOIN {accounts} a ON a.dimension = o.order_id AND a.name = 'Escrow' AND a.class = 'Liabilities' \
             CROSS JOIN {entries} e ON e._parent = a._id \
             WHERE o.merchant_id = ? AND {} GROUP BY a.currency",
            counted.sql
        );
        // now, the accounts have their sums already
        let own_now = format!(
            "SELECT name, currency, -sum(balance) FROM {accounts} \
             WHERE dimension = ? AND class = 'Liabilities' GROUP BY name, currency"
        );
        let escrow_now =
            "SELECT 'Escrow', currency, escrow FROM merchant_balances WHERE merchant_id = ? LIMIT 1000";
        let asked = if at == AsOf::HEAD { [own_now, escrow_now.to_owned()] } else { [own, escrow] };
        let mut found: Vec<MerchantMoney> = Vec::new();
        for sql in asked {
            let mut statement = db.prepare_cached(&sql)?;
            let parameters: Vec<Param<'_>> = std::iter::once(Param::from(merchant_id))
                .chain(counted.values.iter().map(Param::from))
                .collect();
            let mut sums = statement.query(&parameters)?;
            while let Some(row) = sums.next()? {
                let (name, currency, amount): (String, String, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
                let at = found.iter().position(|money| money.currency == currency).unwrap_or_else(|| {
                    found.push(MerchantMoney { currency, ..MerchantMoney::default() });
                    found.len() - 1
                });
                let Some((cell, owed)) = found[at].cell(&name) else { continue };
                *cell = amount;
                if owed {
                    found[at].owed = found[at].owed.saturating_add(amount);
                }
            }
        }
        found.sort_unstable_by(|a, b| a.currency.cmp(&b.currency));
        Ok(found)
    }
}
