//! The nine Olist tables as typed rows, attached to the order, product or lead they belong to.
//!
//! Here a field is readable or refused, a key is unique or refused, and a row that belongs to an order belongs
//! to one that exists. What is readable but odd is a finding.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::Hash;
use std::path::Path;

use daybook_domain::checkout::events::PaymentMethod;
use daybook_domain::{
    BuyerId, Category, CheckoutId, Code, Currency, LeadId, LineId, MerchantId, PaymentId, ProductId,
    ProviderId, ReviewId, Timestamp,
};

use super::clock::{Doubt, Reading, local_day, read_date, read_time};
use super::findings::{FindingKind, Findings};
use super::rows::{DealRow, ItemRow, LeadRow, OrderRow, PaymentRow, ReviewRow, SellerRow, Status};
use super::table::{InputError, Layout, Row, Table, shown};

/// All of the input, and what is odd in single rows of it.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub struct Dataset {
    pub currency: Currency,
    pub orders: Vec<OrderRow>,
    /// Who buys: the person behind each `customer_id`.
    pub buyers: HashMap<BuyerId, BuyerId>,
    /// The category of each product, where it has one.
    pub categories: HashMap<ProductId, Option<Category>>,
    pub sellers: Vec<SellerRow>,
    pub leads: Vec<LeadRow>,
    pub findings: Findings,
}

/// Longest id taken over: room is left for what is added to it (`-1`, a part of another id).
const MAX_KEY: usize = 48;

const ORDERS: Layout = Layout {
    name: "olist_orders_dataset",
    columns: &[
        "order_id",
        "customer_id",
        "order_status",
        "order_purchase_timestamp",
        "order_approved_at",
        "order_delivered_carrier_date",
        "order_delivered_customer_date",
        "order_estimated_delivery_date",
    ],
    ended: false,
};
const ITEMS: Layout = Layout {
    name: "olist_order_items_dataset",
    columns: &[
        "order_id",
        "order_item_id",
        "product_id",
        "seller_id",
        "shipping_limit_date",
        "price",
        "freight_value",
    ],
    ended: true,
};
const PAYMENTS: Layout = Layout {
    name: "olist_order_payments_dataset",
    columns: &["order_id", "payment_sequential", "payment_type", "payment_installments", "payment_value"],
    ended: true,
};
const REVIEWS: Layout = Layout {
    name: "olist_order_reviews_dataset",
    columns: &["review_id", "order_id", "review_score", "review_creation_date", "review_answer_timestamp"],
    ended: false,
};
const CUSTOMERS: Layout =
    Layout { name: "olist_customers_dataset", columns: &["customer_id", "customer_unique_id"], ended: false };
const PRODUCTS: Layout = Layout {
    name: "olist_products_dataset",
    columns: &["product_id", "product_category_name"],
    ended: false,
};
const TRANSLATION: Layout = Layout {
    name: "product_category_name_translation",
    columns: &["product_category_name", "product_category_name_english"],
    ended: false,
};
const SELLERS: Layout =
    Layout { name: "olist_sellers_dataset", columns: &["seller_id", "seller_state"], ended: false };
const LEADS: Layout = Layout {
    name: "olist_marketing_qualified_leads_dataset",
    columns: &["mql_id", "first_contact_date", "landing_page_id", "origin"],
    ended: false,
};
const DEALS: Layout = Layout {
    name: "olist_closed_deals_dataset",
    columns: &["mql_id", "seller_id", "won_date", "business_segment", "lead_type"],
    ended: false,
};

/// Reads all tables of `folder`.
///
/// # Errors
/// The first [`InputError`]; nothing that is malformed is passed over.
pub fn read(folder: &Path) -> Result<Dataset, InputError> {
    let brl = Currency::new("BRL").expect("invariant: BRL is an ISO 4217 code");
    let mut reader = Reader { folder, currency: brl, findings: Findings::default() };
    let (mut orders, by_id) = reader.orders()?;
    reader.items(&mut orders, &by_id)?;
    reader.payments(&mut orders, &by_id)?;
    reader.reviews(&mut orders, &by_id)?;
    let buyers = reader.buyers()?;
    let categories = reader.categories()?;
    let sellers = reader.sellers()?;
    let leads = reader.leads()?;
    let findings = reader.findings;
    Ok(Dataset { currency: brl, orders, buyers, categories, sellers, leads, findings })
}

