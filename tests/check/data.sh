#!/usr/bin/env bash
# Imports the real data set and holds the result to the CSV files. Usage: data.sh DATA_FOLDER
# DAYBOOK names a binary to use in place of one that is built for it.
set -euo pipefail
[ -n "${DAYBOOK:-}" ] || cargo build --release --quiet -p daybook
daybook=$(realpath "${DAYBOOK:-${CARGO_TARGET_DIR:-target}/release/daybook}")
python3 tests/check/olist.py "$1" "$daybook"
python3 tests/check/olist_figures.py "$1" "$daybook"
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
if python3 -m venv "$folder/venv" 2>/dev/null && "$folder/venv/bin/pip" install -q --retries 10 --timeout 60 \
    -r tests/check/requirements-duckdb.txt 2>"$folder/pip.log"; then
    "$daybook" --journal "sqlite:$folder/olist.db" --no-progress import olist "$1/olist" >"$folder/olist.out"
    "$folder/venv/bin/python" tests/check/loan_pack.py "$1" "$daybook" "$folder/olist.db"
    "$folder/venv/bin/python" tests/check/market_pack.py "$1" "$daybook" "$folder/olist.db"
else
    cat "$folder/pip.log" 2>/dev/null || true
    echo "LEFT OUT: DuckDB's reckoning of loan packs (no python3-venv here, or PyPI is out of reach)"
fi
