//! Events of `provider-{name}`: statements of a payment provider or a bank, laid beside the books.

use crate::books::events::VoucherEntry;
use crate::codec::{event, words};
use crate::{Code, Currency, Money, PartyId, Reference, Timestamp, VoucherId};

words! {
    /// Who writes the statements.
    StatementSide { Provider = "provider", Bank = "bank" }
}
words! {
    /// Why lines and entries belong together.
    MatchReason {
        /// They name the same reference.
        Reference = "reference",
        /// Several that name the same reference come to the same sum.
        ReferenceSum = "reference_sum",
        /// The same amount, near in time, nothing else of that amount.
        Amount = "amount",
        /// Several near in time come to the same sum.
        AmountSum = "amount_sum",
    }
}
words! {
    /// What does not agree.
    BreakKind {
        /// The statement has it, the books do not.
        MissingHere = "missing_here",
        /// The books have it, the statement does not.
        MissingThere = "missing_there",
        /// The amounts differ.
        Amount = "amount",
        /// The currencies differ.
        Currency = "currency",
        /// The statement has it once more than the books.
        Duplicate = "duplicate",
        /// The fees differ.
        Fee = "fee",
        /// The same thing, further apart in time than the window.
        Late = "late",
        /// The statement takes back what the books still have.
        Reversed = "reversed",
        /// The statement calls it something else: a chargeback where the books have a refund.
        Kind = "kind",
        /// The same amount at the same time under another reference.
        Reference = "reference",
        /// The books have it at another provider or bank.
        Elsewhere = "elsewhere",
        /// The statement's own totals do not agree with its lines, or with the statement before it.
        Totals = "totals",
    }
}
words! {
    /// How a break was resolved.
    Resolution {
        /// It is right as it is; one person says why.
        Explained = "explained",
        /// A later statement brought what was missing.
        ArrivedLater = "arrived_later",
        /// The books were corrected by an event of their own; two persons.
        Corrected = "corrected",
        /// By the entries of this event; two persons.
        Posted = "posted",
        /// By a journal voucher; two persons.
        Voucher = "voucher",
    }
}

event! {
    /// What the lines of one currency come to. Signed as the market sees it: what it gets is positive.
    StatementTotals { currency: Currency, lines: u64, gross: Money, fee: Money, net: Money;
        opening: Money, closing: Money }
}
event! {
    /// A statement file is taken, once. What it came to follows as `matches` and `breaks` events, numbered together.
    StatementImported {
        /// SHA-256 of the file, hex.
        digest: Reference,
        side: StatementSide,
        format: Code,
        /// The account as the writer names it.
        account: String,
        lines: u64,
        totals: Vec<StatementTotals>,
        /// Matches, breaks and resolutions that follow.
        results: u64,
        /// Where its period begins; the first line where it does not say.
        from: Timestamp,
        /// Where its period ends, not part of it; after the last line where it does not say.
        to: Timestamp,
        /// Head of the journal that its lines were laid beside.
        through: u64,
        /// How far apart in time a match may lie, seconds.
        window_seconds: u64;
        /// The writer's number of the statement.
        number: String,
    }
}
event! {
    /// A line of a statement. Its place is the line of the file.
    StatementLine { line: u64, kind: Code, reference: String, gross: Money, fee: Money, net: Money, at: Timestamp;
        /// What it repeats of ours.
        ours: String,
        /// The earlier file that it is of, where it is not of the one that this belongs to.
        file: Reference,
        /// More references of the writer, where a later file may bring what the line lacks.
        other_references: Vec<String>,
        /// More of ours, the same.
        other_ours: Vec<String>,
        /// Words of a bank's text that may be references; nothing else of it is kept.
        words: Vec<String>,
        /// Whether `at` is a day, without a time of it.
        day_only: bool }
}
event! {
    /// What the books say of money at a provider or bank: part of a money event.
    BooksEntry {
        /// Id of the event and number of the part, `uuid/n`.
        entry: Reference,
        stream: String,
        kind: Code,
        reference: String,
        gross: Money,
        fee: Money,
        at: Timestamp,
    }
}
event! {
    /// Lines of a statement and entries of the books are the same money.
    StatementLineMatched { digest: Reference, reason: MatchReason, lines: Vec<StatementLine>,
        entries: Vec<BooksEntry> }
}
event! {
    /// Something does not agree.
    BreakFound {
        r#break: Reference,
        digest: Reference,
        kind: BreakKind,
        /// What is at stake: the difference, or the amount that is missing.
        amount: Money,
        /// When the money moved: its age counts from here.
        since: Timestamp,
        lines: Vec<StatementLine>,
        entries: Vec<BooksEntry>,
        detail: String,
    }
}
event! {
    /// A break is dealt with. Posts its entries, where it has some.
    BreakResolved {
        r#break: Reference,
        digest: Reference,
        how: Resolution,
        note: String,
        by: PartyId,
        entries: Vec<VoucherEntry>;
        approved_by: PartyId,
        voucher: VoucherId,
        /// With `arrived_later`: the file that brought it.
        file: Reference,
    }
}
