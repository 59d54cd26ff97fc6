"""Takes the sums of a trial balance straight from the Olist CSV files and compares them with `daybook trial-balance`.

Shares no code with Daybook: integers of cents, the standard library, the rules of the import as the README states
them. Usage: olist.py DATA_FOLDER DAYBOOK_BINARY
"""

import csv
import datetime
import io
import json
import os
import random
import subprocess
import sys
import tempfile
import time
import zoneinfo
from collections import defaultdict

TIMES = [
    "2016-10-05T00:00:00-03:00",
    "2017-01-01T00:00:00-02:00",
    "2017-03-31T23:59:59-03:00",
    "2017-07-01T12:00:00-03:00",
    "2017-11-24T18:30:00-02:00",
    "2018-01-01T00:00:00-02:00",
    "2018-02-18T02:30:00Z",
    "2018-05-21T09:00:00-03:00",
    "2018-08-31T00:00:00Z",
    "2019-06-01T00:00:00Z",
]
# and forty that nobody chose, the same in every run
FIRST, LAST = 1473292800, 1538352000
CHANCE = random.Random(50)
TIMES += [
    datetime.datetime.fromtimestamp(CHANCE.randint(FIRST, LAST), datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    for _ in range(40)
]
SAO_PAULO = zoneinfo.ZoneInfo("America/Sao_Paulo")


def rows(folder, name):
    plain = os.path.join(folder, f"olist_{name}_dataset.csv")
    if os.path.exists(plain):
        data = open(plain, "rb").read()
    else:
        data = subprocess.run(["zstd", "-dcq", plain + ".zst"], check=True, stdout=subprocess.PIPE).stdout
    return csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline=""))


def cents(text):
    whole, _, fraction = text.partition(".")
    return int(whole) * 100 + int((fraction + "00")[:2])


def instant(text):
    """Seconds since the epoch; an hour that the clock change repeats takes the earlier reading."""
    if not text:
        return None
    return int(datetime.datetime.fromisoformat(text).replace(tzinfo=SAO_PAULO, fold=0).timestamp())


def half_even(numerator, denominator):
    quotient, remainder = divmod(numerator, denominator)
    up = remainder * 2 > denominator or (remainder * 2 == denominator and quotient % 2 == 1)
    return quotient + up


def movements(folder):
    """Every posting of the import as (second, account, cents; debits positive)."""
    price, freight, commission, paid = (defaultdict(int) for _ in range(4))
    for item in rows(folder, "order_items"):
        order = item["order_id"]
        price[order] += cents(item["price"])
        freight[order] += cents(item["freight_value"])
        commission[order] += half_even(cents(item["price"]), 10)
    for payment in rows(folder, "order_payments"):
        paid[payment["order_id"]] += cents(payment["payment_value"])
    out = []

    def post(at, debit, credit, amount):
        if amount:
            out.append((at, debit, amount))
            out.append((at, credit, -amount))

    for order in rows(folder, "orders"):
        key = order["order_id"]
        names = ("purchase_timestamp", "approved_at", "delivered_carrier_date", "delivered_customer_date")
        purchase, approved, carrier, delivered = (instant(order["order_" + name]) for name in names)
        last = max(t for t in (purchase, approved, carrier, delivered) if t is not None)
        funded_at = purchase if approved is None else approved
        due, came = price[key] + freight[key], paid[key]
        into_escrow = min(due, came)
        post(funded_at, "Assets:Provider", "Liabilities:Checkout", came)
        post(funded_at, "Liabilities:Checkout", "Liabilities:Escrow", into_escrow)
        post(funded_at, "Expenses:PaymentDifference", "Liabilities:Escrow", due - into_escrow)
        if order["order_status"] == "delivered":
            released_at = (last if delivered is None else delivered) + 10 * 86_400
            post(released_at, "Liabilities:Escrow", "Liabilities:MerchantPending", due)
            post(released_at, "Liabilities:MerchantPending", "Income:Commission", commission[key])
        elif order["order_status"] in ("canceled", "unavailable"):
            post(last, "Liabilities:Escrow", "Assets:Provider", into_escrow)
            post(last, "Liabilities:Escrow", "Expenses:PaymentDifference", due - into_escrow)
            post(last, "Liabilities:Checkout", "Assets:Provider", came - into_escrow)
    return out


def expected(moves, until):
    """Balances of the accounts that are not zero, and what was captured, through this second."""
    balances = defaultdict(int)
    captured = 0
    for at, account, amount in moves:
        if at <= until:
            balances[account] += amount
            if account == "Assets:Provider" and amount > 0:
                captured += amount
    return {k: v for k, v in balances.items() if v}, captured


def daybook(binary, journal, *arguments):
    command = [binary, "--journal", f"sqlite:{journal}", "--no-progress", *arguments]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout


def trial_balance(binary, journal, at):
    balances, captured = {}, 0
    for line in json.loads(daybook(binary, journal, "trial-balance", "--as-of", at, "--format", "json")):
        account = f"{line['class']}:{line['name']}"
        amount = line["balance"]["amount"]
        minor = -cents(amount[1:]) if amount.startswith("-") else cents(amount)
        if line["currency"] != "BRL":
            sys.exit(f"a line in {line['currency']}: {line}")
        if minor:
            balances[account] = minor
        if account == "Assets:Provider":
            captured = cents(line["debit"]["amount"])
    return balances, captured


def main():
    folder, binary = os.path.join(sys.argv[1], "olist"), sys.argv[2]
    moves = movements(folder)
    failures = 0
    with tempfile.TemporaryDirectory() as place:
        journal = os.path.join(place, "olist.db")
        started = time.monotonic()
        daybook(binary, journal, "import", "olist", folder)
        print(f"imported in {time.monotonic() - started:.1f} s")
        head = json.loads(daybook(binary, journal, "status", "--format", "json"))["head"]
        daybook(binary, journal, "import", "olist", folder)
        again = json.loads(daybook(binary, journal, "status", "--format", "json"))["head"]
        print(f"{head} events; importing again added {again - head}")
        failures += again != head
        for at in TIMES:
            until = int(datetime.datetime.fromisoformat(at.replace("Z", "+00:00")).timestamp())
            want, have = expected(moves, until), trial_balance(binary, journal, at)
            same = want == have
            failures += not same
            print(f"{at:27} captured {want[1] / 100:>15,.2f}  {'as the CSVs say' if same else 'DIFFERS'}")
            if not same:
                print(f"  from the CSVs: {want}\n  from daybook:  {have}")
        live = daybook(binary, journal, "digest")
        daybook(binary, journal, "rebuild")
        rebuilt = daybook(binary, journal, "digest")
        print("rebuilt = live" if live == rebuilt else f"rebuilt DIFFERS from live:\n{live}{rebuilt}")
        failures += live != rebuilt
        print(daybook(binary, journal, "verify").strip().splitlines()[-1])
    sys.exit(failures > 0)


if __name__ == "__main__":
    main()
