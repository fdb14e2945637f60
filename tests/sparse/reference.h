// Algorithms as the reference vectors describe them.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "gossamer/csr_pattern.h"
#include "gossamer/sparse/algorithm.h"
#include "gossamer/sparse/configure.h"
#include "gossamer/sparse/gmp.h"
#include "gossamer/sparse/rigl.h"
#include "gossamer/sparse/set.h"
#include "gossamer/sparse/static.h"
#include "gossamer/tensor.h"
#include "sparse/selection/select.h"
#include "tests/config/config_from_json.h"
#include "tests/support/golden.h"

namespace gossamer::test {

using golden::Json;

inline sparse::Schedule schedule_from(const Json& spec) {
  return sparse::make_hyperparam_schedule(config_from_json(spec));
}

inline sparse::UpdateSchedule update_from(const Json& config) {
  return sparse::make_update_schedule(config_from_json(config.value("update", Json())));
}

inline sparse::Groups groups_from(const Json& config, const Shape& shape) {
  const MatrixSize size = as_matrix(shape);
  return {.rows = size.rows,
          .cols = size.cols,
          .out = config.value("balance_out_groups", int64_t{1}),
          .in = config.value("balance_in_groups", int64_t{1})};
}

// The first pattern keeps the largest of the scores listed for a parameter, in each group of the algorithm by itself.
inline sparse::InitMethod init_by_scores(const Json& config, std::map<std::string, Tensor> scores) {
  return [config, scores = std::move(scores)](const sparse::InitContext& context) {
    const Tensor& s = scores.at(context.parameter.name());
    const sparse::Groups groups = groups_from(config, s.shape());
    std::vector<sparse::TopK> best(static_cast<size_t>(groups.count()),
                                   sparse::TopK(sparse::num_kept(context.sparsity, groups.size())));
    for (int64_t i = 0; i < s.numel(); ++i) {
      best[static_cast<size_t>(groups.of(i / groups.cols, i % groups.cols))].offer(s.data<float>()[i], i);
    }
    sparse::Positions kept;
    for (sparse::TopK& top : best) top.take(kept);
    std::ranges::sort(kept);
    return CsrPattern::from_positions(groups.rows, groups.cols, kept);
  };
}

inline std::unique_ptr<sparse::SparsityAlgorithm> algorithm_from(const Json& config, const sparse::InitMethod& init,
                                                                 const sparse::GrowthScores& growth_scores) {
  const std::string name = config.at("algorithm");
  if (name == "static") {
    return std::make_unique<sparse::Static>(
        sparse::StaticOptions{.sparsity = config.at("sparsity").get<double>(), .init_method = init});
  }
  if (name == "gmp") {
    return std::make_unique<sparse::GMP>(sparse::GMPOptions{
        .sparsity = schedule_from(config.at("schedule")), .update = update_from(config), .init_method = init});
  }
  if (name == "set") {
    return std::make_unique<sparse::SET>(sparse::SETOptions{.sparsity = config.at("sparsity").get<double>(),
                                                            .drop_fraction = schedule_from(config.at("drop_fraction")),
                                                            .update = update_from(config),
                                                            .init_method = init,
                                                            .growth_scores = growth_scores});
  }
  if (name == "rigl") {
    return std::make_unique<sparse::RigL>(
        sparse::RigLOptions{.sparsity = config.at("sparsity").get<double>(),
                            .drop_fraction = schedule_from(config.at("drop_fraction")),
                            .update = update_from(config),
                            .balance_in_groups = config.value("balance_in_groups", int64_t{0}),
                            .balance_out_groups = config.value("balance_out_groups", int64_t{0}),
                            .init_method = init});
  }
  throw std::runtime_error("no algorithm of the name " + name);
}

}  // namespace gossamer::test
