#!/usr/bin/env python3
"""The long proofs on the real daemon: a million subscribers, mass re-dials, a restarted router, a database that is away, mutated
packets. Prints the rows of README's table of measured figures, and ends with 1 when a promise was broken: a record lost or
doubled, a wrong reply, a panic. A bound that was merely missed is said in its row.

    scripts/scale.py            the whole: half an hour, 8 GB of memory and of disk
    scripts/scale.py --smoke    the same with small numbers, about a minute: does every part work?

OPTIONS  --only NAME,...     of scale redial restart outage lists malformed
         --directory D       where databases and journals lie (default $TMPDIR)
         --programs D        the programs rrnetd and rrnetd-load that are in D, without a build
         --subscribers N     of scale (default 1000000; the smoke 2000); lists have a hundred thousand
         --records N         of outage (default 1200000; the smoke 20000)
"""

import argparse
import base64
import contextlib
import json
import os
import re
import shutil
import signal
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request

HERE = os.path.dirname(os.path.realpath(__file__))
ROOT = os.path.dirname(HERE)
PASSWORD = "measured-on-loopback"
SPEEDS = (10, 20, 50, 100)
# Lines of one import.
TABLE = 50_000
READY_SECONDS = 120
DRAIN_SECONDS = 1800
# Start, three interims, Stop.
RECORDS_OF_SESSION = 5
NO_ROUTER = "00000000-0000-7000-8000-000000000000"
NEW_CUSTOMER = '{"customer": {"name": "Somebody"}}'


def say(text):
    print(f"scale: {text}", file=sys.stderr, flush=True)


def millis(micros):
    return f"{micros / 1e3:.1f} ms"


class Broken(Exception):
    """A promise was not kept, or a part does not work."""


class Unknown(Broken):
    """The daemon has no such thing; an older one knows no limits."""


class Api:
    """The API of a running daemon, as the super admin within the demo tenant."""

    def __init__(self, address, first_password=None):
        self.address = address
        self.headers = {"Content-Type": "application/json"}
        if first_password:
            self.sign_in(first_password)
            self.call("POST", "/me/password", {"current": first_password, "new": PASSWORD})
        self.sign_in(PASSWORD)
        self.tenant = self.call("GET", "/tenants")["rows"][0]["id"]
        self.headers["Rrnetd-Tenant"] = self.tenant
        if first_password:
            self.lift_limit()

    def sign_in(self, password):
        self.headers.pop("Authorization", None)
        self.token = self.call("POST", "/login", {"login": "admin", "password": password})["token"]
        self.headers["Authorization"] = f"Bearer {self.token}"

    def lift_limit(self):
        """The plan of a demo tenant allows no more than a small provider's subscribers."""
        body = {"limit": "radius.max_users", "unlimited": True, "reason": "measuring"}
        with contextlib.suppress(Unknown):
            self.call("POST", f"/tenants/{self.tenant}/limits", body)

    def call(self, method, path, body=None, kind="application/json"):
        data = body.encode() if isinstance(body, str) else None if body is None else json.dumps(body).encode()
        headers = {**self.headers, "Content-Type": kind}
        request = urllib.request.Request(f"http://{self.address}/api/v1{path}", data, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=1800) as answer:
                text = answer.read()
        except urllib.error.HTTPError as error:
            if error.code == 404:
                raise Unknown(path) from error
            raise Broken(f"{method} {path}: {error.code} {error.read().decode()[:400]}") from error
        return json.loads(text) if text else None


