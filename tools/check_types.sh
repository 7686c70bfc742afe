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
# The scripts for machines with a GPU run rarely: their types are checked here. Two runs: both folders of support have a
# module server_process.
tests=../../tests bench=../../bench
MYPYPATH=$tests/support:$tests/gpu mypy --config-file ../../pyproject.toml $tests/gpu/*.py $tests/gpu/double/*.py
MYPYPATH=$bench/support:$bench/gpu:$tests/gpu mypy --config-file ../../pyproject.toml $bench/gpu/*.py
