"""What schemathesis does not know of the market: which ids there are, and what no answer may show.

Loaded through SCHEMATHESIS_HOOKS. API_URL and API_ADMIN name the service and an admin's key, with which the ids of the
market are read; API_MERCHANT is the merchant whose key is tried, where it is one's.
"""

import io
import itertools
import json
import os
import re
import urllib.request
import zipfile
import zlib

import schemathesis
from schemathesis.core.parameters import ParameterLocation
from schemathesis.generation import GenerationMode

URL, ADMIN, OWN = (os.environ.get(name, "") for name in ("API_URL", "API_ADMIN", "API_MERCHANT"))


def rows(path):
    """Every row of a list, page by page."""
    cursor = ""
    while True:
        asked = urllib.request.Request(f"{URL}{path}{'&' if '?' in path else '?'}limit=500{cursor}")
        asked.add_header("Authorization", f"Bearer {ADMIN}")
        with urllib.request.urlopen(asked) as answer:
            page = json.load(answer)
        yield from page["rows"]
        if page["next"] is None:
            return
        cursor = f"&cursor={page['next']}"


def ids_of(merchant):
    """The ids of what belongs to a merchant, by what they name."""
    at = f"/v1/merchants/{merchant}"
    orders = list(rows(f"{at}/orders"))
    disputes = [row["dispute_id"] for row in rows(f"{at}/disputes")]
    return {
        "merchant": [merchant],
        "order": [row["order_id"] for row in orders],
        "checkout": [row["checkout_id"] for row in orders],
        "buyer": [row["buyer_id"] for row in orders],
        "dispute": disputes,
        "payout": [row["payout_id"] for row in rows(f"{at}/payouts")],
        "settlement": [row["settlement_id"] for row in rows(f"{at}/settlements")],
        "review": [row["review_id"] for row in rows(f"{at}/reviews")],
    }


MERCHANTS = [row["merchant_id"] for row in rows("/v1/merchants")]
MARKET = {merchant: ids_of(merchant) for merchant in MERCHANTS[:8]}
# for a merchant's key, half of what is asked for is its own
KNOWN = {
    name: sum((MARKET[m][name] * (len(MARKET) if m == OWN else 1) for m in MARKET), [])
    for name in MARKET[MERCHANTS[0]]
} | {
    "category": ["order", "merchant", "checkout", "account"],
    "period": ["2025-09"],
    "provider": ["alipay"],
    "market": ["main"],
}
SHARED = {"checkout", "buyer"}  # a basket, and its buyer, may be of several merchants
OWNED = {i for name, ids in MARKET.get(OWN, {}).items() for i in ids}
FOREIGN = (
    {i for m in MARKET if m != OWN for name, ids in MARKET[m].items() if name not in SHARED for i in ids} - OWNED
    if OWN
    else set()
)


