//! Whole markets by the command line: imported, simulated, served.

use crate::place::Place;
use crate::server::Server;
use serde_json::Value;

/// A data set of two orders, in the folder `olist`.
const TABLES: &[(&str, &str)] = &[
    (
        "olist_orders_dataset.csv",
        "order_id,customer_id,order_status,order_purchase_timestamp,order_approved_at,order_delivered_carrier_date,\
         order_delivered_customer_date,order_estimated_delivery_date\n\
         a,ca,delivered,2018-07-01 10:00:00,2018-07-01 11:00:00,2018-07-02 09:00:00,2018-07-05 15:00:00,\
         2018-07-20 00:00:00\n\
         b,cb,shipped,2018-07-02 10:00:00,2018-07-02 10:30:00,2018-07-03 09:00:00,,2018-07-20 00:00:00\n",
    ),
    (
        "olist_order_items_dataset.csv",
        "order_id,order_item_id,product_id,seller_id,shipping_limit_date,price,freight_value\n\
         a,1,p1,s2,2018-07-04 00:00:00,10.00,1.50\n\
         a,2,p2,s1,2018-07-03 00:00:00,20.25,2.00\n\
         b,1,p1,s1,2018-07-04 00:00:00,5.00,0.00\n",
    ),
    (
        "olist_order_payments_dataset.csv",
        "order_id,payment_sequential,payment_type,payment_installments,payment_value\n\
         a,1,credit_card,3,33.75\nb,1,boleto,1,5.00\n",
    ),
    (
        "olist_order_reviews_dataset.csv",
        "review_id,order_id,review_score,review_comment_title,review_comment_message,review_creation_date,\
         review_answer_timestamp\nr1,a,5,,,2018-07-06 00:00:00,2018-07-07 08:00:00\n",
    ),
    ("olist_customers_dataset.csv", "customer_id,customer_unique_id\nca,ua\ncb,ub\n"),
    ("olist_products_dataset.csv", "product_id,product_category_name\np1,brinquedos\np2,\n"),
    (
        "product_category_name_translation.csv",
        "product_category_name,product_category_name_english\nbrinquedos,toys\n",
    ),
    ("olist_sellers_dataset.csv", "seller_id,seller_state\ns1,SP\ns2,RJ\n"),
    (
        "olist_marketing_qualified_leads_dataset.csv",
        "mql_id,first_contact_date,landing_page_id,origin\nl1,2018-01-01,lp,email\n",
    ),
    (
        "olist_closed_deals_dataset.csv",
        "mql_id,seller_id,won_date,business_segment,lead_type\nl1,s1,2018-02-01 12:00:00,toys,industry\n",
    ),
];

fn with_tables() -> Place {
    let place = Place::empty();
    std::fs::create_dir(place.path("olist")).unwrap();
    for (name, content) in TABLES {
        std::fs::write(place.path("olist").join(name), content).unwrap();
    }
    place
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|e| panic!("{e}: {text}"))
}

