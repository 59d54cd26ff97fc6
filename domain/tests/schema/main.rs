//! The schemas say what serde accepts: made values fit both, disfigured ones fit both or neither.

use std::collections::BTreeSet;
use std::fmt::Debug;

use daybook_domain::schema::{Action, JsonSchema, Schemas};
use daybook_domain::{Aggregate, Currency, Event, EventKind, Money, Refs, Timestamp};
use daybook_domain::{
    account, books, buyer, campaign, cart, channel, checkout, deposit, inquiry, lead, merchant, order,
    provider,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

mod check;
mod samples;
mod words;

use check::Checker;
use samples::{disfigured, samples};

type Accepts = fn(&Value) -> Result<Value, String>;

/// The command of an aggregate: its actions, and what reads and writes it.
struct Command {
    category: &'static str,
    actions: Vec<Action>,
    accepts: Accepts,
}

fn command<A: Aggregate>(schemas: &mut Schemas) -> Command
where
    A::Command: JsonSchema + Serialize + DeserializeOwned + Debug,
{
    let accepts: Accepts = |value| {
        let read: A::Command = serde_json::from_str(&value.to_string()).map_err(|e| e.to_string())?;
        Ok(serde_json::to_value(read).expect("a command is plain data"))
    };
    Command { category: A::CATEGORY, actions: schemas.actions::<A::Command>(), accepts }
}

fn commands(schemas: &mut Schemas) -> Vec<Command> {
    vec![
        command::<lead::Lead>(schemas),
        command::<merchant::Merchant>(schemas),
        command::<deposit::Deposit>(schemas),
        command::<checkout::Checkout>(schemas),
        command::<order::Order>(schemas),
        command::<account::MerchantAccount>(schemas),
        command::<books::Market>(schemas),
        command::<books::Books>(schemas),
        command::<provider::Provider>(schemas),
        command::<campaign::Campaign>(schemas),
        command::<channel::Channel>(schemas),
        command::<buyer::Buyer>(schemas),
        command::<cart::Cart>(schemas),
        command::<inquiry::Inquiry>(schemas),
    ]
}

fn with_action(name: &str, body: &Value) -> Value {
    let mut command = body.clone();
    if let Value::Object(members) = &mut command {
        members.insert("action".to_owned(), json!(name));
    }
    command
}

#[test]
fn every_category_has_the_schema_of_its_command() {
    let found: BTreeSet<_> = commands(&mut Schemas::new()).iter().map(|c| c.category).collect();
    let mut wanted: BTreeSet<_> = EventKind::ALL.iter().map(|kind| kind.category()).collect();
    // nothing is asked of traffic: hits are only recorded
    assert!(wanted.remove("traffic"));
    assert_eq!(found, wanted);
}

#[test]
fn the_actions_are_those_that_serde_knows() {
    for command in commands(&mut Schemas::new()) {
        let refused = (command.accepts)(&json!({ "action": "no such" })).unwrap_err();
        let (_, known) = refused.split_once("expected ").unwrap_or_else(|| panic!("{refused}"));
        let known: Vec<_> = known.split('`').skip(1).step_by(2).collect();
        let named: Vec<_> = command.actions.iter().map(|action| action.name.as_str()).collect();
        assert_eq!(named, known, "{}", command.category);
        assert!(!named.is_empty());
        for action in &command.actions {
            assert!(action.description.len() > 5, "{} {} says nothing", command.category, action.name);
        }
    }
}

#[test]
fn what_is_made_from_the_schema_of_an_action_is_read_and_comes_back() {
    let mut schemas = Schemas::new();
    let commands = commands(&mut schemas);
    let checker = Checker::new(schemas.components());
    for Command { category, actions, accepts } in &commands {
        for Action { name, body, .. } in actions {
            for sample in samples(&checker, body) {
                let written = with_action(name, &sample);
                let back = accepts(&written).unwrap_or_else(|e| panic!("{category} {written}: {e}"));
                let mut members = back.clone();
                members.as_object_mut().and_then(|m| m.remove("action")).expect("it has an action");
                for value in [&sample, &members] {
                    checker.check(body, value).unwrap_or_else(|e| panic!("{category} {name} {value}: {e}"));
                }
                assert_eq!(accepts(&back).as_ref(), Ok(&back), "{category}");
            }
        }
    }
}

#[test]
fn a_disfigured_action_is_refused_by_both_or_by_neither() {
    let mut schemas = Schemas::new();
    let commands = commands(&mut schemas);
    let checker = Checker::new(schemas.components());
    let (mut accepted, mut refused) = (0, 0);
    for Command { category, actions, accepts } in &commands {
        for Action { name, body, .. } in actions {
            let full = &samples(&checker, body)[0];
            for other in disfigured(full).iter().filter(|other| other.is_object()) {
                let by_serde = accepts(&with_action(name, other));
                let by_schema = checker.check(body, other);
                assert_eq!(
                    by_serde.is_ok(),
                    by_schema.is_ok(),
                    "{category} {name} {other}: {by_serde:?}, {by_schema:?}"
                );
                if by_schema.is_ok() { accepted += 1 } else { refused += 1 }
            }
        }
    }
    assert!(accepted > 500 && refused > 5_000, "{accepted} accepted, {refused} refused");
}

fn fixture(kind: EventKind, form: &str) -> Value {
    let name = format!("{}.v{}.{form}.json", kind.as_str(), kind.schema());
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    serde_json::from_str(&text).expect("a fixture is JSON")
}

#[test]
fn every_fixture_of_an_event_fits_its_schema_and_disfigured_it_fits_both_or_neither() {
    let mut schemas = Schemas::new();
    let events = schemas.events();
    let checker = Checker::new(schemas.components());
    let kinds: Vec<_> = events.iter().map(|event| event.kind).collect();
    assert_eq!(kinds, EventKind::ALL);
    for event in &events {
        let name = event.kind.as_str();
        assert_eq!(event.body, json!({ "$ref": format!("#/components/schemas/{name}") }));
        assert!(event.description.len() > 5, "{name} says nothing");
        for form in ["complete", "minimal"] {
            let data = fixture(event.kind, form);
            checker.check(&event.body, &data).unwrap_or_else(|e| panic!("{form} {name}: {e}"));
            for other in disfigured(&data) {
                let by_codec = Event::decode(name, event.kind.schema(), &other.to_string());
                let by_schema = checker.check(&event.body, &other);
                assert_eq!(
                    by_codec.is_ok(),
                    by_schema.is_ok(),
                    "{name} {other}: {by_codec:?}, {by_schema:?}"
                );
            }
        }
    }
}

#[test]
fn every_reference_leads_to_a_component_and_no_name_stands_for_two_types() {
    fn references(value: &Value, found: &mut BTreeSet<String>) {
        match value {
            Value::Object(members) => {
                if let Some(to) = members.get("$ref").and_then(Value::as_str) {
                    found.insert(to.to_owned());
                }
                members.values().for_each(|inner| references(inner, found));
            }
            Value::Array(items) => items.iter().for_each(|inner| references(inner, found)),
            _ => {}
        }
    }
    let mut schemas = Schemas::new();
    let mut found = BTreeSet::new();
    for action in commands(&mut schemas).iter().flat_map(|command| &command.actions) {
        references(&action.body, &mut found);
    }
    for event in schemas.events() {
        references(&event.body, &mut found);
    }
    assert_eq!(schemas.of::<Refs>(), json!({ "$ref": "#/components/schemas/Refs" }));
    found.insert("#/components/schemas/Refs".to_owned());
    let checker = Checker::new(schemas.components());
    for component in checker.components().values() {
        references(component, &mut found);
    }
    let named: BTreeSet<_> =
        checker.components().keys().map(|name| format!("#/components/schemas/{name}")).collect();
    assert_eq!(found, named);
    // a second type of the same name would be numbered
    let numbered: Vec<_> =
        named.iter().filter(|name| name.ends_with(|last: char| last.is_ascii_digit())).collect();
    assert!(numbered.is_empty(), "{numbered:?}");
}

#[test]
fn an_action_is_described_with_its_members() {
    let mut schemas = Schemas::new();
    let actions = schemas.actions::<order::OrderCommand>();
    let ship = actions.iter().find(|action| action.name == "ship").expect("an order is shipped");
    assert_eq!(ship.description, "Pieces leave the merchant.");
    let optional = |component: &str, description: &str| {
        json!({ "anyOf": [{ "$ref": format!("#/components/schemas/{component}") }, { "type": "null" }],
            "description": description })
    };
    let shipment = "#/components/schemas/ShipmentId";
    assert_eq!(
        ship.body,
        json!({
            "type": "object",
            "properties": {
                "shipment": { "$ref": shipment, "description": "New within the order." },
                "lines": {
                    "type": ["array", "null"],
                    "items": { "$ref": "#/components/schemas/LineQuantity" },
                    "description": "Which, all that can be where absent.",
                },
                "mode": { "$ref": "#/components/schemas/ShippingMode", "description": "How they travel." },
                "carrier": optional("Code", "Who carries them."),
                "tracking": optional("Reference", "The carrier's number."),
            },
            "required": ["shipment", "mode"],
            "additionalProperties": false,
        })
    );
    let components = schemas.components();
    assert_eq!(
        components["ShipmentId"],
        json!({ "description": "A shipment of an order.", "type": "string", "minLength": 1, "maxLength": 64,
            "pattern": "^[!-~]+$" })
    );
}

#[test]
fn values_that_write_themselves_fit_their_schema() {
    let mut schemas = Schemas::new();
    let (money, time) = (schemas.of::<Money>(), schemas.of::<Timestamp>());
    let checker = Checker::new(schemas.components());
    for code in ["JPY", "CNY", "KWD", "CLF"] {
        let currency = Currency::new(code).unwrap();
        for minor in [i64::MIN, -1, 0, 1, 100_000, i64::MAX] {
            let written = serde_json::to_value(Money::new(minor, currency)).unwrap();
            checker.check(&money, &written).unwrap();
        }
    }
    for micros in [0, 1, -1, 1_519_905_600_000_000] {
        checker.check(&time, &serde_json::to_value(Timestamp(micros)).unwrap()).unwrap();
    }
}
