// fake_nvrtc: a test double of libnvrtc.so: the same source becomes a shared object for the host, which the double of
// the driver loads as if it were a cubin. It takes programs with one kernel, and the options of the real one, of which
// the host's compiler gets what it has, too; an option that the real one does not know is an error here, too.
//
// The environment: FAKE_NVRTC_LOG, a file that gets a line for each program that is compiled.
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <regex>
#include <string>
#include <utility>
#include <vector>

#define EXPORTED extern "C" __attribute__((visibility("default")))

namespace {

enum Result {
  kSuccess = 0,
  kInvalidInput = 3,
  kInvalidProgram = 4,
  kInvalidOption = 5,
  kCompilation = 6,
  kInternal = 11
};

constexpr std::array kArchitectures = {75, 80, 86, 89, 90, 100, 120};

struct Program {
  std::string source;
  std::string name;
  std::vector<std::pair<std::string, std::string>> headers;  // names and texts
  std::string log;
  std::string cubin;
};

// Gone with its files, whatever happens.
class Folder {
 public:
  Folder() {
    std::string name = (std::filesystem::temp_directory_path() / "fake_nvrtc.XXXXXX").string();
    if (mkdtemp(name.data()) != nullptr) path_ = name;
  }
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  std::string file(const std::string& name) const { return (path_ / name).string(); }
  bool made() const { return !path_.empty(); }

