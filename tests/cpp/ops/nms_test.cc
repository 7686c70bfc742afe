#include <cmath>

#include "ops/op_testing.h"
#include "ops/suppression.h"

namespace pyserver {
namespace {

// A picture of 200 × 100, scaled by 0.5 and placed at (10, 20) of the model's.
const PictureGeometry kGeometry{
    .source_width = 200, .source_height = 100, .scale_x = 0.5, .scale_y = 0.5, .offset_x = 10, .offset_y = 20};

class NmsTest : public OpTest {
 protected:
  std::vector<float> detections(const Options& options) {
    const auto chain = chain_of({{"nms", options}}, {Datatype::kFp32, {-1, 5}});
    EXPECT_TRUE(chain.ok()) << chain.status().message();
    // One inside of the picture, one that sticks out of it on every side.
    const auto row = bytes_of(std::vector<float>{20, 30, 30, 40, 0.75, -5, -5, 500, 500, 0.5});
    context_.geometry = kGeometry;
    return numbers_in<float>(run(*chain, {"", Datatype::kFp32, {2, 5}, row}));
  }

  const Options options_{{"boxes", std::string("xyxy")}, {"max_detections", std::int64_t{2}}};
};

TEST_F(NmsTest, BoxesAreThoseOfTheCallersPictureAndDoNotLeaveIt) {
  EXPECT_EQ(detections(options_), (std::vector<float>{20, 20, 40, 40, 0.75, 0, 0, 0, 200, 100, 0.5, 0}));
}

TEST_F(NmsTest, BoxesStayThoseOfTheModelWhereThatIsAskedForOrThereIsNoPicture) {
  Options options = options_;
  options.emplace("coordinates", std::string("model"));
  EXPECT_EQ(detections(options), (std::vector<float>{20, 30, 30, 40, 0.75, 0, -5, -5, 500, 500, 0.5, 0}));
}

TEST_F(NmsTest, WithoutMemoryTheRowIsRefused) {
  const auto chain = chain_of({{"nms", {}}}, {Datatype::kFp32, {-1, 5}});
  const auto pool = BufferPool::create(allocator_, {.max_bytes = 1, .max_idle_bytes = 0});
  ChainContext context(*pool);
  const auto row = bytes_of(std::vector<float>(5));
  std::vector<std::byte> output(300 * 6 * sizeof(float));
  EXPECT_EQ(chain->run({"", Datatype::kFp32, {1, 5}, row}, output, context),
            resource_exhausted("nms: no memory for 1 boxes"));
}

TEST(SuppressionTest, OverlapIsIntersectionOverUnion) {
  EXPECT_EQ(overlap_of({0, 0, 2, 2}, {1, 0, 3, 2}), 1.0F / 3);
  EXPECT_EQ(overlap_of({0, 0, 2, 2}, {2, 0, 4, 2}), 0);
  EXPECT_EQ(overlap_of({0, 0, 2, 2}, {0, 0, 2, 2}), 1);
  EXPECT_TRUE(std::isnan(overlap_of({1, 1, 1, 1}, {1, 1, 1, 1})));
}

TEST(SuppressionTest, OnlyTheHighestCandidatesAreLookedAt) {
  std::vector<Detection> detections;
  for (std::uint32_t place = 0; place < 100; ++place) {
    const auto x = static_cast<float>(10 * place);
    detections.push_back({{x, 0, x + 1, 1}, static_cast<float>(place % 10), 0, place});
  }
  ASSERT_EQ(suppress(detections, 0.5F, true, 12, 100), 12U);
  EXPECT_EQ(detections[0].place, 9U);
  EXPECT_EQ(detections[9].place, 99U);
  EXPECT_EQ(detections[10].place, 8U);
  EXPECT_EQ(detections[11].place, 18U);
}

}  // namespace
}  // namespace pyserver
