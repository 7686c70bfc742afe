#!/usr/bin/env bash
# The tests with the real TensorRT-RTX: installs it below build/, then runs them; arguments go to pytest. From ./dev tensorrt.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
source tools/shell/steps.sh

folder=build/tensorrt
wanted=$(sha256sum <tools/tensorrt/requirements.txt)
if [ "$(cat "$folder/stamp" 2>/dev/null)" != "$wanted" ]; then
  rm -rf "$folder"
  mkdir -p "$folder"
  # Beside .venv, not in it: what is tested there must work without.
  step "Installing TensorRT-RTX (about 100 MB to download)" tensorrt-pip \
    python -m pip install --no-deps --target "$folder/site" -r tools/tensorrt/requirements.txt
  echo "$wanted" >"$folder/stamp"
fi
PYTHONPATH="$PWD/$folder/site${PYTHONPATH:+:$PYTHONPATH}" exec python -m pytest tests/tensorrt "$@"
