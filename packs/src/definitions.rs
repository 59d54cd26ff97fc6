//! What each figure is: the one place of its words.

use serde::Serialize;

use crate::market::OF_MARKET;

/// The version of the definitions and of the function that follows them.
pub const DEFINITIONS_VERSION: u32 = 3;

/// What a figure is counted in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// An amount in the pack's currency, exact.
    Money,
    /// A count.
    Count,
    /// A fraction of exact counts or amounts, four decimals, half to even.
    Ratio,
    /// Days, one decimal.
    Days,
    /// A text: a month, a name.
    Text,
    /// An amount that is an estimate.
    MoneyEstimate,
    /// A ratio that is an estimate.
    RatioEstimate,
}

/// What a figure is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Definition {
    /// Its id.
    pub id: &'static str,
    /// What it is counted in.
    pub unit: Unit,
    /// Its name.
    pub title: &'static str,
    /// What it is, in terms of the pack's lines.
    pub means: &'static str,
}

pub(crate) const fn def(
    id: &'static str,
    unit: Unit,
    title: &'static str,
    means: &'static str,
) -> Definition {
    Definition { id, unit, title, means }
}

use Unit::{Count, Days, Money, MoneyEstimate, Ratio, RatioEstimate, Text};

/// Every figure and column. "Within" is within the days of the pack or of the month, business days of the market's zone.
#[rustfmt::skip]
pub const DEFINITIONS: &[Definition] = &[
    def("month", Text, "Month", "Calendar month; the first and the last hold only the pack's days."),
    def("measured.from", Text, "Measured from", "The first day that is measured: the later of the pack's first day and the day on which the merchant opened its store or first was paid (subject's `began`, standing's store_opened and first_sale). Full weeks and months, days without sale and mean balances begin there."),
    def("measured.days", Count, "Days measured", "From there to the last day."),
    // sales
    def("orders.placed", Count, "Orders placed", "Orders with placed_at within."),
    def("orders.paid", Count, "Orders paid", "Orders with paid_at within."),
    def("orders.cancelled", Count, "Orders cancelled", "Orders with cancelled_at within: every piece was cancelled."),
    def("buyers", Count, "Buyers", "Distinct buyers of orders paid within. Months do not add up."),
    def("buyers.new", Count, "New buyers", "Of the buyers, those whose buyer_since is within: they had never paid this merchant before."),
    def("turnover.buyer_paid", Money, "Turnover paid by buyers (gross GMV)", "Sum of `paid` over orders paid within: what buyers' own payments brought, shipping and tax in, before refunds. What the market added is not in it."),
    def("turnover.subsidised", Money, "Subsidies of the market", "Sum of `subsidy` over orders paid within: what the market added for campaigns. Not demand at full price."),
    def("turnover.shortfall", Money, "Shortfalls borne by the market", "Sum of `shortfall` over orders paid within: what the market added because less was paid than was due."),
    def("turnover.worth", Money, "Order value", "Paid by buyers + subsidies + shortfalls: what the merchant's orders were credited."),
    def("unit_price", Money, "Unit price", "Turnover paid by buyers / buyers."),
    def("order_average", Money, "Average order", "Turnover paid by buyers / orders paid."),
    def("refunds.by_refund", Money, "Refunds, by the refund's date", "Sum of to_buyer over refunds dated within, lost chargebacks included, whoever bore them."),
    def("refunds.by_order", Money, "Refunds, by the order's date", "Sum of to_buyer over all refunds of orders paid within, as far as they came by the pack's last day."),
    def("turnover.net", Money, "Net turnover (net GMV)", "Turnover paid by buyers - refunds by the refund's date."),
    def("turnover.net_of_orders", Money, "Net turnover of the orders", "Turnover paid by buyers - refunds by the order's date."),
    // disputes
    def("disputes.opened", Count, "Disputes opened", "Disputes with opened_at within."),
    def("disputes.opened_amount", Money, "Claimed in disputes", "Sum of their claims."),
    def("disputes.won", Count, "Disputes won", "Disputes decided within for the merchant: the ruling stands, or was reversed for it."),
    def("disputes.won_amount", Money, "Claims won", "Sum of their claims."),
    def("disputes.lost", Count, "Disputes lost", "Disputes decided within for the buyer; decided is what can no longer be appealed."),
    def("disputes.split", Count, "Disputes split", "Disputes decided within for both."),
    def("disputes.withdrawn", Count, "Disputes withdrawn", "Disputes taken back within by the side that opened them, whatever was paid before: neither won nor lost."),
    def("disputes.lost_amount", Money, "Lost in disputes", "Sum of `refund` of disputes lost and split within: what went to buyers by the rulings, without the market's subsidies."),
    def("chargebacks.opened", Count, "Chargebacks opened", "Claims of buyers' banks with opened_at within."),
    def("chargebacks.opened_amount", Money, "Claimed in chargebacks", "Sum of their claims."),
    def("chargebacks.won", Count, "Chargebacks won", "Claims of banks decided within for the merchant."),
    def("chargebacks.won_amount", Money, "Chargebacks won, amount", "Sum of their claims."),
    def("chargebacks.lost", Count, "Chargebacks lost", "Claims of banks decided within for the buyer."),
    def("chargebacks.lost_amount", Money, "Lost in chargebacks", "Sum of what banks kept of them."),
    // account
    def("account.released", Money, "Released to the merchant", "Sum of `pending` of movements about release, booked within."),
    def("account.commission", Money, "Commission", "Less the sum of `pending` of movements about commission: charged less given back, VAT on it included."),
    def("account.fees", Money, "Fees", "Likewise of fees and advertising, waived ones taken off, VAT included."),
    def("account.penalties", Money, "Penalties", "Likewise of penalties."),
    def("account.refunds", Money, "Refunds borne", "Likewise of refunds and chargebacks after release."),
    def("account.rulings_reversed", Money, "Rulings reversed", "Sum of `pending` of movements about rulings that were reversed: the market gave back what they had cost."),
    def("account.from_deposit", Money, "Made good from the deposit", "Sum of `pending` of movements about the deposit: a debt that the deposit paid. No income."),
    def("account.other", Money, "Rewards and adjustments", "Sum of `pending` of every other movement that is not a settlement's own."),
    def("account.deposit_deducted", Money, "Borne by the deposit", "Less the sum of deposit and frozen of DepositDeducted that did not come to the account: refunds and penalties that the deposit bore, beside those in the account."),
    def("account.settled", Money, "Settled", "Less the sum of `pending` of settlements: what went from pending to available and reserve, less what debts took back."),
    def("account.converted", Money, "Converted", "Less the sum of in_transit of payouts converted to another currency, booked within. It is paid out when the bank confirms it, and is the merchant's in that currency where the bank refuses it."),
    def("account.paid_out", Money, "Paid out", "Of payouts confirmed, less the sum of in_transit, or `converted` where they had been converted; less `available`, or `converted`, of returned ones; booked within. Of a payout that left this currency before the first day nothing is counted."),
    def("closing.pending", Money, "Pending at the end", "Sum of `pending` over all movements booked to the end, the opening row included."),
    def("closing.available", Money, "Available at the end", "Likewise of `available`."),
    def("closing.held", Money, "Held at the end", "Likewise of `held`."),
    def("closing.reserve", Money, "Reserve at the end", "Likewise of `reserve`."),
    def("closing.in_transit", Money, "In transit at the end", "Likewise of `in_transit`."),
    def("closing.balance", Money, "Balance at the end", "Pending + available + held + reserve + in transit: what the market owes the merchant."),
    def("closing.deposit", Money, "Deposit at the end", "Sum of deposit and frozen over all movements to the end."),
    def("days.active", Count, "Active days", "Days with an order paid."),
    def("days.zero", Count, "Days without sale", "Days measured less active days."),
    // contingent
    def("contingent.disputes", Count, "Open disputes", "Disputes opened and not decided by the last day, those ruled and open to appeal among them."),
    def("contingent.disputes_amount", Money, "Claimed in open disputes", "Sum of their claims: contingent, the merchant may come to owe it."),
    def("contingent.chargebacks", Count, "Open chargebacks", "Claims of banks opened and not decided by the last day."),
    def("contingent.chargebacks_amount", Money, "Claimed in open chargebacks", "Sum of their claims: contingent."),
    def("contingent.amount", Money, "Contingent in all", "Both together."),
    def("contingent.share", Ratio, "Contingent / monthly net turnover", "Contingent in all / (net turnover / days measured x 30.4375)."),
    // ratios
    def("rate.subsidised", Ratio, "Subsidised share", "(Subsidies + shortfalls) / order value."),
    def("rate.refund", Ratio, "Refund rate", "Orders paid within with any refund by the last day / orders paid within."),
    def("rate.refund_amount", Ratio, "Refunded share of turnover", "Refunds by the order's date / turnover paid by buyers."),
    def("rate.return", Ratio, "Return rate", "Orders paid within and delivered, with `returned` / orders paid within and delivered."),
    def("rate.dispute", Ratio, "Dispute rate", "Orders paid within with a dispute or chargeback / orders paid within."),
    def("rate.cancellation", Ratio, "Cancellation rate", "Orders placed within and cancelled by the last day / orders placed within."),
    def("rate.shipped_on_time", Ratio, "Shipped on time", "Orders paid within whose shipped_all_at is on a day not after that of ship_by / orders paid within and promised that were shipped whole or were due before the last day. Not due: cancelled by the day of ship_by."),
    def("rate.delivered_on_time", Ratio, "Delivered on time", "Likewise of delivered_at and deliver_by: what was due and has not come is late."),
    def("rate.positive", Ratio, "Positive rate", "reviews_good / reviews over orders paid within."),
    def("rate.repeat_buyers", Ratio, "Repeat buyers", "Buyers with two or more orders paid within / buyers."),
    def("rate.new_buyers", Ratio, "New buyers' share", "New buyers / buyers."),
    def("rate.commission", Ratio, "Commission / released", "Commission / released to the merchant."),
    // concentration
    def("rank", Count, "Rank", "By turnover paid by buyers, then by name."),
    def("buyer", Text, "Buyer", "The buyer's number within the pack."),
    def("product", Text, "Product", "The product's id."),
    def("category", Text, "Category", "The category's name."),
    def("sales_channel", Text, "Sales channel", "Where it was sold."),
    def("lines.paid", Count, "Lines paid", "Lines of orders paid within."),
    def("turnover.share", Ratio, "Share", "Its part of the turnover paid by buyers."),
    def("concentration.buyers_hhi", Ratio, "HHI of buyers", "Sum of the squares of buyers' shares of turnover paid by buyers; 1 is one buyer alone."),
    def("concentration.products_hhi", Ratio, "HHI of products", "Likewise of products, by items' `paid`."),
    def("concentration.categories_hhi", Ratio, "HHI of categories", "Likewise of categories."),
    def("concentration.channels_hhi", Ratio, "HHI of sales channels", "Likewise of sales channels."),
    def("concentration.top_buyer", Ratio, "Largest buyer", "Share of the buyer with the largest turnover."),
    def("concentration.top_buyers", Ratio, "Ten largest buyers", "Share of the ten largest."),
    def("concentration.top_product", Ratio, "Largest product", "Share of the product with the largest turnover."),
    def("concentration.top_products", Ratio, "Ten largest products", "Share of the ten largest."),
    // course
    def("calendar_month", Text, "Month of the year", "January to December."),
    def("seasonality.index", Ratio, "Season", "Mean net turnover of the full months of this name / mean of all full months. Given where there are twelve full months or more, and this name's came to no less than nothing."),
    def("weekday", Text, "Weekday", "Monday to Sunday."),
    def("seasonality.weekday_share", Ratio, "Share of the week", "Turnover paid by buyers on that weekday / all."),
    def("growth.year", Ratio, "Growth of the year", "Net turnover of the last 12 full months / that of the 12 before - 1; given where there are 24, the months before came to more than nothing, and the last to no less."),
    def("growth.quarter", Ratio, "Growth of the quarter", "Likewise of 3 full months and the 3 before; given where there are 6."),
    def("trend.slope", MoneyEstimate, "Trend per month", "Slope of the least-squares line through the net turnover of full months. Estimate."),
    def("trend.low", MoneyEstimate, "Trend, low", "Lower end of its 95 % interval (Student's t). Estimate: months are taken as independent, which seasons are not."),
    def("trend.high", MoneyEstimate, "Trend, high", "Upper end."),
    def("trend.relative", RatioEstimate, "Trend / mean month", "Slope / mean net turnover of full months. Estimate."),
    def("volatility.weekly", RatioEstimate, "Weekly variation", "Standard deviation / mean of the net turnover of full weeks (Monday to Sunday). Estimate."),
    def("volatility.monthly", RatioEstimate, "Monthly variation", "Likewise of full months."),
    def("volatility.drawdown", Ratio, "Largest fall", "Largest fall of the net turnover of four full weeks in a row below the highest before it, as a share of that."),
    def("volatility.low_weeks", Count, "Longest low stretch", "Most full weeks in a row with net turnover under half the median week's; where that is not above zero, under half the mean of the weeks that brought something."),
    // liquidity
    def("liquidity.min", Money, "Lowest balance", "Lowest balance (pending + available + held + reserve + in transit) at the end of a day measured."),
    def("liquidity.mean", Money, "Mean balance", "Mean of the measured days' closing balances."),
    def("liquidity.p5", Money, "5th percentile", "The measured days' closing balance at the nearest rank of 5 %."),
    def("liquidity.negative_days", Count, "Negative days", "Days measured that closed below zero: the merchant owed the market."),
    def("liquidity.deposit_required", Money, "Deposit required", "The last deposit_required of standing."),
    def("liquidity.deposit_cover", Ratio, "Deposit cover", "Deposit at the end / deposit required."),
    def("liquidity.contingent_cover", Ratio, "Contingent cover", "(Pending + available + reserve + deposit at the end) / contingent in all. What is held for a claim and what is in transit covers nothing else."),
    def("orders.unsettled", Count, "Orders not yet available", "Orders paid within of which nothing became available by the last day, and which were neither cancelled nor refunded in full."),
    def("days.to_available", Days, "Paid to available, median", "From paid_at to the settlement that took the order's last release, over orders paid within. Those not yet available count for as long as they have waited (Kaplan and Meier); nothing where more than half of them wait. Estimate."),
    def("days.to_available_p95", Days, "Paid to available, 95 %", "Likewise: after how long 95 % were available. Estimate."),
    def("days.to_paid_out", Days, "Available to paid out, mean", "Mean of the days that what became available within waited until a payout of it was confirmed, by amount; what came first goes first. What was held, or failed, or came back from a bank, has waited all the while."),
    // dependence
    def("dependence.promoted", Ratio, "Share with promotion", "Turnover paid by buyers of orders paid within that are `promoted`, discounted or subsidised / all."),
    def("dependence.discount", Ratio, "Discount depth", "Discounts / (goods + discounts) over orders paid within."),
    def("dependence.paid_traffic", Ratio, "Share by paid traffic", "Turnover paid by buyers of orders paid within whose `traffic` is paid / all: the buyer's last visit that was not direct, within 30 days before the order, came by paid traffic. What no visit is known of counts as not paid for: see how much is known."),
    def("dependence.paid_traffic_orders", Ratio, "Orders by paid traffic", "Likewise of the number of orders."),
    def("dependence.traffic_known", Ratio, "Traffic known", "Turnover paid by buyers of orders paid within that have `traffic` / all."),
    // corroboration
    def("grade", Text, "Grade", "By what speaks for an order besides its payment. From outside: a provider's statement has its payment by reference (statement), an inspection took it over (inspected). Made by buyer or merchant: the buyer's terminal saw the shop (viewed; not where five buyers or more share the terminal), a tracking number (tracked), the buyer confirmed receipt (received), a review (reviewed). A: one from outside, and half or more of the others that any order of its sales channel has. B: one from outside. C: none from outside, half or more of the others. D: less. R: all that was paid went back. Each order's is in grades.csv."),
    def("turnover.kept", Money, "Kept", "Turnover paid by buyers less what went back of it by the last day, order by order, never below nothing."),
    def("turnover.kept_share", Ratio, "Share of what was kept", "Its part of what was kept."),
    def("corroboration.share", Ratio, "Well corroborated", "Kept turnover of grades A and B / all kept turnover: only these have a trace that neither buyer nor merchant made."),
    def("corroboration.statement", Ratio, "On a provider's statement", "Kept turnover of orders with `statement` / all."),
    def("corroboration.inspected", Ratio, "Taken over by inspection", "Likewise with received_by inspection."),
    def("corroboration.viewed", Ratio, "Seen before", "Likewise with views, by a terminal of fewer than five buyers."),
    def("corroboration.tracked", Ratio, "Tracked", "Likewise with tracked above zero: the merchant typed the number."),
    def("corroboration.received", Ratio, "Receipt confirmed", "Likewise with received_by buyer."),
    def("corroboration.reviewed", Ratio, "Reviewed", "Likewise with reviews."),
    // patterns
    def("flags", Count, "Patterns found", "A pattern is a question to ask, and no verdict. The table has the 50 largest by turnover."),
    def("flags.orders", Count, "Orders in patterns", "Orders that any pattern rests on, each once."),
    def("flags.share", Ratio, "Turnover in patterns", "What buyers paid for these orders / turnover paid by buyers."),
    def("flag", Text, "Pattern", "refund_loop: a buyer of three orders or more got back 80 % or more. one_buyer: one of five orders or more is 10 % of turnover or more. same_amount: five orders or more of a buyer over the same amount, five of them within seven days. burst: five or more of a buyer on one day. one_terminal: five buyers or more ordered from one terminal. praised_unseen: orders reviewed well without a view or a tracking number, in sales channels where views are known of others. never_travelled: orders with a tracking number that arrived within an hour of leaving. The last two from five orders and 1 % of turnover on."),
    def("flag.buyer", Text, "Buyer", "The buyer's number within the pack, where it is of one."),
    def("flag.orders", Count, "Orders", "How many it rests on."),
    def("flag.turnover", Money, "Turnover", "What buyers paid for them."),
    def("flag.share", Ratio, "Share", "Its part of the turnover paid by buyers."),
    def("flag.evidence", Text, "Evidence", "The first 20 of these orders, by their ids in orders.csv."),
    // payouts
    def("payouts.requested", Count, "Payouts", "Payouts requested within."),
    def("payouts.requested_amount", Money, "Payouts, amount", "Sum of in_transit of payouts requested within."),
    def("payouts.confirmed", Count, "Payouts confirmed", "Payouts confirmed within, converted ones too where they left this currency within."),
    def("payouts.failed", Count, "Payouts failed", "Payouts that failed within, before they were paid, converted ones likewise."),
    def("payouts.failed_amount", Money, "Payouts failed, amount", "Sum of what they gave back; of converted ones `converted`, which came back in the other currency."),
    def("payouts.returned", Count, "Payouts returned", "Payouts that came back within, after they were paid."),
    def("payouts.returned_amount", Money, "Payouts returned, amount", "Likewise of what came back."),
    def("payouts.residual", Money, "Residual", "Over payouts requested within that were confirmed, failed or converted: what of each was asked for and neither paid, nor given back, nor converted. Nothing is lost where it is zero."),
    // elsewhere
    def("elsewhere.currency", Text, "Currency", "Another currency than the pack's. What stands in these rows is said by the market: its lines are not in the pack."),
    def("elsewhere.paid", Text, "Paid by buyers", "What buyers paid for orders of that currency paid within."),
    def("elsewhere.refunded", Text, "Refunded", "What went back to buyers within."),
    def("elsewhere.disputes", Text, "Open disputes", "Claims of disputes not decided by the last day."),
    def("elsewhere.chargebacks", Text, "Open chargebacks", "Claims of banks not decided by the last day."),
    def("elsewhere.balance", Text, "Balance", "What the market owes the merchant on the last day: below zero the merchant owes it."),
    def("elsewhere.deposit", Text, "Deposit", "The deposit on the last day, frozen or free."),
];

impl Definition {
    /// The definition of an id, of a merchant's pack or of a market's.
    #[must_use]
    pub fn of(id: &str) -> Option<&'static Self> {
        DEFINITIONS.iter().chain(OF_MARKET).find(|definition| definition.id == id)
    }
}