struct Reader<'a> {
    folder: &'a Path,
    currency: Currency,
    findings: Findings,
}

type ById = HashMap<CheckoutId, usize>;

impl Reader<'_> {
    fn open(&mut self, layout: Layout) -> Result<Table, InputError> {
        let table = Table::open(self.folder, layout)?;
        if !table.is_ended() {
            self.findings.add(FindingKind::UnendedFile, table.file(), "");
        }
        Ok(table)
    }

    fn orders(&mut self) -> Result<(Vec<OrderRow>, ById), InputError> {
        let table = self.open(ORDERS)?;
        let (mut orders, mut by_id) = (Vec::new(), HashMap::new());
        table.rows(|row| {
            let id = key(row, 0, CheckoutId::new)?;
            unique(row, 0, &mut by_id, id, orders.len())?;
            let time =
                |column, findings: &mut Findings| moment(row, column, id.as_str(), read_time, findings);
            let purchased = time(3, &mut self.findings)?
                .ok_or_else(|| row.error(3, "is empty: an order needs its time of purchase"))?;
            orders.push(OrderRow {
                id,
                customer: key(row, 1, BuyerId::new)?,
                status: row.read(2, Status::read)?,
                purchased,
                approved: time(4, &mut self.findings)?,
                carrier: time(5, &mut self.findings)?,
                delivered: time(6, &mut self.findings)?,
                estimated: time(7, &mut self.findings)?,
                items: Vec::new(),
                payments: Vec::new(),
                reviews: Vec::new(),
            });
            Ok(())
        })?;
        Ok((orders, by_id))
    }

    fn items(&mut self, orders: &mut [OrderRow], by_id: &ById) -> Result<(), InputError> {
        self.open(ITEMS)?.rows(|row| {
            let order = &mut orders[owner(row, 0, by_id)?];
            let number = row.number(1)?;
            if order.items.iter().any(|i| i.number == number) {
                return Err(row.error(1, format!("item {number} of order {} stands twice", order.id)));
            }
            let id = format!("{}/{number}", order.id);
            let item = ItemRow {
                number,
                line: row.read(1, LineId::new)?,
                product: key(row, 2, ProductId::new)?,
                seller: key(row, 3, MerchantId::new)?,
                ship_by: moment(row, 4, &id, read_time, &mut self.findings)?,
                price: row.amount(5, self.currency)?,
                freight: row.amount(6, self.currency)?,
            };
            if item.freight.is_zero() {
                self.findings.add(FindingKind::FreightZero, id, format!("price {}", item.price.amount()));
            }
            order.items.push(item);
            Ok(())
        })?;
        for order in orders {
            order.items.sort_by_key(|item| item.number);
        }
        Ok(())
    }

    fn payments(&mut self, orders: &mut [OrderRow], by_id: &ById) -> Result<(), InputError> {
        self.open(PAYMENTS)?.rows(|row| {
            let order = &mut orders[owner(row, 0, by_id)?];
            let number = row.number(1)?;
            if order.payments.iter().any(|p| p.number == number) {
                return Err(row.error(1, format!("payment {number} of order {} stands twice", order.id)));
            }
            let method = match row.text(2) {
                "credit_card" => PaymentMethod::Card,
                "debit_card" => PaymentMethod::DebitCard,
                "boleto" => PaymentMethod::BankSlip,
                "voucher" => PaymentMethod::ThirdPartyVoucher,
                _ => PaymentMethod::Other,
            };
            let payment = PaymentRow {
                number,
                id: row.read(1, PaymentId::new)?,
                provider: key(row, 2, ProviderId::new)?,
                method,
                instalments: row.number(3)?,
                amount: row.amount(4, self.currency)?,
            };
            let id = format!("{}/{number}", order.id);
            let detail = format!("{} of {}", payment.provider, payment.amount.amount());
            if payment.amount.is_zero() {
                self.findings.add(FindingKind::PaymentZero, &id, &detail);
            }
            if payment.method == PaymentMethod::Other {
                self.findings.add(FindingKind::PaymentNotDefined, &id, &detail);
            }
            if payment.instalments == 0 {
                self.findings.add(FindingKind::InstalmentsZero, id, detail);
            }
            order.payments.push(payment);
            Ok(())
        })?;
        for order in orders {
            order.payments.sort_by_key(|payment| payment.number);
        }
        Ok(())
    }

    fn reviews(&mut self, orders: &mut [OrderRow], by_id: &ById) -> Result<(), InputError> {
        let table = self.open(REVIEWS)?;
        let mut times_used: HashMap<ReviewId, u32> = HashMap::new();
        table.rows(|row| {
            *times_used.entry(key(row, 0, ReviewId::new)?).or_default() += 1;
            Ok(())
        })?;
        let mut seen: HashMap<ReviewId, ()> = HashMap::new();
        let mut first_of: HashMap<ReviewId, ()> = HashMap::new();
        table.rows(|row| {
            let order = &mut orders[owner(row, 1, by_id)?];
            let given = key(row, 0, ReviewId::new)?;
            let mut id = given;
            if times_used.get(&given).is_some_and(|n| *n > 1) {
                if first_of.insert(given, ()).is_some() {
                    self.findings.add(FindingKind::ReviewIdRepeated, given.as_str(), order.id.as_str());
                }
                let start: String = order.id.as_str().chars().take(8).collect();
                id = ReviewId::new(&format!("{given}-{start}")).map_err(|e| row.error(0, e.to_string()))?;
            }
            unique(row, 0, &mut seen, id, ())?;
            let score = row.number(2)?;
            if !(1..=5).contains(&score) {
                return Err(row.error(2, format!("{score} is not a score of 1 to 5")));
            }
            let created = moment(row, 3, given.as_str(), read_time, &mut self.findings)?;
            let answered = moment(row, 4, given.as_str(), read_time, &mut self.findings)?;
            if answered.is_none() {
                self.findings.add(FindingKind::ReviewAnswerLost, id.as_str(), order.id.as_str());
            }
            if created.is_none() {
                self.findings.add(FindingKind::ReviewCreationLost, id.as_str(), order.id.as_str());
            }
            if row.text(3).get(..10).is_some_and(|day| day < local_day(order.purchased).as_str()) {
                let detail = format!("order {} of {}", order.id, order.purchased);
                self.findings.add(FindingKind::ReviewBeforePurchase, id.as_str(), detail);
            }
            order.reviews.push(ReviewRow { id, score: score as u8, created, answered });
            Ok(())
        })
    }

    fn buyers(&mut self) -> Result<HashMap<BuyerId, BuyerId>, InputError> {
        let mut buyers = HashMap::new();
        self.open(CUSTOMERS)?.rows(|row| {
            unique(row, 0, &mut buyers, key(row, 0, BuyerId::new)?, key(row, 1, BuyerId::new)?)
        })?;
        Ok(buyers)
    }

    fn categories(&mut self) -> Result<HashMap<ProductId, Option<Category>>, InputError> {
        let mut english: HashMap<String, Category> = HashMap::new();
        self.open(TRANSLATION)?
            .rows(|row| unique(row, 0, &mut english, row.text(0).to_owned(), row.read(1, Category::new)?))?;
        let mut categories = HashMap::new();
        self.open(PRODUCTS)?.rows(|row| {
            let product = key(row, 0, ProductId::new)?;
            let own = row.read_if_any(1, Category::new)?;
            let category = own.map(|own| english.get(own.as_str()).copied().unwrap_or(own));
            match own {
                None => self.findings.add(FindingKind::ProductWithoutCategory, product.as_str(), ""),
                Some(own) if !english.contains_key(own.as_str()) => {
                    self.findings.add(
                        FindingKind::CategoryWithoutTranslation,
                        product.as_str(),
                        own.as_str(),
                    );
                }
                Some(_) => {}
            }
            unique(row, 0, &mut categories, product, category)
        })?;
        Ok(categories)
    }

    fn sellers(&mut self) -> Result<Vec<SellerRow>, InputError> {
        let (mut sellers, mut seen) = (Vec::new(), HashMap::new());
        self.open(SELLERS)?.rows(|row| {
            let id = key(row, 0, MerchantId::new)?;
            unique(row, 0, &mut seen, id, ())?;
            let state = Some(row.text(1)).filter(|s| !s.is_empty()).map(str::to_owned);
            sellers.push(SellerRow { id, state });
            Ok(())
        })?;
        Ok(sellers)
    }

    fn leads(&mut self) -> Result<Vec<LeadRow>, InputError> {
        let (mut leads, mut by_id) = (Vec::new(), HashMap::new());
        self.open(LEADS)?.rows(|row| {
            let id = key(row, 0, LeadId::new)?;
            unique(row, 0, &mut by_id, id, leads.len())?;
            let origin = row.read_if_any(3, Code::new)?;
            if origin.is_none() {
                self.findings.add(FindingKind::LeadWithoutOrigin, id.as_str(), "");
            }
            let first_contact = moment(row, 1, id.as_str(), read_date, &mut self.findings)?
                .ok_or_else(|| row.error(1, "is empty: a lead needs its first contact"))?;
            let landing = row.read_if_any(2, Code::new)?;
            leads.push(LeadRow { id, origin, landing, first_contact, deal: None });
            Ok(())
        })?;
        self.open(DEALS)?.rows(|row| {
            let lead = &mut leads[owner(row, 0, &by_id)?];
            if lead.deal.is_some() {
                return Err(row.error(0, format!("{} stands twice", lead.id)));
            }
            let won = moment(row, 2, lead.id.as_str(), read_time, &mut self.findings)?
                .ok_or_else(|| row.error(2, "is empty: a deal needs the time it was won"))?;
            let deal = DealRow {
                merchant: key(row, 1, MerchantId::new)?,
                won,
                segment: row.read_if_any(3, Code::new)?,
                lead_type: row.read_if_any(4, Code::new)?,
            };
            if deal.segment.is_none() {
                self.findings.add(FindingKind::DealWithoutSegment, lead.id.as_str(), deal.merchant.as_str());
            }
            if deal.lead_type.is_none() {
                self.findings.add(FindingKind::DealWithoutType, lead.id.as_str(), deal.merchant.as_str());
            }
            lead.deal = Some(deal);
            Ok(())
        })?;
        Ok(leads)
    }
}

