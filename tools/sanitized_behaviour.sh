#!/usr/bin/env bash
# Runs the Python tests that start servers against servers whose core is built with a sanitizer.
#
#   tools/sanitized_behaviour.sh asan|tsan [pytest's arguments]
#
# build/asan/python (or tsan) becomes a Python with that core and the packages of .venv. The servers of the tests run in
# it, and the tests themselves in .venv's; those that have their servers in their own process run in it altogether.
# ./dev asan and ./dev tsan compile the core, and run this after the C++ tests.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source tools/shell/steps.sh
source tools/shell/sanitizers.sh

preset=$1
shift
built=$PWD/build/$preset
python=$PWD/.venv/bin/python
packages=$("$python" -c 'import sysconfig; print(sysconfig.get_path("platlib"))')

# The installed form of the package, in a folder that nothing else looks into.
package() {
  rm -rf "$built/site" &&
    cmake --install "$built" --prefix "$built/site" &&
    cp -r pyserver/. "$built/site/pyserver" &&
    # The core looks for the engine's libraries beside its package. A folder without __init__.py hides no package.
    mkdir "$built/site/openvino" &&
    ln -s "$packages/openvino/libs" "$built/site/openvino/libs"
}

# $1: the sanitizer's runtime. It and the C++ library (whose functions it replaces) must be there before Python is. -S and
# the safe path (from Python 3.11 on) keep the editable install and the checkout away. Without Python's own pools the
# sanitizer sees what it allocates.
launcher() {
  printf '#!/bin/sh\n'
  printf 'export LD_PRELOAD="%s %s" ' "$(gcc -print-file-name="$1")" "$(gcc -print-file-name=libstdc++.so)"
  printf 'PYTHONMALLOC=malloc PYTHONSAFEPATH=1 PYTHONPATH="%s:%s"\n' "$built/site" "$packages"
  printf 'exec %s -S "$@"\n' "$python"
}

tell_sanitizer "$preset"
# One report must not take the server from the tests after it; ServerProcess finds it in the log.
if [ "$preset" = tsan ]; then export TSAN_OPTIONS=$TSAN_OPTIONS:halt_on_error=0; fi

step "Putting the package together" "$preset-package" package
launcher "lib$preset.so" >"$built/python"
chmod +x "$built/python"
step "Importing the sanitized core" "$preset-import" "$built/python" -c "
import pyserver._core as core
assert core.__file__.startswith('$built'), core.__file__
assert 'lib$preset' in open('/proc/self/maps').read()"

failures=0
say "Behaviour and services, asked of servers in processes of their own"
TESTED_SERVER_PYTHON=$built/python "$python" -m pytest tests/python/behaviour tests/python/services "$@" || failures=1
say "Pictures and texts, likewise"
TESTED_SERVER_PYTHON=$built/python "$python" -m pytest tests/python/ops/test_{pictures,texts}_end_to_end.py \
  tests/python/ops/test_model_yaml.py "$@" || failures=1
say "Transports and the load generator's engine, inside the tests' process"
# What pytest, cryptography and cffi leave behind when they end drowns everything else; the servers above are looked at.
ASAN_OPTIONS=${ASAN_OPTIONS:-}:detect_leaks=0 TESTED_SERVER_PYTHON=$built/python \
  "$built/python" -m pytest tests/python/transport tests/python/loadgen/engine "$@" || failures=1
exit "$failures"
