#include "cli/output.h"

#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <system_error>

#include "runtime/check.h"

namespace gossamer::cli {

namespace {

constexpr int kSignals[] = {SIGINT, SIGTERM};

// Only what a signal handler may call. The default action follows, so that the shell sees what ended the program.
void end_line(int signal) {
  static_cast<void>(!write(STDOUT_FILENO, "\n", 1));
  std::signal(signal, SIG_DFL);
  static_cast<void>(std::raise(signal));
}

}  // namespace

void flush_output() {
  errno = 0;
  if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0) return;
  fail<StateError>("standard output", "what is printed must be written",
                   errno == 0 ? "some of it is lost" : std::generic_category().message(errno));
}

// A signal that is ignored, as under nohup, stays so.
LineGuard::LineGuard() {
  for (const int signal : kSignals) {
    if (std::signal(signal, end_line) == SIG_IGN) std::signal(signal, SIG_IGN);
  }
}

LineGuard::~LineGuard() {
  for (const int signal : kSignals) {
    if (std::signal(signal, SIG_DFL) == SIG_IGN) std::signal(signal, SIG_IGN);
  }
}

}  // namespace gossamer::cli
