//! Says which member of a command's body is at fault, where the reader did not say so itself: a command is read from
//! what its category and action have put together, which forgets where a value stood.

use serde_json::Value;

use super::{Target, parse, read_command};
use crate::json::{at, escaped};
use crate::problem::Problem;

/// Largest body that is gone through.
const MOST_BLAMED: usize = 16 << 10;

/// The same problem with its place: the one member, and within it the one, without which the problem is another.
pub(super) fn blame(problem: Problem, target: Target, id: &str, body: &[u8]) -> Problem {
    let fields = parse(body).ok().filter(|_| !problem.points() && body.len() <= MOST_BLAMED);
    let Some(mut fields) = fields else { return problem };
    fields.retain(|name, _| !matches!(name.as_str(), "id" | "occurred_at"));
    let same = |whole: &Value| match whole {
        Value::Object(fields) => read_command(target, id, fields.clone()).err().as_ref() == Some(&problem),
        _ => false,
    };
    let mut whole = Value::Object(fields);
    let mut pointer = String::new();
    while let Some(next) = at_fault(&mut whole, &pointer, &same) {
        pointer = format!("{pointer}/{}", escaped(&next));
    }
    if pointer.is_empty() { problem } else { at(&pointer, problem.detail()) }
}

/// What stands at a pointer; the pointer is one into it.
fn place<'v>(whole: &'v mut Value, pointer: &str) -> &'v mut Value {
    whole.pointer_mut(pointer).expect("invariant: what is put back is there")
}

/// The one member or the first item, of what stands at a pointer, without which the problem is another. All is left as it was.
fn at_fault(whole: &mut Value, pointer: &str, same: &dyn Fn(&Value) -> bool) -> Option<String> {
    match place(whole, pointer).clone() {
        Value::Object(members) => {
            let mut other_without = members.keys().filter(|name| {
                let mut without = members.clone();
                without.retain(|other, _| other != *name);
                *place(whole, pointer) = Value::Object(without);
                !same(whole)
            });
            // an object that is judged as a whole, as an amount is, has none
            let only = other_without.next().cloned().filter(|_| other_without.next().is_none());
            *place(whole, pointer) = Value::Object(members.clone());
            only
        }
        Value::Array(items) => {
            // the first at fault is the last of the shortest beginning with the same problem
            let mut same_with = |most: usize| {
                *place(whole, pointer) = Value::Array(items[..most].to_vec());
                same(whole)
            };
            let (mut without, mut with) = (0, items.len());
            let found = !same_with(0) && same_with(with);
            while found && with - without > 1 {
                let middle = without.midpoint(with);
                if same_with(middle) { with = middle } else { without = middle }
            }
            *place(whole, pointer) = Value::Array(items);
            found.then(|| without.to_string())
        }
        _ => None,
    }
}
