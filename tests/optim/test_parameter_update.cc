// What a rule sees of a parameter.
#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "gossamer/optim/optimizer.h"
#include "tests/optim/support.h"

namespace gossamer::optim::test_parameter_update {
namespace {

// A rule that only writes down what it is shown.
struct LookOptions {
  double lr = 0;
  bool skip_nonfinite = false;
  std::vector<std::string>* seen = nullptr;
};
struct LookRule {
  using Options = LookOptions;
  static constexpr std::string_view kName = "Look";
  static void check(const Options&) {}
  static std::vector<std::string> state_names(const Options&) { return {"state"}; }
  static void update(const Options& options, ParameterUpdate& update) {
    options.seen->push_back(update.values.shape().to_string() + " of " + update.shape.to_string());
  }
};

TEST(ParameterUpdate, CarriesTheShapeOfTheParameterBesideItsElementsOrNonzeros) {
  const Parameter dense(Tensor::ones({2, 3, 2}));
  const Parameter csr =
      Parameter::csr({2, 3, 2}, CsrPattern::from_positions(2, 6, std::vector<int64_t>{0, 3, 7, 11}), Tensor::ones({4}));
  std::vector<std::string> seen;
  RuleOptimizer<LookRule> optimizer({dense, csr}, {.seen = &seen});
  dense.values().set_grad(Tensor::ones({2, 3, 2}));
  csr.values().set_grad(Tensor::ones({4}));
  optimizer.step();
  optimizer.state(csr)["state"].set_requires_dense();  // the rule then runs on dense arrays
  optimizer.step();
  EXPECT_EQ(seen, (std::vector<std::string>{"[2, 3, 2] of [2, 3, 2]", "[4] of [2, 3, 2]", "[2, 3, 2] of [2, 3, 2]",
                                            "[2, 3, 2] of [2, 3, 2]"}));
}

}  // namespace
}  // namespace gossamer::optim::test_parameter_update
