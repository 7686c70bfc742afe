#include "codec/open_inference_contents.h"

#include <algorithm>
#include <limits>
#include <type_traits>

#include "base/text.h"
#include "codec/request_decoding.h"
#include "codec/response_encoding.h"

namespace pyserver {
namespace {

// InferTensorContents
constexpr std::uint32_t kBool = 1, kInt = 2, kInt64 = 3, kUint = 4, kUint64 = 5, kFp32 = 6, kFp64 = 7, kBytes = 8;
constexpr std::array<std::string_view, 9> kFieldNames = {"no typed field", "bool_contents", "int_contents",
                                                         "int64_contents", "uint_contents", "uint64_contents",
                                                         "fp32_contents",  "fp64_contents", "bytes_contents"};

// By a datatype's number.
constexpr std::array<std::uint32_t, 15> kFieldOfDatatype = {0,    kBool,  kUint, kUint, kUint, kUint64, kInt, kInt,
                                                            kInt, kInt64, 0,     kFp32, kFp64, kBytes,  0};

// Writes the varints of field `number` as Elements. `Wire` is the field's own type: what a varint means there.
template <typename Element, typename Wire>
Status convert_varints(std::span<const WireReader> messages, std::uint32_t number, const TensorView& tensor,
                       std::byte* out) {
  constexpr Wire kLowest = std::numeric_limits<Element>::lowest();
  constexpr Wire kHighest = std::numeric_limits<Element>::max();
  std::size_t index = 0;
  std::size_t wrong_index = 0;
  Wire wrong = 0;
  bool all_in_range = true;
  const auto take = [&](std::uint64_t varint) {
    // A bool is what is not zero; the integers drop what goes beyond their width, as protobuf has it.
    const Wire value = std::is_same_v<Wire, bool> ? varint != 0 : static_cast<Wire>(varint);
    if (all_in_range && (value < kLowest || value > kHighest)) {
      all_in_range = false;
      wrong_index = index;
      wrong = value;
    }
    const auto element = static_cast<Element>(value);
    std::memcpy(out + index * sizeof element, &element, sizeof element);
    ++index;
  };
  for (WireReader message : messages) {
    WireField field;
    while (message.next(field)) {
      if (field.tag == varint_tag(number) || field.tag == bytes_tag(number)) message.each_varint(field, take);
    }
    PYSERVER_RETURN_IF_ERROR(message.status());
  }
  if (all_in_range) return {};
  return invalid_argument(concat("expected values of ", kLowest, " to ", kHighest, " for ", name_of(tensor.datatype),
                                 ", got ", wrong, " at element ", wrong_index));
}

// Copies fp32 or fp64 that came in several pieces, or one by one.
template <typename Bits>
void convert_fixed(std::span<const WireReader> messages, std::uint32_t number, std::byte* out) {
  constexpr WireType kType = sizeof(Bits) == 4 ? WireType::kFixed32 : WireType::kFixed64;
  for (WireReader message : messages) {
    WireField field;
    while (message.next(field)) {
      if (field.tag == wire_tag(number, kType)) {
        const Bits bits = static_cast<Bits>(field.number);
        std::memcpy(out, &bits, sizeof bits);
        out += sizeof bits;
      } else if (field.tag == bytes_tag(number) && !field.bytes.empty()) {
        std::memcpy(out, field.bytes.data(), field.bytes.size());
        out += field.bytes.size();
      }
    }
  }
}

Status convert_elements(std::span<const WireReader> messages, const TensorView& tensor, std::byte* out) {
  switch (tensor.datatype) {
    case Datatype::kBool: return convert_varints<bool, bool>(messages, kBool, tensor, out);
    case Datatype::kInt8: return convert_varints<std::int8_t, std::int32_t>(messages, kInt, tensor, out);
    case Datatype::kInt16: return convert_varints<std::int16_t, std::int32_t>(messages, kInt, tensor, out);
    case Datatype::kInt32: return convert_varints<std::int32_t, std::int32_t>(messages, kInt, tensor, out);
    case Datatype::kInt64: return convert_varints<std::int64_t, std::int64_t>(messages, kInt64, tensor, out);
    case Datatype::kUint8: return convert_varints<std::uint8_t, std::uint32_t>(messages, kUint, tensor, out);
    case Datatype::kUint16: return convert_varints<std::uint16_t, std::uint32_t>(messages, kUint, tensor, out);
    case Datatype::kUint32: return convert_varints<std::uint32_t, std::uint32_t>(messages, kUint, tensor, out);
    case Datatype::kUint64: return convert_varints<std::uint64_t, std::uint64_t>(messages, kUint64, tensor, out);
    case Datatype::kFp32: convert_fixed<std::uint32_t>(messages, kFp32, out); return {};
    case Datatype::kFp64: convert_fixed<std::uint64_t>(messages, kFp64, out); return {};
    case Datatype::kFp16:
    case Datatype::kBf16:
    case Datatype::kBytes: break;
  }
  return internal_error("a datatype without numbers in typed contents");
}

// Calls `each` with every element of `tensor`, as the varint that it is on the wire.
template <typename Element, typename Each>
void each_number(const TensorView& tensor, Each&& each) {
  using Wide = std::conditional_t<std::is_signed_v<Element>, std::int64_t, std::uint64_t>;
  for (std::size_t at = 0; at < tensor.bytes.size(); at += sizeof(Element)) {
    Element element;
    std::memcpy(&element, tensor.bytes.data() + at, sizeof element);
    each(static_cast<std::uint64_t>(static_cast<Wide>(element)));
  }
}

template <typename Each>
void each_varint_of(const TensorView& tensor, Each&& each) {
  switch (tensor.datatype) {
    case Datatype::kBool:
      each_number<std::uint8_t>(tensor, [&](std::uint64_t v) { each(std::uint64_t{v != 0}); });
      break;
    case Datatype::kInt8: each_number<std::int8_t>(tensor, each); break;
    case Datatype::kInt16: each_number<std::int16_t>(tensor, each); break;
    case Datatype::kInt32: each_number<std::int32_t>(tensor, each); break;
    case Datatype::kInt64: each_number<std::int64_t>(tensor, each); break;
    case Datatype::kUint8: each_number<std::uint8_t>(tensor, each); break;
    case Datatype::kUint16: each_number<std::uint16_t>(tensor, each); break;
    case Datatype::kUint32: each_number<std::uint32_t>(tensor, each); break;
    case Datatype::kUint64: each_number<std::uint64_t>(tensor, each); break;
    default: break;
  }
}

bool lies_as_on_the_wire(Datatype datatype) noexcept {
  return datatype == Datatype::kFp32 || datatype == Datatype::kFp64;
}

std::size_t packed_length(const TensorView& tensor) noexcept {
  if (lies_as_on_the_wire(tensor.datatype)) return tensor.bytes.size();
  std::size_t length = 0;
  each_varint_of(tensor, [&](std::uint64_t value) { length += varint_size(value); });
  return length;
}

}  // namespace

std::uint32_t contents_field_of(Datatype datatype) noexcept {
  return kFieldOfDatatype[static_cast<std::size_t>(datatype)];
}

void TypedContents::clear() noexcept {
  messages_.clear();
  fields_.fill({});
}

bool TypedContents::empty() const noexcept {
  return std::ranges::all_of(fields_, [](const Field& field) { return field.count == 0; });
}

Status TypedContents::add(WireReader message) {
  PYSERVER_RETURN_IF_ERROR(add_contents_piece(messages_, message));
  WireField field;
  while (message.next(field)) {
    if (!add_field(message, field)) break;
  }
  return message.status();
}

bool TypedContents::add_field(WireReader& message, const WireField& field) noexcept {
  switch (field.tag) {
    case varint_tag(kBool):
    case varint_tag(kInt):
    case varint_tag(kInt64):
    case varint_tag(kUint):
    case varint_tag(kUint64):
    case wire_tag(kFp32, WireType::kFixed32):
    case wire_tag(kFp64, WireType::kFixed64): ++fields_[field.tag >> 3].count; return true;
    case bytes_tag(kBool):
    case bytes_tag(kInt):
    case bytes_tag(kInt64):
    case bytes_tag(kUint):
    case bytes_tag(kUint64):
      // Each varint ends in the one byte of it that is below 0x80; convert() finds those that do not end.
      fields_[field.tag >> 3].count +=
          static_cast<std::size_t>(std::ranges::count_if(field.bytes, [](std::byte b) { return b < std::byte{0x80}; }));
      if (!field.bytes.empty() && field.bytes.back() >= std::byte{0x80}) return message.fail("a varint without an end");
      return true;
    case bytes_tag(kFp32): return add_packed(message, field, sizeof(float));
    case bytes_tag(kFp64): return add_packed(message, field, sizeof(double));
    case bytes_tag(kBytes):
      ++fields_[kBytes].count;
      fields_[kBytes].bytes += field.bytes.size();
      return true;
    default: return true;
  }
}

bool TypedContents::add_packed(WireReader& message, const WireField& field, std::size_t element_size) noexcept {
  if (field.bytes.size() % element_size != 0)
    return message.fail("packed numbers whose length is not a multiple of theirs");
  Field& counted = fields_[field.tag >> 3];
  counted.count += field.bytes.size() / element_size;
  if (!field.bytes.empty()) counted.packed = field.bytes;
  return true;
}

// That all elements are in field `number`, and as many as the shape asks for.
Status TypedContents::check_only(std::uint32_t number, const TensorView& tensor) const {
  for (std::uint32_t other = 1; other <= kFields; ++other) {
    if (other == number || fields_[other].count == 0) continue;
    return invalid_argument(concat("expected contents of ", name_of(tensor.datatype), " in ", kFieldNames[number],
                                   ", got ", fields_[other].count, " elements in ", kFieldNames[other]));
  }
  const std::int64_t expected = *tensor.shape.element_count();
  if (fields_[number].count != static_cast<std::uint64_t>(expected)) {
    return invalid_argument(concat("expected ", expected, " elements in ", kFieldNames[number], " for shape ",
                                   to_string(tensor.shape), ", got ", fields_[number].count));
  }
  return {};
}

Status TypedContents::convert(BufferPool& pool, Request& request, TensorView& tensor) const {
  const std::uint32_t number = contents_field_of(tensor.datatype);
  if (number == 0 && (!empty() || *tensor.shape.element_count() != 0)) {
    return invalid_argument(concat("expected ", name_of(tensor.datatype),
                                   " contents in raw_input_contents (it has only raw contents), got none there"));
  }
  PYSERVER_RETURN_IF_ERROR(check_only(number, tensor));
  const Field& elements = fields_[number];
  if (elements.count == 0) return {};
  if (tensor.datatype == Datatype::kBytes) {
    return pack_bytes_elements({messages_, kBytes, elements.count, elements.bytes}, pool, request, tensor);
  }
  const std::size_t size = elements.count * size_of(tensor.datatype);
  if (lies_as_on_the_wire(tensor.datatype) && elements.packed.size() == size) {
    tensor.bytes = elements.packed;
    return {};
  }
  Result<Buffer> buffer = pool.take(size);
  if (!buffer.ok()) return std::move(buffer).status();
  PYSERVER_RETURN_IF_ERROR(convert_elements(messages_, tensor, buffer->data()));
  tensor.bytes = buffer->bytes();
  request.owned.push_back(*std::move(buffer));
  return {};
}

std::size_t typed_contents_size(const TensorView& tensor) noexcept {
  if (tensor.bytes.empty()) return 0;
  const std::uint32_t number = contents_field_of(tensor.datatype);
  if (tensor.datatype == Datatype::kBytes) return bytes_elements_size(number, tensor);
  return bytes_size(number, packed_length(tensor));
}

void write_typed_contents(WireWriter& writer, const TensorView& tensor) noexcept {
  if (tensor.bytes.empty()) return;
  const std::uint32_t number = contents_field_of(tensor.datatype);
  if (tensor.datatype == Datatype::kBytes) return write_bytes_elements(writer, number, tensor);
  writer.begin_message(number, packed_length(tensor));
  if (lies_as_on_the_wire(tensor.datatype)) return writer.raw(tensor.bytes);
  each_varint_of(tensor, [&](std::uint64_t value) { writer.varint(value); });
}

}  // namespace pyserver
