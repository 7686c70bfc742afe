#!/usr/bin/env bash
# gRPC's interop clients against our server: prepares them, then runs them; arguments go to run.py. From ./dev conformance.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
source tools/shell/steps.sh
source tools/conformance/prepare.sh
prepare_conformance
exec python tools/conformance/run.py "$@"
