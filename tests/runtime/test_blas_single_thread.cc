// What the first dense product of a process does to OpenBLAS. A program of its own: there is one first product.
#include <cblas.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "gossamer/error.h"
#include "gossamer/runtime.h"
#include "runtime/blas.h"

namespace gossamer::test_blas_single_thread {
namespace {

void multiply() {
  const float a = 3;
  const float b = 4;
  float c = 0;
  rt::gemm<float>({1, 1, 1}, {&a, 1}, {&b, 1}, 0, {&c, 1});
  EXPECT_EQ(c, 12);
}

TEST(BlasSingleThread, TheFirstProductSetsOpenBlasToOneThreadOnceAndSaysSo) {
  const int chosen = openblas_get_num_procs() + 1;  // not what it has by itself
  openblas_set_num_threads(chosen);
  std::vector<std::string> messages;
  set_log_callback([&](LogLevel level, std::string_view message) {
    EXPECT_EQ(level, LogLevel::Warning);
    messages.emplace_back(message);
  });
  EXPECT_EQ(openblas_get_num_threads(), chosen);
  multiply();
  EXPECT_EQ(openblas_get_num_threads(), 1);
  multiply();
  set_log_callback({});
  ASSERT_EQ(messages.size(), 1U);
  EXPECT_NE(messages[0].find("one thread"), std::string::npos) << messages[0];
  EXPECT_NE(messages[0].find("Blas::Leave"), std::string::npos) << "the message must name the way out: " << messages[0];
}

TEST(BlasSingleThread, TheOptionCannotChangeAfterTheFirstProduct) {
  multiply();
  EXPECT_THROW(runtime({.blas = Blas::Leave}), StateError);
  runtime({.blas = Blas::SingleThread});
}

}  // namespace
}  // namespace gossamer::test_blas_single_thread
