//! What a market states to owe, and that nothing which was touched passes for a part of it. The Python script in `docs`, which shares no
//! code with this crate, judges every case too.
#![allow(clippy::unwrap_used)]

#[path = "../common/mod.rs"]
mod common;
mod market;
mod touched;

use std::fs;

use common::{Chance, judged_by, market_key, with_line};
use daybook_proofs::statement::decimal;
use daybook_proofs::{ExpectedOwed, PublicKey, verify_owed};
use market::{DAY, FIRST, Market, owed};
use touched::{WAYS, line, touched};

/// What is handed over, and what its reader expects.
#[derive(Clone)]
struct Case {
    what: String,
    own: String,
    sum: String,
    key: String,
    merchant: String,
    currency: String,
    owed: String,
    not_before: Option<i64>,
    through: Option<u64>,
    events: Option<u64>,
}

impl Case {
    fn judged(&self) -> Result<(), String> {
        let some = |text: &'_ str| (!text.is_empty()).then(|| text.to_owned());
        let (merchant, currency, owed) = (some(&self.merchant), some(&self.currency), some(&self.owed));
        let expected = ExpectedOwed {
            merchant: merchant.as_deref(),
            currency: currency.as_deref(),
            owed: owed.as_deref(),
            not_before: self.not_before,
            through: self.through,
            events: self.events,
        };
        let keys = [PublicKey::parse(&self.key).unwrap()];
        verify_owed(&self.own, &self.sum, &keys, &expected).map(drop).map_err(|error| error.to_string())
    }
}

/// What the script says of each case: whether it holds, and in which words.
fn script(cases: &[Case]) -> Vec<(bool, String)> {
    let folder = tempfile::tempdir().unwrap();
    let mut asked = String::new();
    for (at, case) in cases.iter().enumerate() {
        let [own, sum] = ["own", "sum"].map(|of| folder.path().join(format!("{at}.{of}")));
        fs::write(&own, &case.own).unwrap();
        fs::write(&sum, &case.sum).unwrap();
        let Case { key, merchant, currency, owed, .. } = case;
        let not_before = case.not_before.map_or_else(String::new, |at| at.to_string());
        let through = case.through.map_or_else(String::new, |at| at.to_string());
        let events = case.events.map_or_else(String::new, |events| events.to_string());
        let (own, sum) = (own.display(), sum.display());
        asked.push_str(&format!(
            "{own}\t{sum}\t{key}\t{merchant}\t{currency}\t{owed}\t{not_before}\t{through}\t{events}\n"
        ));
    }
    judged_by("check_liabilities.py", asked, cases.len())
}

/// What holds: every merchant in every currency of both statements, each with all that its reader can expect.
fn valid(market: &Market) -> Vec<Case> {
    let mut cases = Vec::new();
    for (of, sum) in market.sums.iter().enumerate() {
        let text = market.sum(of);
        for (currency, digits, _) in &sum.trees {
            for (to, minor) in owed(currency, of as u64) {
                let Some(id) = to.strip_prefix("merchant ") else { continue };
                cases.push(Case {
                    what: format!("{to} in {currency}, statement {of}"),
                    own: market.own(of, currency, &to),
                    sum: text.clone(),
                    key: market.key.public().to_owned(),
                    merchant: id.to_owned(),
                    currency: (*currency).to_owned(),
                    owed: decimal(i64::try_from(minor).unwrap(), *digits),
                    not_before: Some(sum.at),
                    through: Some(sum.through),
                    events: Some(market.checkpoint.size),
                });
            }
        }
    }
    cases
}

#[test]
fn nothing_that_was_touched_passes_for_what_is_owed_and_the_script_agrees() {
    let market = Market::of(market_key(9));
    let forged = Market::of(market_key(77));
    let valid = valid(&market);
    for (case, (holds, says)) in valid.iter().zip(script(&valid)) {
        assert_eq!(case.judged(), Ok(()), "{}", case.what);
        assert!(holds, "{}: the script says {says}", case.what);
        assert!(says.contains("stated at 2026-") && says.contains(" by the events through "), "{says}");
    }
    let mut chance = Chance::of(5);
    let mut cases = Vec::new();
    for round in 0..2_700 {
        let of = &valid[chance.below(valid.len())];
        cases.extend(touched(round % WAYS, of, &valid, &forged, &market, &mut chance));
    }
    assert!(cases.len() > 2_300, "{}", cases.len());
    for way in 0..WAYS {
        let mut chance = Chance::of(way as u64);
        let mut once =
            || touched(way, &valid[chance.below(valid.len())], &valid, &forged, &market, &mut chance);
        assert!((0..20).any(|_| once().is_some()), "way {way} touches something");
    }
    for (case, (holds, says)) in cases.iter().zip(script(&cases)) {
        assert!(case.judged().is_err(), "the crate takes {}", case.what);
        assert!(!holds, "the script takes {}: {says}", case.what);
    }
}

