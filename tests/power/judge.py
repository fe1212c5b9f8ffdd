#!/usr/bin/env python3
"""Judges the output of daemon.sh's verification: a line for each ledger, exit status 1 when a promise was broken or none was made."""

import json
import sys

# No acknowledged record may be missing, doubled, wrong or set aside.
FAULTS = ("missing", "doubled", "wrong_usage", "wrong_state", "refused")
# Fewer than this and the cut did not come amid load.
LEAST_RECORDS = 100

lines = sys.stdin.readlines()
ledgers = [line.split(" ", 2) for line in lines if line.startswith("ledger ")]
known = sum(int(line.split()[1]) for line in lines if line.startswith("known "))
print(f"sessions of known subscribers: {known}")
is_broken = len(ledgers) != int(sys.argv[1]) or known == 0
for _, cut, report in ledgers:
    findings = json.loads(report)
    is_kept = (
        all(findings[fault] == 0 for fault in FAULTS)
        and findings["usage_adds_up"]
        and findings["records"] >= LEAST_RECORDS
    )
    facts = ", ".join(f"{name} {findings[name]}" for name in ("records", "sessions", *FAULTS, "ahead", "usage_adds_up"))
    print(f"{'PASS' if is_kept else 'FAIL'} cut {cut}: {facts}")
    for fault in findings["faults"]:
        print(f"  {fault}")
    is_broken |= not is_kept
sys.exit(is_broken)
