//! Settling, paying out and explaining on the stage, and the books account by account.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use daybook_domain::account::lines::{Bounds, Line, OpenLines, figures, is_line};
use daybook_domain::posting::post;
use daybook_domain::time::SECOND;
use daybook_domain::{Currency, Event, Money, Refs, Timestamp};
use daybook_journal::Filter;
use daybook_market::payouts::{Audit, Outcome, Run, Runs, audit};
use daybook_projections::ReadModels;
use serde_json::json;

use crate::stage::Stage;

impl Stage {
    /// Settles a merchant's account in the stories' currency up to now.
    pub async fn settle_account(&mut self, merchant: &str, settlement: &str) {
        self.clock.set(self.now().0 + SECOND);
        let cny = Currency::new("CNY").expect("a currency");
        let (mut lines, mut carried) = (OpenLines::default(), Money::zero(cny));
        let journal = Arc::clone(self.market.journal());
        journal
            .scan(0, None, &Filter::default(), &mut |recorded| {
                let event = Event::decode(recorded.kind, recorded.schema, recorded.data).expect("it decodes");
                let refs = Refs::parse(recorded.refs).expect("references");
                if refs.merchant.as_ref().is_none_or(|own| own.as_str() != merchant) {
                    return ControlFlow::Continue(());
                }
                if let Event::SettlementClosed(e) = &event {
                    lines.take(e.currency, Bounds::from(e));
                    carried = e.carried_out;
                }
                let mut entries = Vec::new();
                post(&event, &refs, &mut entries);
                let at = Timestamp(recorded.occurred_at);
                for entry in entries.iter().filter(|entry| is_line(event.kind(), entry)) {
                    lines.push(Line {
                        number: 0,
                        amount: Money::new(-entry.amount.minor, entry.amount.currency),
                        event: event.kind(),
                        occurred_at: at,
                        booked_at: at,
                        order: refs.order,
                    });
                }
                ControlFlow::Continue(())
            })
            .expect("the journal reads");
        let bounds = Bounds { until: self.now(), through: lines.count() };
        let id = settlement.parse().expect("an id");
        let figures = figures(id, bounds, carried, &lines.take(cny, bounds)).expect("figures");
        let mut ask = serde_json::to_value(figures).expect("JSON");
        ask["action"] = json!("close_settlement");
        self.ask_as_a_run("account", merchant, ask).await;
    }

    /// Runs the payouts of the day; what the run did.
    pub async fn pay_out(&self) -> Outcome {
        let now = self.now();
        let day = now.to_string()[..10].parse().expect("a day");
        let run = Run { day, at: now, merchant: None, minimum: None, paid_by: None };
        let outcome = Runs::default().run(&self.market, &run).await.expect("the run runs");
        self.settle().await;
        outcome
    }

    /// Hands a payout to the bank, which pays it.
    pub async fn bank_pays(&mut self, merchant: &str, payout: &str) {
        let send =
            json!({"action": "send_payout", "payout": payout, "provider_ref": format!("ref-{payout}")});
        self.ask("account", merchant, send).await;
        self.ask("account", merchant, json!({"action": "confirm_payout", "payout": payout, "bank": "icbc"}))
            .await;
    }

    /// Asks `look` of read models made from the journal as it is now.
    pub fn ask_models<T>(&self, look: impl FnOnce(&ReadModels) -> T) -> T {
        let folder = tempfile::tempdir().expect("a folder");
        let journal = Arc::clone(self.market.journal());
        let models = ReadModels::open(folder.path().join("views.db"), journal, &mut |_| {});
        look(&models.expect("read models"))
    }

    /// Every invariant holds, no reaction was refused, every payout is explained to the last cent; and the books are
    /// exactly these accounts, debit positive.
    pub fn ends_with(&self, accounts: &[(&str, &str)]) -> Audit {
        let expected: BTreeMap<String, String> =
            accounts.iter().map(|(name, sum)| ((*name).to_owned(), (*sum).to_owned())).collect();
        assert_eq!(self.books(), expected);
        self.holds();
        let audit = self.ask_models(|models| audit(models, &mut |_| {})).expect("payouts are explained");
        assert!(audit.clean(), "{audit:#?}");
        audit
    }
}
