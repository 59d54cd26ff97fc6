//! Money, rates, times and ids: what is read is what is written, and nothing is ever silently wrong.

mod support;

use chrono::{DateTime, SecondsFormat, Utc};
use daybook_domain::time::DAY;
use daybook_domain::{Currency, Money, MoneyError, OrderId, PartyId, Rate, Timestamp, allocate};
use proptest::prelude::*;
use support::{at, cny, currency, usd};

#[test]
fn each_currency_has_the_minor_unit_that_iso_4217_gives_it() {
    let table = [
        ("JPY", 0),
        ("KRW", 0),
        ("VND", 0),
        ("CLP", 0),
        ("ISK", 0),
        ("PYG", 0),
        ("UGX", 0),
        ("XOF", 0),
        ("XAF", 0),
        ("XPF", 0),
        ("RWF", 0),
        ("BIF", 0),
        ("DJF", 0),
        ("GNF", 0),
        ("KMF", 0),
        ("VUV", 0),
        ("CNY", 2),
        ("USD", 2),
        ("EUR", 2),
        ("BRL", 2),
        ("GBP", 2),
        ("INR", 2),
        ("MGA", 2),
        ("MRU", 2),
        ("IDR", 2),
        ("HUF", 2),
        ("TWD", 2),
        ("CHF", 2),
        ("MXN", 2),
        ("COP", 2),
        ("SLE", 2),
        ("ZWG", 2),
        ("KWD", 3),
        ("BHD", 3),
        ("OMR", 3),
        ("JOD", 3),
        ("TND", 3),
        ("IQD", 3),
        ("LYD", 3),
        ("CLF", 4),
        ("UYW", 4),
    ];
    for (code, digits) in table {
        assert_eq!(currency(code).digits(), digits, "{code}");
    }
}

#[test]
fn a_code_that_iso_4217_gives_no_minor_unit_is_no_currency() {
    for code in ["XXX", "XAU", "XTS", "ABC", "cny", "CN", "CNYX", "", "人民币", "AED ", " CNY"] {
        let refused = Currency::new(code);
        assert!(matches!(refused, Err(MoneyError::UnknownCurrency { .. })), "{code:?}: {refused:?}");
    }
}

#[test]
fn amounts_are_plain_decimals_no_finer_than_the_minor_unit() {
    let parse = |text: &str, code: &str| Money::parse(text, currency(code)).map(|m| m.minor);
    assert_eq!(parse("12.30", "CNY"), Ok(1230));
    assert_eq!(parse("12.3", "CNY"), Ok(1230));
    assert_eq!(parse("12", "CNY"), Ok(1200));
    assert_eq!(parse("-0.01", "CNY"), Ok(-1));
    assert_eq!(parse("007.00", "CNY"), Ok(700));
    assert_eq!(parse("12", "JPY"), Ok(12));
    assert_eq!(parse("1.234", "KWD"), Ok(1234));
    for (text, code) in [("12.345", "CNY"), ("1.0", "JPY"), ("0.0001", "KWD"), ("-1.999", "USD")] {
        assert!(matches!(parse(text, code), Err(MoneyError::TooFine { .. })), "{text} {code}");
    }
    for text in
        ["", "-", ".", "1.", ".5", "+1", "1e3", "1,00", " 1", "1 ", "--1", "1.2.3", "١", "0x1", "NaN", "1.x"]
    {
        assert!(matches!(parse(text, "CNY"), Err(MoneyError::NotANumber { .. })), "{text:?}");
    }
    assert_eq!(parse("92233720368547758.07", "CNY"), Ok(i64::MAX));
    assert_eq!(parse("92233720368547758.08", "CNY"), Err(MoneyError::Overflow));
}

/// What the amount means, by splitting and by numbers of 128 bits: another way than the one that is tried.
fn minor_of(text: &str, digits: usize) -> Option<i64> {
    let (sign, unsigned) = text.strip_prefix('-').map_or((1, text), |rest| (-1, rest));
    let (whole, fraction) = match unsigned.split('.').collect::<Vec<_>>()[..] {
        [whole] => (whole, ""),
        [whole, fraction] if !fraction.is_empty() => (whole, fraction),
        _ => return None,
    };
    let all = format!("{whole}{fraction:0<digits$}");
    let good = !whole.is_empty() && fraction.len() <= digits && all.bytes().all(|b| b.is_ascii_digit());
    let minor: i64 = good.then(|| all.parse::<i128>().ok())??.try_into().ok()?;
    Some(sign * minor)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]
    #[test]
    fn an_amount_of_any_form_is_what_its_digits_say(
        text in "-?[0-9]{0,20}[.]?[0-9]{0,4}|[0-9]{1,16}[.][0-9]{2}|[-0-9.:/ e]{0,20}",
        (code, digits) in prop_oneof![Just(("CNY", 2)), Just(("JPY", 0)), Just(("KWD", 3))],
    ) {
        let parsed = Money::parse(&text, currency(code)).ok().map(|money| money.minor);
        prop_assert_eq!(parsed, minor_of(&text, digits));
    }
}

