"""Reckons the figures of three sellers' loan packs from the raw Olist CSV files in DuckDB and compares them with Daybook's.

Shares no code with Daybook and none with the pack's own lines: the CSV files are read by DuckDB, sums are decimals there. Equal
to the cent, not close. Usage: loan_pack.py DATA_FOLDER DAYBOOK_BINARY [JOURNAL]
"""

import datetime
import json
import os
import subprocess
import sys
import tempfile
from collections import defaultdict
from decimal import ROUND_HALF_EVEN, Decimal

import duckdb

UNTIL, MONTHS = "2018-10-31", 26


def table(folder, name):
    plain = os.path.join(folder, f"olist_{name}_dataset.csv")
    path = plain if os.path.exists(plain) else plain + ".zst"
    return f"read_csv('{path}', header=true, all_varchar=true, quote='\"', escape='\"')"


def prepare(folder):
    """One row for each seller's part of a basket."""
    db = duckdb.connect()
    db.execute("SET TimeZone = 'UTC'")
    for name in ("orders", "order_items", "order_payments", "order_reviews", "customers"):
        db.execute(f"CREATE TABLE {name} AS SELECT * FROM {table(folder, name)}")
    db.execute("""
        CREATE TABLE items AS
        SELECT order_id, seller_id, product_id, order_item_id::INT AS number, price::DECIMAL(18,2) AS price,
               freight_value::DECIMAL(18,2) AS freight, shipping_limit_date::TIMESTAMP AS ship_by
        FROM order_items;
        CREATE TABLE baskets AS
        SELECT o.order_id, c.customer_unique_id AS buyer, o.order_status AS status,
               o.order_purchase_timestamp::TIMESTAMP AS placed,
               coalesce(o.order_approved_at, o.order_purchase_timestamp)::TIMESTAMP AS paid_at,
               o.order_delivered_carrier_date::TIMESTAMP AS carrier,
               o.order_delivered_customer_date::TIMESTAMP AS customer,
               o.order_estimated_delivery_date::TIMESTAMP AS promised,
               greatest(o.order_purchase_timestamp::TIMESTAMP, o.order_approved_at::TIMESTAMP,
                        o.order_delivered_carrier_date::TIMESTAMP, o.order_delivered_customer_date::TIMESTAMP) AS last,
               coalesce((SELECT sum(p.payment_value::DECIMAL(18,2)) FROM order_payments p
                         WHERE p.order_id = o.order_id), 0) AS came,
               (SELECT sum(i.price + i.freight) FROM items i WHERE i.order_id = o.order_id) AS due
        FROM orders o JOIN customers c USING (customer_id);
        CREATE TABLE parts AS
        SELECT i.order_id, i.seller_id AS seller, min(i.number) AS first_item, sum(i.price) AS goods,
               sum(i.price + i.freight) AS total, min(i.ship_by) AS ship_by, any_value(b.buyer) AS buyer,
               any_value(b.status) AS status, any_value(b.placed) AS placed, any_value(b.paid_at) AS paid_at,
               any_value(b.carrier) AS carrier, any_value(b.customer) AS customer, any_value(b.promised) AS promised,
               any_value(b.last) AS last, any_value(b.came) AS came, any_value(b.due) AS due,
               any_value(b.came) > 0 OR any_value(b.status) IN ('shipped', 'delivered') AS funded,
               any_value(b.status) IN ('canceled', 'unavailable') AS cancelled
        FROM items i JOIN baskets b USING (order_id) GROUP BY i.order_id, i.seller_id;
    """)
    return db


