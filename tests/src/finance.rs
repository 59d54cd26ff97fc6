//! Settling, paying out and explaining on the stage, and the books account by account.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use daybook_market::payouts::{Audit, Outcome, Run, Runs, audit};
use daybook_market::settlement::{self, Cut, Ran};
use daybook_projections::ReadModels;
use serde_json::json;

use crate::stage::Stage;

impl Stage {
    /// Waits for the next business day to begin and settles a merchant's account up to it; what the run did.
    pub async fn settle_account(&self, merchant: &str) -> Ran {
        let calendar = self.market.calendar().expect("the market is open");
        self.clock.set(calendar.end_of(calendar.day(self.now())).0 + 1);
        self.settle().await;
        let (cut, only) = (Cut::Before(calendar.day(self.now())), merchant.parse().expect("an id"));
        let (models, _) = self.models.get_or_init(|| {
            let folder = tempfile::tempdir().expect("a folder");
            (self.models_in(folder.path()), folder)
        });
        let ran = self.market.settle(models, cut, Some(only)).await.expect("the run runs");
        assert!(ran.refused.is_empty(), "{:?}", ran.refused);
        self.settle().await;
        ran
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
        look(&self.models_in(folder.path()))
    }

    fn models_in(&self, folder: &Path) -> ReadModels {
        let journal = Arc::clone(self.market.journal());
        ReadModels::open(folder.join("views.db"), journal, &mut |_| {}).expect("read models")
    }

    /// Every settlement is what its lines come to, and every payout is explained to the last cent.
    pub fn money_adds_up(&self, history: &str) -> Audit {
        let settled = settlement::audit(&**self.market.journal(), None, &mut |_, _| {}).expect("an audit");
        assert!(settled.clean(), "{history}: {settled:#?}");
        let paid = self.ask_models(|models| audit(models, &mut |_| {})).expect("payouts are explained");
        assert!(paid.clean(), "{history}: {paid:#?}");
        paid
    }

    /// Every invariant holds, no reaction was refused, every payout is explained to the last cent; and the books are
    /// exactly these accounts, debit positive.
    pub fn ends_with(&self, accounts: &[(&str, &str)]) -> Audit {
        let expected: BTreeMap<String, String> =
            accounts.iter().map(|(name, sum)| ((*name).to_owned(), (*sum).to_owned())).collect();
        assert_eq!(self.books(), expected);
        self.holds();
        self.money_adds_up("the story")
    }
}
