// Turning a picture the way its orientation says.
#pragma once

#include <cstddef>
#include <cstdint>

namespace pyserver {

// `from` has width × height pixels of `channels` bytes (1 or 3); `to` takes them turned, and with width and height
// exchanged where `orientation` is 5 or more. Orientations are EXIF's, from 1 to 8. They do not overlap.
void apply_orientation(const std::uint8_t* from, std::size_t width, std::size_t height, std::size_t channels,
                       int orientation, std::uint8_t* to) noexcept;

}  // namespace pyserver
