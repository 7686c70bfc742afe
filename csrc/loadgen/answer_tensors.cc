#include "loadgen/answer_tensors.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace pyserver::loadgen {
namespace {

constexpr std::size_t kNone = SIZE_MAX;

// Field numbers of pyserver/v1/predict.proto and tensor.proto.
namespace predict {
constexpr std::uint32_t kOutputs = 4;
constexpr std::uint32_t kDatatype = 1, kRaw = 3, kElements = 4;
constexpr std::uint32_t kValues = 1;
}  // namespace predict

// Of proto/pyserver/open_inference/open_inference.proto.
namespace open_inference {
constexpr std::uint32_t kOutputs = 5, kRawContents = 6;
constexpr std::uint32_t kName = 1, kDatatype = 2, kContents = 5;
constexpr std::uint32_t kFp32 = 6, kFp64 = 7, kBytes = 8, kLastInteger = 5;
}  // namespace open_inference

// Of TensorFlow Serving's predict.proto, and TensorFlow's tensor.proto and types.proto.
namespace tensorflow {
constexpr std::uint32_t kOutputs = 1;
constexpr std::uint32_t kDatatype = 1, kContent = 4, kFloat = 5, kDouble = 6, kInt = 7, kString = 8, kInt64 = 10,
                        kBool = 11, kHalf = 13, kUint32 = 16, kUint64 = 17;

std::optional<Datatype> datatype(std::uint64_t number) {
  switch (number) {
    case 1: return Datatype::kFp32;
    case 2: return Datatype::kFp64;
    case 3: return Datatype::kInt32;
    case 4: return Datatype::kUint8;
    case 5: return Datatype::kInt16;
    case 6: return Datatype::kInt8;
    case 7: return Datatype::kBytes;
    case 9: return Datatype::kInt64;
    case 10: return Datatype::kBool;
    case 14: return Datatype::kBf16;
    case 17: return Datatype::kUint16;
    case 19: return Datatype::kFp16;
    case 22: return Datatype::kUint32;
    case 23: return Datatype::kUint64;
    default: return std::nullopt;
  }
}
}  // namespace tensorflow

bool is_bytes(const WireField& field) {
  return (field.tag & 7) == static_cast<std::uint32_t>(WireType::kLengthDelimited);
}

std::string_view text_of(const WireField& field) {
  return {reinterpret_cast<const char*>(field.bytes.data()), field.bytes.size()};
}

// The values of a repeated float or double, packed or not.
template <typename Bits, typename Take>
void each_fixed(const WireField& field, Take take) {
  if (!is_bytes(field)) {
    take(field.number);
    return;
  }
  for (std::size_t at = 0; at + sizeof(Bits) <= field.bytes.size(); at += sizeof(Bits)) {
    Bits bits;
    std::memcpy(&bits, field.bytes.data() + at, sizeof bits);
    take(bits);
  }
}

}  // namespace

Status AnswerTensors::read(AnswerForm form, std::span<const std::byte> message) {
  tensors_.clear();
  conversion_of_.clear();
  conversions_used_ = 0;
  raw_.clear();
  problem_ = Status();
  WireReader reader(message);
  switch (form) {
    case AnswerForm::kPredict: read_predict(reader); break;
    case AnswerForm::kOpenInference: read_open_inference(reader); break;
    case AnswerForm::kTensorflow: read_tensorflow(reader); break;
    case AnswerForm::kMessage: break;
  }
  take_problem(reader);
  for (std::size_t index = 0; index < tensors_.size(); ++index) {
    if (conversion_of_[index] != kNone) tensors_[index].contents = conversions_[conversion_of_[index]];
  }
  return problem_;
}

const AnswerTensor* AnswerTensors::find(std::string_view name) const noexcept {
  const auto found = std::ranges::find(tensors_, name, &AnswerTensor::name);
  return found == tensors_.end() ? nullptr : &*found;
}

void AnswerTensors::take_problem(const WireReader& reader) {
  if (problem_.ok() && !reader.ok()) problem_ = reader.status();
}

template <typename ReadTensor>
void AnswerTensors::read_map_entry(WireReader entry, ReadTensor read_tensor) {
  tensors_.emplace_back();
  conversion_of_.push_back(kNone);
  WireField field;
  while (entry.next(field)) {
    if (field.tag == bytes_tag(1)) tensors_.back().name = text_of(field);
    if (field.tag == bytes_tag(2)) read_tensor(WireReader(field, entry), tensors_.back());
  }
  take_problem(entry);
}

void AnswerTensors::read_predict(WireReader& reader) {
  WireField field;
  while (reader.next(field)) {
    if (field.tag != bytes_tag(predict::kOutputs)) continue;
    read_map_entry(WireReader(field, reader),
                   [this](WireReader part, AnswerTensor& tensor) { read_predict_tensor(part, tensor); });
  }
}

