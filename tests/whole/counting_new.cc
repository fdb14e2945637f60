// Replaces the global operator new of the test program; the shared library's calls end here too.
#include "tests/whole/counting_new.h"

#include <malloc.h>

#include <atomic>
#include <cstdlib>
#include <new>

namespace gossamer::test {
namespace {

std::atomic<int64_t> g_live{0};
std::atomic<int64_t> g_peak{0};
std::atomic<int64_t> g_allocations{0};

void* counted(void* p) {
  if (p == nullptr) throw std::bad_alloc();
  g_allocations.fetch_add(1, std::memory_order_relaxed);
  const auto size = static_cast<int64_t>(malloc_usable_size(p));
  const int64_t live = g_live.fetch_add(size) + size;
  for (int64_t peak = g_peak.load(); live > peak && !g_peak.compare_exchange_weak(peak, live);) {
  }
  return p;
}

void uncounted(void* p) {
  if (p != nullptr) g_live.fetch_sub(static_cast<int64_t>(malloc_usable_size(p)));
  std::free(p);
}

}  // namespace

int64_t live_bytes() { return g_live.load(); }
int64_t allocations() { return g_allocations.load(); }
int64_t peak_bytes() { return g_peak.load(); }
void reset_peak() { g_peak.store(g_live.load()); }

}  // namespace gossamer::test

void* operator new(size_t size) { return gossamer::test::counted(std::malloc(size == 0 ? 1 : size)); }
void* operator new(size_t size, std::align_val_t alignment) {
  const auto a = static_cast<size_t>(alignment);
  return gossamer::test::counted(std::aligned_alloc(a, (size + a) / a * a));
}
// std::stable_sort allocates this way. AddressSanitizer's own operator would answer otherwise, and miss its operator
// delete.
void* operator new(size_t size, const std::nothrow_t&) noexcept {
  try {
    return operator new(size);
  } catch (const std::bad_alloc&) {
    return nullptr;
  }
}
void operator delete(void* p) noexcept { gossamer::test::uncounted(p); }
void operator delete(void* p, size_t) noexcept { gossamer::test::uncounted(p); }
void operator delete(void* p, std::align_val_t) noexcept { gossamer::test::uncounted(p); }
void operator delete(void* p, size_t, std::align_val_t) noexcept { gossamer::test::uncounted(p); }
