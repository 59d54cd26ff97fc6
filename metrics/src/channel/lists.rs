//! The sites that the rule knows, as of version 1: search engines with the parameter that holds the search term,
//! social networks, mail in the browser, directories of links, and the parameters that advertisers' networks add.
//!
//! Sources: search engines and social networks after the lists that Matomo maintains in the public domain
//! (<https://github.com/matomo-org/searchengine-and-social-list>: `SearchEngines.yml`, `Socials.yml`), of which what
//! has been shut down was left out and what Chinese and Brazilian shops meet today was added (Shenma, Quark, Toutiao,
//! Petal; Xiaohongshu, Douyin, Kuaishou, Zhihu, Bilibili; Kwai, WhatsApp). Words for media after GA4's default channel
//! groups (<https://support.google.com/analytics/answer/9756891>). Ad click ids: Google
//! (<https://support.google.com/google-ads/answer/9744275>), Microsoft, Meta, TikTok, X, LinkedIn, Snap, Pinterest,
//! Reddit and Yandex by the help pages of their ads; Baidu `bd_vid` and 360 `qhclickid` by those of OCPC.
//!
//! How a host is written: `baidu.com` is that host, with or without `www.`, `m.` and the like before it;
//! `google.*` any country's; `*.facebook.com` the host and everything below it. Docs or mail below a search engine's
//! name are not a search, so engines are named by the hosts that search.
//!
//! A changed list is a new version of the rule: what was reported under the old one can be asked for again.

/// A known site.
pub(super) struct Site {
    /// Its name in reports.
    pub name: &'static str,
    /// Its hosts.
    pub hosts: &'static [&'static str],
    /// The parameters that may hold what was searched for.
    pub terms: &'static [&'static str],
}

