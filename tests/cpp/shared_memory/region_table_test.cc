#include "shared_memory/region_table.h"

#include <gtest/gtest.h>

#include <string>
#include <thread>

#include "support/shared_object.h"

namespace pyserver {
namespace {

using test::SharedObject;

// A GPU's memory that nobody touches: the table only hands it on.
class GivenRegion final : public Region {
 public:
  GivenRegion(DeviceAddress begin, std::size_t size, std::atomic<int>& open)
      : Region(size), begin_(begin), open_(open) {
    ++open_;
  }
  ~GivenRegion() override { --open_; }
  Status read(std::size_t, std::span<std::byte>) const override { return internal_error("not on the CPU"); }
  Status write(std::size_t, std::span<const std::byte>) const override { return internal_error("not on the CPU"); }
  std::optional<DeviceAddress> device_address() const noexcept override { return begin_; }

 private:
  const DeviceAddress begin_;
  std::atomic<int>& open_;
};

class Importer final : public DeviceMemoryImporter {
 public:
  Result<std::shared_ptr<const Region>> open(std::span<const std::byte, kIpcHandleBytes>, int device,
                                             std::size_t byte_size) override {
    if (device > 0) return invalid_argument("there is no device 1");
    return std::shared_ptr<const Region>(
        std::make_shared<GivenRegion>(DeviceAddress{device, 0x7000}, byte_size, open_regions));
  }
  std::atomic<int> open_regions{0};
};

constexpr std::array<std::byte, kIpcHandleBytes> kHandle{};

void expect_refused(const Status& status, StatusCode code, std::string_view reason) {
  EXPECT_EQ(status.code(), code);
  EXPECT_NE(status.message().find(reason), std::string::npos) << status.message();
}

TEST(RegionTable, FindsPlacesInARegionByItsName) {
  const SharedObject object("0123456789");
  RegionTable table;
  ASSERT_TRUE(table.register_system("r", object.key(), 2, 8).ok());
  const auto place = table.find("r", 3, 5);
  ASSERT_TRUE(place.ok()) << place.status().message();
  EXPECT_EQ(place->region_name, "r");
  EXPECT_EQ(place->offset, 3u);
  EXPECT_EQ(place->byte_size, 5u);
  std::string got(5, ' ');
  ASSERT_TRUE(place->region->read(place->offset, std::as_writable_bytes(std::span(got))).ok());
  EXPECT_EQ(got, "56789");
}

TEST(RegionTable, RefusesPlacesThatAreNone) {
  const SharedObject object("0123456789");
  RegionTable table;
  ASSERT_TRUE(table.register_system("r", object.key(), 0, 8).ok());
  expect_refused(table.find("q", 0, 1).status(), StatusCode::kInvalidArgument,
                 "shared memory region 'q' is not registered");
  EXPECT_TRUE(table.find("r", 8, 0).ok());
  for (const auto& [offset, byte_size] : std::initializer_list<std::pair<std::uint64_t, std::uint64_t>>{
           {0, 9}, {8, 1}, {9, 0}, {UINT64_MAX, 1}, {1, UINT64_MAX}, {UINT64_MAX - 3, 8}}) {
    expect_refused(table.find("r", offset, byte_size).status(), StatusCode::kInvalidArgument,
                   "expected a place within the 8 bytes of shared memory region 'r', got");
  }
}

TEST(RegionTable, KeepsANameForItsFirstRegion) {
  const SharedObject object("0123456789");
  Importer importer;
  RegionTable table(&importer);
  ASSERT_TRUE(table.register_system("r", object.key(), 0, 8).ok());
  expect_refused(table.register_system("r", object.key(), 0, 4), StatusCode::kAlreadyExists, "'r' is registered");
  expect_refused(table.register_cuda("r", kHandle, 0, 4), StatusCode::kAlreadyExists, "'r' is registered");
  ASSERT_TRUE(table.unregister_system("r").ok());
  EXPECT_TRUE(table.register_system("r", object.key(), 0, 4).ok());
}

TEST(RegionTable, RefusesNamesThatAreNone) {
  RegionTable table;
  for (const std::string& name : {std::string(), std::string(256, 'x')}) {
    expect_refused(table.register_system(name, "/x", 0, 1), StatusCode::kInvalidArgument, "a name of 1 to 255 bytes");
  }
}

TEST(RegionTable, NamesTheRegionThatCannotBeOpened) {
  RegionTable table;
  expect_refused(table.register_system("r", "a/b", 0, 1), StatusCode::kInvalidArgument,
                 "shared memory region 'r': expected the name of a POSIX shared memory object");
}

TEST(RegionTable, TellsWhatIsRegistered) {
  const SharedObject object("0123456789");
  Importer importer;
  RegionTable table(&importer);
  ASSERT_TRUE(table.register_system("b", object.key(), 2, 8).ok());
  ASSERT_TRUE(table.register_system("a", object.key(), 0, 1).ok());
  ASSERT_TRUE(table.register_cuda("c", kHandle, 0, 99).ok());
  const auto all = table.system_regions("");
  ASSERT_EQ(all->size(), 2u);
  EXPECT_EQ(all->at(0).name, "a");
  const auto one = table.system_regions("b");
  ASSERT_EQ(one->size(), 1u);
  EXPECT_EQ(one->at(0).key, object.key());
  EXPECT_EQ(one->at(0).offset, 2u);
  EXPECT_EQ(one->at(0).byte_size, 8u);
  EXPECT_EQ(table.cuda_regions("c")->at(0).byte_size, 99u);
  expect_refused(table.system_regions("c").status(), StatusCode::kNotFound, "there is no system shared memory region");
  expect_refused(table.cuda_regions("a").status(), StatusCode::kNotFound, "there is no CUDA shared memory region");
}

TEST(RegionTable, UnregistersOneOrAllOfAKind) {
  const SharedObject object("0123456789");
  Importer importer;
  RegionTable table(&importer);
  ASSERT_TRUE(table.register_system("a", object.key(), 0, 1).ok());
  ASSERT_TRUE(table.register_system("b", object.key(), 0, 1).ok());
  ASSERT_TRUE(table.register_cuda("c", kHandle, 0, 1).ok());
  EXPECT_TRUE(table.unregister_system("nobody").ok());
  expect_refused(table.unregister_system("c"), StatusCode::kInvalidArgument, "'c' is no system shared memory");
  ASSERT_TRUE(table.unregister_system("a").ok());
  EXPECT_FALSE(table.find("a", 0, 1).ok());
  EXPECT_TRUE(table.find("b", 0, 1).ok());
  ASSERT_TRUE(table.unregister_system("").ok());
  EXPECT_TRUE(table.system_regions("")->empty());
  EXPECT_EQ(importer.open_regions, 1);
  ASSERT_TRUE(table.unregister_cuda("").ok());
  EXPECT_EQ(importer.open_regions, 0);
}

TEST(RegionTable, LetsARegionLiveAsLongAsSomebodyUsesIt) {
  Importer importer;
  RegionTable table(&importer);
  ASSERT_TRUE(table.register_cuda("r", kHandle, 0, 8).ok());
  std::optional<SharedPlace> place = *table.find("r", 0, 8);
  ASSERT_TRUE(table.unregister_cuda("r").ok());
  EXPECT_EQ(importer.open_regions, 1);
  place.reset();
  EXPECT_EQ(importer.open_regions, 0);
}

TEST(RegionTable, SaysWhatIsMissingWhereThereIsNoGpu) {
  RegionTable table;
  EXPECT_FALSE(table.has_gpus());
  expect_refused(table.register_cuda("r", kHandle, 0, 8), StatusCode::kUnavailable, "libcuda.so.1");
}

TEST(RegionTable, RefusesCudaMemoryThatIsNone) {
  Importer importer;
  RegionTable table(&importer);
  const auto half = std::span(kHandle).first(32);
  expect_refused(table.register_cuda("r", half, 0, 8), StatusCode::kInvalidArgument, "handle of 64 bytes, got 32");
  expect_refused(table.register_cuda("r", kHandle, -1, 8), StatusCode::kInvalidArgument, "the number of a GPU, got -1");
  expect_refused(table.register_cuda("r", kHandle, INT64_MAX, 8), StatusCode::kInvalidArgument, "number of a GPU");
  expect_refused(table.register_cuda("r", kHandle, 1, 8), StatusCode::kInvalidArgument, "'r': there is no device 1");
  expect_refused(table.register_cuda("r", kHandle, 0, 0), StatusCode::kInvalidArgument, "at least 1 byte, got 0");
}

TEST(RegionTable, TakesNoMoreRegionsThanItsLimit) {
  Importer importer;
  RegionTable table(&importer);
  for (std::size_t index = 0; index < RegionTable::kMaxRegions; ++index) {
    ASSERT_TRUE(table.register_cuda(std::to_string(index), kHandle, 0, 1).ok());
  }
  expect_refused(table.register_cuda("more", kHandle, 0, 1), StatusCode::kResourceExhausted, "at most 1024");
  ASSERT_TRUE(table.unregister_cuda("7").ok());
  EXPECT_TRUE(table.register_cuda("more", kHandle, 0, 1).ok());
}

TEST(RegionTable, GivesANameOnceWhereManyAskAtTheSameTime) {
  const SharedObject object("0123456789");
  RegionTable table;
  for (int turn = 0; turn < 200; ++turn) {
    std::atomic<int> registered{0};
    std::vector<std::thread> threads;
    for (int thread = 0; thread < 4; ++thread) {
      threads.emplace_back([&] {
        if (table.register_system("r", object.key(), 0, 10).ok()) ++registered;
        const auto place = table.find("r", 0, 10);
        std::string got(10, ' ');
        EXPECT_TRUE(place.ok() && place->region->read(0, std::as_writable_bytes(std::span(got))).ok());
      });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(registered, 1);
    ASSERT_TRUE(table.unregister_system("r").ok());
  }
}

}  // namespace
}  // namespace pyserver
