// What stands for the engine in a build without OpenVINO: every use says so.
#include "base/text.h"
#include "engines/openvino/openvino_engine.h"

namespace pyserver {
namespace {

constexpr std::string_view kReason =
    "this core was built without OpenVINO (PYSERVER_ENGINE_OPENVINO=OFF); install a build with it";

Status not_built(const std::string& path) {
  return unimplemented(concat(path, ": engine openvino is not there: ", kReason));
}

}  // namespace

Result<std::unique_ptr<Engine>> make_openvino_engine(const std::string& path, const ModelOverrides&,
                                                     const OpenVinoOptions&) {
  return not_built(path);
}

Result<ModelSignature> inspect_openvino_model(const std::string& path) { return not_built(path); }

Result<std::string> openvino_version() { return unimplemented(std::string(kReason)); }

}  // namespace pyserver
