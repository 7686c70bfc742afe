// How a picture is to be turned, out of the metadata that files carry.
#pragma once

#include <cstddef>
#include <optional>
#include <span>

namespace pyserver {

// The orientation, from 1 to 8, of an EXIF block: a TIFF header and its first directory, with or without "Exif\0\0" in
// front. Nothing where it says none, or cannot be read that far.
std::optional<int> exif_orientation(std::span<const std::byte> exif) noexcept;

// Likewise of an XMP packet, which is XML. Only looked at where EXIF says nothing, as Pillow does.
std::optional<int> xmp_orientation(std::span<const std::byte> xmp) noexcept;

}  // namespace pyserver
