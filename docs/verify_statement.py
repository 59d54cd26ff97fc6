#!/usr/bin/env python3
"""Checks a statement that proves itself (docs/statements.md), independently of Daybook: this file and Python 3 are enough.

    python3 verify_statement.py FILE.zip --key 'shop.example/ledger+5f584738+AbC...' [--merchant M] [--from 2018-01] [--through 2018-12]

Says what the statement is of and its balances, or what does not hold and where (exit code 1). With --batch it reads lines
`FILE<TAB>KEY<TAB>MERCHANT<TAB>FROM<TAB>THROUGH<TAB>EVENTS` (empty: any) and answers each with `ok ...` or `no ...`.
"""
import argparse, base64, datetime, hashlib, json, re, struct, sys, zlib

try:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
except ImportError:  # slower, the same
    Ed25519PublicKey = None

HEADER = "number\tday\tbooked_at\toccurred_at\tposition\tevent\torder\tamount\twithin\tbalance"
MONTH = re.compile(r"[0-9]{4}-(0[1-9]|1[0-2])\Z", re.A)
MONEY = re.compile(r"(?!-0(\.0+)?\Z)-?(0|[1-9][0-9]*)(\.[0-9]+)?\Z")


class Wrong(Exception):
    """What does not hold, and where."""


def check(holds, where, why):
    if not holds:
        raise Wrong(f"{where}: {why}")


def sha(data):
    return hashlib.sha256(data).digest()


def leaf(data):
    return sha(b"\0" + data)


def node(left, right):
    return sha(b"\1" + left + right)


EMPTY = sha(b"")
MOST_BYTES = 256 << 20  # of an archive that is read
MOST_PROOF = 4_000_000  # of a file in seals/
MOST_NOTE, MOST_SIGNATURES = 1_000_000, 100  # of a checkpoint


def unbase64(text, where, length=None):
    try:
        raw = base64.b64decode(text, validate=True)
    except ValueError:
        raise Wrong(f"{where}: not base64")
    check(base64.b64encode(raw).decode() == text, where, "base64 written in another way")
    check(length is None or len(raw) == length, where, "not of the length it must have")
    return raw


def number(text, where):
    check(re.match(r"(0|[1-9][0-9]{0,18})\Z", text, re.A) and int(text) <= 1 << 62, where, f"{text!r} is no number")
    return int(text)


def plain(value, deepest=32):
    """Whether a value of JSON is nested no deeper than is read, and its texts are Unicode."""
    if isinstance(value, str):
        value.encode()  # half of a surrogate is no text
    elif isinstance(value, dict):
        return deepest > 0 and all(plain(key) and plain(below, deepest - 1) for key, below in value.items())
    elif isinstance(value, list):
        return deepest > 0 and all(plain(below, deepest - 1) for below in value)
    return True


def strict(text, where):
    """Reads JSON that can be read in one way only: each name once, whole numbers of 64 bits."""
    def once(pairs):
        check(len({key for key, _ in pairs}) == len(pairs), where, "a name stands twice in what it says")
        return dict(pairs)

    def whole(digits):
        check(digits != "-0" and len(digits) <= 20 and -1 << 63 <= int(digits) < 1 << 64, where, f"{digits} is no number of 64 bits")
        return int(digits)

    def other(digits):
        raise Wrong(f"{where}: {digits} is no whole number")

    try:
        value = json.loads(text, object_pairs_hook=once, parse_int=whole, parse_float=other, parse_constant=other)
        check(plain(value), where, "what it says is nested too deep")
        return value
    except (ValueError, RecursionError) as wrong:
        raise Wrong(f"{where}: what it says: {wrong}")


def money(text, digits, where):
    """An amount in minor units; with digits None also its decimals."""
    check(MONEY.match(text) and sum(c.isdigit() for c in text) <= 18, where, f"{text!r} is no amount")
    own = len(text.partition(".")[2])
    check(digits in (None, own), where, f"{text!r} has another number of decimals")
    minor = int(text.replace(".", ""))
    return (minor, own) if digits is None else minor


# ---- Ed25519 (RFC 8032) where the library is not there

P = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P


