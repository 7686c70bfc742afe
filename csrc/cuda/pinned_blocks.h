// PinnedBlocks: the books of page-locked memory: which blocks are in use, cut from which regions. It knows no driver.
//
// A region is a chunk, cut into equal blocks of a power of two, or one large block. Thread-compatible: const functions
// may run at once.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <vector>

namespace pyserver::cuda {

class PinnedBlocks {
 public:
  static constexpr std::size_t kChunkBytes = std::size_t{2} << 20;

  // Blocks above half a chunk are large: each is a region of its own.
  static bool is_large(std::size_t bytes) noexcept { return bytes > kChunkBytes / 2; }

  // Adds a chunk of kChunkBytes, none of it in use. Throws std::bad_alloc, and then has not added it.
  void add_chunk(std::byte* chunk);
  // Adds a large block, in use. Throws likewise.
  void add_large(std::byte* block, std::size_t bytes);
  // A free block for `bytes`, which are not large; nullptr where a chunk must be added first. Throws likewise.
  std::byte* take(std::size_t bytes);

  struct GivenBack {
    bool found = false;            // whether `block` lies in a region
    std::byte* region = nullptr;   // of which no block is in use any more, removed; null where it is kept
    std::size_t region_bytes = 0;  // of `region`
  };
  // Idle chunks are kept up to `max_idle_bytes`, large blocks never.
  GivenBack give_back(const std::byte* block, std::size_t max_idle_bytes) noexcept;

  bool contains(std::span<const std::byte> bytes) const noexcept;
  std::size_t in_use() const noexcept { return in_use_; }
  // Calls `see(region)` for each.
  template <typename See>
  void each_region(See see) const {
    for (const auto& [begin, region] : regions_) see(region.begin);
  }

 private:
  static constexpr int kSmallestClass = 8;  // 256 B
  static constexpr int kLargestClass = 20;  // 1 MiB
  static constexpr int kLarge = -1;         // the class of a region that is one block
  static constexpr int kIdle = -2;          // the class of a chunk without a block in use

  struct Region {
    std::byte* begin = nullptr;
    std::size_t bytes = 0;
    int size_class = kIdle;
    std::vector<std::uint16_t> free;  // numbers of the free blocks, with room for all
  };
  using Regions = std::map<const std::byte*, Region>;

  static int class_of(std::size_t bytes) noexcept;
  static std::size_t blocks_of(int size_class) noexcept { return kChunkBytes >> size_class; }
  Regions::const_iterator find(const std::byte* address) const noexcept;
  void cut_idle_chunk(int size_class);

  Regions regions_;                                           // by their beginnings
  std::vector<Region*> idle_;                                 // chunks, with room for all
  std::array<std::vector<Region*>, kLargestClass + 1> open_;  // by class: chunks with a free block, with room for all
  std::size_t chunks_ = 0;
  std::size_t in_use_ = 0;
};

}  // namespace pyserver::cuda
