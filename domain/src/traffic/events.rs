//! Events of `traffic-{day}-{shard}`.

use crate::codec::{event, words};
use crate::{BuyerId, CampaignId, CartId, Code, MerchantId, OrderId, ProductId, VisitorId};

words! {
    /// What a visitor does besides looking.
    Act {
        /// Looked for something: `query` says for what.
        Search = "search",
        Favourite = "favourite",
        Like = "like",
        Comment = "comment",
        Share = "share",
        /// Made an account.
        Register = "register",
        Login = "login",
        /// Took a coupon or a gift.
        Claim = "claim",
        /// Entered an activity, a group or a draw.
        Join = "join",
        /// Followed a link away from the storefront: `target` says where to.
        LeaveTo = "leave_to",
        AddToCart = "add_to_cart",
        RemoveFromCart = "remove_from_cart",
        BeginCheckout = "begin_checkout",
        /// Pressed an entry, a banner or a button.
        Click = "click",
        /// Began to ask the merchant or its agents.
        Inquire = "inquire",
        Download = "download",
    }
}

event! {
    /// How a visitor was sent: the tags of the link, as they stood in it.
    Tags {
        ;
        source: String,
        medium: String,
        campaign: String,
        term: String,
        content: String,
        /// An advertising platform's own mark of the click (`gclid`, `msclkid`, `bd_vid`, ...), as `name:value` where
        /// the name is known.
        click_id: String,
    }
}

event! {
    /// A page was shown to a visitor.
    PageViewed {
        visitor: VisitorId,
        /// Path or address of the page.
        page: String;
        /// What kind of page it is: `home`, `product`, `cart`, ...
        topic: String,
        product: ProductId,
        /// The page it came from.
        referrer: String,
        tags: Tags,
        /// The activity that the page belongs to.
        campaign: CampaignId,
        merchant: MerchantId,
        order: OrderId,
        cart: CartId,
        region: String,
        device: String,
        /// Where the page stands: own store, Tmall, ...
        sales_channel: Code,
    }
}

event! {
    /// A visitor did something.
    VisitorActed {
        visitor: VisitorId,
        act: Act;
        /// Where it was done.
        page: String,
        topic: String,
        product: ProductId,
        referrer: String,
        tags: Tags,
        /// The activity that it was done in.
        campaign: CampaignId,
        merchant: MerchantId,
        order: OrderId,
        cart: CartId,
        /// Who the visitor turned out to be: where it registered or logged in.
        buyer: BuyerId,
        /// What was searched for.
        query: String,
        /// Where it led to, or what was pressed.
        target: String,
        region: String,
        device: String,
        sales_channel: Code,
    }
}
