//! Placing an order: what is said is checked, order-level amounts are spread over the lines, for ever.

use super::commands::{Place, PlaceLine};
use super::decide::{Decision, refuse};
use super::events::{OrderLine, OrderPlaced, Subsidy};
use super::state::Order;
use crate::decider::not_negative;
use crate::merchant::events::FeeScheduleAgreed;
use crate::time::SECOND;
use crate::{Context, Currency, Money, Rate, Rejection, allocate};

/// Most lines of an order.
pub const MAX_LINES: usize = 500;
/// Most campaigns that add to one order.
pub const MAX_SUBSIDIES: usize = 20;

impl Order {
    pub(super) fn place(&self, ask: &Place, context: &Context<'_>) -> Decision {
        if self.placed() {
            return refuse("order_already_placed", "this order id is taken: use a new one");
        }
        let schedule = schedule(context)?;
        let currency = ask.shipping.currency;
        check_amounts(ask, currency)?;
        let goods = ask.lines.iter().map(goods).collect::<Result<Vec<_>, _>>()?;
        let shipping = shares("shipping", ask.shipping, ask, &goods, |l| l.shipping)?;
        let tax_total = ask.tax.as_ref().map_or(Money::zero(currency), |t| t.amount);
        let tax = shares("tax", tax_total, ask, &goods, |l| l.tax)?;
        let mut totals = Vec::with_capacity(goods.len());
        let mut total = Money::zero(currency);
        for ((g, s), t) in goods.iter().zip(&shipping).zip(&tax) {
            let line = g.add(*s)?.add(*t)?;
            total = total.add(line)?;
            totals.push(line.minor);
        }
        let subsidies = subsidy_shares(ask, &totals, currency)?;
        let subsidised = ask.subsidies.iter().try_fold(Money::zero(currency), |sum, s| sum.add(s.amount))?;
        let mut lines = Vec::with_capacity(ask.lines.len());
        for (at, (line, subsidies)) in ask.lines.iter().zip(subsidies).enumerate() {
            lines.push(OrderLine {
                line: line.line,
                product: line.product,
                category: line.category,
                quantity: line.quantity,
                unit_price: line.unit_price,
                discount: line.discount,
                commission_rate: commission_rate(line, schedule, context)?,
                shipping: shipping[at],
                tax: tax[at],
                subsidies,
                list_price: line.list_price,
            });
        }
        let hours = i64::from(context.policy.checkout_expires_hours);
        let expires = context.occurred_at.plus(hours * 3_600 * SECOND);
        let placed = OrderPlaced {
            checkout: ask.checkout,
            buyer: ask.buyer,
            merchant: ask.merchant,
            lines,
            shipping: ask.shipping,
            subsidies: ask.subsidies.clone(),
            buyer_pays: total.sub(subsidised)?,
            total,
            fee_schedule_version: schedule.map_or(0, |s| s.version),
            sales_channel: ask.sales_channel,
            tax: ask.tax.clone(),
            vat_on_fees: vat_on_fees(ask, schedule, context)?,
            promise: ask.promise.clone(),
            visitor: ask.visitor,
            campaign: ask.campaign,
            coupon: ask.coupon,
            quote: ask.quote,
            group: ask.group,
            agent: ask.agent,
            funding_due: ask.funding_due.or((!context.import).then_some(expires)),
        };
        Ok(vec![placed.into()])
    }
}

/// The merchant's fee schedule; an import may do without, and without an open store.
fn schedule<'c>(context: &Context<'c>) -> Result<Option<&'c FeeScheduleAgreed>, Rejection> {
    let merchant = context.facts.merchant.as_ref();
    let schedule = merchant.and_then(|m| m.schedule.as_ref());
    if context.import {
        return Ok(schedule);
    }
    match merchant {
        None => {
            refuse("merchant_unknown", "there is no such merchant: one applies and opens its store first")
        }
        Some(m) if !m.open => refuse("merchant_not_open", "the merchant's store is not open for sale"),
        Some(_) if schedule.is_none() => {
            refuse("no_fee_schedule", "no fee schedule is in force: agree one with the merchant first")
        }
        Some(_) => Ok(schedule),
    }
}

