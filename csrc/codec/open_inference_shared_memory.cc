#include "codec/open_inference_shared_memory.h"

#include <cstdint>
#include <string_view>

#include "base/text.h"

namespace pyserver {
namespace {

constexpr std::string_view kRegion = "shared_memory_region";
constexpr std::string_view kByteSize = "shared_memory_byte_size";
constexpr std::string_view kOffset = "shared_memory_offset";

// An entry of a map
constexpr std::uint32_t kKey = 1, kValue = 2;
// InferParameter
constexpr std::uint32_t kInt64Param = 2, kStringParam = 3;

Status check_byte_size(const SharedPlace& place, const TensorView& tensor) {
  std::size_t expected = 0;
  // The shape is checked: it has a number of elements.
  const auto elements = static_cast<std::size_t>(*tensor.shape.element_count());
  if (!__builtin_mul_overflow(elements, size_of(tensor.datatype), &expected) && expected == place.byte_size) return {};
  return invalid_argument(concat("parameter ", quoted(kByteSize), ": expected ", expected, " bytes for ",
                                 name_of(tensor.datatype), " of shape ", to_string(tensor.shape), ", got ",
                                 place.byte_size));
}

Status about_region(const SharedPlace& place, const Status& status) {
  return {status.code(), concat("shared memory region ", quoted(place.region_name), ": ", status.message())};
}

std::size_t text_entry_size(std::string_view key, std::string_view value) noexcept {
  return bytes_size(kKey, key.size()) + bytes_size(kValue, bytes_size(kStringParam, value.size()));
}

std::size_t number_value_size(std::uint64_t value) noexcept { return tag_size(kInt64Param) + varint_size(value); }

std::size_t number_entry_size(std::string_view key, std::uint64_t value) noexcept {
  return bytes_size(kKey, key.size()) + bytes_size(kValue, number_value_size(value));
}

void write_text_entry(WireWriter& writer, std::uint32_t number, std::string_view key, std::string_view value) noexcept {
  writer.begin_message(number, text_entry_size(key, value));
  writer.text(kKey, key);
  writer.begin_message(kValue, bytes_size(kStringParam, value.size()));
  writer.bytes(kStringParam, std::as_bytes(std::span(value)));
}

void write_number_entry(WireWriter& writer, std::uint32_t number, std::string_view key, std::uint64_t value) noexcept {
  writer.begin_message(number, number_entry_size(key, value));
  writer.text(kKey, key);
  writer.begin_message(kValue, number_value_size(value));
  // Also where it is 0: a member of a oneof is there or not.
  writer.varint(varint_tag(kInt64Param));
  writer.varint(value);
}

}  // namespace

void SharedMemoryParameters::add(const Parameter& parameter) noexcept {
  if (parameter.key == kRegion) region_ = parameter.value;
  if (parameter.key == kByteSize) byte_size_ = parameter.value;
  if (parameter.key == kOffset) offset_ = parameter.value;
}

Result<SharedPlace> SharedMemoryParameters::find(const RegionTable* regions) const {
  if (regions == nullptr) {
    return failed_precondition(concat("parameter ", quoted(kRegion), ": shared memory of clients is switched off; ",
                                      "start the server with --allow-client-shm, or send the contents"));
  }
  if (region_->kind != ParameterValue::Kind::kString) {
    return invalid_argument(concat("parameter ", quoted(kRegion), ": expected the name of a region as a string"));
  }
  if (!byte_size_) return invalid_argument(concat("expected parameter ", quoted(kByteSize), ", got none"));
  std::uint64_t byte_size = 0;
  std::uint64_t offset = 0;
  PYSERVER_RETURN_IF_ERROR(read_whole_number(kByteSize, *byte_size_, INT64_MAX, byte_size));
  if (offset_) PYSERVER_RETURN_IF_ERROR(read_whole_number(kOffset, *offset_, INT64_MAX, offset));
  return regions->find(region_->text, offset, byte_size);
}

Status read_shared_input(const SharedPlace& place, BufferPool& pool, Request& request, TensorView& tensor) {
  // BYTES have no fixed size: what they hold tells.
  const bool walks = tensor.datatype == Datatype::kBytes;
  if (!walks) PYSERVER_RETURN_IF_ERROR(check_byte_size(place, tensor));
  if (const auto begin = place.region->device_address()) {
    if (walks) return invalid_argument("expected BYTES in system shared memory, got CUDA shared memory");
    tensor.device = begin->device;
    tensor.device_address = begin->address + place.offset;
    tensor.bytes = {static_cast<const std::byte*>(nullptr), place.byte_size};
    request.regions.push_back(place.region);
    return {};
  }
  Result<Buffer> buffer = pool.take(place.byte_size);
  if (!buffer.ok()) return std::move(buffer).status();
  if (Status read = place.region->read(place.offset, buffer->bytes()); !read.ok()) return about_region(place, read);
  tensor.bytes = buffer->bytes();
  request.owned.push_back(*std::move(buffer));
  return walks ? check_contents(tensor) : Status();
}

std::size_t place_parameters_size(std::uint32_t number, const SharedPlace& place, std::size_t byte_size) noexcept {
  std::size_t size = bytes_size(number, text_entry_size(kRegion, place.region_name)) +
                     bytes_size(number, number_entry_size(kByteSize, byte_size));
  if (place.offset != 0) size += bytes_size(number, number_entry_size(kOffset, place.offset));
  return size;
}

void write_place_parameters(WireWriter& writer, std::uint32_t number, const SharedPlace& place,
                            std::size_t byte_size) noexcept {
  write_text_entry(writer, number, kRegion, place.region_name);
  write_number_entry(writer, number, kByteSize, byte_size);
  if (place.offset != 0) write_number_entry(writer, number, kOffset, place.offset);
}

}  // namespace pyserver
