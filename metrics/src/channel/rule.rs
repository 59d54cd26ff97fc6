//! The rule itself.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::lists::{CLICK_IDS, Click, DIRECTORIES, ENGINES, MAIL, MEDIA, Medium, NETWORKS, Site};
use super::market::{BadSites, MarketSite, MarketSites};
use super::tags::{FoundTags, either};
use super::url::{Address, parameter, parameters, query_of};
use super::{Channel, LAST_VERSION, Landing, Origin};

/// The rule of a version with a market's additions: made once, asked for every landing.
#[derive(Clone, Debug)]
pub struct ChannelRule {
    version: u32,
    /// By host as the lists write it.
    places: BTreeMap<String, Place>,
    /// Names of sites in lower case, and their hosts' first labels: what people write as source.
    sources: BTreeMap<String, Place>,
    media: BTreeMap<&'static str, Medium>,
    partners: Vec<String>,
    partner_parameters: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Place {
    kind: Kind,
    name: Cow<'static, str>,
    terms: Vec<Cow<'static, str>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Own,
    Engine,
    Network,
    Mail,
    Directory,
}

/// Labels that may stand before a host and change nothing.
const PREFIXES: &[&str] = &["www", "m", "wap", "mobile", "amp", "3g"];

/// Second labels below which countries sell names: `google.com.br`, `yahoo.co.jp`.
const SECOND_LEVEL: &[&str] = &["com", "co", "net", "org", "ne", "or", "edu", "gov"];

pub(super) fn is_click_id(name: &str) -> bool {
    click_of(name).is_some()
}

fn click_of(name: &str) -> Option<Click> {
    CLICK_IDS.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, click)| *click)
}

impl ChannelRule {
    /// The newest version with a market's additions.
    ///
    /// # Errors
    /// [`BadSites::Host`] when a host of the additions cannot be one.
    pub fn new(market: &MarketSites) -> Result<Self, BadSites> {
        Self::of_version(LAST_VERSION, market)
    }

    /// A version with a market's additions: figures of old reports can be made again under the rule of then.
    ///
    /// # Errors
    /// [`BadSites`] when there is no such version, or a host of the additions cannot be one.
    pub fn of_version(version: u32, market: &MarketSites) -> Result<Self, BadSites> {
        if version == 0 || version > LAST_VERSION {
            return Err(BadSites::Version { version });
        }
        let media =
            MEDIA.iter().flat_map(|(medium, words)| words.iter().map(|word| (*word, *medium))).collect();
        let partners = market.partners.iter().map(|partner| partner.to_lowercase()).collect();
        let partner_parameters = market.partner_parameters.clone();
        let (places, sources) = (BTreeMap::new(), BTreeMap::new());
        let mut rule = Self { version, places, sources, media, partners, partner_parameters };
        let known = [
            (Kind::Engine, ENGINES),
            (Kind::Network, NETWORKS),
            (Kind::Mail, MAIL),
            (Kind::Directory, DIRECTORIES),
        ];
        for (kind, sites) in known {
            sites.iter().for_each(|site| rule.know(kind, site));
        }
        let added = [
            ("search_engines", Kind::Engine, &market.search_engines),
            ("social_networks", Kind::Network, &market.social_networks),
            ("mail", Kind::Mail, &market.mail),
            ("directories", Kind::Directory, &market.directories),
        ];
        for (field, kind, sites) in added {
            for site in sites {
                rule.add(field, kind, site)?;
            }
        }
        let own = MarketSite { name: "own".into(), hosts: market.own_hosts.clone(), terms: Vec::new() };
        rule.add("own_hosts", Kind::Own, &own)?;
        Ok(rule)
    }

    /// Its version.
    #[must_use]
    pub fn version(&self) -> u32 {
        self.version
    }

    fn know(&mut self, kind: Kind, site: &Site) {
        let terms = site.terms.iter().map(|term| Cow::Borrowed(*term)).collect();
        let place = Place { kind, name: Cow::Borrowed(site.name), terms };
        for host in site.hosts {
            self.put(host, place.clone());
        }
    }

    fn add(&mut self, field: &'static str, kind: Kind, site: &MarketSite) -> Result<(), BadSites> {
        let terms = site.terms.iter().map(|term| Cow::Owned(term.clone())).collect();
        let place = Place { kind, name: Cow::Owned(site.name.clone()), terms };
        for host in &site.hosts {
            // as browsers send it: no port, and names of other scripts as `xn--...`
            let bare = host.strip_prefix("*.").or(host.strip_suffix(".*")).unwrap_or(host);
            let label = |label: &str| {
                !label.is_empty()
                    && label.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
            };
            let sound = bare.split('.').all(label);
            if !sound {
                return Err(BadSites::Host { field, host: host.chars().take(80).collect() });
            }
            self.put(&host.to_lowercase(), place.clone());
        }
        Ok(())
    }

