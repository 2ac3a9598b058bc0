#!/bin/sh
# Install what onsale needs and this machine lacks; at once if nothing is missing. Called by `make setup`.
#
#   ops/setup.sh            programs (apt), Python packages (.venv), Kafka (.tools/kafka)
#   ops/setup.sh bench      the same, and the load generator wrk
#   ops/setup.sh test       the same, Prometheus, and the AWS emulators (.tools/ministack, .tools/localstack)
#   ops/setup.sh packages   the programs alone: the one part that needs root; with a second word those it needs besides
#   ops/setup.sh observe    the programs alone, and Prometheus, for `onsale up --observe`
#
# Every part may be cut short at any moment: it counts as done only once its stamp says so. Two runs at once wait
# for each other.
set -eu
cd "$(dirname "$0")/.."

PYTHON=${PYTHON:-python3}
WHAT=${1:-all}
PYTHON313=${ONSALE_PYTHON313:-} # LocalStack's own; looked for if it is not given
POLICY=/usr/sbin/policy-rc.d
IS_PYTHON313='import ensurepip, sys, venv; sys.exit(sys.version_info[:2] != (3, 13))'
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
# Java takes an archive of classes only for the very jars, at their place, that it was made from.
classes_stamp() { pwd && readlink -f "$(command -v java)" && cat infra/kafka/pom.xml; }
classes_done() { classes_stamp 2>/dev/null | cmp -s - .tools/kafka/.classes-stamp; }
# MiniStack runs the packaged functions with its own Python, so it has the same as .venv.
emulator_stamp() {
    pwd && cat "infra/emulators/$1.txt" && { [ "$1" != ministack ] || grep -E '^(home|version) ' .venv/pyvenv.cfg; }
}
emulator_done() {
    [ -x ".tools/$1/bin/python" ] && emulator_stamp "$1" 2>/dev/null | cmp -s - ".tools/$1/.onsale-stamp"
}
emulators_done() { [ "$WHAT" != test ] || { emulator_done ministack && localstack_done; }; }
# LocalStack is not built where one is given, nor where there is no Python that it runs on; then the tests say so.
LEFT_OUT=.tools/localstack.left-out
localstack_done() {
    emulator_done localstack || [ -n "${LOCALSTACK_ENDPOINT:-}" ] || { [ -e $LEFT_OUT ] && ! find_python313; }
}
find_python313() {
    for candidate in "$PYTHON313" python3.13 "$PYTHON" python3 \
        "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.13*/bin/python3.13 \
        "$HOME"/.local/share/uv/python/cpython-3.13*/bin/python3.13; do
        # Asked, not only looked for: a version manager's stand-in is there for versions that cannot be run, too.
        if [ -n "$candidate" ] && "$candidate" -c "$IS_PYTHON313" >/dev/null 2>&1; then
            PYTHON313=$candidate
            return 0
        fi
    done
    return 1
}

missing_packages() {
    have redis-server || have valkey-server || echo redis-server
    have mariadbd || have mysqld || echo mariadb-server
    have java || echo default-jre-headless
    kafka_done || have mvn || echo maven
    [ "$WHAT" != bench ] || have wrk || echo wrk
    case $WHAT in test | observe) { have prometheus && have promtool; } || echo prometheus ;; esac
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
    [ "$(id -u)" = 0 ] || fail "not root, so run this first, then again what you ran:  sudo sh ops/setup.sh packages $WHAT"
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
        quietly $apt install --no-install-recommends $packages || exit 1
        # As a service it would listen on every interface from the next start of the machine on.
        case " $packages" in *" prometheus "*) ! have systemctl || quietly systemctl disable prometheus || true ;; esac
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
    if ! .venv/bin/python -m pip --version >/dev/null 2>&1 ||
        ! .venv/bin/python -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
        "$PYTHON" -m venv --clear .venv || return 1
    fi
    rm -f .venv/.onsale-stamp
}

fill_venv() {
    venv_done && return 0
    say "Python:    $(grep -c == requirements-dev.txt) packages into .venv ($(.venv/bin/python -V), hashes checked)"
    pip_install .venv --require-hashes -r requirements-dev.txt || return 1
    pip_install .venv --no-build-isolation --no-deps --editable . || return 1
    venv_stamp >.venv/.onsale-stamp
}

pip_install() {
    venv=$1 && shift
    PIP_DISABLE_PIP_VERSION_CHECK=1 "$venv/bin/python" -m pip --quiet install "$@"
}

# -- AWS emulators: environments of their own, as what they need does not go together with what onsale needs

make_emulator() {
    emulator_done "$1" && return 0
    say "$2 $(grep -c == "infra/emulators/$1.txt") packages into .tools/$1 ($("$3" -V), hashes checked)"
    rm -f ".tools/$1/.onsale-stamp"
    "$3" -m venv --clear ".tools/$1" || return 1
    # Not compiled: of these packages little is ever imported, and Python compiles that by itself.
    pip_install ".tools/$1" --no-compile --require-hashes -r "infra/emulators/$1.txt" || return 1
    emulator_stamp "$1" >".tools/$1/.onsale-stamp"
}

make_ministack() { make_emulator ministack MiniStack: .venv/bin/python; }

make_localstack() {
    [ -z "${LOCALSTACK_ENDPOINT:-}" ] || return 0
    rm -f $LEFT_OUT
    if find_python313; then make_emulator localstack LocalStack: "$PYTHON313"; return; fi
    say "LocalStack: left out, as it needs Python 3.13: with one, ONSALE_PYTHON313=/its/path make test"
    rm -rf .tools/localstack
    echo "there is no Python 3.13 for it (ONSALE_PYTHON313 names one)" >$LEFT_OUT
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

# Its classes as Java likes them best: a broker starts in half of the time. Whether or not that succeeds.
archive_classes() {
    classes_done && return 0
    .venv/bin/python -m ops.local.kafka_archive || say "Kafka starts slowly on this machine, and is the same otherwise"
    classes_stamp >.tools/kafka/.classes-stamp
}

# -- All of it

everything_done() { venv_done && kafka_done && classes_done && emulators_done && [ -z "$(missing_packages)" ]; }

if [ "$(id -u)" = 0 ] && grep -qs "$POLICY_MARK" "$POLICY"; then # an earlier run was killed, or is at work now
    (exec 8>/run/lock/onsale-setup.lock && flock 8 && allow_services)
fi
case $WHAT in packages | observe)
    [ "$WHAT" = observe ] || WHAT=${2:-all}
    install_packages
    exit
    ;;
esac
everything_done && exit
mkdir -p .tools
exec 9>.tools/lock
flock 9
everything_done && exit
say "onsale installs what it needs, once:"
check_python
install_packages
make_venv || fail "no virtual environment could be made in .venv (see above)"
jobs=""
trap 'kill $jobs 2>/dev/null || true' INT TERM HUP
beside() { # a function, and what to say if it fails
    { "$1" || fail "$2 (see above)"; } &
    jobs="$jobs $!"
}
give_up() { kill $jobs 2>/dev/null || true; exit 1; }
beside fetch_kafka "Kafka could not be fetched"
if [ "$WHAT" = test ]; then
    beside make_ministack "MiniStack could not be installed"
    beside make_localstack "LocalStack could not be installed"
fi
fill_venv || { say "make setup: the Python packages could not be installed (see above)"; give_up; }
for job in $jobs; do wait "$job" || give_up; done
archive_classes
say "done"
