//! The subcommands, one file each: parse, call, print.

pub mod access_log;
pub mod adjustment;
pub mod after_sales;
pub mod assessment;
pub mod attribution;
pub mod backup;
pub mod balance_sheet;
pub mod bench;
pub mod breaks;
pub mod buyers;
pub mod campaign;
pub mod charge;
pub mod command;
pub mod completions;
pub mod demo;
pub mod digest;
pub mod events;
pub mod explain_gmv;
pub mod export;
pub mod funnel;
pub mod import;
pub mod journal;
pub mod key;
pub mod leads;
pub mod ledger;
pub mod liabilities;
pub mod loan_pack;
pub mod log;
pub mod merchant;
pub mod merchants;
pub mod metrics;
pub mod order;
pub mod payout;
pub mod period;
pub mod plan;
pub mod products;
pub mod profit_loss;
pub mod rebuild;
pub mod reconcile;
pub mod replay;
pub mod report;
pub mod restore;
pub mod roi;
pub mod serve;
pub mod service;
pub mod settle;
pub mod settlement;
pub mod statement;
pub mod status;
pub mod trial_balance;
pub mod verify;
pub mod verify_statement;
pub mod voucher;

use crate::cli::{Cli, Command};
use crate::failure::Failure;

/// Runs what was asked.
pub fn run(cli: Cli) -> Result<(), Failure> {
    let global = &cli.global;
    match cli.command {
        Command::Demo(args) => demo::run(global, &args),
        Command::Key(args) => key::run(global, &args),
        Command::AccessLog(args) => access_log::run(global, &args),
        Command::Serve(args) => serve::run(global, &args),
        Command::Backup(args) => backup::run(global, &args),
        Command::Restore(args) => restore::run(global, &args),
        Command::Journal(args) => journal::run(global, &args),
        Command::Status(args) => status::run(global, &args),
        Command::Verify(args) => verify::run(global, &args),
        Command::Rebuild(args) => rebuild::run(global, &args),
        Command::Replay(args) => replay::run(global, &args),
        Command::Digest(args) => digest::run(global, &args),
        Command::Ledger(args) => ledger::run(global, &args),
        Command::ProfitLoss(args) => profit_loss::run(global, &args),
        Command::Metrics(args) => metrics::run(global, &args),
        Command::Funnel(args) => funnel::run(global, &args),
        Command::Buyers(args) => buyers::run(global, &args),
        Command::Products(args) => products::run(global, &args),
        Command::AfterSales(args) => after_sales::run(global, &args),
        Command::Service(args) => service::run(global, &args),
        Command::Assessment(args) => assessment::run(global, &args),
        Command::Liabilities(args) => liabilities::run(global, &args),
        Command::Leads(args) => leads::run(global, &args),
        Command::ExplainGmv(args) => explain_gmv::run(global, &args),
        Command::Attribution(args) => attribution::run(global, &args),
        Command::Roi(args) => roi::run(global, &args),
        Command::Plan(args) => plan::run(global, &args),
        Command::Report(args) => report::run(global, &args),
        Command::BalanceSheet(args) => balance_sheet::run(global, &args),
        Command::Period(args) => period::run(global, &args),
        Command::Voucher(args) => voucher::run(global, &args),
        Command::TrialBalance(args) => trial_balance::run(global, &args),
        Command::Import(args) => import::run(global, &args),
        Command::Merchant(args) => merchant::run(global, &args),
        Command::Merchants(args) => merchants::run(global, &args),
        Command::Order(args) => order::run(global, &args),
        Command::Settle(args) => settle::run(global, &args),
        Command::Settlement(args) => settlement::run(global, &args),
        Command::Events(args) => events::run(global, &args),
        Command::Payout(args) => payout::run(global, &args),
        Command::Adjustment(args) => adjustment::run(global, &args),
        Command::Charge(args) => charge::run(global, &args),
        Command::Statement(args) => statement::run(global, &args),
        Command::VerifyStatement(args) => verify_statement::run(global, &args),
        Command::Export(args) => export::run(global, &args),
        Command::Reconcile(args) => reconcile::run(global, &args),
        Command::Breaks(args) => breaks::run(global, &args),
        Command::Campaign(args) => campaign::run(global, &args),
        Command::Command(args) => command::run(global, &args),
        Command::LoanPack(args) => loan_pack::run(global, &args),
        Command::Log(args) => log::run(global, &args),
        Command::Bench(args) => bench::run(global, &args),
        Command::Completions(args) => completions::run(global, &args),
    }
}