class Daemon:
    """rrnetd in a data folder of its own, on free ports."""

    def __init__(self, rig, name, url, *settings):
        self.rig, self.name, self.url, self.settings = rig, name, url, settings
        rig.servers_running.append(self)
        self.folder = os.path.join(rig.folder, name)
        self.log = os.path.join(rig.folder, f"{name}.log")
        self.api = self.process = self.secret = None

    def start(self):
        """Starts it; the seconds until it says that it is ready."""
        free = ("radius.authentication", "radius.accounting")
        command = [self.rig.program("rrnetd"), "quickstart", "--data", self.folder, "--set", f"database.url={self.url}"]
        command += [word for key in free for word in ("--set", f'{key}=["127.0.0.1:0"]')]
        command += [word for each in ("http.listen=127.0.0.1:0", "log.filter=warn", *self.settings) for word in ("--set", each)]
        began = time.monotonic()
        with open(self.log, "a") as log:
            self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)
        password = None
        for line in self.process.stdout:
            if match := re.match(r"Sign in +admin / (\S+)", line):
                password = match[1]
            if match := re.search(r"radclient -x \S+ auth '(.*)'$", line):
                self.secret = match[1]
            if line.startswith('{"event":"ready"'):
                took = time.monotonic() - began
                ready = json.loads(line)
                self.auth, self.acct = ready["authentication"][0], ready["accounting"][0]
                self.http = ready["http"]
                self.api = Api(self.http, password)
                return took
        raise Broken(f"{self.name} does not start")

    def start_and_follow(self, count):
        """Starts it; the seconds until its directory has so many subscribers."""
        began = time.monotonic()
        self.start()
        self.follow(count)
        return time.monotonic() - began

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        if self.process.wait(READY_SECONDS) != 0:
            raise Broken(f"{self.name} ended with {self.process.returncode}")
        self.process = None

    def resident(self):
        """Resident memory, octets."""
        with open(f"/proc/{self.process.pid}/status") as status:
            return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmRSS:"))

    def metric(self, name, label=""):
        """The sum of a metric's series that have this label."""
        with urllib.request.urlopen(f"http://{self.http}/metrics", timeout=30) as page:
            lines = page.read().decode().splitlines()
        of_it = (line for line in lines if line.startswith((f"{name} ", f"{name}{{")) and label in line)
        return sum(float(line.rsplit(" ", 1)[1]) for line in of_it)

    def drain(self):
        """Waits until the database has all that the journal holds; the seconds that took."""
        began = time.monotonic()
        while self.metric("rrnetd_journal_applied_position") < self.metric("rrnetd_journal_durable_position"):
            if time.monotonic() - began > DRAIN_SECONDS:
                raise Broken(f"{self.name}: the database does not follow")
            time.sleep(0.1)
        return time.monotonic() - began

    def fill(self, count, columns="", more=lambda number: ""):
        """Imports so many numbered subscribers, with more columns, and waits until the directory has them."""
        for first in range(0, count, TABLE):
            lines = [f"username,password,plan,name{columns}"]
            lines += [
                f"subscriber-{number:09},pass{number:08},Home {SPEEDS[number % 4]} Mbit/s,Subscriber {number}{more(number)}"
                for number in range(first, min(first + TABLE, count))
            ]
            answer = self.api.call("POST", "/subscribers/import?apply=true", "\n".join(lines) + "\n", "text/csv")
            if answer["report"]["ready"] != len(lines) - 1:
                raise Broken(f"the import says {json.dumps(answer)[:400]}")
            say(f"{first + len(lines) - 1} of {count} subscribers imported")
        self.follow(count)

    def follow(self, count):
        """Waits until the directory has so many subscribers."""
        began = time.monotonic()
        while self.metric("rrnetd_directory_entries", 'kind="subscriber"') < count:
            if time.monotonic() - began > DRAIN_SECONDS:
                raise Broken("the directory does not follow")
            time.sleep(0.02)

    def load(self, mode, *options):
        """A run of the load generator to its end; its figures."""
        return self.rig.finish(self.begin_load(mode, *options))

    def begin_load(self, mode, *options):
        target = ["--auth", self.auth, "--acct", self.acct, "--secret", self.secret]
        first = ["--first-session", str(self.rig.sessions())]
        return self.rig.begin("run", mode, *target, *first, "--json", *options)

    def begin_api(self, duration, *options):
        target = ["--address", self.http, "--token", self.api.token, "--tenant", self.api.tenant]
        return self.rig.begin("api", *target, "--duration", str(duration), *options)


class Path:
    """The packet path over numbered subscribers, without a database."""

    def __init__(self, rig, name, count):
        self.rig = rig
        rig.servers_running.append(self)
        options = ["--numbered", str(count), "--secret", PASSWORD, "--journal", os.path.join(rig.folder, name)]
        command = [rig.program("rrnetd-load"), "serve", *options]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        ready = dict(word.split("=") for word in self.process.stdout.readline().split()[1:])
        target = ["--auth", ready["auth"], "--acct", ready["acct"], "--secret", PASSWORD, "--pid", ready["pid"]]
        self.options = [*target, "--numbered", str(count), "--warm-up", "0.5", "--json"]

    def load(self, mode, *options):
        first = ["--first-session", str(self.rig.sessions())]
        return self.rig.finish(self.rig.begin("run", mode, *self.options, *first, *options))

    def stop(self):
        self.process.terminate()
        self.process.wait()
        self.process = None


