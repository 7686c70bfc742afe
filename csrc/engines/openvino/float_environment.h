// OpenVINO switches subnormal numbers off on the thread that compiles a model, where the model's properties ask for it,
// and leaves them so.
#pragma once

#include <cfenv>

namespace pyserver {

// The calling thread's arithmetic is, when this ends, what it was when this began.
class FloatEnvironment {
 public:
  FloatEnvironment() noexcept { std::fegetenv(&before_); }
  ~FloatEnvironment() { std::fesetenv(&before_); }
  FloatEnvironment(const FloatEnvironment&) = delete;
  FloatEnvironment& operator=(const FloatEnvironment&) = delete;

 private:
  std::fenv_t before_;
};

}  // namespace pyserver
