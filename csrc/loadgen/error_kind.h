// What can become of a request that was not answered well: a canonical gRPC code, an HTTP status, or something that
// only the client knows.
#pragma once

#include <cstdint>
#include <string>

#include "base/status.h"
#include "http2/session.h"

namespace pyserver::loadgen {

class ErrorKind {
 public:
  static constexpr ErrorKind grpc(StatusCode code) noexcept { return ErrorKind(static_cast<std::uint16_t>(code)); }
  // 100 to 999, else it is UNKNOWN.
  static constexpr ErrorKind http(int status) noexcept {
    return status >= 100 && status <= 999 ? ErrorKind(static_cast<std::uint16_t>(status)) : grpc(StatusCode::kUnknown);
  }
  static constexpr ErrorKind connection() noexcept { return ErrorKind(kConnection); }
  static constexpr ErrorKind mismatch() noexcept { return ErrorKind(kMismatch); }
  static constexpr ErrorKind timeout() noexcept { return ErrorKind(kTimeout); }

  // "UNAVAILABLE", "HTTP 503", "CONNECTION", "MISMATCH", "TIMEOUT".
  std::string name() const;

  friend constexpr auto operator<=>(const ErrorKind&, const ErrorKind&) = default;

 private:
  static constexpr std::uint16_t kConnection = 50, kMismatch = 51,
                                 kTimeout = 52;  // gRPC's end below, HTTP's begin above
  explicit constexpr ErrorKind(std::uint16_t value) noexcept : value_(value) {}

  std::uint16_t value_;
};

// Numbers above gRPC's last code are UNKNOWN, as gRPC has it.
ErrorKind error_of_grpc_status(std::uint32_t number) noexcept;

// What a gRPC client makes of a stream that was reset (gRPC over HTTP/2, "Errors").
ErrorKind error_of_reset(Http2Error error) noexcept;

}  // namespace pyserver::loadgen
