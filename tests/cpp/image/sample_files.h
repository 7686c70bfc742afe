// Small encoded pictures, written by the formats' own libraries.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace pyserver {

using File = std::vector<std::byte>;

inline constexpr std::size_t kSampleWidth = 5;
inline constexpr std::size_t kSampleHeight = 3;

// The picture that all samples show: kSampleWidth × kSampleHeight pixels of red, green and blue.
std::vector<std::uint8_t> sample_pixels();

File sample_jpeg();
// A valid progressive file of 127 scans: each coefficient but the first comes in two of its own.
File jpeg_of_many_scans();
File sample_png();
File sample_webp();
File sample_bmp();
// A BMP whose header promises these sides, and which has no pixels.
File bmp_header(std::uint32_t width, std::uint32_t height, std::uint16_t bits = 24);

// All of the above that are whole.
struct NamedFile {
  std::string_view name;
  File file;
};
std::vector<NamedFile> sample_files();

// An EXIF block, big-endian or little-endian, with this orientation.
File exif_block(std::uint16_t orientation, bool little);

}  // namespace pyserver
