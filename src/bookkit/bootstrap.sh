#!/bin/sh
# Set up .venv from the lock: sh src/bookkit/bootstrap.sh [PYTHON]
#
# PYTHON is used if it fits. If not, another one that is installed; if there is none, uv, a
# maintained installer, fetches one. uv comes from PATH or, by the pip of whatever Python there
# is, into .venvs/uv: nothing is put anywhere else. Standard shell only: Python may be missing.
set -eu
cd "$(dirname "$0")/../.."
wanted=${1:-python3}
versions="3.13 3.12 3.11" # the newest first; the lock fits all of them
code='import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))'
export PIP_DISABLE_PIP_VERSION_CHECK=1
unset VIRTUAL_ENV CONDA_PREFIX PYTHONHOME PYTHONPATH

say() { printf '%s\n' "$*"; }
fits() { "$1" -c "$code" >/dev/null 2>&1; }
described() { "$1" --version 2>&1 | grep '^Python' || true; }

installed() { # a Python that fits: by name on PATH, or one that pyenv has and hides
    for version in $versions; do
        for candidate in "python$version" \
            "${PYENV_ROOT:-$HOME/.pyenv}/versions/$version".*/bin/python3; do
            if fits "$candidate"; then command -v "$candidate" && return; fi
        done
    done
    return 1
}

get_uv() { # sets uv, or leaves it empty
    uv=$(command -v uv || true)
    [ -z "$uv" ] && [ -x .venvs/uv/bin/uv ] && uv=$PWD/.venvs/uv/bin/uv
    [ -n "$uv" ] && return
    release=$(grep -o '^uv==[^ ;]*' requirements.txt || echo uv)
    for base in "$@"; do
        if "$base" -m pip install --quiet --no-deps --upgrade --target .venvs/uv "$release" >/dev/null 2>&1 &&
            .venvs/uv/bin/uv --version >/dev/null 2>&1; then
            uv=$PWD/.venvs/uv/bin/uv
            return
        fi
    done
}

uv=
if fits "$wanted"; then
    python=$wanted
else
    if [ -n "$(described "$wanted")" ]; then
        say "'$wanted' is $(described "$wanted"); the book needs Python 3.11, 3.12 or 3.13."
    else
        say "There is no '$wanted'; the book needs Python 3.11, 3.12 or 3.13."
    fi
    if python=$(installed); then
        say "Using $python, which is $(described "$python")."
    else
        get_uv "$wanted" python3 python
        python=
        if [ -n "$uv" ]; then
            python=$("$uv" python find --quiet '>=3.11,<3.14' 2>/dev/null) || {
                say "None that fits is installed: fetching Python 3.13 by uv …"
                "$uv" python install --quiet 3.13 2>/dev/null &&
                    python=$("$uv" python find --quiet 3.13 2>/dev/null) || python=
            }
        fi
        if [ -z "$python" ] || ! fits "$python"; then
            say "None was found, and none could be fetched. Install Python 3.13, 3.12 or 3.11 (from" \
                "python.org or your system's packages) and run the same command again, or say" \
                "where one is: PYTHON=/path/to/python."
            exit 1
        fi
        say "Using $python, which is $(described "$python")."
    fi
fi

say "Setting up .venv with $(described "$python") (about 1.3 GB, a minute or two) …"
[ -n "$uv" ] || get_uv "$python" "$wanted" python3
[ -t 2 ] && quiet= || quiet=--quiet

by_uv() {
    [ -n "$uv" ] && rm -rf .venv && "$uv" venv --quiet --seed --python "$python" .venv &&
        "$uv" pip install $quiet --python .venv/bin/python --no-deps --requirement requirements.txt
}
by_pip() { # for whoever has no uv, or has told only pip where packages come from
    rm -rf .venv
    "$python" -m venv .venv || {
        say "Could not make a virtual environment. On Debian or Ubuntu: apt install python3-venv." \
            "Or install uv (https://docs.astral.sh/uv/), which needs no such package."
        exit 1
    }
    .venv/bin/python -m pip install $quiet --no-deps --requirement requirements.txt
}

trap 'rm -rf .venv' EXIT
by_uv || by_pip || {
    say "The installation did not finish. Check the network and run the same command again."
    exit 1
}
.venv/bin/python -m pip install --quiet --no-deps --no-build-isolation --editable .
touch .venv/.ready
trap - EXIT
say ".venv is ready."
