//! What each figure of a market's pack is: the one place of its words.

use crate::definitions::Unit::{Count, Money, MoneyEstimate, Ratio, RatioEstimate, Text};
use crate::definitions::{DEFINITIONS, Definition, def};

/// The version of the definitions and of the function that follows them.
pub const MARKET_DEFINITIONS_VERSION: u32 = 2;

/// What a merchant's pack says in the same words.
const SHARED: [&str; 2] = ["month", "rank"];

/// Every figure and column of a market's pack.
#[must_use]
pub fn market_definitions() -> Vec<Definition> {
    let shared = DEFINITIONS.iter().filter(|definition| SHARED.contains(&definition.id));
    shared.chain(OF_MARKET).copied().collect()
}

/// Those of a market's pack alone. "Within" is within the days of the pack or of the month.
#[rustfmt::skip]
pub const OF_MARKET: &[Definition] = &[
    // sales
    def("market.orders.placed", Count, "Orders placed", "Sum of `placed` of sales.csv within."),
    def("market.orders.paid", Count, "Orders paid", "Sum of `paid_orders` of sales.csv within: orders whose payment was complete."),
    def("market.buyers", Count, "Buyers", "Distinct buyers of orders paid. Of a month: sum of `buyers` of buyers.csv over the cohorts; of the pack's days: sum of `first_here`. Months do not add up."),
    def("market.buyers.new", Count, "New buyers", "Of the buyers, those whose cohort is within: they had never paid anybody here before in this currency."),
    def("market.gmv", Money, "GMV", "Sum of `paid` of sales.csv within: what buyers' own payments brought, shipping and tax in, before refunds, counted when an order's payment was complete. What the market added is not in it."),
    def("market.subsidised", Money, "Added by the market", "Sum of `subsidy` and `shortfall` of sales.csv within: what the market added to these orders."),
    def("market.refunds", Money, "Refunds", "Sum of `refunded` of sales.csv within, by the refund's own date, lost chargebacks in it, whoever bore them."),
    def("market.net_gmv", Money, "Net GMV", "GMV - refunds."),
    def("market.unit_price", Money, "Unit price", "GMV / buyers."),
    def("market.order_average", Money, "Average order", "GMV / orders paid."),
    // traffic
    def("market.uv", Count, "Visitors (UV)", "Distinct visitors recorded: `visitors` of the row of traffic.csv that is recorded and of all channels. Months do not add up."),
    def("market.uv.new", Count, "New visitors", "Of them, those never seen before."),
    def("market.visits", Count, "Visits", "Visits that began, likewise."),
    def("market.views", Count, "Page views", "Pages shown, likewise."),
    def("market.tracked.buyers", Count, "Buyers after a visit", "Distinct buyers of orders that a recorded visit led to: the last visit in the 30 days before the order. Orders that were paid more than 60 days after they were placed count as without a visit."),
    def("market.tracked.conversion", Ratio, "Conversion", "Buyers after a visit / visitors. Where there are visitors, GMV after a visit = visitors x conversion x unit price after a visit, exactly, before rounding. An order stands in the month of its payment and its visit in its own, so that a month may have buyers of visits in the one before."),
    def("market.tracked.unit_price", Money, "Unit price after a visit", "GMV after a visit / buyers after a visit."),
    def("market.tracked.gmv", Money, "GMV after a visit", "`paid` of the same row."),
    def("market.reported.uv", Count, "Visitors as channels report", "What sales channels say of their own visitors; none where they are not known of all days together."),
    def("market.reported.gmv", Money, "GMV where channels report", "`paid` of the row of traffic.csv that is reported: what was sold in sales channels on days of which they reported their visitors and had none recorded here, without what a recorded visit led to."),
    def("market.untracked.gmv", Money, "GMV without a visit", "GMV - GMV after a visit - GMV where channels report: no visit is known to have led to it."),
    def("market.tracked.share", Ratio, "Measured share", "(GMV after a visit + GMV where channels report) / GMV."),
    def("market.channel", Text, "Channel", "How the visitor came."),
    def("market.channel.share", Ratio, "Share", "Its part of the GMV after a visit."),
    // merchants
    def("market.merchants", Count, "Merchants at the end", "Merchants that had opened and not left by the end."),
    def("market.merchants.active", Count, "Active merchants", "Merchants with an order paid within."),
    def("market.merchants.opened", Count, "Merchants opened", "Merchants whose `opened` is within."),
    def("market.merchants.new", Count, "Merchants' first sales", "Merchants whose `first_sale` is within."),
    def("market.merchants.left", Count, "Merchants left", "Merchants whose `left` is within: of those that had opened."),
    def("market.merchants.kept", Ratio, "Merchants kept", "Of the merchants active in the month before, those active in this one, too, where both months are full. Over the pack: of all such pairs of months."),
    def("market.merchant", Count, "Merchant", "Its number within the pack."),
    // take
    def("market.take.commission", Money, "Commission", "Less the change of Income:Commission in books.csv within: charged less given back, without VAT."),
    def("market.take.fees", Money, "Fees", "Likewise of Income:PlatformFee, Advertising and FeeWaived."),
    def("market.take.other", Money, "Other income", "Likewise of every other Income account: penalties, interest of instalments, differences, exchange."),
    def("market.take", Money, "Income", "The three together: the market's own revenue, before what it bore."),
    def("market.take.rate", Ratio, "Take rate", "Income / GMV."),
    def("market.cost.subsidies", Money, "Subsidies borne", "The change of Expenses:Subsidy and Points within: what the market added for campaigns and points, less what came back."),
    def("market.cost.providers", Money, "Providers and banks", "Likewise of Expenses:ProviderFee and BankFee."),
    def("market.cost.promotion", Money, "Promotion", "Likewise of Expenses:Advertising and Affiliate."),
    def("market.cost.claims", Money, "Goodwill and losses", "Likewise of Expenses:Goodwill, ChargebackLoss, ReturnFreight and PaymentDifference."),
    def("market.cost.other", Money, "Other cost", "Likewise of every other Expenses account. What is not booked here (staff, rent) is in none."),
    def("market.contribution", Money, "Contribution", "Income - all cost that is booked here: no profit, for what the market spends elsewhere is not in these books."),
    // what is owed and held
    def("market.owed.merchants", Money, "Owed to merchants", "`merchants` of owed.csv at the end: over merchants that are owed something, their balances and deposits together. As `daybook liabilities` states it."),
    def("market.owed.receivable", Money, "Owed to the market", "`receivable` of owed.csv at the end, over merchants that owe the market; and what of the accounts of buyers stands on the other side. Not netted with the others."),
    def("market.owed.deposits", Money, "Merchants' deposits", "`deposits` of owed.csv at the end. They are in what merchants are owed."),
    def("market.owed.buyers", Money, "Kept for buyers", "Liabilities:Checkout, Escrow, Refunds and StoredValue in books.csv at the end, each where it is above zero: paid and not yet anybody's, or to go back."),
    def("market.owed", Money, "Owed to clients", "Owed to merchants (deposits in it) + kept for buyers."),
    def("market.held", Money, "Held for clients", "Assets:Provider, Bank and ChargebackHeld at the end, by the books: what providers and banks hold. What a bank has is for it to say."),
    def("market.held.own", Money, "Own funds in it", "Held - owed to clients."),
    def("market.held.cover", Ratio, "Cover", "Held / owed to clients. Below 1 the market has less than it owes."),
    // cases
    def("market.disputes.opened", Count, "Disputes opened", "`opened` of cases.csv of kind dispute, within. One over several orders counts for each of them."),
    def("market.disputes.opened_amount", Money, "Claimed in disputes", "`claimed`, likewise."),
    def("market.disputes.for_buyer", Count, "Won by buyers", "Disputes closed within that went for the buyer, by the last ruling."),
    def("market.disputes.for_merchant", Count, "Won by merchants", "Likewise for the merchant, withdrawn ones of buyers among them."),
    def("market.disputes.split", Count, "Split", "Likewise for both in parts."),
    def("market.disputes.open", Count, "Disputes open", "Opened less closed, to the end."),
    def("market.disputes.open_amount", Money, "Claimed in open disputes", "`claimed` less `closed_claims`, to the end."),
    def("market.disputes.rate", Ratio, "Dispute rate", "Disputes and chargebacks opened / orders paid."),
    def("market.chargebacks.opened", Count, "Chargebacks opened", "As disputes, of kind chargeback. One that a bank asks for again after it lost is one, opened when it first came."),
    def("market.chargebacks.opened_amount", Money, "Claimed in chargebacks", "Likewise."),
    def("market.chargebacks.won", Count, "Chargebacks won", "Closed within and not for the buyer."),
    def("market.chargebacks.lost", Count, "Chargebacks lost", "Closed within for the buyer."),
    def("market.chargebacks.lost_amount", Money, "Lost in chargebacks", "`lost`: what banks kept of them, of orders."),
    def("market.chargebacks.open", Count, "Chargebacks open", "Opened less closed, to the end."),
    def("market.chargebacks.open_amount", Money, "Claimed in open chargebacks", "Likewise of the claims."),
    def("market.refunds.rate", Ratio, "Refunded share of GMV", "Sum of `refunded_of_orders` of sales.csv / GMV: of the orders paid within, what went back by the last day."),
    // retention
    def("market.cohort", Text, "First month", "Buyers: the month in which they first paid anybody here in this currency. Merchants: that of their first sale in it. Those of before the pack have no row."),
    def("market.cohort.size", Count, "Of it", "How many first came in that month."),
    def("market.cohort.after_1", Ratio, "1 month on", "Of them, those who bought (or sold) in the month that many after their first. Given where that month is a full one of the pack."),
    def("market.cohort.after_2", Ratio, "2 months on", "Likewise."),
    def("market.cohort.after_3", Ratio, "3 months on", "Likewise."),
    def("market.cohort.after_6", Ratio, "6 months on", "Likewise."),
    def("market.cohort.after_12", Ratio, "12 months on", "Likewise."),
    def("market.cohort.after_18", Ratio, "18 months on", "Likewise."),
    def("market.retention.buyers_1", Ratio, "Buyers back after 1 month", "Over all cohorts of the pack of which that month is a full one of it: those who bought in it / all of them."),
    def("market.retention.buyers_3", Ratio, "Buyers back after 3 months", "Likewise."),
    def("market.retention.buyers_12", Ratio, "Buyers back after 12 months", "Likewise."),
    def("market.retention.merchants_1", Ratio, "Merchants selling after 1 month", "Likewise of merchants."),
    def("market.retention.merchants_3", Ratio, "Merchants selling after 3 months", "Likewise."),
    def("market.retention.merchants_12", Ratio, "Merchants selling after 12 months", "Likewise."),
    def("market.retention.known_gmv", Ratio, "GMV of known buyers", "GMV of buyers in other months than their first / GMV."),
    // concentration
    def("market.merchant.gmv_share", Ratio, "Share", "Its part of the GMV."),
    def("market.concentration.hhi", Ratio, "HHI of merchants", "Sum of the squares of merchants' shares of GMV, to six places; 1 is one merchant alone."),
    def("market.concentration.top_1", Ratio, "Largest merchant", "Share of the merchant with the most GMV."),
    def("market.concentration.top_10", Ratio, "Ten largest merchants", "Share of the ten with the most."),
    def("market.concentration.top_100", Ratio, "Hundred largest merchants", "Share of the hundred with the most."),
    // course
    def("market.measured.from", Text, "Measured from", "The pack's first day, or `began` of market.json where that is later: the day on which the market opened, or on which something was first sold or booked. Days, weeks and full months are counted from there."),
    def("market.growth.year", Ratio, "Growth of the year", "Net GMV of the last 12 full months / that of the 12 before - 1; given where 24 are measured."),
    def("market.growth.quarter", Ratio, "Growth of the quarter", "Net GMV of the last 3 full months / that of the 3 before - 1; given where 6 are measured."),
    def("market.trend.slope", MoneyEstimate, "Trend per month", "Slope of the least-squares line through the net GMV of full months. Estimate."),
    def("market.trend.low", MoneyEstimate, "Trend, low", "Lower end of its 95 % interval (Student's t). Estimate: months are taken as independent, which seasons are not."),
    def("market.trend.high", MoneyEstimate, "Trend, high", "Upper end."),
    def("market.volatility.weekly", RatioEstimate, "Weekly variation", "Standard deviation / mean of the net GMV of full weeks (Monday to Sunday), by days.csv. Estimate."),
    def("market.volatility.drawdown", Ratio, "Largest fall", "Largest fall of the net GMV of four full weeks in a row below the highest before it, as a share of that."),
    def("market.days.zero", Count, "Days without sale", "Days that are measured without an order paid."),
    // share
    def("market.size", Money, "Stated market size", "`amount` of market-size.csv: what is said to have been sold in the whole that this market is a part of. Of the pack: of the months that are full."),
    def("market.size.share", Ratio, "Claimed share", "GMV / stated market size, of full months. The market's own claim: it rests on the source that is named, which no log proves."),
    def("market.size.source", Text, "Source of the size", "Who states the size, as the market named it."),
];
