// Metadata: gRPC's key-value pairs beside the messages, and how they lie in HTTP/2 header fields.
//
// A key that ends in "-bin" has any bytes for its value, base64 on the wire (padding optional, several values may come
// joined by commas); other values are printable ASCII. Thread-safe: no state between calls.
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

// More than this is not sent in one header block: clients take little (gRPC's own 8 to 16 KB), nghttp2 sends 64 KB.
inline constexpr std::size_t kMaxSentMetadataBytes = 32 * 1024;
// What percent_encode() makes of a message: the whole header block should stay below the 8 KB that clients take.
inline constexpr std::size_t kMaxStatusMessageBytes = 6 * 1024;

// Fields that are the application's: not pseudo-headers, nor the protocol's own (content-type, te, grpc-timeout,
// grpc-encoding and their like); user-agent stays. Text is trimmed and otherwise as it came: HTTP/2 allows bytes from
// 0x80 up, which some proxies add, so it need not be ASCII nor UTF-8. INVALID_ARGUMENT where a -bin value is not
// base64; a ServerCall's never is, as begin_exchange() refuses such a call.
Result<Metadata> read_metadata(const HeaderList& headers);

// INVALID_ARGUMENT where a key or value cannot be sent: a key with other characters than a-z 0-9 _ - . or reserved for
// the protocols ("grpc-…", content-type, connection, …), text that is not printable ASCII, more than
// kMaxSentMetadataBytes of all.
Status check_metadata(const Metadata& metadata);
// The value as it goes onto the wire.
std::string wire_value(const MetadataEntry& entry);
// Whether values of this key are bytes ("…-bin").
bool is_binary_key(std::string_view key) noexcept;

std::string encode_base64(std::string_view bytes);  // without padding, as gRPC sends it
// Replaces `bytes`; false where `text` is not base64 (of the standard alphabet).
bool decode_base64(std::string_view text, std::string& bytes);
// Whether every part of a list joined by commas would be decoded.
bool is_base64_list(std::string_view text) noexcept;

// grpc-message: percent-encoded UTF-8 (gRPC over HTTP/2, "Status-Message"). At most `max_bytes` come out; what is cut
// is marked by "…", and no character is cut in two.
std::string percent_encode(std::string_view message, std::size_t max_bytes = kMaxStatusMessageBytes);
// What is no percent-encoding stays as it is.
std::string percent_decode(std::string_view text);

}  // namespace pyserver
