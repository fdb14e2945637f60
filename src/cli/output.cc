#include "cli/output.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <string>
#include <system_error>

#include "cli/terminal.h"
#include "runtime/check.h"

namespace gossamer::cli {

namespace {

constexpr int kSignals[] = {SIGINT, SIGTERM};
constexpr int kNone = -1;

// Where a line is being drawn. The handler reads it.
volatile std::sig_atomic_t line_fd = kNone;

void write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = write(fd, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return;
    text.remove_prefix(static_cast<size_t>(written));
  }
}

void draw_line(int fd, std::string_view text) {
  // No escape sequences: spaces cover what stood there on any terminal.
  const auto width = static_cast<size_t>(std::max(columns(fd) - 1, 0));
  std::string line = fmt::format("\r{:<{}}", text, width);
  if (text.empty()) line += '\r';
  write_all(fd, line);
}

// Only what a signal handler may call. The default action follows, so that the shell sees what ended the program.
void end_line(int signal) {
  static_cast<void>(!write(line_fd, "\n", 1));
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

void print_warning(std::string_view text) {
  if (line_fd != kNone) draw_line(line_fd, {});
  fmt::print(stderr, "gossamer: warning: {}\n", printable(text));
}

// A signal that is ignored, as under nohup, stays so.
LineGuard::LineGuard(int fd) {
  line_fd = fd;
  for (const int signal : kSignals) {
    if (std::signal(signal, end_line) == SIG_IGN) std::signal(signal, SIG_IGN);
  }
}

LineGuard::~LineGuard() {
  for (const int signal : kSignals) {
    if (std::signal(signal, SIG_DFL) == SIG_IGN) std::signal(signal, SIG_IGN);
  }
  line_fd = kNone;
}

void LineGuard::draw(std::string_view text) { draw_line(line_fd, text); }

}  // namespace gossamer::cli
