//! Which members the objects within a command's body have.
//!
//! The types of these objects are shared with events, which must stay readable when a later version adds to them: serde
//! passes over members it does not know. A caller who writes `buyer_pay` must hear of it, so what may be sent is asked
//! of the same schemas that the document is made of.

use std::collections::{BTreeMap, HashMap};
use std::sync::LazyLock;

use daybook_domain::schema::Schemas;
use serde_json::{Map, Value};

use super::table::RESOURCES;
use super::{Target, schema};
use crate::json::{at, escaped};
use crate::problem::Problem;

type Components = BTreeMap<String, Value>;
/// A member of a body and what it holds.
type Holding = (String, Shape);

/// Of every command, by category and action: the members that hold objects.
static HOLDING: LazyLock<HashMap<(&str, &str), Vec<Holding>>> = LazyLock::new(|| {
    let mut schemas = Schemas::new();
    let described: Vec<_> = RESOURCES
        .iter()
        .map(|resource| (resource, schema::actions(resource.category, &mut schemas)))
        .collect();
    let components = schemas.components();
    let mut holding = HashMap::new();
    for (resource, actions) in &described {
        for (action, _) in resource.actions {
            let body = actions.iter().find(|described| described.name == *action);
            let found =
                body.map(|described| holding_members(&described.body, &components)).unwrap_or_default();
            holding.insert((resource.category, *action), found);
        }
    }
    holding
});

/// Refuses what an object within the body lacks, or has and should not. What stands right in the body serde knows by
/// itself.
pub(super) fn check(target: Target, fields: &Map<String, Value>) -> Result<(), Problem> {
    let Some(holding) = HOLDING.get(&(target.resource.category, target.action)) else { return Ok(()) };
    for (name, shape) in holding {
        if let Some(sent) = fields.get(name) {
            shape.check(sent).map_err(|fault| fault.within(name).problem())?;
        }
    }
    Ok(())
}

/// Says in the document that these take no other members.
pub(super) fn close(components: &mut Components) {
    components.values_mut().for_each(close_one);
}

fn close_one(schema: &mut Value) {
    match schema {
        Value::Object(said) => {
            said.values_mut().for_each(close_one);
            if said.get("type").is_some_and(|kind| kind == "object") && said.contains_key("properties") {
                said.entry("additionalProperties").or_insert(Value::Bool(false));
            }
        }
        Value::Array(items) => items.iter_mut().for_each(close_one),
        _ => {}
    }
}

/// What holds objects, and of which members.
#[derive(Debug)]
enum Shape {
    List(Box<Shape>),
    /// One of these.
    Object(Vec<Variant>),
}

#[derive(Debug)]
struct Variant(Vec<Member>);

#[derive(Debug)]
struct Member {
    name: String,
    required: bool,
    /// The only text that it may be, by which variants are told apart.
    only: Option<String>,
    /// Where it holds objects itself.
    shape: Option<Shape>,
}

/// What is wrong with an object.
struct Fault {
    /// The names from the member at fault outwards.
    path: Vec<String>,
    why: String,
}

impl Shape {
    fn of(schema: &Value, components: &Components) -> Option<Self> {
        let schema = resolved(schema, components);
        if let Some(items) = schema.get("items") {
            return Self::of(items, components).map(|of| Self::List(Box::new(of)));
        }
        let choices = schema.get("oneOf").or_else(|| schema.get("anyOf")).and_then(Value::as_array);
        let Some(choices) = choices else {
            return Variant::of(schema, components).map(|only| Self::Object(vec![only]));
        };
        let mut variants = Vec::new();
        for shape in choices.iter().filter_map(|choice| Self::of(choice, components)) {
            match shape {
                Self::Object(more) => variants.extend(more),
                list @ Self::List(_) => return Some(list),
            }
        }
        (!variants.is_empty()).then_some(Self::Object(variants))
    }

    /// Looks at what was sent; a value of another type is serde's to refuse.
    fn check(&self, sent: &Value) -> Result<(), Fault> {
        match (self, sent) {
            (Self::List(of), Value::Array(items)) => items
                .iter()
                .enumerate()
                .try_for_each(|(n, item)| of.check(item).map_err(|fault| fault.within(n))),
            (Self::Object(variants), Value::Object(sent)) => match &variants[..] {
                [only] => only.check(sent),
                many => many
                    .iter()
                    .find(|variant| variant.is_meant(sent))
                    .map_or(Ok(()), |meant| meant.check(sent)),
            },
            // serde would take the members by their order
            (Self::Object(_), Value::Array(_)) => {
                let why = "invalid type: list, expected an object".to_owned();
                Err(Fault { path: Vec::new(), why })
            }
            _ => Ok(()),
        }
    }
}

impl Variant {
    fn of(schema: &Value, components: &Components) -> Option<Self> {
        let required = schema.get("required").and_then(Value::as_array);
        let member = |(name, schema): (&String, &Value)| Member {
            name: name.clone(),
            required: required.is_some_and(|required| required.iter().any(|other| other == name)),
            only: resolved(schema, components).get("const").and_then(Value::as_str).map(str::to_owned),
            shape: Shape::of(schema, components),
        };
        let members = schema.get("properties")?.as_object()?;
        Some(Self(members.iter().map(member).collect()))
    }

    /// Whether this is the one of several that an object is to be.
    fn is_meant(&self, sent: &Map<String, Value>) -> bool {
        self.0.iter().filter(|member| member.required).all(|Member { name, only, .. }| {
            sent.get(name).is_some_and(|said| only.as_ref().is_none_or(|only| said == only))
        })
    }

    fn check(&self, sent: &Map<String, Value>) -> Result<(), Fault> {
        for (name, value) in sent {
            let Some(member) = self.0.iter().find(|member| member.name == *name) else {
                let names: Vec<_> = self.0.iter().map(|member| format!("`{}`", member.name)).collect();
                let why = format!("unknown field `{name}`, expected one of {}", names.join(", "));
                return Err(Fault { path: vec![name.clone()], why });
            };
            if let Some(shape) = &member.shape {
                shape.check(value).map_err(|fault| fault.within(name))?;
            }
        }
        match self.0.iter().find(|member| member.required && !sent.contains_key(&member.name)) {
            Some(Member { name, .. }) => {
                Err(Fault { path: vec![name.clone()], why: format!("missing field `{name}`") })
            }
            None => Ok(()),
        }
    }
}

impl Fault {
    fn within(mut self, name: impl ToString) -> Self {
        self.path.push(name.to_string());
        self
    }

    fn problem(self) -> Problem {
        let pointer: String = self.path.iter().rev().map(|name| format!("/{}", escaped(name))).collect();
        at(&pointer, &self.why)
    }
}

/// The members of a body that hold objects.
fn holding_members(body: &Value, components: &Components) -> Vec<Holding> {
    let members = resolved(body, components).get("properties").and_then(Value::as_object);
    let holding = members.into_iter().flatten();
    holding.filter_map(|(name, schema)| Some((name.clone(), Shape::of(schema, components)?))).collect()
}

/// The component itself where this refers to one.
fn resolved<'s>(mut schema: &'s Value, components: &'s Components) -> &'s Value {
    while let Some(found) =
        schema.get("$ref").and_then(|path| components.get(path.as_str()?.rsplit('/').next()?))
    {
        schema = found;
    }
    schema
}
