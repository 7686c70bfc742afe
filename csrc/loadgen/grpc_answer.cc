#include "loadgen/grpc_answer.h"

#include <charconv>

#include "base/text.h"

namespace pyserver::loadgen {
namespace {

// -1 for what is no number.
int number_in(std::string_view text) {
  int number = -1;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size() ? number : -1;
}

std::string percent_decoded(std::string_view text) {
  std::string decoded;
  for (std::size_t index = 0; index < text.size(); ++index) {
    unsigned value = 0;
    const char* const digits = text.data() + index + 1;
    if (text[index] == '%' && index + 2 < text.size() &&
        std::from_chars(digits, digits + 2, value, 16).ptr == digits + 2) {
      decoded.push_back(static_cast<char>(value));
      index += 2;
    } else {
      decoded.push_back(text[index]);
    }
  }
  return decoded;
}

}  // namespace

void GrpcAnswer::take_field(std::string_view name, std::string_view value) {
  // The length of a name tells most of them apart.
  switch (name.size()) {
    case 7:
      if (name == ":status") http_status_ = number_in(value);
      break;
    case 11:
      if (name == "grpc-status") grpc_status_ = number_in(value);
      break;
    case 12:
      if (name == "grpc-message") grpc_message_ = value;
      break;
    default: break;
  }
}

void GrpcAnswer::clear() noexcept {
  http_status_ = grpc_status_ = kMissing;
  grpc_message_.clear();
}

ErrorKind GrpcAnswer::error(Http2Error closed) const noexcept {
  if (grpc_status_ > 0) return error_of_grpc_status(static_cast<std::uint32_t>(grpc_status_));
  if (closed != Http2Error::kNoError) return error_of_reset(closed);
  if (http_status_ != 200) return ErrorKind::http(http_status_);
  return ErrorKind::grpc(StatusCode::kUnknown);
}

std::string GrpcAnswer::sentence(Http2Error closed) const {
  if (grpc_status_ > 0) {
    const std::string message = percent_decoded(grpc_message_);
    return message.empty() ? concat("grpc-status ", grpc_status_, " without a message") : message;
  }
  if (closed != Http2Error::kNoError) {
    return concat("the server reset the stream (HTTP/2 error ", static_cast<std::uint32_t>(closed), ")");
  }
  if (http_status_ != 200) return concat("the server answered with HTTP status ", http_status_);
  return "the answer has no grpc-status";
}

}  // namespace pyserver::loadgen
