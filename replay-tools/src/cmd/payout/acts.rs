//! What a person does with one payout, or reports of it.

use daybook_domain::account::MerchantAccount;
use daybook_domain::account::commands::AccountCommand;
use daybook_domain::{BankAccountId, Currency, MerchantId, Money, PayoutId, Rate, Reference};
use daybook_market::AnyCommand;

use crate::act::{By, act, act_on};
use crate::cli::Global;
use crate::failure::Failure;
use crate::parse::money;

/// Which payout.
#[derive(Debug, clap::Args)]
pub struct Which {
    /// The payout
    payout: PayoutId,
    /// Whose it is, where several merchants' payouts have this id
    #[arg(long, value_name = "MERCHANT")]
    merchant: Option<MerchantId>,
}

impl Which {
    /// The payout and whose it is.
    pub fn find(&self, global: &Global) -> Result<(MerchantId, PayoutId), Failure> {
        let merchant = match self.merchant {
            Some(merchant) => merchant,
            None => owner(global, self.payout)?,
        };
        Ok((merchant, self.payout))
    }

    fn ask(
        &self,
        global: &Global,
        by: &By,
        command: impl FnOnce(PayoutId) -> AccountCommand,
    ) -> Result<(), Failure> {
        let (id, payout) = self.find(global)?;
        act(global, by.request(AnyCommand::Account { id, command: command(payout) }))
    }
}

/// The merchant of a payout.
fn owner(global: &Global, payout: PayoutId) -> Result<MerchantId, Failure> {
    let found = global.read_models()?.payout(payout.as_str())?;
    match found.as_slice() {
        [] => Err(Failure::Refused(format!(
            "there is no payout {payout} in {}: `daybook payout list` names those there are",
            global.journal
        ))),
        [one] => MerchantId::new(&one.merchant_id).map_err(|error| Failure::Unavailable(error.to_string())),
        several => {
            let owners: Vec<_> = several.iter().map(|row| row.merchant_id.as_str()).collect();
            let owners = owners.join(", ");
            Err(Failure::Usage(format!("payout {payout} is of {owners}: say which with --merchant")))
        }
    }
}

/// Pay a merchant now: part of what is available, or all of it
#[derive(Debug, clap::Args)]
pub struct Request {
    /// Who is paid
    merchant: MerchantId,
    /// How much, such as "100.00 CNY"
    #[arg(value_parser = money, required_unless_present = "all")]
    amount: Option<Money>,
    /// All that may be paid out in this currency
    #[arg(long, value_name = "CURRENCY", conflicts_with = "amount", value_parser = Currency::new)]
    all: Option<Currency>,
    /// Where it goes, as a reference to a bank account [default: where the last payout went]
    #[arg(long, value_name = "REF")]
    to: Option<Reference>,
    /// Its id [default: the merchant's with a number]
    #[arg(long, value_name = "ID")]
    payout: Option<PayoutId>,
    #[command(flatten)]
    by: By,
}

impl Request {
    pub fn run(&self, global: &Global) -> Result<(), Failure> {
        global.must_exist()?;
        let market = global.market()?;
        let (account, version) =
            market.commands().state::<MerchantAccount>(self.merchant).map_err(Failure::from)?;
        if version == 0 {
            return Err(Failure::Refused(format!(
                "merchant {} has no account: nothing was ever settled or charged",
                self.merchant
            )));
        }
        let payable =
            |currency| account.payable(currency, market.commands().pending(self.merchant, currency));
        let amount = match (self.amount, self.all) {
            (Some(amount), _) => amount,
            (None, Some(currency)) => payable(currency),
            (None, None) => return Err(Failure::Usage("name an amount, or --all CURRENCY".to_owned())),
        };
        let on_file = || Reference::new(&format!("on-file/{}", self.merchant)).ok();
        let Some(to) = self.to.or(account.destination(amount.currency)).or_else(on_file) else {
            return Err(Failure::Usage("name where it goes with --to".to_owned()));
        };
        // a command that is sent again names the same payout again
        let next = || format!("{}.{}", self.merchant, account.payouts().count() + 1);
        let own = || self.by.command_id.map_or_else(next, |id| id.to_string());
        let payout = match self.payout {
            Some(payout) => payout,
            None => PayoutId::new(&own())
                .map_err(|error| Failure::Usage(format!("{error}: name its id with --payout")))?,
        };
        let command = AccountCommand::RequestPayout { payout, amount, destination_ref: to };
        let request = self.by.request(AnyCommand::Account { id: self.merchant, command });
        crate::output::say!("payout {payout}: {amount} to {to}");
        global.runtime()?.block_on(act_on(&market, global, request))
    }
}

