//! Any command of any stream: what the API, the command line, batches and reactors send.

use daybook_commands::{Added, Batch, CommandError, Commands, Executed, Request};
use daybook_domain::account::MerchantAccount;
use daybook_domain::account::commands::AccountCommand;
use daybook_domain::books::commands::{BooksCommand, MarketCommand};
use daybook_domain::books::{Books, Market as MarketStream};
use daybook_domain::buyer::Buyer;
use daybook_domain::buyer::commands::BuyerCommand;
use daybook_domain::campaign::Campaign;
use daybook_domain::campaign::commands::CampaignCommand;
use daybook_domain::cart::Cart;
use daybook_domain::cart::commands::CartCommand;
use daybook_domain::channel::Channel;
use daybook_domain::channel::commands::ChannelCommand;
use daybook_domain::checkout::Checkout;
use daybook_domain::checkout::commands::CheckoutCommand;
use daybook_domain::deposit::Deposit;
use daybook_domain::deposit::commands::DepositCommand;
use daybook_domain::deposit::events::DeductedTo;
use daybook_domain::inquiry::Inquiry;
use daybook_domain::inquiry::commands::InquiryCommand;
use daybook_domain::lead::Lead;
use daybook_domain::lead::commands::LeadCommand;
use daybook_domain::merchant::Merchant;
use daybook_domain::merchant::commands::MerchantCommand;
use daybook_domain::order::Order;
use daybook_domain::order::commands::OrderCommand;
use daybook_domain::order::events::Bearer;
use daybook_domain::provider::Provider;
use daybook_domain::provider::commands::ProviderCommand;
use daybook_domain::{
    Aggregate, BuyerId, CampaignId, CartId, CheckoutId, Code, InquiryId, LeadId, MarketId, MerchantId,
    OrderId, PartyId, ProviderId, Rejection, Timestamp,
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A command and the stream it is for: `{"category":"order","id":"o-1","command":{"action":"ship",...}}`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "category", rename_all = "snake_case", deny_unknown_fields)]
#[allow(missing_docs, clippy::large_enum_variant)] // `id` names the stream, `command` is what is asked of it
pub enum AnyCommand {
    /// For `lead-{id}`.
    Lead { id: LeadId, command: LeadCommand },
    /// For `merchant-{id}`.
    Merchant { id: MerchantId, command: MerchantCommand },
    /// For `deposit-{merchant}`.
    Deposit { id: MerchantId, command: DepositCommand },
    /// For `checkout-{id}`.
    Checkout { id: CheckoutId, command: CheckoutCommand },
    /// For `order-{id}`.
    Order { id: OrderId, command: OrderCommand },
    /// For `account-{merchant}`.
    Account { id: MerchantId, command: AccountCommand },
    /// For `market-{id}`.
    Market { id: MarketId, command: MarketCommand },
    /// For `books-{market}`.
    Books { id: MarketId, command: BooksCommand },
    /// For `provider-{name}`: a payment provider, or a bank account of the market.
    Provider { id: ProviderId, command: ProviderCommand },
    /// For `campaign-{id}`.
    Campaign { id: CampaignId, command: CampaignCommand },
    /// For `channel-{sales channel}`.
    Channel { id: Code, command: ChannelCommand },
    /// For `buyer-{id}`.
    Buyer { id: BuyerId, command: BuyerCommand },
    /// For `cart-{id}`.
    Cart { id: CartId, command: CartCommand },
    /// For `inquiry-{id}`.
    Inquiry { id: InquiryId, command: InquiryCommand },
}

/// A command with who asks, when it happened and what it belongs to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AnyRequest {
    /// What is asked, of which stream.
    pub command: AnyCommand,
    /// Identity of the command: sent again, it has no second effect.
    pub command_id: Uuid,
    /// Who asks.
    pub actor: PartyId,
    /// When it happened; the clock where it is not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub occurred_at: Option<Timestamp>,
    /// What it belongs to; the command itself where it is not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub correlation: Option<Uuid>,
    /// True for an import: what happened is recorded, however odd.
    #[serde(default)]
    pub import: bool,
    /// The version the caller has seen; the command fails when the stream has another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected_version: Option<u64>,
}

/// Runs `$body` with `$id` and `$command` of the variant and `$A` its aggregate.
macro_rules! dispatch {
    ($any:expr, |$A:ident, $id:ident, $command:ident| $body:expr) => {
        match $any {
            AnyCommand::Lead { id: $id, command: $command } => {
                type $A = Lead;
                $body
            }
            AnyCommand::Merchant { id: $id, command: $command } => {
                type $A = Merchant;
                $body
            }
            AnyCommand::Deposit { id: $id, command: $command } => {
                type $A = Deposit;
                $body
            }
            AnyCommand::Checkout { id: $id, command: $command } => {
                type $A = Checkout;
                $body
            }
            AnyCommand::Order { id: $id, command: $command } => {
                type $A = Order;
                $body
            }
            AnyCommand::Account { id: $id, command: $command } => {
                type $A = MerchantAccount;
                $body
            }
            AnyCommand::Market { id: $id, command: $command } => {
                type $A = MarketStream;
                $body
            }
            AnyCommand::Books { id: $id, command: $command } => {
                type $A = Books;
                $body
            }
            AnyCommand::Provider { id: $id, command: $command } => {
                type $A = Provider;
                $body
            }
            AnyCommand::Campaign { id: $id, command: $command } => {
                type $A = Campaign;
                $body
            }
            AnyCommand::Channel { id: $id, command: $command } => {
                type $A = Channel;
                $body
            }
            AnyCommand::Buyer { id: $id, command: $command } => {
                type $A = Buyer;
                $body
            }
            AnyCommand::Cart { id: $id, command: $command } => {
                type $A = Cart;
                $body
            }
            AnyCommand::Inquiry { id: $id, command: $command } => {
                type $A = Inquiry;
                $body
            }
        }
    };
}

