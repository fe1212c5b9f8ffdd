#!/bin/bash
# What run.sh runs in the guest: rrnetd on the disk. The folders of the host that it needs are mounted, because the guest's own
# temporary file system hides them.
#
#   daemon.sh serve BINARIES HOST-FOLDER         until the power is cut; the first time the data is put in place
#   daemon.sh verify BINARIES HOST-FOLDER CUTS   starts, which drains the journal, stops, and compares every ledger
set -eu

action=$1 binaries=$2 host=$3
data=/run/disk/data
mkdir -p /run/host
mount -t hostfs -o "$host" host /run/host
serve=("$binaries/rrnetd" serve --config "$data/rrnetd.toml"
    # The guest's kernel has no IPv6.
    --set 'radius.authentication=["0.0.0.0:1812"]' --set 'radius.accounting=["0.0.0.0:1813"]'
    # Small segments, so that the load fills some.
    --set journal.segment-octets=8388608)

if [[ ! -e $data ]]; then
    cp -a /run/host/data "$data.new"
    sync
    mv "$data.new" "$data"
    sync
fi
if [[ $action == serve ]]; then
    exec "${serve[@]}"
fi

"${serve[@]}" >/run/ready &
daemon=$!
until grep -q '"ready"' /run/ready 2>/dev/null; do
    kill -0 "$daemon"
    sleep 0.1
done
kill -TERM "$daemon"
wait "$daemon"
# The sums by hour are only of sessions whose subscriber is known.
echo "known $(python3 -c 'import sqlite3, sys
with sqlite3.connect(sys.argv[1]) as database:
    print(database.execute("SELECT COUNT(*) FROM session WHERE subscriber_id IS NOT NULL").fetchone()[0])' "$data/rrnetd.db")"
for ((cut = 1; cut <= $4; cut++)); do
    # Says by its exit status that something is wrong; what run.sh goes by is its report.
    echo "ledger $cut $("$binaries/rrnetd-load" verify-ledger "/run/host/ledger.$cut" --database "sqlite:$data/rrnetd.db" --json || true)"
done
