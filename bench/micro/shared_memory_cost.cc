// What it costs to take a tensor out of a client's shared memory, and to put one there: as SystemRegion does it, by
// pread and pwrite, and in the ways that it could have been done (docs/decisions/0011).
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "base/clock.h"
#include "shared_memory/system_region.h"

namespace pyserver {
namespace {

constexpr int kRounds = 21;

void require(bool condition, const char* what) {
  if (condition) return;
  std::fprintf(stderr, "%s\n", what);
  std::abort();
}

// The median of kRounds, in microseconds.
template <typename Run>
double median_us(Run&& run) {
  SteadyClock clock;
  std::vector<double> took;
  for (int round = 0; round < kRounds; ++round) {
    const TimePoint began = clock.now();
    run();
    took.push_back(std::chrono::duration<double, std::micro>(clock.now() - began).count());
  }
  std::ranges::sort(took);
  return took[kRounds / 2];
}

std::uint64_t sum_of_words(const std::byte* bytes, std::size_t size) {
  std::uint64_t sum = 0;
  for (std::size_t at = 0; at + sizeof sum <= size; at += sizeof sum) {
    std::uint64_t word;
    std::memcpy(&word, bytes + at, sizeof word);
    sum += word;
  }
  return sum;
}

void measure(std::size_t size) {
  const std::string key = "/pyserver-bench-" + std::to_string(::getpid());
  const int descriptor = ::shm_open(key.c_str(), O_CREAT | O_EXCL | O_RDWR, 0600);
  require(descriptor >= 0 && ::ftruncate(descriptor, static_cast<off_t>(size)) == 0, "no shared memory object");
  void* const mapped = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
  require(mapped != MAP_FAILED, "no mapping");
  const auto region = SystemRegion::open(key, 0, size);
  require(region.ok(), "no region");
  std::vector<std::byte> own(size, std::byte{1});
  std::memset(mapped, 2, size);

  volatile std::uint64_t sum = 0;
  const double in_place = median_us([&] { sum = sum_of_words(static_cast<const std::byte*>(mapped), size); });
  const double copied = median_us([&] { std::memcpy(own.data(), mapped, size); });
  const double read = median_us([&] { require((*region)->read(0, own).ok(), "pread"); });
  const double by_kernel = median_us([&] {
    const iovec to{own.data(), size};
    const iovec from{mapped, size};
    require(::process_vm_readv(::getpid(), &to, 1, &from, 1, 0) == static_cast<ssize_t>(size), "process_vm_readv");
  });
  const double written = median_us([&] { require((*region)->write(0, own).ok(), "pwrite"); });
  std::printf("%9zu B: summed in place %7.1f us, memcpy %7.1f, read() %7.1f, process_vm_readv %7.1f, write() %7.1f\n",
              size, in_place, copied, read, by_kernel, written);
  ::munmap(mapped, size);
  ::close(descriptor);
  ::shm_unlink(key.c_str());
}

}  // namespace
}  // namespace pyserver

int main() {
  for (const std::size_t size :
       {std::size_t{4} << 10, std::size_t{64} << 10, std::size_t{588} << 10, std::size_t{16} << 20}) {
    pyserver::measure(size);
  }
}
