#include "engines/openvino/model_reader.h"

#include <filesystem>
#include <system_error>

#include "base/text.h"
#include "engines/openvino/error_text.h"

namespace pyserver {
namespace {

constexpr std::size_t kMaxPathBytes = 1024;

}  // namespace

Result<std::shared_ptr<ov::Model>> read_openvino_model(ov::Core& core, const std::string& path) {
  std::error_code error;
  if (!std::filesystem::exists(path, error)) {
    return invalid_argument(concat("the model file ", pyserver::quoted(path, kMaxPathBytes), " does not exist"));
  }
  try {
    std::shared_ptr<ov::Model> model = core.read_model(path);
    if (model->outputs().empty()) {
      return invalid_argument(concat("the model file ", pyserver::quoted(path, kMaxPathBytes), " has no outputs"));
    }
    return model;
  } catch (const std::exception& exception) {
    return invalid_argument(
        concat("the model file ", pyserver::quoted(path, kMaxPathBytes), " cannot be read: ", condensed(exception)));
  }
}

}  // namespace pyserver
