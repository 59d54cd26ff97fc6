//! What the document says of commands: the schema of each action's body, from the domain's own types.

use daybook_domain::account::commands::AccountCommand;
use daybook_domain::books::commands::{BooksCommand, MarketCommand};
use daybook_domain::buyer::commands::BuyerCommand;
use daybook_domain::campaign::commands::CampaignCommand;
use daybook_domain::cart::commands::CartCommand;
use daybook_domain::channel::commands::ChannelCommand;
use daybook_domain::checkout::commands::CheckoutCommand;
use daybook_domain::deposit::commands::DepositCommand;
use daybook_domain::inquiry::commands::InquiryCommand;
use daybook_domain::lead::commands::LeadCommand;
use daybook_domain::merchant::commands::MerchantCommand;
use daybook_domain::order::commands::OrderCommand;
use daybook_domain::provider::commands::ProviderCommand;
use daybook_domain::schema::{Action, Schemas};
use serde_json::{Value, json};

use super::{LONGEST_KEY, Target};
use crate::endpoint::Doc;

/// The actions of a category.
pub(super) fn actions(category: &str, schemas: &mut Schemas) -> Vec<Action> {
    match category {
        "lead" => schemas.actions::<LeadCommand>(),
        "merchant" => schemas.actions::<MerchantCommand>(),
        "deposit" => schemas.actions::<DepositCommand>(),
        "checkout" => schemas.actions::<CheckoutCommand>(),
        "order" => schemas.actions::<OrderCommand>(),
        "account" => schemas.actions::<AccountCommand>(),
        "market" => schemas.actions::<MarketCommand>(),
        "books" => schemas.actions::<BooksCommand>(),
        "provider" => schemas.actions::<ProviderCommand>(),
        "campaign" => schemas.actions::<CampaignCommand>(),
        "channel" => schemas.actions::<ChannelCommand>(),
        "buyer" => schemas.actions::<BuyerCommand>(),
        "cart" => schemas.actions::<CartCommand>(),
        "inquiry" => schemas.actions::<InquiryCommand>(),
        _ => Vec::new(),
    }
}

/// What is said of an action; `makes`: asked for without an id.
pub(super) fn doc(target: Target, described: Option<&Action>, makes: bool, schemas: &Schemas) -> Doc {
    let Target { resource, action } = target;
    let words = if makes { format!("new {}", resource.category) } else { action.replace('_', " ") };
    let id =
        if makes { format!("{}_new", resource.category) } else { format!("{}_{action}", resource.category) };
    let answer = json!({"$ref": "#/components/schemas/Executed"});
    let mut doc = Doc {
        id,
        tag: resource.tag,
        summary: format!("{}{}", words[..1].to_uppercase(), &words[1..]),
        description: described.map(|action| action.description.clone()).unwrap_or_default(),
        body: described.map(|action| body(&action.body, makes, schemas)),
        answers: vec![
            (200, "Done, or done before", vec![("application/json", answer.clone())]),
            (201, "Done, and with it something new began", vec![("application/json", answer)]),
        ],
        headers: vec!["ETag", "Idempotency-Replayed"],
        problems: vec![404, 409, 412, 413, 415, 422],
        ..Doc::default()
    }
    .header(
        "If-Match",
        json!({"type": "string", "pattern": "^\"[0-9]{1,18}\"$"}),
        "The version that the caller has seen, as in `ETag`: 412 when there is another",
    );
    doc.parameters.push(key_parameter());
    doc.components.insert("Executed".to_owned(), executed());
    doc
}

/// The header that every command has.
pub(crate) fn key_parameter() -> Value {
    let key = json!({"type": "string", "minLength": 1, "maxLength": LONGEST_KEY, "pattern": "^[!-~]+$"});
    json!({"name": "Idempotency-Key", "in": "header", "required": true, "schema": key,
        "description": "The caller's name for this command, its own and for this target; never expires"})
}

/// The body of an action: what the domain asks for, and when it happened.
fn body(action: &Value, makes: bool, schemas: &Schemas) -> Value {
    let mut more = json!({
        "occurred_at": {"type": "string", "format": "date-time", "description": "When it happened; now where it is not said, as a merchant's key must not"},
    });
    if makes {
        more["id"] = json!({"type": "string", "minLength": 1, "maxLength": 64, "pattern": "^[!-~]+$",
            "description": "Of what is made; follows from caller and key where it is not said"});
    }
    let mut body = schemas.resolved(action);
    if body["properties"].is_null() {
        body["properties"] = json!({});
    }
    if let (Some(members), Value::Object(more)) = (body["properties"].as_object_mut(), more) {
        members.extend(more);
    }
    body
}

fn executed() -> Value {
    json!({
        "type": "object",
        "required": ["id", "stream", "version", "position", "events"],
        "properties": {
            "id": {"type": "string", "description": "Of what the command was for"},
            "stream": {"type": "string"},
            "version": {"type": "integer", "description": "Of the stream after the command; also the ETag"},
            "position": {"type": "integer", "description": "After which a read sees it; also Daybook-Position"},
            "events": {"type": "array", "description": "What it wrote; empty when the stream said so already: then nothing is kept of the command, nor of its key", "items": {
                "title": "ExecutedEvent", "type": "object", "required": ["type", "data"],
                "properties": {"type": {"type": "string"}, "data": {"type": "object"}},
            }},
        },
    })
}
