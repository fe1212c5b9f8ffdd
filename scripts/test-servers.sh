#!/usr/bin/env bash
# Private PostgreSQL and Redis for tests: on free loopback ports, with random passwords, data in a folder of their own, run by an
# unprivileged user, and nothing of them left afterwards.
#
#   scripts/test-servers.sh run [OPTIONS] -- COMMAND...   COMMAND runs with the variables below set; then both are stopped. If this
#                                                         script is killed outright, the kernel stops the servers with it.
#   eval "$(scripts/test-servers.sh start [OPTIONS])"     the same by hand: prints `export` lines ...
#   scripts/test-servers.sh stop                          ... and this stops what $TEST_SERVERS_DIR names, and nothing else
#   scripts/test-servers.sh halt-postgres | resume-postgres
#                                                         an outage of the database in $TEST_SERVERS_DIR: same port, same data
#
# OPTIONS  --durable      PostgreSQL keeps its promises (fsync, full_page_writes); the default is fast and loses data at a power cut
#          --no-redis     PostgreSQL alone
#          --no-postgres  Redis alone
#          --directory D  data under D (for a file system of one's choice) in place of $TMPDIR
#
# Sets  TEST_DATABASE_URL  postgres://… of an empty database, its role may create more
#       TEST_REDIS_URL     redis://…
#       TEST_SERVERS_DIR   data, logs and process ids
set -euo pipefail

START_DEADLINE_SECONDS=30
PORT_ATTEMPTS=5
# Below the range from which the kernel takes ports for outgoing connections and for "port 0", so nobody gets ours by accident.
PORT_FIRST=20000
PORT_COUNT=12000

die() {
    echo "test-servers: $*" >&2
    exit 1
}

