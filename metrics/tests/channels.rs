//! The channel rule as a table: what a landing shows, and how the visitor came.

#![allow(clippy::unwrap_used)]

use std::borrow::Cow;

use daybook_metrics::channel::{BadSites, MarketSite};
use daybook_metrics::{Channel, ChannelRule, Landing, MarketSites, Origin, Tags};
use proptest::prelude::*;

fn market() -> MarketSites {
    let site = |name: &str, host: &str, term: &[&str]| MarketSite {
        name: name.into(),
        hosts: vec![host.into()],
        terms: term.iter().map(|t| (*t).to_owned()).collect(),
    };
    MarketSites {
        own_hosts: vec!["shop.example".into(), "*.shop.example".into()],
        search_engines: vec![site("Find", "find.example", &["was"])],
        social_networks: vec![site("Clube", "*.clube.example", &[])],
        directories: vec![site("Links", "links.example", &[])],
        partners: vec!["fanli".into(), "partner-7".into()],
        partner_parameters: vec!["aff_id".into()],
        ..MarketSites::default()
    }
}

fn rule() -> ChannelRule {
    ChannelRule::new(&market()).unwrap()
}

/// `channel`, with `!` where it was paid, then the site and the term.
fn said(origin: Option<Origin<'_>>) -> String {
    let Some(Origin { channel, paid, site, term, .. }) = origin else { return "already there".into() };
    let paid = if paid { "!" } else { "" };
    let site = site.map(|site| format!(" {site}")).unwrap_or_default();
    let term = term.map(|term| format!(" [{term}]")).unwrap_or_default();
    format!("{channel}{paid}{site}{term}")
}

#[test]
fn an_untagged_landing_is_told_by_its_referrer() {
    let rule = rule();
    for (referrer, channel) in [
        ("", "direct"),
        ("no address", "direct"),
        ("about:blank", "direct"),
        // a host is no medium, whatever it is called
        ("http://cpc.people.com.cn/", "external cpc.people.com.cn"),
        ("https://paidcontent.org/", "external paidcontent.org"),
        // Chinese search engines; an old one sends GBK
        ("https://www.baidu.com/s?wd=%E8%BF%9E%E8%A1%A3%E8%A3%99", "organic_search Baidu [连衣裙]"),
        ("http://m.baidu.com/s?ie=gbk&word=%C1%AC%D2%C2%C8%B9", "organic_search Baidu [连衣裙]"),
        ("https://www.baidu.com/link?url=xyz", "organic_search Baidu"),
        ("https://www.sogou.com/web?query=a+b", "organic_search Sogou [a b]"),
        ("https://www.so.com/s?q=tv", "organic_search 360 [tv]"),
        ("https://so.m.sm.cn/s?q=tv", "organic_search Shenma [tv]"),
        ("https://quark.sm.cn/s?q=tv", "organic_search Quark [tv]"),
        ("https://so.toutiao.com/search?keyword=tv", "organic_search Toutiao [tv]"),
        ("https://cn.bing.com/search?q=tv", "organic_search Bing [tv]"),
        // Brazilian and others
        ("https://www.google.com.br/", "organic_search Google"),
        ("https://google.co.jp/search?q=tv", "organic_search Google [tv]"),
        ("https://br.search.yahoo.com/search?p=tv", "organic_search Yahoo [tv]"),
        ("https://busca.uol.com.br/result.html?q=tv", "organic_search UOL Busca [tv]"),
        ("https://yandex.kz/search/?text=tv", "organic_search Yandex [tv]"),
        ("https://duckduckgo.com/", "organic_search DuckDuckGo"),
        ("https://m.search.naver.com/search.naver?query=tv", "organic_search Naver [tv]"),
        (
            "android-app://com.google.android.googlequicksearchbox/https/www.google.com",
            "organic_search Google",
        ),
        ("https://find.example/?was=tv", "organic_search Find [tv]"),
        // what lies below an engine's name and is no search
        ("https://docs.google.com/document/d/1", "external docs.google.com"),
        ("https://zhidao.baidu.com/question/1", "external zhidao.baidu.com"),
        ("https://google.blogspot.com/", "external google.blogspot.com"),
        ("https://notgoogle.com/", "external notgoogle.com"),
        ("https://www.google.com.evil.example/search?q=tv", "external www.google.com.evil.example"),
        // social networks
        ("https://weibo.com/u/1", "social Weibo"),
        ("https://mp.weixin.qq.com/s/abc", "social WeChat"),
        ("https://servicewechat.com/wx1/1/page-frame.html", "social WeChat"),
        ("https://www.xiaohongshu.com/explore/1", "social Xiaohongshu"),
        ("https://v.douyin.com/x/", "social Douyin"),
        ("https://www.kwai.com/@a", "social Kwai"),
        ("https://tieba.baidu.com/p/1", "social Baidu Tieba"),
        ("https://l.facebook.com/l.php?u=x", "social Facebook"),
        ("https://web.whatsapp.com/", "social WhatsApp"),
        ("https://t.co/x", "social X"),
        ("https://br.pinterest.com/pin/1", "social Pinterest"),
        ("https://x.clube.example/", "social Clube"),
        ("android-app://com.instagram.android/", "social Instagram"),
        // letters and directories that carry no tags
        ("https://mail.qq.com/cgi-bin/readmail", "email QQ Mail"),
        ("https://mail.google.com/mail/u/0/", "email Gmail"),
        ("https://www.hao123.com/", "directory hao123"),
        ("https://links.example/", "directory Links"),
        // any other site, and the market's own
        ("https://blog.example/post", "external blog.example"),
        ("https://shop.example/p/1", "already there"),
        ("https://WWW.shop.example:443/p/1", "already there"),
        ("https://pay.shop.example/", "already there"),
    ] {
        let landing = Landing { page: "/p/1", referrer: Some(referrer), tags: Tags::default() };
        assert_eq!(said(rule.classify(&landing)), channel, "{referrer}");
    }
}

