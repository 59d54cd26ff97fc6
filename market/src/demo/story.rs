//! The stories that are told of orders. Together they show every road through the deciders: shipped whole and in parts,
//! late and lost parcels, refused at the door, cancelled, refunded before and after release, returned, exchanged,
//! disputed with every outcome, charged back, never paid, paid too late, paid too much.

use rand::Rng;
use rand::seq::IndexedRandom;
use rand_chacha::ChaCha8Rng;

/// A story of one order, with how often it is told in a thousand.
const STORIES: [(Story, u32); 30] = [
    (Story::Plain, 610),
    (Story::InParts, 60),
    (Story::Late, 30),
    (Story::Lost, 15),
    (Story::RefusedAtDoor, 10),
    (Story::Cancelled, 40),
    (Story::PartlyCancelled, 15),
    (Story::HeldForReview, 10),
    (Story::PriceAdjusted, 20),
    (Story::RefundedAfter, 25),
    (Story::Goodwill, 10),
    (Story::Returned, 40),
    (Story::ReturnRefused, 8),
    (Story::Exchanged, 10),
    (Story::DisputeUnanswered, 8),
    (Story::DisputeForBuyer, 8),
    (Story::DisputeForMerchant, 8),
    (Story::DisputeSplit, 8),
    (Story::DisputeWithdrawn, 6),
    (Story::DisputeAfterRelease, 8),
    (Story::AppealUpheld, 5),
    (Story::AppealReversed, 5),
    (Story::ChargebackWon, 4),
    (Story::ChargebackLost, 4),
    (Story::ChargebackAfterRelease, 4),
    (Story::ChargebackAfterRefund, 3),
    (Story::NeverPaid, 16),
    (Story::PaidTooLate, 4),
    (Story::PaidTooMuch, 4),
    (Story::PaidTwice, 2),
];

/// What becomes of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs)] // the names say it
pub enum Story {
    Plain,
    InParts,
    Late,
    Lost,
    RefusedAtDoor,
    Cancelled,
    PartlyCancelled,
    HeldForReview,
    PriceAdjusted,
    RefundedAfter,
    Goodwill,
    Returned,
    ReturnRefused,
    Exchanged,
    DisputeUnanswered,
    DisputeForBuyer,
    DisputeForMerchant,
    DisputeSplit,
    DisputeWithdrawn,
    DisputeAfterRelease,
    AppealUpheld,
    AppealReversed,
    ChargebackWon,
    ChargebackLost,
    ChargebackAfterRelease,
    ChargebackAfterRefund,
    NeverPaid,
    PaidTooLate,
    PaidTooMuch,
    PaidTwice,
}

impl Story {
    /// A sentence for the tour.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::Plain => "shipped, delivered, received",
            Self::InParts => "shipped in two parts",
            Self::Late => "a late parcel",
            Self::Lost => "a lost parcel, refunded from escrow",
            Self::RefusedAtDoor => "refused at the door",
            Self::Cancelled => "cancelled before shipping",
            Self::PartlyCancelled => "one line cancelled, the rest shipped",
            Self::HeldForReview => "held for review, then accepted",
            Self::PriceAdjusted => "a partial refund before release",
            Self::RefundedAfter => "a partial refund after release, at the merchant's cost",
            Self::Goodwill => "a refund after release, at the market's cost",
            Self::Returned => "returned and refunded",
            Self::ReturnRefused => "a refused return that became a dispute",
            Self::Exchanged => "exchanged",
            Self::DisputeUnanswered => "a dispute nobody answered, ruled for the buyer",
            Self::DisputeForBuyer => "a dispute ruled for the buyer, with a penalty",
            Self::DisputeForMerchant => "a dispute ruled for the merchant",
            Self::DisputeSplit => "a dispute ruled by halves",
            Self::DisputeWithdrawn => "a dispute withdrawn",
            Self::DisputeAfterRelease => "a dispute after release, paid by the waterfall",
            Self::AppealUpheld => "a ruling upheld on appeal",
            Self::AppealReversed => "a ruling reversed on appeal",
            Self::ChargebackWon => "a chargeback won",
            Self::ChargebackLost => "a chargeback lost from escrow",
            Self::ChargebackAfterRelease => "a chargeback lost after release",
            Self::ChargebackAfterRefund => "a chargeback of what was refunded already",
            Self::NeverPaid => "never paid, expired",
            Self::PaidTooLate => "paid after it had expired, paid back",
            Self::PaidTooMuch => "paid too much, the rest unallocated",
            Self::PaidTwice => "paid twice, the second unallocated as a duplicate",
        }
    }
}

/// Draws a story.
pub(super) fn draw(rng: &mut ChaCha8Rng) -> Story {
    let total: u32 = STORIES.iter().map(|(_, weight)| weight).sum();
    let mut at = rng.random_range(0..total);
    for (story, weight) in STORIES {
        if at < weight {
            return story;
        }
        at -= weight;
    }
    Story::Plain
}

/// A story for a further order of a basket: none that is told of the payment.
pub(super) fn draw_single(rng: &mut ChaCha8Rng) -> Story {
    *[Story::Plain, Story::Plain, Story::Plain, Story::InParts, Story::Returned, Story::Cancelled]
        .choose(rng)
        .unwrap_or(&Story::Plain)
}
