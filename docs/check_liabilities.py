#!/usr/bin/env python3
"""Checks that what a merchant is owed is counted in the sum that a market stated (docs/statements.md), independently of Daybook.

    python3 check_liabilities.py OWN.proof --sum SUM.proof --key 'shop.example/ledger+5f584738+AbC...' [--merchant M] [--currency CNY]
        [--owed 1250.00] [--not-before 2026-11-22T00:00:00Z] [--through POSITION] [--events SIZE]

Needs verify_statement.py beside it and Python 3. Prints what holds, or what does not (exit code 1). With --batch it reads lines
`OWN<TAB>SUM<TAB>KEY<TAB>MERCHANT<TAB>CURRENCY<TAB>OWED<TAB>MICROSECONDS<TAB>POSITION<TAB>EVENTS` (empty: any) and answers each with `ok ...` or `no ...`.
"""
import argparse, datetime, re, sys

from verify_statement import (Wrong, check, checkpoint, event, hashes, leaf, money, number, printable, public_key, root_of,
                              sha, shown, strict, unbase64)


MOST_BYTES = 100_000  # of a merchant's proof
MOST_SUM = 4 << 20
LATEST = 253402300799999999  # the last microsecond of the year 9999
MOST_BETWEEN = 100_000  # events between the last that a sum counts and the one that states it
LEEWAY = 3_600_000_000  # microseconds that the clocks of who writes and who signs may be apart
SINCE = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)


def time(micros):
    return (SINCE + datetime.timedelta(microseconds=micros)).isoformat().replace("+00:00", "Z")


def micros(text):
    """Microseconds since 1970 of a time with its offset (RFC 3339)."""
    try:
        return (datetime.datetime.fromisoformat(re.sub("[Zz]$", "+00:00", text)) - SINCE) // datetime.timedelta(microseconds=1)
    except (TypeError, ValueError):
        raise argparse.ArgumentTypeError(f"time {text!r} is not RFC 3339 such as 2026-11-22T00:00:00Z")


