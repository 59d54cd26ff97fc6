"""Reckons the figures of the market's own loan pack from the raw Olist CSV files in DuckDB and compares them with Daybook's.

Shares no code with Daybook and none with the pack's own lines; how a basket's payment is taken apart is loan_pack.py's. Equal to
the cent, not close. What Olist does not tell (visitors, disputes, a market's size) the pack must leave empty. Usage:
market_pack.py DATA_FOLDER DAYBOOK_BINARY [JOURNAL]
"""

import datetime
import json
import os
import sys
import tempfile
import zoneinfo
from collections import defaultdict
from decimal import ROUND_HALF_EVEN, Decimal

from loan_pack import MONTHS, UNTIL, cents, daybook, imported, money, over_time, prepare, ratio, shares

ZONE, TEN_DAYS = zoneinfo.ZoneInfo("America/Sao_Paulo"), datetime.timedelta(days=10)
BEGIN, LAST = datetime.date(2016, 9, 1), datetime.date.fromisoformat(UNTIL)
AFTER = (1, 2, 3, 6, 12, 18)
# what is known of the market in all, whoever reckons it
KNOWN = {"market.gmv": "15843209.00", "market.subsidised": "344.24", "market.held": "15739137.01", "market.merchants": "3095"}


def month(at):
    return f"{at:%Y-%m}"


def plus(name, count):
    at = int(name[:4]) * 12 + int(name[5:]) - 1 + count
    return f"{at // 12}-{at % 12 + 1:02}"


ALL = [plus(month(BEGIN), n) for n in range((LAST.year - BEGIN.year) * 12 + LAST.month - BEGIN.month + 1)]


def released(part):
    """When receipt was taken as confirmed: ten times 24 hours after it arrived, on the market's clock."""
    at = (part["customer"] or part["last"]).replace(tzinfo=ZONE, fold=0)
    return (at.astimezone(datetime.timezone.utc) + TEN_DAYS).astimezone(ZONE).replace(tzinfo=None)


def sums(parts, baskets, fees):
    """What adds up, by month."""
    by = defaultdict(lambda: defaultdict(Decimal))
    for part in parts:
        by[month(part["placed"])]["placed"] += 1
        if part["cancelled"]:
            by[month(part["last"])]["refunds"] += part["paid"]
        if not part["funded"]:
            continue
        cell = by[month(part["paid_at"])]
        cell["paid"] += 1
        cell["gmv"] += part["paid"]
        cell["added"] += part["total"] - part["paid"]
        cell["refunded_of"] += part["paid"] if part["cancelled"] else 0
        cell["buyers_owed"] += part["total"]
        if part["cancelled"]:
            gone = by[month(part["last"])]
            gone["buyers_owed"] -= part["total"]
            gone["added_back"] += part["total"] - part["paid"]
        elif part["status"] == "delivered":
            cell = by[month(released(part))]
            fee = fees[part["order_id"], part["seller"]]
            cell["commission"] += fee
            cell["merchants_owed"] += part["total"] - fee
            cell["buyers_owed"] -= part["total"]
    for status, paid_at, last, came, due in baskets:
        # what came beyond what was due waits at the checkout; of what is called off all goes back
        over = came - min(came, due)
        by[month(paid_at)]["held"] += came
        by[month(paid_at)]["buyers_owed"] += over
        if status in ("canceled", "unavailable"):
            by[month(last)]["held"] -= came
            by[month(last)]["buyers_owed"] -= over
    return by


def cohorts(firsts, came):
    """By cohort and month, how many came; `firsts` has each one's first month."""
    found = defaultdict(int)
    for who, name in came:
        found[firsts[who], name] += 1
    return found


def back(found, after):
    """Over all cohorts whose month so many after is one of the pack."""
    told = [name for name in ALL if plus(name, after) <= ALL[-1]]
    return ratio(sum(found[name, plus(name, after)] for name in told), sum(found[name, name] for name in told))


def table(found):
    rows = []
    for name in ALL:
        size = found[name, name]
        later = [ratio(found[name, plus(name, after)], size) if plus(name, after) <= ALL[-1] else None for after in AFTER]
        rows.append([name, str(size), *later])
    return rows


