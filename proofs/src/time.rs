//! Times as a checkpoint says them.

/// How far the clocks of who writes and who signs may be apart, microseconds: an hour.
pub const LEEWAY: i64 = 3_600_000_000;

/// Microseconds since 1970 of a time in UTC, `2026-11-22T00:00:00Z`, with six decimals of the second at most; none for anything else.
pub fn micros(text: &str) -> Option<i64> {
    let text = text.strip_suffix('Z')?;
    let (whole, fraction) = text.split_once('.').map_or((text, None), |(whole, of)| (whole, Some(of)));
    let bytes = whole.as_bytes();
    let marks = [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':')];
    if bytes.len() != 19 || marks.iter().any(|(at, mark)| bytes[*at] != *mark) {
        return None;
    }
    let number = |from: usize, to: usize| {
        let digits = bytes.get(from..to)?;
        let value = |sum: i64, digit: &u8| sum * 10 + i64::from(digit - b'0');
        digits.iter().all(u8::is_ascii_digit).then(|| digits.iter().fold(0, value))
    };
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    let leap = |year: i64| year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let february = if leap(year) { 29 } else { 28 };
    let lengths = [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let length = *lengths.get(usize::try_from(month).ok()?.checked_sub(1)?)?;
    if year < 1970 || !(1..=length).contains(&day) || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let before = |year: i64| (year - 1) * 365 + (year - 1) / 4 - (year - 1) / 100 + (year - 1) / 400;
    let months: i64 = lengths.iter().take(usize::try_from(month - 1).ok()?).sum();
    let days = before(year) - before(1970) + months + day - 1;
    let parts = match fraction {
        None => 0,
        Some(of) if (1..=6).contains(&of.len()) && of.bytes().all(|digit| digit.is_ascii_digit()) => {
            format!("{of:0<6}").parse().ok()?
        }
        Some(_) => return None,
    };
    Some((((days * 24 + hour) * 60 + minute) * 60 + second) * 1_000_000 + parts)
}

#[cfg(test)]
mod tests {
    use super::micros;

    #[test]
    fn a_time_is_read_in_one_way() {
        assert_eq!(micros("1970-01-01T00:00:00Z"), Some(0));
        assert_eq!(micros("2026-05-28T20:26:40.000001Z"), Some(1_780_000_000_000_001));
        assert_eq!(micros("2024-02-29T00:00:00.5Z"), Some(1_709_164_800_500_000));
        assert_eq!(micros("9999-12-31T23:59:59.999999Z"), Some(253_402_300_799_999_999));
        for wrong in [
            "2023-02-29T00:00:00Z",
            "2100-02-29T00:00:00Z",
            "1969-12-31T23:59:59Z",
            "2026-13-01T00:00:00Z",
            "2026-00-01T00:00:00Z",
            "2026-01-00T00:00:00Z",
            "2026-01-01T24:00:00Z",
            "2026-01-01T00:00:60Z",
            "2026-01-01T00:00:00+00:00",
            "2026-01-01T00:00:00.Z",
            "2026-01-01T00:00:00.0000001Z",
            "2026-01-01 00:00:00Z",
            "+026-01-01T00:00:00Z",
            "never",
            "",
        ] {
            assert_eq!(micros(wrong), None, "{wrong}");
        }
    }
}
