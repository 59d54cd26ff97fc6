"""Has hledger, beancount and ledger read the exported books, and compares every balance that they derive with ours.

Usage: books.py DAYBOOK_BINARY JOURNAL [--by-month] [--late]

With --late the books must hold something that is booked in a later month than it happened in. The whole books are one file for each program. With --by-month hledger and beancount are given a file a month, each
beginning with the balances that the one before must have ended with: hledger's strict check of declared accounts
takes time in the square of their number, and beancount holds every posting as an object. ledger always reads the
whole. Balances are compared account by account with the tables of the read models.
"""

import concurrent.futures
import datetime
import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
import zoneinfo
from collections import defaultdict

LEDGER_STRICT = ["--strict", "--pedantic", "--check-payees"]
# one process per program at a time would leave cores idle; more than these would only take memory
WORKERS = max(1, min(4, os.cpu_count() or 1))

# the interpreter that beancount is installed for need not be the first one on the path
with open(shutil.which("bean-check")) as script:
    PYTHON = script.readline().removeprefix("#!").strip()

BEANCOUNT = r"""
import collections, sys
from beancount import loader
from beancount.core import data
entries, errors, options = loader.load_file(sys.argv[1])
for error in errors:
    sys.stderr.write("%s:%s: %s\n" % (error.source.get("filename"), error.source.get("lineno"), error.message))
balances = collections.defaultdict(int)
asserted = 0
for entry in entries:
    if isinstance(entry, data.Transaction):
        for posting in entry.postings:
            balances[posting.account, posting.units.currency] += posting.units.number
    asserted += isinstance(entry, data.Balance)
for (account, currency), number in balances.items():
    print(account, currency, number)
print("asserted", asserted)
sys.exit(1 if errors else 0)
"""


def fail(message):
    print(f"books: {message}", file=sys.stderr)
    sys.exit(1)


def run(*command):
    ran = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if ran.returncode != 0 or "rror" in ran.stderr or "arning" in ran.stderr:
        fail(f"{' '.join(command[:8])} says:\n{(ran.stderr + ran.stdout)[:4000]}")
    return ran.stdout


