#!/usr/bin/env bash
# On a machine with a GPU, without network: builds the core from source, runs tests/gpu and bench/gpu.
#
#   tools/gpu.sh [--double] [--out FOLDER] [build] [test] [bench]      without a word: all three
#
# Assumed there: nvcc's toolkit, a C++20 compiler, CMake, ninja, and a python3 with PyTorch, pytest and pip. What is
# missing beside that comes in build/carry, packed by `./dev gpu pack` on a machine with network. OpenVINO is left out.
# --double: the double of the driver stands for the GPU: everything that does not need PyTorch on a GPU is run.
# Results go to bench/results/gpu.json, and as well to FOLDER (default: $OUT, where that is set).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source tools/shell/steps.sh

root=$PWD
carry=$root/build/carry
build=$root/build/gpu
site=$build/site
python=${PYTHON:-python3}
double=
out=${OUT:-}
steps=

while [ $# -gt 0 ]; do
  case $1 in
    --double) double=yes ;;
    --out)
      out=$2
      shift
      ;;
    build | test | bench) steps="$steps $1" ;;
    *) fail "Expected --double, --out FOLDER, build, test or bench, got '$1'" ;;
  esac
  shift
done
steps=${steps:-build test bench}
mkdir -p "$build"

# What was carried goes first: its headers and libraries fit each other.
use_what_was_carried() {
  [ -d "$carry" ] || return 0
  export CMAKE_PREFIX_PATH=$carry PKG_CONFIG_PATH=$carry/lib/pkgconfig
  # The libraries are found by the built files themselves (and by theirs: hence the old tag), not by other programs.
  export LDFLAGS="-Wl,-rpath,$carry/lib -Wl,--disable-new-dtags"
  if ! command -v pkg-config >/dev/null; then
    printf '#!/bin/sh\nLD_LIBRARY_PATH=%s/lib exec %s/bin/pkg-config "$@"\n' "$carry" "$carry" >"$build/pkg-config"
    chmod +x "$build/pkg-config"
    export PKG_CONFIG=$build/pkg-config
  fi
}

install_wheels() {
  "$python" -m pip install --quiet --no-index --no-deps --no-compile --upgrade --target "$site" "$carry"/wheels/*.whl
}

install_package() {
  "$python" -m pip install --no-index --no-deps --no-build-isolation --upgrade --target "$site" . \
    --config-settings=build-dir="$build/core" \
    --config-settings=cmake.define.PYSERVER_ENGINE_OPENVINO=OFF \
    --config-settings=cmake.define.PYSERVER_BUILD_TESTS=OFF
}

build_cpp_tests() {
  # The double of the driver and the tests of what speaks to it; other tests need no GPU and run in ./dev test.
  cmake -DPYSERVER_BUILD_TESTS=ON "$build/core" && cmake --build "$build/core" --target gpu_tests
}

build_all() {
  use_what_was_carried
  if [ -d "$carry/wheels" ]; then step "Installing the carried wheels" gpu-wheels install_wheels; fi
  export PYTHONPATH=$site
  step "Building and installing pyserver, without OpenVINO" gpu-install install_package
  step "Building the C++ tests of CUDA" gpu-cpp-tests build_cpp_tests
}

# What was built stands for libcuda.so.1 and libnvrtc.so, and what is in tests/gpu/double for PyTorch's side of it.
use_double() {
  local tests=$build/core/tests/cpp
  [ -e "$tests/fake_cuda/libcuda.so.1" ] || fail "$tests has no double of the driver: build it first"
  export LD_LIBRARY_PATH=$tests/fake_cuda:$tests/fake_nvrtc:${LD_LIBRARY_PATH:-}
  export PYTHONPATH=$root/tests/gpu/double:$PYTHONPATH
}

run_tests() {
  local failures=0 flags=()
  if [ -n "$double" ]; then flags+=(--double); fi
  attempt "What this machine has" gpu-doctor "$python" -m pyserver doctor || true
  cat build/gpu-doctor.log
  say "Tests"
  "$python" -m pytest -p no:cacheprovider tests/gpu -v -rs "${flags[@]}" 2>&1 | tee build/gpu-tests.log || failures=1
  return "$failures"
}

run_benchmarks() {
  local flags=()
  if [ -n "$double" ]; then flags+=(--double); fi
  "$python" bench/gpu/run.py "${flags[@]}" 2>&1 | tee build/gpu-bench.log
}

keep_results() {
  [ -n "$out" ] || return 0
  mkdir -p "$out"
  cp build/gpu-*.log "$out/" 2>/dev/null || true
  if [ -z "$double" ] && [ -e bench/results/gpu.json ]; then cp bench/results/gpu.json "$out/"; fi
}
trap keep_results EXIT

# Not the checkout in the current folder: what was built.
export PYTHONSAFEPATH=1 PYTHONPATH=$site PYTHONUNBUFFERED=1 TESTED_SERVER_PYTHON=$python

failures=0
for one in $steps; do
  case $one in
    build) build_all ;;
    test) (if [ -n "$double" ]; then use_double; fi && run_tests) || failures=1 ;;
    bench) (if [ -n "$double" ]; then use_double; fi && run_benchmarks) || failures=1 ;;
  esac
done
if [ "$failures" = 0 ]; then say "Done."; else fail "Something failed: see above, and build/gpu-*.log."; fi
