//! What happened, according to the tables: checkouts, orders, merchants and leads, in business order, and what
//! the books must say when all of it has been recorded.
//!
//! An Olist order is a checkout; its items, grouped by seller, are orders. Nothing here decides: amounts that
//! the deciders compute (allocation, release, commission) are computed here only as totals to compare with.

use std::collections::HashMap;
use std::path::Path;

use daybook_domain::checkout::events::PaymentMethod;
use daybook_domain::{
    BuyerId, Category, CheckoutId, Code, Currency, LeadId, LineId, MerchantId, Money, MoneyError, OrderId,
    PaymentId, ProductId, ProviderId, Rate, ReviewId, Timestamp,
};

use super::dataset::{self, Dataset};
use super::findings::{FindingKind, Findings};
use super::oddities;
use super::rows::{DealRow, ItemRow, OrderRow, Status};
use super::table::InputError;
use super::totals::Totals;

/// The whole history to be recorded.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Merchants, by the time of their first sale.
    pub merchants: Vec<MerchantPlan>,
    /// Leads, by first contact.
    pub leads: Vec<LeadPlan>,
    /// Checkouts, by time of purchase.
    pub checkouts: Vec<CheckoutPlan>,
    /// What is odd.
    pub findings: Findings,
    /// What must come out.
    pub totals: Totals,
    /// Everything is in this currency.
    pub currency: Currency,
    /// The platform's commission on prices, 0.10 for 10 %.
    pub commission: Rate,
}

/// A seller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MerchantPlan {
    /// The seller's id.
    pub id: MerchantId,
    /// The state it is in.
    pub region: Option<String>,
    /// Its first sale.
    pub at: Timestamp,
}

/// A lead and what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeadPlan {
    /// The lead's id.
    pub id: LeadId,
    /// How it came.
    pub origin: Code,
    /// Where it landed.
    pub landing: Option<Code>,
    /// When.
    pub first_contact: Timestamp,
    /// The deal it ended in.
    pub won: Option<DealRow>,
}

/// A basket: an Olist order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckoutPlan {
    /// Olist's order id.
    pub id: CheckoutId,
    /// The person who buys.
    pub buyer: BuyerId,
    /// Purchase.
    pub opened_at: Timestamp,
    /// Approval of the payment, else purchase: captured and funded then.
    pub paid_at: Timestamp,
    /// Payments above zero, in their sequence.
    pub payments: Vec<PaymentPlan>,
    /// The orders, by their sellers' first item.
    pub orders: Vec<OrderPlan>,
    /// What the market bears so that the orders are funded; zero where it bears nothing.
    pub shortfall: Money,
    /// False where nothing was paid and nothing went on: the orders stay as placed.
    pub funded: bool,
    /// All orders left their merchants then.
    pub shipped_at: Option<Timestamp>,
    /// All orders arrived then.
    pub delivered_at: Option<Timestamp>,
    /// Cancelled then: escrow and unallocated money go back.
    pub cancelled_at: Option<Timestamp>,
    /// Olist's word for why.
    pub cancelled_as: Option<&'static str>,
    /// Whether money is left that no order takes.
    pub overpaid: bool,
    /// Its reviews.
    pub reviews: Vec<ReviewPlan>,
}

/// A payment above zero.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct PaymentPlan {
    pub id: PaymentId,
    pub provider: ProviderId,
    pub method: PaymentMethod,
    pub instalments: u32,
    pub amount: Money,
}

/// What one seller sells in a basket.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct OrderPlan {
    pub id: OrderId,
    pub merchant: MerchantId,
    pub lines: Vec<LinePlan>,
    pub ship_by: Option<Timestamp>,
    pub deliver_by: Option<Timestamp>,
}

/// An item: one piece.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct LinePlan {
    pub line: LineId,
    pub product: ProductId,
    pub category: Category,
    pub price: Money,
    pub freight: Money,
}

/// A review, posted to the first order, or to the basket where there is none.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct ReviewPlan {
    pub id: ReviewId,
    pub score: u8,
    pub at: Timestamp,
}

impl OrderPlan {
    /// Items and freight.
    ///
    /// # Errors
    /// [`MoneyError`] when the sum is beyond 64 bits.
    pub fn total(&self, currency: Currency) -> Result<Money, MoneyError> {
        self.lines.iter().try_fold(Money::zero(currency), |sum, line| sum.add(line.price)?.add(line.freight))
    }
}

impl CheckoutPlan {
    /// What its orders ask.
    ///
    /// # Errors
    /// [`MoneyError`] when the sum is beyond 64 bits.
    pub fn due(&self) -> Result<Money, MoneyError> {
        let currency = self.shortfall.currency;
        self.orders.iter().try_fold(Money::zero(currency), |sum, order| sum.add(order.total(currency)?))
    }

