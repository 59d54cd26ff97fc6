//! Small hand-made data sets: every rule, every refusal.

mod input;
mod recorded;
mod rules;

use std::fs;
use std::path::Path;

use daybook_domain::Rate;
use tempfile::TempDir;

use super::{InputError, Plan};

/// A folder of the ten tables: two orders, unless a test says otherwise.
pub(super) struct Folder {
    dir: TempDir,
}

pub(super) const ORDERS: &str = "order_id,customer_id,order_status,order_purchase_timestamp,order_approved_at,\
order_delivered_carrier_date,order_delivered_customer_date,order_estimated_delivery_date\n";
pub(super) const ITEMS: &str =
    "order_id,order_item_id,product_id,seller_id,shipping_limit_date,price,freight_value\n";
pub(super) const PAYMENTS: &str =
    "order_id,payment_sequential,payment_type,payment_installments,payment_value\n";
pub(super) const REVIEWS: &str = "review_id,order_id,review_score,review_comment_title,review_comment_message,\
review_creation_date,review_answer_timestamp\n";

impl Folder {
    /// One delivered order `a` of two sellers, one shipped order `b`.
    pub fn new() -> Self {
        let folder = Self { dir: tempfile::tempdir().expect("a folder") };
        folder
            .orders(
                "a,ca,delivered,2018-07-01 10:00:00,2018-07-01 11:00:00,2018-07-02 09:00:00,2018-07-05 15:00:00,\
                 2018-07-20 00:00:00\n\
                 b,cb,shipped,2018-07-02 10:00:00,2018-07-02 10:30:00,2018-07-03 09:00:00,,2018-07-20 00:00:00\n",
            )
            .items(
                "a,1,p1,s2,2018-07-04 00:00:00,10.00,1.50\n\
                 a,2,p2,s1,2018-07-03 00:00:00,20.25,2.00\n\
                 a,3,p1,s2,2018-07-03 12:00:00,10.00,1.50\n\
                 b,1,p1,s1,2018-07-04 00:00:00,5.00,0.00\n",
            )
            .payments("a,1,credit_card,3,40.00\na,2,voucher,1,5.25\nb,1,boleto,1,5.00\n")
            .reviews("r1,a,5,,,2018-07-06 00:00:00,2018-07-07 08:00:00\n")
            .file("olist_customers_dataset.csv", "customer_id,customer_unique_id\nca,ua\ncb,ub\n")
            .file("olist_products_dataset.csv", "product_id,product_category_name\np1,brinquedos\np2,\n")
            .file(
                "product_category_name_translation.csv",
                "\u{feff}product_category_name,product_category_name_english\nbrinquedos,toys\n",
            )
            .file("olist_sellers_dataset.csv", "seller_id,seller_state\ns1,SP\ns2,RJ\n")
            .file(
                "olist_marketing_qualified_leads_dataset.csv",
                "mql_id,first_contact_date,landing_page_id,origin\nl1,2018-01-01,lp,email\nl2,2018-01-02,lp,\n",
            )
            .file(
                "olist_closed_deals_dataset.csv",
                "mql_id,seller_id,won_date,business_segment,lead_type\nl1,s1,2018-02-01 12:00:00,toys,industry\n",
            )
    }

    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    pub fn file(self, name: &str, content: impl AsRef<[u8]>) -> Self {
        fs::write(self.dir.path().join(name), content).expect("a file");
        self
    }

    pub fn orders(self, rows: &str) -> Self {
        self.file("olist_orders_dataset.csv", [ORDERS, rows].concat())
    }

    pub fn items(self, rows: &str) -> Self {
        self.file("olist_order_items_dataset.csv", [ITEMS, rows].concat())
    }

    pub fn payments(self, rows: &str) -> Self {
        self.file("olist_order_payments_dataset.csv", [PAYMENTS, rows].concat())
    }

    pub fn reviews(self, rows: &str) -> Self {
        self.file("olist_order_reviews_dataset.csv", [REVIEWS, rows].concat())
    }

    pub fn without(self, name: &str) -> Self {
        fs::remove_file(self.dir.path().join(name)).expect("the file was there");
        self
    }

    pub fn read(&self) -> Result<Plan, InputError> {
        Plan::read(self.path(), Rate::new(10, 2))
    }

    pub fn plan(&self) -> Plan {
        self.read().expect("sound input")
    }

    pub fn refusal(&self) -> String {
        self.read().expect_err("must be refused").to_string()
    }
}
