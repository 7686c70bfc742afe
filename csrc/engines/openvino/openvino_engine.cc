#include "engines/openvino/openvino_engine.h"

#include <utility>

#include "base/text.h"
#include "engines/openvino/compilation.h"
#include "engines/openvino/error_text.h"
#include "engines/openvino/float_environment.h"
#include "engines/openvino/model_reader.h"
#include "engines/openvino/openvino_instance.h"
#include "engines/openvino/shape_guard.h"
#include "engines/openvino/signature_completion.h"
#include "inference/row_probe.h"
#include "openvino/core/version.hpp"

namespace pyserver {
namespace {

class OpenVinoEngine final : public Engine {
 public:
  OpenVinoEngine(ov::Core core, const ov::Model& model, ModelSignature signature, std::vector<CompiledForm> forms)
      : core_(std::move(core)), signature_(std::move(signature)), guard_(model, signature_), forms_(std::move(forms)) {}

  std::string_view name() const noexcept override { return "openvino"; }
  std::string_view device() const noexcept override { return "CPU"; }
  const ModelSignature& signature() const noexcept override { return signature_; }

  std::vector<InstanceGroup> instance_groups() const override {
    std::vector<InstanceGroup> groups;
    for (const CompiledForm& form : forms_) groups.push_back(form.group);
    return groups;
  }

  Result<std::unique_ptr<EngineInstance>> create_instance(std::size_t group) override {
    if (group >= forms_.size()) {
      return invalid_argument(concat("there are ", forms_.size(), " instance groups, and no group ", group));
    }
    const FloatEnvironment kept;
    try {
      CompiledForm& form = forms_[group];
      const int threads = form.group.count * form.group.threads;
      return std::unique_ptr<EngineInstance>(
          std::make_unique<OpenVinoInstance>(form.model, threads, signature_, guard_));
    } catch (const std::exception& exception) {
      return internal_error(concat("OpenVINO cannot make an instance: ", condensed(exception)));
    }
  }

 private:
  ov::Core core_;  // first, so that OpenVINO's CPU plugin outlives what it compiled
  const ModelSignature signature_;
  ShapeGuard guard_;
  std::vector<CompiledForm> forms_;
};

Status about_file(const std::string& path, const Status& status) {
  return {status.code(),
          concat("the model file ", pyserver::quoted(path, 1024), " cannot be used: ", status.message())};
}

Result<std::unique_ptr<Engine>> make_engine(const std::string& path, const ModelOverrides& overrides,
                                            const OpenVinoOptions& options) {
  try {
    ov::Core core;
    auto model = read_openvino_model(core, path);
    if (!model.ok()) return std::move(model).status();
    auto signature = complete_signature(**model, overrides);
    if (!signature.ok()) return about_file(path, signature.status());
    auto forms = compile_forms(core, *model, options);
    if (!forms.ok()) return about_file(path, forms.status());
    return std::unique_ptr<Engine>(
        std::make_unique<OpenVinoEngine>(std::move(core), **model, *std::move(signature), *std::move(forms)));
  } catch (const std::exception& exception) {
    return about_file(path, invalid_argument(condensed(exception)));
  }
}

// Whether the engine batches only because its shapes look so, and its rows influence one another all the same.
Result<bool> batches_by_mistake(Engine& engine, const ModelOverrides& overrides) {
  if (overrides.max_batch_size || !engine.signature().batches()) return false;
  auto instance = engine.create_instance(0);
  if (!instance.ok()) return std::move(instance).status();
  // Where the probe knows nothing, what shape inference has proved stands.
  return mixes_rows(engine.signature(), **instance).value_or(false);
}

}  // namespace

Result<std::unique_ptr<Engine>> make_openvino_engine(const std::string& path, const ModelOverrides& overrides,
                                                     const OpenVinoOptions& options) {
  const FloatEnvironment kept;
  auto engine = make_engine(path, overrides, options);
  if (!engine.ok()) return engine;
  const auto mistaken = batches_by_mistake(**engine, overrides);
  if (!mistaken.ok()) return about_file(path, mistaken.status());
  if (!*mistaken) return engine;
  ModelOverrides unbatched = overrides;
  unbatched.max_batch_size = 0;
  return make_engine(path, unbatched, options);
}

Result<ModelSignature> inspect_openvino_model(const std::string& path) {
  try {
    ov::Core core;
    auto model = read_openvino_model(core, path);
    if (!model.ok()) return std::move(model).status();
    auto signature = complete_signature(**model, {});
    if (!signature.ok()) return about_file(path, signature.status());
    return signature;
  } catch (const std::exception& exception) {
    return about_file(path, invalid_argument(condensed(exception)));
  }
}

Result<std::string> openvino_version() { return std::string(ov::get_openvino_version().buildNumber); }

}  // namespace pyserver
