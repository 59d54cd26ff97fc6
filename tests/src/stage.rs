//! A market on a manual clock, told what to do in JSON: the stage of the stories.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use daybook_commands::{Clock, Executed};
use daybook_domain::posting::post;
use daybook_domain::time::DAY;
use daybook_domain::{Event, PartyId, Refs, Timestamp};
use daybook_journal::{Filter, ManualClock};
use daybook_market::demo;
use daybook_market::verify::verify;
use daybook_market::{AnyCommand, AnyRequest, Market, MarketError, Opening, Options, RefusedReaction};
use daybook_projections::ReadModels;
use serde_json::{Value, json};
use tempfile::TempDir;
use uuid::Uuid;

/// When every story begins.
pub const START: &str = "2026-03-01T08:00:00Z";

/// A market whose time stands still until the story moves it.
pub struct Stage {
    /// The market.
    pub market: Arc<Market>,
    /// Its clock.
    pub clock: Arc<ManualClock>,
    commands: u128,
    /// Where settlements look, from the first on, and the folder that it lies in.
    pub(crate) models: OnceLock<(ReadModels, TempDir)>,
}

/// Money of the stories' currency, for JSON.
#[must_use]
pub fn cny(amount: &str) -> Value {
    json!({"amount": amount, "currency": "CNY"})
}

/// A command from its JSON.
#[must_use]
pub fn command(category: &str, id: &str, command: &Value) -> AnyCommand {
    serde_json::from_value(json!({"category": category, "id": id, "command": command}))
        .unwrap_or_else(|e| panic!("{category} {command}: {e}"))
}

impl Stage {
    /// A market in memory.
    #[must_use]
    pub fn in_memory() -> Self {
        Self::at("memory:", Self::start())
    }

    /// A market in `folder`, as it was left there, its clock at `now`.
    #[must_use]
    pub fn in_folder(folder: &Path, now: Timestamp) -> Self {
        Self::at(&format!("sqlite:{}", folder.join("story.db").display()), now)
    }

    /// A simulated market that has run for some days and the while after.
    pub async fn simulated(days: u32, orders_per_day: u32) -> Self {
        let clock = Arc::new(ManualClock::at(0));
        let options = Options { clock: Arc::clone(&clock) as Arc<dyn Clock>, ..Options::default() };
        let market = Market::open("memory:", options).expect("the market opens");
        let simulated = demo::Options { days, orders_per_day, seed: 7 };
        demo::run(&market, &clock, simulated, &mut |_, _| {}).await.expect("the simulation runs");
        Self { market: Arc::new(market), clock, commands: 0, models: OnceLock::new() }
    }

    /// The instant at which stories begin.
    #[must_use]
    pub fn start() -> Timestamp {
        Timestamp::parse(START).expect("the start is a time")
    }

    /// A market in the database of a URL, its own files in `folder`.
    #[must_use]
    pub fn in_database(url: &str, folder: &Path) -> Self {
        Self::with(url, Self::start(), Some(folder.join("story.db")))
    }

    fn at(url: &str, now: Timestamp) -> Self {
        Self::with(url, now, None)
    }

    fn with(url: &str, now: Timestamp, own: Option<PathBuf>) -> Self {
        let clock = Arc::new(ManualClock::at(now.0));
        let options = Options {
            own,
            clock: Arc::clone(&clock) as Arc<dyn Clock>,
            opening: Opening { name: "Stage".to_owned(), ..Options::default().opening },
            ..Options::default()
        };
        let market = Market::open(url, options).expect("the market opens");
        Self { market: Arc::new(market), clock, commands: 0, models: OnceLock::new() }
    }

