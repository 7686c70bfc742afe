#include "kernels/kernel_cache.h"

#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <system_error>

#include "base/text.h"

namespace pyserver::kernels {
namespace {

constexpr std::string_view kMagic = "pyserver kernel 1\n";
// The three numbers behind it.
constexpr std::size_t kHeaderBytes = kMagic.size() + 3 * sizeof(std::uint64_t);

// http://www.isthe.com/chongo/tech/comp/fnv
std::uint64_t fnv1a(std::string_view text) noexcept {
  std::uint64_t hash = 0xcbf29ce484222325U;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3U;
  return hash;
}

std::uint64_t number_at(std::string_view text, std::size_t index) noexcept {
  std::uint64_t number = 0;
  std::memcpy(&number, text.data() + kMagic.size() + index * sizeof number, sizeof number);
  return number;
}

void append(std::string& out, std::uint64_t number) {
  out.append(reinterpret_cast<const char*>(&number), sizeof number);  // little-endian, as all that we build for
}

// What is wrong with the disk, for people.
Status failed(std::string_view what, const std::string& path, const std::error_code& error) {
  return unavailable(concat("the compiled kernel ", quoted(path, 1024), " cannot be ", what, ": ", error.message()));
}

}  // namespace

std::string KernelCache::path_of(std::string_view key) const {
  std::array<char, 17> digits;
  std::snprintf(digits.data(), digits.size(), "%016llx", static_cast<unsigned long long>(fnv1a(key)));
  return (std::filesystem::path(folder_) / concat("kernel-", std::string_view(digits.data()))).string();
}

std::optional<std::vector<std::byte>> KernelCache::find(std::string_view key) const {
  if (folder_.empty()) return std::nullopt;
  std::ifstream stream(path_of(key), std::ios::binary);
  if (!stream) return std::nullopt;
  const std::string text{std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
  const std::string_view file(text);
  if (file.size() < kHeaderBytes || !file.starts_with(kMagic)) return std::nullopt;
  const std::string_view rest = file.substr(kHeaderBytes);
  const std::uint64_t key_bytes = number_at(file, 0);
  if (key_bytes != key.size() || key_bytes > rest.size() || number_at(file, 1) != rest.size() - key_bytes ||
      number_at(file, 2) != fnv1a(rest) || rest.substr(0, key.size()) != key) {
    return std::nullopt;
  }
  const std::span cubin = std::as_bytes(std::span(rest.substr(key.size())));
  if (cubin.empty()) return std::nullopt;
  return std::vector<std::byte>(cubin.begin(), cubin.end());
}

Status KernelCache::keep(std::string_view key, std::span<const std::byte> cubin) const {
  if (folder_.empty()) return {};
  const std::string path = path_of(key);
  std::error_code error;
  std::filesystem::create_directories(folder_, error);
  if (error) return failed("kept", path, error);
  std::string rest(key);
  rest.append(reinterpret_cast<const char*>(cubin.data()), cubin.size());
  std::string text(kMagic);
  append(text, key.size());
  append(text, cubin.size());
  append(text, fnv1a(rest));
  text += rest;
  std::string beside = path + ".XXXXXX";
  const int file = mkstemp(beside.data());
  if (file < 0) return failed("kept", path, {errno, std::generic_category()});
  bool written = true;
  for (std::size_t at = 0; written && at < text.size();) {
    const ssize_t bytes = write(file, text.data() + at, text.size() - at);
    if (bytes < 0 && errno == EINTR) continue;
    written = bytes > 0;
    at += written ? static_cast<std::size_t>(bytes) : 0;
  }
  if (!written) error = {errno, std::generic_category()};
  if (close(file) != 0 && !error) error = {errno, std::generic_category()};
  if (!error) std::filesystem::rename(beside, path, error);
  if (!error) return {};
  unlink(beside.c_str());
  return failed("kept", path, error);
}

}  // namespace pyserver::kernels