 private:
  std::filesystem::path path_;
};

void write_file(const std::string& path, const std::string& text) { std::ofstream(path, std::ios::binary) << text; }

std::string read_file(const std::string& path) {
  std::ifstream stream(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
}

// Whether the command ended well; what it says goes to the file `log`.
bool run(const std::vector<std::string>& command, const std::string& log) {
  std::vector<char*> arguments;
  for (const std::string& argument : command) arguments.push_back(const_cast<char*>(argument.c_str()));
  arguments.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, log.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  // Without what a test preloads for the process under test.
  std::vector<char*> environment;
  for (char** variable = environ; *variable != nullptr; ++variable) {
    if (std::strncmp(*variable, "LD_", 3) != 0) environment.push_back(*variable);
  }
  environment.push_back(nullptr);
  pid_t child = 0;
  const int failed = posix_spawnp(&child, arguments.front(), &actions, nullptr, arguments.data(), environment.data());
  posix_spawn_file_actions_destroy(&actions);
  int status = 0;
  if (failed != 0) return false;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

// The kernel's name; empty where there is not exactly one.
std::string kernel_of(const Program& program) {
  const std::regex kernel("extern \"C\" __global__ void (\\w+)\\(");
  std::vector<std::string> names;
  const auto find = [&](const std::string& text) {
    for (std::sregex_iterator at(text.begin(), text.end(), kernel), end; at != end; ++at) names.push_back((*at)[1]);
  };
  find(program.source);
  for (const auto& [name, text] : program.headers) {
    if (program.source.find("#include \"" + name + "\"") != std::string::npos) find(text);
  }
  return names.size() == 1 ? names.front() : "";
}

bool knows(const std::string& option) {
  const std::regex known(
      "--gpu-architecture=sm_[0-9]+|--std=c\\+\\+(17|20)|--(fmad|ftz|prec-div|prec-sqrt)=(true|false)");
  return std::regex_match(option, known);
}

std::string host_option(const std::string& option) {
  if (option.starts_with("--std=")) return option.substr(1);
  if (option == "--fmad=false") return "-ffp-contract=off";
  return option == "--fmad=true" ? "-ffp-contract=fast" : "";
}

void count_program(const Program& program) {
  if (const char* const path = std::getenv("FAKE_NVRTC_LOG"))
    std::ofstream(path, std::ios::app) << program.name << "\n";
}

Result compile(Program& program, const std::vector<std::string>& options) {
  const std::string kernel = kernel_of(program);
  if (kernel.empty()) {
    program.log = "fake_nvrtc takes programs with one kernel: extern \"C\" __global__ void NAME(…)";
    return kCompilation;
  }
  const Folder folder;
  if (!folder.made()) return kInternal;
  for (const auto& [name, text] : program.headers) write_file(folder.file(name), text);
  write_file(folder.file("program.cc"), program.source + "\nFAKE_MODULE(" + kernel + ")\n");
  std::vector<std::string> command = {FAKE_NVRTC_COMPILER,
                                      "-O1",
                                      "-w",
                                      "-shared",
                                      "-fPIC",
                                      "-fvisibility=hidden",
                                      "-x",
                                      "c++",
                                      "-I",
                                      FAKE_NVRTC_FOLDER,
                                      "-include",
                                      "kernel_prelude.h"};
  for (const std::string& option : options) {
    if (const std::string own = host_option(option); !own.empty()) command.push_back(own);
  }
  command.insert(command.end(),
                 {folder.file("program.cc"), "-x", "none", FAKE_NVRTC_RUNNER, "-o", folder.file("module.so")});
  if (!run(command, folder.file("log"))) {
    program.log = read_file(folder.file("log"));
    return kCompilation;
  }
  program.cubin = read_file(folder.file("module.so"));
  count_program(program);
  return kSuccess;
}

}  // namespace

EXPORTED int nvrtcVersion(int* major, int* minor) {
  *major = 13;
  *minor = 0;
  return kSuccess;
}

EXPORTED int nvrtcGetNumSupportedArchs(int* count) {
  *count = static_cast<int>(kArchitectures.size());
  return kSuccess;
}

EXPORTED int nvrtcGetSupportedArchs(int* numbers) {
  std::ranges::copy(kArchitectures, numbers);
  return kSuccess;
}

EXPORTED int nvrtcCreateProgram(Program** program, const char* source, const char* name, int headers,
                                const char* const* texts, const char* const* names) {
  if (program == nullptr || source == nullptr || headers < 0) return kInvalidInput;
  *program = new Program{source, name != nullptr ? name : "default_program", {}, {}, {}};
  for (int at = 0; at < headers; ++at) (*program)->headers.emplace_back(names[at], texts[at]);
  return kSuccess;
}

EXPORTED int nvrtcDestroyProgram(Program** program) {
  if (program == nullptr || *program == nullptr) return kInvalidProgram;
  delete *program;
  *program = nullptr;
  return kSuccess;
}

EXPORTED int nvrtcCompileProgram(Program* program, int count, const char* const* options) {
  if (program == nullptr) return kInvalidProgram;
  const std::vector<std::string> given(options, options + count);
  for (const std::string& option : given) {
    if (knows(option)) continue;
    program->log = "nvrtc: error: unrecognized option " + option;
    return kInvalidOption;
  }
  return compile(*program, given);
}

EXPORTED int nvrtcGetProgramLogSize(Program* program, std::size_t* bytes) {
  if (program == nullptr) return kInvalidProgram;
  *bytes = program->log.size() + 1;
  return kSuccess;
}

EXPORTED int nvrtcGetProgramLog(Program* program, char* text) {
  if (program == nullptr) return kInvalidProgram;
  std::memcpy(text, program->log.c_str(), program->log.size() + 1);
  return kSuccess;
}

EXPORTED int nvrtcGetCUBINSize(Program* program, std::size_t* bytes) {
  if (program == nullptr) return kInvalidProgram;
  *bytes = program->cubin.size();
  return kSuccess;
}

EXPORTED int nvrtcGetCUBIN(Program* program, char* bytes) {
  if (program == nullptr) return kInvalidProgram;
  std::ranges::copy(program->cubin, bytes);
  return kSuccess;
}

EXPORTED const char* nvrtcGetErrorString(int result) {
  switch (result) {
    case kSuccess: return "NVRTC_SUCCESS";
    case kInvalidInput: return "NVRTC_ERROR_INVALID_INPUT";
    case kInvalidProgram: return "NVRTC_ERROR_INVALID_PROGRAM";
    case kInvalidOption: return "NVRTC_ERROR_INVALID_OPTION";
    case kCompilation: return "NVRTC_ERROR_COMPILATION";
    case kInternal: return "NVRTC_ERROR_INTERNAL_ERROR";
    default: return "NVRTC_ERROR unknown";
  }
}
