// Copies of rows on every target against kernels/reference, of lengths around those of vectors. Arrays end at an
// unreadable page: nothing beyond the last element is touched.
#include "kernels/copy_rows.h"

#include <gtest/gtest.h>

#include <cstdint>

#include "kernels/reference/copy_rows.h"
#include "tests/kernels/guarded_array.h"
#include "tests/kernels/simd_target_test.h"

namespace gossamer::kernels::copy_rows_test {
namespace {

using testing::fill_uniform;
using testing::GuardedArray;

class CopyRowsTest : public testing::SimdTargetTest {};
GOSSAMER_ON_EVERY_SIMD_TARGET(CopyRowsTest);

template <class T>
void expect_rows_of_the_reference() {
  for (int64_t n = 0; n <= 50; ++n) {
    GuardedArray<T> from(3 * 53 + n), to(3 * 51 + n), expected(3 * 51 + n);
    fill_uniform(from.span(), 1);
    fill_uniform(to.span(), 2);
    fill_uniform(expected.span(), 2);
    copy_rows(4, n, from.data(), 53, to.data(), 51);
    reference::copy_rows(4, n, from.data(), 53, expected.data(), 51);
    for (int64_t i = 0; i < to.size(); ++i) ASSERT_EQ(to[i], expected[i]) << i << " of " << n;
  }
}

TEST_P(CopyRowsTest, RowsEqualTheReference) {
  expect_rows_of_the_reference<float>();
  expect_rows_of_the_reference<double>();
}

template <class T>
void expect_steps_of_the_reference() {
  // Rows of every second element end with one: none lies behind.
  for (int64_t n = 1; n <= 50; ++n) {
    SCOPED_TRACE(n);
    GuardedArray<T> few(3 * 53 + n), many(3 * 103 + 2 * n - 1), some(few.size()), expected(few.size()),
        spread(many.size()), expected_spread(many.size());
    fill_uniform(few.span(), 1);
    fill_uniform(many.span(), 2);
    fill_uniform(some.span(), 3);
    fill_uniform(expected.span(), 3);
    fill_uniform(spread.span(), 4);
    fill_uniform(expected_spread.span(), 4);
    gather_every_second(4, n, many.data(), 103, some.data(), 53);
    reference::gather_every_second(4, n, many.data(), 103, expected.data(), 53);
    for (int64_t i = 0; i < some.size(); ++i) ASSERT_EQ(some[i], expected[i]) << i;
    scatter_every_second(4, n, few.data(), 53, spread.data(), 103);
    reference::scatter_every_second(4, n, few.data(), 53, expected_spread.data(), 103);
    for (int64_t i = 0; i < spread.size(); ++i) ASSERT_EQ(spread[i], expected_spread[i]) << i;
  }
}

TEST_P(CopyRowsTest, RowsOfEverySecondElementEqualTheReference) {
  expect_steps_of_the_reference<float>();
  expect_steps_of_the_reference<double>();
}

}  // namespace
}  // namespace gossamer::kernels::copy_rows_test