    /// What was paid.
    ///
    /// # Errors
    /// [`MoneyError`] when the sum is beyond 64 bits.
    pub fn paid(&self) -> Result<Money, MoneyError> {
        self.payments.iter().try_fold(Money::zero(self.shortfall.currency), |sum, p| sum.add(p.amount))
    }
}

impl Plan {
    /// Merchants, leads and checkouts together.
    #[must_use]
    pub fn steps(&self) -> u64 {
        (self.merchants.len() + self.leads.len() + self.checkouts.len()) as u64
    }

    /// Reads the tables of `folder` and joins them. `commission` is the rate on prices.
    ///
    /// # Errors
    /// [`InputError`] names file, line and field.
    pub fn read(folder: &Path, commission: Rate) -> Result<Self, InputError> {
        let dataset = dataset::read(folder)?;
        Self::join(dataset, commission).map_err(|e| InputError {
            file: folder.display().to_string(),
            line: None,
            field: None,
            problem: format!("the sums of this data are beyond what a ledger can hold: {e}"),
        })
    }

    /// Joins the tables.
    ///
    /// # Errors
    /// [`MoneyError`] when a sum is beyond 64 bits.
    pub fn join(mut dataset: Dataset, commission: Rate) -> Result<Self, MoneyError> {
        oddities::of_the_file(&dataset.orders, &mut dataset.findings);
        dataset.orders.sort_by_key(|order| (order.purchased, order.id));
        let mut findings = std::mem::take(&mut dataset.findings);
        let merchants = merchants(&dataset, &mut findings);
        let leads = leads(&dataset, &mut findings);
        let mut checkouts = Vec::with_capacity(dataset.orders.len());
        for row in &dataset.orders {
            oddities::of_the_times(row, &mut findings);
            let checkout = checkout(row, &dataset, &mut findings)?;
            oddities::of_the_money(row, &checkout, &mut findings)?;
            checkouts.push(checkout);
        }
        let mut totals = Totals::of_nothing(dataset.currency);
        totals.merchants = merchants.len() as u64;
        totals.leads = leads.len() as u64;
        totals.deals = leads.iter().filter(|lead| lead.won.is_some()).count() as u64;
        for checkout in &checkouts {
            totals.add(checkout, commission)?;
        }
        Ok(Self { merchants, leads, checkouts, findings, totals, currency: dataset.currency, commission })
    }
}

fn merchants(dataset: &Dataset, findings: &mut Findings) -> Vec<MerchantPlan> {
    // by now the orders are sorted, so the first seen is the first sold
    let mut first_sale: HashMap<MerchantId, Timestamp> = HashMap::new();
    let mut sold_in_order = Vec::new();
    for order in &dataset.orders {
        for item in &order.items {
            first_sale.entry(item.seller).or_insert_with(|| {
                sold_in_order.push(item.seller);
                order.purchased
            });
        }
    }
    let start = dataset.orders.first().map_or(Timestamp(0), |order| order.purchased);
    let known: HashMap<MerchantId, &Option<String>> =
        dataset.sellers.iter().map(|s| (s.id, &s.state)).collect();
    let unknown = sold_in_order.iter().filter(|id| !known.contains_key(*id));
    let mut merchants: Vec<MerchantPlan> = Vec::with_capacity(known.len());
    for id in unknown {
        findings.add(FindingKind::SellerUnknown, id.as_str(), "");
        merchants.push(MerchantPlan { id: *id, region: None, at: first_sale[id] });
    }
    merchants.extend(dataset.sellers.iter().map(|seller| MerchantPlan {
        id: seller.id,
        region: seller.state.clone(),
        at: first_sale.get(&seller.id).copied().unwrap_or(start),
    }));
    merchants.sort_by_key(|merchant| (merchant.at, merchant.id));
    merchants
}

fn leads(dataset: &Dataset, findings: &mut Findings) -> Vec<LeadPlan> {
    let unknown = Code::new("unknown").expect("invariant: visible ASCII");
    let sellers: std::collections::HashSet<MerchantId> = dataset.sellers.iter().map(|s| s.id).collect();
    let mut leads: Vec<LeadPlan> = Vec::with_capacity(dataset.leads.len());
    for lead in &dataset.leads {
        if let Some(deal) = &lead.deal {
            if !sellers.contains(&deal.merchant) {
                findings.add(FindingKind::DealWithoutSeller, lead.id.as_str(), deal.merchant.as_str());
            }
            if deal.won < lead.first_contact {
                let detail = format!("won {}, first contact {}", deal.won, lead.first_contact);
                findings.add(FindingKind::DealBeforeContact, lead.id.as_str(), detail);
            }
        }
        leads.push(LeadPlan {
            id: lead.id,
            origin: lead.origin.unwrap_or(unknown),
            landing: lead.landing,
            first_contact: lead.first_contact,
            won: lead.deal.clone(),
        });
    }
    leads.sort_by_key(|lead| (lead.first_contact, lead.id));
    leads
}