#[test]
fn two_currencies_never_add() {
    let mismatch = MoneyError::CurrencyMismatch { left: currency("CNY"), right: currency("USD") };
    assert_eq!(cny(1).add(usd(1)), Err(mismatch.clone()));
    assert_eq!(cny(1).sub(usd(1)), Err(mismatch));
}

#[test]
fn sums_beyond_64_bits_are_refused() {
    assert_eq!(cny(i64::MAX).add(cny(1)), Err(MoneyError::Overflow));
    assert_eq!(cny(0).sub(cny(i64::MIN)), Err(MoneyError::Overflow));
    assert_eq!(cny(i64::MAX).times(2), Err(MoneyError::Overflow));
    assert_eq!(cny(i64::MAX).at_rate(Rate::from(2)), Err(MoneyError::Overflow));
    assert_eq!(allocate(1, &[i64::MAX, 1]), Err(MoneyError::Overflow));
}

#[test]
fn a_rate_rounds_half_to_even() {
    let half: Rate = "0.5".parse().expect("a rate");
    let rounded: Vec<i64> =
        [1, 3, 5, -1, -3].map(|minor| cny(minor).at_rate(half).expect("in range").minor).to_vec();
    assert_eq!(rounded, [0, 2, 2, 0, -2]);
}

#[test]
fn money_is_written_as_text_and_read_back_with_fields_in_any_order() {
    let json = serde_json::to_string(&cny(-5)).expect("writes");
    assert_eq!(json, r#"{"amount":"-0.05","currency":"CNY"}"#);
    let reordered: Money = serde_json::from_str(r#"{"currency":"CNY","amount":"-0.05"}"#).expect("reads");
    assert_eq!(reordered, cny(-5));
    for bad in [
        r#"{"amount":12.30,"currency":"CNY"}"#,
        r#"{"amount":"12.30"}"#,
        r#"{"amount":"12.305","currency":"CNY"}"#,
        r#"{"amount":"12.30","currency":"CNY","rate":1}"#,
        r#"{"amount":"12.30","currency":"XXX"}"#,
    ] {
        assert!(serde_json::from_str::<Money>(bad).is_err(), "{bad}");
    }
}

#[test]
fn a_time_needs_an_offset_and_a_real_date() {
    assert_eq!(at("1970-01-01T00:00:00Z"), Timestamp(0));
    assert_eq!(at("2018-01-01T08:00:00+08:00"), at("2018-01-01T00:00:00Z"));
    assert_eq!(at("2016-02-29T23:59:59.5Z").0 % DAY, DAY - 500_000);
    for bad in [
        "2018-01-01T00:00:00",
        "2018-02-29T00:00:00Z",
        "2018-13-01T00:00:00Z",
        "2018-00-01T00:00:00Z",
        "2018-01-01T24:00:00Z",
        "2018-01-01T00:60:00Z",
        "2018-04-31T00:00:00Z",
        "2018-01-01",
        "",
        "now",
        "2018-01-01T00:00:00.Z",
        "1900-02-29T00:00:00Z",
    ] {
        assert!(Timestamp::parse(bad).is_err(), "{bad}");
    }
}

#[test]
fn an_id_is_one_to_64_visible_ascii_characters() {
    assert!(OrderId::new(&"x".repeat(64)).is_ok());
    for bad in ["", &"x".repeat(65), "a b", "a\n", "a\t", "订单", "é", "\u{7f}"] {
        assert!(OrderId::new(bad).is_err(), "{bad:?}");
    }
    let error = OrderId::new("").expect_err("empty").to_string();
    assert!(error.contains("order id"), "names the field: {error}");
}

#[test]
fn an_amount_cannot_be_split_over_nothing() {
    assert_eq!(allocate(1, &[]), Err(MoneyError::BadWeights));
    assert_eq!(allocate(1, &[0, 0]), Err(MoneyError::BadWeights));
    assert_eq!(allocate(1, &[2, -1]), Err(MoneyError::BadWeights));
    assert_eq!(allocate(0, &[0, 0]), Ok(vec![0, 0]));
}

fn any_currency() -> impl Strategy<Value = Currency> {
    proptest::sample::select(vec!["CNY", "JPY", "KWD", "CLF", "USD", "BRL"]).prop_map(currency)
}

fn weights() -> impl Strategy<Value = Vec<i64>> {
    proptest::collection::vec(prop_oneof![Just(0), 0..10i64, 0..1_000_000i64, Just(i64::MAX / 64)], 1..12)
        .prop_filter("some weight", |w| w.iter().any(|w| *w > 0))
}

proptest! {
    #[test]
    fn money_reads_back_as_written(minor in any::<i64>(), currency in any_currency()) {
        prop_assume!(minor != i64::MIN);
        let money = Money::new(minor, currency);
        prop_assert_eq!(Money::parse(&money.amount().to_string(), currency), Ok(money));
        let json = serde_json::to_string(&money).expect("writes");
        prop_assert_eq!(serde_json::from_str::<Money>(&json).expect("reads"), money);
        let quoted = format!("\"{}\"", money.amount());
        prop_assert!(json.contains(&quoted), "one way to write it: {} in {}", quoted, json);
    }

    #[test]
    fn no_text_is_read_as_an_amount_that_it_does_not_say(text in "\\PC{0,12}", currency in any_currency()) {
        if let Ok(money) = Money::parse(&text, currency) {
            let said: rust_decimal::Decimal = text.parse().expect("a decimal too");
            let meant = rust_decimal::Decimal::new(money.minor, currency.digits());
            prop_assert_eq!(said, meant);
        }
    }

    #[test]
    fn adding_and_taking_away_is_where_one_was(a in any::<i64>(), b in any::<i64>()) {
        if let Ok(sum) = cny(a).add(cny(b)) {
            prop_assert_eq!(i128::from(sum.minor), i128::from(a) + i128::from(b));
            if let Ok(back) = sum.sub(cny(b)) {
                prop_assert_eq!(back, cny(a));
            }
        }
    }

    #[test]
    fn a_rate_reads_back_as_written(mantissa in any::<i32>(), scale in 0..10u32) {
        let rate = Rate::new(i64::from(mantissa), scale);
        let json = serde_json::to_string(&rate).expect("writes");
        prop_assert!(json.starts_with('"'), "a rate is text, never a float: {}", json);
        prop_assert_eq!(serde_json::from_str::<Rate>(&json).expect("reads"), rate);
    }

    #[test]
    fn the_parts_sum_to_the_total_and_a_zero_weight_gets_nothing(total in 0..i64::MAX, weights in weights()) {
        let parts = allocate(total, &weights).expect("weights are sound");
        prop_assert_eq!(parts.iter().sum::<i64>(), total);
        prop_assert!(parts.iter().zip(&weights).all(|(part, weight)| *part >= 0 && (*weight > 0 || *part == 0)));
    }

    #[test]
    fn no_part_shrinks_when_the_total_grows(total in 0..10_000i64, more in 0..200i64, weights in weights()) {
        let before = allocate(total, &weights).expect("sound");
        let after = allocate(total + more, &weights).expect("sound");
        prop_assert!(before.iter().zip(&after).all(|(b, a)| b <= a), "{:?} {:?}", before, after);
    }

    #[test]
    fn any_series_of_partial_refunds_adds_up_to_the_weights(
        weights in proptest::collection::vec(0..500i64, 1..6),
        steps in proptest::collection::vec(1..200i64, 1..40),
    ) {
        let whole: i64 = weights.iter().sum();
        prop_assume!(whole > 0);
        let mut refunded = 0;
        let mut got = vec![0; weights.len()];
        for step in steps.into_iter().chain([whole]) {
            let upto = (refunded + step).min(whole);
            let before = allocate(refunded, &weights).expect("sound");
            let after = allocate(upto, &weights).expect("sound");
            for (part, (b, a)) in got.iter_mut().zip(before.iter().zip(&after)) {
                prop_assert!(a - b >= 0);
                *part += a - b;
            }
            refunded = upto;
        }
        prop_assert_eq!(got, weights);
    }

    #[test]
    fn no_part_is_a_whole_unit_away_from_its_exact_share_of_two(total in 0..1_000_000i64, a in 0..1000i64, b in 1..1000i64) {
        let parts = allocate(total, &[a, b]).expect("sound");
        let whole = i128::from(a + b);
        let off = i128::from(parts[0]) * whole - i128::from(total) * i128::from(a);
        prop_assert!(off.abs() * 2 <= whole, "rounded once, to the nearest");
    }

    #[test]
    fn a_time_is_written_and_read_as_chrono_does(micros in -2_208_988_800_000_000i64..4_102_444_800_000_000) {
        let ours = Timestamp(micros);
        let theirs = DateTime::<Utc>::from_timestamp_micros(micros).expect("in range");
        prop_assert_eq!(ours.to_string(), theirs.to_rfc3339_opts(SecondsFormat::AutoSi, true));
        prop_assert_eq!(Timestamp::parse(&ours.to_string()), Ok(ours));
    }

    #[test]
    fn a_time_is_read_as_chrono_reads_it(
        (year, month, day) in (1600..2400i32, 0..14u32, 0..33u32),
        (hour, minute, second) in (0..26u32, 0..62u32, 0..60u32),
        fraction in "(\\.[0-9]{1,9})?",
        offset in proptest::sample::select(vec!["Z", "+08:00", "-03:30"]),
    ) {
        let text = format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{fraction}{offset}");
        let ours = Timestamp::parse(&text).ok().map(|t| t.0);
        let theirs = DateTime::parse_from_rfc3339(&text).ok().map(|t| t.timestamp_micros());
        prop_assert_eq!(ours, theirs, "{}", text);
    }

    #[test]
    fn an_id_reads_back_as_written_and_sorts_as_its_text(a in "[!-~]{1,64}", b in "[!-~]{1,64}") {
        let (x, y) = (PartyId::new(&a).expect("valid"), PartyId::new(&b).expect("valid"));
        prop_assert_eq!(x.as_str(), &a);
        prop_assert_eq!(x.cmp(&y), a.cmp(&b));
        let json = serde_json::to_string(&x).expect("writes");
        prop_assert_eq!(serde_json::from_str::<PartyId>(&json).expect("reads"), x);
    }
}