fn check_amounts(ask: &Place, currency: Currency) -> Result<(), Rejection> {
    if ask.lines.is_empty() || ask.lines.len() > MAX_LINES {
        let count = ask.lines.len();
        return refuse(
            "lines_count",
            format!("lines has {count} entries: an order has 1 to {MAX_LINES} lines"),
        );
    }
    let same = |field: &str, amount: Money| {
        if amount.currency == currency {
            return Ok(());
        }
        let found = amount.currency;
        refuse(
            "currency_mismatch",
            format!("{field} is in {found}, shipping in {currency}: use one currency"),
        )
    };
    not_negative("shipping", ask.shipping)?;
    if let Some(tax) = &ask.tax {
        same("tax", tax.amount)?;
        not_negative("tax", tax.amount)?;
    }
    for (nth, line) in ask.lines.iter().enumerate() {
        let id = line.line;
        if ask.lines[..nth].iter().any(|l| l.line == id) {
            return refuse("line_twice", format!("lines names line {id} twice: give each line its own id"));
        }
        if line.quantity == 0 {
            return refuse("quantity_zero", format!("lines[{id}].quantity is 0: it must be above zero"));
        }
        same("unit_price", line.unit_price)?;
        same("discount", line.discount)?;
        not_negative("unit_price", line.unit_price)?;
        not_negative("discount", line.discount)?;
        for (field, share) in
            [("shipping", line.shipping), ("tax", line.tax), ("list_price", line.list_price)]
        {
            let Some(share) = share else { continue };
            same(field, share)?;
            not_negative(field, share)?;
        }
    }
    let of_lines = ask.lines.iter().flat_map(|l| l.subsidies.iter().flatten());
    for subsidy in ask.subsidies.iter().chain(of_lines) {
        same("subsidies", subsidy.amount)?;
        not_negative("subsidies", subsidy.amount)?;
    }
    if ask.subsidies.len() > MAX_SUBSIDIES {
        return refuse("subsidies_count", format!("subsidies names more than {MAX_SUBSIDIES} campaigns"));
    }
    for (nth, subsidy) in ask.subsidies.iter().enumerate() {
        if ask.subsidies[..nth].iter().any(|s| s.campaign == subsidy.campaign) {
            let campaign = subsidy.campaign;
            return refuse(
                "campaign_twice",
                format!("subsidies names campaign {campaign} twice: add them up"),
            );
        }
    }
    Ok(())
}

fn goods(line: &PlaceLine) -> Result<Money, Rejection> {
    let goods = line.unit_price.times(line.quantity)?.sub(line.discount)?;
    if goods.minor < 0 {
        let id = line.line;
        return refuse("discount_above_price", format!("lines[{id}].discount is more than the goods cost"));
    }
    Ok(goods)
}

/// An order-level amount by line: as given, or spread by goods, by pieces where all goods are free.
fn shares(
    field: &'static str,
    total: Money,
    ask: &Place,
    goods: &[Money],
    given: impl Fn(&PlaceLine) -> Option<Money>,
) -> Result<Vec<Money>, Rejection> {
    let stated: Vec<_> = ask.lines.iter().filter_map(&given).collect();
    if stated.is_empty() {
        let mut weights: Vec<_> = goods.iter().map(|g| g.minor).collect();
        if weights.iter().all(|w| *w == 0) {
            weights = ask.lines.iter().map(|l| i64::from(l.quantity)).collect();
        }
        let parts = allocate(total.minor, &weights)?;
        return Ok(parts.into_iter().map(|p| Money::new(p, total.currency)).collect());
    }
    if stated.len() != ask.lines.len() {
        return refuse(
            "shares_incomplete",
            format!("{field} is given for some lines: give it for all or none"),
        );
    }
    let sum = stated.iter().try_fold(Money::zero(total.currency), |sum, s| sum.add(*s))?;
    if sum != total {
        return refuse("shares_do_not_sum", format!("{field} of the lines is {sum}, of the order {total}"));
    }
    Ok(stated)
}