def reckon(db):
    parts = shares(db)
    paid = [part for part in parts if part["funded"]]
    baskets = db.execute(
        "SELECT status, paid_at, last, came, coalesce(due, 0) FROM baskets WHERE came > 0"
    ).fetchall()
    fees = defaultdict(Decimal)
    for order, seller, price in db.execute("SELECT order_id, seller_id, price FROM items").fetchall():
        fees[order, seller] += cents(price / 10)
    by = sums(parts, baskets, fees)
    assert set(by) <= set(ALL) | {plus(ALL[-1], 1)}, "a month outside of the pack"
    total = defaultdict(Decimal)
    for name in ALL:
        for column, value in by[name].items():
            total[column] += value
    bought = {(part["buyer"], month(part["paid_at"])) for part in paid}
    sold = {(part["seller"], month(part["paid_at"])) for part in paid}
    first_buyer, first_seller, spent, known = {}, {}, defaultdict(Decimal), Decimal(0)
    for firsts, came in ((first_buyer, bought), (first_seller, sold)):
        for who, name in came:
            firsts[who] = min(name, firsts.get(who, name))
    for part in paid:
        spent[part["seller"]] += part["paid"]
        known += part["paid"] if first_buyer[part["buyer"]] < month(part["paid_at"]) else 0
    buyers, sellers = cohorts(first_buyer, bought), cohorts(first_seller, sold)
    active = {name: {who for who, at in sold if at == name} for name in ALL}
    opened = {}
    for part in parts:
        name = month(part["placed"])
        opened[part["seller"]] = min(name, opened.get(part["seller"], name))
    kept = [(len(active[a]), len(active[a] & active[b])) for a, b in zip(ALL, ALL[1:])]
    gmv, largest = total["gmv"], sorted(spent.values(), reverse=True)
    owed, cost = total["merchants_owed"] + total["buyers_owed"], total["added"] - total["added_back"]
    of_days = over_time(paid, parts, {part["paid_at"].date() for part in paid}, LAST)
    began = min(part["placed"].date() for part in parts)
    days = {part["paid_at"].date() for part in paid}
    figures = {
        "market.measured.from": str(began),
        "market.orders.placed": str(int(total["placed"])),
        "market.orders.paid": str(int(total["paid"])),
        "market.buyers": str(len(first_buyer)),
        "market.buyers.new": str(len(first_buyer)),
        "market.gmv": money(gmv),
        "market.subsidised": money(total["added"]),
        "market.refunds": money(total["refunds"]),
        "market.net_gmv": money(gmv - total["refunds"]),
        "market.unit_price": money(cents(gmv / len(first_buyer))),
        "market.order_average": money(cents(gmv / len(paid))),
        "market.refunds.rate": ratio(total["refunded_of"], gmv),
        "market.untracked.gmv": money(gmv),
        "market.tracked.gmv": "0.00",
        "market.tracked.share": "0.0000",
        "market.merchants": str(len(opened)),
        "market.merchants.active": str(len(first_seller)),
        "market.merchants.opened": str(len(opened)),
        "market.merchants.new": str(len(first_seller)),
        "market.merchants.left": "0",
        "market.merchants.kept": ratio(sum(of for _, of in kept), sum(of for of, _ in kept)),
        "market.take.commission": money(total["commission"]),
        "market.take.fees": "0.00",
        "market.take.other": "0.00",
        "market.take": money(total["commission"]),
        "market.take.rate": ratio(total["commission"], gmv),
        "market.cost.subsidies": "0.00",
        "market.cost.providers": "0.00",
        "market.cost.promotion": "0.00",
        "market.cost.claims": money(cost),
        "market.cost.other": "0.00",
        "market.contribution": money(total["commission"] - cost),
        "market.owed.merchants": money(total["merchants_owed"]),
        "market.owed.receivable": "0.00",
        "market.owed.deposits": "0.00",
        "market.owed.buyers": money(total["buyers_owed"]),
        "market.owed": money(owed),
        "market.held": money(total["held"]),
        "market.held.own": money(total["held"] - owed),
        "market.held.cover": ratio(total["held"], owed),
        "market.concentration.hhi": str(
            (sum(of * of for of in largest) / (gmv * gmv)).quantize(Decimal("0.000001"), ROUND_HALF_EVEN)
        ),
        "market.retention.known_gmv": ratio(known, gmv),
        "market.growth.year": of_days["growth.year"],
        "market.growth.quarter": of_days["growth.quarter"],
        "market.volatility.drawdown": of_days["volatility.drawdown"],
        "market.days.zero": str((LAST - began).days + 1 - len(days)),
    }
    figures |= {f"market.concentration.top_{n}": ratio(sum(largest[:n]), gmv) for n in (1, 10, 100)}
    figures |= {f"market.retention.buyers_{n}": back(buyers, n) for n in (1, 3, 12)}
    figures |= {f"market.retention.merchants_{n}": back(sellers, n) for n in (1, 3, 12)}
    for name in ("uv", "visits", "views", "tracked.conversion", "reported.uv", "size", "size.share", "size.source"):
        figures[f"market.{name}"] = None
    for kind in ("disputes", "chargebacks"):
        figures |= {f"market.{kind}.{what}": "0" for what in ("opened", "open")}
        figures |= {f"market.{kind}.{what}_amount": "0.00" for what in ("opened", "open")}
    tables, there, standing = {name: [] for name in ("sales", "merchants", "take", "owed")}, 0, defaultdict(Decimal)
    for at, name in enumerate(ALL):
        cell = by[name]
        for column, value in cell.items():
            standing[column] += value
        count, gmv = len({who for who, of in bought if of == name}), cell["gmv"]
        fresh, cost = buyers[name, name], cell["added"] - cell["added_back"]
        there += (new := sum(of == name for of in opened.values()))
        tables["sales"].append([name, str(int(cell["placed"])), str(int(cell["paid"])), str(count), str(fresh), money(gmv),
            money(cell["added"]), money(cell["refunds"]), money(gmv - cell["refunds"]),
            money(cents(gmv / count)) if count else None, money(cents(gmv / cell["paid"])) if cell["paid"] else None,
            ratio(cell["refunded_of"], gmv)])
        tables["merchants"].append([name, str(there), str(len(active[name])), str(new), str(sellers[name, name]), "0",
            ratio(kept[at - 1][1], kept[at - 1][0]) if at else None])
        tables["take"].append([name, money(cell["commission"]), "0.00", "0.00", money(cell["commission"]),
            ratio(cell["commission"], gmv), "0.00", "0.00", "0.00", money(cost), "0.00", money(cell["commission"] - cost)])
        merchants, clients = standing["merchants_owed"], standing["buyers_owed"]
        tables["owed"].append([name, money(merchants), "0.00", "0.00", money(clients), money(merchants + clients),
            money(standing["held"]), money(standing["held"] - merchants - clients), ratio(standing["held"], merchants + clients)])
    tables["buyers"], tables["sellers"] = table(buyers), table(sellers)
    return figures, tables


