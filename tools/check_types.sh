#!/usr/bin/env bash
# mypy over the packages, merged with the protobuf code that the build generates: in the checkout these are folders apart.
set -euo pipefail
merged=build/typed
rm -rf "$merged"
mkdir -p "$merged"
cp -r pyserver clients/loadgen/pyserver_loadgen "$merged/"
cp -r build/dev/generated/pyserver "$merged/"
cd "$merged"
mypy --config-file ../../pyproject.toml pyserver pyserver_loadgen
