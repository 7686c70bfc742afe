// KernelCache: compiled kernels in files, so that a server that starts again compiles none.
//
// A file has all that its cubin was made from, so that nothing but the same is ever taken for it:
//
//     "pyserver kernel 1\n"   18 bytes
//     sizes                   of the key and the cubin, 8 bytes each, little-endian
//     checksum                of all that follows: 64 bits of FNV-1a, 8 bytes
//     key                     what the compiler was given: its version, its options, the sources
//     cubin
//
// Its name is "kernel-" and the key's 64 bits of FNV-1a in hexadecimal. It is written beside its place and moved there.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace pyserver::kernels {

// Thread-safe; other processes may use the folder at the same time.
class KernelCache {
 public:
  // Keeps nothing where `folder` is empty. It is made when the first kernel is kept.
  explicit KernelCache(std::string folder) : folder_(std::move(folder)) {}

  // Nothing where there is no file for it, or one that is not whole.
  std::optional<std::vector<std::byte>> find(std::string_view key) const;
  // UNAVAILABLE where the file cannot be written.
  Status keep(std::string_view key, std::span<const std::byte> cubin) const;

  // Where the cubin of `key` is kept.
  std::string path_of(std::string_view key) const;

 private:
  const std::string folder_;
};

}  // namespace pyserver::kernels
