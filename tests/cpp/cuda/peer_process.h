// Another process, spoken to by lines. It ends with this object at the latest.
#pragma once

#include <gtest/gtest.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>
#include <utility>

namespace pyserver::cuda {

class PeerProcess {
 public:
  explicit PeerProcess(const char* program) {
    int to[2];
    int from[2];
    EXPECT_EQ(pipe(to), 0);
    EXPECT_EQ(pipe(from), 0);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, to[0], STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, from[1], STDOUT_FILENO);
    for (const int end : {to[0], to[1], from[0], from[1]}) posix_spawn_file_actions_addclose(&actions, end);
    std::string name = program;
    char* const arguments[] = {name.data(), nullptr};
    EXPECT_EQ(posix_spawn(&process_, program, &actions, nullptr, arguments, environ), 0) << program;
    posix_spawn_file_actions_destroy(&actions);
    close(to[0]);
    close(from[1]);
    in_ = to[1];
    out_ = from[0];
  }
  ~PeerProcess() {
    if (process_ > 0) kill(process_, SIGKILL);
    wait();
    close(in_);
    close(out_);
  }
  PeerProcess(const PeerProcess&) = delete;
  PeerProcess& operator=(const PeerProcess&) = delete;

  std::string read_line() {
    std::string line;
    char next = 0;
    while (read(out_, &next, 1) == 1 && next != '\n') line += next;
    return line;
  }
  void write_line(const std::string& line) {
    const std::string text = line + "\n";
    EXPECT_EQ(write(in_, text.data(), text.size()), static_cast<ssize_t>(text.size()));
  }
  // Its exit code; -1 where a signal ended it, or it is waited for again.
  int wait() {
    int status = 0;
    const pid_t process = std::exchange(process_, 0);
    if (process <= 0 || waitpid(process, &status, 0) != process) return -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

 private:
  pid_t process_ = 0;
  int in_ = -1;
  int out_ = -1;
};

}  // namespace pyserver::cuda