def add(a, b):
    one, two = (a[1] - a[0]) * (b[1] - b[0]) % P, (a[1] + a[0]) * (b[1] + b[0]) % P
    three, four = 2 * a[3] * b[3] * D % P, 2 * a[2] * b[2] % P
    e, f, g, h = two - one, four - three, four + three, two + one
    return (e * f % P, g * h % P, f * g % P, e * h % P)


def times(n, point):
    out = (0, 1, 1, 0)
    while n:
        if n & 1:
            out = add(out, point)
        point, n = add(point, point), n >> 1
    return out


def point(raw):
    y = int.from_bytes(raw, "little")
    sign, y = y >> 255, y & (1 << 255) - 1
    if y >= P:
        return None
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * pow(2, (P - 1) // 4, P) % P
    if (x * x - square) % P or (x == 0 and sign):
        return None
    x = P - x if x & 1 != sign else x
    return (x, y, 1, x * y % P)


def same(a, b):
    return (a[0] * b[2] - b[0] * a[2]) % P == 0 and (a[1] * b[2] - b[1] * a[2]) % P == 0


def small(raw):
    """Whether bytes are no point of the curve, or one of the few that let any signature hold."""
    found = point(raw)
    return found is None or same(times(8, found), (0, 1, 1, 0))


def signed(key, text, signature):
    if small(signature[:32]):
        return False
    if Ed25519PublicKey:
        try:
            Ed25519PublicKey.from_public_bytes(key).verify(signature, text)
            return True
        except Exception:
            return False
    a, r, s = point(key), point(signature[:32]), int.from_bytes(signature[32:], "little")
    if a is None or r is None or s >= ORDER:
        return False
    base = point((4 * pow(5, P - 2, P) % P).to_bytes(32, "little"))
    h = int.from_bytes(hashlib.sha512(signature[:32] + key + text).digest(), "little") % ORDER
    return same(times(s, base), add(r, times(h, a)))


# ---- keys, checkpoints, events

def public_key(text):
    name, key_id, key = (text.strip().split("+", 2) + ["", ""])[:3]
    raw = unbase64(key, "the public key", 33)
    check(raw[0] in (PLAIN, COSIGNATURE), "the public key", "not an Ed25519 key of a market or a witness")
    check(key_id == sha(name.encode() + b"\n" + raw)[:4].hex(), "the public key", "its id is not that of its name and key")
    check(not small(raw[1:]), "the public key", "it is no key, or a weak one")
    return name, bytes.fromhex(key_id), raw[1:], raw[0]


KNOWN = {}
PLAIN, COSIGNATURE = 1, 4  # C2SP signed-note, tlog-cosignature


def checkpoint(note, keys, where):
    """Size, root and further lines of a checkpoint that the keys signed."""
    text, found, signatures = note.rpartition("\n\n")
    check(found and signatures.endswith("\n"), where, "no checkpoint stands in it")
    check(len(note.encode()) <= MOST_NOTE and signatures.count("\n") <= MOST_SIGNATURES, where, "its checkpoint is longer than any that is read")
    check(all(c >= " " or c == "\n" for c in note), where, "its checkpoint has characters that stand in none")
    if KNOWN.get((note, tuple(keys))) is None:
        text_bytes, seen = (text + "\n").encode(), set()
        for line in signatures[:-1].split("\n"):
            parts = line.split(" ")
            check(len(parts) == 3 and parts[0] == "\u2014", where, "a signature is not written as one")
            raw = unbase64(parts[2], where)
            key = [k for k in keys if k[0] == parts[1] and k[1] == raw[:4]]
            check(key, where, "its checkpoint is signed by a key that was not given")
            said = text_bytes
            if key[0][3] == COSIGNATURE:
                check(len(raw) == 76 and raw[4] < 128, where, "a witness's signature has no time")
                said = b"cosignature/v1\ntime %d\n" % int.from_bytes(raw[4:12], "big") + text_bytes
                raw = raw[:4] + raw[12:]
            check(len(raw) == 68 and key[0] not in seen and signed(key[0][2], said, raw[4:]), where, "a signature does not hold")
            seen.add(key[0])
        check(any(k[0] == text.split("\n")[0] and k[3] == PLAIN for k in seen), where, "the market did not sign its checkpoint")
        check(all(k in seen for k in keys if k[3] == COSIGNATURE), where, "a witness whose key was given did not sign its checkpoint")
        KNOWN[(note, tuple(keys))] = True
    lines = text.split("\n")
    check(len(lines) >= 3 and all(lines), where, "its checkpoint has not the lines it must have")
    return number(lines[1], where), unbase64(lines[2], where, 32), lines[3:]


def event(raw, where):
    """Position, stream, type, payload, occurred_at and recorded_at (microseconds) of a logged event (docs/log.md)."""
    head = b"daybook event 1\n"
    check(raw.startswith(head), where, "it is no logged event")
    at, out = len(head), []
    for kind in "8t8.t288...ttt":
        if kind == ".":
            length = 16
        elif kind == "t":
            length = 4 + int.from_bytes(raw[at : at + 4], "big")
        else:
            length = int(kind)
        field = raw[at : at + length]
        check(len(field) == length, where, "its event ends too early")
        out.append(field[4:] if kind == "t" else field)
        at += length
    # position stream version id type schema occurred recorded | command fingerprint correlation | actor refs data
    check(at == len(raw), where, "something stands behind its event")
    try:
        texts = [out[i].decode() for i in (1, 4, 11, 12, 13)]
    except UnicodeDecodeError:
        raise Wrong(f"{where}: its event is not UTF-8")
    times = (int.from_bytes(out[at], "big", signed=True) for at in (6, 7))
    return int.from_bytes(out[0], "big"), texts[0], texts[1], strict(texts[4], where), *times


def root_of(path, index, size, hash_, where):
    """RFC 9162, 2.1.3.2."""
    check(index < size, where, "its event is not among those signed")
    at, last = index, size - 1
    for beside in path:
        check(last != 0, where, "its path is too long")
        if at & 1 or at == last:
            hash_ = node(beside, hash_)
            while at & 1 == 0 and at:
                at, last = at >> 1, last >> 1
        else:
            hash_ = node(hash_, beside)
        at, last = at >> 1, last >> 1
    check(last == 0, where, "its path is cut off")
    return hash_


def tree(leaves):
    """The root of RFC 6962 over leaves' hashes."""
    if not leaves:
        return EMPTY
    while len(leaves) > 1:
        pairs = [node(leaves[i], leaves[i + 1]) for i in range(0, len(leaves) - 1, 2)]
        leaves = pairs + leaves[len(leaves) & ~1 :]
    return leaves[0]


# ---- the archive

def archive(raw):
    """The files of a zip of stored files, which is written in one way: anything else in it is refused."""
    check(len(raw) <= MOST_BYTES, "the archive", "too long")
    files, at, locals_, directory = {}, 0, [], b""
    while raw[at : at + 4] == b"PK\3\4":
        check(len(raw) >= at + 30, f"byte {at}", "the archive is cut off")
        crc, size, _, named = struct.unpack("<IIIH", raw[at + 14 : at + 28])
        name = raw[at + 30 : at + 30 + named]
        data = raw[at + 30 + named : at + 30 + named + size]
        same = struct.pack("<HHHHHIIIHH", 10, 0, 0, 0, 33, zlib.crc32(data), len(data), len(data), len(name), 0)
        check(raw[at + 4 : at + 30] == same and crc == zlib.crc32(data), f"byte {at}", "a file is not stored as it must be")
        check(re.fullmatch(rb"[A-Za-z0-9./-]+", name), f"byte {at}", "a file has no name of a statement's")
        text = name.decode("ascii")
        check(text not in files and len(files) < 20_000, text, "it stands there twice, or there are too many files")
        check(not locals_ or locals_[-1] < name, text, "files do not stand in order")
        directory += b"PK\1\2" + b"\x0a\x03" + same + struct.pack("<HHHII", 0, 0, 0, 0o100644 << 16, at) + name
        files[text], at = data, at + 30 + named + size
        locals_.append(name)
    end = struct.pack("<4sHHHHIIH", b"PK\5\6", 0, 0, len(files), len(files), len(directory), at, 0)
    tail, must = raw[at:], directory + end
    differ = next((i for i, (a, b) in enumerate(zip(tail, must)) if a != b), min(len(tail), len(must)))
    check(tail == must, f"byte {at + differ}", "the archive is not written as a statement is")
    return files


# ---- the statement

def text_of(files, name, most=MOST_BYTES):
    check(name in files, name, "it is missing")
    check(len(files[name]) <= most, name, f"it has more than {most} bytes")
    try:
        return files[name].decode()
    except UnicodeDecodeError:
        raise Wrong(f"{name}: it is not UTF-8")


def hashes(lines, where):
    return [unbase64(line, where, 32) for line in lines]


def close(files, name, position, keys):
    """The proof of a close of the books (C2SP tlog-proof)."""
    text = text_of(files, name, MOST_PROOF)
    head, found, note = text.partition("\n\n")
    lines = head.split("\n")
    check(found and len(lines) >= 3 and lines[0] == "c2sp.org/tlog-proof@v1", name, "it is no proof of an event")
    check(lines[1].startswith("extra ") and lines[2].startswith("index "), name, "it is no proof of an event")
    raw, index = unbase64(lines[1][6:], name), number(lines[2][6:], name)
    size, root, extra = checkpoint(note, keys, name)
    check(size <= 1 << 62, name, "its checkpoint is of more events than any log has")
    check(root_of(hashes(lines[3:], name), index, size, leaf(raw), name) == root, name, "its event is not in the log that was signed")
    at, stream, kind, said, _, _ = event(raw, name)
    check(at == index + 1 == position, name, "its event is at another position")
    check(kind == "PeriodClosed" and stream.startswith("books-"), name, "its event is no close of the books")
    seal = said.get("seal")
    check(seal is not None, name, "it seals no statements")
    check(all(type(seal.get(of)) is int and seal[of] >= 0 for of in ("merchants", "lines")), name, "its seal does not count")
    check(all(type(seal.get(of)) in (kind, type(None)) for of, kind in (("after", str), ("follows", int))) and (seal.get("follows") or 0) >= 0, name, "its seal follows no close")
    check(re.match(r"[0-9a-f]{64}\Z", seal["root"], re.A), name, "its seal is no hash")
    period, after, through = said["period"], seal.get("after"), said.get("through")
    check(MONTH.match(period) and (after is None or MONTH.match(after) and after < period), name, "its month is none behind those that were closed before")
    check(type(through) is int and 0 <= through < position, name, "it sealed what came after it")
    one = dict(name=name, position=position, period=period, through=through, root=bytes.fromhex(seal["root"]),
               after=seal.get("after"), follows=seal.get("follows"))
    return one, note, stream, size, root, extra


def member(files, one, merchant):
    """The records that a close sealed of the merchant."""
    name = f"seals/{one['position']}.merchant"
    text = text_of(files, name, MOST_PROOF)
    head, found, path = text.partition("\n\n")
    check(found and (not path or path.endswith("\n")), name, "it is not as it is written")
    beside, own = hashes(path.split("\n")[:-1], name), leaf(merchant.encode())
    check(len(beside) <= 256, name, "its path is too long")
    bit = lambda key, i: key[i // 8] >> 7 - i % 8 & 1
    lines, records = head.split("\n"), []
    if lines[0] == "daybook nothing 2":
        check(len(lines) <= 2, name, "it is not as it is written")
        hash_ = EMPTY
        if len(lines) == 2:
            words = lines[1].split(" ")
            check(len(words) == 5 and words[:3] == ["in", "its", "place"], name, "it is not as it is written")
            key, content = hashes(words[3:], name)
            check(key != own and all(bit(key, i) == bit(own, i) for i in range(len(beside))), name, "that does not stand in its place")
            hash_ = leaf(key + content)
    else:
        check(lines[0] == "daybook merchant 2" and len(lines) > 2 and lines[1] == f"merchant {merchant}", name, "it is of another merchant")
        for line in lines[2:]:
            words = line.split(" ")
            check(len(words) == 6 and re.match(r"[A-Z]{3}\Z", words[0]) and MONTH.match(words[1]), name, f"{line!r} is no record")
            (opening, digits), (closing, other) = money(words[3], None, name), money(words[4], None, name)
            check(digits == other, name, "a record has two numbers of decimals")
            record = dict(currency=words[0], month=words[1], lines=number(words[2], name), opening=opening, closing=closing,
                          digits=digits, root=unbase64(words[5], name, 32))
            order = lambda r: (r["currency"], r["month"])
            check(not records or order(records[-1]) < order(record), name, "its records are not in order")
            still = opening == closing != 0 and record["root"] == EMPTY
            check(record["lines"] > 0 or still, name, "a record without lines moves a balance, or has none")
            records.append(record)
        hash_ = leaf(own + leaf((head + "\n").encode()))
    for i in reversed(range(len(beside))):
        hash_ = node(beside[i], hash_) if bit(own, i) else node(hash_, beside[i])
    check(hash_ == one["root"], name, f"it does not lead to what the close at {one['position']} sealed of {merchant}")
    return name, records


def is_day(text):
    try:
        return len(text) == 10 and datetime.date(*map(int, text.split("-"))).isoformat() == text
    except (TypeError, ValueError):
        return False


def chapter(files, record, through, positions):
    """The lines of a currency and month, held to what was sealed of them."""
    name = f"lines/{record['currency']}/{record['month']}.tsv"
    rows = text_of(files, name).split("\n")
    check(rows[0] == HEADER and rows[-1] == "" and len(rows) > 1, name, "it does not begin or end as lines do")
    rows, balance, day = rows[1:-1], record["opening"], ""
    check(len(rows) <= record["lines"], name, f"it has {len(rows)} lines, and {record['lines']} were sealed")
    for at, row in enumerate(rows):
        where, cells = f"{name}, line {at + 2}", row.split("\t")
        check(len(cells) == 10, where, "it is no line of a statement")
        check(number(cells[0], where) == at + 1, where, f"number {cells[0]} stands where {at + 1} belongs")
        position = number(cells[4], where)
        check(position not in positions and 1 <= position <= through, where, "its event comes twice, or is none that was sealed")
        positions.add(position)
        amount, _, said = (money(cell, record["digits"], where) for cell in cells[7:])
        check(balance + amount == said, where, "its balance is not the one before and its amount")
        check(is_day(cells[1]) and cells[1][:7] == record["month"] and cells[1] >= day, where, "its day is not of the month, or before the last")
        balance, day = said, cells[1]
    check(len(rows) == record["lines"], name, f"it has {len(rows)} lines, and {record['lines']} were sealed")
    check(balance == record["closing"], name, "it ends with another balance than was sealed")
    check(tree([leaf(row.encode()) for row in rows]) == record["root"], name, "its lines are not those that were sealed")
    return name


def verify(raw, keys, merchant=None, first=None, last=None, events=None):
    """What a statement says, by currency; raises Wrong."""
    files = archive(raw)
    head = text_of(files, "statement.txt").split("\n")
    check(len(head) == 5 and head[0] == "daybook statement 2" and head[4] == "", "statement.txt", "it is not as it is written")
    words = [line.partition(" ") for line in head[1:4]]
    check([w[:2] for w in words] == [(of, " ") for of in ("merchant", "from", "through")], "statement.txt", "it does not say merchant, from and through")
    check(not any(line.endswith("\r") for line in head), "statement.txt", "it is not as it is written")
    own, start, end = (w[2] for w in words)
    check(MONTH.match(start) and MONTH.match(end) and start <= end, "statement.txt", "its months are none")
    check(merchant in (None, own), "statement.txt", f"it is of {own}")
    check(first in (None, start) and last in (None, end), "statement.txt", f"it is of {start} to {end}")
    found = sorted(int(m[1]) for m in (re.match(r"seals/([1-9][0-9]{0,18})\.proof\Z", name) for name in files) if m)
    check(found, "seals/", "no close of the books is there")
    proofs = [close(files, f"seals/{at}.proof", at, keys) for at in found]
    closes, known = [one for one, *_ in proofs], {"statement.txt"} | {one["name"] for one, *_ in proofs}
    _, note, books, size, root, extra = proofs[0]
    for one, other, stream, *_ in proofs:
        check(other == note and stream == books, one["name"], "it stands under another checkpoint, or is of other books")
    check(events is None or size >= events, "the checkpoint", f"it has {size} events, and {events} are known")
    check(closes[0]["after"] is None or closes[0]["after"] < start, closes[0]["name"], f"the close that sealed {start} is missing")
    check(closes[0]["period"] >= start, closes[0]["name"], "it closed what is before the statement")
    for before, after in zip(closes, closes[1:]):
        check(after["follows"] == before["position"] and after["after"] == before["period"], after["name"], "it does not follow the close before it")
    check(closes[-1]["period"] >= end, closes[-1]["name"], f"{end} is not sealed")
    in_force = [line[7:] for line in extra if line.startswith("closed ")]
    check(in_force == [f"{closes[-1]['period']} {closes[-1]['position']}"], closes[-1]["name"], "it is not the last close in force")
    balances, positions = {}, {}
    for one in closes:
        if one["after"] is not None and one["after"] >= end:
            continue
        name, records = member(files, one, own)
        known.add(name)
        for record in records:
            month, currency = record["month"], record["currency"]
            check(month <= one["period"] and (one["after"] is None or month > one["after"]), name, f"{month} was not closed then")
            if month > end:
                continue
            # what the close before says nothing of was zero, and so was all before the first
            begun = 0 if closes[0]["after"] is None or one is not closes[0] else record["opening"]
            was = balances.setdefault(currency, dict(opening=begun, closing=begun, lines=0, digits=record["digits"]))
            check(was["closing"] == record["opening"] and was["digits"] == record["digits"], name, f"{currency} {month} does not begin with what stood before it")
            was["closing"] = record["closing"]
            if month < start:
                was["opening"] = record["closing"]
            if month < start or record["lines"] == 0:
                continue
            known.add(chapter(files, record, one["through"], positions.setdefault(currency, set())))
            was["lines"] += record["lines"]
        said = {record["currency"] for record in records if record["month"] == one["period"]}
        for currency, of in balances.items():
            check(one["period"] > end or of["closing"] == 0 or currency in said, name, f"{currency} stood at a balance, and nothing is said of it")
    stray = sorted(set(files) - known)
    check(not stray, stray[0] if stray else "", "it does not belong to the statement")
    return own, start, end, size, root, balances


def shown(minor, digits):
    text = str(abs(minor)).zfill(digits + 1)
    return ("-" if minor < 0 else "") + (f"{text[:-digits]}.{text[-digits:]}" if digits else text)


def answer(path, keys, **expected):
    """Whether it holds, and what it says or what is wrong with it."""
    try:
        with open(path, "rb") as file:
            own, start, end, size, root, balances = verify(file.read(MOST_BYTES + 1), [public_key(key) for key in keys], **expected)
    except Wrong as wrong:
        return False, str(wrong)
    except OSError as wrong:
        return False, f"it cannot be read: {wrong}"
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as wrong:
        return False, f"it is not as it is written: {wrong!r}"
    parts = [f"{c} {shown(b['opening'], b['digits'])} -> {shown(b['closing'], b['digits'])} in {b['lines']} lines" for c, b in sorted(balances.items())]
    root = base64.b64encode(root).decode()
    return True, f"{own} {start} to {end}, complete, signed over {size} events with the root {root}: {'; '.join(parts) or 'no lines'}"


def printable(text):
    """One line, whatever the file would have it say."""
    return "".join(c if " " <= c <= "~" else c.encode("unicode_escape").decode() if c < " " or c == "\x7f" or c > "~" else c for c in text)


def main():
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("file", nargs="?")
    asked.add_argument("--key", action="append", default=[], help="the market's public key; a witness's too: then it must have signed")
    asked.add_argument("--merchant")
    asked.add_argument("--from", dest="first")
    asked.add_argument("--through", dest="last")
    asked.add_argument("--events", type=int, help="refuse a checkpoint of fewer events")
    asked.add_argument("--batch", action="store_true")
    args = asked.parse_args()
    if args.batch:
        for line in sys.stdin:
            path, key, merchant, first, last, events = line.rstrip("\n").split("\t")
            holds, says = answer(path, [key], merchant=merchant or None, first=first or None, last=last or None,
                                 events=int(events) if events else None)
            print("ok" if holds else "no", printable(says))
        return 0
    if not args.file or not args.key:
        asked.error("name the file, and the market's public key with --key")
    holds, says = answer(args.file, args.key, merchant=args.merchant, first=args.first, last=args.last, events=args.events)
    print(printable(says if holds else f"it does not hold: {says}"))
    return 0 if holds else 1


if __name__ == "__main__":
    sys.exit(main())
