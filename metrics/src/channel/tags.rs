//! The tags of a link: what somebody wrote into it to know the visitors that it brings.

use std::borrow::Cow;

use super::url::{decode, parameters, query_of};

/// Tags as they were recorded; an absent one is `None` or empty.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tags<'a> {
    /// `utm_source`: which site or list.
    pub source: Option<&'a str>,
    /// `utm_medium`: which kind of link.
    pub medium: Option<&'a str>,
    /// `utm_campaign`.
    pub campaign: Option<&'a str>,
    /// `utm_term`: the keyword bought.
    pub term: Option<&'a str>,
    /// `utm_content`: which of several links.
    pub content: Option<&'a str>,
    /// A network's mark of the click, `name:value`, or the value alone.
    pub click_id: Option<&'a str>,
}

/// Tags that were found in an address.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FoundTags {
    /// Which site or list.
    pub source: Option<String>,
    /// Which kind of link.
    pub medium: Option<String>,
    /// The campaign.
    pub campaign: Option<String>,
    /// The keyword bought.
    pub term: Option<String>,
    /// Which of several links.
    pub content: Option<String>,
    /// The first click id that is known, as `name:value`.
    pub click_id: Option<String>,
}

/// The parameters that hold each tag: those of Urchin, which all tools write, of Matomo
/// (<https://matomo.org/faq/tracking-campaigns/>), and of Baidu's analytics (百度统计, `hmsr` and its like).
const NAMES: [(&str, usize); 18] = [
    ("utm_source", 0),
    ("utm_medium", 1),
    ("utm_campaign", 2),
    ("utm_term", 3),
    ("utm_content", 4),
    ("mtm_source", 0),
    ("mtm_medium", 1),
    ("mtm_campaign", 2),
    ("mtm_kwd", 3),
    ("mtm_keyword", 3),
    ("mtm_content", 4),
    ("pk_source", 0),
    ("pk_campaign", 2),
    ("pk_kwd", 3),
    ("hmsr", 0),
    ("hmpl", 2),
    ("hmkw", 3),
    ("hmci", 4),
];

impl FoundTags {
    /// Reads the parameters of a path or address. Names are read whatever their case, as some shops lower them.
    #[must_use]
    pub fn of(page: &str) -> Self {
        let mut found: [Option<String>; 5] = Default::default();
        let mut click_id = None;
        for (name, raw) in parameters(query_of(page)).filter(|(_, raw)| !raw.is_empty()) {
            let tag = NAMES.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
            if let Some((_, tag)) = tag {
                // the first one counts, as in a browser's own reading of a query
                if found[*tag].is_none() {
                    found[*tag] = Some(decode(raw)).filter(|value| !value.is_empty());
                }
            } else if click_id.is_none() && super::rule::is_click_id(name) {
                click_id = Some(format!("{}:{}", name.to_ascii_lowercase(), decode(raw)));
            }
        }
        let [source, medium, campaign, term, content] = found;
        Self { source, medium, campaign, term, content, click_id }
    }
}

/// A page without what its link says of how the visitor came: tags, click ids and the fragment. A landing and its
/// reload are one page, whatever stood in the link.
#[must_use]
pub fn page_itself(page: &str) -> Cow<'_, str> {
    let page = page.split('#').next().unwrap_or_default();
    let Some((path, query)) = page.split_once('?') else { return Cow::Borrowed(page) };
    let of_link = |parameter: &str| {
        let name = parameter.split('=').next().unwrap_or_default();
        NAMES.iter().any(|(known, _)| known.eq_ignore_ascii_case(name)) || super::rule::is_click_id(name)
    };
    if !query.split('&').any(of_link) {
        return Cow::Borrowed(page);
    }
    let kept: Vec<&str> = query.split('&').filter(|parameter| !of_link(parameter)).collect();
    Cow::Owned(if kept.is_empty() { path.to_owned() } else { format!("{path}?{}", kept.join("&")) })
}

/// `given` unless it is absent or empty, else what was found.
pub(super) fn either<'a>(given: Option<&'a str>, found: Option<String>) -> Option<Cow<'a, str>> {
    given.map(str::trim).filter(|tag| !tag.is_empty()).map(Cow::Borrowed).or(found.map(Cow::Owned))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_the_same_however_its_link_was_tagged() {
        for (page, itself) in [
            ("/p/2?utm_source=x&gclid=1", "/p/2"),
            ("/p/2?utm_source=x&color=red&GCLID=1&size=m#top", "/p/2?color=red&size=m"),
            ("/p/2?color=red", "/p/2?color=red"),
            ("/p/2#top", "/p/2"),
            ("/p/2", "/p/2"),
        ] {
            assert_eq!(page_itself(page), itself, "{page}");
        }
    }

    #[test]
    fn tags_are_found_in_a_landing_page_whoever_wrote_them() {
        let found = FoundTags::of(
            "/p/1?UTM_Source=baidu&utm_medium=cpc&utm_term=%E7%BA%A2+%E8%A3%99&bd_vid=7&gclid=8#x",
        );
        assert_eq!(found.source.as_deref(), Some("baidu"));
        assert_eq!(found.term.as_deref(), Some("红 裙"));
        assert_eq!(found.click_id.as_deref(), Some("bd_vid:7"));
        let found = FoundTags::of("https://shop.example/?hmsr=toutiao&hmpl=spring&hmkw=a&hmsr=second");
        assert_eq!((found.source.as_deref(), found.campaign.as_deref()), (Some("toutiao"), Some("spring")));
        assert_eq!(FoundTags::of("/p/1?source=x&utm_source="), FoundTags::default());
    }
}
