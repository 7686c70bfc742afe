#include "shared_memory/system_region.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

#include "base/text.h"

namespace pyserver {
namespace {

std::string reason(int error) { return std::generic_category().message(error); }

// With its slash.
Result<std::string> object_name(std::string_view key) {
  const std::string_view name = key.starts_with('/') ? key.substr(1) : key;
  const bool is_path = name.find('/') != std::string_view::npos || name == "." || name == "..";
  if (name.empty() || is_path || name.find('\0') != std::string_view::npos) {
    return invalid_argument(
        concat("expected the name of a POSIX shared memory object, such as '/frames', got ", quoted(key)));
  }
  return concat('/', name);
}

Status cannot_open(const std::string& name, int error) {
  const std::string told = concat("shared memory object ", quoted(name), " cannot be opened: ", reason(error));
  switch (error) {
    case ENOENT: return not_found(told);
    case EACCES:
    case EPERM: return {StatusCode::kPermissionDenied, told};
    case EMFILE:
    case ENFILE:
    case ENOMEM: return resource_exhausted(told);
    default: return invalid_argument(told);
  }
}

// The bytes that the object has; INVALID_ARGUMENT for what has none, such as a pipe.
Result<std::size_t> object_size(const std::string& name, int descriptor) {
  struct stat told{};
  if (::fstat(descriptor, &told) != 0) return cannot_open(name, errno);
  if (!S_ISREG(told.st_mode)) {
    return invalid_argument(concat("expected ", quoted(name), " to be a shared memory object, got something else"));
  }
  return static_cast<std::size_t>(std::max<off_t>(told.st_size, 0));
}

Status check_extent(const std::string& name, int descriptor, std::uint64_t offset, std::uint64_t byte_size) {
  const Result<std::size_t> size = object_size(name, descriptor);
  if (!size.ok()) return size.status();
  if (offset <= *size && byte_size <= *size - offset) return {};
  return invalid_argument(concat("expected a region within the ", *size, " bytes of shared memory object ",
                                 quoted(name), ", got ", byte_size, " bytes at offset ", offset));
}

}  // namespace

Result<std::shared_ptr<const Region>> SystemRegion::open(std::string_view key, std::uint64_t offset,
                                                         std::uint64_t byte_size) {
  if (byte_size == 0) return invalid_argument("expected a region of at least 1 byte, got 0");
  Result<std::string> name = object_name(key);
  if (!name.ok()) return std::move(name).status();
  // O_NONBLOCK: something else of that name, a pipe perhaps, must not hold us up.
  const int descriptor = ::shm_open(name->c_str(), O_RDWR | O_NONBLOCK, 0);
  if (descriptor < 0) return cannot_open(*name, errno);
  if (Status status = check_extent(*name, descriptor, offset, byte_size); !status.ok()) {
    ::close(descriptor);
    return status;
  }
  return std::shared_ptr<const Region>(new SystemRegion(*std::move(name), descriptor, offset, byte_size));
}

SystemRegion::~SystemRegion() { ::close(descriptor_); }

Status SystemRegion::truncated(std::size_t end) const {
  const Result<std::size_t> size = object_size(key_, descriptor_);
  return invalid_argument(concat("shared memory object ", quoted(key_), " was truncated after it was registered: ",
                                 "expected at least ", offset_ + end, " bytes, got ", size.ok() ? *size : 0));
}

Status SystemRegion::read(std::size_t offset, std::span<std::byte> to) const {
  std::size_t done = 0;
  while (done < to.size()) {
    const auto at = static_cast<off_t>(offset_ + offset + done);
    const ssize_t count = ::pread(descriptor_, to.data() + done, to.size() - done, at);
    if (count == 0) return truncated(offset + to.size());
    if (count > 0) {
      done += static_cast<std::size_t>(count);
    } else if (errno != EINTR) {
      return internal_error(concat("shared memory object ", quoted(key_), " cannot be read: ", reason(errno)));
    }
  }
  return {};
}

Status SystemRegion::write(std::size_t offset, std::span<const std::byte> from) const {
  // Writing beyond the end would make the object longer again, which its owner does not want. One that is cut off in
  // this moment does grow, up to where the region ends: that harms nobody.
  const Result<std::size_t> size = object_size(key_, descriptor_);
  if (!size.ok()) return size.status();
  if (*size < offset_ + offset + from.size()) return truncated(offset + from.size());
  std::size_t done = 0;
  while (done < from.size()) {
    const auto at = static_cast<off_t>(offset_ + offset + done);
    const ssize_t count = ::pwrite(descriptor_, from.data() + done, from.size() - done, at);
    if (count >= 0) {
      done += static_cast<std::size_t>(count);
    } else if (errno != EINTR) {
      const int error = errno;
      const std::string told = concat("shared memory object ", quoted(key_), " cannot be written: ", reason(error));
      return error == ENOSPC || error == ENOMEM ? resource_exhausted(told) : internal_error(told);
    }
  }
  return {};
}

}  // namespace pyserver
