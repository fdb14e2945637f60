// What the tests of modules share.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "gossamer/csr_pattern.h"
#include "gossamer/error.h"
#include "gossamer/nn/cloneable.h"
#include "gossamer/nn/linear.h"
#include "gossamer/nn/module.h"
#include "gossamer/ops.h"
#include "gossamer/random.h"
#include "tests/support/errors.h"
#include "tests/support/golden.h"
#include "tests/support/tensors.h"

namespace gossamer::nn {

using golden::expect_close;
using golden::expect_equal;
using test::uniform;

template <class Entries>
std::vector<std::string> names_of(const Entries& entries) {
  std::vector<std::string> names;
  for (const auto& entry : entries) names.push_back(entry.first);
  return names;
}

using Names = std::vector<std::string>;

// A custom module: two layers as members by value, and a buffer.
struct Net : Cloneable<Net> {
  Linear fc1;
  Linear fc2;
  Tensor scale = Tensor::full({}, 2);

  explicit Net(Generator& rng) : fc1({.in = 4, .out = 3}, rng), fc2({.in = 3, .out = 2}, rng) {
    register_module("fc1", fc1);
    register_module("fc2", fc2);
    register_buffer("scale", scale);
  }
  Tensor forward(const Tensor& x) override { return mul(fc2(relu(fc1(x))), scale); }
};

inline Net make_net(uint64_t seed) {
  Generator rng(seed);
  return Net(rng);
}

// Makes a parameter CSR with the given positions (row-major) of its matrix.
inline void make_csr(const Parameter& p, const std::vector<int64_t>& positions) {
  const MatrixSize size = as_matrix(p.shape());
  p.assign(p.dense(), CsrPattern::from_positions(size.rows, size.cols, positions));
}

}  // namespace gossamer::nn