#[test]
fn a_leaf_by_the_id_alone_is_not_the_merchants() {
    // the market has leaves `m-1`, `escrow` and `merchant merchant m-2`, and signs all of them
    let market = Market::of(market_key(9));
    let mut cases = Vec::new();
    for (leaf, id) in
        [("m-1", "m-1"), ("escrow", "escrow"), ("merchant merchant m-2", "m-2"), ("merchant escrow", "m-1")]
    {
        let mut case = valid(&market).remove(0);
        (case.own, case.owed) = (market.own(0, "CNY", leaf), String::new());
        case.merchant = String::new();
        assert_eq!(case.judged(), Ok(()), "{leaf} is a leaf");
        (case.merchant, case.what) = (id.to_owned(), format!("{leaf} for {id}"));
        cases.push(case);
    }
    for (case, (holds, says)) in cases.iter().zip(script(&cases)) {
        let error = case.judged().expect_err(&case.what);
        assert!(
            !holds && error.contains("was asked for") && says.contains("was asked for"),
            "{}: {says}",
            case.what
        );
    }
}

#[test]
fn a_market_that_signs_whatever_it_says_is_held_to_what_a_sum_must_be() {
    type Change = (&'static str, &'static str, &'static str);
    let changes: [Change; 16] = [
        ("less than nothing in all", "\"amount\":\"", "\"amount\":\"-"),
        ("more in all than the root has", "\"amount\":\"", "\"amount\":\"9"),
        ("a leaf more", "\"leaves\":", "\"leaves\":1"),
        ("no leaves", "\"leaves\":", "\"leaves\":0,\"x\":"),
        ("leaves as text", "\"leaves\":44", "\"leaves\":\"44\""),
        ("a currency twice", "\"currency\":\"JPY\"", "\"currency\":\"CNY\""),
        ("currencies out of order", "\"currency\":\"JPY\"", "\"currency\":\"AUD\""),
        ("no currency", "\"currency\":\"JPY\"", "\"currency\":\"jpy\""),
        ("a root in capitals", "\"root\":\"", "\"root\":\"A"),
        ("a name that stands twice", "\"by\":\"system\"", "\"through\":1"),
        ("a name that stands twice where nobody looks", "\"by\":\"system\"", "\"by\":{\"a\":1,\"a\":1}"),
        ("through itself", "\"through\":8", "\"through\":9"),
        ("through a number with a point", "\"through\":8", "\"through\":8.0"),
        ("through nothing", "\"through\":8", "\"through\":null"),
        ("something behind it", "]}", "]}{}"),
        ("no sums", "\"sums\":[", "\"sums\":[],\"x\":["),
    ];
    let mut cases = Vec::new();
    let plain = valid(&Market::of(market_key(9))).remove(0);
    let mut of = |market: &Market, what: &str| {
        let mut case = plain.clone();
        (case.own, case.sum, case.what) =
            (market.own(0, "CNY", "merchant m-0"), market.sum(0), what.to_owned());
        case.not_before = None;
        cases.push(case);
    };
    for (what, from, to) in changes {
        let touch = move |data: &str| {
            // "\"leaves\":0,..." leaves the name twice out: the old number is the other's
            let changed = data.replacen(from, to, 1);
            assert!(changed != data || !data.contains("\"through\":8"), "{from} in {data}");
            changed
        };
        of(&Market::that_says(market_key(9), &touch, "books-main", "LiabilitiesStated", FIRST), what);
    }
    for (stream, kind, first, what) in [
        ("order-o1", "LiabilitiesStated", FIRST, "another stream"),
        ("books-main", "PeriodClosed", FIRST, "another event"),
        ("books-main", "LiabilitiesStated", -1, "a time before the calendar"),
        ("books-main", "LiabilitiesStated", i64::MAX - 2 * DAY, "a time behind it"),
    ] {
        of(&Market::that_says(market_key(9), &str::to_owned, stream, kind, first), what);
    }
    let time = "time 2026-06-01T00:00:00Z";
    let mut signs = |stated, lines: &[&str], what: &str| {
        let says = ("books-main", "LiabilitiesStated");
        of(&Market::that_signs(market_key(9), &str::to_owned, says, stated, lines), what);
    };
    signs((FIRST, 1, 100_001), &[time], "a sum that was drawn up long before");
    signs((FIRST + 30 * DAY, 1, 0), &[time], "a sum that is stated after it was signed");
    signs((FIRST, 30 * DAY, 0), &[time], "a sum that was recorded after it was signed");
    signs((FIRST, -FIRST - 1, 0), &[time], "a sum that was recorded before the calendar");
    for (lines, what) in [
        (&[][..], "signed at no time"),
        (&[time, time], "signed at two times"),
        (&["time never"], "signed never"),
        (&["time 2026-06-31T00:00:00Z"], "signed on a day that is none"),
        (&["time 2026-06-01T00:00:60Z"], "signed in a second that is none"),
        (&["time 2026-06-01T00:00:00+00:00"], "a time written in another way"),
        (&["time 2026-06-01T00:00:00.Z"], "a part of a second that is none"),
        (&["time 1969-12-31T23:59:59Z"], "signed before the calendar"),
        (&["time 0000-01-01T00:00:00Z"], "signed in no year"),
    ] {
        signs((FIRST, 1, 0), lines, what);
    }
    for (case, (holds, says)) in cases.iter().zip(script(&cases)) {
        assert!(case.judged().is_err(), "the crate takes {}", case.what);
        assert!(!holds, "the script takes {}: {says}", case.what);
    }
}

#[test]
fn a_sum_was_stated_when_it_was_recorded_where_it_says_that_it_happened_later() {
    let says = ("books-main", "LiabilitiesStated");
    // as many events between as may come, and a part of a second in the time of the checkpoint
    let stated = (FIRST + DAY, -DAY, 100_000);
    let market =
        Market::that_signs(market_key(9), &str::to_owned, says, stated, &["time 2026-05-29T21:00:00.25Z"]);
    let mut case = valid(&market).remove(0);
    case.not_before = Some(FIRST + 1);
    let mut holds = case.clone();
    holds.not_before = Some(FIRST);
    assert_eq!(holds.judged(), Ok(()));
    assert!(case.judged().unwrap_err().contains("before the time that was asked for"));
    let said = script(&[holds, case]);
    assert!(said[0].0, "{said:?}");
    assert!(!said[1].0 && said[1].1.contains("before the time that was asked for"), "{said:?}");
}

#[test]
fn a_checkpoint_longer_than_any_is_refused_by_both() {
    let market = Market::of(market_key(9));
    let plain = valid(&market).remove(0);
    let with = |bytes: usize| Case { sum: with_line(&plain.sum, &"x".repeat(bytes), 9), ..plain.clone() };
    let (short, long) = (with(900_000), with(1_000_000));
    assert_eq!(short.judged(), Ok(()));
    assert!(long.judged().unwrap_err().contains("no signed note"));
    let said = script(&[short, long]);
    assert!(said[0].0, "{said:?}");
    assert!(!said[1].0 && said[1].1.contains("longer than any that is read"), "{said:?}");
}

#[test]
fn a_file_longer_than_any_proof_is_refused_unread() {
    let market = Market::of(market_key(9));
    let case = valid(&market).remove(0);
    let long = |text: &str, count: usize| format!("{text}{}", "x".repeat(count));
    let mut cases = vec![case.clone(), case.clone(), case];
    (cases[0].own, cases[0].merchant) = (long(&cases[0].own, 100_001), String::new());
    cases[1].sum = long(&cases[1].sum, 4 << 20);
    cases[2].own = line(&cases[2].own, 2, |name| long(name, 100_001)).unwrap();
    cases[2].merchant = String::new();
    for (case, (holds, says)) in cases.iter().zip(script(&cases)) {
        assert!(case.judged().unwrap_err().contains("longer than any"), "{}", case.what);
        assert!(!holds && (says.contains("longer than any") || says.contains("more than")), "{says}");
    }
}
