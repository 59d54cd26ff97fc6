"""Measures the HTTP API beside the least that axum does here, in turns, over the same connections with the same client.

Usage: load.py [--seconds 4] [--repeats 3] [--connections 1,16,64,256,1024] [--only commands|reads] [--dir DIR]
               [--serve=--log-level=info,daybook::access=warn] [--daybook PATH --bare PATH]

Needs wrk (`apt install wrk`) and, built before: cargo build --release --workspace --bin daybook --example bare

Commands: each a POST with a JSON body, an Idempotency-Key and an API key, decided, appended and synced before its
answer: checkouts are opened with new ids, and each is paid for. Reactors and read models follow meanwhile, as they
do when a market is served. Beside it stands a server that only reads the same body (`api/examples/bare.rs`).
Reads: inquiries of random orders of a simulated market, beside a server whose answer has as many bytes.
The client is wrk, on the same cores as the server. Each figure is the median of the repeats. One connection waits for
the disk with each command, which the bare server never does: what it would do with a sync for each stands below. Exits 1 when an answer
was not 2xx, when the journal does not hold what was answered, or when a share is below its floor.
"""

import argparse
import http.client
import json
import os
import pathlib
import re
import shutil
import signal
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time

FLOOR = {"commands": 0.45, "reads": 0.5}
GOAL = 0.6

# One command in two opens a checkout; the other pays for one that was opened so many requests before that it has
# been answered. Written out by hand: wrk.format costs more than the request.
COMMANDS = r"""
local threads = 0
function setup(thread) thread:set("number", threads); threads = threads + 1 end
function init(args)
    run, back, n, pay = args[1] .. number, tonumber(args[3]), 0, false
    head = " HTTP/1.1\r\nHost: daybook\r\nAuthorization: Bearer " .. args[2] ..
        "\r\nContent-Type: application/json\r\nIdempotency-Key: "
    due = '"buyer_pays":{"amount":"12.34","currency":"CNY"}}]}'
    paid = '","amount":{"amount":"12.34","currency":"CNY"}}'
end
function request()
    local path, key, body
    if pay and n > back + 1 then -- wrk asks for one request that it does not send
        local id = run .. "-" .. (n - back)
        path, key = "/v1/checkouts/c" .. id .. "/authorise", "p" .. id
        body = '{"payment":"p1","method":"wallet","provider":"alipay","provider_ref":"' .. id .. paid
    else
        n = n + 1
        local id = run .. "-" .. n
        path, key = "/v1/checkouts/c" .. id .. "/open", "c" .. id
        body = '{"buyer":"b-1","currency":"CNY","orders":[{"order":"o' .. id .. '","merchant":"m-001",' .. due
    end
    pay = not pay
    return "POST " .. path .. head .. key .. "\r\nContent-Length: " .. #body .. "\r\n\r\n" .. body
end
"""

READS = r"""
function init(args)
    orders, path = tonumber(args[3]), args[4]
    head = " HTTP/1.1\r\nHost: daybook\r\nAuthorization: Bearer " .. args[2] .. "\r\n\r\n"
    math.randomseed(7)
end
function request()
    if path then return "GET " .. path .. head end
    return "GET /v1/orders/" .. string.format("o-%06d", math.random(orders)) .. head
end
"""

DONE = r"""
function done(summary, latency, requests)
    local e = summary.errors
    print(string.format('FOUND {"requests":%d,"us":%d,"p50":%d,"p99":%d,"status":%d,"broken":%d}', summary.requests,
        summary.duration, latency:percentile(50), latency:percentile(99), e.status, e.connect + e.read + e.write + e.timeout))
end
"""


def fail(message):
    print(f"load: {message}", file=sys.stderr)
    sys.exit(1)


class Server:
    """A process that says where it listens, or is told to."""

    def __init__(self, command, log):
        self.log = open(log, "w+")
        self.process = subprocess.Popen(command, stdout=self.log, stderr=self.log)
        for _ in range(600):
            said = pathlib.Path(log).read_text()
            listening = re.search(r"listening on http://(\S+)", said)
            if listening:
                self.address = listening[1]
                metrics = re.search(r"metrics at http://([^/\s]+)", said)
                self.metrics = metrics and metrics[1]
                return
            if self.process.poll() is not None:
                break
            time.sleep(0.1)
        fail(f"{command[0]} does not listen: {pathlib.Path(log).read_text()}")

    def batches(self):
        """Transactions of the journal so far, and events in them."""
        text = self.get("/metrics", address=self.metrics)[1].decode()
        named = lambda name: int(re.search(rf"^daybook_journal_{name} (\d+)", text, re.M)[1])
        return named("batch_events_count"), named("events_total")

    def get(self, path, key="", address=None):
        line = http.client.HTTPConnection(address or self.address)
        line.request("GET", path, headers={"Authorization": f"Bearer {key}"})
        answer = line.getresponse()
        return answer.status, answer.read()

    def memory(self):
        """Resident MiB."""
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", status)[1]) / 1024

    def stop(self):
        self.process.terminate()
        if self.process.wait(60) not in (0, -signal.SIGTERM):
            fail(f"a server ended with {self.process.returncode}: {pathlib.Path(self.log.name).read_text()}")


