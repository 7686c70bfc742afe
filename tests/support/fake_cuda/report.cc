#include "report.h"

#include <unistd.h>

#include <cstdio>

#include "exported.h"

namespace fake_cuda {

void Faults::report(const std::string& text) {
  note(text);
  if (!collecting_) end_process();
}

void Faults::note(const std::string& text) {
  if (collecting_) {
    texts_.push_back(text);
  } else {
    std::fprintf(stderr, "fake_cuda: %s\n", text.c_str());
  }
}

void end_process() {
  std::fflush(nullptr);
  _exit(kFakeFaultExit);
}

}  // namespace fake_cuda
