//! One campaign in full: each figure under its name, in parts for people, in one row for programs.

use daybook_commands::{Clock, SystemClock};
use daybook_domain::{Money, Timestamp};
use daybook_metrics::lift::{Group, Interval};
use daybook_projections::AsOf;
use daybook_projections::metrics::{Activity, Campaigns, Depth, HeldOut, RESTATED, Side};
use rust_decimal::Decimal;

use super::{Args, Figures, Folded, Of, share};
use crate::failure::Failure;
use crate::figures::per;
use crate::output::{Format, Output};
use crate::value::{Table, Value};

/// Prints it.
pub(super) fn print(
    out: &mut Output,
    args: &Args,
    (history, campaigns): Folded<'_>,
    of: &Of<'_>,
    at: AsOf,
) -> Result<(), Failure> {
    let sessions = args.visits.sessions();
    let activity = campaigns.activity(history, &sessions, of.id, moment(campaigns, at));
    let held_out = campaigns.held_out(history, sessions, of.id)?;
    let lift = held_out.as_ref().map_or_else(Vec::new, |held_out| lift(of, held_out));
    let parts = [
        ("Campaign", plan(of, args)),
        ("Cost: what the market bore, and beside it its merchant", costs(of)),
        ("Promotion: adverts and who came by its links", promotion(of)),
        ("Return: what it is credited with", returns(of)),
        (
            "Activity: within its time, beside all of the shop",
            [within(of, &activity), depth(of, &activity.depth)].concat(),
        ),
        ("Activity, restated after its end as returns land", restated(of, &activity)),
        ("Lift: beside visitors who were held out, 95 % intervals", lift),
    ];
    if out.format != Format::Table {
        let (columns, row) = parts.into_iter().flat_map(|(_, part)| part).unzip::<_, _, Vec<_>, _>();
        let mut table = Table::new(&columns);
        table.push(row);
        return out.record(&table);
    }
    for (title, part) in parts.into_iter().filter(|(_, part)| !part.is_empty()) {
        let (columns, row) = part.into_iter().unzip::<_, _, Vec<_>, _>();
        let mut table = Table::new(&columns);
        table.push(row);
        out.heading(title)?;
        out.record(&table.without_empty())?;
    }
    Ok(())
}

fn plan(of: &Of<'_>, args: &Args) -> Figures {
    let mut figures = of.who(args.model);
    if let Some(plan) = of.books.plan.as_deref() {
        figures.extend([
            ("kind", Value::from(plan.kind.as_str())),
            ("merchant_id", plan.merchant.map(|merchant| merchant.as_str().to_owned()).into()),
            ("starts_at", plan.starts.into()),
            ("ends_at", plan.ends.into()),
            ("budget", plan.budget.into()),
            ("held_out_share", plan.holdout.as_ref().map(|of| Value::Ratio(of.share)).into()),
        ]);
    }
    figures
}

fn costs(of: &Of<'_>) -> Figures {
    let mut figures = of.costs();
    figures.push(("over_daily_cap", of.books.over_cap().map(|minor| of.money(minor)).into()));
    figures
}

fn promotion(of: &Of<'_>) -> Figures {
    let (impressions, clicks) = (of.books.impressions, of.books.clicks);
    let mut figures = of.promotion();
    figures.extend([
        ("click_through", share(clicks, impressions)),
        ("arrival_rate", share(of.brought.arrivals, impressions)),
        ("landing_rate", share(of.brought.arrivals, clicks)),
    ]);
    figures
}

fn returns(of: &Of<'_>) -> Figures {
    let mut figures = of.returns();
    let gmv = of.credited.map(|credited| credited.earned.gmv.minor);
    figures.push(("roi_of_merchant", gmv.map_or(Value::None, |gmv| share(gmv, of.cost_of_merchant()))));
    figures
}

/// The plan's figures of an activity.
fn within(of: &Of<'_>, activity: &Activity) -> Figures {
    let Activity { clicks, inside, shop, before, participants, participants_bought, buyers_outside, .. } =
        activity;
    let unit_price = |gmv: i64, buyers: u64| per(Money::new(gmv, of.currency), buyers);
    let conversion = |side: &Side| share(side.daily_buyers, side.daily_uv);
    // (GMV inside / GMV of all) / (orders inside / orders of all)
    let cross = |gmv: i64, orders: u64| i128::from(gmv) * i128::from(orders);
    let quotient = share(cross(inside.gmv, shop.orders), cross(shop.gmv, inside.orders));
    vec![
        ("activity_clicks", (*clicks).into()),
        ("activity_uv", inside.uv.into()),
        ("shop_uv", shop.uv.into()),
        ("average_click_rate", share(*clicks, shop.uv)),
        ("clicks_per_visitor", share(*clicks, inside.uv)),
        ("participants", (*participants).into()),
        ("participation_rate", share(*participants, inside.uv)),
        ("participant_conversion", share(*participants_bought, *participants)),
        ("activity_buyers", inside.buyers.into()),
        ("shop_buyers", shop.buyers.into()),
        ("penetration", share(inside.buyers, shop.buyers)),
        ("activity_orders", inside.orders.into()),
        ("activity_order_share", share(inside.orders, shop.orders)),
        ("activity_gmv", of.money(inside.gmv)),
        ("activity_gmv_share", share(inside.gmv, shop.gmv)),
        ("gmv_share_by_order_share", quotient),
        ("activity_conversion", conversion(inside)),
        ("shop_conversion", conversion(shop)),
        ("shop_conversion_before", before.as_ref().map(conversion).into()),
        ("unit_price_inside", unit_price(inside.gmv, inside.buyers)),
        ("unit_price_outside", unit_price(shop.gmv.saturating_sub(inside.gmv), *buyers_outside)),
        ("activity_roi", share(inside.gmv, of.cost())),
    ]
}