void AnswerTensors::read_predict_tensor(WireReader reader, AnswerTensor& tensor) {
  WireField field;
  while (reader.next(field)) {
    switch (field.tag) {
      case varint_tag(predict::kDatatype): tensor.datatype = datatype_from_number(field.number); break;
      case bytes_tag(predict::kRaw): tensor.contents = field.bytes; break;
      case bytes_tag(predict::kElements): {
        WireReader elements(field, reader);
        WireField element;
        converted(tensor);
        while (elements.next(element)) {
          if (element.tag == bytes_tag(predict::kValues)) append_element(tensor, element.bytes);
        }
        take_problem(elements);
        break;
      }
      default: break;
    }
  }
  take_problem(reader);
}

void AnswerTensors::read_open_inference(WireReader& reader) {
  WireField field;
  while (reader.next(field)) {
    if (field.tag == bytes_tag(open_inference::kOutputs)) {
      tensors_.emplace_back();
      conversion_of_.push_back(kNone);
      read_open_inference_output(WireReader(field, reader), tensors_.back());
    } else if (field.tag == bytes_tag(open_inference::kRawContents)) {
      raw_.push_back(field.bytes);
    }
  }
  for (std::size_t index = 0; index < std::min(raw_.size(), tensors_.size()); ++index) {
    tensors_[index].contents = raw_[index];
  }
}

void AnswerTensors::read_open_inference_output(WireReader reader, AnswerTensor& tensor) {
  WireField field;
  std::optional<WireReader> typed;
  while (reader.next(field)) {
    if (field.tag == bytes_tag(open_inference::kName)) tensor.name = text_of(field);
    if (field.tag == bytes_tag(open_inference::kDatatype)) tensor.datatype = datatype_from_name(text_of(field));
    if (field.tag == bytes_tag(open_inference::kContents)) typed.emplace(field, reader);
  }
  take_problem(reader);
  if (!typed) return;
  const auto append = [&](std::uint64_t bits) { append_number(tensor, bits); };
  while (typed->next(field)) {
    const std::uint32_t number = field.tag >> 3;
    if (field.tag == bytes_tag(open_inference::kBytes)) {
      append_element(tensor, field.bytes);
    } else if (number == open_inference::kFp32) {
      each_fixed<std::uint32_t>(field, append);
    } else if (number == open_inference::kFp64) {
      each_fixed<std::uint64_t>(field, append);
    } else if (number <= open_inference::kLastInteger) {
      typed->each_varint(field, append);
    }
  }
  take_problem(*typed);
}

void AnswerTensors::read_tensorflow(WireReader& reader) {
  WireField field;
  while (reader.next(field)) {
    if (field.tag != bytes_tag(tensorflow::kOutputs)) continue;
    read_map_entry(WireReader(field, reader),
                   [this](WireReader part, AnswerTensor& tensor) { read_tensorflow_tensor(part, tensor); });
  }
}

void AnswerTensors::read_tensorflow_tensor(WireReader reader, AnswerTensor& tensor) {
  WireField field;
  const auto append = [&](std::uint64_t bits) { append_number(tensor, bits); };
  while (reader.next(field)) {
    // The datatype comes first: whoever writes fields out of their order has its values misread, and so told as wrong.
    switch (field.tag >> 3) {
      case tensorflow::kDatatype:
        if (!is_bytes(field)) tensor.datatype = tensorflow::datatype(field.number);
        break;
      case tensorflow::kContent:
        if (is_bytes(field) && !field.bytes.empty()) tensor.contents = field.bytes;
        break;
      case tensorflow::kString:
        if (is_bytes(field)) append_element(tensor, field.bytes);
        break;
      case tensorflow::kFloat: each_fixed<std::uint32_t>(field, append); break;
      case tensorflow::kDouble: each_fixed<std::uint64_t>(field, append); break;
      case tensorflow::kInt:
      case tensorflow::kInt64:
      case tensorflow::kBool:
      case tensorflow::kHalf:
      case tensorflow::kUint32:
      case tensorflow::kUint64: reader.each_varint(field, append); break;
      default: break;
    }
  }
  tensor.last_repeats = true;
  take_problem(reader);
}

std::vector<std::byte>& AnswerTensors::converted(AnswerTensor& tensor) {
  std::size_t& place = conversion_of_[static_cast<std::size_t>(&tensor - tensors_.data())];
  if (place == kNone) {
    place = conversions_used_++;
    if (place == conversions_.size()) conversions_.emplace_back();
    conversions_[place].clear();
  }
  return conversions_[place];
}

void AnswerTensors::append_number(AnswerTensor& tensor, std::uint64_t bits) {
  const std::size_t size = tensor.datatype ? size_of(*tensor.datatype) : 0;
  std::array<std::byte, sizeof bits> bytes;
  std::memcpy(bytes.data(), &bits, sizeof bits);  // little-endian, as every machine that we build for
  std::vector<std::byte>& contents = converted(tensor);
  contents.insert(contents.end(), bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size));
}

void AnswerTensors::append_element(AnswerTensor& tensor, std::span<const std::byte> element) {
  std::vector<std::byte>& contents = converted(tensor);
  const auto size = static_cast<std::uint32_t>(element.size());
  std::array<std::byte, sizeof size> head;
  std::memcpy(head.data(), &size, sizeof size);
  contents.insert(contents.end(), head.begin(), head.end());
  contents.insert(contents.end(), element.begin(), element.end());
}

}  // namespace pyserver::loadgen
