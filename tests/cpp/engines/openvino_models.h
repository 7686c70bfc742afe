// Small OpenVINO models, written to a folder of their own, and the steps that every engine test takes.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <cstring>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/text.h"
#include "engines/openvino/openvino_engine.h"
#include "openvino/openvino.hpp"
#include "openvino/opsets/opset8.hpp"

namespace pyserver {

class OpenVinoTest : public testing::Test {
 protected:
  OpenVinoTest() {
    static std::atomic<int> next{0};
    folder_ = std::filesystem::temp_directory_path() / concat("pyserver_openvino_", getpid(), "_", next++);
    std::filesystem::create_directories(folder_);
  }
  ~OpenVinoTest() override { std::filesystem::remove_all(folder_); }

  std::string file(const std::string& name) const { return (folder_ / name).string(); }

  // Writes the model as IR and returns the path.
  std::string save(const ov::OutputVector& outputs, const ov::ParameterVector& inputs) {
    ov::ResultVector results;
    for (const auto& output : outputs) results.push_back(std::make_shared<ov::opset8::Result>(output));
    const std::string path = file(concat("model_", saved_++, ".xml"));
    ov::save_model(std::make_shared<ov::Model>(results, inputs), path, false);
    return path;
  }

  std::unique_ptr<Engine> load(const std::string& path, const ModelOverrides& overrides = {},
                               const OpenVinoOptions& options = {}) {
    auto engine = make_openvino_engine(path, overrides, options);
    EXPECT_TRUE(engine.ok()) << engine.status().message();
    return engine.ok() ? *std::move(engine) : nullptr;
  }

  std::string refusal(const std::string& path, const ModelOverrides& overrides, const OpenVinoOptions& options = {}) {
    const auto engine = make_openvino_engine(path, overrides, options);
    EXPECT_EQ(engine.status().code(), StatusCode::kInvalidArgument);
    EXPECT_EQ(engine.status().message().find('\n'), std::string::npos);
    return engine.status().message();
  }

  static std::unique_ptr<EngineInstance> instance_of(Engine& engine, std::size_t group = 0) {
    auto instance = engine.create_instance(group);
    EXPECT_TRUE(instance.ok()) << instance.status().message();
    return instance.ok() ? *std::move(instance) : nullptr;
  }

 private:
  std::filesystem::path folder_;
  int saved_ = 0;
};

inline std::shared_ptr<ov::opset8::Parameter> parameter(const std::string& name, const ov::PartialShape& shape,
                                                        ov::element::Type type = ov::element::f32) {
  auto made = std::make_shared<ov::opset8::Parameter>(type, shape);
  made->set_friendly_name(name);
  made->output(0).set_names({name});
  return made;
}

inline ov::Output<ov::Node> named(const std::string& name, const std::shared_ptr<ov::Node>& node) {
  node->output(0).set_names({name});
  return node->output(0);
}

template <typename T>
std::shared_ptr<ov::Node> constant(const ov::Shape& shape, const std::vector<T>& values) {
  return ov::opset8::Constant::create(ov::element::from<T>(), shape, values);
}

// y = 2 x + 1
inline ov::Output<ov::Node> doubled_and_one(const std::string& name, const ov::Output<ov::Node>& x) {
  const auto twice = std::make_shared<ov::opset8::Multiply>(x, constant<float>({}, {2}));
  return named(name, std::make_shared<ov::opset8::Add>(twice, constant<float>({}, {1})));
}

template <typename T>
TensorView view(Datatype datatype, const Shape& shape, const std::vector<T>& values) {
  TensorView tensor;
  tensor.datatype = datatype;
  tensor.shape = shape;
  tensor.bytes = std::as_bytes(std::span(values));
  return tensor;
}

template <typename T>
std::vector<T> values_of(const TensorView& tensor) {
  std::vector<T> values(tensor.bytes.size() / sizeof(T));
  if (!values.empty()) std::memcpy(values.data(), tensor.bytes.data(), values.size() * sizeof(T));
  return values;
}

inline OpenVinoOptions with_threads(int threads, InstancePlan plan = InstancePlan::kAdaptive) {
  OpenVinoOptions options;
  options.threads = threads;
  options.plan = plan;
  return options;
}

inline TensorSpec tensor_spec(const std::string& name, const Shape& shape, Datatype datatype = Datatype::kFp32) {
  return {.name = name, .datatype = datatype, .shape = shape, .optional = false};
}

}  // namespace pyserver
