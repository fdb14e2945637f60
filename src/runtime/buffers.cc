#include "runtime/buffers.h"

#include <pthread.h>
#include <sys/mman.h>

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <new>
#include <vector>

#include "gossamer/runtime.h"
#include "runtime/blocks.h"
#include "runtime/poison.h"
#include "runtime/simd.h"

namespace gossamer::rt {

namespace {

constexpr size_t kAlignment = 64;
// Sizes are rounded up to this, so that almost equal ones meet.
constexpr int64_t kRounding = int64_t{4} << 10;

int64_t capacity_for(int64_t bytes) {
  if (bytes < kSmallestKeptBuffer || bytes > kLargestKeptBuffer) return bytes;
  return (bytes - 1) / kRounding * kRounding + kRounding;
}

enum class Pages { Small, Huge };

// For the whole huge pages within. What is too large to be kept is made of new pages each time, and of 4 KiB each they
// cost more than most operations: exp of 32 Mi elements, forward and backward, takes 127 ms with them and 33 ms with
// huge ones. Dense weights of 2 to 9 MiB are read 1.09 times as fast from huge ones.
void ask_for(Pages pages, std::byte* data, int64_t bytes) {
#ifdef MADV_HUGEPAGE
  constexpr uintptr_t kHugePage = uintptr_t{2} << 20;
  const auto address = reinterpret_cast<uintptr_t>(data);
  const uintptr_t begin = (address + kHugePage - 1) / kHugePage * kHugePage;
  const uintptr_t end = (address + static_cast<uintptr_t>(bytes)) / kHugePage * kHugePage;
  if (begin >= end) return;
  madvise(data + (begin - address), end - begin,
          pages == Pages::Huge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);  // only a hint
#endif
}

// Whoever has a tensor has this file.
[[gnu::used]] const bool* const kSimdEnvironment = &simd_environment_applied;

class Keeper {
 public:
  Keeper() { kept_.reserve(kKeptBuffers); }

  // The last one of this size that was given back, which is the likeliest to be in cache, or null.
  std::byte* take(int64_t capacity) {
    const std::lock_guard lock(mutex_);
    for (size_t i = kept_.size(); i-- > 0;) {
      if (kept_[i].capacity != capacity) continue;
      std::byte* const data = kept_[i].data;
      kept_.erase(kept_.begin() + static_cast<std::ptrdiff_t>(i));
      bytes_ -= capacity;
      ASAN_UNPOISON_MEMORY_REGION(data, static_cast<size_t>(capacity));
      return data;
    }
    return nullptr;
  }

  void give(std::byte* data, int64_t capacity) noexcept {
    const std::lock_guard lock(mutex_);
    drop_to(kKeptBuffers - 1, kKeptBufferBytes - capacity);
    ASAN_POISON_MEMORY_REGION(data, static_cast<size_t>(capacity));
    kept_.push_back({data, capacity});
    bytes_ += capacity;
  }

  // Returns the bytes that were kept.
  int64_t clear() noexcept {
    const std::lock_guard lock(mutex_);
    const int64_t bytes = bytes_;
    drop_to(0, 0);
    return bytes;
  }

  int64_t bytes() {
    const std::lock_guard lock(mutex_);
    return bytes_;
  }

  std::mutex& mutex() { return mutex_; }

 private:
  struct Buffer {
    std::byte* data;
    int64_t capacity;
  };

  void drop_to(int64_t buffers, int64_t bytes) noexcept {
    auto end = kept_.begin();
    for (; kept_.end() - end > buffers || bytes_ > bytes; ++end) {
      ASAN_UNPOISON_MEMORY_REGION(end->data, static_cast<size_t>(end->capacity));
      delete_buffer(end->data);
      bytes_ -= end->capacity;
    }
    kept_.erase(kept_.begin(), end);
  }

  std::mutex mutex_;
  std::vector<Buffer> kept_;  // in the order in which they were given back; never grows beyond what was reserved
  int64_t bytes_ = 0;
};

// Never destroyed: tensors of static storage duration may outlive any other static object.
Keeper& keeper() {
  static Keeper& instance = *new Keeper;
  return instance;
}

// No other thread is changing the list while the process is copied.
[[maybe_unused]] const int g_registered = pthread_atfork(
    [] { keeper().mutex().lock(); }, [] { keeper().mutex().unlock(); }, [] { keeper().mutex().unlock(); });

}  // namespace

// Through operator new, so that an application that replaces it sees every byte of the library. Aligned by hand: glibc
// asks itself for more than it hands out aligned, so that memory that came back never fits the next request of its
// size. The heap of a small GPT grew to 42 MiB in 5000 steps, with 3 in use.
std::byte* new_buffer(int64_t bytes) {
  const auto allocate = [bytes] {
    auto* const block = static_cast<std::byte*>(::operator new(static_cast<size_t>(bytes) + kAlignment));
    const size_t offset = kAlignment - reinterpret_cast<uintptr_t>(block) % kAlignment;
    std::byte* const data = block + offset;
    data[-1] = std::byte(offset);
    ASAN_POISON_MEMORY_REGION(block, offset);
    ASAN_POISON_MEMORY_REGION(data + bytes, kAlignment - offset);
    ask_for(Pages::Huge, data, bytes);
    return data;
  };
  try {
    return allocate();
  } catch (const std::bad_alloc&) {
    keeper().clear();
    return allocate();
  }
}

void delete_buffer(std::byte* data) noexcept {
  if (data == nullptr) return;
  ASAN_UNPOISON_MEMORY_REGION(data - 1, 1);
  ::operator delete(data - std::to_integer<size_t>(data[-1]));
}

std::byte* take_buffer(int64_t bytes) {
  const int64_t capacity = capacity_for(bytes);
  const bool may_be_kept = capacity >= kSmallestKeptBuffer && capacity <= kLargestKeptBuffer;
  std::byte* const kept = may_be_kept ? keeper().take(capacity) : nullptr;
  return kept != nullptr ? kept : new_buffer(capacity);
}

void give_buffer(std::byte* data, int64_t bytes) noexcept {
  const int64_t capacity = capacity_for(bytes);
  if (data == nullptr || capacity < kSmallestKeptBuffer || capacity > kLargestKeptBuffer) return delete_buffer(data);
  keeper().give(data, capacity);
}

SmallPages::SmallPages(std::byte* data, int64_t bytes) : data_(data), bytes_(bytes > kLargestKeptBuffer ? bytes : 0) {
  ask_for(Pages::Small, data_, bytes_);
}
SmallPages::~SmallPages() { ask_for(Pages::Huge, data_, bytes_); }

}  // namespace gossamer::rt

namespace gossamer {

int64_t cached_memory() { return rt::keeper().bytes() + rt::kept_block_bytes(); }
int64_t release_cached_memory() { return rt::keeper().clear() + rt::release_blocks(); }

}  // namespace gossamer
