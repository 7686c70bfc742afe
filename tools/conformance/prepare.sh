# What the interop clients need, kept in build/conformance: their source from Debian's source package, the C++ client
# compiled, the Python and the JavaScript client's packages. Does nothing, and needs no network, where all is in place.
# Expects tools/shell/steps.sh, and .venv on the path. (What a step runs is joined by &&: bash does not stop at an error
# in there.)
# shellcheck shell=bash

readonly CONFORMANCE=$PWD/build/conformance

# Which of the system packages are missing, judged by what they bring.
missing_interop_packages() {
  [ -e /usr/include/grpcpp/grpcpp.h ] || echo libgrpc++-dev
  [ -e /usr/include/google/protobuf/message.h ] || echo libprotobuf-dev
  command -v protoc >/dev/null || echo protobuf-compiler
  command -v grpc_cpp_plugin >/dev/null || echo protobuf-compiler-grpc
  command -v pkg-config >/dev/null || echo pkg-config
  command -v openssl >/dev/null || echo openssl
  command -v node >/dev/null || echo nodejs
  command -v npm >/dev/null || echo npm
}

install_interop_packages() {
  local packages sudo=
  packages=$(missing_interop_packages | xargs)
  [ -n "$packages" ] || return 0
  if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null || fail "Missing: $packages. Install them as root, then try again."
    sudo=sudo
  fi
  step "Updating the list of system packages" apt-update $sudo apt-get update
  # shellcheck disable=SC2086  # the packages are words
  step "Installing $packages" conformance-apt-install $sudo env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y --no-install-recommends $packages
}

# The distribution's own sources, as files of this machine's apt; other people's repositories are left out.
distribution_source_files() {
  # shellcheck disable=SC2016  # apt-get replaces the names
  apt-get indextargets --format '$(ORIGIN) $(SOURCESENTRY)' 'Created-By: Packages' |
    sed -n 's/^\(Debian\|Ubuntu\) \(.*\):[0-9]*$/\2/p' | sort -u
}

# Writes lists of *source* packages beside this machine's own lists, which stay as they are. Prints apt's options for it.
private_apt_options() {
  local apt=$CONFORMANCE/apt file
  mkdir -p "$apt/sources" "$apt/lists/partial" "$apt/cache/archives/partial"
  for file in $(distribution_source_files); do
    sed 's/^Types:.*/Types: deb-src/; s/^deb /deb-src /' "$file" >"$apt/sources/$(basename "$file")"
  done
  printf '%s\n' -o Dir::Etc::sourcelist=/dev/null -o "Dir::Etc::sourceparts=$apt/sources" \
    -o "Dir::State::Lists=$apt/lists" -o "Dir::Cache=$apt/cache" -o APT::Sandbox::User=root
}

download_grpc_source() {
  local version=$1 options
  mapfile -t options < <(private_apt_options)
  rm -f "$CONFORMANCE"/grpc_*
  apt-get "${options[@]}" update &&
    (cd "$CONFORMANCE" && apt-get "${options[@]}" source --download-only "grpc=$version")
}

unpack_grpc_source() {
  local version=$1 source=$CONFORMANCE/grpc
  rm -rf "$source"
  mkdir -p "$source"
  tar xf "$CONFORMANCE"/grpc_*.orig.tar.* -C "$source" --strip-components=1 --wildcards \
    '*/src/core/lib/*' '*/src/core/tsi/*' '*/src/cpp/*' '*/src/proto/grpc/testing/*' '*/test/core/*' '*/test/cpp/*' \
    '*/src/python/grpcio_tests/tests/interop/*' &&
    echo "$version" >"$source/.version"
}

