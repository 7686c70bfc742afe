#include "image/sample_files.h"

#include <webp/encode.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include <jpeglib.h>
#include <png.h>

namespace pyserver {
namespace {

File copied(const void* bytes, std::size_t size) {
  const auto* const begin = static_cast<const std::byte*>(bytes);
  return {begin, begin + size};
}

void append(File& file, std::uint64_t number, std::size_t bytes, bool little = true) {
  for (std::size_t index = 0; index < bytes; ++index) {
    file.push_back(static_cast<std::byte>(number >> (8 * (little ? index : bytes - 1 - index))));
  }
}

// `scans`: a script for a progressive file, or none.
File jpeg(int channels, std::span<const jpeg_scan_info> scans) {
  std::vector<std::uint8_t> pixels = sample_pixels();
  jpeg_compress_struct compress;
  jpeg_error_mgr errors;
  compress.err = jpeg_std_error(&errors);
  jpeg_create_compress(&compress);
  unsigned char* bytes = nullptr;
  unsigned long size = 0;
  jpeg_mem_dest(&compress, &bytes, &size);
  compress.image_width = kSampleWidth;
  compress.image_height = kSampleHeight;
  compress.input_components = channels;
  compress.in_color_space = channels == 1 ? JCS_GRAYSCALE : JCS_RGB;
  jpeg_set_defaults(&compress);
  compress.scan_info = scans.empty() ? nullptr : scans.data();
  compress.num_scans = static_cast<int>(scans.size());
  jpeg_start_compress(&compress, TRUE);
  while (compress.next_scanline < compress.image_height) {
    JSAMPROW row = pixels.data() + compress.next_scanline * kSampleWidth * static_cast<std::size_t>(channels);
    jpeg_write_scanlines(&compress, &row, 1);
  }
  jpeg_finish_compress(&compress);
  File file = copied(bytes, size);
  jpeg_destroy_compress(&compress);
  std::free(bytes);
  return file;
}

}  // namespace

std::vector<std::uint8_t> sample_pixels() {
  std::vector<std::uint8_t> pixels(kSampleWidth * kSampleHeight * 3);
  for (std::size_t index = 0; index < pixels.size(); ++index) pixels[index] = static_cast<std::uint8_t>(index * 5);
  return pixels;
}

File sample_jpeg() { return jpeg(3, {}); }

File jpeg_of_many_scans() {
  std::vector<jpeg_scan_info> scans{{1, {0}, 0, 0, 0, 0}};
  for (int coefficient = 1; coefficient < 64; ++coefficient) {
    scans.push_back({1, {0}, coefficient, coefficient, 0, 1});
    scans.push_back({1, {0}, coefficient, coefficient, 1, 0});
  }
  return jpeg(1, scans);
}

File sample_png() {
  png_image image{};
  image.version = PNG_IMAGE_VERSION;
  image.width = kSampleWidth;
  image.height = kSampleHeight;
  image.format = PNG_FORMAT_RGB;
  File file(4096);
  png_alloc_size_t size = file.size();
  png_image_write_to_memory(&image, file.data(), &size, 0, sample_pixels().data(), 0, nullptr);
  file.resize(size);
  return file;
}

File sample_webp() {
  std::uint8_t* bytes = nullptr;
  const std::size_t size =
      WebPEncodeLosslessRGB(sample_pixels().data(), kSampleWidth, kSampleHeight, kSampleWidth * 3, &bytes);
  File file = copied(bytes, size);
  WebPFree(bytes);
  return file;
}

File bmp_header(std::uint32_t width, std::uint32_t height, std::uint16_t bits) {
  File file{std::byte{'B'}, std::byte{'M'}};
  append(file, 0, 8);
  append(file, 54, 4);  // where the pixels begin
  append(file, 40, 4);
  append(file, width, 4);
  append(file, height, 4);
  append(file, 1, 2);
  append(file, bits, 2);
  file.resize(54);
  return file;
}

File sample_bmp() {
  File file = bmp_header(kSampleWidth, kSampleHeight);
  const std::vector<std::uint8_t> pixels = sample_pixels();
  for (std::size_t y = kSampleHeight; y-- > 0;) {
    for (std::size_t x = 0; x < kSampleWidth; ++x) {
      for (const std::size_t channel : {2, 1, 0}) append(file, pixels[(y * kSampleWidth + x) * 3 + channel], 1);
    }
    append(file, 0, 1);  // rows are padded to four bytes
  }
  return file;
}

std::vector<NamedFile> sample_files() {
  return {{"JPEG", sample_jpeg()}, {"PNG", sample_png()}, {"WebP", sample_webp()}, {"BMP", sample_bmp()}};
}

File exif_block(std::uint16_t orientation, bool little) {
  File block = copied(little ? "II" : "MM", 2);
  append(block, 42, 2, little);
  append(block, 8, 4, little);  // where the directory is
  append(block, 1, 2, little);  // entries
  append(block, 0x0112, 2, little);
  append(block, 3, 2, little);  // of 16 bits
  append(block, 1, 4, little);  // one value
  append(block, orientation, 2, little);
  append(block, 0, 2, little);
  append(block, 0, 4, little);  // no further directory
  return block;
}

}  // namespace pyserver
