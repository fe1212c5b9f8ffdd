#!/usr/bin/env python3
"""Makes a data folder that rigs start rrnetd on: the quickstart's demo tenant, with a router and settings added over the API.

    tests/demo.py BINARY FOLDER --router ADDRESS --secret SECRET [--interim SECONDS] [--static-address ADDRESS] [--numbered COUNT]

Run it inside tests/sandbox.sh: the daemon listens on its usual ports for a moment. Prints a line NAME PASSWORD for the free demo
subscriber, then one for the isolated one. Afterwards `rrnetd serve --config FOLDER/rrnetd.toml` serves it.

--router          the address that the router asks from; it need not sign its requests (pppd's plugin cannot)
--interim         Acct-Interim-Interval of every plan
--static-address  Framed-IP-Address of the free demo subscriber
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
NEW_PASSWORD = "pppoe and power rigs"
FREE = "budi001"
SUBSCRIBER = re.compile(r"User-Name = \"(\w+)\", User-Password = \"(\w+)\"")


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


def change_subscribers(folder, arguments):
    """By SQL, in the stopped daemon's database; without its snapshot the next start reads the directory from there."""
    with sqlite3.connect(os.path.join(folder, "rrnetd.db")) as database:
        if arguments.static_address:
            database.execute("UPDATE subscriber SET static_address = ? WHERE username = ?", (arguments.static_address, FREE))
        names = [row[1] for row in database.execute("PRAGMA table_info(subscriber)")]
        template = database.execute("SELECT * FROM subscriber WHERE username = ?", (FREE,)).fetchone()
        own = dict(zip(names, template)) | {"password": None, "static_address": None}
        statement = f"INSERT INTO subscriber ({', '.join(names)}) VALUES ({', '.join(':' + name for name in names)})"
        database.executemany(
            statement,
            (own | {"id": uuid.uuid4().bytes, "username": f"subscriber-{number:09}"} for number in range(arguments.numbered)),
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
    password, subscribers = None, {}
    daemon = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        for line in daemon.stdout:
            if match := re.match(r"Sign in +admin / (\S+)", line):
                password = match[1]
            if (match := SUBSCRIBER.search(line)) and match[2] != "wrong":
                subscribers[match[1]] = match[2]
            if '"ready"' in line:
                api = Api(json.loads(line)["http"], "admin", password)
                add_router(api, arguments)
                if arguments.interim:
                    set_interim(api, arguments.interim)
                break
        daemon.terminate()
        if daemon.wait(STOP_SECONDS) != 0:
            raise SystemExit(f"demo.py: rrnetd quickstart ended with {daemon.returncode}")
    finally:
        daemon.kill()
    if len(subscribers) != 2:
        raise SystemExit(f"demo.py: two subscribers were to be shown, not {subscribers.keys()}")
    change_subscribers(folder, arguments)
    for name, subscriber_password in subscribers.items():
        print(name, subscriber_password)


if __name__ == "__main__":
    main()
