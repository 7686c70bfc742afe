#include "server/shared_outputs.h"

#include "base/text.h"

namespace pyserver {
namespace {

Status about_output(const Request& request, const TensorView& output, const Status& status) {
  return {status.code(),
          concat("model ", quoted(request.model), ": output ", quoted(output.name), ": ", status.message())};
}

Status check_room(const SharedPlace& place, const TensorView& output) {
  if (output.bytes.size() <= place.byte_size) return {};
  return invalid_argument(concat("parameter 'shared_memory_byte_size': expected at least ", output.bytes.size(),
                                 " bytes for ", name_of(output.datatype), " of shape ", to_string(output.shape),
                                 ", got ", place.byte_size, " in shared memory region ", quoted(place.region_name)));
}

Status write(const SharedPlace& place, const TensorView& output) {
  const Status written = place.region->write(place.offset, output.bytes);
  if (written.ok()) return written;
  return {written.code(), concat("shared memory region ", quoted(place.region_name), ": ", written.message())};
}

}  // namespace

Status write_shared_outputs(const Request& request, std::span<const TensorView> outputs) {
  for (const auto step : {check_room, write}) {
    for (std::size_t index = 0; index < request.output_places.size(); ++index) {
      const SharedPlace& place = request.output_places[index];
      if (place.region == nullptr) continue;
      if (Status status = step(place, outputs[index]); !status.ok()) {
        return about_output(request, outputs[index], status);
      }
    }
  }
  return {};
}

}  // namespace pyserver
