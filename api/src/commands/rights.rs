//! Of whom a command is taken beyond the role of its key, and whose data it comes near.

use daybook_domain::MerchantId;
use daybook_domain::campaign::Campaign;
use daybook_domain::checkout::Checkout;
use daybook_domain::inquiry::Inquiry;
use daybook_domain::lead::Lead;
use daybook_domain::order::Order;
use daybook_domain::time::DAY;
use serde_json::Value;

use super::{Sent, Target};
use crate::Shared;
use crate::access::{Caller, Permission, Role};
use crate::problem::{FORBIDDEN, Problem};

/// How long after it happened what a shop's systems saw may be reported, in microseconds.
const LATEST_REPORT: i64 = DAY;

/// Whose an order is.
fn merchant_of(shared: &Shared, order: &str) -> Result<Option<MerchantId>, Problem> {
    Ok(shared.market.commands().look::<Order, _>(order, Order::merchant)?)
}

/// Whose data a command on this comes near. What cannot be looked up now is nobody's: the command was refused as well.
pub(super) fn concerned(shared: &Shared, target: Target, id: &str) -> Vec<MerchantId> {
    let commands = shared.market.commands();
    let found = match target.resource.category {
        _ if target.resource.of_merchant => Ok(id.parse().into_iter().collect()),
        "order" => commands.look(id, |order: &Order| order.merchant().into_iter().collect()),
        "campaign" => commands.look(id, |campaign: &Campaign| {
            campaign.plan().and_then(|plan| plan.merchant).into_iter().collect()
        }),
        "inquiry" => commands.look(id, |inquiry: &Inquiry| inquiry.merchant().into_iter().collect()),
        "lead" => commands.look(id, |lead: &Lead| lead.merchant().into_iter().collect()),
        "checkout" => commands.look(id, |checkout: &Checkout| {
            let mut all: Vec<_> = checkout.orders().iter().map(|basket| basket.merchant).collect();
            all.sort_unstable();
            all.dedup();
            all
        }),
        _ => Ok(Vec::new()),
    };
    found.unwrap_or_default()
}

/// Merchants act on what is theirs, in their own name and at the time it is; who spends the market's money is one who
/// runs the market.
pub(super) fn may_send(
    shared: &Shared,
    caller: &Caller,
    target: Target,
    id: &str,
    sent: &Sent<'_>,
) -> Result<(), Problem> {
    let forbidden = |member: &str, why: &str| {
        Err(Problem::new(FORBIDDEN, format!("{member}: {why}")).at(format!("/{member}")))
    };
    let said = |member: &str| sent.fields.get(member).filter(|said| **said != "merchant");
    if caller.merchant.is_some() || caller.role == Role::Merchant {
        must_own(shared, caller, target, id)?;
        // whatever else it is than the one word, however it is written
        for member in ["by", "party"] {
            if let Some(who) = said(member) {
                return forbidden(member, &format!("a merchant's key acts for the merchant, not for {who}"));
            }
        }
        // deadlines count from it: what is dated back is over before the other side can answer
        if sent.occurred_at.is_some() {
            return forbidden("occurred_at", "a merchant's key says what happens now: leave it out");
        }
    }
    let runs_market = caller.role.may(Permission::Operate) || caller.role.may(Permission::Account);
    let earliest = shared.market.commands().now().plus(-LATEST_REPORT);
    if !runs_market && sent.occurred_at.is_some_and(|at| at < earliest) {
        return forbidden(
            "occurred_at",
            &format!("a key of its role reports what happened since {earliest}"),
        );
    }
    if sent.import
        && matches!(target.resource.category, "account" | "deposit")
        && !caller.role.may(Permission::Account)
    {
        let detail = "import: what is owed to merchants is for finance, in an import as well";
        return Err(Problem::new(FORBIDDEN, detail));
    }
    if matches!(target.resource.category, "books" | "provider") {
        for member in ["proposed_by", "requested_by", "by"] {
            let named =
                sent.fields.get(member).and_then(Value::as_str).filter(|who| *who != caller.actor.as_str());
            if let Some(who) = named
                && !shared.access.is_held_by(who, Permission::Account)
            {
                return forbidden(
                    member,
                    &format!("{who} holds no key in force that may do this: name who asked for it"),
                );
            }
        }
    }
    if said("borne_by").is_some() && !caller.role.may(Permission::Operate) {
        return forbidden("borne_by", "only the merchant, unless who runs the market decides otherwise");
    }
    Ok(())
}

fn must_own(shared: &Shared, caller: &Caller, target: Target, id: &str) -> Result<(), Problem> {
    let category = target.resource.category;
    let missing = format_args!("{category} {id}");
    match category {
        _ if target.resource.of_merchant => caller.must_own(id, missing),
        "order" => {
            let merchant = merchant_of(shared, id)?;
            caller.must_own(merchant.as_ref().map_or("", |merchant| merchant.as_str()), missing)
        }
        _ => {
            let detail = format!("a key of one merchant does not {} a {category}", target.action);
            Err(Problem::new(FORBIDDEN, detail))
        }
    }
}