random_word() { od -An -N12 -tx1 /dev/urandom | tr -d ' \n'; }
random_port() { echo $((PORT_FIRST + ($(od -An -N2 -tu2 /dev/urandom) % PORT_COUNT))); }
port_is_free() { ! (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# PostgreSQL refuses to run as root, and Redis has no need to.
as_user=()
user=
if ((EUID == 0)); then
    user=nobody
    if id postgres >/dev/null 2>&1; then user=postgres; fi
    as_user=(setpriv "--reuid=$user" "--regid=$(id -gn "$user")" --init-groups --reset-env)
fi

postgres_programs() {
    local folder
    # Debian keeps them off the PATH, one folder per major version; the newest wins.
    folder=$(find /usr/lib/postgresql -maxdepth 2 -name bin 2>/dev/null | sort -V | tail -n 1)
    if [[ ! $folder ]]; then folder=$(dirname "$(command -v initdb || die "PostgreSQL is not installed")"); fi
    echo "$folder"
}

# alive PID MARK: the process is there and is still the one we started (its command line holds our folder).
alive() { [[ -r /proc/$1/cmdline ]] && tr '\0' ' ' 2>/dev/null <"/proc/$1/cmdline" | grep -qF "$2"; }

# wait_ready PID MARK COMMAND...: until COMMAND succeeds; fails when the process ends or time is up.
wait_ready() {
    local pid=$1 mark=$2 deadline=$((SECONDS + START_DEADLINE_SECONDS))
    shift 2
    until "$@" >/dev/null 2>&1; do
        # A process may not have called exec yet; only its disappearance counts.
        if [[ ! -d /proc/$pid ]] || ((SECONDS > deadline)); then return 1; fi
        sleep 0.05
    done
    alive "$pid" "$mark"
}

# stop_process PID MARK SIGNAL: at most 10 s until SIGKILL; returns when the process is gone.
stop_process() {
    local pid=$1 mark=$2 signal=$3 tries=0
    while alive "$pid" "$mark"; do
        if ((tries == 0)); then kill "-$signal" "$pid" 2>/dev/null || true; fi
        if ((tries == 200)); then kill -KILL "$pid" 2>/dev/null || true; fi
        tries=$((tries + 1))
        sleep 0.05
    done
}

# launch NAME DEATH_SIGNAL COMMAND...: starts it as the user, output to NAME.log, its id to NAME.pid.
launch() {
    local name=$1 death_signal=$2
    shift 2
    # The death signal follows the shell that runs `run`; `start` must survive its own end.
    local tie=()
    if [[ $tied ]]; then tie=(--pdeathsig "$death_signal"); fi
    # The caller's working folder may be one that the user must not enter.
    (cd "$directory" && exec "${launcher[@]}" "${tie[@]}" "$@") </dev/null >>"$directory/$name.log" 2>&1 &
    echo $! >"$directory/$name.pid"
}

postgres_run() {
    local port=$1
    local settings=(-c "port=$port" -c listen_addresses=127.0.0.1 -c "unix_socket_directories=$directory/postgres"
        # Shared memory in the data folder, so that it goes with it even after a SIGKILL.
        -c dynamic_shared_memory_type=mmap -c max_connections=200 -c shared_buffers=128MB -c logging_collector=off -c "cluster_name=$directory")
    if [[ ! -e $directory/durable ]]; then settings+=(-c fsync=off -c full_page_writes=off); fi
    launch postgres QUIT "$(postgres_programs)/postgres" -D "$directory/postgres" "${settings[@]}"
    wait_ready "$(<"$directory/postgres.pid")" "$directory" "$(postgres_programs)/pg_isready" -q -h 127.0.0.1 -p "$port" -d postgres
}

postgres_start() {
    local password port attempt
    password=$(random_word)
    (umask 077 && echo "$password" >"$directory/postgres.password")
    if [[ $user ]]; then chown "$user" "$directory/postgres.password"; fi
    (cd "$directory" && "${as_user[@]}" "$(postgres_programs)/initdb" -D "$directory/postgres" -U rrnetd --no-sync --encoding=UTF8 \
        --locale=C --auth=scram-sha-256 "--pwfile=$directory/postgres.password") >"$directory/initdb.log" 2>&1 ||
        die "initdb failed: $(tail -n 3 "$directory/initdb.log")"
    for ((attempt = 1; ; attempt++)); do
        port=$(random_port)
        if port_is_free "$port" && postgres_run "$port"; then break; fi
        if ((attempt == PORT_ATTEMPTS)); then die "PostgreSQL does not start: $(tail -n 5 "$directory/postgres.log")"; fi
    done
    echo "$port" >"$directory/postgres.port"
    PGPASSWORD=$password "$(postgres_programs)/createdb" -h 127.0.0.1 -p "$port" -U rrnetd rrnetd_test
    export TEST_DATABASE_URL="postgres://rrnetd:$password@127.0.0.1:$port/rrnetd_test"
}

redis_ping() {
    local answer
    exec 3<>"/dev/tcp/127.0.0.1/$1" || return 1
    printf 'AUTH %s\r\nPING\r\n' "$2" >&3
    read -r -t 2 answer <&3 && [[ $answer == +OK* ]]
}

redis_start() {
    local password port attempt
    command -v redis-server >/dev/null || die "Redis is not installed"
    password=$(random_word)
    mkdir "$directory/redis"
    for ((attempt = 1; ; attempt++)); do
        port=$(random_port)
        (umask 077 && printf '%s\n' "port $port" "bind 127.0.0.1" "requirepass $password" 'save ""' "appendonly no" \
            "dir $directory/redis" "daemonize no" >"$directory/redis.conf")
        if [[ $user ]]; then chown "$user" "$directory/redis.conf" "$directory/redis"; fi
        if port_is_free "$port"; then
            # Redis rewrites its process title; this makes the title keep the folder, by which `stop` knows the process again.
            launch redis TERM redis-server "$directory/redis.conf" --set-proc-title no
            if wait_ready "$(<"$directory/redis.pid")" "$directory" redis_ping "$port" "$password"; then break; fi
        fi
        if ((attempt == PORT_ATTEMPTS)); then die "Redis does not start: $(tail -n 5 "$directory/redis.log")"; fi
    done
    export TEST_REDIS_URL="redis://default:$password@127.0.0.1:$port/0"
}

start() {
    local parent=${TMPDIR:-/tmp} durable='' with_redis=1 with_postgres=1
    while (($#)); do
        case $1 in
        --durable) durable=1 ;;
        --no-redis) with_redis='' ;;
        --no-postgres) with_postgres='' ;;
        --directory)
            parent=$2
            shift
            ;;
        *) die "unknown option $1" ;;
        esac
        shift
    done
    directory=$(mktemp -d "$parent/rrnetd-test-servers.XXXXXXXX")
    if [[ $user ]]; then chown "$user" "$directory"; fi
    export TEST_SERVERS_DIR=$directory
    if [[ $durable ]]; then : >"$directory/durable"; fi
    launcher=("${as_user[@]}")
    if ((${#launcher[@]} == 0)); then launcher=(setpriv); fi
    if [[ $with_postgres ]]; then postgres_start; fi
    if [[ $with_redis ]]; then redis_start; fi
}

stop() {
    # SIGQUIT is PostgreSQL's immediate shutdown: the data is thrown away just below.
    if [[ -e $directory/postgres.pid ]]; then stop_process "$(<"$directory/postgres.pid")" "$directory" QUIT; fi
    if [[ -e $directory/redis.pid ]]; then stop_process "$(<"$directory/redis.pid")" "$directory" TERM; fi
    rm -rf "$directory"
}

existing_directory() {
    directory=${TEST_SERVERS_DIR:-}
    [[ $directory == */rrnetd-test-servers.* && -d $directory ]] || die "TEST_SERVERS_DIR names no folder of this script"
}

directory=
tied=
launcher=("${as_user[@]}" setpriv)
action=${1:-}
if (($#)); then shift; fi
case $action in
run)
    options=()
    while (($#)) && [[ $1 != -- ]]; do
        options+=("$1")
        shift
    done
    [[ ${1:-} == -- && $# -gt 1 ]] || die "run [OPTIONS] -- COMMAND..."
    shift
    tied=1
    # shellcheck disable=SC2154  # set in the trap itself
    trap 'status=$?; if [[ $directory ]]; then stop; fi; exit $status' EXIT
    trap 'exit 129' HUP
    trap 'exit 130' INT
    trap 'exit 143' TERM
    start "${options[@]}"
    "$@"
    ;;
start)
    trap 'status=$?; if ((status)) && [[ $directory ]]; then stop; fi; exit $status' EXIT
    trap 'exit 143' HUP INT TERM
    start "$@"
    for variable in TEST_DATABASE_URL TEST_REDIS_URL TEST_SERVERS_DIR; do
        if [[ ${!variable:-} ]]; then printf 'export %s=%q\n' "$variable" "${!variable}"; fi
    done
    ;;
stop)
    existing_directory
    stop
    ;;
halt-postgres)
    existing_directory
    # SIGINT is the fast shutdown: sessions are cut, what was committed is kept.
    stop_process "$(<"$directory/postgres.pid")" "$directory" INT
    ;;
resume-postgres)
    existing_directory
    postgres_run "$(<"$directory/postgres.port")" || die "PostgreSQL does not start again: $(tail -n 5 "$directory/postgres.log")"
    ;;
*) die "run, start, stop, halt-postgres or resume-postgres (see the head of this file)" ;;
esac
