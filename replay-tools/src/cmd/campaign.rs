//! `daybook campaign list|show`

use daybook_domain::CampaignId;

use crate::cli::Global;
use crate::failure::Failure;
use crate::output::Output;
use crate::rows;

/// List campaigns: their plans and what they cost
#[derive(Debug, clap::Args)]
#[command(long_about = "List campaigns: their plans and what they cost.\n\n\
    They are planned and paid for by `daybook command` or over HTTP; docs/campaigns.md shows how.")]
pub struct Args {
    #[command(subcommand)]
    action: Option<Action>,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    List(List),
    Show(Show),
}

/// List campaigns in the order in which they were planned
#[derive(Clone, Debug, clap::Args)]
struct List {
    /// Go on after this, as the page before said
    #[arg(long, value_name = "CURSOR")]
    after: Option<String>,
    /// At most so many
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    limit: u32,
}

/// Show one campaign
#[derive(Clone, Debug, clap::Args)]
struct Show {
    /// The campaign
    campaign: CampaignId,
}

/// Columns for people; the others are in JSON and CSV.
const COLUMNS: &[&str] = &[
    "campaign_id",
    "state",
    "name",
    "kind",
    "starts_at",
    "ends_at",
    "currency",
    "budget",
    "spend",
    "affiliate",
    "impressions",
    "clicks",
];

pub fn run(global: &Global, args: &Args) -> Result<(), Failure> {
    match &args.action {
        None => list(global, &List { after: None, limit: 100 }),
        Some(Action::List(args)) => list(global, args),
        Some(Action::Show(args)) => show(global, args.campaign),
    }
}

fn list(global: &Global, args: &List) -> Result<(), Failure> {
    let page = global.read_models()?.campaigns(args.after.as_deref(), args.limit)?;
    rows::page(global, &page, COLUMNS, "campaigns")
}

fn show(global: &Global, campaign: CampaignId) -> Result<(), Failure> {
    let found = global.read_models()?.campaign(campaign.as_str())?;
    let unknown = || Failure::Refused(format!("there is no campaign {campaign}"));
    let mut out = Output::new(global.format);
    out.record(&rows::table(&[found.ok_or_else(unknown)?], None))?;
    out.finish()
}
