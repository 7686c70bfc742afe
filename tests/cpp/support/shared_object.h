// A POSIX shared memory object, as a client makes one.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <string>
#include <string_view>

namespace pyserver::test {

class SharedObject {
 public:
  explicit SharedObject(std::string_view contents)
      : key_("/pyserver-test-" + std::to_string(::getpid()) + "-" + next()) {
    descriptor_ = ::shm_open(key_.c_str(), O_CREAT | O_EXCL | O_RDWR, 0600);
    EXPECT_GE(descriptor_, 0);
    write(contents);
  }
  SharedObject(const SharedObject&) = delete;
  SharedObject& operator=(const SharedObject&) = delete;
  ~SharedObject() {
    ::close(descriptor_);
    unlink();
  }

  const std::string& key() const { return key_; }
  void unlink() const { ::shm_unlink(key_.c_str()); }
  void write(std::string_view contents) const {
    EXPECT_EQ(::pwrite(descriptor_, contents.data(), contents.size(), 0), static_cast<ssize_t>(contents.size()));
  }
  std::string contents() const {
    struct stat told{};
    EXPECT_EQ(::fstat(descriptor_, &told), 0);
    std::string all(static_cast<std::size_t>(told.st_size), '\0');
    EXPECT_EQ(::pread(descriptor_, all.data(), all.size(), 0), told.st_size);
    return all;
  }
  // By another process, as a client would.
  void truncate_from_outside(off_t size) const {
    const pid_t child = ::fork();
    if (child == 0) ::_exit(::ftruncate(descriptor_, size) == 0 ? 0 : 1);
    int status = -1;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_EQ(status, 0);
  }
  int descriptor() const { return descriptor_; }

 private:
  static std::string next() {
    static std::atomic<int> made{0};
    return std::to_string(++made);
  }

  const std::string key_;
  int descriptor_ = -1;
};

}  // namespace pyserver::test
