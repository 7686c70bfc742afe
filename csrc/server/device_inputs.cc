#include "server/device_inputs.h"

#include <algorithm>

#include "base/text.h"

namespace pyserver {
namespace {

// Whether the client's input `index` is what inputs of the model are made of.
bool is_source(const Processing& processing, std::size_t index) {
  const std::string& name = processing.client().inputs[index].name;
  return std::ranges::any_of(processing.made_inputs(), [&](const auto& made) { return made.client == index; }) ||
         std::ranges::any_of(processing.made_texts(), [&](const auto& made) { return made.name == name; });
}

}  // namespace

Status check_device_inputs(const Engine& engine, const Processing* processing, const Request& request) {
  for (std::size_t index = 0; index < request.inputs.size(); ++index) {
    const TensorView& input = request.inputs[index];
    if (input.device < 0) continue;
    const auto refuse = [&](std::string_view why) {
      return invalid_argument(concat("model ", quoted(request.model), ": input ", quoted(input.name),
                                     " lies in CUDA shared memory on device ", input.device, ", ", why,
                                     ": send its contents, or put them into system shared memory"));
    };
    if (!engine.reads_device_memory(input.device)) {
      return refuse(concat("which engine ", engine.name(), " on ", engine.device(), " does not read"));
    }
    if (processing != nullptr && is_source(*processing, index)) return refuse("but the CPU pre-processes it");
  }
  return {};
}

}  // namespace pyserver
