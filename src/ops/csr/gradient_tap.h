// What growth by gradient needs of backward passes: the factors of the dense weight gradient, never the gradient
// itself.
#pragma once

#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "gossamer/csr_pattern.h"
#include "gossamer/tensor.h"

namespace gossamer {

// Gradients of several steps at some positions of a dense matrix, in the slot order of their pattern.
struct GradientSums {
  std::shared_ptr<const CsrPattern> pattern;
  Tensor sum;
  Tensor squares;  // the sum of the squares of each step's gradient
};

// One per parameter, shared by the parameter and the nodes of its uses. A backward that retains adds every use of the
// parameter, when it ends well; they stay until clear(), which zero_grad() calls. Tensors are retained as handles, not
// copied. Growth by momentum keeps the uses of several steps: end_step() makes those of the current step past, which
// clear() leaves.
class GradientTap : public std::enable_shared_from_this<GradientTap> {
 public:
  enum class Retain {
    Nothing,
    // Uses, where gradients add up over steps; nothing where zero_grad() comes between steps. True of every tap until
    // it has seen otherwise, and for good once a use came after a step without it.
    AcrossSteps,
    Uses,
  };

  // Whether backward is to add its uses.
  bool retains() const { return retain_ == Retain::Uses || (retain_ == Retain::AcrossSteps && across_steps_); }
  bool armed() const { return retain_ == Retain::Uses; }
  void arm(Retain retain) { retain_ = retain; }

  // The gradient starts anew.
  void clear();
  // The past and the sums too.
  void forget();
  // A step was taken with the uses so far. They belong to the next one as well unless zero_grad() is called: they stay
  // where the tap retains.
  void end_step_of_sum(Retain next) noexcept;

  // From one step to the next the weight of a use falls by the factor `decay`.
  void end_step(double decay) {
    decay_ = decay;
    ++step_;
  }
  // The past, oldest first, for states: `age` steps old, x and dy as given to add_product, rows and grads as given to
  // add_rows, or x undefined where dy is the dense gradient, as of a use through the general way; that of a use by
  // add_formed() is formed for it.
  struct Past {
    int64_t age;
    Tensor x;
    Tensor dy;
  };
  std::vector<Past> past() const;
  // This tap with a past() in place of all uses.
  GradientTap restored(const std::vector<Past>& past, double decay) const;

  bool empty() const { return uses_.empty(); }

  // Throws StateError naming the parameter where uses since clear() are missing, or a retained tensor was written since
  // backward.
  void check(std::string_view parameter) const;

  // A use as x [n, cols] with output gradient dy [n, rows]: contributes dyᵀ x. Added, where the tap retains it, when
  // the walk that is under way ends well.
  void add_product(const Tensor& x, const Tensor& dy);
  // A use that reads rows of the parameter: row rows[i] (i64, each once) has the gradient grads[i] of [n, cols].
  void add_rows(const Tensor& rows, const Tensor& grads);
  // A use whose product is no dyᵀ x: form(x, dy, row_begin, block) writes rows of the gradient of a weight of that
  // shape into a block [n, cols].
  using FormRows = std::function<void(const Tensor& x, const Tensor& dy, int64_t row_begin, Tensor& block)>;
  void add_formed(const Tensor& x, const Tensor& dy, const Shape& weight, FormRows form);
  // A use through the general way, whose dense gradient [rows * cols] existed anyway.
  void add_dense(const Tensor& grad);

  // Calls f(row_begin, block) for consecutive row blocks [n, cols] of the summed dense gradient [rows, cols]. A use
  // that is k steps older than the latest counts decay^k. A block has at most kBlockBytes (or one row). It is scratch
  // that f may overwrite through another handle.
  void for_each_block(int64_t rows, int64_t cols,
                      const std::function<void(int64_t row_begin, const Tensor& block)>& f) const;

  // The summed gradient at the positions of a pattern [rows, cols], in slot order, without the rest of the dense one.
  // There are uses, all of the latest step.
  Tensor gradient_at(const std::shared_ptr<const CsrPattern>& pattern) const;
  // What growth by signal to noise has gathered of the steps before; null where it has nothing. Copied, saved and put
  // back with the tap.
  const std::shared_ptr<const GradientSums>& sums() const { return sums_; }
  void set_sums(std::shared_ptr<const GradientSums> sums) noexcept { sums_ = std::move(sums); }

  static constexpr int64_t kBlockBytes = int64_t{4} << 20;

 private:
  struct Use {
    Tensor x;  // undefined for a dense use, i64 for one of rows
    Tensor dy;
    uint64_t x_version;
    uint64_t dy_version;
    int64_t step;
    Shape weight = {};  // of a use with a form
    FormRows form = {};
  };
  class AddUse;
  static Tensor picked(const Use& use, const CsrPattern& pattern);
  template <class T>
  static void add_block(const Use& use, int64_t rows, int64_t row_begin, T beta, Tensor& block);
  void add(Use use);
  void note_use() noexcept;

  Retain retain_ = Retain::Nothing;
  bool across_steps_ = true;
  bool sums_over_steps_ = false;  // a use came after a step without a clear() between
  bool stepped_ = false;          // since clear()
  bool complete_ = true;          // the uses are all since clear()
  int64_t step_ = 0;              // of the uses that are added now
  double decay_ = 1;
  std::list<Use> uses_;
  std::shared_ptr<const GradientSums> sums_;
};

}  // namespace gossamer
