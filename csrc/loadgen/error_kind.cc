#include "loadgen/error_kind.h"

#include "base/text.h"

namespace pyserver::loadgen {

std::string ErrorKind::name() const {
  if (value_ < kStatusCodeCount) return std::string(name_of(static_cast<StatusCode>(value_)));
  switch (value_) {
    case kConnection: return "CONNECTION";
    case kMismatch: return "MISMATCH";
    case kTimeout: return "TIMEOUT";
    default: return concat("HTTP ", value_);
  }
}

ErrorKind error_of_grpc_status(std::uint32_t number) noexcept {
  return ErrorKind::grpc(number < kStatusCodeCount ? static_cast<StatusCode>(number) : StatusCode::kUnknown);
}

ErrorKind error_of_reset(Http2Error error) noexcept {
  switch (error) {
    case Http2Error::kRefusedStream: return ErrorKind::grpc(StatusCode::kUnavailable);
    case Http2Error::kCancel: return ErrorKind::grpc(StatusCode::kCancelled);
    case Http2Error::kEnhanceYourCalm: return ErrorKind::grpc(StatusCode::kResourceExhausted);
    default: return ErrorKind::grpc(StatusCode::kInternal);
  }
}

}  // namespace pyserver::loadgen
