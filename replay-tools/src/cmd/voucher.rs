//! `daybook voucher`

use std::io::Read as _;

use daybook_domain::books::commands::BooksCommand;
use daybook_domain::books::events::VoucherEntry;
use daybook_domain::{PartyId, VoucherId};
use daybook_market::{AnyCommand, Options};
use serde::Deserialize;

use crate::act::{By, act};
use crate::cli::Global;
use crate::failure::Failure;

/// Post entries by hand; two persons
#[derive(Debug, clap::Args)]
#[command(long_about = "Post entries by hand; two persons.\n\n\
    {\"voucher\":\"v-1\",\"reason\":\"bank fees of May\",\"entries\":[\n  \
    {\"account\":\"Expenses:BankFee\",\"side\":\"debit\",\"amount\":{\"amount\":\"15.00\",\"currency\":\"CNY\"}},\n  \
    {\"account\":\"Assets:Bank:main\",\"side\":\"credit\",\"amount\":{\"amount\":\"15.00\",\"currency\":\"CNY\"}}]}\n\n\
    Debits and credits are equal in each currency. Accounts that a stream keeps (escrow, what merchants are owed, \
    deposits, refunds) are closed to vouchers, and so are dates in closed periods.")]
pub struct Args {
    /// The voucher: a file, `-` for standard input, or the JSON itself
    #[arg(value_name = "FILE|JSON")]
    voucher: String,
    #[command(flatten)]
    by: By,
    /// Who approves it: another person
    #[arg(long, value_name = "PERSON")]
    approved_by: PartyId,
}

/// A voucher as it is written down.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Voucher {
    voucher: VoucherId,
    reason: String,
    entries: Vec<VoucherEntry>,
}

pub fn run(global: &Global, args: &Args) -> Result<(), Failure> {
    let text = text(&args.voucher)?;
    let Voucher { voucher, reason, entries } = serde_json::from_str(&text).map_err(|error| {
        Failure::Refused(format!("this is no voucher: {error} (see daybook voucher --help)"))
    })?;
    let command = BooksCommand::PostVoucher { voucher, entries, reason, proposed_by: args.by.by };
    let mut request = args.by.request(AnyCommand::Books { id: Options::default().market, command });
    request.actor = args.approved_by;
    act(global, request)
}

fn text(voucher: &str) -> Result<String, Failure> {
    if voucher.trim_start().starts_with('{') {
        return Ok(voucher.to_owned());
    }
    let mut text = String::new();
    let read = match voucher {
        "-" => std::io::stdin().read_to_string(&mut text),
        path => std::fs::File::open(path).and_then(|mut file| file.read_to_string(&mut text)),
    };
    read.map_err(|error| Failure::Unavailable(format!("cannot read the voucher {voucher}: {error}")))?;
    Ok(text)
}
