#include "codec/response_encoding.h"

#include "base/text.h"
#include "codec/wire_reader.h"

namespace pyserver {

Status check_outputs(std::string_view model, std::span<const TensorView> outputs) {
  for (const TensorView& output : outputs) {
    const Status status = check_contents(output);
    if (status.ok()) continue;
    return internal_error(
        concat("model ", quoted(model), ": output ", quoted(output.name), ": the engine's tensor: ", status.message()));
  }
  return {};
}

std::string sendable_message(const Status& status) {
  const std::string& message = status.message();
  if (message.empty()) return std::string(name_of(status.code()));
  return is_utf8(message) ? message : quoted(message, message.size());
}

std::size_t bytes_elements_size(std::uint32_t number, const TensorView& tensor) noexcept {
  std::size_t size = 0;
  std::span<const std::byte> rest = tensor.bytes;
  while (!rest.empty()) size += bytes_size(number, take_bytes_element(rest).size());
  return size;
}

void write_bytes_elements(WireWriter& writer, std::uint32_t number, const TensorView& tensor) noexcept {
  std::span<const std::byte> rest = tensor.bytes;
  while (!rest.empty()) writer.bytes(number, take_bytes_element(rest));
}

Message finished(WireWriter& writer, Buffer buffer, const Loan& loan) {
  buffer.truncate(writer.written());
  std::vector<Message::Lent> lent = writer.take_lent();
  if (lent.empty()) return buffer;
  return {std::move(buffer), std::move(lent), loan.owner};
}

}  // namespace pyserver
