// The tensors in an answer: found in the bytes of a message, in one form for all protocols (raw, little-endian, BYTES
// elements behind their 4-byte lengths).
//
// Thread-compatible. Raw contents are views into the message; typed ones are converted into memory of this object,
// which is used again.
#pragma once

#include <cstddef>
#include <deque>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "codec/wire_reader.h"
#include "loadgen/expectation.h"

namespace pyserver::loadgen {

struct AnswerTensor {
  std::string_view name;
  std::optional<Datatype> datatype;  // nothing where the answer names none that we know
  std::span<const std::byte> contents;
  // Of typed contents: the last value stands for all that are missing, as TensorFlow has it.
  bool last_repeats = false;
};

class AnswerTensors {
 public:
  // Any form but kMessage. INVALID_ARGUMENT where the message is malformed. Views are valid until the next read().
  Status read(AnswerForm form, std::span<const std::byte> message);
  // nullptr where there is none.
  const AnswerTensor* find(std::string_view name) const noexcept;

 private:
  void read_predict(WireReader& reader);
  void read_predict_tensor(WireReader reader, AnswerTensor& tensor);
  void read_open_inference(WireReader& reader);
  void read_open_inference_output(WireReader reader, AnswerTensor& tensor);
  void read_tensorflow(WireReader& reader);
  void read_tensorflow_tensor(WireReader reader, AnswerTensor& tensor);
  // For an entry of a map from names to tensors.
  template <typename ReadTensor>
  void read_map_entry(WireReader entry, ReadTensor read_tensor);
  void take_problem(const WireReader& reader);

  // Collect converted values for `tensor`; they are its contents at the end of the message.
  std::vector<std::byte>& converted(AnswerTensor& tensor);
  void append_number(AnswerTensor& tensor, std::uint64_t bits);
  void append_element(AnswerTensor& tensor, std::span<const std::byte> element);

  std::vector<AnswerTensor> tensors_;
  std::deque<std::vector<std::byte>> conversions_;  // never move; the first are in use
  std::vector<std::size_t> conversion_of_;          // for each tensor; kNone: its contents were raw
  std::size_t conversions_used_ = 0;
  std::vector<std::span<const std::byte>> raw_;  // Open Inference Protocol: in the outputs' order
  Status problem_;
};

}  // namespace pyserver::loadgen