/// What was left of the activity's GMV 7, 30 and 90 days after its end, and that by its cost.
fn restated(of: &Of<'_>, activity: &Activity) -> Figures {
    const NAMES: [(&str, &str); RESTATED.len()] = [
        ("activity_net_7d", "activity_roi_7d"),
        ("activity_net_30d", "activity_roi_30d"),
        ("activity_net_90d", "activity_roi_90d"),
    ];
    let figures = NAMES.into_iter().zip(activity.net_after).flat_map(|((net, roi), left)| {
        let by_cost = left.map_or(Value::None, |left| share(left, of.cost()));
        [(net, left.map(|left| of.money(left)).into()), (roi, by_cost)]
    });
    figures.collect()
}

/// The lowest share of the list price, against the lowest that the plan allows.
fn depth(of: &Of<'_>, depth: &Depth) -> Figures {
    let floor = of.books.plan.as_deref().and_then(|plan| plan.discount_floor);
    let below = floor.filter(|_| depth.lines > 0).map(|_| depth.below_floor);
    vec![
        ("lines_with_list_price", depth.lines.into()),
        ("lowest_price_share", depth.deepest.map_or(Value::None, |(price, list)| share(price, list))),
        ("discount_floor", floor.map(Value::Ratio).into()),
        ("lines_below_floor", below.into()),
    ]
}

/// The moment that is told of: now, or as of when; after an event, when that happened.
fn moment(campaigns: &Campaigns, at: AsOf) -> Timestamp {
    let last = campaigns.last().filter(|_| at.position.is_some()).map(|last| last.0);
    let all = [Some(SystemClock.now()), at.business, at.known, last];
    Timestamp(all.into_iter().flatten().min().unwrap_or_default())
}

/// An estimate in minor units, as money.
fn rounded(of: &Of<'_>, minor: f64) -> Value {
    of.money(minor.round() as i64)
}

fn fraction(of: f64) -> Value {
    Decimal::from_f64_retain(of).map(|of| Value::Ratio(of.round_dp(4))).into()
}

/// What the campaign brought beside those who were held out of it.
fn lift(of: &Of<'_>, held_out: &HeldOut) -> Figures {
    let HeldOut { campaign, holdout, uneven, lift, last_click } = held_out;
    let conversion = |group: &Group| share(group.buyers, group.assigned);
    let spent = |group: &Group| {
        let sum = i64::try_from(group.spent).unwrap_or(i64::MAX);
        per(Money::new(sum, of.currency), group.assigned)
    };
    let mut figures: Figures = vec![
        ("assigned", campaign.assigned.into()),
        ("assigned_conversion", conversion(campaign)),
        ("assigned_spent_each", spent(campaign)),
        ("held_out", holdout.assigned.into()),
        ("held_out_conversion", conversion(holdout)),
        ("held_out_spent_each", spent(holdout)),
    ];
    let lift = match lift {
        Ok(lift) => lift,
        Err(why) => {
            figures.push(("lift_warning", why.to_string().into()));
            return figures;
        }
    };
    let Interval { low, estimate, high } = lift.conversion;
    figures.extend([
        ("conversion_lift", fraction(estimate)),
        ("conversion_lift_low", fraction(low)),
        ("conversion_lift_high", fraction(high)),
    ]);
    match lift.beside_last_click(*last_click) {
        Some(beside) => {
            let Interval { low, estimate, high } = beside.incremental;
            figures.extend([
                ("incremental_gmv", rounded(of, estimate)),
                ("incremental_gmv_low", rounded(of, low)),
                ("incremental_gmv_high", rounded(of, high)),
                ("incremental_roi", share(estimate.round() as i64, of.cost())),
                ("last_click_gmv", of.money(*last_click)),
                ("last_click_overstates_by", rounded(of, beside.overstated.estimate)),
                ("last_click_overstates_by_low", rounded(of, beside.overstated.low)),
                ("last_click_overstates_by_high", rounded(of, beside.overstated.high)),
            ]);
        }
        None => figures.push((
            "lift_warning",
            "too few bought for an interval of what they spent: hold out more, or wait longer".into(),
        )),
    }
    if *uneven {
        figures.push((
            "groups_warning",
            "the groups' sizes are not as planned: the campaign brings visitors itself, and those held out are not like \
             the others"
                .into(),
        ));
    }
    figures
}
