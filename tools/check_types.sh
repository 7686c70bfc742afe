#!/usr/bin/env bash
# mypy over the package, merged with the protobuf code that the build generates: in the checkout these are two folders.
set -euo pipefail
merged=build/typed
rm -rf "$merged"
mkdir -p "$merged"
cp -r pyserver "$merged/"
cp -r build/dev/generated/pyserver "$merged/"
cd "$merged"
mypy --config-file ../../pyproject.toml pyserver
