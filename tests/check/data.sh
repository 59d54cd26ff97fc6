#!/usr/bin/env bash
# Imports the real data set with a release build and holds the result to the CSV files. Usage: data.sh DATA_FOLDER
set -euo pipefail
cargo build --release --quiet -p daybook
python3 tests/check/olist.py "$1" "${CARGO_TARGET_DIR:-target}/release/daybook"
python3 tests/check/olist_figures.py "$1" "${CARGO_TARGET_DIR:-target}/release/daybook"
