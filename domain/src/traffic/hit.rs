//! A hit as it comes from outside, and as it is recorded.

use std::borrow::Cow;

use schemars::JsonSchema;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::TrafficStream;
use super::discreet::discreet;
use super::events::{PageViewed, Tags, VisitorActed};
use super::fault::{Fault, FaultKind};
use crate::ids::IdError;
use crate::json_path::path_at;
use crate::time::DAY;
use crate::{Event, EventKind, Refs, Timestamp, VisitorId};

/// Longest page, in bytes.
pub const MAX_PAGE: usize = 1_024;
/// Longest referrer or target, in bytes.
pub const MAX_URL: usize = 2_048;
/// Longest tag, topic, search text, region or device, in bytes.
pub const MAX_TEXT: usize = 256;

/// 1995-01-01T00:00:00Z. What is dated before it was dated by a clock that was not set.
pub const EARLIEST: Timestamp = Timestamp(9_131 * DAY);

/// A hit as it was handed in: text as it stood, an absent field empty. With an `act` it is an act, without one the
/// view of a page.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(rename = "Hit", inline)]
pub struct RawHit<'a> {
    /// The caller's own identity of the hit, unique for its visitor and day, at most 64 visible ASCII characters:
    /// handed in again, it is not counted twice. Where it is absent, the content is the identity.
    #[serde(borrow)]
    pub id: Cow<'a, str>,
    /// When it happened, RFC 3339 with an offset.
    #[serde(borrow)]
    pub at: Cow<'a, str>,
    /// One terminal, by a pseudonym of at most 64 visible ASCII characters: never an address or an account.
    #[serde(borrow)]
    pub visitor: Cow<'a, str>,
    /// What was done: `search`, `favourite`, `like`, `comment`, `share`, `register`, `login`, `claim`, `join`,
    /// `leave_to`, `add_to_cart`, `remove_from_cart`, `begin_checkout`, `click`, `inquire` or `download`. Absent (or
    /// `view`) for the view of a page.
    #[serde(borrow)]
    pub act: Cow<'a, str>,
    /// Path or address of the page, at most 1,024 bytes; a view has one.
    #[serde(borrow)]
    pub page: Cow<'a, str>,
    /// What kind of page: `home`, `product`, `cart`, ...
    #[serde(borrow)]
    pub topic: Cow<'a, str>,
    /// The product shown or concerned.
    #[serde(borrow)]
    pub product: Cow<'a, str>,
    /// The page that the visitor came from, at most 2,048 bytes.
    #[serde(borrow)]
    pub referrer: Cow<'a, str>,
    /// The link's `utm_source`.
    #[serde(borrow)]
    pub utm_source: Cow<'a, str>,
    /// The link's `utm_medium`.
    #[serde(borrow)]
    pub utm_medium: Cow<'a, str>,
    /// The link's `utm_campaign`.
    #[serde(borrow)]
    pub utm_campaign: Cow<'a, str>,
    /// The link's `utm_term`.
    #[serde(borrow)]
    pub utm_term: Cow<'a, str>,
    /// The link's `utm_content`.
    #[serde(borrow)]
    pub utm_content: Cow<'a, str>,
    /// An advertising platform's own mark of the click, best as `name:value` (`gclid:Cj0...`).
    #[serde(borrow)]
    pub click_id: Cow<'a, str>,
    /// The activity that the page belongs to or that it was done in: a campaign's id.
    #[serde(borrow)]
    pub campaign: Cow<'a, str>,
    /// The merchant whose page it is.
    #[serde(borrow)]
    pub merchant: Cow<'a, str>,
    /// The order concerned.
    #[serde(borrow)]
    pub order: Cow<'a, str>,
    /// The cart concerned.
    #[serde(borrow)]
    pub cart: Cow<'a, str>,
    /// Only of an act: who the visitor turned out to be.
    #[serde(borrow)]
    pub buyer: Cow<'a, str>,
    /// Only of an act: what was searched for.
    #[serde(borrow)]
    pub query: Cow<'a, str>,
    /// Only of an act: where it led to or what was pressed, at most 2,048 bytes.
    #[serde(borrow)]
    pub target: Cow<'a, str>,
    /// Where the visitor is.
    #[serde(borrow)]
    pub region: Cow<'a, str>,
    /// What it uses.
    #[serde(borrow)]
    pub device: Cow<'a, str>,
    /// Where the page stands: own store, Tmall, ...
    #[serde(borrow)]
    pub sales_channel: Cow<'a, str>,
}

