// What the address sanitizer is told beside ASAN_OPTIONS.
#if defined(__SANITIZE_ADDRESS__)

extern "C" __attribute__((visibility("default"))) const char* __asan_default_options();

// The double's kernels are libraries with thread-local variables. glibc places them where the search for leaks does not
// expect them (it reads their size from before them), and dies.
extern "C" const char* __asan_default_options() { return "intercept_tls_get_addr=0"; }

#endif
