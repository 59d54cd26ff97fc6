"""Has DuckDB read the exported Parquet files and adds up what it finds against the CSV files and the tables of the read models.

Usage: tables.py DAYBOOK_BINARY JOURNAL (run with an interpreter that has the duckdb package)
"""

import csv
import decimal
import os
import re
import sqlite3
import subprocess
import sys
import tempfile

import duckdb

csv.field_size_limit(1 << 30)


def fail(message):
    print(f"tables: {message}", file=sys.stderr)
    sys.exit(1)


def export(shape, folder):
    command = [sys.argv[1], "--journal", f"sqlite:{sys.argv[2]}", "--no-progress", "export", shape, "--out", folder]
    ran = subprocess.run(command, stderr=subprocess.PIPE, text=True)
    if ran.returncode != 0:
        fail(ran.stderr)


def main():
    views = sqlite3.connect(f"file:{re.sub('[.]db$', '.views.db', sys.argv[2])}?mode=ro", uri=True)
    kept = {row[0] for row in views.execute("SELECT name FROM sqlite_schema WHERE type = 'view'")}
    names = {"entries": "book_entries", "accounts": "book_accounts"}
    rows_checked = sums_checked = files = 0
    with tempfile.TemporaryDirectory() as folder:
        export("parquet", folder)
        export("csv", folder)
        for file in sorted(os.listdir(folder)):
            name, _, ending = file.partition(".")
            if ending != "parquet":
                continue
            table = duckdb.read_parquet(os.path.join(folder, file))
            columns = list(zip(table.columns, map(str, table.types)))
            amounts = [column for column, kind in columns if kind.startswith("DECIMAL")]
            numbers = [column for column, kind in columns if kind == "BIGINT"]
            instants = [column for column, kind in columns if kind.startswith("TIMESTAMP")]
            sums = {column: decimal.Decimal(0) for column in amounts + numbers}
            present = dict.fromkeys(instants, 0)
            rows = 0
            with open(os.path.join(folder, f"{name}.csv"), newline="", encoding="utf-8") as text:
                for row in csv.DictReader(text):
                    rows += 1
                    for column in sums:
                        sums[column] += decimal.Decimal(row[column] or 0)
                    for column in present:
                        present[column] += row[column] != ""
            wanted = [f'coalesce(sum("{c}"), 0)' for c in sums] + [f'count("{c}")' for c in present] + ["count(*)"]
            (found,) = table.aggregate(", ".join(wanted)).fetchall()
            for column, theirs, ours in zip([*sums, *present], found, [*sums.values(), *present.values()]):
                if theirs != ours:
                    fail(f"{name}.{column}: DuckDB has {theirs}, the CSV file {ours}")
            if found[-1] != rows:
                fail(f"{name}: DuckDB counts {found[-1]} rows, the CSV file has {rows}")
            source = names.get(name, name)
            if source in kept:
                (stored,) = views.execute(f"SELECT count(*) FROM {source}").fetchone()
                if stored != rows:
                    fail(f"{name}: {rows} rows of {stored} were exported")
            files, rows_checked, sums_checked = files + 1, rows_checked + rows, sums_checked + len(sums) + len(present)
        entries = duckdb.read_parquet(os.path.join(folder, "entries.parquet"))
        sql = "SELECT class, name, currency, sum(amount) FROM entries GROUP BY ALL ORDER BY ALL"
        theirs = duckdb.sql(sql).fetchall()
        command = [sys.argv[1], "--journal", f"sqlite:{sys.argv[2]}", "--no-progress", "--format", "csv", "trial-balance"]
        printed = csv.DictReader(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines())
        ours = sorted((row["class"], row["name"], row["currency"], decimal.Decimal(row["balance"])) for row in printed)
        if theirs != ours:
            fail(f"the trial balance differs:\nDuckDB {theirs}\nours   {ours}")
    print(
        f"DuckDB {duckdb.__version__}: {files} Parquet files, {rows_checked:,} rows, {sums_checked} sums equal those of the CSV files; "
        f"its trial balance of {len(ours)} lines equals ours"
    )


main()
