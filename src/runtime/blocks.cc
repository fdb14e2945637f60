#include "runtime/blocks.h"

#include <array>
#include <new>
#include <utility>

#include "runtime/poison.h"

namespace gossamer {

namespace {

using rt::kKeptBlockBytes;
using rt::kLargestBlock;

constexpr size_t kRounding = 32;
constexpr size_t kSizes = kLargestBlock / kRounding;

struct Block {
  Block* next;
};

// The thread's blocks, by size. It has no destructor, as that of scratch.cc.
struct Kept {
  std::array<Block*, kSizes> first;
  int64_t bytes;
  bool may_keep;  // from the first block until the thread's destructors have run
};
constinit thread_local Kept t_kept{};

struct KeptOwner {
  KeptOwner() { t_kept.may_keep = true; }
  ~KeptOwner() {
    t_kept.may_keep = false;
    rt::release_blocks();
  }
};

void start_keeping() { thread_local const KeptOwner owner; }

size_t index_of(size_t bytes) { return bytes == 0 ? 0 : (bytes - 1) / kRounding; }
size_t size_of(size_t index) { return (index + 1) * kRounding; }

Block* take_kept(size_t index) noexcept {
  Block* const block = t_kept.first[index];
  if (block == nullptr) return nullptr;
  ASAN_UNPOISON_MEMORY_REGION(block, size_of(index));
  t_kept.first[index] = block->next;
  t_kept.bytes -= static_cast<int64_t>(size_of(index));
  return block;
}

}  // namespace

void* take_block(size_t bytes) {
  if (bytes > kLargestBlock) return ::operator new(bytes);
  const size_t index = index_of(bytes);
  if (Block* const block = take_kept(index)) return block;
  start_keeping();
  return ::operator new(size_of(index));
}

void give_block(void* block, size_t bytes) noexcept {
  if (block == nullptr) return;
  const size_t index = index_of(bytes);
  const auto size = static_cast<int64_t>(size_of(index));
  if (bytes > kLargestBlock || !t_kept.may_keep || t_kept.bytes + size > kKeptBlockBytes) {
    return ::operator delete(block);
  }
  t_kept.first[index] = new (block) Block{t_kept.first[index]};
  t_kept.bytes += size;
  ASAN_POISON_MEMORY_REGION(block, size_of(index));
}

int64_t rt::kept_block_bytes() noexcept { return t_kept.bytes; }

int64_t rt::release_blocks() noexcept {
  const int64_t bytes = t_kept.bytes;
  for (size_t index = 0; index < kSizes; ++index) {
    while (Block* const block = take_kept(index)) ::operator delete(block);
  }
  return bytes;
}

}  // namespace gossamer