class Books:
    """Our side: the tables of the read models, as any program can read them."""

    def __init__(self, path):
        self.db = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
        self.names = {}
        sql = "SELECT dimension, name, class, currency, balance FROM book_accounts"
        self.balances = {}
        for dimension, name, class_, currency, balance in self.db.execute(sql):
            account = f"{class_}:{name}" + (f":{dimension}" if dimension else "")
            self.balances[account, currency] = balance

    def late(self):
        """Entries booked in the open period because theirs was closed when they were reported."""
        return self.db.execute("SELECT count(*) FROM book_entries WHERE booked_at > occurred_at").fetchone()[0]

    def months(self):
        """What each account moved by in each business month, in order of months."""
        ((world,),) = self.db.execute("SELECT value FROM _state WHERE name = 'world'")
        zone = zoneinfo.ZoneInfo(json.loads(world)["time_zone"])
        moved = defaultdict(lambda: defaultdict(int))
        sql = "SELECT dimension, name, class, currency, booked_at, amount FROM book_entries"
        for dimension, name, class_, currency, booked_at, amount in self.db.execute(sql):
            month = datetime.datetime.fromtimestamp(booked_at // 1_000_000, zone).strftime("%Y-%m")
            account = f"{class_}:{name}" + (f":{dimension}" if dimension else "")
            moved[month][account, currency] += amount
        return dict(sorted(moved.items()))


def digits(currency):
    # what the exported books of these markets hold; a currency of other decimals fails the comparison loudly
    return {"JPY": 0, "KRW": 0, "KWD": 3}.get(currency, 2)


def minor(text, currency):
    """A decimal text as an integer of minor units."""
    negative, text = text.startswith("-"), text.lstrip("-")
    whole, _, part = text.partition(".")
    unit = digits(currency)
    if len(part) > unit and part[unit:].strip("0"):
        fail(f"{text} {currency} is finer than the currency")
    value = int(whole or "0") * 10**unit + int((part + "0" * unit)[:unit] or "0")
    return -value if negative else value


def unescaped(name, sign):
    """The id in an account's name: the way back that the exporter documents."""
    parts = name.split(":", 2)
    if len(parts) < 3:
        return name
    if sign == "--" and parts[2].startswith("X-"):
        parts[2] = parts[2][2:]
    return ":".join(parts[:2]) + ":" + re.sub(sign + "([0-9A-F]{2})", lambda m: chr(int(m[1], 16)), parts[2])


def compare(who, theirs, ours):
    """Every account in every currency; one that stands at zero may be left out."""
    wrong = [
        f"{account} {currency}: {who} has {theirs.get((account, currency), 0)}, we have {ours.get((account, currency), 0)}"
        for account, currency in sorted(theirs.keys() | ours.keys())
        if theirs.get((account, currency), 0) != ours.get((account, currency), 0)
    ]
    if wrong:
        fail(f"{len(wrong)} balances differ:\n  " + "\n  ".join(wrong[:20]))
    return len(ours)


def hledger(path):
    run("hledger", "-f", path, "check", "--strict", "ordereddates", "payees")
    out = run("hledger", "-f", path, "balance", "--flat", "--no-total", "--empty", "--output-format", "csv", "--layout", "bare")
    balances = {}
    for line in out.splitlines()[1:]:
        account, currency, number = [cell.strip('"') for cell in line.rsplit(",", 2)]
        if currency:
            balances[unescaped(account, "%"), currency] = minor(number, currency)
    return balances, None


def beancount(path):
    out = run(PYTHON, "-c", BEANCOUNT, path)
    balances, asserted = {}, 0
    for line in out.splitlines():
        if line.startswith("asserted "):
            asserted = int(line.split()[1])
        else:
            account, currency, number = line.split()
            balances[unescaped(account, "--"), currency] = minor(number, currency)
    return balances, asserted


def ledger(path):
    shape = "%(account)\t%(quantity(scrub(amount)))\t%(commodity(scrub(amount)))\n"
    out = run("ledger", "-f", path, *LEDGER_STRICT, "register", "--register-format", shape)
    balances = defaultdict(int)
    for line in out.splitlines():
        account, number, currency = line.split("\t")
        currency = currency.strip('"') or None
        if currency:
            balances[unescaped(account, "%"), currency] += minor(number, currency)
    return dict(balances), None


PROGRAMS = {"hledger": hledger, "beancount": beancount, "ledger": ledger}


def exported(daybook, journal, program, folder, period=None):
    path = os.path.join(folder, f"{period or 'all'}.{program}")
    command = [daybook, "--journal", f"sqlite:{journal}", "--no-progress", "export", program, "--out", path]
    ran = subprocess.run(command + (["--period", period] if period else []), stderr=subprocess.PIPE, text=True)
    if ran.returncode != 0:
        fail(ran.stderr)
    return path, [int(n.replace(",", "")) for n in re.findall(r"([0-9,]+) (?:events|entries|accounts|balances)", ran.stderr)]


def streams_are_true(daybook, journal, path):
    """The stream that the export derives for each transaction is the one in the journal."""
    out = subprocess.run(
        [daybook, "--journal", f"sqlite:{journal}", "events", "--limit", "1000000"], stdout=subprocess.PIPE, text=True, check=True
    ).stdout
    journal_says = {event["position"]: event["stream"] for event in map(json.loads, out.splitlines())}
    position, seen = None, 0
    with open(path) as file:
        for line in file:
            if line.startswith("  position: "):
                position = int(line.split()[1])
            elif line.startswith("  stream: "):
                stream = json.loads(line.split(":", 1)[1])
                if journal_says[position] != stream:
                    fail(f"event {position} stands in {journal_says[position]}, and was exported as of {stream}")
                seen += 1
    return seen


def audited(program, daybook, journal, period):
    with tempfile.TemporaryDirectory() as folder:
        path, counts = exported(daybook, journal, program, folder, period)
        return PROGRAMS[program](path), counts


def main():
    daybook, journal = sys.argv[1:3]
    by_month = "--by-month" in sys.argv
    subprocess.run([daybook, "--journal", f"sqlite:{journal}", "--no-progress", "status"], check=True, stdout=subprocess.DEVNULL)
    books = Books(re.sub(r"\.db$", ".views.db", journal))
    late = books.late()
    if "--late" in sys.argv and late == 0:
        fail("nothing is booked late in these books")
    print(f"{late:,} entries are booked later than they happened")
    months = books.months() if by_month else {None: books.balances}
    asked = [argument[len("--by="):] for argument in sys.argv if argument.startswith("--by=")] or list(PROGRAMS)
    for program in asked:
        started = time.monotonic()
        periods = months if program != "ledger" else {None: books.balances}
        ours, events, entries, asserted, compared = defaultdict(int), 0, 0, 0, 0
        with concurrent.futures.ThreadPoolExecutor(WORKERS) as pool:
            read = pool.map(lambda period: audited(program, daybook, journal, period), periods)
            for (period, moved), ((balances, counted), counts) in zip(periods.items(), read):
                events, entries, asserted = events + counts[0], entries + counts[1], asserted + counts[3]
                if counted is not None and counted != counts[3]:
                    fail(f"{program} saw {counted} assertions of {counts[3]}")
                for key, amount in moved.items():
                    ours[key] += amount
                compared += compare(f"{program} of {period or 'all'}", balances, ours)
        if dict(ours) != books.balances:
            fail("the months do not add up to the balances of the accounts")
        print(
            f"{program}: {len(periods)} file(s), {events:,} transactions, {entries:,} postings, {asserted:,} assertions, no "
            f"complaint; {compared:,} balances equal ours ({time.monotonic() - started:.0f} s)"
        )
    if not by_month:
        with tempfile.TemporaryDirectory() as folder:
            path, _ = exported(daybook, journal, "beancount", folder)
            print(f"{streams_are_true(daybook, journal, path):,} transactions name the stream that the journal names")


main()
