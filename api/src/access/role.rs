//! Roles and what each may do.

use serde::{Deserialize, Serialize};

/// What an endpoint asks of its caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Permission {
    /// Anybody, without a key: health, and the description of the API itself.
    Public,
    /// Any command at all; each asks for its own permission besides.
    Command,
    /// Baskets, payments and orders as the shop's own systems handle them for buyers.
    Sell,
    /// What a merchant does with its orders: ship, answer, accept returns.
    Fulfil,
    /// What a merchant does for its store: papers, consent, payouts.
    RunStore,
    /// What the market's people do to orders, merchants, leads and deposits.
    Operate,
    /// Money moved by hand, settlements, payouts, the books.
    Account,
    /// Orders, baskets, disputes and reviews.
    ReadOrders,
    /// A merchant's standing, balances, settlements, payouts, statements.
    ReadMerchants,
    /// Leads.
    ReadLeads,
    /// The books of the market, and the audit trail.
    ReadBooks,
    /// Figures of traffic and sales, and campaigns.
    ReadFigures,
    /// The feed of events, by merchants of their own.
    ReadFeed,
    /// What visitors looked at and did, written.
    Collect,
    /// Keys, webhooks, the access log, metrics.
    Administer,
}

/// What a key is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// The shop's own systems, on behalf of its buyers.
    Storefront,
    /// One merchant: its own orders and money, nothing else.
    Merchant,
    /// Who audits and moves money.
    Finance,
    /// Who asks for figures: no commands, and parties only as pseudonyms.
    Analyst,
    /// Who runs the market day by day.
    Operator,
    /// A storefront's pages, which everybody can read: writes hits, and nothing else.
    Collector,
    /// Who hands out keys; may do everything.
    Admin,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 7] = [
        Self::Storefront,
        Self::Merchant,
        Self::Finance,
        Self::Analyst,
        Self::Operator,
        Self::Collector,
        Self::Admin,
    ];

    /// Its name as in keys and settings.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Storefront => "storefront",
            Self::Merchant => "merchant",
            Self::Finance => "finance",
            Self::Analyst => "analyst",
            Self::Operator => "operator",
            Self::Collector => "collector",
            Self::Admin => "admin",
        }
    }

    /// Whether it may.
    #[must_use]
    pub const fn may(self, permission: Permission) -> bool {
        use Permission as P;
        match permission {
            P::Public => true,
            P::Command => !matches!(self, Self::Analyst | Self::Collector),
            P::Sell => matches!(self, Self::Storefront | Self::Operator | Self::Admin),
            P::Fulfil => matches!(self, Self::Merchant | Self::Storefront | Self::Operator | Self::Admin),
            P::RunStore => matches!(self, Self::Merchant | Self::Operator | Self::Finance | Self::Admin),
            P::Operate => matches!(self, Self::Operator | Self::Admin),
            P::Account => matches!(self, Self::Finance | Self::Admin),
            P::ReadOrders => !matches!(self, Self::Analyst | Self::Collector),
            P::ReadMerchants => matches!(self, Self::Merchant | Self::Finance | Self::Operator | Self::Admin),
            P::ReadLeads => matches!(self, Self::Analyst | Self::Finance | Self::Operator | Self::Admin),
            P::ReadBooks => matches!(self, Self::Finance | Self::Admin),
            P::ReadFigures => {
                matches!(self, Self::Analyst | Self::Finance | Self::Operator | Self::Admin)
            }
            P::ReadFeed => matches!(self, Self::Merchant | Self::Analyst | Self::Finance | Self::Admin),
            P::Collect => {
                matches!(self, Self::Collector | Self::Storefront | Self::Operator | Self::Admin)
            }
            P::Administer => matches!(self, Self::Admin),
        }
    }
}

impl std::str::FromStr for Role {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let names = || Self::ALL.map(Self::name).join(", ");
        let found = Self::ALL.into_iter().find(|role| role.name() == text);
        found.ok_or_else(|| format!("{text:?} is no role: use one of {}", names()))
    }
}
