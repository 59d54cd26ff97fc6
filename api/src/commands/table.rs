//! Which actions there are, where they are asked for, and of whom they are taken.
//!
//! What is not listed is not for callers: halves of moves that only reactors send, deadlines, and what is read from
//! files. A test holds this table to the commands of the domain.

use crate::access::Permission::{self, Account, Fulfil, Operate, Sell};

/// A kind of stream that commands are for.
#[derive(Debug)]
pub(crate) struct Resource {
    /// Category of its streams, as in commands.
    pub category: &'static str,
    /// What a document calls it.
    pub tag: &'static str,
    /// Where it is: the path with the id's parameter.
    pub path: &'static str,
    /// The action that makes a new one, and where that is asked for without an id.
    pub made: Option<(&'static str, &'static str)>,
    /// Whether its id is a merchant's.
    pub of_merchant: bool,
    /// Actions and of whom they are taken.
    pub actions: &'static [(&'static str, Permission)],
    /// Actions that callers are not given, and why.
    #[cfg_attr(not(test), allow(dead_code))]
    pub withheld: &'static [(&'static str, &'static str)],
}

const HALF: &str = "half of a move between streams: a reactor sends it";
const DEADLINE: &str = "a deadline sends it";
const DRAWN: &str = "`daybook loan-pack market` draws the pack and records it";
const DAILY: &str = "a run of the market's own: `serve` does it daily";
const FILE: &str = "read from files or made by a run";

