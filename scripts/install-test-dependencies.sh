#!/usr/bin/env bash
# Installs what the whole test suite needs on Debian or Ubuntu: the real counterparts (FreeRADIUS, PostgreSQL, Redis, a PPPoE
# server and client, User-Mode Linux), the tools that drive them, and the two cargo tools that the test command calls.
#
#   scripts/install-test-dependencies.sh            install what is missing
#   scripts/install-test-dependencies.sh --check    install nothing; name what is missing and exit 1 if anything is
#
# What is there already is left alone. No service is started, and the services of newly installed packages are not left enabled:
# tests start private instances (see scripts/test-servers.sh). Needs root, or sudo that asks for nothing.
set -euo pipefail

packages=(
    freeradius freeradius-utils freeradius-postgresql # radclient; the peer in benches; the CoA listener that poses as a router
    postgresql                                        # the second database
    redis-server                                      # the shared cache
    user-mode-linux ppp pppoe                         # a real NAS: pppd with its RADIUS plugin, in a kernel of its own
    kmod iproute2 e2fsprogs procps util-linux         # the guests' modules, namespaces and disks; setpriv, setsid
    strace                                            # proof that no answer precedes its fdatasync
    make                                              # builds the allocator
    curl python3                                      # HTTP from scripts; small helpers of the rigs
    shellcheck                                        # these scripts are checked too
)
# Daemons that Debian would start at boot once their package is there.
services=(freeradius postgresql redis-server)
# name of the cargo tool = the crate's name; both print a version with `cargo NAME --version`
cargo_tools=(cargo-nextest cargo-deny)

# A package counts as there only when it is fully installed: `dpkg -s` also knows removed ones.
installed() { [[ $(dpkg-query -W -f '${db:Status-Abbrev}' "$1" 2>/dev/null || true) == ii* ]]; }

missing_packages=()
for package in "${packages[@]}"; do
    installed "$package" || missing_packages+=("$package")
done
missing_tools=()
for tool in "${cargo_tools[@]}"; do
    cargo "${tool#cargo-}" --version >/dev/null 2>&1 || missing_tools+=("$tool")
done

if [[ ${1:-} == --check ]]; then
    if ((${#missing_packages[@]} + ${#missing_tools[@]} == 0)); then exit 0; fi
    echo "missing: ${missing_packages[*]} ${missing_tools[*]}"
    exit 1
fi

as_root=()
if ((EUID != 0)); then as_root=(sudo -n); fi

# Invoke-rc.d asks this program before it starts a service; 101 = "not allowed". Put in place for the installation alone.
policy=/usr/sbin/policy-rc.d
policy_saved=
policy_placed=
forbid_service_starts() {
    if [[ -e $policy ]]; then
        policy_saved=$policy.before-test-dependencies
        "${as_root[@]}" mv "$policy" "$policy_saved"
    fi
    policy_placed=1
    printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee "$policy" >/dev/null
    "${as_root[@]}" chmod 755 "$policy"
}
restore_service_starts() {
    [[ $policy_placed ]] || return 0
    "${as_root[@]}" rm -f "$policy"
    if [[ $policy_saved ]]; then "${as_root[@]}" mv "$policy_saved" "$policy"; fi
    policy_placed=
}

if ((${#missing_packages[@]} > 0)); then
    echo "installing packages: ${missing_packages[*]}"
    new_services=()
    for service in "${services[@]}"; do
        installed "$service" || new_services+=("$service")
    done
    trap restore_service_starts EXIT
    trap 'exit 130' INT TERM HUP
    forbid_service_starts
    apt=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=300)
    "${apt[@]}" update
    "${apt[@]}" install --no-install-recommends "${missing_packages[@]}"
    if [[ -d /run/systemd/system ]]; then
        for service in "${new_services[@]}"; do
            "${as_root[@]}" systemctl disable --now "$service" >/dev/null 2>&1 || true
        done
    fi
    restore_service_starts
fi

for tool in "${missing_tools[@]}"; do
    echo "building $tool (a few minutes)"
    cargo install --locked "$tool"
done
echo "test dependencies are there"
