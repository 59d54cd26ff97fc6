//! `daybook merchant ID`

use daybook_domain::MerchantId;
use daybook_projections::fields::{Fields, fields};
use daybook_projections::queries::MerchantMoney;
use serde::Serialize;

use crate::cli::Global;
use crate::cuts::Cuts;
use crate::failure::Failure;
use crate::output::{Format, Output, say};
use crate::rows;

/// Show a merchant: standing, contract, counts, balances, deposit
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The merchant
    id: MerchantId,
    /// Only what it is owed: from the entries of its accounts, in milliseconds however much it has sold
    #[arg(long)]
    owed: bool,
    #[command(flatten)]
    cuts: Cuts,
}

#[derive(Serialize)]
struct Answer {
    merchant: Fields,
    balances: Vec<Fields>,
    account: Option<Fields>,
    deposit: Option<Fields>,
}

/// Columns of a balance for people; the others are in JSON.
const BALANCE: &[&str] =
    &["currency", "escrow", "pending", "available", "held", "reserve", "in_transit", "owed", "paid_out"];
const EARNED: &[&str] = &[
    "currency",
    "funded",
    "released",
    "commission",
    "fees",
    "penalties",
    "refunds",
    "chargebacks",
    "rewards",
    "adjustments",
];

pub fn run(global: &Global, args: &Args) -> Result<(), Failure> {
    let models = global.read_models()?;
    let at = args.cuts.at(&models)?;
    let unknown = || Failure::Refused(format!("there is no merchant {} in {}", args.id, global.journal));
    if args.owed {
        models.merchant(args.id.as_str())?.ok_or_else(unknown)?;
        return owed(global, &models.merchant_money(args.id.as_str(), at)?);
    }
    let found = models.merchant_as_of(args.id.as_str(), at)?.ok_or_else(unknown)?;
    let mut out = Output::new(global.format);
    match out.format {
        Format::Json => out.json_line(&Answer {
            merchant: fields(&found.merchant, None),
            balances: found.balances.iter().map(|balance| fields(balance, None)).collect(),
            account: found.account.as_ref().map(|account| fields(account, None)),
            deposit: found.deposit.as_ref().map(|deposit| fields(deposit, None)),
        })?,
        Format::Csv => {
            out.table(&rows::table(&[found.merchant], None))?;
            say!("the merchant alone: --format json has its balances and its deposit");
        }
        Format::Table => {
            out.heading(&format!("Merchant {}", args.id))?;
            out.record(&rows::table(&[found.merchant], None).without_nothing())?;
            let balances = rows::table(&found.balances, None);
            out.heading("Balances")?;
            out.table(&balances.select(BALANCE))?;
            out.heading("From")?;
            out.table(&balances.select(EARNED))?;
            if let Some(deposit) = found.deposit {
                out.heading("Deposit")?;
                out.record(&rows::table(&[deposit], None).without_nothing())?;
            }
            if let Some(account) = found.account {
                out.heading("Account")?;
                out.record(&rows::table(&[account], None).without_nothing())?;
            }
        }
    }
    out.finish()
}

fn owed(global: &Global, balances: &[MerchantMoney]) -> Result<(), Failure> {
    let mut out = Output::new(global.format);
    out.table(&rows::table(balances, None))?;
    out.finish()
}
