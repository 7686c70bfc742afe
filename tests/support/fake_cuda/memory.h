// The blocks of memory that the double knows: of devices, of the host (page-locked), and of other processes.
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "exported.h"
#include "happens_before.h"

namespace fake_cuda {

// The bytes behind a block, kept by the block and by work that was enqueued while it lived.
class Bytes {
 public:
  // Of device memory: filled with 0xCD, between guards that a kernel which goes beyond its ranges overwrites.
  static std::shared_ptr<Bytes> for_device(std::size_t size);
  // Of page-locked memory. Its address is never used again: the host that uses it afterwards crashes.
  static std::shared_ptr<Bytes> for_host(std::size_t size);
  // Of memory that processes share: a mapping of `file`, which is taken over.
  static std::shared_ptr<Bytes> shared(int file, std::size_t size);
  ~Bytes();
  Bytes(const Bytes&) = delete;
  Bytes& operator=(const Bytes&) = delete;

  std::byte* data() const { return data_; }
  int file() const { return file_; }  // -1: not shared
  bool guards_intact() const;
  // After a report, so that the same step beyond is told once.
  void restore_guards();

 private:
  enum class Kind { kDevice, kHost, kShared };
  Bytes(Kind kind, std::byte* data, std::size_t size, int file) : kind_(kind), data_(data), size_(size), file_(file) {}

  const Kind kind_;
  std::byte* const data_;
  const std::size_t size_;
  const int file_;
};

enum class Where { kDevice, kHost, kImported };

struct Block {
  Where where = Where::kDevice;
  int device = 0;  // of kHost: whose context was current
  CUdeviceptr base = 0;
  std::size_t size = 0;
  std::shared_ptr<Bytes> bytes;  // null once released
  Label allocated_by;
  Label released_by;
  AccessLog log;
  std::string import_key;  // of kImported: the handle
  int imports = 0;         // how often it was opened

  bool living() const { return released_by == nullptr; }
  std::string name() const;  // "the device memory at 0x… (4096 bytes, from cuMemAlloc_v2 (call 12))"
};

// All blocks, also those that were released: an address is never given twice. Guarded by the world's mutex.
class MemoryMap {
 public:
  // Reserves the addresses of `devices` devices, of which none is mapped.
  void reserve(int devices);
  // The next address for `size` bytes on a device; 0 where all have been used.
  CUdeviceptr next_address(int device, std::size_t size);
  std::shared_ptr<Block> add(Where where, int device, CUdeviceptr base, std::size_t size, std::shared_ptr<Bytes> bytes,
                             Label allocated_by);

  // The block that `address` lies in or, within device addresses, the last one before it; null: ordinary host memory.
  std::shared_ptr<Block> find(CUdeviceptr address) const;
  bool is_device_address(CUdeviceptr address) const;
  template <typename See>
  void each(See see) const {
    for (const auto& [base, block] : blocks_) see(block);
  }

 private:
  CUdeviceptr begin_ = 0;
  CUdeviceptr end_ = 0;
  std::vector<CUdeviceptr> next_;  // by device
  std::map<CUdeviceptr, std::shared_ptr<Block>> blocks_;
};

}  // namespace fake_cuda
