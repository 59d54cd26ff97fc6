//! Account names that each program takes, and the way back.
//!
//! The chart's own words (`Liabilities:Escrow`) are legal everywhere. What follows them is an id, up to 64 visible
//! ASCII characters, and no program takes all of those:
//!
//! - **hledger, ledger**: letters, digits and `- _ . / + @ ~` stay; any other character is `%` and two hex digits.
//! - **beancount**: letters and digits stay, and `-` where a letter or digit follows it; any other character is `--`
//!   and two hex digits. A name part may not begin with a small letter or a sign: one that would, or whose
//!   name would begin with `X-` by itself, gets `X-` before it.
//!
//! Both are one to one, so the id can be read from the name.

use super::Program;

/// The name of an account in the program's books.
#[must_use]
pub fn legal(program: Program, class: &str, name: &str, dimension: &str) -> String {
    let mut out = format!("{class}:{name}");
    if !dimension.is_empty() {
        out.push(':');
        match program {
            Program::Beancount => beancount(dimension, &mut out),
            Program::Hledger | Program::Ledger => percent(dimension, &mut out),
        }
    }
    out
}

/// The account (`Class:Name[:dimension]`) of a name that [`legal`] gave; `None` for a name that it gives to none.
#[must_use]
pub fn original(program: Program, name: &str) -> Option<String> {
    let mut parts = name.splitn(3, ':');
    let (class, word) = (parts.next()?, parts.next()?);
    let Some(encoded) = parts.next() else { return Some(format!("{class}:{word}")) };
    let dimension = match program {
        Program::Beancount => decoded(encoded.strip_prefix("X-").unwrap_or(encoded), "--")?,
        Program::Hledger | Program::Ledger => decoded(encoded, "%")?,
    };
    (legal(program, class, word, &dimension) == name).then(|| format!("{class}:{word}:{dimension}"))
}

/// Letters, digits and what is harmless in every position; the rest as `%` and two hex digits.
pub(super) fn percent(text: &str, out: &mut String) {
    for byte in text.bytes() {
        match byte {
            b'-' | b'_' | b'.' | b'/' | b'+' | b'@' | b'~' => out.push(char::from(byte)),
            b if b.is_ascii_alphanumeric() => out.push(char::from(b)),
            b => escape("%", b, out),
        }
    }
}

fn beancount(id: &str, out: &mut String) {
    let bytes = id.as_bytes();
    let may_begin = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit();
    // as it would begin with `X-`
    let like_mark = bytes[0] == b'X' && bytes.get(1).is_some_and(|b| !b.is_ascii_alphanumeric());
    if !may_begin(bytes[0]) || like_mark {
        out.push_str("X-");
    }
    for (at, byte) in bytes.iter().enumerate() {
        match byte {
            b'-' if at > 0 && bytes.get(at + 1).is_some_and(u8::is_ascii_alphanumeric) => out.push('-'),
            b if b.is_ascii_alphanumeric() => out.push(char::from(*b)),
            b => escape("--", *b, out),
        }
    }
}

fn escape(sign: &str, byte: u8, out: &mut String) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    out.push_str(sign);
    out.push(char::from(HEX[usize::from(byte >> 4)]));
    out.push(char::from(HEX[usize::from(byte & 15)]));
}

/// Reads what stands between and after the escapes.
fn decoded(text: &str, sign: &str) -> Option<String> {
    let mut parts = text.split(sign);
    let mut out = parts.next()?.to_owned();
    for part in parts {
        let byte = u8::from_str_radix(part.get(..2)?, 16).ok().filter(u8::is_ascii_graphic)?;
        out.push(char::from(byte));
        out.push_str(&part[2..]);
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn bean(id: &str) -> String {
        legal(Program::Beancount, "Liabilities", "Escrow", id)
    }

    #[test]
    fn names_stay_readable_where_they_can() {
        assert_eq!(
            legal(Program::Hledger, "Income", "Commission", "cama_mesa_banho"),
            "Income:Commission:cama_mesa_banho"
        );
        assert_eq!(legal(Program::Ledger, "Assets", "Bank", "a:b;c"), "Assets:Bank:a%3Ab%3Bc");
        assert_eq!(legal(Program::Beancount, "Income", "FX", ""), "Income:FX");
        assert_eq!(bean("PIX-1"), "Liabilities:Escrow:PIX-1");
        assert_eq!(bean("o-000001"), "Liabilities:Escrow:X-o-000001");
        assert_eq!(bean("0a_b"), "Liabilities:Escrow:0a--5Fb");
        assert_eq!(bean("X-1"), "Liabilities:Escrow:X-X-1");
        assert_eq!(bean("a-.b-"), "Liabilities:Escrow:X-a--2D--2Eb--2D");
    }

    #[test]
    fn a_name_that_no_account_has_leads_nowhere() {
        for bad in ["Liabilities", "Assets:Bank:%4", "Assets:Bank:%41", "Assets:Bank:%ZZ"] {
            assert_eq!(original(Program::Hledger, bad), None, "{bad}");
        }
        for bad in ["Assets:Bank:X-PIX", "Assets:Bank:A--2", "Assets:Bank:A--41", "Assets:Bank:A--5f"] {
            assert_eq!(original(Program::Beancount, bad), None, "{bad}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4_096))]

        #[test]
        fn every_id_has_a_legal_name_and_is_read_back_from_it(id in "[!-~]{1,64}|[-X%0-9a-c]{1,12}") {
            for program in [Program::Beancount, Program::Hledger, Program::Ledger] {
                let name = legal(program, "Liabilities", "Escrow", &id);
                let account = format!("Liabilities:Escrow:{id}");
                prop_assert_eq!(original(program, &name), Some(account));
            }
            let name = bean(&id);
            let part = name.strip_prefix("Liabilities:Escrow:").unwrap_or_default();
            prop_assert!(part.starts_with(|c: char| c.is_ascii_uppercase() || c.is_ascii_digit()), "{}", part);
            prop_assert!(part.chars().all(|c| c.is_ascii_alphanumeric() || c == '-'), "{}", part);
            let name = legal(Program::Hledger, "Liabilities", "Escrow", &id);
            prop_assert!(!name[19..].contains([':', ';', '"', '(', '[', '*', ' ']), "{}", name);
        }
    }
}