/// A hit that is sound, in the form in which it is recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hit {
    /// Its event's id: the same whenever and wherever it is handed in.
    pub id: Uuid,
    /// Where it belongs.
    pub stream: TrafficStream,
    /// Which event it is.
    pub kind: EventKind,
    /// When it happened.
    pub occurred_at: Timestamp,
    /// The event's references, as JSON.
    pub refs: String,
    /// The event's payload, as JSON.
    pub data: String,
}

/// What is known where a hit comes in.
#[derive(Clone, Copy, Debug)]
pub struct Incoming {
    /// Hits before this come too late.
    pub earliest: Timestamp,
    /// Hits after this are from the future.
    pub latest: Timestamp,
    /// When a hit without a time happened; `None`: it must say.
    pub arrived: Option<Timestamp>,
    /// How many of the same content came before it in the same source, by which they are told apart; `None`: the same
    /// content is the same hit.
    pub number: Option<u64>,
}

impl<'a> RawHit<'a> {
    /// The fields, in the order in which they are documented.
    pub const FIELDS: &'static [&'static str] = &[
        "id",
        "at",
        "visitor",
        "act",
        "page",
        "topic",
        "product",
        "referrer",
        "utm_source",
        "utm_medium",
        "utm_campaign",
        "utm_term",
        "utm_content",
        "click_id",
        "campaign",
        "merchant",
        "order",
        "cart",
        "buyer",
        "query",
        "target",
        "region",
        "device",
        "sales_channel",
    ];

    /// Reads one from JSON.
    ///
    /// # Errors
    /// The member, or nothing where it is none, and what is wrong with it.
    pub fn parse(json: &'a str) -> Result<Self, (String, String)> {
        // serde would take a list for the fields in their order
        if !json.trim_start().starts_with('{') {
            return Err((String::new(), "expected an object with the fields of a hit".to_owned()));
        }
        serde_json::from_str(json).map_err(|error| {
            let field = path_at(json, error.line(), error.column());
            let mut why = error.to_string();
            // where in the line, which nobody counts
            why.truncate(why.find(" at line ").unwrap_or(why.len()));
            (field, why)
        })
    }

    /// Sets the field that stands at this place of [`FIELDS`](Self::FIELDS).
    pub fn set(&mut self, place: usize, text: Cow<'a, str>) {
        let fields = [
            &mut self.id,
            &mut self.at,
            &mut self.visitor,
            &mut self.act,
            &mut self.page,
            &mut self.topic,
            &mut self.product,
            &mut self.referrer,
            &mut self.utm_source,
            &mut self.utm_medium,
            &mut self.utm_campaign,
            &mut self.utm_term,
            &mut self.utm_content,
            &mut self.click_id,
            &mut self.campaign,
            &mut self.merchant,
            &mut self.order,
            &mut self.cart,
            &mut self.buyer,
            &mut self.query,
            &mut self.target,
            &mut self.region,
            &mut self.device,
            &mut self.sales_channel,
        ];
        if let Some(field) = fields.into_iter().nth(place) {
            *field = text;
        }
    }

    /// Checks the hit.
    ///
    /// # Errors
    /// [`Fault`]: the first thing that is wrong with it.
    pub fn check(&self, incoming: &Incoming) -> Result<Hit, Fault> {
        let occurred_at = self.time(incoming)?;
        let visitor: VisitorId = match &*self.visitor {
            "" => {
                let why = "is absent: name the terminal that saw or did it".to_owned();
                return Err(Fault { kind: FaultKind::NoVisitor, field: "visitor", why });
            }
            text => terminal(text)?,
        };
        let event = match &*self.act {
            "" | "view" => Event::from(self.view(visitor)?),
            act => Event::from(self.acted(visitor, act)?),
        };
        let refs = self.refs()?;
        let data = event.encode();
        let stream = TrafficStream::of(&visitor, occurred_at);
        Ok(Hit {
            id: self.identity(occurred_at, incoming)?,
            stream,
            kind: event.kind(),
            occurred_at,
            refs,
            data,
        })
    }

    fn time(&self, incoming: &Incoming) -> Result<Timestamp, Fault> {
        let fault = |kind, why| Fault { kind, field: "at", why };
        let at = match (&*self.at, incoming.arrived) {
            ("", Some(arrived)) => return Ok(arrived),
            (text, _) => Timestamp::parse(text).map_err(|_| {
                let why = format!("{:?} is no RFC 3339 time such as 2026-11-22T10:00:00Z", shown(text));
                fault(FaultKind::NotATime, why)
            })?,
        };
        if at > incoming.latest {
            let why = format!("{at} lies ahead of the clock: say when it happened");
            return Err(fault(FaultKind::FromTheFuture, why));
        }
        if at < incoming.earliest {
            let why = format!("{at} lies before {}: what is older is not taken here", incoming.earliest);
            return Err(fault(FaultKind::TooOld, why));
        }
        Ok(at)
    }

    fn view(&self, visitor: VisitorId) -> Result<PageViewed, Fault> {
        for (field, text) in [("buyer", &self.buyer), ("query", &self.query), ("target", &self.target)] {
            if !text.is_empty() {
                let why = "belongs to an act, and `act` is absent: say which".to_owned();
                return Err(Fault { kind: FaultKind::OnlyOfActs, field, why });
            }
        }
        let page = address("page", &self.page, MAX_PAGE)?.ok_or_else(|| {
            let why = "is absent: a view has one".to_owned();
            Fault { kind: FaultKind::NoPage, field: "page", why }
        })?;
        Ok(PageViewed {
            visitor,
            page,
            topic: bounded("topic", &self.topic, MAX_TEXT)?,
            product: id_if_any("product", &self.product)?,
            referrer: address("referrer", &self.referrer, MAX_URL)?,
            tags: self.tags()?,
            campaign: id_if_any("campaign", &self.campaign)?,
            merchant: id_if_any("merchant", &self.merchant)?,
            order: id_if_any("order", &self.order)?,
            cart: id_if_any("cart", &self.cart)?,
            region: bounded("region", &self.region, MAX_TEXT)?,
            device: bounded("device", &self.device, MAX_TEXT)?,
            sales_channel: id_if_any("sales_channel", &self.sales_channel)?,
        })
    }

    fn acted(&self, visitor: VisitorId, act: &str) -> Result<VisitorActed, Fault> {
        let unknown = |_| {
            let why = format!("{:?} is not known: use view, search, click, add_to_cart, ...", shown(act));
            Fault { kind: FaultKind::UnknownAct, field: "act", why }
        };
        Ok(VisitorActed {
            visitor,
            act: act.parse().map_err(unknown)?,
            page: address("page", &self.page, MAX_PAGE)?,
            topic: bounded("topic", &self.topic, MAX_TEXT)?,
            product: id_if_any("product", &self.product)?,
            referrer: address("referrer", &self.referrer, MAX_URL)?,
            tags: self.tags()?,
            campaign: id_if_any("campaign", &self.campaign)?,
            merchant: id_if_any("merchant", &self.merchant)?,
            order: id_if_any("order", &self.order)?,
            cart: id_if_any("cart", &self.cart)?,
            buyer: id_if_any("buyer", &self.buyer)?,
            query: bounded("query", &self.query, MAX_TEXT)?,
            target: address("target", &self.target, MAX_URL)?,
            region: bounded("region", &self.region, MAX_TEXT)?,
            device: bounded("device", &self.device, MAX_TEXT)?,
            sales_channel: id_if_any("sales_channel", &self.sales_channel)?,
        })
    }

    fn tags(&self) -> Result<Option<Tags>, Fault> {
        let tags = Tags {
            source: bounded("utm_source", &self.utm_source, MAX_TEXT)?,
            medium: bounded("utm_medium", &self.utm_medium, MAX_TEXT)?,
            campaign: bounded("utm_campaign", &self.utm_campaign, MAX_TEXT)?,
            term: bounded("utm_term", &self.utm_term, MAX_TEXT)?,
            content: bounded("utm_content", &self.utm_content, MAX_TEXT)?,
            click_id: bounded("click_id", &self.click_id, MAX_TEXT)?,
        };
        let none =
            Tags { source: None, medium: None, campaign: None, term: None, content: None, click_id: None };
        Ok((tags != none).then_some(tags))
    }

    /// What a feed filters by; the visitor, the campaign and the rest stand in the payload.
    fn refs(&self) -> Result<String, Fault> {
        if self.merchant.is_empty() && self.order.is_empty() {
            return Ok("{}".to_owned());
        }
        let merchant = id_if_any("merchant", &self.merchant)?;
        let refs = Refs { merchant, order: id_if_any("order", &self.order)?, ..Refs::default() };
        Ok(serde_json::to_string(&refs).expect("invariant: references are plain data"))
    }

    /// The first half of a digest of what makes the hit itself: what it says, not how its event is written. The layout
    /// never changes: it is what makes recording repeatable, by later versions too.
    fn identity(&self, at: Timestamp, incoming: &Incoming) -> Result<Uuid, Fault> {
        let mut digest = Sha256::new();
        let text = |digest: &mut Sha256, text: &str| {
            digest.update((text.len() as u64).to_be_bytes());
            digest.update(text);
        };
        if self.id.is_empty() {
            digest.update(b"hit by content\0");
            digest.update(at.0.to_be_bytes());
            digest.update(incoming.number.unwrap_or_default().to_be_bytes());
            text(&mut digest, if self.act.is_empty() { "view" } else { &self.act });
            self.said().into_iter().for_each(|said| text(&mut digest, said));
        } else {
            let own: crate::Reference = id("id", &self.id)?;
            digest.update(b"hit by id\0");
            digest.update(at.0.div_euclid(DAY).to_be_bytes());
            text(&mut digest, &self.visitor);
            text(&mut digest, own.as_str());
        }
        let digest = digest.finalize();
        let half: [u8; 16] = digest[..16].try_into().expect("invariant: half of 32 bytes");
        Ok(uuid::Builder::from_custom_bytes(half).into_uuid())
    }

    /// What it says beside its id, its time and its act. New fields come last, and only where they are not empty.
    fn said(&self) -> [&str; 21] {
        [
            &self.visitor,
            &self.page,
            &self.topic,
            &self.product,
            &self.referrer,
            &self.utm_source,
            &self.utm_medium,
            &self.utm_campaign,
            &self.utm_term,
            &self.utm_content,
            &self.click_id,
            &self.campaign,
            &self.merchant,
            &self.order,
            &self.cart,
            &self.buyer,
            &self.query,
            &self.target,
            &self.region,
            &self.device,
            &self.sales_channel,
        ]
    }
}

