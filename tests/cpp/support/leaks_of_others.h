// For calls into a library that leaks, and that is unloaded before the leak sanitizer could name it to a suppression.
#pragma once

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/lsan_interface.h>
#endif

namespace pyserver::test {

// While one lives, what this thread allocates is not reported as leaked.
#if defined(__SANITIZE_ADDRESS__)
using LeaksOfOthers = __lsan::ScopedDisabler;
#else
struct LeaksOfOthers {
  LeaksOfOthers() {}  // not trivial, so that a variable of it is not "unused"
};
#endif

}  // namespace pyserver::test
