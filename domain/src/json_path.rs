//! Where in a JSON text an offset lies: `lines[0].unit_price.amount`. Only errors ask, so it may be slow.

/// The path to the value at or just before line `line`, column `column`, both from 1 and in bytes, as
/// `serde_json` counts them. Empty at the top.
pub(crate) fn path_at(text: &str, line: usize, column: usize) -> String {
    let start: usize = text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
    let end = (start + column).min(text.len());
    let bytes = &text.as_bytes()[..end];
    let mut stack: Vec<Step> = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            b'{' => stack.push(Step::Field { name: None, wants_name: true }),
            b'[' => stack.push(Step::Item(0)),
            b'}' | b']' => drop(stack.pop()),
            b',' => match stack.last_mut() {
                Some(Step::Field { wants_name, .. }) => *wants_name = true,
                Some(Step::Item(n)) => *n += 1,
                None => {}
            },
            b'"' => {
                let from = at + 1;
                at = from;
                while at < bytes.len() && bytes[at] != b'"' {
                    at += if bytes[at] == b'\\' { 2 } else { 1 };
                }
                if let Some(Step::Field { name, wants_name }) = stack.last_mut()
                    && std::mem::take(wants_name)
                {
                    *name = text.get(from..at.min(end)).map(str::to_owned);
                }
            }
            _ => {}
        }
        at += 1;
    }
    stack.iter().fold(String::new(), |path, step| match step {
        Step::Field { name: Some(name), .. } if path.is_empty() => name.clone(),
        Step::Field { name: Some(name), .. } => format!("{path}.{name}"),
        Step::Field { name: None, .. } => path,
        Step::Item(n) => format!("{path}[{n}]"),
    })
}

enum Step {
    Field { name: Option<String>, wants_name: bool },
    Item(usize),
}

#[cfg(test)]
mod tests {
    use super::path_at;

    #[test]
    fn an_offset_is_named_by_the_fields_and_items_around_it() {
        let text = r#"{"a":1,"lines":[{"x":"}"},{"x":"q\"","y":22}],"z":3}"#;
        let path = |mark: &str| path_at(text, 1, text.find(mark).unwrap() + mark.len());
        assert_eq!(path("1"), "a");
        assert_eq!(path(r#""}""#), "lines[0].x");
        assert_eq!(path("22"), "lines[1].y");
        assert_eq!(path("22}"), "lines[1]");
        assert_eq!(path(":3"), "z");
        assert_eq!(path_at(text, 1, text.len()), "");
    }

    #[test]
    fn lines_are_counted_and_a_position_beyond_the_end_is_the_end() {
        let text = "{\n  \"a\": 1,\n  \"b\": [\n    7\n";
        assert_eq!(path_at(text, 2, 8), "a");
        assert_eq!(path_at(text, 4, 5), "b[0]");
        assert_eq!(path_at(text, 99, 99), "b[0]");
        assert_eq!(path_at("", 1, 0), "");
    }
}
