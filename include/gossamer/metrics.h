// Metrics that add up over batches: accuracy, perplexity, confusion matrix, mean, throughput.
//
// Each starts empty, takes batches by add() and gives value() of all since the last reset(). Counts are int64, sums
// double, so that the value does not depend on how samples were batched, but for the rounding of double. logits are
// floating [n, classes, ...], targets i64 [n, ...]; targets equal to ignore_index count for nothing. add() throws
// StateError for an undefined tensor, ShapeError, DTypeError, and IndexError for a target that is no class, and has
// then added nothing.
#pragma once

#include <chrono>
#include <cstdint>
#include <vector>

#include "gossamer/tensor.h"

#pragma GCC visibility push(default)
namespace gossamer::metrics {

struct AccuracyOptions {
  int64_t top_k = 1;  // a target is right when it is among the top_k largest logits
  int64_t ignore_index = -100;
};
// Share of targets that are right. Of equal logits the lower class is the larger, and NaN is larger than all numbers,
// as in argmax.
class Accuracy {
 public:
  // Throws ConfigError when top_k < 1.
  explicit Accuracy(const AccuracyOptions& options = {});

  void add(const Tensor& logits, const Tensor& targets);
  int64_t correct() const { return correct_; }
  int64_t count() const { return count_; }
  double value() const;  // NaN where there was no target
  void reset() { correct_ = count_ = 0; }

 private:
  AccuracyOptions options_;
  int64_t correct_ = 0;
  int64_t count_ = 0;
};

// A mean of numbers with counts, such as losses that are means over batches of different sizes.
class Mean {
 public:
  // `value` for `count` items. Throws ConfigError when count < 0.
  void add(double value, int64_t count = 1);
  // The only element of `value` (ShapeError).
  void add(const Tensor& value, int64_t count = 1) { add(value.item<double>(), count); }
  int64_t count() const { return count_; }
  double value() const;  // NaN where count() is 0
  void reset() { *this = {}; }

 private:
  double sum_ = 0;
  int64_t count_ = 0;
};

struct PerplexityOptions {
  int64_t ignore_index = -100;
};
// exp of the mean cross-entropy.
class Perplexity {
 public:
  explicit Perplexity(const PerplexityOptions& options = {}) : options_(options) {}

  void add(const Tensor& logits, const Tensor& targets);
  // A mean cross-entropy of `count` targets that is known already.
  void add_loss(const Tensor& loss, int64_t count) { loss_.add(loss, count); }
  int64_t count() const { return loss_.count(); }
  double value() const;  // NaN where there was no target
  void reset() { loss_.reset(); }

 private:
  PerplexityOptions options_;
  Mean loss_;
};

struct ConfusionMatrixOptions {
  int64_t classes = 0;
  int64_t ignore_index = -100;
};
// How often samples of each class (the target) were taken for each class (the largest logit).
class ConfusionMatrix {
 public:
  // Throws ConfigError when classes < 1.
  explicit ConfusionMatrix(const ConfusionMatrixOptions& options);

  void add(const Tensor& logits, const Tensor& targets);
  // Throw IndexError for what is no class.
  int64_t count(int64_t target, int64_t predicted) const;
  double precision(int64_t target) const;  // right share of those taken for the class; NaN where there is none
  double recall(int64_t target) const;     // right share of those of the class; NaN where there is none
  double accuracy() const;                 // NaN where there was no target
  Tensor value() const;                    // i64 [classes, classes]: row target, column predicted
  void reset();

 private:
  int64_t at(int64_t target, int64_t predicted) const;

  ConfusionMatrixOptions options_;
  std::vector<int64_t> counts_;
};

// Items per second of a steady clock, since construction or reset().
class Throughput {
 public:
  void add(int64_t items) { items_ += items; }
  int64_t items() const { return items_; }
  double seconds() const;
  double value() const;  // items() / seconds(); 0 where no time has passed
  void reset() { *this = {}; }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  int64_t items_ = 0;
};

}  // namespace gossamer::metrics
#pragma GCC visibility pop
