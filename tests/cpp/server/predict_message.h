// Builds pyserver.v1.PredictRequest messages byte by byte, so that the tests need no protobuf library.
#pragma once

#include <cstring>
#include <string>
#include <string_view>
#include <vector>

namespace pyserver::test {

inline void append_varint(std::string& out, std::uint64_t value) {
  while (value >= 0x80) {
    out.push_back(static_cast<char>(value | 0x80));
    value >>= 7;
  }
  out.push_back(static_cast<char>(value));
}

inline void append_field(std::string& out, int number, std::string_view bytes) {
  append_varint(out, static_cast<std::uint64_t>(number) << 3 | 2);
  append_varint(out, bytes.size());
  out.append(bytes);
}

inline void append_field(std::string& out, int number, std::uint64_t value) {
  append_varint(out, static_cast<std::uint64_t>(number) << 3);
  append_varint(out, value);
}

// One FP32 input of shape [rows, values.size() / rows].
inline std::string predict_message(std::string_view model, std::string_view input, std::uint64_t rows,
                                   const std::vector<float>& values, std::uint64_t version = 0,
                                   std::string_view id = "") {
  std::string shape;
  append_varint(shape, rows);
  append_varint(shape, values.size() / rows);
  std::string raw(values.size() * sizeof(float), '\0');
  std::memcpy(raw.data(), values.data(), raw.size());
  std::string tensor;
  append_field(tensor, 1, 11);  // DATATYPE_FP32
  append_field(tensor, 2, shape);
  append_field(tensor, 3, raw);
  std::string entry;
  append_field(entry, 1, input);
  append_field(entry, 2, tensor);
  std::string message;
  append_field(message, 1, model);
  if (version != 0) append_field(message, 2, version);
  if (!id.empty()) append_field(message, 3, id);
  append_field(message, 4, entry);
  return message;
}

}  // namespace pyserver::test
