// Requests of the Open Inference Protocol whose tensors lie in shared memory, from bytes to answer.
#include <gtest/gtest.h>

#include <future>

#include "codec/wire_message.h"
#include "server/gated_service.h"
#include "support/shared_object.h"

namespace pyserver::test {
namespace {

std::string place(std::uint32_t field, std::string_view region, std::uint64_t offset, std::uint64_t byte_size) {
  const auto parameter = [&](std::string_view key, const std::string& value) {
    return sized(field, sized(1, key) + sized(2, value));
  };
  return parameter("shared_memory_region", sized(3, region)) +
         parameter("shared_memory_byte_size", number(2, byte_size)) +
         parameter("shared_memory_offset", number(2, offset));
}

// The model "double" takes FP32 [rows, 2] in "x" and doubles it into "y".
std::string double_message(const std::string& input_parameters, const std::string& output_parameters,
                           const std::string& contents = {}) {
  return sized(1, "double") +
         sized(5, sized(1, "x") + sized(2, "FP32") + sized(3, varint(1) + varint(2)) + input_parameters) +
         sized(6, sized(1, "y") + output_parameters) + contents;
}

// A GPU's memory, for models that do not read it.
class DeviceRegion final : public Region {
 public:
  DeviceRegion() : Region(64) {}
  Status read(std::size_t, std::span<std::byte>) const override { return internal_error("not on the CPU"); }
  Status write(std::size_t, std::span<const std::byte>) const override { return internal_error("not on the CPU"); }
  std::optional<DeviceAddress> device_address() const noexcept override { return DeviceAddress{0, 0x7000}; }
};

class OneDevice final : public DeviceMemoryImporter {
 public:
  Result<std::shared_ptr<const Region>> open(std::span<const std::byte, kIpcHandleBytes>, int, std::size_t) override {
    return std::shared_ptr<const Region>(std::make_shared<DeviceRegion>());
  }
};

struct Regions {
  OneDevice gpu;
  RegionTable regions{&gpu};
};

// The region "r" holds two inputs of 8 bytes, and room for an output.
class SharedTensors : public testing::Test, protected Regions, protected GatedService {
 protected:
  SharedTensors() : GatedService(GatedEngine::Takes::kOnePiece, &regions) {
    EXPECT_TRUE(regions.register_system("r", object.key(), 0, object.contents().size()).ok());
    serve("double", 1);
  }

  std::future<Outcome> infer(std::string message) {
    return GatedService::infer(Protocol::kModelInfer, std::move(message));
  }
  std::string output() const { return object.contents().substr(16); }

  const SharedObject object{raw<float>({1, 2, 3, 4, 0, 0, 0, 0})};
};

TEST_F(SharedTensors, TheOutputIsWrittenAndNotSent) {
  const Outcome outcome = infer(double_message(place(4, "r", 0, 8), place(2, "r", 16, 16))).get();
  ASSERT_TRUE(outcome.status.ok()) << outcome.status.message();
  EXPECT_EQ(output(), raw<float>({2, 4, 0, 0}));
  EXPECT_EQ(outcome.response.find(raw<float>({2, 4})), std::string::npos);
  EXPECT_NE(outcome.response.find("shared_memory_byte_size"), std::string::npos);
}

TEST_F(SharedTensors, RequestsOfOneBatchReadAndWriteEachItsOwnPlaces) {
  gate.close();
  auto first = infer(double_message("", "", sized(7, raw<float>({9, 9}))));
  gate.await(1);
  auto second = infer(double_message(place(4, "r", 0, 8), place(2, "r", 16, 8)));
  auto third = infer(double_message(place(4, "r", 8, 8), place(2, "r", 24, 8)));
  gate.open();
  ASSERT_TRUE(second.get().status.ok());
  ASSERT_TRUE(third.get().status.ok());
  ASSERT_TRUE(first.get().status.ok());
  EXPECT_EQ(gate.executed_rows(), (std::vector<std::int64_t>{1, 2}));
  EXPECT_EQ(output(), raw<float>({2, 4, 6, 8}));
}

TEST_F(SharedTensors, APlaceThatIsTooSmallIsRefusedAndNothingIsWritten) {
  const Outcome outcome = infer(double_message(place(4, "r", 0, 8), place(2, "r", 16, 7))).get();
  EXPECT_EQ(outcome.status, invalid_argument("model 'double': output 'y': parameter 'shared_memory_byte_size': "
                                             "expected at least 8 bytes for FP32 of shape [1, 2], got 7 in shared "
                                             "memory region 'r'"));
  EXPECT_EQ(output(), std::string(16, '\0'));
}

TEST_F(SharedTensors, ARegionThatIsUnregisteredMeanwhileStillTakesTheOutput) {
  gate.close();
  auto answer = infer(double_message(place(4, "r", 0, 8), place(2, "r", 16, 8)));
  gate.await(1);
  ASSERT_TRUE(regions.unregister_system("r").ok());
  gate.open();
  EXPECT_TRUE(answer.get().status.ok());
  EXPECT_EQ(output(), raw<float>({2, 4, 0, 0}));
  EXPECT_EQ(infer(double_message(place(4, "r", 0, 8), "")).get().status.code(), StatusCode::kInvalidArgument);
}

TEST_F(SharedTensors, AnObjectThatIsTruncatedMeanwhileIsTheCallersError) {
  gate.close();
  auto answer = infer(double_message(place(4, "r", 0, 8), place(2, "r", 16, 8)));
  gate.await(1);
  object.truncate_from_outside(20);
  gate.open();
  const Status status = answer.get().status;
  EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
  EXPECT_NE(status.message().find("was truncated after it was registered: expected at least 24 bytes, got 20"),
            std::string::npos)
      << status.message();
}

TEST_F(SharedTensors, AnInputOnAGpuIsRefusedByAModelOnTheCpu) {
  ASSERT_TRUE(regions.register_cuda("gpu", std::array<std::byte, kIpcHandleBytes>{}, 0, 64).ok());
  EXPECT_EQ(infer(double_message(place(4, "gpu", 0, 8), "")).get().status,
            invalid_argument("model 'double': input 'x' lies in CUDA shared memory on device 0, which engine gated on "
                             "CPU does not read: send its contents, or put them into system shared memory"));
}

}  // namespace
}  // namespace pyserver::test
