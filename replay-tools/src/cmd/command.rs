//! `daybook command JSON`

use daybook_domain::books::commands::BooksCommand;
use daybook_market::AnyCommand;

use crate::act::{By, act_on};
use crate::cli::Global;
use crate::failure::Failure;

/// Send any command, written as JSON, to the stream it is for
#[derive(Debug, clap::Args)]
#[command(long_about = "Send any command, written as JSON, to the stream it is for.\n\n\
    {\"category\":\"order\",\"id\":\"o-1\",\"command\":{\"action\":\"accept\"}}\n\n\
    Categories: lead, merchant, deposit, checkout, order, account, market, books. What follows from the command at \
    once is done too. A command that is refused changes nothing and exits with 3.")]
pub struct Args {
    /// The command
    json: String,
    #[command(flatten)]
    by: By,
}

pub fn run(global: &Global, args: &Args) -> Result<(), Failure> {
    let command: AnyCommand = serde_json::from_str(&args.json)
        .map_err(|error| Failure::Refused(format!("this is no command: {error}")))?;
    global.must_exist()?;
    let market = global.market()?;
    if let AnyCommand::Books { command: BooksCommand::ClosePeriod { .. }, .. } = &command {
        market.knows(&global.read_models()?);
    }
    global.runtime()?.block_on(act_on(&market, global, args.by.request(command)))
}
