#include "grpc/metadata.h"

#include <algorithm>
#include <array>

#include "base/text.h"

namespace pyserver {
namespace {

using namespace std::string_view_literals;

// Of the protocol, not for applications. Other "grpc-" fields (grpc-trace-bin, grpc-previous-rpc-attempts) are theirs.
constexpr std::array kProtocolFields = {
    "content-type"sv,         "te"sv,          "grpc-timeout"sv, "grpc-encoding"sv,
    "grpc-accept-encoding"sv, "grpc-status"sv, "grpc-message"sv, "grpc-internal-encoding-request"sv,
};
// Never sent for an application: they belong to HTTP, which would make the response malformed for them.
constexpr std::array kReservedKeys = {
    "connection"sv, "content-length"sv, "content-type"sv,      "host"sv, "keep-alive"sv, "proxy-connection"sv, "te"sv,
    "trailer"sv,    "upgrade"sv,        "transfer-encoding"sv,
};

bool is_key_character(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '.';
}

bool is_printable(char c) noexcept { return c >= 0x20 && c <= 0x7e; }

std::string_view trimmed(std::string_view text) noexcept {
  const std::size_t first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

// Adds an entry for each part of a binary value; false where one is not base64.
bool add_binary(std::string_view key, std::string_view values, Metadata& metadata) {
  while (true) {
    const std::size_t comma = values.find(',');
    MetadataEntry& entry = metadata.emplace_back(MetadataEntry{std::string(key), {}});
    if (!decode_base64(trimmed(values.substr(0, comma)), entry.value)) return false;
    if (comma == std::string_view::npos) return true;
    values.remove_prefix(comma + 1);
  }
}

Status check_entry(const MetadataEntry& entry) {
  if (entry.key.empty() || !std::ranges::all_of(entry.key, is_key_character)) {
    return invalid_argument(concat("metadata key ", quoted(entry.key),
                                   " cannot be sent: keys are lower-case letters, digits, '_', '-' and '.'"));
  }
  if (entry.key.starts_with("grpc-") || std::ranges::find(kReservedKeys, entry.key) != kReservedKeys.end()) {
    return invalid_argument(concat("metadata key ", quoted(entry.key), " is reserved for the protocol"));
  }
  if (!is_binary_key(entry.key) && !std::ranges::all_of(entry.value, is_printable)) {
    return invalid_argument(concat("metadata ", quoted(entry.key), ": its value ", quoted(entry.value),
                                   " is not printable ASCII; bytes need a key that ends in '-bin'"));
  }
  return {};
}

}  // namespace

bool is_binary_key(std::string_view key) noexcept { return key.ends_with("-bin"); }

Result<Metadata> read_metadata(const HeaderList& headers) {
  Metadata metadata;
  for (std::size_t index = 0; index < headers.size(); ++index) {
    const auto [name, value] = headers[index];
    if (name.starts_with(':') || std::ranges::find(kProtocolFields, name) != kProtocolFields.end()) continue;
    if (!is_binary_key(name)) {
      metadata.push_back({std::string(name), std::string(trimmed(value))});
    } else if (!add_binary(name, value, metadata)) {
      return invalid_argument(concat("metadata ", quoted(name), ": its value ", quoted(value), " is not base64"));
    }
  }
  return metadata;
}

Status check_metadata(const Metadata& metadata) {
  std::size_t total = 0;
  for (const MetadataEntry& entry : metadata) {
    PYSERVER_RETURN_IF_ERROR(check_entry(entry));
    // As SETTINGS_MAX_HEADER_LIST_SIZE counts; base64 makes four characters of three bytes.
    const std::size_t value_size = is_binary_key(entry.key) ? (entry.value.size() + 2) / 3 * 4 : entry.value.size();
    total += entry.key.size() + value_size + 32;
  }
  if (total > kMaxSentMetadataBytes) {
    return invalid_argument(
        concat("metadata of ", total, " bytes cannot be sent: the limit is ", kMaxSentMetadataBytes));
  }
  return {};
}

std::string wire_value(const MetadataEntry& entry) {
  return is_binary_key(entry.key) ? encode_base64(entry.value) : std::string(trimmed(entry.value));
}

}  // namespace pyserver
