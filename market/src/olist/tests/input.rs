use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::{Folder, ITEMS, ORDERS, PAYMENTS};
use crate::olist::FindingKind;

const PAYMENTS_FILE: &str = "olist_order_payments_dataset.csv";

/// The row that a test spoils.
fn with_item(row: &str) -> String {
    Folder::new().items(&format!("b,1,p1,s1,2018-07-04 00:00:00,5.00,0.00\n{row}\n")).refusal()
}

#[test]
fn a_negative_price_is_refused_with_file_line_and_field() {
    assert_eq!(
        with_item("a,1,p1,s1,2018-07-04 00:00:00,-5.00,1.00"),
        "olist_order_items_dataset.csv, line 3, field price: -5.00 BRL is below zero"
    );
}

#[test]
fn an_amount_finer_than_a_centavo_is_refused_with_file_line_and_field() {
    assert_eq!(
        with_item("a,1,p1,s1,2018-07-04 00:00:00,5.00,1.005"),
        "olist_order_items_dataset.csv, line 3, field freight_value: amount \"1.005\" is finer than the minor \
         unit of BRL: use at most 2 decimals"
    );
}

#[test]
fn a_bad_time_number_or_id_is_refused_with_file_line_and_field() {
    let place = "olist_order_items_dataset.csv, line 3, field ";
    for (row, says) in [
        (
            "a,1,p1,s1,2018-02-30 00:00:00,5.00,1.00",
            "shipping_limit_date: \"2018-02-30 00:00:00\" is not a time such as 2018-01-31 23:59:59",
        ),
        ("a,-1,p1,s1,2018-07-04 00:00:00,5.00,1.00", "order_item_id: \"-1\" is not a whole number such as 3"),
        ("a,1,p1,s1,2018-07-04 00:00:00,five,1.00", "price: amount \"five\" is not a decimal number"),
        ("a,1,p 1,s1,2018-07-04 00:00:00,5.00,1.00", "product_id: product id holds a character"),
        ("a,1,p1,,2018-07-04 00:00:00,5.00,1.00", "seller_id: merchant id is empty"),
        (
            "zz,1,p1,s1,2018-07-04 00:00:00,5.00,1.00",
            "order_id: \"zz\" is in no row of the table it belongs to",
        ),
        ("b,1,p1,s1,2018-07-04 00:00:00,5.00,1.00", "order_item_id: item 1 of order b stands twice"),
    ] {
        let refusal = with_item(row);
        assert!(refusal.starts_with(&format!("{place}{says}")), "{row}: {refusal}");
    }
}

#[test]
fn an_unknown_status_or_score_is_refused() {
    let status = Folder::new().orders("a,ca,lost,2018-07-01 10:00:00,,,,\n").refusal();
    assert!(
        status.starts_with("olist_orders_dataset.csv, line 2, field order_status: \"lost\" is not one of")
    );
    let score = Folder::new().reviews("r1,a,6,,,,\n").refusal();
    assert_eq!(
        score,
        "olist_order_reviews_dataset.csv, line 2, field review_score: 6 is not a score of 1 to 5"
    );
}

#[test]
fn a_key_that_stands_twice_is_refused() {
    let row = "a,ca,created,2018-07-01 10:00:00,,,,\n";
    let refusal = Folder::new().orders(&[row, row].concat()).refusal();
    assert_eq!(refusal, "olist_orders_dataset.csv, line 3, field order_id: a stands twice");
    let refusal = Folder::new().reviews("r1,a,5,,,,\nr1,a,4,,,,\n").refusal();
    assert_eq!(refusal, "olist_order_reviews_dataset.csv, line 3, field review_id: r1 stands twice");
}

#[test]
fn a_missing_or_misnamed_column_is_refused_and_the_header_shown() {
    let refusal = Folder::new().file(PAYMENTS_FILE, PAYMENTS.replace("payment_value", "value")).refusal();
    assert_eq!(
        refusal,
        "olist_order_payments_dataset.csv, line 1, field payment_value: no such column; the file has order_id, \
         payment_sequential, payment_type, payment_installments, value"
    );
    let twice = PAYMENTS.replace("payment_type", "order_id");
    assert!(Folder::new().file(PAYMENTS_FILE, twice).refusal().contains("two columns have this name"));
    assert!(Folder::new().file(PAYMENTS_FILE, "").refusal().ends_with("the file has nothing"));
}

#[test]
fn a_record_cut_off_is_refused_at_its_line() {
    let refusal = Folder::new().payments("a,1,credit_card,3,40.00\na,2,vou\n").refusal();
    assert_eq!(
        refusal,
        "olist_order_payments_dataset.csv, line 3: 3 fields where the header has 5: the record is cut off or not \
         quoted"
    );
}

#[test]
fn a_file_cut_off_within_its_last_amount_is_refused() {
    let refusal = Folder::new().payments("a,1,credit_card,3,40.00\na,2,voucher,1,5.2").refusal();
    assert!(
        refusal.starts_with("olist_order_payments_dataset.csv, line 3: the last line has no end"),
        "{refusal}"
    );
}

#[test]
fn a_quote_never_closed_is_refused_where_it_opens() {
    let refusal = Folder::new().reviews("r1,a,5,,fine,,\nr2,b,5,,\"and then\nthe file ends,,\n").refusal();
    assert_eq!(
        refusal,
        "olist_order_reviews_dataset.csv, line 3: a quote is opened here and never closed: the file is cut off"
    );
    let refusal = Folder::new().reviews("\"r\"1,a,5,,,,\n").refusal();
    assert_eq!(
        refusal,
        "olist_order_reviews_dataset.csv, line 2, field review_id: text after the closing quote of field 1"
    );
}

