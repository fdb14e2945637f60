// Buffers that are kept for the next tensor: reuse, the bound, and threads.
#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <new>
#include <thread>
#include <vector>

#include "gossamer/runtime.h"
#include "runtime/buffers.h"
#include "tests/support/sanitizers.h"

namespace gossamer::rt::test_buffers {
namespace {

constexpr int64_t kMiB = int64_t{1} << 20;

TEST(Buffers, StartAtACacheLine) {
  for (const int64_t bytes : {int64_t{0}, int64_t{1}, int64_t{100}, kSmallestKeptBuffer + 1, 3 * kMiB}) {
    std::byte* const data = take_buffer(bytes);
    ASSERT_NE(data, nullptr);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(data) % 64, 0) << bytes;
    std::memset(data, 1, static_cast<size_t>(bytes));
    give_buffer(data, bytes);
  }
  give_buffer(nullptr, 10);
  give_buffer(nullptr, kMiB);
}

TEST(Buffers, OfASizeComeBackLastFirst) {
  std::byte* const a = take_buffer(kMiB);
  std::byte* const b = take_buffer(kMiB);
  give_buffer(a, kMiB);
  give_buffer(b, kMiB);
  EXPECT_EQ(take_buffer(kMiB), b);
  EXPECT_EQ(take_buffer(kMiB), a);
  std::byte* const larger = take_buffer(2 * kMiB);
  EXPECT_NE(larger, a);
  EXPECT_NE(larger, b);
  give_buffer(larger, 2 * kMiB);
  give_buffer(a, kMiB);
  give_buffer(b, kMiB);
}

TEST(Buffers, ThatAreSmallAreNotKept) {
  const int64_t before = cached_memory();
  give_buffer(take_buffer(kSmallestKeptBuffer - 1), kSmallestKeptBuffer - 1);
  give_buffer(take_buffer(0), 0);
  EXPECT_EQ(cached_memory(), before);
}

TEST(Buffers, KeptNeverExceedTheBound) {
  const int64_t sizes[] = {kMiB, 5 * kMiB, kSmallestKeptBuffer, kLargestKeptBuffer, 3 * kMiB};
  for (const int64_t bytes : sizes) {
    std::vector<std::byte*> taken;
    for (int i = 0; i < 10; ++i) taken.push_back(take_buffer(bytes));
    for (std::byte* const data : taken) {
      give_buffer(data, bytes);
      EXPECT_LE(cached_memory(), kKeptBufferBytes) << bytes;
      EXPECT_GE(cached_memory(), bytes);
    }
  }
  const int64_t before = cached_memory();
  give_buffer(take_buffer(kLargestKeptBuffer + 1), kLargestKeptBuffer + 1);
  EXPECT_EQ(cached_memory(), before);
}

TEST(Buffers, KeptNeverExceedTheirNumber) {
  std::vector<std::byte*> taken;
  for (int64_t i = 0; i < 2 * kKeptBuffers; ++i) taken.push_back(take_buffer(kSmallestKeptBuffer));
  for (std::byte* const data : taken) give_buffer(data, kSmallestKeptBuffer);
  EXPECT_EQ(cached_memory(), kKeptBuffers * kSmallestKeptBuffer);
}

TEST(Buffers, ThatAreSmallServeTheNextOfTheirSize) {
  if (kSanitized) GTEST_SKIP() << "a sanitizer's allocator gives freed memory out late";
  constexpr int64_t kSmall = kSmallestKeptBuffer / 4;
  std::vector<std::byte*> row;
  for (int i = 0; i < 64; ++i) row.push_back(take_buffer(kSmall));
  std::byte* const between = row[40];
  give_buffer(between, kSmall);
  row[40] = take_buffer(kSmall);
  EXPECT_EQ(row[40], between);
  for (std::byte* const data : row) give_buffer(data, kSmall);
}

TEST(Buffers, ThatAreNewAreNotKept) {
  const int64_t before = cached_memory();
  std::byte* const data = new_buffer(kMiB);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(data) % 64, 0);
  delete_buffer(data);
  EXPECT_EQ(cached_memory(), before);
}

TEST(Buffers, GiveBackTheOldestFirst) {
  std::vector<std::byte*> taken;
  for (int64_t i = 0; i < kKeptBufferBytes / kMiB + 1; ++i) taken.push_back(take_buffer(kMiB));
  for (std::byte* const data : taken) give_buffer(data, kMiB);
  for (size_t i = taken.size(); i-- > 1;) EXPECT_EQ(take_buffer(kMiB), taken[i]);
  EXPECT_EQ(cached_memory(), 0);
  for (size_t i = 1; i < taken.size(); ++i) give_buffer(taken[i], kMiB);
}

TEST(Buffers, ThatCannotExistThrowAfterGivingBackWhatIsKept) {
  if (kSanitized) GTEST_SKIP() << "the sanitizers end the program instead of throwing";
  give_buffer(take_buffer(kMiB), kMiB);
  EXPECT_THROW(take_buffer(int64_t{1} << 60), std::bad_alloc);
  EXPECT_EQ(cached_memory(), 0);
}

TEST(Buffers, AreNeverSharedByThreads) {
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([t] {
      for (int round = 0; round < 200; ++round) {
        const int64_t bytes = kSmallestKeptBuffer * (1 + (round + t) % 3);
        std::byte* const data = take_buffer(bytes);
        std::memset(data, t, static_cast<size_t>(bytes));
        for (int64_t i = 0; i < bytes; i += 4096) EXPECT_EQ(static_cast<int>(data[i]), t);
        give_buffer(data, bytes);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace gossamer::rt::test_buffers
