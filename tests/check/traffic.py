"""Holds the figures of traffic to DuckDB: the same raw hits, counted by SQL that was written from the definitions.

Usage: traffic.py DAYBOOK_BINARY FOLDER (run with an interpreter that has the duckdb package)
Ranges of a day, days, a week and a month; by day, week, month, channel, campaign, merchant, new or returning; under four
definitions. Every number is equal, not close.
"""

import json
import os
import random
import subprocess
import sys
from datetime import datetime, timedelta, timezone

import duckdb

binary, folder = sys.argv[1], sys.argv[2]
journal = f"sqlite:{os.path.join(folder, 'traffic.db')}"
ZONE = timezone(timedelta(hours=8))  # Asia/Shanghai, the market's, which knows no summer time
START = datetime(2025, 9, 1, tzinfo=ZONE)


def daybook(*args):
    done = subprocess.run([binary, "--journal", journal, "--no-progress", *args], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"daybook {' '.join(args)}: exit code {done.returncode}\n{done.stderr}")
    return done.stdout


# How somebody comes: the referrer, the tags, and what that is called. Nothing here is read from Daybook's lists.
WAYS = [
    ({}, "direct", None),
    ({"referrer": "https://www.baidu.com/s?wd=tv"}, "organic_search", None),
    ({"referrer": "https://www.google.com.br/"}, "organic_search", None),
    ({"referrer": "https://m.weibo.cn/1"}, "social", None),
    ({"referrer": "https://blog.example/post"}, "external", None),
    ({"referrer": "https://www.hao123.com/"}, "directory", None),
    ({"utm_source": "baidu", "utm_medium": "cpc", "utm_campaign": "spring"}, "paid_search", "spring"),
    ({"utm_source": "baidu", "utm_medium": "cpc", "utm_campaign": "summer"}, "paid_search", "summer"),
    ({"utm_source": "list", "utm_medium": "email", "utm_campaign": "spring"}, "email", "spring"),
    ({"utm_source": "fanli", "utm_medium": "cps"}, "affiliate", None),
    ({"click_id": "gclid:1"}, "paid_search", None),
]
TAGS = ["utm_source", "utm_medium", "utm_campaign", "click_id"]


def make_hits():
    dice = random.Random(20250901)
    hits = []
    for number in range(3_000):
        # times of one visitor are distinct: what a tie means is no matter of definition
        times = set()
        for _ in range(dice.choice([1, 1, 2, 3, 5])):
            at = dice.randrange(34 * 86_400)
            for _ in range(dice.choice([1, 1, 2, 3, 6])):
                times.add(at)
                # pauses around the timeout are common, and so is one that is exact
                at += dice.choice([3, 10, 11, 60, 600, 1_799, 1_800, 1_801, 2_400])
        for turn, at in enumerate(sorted(times)):
            came = dice.choice(WAYS) if turn == 0 or dice.random() < 0.3 else None
            hit = {
                "at": (START + timedelta(seconds=at)).isoformat(),
                "visitor": f"v-{number}",
                "page": f"/p/{dice.randrange(6)}",
                "merchant": f"m-{dice.randrange(3)}",
            }
            hit |= came[0] if came else {"referrer": "https://shop.example/p/0"}
            tag = "/".join(hit.get(name, "") for name in TAGS) if came and set(came[0]) & set(TAGS) else None
            label = (came[1], came[2]) if came else (None, None)
            hits.append((hit, tag, *label))
    dice.shuffle(hits)
    return hits


hits = make_hits()
file = os.path.join(folder, "hits.jsonl")
with open(file, "w", encoding="utf-8") as out:
    out.writelines(json.dumps(hit) + "\n" for hit, *_ in hits)
sites = os.path.join(folder, "sites.toml")
with open(sites, "w", encoding="utf-8") as out:
    out.write('own_hosts = ["shop.example"]\n')
daybook("demo", "--days", "2", "--orders-per-day", "5")
daybook("import", "page-views", file)