/// Each campaign's share of each line: never more of a line than the line is worth.
fn subsidy_shares(ask: &Place, totals: &[i64], currency: Currency) -> Result<Vec<Vec<Subsidy>>, Rejection> {
    let stated = ask.lines.iter().filter(|l| l.subsidies.is_some()).count();
    if stated > 0 {
        return stated_subsidies(ask, totals, currency);
    }
    let mut left = totals.to_vec();
    let mut shares = vec![Vec::new(); totals.len()];
    for subsidy in &ask.subsidies {
        if i128::from(subsidy.amount.minor) > left.iter().map(|l| i128::from(*l)).sum() {
            return refuse("subsidies_above_total", "subsidies are more than the order costs");
        }
        for (at, part) in allocate(subsidy.amount.minor, &left)?.into_iter().enumerate() {
            left[at] -= part;
            if part > 0 {
                shares[at].push(Subsidy { campaign: subsidy.campaign, amount: Money::new(part, currency) });
            }
        }
    }
    Ok(shares)
}

fn stated_subsidies(ask: &Place, totals: &[i64], currency: Currency) -> Result<Vec<Vec<Subsidy>>, Rejection> {
    let mut shares = Vec::with_capacity(totals.len());
    for (line, total) in ask.lines.iter().zip(totals) {
        let Some(of_line) = &line.subsidies else {
            return refuse("shares_incomplete", "subsidies is given for some lines: give it for all or none");
        };
        let sum = of_line.iter().try_fold(Money::zero(currency), |sum, s| sum.add(s.amount))?;
        if sum.minor > *total {
            let id = line.line;
            return refuse("subsidies_above_total", format!("lines[{id}].subsidies is more than it costs"));
        }
        shares.push(of_line.clone());
    }
    let known = |s: &Subsidy| ask.subsidies.iter().any(|o| o.campaign == s.campaign);
    if let Some(stray) = shares.iter().flatten().find(|s| !known(s)) {
        let campaign = stray.campaign;
        return refuse(
            "shares_do_not_sum",
            format!("subsidies of the order does not name campaign {campaign}"),
        );
    }
    for subsidy in &ask.subsidies {
        let of_lines = shares.iter().flatten().filter(|s| s.campaign == subsidy.campaign);
        let sum = of_lines.map(|s| s.amount).try_fold(Money::zero(currency), Money::add)?;
        if sum != subsidy.amount {
            let (campaign, total) = (subsidy.campaign, subsidy.amount);
            let message = format!("subsidies of campaign {campaign}: the lines say {sum}, the order {total}");
            return refuse("shares_do_not_sum", message);
        }
    }
    Ok(shares)
}

fn commission_rate(
    line: &PlaceLine,
    schedule: Option<&FeeScheduleAgreed>,
    context: &Context<'_>,
) -> Result<Rate, Rejection> {
    let id = line.line;
    let of_category = |s: &FeeScheduleAgreed| {
        let own = s.categories.iter().find(|c| c.category == line.category);
        own.map_or(s.default_commission, |c| c.rate)
    };
    let rate = match (line.commission_rate, schedule) {
        (Some(_), _) if !context.import => {
            return refuse(
                "rate_not_yours",
                format!("lines[{id}].commission_rate: the fee schedule says it"),
            );
        }
        (Some(rate), _) => rate,
        (None, Some(schedule)) => of_category(schedule),
        (None, None) => {
            return refuse("rate_missing", format!("lines[{id}].commission_rate: there is no fee schedule"));
        }
    };
    rate_between(rate, "commission_rate")
}

fn vat_on_fees(
    ask: &Place,
    schedule: Option<&FeeScheduleAgreed>,
    context: &Context<'_>,
) -> Result<Option<Rate>, Rejection> {
    if ask.vat_on_fees.is_some() && !context.import {
        return refuse("rate_not_yours", "vat_on_fees: the merchant's fee schedule says it, leave it out");
    }
    let rate = ask.vat_on_fees.or(schedule.and_then(|s| s.vat_on_fees));
    rate.map(|r| rate_between(r, "vat_on_fees")).transpose()
}

fn rate_between(rate: Rate, field: &'static str) -> Result<Rate, Rejection> {
    if rate >= Rate::ZERO && rate <= Rate::ONE {
        return Ok(rate);
    }
    refuse("rate_out_of_range", format!("{field} is {rate}: a rate lies between 0 and 1, never in percent"))
}