    fn put(&mut self, host: &str, place: Place) {
        if place.kind != Kind::Own {
            self.sources.insert(place.name.to_lowercase(), place.clone());
            let bare = host.trim_start_matches("*.");
            let (first, rest) = bare.split_once('.').unwrap_or((bare, ""));
            // `baidu` for baidu.com, but neither `search` for search.aol.* nor `com` for an app's package
            if !rest.contains('.') && !matches!(first, "com" | "net" | "org") {
                self.sources.entry(first.to_owned()).or_insert_with(|| place.clone());
            }
        }
        self.places.insert(unprefixed(host).to_owned(), place);
    }

    /// What is known of a host: itself, then any country's, then everything below a name, the longest first.
    fn place(&self, host: &str) -> Option<&Place> {
        let host = unprefixed(host);
        if let Some(place) = self.places.get(host) {
            return Some(place);
        }
        let dots: Vec<usize> = host.match_indices('.').map(|(at, _)| at).collect();
        for at in &dots {
            if is_country(&host[at + 1..])
                && let Some(place) = self.places.get(&format!("{}.*", &host[..*at]))
            {
                return Some(place);
            }
        }
        std::iter::once(host)
            .chain(dots.iter().map(|at| &host[at + 1..]))
            .find_map(|below| self.places.get(&format!("*.{below}")))
    }

    /// What is known of a tag's source: a site's name, its first label, or its host.
    fn source(&self, source: &str) -> Option<&Place> {
        let source = source.to_lowercase();
        self.sources.get(&source).or_else(|| self.place(&source)).filter(|place| place.kind != Kind::Own)
    }

    /// How the visitor came; none when it was there already.
    #[must_use]
    pub fn classify<'a>(&'a self, landing: &Landing<'a>) -> Option<Origin<'a>> {
        let query = query_of(landing.page);
        let found = if query.is_empty() { FoundTags::default() } else { FoundTags::of(landing.page) };
        let tags = &landing.tags;
        let nowhere = |source: &str| matches!(source, "(direct)" | "direct" | "(not set)");
        let source = either(tags.source, found.source).filter(|s| !nowhere(&s.to_lowercase()));
        let medium = either(tags.medium, found.medium).map(|medium| medium.to_lowercase());
        let campaign = either(tags.campaign, found.campaign);
        let term = either(tags.term, found.term).map(Cow::into_owned);
        let click = either(tags.click_id, found.click_id);
        let referrer = landing.referrer.and_then(Address::of);
        let from = referrer.as_ref().and_then(|address| self.place(&address.host));
        let within =
            |address: &Address<'_>| Address::of(landing.page).is_some_and(|page| page.host == address.host);
        let own = from.is_some_and(|place| place.kind == Kind::Own) || referrer.as_ref().is_some_and(within);
        let by_source = source.as_deref().and_then(|source| self.source(source));
        let outside = referrer.as_ref().filter(|_| !own);
        // what was searched for belongs to a landing that the search page sent, not to a letter read beside it
        let searched = from.filter(|place| source.is_none() || by_source == Some(place));
        let tagged = source.is_some() || medium.is_some() || campaign.is_some() || click.is_some();
        // a source such as `sms` is a medium that somebody wrote into the wrong tag
        let misplaced = source.as_ref().filter(|_| by_source.is_none()).map(|source| source.to_lowercase());
        let misplaced = misplaced.and_then(|word| self.media.get(&*word).copied());
        let asked = Asked {
            campaign,
            tagged,
            seen: from.filter(|_| !own),
            // where the visitor was sent from: what the link says, else the page it stood on
            place: by_source.or(from.filter(|_| source.is_none() && !own)),
            host: source.or_else(|| outside.map(|address| address.host.clone())),
            term: term
                .or_else(|| searched.zip(outside).and_then(|(place, address)| place.term(address.query))),
        };
        for medium in [medium.and_then(|medium| self.medium(&medium)), misplaced].into_iter().flatten() {
            if let Some(origin) = by_medium(medium, &asked, click.is_some()) {
                return Some(origin);
            }
        }
        if let Some(partner) = self.partner(&asked, query) {
            return Some(asked.origin_at(Channel::Affiliate, true, Some(partner)));
        }
        if let Some(click) = click {
            return Some(asked.by_click(&click));
        }
        if asked.host.is_some() {
            return Some(asked.by_place());
        }
        if own && asked.campaign.is_none() {
            return None;
        }
        // a campaign's name alone: something sent it, but nothing says what
        let channel = if asked.campaign.is_some() { Channel::External } else { Channel::Direct };
        Some(asked.origin_at(channel, false, None))
    }

    /// What a medium means. A word that no list has says nothing, unless it speaks of clicks that are paid for.
    fn medium(&self, word: &str) -> Option<Medium> {
        let paid = || (word.contains("cpc") || word.starts_with("paid")).then_some(Medium::Paid);
        self.media.get(word).copied().or_else(paid)
    }

    fn partner<'a>(&self, asked: &Asked<'a>, query: &str) -> Option<Cow<'a, str>> {
        let listed = |value: &str| self.partners.iter().any(|partner| *partner == value.to_lowercase());
        if let Some(source) = asked.host.as_ref().filter(|source| listed(source)) {
            return Some(source.clone());
        }
        let names = self.partner_parameters.iter();
        let named = names.filter(|name| parameters(query).any(|(found, _)| found == name.as_str()));
        let mut values = named.filter_map(|name| parameter(query, name));
        values.find(|value| self.partners.is_empty() || listed(value)).map(Cow::Owned)
    }
}

