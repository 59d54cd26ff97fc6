//! A folder with a journal in it, and the binary to run there.

#![allow(clippy::unwrap_used, dead_code)] // a test may fail here; each file of tests uses a part of it

use std::borrow::Cow;
use std::path::PathBuf;
use std::process::{Command, Output};
use std::sync::Arc;

use daybook_domain::{Event, Refs};
use daybook_journal::sqlite::Options;
use daybook_journal::{Append, Cause, Expected, Journal, ManualClock, NewEvent, SqliteJournal};
use tempfile::TempDir;
use uuid::Uuid;

/// A folder of its own.
pub struct Place(TempDir);

/// What a run left.
#[derive(Debug)]
pub struct Ran {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap().trim_end().to_owned(),
        }
    }
}

impl Place {
    pub fn empty() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_daybook"));
        command.args(args).current_dir(self.0.path()).env_remove("DAYBOOK_JOURNAL").env("COLUMNS", "100");
        command
    }

    pub fn run(&self, args: &[&str]) -> Ran {
        self.run_with(args, &[])
    }

    /// What a subcommand that must work answers in JSON.
    pub fn json(&self, args: &[&str]) -> serde_json::Value {
        let ran = self.run(&[args, &["--format", "json", "--no-progress"]].concat());
        assert_eq!(ran.code, 0, "{args:?}: {}", ran.err);
        serde_json::from_str(&ran.out).unwrap()
    }

    /// The digests of a journal's read models.
    pub fn digest(&self, journal: &str, models: &str) -> String {
        let of =
            ["digest", "--journal", journal, "--read-models", models, "--format", "csv", "--no-progress"];
        let ran = self.run(&of);
        assert_eq!(ran.code, 0, "{}", ran.err);
        ran.out
    }

    pub fn run_with(&self, args: &[&str], env: &[(&str, &str)]) -> Ran {
        self.command(args).envs(env.iter().copied()).output().unwrap().into()
    }

    /// The journal, open for writing, on a clock that stands still.
    pub fn writer(&self) -> SqliteJournal {
        let clock = Arc::new(ManualClock::at(1_525_000_000_000_000));
        SqliteJournal::open(self.path("daybook.db"), Options { clock, ..Options::default() }).unwrap()
    }

    /// One order, paid and in escrow.
    pub fn with_a_sale() -> Self {
        let place = Self::empty();
        let journal = place.writer();
        let amount = r#"{"amount":"100.00","currency":"CNY"}"#;
        let zero = r#"{"amount":"0.00","currency":"CNY"}"#;
        let part = format!(r#"{{"payment":"pay","provider":"card","method":"card","amount":{amount}}}"#);
        let opened = format!(
            r#"{{"buyer":"b","currency":"CNY","orders":[{{"order":"o","merchant":"m","buyer_pays":{amount}}}],
            "due":{amount}}}"#
        );
        let placed = format!(
            r#"{{"checkout":"c","buyer":"b","merchant":"m","lines":[{{"line":"1","product":"p","category":"toys",
            "quantity":1,"unit_price":{amount},"discount":{zero},"commission_rate":"0.1","shipping":{zero},"tax":{zero},
            "subsidies":[]}}],"shipping":{zero},"subsidies":[],"buyer_pays":{amount},"total":{amount},
            "fee_schedule_version":1,"sales_channel":"web"}}"#
        );
        let captured = format!(
            r#"{{"payment":"pay","method":"card","provider":"card","provider_ref":"r1","amount":{amount}}}"#
        );
        let allocated = format!(r#"{{"order":"o","merchant":"m","parts":[{part}],"shortfall":{zero}}}"#);
        let funded = format!(r#"{{"parts":[{part}],"shortfall":{zero},"subsidies":[]}}"#);
        let rows = [
            ("checkout-c", "CheckoutOpened", opened),
            ("order-o", "OrderPlaced", placed),
            ("checkout-c", "PaymentCaptured", captured),
            ("checkout-c", "FundsAllocated", allocated),
            ("order-o", "EscrowFunded", funded),
        ];
        for (at, (stream, kind, data)) in rows.iter().enumerate() {
            append(&journal, vec![one(at as u128 + 1, stream, kind, data)]);
        }
        drop(journal);
        place
    }

    /// Adds to the account of merchant m two fees and a reward, and to that of n a reward, all in April 2018.
    pub fn add_account_events(&self) {
        let journal = self.writer();
        let money = |amount: &str| format!(r#"{{"amount":"{amount}","currency":"CNY"}}"#);
        let fee = |period: &str, amount: &str, vat: &str| {
            format!(r#"{{"period":"{period}","amount":{},"vat":{}}}"#, money(amount), money(vat))
        };
        let reward =
            |amount: &str| format!(r#"{{"amount":{},"period":"2018-03","kind":"growth"}}"#, money(amount));
        let rows = [
            ("m", "PlatformFeeCharged", fee("2018-02", "12.00", "0.72")),
            ("m", "RewardGranted", reward("10.00")),
            ("m", "PlatformFeeCharged", fee("2018-03", "7.00", "0.78")),
            ("n", "RewardGranted", reward("5.00")),
        ];
        for (at, (merchant, kind, data)) in rows.iter().enumerate() {
            append(&journal, vec![one(at as u128 + 2_000_000, &format!("account-{merchant}"), kind, data)]);
        }
    }

    /// Adds `count` events of a stream of leads, to have many.
    pub fn add_events(&self, count: u128) {
        let journal = self.writer();
        let data = r#"{"origin":"organic_search","first_contact":"2018-01-01T00:00:00Z"}"#;
        let items = (0..count).map(|n| one(1_000_000 + n, &format!("lead-{n}"), "LeadCaptured", data));
        append(&journal, items.collect());
    }

    /// Records that an order was placed and paid at an instant: by whom, after whose visit, for how much.
    pub fn add_sale(&self, order: &str, buyer: &str, visitor: Option<&str>, amount: &str, at: i64) {
        let journal = self.writer();
        let money = |amount: &str| format!(r#"{{"amount":"{amount}","currency":"CNY"}}"#);
        let (price, zero) = (money(amount), money("0.00"));
        let visitor = visitor.map_or(String::new(), |visitor| format!(r#","visitor":"{visitor}""#));
        let placed = format!(
            r#"{{"checkout":"c","buyer":"{buyer}","merchant":"m","lines":[{{"line":"1","product":"p","category":"toys",
            "quantity":1,"unit_price":{price},"discount":{zero},"commission_rate":"0.1","shipping":{zero},"tax":{zero},
            "subsidies":[]}}],"shipping":{zero},"subsidies":[],"buyer_pays":{price},"total":{price},
            "fee_schedule_version":1,"sales_channel":"web"{visitor}}}"#
        );
        let part = format!(r#"{{"payment":"pay","provider":"card","method":"card","amount":{price}}}"#);
        let funded = format!(r#"{{"parts":[{part}],"shortfall":{zero},"subsidies":[]}}"#);
        for (kind, data) in [("OrderPlaced", placed), ("EscrowFunded", funded)] {
            let number = order
                .bytes()
                .chain(kind.bytes())
                .fold(1 << 60, |sum: u128, b| (sum * 31 + u128::from(b)) % (1 << 63));
            let mut item = one(number, &format!("order-{order}"), kind, &data);
            item.events[0].occurred_at = at;
            append(&journal, vec![item]);
        }
    }

    /// Records that a campaign was planned for April 2018, and what was spent for it on a day.
    pub fn add_campaign(&self, id: &str, name: &str, day: &str, spent: &str, at: i64) {
        let journal = self.writer();
        let money = |amount: &str| serde_json::json!({"amount": amount, "currency": "CNY"});
        let planned = serde_json::json!({"name": name, "kind": "paid_ads", "starts": "2018-04-01T00:00:00Z",
            "ends": "2018-05-01T00:00:00Z", "budget": money("100.00"), "channels": [], "pages": [], "targets": []});
        let spend = serde_json::json!({"spend": "s1", "channel": "baidu", "day": day, "kind": "media",
            "amount": money(spent), "impressions": 100, "clicks": 10, "funded_by": "market"});
        for (n, kind, data) in [(0, "CampaignPlanned", planned), (1, "CampaignSpendRecorded", spend)] {
            let mut item = one(7_000_000 + n, &format!("campaign-{id}"), kind, &data.to_string());
            item.events[0].occurred_at = at;
            append(&journal, vec![item]);
        }
    }

    /// Bends the history: a settlement of an account without any line.
    pub fn with_a_settlement_of_nothing(&self, settlement: &str, gross: &str) {
        let journal = self.writer();
        let money = |amount: &str| format!(r#"{{"amount":"{amount}","currency":"CNY"}}"#);
        let data = format!(
            r#"{{"settlement":"{settlement}","until":"2018-05-01T00:00:00Z","through":1,"currency":"CNY",
            "carried_in":{0},"gross":{1},"refunds":{0},"commission":{0},"fees":{0},"rewards":{0},"penalties":{0},
            "chargebacks":{0},"adjustments":{0},"total":{1},"held_as_reserve":{0},"taken_from_available":{0},
            "carried_out":{0},"orders":1,"lines":1,"digest":"d"}}"#,
            money("0.00"),
            money(gross)
        );
        append(&journal, vec![one(901, "account-x", "SettlementClosed", &data)]);
    }

    /// Bends the history: more leaves escrow than is in it.
    pub fn release_too_much(&self) {
        let journal = self.writer();
        let data = r#"{"lines":[],"to_merchant":{"amount":"100.01","currency":"CNY"}}"#;
        append(&journal, vec![one(900, "order-o", "EscrowReleased", data)]);
    }
}

fn one(number: u128, stream: &str, kind: &'static str, data: &str) -> Append {
    let event = Event::decode(kind, 1, data).unwrap();
    let (category, id) = stream.split_once('-').unwrap();
    let mut refs = Refs::default();
    match category {
        "order" => {
            refs.order = Some(id.parse().unwrap());
            refs.merchant = Some("m".parse().unwrap());
            refs.checkout = Some("c".parse().unwrap());
        }
        "campaign" => refs.campaign = Some(id.parse().unwrap()),
        "checkout" => refs.checkout = Some(id.parse().unwrap()),
        "account" => refs.merchant = Some(id.parse().unwrap()),
        _ => {}
    }
    Append {
        stream: stream.to_owned(),
        expected: Expected::Any,
        cause: Cause {
            command: Uuid::from_u128(number),
            fingerprint: [0; 16],
            correlation: Uuid::from_u128(number),
            actor: Cow::Borrowed("test"),
        },
        events: vec![NewEvent {
            id: Uuid::from_u128(1 << 64 | number),
            kind: Cow::Borrowed(kind),
            schema: 1,
            occurred_at: 1_524_000_000_123_456,
            refs: serde_json::to_string(&refs).unwrap(),
            data: event.encode(),
        }],
    }
}

fn append(journal: &SqliteJournal, items: Vec<Append>) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    for result in runtime.block_on(journal.append(items)) {
        result.unwrap();
    }
}
