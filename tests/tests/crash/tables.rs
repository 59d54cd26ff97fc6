//! Made-up tables in the layout of the Olist data set: enough orders of every status for an import to be killed in.

use std::fmt::Write;
use std::path::Path;

/// Writes the tables of `orders` orders into `folder`.
pub fn write(folder: &Path, orders: u32) {
    std::fs::create_dir_all(folder).unwrap();
    let mut rows = Rows::default();
    for n in 0..orders {
        rows.order(n);
    }
    let file = |name: &str, header: &str, rows: &str| {
        std::fs::write(folder.join(format!("{name}.csv")), format!("{header}\n{rows}")).unwrap();
    };
    file(
        "olist_orders_dataset",
        "order_id,customer_id,order_status,order_purchase_timestamp,order_approved_at,\
         order_delivered_carrier_date,order_delivered_customer_date,order_estimated_delivery_date",
        &rows.orders,
    );
    file(
        "olist_order_items_dataset",
        "order_id,order_item_id,product_id,seller_id,shipping_limit_date,price,freight_value",
        &rows.items,
    );
    file(
        "olist_order_payments_dataset",
        "order_id,payment_sequential,payment_type,payment_installments,payment_value",
        &rows.payments,
    );
    file(
        "olist_order_reviews_dataset",
        "review_id,order_id,review_score,review_comment_title,review_comment_message,review_creation_date,\
         review_answer_timestamp",
        &rows.reviews,
    );
    file("olist_customers_dataset", "customer_id,customer_unique_id", &rows.customers);
    file("olist_products_dataset", "product_id,product_category_name", "p0,brinquedos\np1,livros\np2,\n");
    file(
        "product_category_name_translation",
        "product_category_name,product_category_name_english",
        "brinquedos,toys\nlivros,books\n",
    );
    file("olist_sellers_dataset", "seller_id,seller_state", "s0,SP\ns1,RJ\ns2,MG\n");
    file(
        "olist_marketing_qualified_leads_dataset",
        "mql_id,first_contact_date,landing_page_id,origin",
        "l0,2018-01-01,page,social\nl1,2018-01-02,page,\n",
    );
    file(
        "olist_closed_deals_dataset",
        "mql_id,seller_id,won_date,business_segment,lead_type",
        "l0,s0,2018-02-01 10:00:00,toys,industry\n",
    );
}

#[derive(Default)]
struct Rows {
    orders: String,
    items: String,
    payments: String,
    reviews: String,
    customers: String,
}

impl Rows {
    fn order(&mut self, n: u32) {
        let day = n % 28 + 1;
        let bought = format!("2018-03-{day:02} 10:00:00");
        let times = match n % 10 {
            0 => ("canceled", "", ""),
            1 => ("shipped", "2018-04-02 09:00:00", ""),
            2 => ("processing", "", ""),
            _ => ("delivered", "2018-04-02 09:00:00", "2018-04-09 18:30:00"),
        };
        let (status, sent, arrived) = times;
        let approved = format!("2018-03-{day:02} 11:00:00");
        let order = format!("order{n:05}");
        writeln!(
            self.orders,
            "{order},cust{n:05},{status},{bought},{approved},{sent},{arrived},2018-05-01 00:00:00"
        )
        .unwrap();
        writeln!(self.customers, "cust{n:05},buyer{:04}", n % 97).unwrap();
        let items = n % 3 + 1;
        let mut due = 0;
        for item in 0..items {
            let (price, freight) = (1_000 + (n * 7 + item) % 900, 100 + n % 50);
            due += price + freight;
            writeln!(
                self.items,
                "{order},{},p{},s{},2018-04-01 00:00:00,{}.{:02},{}.{:02}",
                item + 1,
                (n + item) % 3,
                (n / 5 + item) % 3,
                price / 100,
                price % 100,
                freight / 100,
                freight % 100
            )
            .unwrap();
        }
        // now and then a cent too much or too little
        let paid = match n % 20 {
            7 => due + 1,
            13 => due - 1,
            _ => due,
        };
        writeln!(self.payments, "{order},1,voucher,1,5.00").unwrap();
        let rest = paid - 500;
        writeln!(self.payments, "{order},2,credit_card,3,{}.{:02}", rest / 100, rest % 100).unwrap();
        writeln!(
            self.reviews,
            "review{n:05},{order},{},,,2018-04-10 00:00:00,2018-04-11 08:00:00",
            n % 5 + 1
        )
        .unwrap();
    }
}