def wrk(script, address, connections, seconds, *told):
    threads = 1 if connections < 2 else 2
    command = ["wrk", "-t", threads, "-c", connections, "-d", f"{seconds}s", "--timeout", "10s", "-s", script,
               f"http://{address}/", "--", *told]
    ran = subprocess.run([str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    found = re.search(r"FOUND (.*)", ran.stdout)
    if not found:
        fail(f"wrk: {ran.stdout}")
    found = json.loads(found[1])
    found["rate"] = found["requests"] / found["us"] * 1e6
    return found


class Journal:
    """What the journal holds of a key's commands, read beside the server."""

    def __init__(self, path):
        self.db = sqlite3.connect(f"file:{path}?mode=ro", uri=True)

    def head(self):
        return self.db.execute("SELECT coalesce(max(position), 0) FROM events").fetchone()[0]

    def orders(self):
        """How many the simulation made; they are numbered from 1."""
        return self.db.execute("SELECT count(*) FROM stream WHERE name LIKE 'order-o-%'").fetchone()[0]

    def appended(self, after, actor):
        """Events of this actor."""
        return self.db.execute("SELECT count(*) FROM events JOIN actor ON actor.id = events.actor"
                               " WHERE position > ? AND name = ?", (after, actor)).fetchone()[0]


def syncs(folder, count=2000):
    """4 KiB written over and made durable, one after the other: how many a second."""
    with open(folder / "sync", "wb", buffering=0) as file:
        file.write(bytes(4096 * count))
        os.fsync(file.fileno())
        began = time.monotonic()
        for n in range(count):
            os.pwrite(file.fileno(), bytes(4096), 4096 * n)
            os.fdatasync(file.fileno())
        return count / (time.monotonic() - began)


class Run:
    def __init__(self, args, folder):
        self.args, self.folder = args, folder
        self.journal = folder / "daybook.db"
        self.failed = []

    def daybook(self, *told):
        command = [self.args.daybook, "--journal", f"sqlite:{self.journal}", "--no-progress", *told]
        ran = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        if ran.returncode != 0:
            fail(f"{' '.join(told)}: {ran.stderr}")
        return ran.stdout

    def serve(self):
        return Server([self.args.daybook, "--journal", f"sqlite:{self.journal}", "--no-progress", "serve", "--listen",
                       "127.0.0.1:0", "--metrics-listen", "127.0.0.1:0", *self.args.serve], self.folder / "daybook.log")

    def bare(self, size):
        return Server([self.args.bare, "127.0.0.1:0", str(size)], self.folder / "bare.log")

    def script(self, name, text):
        path = self.folder / name
        path.write_text(text + DONE)
        return path

    def check(self, what, found):
        if found["status"] or found["broken"]:
            self.failed.append(f"{what}: {found['status']} refused, {found['broken']} broken off")

    def row(self, kind, connections, ours, theirs, batch):
        middle = lambda runs, name: statistics.median(run[name] for run in runs)
        rate, limit = middle(ours, "rate"), middle(theirs, "rate")
        share = statistics.median(our["rate"] / their["rate"] for our, their in zip(ours, theirs))
        if share < FLOOR[kind]:
            self.failed.append(f"{kind} at {connections} connections: {share:.2f} of the bare server, below {FLOOR[kind]}")
        ms = lambda runs, name: f"{middle(runs, name) / 1000:9.2f}"
        print(f"{kind:9} {connections:5} {batch:>7} {rate:9.0f} {limit:9.0f} {share:6.2f} {FLOOR[kind]:6.2f} {GOAL:5.1f}"
              f" {ms(ours, 'p50')} {ms(ours, 'p99')} {ms(theirs, 'p50')} {ms(theirs, 'p99')}", flush=True)

    def commands(self, server, bare, key, actor):
        script = self.script("commands.lua", COMMANDS)
        journal = Journal(self.journal)
        for connections in self.args.connections:
            ours, theirs, events, commits = [], [], 0, 0
            for repeat in range(self.args.repeats):
                told = (f"{connections}-{repeat}-", key, 8 * connections + 64)
                theirs.append(wrk(script, bare.address, connections, self.args.seconds, *told))
                before, counted = journal.head(), server.batches()
                found = wrk(script, server.address, connections, self.args.seconds, *told)
                time.sleep(0.2)
                own = journal.appended(before, actor)
                later = server.batches()
                commits, events = commits + later[0] - counted[0], events + later[1] - counted[1]
                self.check(f"commands at {connections} connections", found)
                # wrk hangs up on what is under way when its time is over: that much may be there beside
                if not 0 <= own - found["requests"] <= connections:
                    self.failed.append(f"{found['requests']} commands were accepted and {own} events appended")
                ours.append(found)
            self.row("commands", connections, ours, theirs, f"{events / max(commits, 1):.1f}")
            if connections == 1:
                each = statistics.median(syncs(self.folder) for _ in range(self.args.repeats))
                limit = 1 / (1 / statistics.median(run["rate"] for run in theirs) + 1 / each)
                ours = statistics.median(run["rate"] for run in ours)
                print(f"          the disk syncs {each:.0f} times a second; the bare server with a sync for each command would"
                      f" do {limit:.0f}: {ours / limit:.2f} of that")

    def reads(self, server, key, orders):
        script = self.script("reads.lua", READS)
        status, body = server.get("/v1/orders/o-000001", key)
        if status != 200:
            fail(f"an order's inquiry: {status} {body}")
        sizes = [len(server.get(f"/v1/orders/o-{n:06}", key)[1]) for n in range(1, orders, max(1, orders // 100))]
        size = round(statistics.mean(sizes))
        bare = self.bare(size)
        for connections in self.args.connections:
            ours, theirs = [], []
            for _ in range(self.args.repeats):
                theirs.append(wrk(script, bare.address, connections, self.args.seconds, "", key, orders, "/"))
                ours.append(wrk(script, server.address, connections, self.args.seconds, "", key, orders))
                self.check(f"reads at {connections} connections", ours[-1])
            self.row("reads", connections, ours, theirs, "-")
        bare.stop()
        print(f"an order's inquiry has {size} bytes on average, as many as the bare server's answer")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=int, default=4)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--connections", type=lambda text: [int(n) for n in text.split(",")],
                        default=[1, 16, 64, 256, 1024])
    parser.add_argument("--only", choices=["commands", "reads"])
    parser.add_argument("--dir", help="where the files lie: on the disk that is measured")
    parser.add_argument("--serve", action="append", default=[], help="passed on to `daybook serve`")
    built = os.environ.get("CARGO_TARGET_DIR", "target") + "/release/"
    parser.add_argument("--daybook", default=built + "daybook")
    parser.add_argument("--bare", default=built + "examples/bare")
    args = parser.parse_args()
    if not shutil.which("wrk"):
        fail("wrk is missing: install it (apt install wrk)")
    for name in (args.daybook, args.bare):
        if not os.path.exists(name):
            fail(f"{name} is missing: cargo build --release --workspace --bin daybook --example bare")
    with tempfile.TemporaryDirectory(prefix="daybook-load-", dir=args.dir or str(pathlib.Path(built).parent)) as folder:
        run = Run(args, pathlib.Path(folder))
        run.daybook("demo", "--days", "5", "--orders-per-day", "200")
        orders = Journal(run.journal).orders()
        key = json.loads(run.daybook("--format", "json", "key", "create", "--role", "storefront"))
        server = run.serve()
        print(f"{os.cpu_count()} cores for server and client; {args.repeats} runs of {args.seconds} s, in turns;"
              f" every commit synced before its answers; files in {folder}")
        print("what      conns   batch  ours/s    bare/s   share  floor  goal    p50_ms    p99_ms  bare_p50  bare_p99")
        if args.only != "reads":
            bare = run.bare(0)
            run.commands(server, bare, key["key"], f"key:{key['id']}")
            bare.stop()
        if args.only != "commands":
            run.reads(server, key["key"], orders)
        print(f"the server's memory at the end: {server.memory():.0f} MiB")
        server.stop()
        checked = run.daybook("verify")
        print(f"verify: {checked.strip().splitlines()[-1]}")
    for line in run.failed:
        print(f"FAILED: {line}")
    sys.exit(1 if run.failed else 0)


main()