    /// The time.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        Timestamp(self.clock.now())
    }

    /// A request with an id of its own.
    pub fn request(&mut self, category: &str, id: &str, ask: &Value) -> AnyRequest {
        self.commands += 1;
        let command_id = Uuid::new_v5(&Uuid::NAMESPACE_OID, &self.commands.to_be_bytes());
        AnyRequest::new(command(category, id, ask), command_id, PartyId::new("teller").expect("an id"))
    }

    /// Asks, and lets nothing follow from it yet.
    ///
    /// # Errors
    /// As the market's.
    pub async fn try_ask(&mut self, category: &str, id: &str, ask: Value) -> Result<Executed, MarketError> {
        let request = self.request(category, id, &ask);
        self.market.execute(request).await
    }

    /// Asks, and lets follow what follows from it now.
    pub async fn ask(&mut self, category: &str, id: &str, ask: Value) -> Vec<&'static str> {
        let said = ask.clone();
        let executed =
            self.try_ask(category, id, ask).await.unwrap_or_else(|e| panic!("{category} {id} {said}: {e}"));
        self.settle().await;
        executed.events.iter().map(|event| event.kind().as_str()).collect()
    }

    /// The code of the rejection that this meets.
    pub async fn refused(&mut self, category: &str, id: &str, ask: Value) -> &'static str {
        match self.try_ask(category, id, ask.clone()).await {
            Err(MarketError::Command(error)) => error.code(),
            other => panic!("{category} {id} {ask} was to be refused: {other:?}"),
        }
    }

    /// Lets follow what follows now.
    pub async fn settle(&self) {
        self.market.run_until_quiet().await.expect("the market runs until it is quiet");
    }

    /// Lets days pass, one by one, and what they bring.
    pub async fn days(&self, days: u32) {
        for _ in 0..days {
            self.clock.set(self.now().0 + DAY);
            self.settle().await;
        }
    }

    /// A merchant with a deposit whose store is open: commission 10 %.
    pub async fn merchant(&mut self, id: &str, deposit: &str) {
        let asks = [
            json!({"action": "apply", "name": id, "kind": "retailer", "country": "CN", "settlement_currency": "CNY"}),
            json!({"action": "submit_qualification", "kind": "unified_licence", "document_ref": "doc-1"}),
            json!({"action": "verify_qualification", "kind": "unified_licence"}),
            json!({"action": "sign_contract", "document_ref": "doc-2", "valid_until": "2036-01-01T00:00:00Z"}),
            json!({"action": "agree_fee_schedule", "effective_from": START, "default_commission": "0.10",
                "deposit_required": cny(deposit),
                "settlement": {"cycle": "weekly", "days": 0, "minimum_payout": cny("0.00")}}),
            json!({"action": "approve"}),
        ];
        for ask in asks {
            self.ask("merchant", id, ask).await;
        }
        if deposit != "0.00" {
            let reference = format!("deposit-of-{id}");
            let pay = json!({"action": "pay", "amount": cny(deposit), "provider": "bank", "provider_ref": reference});
            self.ask("deposit", id, pay).await;
        }
        self.ask("merchant", id, json!({"action": "open_store"})).await;
    }

    /// A basket with one order of one line and one piece for each (order, merchant, price).
    pub async fn basket(&mut self, checkout: &str, orders: &[(&str, &str, &str)]) {
        for (order, merchant, price) in orders {
            let line = json!({"line": "1", "product": "p-1", "category": "toys", "quantity": 1,
                "unit_price": cny(price), "discount": cny("0.00")});
            let place = json!({"action": "place", "checkout": checkout, "buyer": "b-1", "merchant": merchant,
                "lines": [line], "shipping": cny("0.00"), "sales_channel": "own"});
            self.ask("order", order, place).await;
        }
        let orders: Vec<_> = orders
            .iter()
            .map(|(order, merchant, price)| json!({"order": order, "merchant": merchant, "buyer_pays": cny(price)}))
            .collect();
        let open = json!({"action": "open", "buyer": "b-1", "currency": "CNY", "orders": orders});
        self.ask("checkout", checkout, open).await;
    }

    /// Money comes in for a basket.
    pub async fn pay(&mut self, checkout: &str, payment: &str, amount: &str) {
        let capture = json!({"action": "capture", "payment": payment, "method": "wallet", "provider": "alipay",
            "provider_ref": format!("{checkout}-{payment}"), "amount": cny(amount)});
        self.ask("checkout", checkout, capture).await;
    }

    /// An order is sent and arrives.
    pub async fn deliver(&mut self, order: &str) {
        self.ask("order", order, json!({"action": "ship", "shipment": "s-1", "mode": "parcel"})).await;
        self.ask("order", order, json!({"action": "deliver", "shipment": "s-1"})).await;
    }

    /// A new merchant `m1` sells and delivers `o1` of 100.00 and `o2` of 50.00: received, and 135.00 earned.
    pub async fn sell_two(&mut self) {
        self.merchant("m1", "0.00").await;
        self.basket("c1", &[("o1", "m1", "100.00"), ("o2", "m1", "50.00")]).await;
        self.pay("c1", "p1", "150.00").await;
        for order in ["o1", "o2"] {
            self.deliver(order).await;
            self.ask("order", order, json!({"action": "confirm_receipt", "by": "buyer"})).await;
        }
    }

    /// The events of a stream, by type.
    #[must_use]
    pub fn story(&self, stream: &str) -> Vec<String> {
        let mut kinds = Vec::new();
        self.market
            .journal()
            .read_stream(stream, 0, &mut |event| {
                kinds.push(event.kind.to_owned());
                ControlFlow::Continue(())
            })
            .expect("the stream reads");
        kinds
    }

    /// The books: every account that does not stand at zero, debit positive, as text; behind the name stands the
    /// currency where it is not the stories'.
    #[must_use]
    pub fn books(&self) -> BTreeMap<String, String> {
        let mut accounts: BTreeMap<String, daybook_domain::Money> = BTreeMap::new();
        self.market
            .journal()
            .scan(0, None, &Filter::default(), &mut |recorded| {
                let event = Event::decode(recorded.kind, recorded.schema, recorded.data).expect("it decodes");
                let refs: Refs = serde_json::from_str(recorded.refs).expect("references");
                let mut entries = Vec::new();
                post(&event, &refs, &mut entries);
                for entry in entries {
                    let name = match entry.amount.currency.as_str() {
                        "CNY" => entry.account.to_string(),
                        other => format!("{} {other}", entry.account),
                    };
                    let sum =
                        accounts.get(&name).map_or(entry.amount, |s| s.add(entry.amount).expect("a sum"));
                    accounts.insert(name, sum);
                }
                ControlFlow::Continue(())
            })
            .expect("the journal reads");
        accounts.retain(|_, sum| !sum.is_zero());
        accounts.into_iter().map(|(name, sum)| (name, sum.amount().to_string())).collect()
    }

    /// One account of the books, `0.00` where nothing stands there.
    #[must_use]
    pub fn account(&self, name: &str) -> String {
        self.books().remove(name).unwrap_or_else(|| "0.00".to_owned())
    }

    /// Every invariant holds, and no reaction was refused.
    pub fn holds(&self) {
        self.keeps_invariants("the story");
        let refused = self.refused_reactions();
        assert!(refused.is_empty(), "{refused:#?}");
    }

    /// Every invariant holds after this history.
    pub fn keeps_invariants(&self, history: &str) {
        let report = verify(&**self.market.journal(), &mut |_, _, _| {}).expect("verify runs");
        let broken: Vec<_> = report.checks.iter().filter(|check| check.violated > 0).collect();
        assert!(broken.is_empty(), "{history}: {broken:#?}");
    }

    /// The reactions and deadlines that were refused.
    #[must_use]
    pub fn refused_reactions(&self) -> Vec<RefusedReaction> {
        self.market.refused_reactions(1_000).expect("the list reads")
    }
}