#[test]
fn an_import_reports_what_it_found_and_adds_nothing_the_second_time() {
    let place = with_tables();
    let first = place.run(&["import", "olist", "olist", "--format", "json"]);
    assert_eq!(first.code, 0, "{first:?}");
    let report = json(&first.out);
    assert_eq!(report["complete"], true);
    assert_eq!(report["totals"]["orders"], 3, "one order of each seller");
    assert_eq!(report["totals"]["captured"]["amount"], "38.75");
    assert!(report["events"].as_u64().unwrap() > 0);
    let again = place.run(&["import", "olist", "olist", "--format", "json"]);
    assert_eq!((again.code, &json(&again.out)["events"]), (0, &0.into()), "{again:?}");
    let checked = place.run(&["verify"]);
    assert_eq!(checked.code, 0, "{checked:?}");
    let merchant = json(&place.run(&["merchant", "s1", "--format", "json"]).out);
    assert_eq!(merchant["balances"][0]["released"]["amount"], "22.25");
    let before = place.run(&["merchant", "s1", "--as-of", "2018-07-10T00:00:00Z", "--format", "json"]);
    assert_eq!(json(&before.out)["balances"][0]["released"]["amount"], "0.00");
    for cut in [&["--as-of", "2018-07-10T00:00:00Z"][..], &["--as-of", "2018-08-20"], &[]] {
        let whole = place.run(&[&["merchant", "s1", "--format", "json"], cut].concat());
        let owed = place.run(&[&["merchant", "s1", "--owed", "--format", "json"], cut].concat());
        let (whole, owed) = (&json(&whole.out)["balances"][0], &json(&owed.out)[0]);
        for name in ["escrow", "pending", "available", "held", "reserve", "in_transit", "owed"] {
            assert_eq!(owed[name], whole[name], "{name} {cut:?}");
        }
    }
    let nobody = place.run(&["merchant", "nobody", "--owed"]);
    assert_eq!(nobody.code, 3, "{nobody:?}");
    let merchants = place.run(&["merchants", "--format", "csv", "--limit", "1"]);
    assert_eq!(merchants.out.lines().count(), 2, "a header and a row: {merchants:?}");
    assert!(merchants.err.contains("go on with --after s1"), "{merchants:?}");
}

/// The market's pack of July 2018, as a draft: as it was told, and checked.
fn drawn(place: &Place, out: &str, more: &[&str]) -> (Value, Value) {
    let what = [
        "loan-pack",
        "market",
        "--months",
        "1",
        "--until",
        "2018-07-31",
        "--draft",
        "--out",
        out,
        "--format",
        "json",
    ];
    let told = place.run(&[&what[..], more].concat());
    assert_eq!(told.code, 0, "{told:?}");
    let verified = place.run(&["loan-pack", "verify", out, "--unsigned", "--format", "json"]);
    assert_eq!(verified.code, 0, "{verified:?}");
    (json(&told.out), json(&verified.out))
}