class Rig:
    """The programs, the folder of this run, and what has been found."""

    def __init__(self, arguments):
        self.arguments, self.smoke = arguments, arguments.smoke
        self.folder = tempfile.mkdtemp(prefix="rrnetd-scale.", dir=arguments.directory)
        os.chmod(self.folder, 0o711)
        self.rows, self.faults, self.runs, self.servers_running, self.session = [], [], [], [], 0
        self.environment = dict(os.environ)

    def program(self, name):
        return os.path.join(self.arguments.programs, name)

    def sessions(self):
        """Each run has session numbers of its own."""
        self.session += 10_000_000
        return self.session

    def begin(self, *command):
        process = subprocess.Popen([self.program("rrnetd-load"), *command], stdout=subprocess.PIPE, text=True)
        self.runs.append(process)
        return process

    def finish(self, process):
        text, _ = process.communicate()
        if not text:
            raise Broken(f"the load generator ended with {process.returncode}")
        figures = json.loads(text)
        if figures.get("wrong"):
            raise Broken(f"wrong replies: {figures['wrong_kinds']}")
        return figures

    def row(self, what, target, measured, is_met=True):
        self.rows.append((what, target, measured + ("" if is_met else ": **falls short**")))
        say(f"{what}: {measured}")

    def fault(self, text):
        self.faults.append(text)
        say(f"BROKEN: {text}")

    def show_logs(self):
        for server in self.servers_running:
            if server.process and isinstance(server, Daemon):
                with open(server.log, errors="replace") as log:
                    sys.stderr.writelines(log.readlines()[-20:])

    def end(self):
        """Stops what still runs, and leaves nothing behind."""
        for process in [*self.runs, *(server.process for server in self.servers_running if server.process)]:
            if process.poll() is None:
                process.kill()
                process.wait()
        if "TEST_SERVERS_DIR" in self.environment:
            self.servers("stop")
        shutil.rmtree(self.folder, ignore_errors=True)

    def servers(self, *arguments):
        """scripts/test-servers.sh; takes over the variables that it prints."""
        command = [os.path.join(HERE, "test-servers.sh"), *arguments]
        done = subprocess.run(command, env=self.environment, stdout=subprocess.PIPE, text=True, check=True)
        for name, value in re.findall(r"^export (\w+)=(\S+)$", done.stdout, re.MULTILINE):
            self.environment[name] = value

    def verify(self, ledger, database):
        """The ledger against the database; what was found."""
        command = ("verify-ledger", ledger, "--database", database, "--wait", "600", "--json")
        process = self.begin(*command)
        findings = json.loads(process.communicate()[0])
        if process.returncode:
            self.fault(f"records are missing or doubled: {json.dumps(findings)[:600]}")
        return findings

    def pick(self, whole, smoke):
        return smoke if self.smoke else whole


