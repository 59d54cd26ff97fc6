//! As much of a URL as the channel rule needs: host, path and parameters, read from whatever browsers, apps and logs
//! write. What is no URL has no host; nothing here fails.

use std::borrow::Cow;

/// The parts of an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Address<'a> {
    /// Lower case, without port and trailing dot; an app's package for `android-app://` and the like.
    pub host: Cow<'a, str>,
    /// Between `?` and `#`, still encoded.
    pub query: &'a str,
}

impl<'a> Address<'a> {
    /// Splits `text`; none when it names no host.
    pub fn of(text: &'a str) -> Option<Self> {
        let text = text.trim();
        let rest = text.split_once("://").map(|(_, rest)| rest).or_else(|| text.strip_prefix("//"))?;
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let authority = &rest[..end];
        let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
        // `[::1]:8080` keeps its colons, `shop.example:8080` loses its port
        let host = if host.starts_with('[') { host } else { host.split(':').next().unwrap_or_default() };
        let host = host.trim_end_matches('.');
        if host.is_empty() || !host.bytes().all(|b| b.is_ascii_graphic() || b >= 0x80) {
            return None;
        }
        let host = if host.bytes().any(|b| b.is_ascii_uppercase()) {
            Cow::Owned(host.to_ascii_lowercase())
        } else {
            Cow::Borrowed(host)
        };
        Some(Self { host, query: query_of(&rest[end..]) })
    }
}

/// What stands between `?` and `#`.
pub(super) fn query_of(text: &str) -> &str {
    let text = text.split('#').next().unwrap_or_default();
    text.split_once('?').map_or("", |(_, query)| query)
}

/// Names and raw values of a query, in their order.
pub(super) fn parameters(query: &str) -> impl Iterator<Item = (&str, &str)> {
    query.split('&').filter(|part| !part.is_empty()).map(|part| part.split_once('=').unwrap_or((part, "")))
}

/// The value of the first parameter of that name, decoded; none when it is empty.
pub(super) fn parameter(query: &str, name: &str) -> Option<String> {
    let (_, raw) = parameters(query).find(|(found, value)| *found == name && !value.is_empty())?;
    Some(decode(raw)).filter(|value| !value.is_empty())
}

/// Undoes `%41` and `+`. Bytes that are no UTF-8 are read as GB18030, as older Chinese search pages send them.
pub(super) fn decode(raw: &str) -> String {
    let mut bytes = Vec::with_capacity(raw.len());
    let mut rest = raw.as_bytes().iter();
    while let Some(byte) = rest.next() {
        let pair = rest.as_slice();
        match (byte, pair.first().and_then(hex), pair.get(1).and_then(hex)) {
            (b'%', Some(high), Some(low)) => {
                bytes.push(high << 4 | low);
                rest = pair[2..].iter();
            }
            (b'+', ..) => bytes.push(b' '),
            _ => bytes.push(*byte),
        }
    }
    let text = String::from_utf8(bytes).unwrap_or_else(|error| {
        encoding_rs::GB18030.decode_without_bom_handling(error.as_bytes()).0.into_owned()
    });
    text.trim().to_owned()
}

fn hex(digit: &u8) -> Option<u8> {
    char::from(*digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn hosts_and_queries_of_all_shapes() {
        for (text, host, query) in [
            ("https://www.Baidu.com/s?wd=a&b=c#x?y", "www.baidu.com", "wd=a&b=c"),
            ("http://user:secret@shop.example.:8080?a", "shop.example", "a"),
            ("//m.so.com/s?q=1", "m.so.com", "q=1"),
            ("android-app://com.google.android.gm/", "com.google.android.gm", ""),
            ("http://[::1]:80/x", "[::1]:80", ""),
            (" https://例子.中国/路 ", "例子.中国", ""),
        ] {
            let address = Address::of(text).unwrap();
            assert_eq!((address.host.as_ref(), address.query), (host, query), "{text}");
        }
        for none in
            ["", "about:blank", "/products/1?q=2", "https://", "https:///x", "http://a b/", "mailto:x@y.z"]
        {
            assert_eq!(Address::of(none), None, "{none:?}");
        }
    }

    #[test]
    fn values_are_read_as_they_were_meant() {
        for (raw, meant) in [
            ("red+dress%20xl", "red dress xl"),
            ("%E8%BF%9E%E8%A1%A3%E8%A3%99", "连衣裙"),
            ("%C1%AC%D2%C2%C8%B9", "连衣裙"), // GBK
            ("100%", "100%"),
            ("%zz%4", "%zz%4"),
            ("a%00b", "a\0b"),
        ] {
            assert_eq!(decode(raw), meant, "{raw}");
        }
        assert_eq!(parameter("q=&q=second&wd=x", "q"), Some("second".to_owned()));
        assert_eq!(parameter("q=+", "q"), None);
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in ".{0,80}", raw in "[%0-9a-f+é]{0,40}") {
            let _ = Address::of(&text);
            let _ = decode(&raw);
            let _ = decode(&text);
        }
    }
}
