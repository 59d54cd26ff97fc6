//! Cursors: where a list goes on, opaque to callers. One belongs to the question it was given for and holds to the
//! position of the first page.

use uuid::Uuid;

use crate::problem::Problem;

/// Digits that stand for the question.
const SCOPE: usize = 16;

/// Where a list goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Cursor {
    /// Position of the first page.
    pub position: u64,
    /// The `next` of the query.
    pub next: String,
}

fn scope(list: &str, question: &str) -> String {
    let id = Uuid::new_v5(&Uuid::NAMESPACE_URL, format!("{list} {question}").as_bytes());
    id.simple().to_string()[..SCOPE].to_owned()
}

impl Cursor {
    /// As text, for the question `question` of the list `list`.
    pub fn written(&self, list: &str, question: &str) -> String {
        let inner = format!("{}.{}", self.position, self.next);
        inner.bytes().fold(scope(list, question), |text, byte| text + &format!("{byte:02x}"))
    }

    /// Reads what [`written`](Self::written) wrote for the same question.
    pub fn read(text: &str, list: &str, question: &str) -> Result<Self, Problem> {
        let bad = |why| Problem::bad("cursor", why);
        if text.len() <= SCOPE || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(bad("is none: pass on the `next` of the page before"));
        }
        let (of, inner) = text.split_at(SCOPE);
        if of != scope(list, question) {
            return Err(bad("belongs to another list or other parameters: begin again without it"));
        }
        let bytes: Option<Vec<u8>> = (0..inner.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(inner.get(at..at + 2)?, 16).ok())
            .collect();
        let inner = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
        let read = inner.as_deref().and_then(|inner| {
            let (position, next) = inner.split_once('.')?;
            let position = position.parse().ok().filter(|position| i64::try_from(*position).is_ok())?;
            Some(Self { position, next: next.to_owned() })
        });
        read.ok_or_else(|| bad("is none: pass on the `next` of the page before"))
    }
}

/// The `next` of a list that goes by numbers.
pub(super) fn number_of(next: &str) -> Result<u64, Problem> {
    let number = next.parse().ok().filter(|number| i64::try_from(*number).is_ok());
    number.ok_or_else(|| Problem::bad("cursor", "is none of this list"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_for_its_own_question_alone() {
        let cursor = Cursor { position: 4_711, next: "1514764800000000.o-1 中".to_owned() };
        let text = cursor.written("orders", "status=funded&");
        assert_eq!(Cursor::read(&text, "orders", "status=funded&").unwrap(), cursor);
        for (list, question) in [("orders", ""), ("orders", "status=held&"), ("payouts", "status=funded&")] {
            assert!(Cursor::read(&text, list, question).is_err(), "{list} {question}");
        }
        for broken in ["", "x", &text[..20], &text[..17], &format!("{text}z"), "日本語日本語日本語"]
        {
            let read = Cursor::read(broken, "orders", "status=funded&");
            assert!(read.as_ref().is_err() || read.as_ref() != Ok(&cursor), "{broken}: {read:?}");
        }
        let forged = Cursor { position: u64::MAX, next: "1".to_owned() }.written("orders", "");
        assert!(Cursor::read(&forged, "orders", "").is_err(), "no journal comes so far");
        assert!(Cursor::read(&format!("{}+f+f", &text[..16]), "orders", "status=funded&").is_err());
        assert!(Cursor::read(&format!("{}zz", &text[..16]), "orders", "status=funded&").is_err());
    }
}
