#!/bin/sh
# Prints the first Python >= 3.11 that can create virtual environments; exit code 1 if there is none.
# PYTHON, if set, is the only candidate. The newest tested version comes first: with 3.11 ansible-core is 2.19, which
# is no longer maintained, and 3.14 has not been tested yet.
set -u

usable() {
    "$1" -Ic 'import sys, ensurepip, ssl, venv; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1
}

candidates="python3.13 python3.12 python3.11 python3.14 python3"
for name in ${PYTHON:-$candidates}; do
    path=$(command -v "$name" 2>/dev/null) && usable "$path" && echo "$path" && exit 0
done
# The first Python on PATH may not start under this account, so try the system's too.
for name in $candidates; do
    path=/usr/bin/$name
    [ -z "${PYTHON:-}" ] && [ -x "$path" ] && usable "$path" && echo "$path" && exit 0
done
echo "No Python >= 3.11 with venv and pip was found (on Debian and Ubuntu: apt-get install python3-venv)." >&2
exit 1
