// Region: memory of a client that the server reads inputs from and writes outputs to.
//
// The client writes to it and cuts it off whenever it likes. So the server never works on a region's bytes where they
// lie: what was checked could be something else a moment later, and a page that is gone would end the process. It
// copies, by calls that fail where memory is missing: docs/decisions/0011.
//
// Thread-safe. Whoever uses a region holds it, so it stays usable after it was unregistered.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include "base/status.h"

namespace pyserver {

// A place in the memory of a GPU.
struct DeviceAddress {
  int device = 0;
  std::uint64_t address = 0;
};

class Region {
 public:
  Region(const Region&) = delete;
  Region& operator=(const Region&) = delete;
  virtual ~Region() = default;

  std::size_t size() const noexcept { return size_; }

  // Copies from, or to, the bytes at `offset`; the caller has checked that they lie within size(). INVALID_ARGUMENT
  // where the client has taken the memory away since.
  virtual Status read(std::size_t offset, std::span<std::byte> to) const = 0;
  virtual Status write(std::size_t offset, std::span<const std::byte> from) const = 0;

  // Where the region begins, if it lies on a GPU: then it is used there, and read() need not be called.
  virtual std::optional<DeviceAddress> device_address() const noexcept { return std::nullopt; }

 protected:
  explicit Region(std::size_t size) noexcept : size_(size) {}

 private:
  const std::size_t size_;
};

// A part of a region, which a request names for one of its tensors. Lies within it.
struct SharedPlace {
  std::shared_ptr<const Region> region;  // null: the tensor travels in the message
  std::string_view region_name;
  std::size_t offset = 0;
  std::size_t byte_size = 0;
};

}  // namespace pyserver
