//! `daybook loan-pack merchant|market|verify|redraw|prove`

mod issue;
mod issuing;
mod market;
mod prove;
mod redraw;
mod sealed;
mod verify;

use daybook_market::loan_pack::LoanPackError;
use daybook_packs::PackError;

use crate::cli::Global;
use crate::failure::Failure;

/// Hand a merchant's history to a lender as a pack that can be checked without us
#[derive(Debug, clap::Args)]
#[command(long_about = "Hand a merchant's history to a lender as a pack that can be checked without us.\n\n\
    A pack has the lines (orders, refunds, disputes, the account) and the figures that follow from them, each with its definition. \
    `verify` makes every figure of the lines again, offline, and holds the pack against the market's signed log \
    (docs/loan-pack.md).")]
pub struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
#[allow(clippy::large_enum_variant)] // parsed once
enum Action {
    Merchant(issue::Merchant),
    Market(market::Market),
    Verify(verify::Verify),
    Redraw(redraw::Redraw),
    Prove(prove::Prove),
}

pub fn run(global: &Global, args: &Args) -> Result<(), Failure> {
    match &args.action {
        Action::Merchant(args) => issue::run(global, args),
        Action::Market(args) => market::run(global, args),
        Action::Verify(args) => verify::run(global, args),
        Action::Redraw(args) => redraw::run(global, args),
        Action::Prove(args) => prove::run(global, args),
    }
}

impl From<PackError> for Failure {
    fn from(error: PackError) -> Self {
        match error {
            PackError::File { .. } => Self::Unavailable(error.to_string()),
            PackError::Malformed { .. } | PackError::Overflow(_) => Self::Refused(error.to_string()),
        }
    }
}

impl From<LoanPackError> for Failure {
    fn from(error: LoanPackError) -> Self {
        match error {
            LoanPackError::Journal(error) => error.into(),
            LoanPackError::Market(error) => error.into(),
            LoanPackError::Pack(error) => error.into(),
            LoanPackError::Traffic(error) => error.into(),
            LoanPackError::Event(error) => Self::Unavailable(error.to_string()),
            LoanPackError::Unknown(why) => Self::Refused(why),
        }
    }
}
