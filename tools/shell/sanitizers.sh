# What the sanitizers are told, by ./dev for the C++ tests and by tools/sanitized_behaviour.sh for servers.
# shellcheck shell=bash

# $1: asan or tsan.
tell_sanitizer() {
  # Keeps oneTBB from loading its parts in a way that the sanitizers refuse.
  export TBB_ENABLE_SANITIZERS=1
  if [ "$1" = asan ]; then
    # OpenVINO's frontends ask for absurd sizes when they meet a folder, and take the refusal well.
    export ASAN_OPTIONS=detect_stack_use_after_return=1:strict_string_checks=1:allocator_may_return_null=1
    export UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1
    export LSAN_OPTIONS=suppressions=$PWD/tests/support/lsan.supp:print_suppressions=0
  else
    export TSAN_OPTIONS=suppressions=$PWD/tests/support/tsan.supp:halt_on_error=1:second_deadlock_stack=1:allocator_may_return_null=1
  fi
}