/// All of them.
pub(crate) const RESOURCES: &[Resource] = &[
    Resource {
        category: "lead",
        tag: "Leads",
        path: "/v1/leads/{lead}",
        made: Some(("capture", "/v1/leads")),
        of_merchant: false,
        actions: &[("capture", Operate), ("qualify", Operate), ("win", Operate), ("lose", Operate)],
        withheld: &[],
    },
    Resource {
        category: "merchant",
        tag: "Merchants",
        path: "/v1/merchants/{merchant}",
        made: Some(("apply", "/v1/merchants")),
        of_merchant: true,
        actions: &[
            ("apply", Operate),
            ("import", Operate),
            ("submit_qualification", Permission::RunStore),
            ("verify_qualification", Operate),
            ("reject_qualification", Operate),
            ("expire_qualification", Operate),
            ("approve", Operate),
            ("reject", Operate),
            ("sign_contract", Operate),
            ("commit_service", Permission::RunStore),
            ("agree_fee_schedule", Operate),
            ("open_store", Operate),
            ("suspend", Operate),
            ("reinstate", Operate),
            ("assess", Operate),
            ("terminate", Operate),
            ("grant_lender_consent", Permission::RunStore),
            ("revoke_lender_consent", Permission::RunStore),
            ("issue_loan_pack", Operate),
        ],
        withheld: &[
            ("satisfy_deposit", HALF),
            ("report_deposit_short", HALF),
            ("suspend_for_deposit", DEADLINE),
        ],
    },
    Resource {
        category: "deposit",
        tag: "Deposits",
        path: "/v1/merchants/{merchant}/deposit",
        made: None,
        of_merchant: true,
        actions: &[
            ("require", Operate),
            ("pay", Operate),
            ("freeze", Operate),
            ("release", Operate),
            ("deduct", Operate),
            ("refund", Operate),
        ],
        withheld: &[("pay_from_balance", HALF), ("restore", HALF)],
    },
    Resource {
        category: "checkout",
        tag: "Checkouts",
        path: "/v1/checkouts/{checkout}",
        made: Some(("open", "/v1/checkouts")),
        of_merchant: false,
        actions: &[
            ("open", Sell),
            ("authorise", Sell),
            ("void", Sell),
            ("capture", Sell),
            ("use_stored_value", Sell),
            ("fail_payment", Sell),
            ("reverse_payment", Operate),
            ("change_due", Sell),
            ("accept_shortfall", Operate),
            ("recognise_difference", Account),
            ("refund_unallocated", Operate),
            ("cancel", Sell),
            ("post_review", Sell),
            ("receive_chargeback", Operate),
            ("win_chargeback", Operate),
            ("lose_chargeback", Operate),
        ],
        withheld: &[("return_allocation", HALF), ("expire", DEADLINE)],
    },
    Resource {
        category: "order",
        tag: "Orders",
        path: "/v1/orders/{order}",
        made: Some(("place", "/v1/orders")),
        of_merchant: false,
        actions: &[
            ("place", Sell),
            ("hold", Operate),
            ("accept", Operate),
            ("cancel", Fulfil),
            ("ship", Fulfil),
            ("clear_customs", Fulfil),
            ("deliver", Fulfil),
            ("confirm_receipt", Sell),
            ("refuse_receipt", Sell),
            ("report_exception", Fulfil),
            ("resolve_exception", Fulfil),
            ("release", Operate),
            ("post_review", Sell),
            ("refund_escrow", Fulfil),
            ("issue_refund", Fulfil),
            ("pay_refund", Operate),
            ("fail_refund", Operate),
            ("reroute_refund", Operate),
            ("request_return", Sell),
            ("accept_return", Fulfil),
            ("refuse_return", Fulfil),
            ("record_goods_returned", Fulfil),
            ("charge_return_freight", Operate),
            ("request_exchange", Sell),
            ("ship_exchange", Fulfil),
            ("refuse_exchange", Fulfil),
            ("open_dispute", Sell),
            ("submit_evidence", Fulfil),
            ("answer_dispute", Fulfil),
            ("escalate_dispute", Fulfil),
            ("rule_dispute", Operate),
            ("appeal_dispute", Fulfil),
            ("uphold_ruling", Operate),
            ("reverse_ruling", Operate),
            ("withdraw_dispute", Sell),
            ("close_dispute", Operate),
        ],
        withheld: &[
            ("cancel_unfunded", DEADLINE),
            ("fund", HALF),
            ("confirm_by_timeout", DEADLINE),
            ("complete", DEADLINE),
            ("accept_return_by_timeout", DEADLINE),
            ("rule_unanswered", DEADLINE),
            ("open_chargeback", HALF),
            ("close_chargeback", HALF),
        ],
    },
    Resource {
        category: "account",
        tag: "Accounts",
        path: "/v1/merchants/{merchant}/account",
        made: None,
        of_merchant: true,
        actions: &[
            ("hold", Account),
            ("lift_hold", Account),
            ("request_payout", Permission::RunStore),
            ("convert_payout", Account),
            ("send_payout", Account),
            ("confirm_payout", Account),
            ("fail_payout", Account),
            ("return_payout", Account),
            ("unblock_destination", Account),
            ("charge_platform_fee", Account),
            ("charge_advertising_fee", Account),
            ("charge_penalty", Account),
            ("waive_fee", Account),
            ("grant_reward", Account),
            ("reward_tier", Account),
            ("propose_adjustment", Account),
            ("approve_adjustment", Account),
            ("reject_adjustment", Account),
        ],
        withheld: &[("close_settlement", FILE), ("release_reserve", DEADLINE), ("spend_hold", HALF)],
    },
    Resource {
        category: "market",
        tag: "Market",
        path: "/v1/markets/{market}",
        made: None,
        of_merchant: false,
        actions: &[("open", Permission::Administer), ("adopt_policy", Permission::Administer)],
        withheld: &[("issue_market_pack", DRAWN)],
    },
    Resource {
        category: "books",
        tag: "Books",
        path: "/v1/books/{market}",
        made: None,
        of_merchant: false,
        actions: &[
            ("close_period", Account),
            ("reopen_period", Account),
            ("record_provider_payout", Account),
            ("remit_tax", Account),
            ("settle_payable", Account),
            ("move_own_funds", Account),
            ("post_voucher", Account),
        ],
        withheld: &[("state_liabilities", DAILY)],
    },
    Resource {
        category: "provider",
        tag: "Reconciliation",
        path: "/v1/providers/{provider}",
        made: None,
        of_merchant: false,
        actions: &[("resolve", Account)],
        withheld: &[("import", FILE), ("record", FILE)],
    },
    Resource {
        category: "campaign",
        tag: "Campaigns",
        path: "/v1/campaigns/{campaign}",
        made: Some(("plan", "/v1/campaigns")),
        of_merchant: false,
        actions: &[
            ("plan", Operate),
            ("start", Operate),
            ("record_spend", Account),
            ("accrue_commission", Account),
            ("reverse_commission", Account),
            ("pay_commission", Account),
            ("issue_coupons", Operate),
            ("end", Operate),
        ],
        withheld: &[],
    },
    Resource {
        category: "channel",
        tag: "Channels",
        path: "/v1/channels/{channel}",
        made: None,
        of_merchant: false,
        actions: &[("report", Operate)],
        withheld: &[],
    },
    Resource {
        category: "buyer",
        tag: "Buyers",
        path: "/v1/buyers/{buyer}",
        made: None,
        of_merchant: false,
        actions: &[
            ("register", Sell),
            ("change_membership", Sell),
            ("earn_points", Sell),
            ("convert_points", Sell),
            ("reverse_points", Sell),
            ("expire_points", Operate),
        ],
        withheld: &[],
    },
    Resource {
        category: "cart",
        tag: "Carts",
        path: "/v1/carts/{cart}",
        made: None,
        of_merchant: false,
        actions: &[("add", Sell), ("change", Sell), ("remove", Sell), ("check_out", Sell)],
        withheld: &[],
    },
    Resource {
        category: "inquiry",
        tag: "Inquiries",
        path: "/v1/inquiries/{inquiry}",
        made: None,
        of_merchant: false,
        actions: &[("open", Sell), ("answer", Sell), ("close", Sell), ("record_violation", Operate)],
        withheld: &[],
    },
];

#[cfg(test)]
mod tests {
    use daybook_market::AnyCommand;
    use serde_json::json;

    use super::*;

    /// The actions that the domain knows of a category: its own words when it is asked for another.
    fn known(category: &str) -> Vec<String> {
        let asked = json!({"category": category, "id": "x", "command": {"action": "-"}});
        let error =
            serde_json::from_value::<AnyCommand>(asked).expect_err("there is no such action").to_string();
        let (_, listed) =
            error.split_once("expected one of ").or_else(|| error.split_once("expected ")).expect(&error);
        let mut known: Vec<_> = listed.split('`').skip(1).step_by(2).map(str::to_owned).collect();
        known.sort_unstable();
        known
    }

    #[test]
    fn every_action_of_the_domain_is_offered_or_withheld_with_a_reason() {
        for resource in RESOURCES {
            let offered = resource.actions.iter().map(|(name, _)| (*name).to_owned());
            let withheld = resource.withheld.iter().map(|(name, reason)| {
                assert!(!reason.is_empty());
                (*name).to_owned()
            });
            let mut here: Vec<_> = offered.chain(withheld).collect();
            here.sort_unstable();
            assert_eq!(here, known(resource.category), "{}", resource.category);
        }
    }
}