def chosen(name, value):
    """An id that there is, in place of two in three; always the same for the same value."""
    number = zlib.crc32(repr((name, value)).encode())
    return KNOWN[name][number // 3 % len(KNOWN[name])] if number % 3 and KNOWN.get(name) else value


def put_in(members):
    for name, value in list(members.items()):
        if name in KNOWN and isinstance(value, str):
            members[name] = chosen(name, value)


REFERENCES = itertools.count()


def told(value):
    """A body as programs write it: whole numbers as such, and no larger than 64 bits; amounts that every currency has."""
    if isinstance(value, dict):
        value = {name: told(member) for name, member in value.items()}
        if set(value) == {"amount", "currency"}:
            value["amount"] = str(zlib.crc32(repr(value).encode()) % 1000)
            value["currency"] = "CNY" if zlib.crc32(value["amount"].encode()) % 3 else value["currency"]
        return value
    if isinstance(value, list):
        return [told(item) for item in value]
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value % 2**63 if isinstance(value, int) and abs(value) >= 2**64 else value


@schemathesis.hook
def before_call(context, case, kwargs):
    """Asks for what there is, where what is asked for is well-formed; and not for what nobody can make up."""
    parts = case.meta.components if case.meta else {}
    if case.path == "/v1/events/stream":
        kwargs["timeout"] = 2  # after what there is, a stream waits for more

    def well_formed(part, content):
        return isinstance(content, dict) and (part not in parts or parts[part].mode == GenerationMode.POSITIVE)

    if well_formed(ParameterLocation.PATH, case.path_parameters):
        if "period" in case.path_parameters:
            case.path_parameters["period"] = KNOWN["period"][0]  # others have not come yet
        for name, value in case.path_parameters.items():
            if not str(value).isascii():
                case.path_parameters[name] = "odd"  # half a surrogate, which nobody can send
        put_in(case.path_parameters)
        if case.path_parameters.get("category") in KNOWN and "id" in case.path_parameters:
            case.path_parameters["id"] = chosen(case.path_parameters["category"], case.path_parameters["id"])
    if well_formed(ParameterLocation.QUERY, case.query):
        put_in(case.query)
        if "account" in case.query:
            case.query.setdefault("currency", "CNY")  # which one, where an account is kept in several
        case.query.pop("cursor", None)  # made by the service, for the same question
        if "period" in case.query or "from" in case.query:
            case.query.pop("to", None)  # may lie before it
        if "period" in case.query:
            case.query.pop("from", None)  # stands instead of it
        if isinstance(case.query.get("after"), int):
            case.query["after"] %= 1000  # the journal has that many
        if isinstance(case.query.get("after"), str) and case.query["after"].isdigit():
            case.query["after"] = str(int(case.query["after"]) % 1000)
    if well_formed(ParameterLocation.HEADER, dict(case.headers or {})):
        for name in ("Daybook-At-Least", "Last-Event-ID"):
            if str(case.headers.get(name, "")).isdigit():
                case.headers[name] = str(int(case.headers[name]) % 1000)
    if well_formed(ParameterLocation.BODY, case.body):
        case.body = told(case.body)
        category = case.body.get("category")  # of a product or a dispute, not of a stream
        put_in(case.body)
        if category is not None:
            case.body["category"] = category
        if "time_zone" in case.body:
            case.body["time_zone"] = "Asia/Shanghai"
        if isinstance(case.body.get("url"), str):
            case.body["url"] = "https://receiver.invalid/"  # nobody's, for ever
        if isinstance(case.body.get("after"), int):
            case.body["after"] %= 1000
        if isinstance(case.body.get("provider_ref"), str):
            case.body["provider_ref"] = f"made-up-{next(REFERENCES)}"  # a provider gives each once


@schemathesis.hook
def filter_failure(context, failure, case, response):
    """A header that nobody asked for is no violation; nor is an If-Match that lost its quotes, and all else, on the way."""
    headers = {name.lower(): value for name, value in (case.headers or {}).items()}
    return "x-schemathesis-unknown-property" not in headers and headers.get("if-match") != ""


def text_of(response):
    """The text of an answer; of a workbook, that of its parts."""
    if response.content[:2] != b"PK":
        return response.content.decode(errors="replace")
    with zipfile.ZipFile(io.BytesIO(response.content)) as parts:
        return "\n".join(parts.read(name).decode(errors="replace") for name in parts.namelist())


def named(text):
    return FOREIGN.intersection(re.split(r"[^A-Za-z0-9._-]+", text)) if FOREIGN else set()


@schemathesis.check
def shows_nothing_of_others(ctx, response, case):
    """A merchant's key is told nothing of another merchant; a refusal may repeat what was asked for."""
    if not OWN or case.operation.definition.raw.get("security") == []:
        return
    text = text_of(response)
    if case.path.endswith("/batch") and response.status_code == 200:
        text = json.dumps([result for result in response.json()["results"] if result["status"] < 400])
    text += "\n".join(value for values in response.headers.values() for value in values)
    if response.status_code >= 400:
        asked = json.dumps([case.path_parameters, case.query, case.headers], default=str) + repr(case.body)
        leaked = named(text) - named(asked)
        assert not leaked, f"a refusal names {sorted(leaked)}"
        return
    leaked = named(text)
    assert not leaked, f"the key of {OWN} was shown {sorted(leaked)}"


ORDINARY = {"content-type", "content-length", "date", "vary", "content-encoding", "transfer-encoding", "allow", "cache-control", "connection",
            "x-content-type-options"}


@schemathesis.check
def has_documented_headers_only(ctx, response, case):
    """Every answer has its position and its request's name; what else it has is documented or ordinary HTTP."""
    said = case.operation.definition.raw["responses"].get(str(response.status_code))
    if said is None:
        return  # another check says so
    if "$ref" in said:
        said = case.operation.schema.raw_schema["components"]["responses"][said["$ref"].rsplit("/", 1)[1]]
    documented = {name.lower() for name in said.get("headers", {})}
    there = {name.lower() for name in response.headers}
    assert there <= documented | ORDINARY, f"not documented: {sorted(there - documented - ORDINARY)}"
    assert "daybook-position" in there and "x-request-id" in there, sorted(there)
