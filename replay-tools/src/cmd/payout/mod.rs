//! `daybook payout ...`

mod acts;
mod explain;
mod list;
mod run;

use clap::Subcommand;

use crate::cli::Global;
use crate::failure::Failure;

/// Pay merchants, follow what becomes of it, and explain each payout to the last cent
#[derive(Debug, clap::Args)]
#[command(
    long_about = "Pay merchants, follow what becomes of it, and explain each payout to the last cent.\n\n\
    A payout is requested, sent and confirmed; it may fail before, or come back after that. What is available is \
    paid out first in, first out."
)]
pub struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    Run(run::Args),
    Request(acts::Request),
    Send(acts::Send),
    Confirm(acts::Confirm),
    Fail(acts::Fail),
    Return(acts::Return),
    Convert(acts::Convert),
    Unblock(acts::Unblock),
    List(list::List),
    Show(list::Show),
    Explain(explain::Args),
}

pub fn run(global: &Global, args: &Args) -> Result<(), Failure> {
    match &args.action {
        Action::Run(args) => run::run(global, args),
        Action::Request(args) => args.run(global),
        Action::Send(args) => args.run(global),
        Action::Confirm(args) => args.run(global),
        Action::Fail(args) => args.run(global),
        Action::Return(args) => args.run(global),
        Action::Convert(args) => args.run(global),
        Action::Unblock(args) => args.run(global),
        Action::List(args) => args.run(global),
        Action::Show(args) => args.run(global),
        Action::Explain(args) => explain::run(global, args),
    }
}
