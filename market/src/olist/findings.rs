//! What is odd in the input: counted by kind, with ids. Nothing odd is repaired or dropped.

use std::collections::BTreeMap;
use std::io;

use daybook_domain::Money;
use serde::Serialize;

/// Ids shown per kind in a report; the full list is written with [`Findings::write_csv`].
pub const SAMPLES: usize = 10;

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident = $code:literal, $says:literal;)*) => {
        /// A kind of oddity.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[allow(missing_docs)] // each kind says what it is in `says`
        pub enum FindingKind { $($(#[$doc])* $name),* }

        impl FindingKind {
            /// Every kind, in the order of a report.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];
            /// The stable word for it.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $code),* }
            }
            /// What it means and how it was imported.
            #[must_use]
            pub const fn says(self) -> &'static str {
                match self { $(Self::$name => $says),* }
            }
        }
    };
}

kinds! {
    CarrierBeforeApproval = "carrier_before_approval",
        "handed to the carrier before the payment was approved; shipped at the time given";
    CarrierBeforePurchase = "carrier_before_purchase",
        "handed to the carrier before the purchase; shipped at the time given";
    DeliveredBeforeCarrier = "delivered_before_carrier",
        "delivered before it was handed to the carrier; both at the times given";
    DeliveredBeforeApproval = "delivered_before_approval",
        "delivered before the payment was approved; both at the times given";
    DeliveredWithoutDate = "delivered_without_date",
        "delivered, but nobody says when; delivered at the last time known, released then";
    DeliveredWithoutCarrierDate = "delivered_without_carrier_date",
        "delivered, but never handed to the carrier; shipped at the time of delivery";
    ApprovalMissing = "approval_time_missing",
        "paid without a time of approval; captured at the purchase";
    CancelledAfterHandover = "cancelled_after_handover",
        "cancelled although handed to the carrier; shipped, then cancelled and refunded";
    CancelledAfterDelivery = "cancelled_after_delivery",
        "cancelled although delivered; delivered, then cancelled and refunded";
    DateBeyondStatus = "date_beyond_status",
        "shipped or delivered by its dates, but not by its status; imported as far as the status says";
    ShipLimitAfterEstimate = "ship_limit_after_estimate",
        "the shipping limit of an item lies after the estimated delivery; both kept";
    OrdersOutOfOrder = "orders_out_of_time_order",
        "placed earlier than the row before it in the file; imported by time of purchase";
    PaymentsDiffer = "payments_differ",
        "payments are there and differ from items and freight";
    PaymentsDifferByOneCent = "payments_differ_by_one_cent",
        "of those: by one cent";
    Overpaid = "overpaid",
        "more was paid than items and freight; the rest stays unallocated";
    ShortfallAccepted = "shortfall_accepted",
        "less was paid than items and freight; the importer accepted the shortfall, borne by the platform";
    NeverPaid = "never_paid",
        "of those: never paid at all; an order that did not go on stays unfunded";
    PaymentZero = "payment_zero",
        "a payment row of 0.00; no event";
    PaymentNotDefined = "payment_type_not_defined",
        "a payment row whose type is not defined";
    InstalmentsZero = "payment_without_instalments",
        "a payment in 0 instalments; kept as given";
    PaymentSequenceGap = "payment_sequence_gap",
        "the numbers of an order's payments have a gap";
    OrderWithoutItems = "order_without_items",
        "paid or cancelled without any item: a checkout without an order";
    OrderWithoutItemsUnpaid = "order_without_items_unpaid",
        "of those: nothing was paid either";
    FreightZero = "freight_zero",
        "an item with freight 0.00";
    ProductWithoutCategory = "product_without_category",
        "a product without a category; imported as `uncategorised`";
    CategoryWithoutTranslation = "category_without_translation",
        "a product whose category has no translation; its own name is kept";
    ProductUnknown = "product_unknown",
        "an item whose product is in no file; imported as `uncategorised`";
    SellerUnknown = "seller_unknown",
        "an item whose seller is in no file; imported without its region";
    CustomerUnknown = "customer_unknown",
        "an order whose customer is in no file; the customer stands for the buyer";
    ReviewBeforePurchase = "review_before_purchase",
        "reviewed (asked to) on a day before the purchase; kept at the times given";
    ReviewAnswerLost = "review_answer_time_lost",
        "the time of the review is lost; posted when it was asked for, else at the order's last time";
    ReviewCreationLost = "review_creation_time_lost",
        "of those: the time it was asked for is lost too";
    ReviewIdRepeated = "review_id_repeated",
        "a review id that another order's review has too; imported as review id and start of the order id";
    ReviewsSeveral = "order_reviewed_several_times",
        "an order with several reviews; all are kept";
    LeadWithoutOrigin = "lead_without_origin",
        "a lead without an origin; imported as `unknown`";
    DealWithoutSeller = "deal_without_seller",
        "a lead won as a seller who never sold here; the lead names a merchant that has no stream";
    DealWithoutSegment = "deal_without_segment",
        "a deal without a business segment";
    DealWithoutType = "deal_without_type",
        "a deal without a type of lead";
    DealBeforeContact = "deal_before_contact",
        "a lead won before its first contact; both at the times given";
    AmbiguousTime = "ambiguous_time",
        "a local time that came twice as the clock was set back; read as its first coming";
    NonexistentTime = "nonexistent_time",
        "a local time that the clock skipped when set forward; read with the offset before the jump";
    UnendedFile = "file_without_line_end",
        "a file whose last line is not ended";
}

