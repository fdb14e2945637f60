#include "runtime/openblas_callers.h"

#include <fmt/format.h>
#include <pthread.h>
#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <charconv>
#include <cstddef>
#include <mutex>
#include <string_view>

#include "gossamer/error.h"
#include "gossamer/runtime.h"
#include "runtime/check.h"

// OpenBLAS exports them, but no header of it declares the first two. They map a buffer at the first call that finds all
// others in use, and keep it.
extern "C" {
__attribute__((weak)) void* blas_memory_alloc(int kind);
__attribute__((weak)) void blas_memory_free(void* buffer);
char* openblas_get_config();
}

namespace gossamer::rt {

namespace {

// The largest buffer of any of its 64-bit targets, and some memory for what other threads map at the same time.
constexpr size_t kBufferBytes = size_t{128} << 20;
constexpr size_t kSpareBytes = size_t{8} << 20;
constexpr int kMostCallers = 256;

// OpenBLAS has two places for buffers for each of the threads that it was built for, and 50 at least. Its own workers
// and the application's calls get one half.
int most_callers() {
  constexpr std::string_view kKey = "MAX_THREADS=";
  const std::string_view config = openblas_get_config();
  int threads = 0;
  if (const size_t at = config.find(kKey); at != std::string_view::npos) {
    std::from_chars(config.data() + at + kKey.size(), config.data() + config.size(), threads);
  }
  return std::clamp(threads, 25, kMostCallers);
}

bool memory_for_a_buffer() {
  void* const trial =
      mmap(nullptr, kBufferBytes + kSpareBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return trial != MAP_FAILED && munmap(trial, kBufferBytes + kSpareBytes) == 0;
}

// The callers inside and how many may be, in one word: one exchange enters.
class Gate {
 public:
  void enter() {
    while (!try_enter()) {
      grow(1);
      const unsigned word = word_.load();
      if (inside(word) >= limit(word)) word_.wait(word);
    }
  }

  void leave() {
    word_.fetch_sub(1);
    word_.notify_all();
  }

  // Buffers for `more` callers above those there are, or for as many as there is memory and room for.
  void grow(int more) {
    const std::scoped_lock lock(growing_);
    const unsigned now = word_.load();
    if (reserved_ > 0 && inside(now) < reserved_) return;
    if (most_ == 0) most_ = most_callers();
    if (reserved_ < most_ && memory_for_a_buffer()) {
      close();
      reserved_ = std::max(reserved_, map_buffers(std::min(reserved_ + more, most_)));
      open();
    }
    if (reserved_ > 0) return;
    fail<StateError>("dense product",
                     fmt::format("OpenBLAS must be able to map a buffer of {} MiB", kBufferBytes >> 20),
                     "the system refuses it", "raise the limit on the memory of the process");
  }

  // Around a fork: nobody is inside, so that the child finds every buffer free.
  void before_fork() {
    growing_.lock();
    close();
  }
  void after_fork() {
    open();
    growing_.unlock();
  }

 private:
  static int inside(unsigned word) { return static_cast<int>(word & 0xFFFFU); }
  static int limit(unsigned word) { return static_cast<int>(word >> 16U); }

  bool try_enter() {
    unsigned word = word_.load(std::memory_order_relaxed);
    while (inside(word) < limit(word)) {
      if (word_.compare_exchange_weak(word, word + 1, std::memory_order_acquire, std::memory_order_relaxed))
        return true;
    }
    return false;
  }

  // Keeps callers out, and waits for those inside.
  void close() {
    for (unsigned word = word_.fetch_and(0xFFFFU) & 0xFFFFU; word != 0; word = word_.load()) word_.wait(word);
  }
  void open() {
    word_.store(static_cast<unsigned>(reserved_) << 16U);
    word_.notify_all();
  }

  // Holds all buffers at once, so that OpenBLAS maps those that are missing; returns how many it has.
  int map_buffers(int wanted) const {
    if (!blas_memory_alloc || !blas_memory_free) return wanted;
    std::array<void*, kMostCallers> held;
    int count = 0;
    while (count < wanted && (count < std::max(1, reserved_) || memory_for_a_buffer())) {
      held[static_cast<size_t>(count)] = blas_memory_alloc(0);
      if (held[static_cast<size_t>(count)] == nullptr) break;
      ++count;
    }
    for (int i = 0; i < count; ++i) blas_memory_free(held[static_cast<size_t>(i)]);
    return count;
  }

  std::mutex growing_;
  int most_ = 0;  // known from the first growth on
  int reserved_ = 0;
  std::atomic<unsigned> word_{0};
};

// Without constructor and destructor: products may run before main and after it.
constinit Gate g_gate;

[[maybe_unused]] const int g_registered =
    pthread_atfork([] { g_gate.before_fork(); }, [] { g_gate.after_fork(); }, [] { g_gate.after_fork(); });

}  // namespace

OpenBlasCaller::OpenBlasCaller() { g_gate.enter(); }
OpenBlasCaller::~OpenBlasCaller() { g_gate.leave(); }

void reserve_openblas_buffers() { g_gate.grow(max_threads()); }

}  // namespace gossamer::rt
