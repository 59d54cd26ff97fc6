"""Takes figures of sales, recruiting and delivery straight from the Olist CSV files and compares them with Daybook's commands.

Shares no code with Daybook; equal, not close. Usage: olist_figures.py DATA_FOLDER DAYBOOK_BINARY
"""

import datetime
import json
import os
import sys
import tempfile
from collections import defaultdict

from olist import SAO_PAULO, cents, daybook, half_even, instant, rows

DAYS = "2016-09..2018-12"

# GMV and order value in cents; leads and deals by origin
KNOWN = (
    1_584_320_900,
    1_584_355_324,
    {"organic_search": (2_296, 271), "paid_search": (1_586, 195), "social": (1_350, 75)},
)


def read(folder):
    """The baskets, as dictionaries; amounts in cents, times in seconds."""
    people = {row["customer_id"]: row["customer_unique_id"] for row in rows(folder, "customers")}
    items, paid, reviews = defaultdict(list), defaultdict(int), defaultdict(list)
    for item in rows(folder, "order_items"):
        items[item["order_id"]].append((item["seller_id"], cents(item["price"]) + cents(item["freight_value"])))
    for payment in rows(folder, "order_payments"):
        paid[payment["order_id"]] += cents(payment["payment_value"])
    for review in rows(folder, "order_reviews"):
        at = instant(review["review_answer_timestamp"]) or instant(review["review_creation_date"])
        reviews[review["order_id"]].append((at, int(review["review_score"])))
    baskets = []
    for order in rows(folder, "orders"):
        key = order["order_id"]
        names = ("purchase_timestamp", "approved_at", "delivered_carrier_date", "delivered_customer_date")
        purchase, approved, carrier, delivered = (instant(order["order_" + name]) for name in names)
        last = max(t for t in (purchase, approved, carrier, delivered) if t is not None)
        status = order["order_status"]
        sellers = defaultdict(int)
        for seller, amount in items[key]:
            sellers[seller] += amount
        due = sum(sellers.values())
        # what went on without money was the market's to bear, what did not is not paid
        funded = bool(sellers) and (paid[key] > 0 or status in ("shipped", "delivered"))
        if status == "delivered":
            delivered = last if delivered is None else delivered
        elif status not in ("canceled", "unavailable"):
            delivered = None
        baskets.append(
            {
                "buyer": people[order["customer_id"]],
                "purchase": purchase,
                "paid_at": purchase if approved is None else approved,
                "sellers": sellers,
                "worth": due if funded else 0,
                "gmv": min(due, paid[key]) if funded else 0,
                "funded": funded,
                "delivered": delivered if sellers else None,
                "reviews": [(last if at is None else at, score) for at, score in reviews[key]],
            }
        )
    return baskets


def month(second):
    return datetime.datetime.fromtimestamp(second, SAO_PAULO).strftime("%Y-%m")