def scale(rig):
    """So many subscribers: memory, start-up, the cost of a request."""
    count = rig.arguments.subscribers
    daemon = Daemon(rig, "scale", "sqlite:rrnetd.db")
    # The first start hashes a first password, and so on: the second one is like those to come.
    daemon.start()
    daemon.stop()
    daemon.start()
    empty = daemon.resident()
    began = time.monotonic()
    daemon.fill(count)
    say(f"imported over the API in {time.monotonic() - began:.0f} s")

    def restart():
        daemon.stop()
        return daemon.start_and_follow(count)

    from_snapshot = statistics.median(restart() for _ in range(rig.pick(3, 1)))
    each = (daemon.resident() - empty) / count
    daemon.stop()
    os.remove(os.path.join(daemon.folder, "directory.snapshot"))
    from_database = daemon.start_and_follow(count)
    if not rig.smoke:
        rig.row(f"directory, resident, per subscriber at {count:,}", "≤ 400 octets", f"{each:.0f}", each <= 400)
    rig.row(f"start-up from the snapshot, {count:,} subscribers", "≤ 5 s", f"{from_snapshot:.2f} s", from_snapshot <= 5)
    rig.row("the same from SQLite", "≤ 15 s", f"{from_database:.2f} s", from_database <= 15)

    before = daemon.resident()
    within = rig.pick(max(60, count // 10_000), 2)
    figures = daemon.load("redial", "--numbered", str(count), "--within", str(within), "--attempts", "3")
    open_sessions = daemon.metric("rrnetd_live_sessions")
    if open_sessions != count or figures["lost"]:
        rig.fault(f"of {count} subscribers {open_sessions:.0f} are online, {figures['lost']} requests were lost")
    both = each + (daemon.resident() - before) / count
    if not rig.smoke:
        rig.row("the same with a live session each", "≤ 800 octets", f"{both:.0f}", both <= 800)
    daemon.drain()
    daemon.stop()
    cost(rig, count)


def cost(rig, count):
    """What a request costs the packet path with ten thousand subscribers and with so many, in interleaved rounds."""
    few = min(count, rig.pick(10_000, 500))
    paths = [Path(rig, f"path-{size}", size) for size in (few, count)]
    for mode in ("pap", "chap"):
        ratios = []
        for _ in range(rig.pick(5, 1)):
            micros = [path.load(mode, "--duration", str(rig.pick(4, 0.5)))["cpu_micros"] for path in paths]
            ratios.append(micros[1] / max(micros[0], 1e-9))
        ratio = statistics.median(ratios)
        rig.row(f"cost of a request ({mode.upper()}), {few:,} → {count:,} subscribers", "≤ 1.2 ×", f"{ratio:.2f} ×", ratio <= 1.2)
    for path in paths:
        path.stop()


def redial(rig):
    """Everybody dials again after a power cut."""
    count, within = rig.pick(50_000, 1_000), rig.pick(60, 3)
    daemon = Daemon(rig, "redial", "sqlite:rrnetd.db")
    daemon.start()
    daemon.fill(count)
    figures = daemon.load("redial", "--numbered", str(count), "--within", str(within), "--slow", "300")
    if figures["lost"] or daemon.metric("rrnetd_live_sessions") != count:
        rig.fault(f"{figures['lost']} requests of the re-dial were never answered")
    measured = f"{figures['slow']} slower, p99 {millis(figures['p99_micros'])}, slowest {millis(figures['max_micros'])}"
    rig.row(f"{count:,} re-dials (login and Start) within {within} s", "none unanswered for 300 ms", measured, not figures["slow"])
    daemon.drain()
    daemon.stop()


def restart(rig):
    """A router says Accounting-On: all its sessions are over."""
    count = rig.pick(100_000, 2_000)
    daemon = Daemon(rig, "restart", "sqlite:rrnetd.db")
    daemon.start()
    daemon.fill(count)
    daemon.load("redial", "--numbered", str(count), "--within", str(rig.pick(15, 2)), "--attempts", "3")
    daemon.drain()
    database = sqlite3.connect(f"file:{daemon.folder}/rrnetd.db?mode=ro", uri=True)
    opened = lambda: database.execute("SELECT COUNT(*) FROM session WHERE ended_at IS NULL").fetchone()[0]
    if opened() != count:
        rig.fault(f"{opened()} sessions are open, of {count}")
    writes = daemon.begin_api(rig.pick(6, 3), "--path", "/api/v1/customers", "--connections", "1", "--body", NEW_CUSTOMER)
    time.sleep(0.5)
    attributes = 'Acct-Status-Type = Accounting-On, Acct-Session-Id = "00000000", NAS-Identifier = "demo"'
    began = time.monotonic()
    command = ["radclient", "-t", "5", daemon.acct, "acct", daemon.secret]
    subprocess.run(command, input=attributes, text=True, check=True, stdout=subprocess.DEVNULL)
    seen = daemon.api.call("GET", "/sessions?state=live&limit=1")["rows"]
    void = time.monotonic() - began
    while opened() and time.monotonic() - began < 120:
        time.sleep(0.02)
    closed = time.monotonic() - began
    slowest = rig.finish(writes)["max_micros"]
    if seen or opened():
        rig.fault(f"after Accounting-On {len(seen)} sessions are shown online and {opened()} are open")
    rig.row(f"Accounting-On, {count:,} open sessions: none online any more", "at once", f"{void * 1e3:.0f} ms, with the request itself")
    rig.row("… closed in the database, in chunks", "< 2 s", f"{closed:.2f} s", closed < 2)
    rig.row("… slowest other write meanwhile", "≤ 100 ms", millis(slowest), slowest <= 100_000)
    daemon.stop()


def outage(rig):
    """PostgreSQL is stopped while accounting is acknowledged, subscribers log in and the API is under full load."""
    subscribers, records = rig.pick(10_000, 500), rig.arguments.records
    rig.servers("start", "--durable", "--no-redis", "--directory", rig.folder)
    url = rig.environment["TEST_DATABASE_URL"]
    daemon = Daemon(rig, "outage", url)
    daemon.start()
    daemon.fill(subscribers)
    numbered = ("--numbered", str(subscribers))
    sessions = records // RECORDS_OF_SESSION
    rate = rig.pick(10_000, 5_000)
    lasts = records / rate
    login = ("pap", *numbered, "--rate", str(rig.pick(1_000, 200)), "--threads", "1")

    def logins(duration):
        return daemon.begin_load(*login, "--duration", str(duration), "--warm-up", "0.5")

    def logins_beside_api(connections):
        """Logins while the API is asked on so many connections: the figures of both."""
        api = daemon.begin_api(rig.pick(15, 2), "--connections", str(connections))
        figures = rig.finish(logins(rig.pick(12, 1)))
        return figures, rig.finish(api)

    quiet = rig.finish(logins(rig.pick(10, 1)))
    loaded, asked = logins_beside_api(8)
    # What is bounded, such as the replies that are kept for duplicates, is full before: what grows afterwards is the outage's.
    accounting = ("accounting", *numbered, "--rate", str(rate))
    rig.finish(daemon.begin_load(*accounting, "--count", str(sessions // 4), "--sessions", str(min(2_000, subscribers // 2))))
    daemon.drain()
    ledger = os.path.join(rig.folder, "ledger")
    rig.servers("halt-postgres")
    before = daemon.resident()
    accounting += ("--count", str(sessions))
    run = daemon.begin_load(*accounting, "--sessions", str(min(2_000, subscribers // 2)), "--ledger", ledger)
    during = rig.finish(logins(lasts * 0.8))
    figures = rig.finish(run)
    after = daemon.resident()
    # Each of these waits for a database that does not come.
    alone, _ = logins_beside_api(64)
    rig.servers("resume-postgres")
    began = time.monotonic()
    daemon.drain()
    drained = time.monotonic() - began
    findings = rig.verify(ledger, url)
    lost = sum(one["lost"] for one in (quiet, loaded, during, figures, alone))
    if lost or findings["records"] < sessions * RECORDS_OF_SESSION:
        rig.fault(f"{lost} requests were never answered, {findings['records']} records are in the ledger")
    faults = sum(findings[kind] for kind in ("missing", "doubled", "wrong_usage", "wrong_state", "refused"))
    grown = (after - before) / 2**20
    rig.row(f"{findings['records']:,} records acknowledged with PostgreSQL stopped", "0 lost", f"{faults} lost or doubled")
    rig.row("… resident memory, before and after", "flat", f"{before / 2**20:.0f} and {after / 2**20:.0f} MiB", grown < 64)
    p99 = [one["p99_micros"] for one in (quiet, during, loaded, alone)]
    rig.row("… login p99, before and meanwhile", "unharmed", f"{millis(p99[0])} and {millis(p99[1])}", p99[1] < 5_000)
    rig.row("… in the database, once it was back", "", f"{drained:.0f} s, {findings['records'] / max(drained, 0.1):,.0f}/s")
    what = f"login p99, API under full load ({asked['rate']:,.0f} answers a second)"
    rig.row(what, "< 5 ms", millis(p99[2]), p99[2] < 5_000)
    rig.row("the same with the database stopped", "< 5 ms", millis(p99[3]), p99[3] < 5_000)
    daemon.stop()
    rig.servers("stop")
    del rig.environment["TEST_SERVERS_DIR"]


def lists(rig):
    """What people look at most, with a hundred thousand subscribers in one tenant, on both databases."""
    count = rig.pick(100_000, 2_000)
    rig.servers("start", "--durable", "--no-redis", "--directory", rig.folder)
    found = [listed(rig, name, url, count) for name, url in (("lists-sqlite", "sqlite:rrnetd.db"), ("lists-postgres", rig.environment["TEST_DATABASE_URL"]))]
    for what, sqlite in found[0].items():
        both = [(one["p50_micros"], one["p99_micros"]) for one in (sqlite, found[1][what])]
        measured = "; ".join(f"{name} {p50 / 1e3:.1f} and {p99 / 1e3:.1f} ms" for name, (p50, p99) in zip(("SQLite", "PostgreSQL"), both))
        rig.row(f"list, {count:,} subscribers: {what}, p50 and p99", "p99 < 20 ms", measured, all(p99 < 20_000 for _, p99 in both))
    rig.servers("stop")
    del rig.environment["TEST_SERVERS_DIR"]


def listed(rig, name, url, count):
    """The figures of each list on one database."""
    daemon = Daemon(rig, name, url, "http.requests-per-minute=1000000")
    daemon.start()
    # Few are suspended or soon over, and those stand at the end: a list that walks past all others shows it.
    online = count * 99 // 100
    rare = lambda number: number >= online
    more = lambda number: f",08{number:010},{'suspended' if rare(number) else ''},{'2031-01-01' if rare(number) else ''}"
    daemon.fill(count, ",phone,status,expires", more)
    last = daemon.api.call("GET", f"/subscribers/search?text=subscriber-{count - 1:09}")["rows"][0]
    for hit in daemon.api.call("GET", "/subscribers/search?text=subscriber-0000000&limit=20")["rows"]:
        daemon.api.call("POST", f"/subscribers/{hit['id']}/isolate", {"reason": "manual"})
    daemon.load("redial", "--numbered", str(online), "--within", str(rig.pick(30, 2)), "--attempts", "3")
    # The first ten have been customers for long.
    often = str(rig.pick(20_000, 400))
    daemon.load("accounting", "--numbered", "10", "--count", often, "--rate", "2000", "--sessions", "5")
    # One who has IPv6.
    prefixes = "Framed-IPv6-Prefix = 2001:db8:7:1::/64, Delegated-IPv6-Prefix = 2001:db8:8::/56"
    session = f'Acct-Status-Type = Start, Acct-Session-Id = "ipv6", User-Name = "subscriber-000000000", {prefixes}'
    command = ["radclient", "-t", "5", daemon.acct, "acct", daemon.secret]
    subprocess.run(command, input=f"{session}, NAS-Port = 1", text=True, check=True, stdout=subprocess.DEVNULL)
    daemon.drain()
    if url.startswith("postgres"):
        # What autovacuum does within a minute.
        subprocess.run(["psql", "--quiet", "--no-psqlrc", "--command", "ANALYZE", url], check=True)
    first = daemon.api.call("GET", "/subscribers?limit=1")["rows"][0]
    deep = base64.urlsafe_b64encode(f"subscriber-{count * 9 // 10:09}".encode()).decode().rstrip("=")
    newest = daemon.api.call("GET", "/sessions?state=history&limit=500")
    held = next(row for row in newest["rows"] if row["framedAddress"])
    at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 60))
    ipv6 = f"/sessions?address=2001:db8:8:42::1&at={at}"
    if len(daemon.api.call("GET", ipv6)["rows"]) != 1:
        rig.fault(f"{name}: who has an IPv6 prefix is not found by an address in it")
    for _ in range(rig.pick(20, 2)):
        newest = daemon.api.call("GET", f"/sessions?state=history&limit=500&after={newest['next']}")
    paths = {
        "subscribers, first page": "/subscribers",
        "subscribers, a page deep inside": f"/subscribers?after={deep}",
        "subscribers, suspended": "/subscribers?status=suspended",
        "subscribers, active, of one plan": f"/subscribers?status=active&planId={first['planId']}",
        "subscribers, suspended, of one plan": f"/subscribers?status=suspended&planId={last['planId']}",
        "subscribers, isolated": "/subscribers?isolated=true",
        "subscribers, isolated for one reason": "/subscribers?reason=manual",
        "subscribers, soon over": "/subscribers?expiresBefore=2031-06-01T00:00:00Z",
        "search by login": f"/subscribers/search?text=subscriber-{count // 20_000:05}",
        "search by name": "/subscribers/search?text=" + urllib.parse.quote(f"subscriber {count // 2}"),
        "search by phone": f"/subscribers/search?text=08{count // 2:010}",
        "live sessions": "/sessions?state=live",
        "session history": "/sessions?state=history",
        "session history, a page deep inside": f"/sessions?state=history&after={newest['next']}",
        "session history of one subscriber": f"/sessions?state=history&subscriberId={first['id']}",
        "session history of the router": f"/sessions?state=history&routerId={held['routerId']}",
        "session history of a router without any": f"/sessions?state=history&routerId={NO_ROUTER}",
        "who had an IPv4 address": f"/sessions?address={held['framedAddress']}&at={at}",
        "who had an IPv6 address": ipv6,
        "authentication log": "/authentications",
        "authentication log, rejects": "/authentications?accepted=false",
        "audit trail": "/audit",
        "audit trail of one subscriber": f"/audit?targetKind=subscriber&targetId={first['id']}",
        "customers": "/customers",
        "invoices of the platform": "/tenant/invoices",
        "add-ons": "/tenant/addons",
    }
    figures = {}
    for what, path in paths.items():
        run = daemon.begin_api(rig.pick(5, 0.5), "--path", f"/api/v1{path}", "--connections", "1")
        figures[what] = one = rig.finish(run)
        if set(one["statuses"]) != {"200"} or one["failed"]:
            rig.fault(f"{name}, {what}: {one['statuses']}, {one['failed']} failed")
        say(f"{name}, {what}: {millis(one['p50_micros'])}, p99 {millis(one['p99_micros'])}")
    daemon.stop()
    return figures


def malformed(rig):
    """Mutated packets, half of them rightly signed."""
    count = rig.pick(1_000_000, 20_000)
    daemon = Daemon(rig, "malformed", "sqlite:rrnetd.db")
    daemon.start()
    daemon.fill(500)
    target = ["--auth", daemon.auth, "--acct", daemon.acct, "--secret", daemon.secret, "--numbered", "500"]
    page = f"http://{daemon.http}/metrics"
    run = rig.begin("malformed", *target, "--count", str(count), "--metrics", page, "--json")
    figures = json.loads(run.communicate()[0])
    panics = daemon.metric("rrnetd_radius_panics_total")
    if run.returncode or panics:
        rig.fault(f"mutated packets: {panics:.0f} panics, {json.dumps(figures)[:600]}")
    rig.row(f"{count:,} mutated packets, half of them rightly signed", "no panic, all counted", f"{panics:.0f} panics, all counted")
    daemon.stop()


PARTS = (scale, redial, restart, outage, lists, malformed)


def machine():
    with open("/proc/cpuinfo") as lines:
        model = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), "?")
    with open("/proc/meminfo") as lines:
        memory = int(lines.readline().split()[1]) / 2**20
    return f"{model}, {os.cpu_count()} cores, {memory:.0f} GiB, Linux {os.uname().release}"


def build(smoke):
    """Builds the programs; where they are. The smoke takes what the tests have built, unless a release is there already."""
    target = os.environ.get("CARGO_TARGET_DIR", os.path.join(ROOT, "target"))
    is_dev = smoke and not os.path.exists(os.path.join(target, "release", "rrnetd"))
    command = ["cargo", "build", "--quiet", "--locked", "--bins", "-p", "rrnetd", "-p", "rrnetd-load"]
    subprocess.run(command + ["--profile", "dev" if is_dev else "release"], cwd=ROOT, check=True)
    return os.path.join(target, "debug" if is_dev else "release")


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--smoke", action="store_true")
    parser.add_argument("--only", default=",".join(part.__name__ for part in PARTS))
    parser.add_argument("--directory", default=tempfile.gettempdir())
    parser.add_argument("--programs")
    parser.add_argument("--subscribers", type=int)
    parser.add_argument("--records", type=int)
    arguments = parser.parse_args()
    arguments.subscribers = arguments.subscribers or (2_000 if arguments.smoke else 1_000_000)
    arguments.records = arguments.records or (20_000 if arguments.smoke else 1_200_000)
    arguments.programs = arguments.programs or build(arguments.smoke)
    names = arguments.only.split(",")
    if unknown := set(names) - {part.__name__ for part in PARTS}:
        parser.error(f"no part {', '.join(sorted(unknown))}")
    rig = Rig(arguments)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(143))
    try:
        for part in PARTS:
            if part.__name__ in names:
                began = time.monotonic()
                part(rig)
                say(f"{part.__name__} took {time.monotonic() - began:.0f} s")
    except (Broken, subprocess.CalledProcessError, urllib.error.URLError) as error:
        rig.fault(str(error))
        rig.show_logs()
    finally:
        rig.end()
    print(f"{machine()}.\n\n| what | target | measured |\n|---|---|---|")
    for row in rig.rows:
        print(f"| {' | '.join(row)} |")
    for fault in rig.faults:
        print(f"\nBROKEN: {fault}")
    sys.exit(1 if rig.faults else 0)


if __name__ == "__main__":
    main()
