#include "cuda/pinned_blocks.h"

#include <algorithm>
#include <bit>
#include <iterator>

namespace pyserver::cuda {

int PinnedBlocks::class_of(std::size_t bytes) noexcept {
  return std::max(bytes <= 1 ? 0 : static_cast<int>(std::bit_width(bytes - 1)), kSmallestClass);
}

void PinnedBlocks::add_chunk(std::byte* chunk) {
  // All that may throw comes first, and again by the factor that a vector grows by.
  const std::size_t room = std::bit_ceil(chunks_ + 1);
  idle_.reserve(room);
  Region& region = regions_[chunk];
  region.begin = chunk;
  region.bytes = kChunkBytes;
  idle_.push_back(&region);
  ++chunks_;
}

void PinnedBlocks::add_large(std::byte* block, std::size_t bytes) {
  Region& region = regions_[block];
  region.begin = block;
  region.bytes = bytes;
  region.size_class = kLarge;
  ++in_use_;
}

std::byte* PinnedBlocks::take(std::size_t bytes) {
  const int size_class = class_of(bytes);
  auto& open = open_[static_cast<std::size_t>(size_class)];
  if (open.empty()) {
    if (idle_.empty()) return nullptr;
    cut_idle_chunk(size_class);
  }
  Region& chunk = *open.back();
  const std::size_t number = chunk.free.back();
  chunk.free.pop_back();
  if (chunk.free.empty()) open.pop_back();
  ++in_use_;
  return chunk.begin + (number << size_class);
}

void PinnedBlocks::cut_idle_chunk(int size_class) {
  auto& open = open_[static_cast<std::size_t>(size_class)];
  // Room for every chunk, so that giving a block back never needs memory.
  open.reserve(std::bit_ceil(chunks_));
  Region& chunk = *idle_.back();
  const std::size_t blocks = blocks_of(size_class);
  chunk.free.reserve(blocks);
  for (std::size_t number = blocks; number > 0; --number) chunk.free.push_back(static_cast<std::uint16_t>(number - 1));
  chunk.size_class = size_class;
  idle_.pop_back();
  open.push_back(&chunk);
}

PinnedBlocks::GivenBack PinnedBlocks::give_back(const std::byte* block, std::size_t max_idle_bytes) noexcept {
  const auto found = find(block);
  if (found == regions_.end()) return {};
  --in_use_;
  Region& region = regions_.find(found->first)->second;
  GivenBack given{.found = true};
  if (region.size_class != kLarge) {
    const int size_class = region.size_class;
    auto& open = open_[static_cast<std::size_t>(size_class)];
    if (region.free.empty()) open.push_back(&region);
    region.free.push_back(static_cast<std::uint16_t>(static_cast<std::size_t>(block - region.begin) >> size_class));
    if (region.free.size() < blocks_of(size_class)) return given;
    std::erase(open, &region);
    region.free.clear();
    region.size_class = kIdle;
    if ((idle_.size() + 1) * kChunkBytes <= max_idle_bytes) {
      idle_.push_back(&region);
      return given;
    }
    --chunks_;
  }
  given.region = region.begin;
  given.region_bytes = region.bytes;
  regions_.erase(found);
  return given;
}

bool PinnedBlocks::contains(std::span<const std::byte> bytes) const noexcept {
  const auto region = find(bytes.data());
  return region != regions_.end() &&
         bytes.size() <= region->second.bytes - static_cast<std::size_t>(bytes.data() - region->first);
}

PinnedBlocks::Regions::const_iterator PinnedBlocks::find(const std::byte* address) const noexcept {
  const auto after = regions_.upper_bound(address);
  if (after == regions_.begin()) return regions_.end();
  const auto region = std::prev(after);
  return static_cast<std::size_t>(address - region->first) < region->second.bytes ? region : regions_.end();
}

}  // namespace pyserver::cuda
