#!/usr/bin/env bash
# The tests of the engine torch, in an environment with PyTorch; arguments go to pytest. From ./dev torch.
#
# build/torch/venv is an environment of its own that also sees the packages of .venv. PyTorch is not among what every
# checkout installs: with the CUDA libraries that PyPI's wheel for Linux asks for it takes gigabytes.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
source tools/shell/steps.sh

readonly VENV=$PWD/build/torch/venv

install_torch() {
  local packages
  rm -rf "$VENV" &&
    python -m venv "$VENV" &&
    "$VENV/bin/python" -m pip install --disable-pip-version-check -r tools/torch/requirements.txt \
      -c requirements/constraints.txt &&
    packages=$(python -c 'import sysconfig; print(sysconfig.get_path("platlib"))') &&
    # Not only a line with the folder: the editable install is a .pth file in there.
    echo "import site; site.addsitedir('$packages')" \
      >"$("$VENV/bin/python" -c 'import sysconfig; print(sysconfig.get_path("platlib"))')/project.pth"
}

stamp=$({ python -VV; cat tools/torch/requirements.txt requirements/constraints.txt "$0"; } | sha256sum)
if [ "$(cat "$VENV/stamp" 2>/dev/null)" != "$stamp" ]; then
  step "Installing PyTorch into build/torch/venv (once)" torch-install install_torch
  echo "$stamp" >"$VENV/stamp"
fi
exec "$VENV/bin/python" -m pytest tests/python/engines/test_torch.py "$@"