def chosen(db):
    """The largest seller, the one that lost most to cancellations, and the largest that ran short of a payment."""
    short = """SELECT seller FROM parts WHERE seller IN
        (SELECT seller FROM parts WHERE funded AND came < due) AND seller NOT IN {} GROUP BY seller
        ORDER BY count(*) DESC, seller LIMIT 1"""
    largest = db.execute("SELECT seller FROM parts GROUP BY seller ORDER BY count(*) DESC, seller LIMIT 1").fetchone()[0]
    lost = db.execute(
        """SELECT seller FROM parts WHERE cancelled AND funded AND seller <> ? GROUP BY seller
           ORDER BY sum(least(came, due)) DESC, seller LIMIT 1""",
        [largest],
    ).fetchone()[0]
    return [largest, lost, db.execute(short.format(f"('{largest}', '{lost}')")).fetchone()[0]]


def shares(db, seller=None):
    """What each part of the seller's, or of all, was paid: baskets that were paid short are taken apart in the order of their sellers."""
    rows = db.execute(
        """SELECT * FROM parts p WHERE $1 IS NULL OR p.order_id IN (SELECT order_id FROM parts WHERE seller = $1)
           ORDER BY p.order_id, p.first_item""",
        [seller],
    )
    names = [column[0] for column in rows.description]
    baskets = defaultdict(list)
    for row in rows.fetchall():
        baskets[row[names.index("order_id")]].append(dict(zip(names, row)))
    mine = []
    for parts in baskets.values():
        left, weights = min(parts[0]["came"], parts[0]["due"]), sum(part["total"] for part in parts)
        for part in parts:
            # one after the other, each its share of what is left, half to even
            part["paid"] = cents(left * part["total"] / weights) if weights else Decimal(0)
            left, weights = left - part["paid"], weights - part["total"]
            if not part["funded"]:
                part["paid"] = Decimal(0)
            if seller in (None, part["seller"]):
                mine.append(part)
    return mine


def cents(value):
    return Decimal(value).quantize(Decimal("0.01"), ROUND_HALF_EVEN)


def ratio(of, through):
    return str((Decimal(of) / Decimal(through)).quantize(Decimal("0.0001"), ROUND_HALF_EVEN)) if through else None


def money(value):
    return f"{value:.2f}"


