#include "kernels/nvrtc.h"

#include <dlfcn.h>

#include <algorithm>
#include <utility>

#include "base/text.h"

namespace pyserver::kernels {

// As nvrtc.h of CUDA 12 and 13 declares them; its enum is an int, its program an opaque pointer.
struct NvrtcFunctions {
  int (*version)(int* major, int* minor) = nullptr;
  int (*count_architectures)(int* count) = nullptr;
  int (*architectures)(int* numbers) = nullptr;
  int (*create)(void** program, const char* source, const char* name, int headers, const char* const* texts,
                const char* const* names) = nullptr;
  int (*destroy)(void** program) = nullptr;
  int (*compile)(void* program, int count, const char* const* options) = nullptr;
  int (*log_size)(void* program, std::size_t* bytes) = nullptr;
  int (*log)(void* program, char* text) = nullptr;
  int (*cubin_size)(void* program, std::size_t* bytes) = nullptr;
  int (*cubin)(void* program, char* bytes) = nullptr;
  const char* (*error)(int result) = nullptr;
};

namespace {

constexpr const char* kInstall = "Install it: pip install nvidia-cuda-nvrtc";
// Of a log: the first error, not the thousand that follow from it.
constexpr std::size_t kMostLogBytes = 1024;

template <typename Function>
bool look_up(void* library, const char* name, Function& function) {
  function = reinterpret_cast<Function>(dlsym(library, name));
  return function != nullptr;
}

// The name of the first function that is missing; null where none is.
const char* look_up_all(void* library, NvrtcFunctions& functions) {
  const char* missing = nullptr;
  const auto find = [&](const char* name, auto& function) {
    if (!look_up(library, name, function) && missing == nullptr) missing = name;
  };
  find("nvrtcVersion", functions.version);
  find("nvrtcGetNumSupportedArchs", functions.count_architectures);
  find("nvrtcGetSupportedArchs", functions.architectures);
  find("nvrtcCreateProgram", functions.create);
  find("nvrtcDestroyProgram", functions.destroy);
  find("nvrtcCompileProgram", functions.compile);
  find("nvrtcGetProgramLogSize", functions.log_size);
  find("nvrtcGetProgramLog", functions.log);
  find("nvrtcGetCUBINSize", functions.cubin_size);
  find("nvrtcGetCUBIN", functions.cubin);
  find("nvrtcGetErrorString", functions.error);
  return missing;
}

// Destroyed whatever happens. A failure to do so is nobody's business.
class Program {
 public:
  explicit Program(const NvrtcFunctions& functions) : functions_(functions) {}
  ~Program() {
    if (program_ != nullptr) functions_.destroy(&program_);
  }
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  void* get() const noexcept { return program_; }
  void** out() noexcept { return &program_; }

 private:
  const NvrtcFunctions& functions_;
  void* program_ = nullptr;
};

}  // namespace

Nvrtc::Nvrtc(std::unique_ptr<NvrtcFunctions> functions) : functions_(std::move(functions)) {}
Nvrtc::~Nvrtc() = default;

Result<std::shared_ptr<const Nvrtc>> Nvrtc::open(const std::string& library) {
  const std::vector<std::string> names =
      library.empty() ? std::vector<std::string>{"libnvrtc.so.13", "libnvrtc.so.12"} : std::vector{library};
  void* handle = nullptr;
  std::string reasons;
  for (const std::string& name : names) {
    handle = dlopen(name.c_str(), RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    if (handle != nullptr) break;
    const char* const reason = dlerror();
    reasons += concat(reasons.empty() ? "" : "; ", reason != nullptr ? reason : "no reason given");
  }
  if (handle == nullptr) {
    return unavailable(concat("NVIDIA's compiler NVRTC cannot be loaded (", reasons, "). ", kInstall));
  }
  auto functions = std::make_unique<NvrtcFunctions>();
  if (const char* const missing = look_up_all(handle, *functions); missing != nullptr) {
    return unavailable(concat("NVIDIA's compiler NVRTC is too old: it has no ", missing, ". ", kInstall));
  }
  std::shared_ptr<Nvrtc> nvrtc(new Nvrtc(std::move(functions)));
  PYSERVER_RETURN_IF_ERROR(nvrtc->start());
  return std::shared_ptr<const Nvrtc>(std::move(nvrtc));
}

Status Nvrtc::start() {
  PYSERVER_RETURN_IF_ERROR(check(functions_->version(&major_, &minor_), "nvrtcVersion"));
  int count = 0;
  PYSERVER_RETURN_IF_ERROR(check(functions_->count_architectures(&count), "nvrtcGetNumSupportedArchs"));
  architectures_.resize(static_cast<std::size_t>(std::max(count, 0)));
  if (!architectures_.empty()) {
    PYSERVER_RETURN_IF_ERROR(check(functions_->architectures(architectures_.data()), "nvrtcGetSupportedArchs"));
  }
  std::ranges::sort(architectures_);
  return {};
}

Status Nvrtc::check(int result, const char* what) const {
  if (result == 0) return {};
  return internal_error(concat(what, ": ", functions_->error(result), " (", result, ")"));
}

Status Nvrtc::told_by_log(void* program, const Status& failure) const {
  std::size_t bytes = 0;
  if (functions_->log_size(program, &bytes) != 0 || bytes <= 1) return failure;
  std::string log(bytes, '\0');
  if (functions_->log(program, log.data()) != 0) return failure;
  log.resize(std::min(log.find('\0'), kMostLogBytes));
  return {failure.code(), concat(failure.message(), ": ", log)};
}

Result<std::vector<std::byte>> Nvrtc::compile(const std::string& source, const std::string& name,
                                              std::span<const SourceFile> headers,
                                              std::span<const std::string> options) const {
  // NVRTC wants texts that end in 0.
  std::vector<std::string> owned;
  for (const SourceFile& header : headers) {
    owned.emplace_back(header.text);
    owned.emplace_back(header.name);
  }
  std::vector<const char*> texts;
  std::vector<const char*> names;
  for (std::size_t at = 0; at < owned.size(); at += 2) {
    texts.push_back(owned[at].c_str());
    names.push_back(owned[at + 1].c_str());
  }
  std::vector<const char*> arguments;
  for (const std::string& option : options) arguments.push_back(option.c_str());

  Program program(*functions_);
  PYSERVER_RETURN_IF_ERROR(check(functions_->create(program.out(), source.c_str(), name.c_str(),
                                                    static_cast<int>(texts.size()), texts.data(), names.data()),
                                 "nvrtcCreateProgram"));
  const int result = functions_->compile(program.get(), static_cast<int>(arguments.size()), arguments.data());
  if (Status status = check(result, "nvrtcCompileProgram"); !status.ok()) return told_by_log(program.get(), status);
  std::size_t bytes = 0;
  PYSERVER_RETURN_IF_ERROR(check(functions_->cubin_size(program.get(), &bytes), "nvrtcGetCUBINSize"));
  if (bytes == 0) return internal_error("nvrtcGetCUBIN: expected a cubin, got nothing: no GPU was named");
  std::vector<std::byte> cubin(bytes);
  PYSERVER_RETURN_IF_ERROR(
      check(functions_->cubin(program.get(), reinterpret_cast<char*>(cubin.data())), "nvrtcGetCUBIN"));
  return cubin;
}

}  // namespace pyserver::kernels
