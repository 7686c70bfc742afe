// SystemRegion: a part of a POSIX shared memory object, which a client has made.
//
// It is read and written through its descriptor and never mapped: no access of the server's can fault, whatever the
// client does with the object, and what is read is a copy that nobody changes. Costs against a mapping: see
// docs/decisions/0011.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "shared_memory/region.h"

namespace pyserver {

class SystemRegion final : public Region {
 public:
  // `key` is the object's name for shm_open(), with or without its leading slash. INVALID_ARGUMENT for a name that is
  // none, and where the object does not reach to offset + byte_size; NOT_FOUND where there is no such object;
  // PERMISSION_DENIED where it is not ours to read and write.
  static Result<std::shared_ptr<const Region>> open(std::string_view key, std::uint64_t offset,
                                                    std::uint64_t byte_size);
  ~SystemRegion() override;

  Status read(std::size_t offset, std::span<std::byte> to) const override;
  Status write(std::size_t offset, std::span<const std::byte> from) const override;

 private:
  SystemRegion(std::string key, int descriptor, std::size_t offset, std::size_t byte_size)
      : Region(byte_size), key_(std::move(key)), descriptor_(descriptor), offset_(offset) {}
  Status truncated(std::size_t end) const;

  const std::string key_;
  const int descriptor_;
  const std::size_t offset_;  // of the region in its object
};

}  // namespace pyserver
