// Blas::Leave in a program of its own, because the option is fixed by the first product.
#include <cblas.h>
#include <gtest/gtest.h>

#include <vector>

#include "gossamer/error.h"
#include "gossamer/runtime.h"
#include "runtime/blas.h"

namespace gossamer::test_blas_leave {
namespace {

TEST(BlasLeave, KeepsTheThreadsOfOpenBlasAndTheRightResult) {
  openblas_set_num_threads(3);
  int messages = 0;
  set_log_callback([&](LogLevel, std::string_view) { ++messages; });
  runtime({.blas = Blas::SingleThread});
  runtime({.blas = Blas::Leave});

  constexpr int64_t kSize = 200;
  const std::vector<float> ones(kSize * kSize, 1);
  std::vector<float> product(kSize * kSize, -1);
  rt::gemm<float>({kSize, kSize, kSize}, {ones.data(), kSize}, {ones.data(), kSize}, 0, {product.data(), kSize});

  set_log_callback({});
  EXPECT_EQ(product, std::vector<float>(kSize * kSize, kSize));
  EXPECT_EQ(openblas_get_num_threads(), 3);
  EXPECT_EQ(messages, 0);
  EXPECT_THROW(runtime({.blas = Blas::SingleThread}), StateError);
}

}  // namespace
}  // namespace gossamer::test_blas_leave
