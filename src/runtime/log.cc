// The process's log callback.
#include "runtime/log.h"

#include <pthread.h>

#include <memory>
#include <mutex>
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

void log(LogLevel level, std::string_view message) {
  std::shared_ptr<const LogCallback> callback;
  {
    LogState& state = log_state();
    const std::scoped_lock lock(state.mutex);
    callback = state.callback;
  }
  // Called without the lock: a callback may itself call the library, or replace the callback.
  if (callback) (*callback)(level, message);
}

}  // namespace rt
}  // namespace gossamer