impl Serialize for FindingKind {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(self.as_str())
    }
}

/// One oddity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Case {
    /// Its kind.
    pub kind: FindingKind,
    /// Whom it concerns: an order, product, review, lead or file.
    pub id: String,
    /// The values behind it.
    pub detail: String,
}

/// All oddities of one input.
#[derive(Clone, Debug, Default)]
pub struct Findings {
    cases: Vec<Case>,
    sums: BTreeMap<FindingKind, Money>,
}

/// A kind of oddity in a report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Which.
    pub kind: FindingKind,
    /// What it means and how it was imported.
    pub says: &'static str,
    /// How many.
    pub count: u64,
    /// How much money it concerns, where that says something.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub amount: Option<Money>,
    /// The first [`SAMPLES`] ids.
    pub samples: Vec<String>,
}

impl Findings {
    /// Adds a case.
    pub fn add(&mut self, kind: FindingKind, id: impl Into<String>, detail: impl Into<String>) {
        self.cases.push(Case { kind, id: id.into(), detail: detail.into() });
    }

    /// Adds a case with the money it concerns.
    pub fn add_amount(
        &mut self,
        kind: FindingKind,
        id: impl Into<String>,
        detail: impl Into<String>,
        amount: Money,
    ) {
        self.add(kind, id, detail);
        // far below the sum of all payments, which is checked
        let sum = self.sums.entry(kind).or_insert(Money::zero(amount.currency));
        sum.minor = sum.minor.saturating_add(amount.minor);
    }

    /// How many cases of `kind` there are.
    #[must_use]
    pub fn count(&self, kind: FindingKind) -> u64 {
        self.cases.iter().filter(|c| c.kind == kind).count() as u64
    }

    /// Every case, in the order found.
    #[must_use]
    pub fn cases(&self) -> &[Case] {
        &self.cases
    }

    /// The findings by kind, in the order of [`FindingKind::ALL`]; kinds without a case are left out.
    #[must_use]
    pub fn by_kind(&self) -> Vec<Finding> {
        let mut found: BTreeMap<FindingKind, (u64, Vec<String>)> = BTreeMap::new();
        for case in &self.cases {
            let (count, samples) = found.entry(case.kind).or_default();
            *count += 1;
            if samples.len() < SAMPLES {
                samples.push(case.id.clone());
            }
        }
        let finding = |(kind, (count, samples)): (FindingKind, _)| Finding {
            kind,
            says: kind.says(),
            count,
            amount: self.sums.get(&kind).copied(),
            samples,
        };
        found.into_iter().map(finding).collect()
    }

    /// Writes every case as CSV: `kind,id,detail`.
    ///
    /// # Errors
    /// What the writer says.
    pub fn write_csv(&self, to: impl io::Write) -> io::Result<()> {
        let mut csv = csv::Writer::from_writer(to);
        csv.write_record(["kind", "id", "detail"])?;
        for case in &self.cases {
            csv.write_record([case.kind.as_str(), &case.id, &case.detail])?;
        }
        csv.flush()
    }
}
