//! Typed identifiers: visible ASCII, 1 to 64 characters, chosen by the caller or a UUIDv7.
//!
//! An id is stored inline and is `Copy`: decoding an event allocates nothing for its ids.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};

use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Longest identifier, in bytes.
pub const MAX_ID: usize = 64;

/// Up to 64 visible ASCII characters, inline.
#[derive(Clone, Copy)]
pub struct Token {
    len: u8,
    bytes: [u8; MAX_ID],
}

/// Why a text is no identifier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdError {
    /// What kind of identifier was wanted, e.g. `order`.
    pub what: &'static str,
    /// What is wrong with the text.
    pub why: &'static str,
}

impl fmt::Display for IdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} id {}: use 1 to {MAX_ID} visible ASCII characters", self.what, self.why)
    }
}

impl std::error::Error for IdError {}

impl Token {
    /// Checks and copies `text`.
    ///
    /// # Errors
    /// When it is empty, longer than 64 bytes, or holds anything but visible ASCII.
    pub fn new(text: &str, what: &'static str) -> Result<Self, IdError> {
        let raw = text.as_bytes();
        if raw.is_empty() {
            return Err(IdError { what, why: "is empty" });
        }
        if raw.len() > MAX_ID {
            return Err(IdError { what, why: "is too long" });
        }
        // without short-circuit, so that the loop is vectorised
        if !raw.iter().fold(true, |all, byte| all & byte.is_ascii_graphic()) {
            return Err(IdError { what, why: "holds a character that is not visible ASCII" });
        }
        let mut bytes = [0; MAX_ID];
        bytes[..raw.len()].copy_from_slice(raw);
        Ok(Self { len: raw.len() as u8, bytes })
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.bytes[..self.len as usize]).expect("invariant: a token is ASCII")
    }
}

impl PartialEq for Token {
    fn eq(&self, other: &Self) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}
impl Eq for Token {}
impl PartialOrd for Token {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Token {
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_bytes().cmp(other.as_bytes())
    }
}
impl Hash for Token {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_bytes().hash(state);
    }
}
impl Token {
    fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.len as usize]
    }
}

macro_rules! ids {
    ($($(#[doc = $doc:literal])* $name:ident = $what:literal;)*) => { $(
        $(#[doc = $doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Token);

        impl $name {
            /// Checks and copies `text`.
            ///
            /// # Errors
            /// [`IdError`] when it is empty, too long or not visible ASCII.
            pub fn new(text: &str) -> Result<Self, IdError> {
                Token::new(text, $what).map(Self)
            }
            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                self.0.as_str()
            }
        }
        impl std::str::FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                Self::new(text)
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($name), self.as_str())
            }
        }
        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                self.as_str()
            }
        }
        impl crate::canonical::Canonical for $name {
            #[inline]
            fn read(from: &mut crate::canonical::Reader<'_>) -> Option<Self> {
                Self::new(from.text()?).ok()
            }
        }
        impl schemars::JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }
            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                crate::schema::id(concat!($($doc),*))
            }
        }
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                s.serialize_str(self.as_str())
            }
        }
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                d.deserialize_str(TokenVisitor($what)).map(Self)
            }
        }
    )* };
}

struct TokenVisitor(&'static str);

impl Visitor<'_> for TokenVisitor {
    type Value = Token;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a {} id of 1 to {MAX_ID} visible ASCII characters", self.0)
    }
    fn visit_str<E: de::Error>(self, text: &str) -> Result<Token, E> {
        Token::new(text, self.0).map_err(E::custom)
    }
}

ids! {
    /// A merchant: the seller of record.
    MerchantId = "merchant";
    /// A buyer, pseudonymous.
    BuyerId = "buyer";
    /// One payment session for one basket.
    CheckoutId = "checkout";
    /// One sale of one merchant.
    OrderId = "order";
    /// A line of an order, unique within it.
    LineId = "line";
    /// A product.
    ProductId = "product";
    /// A product category; also the dimension of commission income.
    Category = "category";
    /// A captured payment, unique within its checkout.
    PaymentId = "payment";
    /// A payment provider (acquirer, wallet, marketplace): the dimension of provider assets.
    ProviderId = "provider";
    /// A stored-value instrument of the market (gift card).
    InstrumentId = "instrument";
    /// A bank account of the market.
    BankAccountId = "bank account";
    /// A campaign: who funds a subsidy.
    CampaignId = "campaign";
    /// A shipment of an order.
    ShipmentId = "shipment";
    /// A refund, unique within its order.
    RefundId = "refund";
    /// A return or exchange, unique within its order.
    ReturnId = "return";
    /// A dispute.
    DisputeId = "dispute";
    /// A chargeback raised by a bank.
    ChargebackId = "chargeback";
    /// A review.
    ReviewId = "review";
    /// A hold on a balance or deposit.
    HoldId = "hold";
    /// A settlement of a merchant's account.
    SettlementId = "settlement";
    /// A payout to a merchant's bank.
    PayoutId = "payout";
    /// A proposed adjustment.
    AdjustmentId = "adjustment";
    /// A journal voucher.
    VoucherId = "voucher";
    /// A lead in merchant recruitment.
    LeadId = "lead";
    /// A market (platform).
    MarketId = "market";
    /// A person or system that acts, pseudonymous.
    PartyId = "party";
    /// A reference given by an outside system: a provider's transaction, a bank's, a document's.
    Reference = "reference";
    /// A short machine-readable word: a carrier, a tier, a sales channel, a tax jurisdiction, a period.
    Code = "code";
    /// A visitor, one terminal.
    VisitorId = "visitor";
    /// A visitor's cart.
    CartId = "cart";
    /// A question of a visitor to a merchant.
    InquiryId = "inquiry";
}

impl HoldId {
    /// Holds on an account that are there to top a deposit up begin with this.
    pub const TOP_UP: &str = "top-up:";

    /// Whether the hold is there to top a deposit up: it is for what was missing then, and takes no more.
    #[must_use]
    pub fn tops_up(&self) -> bool {
        self.as_str().starts_with(Self::TOP_UP)
    }

    /// The hold, on a merchant's account and deposit, for a case (a dispute or a chargeback) on an order:
    /// `order:case`, or a UUID derived from that where it is too long for an id.
    #[must_use]
    pub fn of_case(order: OrderId, case: &str) -> Self {
        let text = format!("{order}:{case}");
        Self::new(&text).unwrap_or_else(|_| {
            let id = uuid::Uuid::new_v5(&uuid::Uuid::NAMESPACE_OID, text.as_bytes());
            Self::new(&id.to_string()).expect("invariant: a UUID is an id")
        })
    }
}