def reckon(db, seller):
    """The figures by their ids, and some columns of the months."""
    parts = shares(db, seller)
    paid = [part for part in parts if part["funded"]]
    by_month = defaultdict(lambda: defaultdict(Decimal))
    buyers, months_of = defaultdict(int), defaultdict(set)
    for part in parts:
        by_month[f"{part['placed']:%Y-%m}"]["orders.placed"] += 1
        # the import takes a refund for what was paid; what was borne by the market goes back to it
        if part["cancelled"]:
            cell = by_month[f"{part['last']:%Y-%m}"]
            cell["orders.cancelled"] += 1
            cell["refunds.by_refund"] += part["paid"]
    for part in paid:
        cell = by_month[f"{part['paid_at']:%Y-%m}"]
        cell["orders.paid"] += 1
        cell["turnover.buyer_paid"] += part["paid"]
        cell["turnover.shortfall"] += part["total"] - part["paid"]
        cell["refunds.by_order"] += part["paid"] if part["cancelled"] else 0
        buyers[part["buyer"]] += 1
        months_of[f"{part['paid_at']:%Y-%m}"].add(part["buyer"])
    for month, of in months_of.items():
        by_month[month]["buyers"] = len(of)
    total = defaultdict(Decimal)
    for cell in by_month.values():
        for name, value in cell.items():
            total[name] += value
    total["buyers"] = len(buyers)
    amounts = ("turnover.buyer_paid", "turnover.shortfall", "refunds.by_refund", "refunds.by_order")
    counts = ("orders.placed", "orders.paid", "orders.cancelled", "buyers")
    gmv, worth = total["turnover.buyer_paid"], total["turnover.buyer_paid"] + total["turnover.shortfall"]
    figures = {name: money(total[name]) for name in amounts} | {name: str(int(total[name])) for name in counts}
    figures["turnover.worth"] = money(worth)
    figures["turnover.net"] = money(gmv - total["refunds.by_refund"])
    figures["turnover.net_of_orders"] = money(gmv - total["refunds.by_order"])
    figures["unit_price"] = money(cents(gmv / len(buyers)))
    figures["order_average"] = money(cents(gmv / len(paid)))
    figures["rate.subsidised"] = ratio(total["turnover.shortfall"], worth)
    figures["rate.refund"] = ratio(sum(part["cancelled"] and part["paid"] > 0 for part in paid), len(paid))
    figures["rate.cancellation"] = ratio(sum(part["cancelled"] for part in parts), len(parts))
    figures["rate.repeat_buyers"] = ratio(sum(orders > 1 for orders in buyers.values()), len(buyers))
    sent, came = [], []
    last = datetime.date.fromisoformat(UNTIL)

    def kept(by, done, cancelled):
        """Whether a promise was kept; None where it was not due, or fell away in time."""
        if done:
            return done.date() <= by.date()
        if (cancelled and cancelled.date() <= by.date()) or by.date() >= last:
            return None
        return False

    for part in paid:
        arrived = part["status"] == "delivered" or part["cancelled"]
        customer = part["customer"] if arrived else None
        if part["status"] == "delivered" and customer is None:
            customer = part["last"]
        left = part["status"] in ("shipped", "delivered") or part["cancelled"]
        carrier = part["carrier"] if left else None
        if carrier is None:
            carrier = customer if customer or part["status"] != "shipped" else part["last"]
        gone = part["last"] if part["cancelled"] else None
        sent.append(kept(part["ship_by"], carrier, gone))
        if part["promised"]:
            came.append(kept(part["promised"], customer, gone))
    for name, of in (("rate.shipped_on_time", sent), ("rate.delivered_on_time", came)):
        due = [done for done in of if done is not None]
        figures[name] = ratio(sum(due), len(due))
    spent = defaultdict(Decimal)
    for part in paid:
        spent[part["buyer"]] += part["paid"]
    figures["concentration.buyers_hhi"] = ratio(sum(s * s for s in spent.values()), gmv * gmv)
    figures["concentration.top_buyer"] = ratio(max(spent.values()), gmv)
    figures["concentration.top_buyers"] = ratio(sum(sorted(spent.values())[-10:]), gmv)
    active = {part["paid_at"].date() for part in paid}
    figures["days.active"] = str(len(active))
    figures |= over_time(paid, parts, active, last)
    # what was released by the last day: ten days after delivery
    lines = db.execute(
        """SELECT i.price, i.price + i.freight
           FROM parts p JOIN items i ON i.order_id = p.order_id AND i.seller_id = p.seller
           WHERE p.seller = ? AND p.status = 'delivered' AND p.funded
             AND coalesce(p.customer, p.last) + INTERVAL 10 DAY < TIMESTAMP '2018-11-01'""",
        [seller],
    ).fetchall()
    figures["account.released"] = money(sum(worth for _, worth in lines))
    # a tenth of each line's price, half to even; divided here, where a decimal stays one
    figures["account.commission"] = money(sum(cents(price / 10) for price, _ in lines))
    months = {
        month: {name: money(cell[name]) for name in amounts} | {name: str(int(cell[name])) for name in counts}
        for month, cell in by_month.items()
    }
    return figures, months


