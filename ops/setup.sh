#!/bin/sh
# Install what onsale needs and this machine lacks; at once if nothing is missing. Called by `make setup`.
#
#   ops/setup.sh            programs (apt), Python packages (.venv), Kafka (.tools/kafka)
#   ops/setup.sh bench      the same, and the load generator wrk
#   ops/setup.sh packages   the programs alone: the one part that needs root
#
# Every part may be cut short at any moment: it counts as done only once its stamp says so. Two runs at once wait
# for each other.
set -eu
cd "$(dirname "$0")/.."

PYTHON=${PYTHON:-python3}
WHAT=${1:-all}
POLICY=/usr/sbin/policy-rc.d
POLICY_MARK="onsale set-up: no service is started while packages are installed"

say() { printf '%s\n' "$*" >&2; }
fail() { say "make setup: $*"; exit 1; }
# Run a talkative program; show what it said only if it fails.
quietly() {
    log=$(mktemp)
    if "$@" >"$log" 2>&1; then rm -f "$log"; else tail -n 30 "$log" >&2; rm -f "$log"; return 1; fi
}
have() { PATH="$PATH:/usr/sbin:/usr/local/sbin" command -v "$1" >/dev/null 2>&1; }

# -- What is missing

# Stamps hold what the part was made from, so that a changed file makes it again. A virtual environment has its
# own path written into its programs, so a moved one is made again too.
venv_stamp() { pwd && cat requirements-dev.txt pyproject.toml; }
venv_done() { venv_stamp | cmp -s - .venv/.onsale-stamp; }
kafka_done() { cmp -s infra/kafka/pom.xml .tools/kafka/.onsale-stamp; }

missing_packages() {
    have redis-server || have valkey-server || echo redis-server
    have mariadbd || have mysqld || echo mariadb-server
    have java || echo default-jre-headless
    kafka_done || have mvn || echo maven
    [ "$WHAT" != bench ] || have wrk || echo wrk
    venv_done || "$PYTHON" -c 'import ensurepip, venv' 2>/dev/null || echo python3-venv
}

check_python() {
    have "$PYTHON" || fail "there is no $PYTHON. Give the one to use: make setup PYTHON=python3.11"
    "$PYTHON" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
        fail "$PYTHON is $("$PYTHON" -V 2>&1); onsale needs 3.11 or newer: make setup PYTHON=python3.11"
}

# -- Programs, through apt

install_packages() {
    packages=$(missing_packages | tr '\n' ' ')
    [ -n "$packages" ] || return 0
    say "programs:  $packages(apt; none is started as a service)"
    have apt-get || fail "this is not a Debian machine; install them your way, then run make setup again"
    [ "$(id -u)" = 0 ] || fail "not root, so run this first, then make setup again:  sudo sh ops/setup.sh packages"
    # shellcheck disable=SC2086 # a list of words
    (
        exec 8>/run/lock/onsale-setup.lock
        flock 8
        refuse_services
        trap allow_services EXIT
        trap 'exit 130' INT TERM HUP
        export DEBIAN_FRONTEND=noninteractive
        apt="apt-get -y -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0"
        quietly $apt update || say "apt-get update failed; going on with the lists at hand"
        quietly $apt install --no-install-recommends $packages
    ) || fail "apt could not install: $packages"
    packages=$(missing_packages | tr '\n' ' ')
    [ -z "$packages" ] || fail "still missing after the installation: $packages"
}

# Debian starts a service as soon as it is installed unless this file says no (invoke-rc.d(8): 101 = forbidden).
refuse_services() {
    [ ! -e "$POLICY" ] || return 0
    printf '#!/bin/sh\n# %s\nexit 101\n' "$POLICY_MARK" >"$POLICY.onsale"
    chmod 755 "$POLICY.onsale"
    mv "$POLICY.onsale" "$POLICY"
}

allow_services() {
    if grep -qs "$POLICY_MARK" "$POLICY"; then rm -f "$POLICY"; fi
}

# -- Python packages

make_venv() {
    venv_done && return 0
    say "Python:    $(grep -c == requirements-dev.txt) packages into .venv ($("$PYTHON" -V), hashes checked)"
    if ! .venv/bin/python -m pip --version >/dev/null 2>&1 ||
        ! .venv/bin/python -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
        "$PYTHON" -m venv --clear .venv || return 1
    fi
    rm -f .venv/.onsale-stamp
    pip="env PIP_DISABLE_PIP_VERSION_CHECK=1 .venv/bin/python -m pip --quiet install"
    $pip --require-hashes -r requirements-dev.txt || return 1
    $pip --no-build-isolation --no-deps --editable . || return 1
    venv_stamp >.venv/.onsale-stamp
}

# -- Kafka

fetch_kafka() {
    kafka_done && return 0
    version=$(sed -n '/kafka_2.13/,/version/s/.*<version>\(.*\)<.*/\1/p' infra/kafka/pom.xml)
    say "Kafka:     $version and what it needs, through Maven into .tools/kafka (43 MB)"
    rm -rf .tools/kafka.new
    quietly mvn --batch-mode --no-transfer-progress -Dstyle.color=never --file infra/kafka/pom.xml \
        dependency:copy-dependencies -DoutputDirectory="$PWD/.tools/kafka.new" || return 1
    java -version 2>&1 | sed -n '1s/[^"]*"\([0-9]*\).*/\1/p' | { read -r java && [ "$java" -ge 17 ]; } || {
        say "Kafka needs Java 17 or newer; this is: $(java -version 2>&1 | head -n 1)"
        return 1
    }
    cp infra/kafka/pom.xml .tools/kafka.new/.onsale-stamp
    rm -rf .tools/kafka
    mv .tools/kafka.new .tools/kafka
}

# -- All of it

everything_done() { venv_done && kafka_done && [ -z "$(missing_packages)" ]; }

if [ "$(id -u)" = 0 ] && grep -qs "$POLICY_MARK" "$POLICY"; then # an earlier run was killed, or is at work now
    (exec 8>/run/lock/onsale-setup.lock && flock 8 && allow_services)
fi
if [ "$WHAT" = packages ]; then
    install_packages
    exit
fi
everything_done && exit
mkdir -p .tools
exec 9>.tools/lock
flock 9
everything_done && exit
say "onsale installs what it needs, once:"
check_python
install_packages
fetch_kafka &
kafka_pid=$!
trap 'kill "$kafka_pid" 2>/dev/null || true' INT TERM HUP
make_venv || { kill "$kafka_pid" 2>/dev/null || true; fail "the Python packages could not be installed (see above)"; }
wait "$kafka_pid" || fail "Kafka could not be fetched (see above)"
say "done"