def main():
    folder, binary = os.path.join(sys.argv[1], "olist"), sys.argv[2]
    figures, tables = reckon(prepare(folder))
    with tempfile.TemporaryDirectory() as place:
        journal = sys.argv[3] if len(sys.argv) > 3 else imported(binary, folder, place)
        out = os.path.join(place, "market")
        daybook(binary, journal, "loan-pack", "market", "--months", str(MONTHS), "--until", UNTIL, "--draft", "--out", out)
        daybook(binary, journal, "loan-pack", "verify", out, "--unsigned")
        told = json.load(open(os.path.join(out, "figures.json")))
    theirs = {figure["id"]: figure["value"] for figure in told["figures"]}
    assert told["currency"] == "BRL", told["currency"]
    wrong = [f"{name}: DuckDB {of}, pack {theirs.get(name)}" for name, of in figures.items() if of != theirs.get(name, "none")]
    wrong += [f"{name}: known {of}, DuckDB {figures[name]}" for name, of in KNOWN.items() if of != figures[name]]
    cells, rows = 0, {table["id"]: table["rows"] for table in told["tables"]}
    for name, ours in tables.items():
        cells += sum(len(row) for row in ours)
        if len(ours) != len(rows[name]):
            wrong.append(f"table {name}: DuckDB has {len(ours)} rows, the pack {len(rows[name])}")
        wrong += [f"table {name}: DuckDB {a}, pack {b}" for a, b in zip(ours, rows[name]) if a != b]
    verdict = "as the CSVs say" if not wrong else "DIFFERS"
    print(
        f"the market: {figures['market.orders.paid']} orders, {figures['market.gmv']} BRL; {len(figures)} figures and "
        f"{cells} cells of {len(tables)} tables {verdict}"
    )
    for line in wrong[:40]:
        print("  " + line)
    sys.exit(len(wrong) > 0)


if __name__ == "__main__":
    main()