#[test]
fn tags_beat_the_referrer_and_a_medium_beats_a_click_id() {
    let rule = rule();
    let none = "";
    let baidu = "https://www.baidu.com/s?wd=tv";
    let own = "https://shop.example/";
    for (page, referrer, channel) in [
        ("/?utm_source=baidu&utm_medium=cpc&utm_term=dress", none, "paid_search! Baidu [dress]"),
        ("/?utm_medium=ppc", baidu, "paid_search! Baidu [tv]"),
        ("/?utm_medium=sem", none, "paid_search!"),
        ("/?utm_source=weibo&utm_medium=cpc", none, "social! Weibo"),
        ("/?utm_source=forum.example&utm_medium=cpc", none, "external! forum.example"),
        ("/?utm_source=forum.example&utm_medium=display", none, "external! forum.example"),
        ("/?utm_source=www.baidu.com&utm_medium=organic", none, "organic_search Baidu"),
        ("/?utm_source=baidu", none, "organic_search Baidu"),
        ("/?utm_source=xiaohongshu", none, "social Xiaohongshu"),
        ("/?utm_source=list-7&utm_medium=edm", baidu, "email list-7"),
        ("/?utm_medium=SMS", none, "sms"),
        ("/?utm_source=sms", none, "sms sms"),
        ("/?utm_source=store-3&utm_medium=qr", none, "offline store-3"),
        ("/?utm_source=hao123&utm_medium=navigation", none, "directory hao123"),
        ("/?utm_source=someone&utm_medium=cps", none, "affiliate! someone"),
        ("/?utm_source=Fanli", none, "affiliate! Fanli"),
        ("/?aff_id=partner-7", none, "affiliate! partner-7"),
        ("/?aff_id=stranger", none, "direct"),
        ("/?awc=123_4", none, "affiliate! Awin"),
        // click ids
        ("/?bd_vid=8123", none, "paid_search! Baidu"),
        ("/?bd_vid=8123", baidu, "paid_search! Baidu [tv]"),
        ("/?gclid=Cj0", "https://www.google.com/", "paid_search! Google"),
        ("/?msclkid=1", none, "paid_search! Bing"),
        ("/?ttclid=1", none, "social! TikTok"),
        ("/?fbclid=IwAR", "https://m.facebook.com/", "social Facebook"),
        ("/?utm_source=news&utm_medium=email&gclid=1", none, "email news"),
        ("/?utm_source=vendor&utm_medium=cpc&gclid=1", none, "paid_search! Google"),
        ("/?utm_source=vendor&utm_medium=cpc", "https://www.baidu.com/link?url=x", "paid_search! vendor"),
        ("/?utm_source=vendor&utm_medium=cpc", "https://weibo.com/", "social! vendor"),
        ("/?utm_source=vendor&utm_medium=cpc", none, "external! vendor"),
        // a medium in the wrong tag; a word that is part of many hosts' names
        ("/?utm_source=SMS", none, "sms SMS"),
        ("/?utm_source=search", none, "organic_search search"),
        ("/?utm_source=com", none, "external com"),
        // what says nothing
        ("/?utm_source=(Direct)", none, "direct"),
        ("/?utm_source=(direct)&utm_medium=(none)", none, "direct"),
        ("/?utm_campaign=spring", none, "external"),
        ("/?utm_medium=whatever", baidu, "organic_search Baidu [tv]"),
        ("/?utm_medium=referral", "https://blog.example/", "external blog.example"),
        ("/?utm_medium=referral", "https://weibo.com/1", "social Weibo"),
        // a tagged link on the market's own pages is an arrival; an untagged one is not
        ("/?utm_source=baidu&utm_medium=cpc", own, "paid_search! Baidu"),
        ("/?utm_campaign=banner", own, "external"),
        ("/p/2?page=3", own, "already there"),
    ] {
        let landing = Landing { page, referrer: Some(referrer), tags: Tags::default() };
        assert_eq!(said(rule.classify(&landing)), channel, "{page} from {referrer:?}");
    }
}

