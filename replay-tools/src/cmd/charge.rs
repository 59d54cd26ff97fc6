//! `daybook charge ...`

use clap::Subcommand;
use daybook_domain::account::commands::AccountCommand;
use daybook_domain::{CampaignId, Code, DisputeId, MerchantId, Money};
use daybook_market::AnyCommand;

use crate::act::{By, act};
use crate::cli::Global;
use crate::failure::Failure;
use crate::parse::money;

/// Charge a merchant a fee or a penalty, give one back, or grant a reward
#[derive(Debug, clap::Args)]
#[command(long_about = "Charge a merchant a fee or a penalty, give one back, or grant a reward.\n\n\
    All go through what the merchant has pending and are settled with the rest. Amounts are written with their \
    currency, such as \"100.00 CNY\".")]
pub struct Args {
    #[command(subcommand)]
    charge: Charge,
}

#[derive(Debug, Subcommand)]
enum Charge {
    PlatformFee(PlatformFee),
    Advertising(Advertising),
    Penalty(Penalty),
    Reward(Reward),
    Waive(Waive),
}

/// The platform usage fee of a period, once
#[derive(Debug, clap::Args)]
struct PlatformFee {
    /// Who is charged
    merchant: MerchantId,
    /// The period, such as 2018-03
    period: Code,
    /// How much [default: what the contract in force says]
    #[arg(value_parser = money)]
    amount: Option<Money>,
    #[command(flatten)]
    by: By,
}

/// A fee for advertising
#[derive(Debug, clap::Args)]
struct Advertising {
    /// Who is charged
    merchant: MerchantId,
    /// The campaign
    campaign: CampaignId,
    /// How much, without VAT
    #[arg(value_parser = money)]
    amount: Money,
    #[command(flatten)]
    by: By,
}

/// A penalty
#[derive(Debug, clap::Args)]
struct Penalty {
    /// Who is charged
    merchant: MerchantId,
    /// How much
    #[arg(value_parser = money)]
    amount: Money,
    /// Why, in words
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// The rule and clause that it rests on, such as 3:7.2
    #[arg(long, value_name = "RULE:CLAUSE")]
    rule: Option<String>,
    /// The dispute behind it
    #[arg(long, value_name = "DISPUTE")]
    dispute: Option<DisputeId>,
    #[command(flatten)]
    by: By,
}

/// A reward
#[derive(Debug, clap::Args)]
struct Reward {
    /// Who is rewarded
    merchant: MerchantId,
    /// The period, such as 2018-Q1
    period: Code,
    /// What for, such as growth
    kind: Code,
    /// How much
    #[arg(value_parser = money)]
    amount: Money,
    #[command(flatten)]
    by: By,
}

/// Give back fees or penalties that were charged
#[derive(Debug, clap::Args)]
struct Waive {
    /// Whose
    merchant: MerchantId,
    /// How much; no more than was charged and not given back
    #[arg(value_parser = money)]
    amount: Money,
    /// Why
    #[arg(long, value_name = "TEXT")]
    reason: String,
    #[command(flatten)]
    by: By,
}

pub fn run(global: &Global, args: &Args) -> Result<(), Failure> {
    let (id, by, command) = match &args.charge {
        Charge::PlatformFee(a) => {
            (a.merchant, &a.by, AccountCommand::ChargePlatformFee { period: a.period, amount: a.amount })
        }
        Charge::Advertising(a) => {
            let command = AccountCommand::ChargeAdvertisingFee { campaign: a.campaign, amount: a.amount };
            (a.merchant, &a.by, command)
        }
        Charge::Penalty(a) => {
            let reason = match &a.rule {
                Some(rule) => format!("rule {rule}: {}", a.reason),
                None => a.reason.clone(),
            };
            let command = AccountCommand::ChargePenalty { amount: a.amount, reason, dispute: a.dispute };
            (a.merchant, &a.by, command)
        }
        Charge::Reward(a) => {
            let command = AccountCommand::GrantReward { amount: a.amount, period: a.period, kind: a.kind };
            (a.merchant, &a.by, command)
        }
        Charge::Waive(a) => {
            (a.merchant, &a.by, AccountCommand::WaiveFee { amount: a.amount, reason: a.reason.clone() })
        }
    };
    known(global, id)?;
    act(global, by.request(AnyCommand::Account { id, command }))
}

/// Refuses a merchant that nobody has heard of.
pub fn known(global: &Global, merchant: MerchantId) -> Result<(), Failure> {
    if global.read_models()?.merchant(merchant.as_str())?.is_some() {
        return Ok(());
    }
    Err(Failure::Refused(format!(
        "there is no merchant {merchant} in {}: `daybook merchants` names those there are",
        global.journal
    )))
}
