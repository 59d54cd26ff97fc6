//! Events of `market-{id}` and `books-{market}`: settings, periods, bank movements, vouchers.

use crate::codec::{event, words};
use crate::{BankAccountId, Code, Currency, Money, PartyId, ProviderId, Reference, VoucherId};

use super::Policy;

words! {
    /// Which side of an account.
    Side { Debit = "debit", Credit = "credit" }
}

event! {
    /// The market begins.
    MarketOpened {
        name: String,
        /// IANA name; business days are days in it.
        time_zone: Code,
        currencies: Vec<Currency>,
    }
}
event! {
    /// Settings in force from here on.
    PolicyAdopted { version: u32, policy: Policy }
}
event! {
    /// The market's own history was handed to somebody as a pack: to a lender, an investor. It names no merchant.
    MarketPackIssued {
        /// SHA-256 of the pack's list of files, hex: that list has the digest of each.
        digest: Reference,
        recipient: Code,
        purpose: String,
        /// The first and the last business day that it tells of.
        from: Code,
        to: Code,
        /// What its amounts are in.
        currency: Currency,
        /// The journal's position that it was drawn at.
        through: u64,
        /// The version of its definitions.
        definitions: u32,
    }
}
event! {
    /// What a close commits to of merchants' statements: every line that was booked since the close before.
    StatementSeal {
        /// Merchants that had lines, or a balance.
        merchants: u64,
        /// Lines of all of them.
        lines: u64,
        /// Root over what each had, SHA-256 in hex.
        root: Reference;
        /// The last month that was closed before; none: nothing was.
        after: Code,
        /// Position of the close of that month.
        follows: u64,
    }
}
event! {
    /// A month's books are closed: what happened in it and comes later is booked in the first open one.
    PeriodClosed {
        /// `2018-05`.
        period: Code,
        /// Start of the next period, in the market's zone.
        until: crate::Timestamp,
        /// Digest of the trial balance, hex.
        digest: Reference,
        by: PartyId;
        /// The digest counts the events through this position of the journal; none: all before this one.
        through: u64,
        /// What it commits to of merchants' statements.
        seal: StatementSeal,
    }
}
event! {
    /// A closed month is open again; two persons.
    PeriodReopened { period: Code, by: PartyId, approved_by: PartyId, reason: String;
        /// Start of what is still closed after this: the end of the last closed period.
        closed_until: crate::Timestamp }
}
event! {
    /// What is owed in all in one currency.
    LiabilitiesSum {
        sum: Money,
        /// How many are owed it: merchants one by one, and escrow, checkouts, refunds and stored value as one each.
        leaves: u64,
        /// Root of the tree that adds them up, SHA-256 in hex.
        root: Reference,
    }
}
event! {
    /// What the market owes by the events through a position: each who is owed can be shown to be counted in it.
    LiabilitiesStated { through: u64, by: PartyId, sums: Vec<LiabilitiesSum> }
}
event! {
    /// A provider paid out to the market's bank; amount net of its fee.
    ProviderPaidOut { provider: ProviderId, amount: Money, bank: BankAccountId, reference: Reference; fee: Money }
}
event! {
    /// Tax went to its office.
    TaxRemitted { jurisdiction: Code, amount: Money, bank: BankAccountId, reference: Reference }
}
event! {
    /// A payable was paid.
    PayableSettled { channel: Code, amount: Money, bank: BankAccountId, reference: Reference }
}
event! {
    /// The market's own money moved between its accounts.
    OwnFundsMoved { from: BankAccountId, to: BankAccountId, amount: Money, reference: Reference }
}
event! {
    /// A line of a voucher.
    VoucherEntry {
        /// `Class:Name[:dimension]`.
        account: Reference,
        side: Side,
        amount: Money,
    }
}
event! {
    /// Entries by hand; two persons, sums to zero in each currency.
    JournalVoucher { voucher: VoucherId, entries: Vec<VoucherEntry>, reason: String, proposed_by: PartyId,
        approved_by: PartyId }
}