/// An id, short enough that something can be added to it.
fn key<T, E: std::fmt::Display>(
    row: &Row<'_>,
    column: usize,
    read: impl FnOnce(&str) -> Result<T, E>,
) -> Result<T, InputError> {
    if row.text(column).len() > MAX_KEY {
        return Err(row.error(column, format!("is longer than {MAX_KEY} characters")));
    }
    row.read(column, read)
}

/// Remembers a key that may stand once only.
fn unique<K: Eq + Hash, V>(
    row: &Row<'_>,
    column: usize,
    seen: &mut HashMap<K, V>,
    id: K,
    value: V,
) -> Result<(), InputError> {
    match seen.entry(id) {
        Entry::Vacant(free) => {
            free.insert(value);
            Ok(())
        }
        Entry::Occupied(_) => Err(row.error(column, format!("{} stands twice", shown(row.text(column))))),
    }
}

/// Where in the list the owner of this row stands.
fn owner<K: Eq + Hash + std::str::FromStr>(
    row: &Row<'_>,
    column: usize,
    by_id: &HashMap<K, usize>,
) -> Result<usize, InputError> {
    let id: Option<K> = row.text(column).parse().ok();
    id.and_then(|id| by_id.get(&id).copied()).ok_or_else(|| {
        let id = shown(row.text(column));
        row.error(column, format!("{id:?} is in no row of the table it belongs to: that one is cut off"))
    })
}

/// A time, which may be missing; a doubtful one is a finding.
fn moment(
    row: &Row<'_>,
    column: usize,
    id: &str,
    read: fn(&str) -> Result<Reading, String>,
    findings: &mut Findings,
) -> Result<Option<Timestamp>, InputError> {
    let Some(reading) = row.read_if_any(column, read)? else { return Ok(None) };
    let kind = match reading.doubt {
        None => return Ok(Some(reading.at)),
        Some(Doubt::Ambiguous) => FindingKind::AmbiguousTime,
        Some(Doubt::Nonexistent) => FindingKind::NonexistentTime,
    };
    findings.add(kind, id, format!("{} {} read as {}", row.column(column), row.text(column), reading.at));
    Ok(Some(reading.at))
}
