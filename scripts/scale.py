#!/usr/bin/env python3
"""The long proofs on the real daemon: a million subscribers, mass re-dials, a restarted router, a database that is away, mutated
packets. Prints the rows of README's table of measured figures, and ends with 1 when a promise was broken: a record lost or
doubled, a wrong reply, a panic. A bound that was merely missed is said in its row.

    scripts/scale.py            the whole: half an hour, 8 GB of memory and of disk
    scripts/scale.py --smoke    the same with small numbers, about a minute: does every part work?

OPTIONS  --only NAME,...     of scale redial restart outage malformed
         --directory D       where databases and journals lie (default $TMPDIR)
         --programs D        the programs rrnetd and rrnetd-load that are in D, without a build
         --subscribers N     of scale (default 1000000; the smoke 2000)
         --records N         of outage (default 1200000; the smoke 20000)
"""

import argparse
import contextlib
import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

HERE = os.path.dirname(os.path.realpath(__file__))
ROOT = os.path.dirname(HERE)
PASSWORD = "measured-on-loopback"
SPEEDS = (10, 20, 50, 100)
# Lines of one import.
TABLE = 50_000
READY_SECONDS = 120
DRAIN_SECONDS = 1800


def say(text):
    print(f"scale: {text}", file=sys.stderr, flush=True)


def millis(micros):
    return f"{micros / 1e3:.1f} ms"


class Broken(Exception):
    """A promise was not kept, or a part does not work."""


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

    def sign_in(self, password):
        self.headers.pop("Authorization", None)
        self.token = self.call("POST", "/login", {"login": "admin", "password": password})["token"]
        self.headers["Authorization"] = f"Bearer {self.token}"

    def call(self, method, path, body=None, kind="application/json"):
        data = body.encode() if isinstance(body, str) else None if body is None else json.dumps(body).encode()
        headers = {**self.headers, "Content-Type": kind}
        request = urllib.request.Request(f"http://{self.address}/api/v1{path}", data, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=1800) as answer:
                text = answer.read()
        except urllib.error.HTTPError as error:
            raise Broken(f"{method} {path}: {error.code} {error.read().decode()[:400]}") from error
        return json.loads(text) if text else None


class Daemon:
    """rrnetd in a data folder of its own, on free ports."""

    def __init__(self, rig, name, url):
        self.rig, self.name, self.url = rig, name, url
        self.folder = os.path.join(rig.folder, name)
        self.log = os.path.join(rig.folder, f"{name}.log")
        self.api = self.process = self.secret = None

    def start(self):
        """Starts it; the seconds until it says that it is ready."""
        free = ("radius.authentication", "radius.accounting")
        command = [self.rig.program("rrnetd"), "quickstart", "--data", self.folder, "--set", f"database.url={self.url}"]
        command += [word for key in free for word in ("--set", f'{key}=["127.0.0.1:0"]')]
        command += ["--set", "http.listen=127.0.0.1:0", "--set", "log.filter=warn"]
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

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        if self.process.wait(READY_SECONDS) != 0:
            raise Broken(f"{self.name} ended with {self.process.returncode}")
        self.process = None

    def resident(self):
        """Resident memory, octets."""
        with open(f"/proc/{self.process.pid}/status") as status:
            return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmRSS:"))

    def metric(self, name):
        """The sum of a metric's series."""
        with urllib.request.urlopen(f"http://{self.http}/metrics", timeout=30) as page:
            lines = page.read().decode().splitlines()
        values = [float(line.rsplit(" ", 1)[1]) for line in lines if re.match(rf"{name}[{{ ]", line)]
        return sum(values)

    def drain(self):
        """Waits until the database has all that the journal holds; the seconds that took."""
        began = time.monotonic()
        while self.metric("rrnetd_journal_applied_position") < self.metric("rrnetd_journal_durable_position"):
            if time.monotonic() - began > DRAIN_SECONDS:
                raise Broken(f"{self.name}: the database does not follow")
            time.sleep(0.1)
        return time.monotonic() - began

    def fill(self, count):
        """Imports so many numbered subscribers, and waits until the directory has them."""
        for first in range(0, count, TABLE):
            lines = ["username,password,plan,name"]
            lines += [
                f"subscriber-{number:09},pass{number:08},Home {SPEEDS[number % 4]} Mbit/s,Subscriber {number}"
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
        while self.metric('rrnetd_directory_entries{kind="subscriber"}'.replace("{", r"\{")) < count:
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


class Rig:
    """The programs, the folder of this run, and what has been found."""

    def __init__(self, arguments):
        self.arguments, self.smoke = arguments, arguments.smoke
        self.folder = tempfile.mkdtemp(prefix="rrnetd-scale.", dir=arguments.directory)
        os.chmod(self.folder, 0o711)
        self.rows, self.faults, self.processes, self.session = [], [], [], 0
        self.environment = dict(os.environ)

    def program(self, name):
        return os.path.join(self.arguments.programs, name)

    def sessions(self):
        """Each run has session numbers of its own."""
        self.session += 10_000_000
        return self.session

    def begin(self, *command):
        process = subprocess.Popen([self.program("rrnetd-load"), *command], stdout=subprocess.PIPE, text=True)
        self.processes.append(process)
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


def scale(rig, sqlite):
    """A million subscribers: memory, start-up, the cost of a request."""
    count = rig.arguments.subscribers
    sqlite.start()
    empty = sqlite.resident()
    began = time.monotonic()
    sqlite.fill(count)
    say(f"imported over the API in {time.monotonic() - began:.0f} s")
    sqlite.stop()

    def start():
        began = time.monotonic()
        sqlite.start()
        sqlite.follow(count)
        return time.monotonic() - began

    from_snapshot = sorted(start_again(sqlite, start) for _ in range(rig.pick(3, 1)))[rig.pick(1, 0)]
    each = (sqlite.resident() - empty) / count
    if not rig.smoke:
        rig.row(f"memory, resident, per subscriber at {count:,}", "≤ 400 octets", f"{each:.0f} octets", each <= 400)
    sqlite.stop()
    os.remove(os.path.join(sqlite.folder, "directory.snapshot"))
    from_database = start()
    rig.row(f"start-up with {count:,} subscribers, from the snapshot", "≤ 5 s", f"{from_snapshot:.2f} s", from_snapshot <= 5)
    rig.row("the same without a snapshot, from SQLite", "≤ 15 s", f"{from_database:.2f} s", from_database <= 15)
    cost(rig, count)


def start_again(daemon, start):
    took = start()
    if daemon.process and start_again.times:
        pass
    return took


start_again.times = 0


def cost(rig, count):
    """What a request costs the path with ten thousand subscribers and with so many, in interleaved rounds."""


def main():
    pass


if __name__ == "__main__":
    main()
