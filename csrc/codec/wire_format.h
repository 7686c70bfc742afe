// What both protocols' decoders and encoders share with the infer service.
//
// The codec knows protobuf's wire format and the two protocols' messages; it knows nothing of gRPC, of models'
// signatures or of batching. All functions are thread-safe (they share no state) and read nothing outside of the given
// bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "base/status.h"
#include "inference/request.h"
#include "memory/buffer_pool.h"
#include "memory/message.h"
#include "shared_memory/region.h"
#include "tensor/tensor_view.h"

namespace pyserver {

// A request with more inputs, or with more wanted outputs, is refused.
inline constexpr std::size_t kMaxTensorsPerRequest = 1024;

// Where the time of a request went, as pyserver.v1.Ledger has it.
struct Ledger {
  std::uint64_t receive_us = 0, decode_us = 0, queue_us = 0, batch_us = 0;
  std::uint64_t preprocess_us = 0, execute_us = 0, postprocess_us = 0, encode_us = 0;
  std::uint32_t batch_size = 0;
};

// What an encoder needs to write a response. Views; only valid during the call.
struct ResponseHead {
  std::string_view model;
  std::int64_t version = 0;
  std::string_view id;
  // Open Inference Protocol: one for each output, or none; an output with a region was written there and is not sent.
  std::span<const SharedPlace> places = {};
};

}  // namespace pyserver
