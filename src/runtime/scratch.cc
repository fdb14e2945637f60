#include "runtime/scratch.h"

#include <new>
#include <utility>

namespace gossamer::rt {

namespace {

constexpr std::align_val_t kAlignment{64};

// The thread's buffer. It has no destructor, so that it may be used at any time: by the destructors of static objects
// and of other thread-locals, which run after this thread's own.
struct Kept {
  std::byte* data;
  int64_t capacity;
  bool may_keep;  // from the first lease until the thread's destructors have run
};
constinit thread_local Kept t_kept{};

// Frees the buffer with the thread; leases after that free theirs at once.
struct KeptOwner {
  KeptOwner() { t_kept.may_keep = true; }
  ~KeptOwner() { ::operator delete(std::exchange(t_kept, Kept{}).data, kAlignment); }
};

void start_keeping() { thread_local const KeptOwner owner; }

}  // namespace

Scratch::Scratch(int64_t bytes) : data_(nullptr), capacity_(0) {
  if (bytes == 0) return;
  if (t_kept.data != nullptr && t_kept.capacity >= bytes) {
    data_ = std::exchange(t_kept.data, nullptr);
    capacity_ = std::exchange(t_kept.capacity, 0);
    return;
  }
  start_keeping();
  data_ = static_cast<std::byte*>(::operator new(static_cast<size_t>(bytes), kAlignment));
  capacity_ = bytes;
}

Scratch::~Scratch() {
  if (t_kept.may_keep && capacity_ <= kKeptBytes && capacity_ > t_kept.capacity) {
    std::swap(data_, t_kept.data);
    std::swap(capacity_, t_kept.capacity);
  }
  ::operator delete(data_, kAlignment);
}

}  // namespace gossamer::rt