db = duckdb.connect()
db.sql("CREATE TABLE raw (visitor TEXT, sec BIGINT, page TEXT, merchant TEXT, tag TEXT, channel TEXT, campaign TEXT)")
rows = [
    (h["visitor"], int(datetime.fromisoformat(h["at"]).timestamp()), h["page"], h["merchant"], tag, channel, campaign)
    for h, tag, channel, campaign in hits
]
db.executemany("INSERT INTO raw VALUES (?, ?, ?, ?, ?, ?, ?)", rows)

# A visit begins after a pause beyond 30 minutes; under the plan's definition also with another campaign than the
# visit's, under Matomo's only where the visit had one, and at midnight.
BEGINS = {
    "plan": ("pause", "tag IS NOT NULL AND tag IS DISTINCT FROM known"),
    "ga4": ("pause", "false"),
    "matomo": ("pause OR next_day", "tag IS NOT NULL AND known IS NOT NULL AND tag <> known"),
    "plausible": ("pause", "false"),
}


def visits(definition):
    segment, campaign = BEGINS[definition]
    # a campaign that is heard of late is the visit's, for Matomo
    adopts = "true" if definition == "matomo" else "false"
    db.sql(f"""
        CREATE OR REPLACE TABLE hits AS
        WITH days AS (SELECT *, (sec + 28800) // 86400 AS day, sec // 86400 AS utc_day FROM raw),
        gaps AS (
            SELECT *, sec - lag(sec) OVER w > 1800 AS pause, day <> lag(day) OVER w AS next_day
            FROM days WINDOW w AS (PARTITION BY visitor ORDER BY sec)),
        segments AS (
            SELECT *, sum(CASE WHEN {segment} THEN 1 ELSE 0 END) OVER (PARTITION BY visitor ORDER BY sec) AS segment FROM gaps),
        known AS (
            SELECT *, last_value(tag IGNORE NULLS) OVER (PARTITION BY visitor, segment ORDER BY sec
                ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS known FROM segments),
        begun AS (
            SELECT *, sum(CASE WHEN {campaign} THEN 1 ELSE 0 END) OVER (PARTITION BY visitor, segment ORDER BY sec) AS part FROM known),
        first AS (SELECT visitor, min(day) AS first_day FROM days GROUP BY visitor)
        SELECT begun.*, first_day,
            first_value(channel) OVER v AS entry_channel, first_value(campaign) OVER v AS entry_campaign,
            first_value(CASE WHEN {adopts} AND tag IS NOT NULL THEN channel END IGNORE NULLS) OVER a AS late_channel,
            first_value(CASE WHEN {adopts} AND tag IS NOT NULL THEN campaign END) OVER t AS late_campaign,
            first_value(tag) OVER t AS late_tag
        FROM begun JOIN first USING (visitor)
        WINDOW v AS (PARTITION BY visitor, segment, part ORDER BY sec),
               a AS (PARTITION BY visitor, segment, part ORDER BY sec ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING),
               t AS (PARTITION BY visitor, segment, part ORDER BY tag IS NULL, sec
                     ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)
    """)


def word(by, day):
    return {
        "day": f"strftime(DATE '1970-01-01' + {day}::INT, '%Y-%m-%d')",
        "week": f"strftime(date_trunc('week', DATE '1970-01-01' + {day}::INT), '%Y-%m-%d')",
        "month": f"strftime(DATE '1970-01-01' + {day}::INT, '%Y-%m')",
        "channel": "coalesce(late_channel, entry_channel, 'direct')",
        "campaign": "coalesce(CASE WHEN late_channel IS NULL THEN entry_campaign ELSE late_campaign END, '')",
        "merchant": "merchant",
        "visitor": "CASE WHEN first_day BETWEEN {first} AND {last} THEN 'new' ELSE 'returning' END",
        None: "'(tracked)'",
    }[by]