def signed_at(lines, where):
    """Microseconds since 1970 of the time that a checkpoint says."""
    said = [line[5:] for line in lines if line.startswith("time ")]
    check(len(said) == 1 and re.match(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?Z\Z", said[0]), where,
          "its checkpoint does not say when it was signed")
    whole, _, parts = said[0][:-1].partition(".")
    try:
        since = (datetime.datetime.strptime(whole, "%Y-%m-%dT%H:%M:%S").replace(tzinfo=datetime.timezone.utc) - SINCE)
    except ValueError:
        raise Wrong(f"{where}: its checkpoint does not say when it was signed")
    check(since.days >= 0, where, "its checkpoint does not say when it was signed")
    return (since.days * 86_400 + since.seconds) * 1_000_000 + int(parts.ljust(6, "0"))


def stated(text, keys):
    """The event that says what is owed in all, in the log that was signed: its position, when and through where it was stated, size of the log and sums by currency."""
    where = "the sum"
    head, found, note = text.partition("\n\n")
    lines = head.split("\n")
    check(found and len(lines) >= 3 and lines[0] == "c2sp.org/tlog-proof@v1", where, "it is no proof of an event")
    check(lines[1].startswith("extra ") and lines[2].startswith("index "), where, "it is no proof of an event")
    raw, index = unbase64(lines[1][6:], where), number(lines[2][6:], where)
    size, root, signed = checkpoint(note, keys, where)
    check(root_of(hashes(lines[3:], where), index, size, leaf(raw), where) == root, where, "its event is not in the log that was signed")
    at, stream, kind, said, *times = event(raw, where)
    check(at == index + 1, where, "its event is at another position")
    check(kind == "LiabilitiesStated" and stream.startswith("books-"), where, "its event does not say what is owed")
    check(type(said["through"]) is int and 0 <= said["through"] < at, where, "it says what is owed by events that came after it")
    check(at - said["through"] <= MOST_BETWEEN + 1, where, "it was not drawn up when it was stated")
    check(all(0 <= time <= LATEST for time in times), where, "it was stated at no time of this calendar")
    check(max(times) <= signed_at(signed, where) + LEEWAY, where, "it was stated after its checkpoint was signed")
    sums = {}
    for one in said["sums"]:
        currency, (owed, digits) = one["sum"]["currency"], money(one["sum"]["amount"], None, where)
        check(re.match(r"[A-Z]{3}\Z", currency) and all(known < currency for known in sums), where, "a currency comes twice, or is none")
        check(type(one["leaves"]) is int and one["leaves"] > 0 and owed >= 0, where, "a sum of it is none")
        check(re.match(r"[0-9a-f]{64}\Z", one["root"]), where, "a root of it is none")
        sums[currency] = (owed, digits, one["leaves"], bytes.fromhex(one["root"]))
    return at, min(times), said["through"], size, root, sums


def over(left, right):
    """The node over two: the sum, and the hash of both sums and hashes below."""
    owed = left[0] + right[0]
    check(owed < 1 << 64, "the way", "its sum is too large")
    return owed, sha(b"\1" + b"".join(side[0].to_bytes(8, "big") + side[1] for side in (left, right)))


def verify(own, total, keys, **wanted):
    at, when, through, size, root, sums = stated(total, keys)
    where, lines = "the proof", own.split("\n")
    check(len(own.encode()) <= MOST_BYTES, where, "it is longer than any proof of what is owed")
    check(not any(line.endswith("\r") for line in lines), where, "it is not as it is written")
    check(len(lines) >= 7 and lines[0] == "daybook owed 2" and lines[-1] == "", where, "it is no proof of what is owed")
    check(lines[1].startswith("stated ") and number(lines[1][7:], where) == at, where, f"it is not of the sum stated at position {at}")
    check(lines[3].startswith("nonce ") and lines[5].startswith("index "), where, "it is not as it is written")
    who, nonce, index = lines[2], unbase64(lines[3][6:], where, 32), number(lines[5][6:], where)
    currency, _, amount = lines[4].partition(" ")
    check(currency in sums, where, f"nothing is stated to be owed in {currency}")
    whole, digits, leaves, top = sums[currency]
    owed, last = money(amount, digits, where), leaves - 1
    check(owed >= 0 and index < leaves, where, "it begins at a leaf that is not there")
    # the leaf: a zero byte, the amount, and the hash of nonce and name; then up as RFC 9162 2.1.3.2 goes
    at_leaf = sha(b"\0" + owed.to_bytes(8, "big") + sha(nonce + who.encode()))
    node_, place = (owed, at_leaf), index
    for line in lines[6:-1]:
        text, _, hash_ = line.partition(" ")
        beside = (money(text, digits, where), unbase64(hash_, where, 32))
        check(last != 0 and beside[0] >= 0, where, "its way is too long, or has less than nothing")
        if place & 1 or place == last:
            node_ = over(beside, node_)
            while place & 1 == 0 and place:
                place, last = place >> 1, last >> 1
        else:
            node_ = over(node_, beside)
        place, last = place >> 1, last >> 1
    check(last == 0 and node_ == (whole, top), where, f"{amount} {currency} for {who} are not counted in the sum")
    found = dict(merchant=who, currency=currency, owed=amount)
    for name, value in wanted.items():
        if name == "events":
            check(value is None or size >= value, "the checkpoint", f"it has {size} events, and {value} are known")
        elif name == "through":
            check(value is None or through >= value, "the sum", f"it counts the events through {through}, and those through {value} are known")
        elif name == "not_before":
            check(value is None or when >= value, "the sum", f"it was stated at {time(when)}, before the time that was asked for")
        else:
            if name == "merchant" and value is not None:
                value = f"merchant {value}"  # a leaf by the id alone is somebody else's
            check(value in (None, found[name]), where, f"its {name} is {found[name]}, and {value} was asked for")
    return (f"{amount} {currency} for {who} are counted in {shown(whole, digits)} owed to {leaves}, stated at {time(when)} by the events "
            f"through {through} (position {at}), signed over {size} events")


def read(path, most):
    with open(path, "rb") as file:
        raw = file.read(most + 1)
    check(len(raw) <= most, path, f"it has more than {most} bytes")
    return raw.decode()


def answer(own, total, keys, **wanted):
    """Whether it holds, and what it says or what is wrong with it."""
    try:
        return True, verify(read(own, MOST_SUM), read(total, MOST_SUM), [public_key(key) for key in keys], **wanted)
    except Wrong as wrong:
        return False, str(wrong)
    except OSError as wrong:
        return False, f"it cannot be read: {wrong}"
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError, OverflowError) as wrong:
        return False, f"it is not as it is written: {wrong!r}"


def main():
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("file", nargs="?")
    asked.add_argument("--sum")
    asked.add_argument("--key", action="append", help="the market's public key; a witness's too: then it must have signed")
    asked.add_argument("--batch", action="store_true")
    for name in ("merchant", "currency", "owed"):
        asked.add_argument(f"--{name}")
    asked.add_argument("--not-before", type=micros, metavar="TIME", help="refuse a sum that was stated before")
    asked.add_argument("--through", type=int, metavar="POSITION", help="refuse a sum that does not count the events that are known")
    asked.add_argument("--events", type=int)
    args = asked.parse_args()
    if args.batch:
        for line in sys.stdin:
            own, total, key, merchant, currency, owed, first, through, events = line.rstrip("\n").split("\t")
            holds, says = answer(own, total, [key], merchant=merchant or None, currency=currency or None, owed=owed or None,
                                 not_before=int(first) if first else None, through=int(through) if through else None,
                                 events=int(events) if events else None)
            print("ok" if holds else "no", printable(says))
        return 0
    if not args.file or not args.sum or not args.key:
        asked.error("name the proof, the sum with --sum, and the market's public key with --key")
    holds, says = answer(args.file, args.sum, args.key, merchant=args.merchant, currency=args.currency, owed=args.owed,
                         not_before=args.not_before, through=args.through, events=args.events)
    print(printable(says if holds else f"it does not hold: {says}"))
    return 0 if holds else 1


if __name__ == "__main__":
    sys.exit(main())
