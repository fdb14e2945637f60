#include "runtime/scratch.h"

#include <new>
#include <utility>

namespace gossamer::rt {

namespace {

constexpr std::align_val_t kAlignment{64};

struct Buffer {
  std::byte* data = nullptr;
  int64_t capacity = 0;
  ~Buffer() { ::operator delete(data, kAlignment); }
};
thread_local Buffer t_kept;

}  // namespace

Scratch::Scratch(int64_t bytes) {
  if (t_kept.capacity >= bytes && t_kept.data != nullptr) {
    data_ = std::exchange(t_kept.data, nullptr);
    capacity_ = std::exchange(t_kept.capacity, 0);
    return;
  }
  data_ = static_cast<std::byte*>(::operator new(static_cast<size_t>(bytes), kAlignment));
  capacity_ = bytes;
}

Scratch::~Scratch() {
  if (capacity_ <= kKeptBytes && capacity_ > t_kept.capacity) {
    std::swap(data_, t_kept.data);
    std::swap(capacity_, t_kept.capacity);
  }
  ::operator delete(data_, kAlignment);
}

}  // namespace gossamer::rt
