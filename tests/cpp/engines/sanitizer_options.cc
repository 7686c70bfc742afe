// OpenVINO's threads wait on a mutex that the thread sanitizer did not see them lock, as their code is not
// instrumented. Its suppressions cannot tell such a report from one about us, so reports about mutexes are off in this
// test program; in all others they are on. Races and deadlocks are still reported here.

#if defined(__SANITIZE_THREAD__)
extern "C" __attribute__((visibility("default"))) const char* __tsan_default_options() { return "report_mutex_bugs=0"; }
#endif