fn checkout(row: &OrderRow, dataset: &Dataset, findings: &mut Findings) -> Result<CheckoutPlan, MoneyError> {
    let nothing = Money::zero(dataset.currency);
    let orders = orders(row, dataset, findings);
    let payments: Vec<PaymentPlan> = row
        .payments
        .iter()
        .filter(|payment| !payment.amount.is_zero())
        .map(|payment| PaymentPlan {
            id: payment.id,
            provider: payment.provider,
            method: payment.method,
            instalments: payment.instalments,
            amount: payment.amount,
        })
        .collect();
    let buyer = dataset.buyers.get(&row.customer).copied();
    if buyer.is_none() {
        findings.add(FindingKind::CustomerUnknown, row.id.as_str(), row.customer.as_str());
    }
    let last = row.last_time();
    // As far as the status says: a date beyond it is no fact that Olist stands by.
    let left = matches!(row.status, Status::Shipped | Status::Delivered);
    let arrived = row.status == Status::Delivered;
    let cancelled = matches!(row.status, Status::Canceled | Status::Unavailable);
    let delivered_at = if cancelled { row.delivered } else { arrived.then(|| row.delivered.unwrap_or(last)) };
    let shipped_at = match row.carrier {
        Some(at) if left || cancelled => Some(at),
        _ if left => Some(delivered_at.unwrap_or(last)),
        _ => delivered_at,
    };
    let mut plan = CheckoutPlan {
        id: row.id,
        buyer: buyer.unwrap_or(row.customer),
        opened_at: row.purchased,
        paid_at: row.approved.unwrap_or(row.purchased),
        payments,
        orders,
        shortfall: nothing,
        funded: false,
        shipped_at,
        delivered_at,
        cancelled_at: cancelled.then_some(last),
        cancelled_as: match row.status {
            Status::Canceled => Some("canceled"),
            Status::Unavailable => Some("unavailable"),
            _ => None,
        },
        overpaid: false,
        reviews: Vec::with_capacity(row.reviews.len()),
    };
    let (due, paid) = (plan.due()?, plan.paid()?);
    // A sale that went on without any money was the platform's to bear; one that did not is simply not paid.
    plan.funded = !plan.orders.is_empty() && (!paid.is_zero() || left);
    if plan.funded && paid.minor < due.minor {
        plan.shortfall = due.sub(paid)?;
    }
    plan.overpaid = paid.minor > due.minor;
    plan.reviews.extend(row.reviews.iter().map(|review| ReviewPlan {
        id: review.id,
        score: review.score,
        at: review.answered.or(review.created).unwrap_or(last),
    }));
    plan.reviews.sort_by_key(|review| (review.at, review.id));
    Ok(plan)
}

/// Groups the items by seller, in the order of the sellers' first item.
fn orders(row: &OrderRow, dataset: &Dataset, findings: &mut Findings) -> Vec<OrderPlan> {
    let mut sellers: Vec<MerchantId> = Vec::new();
    for item in &row.items {
        if !sellers.contains(&item.seller) {
            sellers.push(item.seller);
        }
    }
    let several = sellers.len() > 1;
    let mut orders = Vec::with_capacity(sellers.len());
    for (n, merchant) in sellers.into_iter().enumerate() {
        let id = if several { format!("{}-{}", row.id, n + 1) } else { row.id.to_string() };
        let items = || row.items.iter().filter(|item| item.seller == merchant);
        orders.push(OrderPlan {
            id: OrderId::new(&id).expect("invariant: ids are read with room for a suffix"),
            merchant,
            lines: items().map(|item| line(row, item, dataset, findings)).collect(),
            // the promise is the strictest of its items
            ship_by: items().filter_map(|item| item.ship_by).min(),
            deliver_by: row.estimated,
        });
    }
    orders
}

fn line(row: &OrderRow, item: &ItemRow, dataset: &Dataset, findings: &mut Findings) -> LinePlan {
    let category = dataset.categories.get(&item.product);
    if category.is_none() {
        let id = format!("{}/{}", row.id, item.number);
        findings.add(FindingKind::ProductUnknown, id, item.product.as_str());
    }
    let uncategorised = Category::new("uncategorised").expect("invariant: visible ASCII");
    LinePlan {
        line: item.line,
        product: item.product,
        category: category.copied().flatten().unwrap_or(uncategorised),
        price: item.price,
        freight: item.freight,
    }
}