#[test]
fn a_page_within_its_own_site_is_no_arrival_whatever_the_settings_say() {
    let rule = ChannelRule::new(&MarketSites::default()).unwrap();
    let of =
        |page, referrer| rule.classify(&Landing { page, referrer: Some(referrer), tags: Tags::default() });
    assert_eq!(of("https://my.shop/p/2", "https://MY.shop/p/1"), None);
    assert_eq!(said(of("https://my.shop/p/2", "https://other.shop/")), "external other.shop");
}

#[test]
fn a_landing_says_its_campaign_and_whether_it_was_tagged() {
    let rule = rule();
    let of = |page, referrer: &'static str| {
        let origin =
            rule.classify(&Landing { page, referrer: Some(referrer), tags: Tags::default() }).unwrap();
        (origin.campaign.map(Cow::into_owned), origin.tagged)
    };
    assert_eq!(of("/?utm_source=baidu&utm_campaign=spring", ""), (Some("spring".into()), true));
    assert_eq!(of("/?gclid=1", ""), (None, true));
    assert_eq!(of("/", "https://www.baidu.com/"), (None, false));
    assert_eq!(of("/", ""), (None, false));
}

#[test]
fn recorded_tags_come_before_those_of_the_page_and_an_empty_one_is_absent() {
    let rule = rule();
    let page = "/?utm_source=baidu&utm_medium=cpc";
    let tags = Tags { source: Some("weibo"), medium: Some("  "), ..Tags::default() };
    assert_eq!(said(rule.classify(&Landing { page, referrer: None, tags })), "social! Weibo");
    for (click, channel) in [
        ("bd_vid:99", "paid_search! Baidu"),
        ("gclid=1", "paid_search! Google"),
        ("99887766", "paid_search!"),
        ("unheard-of:1", "paid_search!"),
    ] {
        let tags = Tags { click_id: Some(click), ..Tags::default() };
        assert_eq!(said(rule.classify(&Landing { page: "/", referrer: None, tags })), channel, "{click}");
    }
    let tags = Tags { click_id: Some("99"), ..Tags::default() };
    let from = Some("https://weibo.com/");
    assert_eq!(said(rule.classify(&Landing { page: "/", referrer: from, tags })), "social! Weibo");
}

#[test]
fn a_markets_additions_are_checked_and_versions_are_known() {
    for host in [
        "https://shop.example",
        "shop.example/x",
        "",
        "a..b",
        "*.",
        "sh op",
        "localhost:3000",
        "*.shop.*",
        "例子.中国",
    ] {
        let sites = MarketSites { own_hosts: vec![host.into()], ..MarketSites::default() };
        let refused = ChannelRule::new(&sites).unwrap_err().to_string();
        assert!(refused.starts_with("own_hosts: ") && refused.contains("write `shop.example`"), "{refused}");
    }
    assert_eq!(rule().version(), 1);
    for version in [0, 2] {
        let refused = ChannelRule::of_version(version, &market()).unwrap_err();
        assert_eq!(refused, BadSites::Version { version });
    }
}

#[test]
fn a_market_may_know_a_site_otherwise_than_the_lists() {
    let hosts = vec!["*.zhihu.com".into()];
    let sites = MarketSites {
        search_engines: vec![MarketSite { name: "Zhihu".into(), hosts, terms: vec!["q".into()] }],
        ..MarketSites::default()
    };
    let rule = ChannelRule::new(&sites).unwrap();
    let landing =
        Landing { page: "/", referrer: Some("https://www.zhihu.com/search?q=tv"), tags: Tags::default() };
    assert_eq!(said(rule.classify(&landing)), "organic_search Zhihu [tv]");
}

#[test]
fn a_channels_word_is_read_back_and_a_strange_one_is_refused_with_the_list() {
    for channel in Channel::ALL {
        assert_eq!(channel.to_string().parse(), Ok(channel));
    }
    assert!("seo".parse::<Channel>().unwrap_err().contains("organic_search"));
}

proptest! {
    #[test]
    fn every_landing_has_one_answer_and_the_same_each_time(
        page in ".{0,60}", referrer in ".{0,60}", source in ".{0,12}", medium in ".{0,12}",
    ) {
        let rule = rule();
        let tags = Tags { source: Some(&source), medium: Some(&medium), ..Tags::default() };
        let landing = Landing { page: &page, referrer: Some(&referrer), tags };
        let origin = rule.classify(&landing);
        prop_assert_eq!(&origin, &rule.classify(&landing));
        if let Some(Origin { channel: Channel::Direct, paid, site, .. }) = origin {
            prop_assert!(!paid && site.is_none(), "direct names nobody: {:?}", site.map(Cow::into_owned));
        }
    }
}
