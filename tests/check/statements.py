"""Holds merchants' statements to the ledger: consecutive months join, and what LibreOffice works out from the formulas of a
workbook equals what the books say.

Usage: statements.py DAYBOOK_BINARY JOURNAL MERCHANTS. The results that a workbook carries for its formulas are spoilt before
LibreOffice sees it, so that it has to reckon for itself. Without LibreOffice that part is left out, and says so.
"""

import csv
import decimal
import glob
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile

FAR_LESS_THAN_A_CENT = decimal.Decimal("0.000001")
COLUMNS = ["gross", "commission", "refund", "fee", "other", "paid_out"]
# all sheets as CSV, UTF-8
CSV = "csv:Text - txt - csv (StarCalc):44,34,76,1,,0,false,true,false,false,false,-1"
ALWAYS_RECALCULATE = """<?xml version="1.0" encoding="UTF-8"?>
<oor:items xmlns:oor="http://openoffice.org/2001/registry">
<item oor:path="/org.openoffice.Office.Calc/Formula/Load"><prop oor:name="OOXMLRecalcMode" oor:op="fuse"><value>0</value></prop></item>
</oor:items>"""


def fail(message):
    print(f"statements: {message}", file=sys.stderr)
    sys.exit(1)


def daybook(*args):
    command = [sys.argv[1], "--journal", f"sqlite:{sys.argv[2]}", "--no-progress", "--format", "json", *args]
    ran = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if ran.returncode != 0:
        fail(f"{' '.join(args)}: {ran.stderr}")
    return ran.stdout


def statement(merchant, period, *more):
    return json.loads(daybook("statement", "merchant", merchant, "--period", period, *more))


def plain(text):
    return text.replace(",", "")


def spoil(path):
    """Gives every formula a result that is wrong; returns how many there are."""
    beside, spoilt = path + ".part", 0
    with zipfile.ZipFile(path) as book, zipfile.ZipFile(beside, "w", zipfile.ZIP_DEFLATED) as out:
        for name in book.namelist():
            text = book.read(name)
            if name.startswith("xl/worksheets/"):
                text, n = re.subn(rb"(</f>)<v>[^<]*</v>", rb"\1<v>987654321</v>", text)
                spoilt += n
            out.writestr(name, text)
    os.replace(beside, path)
    return spoilt


def recalculated(path, folder):
    sheets, said = converted(path, folder, os.path.join(folder, "profile"))
    if not sheets:
        # the call before may still have held the profile, and this one was then left to it: once more, in another
        sheets, said = converted(path, folder, tempfile.mkdtemp(dir=folder))
    if not sheets:
        fail(f"LibreOffice opened nothing: {said}")
    return sheets


def converted(path, folder, profile):
    """The sheets of a workbook as LibreOffice reckons them, and what it said."""
    os.makedirs(os.path.join(profile, "user"), exist_ok=True)
    with open(os.path.join(profile, "user", "registrymodifications.xcu"), "w") as file:
        file.write(ALWAYS_RECALCULATE)
    sheets = {}
    with tempfile.TemporaryDirectory(dir=folder) as out:
        command = ["soffice", f"-env:UserInstallation=file://{profile}", "--headless", "--convert-to", CSV, "--outdir", out, path]
        ran = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        for file in glob.glob(os.path.join(out, "*.csv")):
            with open(file, newline="", encoding="utf-8") as sheet:
                sheets[file.rsplit("-", 1)[1][:-4]] = list(csv.reader(sheet))
    return sheets, ran.stdout


def compare(drawn, sheets):
    """The totals and the closing balance of each currency, as LibreOffice reckons them."""
    checked = 0
    for section in drawn["currencies"]:
        rows = sheets[section["currency"]]
        (total,) = [row for row in rows if row[1] == "Total"]
        (closing,) = [row for row in rows if row[1] == "Closing balance"]
        pairs = [(plain(total[4 + at]), section["totals"][name]["amount"]) for at, name in enumerate(COLUMNS)]
        pairs.append((plain(closing[11]), section["closing"]["balance"]["amount"]))
        summary = [row for row in sheets["Summary"] if row[1] == "Closing by the movements"]
        at = [s["currency"] for s in drawn["currencies"]].index(section["currency"])
        pairs.append((plain(summary[at][2]), section["closing"]["balance"]["amount"]))
        if len(rows) != len(section["movements"]) + 4:
            fail(f"{drawn['merchant_id']}: {len(rows)} rows for {len(section['movements'])} movements")
        for theirs, ours in pairs:
            # a workbook reckons in binary fractions: far less than the smallest unit may stand behind a sum
            if abs(decimal.Decimal(theirs) - decimal.Decimal(ours)) > FAR_LESS_THAN_A_CENT:
                fail(f"{drawn['merchant_id']} {drawn['period']}: LibreOffice reckons {theirs}, the ledger has {ours}")
        checked += len(pairs)
    return checked


def main():
    merchants = [row["merchant_id"] for row in json.loads(daybook("merchants", "--limit", sys.argv[3]))]
    months = sorted(booked_months())
    joined = 0
    for merchant in merchants:
        before = {}
        for month in months:
            for section in statement(merchant, month)["currencies"]:
                currency = section["currency"]
                if before.get(currency, section["opening"]) != section["opening"]:
                    fail(f"{merchant} {month}: opens with {section['opening']}, the month before closed with {before[currency]}")
                before[currency] = section["closing"]
                joined += 1
    print(f"{joined} statements of {len(merchants)} merchants over {len(months)} months join")

    if not shutil.which("soffice"):
        print("LEFT OUT: the workbooks' formulas (no soffice here: apt-get install libreoffice-calc-nogui)")
        return
    cells = formulas = movements = 0
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "statement.xlsx")
        # every month of one merchant, and of two more the months in which payouts come back and books are closed
        drawings = [(merchant, month) for merchant in merchants[:3] for month in (months if merchant == merchants[0] else months[1:3])]
        for merchant, month in drawings:
            drawn = statement(merchant, month, "--xlsx", path)
            movements += sum(len(section["movements"]) for section in drawn["currencies"])
            formulas += spoil(path)
            cells += compare(drawn, recalculated(path, folder))
    if formulas == 0 or movements == 0:
        fail("no workbook has a formula, or none a movement")
    print(
        f"LibreOffice reckons {cells} totals of {len(drawings)} workbooks over {len(months)} months as the ledger has them, "
        f"from {formulas} formulas whose results were spoilt"
    )


def booked_months():
    """The months in which the books have anything, by the exported books."""
    out = daybook("export", "ledger")
    return {line[:7] for line in out.splitlines() if re.match(r"\d{4}-\d\d-\d\d ", line)}


main()
