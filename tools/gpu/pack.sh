#!/usr/bin/env bash
# Packs what a machine with a GPU and no network lacks into build/carry: headers and shared libraries of the system
# packages that the core is made of, and wheels. For `./dev gpu`, which finds them there.
# Usage: tools/gpu/pack.sh [PYTHON_VERSION], that of the machine with the GPU; default 3.12
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
source tools/shell/steps.sh

python_version=${1:-3.12}
carry=build/carry
limit_mib=64 # that the machine's loan lets travel

# What the compiler is given with -l, and static libraries for programs that are only built there.
shared_libraries="nghttp2 ssl crypto z hwy jpeg png16 webp"
static_libraries="gtest gtest_main"
modules="libnghttp2 libssl libcrypto openssl zlib libhwy libjpeg libpng libpng16 libwebp"
header_files="zlib.h zconf.h jpeglib.h jconfig.h jerror.h jmorecfg.h png.h pngconf.h pnglibconf.h"
header_folders="nghttp2 openssl hwy webp libpng16 gtest"
# Not those that PyTorch brings for itself: numpy, setuptools, typing-extensions and their like are there.
wheels="annotated-doc annotated-types click grpcio grpcio-health-checking grpcio-reflection grpcio-tools markdown-it-py
  mdurl nvidia-cuda-runtime nvidia-ml-py packaging pathspec protobuf pybind11 pydantic pydantic-core
  pydantic-settings pygments python-dotenv pyyaml rich
  scikit-build-core shellingham typer typing-extensions typing-inspection"

multiarch=$(gcc -print-multiarch)

pack_headers() {
  local name folder
  mkdir -p "$carry/include"
  for folder in "/usr/include" "/usr/include/$multiarch"; do
    # Those of one architecture lie beside the others: a compiler there need not look in a folder of their own.
    for name in $header_files $header_folders; do
      if [ -e "$folder/$name" ]; then cp -rL "$folder/$name" "$carry/include/"; fi
    done
  done
}

# Under the name that programs ask for at run time, and a link under the one that linkers look for.
pack_shared_library() {
  local file soname
  file=$(gcc "-print-file-name=lib$1.so")
  [ -e "$file" ] || fail "lib$1.so: not installed here; './dev setup' installs it"
  soname=$(objdump -p "$file" | awk '$1 == "SONAME" { print $2 }')
  cp -L "$file" "$carry/lib/$soname"
  strip --strip-unneeded "$carry/lib/$soname"
  ln -sf "$soname" "$carry/lib/lib$1.so"
}

pack_libraries() {
  local name
  mkdir -p "$carry/lib"
  for name in $shared_libraries; do pack_shared_library "$name"; done
  ln -sf libpng16.so "$carry/lib/libpng.so"
  for name in $static_libraries; do cp -L "$(gcc "-print-file-name=lib$name.a")" "$carry/lib/"; done
}

# pkg-config itself, and what it reads, with paths that hold wherever the folder comes to lie.
pack_pkg_config() {
  local name file
  mkdir -p "$carry/bin" "$carry/lib/pkgconfig"
  cp -L "$(command -v pkg-config)" "$carry/bin/pkg-config"
  for file in $(ldd "$carry/bin/pkg-config" | awk '/libpkgconf/ { print $3 }'); do
    cp -L "$file" "$carry/lib/$(basename "$file")"
  done
  for name in $modules; do
    file=$(find "/usr/lib/$multiarch/pkgconfig" /usr/share/pkgconfig -name "$name.pc" | head -n 1)
    [ -n "$file" ] || continue
    # shellcheck disable=SC2016  # ${pcfiledir} and ${prefix} are pkg-config's
    sed -e 's|^prefix=.*|prefix=${pcfiledir}/../..|' -e 's|^exec_prefix=.*|exec_prefix=${prefix}|' \
      -e 's|^libdir=.*|libdir=${prefix}/lib|' -e 's|^sharedlibdir=.*|sharedlibdir=${prefix}/lib|' \
      -e 's|^includedir=.*|includedir=${prefix}/include|' "$file" >"$carry/lib/pkgconfig/$name.pc"
  done
}

# The versions that the project pins, for the other machine's Python.
pack_wheels() {
  local requirements=build/carry-requirements.txt name
  for name in $wheels; do
    { grep -hiE "^$name(\[[a-z]*\])?==" requirements/dev.txt requirements/constraints.txt || echo "$name"; }
  done >"$requirements"
  # A marker of Python's version is judged for the Python that runs pip, not for the one that is named.
  sed -i -e '/python_version < "3.11"/d' -e 's/;.*//' "$requirements"
  python -m pip download --quiet --no-deps --only-binary=:all: --implementation cp --python-version "$python_version" \
    --platform manylinux_2_28_x86_64 --platform manylinux_2_17_x86_64 --platform manylinux2014_x86_64 \
    --dest "$carry/wheels" -r "$requirements" 2>build/gpu-pack.log
}

say "Packing for Python $python_version on $multiarch"
rm -rf "$carry"
mkdir -p "$carry"
pack_headers
pack_libraries
pack_pkg_config
pack_wheels
size=$(du -sm "$carry" | cut -f 1)
[ "$size" -lt "$limit_mib" ] || fail "$carry has $size MiB; less than $limit_mib MiB can travel"
say "$carry: $size MiB. Take the checkout and $carry along, and run './dev gpu' there."
