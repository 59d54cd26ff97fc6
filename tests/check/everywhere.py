"""One history, every place: real data and a simulated market in each journal, their read models in each place, one digest for each table.

Imports the Olist data set and simulates a market (seed 11, 30 days) into SQLite, PostgreSQL (a server of its own, started here) and,
where its URL is given, KurrentDB; makes the read models of each in a file and in PostgreSQL, made anew with the time taken; prints a
table. Ends with 1 where any digest differs. Run by hand, for it takes minutes:

    python3 tests/check/everywhere.py DAYBOOK_BINARY OLIST_FOLDER [ESDB_URL]

A stand-in for KurrentDB: cargo run --release -p daybook-journal --features standin --example standin
"""

import csv
import glob
import io
import os
import pwd
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time


class Server:
    """PostgreSQL in a folder that goes with it, run as a user who is not root."""

    def __init__(self):
        version = lambda folder: [int(part) for part in folder.split("/")[4].split(".")]
        newest = max(glob.glob("/usr/lib/postgresql/[0-9]*/bin"), key=version, default=None)
        found = os.environ.get("DAYBOOK_POSTGRES") or newest
        self.programs = found or os.path.dirname(shutil.which("initdb") or sys.exit("no PostgreSQL: set DAYBOOK_POSTGRES"))
        self.folder = tempfile.mkdtemp(prefix="daybook-everywhere-")
        try:
            self.start()
        except BaseException:
            self.stop()
            raise

    def start(self):
        self.user = None
        if os.getuid() == 0:
            self.user = "postgres" if any(u.pw_name == "postgres" for u in pwd.getpwall()) else "nobody"
            shutil.chown(self.folder, self.user)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.run("initdb", "-D", f"{self.folder}/data", "-U", "daybook", "-E", "UTF8", "--locale=C", "--auth=trust")
        # what a server for a market has at least; the rest as it comes
        settings = f"-p {self.port} -k {self.folder} -c shared_buffers=512MB -c max_wal_size=4GB"
        self.run("pg_ctl", "-D", f"{self.folder}/data", "-l", f"{self.folder}/log", "-w", "-o", settings, "start")

    def run(self, program, *args):
        command = [os.path.join(self.programs, program), *args]
        subprocess.run(command, check=True, user=self.user, cwd=self.folder, stdout=subprocess.DEVNULL)

    def database(self, name):
        self.run("createdb", "-h", self.folder, "-p", str(self.port), "-U", "daybook", "-E", "UTF8", "-T", "template0", name)
        return f"postgres://daybook@127.0.0.1:{self.port}/{name}"

    def stop(self):
        # one that did not start whole may run all the same
        if os.path.exists(f"{self.folder}/data/postmaster.pid"):
            self.run("pg_ctl", "-D", f"{self.folder}/data", "-m", "fast", "-w", "stop")
        shutil.rmtree(self.folder)


def main(daybook, olist, cluster=None):
    server = Server()
    folder = tempfile.mkdtemp(prefix="daybook-everywhere-")

    def run(journal, models, *args):
        command = [daybook, "--journal", journal, "--read-models", models, "--no-progress", *args]
        began = time.monotonic()
        ran = subprocess.run(command, cwd=folder, capture_output=True, text=True)
        if ran.returncode != 0:
            sys.exit(f"{' '.join(command)}: {ran.stderr}")
        return ran, time.monotonic() - began

    differences = 0
    try:
        for history, how in [
            ("olist", ["import", "olist", olist]),
            ("demo", ["demo", "--days", "30", "--orders-per-day", "100", "--seed", "11"]),
        ]:
            journals = {"SQLite": f"sqlite:{history}.db", "PostgreSQL": server.database(history)}
            if cluster:
                # a cluster keeps what earlier runs left there
                name = f"{history}_{os.getpid()}"
                journals["KurrentDB"] = f"{cluster}{'&' if '?' in cluster else '?'}journal={name}"
            found, events = {}, None
            for name, journal in journals.items():
                plain = name.lower()
                # the market's own files lie beside this one
                _, took = run(journal, f"sqlite:{history}.{plain}.views.db", *how)
                print(f"{history} into {name}: {took:.1f} s", flush=True)
                places = {
                    "SQLite": f"sqlite:{history}.{plain}.views.db",
                    "PostgreSQL": server.database(f"{history}_{plain}_views"),
                }
                for place, models in places.items():
                    run(journal, models, "digest")
                    ran, _ = run(journal, models, "rebuild")
                    counted, took = re.search(r"from (\d+) (?:events|positions) in ([\d.]+) s", ran.stderr).groups()
                    # SQLite's comes first: where positions are not dense, what is told is a position
                    events = events or int(counted)
                    rate = events / max(float(took), 0.05)
                    print(f"  {name} journal, read models in {place}: made anew in {took} s, {rate:,.0f} events/s", flush=True)
                    ran, _ = run(journal, models, "digest", "--format", "csv")
                    rows = csv.DictReader(io.StringIO(ran.stdout))
                    found[name, place] = {row["table"]: (row["rows"], row["digest"]) for row in rows}
            first = next(iter(found.values()))
            print(f"{history}: {len(first)} tables, {len(found)} times")
            for table, expected in first.items():
                other = [where for where, tables in found.items() if tables.get(table) != expected]
                differences += len(other)
                say = "the same everywhere" if not other else f"OTHER in {other}"
                print(f"  {table:28} {expected[0]:>9} rows  {expected[1][:16]}  {say}")
            differences += sum(set(tables) != set(first) for tables in found.values())
    finally:
        server.stop()
        shutil.rmtree(folder)
    print(f"{differences} differences")
    return 1 if differences else 0


if __name__ == "__main__":
    if len(sys.argv) not in (3, 4):
        sys.exit(__doc__)
    sys.exit(main(os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2]), *sys.argv[3:]))
