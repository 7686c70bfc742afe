#include "image/metadata.h"

#include <cstdint>
#include <string_view>

#include "image/byte_order.h"

namespace pyserver {
namespace {

constexpr std::uint32_t kOrientationTag = 0x0112;
constexpr std::size_t kEntryBytes = 12;

std::optional<int> checked(std::uint32_t orientation) noexcept {
  if (orientation < 1 || orientation > 8) return std::nullopt;
  return static_cast<int>(orientation);
}

// The bytes of a TIFF file, in the order that its header names.
struct Tiff {
  std::span<const std::byte> bytes;
  bool little;

  std::uint32_t number16(std::size_t at) const noexcept { return little ? little16(bytes, at) : big16(bytes, at); }
  std::uint32_t number32(std::size_t at) const noexcept { return little ? little32(bytes, at) : big32(bytes, at); }
};

// The first value of the directory's entry at `at`, for the types that hold whole numbers.
std::optional<std::uint32_t> first_value(const Tiff& tiff, std::size_t at) noexcept {
  constexpr std::uint32_t kByte = 1, kShort = 3, kLong = 4;
  const std::uint32_t type = tiff.number16(at + 2);
  const std::uint64_t count = tiff.number32(at + 4);
  const std::uint64_t size = type == kByte ? 1 : type == kShort ? 2 : type == kLong ? 4 : 0;
  if (size == 0 || count == 0) return std::nullopt;
  // What is longer than four bytes lies elsewhere.
  const std::uint64_t place = size * count <= 4 ? at + 8 : tiff.number32(at + 8);
  if (place + size * count > tiff.bytes.size()) return std::nullopt;
  if (type == kByte) return byte_at(tiff.bytes, place);
  return type == kShort ? tiff.number16(place) : tiff.number32(place);
}

}  // namespace

std::optional<int> exif_orientation(std::span<const std::byte> exif) noexcept {
  constexpr std::string_view kPrefix{"Exif\0\0", 6};
  // Some writers put the prefix of JPEG into other files, or put it twice.
  for (int times = 0; times < 2 && as_text(exif).starts_with(kPrefix); ++times) exif = exif.subspan(kPrefix.size());
  if (exif.size() < 8) return std::nullopt;
  const std::string_view header = as_text(exif.first(4));
  const bool little = header == std::string_view("II*\0", 4);
  if (!little && header != std::string_view("MM\0*", 4)) return std::nullopt;
  const Tiff tiff{exif, little};
  const std::uint64_t directory = tiff.number32(4);
  if (directory + 2 > exif.size()) return std::nullopt;
  std::optional<int> orientation;
  const std::uint64_t entries = tiff.number16(directory);
  for (std::uint64_t entry = 0; entry < entries; ++entry) {
    const std::uint64_t at = directory + 2 + entry * kEntryBytes;
    if (at + kEntryBytes > exif.size()) break;
    if (tiff.number16(at) != kOrientationTag) continue;
    if (const auto value = first_value(tiff, at)) orientation = checked(*value);
  }
  return orientation;
}

std::optional<int> xmp_orientation(std::span<const std::byte> xmp) noexcept {
  constexpr std::string_view kName = "tiff:Orientation";
  std::string_view text = as_text(xmp);
  for (std::size_t found = text.find(kName); found != text.npos; found = text.find(kName)) {
    text = text.substr(found + kName.size());
    // An attribute or an element.
    const std::size_t skipped = text.starts_with("=\"") ? 2 : text.starts_with(">") ? 1 : 0;
    if (skipped == 0 || text.size() <= skipped) continue;
    const char digit = text[skipped];
    if (digit >= '0' && digit <= '9') return checked(static_cast<std::uint32_t>(digit - '0'));
  }
  return std::nullopt;
}

}  // namespace pyserver
