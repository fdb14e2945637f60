// MEST: what its scores keep, and what it shares with SET.
#include "gossamer/sparse/mest.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "gossamer/error.h"
#include "gossamer/sparse/configure.h"
#include "gossamer/sparse/set.h"
#include "sparse/selection/select.h"
#include "tests/sparse/support.h"

namespace gossamer::sparse::test_mest {
namespace {

using test::contains;
using test::dense_parameter;
using test::mask_string;
using test::positions_of;
using test::set_dense_gradient;
using test::uniform;

TEST(MEST, KeepsSmallWeightsWithLargeGradients) {
  for (const DType dtype : {DType::f32, DType::f64}) {
    const Parameter p(Tensor::from<double>({4, 1, -2, 3, 9, 9, 9, 9}, {2, 4}).to(dtype), "w");
    MEST algorithm(
        {.sparsity = 0.75, .drop_fraction = 0.5, .gradient_weight = 2, .init_method = [](const InitContext&) {
           return CsrPattern::from_positions(2, 4, Positions{0, 1, 2, 3});
         }});
    algorithm.apply({p});
    // Scores 4, 7, 2.5, 3: of four connections two stay, and none grows. Absent gradients do not count.
    set_dense_gradient(p, Tensor::from<double>({0, -3, 0.25, 0, 100, 100, 100, 100}, {2, 4}).to(dtype));
    algorithm.update();
    EXPECT_EQ(mask_string(p), "11000000");
  }
}

std::string mask_after_updates(SparsityAlgorithm& algorithm) {
  const Parameter p = dense_parameter("w", {20, 30}, 1);
  algorithm.apply({p});
  for (uint64_t step = 1; step <= 3; ++step) {
    set_dense_gradient(p, uniform(p.shape(), 10 + step));
    algorithm.update();
    EXPECT_EQ(p.nnz(), num_kept(0.8F, 600));
  }
  return mask_string(p);
}

TEST(MEST, IsSetWhereGradientsHaveNoWeight) {
  SET set({.sparsity = 0.8, .seed = 3});
  MEST without({.sparsity = 0.8, .gradient_weight = 0, .seed = 3});
  MEST with({.sparsity = 0.8, .seed = 3});
  const std::string expected = mask_after_updates(set);
  EXPECT_EQ(mask_after_updates(without), expected);
  EXPECT_NE(mask_after_updates(with), expected);
}

TEST(MEST, IsMadeByConfigureAndRefusesAWeightOutOfRange) {
  const Group group = configure(ConfigMap{{"algorithm", "mest"}, {"sparsity", 0.5}, {"gradient_weight", 0.1}});
  EXPECT_EQ(group[0].name(), "MEST");
  for (const double weight : {-1.0, std::nan(""), std::numeric_limits<double>::infinity()}) {
    EXPECT_TRUE(contains(message_of<ConfigError>([&] { MEST({.sparsity = 0.5, .gradient_weight = weight}); }),
                         "gradient_weight must be at least 0"));
  }
}

}  // namespace
}  // namespace gossamer::sparse::test_mest
