#!/usr/bin/env python3
"""Makes a data folder that rigs start rrnetd on: the quickstart's demo tenant, with a router and settings added over the API.

    tests/demo.py BINARY FOLDER --router ADDRESS --secret SECRET [--interim SECONDS] [--static-address ADDRESS] [--numbered COUNT]

Run it inside tests/sandbox.sh: the daemon listens on its usual ports for a moment. Afterwards `rrnetd serve --config
FOLDER/rrnetd.toml` serves it, and the super admin `admin` has the password `rigs of a sandbox`.

--router          the address that the router asks from; it need not sign its requests (pppd's plugin cannot)
--interim         Acct-Interim-Interval of every plan
--static-address  adds two subscribers with the password `sandi`: `rig-free` with this address, and `rig-isolated`, who is isolated
--numbered        so many more subscribers, with the names that rrnetd-load gives them and no password
"""

import argparse
import json
import os
import re
import sqlite3
import subprocess
import urllib.error
import urllib.request
import uuid

START_SECONDS = 30
STOP_SECONDS = 30
NEW_PASSWORD = "rigs of a sandbox"
TEMPLATE = "budi001"
PLAN = "Home 10 Mbit/s"


class Api:
    """The API of a running daemon, as the super admin within the demo tenant."""

    def __init__(self, address, login, password):
        self.base = f"http://{address}/api/v1"
        self.headers = {"Content-Type": "application/json"}
        self.sign_in(login, password)
        # The first password must be replaced before anything else, which ends the session.
        self.call("POST", "/me/password", {"current": password, "new": NEW_PASSWORD})
        self.sign_in(login, NEW_PASSWORD)
        self.headers["Rrnetd-Tenant"] = self.call("GET", "/tenants")["rows"][0]["id"]

    def sign_in(self, login, password):
        self.headers.pop("Authorization", None)
        token = self.call("POST", "/login", {"login": login, "password": password})["token"]
        self.headers["Authorization"] = f"Bearer {token}"

    def call(self, method, path, body=None, **headers):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.base + path, data, {**self.headers, **headers}, method=method)
        try:
            with urllib.request.urlopen(request, timeout=START_SECONDS) as answer:
                text = answer.read()
        except urllib.error.HTTPError as error:
            raise SystemExit(f"demo.py: {method} {path}: {error.code} {error.read().decode()}") from error
        return json.loads(text) if text else None


def add_router(api, arguments):
    router = {"name": "rig", "addresses": [arguments.router], "messageAuthenticator": "off", "rejectDelayMs": 0}
    api.call("POST", "/routers", {"router": router, "secret": arguments.secret})


def set_interim(api, seconds):
    for plan in api.call("GET", "/plans")["rows"]:
        fields = ("name", "service", "attributes", "price", "currency", "billing", "validity")
        spec = {field: plan[field] for field in fields}
        spec["service"]["interimInterval"] = seconds
        api.call("PUT", f"/plans/{plan['id']}", spec, **{"If-Match": "*"})


def add_subscribers(api, static_address):
    plan = next(plan["id"] for plan in api.call("GET", "/plans")["rows"] if plan["name"] == PLAN)
    for name, fields in (("rig-free", {"staticAddress": static_address}), ("rig-isolated", {})):
        body = {
            "subscriber": {"username": name, "planId": plan, **fields},
            "password": "sandi",
            "customer": {"customer": {"name": name}},
        }
        made = api.call("POST", "/subscribers", body)
        if name == "rig-isolated":
            api.call("POST", f"/subscribers/{made['id']}/isolate", {"reason": "unpaid"})


def add_numbered(folder, count):
    """By SQL, in the stopped daemon's database; without its snapshot the next start reads the directory from there."""
    with sqlite3.connect(os.path.join(folder, "rrnetd.db")) as database:
        names = [row[1] for row in database.execute("PRAGMA table_info(subscriber)")]
        template = database.execute("SELECT * FROM subscriber WHERE username = ?", (TEMPLATE,)).fetchone()
        own = dict(zip(names, template)) | {"password": None}
        statement = f"INSERT INTO subscriber ({', '.join(names)}) VALUES ({', '.join(':' + name for name in names)})"
        database.executemany(
            statement,
            (own | {"id": uuid.uuid4().bytes, "username": f"subscriber-{number:09}"} for number in range(count)),
        )
    os.remove(os.path.join(folder, "directory.snapshot"))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("binary")
    parser.add_argument("folder")
    parser.add_argument("--router", required=True)
    parser.add_argument("--secret", required=True)
    parser.add_argument("--interim", type=int)
    parser.add_argument("--static-address")
    parser.add_argument("--numbered", type=int, default=0)
    arguments = parser.parse_args()
    folder = os.path.realpath(arguments.folder)

    command = [arguments.binary, "quickstart", "--data", folder, "--set", "journal.segment-octets=8388608"]
    password = None
    daemon = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        for line in daemon.stdout:
            if match := re.match(r"Sign in +admin / (\S+)", line):
                password = match[1]
            if '"ready"' in line:
                api = Api(json.loads(line)["http"], "admin", password)
                add_router(api, arguments)
                if arguments.interim:
                    set_interim(api, arguments.interim)
                if arguments.static_address:
                    add_subscribers(api, arguments.static_address)
                break
        daemon.terminate()
        if daemon.wait(STOP_SECONDS) != 0:
            raise SystemExit(f"demo.py: rrnetd quickstart ended with {daemon.returncode}")
    finally:
        daemon.kill()
    if arguments.numbered:
        add_numbered(folder, arguments.numbered)


if __name__ == "__main__":
    main()