impl AnyCommand {
    /// The stream it is for.
    #[must_use]
    pub fn stream(&self) -> String {
        dispatch!(self, |A, id, _command| format!("{}-{id}", A::CATEGORY))
    }
}

impl AnyCommand {
    /// Some commands are one half of a move between two streams and make sense only as what follows from the other
    /// half: for these, what to ask for instead.
    #[must_use]
    pub fn follows_from(&self) -> Option<&'static str> {
        match self {
            Self::Order { command: OrderCommand::Fund { .. }, .. } => {
                Some("an order is funded by what its checkout allocates: capture the payment")
            }
            Self::Order { command: OrderCommand::IssueRefund { borne_by: Bearer::Deposit, .. }, .. } => {
                Some("a refund borne by the deposit follows from a ruling: rule the dispute")
            }
            Self::Deposit {
                command: DepositCommand::Deduct { to: DeductedTo::Buyer { .. }, .. }, ..
            } => Some("a deposit pays a buyer when a ruling says so: rule the dispute"),
            Self::Order {
                command: OrderCommand::OpenChargeback { .. } | OrderCommand::CloseChargeback { .. },
                ..
            } => Some("an order hears of a chargeback from its checkout: receive, win or lose it there"),
            Self::Checkout { command: CheckoutCommand::ReturnAllocation { .. }, .. } => {
                Some("an allocation comes back when its order refuses it: cancel the order")
            }
            Self::Deposit { command: DepositCommand::PayFromBalance { .. }, .. }
            | Self::Account { command: AccountCommand::SpendHold { .. }, .. } => {
                Some("a deposit is topped up from what is available when its store is suspended for it")
            }
            Self::Account { command: AccountCommand::CloseSettlement(_), .. } => {
                Some("a settlement is closed by a run, from the lines themselves: run daybook settle")
            }
            Self::Deposit { command: DepositCommand::Restore { .. }, .. } => {
                Some("a deposit is restored when a ruling is reversed: reverse the ruling")
            }
            Self::Provider {
                command: ProviderCommand::Import(_) | ProviderCommand::Record { .. }, ..
            } => Some("statements are read from files: use `daybook reconcile`"),
            Self::Merchant {
                command: MerchantCommand::SatisfyDeposit { .. } | MerchantCommand::ReportDepositShort { .. },
                ..
            } => Some("a merchant's deposit is reported by its deposit: pay it in"),
            _ => None,
        }
    }
}

impl AnyRequest {
    /// A request without options.
    #[must_use]
    pub const fn new(command: AnyCommand, command_id: Uuid, actor: PartyId) -> Self {
        Self {
            command,
            command_id,
            actor,
            occurred_at: None,
            correlation: None,
            import: false,
            expected_version: None,
        }
    }

    /// Executes it.
    ///
    /// # Errors
    /// As [`Commands::execute`].
    pub async fn execute(self, commands: &Commands) -> Result<Executed, CommandError> {
        let (command, frame) = self.split();
        dispatch!(command, |A, id, command| commands.execute(frame.request::<A>(id.as_str(), command)).await)
    }

    /// Decides it as part of a batch.
    ///
    /// # Errors
    /// As [`Batch::add`].
    pub fn add_to<'b>(self, batch: &'b mut Batch) -> Result<Added<'b>, CommandError> {
        let (command, frame) = self.split();
        dispatch!(command, |A, id, command| batch.add(&frame.request::<A>(id.as_str(), command)))
    }

    /// Whether its stream has taken this command before.
    ///
    /// # Errors
    /// [`CommandError::Unavailable`] when the journal cannot be read.
    pub fn taken(&self, commands: &Commands) -> Result<bool, CommandError> {
        dispatch!(&self.command, |A, id, _command| commands.has_taken::<A>(id.as_str(), self.command_id))
    }

    /// Keeps it among the refused money commands.
    pub(crate) fn keep_refusal(&self, commands: &Commands, rejection: &Rejection) {
        let (command, frame) = self.clone().split();
        dispatch!(command, |A, id, command| commands
            .keep_refusal(&frame.request::<A>(id.as_str(), command), rejection));
    }

    fn split(self) -> (AnyCommand, Frame) {
        let Self { command, command_id, actor, occurred_at, correlation, import, expected_version } = self;
        (command, Frame { command_id, actor, occurred_at, correlation, import, expected_version })
    }
}

/// All of a request but its command.
struct Frame {
    command_id: Uuid,
    actor: PartyId,
    occurred_at: Option<Timestamp>,
    correlation: Option<Uuid>,
    import: bool,
    expected_version: Option<u64>,
}

impl Frame {
    fn request<A: Aggregate>(&self, id: &str, command: A::Command) -> Request<A> {
        Request {
            occurred_at: self.occurred_at,
            correlation: self.correlation,
            import: self.import,
            expected_version: self.expected_version,
            ..Request::new(id, command, self.command_id, self.actor)
        }
    }
}