def rank(values, percent):
    """The nearest rank."""
    values = sorted(values)
    return values[-(-len(values) * percent // 100) - 1]


def ratio(of, through):
    """Four places, half to even, as a text; none of nothing."""
    if not through:
        return None
    whole = half_even(of * 10_000, through)
    return f"{whole // 10_000}.{whole % 10_000:04}"


def sales(baskets):
    """(buyers, orders, GMV, unit price) by month of payment, and of all."""
    buyers, orders, gmv = defaultdict(set), defaultdict(int), defaultdict(int)
    for basket in baskets:
        if basket["funded"]:
            for cell in (month(basket["paid_at"]), "(all)"):
                buyers[cell].add(basket["buyer"])
                orders[cell] += len(basket["sellers"])
                gmv[cell] += basket["gmv"]
    return {c: (len(buyers[c]), orders[c], gmv[c], half_even(gmv[c], len(buyers[c]))) for c in orders}


def aftermath(baskets):
    """By month of each thing: (delivered, median and p95 in seconds) and (reviews, share of 4 and 5)."""
    took, scores = defaultdict(list), defaultdict(list)
    for basket in baskets:
        if basket["delivered"] is not None:
            for cell in (month(basket["delivered"]), "(all)"):
                took[cell] += [basket["delivered"] - basket["purchase"]] * len(basket["sellers"])
        for at, score in basket["reviews"]:
            for cell in (month(at), "(all)"):
                scores[cell].append(score)
    found = {}
    for cell in set(took) | set(scores):
        times, posted = took[cell], scores[cell]
        found[cell] = (
            len(times),
            str(rank(times, 50)) if times else None,
            str(rank(times, 95)) if times else None,
            len(posted),
            ratio(sum(score >= 4 for score in posted), len(posted)),
        )
    return found


def recruiting(folder):
    """(leads, deals) by origin."""
    won = {row["mql_id"] for row in rows(folder, "closed_deals")}
    found = defaultdict(lambda: [0, 0])
    for lead in rows(folder, "marketing_qualified_leads"):
        for cell in (lead["origin"] or "unknown", "(all)"):
            found[cell][0] += 1
            found[cell][1] += lead["mql_id"] in won
    return {cell: tuple(of) for cell, of in found.items()}


def main():
    folder, binary = os.path.join(sys.argv[1], "olist"), sys.argv[2]
    baskets = read(folder)
    with tempfile.TemporaryDirectory() as place:
        journal = os.path.join(place, "olist.db")
        daybook(binary, journal, "import", "olist", folder)

        def told(*arguments):
            return json.loads(daybook(binary, journal, *arguments, "--format", "json"))

        def money(value):
            return cents(value["amount"])

        compared = []
        theirs = {
            row["month"]: (row["buyers"], row["orders"], money(row["gmv"]), money(row["unit_price"]))
            for row in told("buyers", "--days", DAYS, "--by", "month")
        }
        compared.append(("buyers, orders, GMV and unit price by month of payment", sales(baskets), theirs))
        untracked = [row for row in told("metrics", "--days", DAYS) if row["row"] == "(untracked)"][0]
        ours = (sum(basket["gmv"] for basket in baskets), sum(basket["worth"] for basket in baskets))
        compared.append(("GMV and order value", ours, (money(untracked["gmv"]), money(untracked["order_value"]))))
        theirs = {
            row["month"]: (
                row["delivered"],
                row["delivery_median_s"],
                row["delivery_p95_s"],
                row["reviews"],
                row["positive_rate"],
            )
            for row in told("after-sales", "--days", DAYS, "--by", "month")
        }
        # months in which neither was anything delivered nor reviewed hold other figures
        theirs = {cell: of for cell, of in theirs.items() if of[0] or of[3]}
        compared.append(("delivery and positive rate by month", aftermath(baskets), theirs))
        theirs = {row["origin"]: (row["leads"], row["won"]) for row in told("leads")}
        compared.append(("leads and deals by origin", recruiting(folder), theirs))
        # a rule that is wrong on both sides is held by what is known of the data set
        leads = compared[3][2]
        theirs = (*compared[1][2], {origin: leads[origin] for origin in KNOWN[2]})
        compared.append(("what is known of the data set", KNOWN, theirs))
        failures = 0
        for name, ours, theirs in compared:
            print(f"{name}: {'as the CSVs say' if ours == theirs else 'DIFFERS'}")
            if ours != theirs:
                failures += 1
                print(f"  from the CSVs: {ours}\n  from daybook:  {theirs}")
        gmv, worth = compared[1][1]
        print(f"GMV {gmv / 100:,.2f}, order value {worth / 100:,.2f}; leads {dict(sorted(compared[3][1].items()))}")
        delivered = compared[2][1]["(all)"]
        print(f"delivered {delivered[0]:,}, median {delivered[1]} s, p95 {delivered[2]} s; positive rate {delivered[4]}")
    sys.exit(failures > 0)


if __name__ == "__main__":
    main()
