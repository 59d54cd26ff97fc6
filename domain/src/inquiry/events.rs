//! Events of `inquiry-{id}`.

use crate::codec::event;
use crate::{BuyerId, Code, MerchantId, PartyId, VisitorId};

event! {
    /// Somebody asked something.
    InquiryOpened {
        merchant: MerchantId,
        topic: Code;
        visitor: VisitorId,
        buyer: BuyerId,
        /// Whom it was given to.
        agent: PartyId,
    }
}
event! {
    /// An agent answered.
    InquiryAnswered { agent: PartyId }
}
event! {
    /// An inquiry is over.
    InquiryClosed { by: PartyId }
}
event! {
    /// An agent broke a rule of service.
    ViolationRecorded {
        agent: PartyId,
        rule: Code,
        by: PartyId;
        note: String,
    }
}
