#!/usr/bin/env bash
# Exports the books of the simulated market, and of Olist where the data is there, and has hledger, beancount and
# ledger check them and derive every balance again. Usage: books.sh [DATA_FOLDER]
# DAYBOOK names a binary to use in place of one that is built for it; DAYBOOK_LONG=yes has hledger read Olist's books too.
set -euo pipefail
[ -n "${DAYBOOK:-}" ] || cargo build --release --quiet -p daybook
daybook=$(realpath "${DAYBOOK:-${CARGO_TARGET_DIR:-target}/release/daybook}")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

# DuckDB comes from PyPI. Without it neither the figures of traffic and sales nor the Parquet files are held to anything
# that is not Daybook, so that is no pass unless somebody says that it is to be left out.
duckdb=
if python3 -m venv "$folder/venv" && "$folder/venv/bin/pip" install -q --retries 10 --timeout 60 \
    -r tests/check/requirements-duckdb.txt; then
    duckdb="$folder/venv/bin/python"
elif [ "${DAYBOOK_WITHOUT_DUCKDB:-}" = yes ]; then
    left_out="LEFT OUT, as DAYBOOK_WITHOUT_DUCKDB says: every figure of traffic and sales beside DuckDB's, and its reading of the Parquet files"
    printf '\n%s\n%s\n%s\n\n' "!!!!!!!!!!!!" "$left_out" "!!!!!!!!!!!!"
    trap 'rm -rf "$folder"; echo "!!! $left_out" >&2' EXIT
else
    echo "books: DuckDB cannot be had (python3-venv is missing, or PyPI is out of reach): the figures of traffic and sales would be" \
        "held to nothing. Make it reachable, or set DAYBOOK_WITHOUT_DUCKDB=yes to leave that out" >&2
    exit 1
fi

echo "the simulated market:"
"$daybook" --journal "sqlite:$folder/demo.db" --no-progress demo --days 40 --orders-per-day 100 >"$folder/demo.out"
# two months are closed, and what happened in the first is reported after that: it is booked in the third
demo() { "$daybook" --journal "sqlite:$folder/demo.db" --no-progress "$@"; }
demo period close 2025-09 --by chen
demo period close 2025-10 --by chen
demo command --by li --at 2025-09-20T04:00:00Z '{"category":"books","id":"main","command":{"action":"record_provider_payout",
    "provider":"alipay","amount":{"amount":"1.00","currency":"CNY"},"bank":"icbc-001","reference":"late-1"}}'
paid=$(demo payout list --state confirmed --limit 1 --format csv | sed -n 2p)
demo payout return "${paid%%,*}" --bank icbc-001 --reason "the account was closed" --by li --at 2025-09-28T04:00:00Z
demo verify >"$folder/verify.out"
python3 tests/check/books.py "$daybook" "$folder/demo.db" --late
python3 tests/check/books.py "$daybook" "$folder/demo.db" --by-month --late
python3 tests/check/statements.py "$daybook" "$folder/demo.db" 8
[ -z "$duckdb" ] || "$duckdb" tests/check/tables.py "$daybook" "$folder/demo.db"
[ -z "$duckdb" ] || "$duckdb" tests/check/traffic.py "$daybook" "$folder"

if [ -z "${1:-}" ]; then
    echo "Olist's books left out: set DAYBOOK_DATA to a folder that holds olist/"
else
    echo "Olist:"
    "$daybook" --journal "sqlite:$folder/olist.db" --no-progress import olist "$1/olist" >"$folder/olist.out"
    # two years of months, settled on the first and paid on the fifth
    "$daybook" --journal "sqlite:$folder/olist.db" --no-progress settle --every month --until 2018-11-01 >"$folder/settle.out"
    "$daybook" --journal "sqlite:$folder/olist.db" --no-progress payout run --on 2018-11-05 --monthly-from 2016-11-05 \
        --paid-by main >"$folder/payout.out"
    # hledger takes longest, and reads the simulated market above: Olist in the long form alone
    programs=(beancount ledger)
    [ "${DAYBOOK_LONG:-}" != yes ] || programs+=(hledger)
    python3 tests/check/books.py "$daybook" "$folder/olist.db" --by-month "${programs[@]/#/--by=}"
    [ -z "$duckdb" ] || "$duckdb" tests/check/tables.py "$daybook" "$folder/olist.db"
fi