/// Record that a payout was handed to the bank
#[derive(Debug, clap::Args)]
pub struct Send {
    #[command(flatten)]
    which: Which,
    /// The bank's or provider's reference, used once
    #[arg(long = "ref", value_name = "REF")]
    provider_ref: Reference,
    #[command(flatten)]
    by: By,
}

impl Send {
    pub fn run(&self, global: &Global) -> Result<(), Failure> {
        let provider_ref = self.provider_ref;
        self.which.ask(global, &self.by, |payout| AccountCommand::SendPayout { payout, provider_ref })
    }
}

/// Record that the bank paid it
#[derive(Debug, clap::Args)]
pub struct Confirm {
    #[command(flatten)]
    which: Which,
    /// The market's bank account that it left
    #[arg(long, value_name = "ACCOUNT")]
    bank: BankAccountId,
    /// What the bank charged the market, such as "0.50 CNY"
    #[arg(long, value_name = "AMOUNT", value_parser = money)]
    fee: Option<Money>,
    #[command(flatten)]
    by: By,
}

impl Confirm {
    pub fn run(&self, global: &Global) -> Result<(), Failure> {
        let (bank, fee) = (self.bank, self.fee);
        self.which.ask(global, &self.by, |payout| AccountCommand::ConfirmPayout { payout, bank, fee })
    }
}

/// Record that it did not arrive: it is available again
#[derive(Debug, clap::Args)]
pub struct Fail {
    #[command(flatten)]
    which: Which,
    /// Why
    #[arg(long, value_name = "TEXT")]
    reason: String,
    #[command(flatten)]
    by: By,
}

impl Fail {
    pub fn run(&self, global: &Global) -> Result<(), Failure> {
        let reason = self.reason.clone();
        self.which.ask(global, &self.by, |payout| AccountCommand::FailPayout { payout, reason })
    }
}

/// Record that the bank brought back what it had reported as paid: it is available again, its destination blocked
#[derive(Debug, clap::Args)]
pub struct Return {
    #[command(flatten)]
    which: Which,
    /// The market's bank account that it came back to
    #[arg(long, value_name = "ACCOUNT")]
    bank: BankAccountId,
    /// Why
    #[arg(long, value_name = "TEXT")]
    reason: String,
    #[command(flatten)]
    by: By,
}

impl Return {
    pub fn run(&self, global: &Global) -> Result<(), Failure> {
        let (bank, reason) = (self.bank, self.reason.clone());
        self.which.ask(global, &self.by, |payout| AccountCommand::ReturnPayout { payout, bank, reason })
    }
}

/// Pay it in another currency; before it is sent
#[derive(Debug, clap::Args)]
pub struct Convert {
    #[command(flatten)]
    which: Which,
    /// The currency to pay in
    #[arg(long, value_name = "CURRENCY", value_parser = Currency::new)]
    to: Currency,
    /// Units of that currency for one of the account's
    #[arg(long, value_name = "RATE")]
    rate: Rate,
    /// Who published the rate, and when
    #[arg(long, value_name = "REF")]
    rate_ref: Reference,
    /// The market's margin, in the account's currency [default: none]
    #[arg(long, value_name = "AMOUNT", value_parser = money)]
    spread: Option<Money>,
    #[command(flatten)]
    by: By,
}

impl Convert {
    pub fn run(&self, global: &Global) -> Result<(), Failure> {
        let (id, payout) = self.which.find(global)?;
        global.must_exist()?;
        let market = global.market()?;
        let (account, _) = market.commands().state::<MerchantAccount>(id).map_err(Failure::from)?;
        // the decider says that the payout is unknown, whatever the margin
        let own = account.payout(payout).map_or(self.to, |known| known.requested.currency);
        let command = AccountCommand::ConvertPayout {
            payout,
            currency: self.to,
            rate: self.rate,
            rate_ref: self.rate_ref,
            spread: self.spread.unwrap_or(Money::zero(own)),
        };
        let request = self.by.request(AnyCommand::Account { id, command });
        global.runtime()?.block_on(act_on(&market, global, request))
    }
}

/// Let payouts go to a destination again from which one came back
#[derive(Debug, clap::Args)]
pub struct Unblock {
    /// Whose
    merchant: MerchantId,
    /// The destination
    destination_ref: Reference,
    #[command(flatten)]
    by: By,
}

impl Unblock {
    pub fn run(&self, global: &Global) -> Result<(), Failure> {
        let command = AccountCommand::UnblockDestination { destination_ref: self.destination_ref };
        act(global, self.by.request(AnyCommand::Account { id: self.merchant, command }))
    }
}
