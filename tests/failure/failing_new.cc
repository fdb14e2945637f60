#include "tests/failure/failing_new.h"

#include <malloc.h>

#include <atomic>
#include <cstdlib>
#include <new>

#include "gossamer/runtime.h"

namespace gossamer::test {
namespace {

std::atomic<int64_t> g_live{0};
std::atomic<int64_t> g_live_bytes{0};
std::atomic<int64_t> g_peak_bytes{0};
std::atomic<int64_t> g_left{0};  // allocations until one fails; 0: none does
std::atomic<bool> g_from_then_on{false};
std::atomic<bool> g_fired{false};
std::atomic<int64_t> g_callbacks_left{0};
std::atomic<bool> g_callback_fired{false};

bool fails() {
  if (g_fired.load(std::memory_order_relaxed) && g_from_then_on.load(std::memory_order_relaxed)) return true;
  if (g_left.load(std::memory_order_relaxed) <= 0 || g_left.fetch_sub(1) != 1) return false;
  g_fired = true;
  return true;
}

void* count(void* p) {
  if (p == nullptr) return p;
  g_live.fetch_add(1, std::memory_order_relaxed);
  const auto size = static_cast<int64_t>(malloc_usable_size(p));
  const int64_t bytes = g_live_bytes.fetch_add(size, std::memory_order_relaxed) + size;
  for (int64_t peak = g_peak_bytes; peak < bytes && !g_peak_bytes.compare_exchange_weak(peak, bytes);) continue;
  return p;
}

void* allocate(size_t size) { return fails() ? nullptr : count(std::malloc(size == 0 ? 1 : size)); }

void* allocate(size_t size, std::align_val_t alignment) {
  const auto a = static_cast<size_t>(alignment);
  return fails() ? nullptr : count(std::aligned_alloc(a, (size + a) / a * a));
}

void release(void* p) {
  if (p == nullptr) return;
  g_live.fetch_sub(1, std::memory_order_relaxed);
  g_live_bytes.fetch_sub(static_cast<int64_t>(malloc_usable_size(p)), std::memory_order_relaxed);
  std::free(p);
}

void* or_throw(void* p) {
  if (p == nullptr) throw std::bad_alloc();
  return p;
}

}  // namespace

int64_t live_allocations() { return g_live.load(); }

PeakMemory::PeakMemory() : before_(g_live_bytes) { g_peak_bytes = before_; }
int64_t PeakMemory::bytes() const { return g_peak_bytes - before_; }

FailingNew::FailingNew(int64_t nth, Fails fails) {
  release_cached_memory();  // what is kept would be taken without an allocation
  g_fired = false;
  g_from_then_on = fails == Fails::FromThenOn;
  g_left = nth;
}
FailingNew::~FailingNew() {
  g_left = 0;
  g_from_then_on = false;
}
bool FailingNew::fired() { return g_fired; }

void callback() {
  if (g_callbacks_left.load() <= 0 || g_callbacks_left.fetch_sub(1) != 1) return;
  g_callback_fired = true;
  throw Refusal();
}

FailingCallback::FailingCallback(int64_t nth) {
  g_callback_fired = false;
  g_callbacks_left = nth;
}
FailingCallback::~FailingCallback() { g_callbacks_left = 0; }
bool FailingCallback::fired() { return g_callback_fired; }

}  // namespace gossamer::test

using gossamer::test::allocate;
using gossamer::test::or_throw;
using gossamer::test::release;

void* operator new(size_t size) { return or_throw(allocate(size)); }
void* operator new(size_t size, std::align_val_t alignment) { return or_throw(allocate(size, alignment)); }
// std::stable_sort asks this way.
void* operator new(size_t size, const std::nothrow_t&) noexcept { return allocate(size); }
void operator delete(void* p) noexcept { release(p); }
void operator delete(void* p, size_t) noexcept { release(p); }
void operator delete(void* p, std::align_val_t) noexcept { release(p); }
void operator delete(void* p, size_t, std::align_val_t) noexcept { release(p); }