STAY = {"matomo": "max(sec) - min(sec) + (count(*) > 1)::INT"}
BOUNCE = {
    "plan": "count(DISTINCT page || merchant) = 1",
    "ga4": "count(*) < 2 AND max(sec) - min(sec) <= 10",
    "matomo": "count(*) < 2",
    "plausible": "count(*) < 2",
}


def expected(definition, first, last, by):
    within = {"first": first, "last": last}
    cell = word(by, "day").format(**within)
    pages = "count(DISTINCT (visitor, page, day))" if definition == "plan" else "count(*)"
    uv = "count(DISTINCT (visitor, utc_day))" if definition == "plausible" else "count(DISTINCT visitor)"
    same = f"{cell} = {word(by, 'first_day')}" if by in ("day", "week", "month") else "true"
    new = f"count(DISTINCT visitor) FILTER (first_day BETWEEN {first} AND {last} AND {same})"
    views = f"""SELECT {cell} AS cell, {uv}, {new}, {pages}, count(*) FROM hits
                WHERE day BETWEEN {first} AND {last} GROUP BY cell"""
    # a visit is in the cell of each page it saw, with all of itself
    began = f"""
        WITH visits AS (
            SELECT visitor, segment, part, min(day) AS began, max(first_day) AS first_day,
                any_value(entry_channel) AS entry_channel, any_value(entry_campaign) AS entry_campaign,
                any_value(late_channel) AS late_channel, any_value(late_campaign) AS late_campaign,
                list(DISTINCT merchant) AS merchants,
                {STAY.get(definition, "max(sec) - min(sec)")} AS stay, {BOUNCE[definition]} AS bounced
            FROM hits GROUP BY visitor, segment, part),
        filed AS (SELECT * EXCLUDE merchants, {"unnest(merchants)" if by == "merchant" else "NULL"} AS merchant FROM visits)
        SELECT {word(by, "began").format(**within)} AS cell, count(*), count(*) FILTER (bounced), sum(stay)
        FROM filed WHERE began BETWEEN {first} AND {last} GROUP BY cell"""
    cells = {row[0]: [*row[1:], 0, 0, 0] for row in db.sql(views).fetchall()}
    for name, *figures in db.sql(began).fetchall():
        cells.setdefault(name, [0] * 7)[4:] = figures
    return cells


def told(definition, days, by):
    args = ["metrics", "--days", days, "--definition", definition, "--sites", sites, "--format", "json"]
    rows = json.loads(daybook(*args, *(["--by", by] if by else [])))
    names = ["uv", "new_uv", "pv", "views", "visits", "bounces"]
    cells = {}
    for row in rows:
        cell = row[by or "row"] or ""
        if cell == "(untracked)" or (by and cell == "(tracked)"):
            continue
        cells[cell] = [row[name] for name in names] + [round(float(row["stay_s"]))]
    return cells


RANGES = ["2025-09-03", "2025-09-03..2025-09-05", "2025-09-08..2025-09-14", "2025-09", "2025-09-20..2025-10-03"]
BY = [None, "day", "week", "month", "channel", "campaign", "merchant", "visitor"]
compared = 0
for definition in BEGINS:
    visits(definition)
    for days in RANGES:
        first, last = ("2025-09-01", "2025-09-30") if days == "2025-09" else (days[:10], days[-10:])
        numbers = [(datetime.fromisoformat(day).date() - datetime(1970, 1, 1).date()).days for day in (first, last)]
        for by in BY:
            theirs, ours = expected(definition, *numbers, by), told(definition, days, by)
            if theirs != ours:
                for cell in sorted(set(theirs) | set(ours)):
                    if theirs.get(cell) != ours.get(cell):
                        print(f"{definition} {days} by {by}: {cell!r}: DuckDB {theirs.get(cell)}, Daybook {ours.get(cell)}")
                sys.exit(1)
            compared += 7 * len(ours)
print(f"DuckDB {duckdb.__version__}: {len(hits):,} hits, {compared:,} figures under 4 definitions are equal")
