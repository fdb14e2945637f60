// What growth by gradient needs of backward passes: the factors of the dense weight gradient, never the gradient
// itself.
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

#include "gossamer/tensor.h"

namespace gossamer {

// One per parameter, shared by the parameter and the nodes of its uses. While armed, backward adds every use of the
// parameter; they stay until clear(). Tensors are retained as handles, not copied. Growth by momentum keeps the uses of
// several steps: end_step() makes those of the current step past, which clear() leaves.
class GradientTap {
 public:
  bool armed() const { return armed_; }
  void arm(bool armed) { armed_ = armed; }
  void clear();
  void forget() { uses_.clear(); }  // the past too
  // From one step to the next the weight of a use falls by the factor `decay`.
  void end_step(double decay) {
    decay_ = decay;
    ++step_;
  }
  // The past, oldest first, for states: `age` steps old, x undefined for a use through the general way.
  struct Past {
    int64_t age;
    Tensor x;
    Tensor dy;
  };
  std::vector<Past> past() const;
  // Takes up a past() in place of all uses.
  void restore(const std::vector<Past>& past, double decay);

  bool empty() const { return uses_.empty(); }

  // Throws StateError naming the parameter when a retained tensor was written since backward.
  void check_unwritten(std::string_view parameter) const;

  // A use as x [n, cols] with output gradient dy [n, rows]: contributes dyᵀ x.
  void add_product(const Tensor& x, const Tensor& dy);
  // A use through the general way, whose dense gradient [rows * cols] existed anyway.
  void add_dense(const Tensor& grad);

  // Calls f(row_begin, block) for consecutive row blocks [n, cols] of the summed dense gradient [rows, cols]. A use
  // that is k steps older than the latest counts decay^k. A block has at most kBlockBytes (or one row). It is scratch
  // that f may overwrite through another handle.
  void for_each_block(int64_t rows, int64_t cols,
                      const std::function<void(int64_t row_begin, const Tensor& block)>& f) const;

  static constexpr int64_t kBlockBytes = int64_t{4} << 20;

 private:
  struct Use {
    Tensor x;  // undefined for a dense use
    Tensor dy;
    uint64_t x_version;
    uint64_t dy_version;
    int64_t step;
  };
  bool armed_ = false;
  int64_t step_ = 0;  // of the uses that are added now
  double decay_ = 1;
  std::vector<Use> uses_;
};

}  // namespace gossamer
