// Requests for the tests of this folder, and what became of them.
#pragma once

#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "inference/request.h"

namespace pyserver {

// How a request ended. Outlives it.
struct Outcome {
  int completions = 0;
  Status status;
  std::vector<TensorView> outputs;
};

class Recorder final : public Completion {
 public:
  explicit Recorder(Outcome& outcome) : outcome_(outcome) {}
  void complete(const Request&, const Status& status, std::span<const TensorView> outputs,
                const std::shared_ptr<const void>&) override {
    outcome_.completions += 1;
    outcome_.status = status;
    outcome_.outputs.assign(outputs.begin(), outputs.end());
  }

 private:
  Outcome& outcome_;
};

// One input of the given shape, without bytes.
inline std::unique_ptr<Request> request_of(Outcome& outcome, Shape shape, TimePoint queued,
                                           Datatype datatype = Datatype::kFp32) {
  auto request = std::make_unique<Request>();
  request->model = "m";
  request->rows = shape.rank() == 0 ? 1 : shape[0];
  request->inputs.push_back({"x", datatype, shape, {}});
  request->timeline.queued = queued;
  request->completion = std::make_unique<Recorder>(outcome);
  return request;
}

inline std::unique_ptr<Request> named(std::string_view id, std::unique_ptr<Request> request) {
  request->id = id;
  return request;
}

// "a b c"
inline std::string ids_of(const std::vector<std::unique_ptr<Request>>& requests) {
  std::string ids;
  for (const auto& request : requests) {
    if (!ids.empty()) ids += ' ';
    ids += request->id;
  }
  return ids;
}

}  // namespace pyserver
