#!/bin/sh
# Prints the first Python >= 3.11 that can make virtual environments; ends with 1 where there is none.
# PYTHON names one that must be taken. The newest tested one comes first: 3.11 gets an ansible-core that is no longer
# maintained, and 3.14 has not been tested yet.
set -u

usable() {
    "$1" -Ic 'import sys, ensurepip, ssl, venv; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1
}

candidates="python3.13 python3.12 python3.11 python3.14 python3"
for name in ${PYTHON:-$candidates}; do
    path=$(command -v "$name" 2>/dev/null) && usable "$path" && echo "$path" && exit 0
done
# A folder early on PATH may hold a Python that does not start here; the system's own is worth a try.
for name in $candidates; do
    path=/usr/bin/$name
    [ -z "${PYTHON:-}" ] && [ -x "$path" ] && usable "$path" && echo "$path" && exit 0
done
echo "No Python >= 3.11 with venv and pip was found (on Debian and Ubuntu: apt-get install python3-venv)." >&2
exit 1
