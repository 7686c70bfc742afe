// GrpcAnswer: what the header fields and trailers of a gRPC answer say of its outcome.
//
// Thread-compatible; owns memory only where the call failed.
#pragma once

#include <string>
#include <string_view>

#include "loadgen/error_kind.h"

namespace pyserver::loadgen {

class GrpcAnswer {
 public:
  void take_field(std::string_view name, std::string_view value);
  void clear() noexcept;

  // Whether HTTP and gRPC both say that the call went well.
  bool ok() const noexcept { return http_status_ == 200 && grpc_status_ == 0; }
  // Of an answer that is not ok, on a stream that was closed with `closed`.
  ErrorKind error(Http2Error closed) const noexcept;
  std::string sentence(Http2Error closed) const;

 private:
  static constexpr int kMissing = -1;
  int http_status_ = kMissing;
  int grpc_status_ = kMissing;
  std::string grpc_message_;  // as it came: percent-encoded
};

}  // namespace pyserver::loadgen
