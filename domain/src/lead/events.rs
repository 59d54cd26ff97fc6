//! Events of `lead-{id}`: recruiting merchants (招商).

use crate::codec::event;
use crate::{Code, MerchantId, Timestamp};

event! {
    /// Somebody showed interest in selling here.
    LeadCaptured {
        /// The channel it came by: `organic_search`, `paid_search`, ...
        origin: Code,
        first_contact: Timestamp;
        /// The landing page.
        landing: Code,
    }
}
event! {
    /// The lead fits the market.
    LeadQualified { by: crate::PartyId }
}
event! {
    /// The lead became a merchant.
    LeadWon {
        merchant: MerchantId;
        segment: Code,
        /// The kind of lead or business.
        r#type: Code,
    }
}
event! {
    /// The lead went no further.
    LeadLost { reason: String }
}