/// Who saw or did it: a terminal, never what tells of a person.
fn terminal(text: &str) -> Result<VisitorId, Fault> {
    if text.contains('@') || text.parse::<core::net::IpAddr>().is_ok() {
        let why = "is an IP or mail address: give each browser or app an id of its own, by chance".to_owned();
        return Err(Fault { kind: FaultKind::Personal, field: "visitor", why });
    }
    id("visitor", text)
}

/// An address within its bound, without what it tells of a person; `None` where it is empty.
fn address(field: &'static str, text: &str, most: usize) -> Result<Option<String>, Fault> {
    Ok(bounded(field, text, most)?.map(|text| match discreet(&text) {
        Cow::Owned(clean) => clean,
        Cow::Borrowed(clean) if clean.len() < text.len() => clean.to_owned(),
        Cow::Borrowed(_) => text,
    }))
}

/// A text within its bound; `None` where it is empty.
fn bounded(field: &'static str, text: &str, most: usize) -> Result<Option<String>, Fault> {
    if text.len() > most {
        let why = format!("has {} bytes: use at most {most}", text.len());
        return Err(Fault { kind: FaultKind::TooLong, field, why });
    }
    Ok((!text.is_empty()).then(|| text.to_owned()))
}

fn id<T: std::str::FromStr<Err = IdError>>(field: &'static str, text: &str) -> Result<T, Fault> {
    text.parse().map_err(|error: IdError| {
        let why = format!("{:?} {}: use 1 to 64 visible ASCII characters", shown(text), error.why);
        Fault { kind: FaultKind::BadId, field, why }
    })
}

fn id_if_any<T: std::str::FromStr<Err = IdError>>(
    field: &'static str,
    text: &str,
) -> Result<Option<T>, Fault> {
    if text.is_empty() { Ok(None) } else { id(field, text).map(Some) }
}

/// A text as an error shows it.
fn shown(text: &str) -> String {
    text.chars().take(40).collect()
}
