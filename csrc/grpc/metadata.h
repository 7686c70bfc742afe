// Metadata: gRPC's key-value pairs beside the messages, and how they lie in HTTP/2 header fields.
//
// A key that ends in "-bin" has any bytes for its value, base64 on the wire (padding optional, several values may come
// joined by commas); other values are printable ASCII.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "http2/header_list.h"

namespace pyserver {

struct MetadataEntry {
  std::string key;
  std::string value;  // decoded
  friend bool operator==(const MetadataEntry&, const MetadataEntry&) = default;
};
using Metadata = std::vector<MetadataEntry>;

// Fields that are the application's: not pseudo-headers, nor "grpc-…" of the protocol, nor te, content-type,
// user-agent stays. INVALID_ARGUMENT (as INTERNAL in grpc) where a -bin value is not base64.
Result<Metadata> read_metadata(const HeaderList& headers);

// INVALID_ARGUMENT where a key or value cannot be sent (upper case, reserved "grpc-", control characters, not ASCII).
Status check_metadata(const Metadata& metadata);
// The value as it goes onto the wire.
std::string wire_value(const MetadataEntry& entry);

std::string encode_base64(std::string_view bytes);  // without padding, as gRPC sends it
bool decode_base64(std::string_view text, std::string& bytes);

// grpc-message: percent-encoded UTF-8 (gRPC over HTTP/2, "Status-Message").
std::string percent_encode(std::string_view message);
std::string percent_decode(std::string_view text);

}  // namespace pyserver
