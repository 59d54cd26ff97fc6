//! Payouts as the read model has them.

use daybook_domain::MerchantId;
use daybook_domain::account::PayoutStage;
use daybook_projections::queries::PayoutsWanted;

use super::acts::Which;
use crate::cli::Global;
use crate::failure::Failure;
use crate::output::{Format, Output};
use crate::rows;

/// List payouts, the first requested first
#[derive(Debug, clap::Args)]
pub struct List {
    /// Only this merchant's
    #[arg(long, value_name = "MERCHANT")]
    merchant: Option<MerchantId>,
    /// Only those in this state: requested, sent, confirmed, failed or returned
    #[arg(long, value_name = "STATE")]
    state: Option<PayoutStage>,
    /// Go on from here
    #[arg(long, value_name = "CURSOR")]
    after: Option<String>,
    /// At most so many
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    limit: u32,
}

/// Columns for people; the others are in JSON and CSV.
const COLUMNS: &[&str] = &[
    "payout_id",
    "merchant_id",
    "state",
    "currency",
    "amount",
    "requested_at",
    "confirmed_at",
    "destination_ref",
    "paid_currency",
    "paid_amount",
    "reason",
];

impl List {
    pub fn run(&self, global: &Global) -> Result<(), Failure> {
        let wanted = PayoutsWanted {
            merchant: self.merchant.as_ref().map(MerchantId::as_str),
            state: self.state.map(PayoutStage::as_str),
        };
        let page = global.read_models()?.payouts(wanted, self.after.as_deref(), self.limit)?;
        rows::page(global, &page, COLUMNS, "payouts")
    }
}

/// Show one payout
#[derive(Debug, clap::Args)]
pub struct Show {
    #[command(flatten)]
    which: Which,
}

impl Show {
    pub fn run(&self, global: &Global) -> Result<(), Failure> {
        let (merchant, payout) = self.which.find(global)?;
        let mut found = global.read_models()?.payout(payout.as_str())?;
        found.retain(|row| row.merchant_id == merchant.as_str());
        if found.is_empty() {
            let message = format!("merchant {merchant} has no payout {payout}");
            return Err(Failure::Refused(message));
        }
        let mut out = Output::new(global.format);
        let table = rows::table(&found, None);
        match out.format {
            Format::Table => out.record(&table.without_empty())?,
            Format::Json | Format::Csv => out.record(&table)?,
        }
        out.finish()
    }
}
