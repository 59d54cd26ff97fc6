#!/usr/bin/env bash
# Foreign programs use the API of a served market: the quick start as it stands in the README, the same by a client that
# openapi-python-client makes of the document, and requests that schemathesis makes up, with keys of each role.
# Afterwards the market must still hold. Usage: api.sh [REQUESTS_PER_OPERATION] [SEED] [PHASES]
# DAYBOOK names a binary to use in place of one that is built for it; ROLES the keys that schemathesis tries.
set -euo pipefail
most=${1:-2} seed=${2:-7} phases=${3:-examples,fuzzing}
[ -n "${DAYBOOK:-}" ] || cargo build --release --quiet -p daybook
daybook=$(realpath "${DAYBOOK:-${CARGO_TARGET_DIR:-target}/release/daybook}")
checks=$(realpath tests/check)
folder=$(mktemp -d)
server=
finish() {
    [ -z "$server" ] || kill "$server" 2>/dev/null || true
    wait
    rm -rf "$folder"
}
trap finish EXIT

python=
if python3 -m venv "$folder/venv" 2>/dev/null && "$folder/venv/bin/pip" install -q --retries 10 --timeout 60 \
    -r "$checks/requirements-api.txt" 2>"$folder/pip.log"; then
    python="$folder/venv/bin"
else
    cat "$folder/pip.log" 2>/dev/null || true
    echo "LEFT OUT: the generated client and schemathesis (no python3-venv here, or PyPI is out of reach)"
fi

export DAYBOOK_JOURNAL="sqlite:$folder/demo.db"
"$daybook" --no-progress demo --days 20 --orders-per-day 20 >"$folder/demo.out" 2>&1
declare -A key
for holder in storefront finance analyst operator collector admin "merchant --merchant m-001" "merchant --merchant m-002"; do
    # shellcheck disable=SC2086 # a role, and whose
    key[$holder]=$("$daybook" key create --role $holder --format csv 2>/dev/null | tail -n 1 | sed 's/.*,//')
done

# no key is held back by a rate: all of them ask as fast as they are answered
cat >"$folder/daybook.toml" <<TOML
listen = "127.0.0.1:0"
log_level = "warn"
[access]
rates = { merchant = "0/0", analyst = "0/0", finance = "0/0", operator = "0/0", collector = "0/0" }
TOML
"$daybook" --no-progress serve --config "$folder/daybook.toml" 2>"$folder/serve.log" &
server=$!
ready='' until=$((SECONDS + 60))
while [ -z "$ready" ] && [ $SECONDS -lt $until ]; do
    url=$(sed -n 's/^listening on //p' "$folder/serve.log" 2>/dev/null || true)
    if [ -n "$url" ] && [ "$(curl -s -m 5 -o /dev/null -w '%{http_code}' "$url/readyz")" = 200 ]; then ready=yes; else sleep 0.1; fi
done
if [ -z "$ready" ]; then
    echo "api: the market is not ready after 60 seconds; it said:" >&2
    cat "$folder/serve.log" >&2
    exit 1
fi

echo "the quick start of the README:"
# all blocks but the first, which makes the market and serves it
sed -n '/^## The API/,/^## /p' README.md | awk '/^```sh/ { n++; take = n > 1; next } /^```/ { take = 0 } take' |
    sed "s|http://127.0.0.1:8080|$url|g" >"$folder/quick_start.sh"
SHOP=${key[storefront]} FINANCE=${key[finance]} bash -euo pipefail "$folder/quick_start.sh" >"$folder/quick_start.out"
grep -q '"status":"released"' "$folder/quick_start.out"
grep -q '"type":"daybook.EscrowReleased"' "$folder/quick_start.out"
echo "  $(wc -l <"$folder/quick_start.out") answers, none refused"
[ -n "$python" ] || exit 0

echo "a generated client:"
curl -sS "$url/v1/openapi.json" >"$folder/openapi.json"
printf 'content_type_overrides:\n  "application/openmetrics-text; version=1.0.0; charset=utf-8": text/plain\n' \
    >"$folder/generator.yml"
PATH="$python:$PATH" "$python/openapi-python-client" generate --path "$folder/openapi.json" --meta none \
    --config "$folder/generator.yml" --output-path "$folder/client/daybook_client" --fail-on-warning
"$python/python" "$checks/api_client.py" "$folder/client" "$folder/openapi.json" "$url" \
    "${key[storefront]}" "${key[finance]}"

echo "schemathesis, $most requests of each kind per operation, seed $seed:"
# whether all that fits the document is taken is asked in long runs: rules that no schema can say refuse some of it
lenient=()
[ "$most" -gt 2 ] || lenient=(--exclude-checks positive_data_acceptance)
try() { # ROLE [--merchant M]; no key is put out of force on the way
    echo "  $*"
    (cd "$folder" && API_URL=$url API_ADMIN=${key[admin]} API_MERCHANT=${3:-} SCHEMATHESIS_HOOKS=api_hooks \
        PYTHONPATH="$checks" "$python/schemathesis" --config-file "$checks/schemathesis.toml" run "$url/v1/openapi.json" \
        -H "Authorization: Bearer ${key[$*]}" --phases "$phases" --max-examples "$most" --seed "$seed" --continue-on-failure \
        "${lenient[@]}" --exclude-path-regex '^/v1/keys/' >"$folder/tried.log" 2>&1) || { cat "$folder/tried.log"; exit 1; }
    grep -E 'generated|Tested:' "$folder/tried.log"
}
# shellcheck disable=SC2086 # words
for role in ${ROLES:-m-001 m-002 storefront finance analyst operator collector admin}; do
    if [[ $role == m-* ]]; then try merchant --merchant "$role"; else try "$role"; fi
done
kill "$server"
wait "$server" 2>/dev/null || true
server=
"$daybook" --no-progress verify >"$folder/verify.out" || { cat "$folder/verify.out"; exit 1; }
tail -n 1 "$folder/verify.out"