# The source of the very version that the installed library was built from.
provide_grpc_source() {
  local version
  # shellcheck disable=SC2016  # dpkg-query replaces the name
  version=$(dpkg-query -W -f '${source:Version}' libgrpc++-dev)
  [ "$(cat "$CONFORMANCE/grpc/.version" 2>/dev/null)" != "$version" ] || return 0
  [ -n "$(distribution_source_files)" ] || step "Updating the list of system packages" apt-update apt-get update
  step "Fetching the source package grpc $version" conformance-source download_grpc_source "$version"
  step "Unpacking it" conformance-unpack unpack_grpc_source "$version"
}

build_cpp_client() {
  cmake -S tools/conformance -B "$CONFORMANCE/cpp" -G Ninja -DGRPC_SOURCE="$CONFORMANCE/grpc" &&
    nice cmake --build "$CONFORMANCE/cpp"
}

# The generated Python code of the interop protocol; the server of these tests uses it too.
generate_python_code() {
  rm -rf "$CONFORMANCE/generated"
  mkdir -p "$CONFORMANCE/generated"
  python -m grpc_tools.protoc -I "$CONFORMANCE/grpc" --python_out="$CONFORMANCE/generated" \
    --grpc_python_out="$CONFORMANCE/generated" src/proto/grpc/testing/{empty,messages,test}.proto
}

# Only the client's own files: the package that they come from imports gRPC's whole test suite.
build_python_client() {
  local python=$CONFORMANCE/python interop=$CONFORMANCE/grpc/src/python/grpcio_tests/tests/interop
  rm -rf "$python"
  mkdir -p "$python/tests/interop"
  cp "$interop"/{client,methods,resources}.py "$python/tests/interop/" &&
    python -m pip install --no-deps --target "$python" -r tools/conformance/requirements.txt
}

build_js_client() {
  mkdir -p "$CONFORMANCE/js"
  cp tests/interop/js/package.json tests/interop/js/package-lock.json "$CONFORMANCE/js/" &&
    npm ci --prefix "$CONFORMANCE/js" --ignore-scripts --no-audit --no-fund
}

# A certificate authority for these tests, and the server's certificate from it.
make_certificates() {
  local tls=$CONFORMANCE/tls
  mkdir -p "$tls"
  printf 'subjectAltName=DNS:interop.test\nbasicConstraints=CA:FALSE\n' >"$tls/extensions"
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj "/CN=pyserver interop test CA" \
    -keyout "$tls/ca.key" -out "$tls/ca.pem" &&
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=interop.test" \
      -keyout "$tls/server.key" -out "$tls/server.csr" &&
    openssl x509 -req -in "$tls/server.csr" -CA "$tls/ca.pem" -CAkey "$tls/ca.key" -CAcreateserial -days 30 \
      -extfile "$tls/extensions" -out "$tls/server.pem"
}

# once NAME INPUT… -- TEXT COMMAND: a step that is left out while what it was made from is what it was.
once() {
  local name=$1 stamp inputs=()
  shift
  while [ "$1" != -- ]; do
    inputs+=("$1")
    shift
  done
  shift
  stamp=$(cat "${inputs[@]}" | sha256sum)
  [ "$(cat "$CONFORMANCE/$name.stamp" 2>/dev/null)" != "$stamp" ] || return 0
  step "$1" "conformance-$name" "$2"
  echo "$stamp" >"$CONFORMANCE/$name.stamp"
}

prepare_conformance() {
  local here=tools/conformance js=tests/interop/js
  mkdir -p "$CONFORMANCE"
  install_interop_packages
  provide_grpc_source
  once cpp "$CONFORMANCE/grpc/.version" $here/CMakeLists.txt -- \
    "Compiling the C++ client (the first time takes a minute)" build_cpp_client
  once generated "$CONFORMANCE/grpc/.version" requirements/dev.txt -- \
    "Generating the interop protocol's Python code" generate_python_code
  once python "$CONFORMANCE/grpc/.version" $here/requirements.txt -- \
    "Preparing the Python client" build_python_client
  once js $js/package.json $js/package-lock.json -- "Installing grpc-js" build_js_client
  step "Making certificates" conformance-tls make_certificates
}
