//! `daybook adjustment ...`

use clap::Subcommand;
use daybook_domain::account::commands::AccountCommand;
use daybook_domain::account::events::Direction;
use daybook_domain::account::{AdjustmentStage, MerchantAccount};
use daybook_domain::{AdjustmentId, MerchantId, Money, Reference};
use daybook_market::AnyCommand;

use super::charge::known;
use crate::act::{By, act};
use crate::cli::Global;
use crate::failure::Failure;
use crate::output::Output;
use crate::parse::money;
use crate::value::Table;

/// Correct a merchant's account: one person proposes, another approves
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    Propose(Propose),
    Approve(Approve),
    Reject(Reject),
    List(List),
}

/// Propose an adjustment; it moves nothing until another person approves it
#[derive(Debug, clap::Args)]
struct Propose {
    /// Whose account
    merchant: MerchantId,
    /// The adjustment's id
    adjustment: AdjustmentId,
    /// How much, such as "100.00 CNY"
    #[arg(value_parser = money)]
    amount: Money,
    /// Which way: for_merchant or against_merchant
    direction: Direction,
    /// Why
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// What proves it: a reference to the document
    #[arg(long, value_name = "REF")]
    document_ref: Option<Reference>,
    #[command(flatten)]
    by: By,
}

/// Approve an adjustment that another person proposed
#[derive(Debug, clap::Args)]
struct Approve {
    /// Whose account
    merchant: MerchantId,
    /// The adjustment
    adjustment: AdjustmentId,
    #[command(flatten)]
    by: By,
}

/// Reject a proposed adjustment
#[derive(Debug, clap::Args)]
struct Reject {
    /// Whose account
    merchant: MerchantId,
    /// The adjustment
    adjustment: AdjustmentId,
    /// Why
    #[arg(long, value_name = "TEXT")]
    reason: String,
    #[command(flatten)]
    by: By,
}

/// List a merchant's adjustments
#[derive(Debug, clap::Args)]
struct List {
    /// Whose account
    merchant: MerchantId,
    /// Only those in this state: proposed, approved or rejected
    #[arg(long, value_name = "STATE")]
    state: Option<AdjustmentStage>,
}

pub fn run(global: &Global, args: &Args) -> Result<(), Failure> {
    let (id, by, command) = match &args.action {
        Action::Propose(a) => {
            let command = AccountCommand::ProposeAdjustment {
                adjustment: a.adjustment,
                amount: a.amount,
                direction: a.direction,
                reason: a.reason.clone(),
                document_ref: a.document_ref,
            };
            (a.merchant, &a.by, command)
        }
        Action::Approve(a) => {
            (a.merchant, &a.by, AccountCommand::ApproveAdjustment { adjustment: a.adjustment })
        }
        Action::Reject(a) => {
            let (adjustment, reason) = (a.adjustment, a.reason.clone());
            (a.merchant, &a.by, AccountCommand::RejectAdjustment { adjustment, reason })
        }
        Action::List(a) => return list(global, a),
    };
    known(global, id)?;
    act(global, by.request(AnyCommand::Account { id, command }))
}

fn list(global: &Global, args: &List) -> Result<(), Failure> {
    known(global, args.merchant)?;
    let account = account(global, args.merchant)?;
    let mut table = Table::new(&[
        "adjustment",
        "state",
        "direction",
        "currency",
        "amount",
        "proposed_by",
        "decided_by",
        "document_ref",
        "reason",
    ]);
    for (id, adjustment) in account.adjustments() {
        if args.state.is_some_and(|state| state != adjustment.stage) {
            continue;
        }
        table.push(vec![
            id.as_str().into(),
            adjustment.stage.as_str().into(),
            adjustment.direction.as_str().into(),
            adjustment.amount.currency.as_str().into(),
            adjustment.amount.into(),
            adjustment.by.as_str().into(),
            adjustment.decided_by.as_ref().map(|by| by.as_str()).into(),
            adjustment.document_ref.as_ref().map(|document| document.as_str()).into(),
            adjustment.reason.as_str().into(),
        ]);
    }
    let mut out = Output::new(global.format);
    out.table(&table)?;
    out.finish()
}

/// The account as its stream leaves it.
fn account(global: &Global, merchant: MerchantId) -> Result<MerchantAccount, Failure> {
    daybook_market::account_of(&global.read_journal()?, merchant).map_err(Failure::from)
}
