#include "loadgen/requests.h"

#include <algorithm>
#include <cstring>

#include "base/text.h"

namespace pyserver::loadgen {
namespace {

Status check(const LoadRequests::Options& options, std::span<const std::string_view> bodies) {
  if (bodies.empty()) return invalid_argument("there is no body to send");
  if (!options.path.starts_with('/')) {
    return invalid_argument(concat("the path ", quoted(options.path), " does not begin with a slash"));
  }
  if (!options.expectations.empty() && options.expectations.size() != bodies.size()) {
    return invalid_argument(
        concat("there are ", bodies.size(), " bodies and ", options.expectations.size(), " expectations"));
  }
  if (options.id_reader != IdReader::kNone && !options.id_offset) {
    return invalid_argument("answers can name their requests only where the requests have an id: id_offset is missing");
  }
  for (std::size_t index = 0; index < bodies.size(); ++index) {
    if (bodies[index].size() > UINT32_MAX) return invalid_argument(concat("body ", index, " is larger than 4 GiB"));
    if (options.id_offset && (bodies[index].size() < kIdSize || *options.id_offset > bodies[index].size() - kIdSize)) {
      return invalid_argument(concat("body ", index, " has ", bodies[index].size(),
                                     " bytes: there is no room for an id of ", kIdSize, " at ", *options.id_offset));
    }
  }
  return {};
}

// gRPC's prefix (not compressed, the size), and the body.
std::vector<std::byte> framed(std::string_view body) {
  std::vector<std::byte> bytes(kMessagePrefix + body.size());
  for (std::size_t index = 0; index < 4; ++index) {
    bytes[1 + index] = static_cast<std::byte>(body.size() >> (24 - 8 * index));
  }
  std::memcpy(bytes.data() + kMessagePrefix, body.data(), body.size());
  return bytes;
}

int hex_value(char digit) {
  if (digit >= '0' && digit <= '9') return digit - '0';
  return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

}  // namespace

Result<std::shared_ptr<const LoadRequests>> LoadRequests::create(Options options,
                                                                 std::span<const std::string_view> bodies) {
  PYSERVER_RETURN_IF_ERROR(check(options, bodies));
  std::shared_ptr<LoadRequests> requests(new LoadRequests);
  requests->options_ = std::move(options);
  requests->bodies_.reserve(bodies.size());
  for (const std::string_view body : bodies) requests->bodies_.push_back(framed(body));
  return std::shared_ptr<const LoadRequests>(std::move(requests));
}

std::span<const std::byte> LoadRequests::content(std::uint32_t body) const noexcept {
  return std::span(bodies_[body]).subspan(kMessagePrefix);
}

const Expectation* LoadRequests::expectation(std::uint32_t body) const noexcept {
  if (options_.expectations.empty()) return nullptr;
  const std::optional<Expectation>& expectation = options_.expectations[body];
  return expectation ? &*expectation : nullptr;
}

bool LoadRequests::reads_answers() const noexcept {
  return options_.ledger || options_.streaming ||
         std::ranges::any_of(options_.expectations, [](const auto& one) { return one.has_value(); });
}

RequestId to_request_id(std::uint64_t number) noexcept {
  constexpr char kDigits[] = "0123456789abcdef";
  RequestId id;
  for (std::size_t index = kIdSize; index-- > 0; number >>= 4) id[index] = static_cast<std::byte>(kDigits[number & 15]);
  return id;
}

std::optional<std::uint64_t> from_request_id(std::string_view text) noexcept {
  if (text.size() != kIdSize) return std::nullopt;
  std::uint64_t number = 0;
  for (const char digit : text) {
    const int value = hex_value(digit);
    if (value < 0) return std::nullopt;
    number = number << 4 | static_cast<std::uint64_t>(value);
  }
  return number;
}

void MessageCursor::move_to(OutputQueue& out, std::size_t size) {
  while (size > 0) {
    std::size_t step = size;
    if (sent_ < id_at_) {
      step = std::min(size, id_at_ - sent_);
      append_plain(out, step);
    } else if (sent_ < id_at_ + kIdSize && id_at_ != kNoId) {
      const std::size_t within = sent_ - id_at_;
      step = std::min(size, kIdSize - within);
      out.append(std::span(id_).subspan(within, step));
    } else {
      append_plain(out, step);
    }
    sent_ += step;
    size -= step;
  }
}

void MessageCursor::append_plain(OutputQueue& out, std::size_t size) {
  const std::span<const std::byte> part = bytes_.subspan(sent_, size);
  if (bytes_.size() <= kCopyLimit) {
    out.append(part);
  } else {
    out.append(part, nullptr);
  }
}

}  // namespace pyserver::loadgen