const fn site(name: &'static str, hosts: &'static [&'static str], terms: &'static [&'static str]) -> Site {
    Site { name, hosts, terms }
}

/// Search engines: Chinese, Brazilian, international, of other countries.
pub(super) const ENGINES: &[Site] = &[
    site("Baidu", &["baidu.com", "www1.baidu.com", "image.baidu.com"], &["wd", "word", "kw"]),
    site("Sogou", &["sogou.com", "*.m.sogou.com", "pic.sogou.com"], &["query", "keyword"]),
    site("360", &["so.com", "so.360.cn", "haosou.com", "image.so.com"], &["q"]),
    site("Shenma", &["sm.cn", "*.m.sm.cn", "*.sp.sm.cn"], &["q"]),
    site("Quark", &["quark.sm.cn", "quark.cn", "ai.quark.cn"], &["q"]),
    site("Toutiao", &["so.toutiao.com"], &["keyword"]),
    site("Petal", &["petalsearch.com"], &["query"]),
    site("ChinaSo", &["chinaso.com"], &["q"]),
    site("Youdao", &["youdao.com"], &["q"]),
    site(
        "Google",
        &[
            "google.*",
            "images.google.*",
            "encrypted.google.com",
            "cse.google.*",
            "com.google.android.googlequicksearchbox",
        ],
        &["q"],
    ),
    site("Google Shopping", &["shopping.google.*"], &["q"]),
    site("Bing", &["*.bing.com"], &["q"]),
    site("Yahoo", &["*.search.yahoo.com", "*.search.yahoo.co.jp", "yahoo.com", "yahoo.co.jp"], &["p"]),
    site("Yandex", &["yandex.*", "ya.ru", "images.yandex.*"], &["text"]),
    site("DuckDuckGo", &["*.duckduckgo.com"], &["q"]),
    site("Naver", &["*.search.naver.com"], &["query"]),
    site("Daum", &["search.daum.net"], &["q"]),
    site("Nate", &["search.nate.com"], &["q"]),
    site("Ecosia", &["ecosia.org"], &["q"]),
    site("Qwant", &["qwant.com", "lite.qwant.com"], &["q"]),
    site("Brave", &["search.brave.com"], &["q"]),
    site("Startpage", &["startpage.com"], &["query"]),
    site("Ask", &["ask.com", "search.ask.com", "web.ask.com"], &["q", "searchfor"]),
    site("AOL", &["search.aol.*"], &["q", "query"]),
    site("UOL Busca", &["busca.uol.com.br"], &["q"]),
    site("Terra Busca", &["busca.terra.com.br"], &["query", "q"]),
    site("iG Busca", &["busca.ig.com.br"], &["q"]),
    site("Seznam", &["search.seznam.cz"], &["q"]),
    site("Mail.ru", &["go.mail.ru"], &["q"]),
    site("Rambler", &["nova.rambler.ru"], &["query"]),
    site("Cốc Cốc", &["coccoc.com"], &["query"]),
    site("Sapo", &["pesquisa.sapo.pt"], &["q"]),
    site("goo", &["search.goo.ne.jp"], &["MT"]),
    site("docomo", &["search.smt.docomo.ne.jp"], &["MT"]),
    site("GMX", &["suche.gmx.net", "search.gmx.com"], &["q"]),
    site("Lycos", &["search.lycos.com"], &["query", "q"]),
    site("Dogpile", &["dogpile.com"], &["q"]),
    site("MetaGer", &["metager.de"], &["eingabe"]),
    site("Swisscows", &["swisscows.com"], &["query"]),
    site("Mojeek", &["mojeek.com"], &["q"]),
];

/// Social networks: Chinese, Brazilian, international.
pub(super) const NETWORKS: &[Site] = &[
    site("Weibo", &["*.weibo.com", "*.weibo.cn", "t.cn"], &[]),
    site("WeChat", &["*.weixin.qq.com", "*.wechat.com", "servicewechat.com", "com.tencent.mm"], &[]),
    site("Qzone", &["*.qzone.qq.com", "*.qzone.com"], &[]),
    site("QQ", &["com.tencent.mobileqq"], &[]),
    site("Xiaohongshu", &["*.xiaohongshu.com", "xhslink.com", "com.xingin.xhs"], &[]),
    site("Douyin", &["*.douyin.com", "*.iesdouyin.com", "com.ss.android.ugc.aweme"], &[]),
    site("Kuaishou", &["*.kuaishou.com", "*.chenzhongtech.com", "*.gifshow.com", "com.smile.gifmaker"], &[]),
    site("Kwai", &["*.kwai.com", "com.kwai.video"], &[]),
    site("Zhihu", &["*.zhihu.com", "com.zhihu.android"], &[]),
    site("Bilibili", &["*.bilibili.com", "b23.tv", "tv.danmaku.bili"], &[]),
    site("Douban", &["*.douban.com"], &[]),
    site("Baidu Tieba", &["tieba.baidu.com"], &[]),
    site("Renren", &["*.renren.com"], &[]),
    site("V2EX", &["*.v2ex.com"], &[]),
    site(
        "Facebook",
        &["*.facebook.com", "fb.me", "fb.com", "*.messenger.com", "m.me", "com.facebook.katana"],
        &[],
    ),
    site("Instagram", &["*.instagram.com", "com.instagram.android"], &[]),
    site("Threads", &["*.threads.net", "*.threads.com"], &[]),
    site("WhatsApp", &["*.whatsapp.com", "wa.me", "com.whatsapp"], &[]),
    site("X", &["*.twitter.com", "x.com", "t.co", "com.twitter.android"], &[]),
    site("TikTok", &["*.tiktok.com", "com.zhiliaoapp.musically"], &[]),
    site("YouTube", &["*.youtube.com", "youtu.be", "com.google.android.youtube"], &[]),
    site("LinkedIn", &["*.linkedin.com", "lnkd.in", "com.linkedin.android"], &[]),
    site("Pinterest", &["pinterest.*", "*.pinterest.com", "pin.it", "com.pinterest"], &[]),
    site("Reddit", &["*.reddit.com", "redd.it", "com.reddit.frontpage"], &[]),
    site("Telegram", &["*.telegram.org", "t.me", "org.telegram.messenger"], &[]),
    site("Discord", &["*.discord.com", "discord.gg", "*.discordapp.com"], &[]),
    site("Snapchat", &["*.snapchat.com"], &[]),
    site("Tumblr", &["*.tumblr.com"], &[]),
    site("Quora", &["*.quora.com"], &[]),
    site("Bluesky", &["bsky.app"], &[]),
    site("VK", &["*.vk.com", "vk.ru", "*.vkontakte.ru"], &[]),
    site("Odnoklassniki", &["*.ok.ru", "*.odnoklassniki.ru"], &[]),
    site("LINE", &["*.line.me", "line.naver.jp"], &[]),
    site("KakaoTalk", &["*.kakao.com"], &[]),
    site("mixi", &["*.mixi.jp"], &[]),
    site("LiveJournal", &["*.livejournal.com"], &[]),
    site("XING", &["*.xing.com"], &[]),
    site("Taringa!", &["*.taringa.net"], &[]),
    site("Vimeo", &["*.vimeo.com"], &[]),
    site("Twitch", &["*.twitch.tv"], &[]),
];

/// Mail read in the browser or an app: an untagged letter.
pub(super) const MAIL: &[Site] = &[
    site("QQ Mail", &["*.mail.qq.com", "exmail.qq.com"], &[]),
    site("NetEase Mail", &["*.mail.163.com", "*.mail.126.com", "*.mail.yeah.net"], &[]),
    site("Sina Mail", &["*.mail.sina.com.cn", "*.mail.sina.cn"], &[]),
    site("Gmail", &["mail.google.com", "com.google.android.gm"], &[]),
    site(
        "Outlook",
        &["*.mail.live.com", "outlook.live.com", "outlook.office.com", "outlook.office365.com"],
        &[],
    ),
    site("Yahoo Mail", &["*.mail.yahoo.com", "*.mail.yahoo.co.jp"], &[]),
    site("UOL Mail", &["*.mail.uol.com.br", "email.uol.com.br"], &[]),
    site("Terra Mail", &["mail.terra.com.br"], &[]),
    site("Mail.ru Mail", &["e.mail.ru"], &[]),
    site("Yandex Mail", &["mail.yandex.*"], &[]),
];

/// Directories: pages of links that people begin at.
pub(super) const DIRECTORIES: &[Site] = &[
    site("hao123", &["*.hao123.com"], &[]),
    site("360 Daohang", &["hao.360.cn", "hao.360.com"], &[]),
    site("2345", &["*.2345.com"], &[]),
    site("Sogou Daohang", &["123.sogou.com"], &[]),
    site("QQ Daohang", &["hao.qq.com"], &[]),
    site("114la", &["*.114la.com"], &[]),
    site("Curlie", &["*.curlie.org", "dmoz.org"], &[]),
];

/// What the presence of a parameter in the landing URL says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Click {
    /// A paid click on a search engine of that name.
    Search(&'static str),
    /// A paid click on a social network of that name.
    Social(&'static str),
    /// A click on a social network that marks all its links, paid or not.
    Shared(&'static str),
    /// A paid click on a banner.
    Display(&'static str),
    /// A click through an affiliate network of that name.
    Affiliate(&'static str),
    /// A click in a letter.
    Email(&'static str),
}

/// Parameters by which networks know their clicks again.
pub(super) const CLICK_IDS: &[(&str, Click)] = &[
    ("gclid", Click::Search("Google")),
    ("gbraid", Click::Search("Google")),
    ("wbraid", Click::Search("Google")),
    ("msclkid", Click::Search("Bing")),
    ("bd_vid", Click::Search("Baidu")),
    ("qhclickid", Click::Search("360")),
    ("yclid", Click::Search("Yandex")),
    ("dclid", Click::Display("Google Display")),
    ("obclid", Click::Display("Outbrain")),
    ("tblci", Click::Display("Taboola")),
    ("gdt_vid", Click::Social("Tencent")),
    ("ttclid", Click::Social("TikTok")),
    ("twclid", Click::Social("X")),
    ("li_fat_id", Click::Social("LinkedIn")),
    ("sccid", Click::Social("Snapchat")),
    ("epik", Click::Social("Pinterest")),
    ("rdt_cid", Click::Social("Reddit")),
    ("fbclid", Click::Shared("Facebook")),
    ("igshid", Click::Shared("Instagram")),
    ("igsh", Click::Shared("Instagram")),
    ("awc", Click::Affiliate("Awin")),
    ("cjevent", Click::Affiliate("CJ")),
    ("irclickid", Click::Affiliate("impact.com")),
    ("tduid", Click::Affiliate("Tradedoubler")),
    ("admitad_uid", Click::Affiliate("Admitad")),
    ("sscid", Click::Affiliate("ShareASale")),
    ("ransiteid", Click::Affiliate("Rakuten")),
    ("mc_eid", Click::Email("Mailchimp")),
    ("_hsmi", Click::Email("HubSpot")),
];

/// What a medium says, in lower case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Medium {
    /// Nothing: the tool that tagged it had nothing to say.
    None,
    /// Paid for; the source says where.
    Paid,
    /// Paid for on a search engine.
    PaidSearch,
    /// Paid for on a social network.
    PaidSocial,
    /// A banner, paid for.
    Display,
    /// Found by searching.
    Organic,
    /// A link on another site.
    Referral,
    /// By a partner who is paid per sale.
    Affiliate,
    /// Shared on a social network.
    Social,
    /// A letter.
    Email,
    /// A text message.
    Sms,
    /// Printed, spoken or shown away from the web.
    Offline,
    /// A directory of links.
    Directory,
}

/// The words for media.
pub(super) const MEDIA: &[(Medium, &[&str])] = &[
    (Medium::None, &["", "(none)", "none", "(not set)", "direct", "(direct)"]),
    (Medium::Paid, &["cpc", "ppc", "paid", "cpa", "cpv", "retargeting", "remarketing", "ads", "ad"]),
    (Medium::PaidSearch, &["sem", "paidsearch", "paid_search", "paid-search", "search_ads", "竞价"]),
    (Medium::PaidSocial, &["paidsocial", "paid_social", "paid-social", "social_paid", "social-paid"]),
    (Medium::Display, &["display", "banner", "cpm", "interstitial", "expandable", "dsp", "native"]),
    (Medium::Organic, &["organic", "seo", "search"]),
    (Medium::Referral, &["referral", "link", "app", "exchange"]),
    (Medium::Affiliate, &["affiliate", "affiliates", "afiliado", "afiliados", "cps", "partner", "网盟"]),
    (
        Medium::Social,
        &[
            "social",
            "sns",
            "social-network",
            "social-media",
            "social network",
            "social media",
            "social_media",
            "sm",
        ],
    ),
    (Medium::Email, &["email", "e-mail", "e_mail", "e mail", "edm", "newsletter", "mail"]),
    (Medium::Sms, &["sms", "mms", "text"]),
    (
        Medium::Offline,
        &[
            "offline", "qr", "qrcode", "qr-code", "qr_code", "print", "flyer", "catalog", "outdoor", "tv",
            "radio", "store", "event",
        ],
    ),
    (Medium::Directory, &["directory", "navigation", "daohang", "导航"]),
];