def over_time(paid, parts, active, last):
    """What is measured in days, weeks and months from the first sale on."""
    first = max(min(part["paid_at"].date() for part in paid), datetime.date(2016, 9, 1))
    days = (last - first).days + 1
    figures = {"measured.from": str(first), "measured.days": str(days), "days.zero": str(days - len(active))}
    net = defaultdict(Decimal)
    for part in paid:
        net[part["paid_at"].date()] += part["paid"]
    for part in parts:
        if part["cancelled"] and part["funded"]:
            net[part["last"].date()] -= part["paid"]
    months = defaultdict(Decimal)
    for day, value in net.items():
        months[(day.year, day.month)] += value
    begin = first if first.day == 1 else (first.replace(day=1) + datetime.timedelta(days=32)).replace(day=1)
    full, month = [], begin
    while month <= last:
        full.append(months[(month.year, month.month)])
        month = (month + datetime.timedelta(days=32)).replace(day=1)
    for name, count in (("growth.year", 12), ("growth.quarter", 3)):
        now, then = sum(full[-count:]), sum(full[-2 * count : -count])
        given = len(full) >= 2 * count and then > 0 and now >= 0
        figures[name] = ratio(now - then, then) if given else None
    monday = first + datetime.timedelta(days=-first.weekday() % 7)
    weeks = [Decimal(0)] * max(((last - monday).days + 1) // 7, 0)
    for day, value in net.items():
        at = (day - monday).days // 7
        if 0 <= at < len(weeks):
            weeks[at] += value
    stretches = [sum(weeks[at : at + 4]) for at in range(len(weeks) - 3)]
    falls = [(max(stretches[: at + 1]) - sum_) / max(stretches[: at + 1]) for at, sum_ in enumerate(stretches) if max(stretches[: at + 1]) > 0]
    figures["volatility.drawdown"] = ratio(max(falls), 1) if falls else None
    ordered = sorted(weeks)
    if ordered:
        median = ordered[max(-(-len(weeks) // 2), 1) - 1]
        brought = [week for week in weeks if week > 0]
        low = median / 2 if median > 0 else sum(brought) / len(brought) / 2
        longest = run = 0
        for week in weeks:
            run = run + 1 if week < low else 0
            longest = max(longest, run)
        figures["volatility.low_weeks"] = str(longest)
    return figures


def daybook(binary, journal, *arguments):
    done = subprocess.run(
        [binary, "--journal", f"sqlite:{journal}", "--no-progress", *arguments], stdout=subprocess.PIPE, check=False
    )
    if done.returncode != 0:
        sys.exit(f"daybook {' '.join(arguments)} ended with {done.returncode}")
    return done.stdout


def imported(binary, folder, place):
    journal = os.path.join(place, "olist.db")
    daybook(binary, journal, "import", "olist", folder)
    return journal


def main():
    folder, binary = os.path.join(sys.argv[1], "olist"), sys.argv[2]
    db, failures = prepare(folder), 0
    with tempfile.TemporaryDirectory() as place:
        journal = sys.argv[3] if len(sys.argv) > 3 else imported(binary, folder, place)
        for seller in chosen(db):
            out = os.path.join(place, seller)
            span = ("--months", str(MONTHS), "--until", UNTIL)
            daybook(binary, journal, "loan-pack", "merchant", seller, *span, "--draft", "--out", out)
            daybook(binary, journal, "loan-pack", "verify", out, "--unsigned")
            told = json.load(open(os.path.join(out, "figures.json")))
            theirs = {figure["id"]: figure["value"] for figure in told["figures"]}
            table = next(table for table in told["tables"] if table["id"] == "months")
            by_month = {row[0]: dict(zip(table["columns"], row)) for row in table["rows"]}
            figures, months = reckon(db, seller)
            wrong = [f"{name}: DuckDB {of}, pack {theirs.get(name)}" for name, of in figures.items() if of != theirs.get(name)]
            cells = 0
            for month, row in by_month.items():
                for name in next(iter(months.values())):
                    ours = months.get(month, {}).get(name, "0.00" if "." in name and name.split(".")[0] in ("turnover", "refunds") else "0")
                    cells += 1
                    if ours != row[name]:
                        wrong.append(f"{month} {name}: DuckDB {ours}, pack {row[name]}")
            failures += len(wrong)
            verdict = "as the CSVs say" if not wrong else "DIFFERS"
            print(
                f"{seller}: {figures['orders.paid']} orders, {figures['turnover.buyer_paid']} BRL; {len(figures)} figures and "
                f"{cells} cells of months {verdict}"
            )
            for line in wrong[:20]:
                print("  " + line)
    sys.exit(failures > 0)


if __name__ == "__main__":
    main()
