// The process's log callback.
#include "runtime/log.h"

#include <pthread.h>

#include <cstdio>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <utility>

#include "gossamer/runtime.h"

namespace gossamer {
namespace {

struct LogState {
  std::mutex mutex;
  std::shared_ptr<const LogCallback> callback;
};

// Never destroyed, so that threads which outlive main may still log.
LogState& log_state() {
  static auto* const state = new LogState;
  return *state;
}

// No other thread is changing the callback while the process is copied.
[[maybe_unused]] const int g_registered = pthread_atfork(
    [] { log_state().mutex.lock(); }, [] { log_state().mutex.unlock(); }, [] { log_state().mutex.unlock(); });

}  // namespace

void set_log_callback(LogCallback callback) {
  auto next = callback ? std::make_shared<const LogCallback>(std::move(callback)) : nullptr;
  LogState& state = log_state();
  const std::scoped_lock lock(state.mutex);
  state.callback.swap(next);
}

namespace rt {

namespace {

std::shared_ptr<const LogCallback> current_callback() {
  LogState& state = log_state();
  const std::scoped_lock lock(state.mutex);
  return state.callback;
}

// One call for the whole line, so that lines of several threads do not mix.
void print_once(std::string_view message) {
  static auto* const printed = new std::set<std::string, std::less<>>;
  {
    LogState& state = log_state();
    const std::scoped_lock lock(state.mutex);
    if (printed->size() >= kMaxPrinted || !printed->emplace(message).second) return;
  }
  const std::string line = fmt::format("gossamer: warning: {}\n", message);
  std::fwrite(line.data(), 1, line.size(), stderr);
}

}  // namespace

bool has_log_callback() noexcept { return current_callback() != nullptr; }

void log(LogLevel level, std::string_view message) noexcept {
  try {
    // Called without the lock: a callback may itself call the library, or replace the callback.
    if (const auto callback = current_callback()) (*callback)(level, message);
  } catch (...) {
  }
}

void warn_text(std::string_view message) noexcept {
  try {
    if (current_callback()) return log(LogLevel::Warning, message);
    print_once(message);
  } catch (...) {
  }
}

}  // namespace rt
}  // namespace gossamer