fn by_medium<'a>(medium: Medium, asked: &Asked<'a>, clicked: bool) -> Option<Origin<'a>> {
    let is = |kind| move |place: &Place| place.kind == kind;
    // an ad's source may be whoever placed it: then the page that it stood on tells what it was
    let sold = asked.place.or(asked.seen);
    let (channel, paid) = match medium {
        Medium::None => return None,
        Medium::Paid if sold.is_some_and(is(Kind::Network)) => (Channel::Social, true),
        Medium::Paid if sold.is_some_and(is(Kind::Engine)) => (Channel::PaidSearch, true),
        // whose ad it was, the click id knows better than a source that no list has
        Medium::Paid if clicked => return None,
        Medium::Paid | Medium::Display => (Channel::External, true),
        Medium::PaidSearch => (Channel::PaidSearch, true),
        Medium::PaidSocial => (Channel::Social, true),
        Medium::Organic if asked.place.is_some_and(is(Kind::Network)) => (Channel::Social, false),
        Medium::Organic => (Channel::OrganicSearch, false),
        Medium::Referral if asked.place.is_some() => return Some(asked.by_place()),
        Medium::Referral => (Channel::External, false),
        Medium::Affiliate => (Channel::Affiliate, true),
        Medium::Social => (Channel::Social, false),
        Medium::Email => (Channel::Email, false),
        Medium::Sms => (Channel::Sms, false),
        Medium::Offline => (Channel::Offline, false),
        Medium::Directory => (Channel::Directory, false),
    };
    Some(asked.origin(channel, paid))
}

/// What tags and referrer name together.
struct Asked<'a> {
    /// The site of the page that the visitor came from.
    seen: Option<&'a Place>,
    place: Option<&'a Place>,
    host: Option<Cow<'a, str>>,
    term: Option<String>,
    campaign: Option<Cow<'a, str>>,
    tagged: bool,
}

impl<'a> Asked<'a> {
    fn origin(&self, channel: Channel, paid: bool) -> Origin<'a> {
        let name = self.place.map(|place| Cow::Borrowed(&*place.name));
        self.origin_at(channel, paid, name.or_else(|| self.host.clone()))
    }

    fn origin_at(&self, channel: Channel, paid: bool, site: Option<Cow<'a, str>>) -> Origin<'a> {
        let (term, campaign) = (self.term.clone(), self.campaign.clone());
        Origin { channel, paid, site, term, campaign, tagged: self.tagged }
    }

    fn by_place(&self) -> Origin<'a> {
        let channel = match self.place.map(|place| place.kind) {
            Some(Kind::Engine) => Channel::OrganicSearch,
            Some(Kind::Network) => Channel::Social,
            Some(Kind::Mail) => Channel::Email,
            Some(Kind::Directory) => Channel::Directory,
            Some(Kind::Own) | None => Channel::External,
        };
        self.origin(channel, false)
    }

    fn by_click(&self, click: &str) -> Origin<'a> {
        let named = click.split_once([':', '=']).and_then(|(name, _)| click_of(name));
        let (channel, paid, name) = match named {
            Some(Click::Search(name)) => (Channel::PaidSearch, true, name),
            Some(Click::Social(name)) => (Channel::Social, true, name),
            Some(Click::Shared(name)) => (Channel::Social, false, name),
            Some(Click::Display(name)) => (Channel::External, true, name),
            Some(Click::Affiliate(name)) => (Channel::Affiliate, true, name),
            Some(Click::Email(name)) => (Channel::Email, false, name),
            // an ad's mark without its name: whose ad it is, the place tells
            None => {
                let social = self.place.is_some_and(|place| place.kind == Kind::Network);
                return self.origin(if social { Channel::Social } else { Channel::PaidSearch }, true);
            }
        };
        self.origin_at(channel, paid, Some(Cow::Borrowed(name)))
    }
}

impl Place {
    /// What was searched for, by the parameters of a page of this engine.
    fn term(&self, query: &str) -> Option<String> {
        self.terms.iter().find_map(|name| parameter(query, name))
    }
}

/// A host without the label that says only which device or service it is for.
fn unprefixed(host: &str) -> &str {
    match host.split_once('.') {
        Some((first, rest)) if PREFIXES.contains(&first) && rest.contains('.') => rest,
        _ => host,
    }
}

/// Whether a name's end is a country's, or a common one of all countries: `com`, `cn`, `com.br`, `co.jp`.
fn is_country(end: &str) -> bool {
    let country = |label: &str| label.len() == 2 && label.bytes().all(|b| b.is_ascii_alphabetic());
    match end.split_once('.') {
        None => country(end) || matches!(end, "com" | "net" | "org" | "cat"),
        Some((second, last)) => SECOND_LEVEL.contains(&second) && country(last),
    }
}
