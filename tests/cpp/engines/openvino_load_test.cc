#include <fstream>
#include <limits>

#include "engines/openvino/error_text.h"
#include "engines/openvino_models.h"
#include "support/leaks_of_others.h"

namespace pyserver {
namespace {

using OpenVinoLoad = OpenVinoTest;

class OpenVinoOptionsTest : public OpenVinoTest {
 protected:
  std::string model() {
    const auto x = parameter("x", {-1, 4});
    return save({doubled_and_one("y", x)}, {x});
  }
  std::vector<InstanceGroup> groups(const OpenVinoOptions& options) {
    const auto engine = load(model(), {}, options);
    return engine ? engine->instance_groups() : std::vector<InstanceGroup>{};
  }
};

TEST_F(OpenVinoLoad, SaysThatAFileDoesNotExist) {
  const std::string path = file("nowhere.onnx");
  EXPECT_EQ(refusal(path, {}), concat("the model file '", path, "' does not exist"));
  EXPECT_EQ(inspect_openvino_model(path).status().code(), StatusCode::kInvalidArgument);
}

TEST_F(OpenVinoLoad, NamesAFileThatItCannotReadInOneLine) {
  const test::LeaksOfOthers openvino_frontends;  // eight bytes for a file that is refused
  for (const char* name : {"bad.onnx", "bad.xml", "bad.pb", "bad.tflite", "bad.pdmodel", "bad.bin"}) {
    const std::string path = file(name);
    std::ofstream(path) << "this is no model";
    const std::string message = refusal(path, {});
    EXPECT_TRUE(message.starts_with(concat("the model file '", path, "' cannot be read: "))) << message;
    EXPECT_EQ(message.find("Exception from"), std::string::npos) << message;
    EXPECT_LT(message.size(), 600u);
  }
}

TEST_F(OpenVinoLoad, RefusesAFolderThatHoldsNoModel) {
  std::filesystem::create_directory(file("folder"));
  EXPECT_TRUE(refusal(file("folder"), {}).starts_with("the model file '"));
}

TEST_F(OpenVinoLoad, SaysWhichVersionOfOpenVinoRuns) { EXPECT_TRUE(openvino_version()->starts_with("20")); }

TEST_F(OpenVinoOptionsTest, HasAWideFormForLoneRequestsAndANarrowOneForMany) {
  const auto adaptive = groups(with_threads(2));
  ASSERT_EQ(adaptive.size(), 2u);
  EXPECT_EQ(adaptive[0].count, 1);
  EXPECT_EQ(adaptive[0].threads, 2);
  EXPECT_EQ(adaptive[1].count, 2);
  EXPECT_EQ(adaptive[1].threads, 1);
}

TEST_F(OpenVinoOptionsTest, NeedsNoSecondFormWithOneThread) {
  const auto one = groups(with_threads(1));
  ASSERT_EQ(one.size(), 1u);
  EXPECT_EQ(one[0].count, 1);
  EXPECT_EQ(one[0].threads, 1);
}

TEST_F(OpenVinoOptionsTest, FollowsThePlanAndTheNumberOfInstances) {
  OpenVinoOptions options = with_threads(2);
  options.plan = InstancePlan::kLatency;
  ASSERT_EQ(groups(options).size(), 1u);
  EXPECT_EQ(groups(options)[0].threads, 2);
  options.plan = InstancePlan::kThroughput;
  ASSERT_EQ(groups(options).size(), 1u);
  EXPECT_EQ(groups(options)[0].count, 2);
  options.plan = InstancePlan::kAdaptive;
  options.instances = 1;
  ASSERT_EQ(groups(options).size(), 1u);
  EXPECT_EQ(groups(options)[0].count, 1);
  EXPECT_EQ(groups(options)[0].threads, 2);
}

TEST_F(OpenVinoOptionsTest, RefusesOptionsThatCannotBeKept) {
  const auto with = [](auto change) {
    OpenVinoOptions options = with_threads(2);
    change(options);
    return options;
  };
  const std::vector<std::pair<OpenVinoOptions, std::string>> cases = {
      {with([](auto& o) { o.threads = 0; }), "threads must be at least 1, got 0"},
      {with([](auto& o) { o.instances = -1; }), "instances must not be negative, got -1"},
      {with([](auto& o) { o.instances = 3; }),
       "each instance needs a thread of its own: instances is 3, but threads is 2"},
      {with([](auto& o) { o.precision = "f8"; }), "precision must be 'f32', 'bf16' or 'f16', got 'f8'"},
      {with([](auto& o) { o.properties = {{"NO_SUCH_PROPERTY", "1"}}; }), "NO_SUCH_PROPERTY"},
      {with([](auto& o) { o.properties = {{"CPU_DENORMALS_OPTIMIZATION", "perhaps"}}; }), "CPU_DENORMALS_OPTIMIZATION"},
      {with([](auto& o) { o.properties = {{"NUM_STREAMS", "4"}}; }),
       "property NUM_STREAMS is set by the option 'instances'"},
  };
  const std::string path = model();
  for (const auto& [options, expected] : cases) {
    const std::string message = refusal(path, {}, options);
    EXPECT_NE(message.find(expected), std::string::npos) << message;
    EXPECT_NE(message.find(path), std::string::npos) << message;
  }
}

TEST_F(OpenVinoOptionsTest, TakesOpenVinosOwnPropertiesPinningAndPrecision) {
  OpenVinoOptions options = with_threads(2);
  options.properties = {{"CPU_DENORMALS_OPTIMIZATION", "YES"}};
  options.pinning = false;
  for (const char* precision : {"f32", "bf16"}) {
    options.precision = precision;
    EXPECT_TRUE(load(model(), {}, options));
  }
}

TEST_F(OpenVinoOptionsTest, AModelThatIsComputedWithoutSubnormalsLeavesTheLoadersArithmeticAsItWas) {
  volatile double smallest = std::numeric_limits<double>::min();
  OpenVinoOptions options = with_threads(1);
  options.properties = {{"CPU_DENORMALS_OPTIMIZATION", "YES"}};
  const auto engine = load(model(), {}, options);
  ASSERT_TRUE(engine);
  EXPECT_NE(smallest / 2, 0);
  const auto instance = instance_of(*engine);
  EXPECT_NE(smallest / 2, 0);
  const std::vector<float> values{1, 2, 3, 4};
  const TensorView input = view(Datatype::kFp32, {1, 4}, values);
  std::vector<TensorView> outputs;
  ASSERT_TRUE(instance->execute({&input, 1}, outputs).ok());
  EXPECT_NE(smallest / 2, 0);
}

TEST_F(OpenVinoOptionsTest, KeepsCompiledModelsInItsCacheFolderAndAnswersTheSameFromThere) {
  OpenVinoOptions options = with_threads(2);
  options.cache_folder = file("cache");
  const std::string path = model();
  const std::vector<float> values{1, 2, 3, 4};
  const TensorView input = view(Datatype::kFp32, {1, 4}, values);
  for (int time = 0; time < 2; ++time) {
    const auto engine = load(path, {}, options);
    ASSERT_TRUE(engine);
    for (std::size_t group = 0; group < 2; ++group) {
      const auto instance = instance_of(*engine, group);
      std::vector<TensorView> outputs;
      ASSERT_TRUE(instance->execute({&input, 1}, outputs).ok());
      EXPECT_EQ(values_of<float>(outputs[0]), (std::vector<float>{3, 5, 7, 9}));
    }
  }
  EXPECT_FALSE(std::filesystem::is_empty(file("cache")));
}

TEST(CondensedError, KeepsTheSentenceAndTheNodeAndDropsWhereOpenVinoStumbled) {
  EXPECT_EQ(condensed("Exception from src/inference/core.cpp:84:\nCheck 'a == b' failed at src/frontend.cpp:117:\n"
                      "FrontEnd API failed with GeneralFailure:\nonnx: Could not open the file: \"/m/x.onnx\"\n\n"),
            "onnx: Could not open the file: \"/m/x.onnx\"");
  EXPECT_EQ(condensed("Check 'x' failed at a.hpp:65:\nWhile validating node 'opset1::MatMul M (f32[?,5]) -> (f32[2])' "
                      "with friendly_name 'dense':\nIncompatible dimensions\n"),
            "at node 'dense': Incompatible dimensions");
  EXPECT_EQ(condensed("[CPU] Reshape node with name 'r' Check 'a' failed at b.cpp:77:\nthe shape conflicts\n"),
            "[CPU] Reshape node with name 'r' the shape conflicts");
}

TEST(CondensedError, FallsBackToTheFailedCheckWhenThatIsAllThereIs) {
  EXPECT_EQ(condensed("Exception from a.cpp:1:\nCheck 'rank == 2' failed at b.cpp:2:\n"),
            "Check 'rank == 2' failed at b.cpp:2:");
  EXPECT_EQ(condensed(""), "OpenVINO gave no reason");
}

TEST(CondensedError, IsShortAndHasNoControlCharacters) {
  const std::string text = condensed("a\x01" + std::string(1000, 'b'));
  EXPECT_LE(text.size(), 403u);
  EXPECT_EQ(text.substr(0, 3), "a b");
}

}  // namespace
}  // namespace pyserver
