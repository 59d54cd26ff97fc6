//! Acting on the market from the command line: a request, what follows from it at once, and its receipt.

use daybook_domain::{PartyId, Timestamp};
use daybook_market::{AnyCommand, AnyRequest, Market};
use serde::Serialize;
use uuid::Uuid;

use crate::cli::Global;
use crate::failure::Failure;
use crate::output::{Format, Output, say};

/// Who acts and when: the arguments of every subcommand that writes by hand.
#[derive(Clone, Debug, clap::Args)]
pub struct By {
    /// Who asks: a person's name or number, kept with the event
    #[arg(long, value_name = "PERSON")]
    pub by: PartyId,
    /// When it happened (RFC 3339) [default: now]
    #[arg(long, value_name = "TIME", value_parser = Timestamp::parse)]
    pub at: Option<Timestamp>,
    /// Identity of the command (UUID): sent again, it has no second effect [default: a new one]
    #[arg(long, value_name = "UUID")]
    pub command_id: Option<Uuid>,
}

/// What a command came to, for programs.
#[derive(Serialize)]
struct Receipt<'a> {
    stream: &'a str,
    version: u64,
    position: u64,
    already: bool,
    command_id: Uuid,
    events: Vec<&'static str>,
}

impl By {
    /// The identity that was named, or a new one.
    #[allow(clippy::disallowed_methods)] // here a caller who names no identity is given one
    pub fn identity(&self) -> Uuid {
        self.command_id.unwrap_or_else(Uuid::now_v7)
    }
    /// The request for `command`.
    pub fn request(&self, command: AnyCommand) -> AnyRequest {
        let mut request = AnyRequest::new(command, self.identity(), self.by);
        request.occurred_at = self.at;
        request
    }
}

/// Executes one request, lets its reactions follow, and prints its receipt.
pub fn act(global: &Global, request: AnyRequest) -> Result<(), Failure> {
    global.must_exist()?;
    let market = global.market()?;
    global.runtime()?.block_on(act_on(&market, global, request))
}

/// As [`act`], on a market that is already open.
pub async fn act_on(market: &Market, global: &Global, request: AnyRequest) -> Result<(), Failure> {
    let (stream, command_id) = (request.command.stream(), request.command_id);
    let done = market.execute(request).await?;
    market.settle_reactions().await?;
    let events: Vec<_> = done.events.iter().map(|event| event.kind().as_str()).collect();
    let mut out = Output::new(global.format);
    if out.format == Format::Json {
        let (version, position, already) = (done.version, done.position, done.already);
        out.json_line(&Receipt { stream: &stream, version, position, already, command_id, events })?;
    } else if done.already {
        say!("{stream} said so already: nothing was written");
    } else {
        out.line(&format!("{stream} at version {}: {}", done.version, events.join(", ")))?;
    }
    out.finish()
}
