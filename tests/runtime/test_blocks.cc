// Small blocks that a thread keeps: reuse, the bound, and other threads.
#include "runtime/blocks.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <thread>
#include <utility>
#include <vector>

namespace gossamer::rt::test_blocks {
namespace {

TEST(Blocks, AreTakenAgainByTheThreadThatGaveThemBack) {
  release_blocks();
  for (const size_t bytes : {size_t{0}, size_t{1}, size_t{32}, size_t{33}, kLargestBlock}) {
    void* const block = take_block(bytes);
    give_block(block, bytes);
    EXPECT_EQ(take_block(bytes), block) << bytes;
    give_block(block, bytes);
  }
  EXPECT_EQ(kept_block_bytes(), 32 + 64 + static_cast<int64_t>(kLargestBlock));
  std::thread([] {
    EXPECT_EQ(kept_block_bytes(), 0);
    EXPECT_EQ(release_blocks(), 0);
  }).join();
  EXPECT_EQ(release_blocks(), 32 + 64 + static_cast<int64_t>(kLargestBlock));
  EXPECT_EQ(kept_block_bytes(), 0);
}

TEST(Blocks, AreKeptUpToTheBoundAndLargerOnesNot) {
  release_blocks();
  give_block(take_block(kLargestBlock + 1), kLargestBlock + 1);
  EXPECT_EQ(kept_block_bytes(), 0);
  std::vector<void*> blocks(static_cast<size_t>(kKeptBlockBytes / 512 + 10));
  for (void*& block : blocks) block = take_block(512);
  for (void* const block : blocks) give_block(block, 512);
  EXPECT_EQ(kept_block_bytes(), kKeptBlockBytes);
  EXPECT_EQ(release_blocks(), kKeptBlockBytes);
}

TEST(Blocks, MayBeGivenBackByAnotherThreadWhichEnds) {
  std::vector<std::pair<void*, size_t>> blocks;
  for (size_t i = 0; i < 1000; ++i) {
    const size_t bytes = i * 37 % 1300;
    blocks.emplace_back(take_block(bytes), bytes);
    std::memset(blocks.back().first, static_cast<int>(i), bytes);
  }
  std::thread([&] {
    give_block(take_block(1), 1);  // a thread keeps blocks from the first that it takes
    for (const auto& [block, bytes] : blocks) give_block(block, bytes);
    EXPECT_GT(kept_block_bytes(), 32);
  }).join();
}

}  // namespace
}  // namespace gossamer::rt::test_blocks