#[test]
fn text_that_is_not_utf_8_is_refused_at_its_line() {
    let mut reviews = super::REVIEWS.as_bytes().to_vec();
    reviews.extend_from_slice(b"r1,a,5,,ol\xe1,,\n");
    let refusal = Folder::new().file("olist_order_reviews_dataset.csv", reviews).refusal();
    assert!(refusal.starts_with("olist_order_reviews_dataset.csv, line 2: byte 1"), "{refusal}");
    assert!(refusal.ends_with("is not UTF-8: save the file as UTF-8"), "{refusal}");
}

#[test]
fn a_missing_table_is_named_with_what_was_looked_for() {
    let refusal = Folder::new().without(PAYMENTS_FILE).refusal();
    assert!(refusal.starts_with("olist_order_payments_dataset.csv: not found in "), "{refusal}");
    assert!(refusal.ends_with("(nor as .csv.zst or .csv.gz)"), "{refusal}");
}

fn zst(content: &[u8]) -> Vec<u8> {
    zstd::encode_all(content, 3).expect("memory takes every write")
}

fn gz(content: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(content).expect("memory takes every write");
    encoder.finish().expect("memory takes every write")
}

#[test]
fn compressed_tables_read_like_plain_ones() {
    let plain = Folder::new().plan();
    let rows = "a,1,credit_card,3,40.00\na,2,voucher,1,5.25\nb,1,boleto,1,5.00\n";
    let payments = [PAYMENTS, rows].concat();
    let name = |ending: &str| format!("{PAYMENTS_FILE}.{ending}");
    let of_zst = Folder::new().without(PAYMENTS_FILE).file(&name("zst"), zst(payments.as_bytes())).plan();
    let of_gz = Folder::new().without(PAYMENTS_FILE).file(&name("gz"), gz(payments.as_bytes())).plan();
    assert_eq!(plain.checkouts, of_zst.checkouts);
    assert_eq!(plain.checkouts, of_gz.checkouts);
}

#[test]
fn a_compressed_table_cut_off_is_refused() {
    let payments = [PAYMENTS, &"a,1,credit_card,3,40.00\n".repeat(1_000)].concat();
    for (ending, whole) in [("zst", zst(payments.as_bytes())), ("gz", gz(payments.as_bytes()))] {
        let name = format!("{PAYMENTS_FILE}.{ending}");
        let folder = Folder::new().without(PAYMENTS_FILE).file(&name, &whole[..whole.len() - 5]);
        let refusal = folder.refusal();
        assert!(refusal.starts_with(&format!("{name}: cannot be decompressed: ")), "{refusal}");
        assert!(refusal.ends_with("the file is cut off or damaged"), "{refusal}");
    }
}

#[test]
fn a_decompression_bomb_is_refused_before_it_fills_the_memory() {
    let bomb = vec![b'0'; 64 << 20];
    for (ending, packed) in [("zst", zst(&bomb)), ("gz", gz(&bomb))] {
        assert!(packed.len() < 66 << 10, "the bomb is small: {}", packed.len());
        let name = format!("{PAYMENTS_FILE}.{ending}");
        let refusal = Folder::new().without(PAYMENTS_FILE).file(&name, packed).refusal();
        assert!(
            refusal.starts_with(&format!("{name}: decompresses to more than 1000 times its")),
            "{refusal}"
        );
    }
}

#[test]
fn quotes_line_breaks_and_crlf_are_read_as_meant() {
    let orders = ORDERS.replace('\n', "\r\n");
    let row = "\"a\",ca,delivered,2018-07-01 10:00:00,2018-07-01 11:00:00,,,\"2018-07-20 00:00:00\"\r\n";
    let plan = Folder::new()
        .file("olist_orders_dataset.csv", [&orders, row].concat())
        .items("a,1,p1,s1,,1.00,0.50\n")
        .payments("a,1,boleto,1,1.50\n")
        .reviews(
            "r1,a,2,,\"say \"\"no\"\",\r\nplease\",2018-07-06 00:00:00,\r\nr2,a,4,,,,2018-07-07 08:00:00\n\n",
        )
        .plan();
    let reviews: Vec<_> = plan.checkouts[0].reviews.iter().map(|r| (r.id.to_string(), r.score)).collect();
    assert_eq!(reviews, [("r1".to_owned(), 2), ("r2".to_owned(), 4)]);
    assert_eq!(plan.findings.count(FindingKind::ReviewAnswerLost), 1);
    assert_eq!(plan.findings.count(FindingKind::ReviewCreationLost), 1);
}

#[test]
fn a_trailing_empty_cell_at_the_end_of_the_file_is_a_cell() {
    let plan = Folder::new().reviews("r1,a,5,,,2018-07-06 00:00:00,").plan();
    assert_eq!(plan.totals.reviews, 1);
    assert_eq!(plan.findings.count(FindingKind::UnendedFile), 1);
}

#[test]
fn columns_are_found_by_name_in_any_order() {
    let items = "price,freight_value,seller_id,product_id,note,order_item_id,shipping_limit_date,order_id\n\
                 5.00,0.00,s1,p1,x,1,2018-07-04 00:00:00,b\n";
    assert_ne!(items.lines().next(), ITEMS.lines().next());
    let plan = Folder::new().file("olist_order_items_dataset.csv", items).plan();
    assert_eq!(plan.totals.lines, 1);
    assert_eq!(plan.checkouts[1].orders[0].lines[0].price.minor, 500);
}