#[test]
fn a_market_that_begins_with_an_import_is_one_of_the_currency_and_days_that_it_was_sold_in() {
    let place = with_tables();
    assert_eq!(place.run(&["import", "olist", "olist"]).code, 0);
    let (told, verified) = drawn(&place, "pack", &[]);
    assert_eq!((&told["currency"], &told["gmv"]), (&"BRL".into(), &"38.75".into()), "{told}");
    assert_eq!(verified["market"], "Olist");
    let subject = std::fs::read_to_string(place.path("pack/market.json")).unwrap();
    assert_eq!(json(&subject)["time_zone"], "America/Sao_Paulo");
    // one that has begun keeps what it is
    let begun = with_tables();
    std::fs::write(begun.path("daybook.db"), "").unwrap();
    let open = r#"{"category":"market","id":"main","command":{"action":"open","name":"Both","time_zone":"UTC","currencies":["USD","BRL"]}}"#;
    let ran = begun.run(&["command", "--by", "li", open]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(begun.run(&["import", "olist", "olist"]).code, 0);
    assert_eq!(drawn(&begun, "brl", &["--currency", "BRL"]).0["gmv"], "38.75");
    let what = ["loan-pack", "market", "--months", "1", "--until", "2018-07-31", "--draft", "--out", "usd"];
    let ran = begun.run(&what);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(ran.err.contains("3 orders were paid in other currencies than USD"), "{ran:?}");
}

#[test]
fn an_import_lies_in_postgres_as_it_does_in_sqlite() {
    let Some(server) = daybook_journal::postgres::server::Server::shared() else { return };
    let (place, url) = (with_tables(), server.database());
    let there = ["--journal", &url, "--read-models", "sqlite:there.views.db"];
    let import = ["import", "olist", "olist", "--format", "json"];
    let (one, two) = (place.run(&import), place.run(&[&import[..], &there].concat()));
    assert_eq!((one.code, two.code), (0, 0), "{one:?} {two:?}");
    assert_eq!(json(&one.out), json(&two.out));
    let again = place.run(&[&import[..], &there].concat());
    assert_eq!((again.code, &json(&again.out)["events"]), (0, &0.into()), "{again:?}");
    let digest = ["digest", "--format", "csv"];
    let (here, there) = (place.run(&digest), place.run(&[&digest[..], &there].concat()));
    assert_eq!((here.code, here.out), (0, there.out), "{}", there.err);
}

#[test]
fn input_that_is_not_sound_is_refused_by_file_line_and_field_before_anything_is_written() {
    for (table, from, to, names) in [
        ("olist_order_items_dataset.csv", "20.25", "-20.25", ["olist_order_items_dataset.csv", "3", "price"]),
        ("olist_order_items_dataset.csv", "20.25", "20.255", ["olist_order_items_dataset.csv", "3", "price"]),
        (
            "olist_orders_dataset.csv",
            "order_status",
            "order_state",
            ["olist_orders_dataset.csv", "1", "order_status"],
        ),
    ] {
        let place = with_tables();
        let path = place.path("olist").join(table);
        let content = std::fs::read_to_string(&path).unwrap().replace(from, to);
        std::fs::write(&path, content).unwrap();
        let ran = place.run(&["import", "olist", "olist"]);
        assert_eq!((ran.code, ran.out.as_str()), (3, ""), "{ran:?}");
        for name in names {
            assert!(ran.err.contains(name), "{to}: {name} is not named in {:?}", ran.err);
        }
        assert!(!place.path("daybook.db").exists(), "{to}: a journal was begun");
    }
    let nowhere = Place::empty().run(&["import", "olist", "nowhere"]);
    assert_eq!(nowhere.code, 3, "{nowhere:?}");
}

#[test]
fn a_second_writer_is_told_who_holds_the_journal() {
    let place = with_tables();
    let writer = place.writer();
    let ran = place.run(&["import", "olist", "olist"]);
    assert_eq!(ran.code, 4, "{ran:?}");
    assert!(ran.err.contains(&std::process::id().to_string()), "{ran:?}");
    drop(writer);
    assert_eq!(place.run(&["import", "olist", "olist"]).code, 0);
}

#[test]
fn the_same_seed_simulates_the_same_market_and_another_does_not() {
    let digests = |seed: &str| {
        let place = Place::empty();
        let ran = place.run(&["demo", "--days", "3", "--orders-per-day", "12", "--seed", seed]);
        assert_eq!(ran.code, 0, "{ran:?}");
        assert!(ran.out.contains("clean: "), "it ends verified: {ran:?}");
        let again = place.run(&["demo", "--days", "3", "--orders-per-day", "12"]);
        assert_eq!(again.code, 3, "a simulation is not mixed with what is there: {again:?}");
        place.run(&["digest"]).out
    };
    let seven = digests("7");
    assert_eq!(seven, digests("7"));
    assert_ne!(seven, digests("8"));
}

#[test]
fn a_market_is_served_read_beside_and_stopped_without_harm() {
    let place = with_tables();
    assert_eq!(place.run(&["import", "olist", "olist"]).code, 0);
    let made = place.run(&["key", "create", "--role", "storefront", "--format", "json"]);
    let made: serde_json::Value = serde_json::from_str(&made.out).unwrap();
    let key = made["key"].as_str().unwrap();
    let served = Server::start(&place, &["--log-level", "warn"]);
    served.ready();
    let (status, order) = served.ask(key, "GET", "/v1/orders/a-1", "");
    assert_eq!(status, 200, "{order}");
    assert!(served.get("/v1/orders/a-1").starts_with("HTTP/1.1 401"), "nobody reads without a key");
    let beside = place.run(&["order", "a-1"]);
    assert_eq!(beside.code, 0, "{beside:?}");
    let (code, said) = served.stop();
    assert_eq!((code, said.trim()), (0, "stopped"));
    assert_eq!(place.run(&["verify"]).code, 0);
}
