//! What an address may tell of a person is not recorded: the log keeps what it has for ever.

use std::borrow::Cow;

/// Parameters whose values tell of a person or open a door, by their names without `-` and `_`.
const TELLING: &[&str] = &[
    "accesstoken",
    "apikey",
    "auth",
    "authorization",
    "email",
    "idtoken",
    "jwt",
    "login",
    "mail",
    "mobile",
    "otp",
    "passwd",
    "password",
    "phone",
    "phonenumber",
    "pwd",
    "secret",
    "session",
    "sessionid",
    "tel",
    "token",
    "user",
    "username",
];

/// An address without the name and password before its host, without parameters that tell of a person (by their name, or
/// because a mail address stands in them), and of `mailto:` and `tel:` only that much.
pub(super) fn discreet(address: &str) -> Cow<'_, str> {
    let scheme = address.split_once(':').map_or("", |(scheme, _)| scheme);
    if ["mailto", "tel", "sms"].iter().any(|personal| scheme.eq_ignore_ascii_case(personal)) {
        return Cow::Borrowed(&address[..=scheme.len()]);
    }
    let address = without_user(address);
    let end = address.find('#').unwrap_or(address.len());
    let Some(question) = address[..end].find('?') else { return address };
    let query = &address[question + 1..end];
    if !query.split('&').any(tells) {
        return address;
    }
    let kept: Vec<&str> = query.split('&').filter(|parameter| !tells(parameter)).collect();
    let mut clean = address[..question].to_owned();
    if !kept.is_empty() {
        clean.push('?');
        clean.push_str(&kept.join("&"));
    }
    clean.push_str(&address[end..]);
    Cow::Owned(clean)
}

fn tells(parameter: &str) -> bool {
    let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
    let name: String =
        name.chars().filter(|c| !matches!(c, '-' | '_')).map(|c| c.to_ascii_lowercase()).collect();
    TELLING.contains(&name.as_str()) || value.contains('@') || value.to_ascii_lowercase().contains("%40")
}

fn without_user(address: &str) -> Cow<'_, str> {
    let Some(slashes) = address.find("//") else { return Cow::Borrowed(address) };
    // `//` further on belongs to a path
    if address[..slashes].contains(['/', '?', '#']) {
        return Cow::Borrowed(address);
    }
    let host = slashes + 2;
    let end = address[host..].find(['/', '?', '#']).map_or(address.len(), |at| host + at);
    match address[host..end].rfind('@') {
        Some(at) => Cow::Owned(format!("{}{}", &address[..host], &address[host + at + 1..])),
        None => Cow::Borrowed(address),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_keep_what_is_of_the_page_and_lose_what_is_of_a_person() {
        for (address, kept) in [
            ("/p/2?color=red&utm_source=x", "/p/2?color=red&utm_source=x"),
            ("/reset?token=abc&email=li%40mail.cn", "/reset"),
            ("/reset?Access-Token=abc&step=2#top", "/reset?step=2#top"),
            ("/q?s=li@mail.cn&page=2", "/q?page=2"),
            ("https://u:pw@shop.example/p?x=1", "https://shop.example/p?x=1"),
            ("https://u@a:pw@shop.example", "https://shop.example"),
            ("/share?to=//a@b/c", "/share"),
            ("/users/@li/shop", "/users/@li/shop"),
            ("mailto:li@mail.cn?subject=x", "mailto:"),
            ("TEL:13800138000", "TEL:"),
            ("/", "/"),
            ("", ""),
        ] {
            assert_eq!(discreet(address), kept, "{address}");
        }
    }
}
