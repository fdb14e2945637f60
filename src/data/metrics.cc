#include "gossamer/metrics.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <limits>

#include "gossamer/autograd.h"
#include "gossamer/dispatch.h"
#include "gossamer/error.h"
#include "gossamer/ops/loss.h"
#include "gossamer/ops/reduce.h"
#include "ops/loss.h"
#include "runtime/check.h"
#include "runtime/parallel.h"
#include "tensor/format.h"

namespace gossamer::metrics {
namespace {

double share(int64_t part, int64_t whole) {
  return whole == 0 ? std::numeric_limits<double>::quiet_NaN() : static_cast<double>(part) / static_cast<double>(whole);
}

void check(const char* op, const Tensor& logits, const Tensor& targets, int64_t ignore_index) {
  check_classes(op, logits, {});
  check_class_indices(op, logits, targets, ignore_index);
}

// Classes whose logit is larger than that of the target; x has a logit every `stride` elements.
template <class T>
int64_t rank_of(const T* x, int64_t classes, int64_t stride, int64_t target) {
  const T own = x[target * stride];
  int64_t larger = 0;
  for (int64_t c = 0; c < classes; ++c) {
    const T other = x[c * stride];
    const bool equal = other == own || (other != other && own != own);
    const bool above = other > own || (other != other && own == own);
    larger += above || (equal && c < target) ? 1 : 0;
  }
  return larger;
}

}  // namespace

Accuracy::Accuracy(const AccuracyOptions& options) : options_(options) {
  if (options.top_k < 1)
    fail<ConfigError>("Accuracy", "top_k must be positive", fmt::format("top_k {}", options.top_k));
}

void Accuracy::add(const Tensor& logits, const Tensor& targets) {
  constexpr const char* kOp = "Accuracy::add";
  check(kOp, logits, targets, options_.ignore_index);
  const int64_t classes = logits.dim(1);
  const int64_t inner = logits.dim(0) == 0 ? 1 : targets.numel() / logits.dim(0);
  const auto t = targets.span<int64_t>();
  const int64_t grain = rt::grain_of(classes);
  dispatch_floating(logits.dtype(), kOp, [&]<class T>() {
    const T* const x = logits.data<T>();
    // Counts below 2^53: exact as doubles.
    correct_ += static_cast<int64_t>(rt::parallel_sum(std::ssize(t), grain, [&](int64_t begin, int64_t end) {
      int64_t correct = 0;
      for (int64_t i = begin; i < end; ++i) {
        const int64_t target = t[static_cast<size_t>(i)];
        if (target == options_.ignore_index) continue;
        const T* const first = x + i / inner * classes * inner + i % inner;
        correct += rank_of(first, classes, inner, target) < options_.top_k ? 1 : 0;
      }
      return static_cast<double>(correct);
    }));
  });
  count_ += std::ssize(t) - std::ranges::count(t, options_.ignore_index);
}

double Accuracy::value() const { return share(correct_, count_); }

void Mean::add(double value, int64_t count) {
  if (count < 0) fail<ConfigError>("Mean::add", "count must not be negative", fmt::format("count {}", count));
  if (count == 0) return;  // whose mean is NaN
  sum_ += value * static_cast<double>(count);
  count_ += count;
}

double Mean::value() const {
  return count_ == 0 ? std::numeric_limits<double>::quiet_NaN() : sum_ / static_cast<double>(count_);
}

void Perplexity::add(const Tensor& logits, const Tensor& targets) {
  check("Perplexity::add", logits, targets, options_.ignore_index);
  const NoGrad no_grad;
  const Tensor losses =
      cross_entropy(logits, targets, {.reduction = Reduction::None, .ignore_index = options_.ignore_index})
          .to(DType::f64);
  Mean loss = loss_;
  for (int64_t i = 0; i < losses.numel(); ++i) {
    if (targets.data<int64_t>()[i] != options_.ignore_index) loss.add(losses.data<double>()[i]);
  }
  loss_ = loss;
}

double Perplexity::value() const { return std::exp(loss_.value()); }

ConfusionMatrix::ConfusionMatrix(const ConfusionMatrixOptions& options) : options_(options) {
  if (options.classes < 1) {
    fail<ConfigError>("ConfusionMatrix", "classes must be positive", fmt::format("classes {}", options.classes));
  }
  counts_.resize(static_cast<size_t>(Shape({options.classes, options.classes}).numel()));
}

void ConfusionMatrix::add(const Tensor& logits, const Tensor& targets) {
  constexpr const char* kOp = "ConfusionMatrix::add";
  check(kOp, logits, targets, options_.ignore_index);
  if (logits.dim(1) != options_.classes) {
    fail<ShapeError>(kOp, fmt::format("logits must be [n, {}, ...]", options_.classes), describe(logits));
  }
  const Tensor predicted = argmax(logits, 1);
  for (int64_t i = 0; i < targets.numel(); ++i) {
    const int64_t target = targets.data<int64_t>()[i];
    if (target == options_.ignore_index) continue;
    ++counts_[static_cast<size_t>(target * options_.classes + predicted.data<int64_t>()[i])];
  }
}

int64_t ConfusionMatrix::at(int64_t target, int64_t predicted) const {
  return counts_[static_cast<size_t>(target * options_.classes + predicted)];
}

int64_t ConfusionMatrix::count(int64_t target, int64_t predicted) const {
  for (const int64_t c : {target, predicted}) {
    if (c < 0 || c >= options_.classes) {
      fail<IndexError>("ConfusionMatrix", fmt::format("a class must be in [0, {})", options_.classes),
                       fmt::format("class {}", c));
    }
  }
  return at(target, predicted);
}

double ConfusionMatrix::precision(int64_t target) const {
  const int64_t right = count(target, target);
  int64_t taken = 0;
  for (int64_t c = 0; c < options_.classes; ++c) taken += at(c, target);
  return share(right, taken);
}

double ConfusionMatrix::recall(int64_t target) const {
  const int64_t right = count(target, target);
  int64_t all = 0;
  for (int64_t c = 0; c < options_.classes; ++c) all += at(target, c);
  return share(right, all);
}

double ConfusionMatrix::accuracy() const {
  int64_t right = 0;
  int64_t all = 0;
  for (int64_t c = 0; c < options_.classes; ++c) right += at(c, c);
  for (const int64_t count : counts_) all += count;
  return share(right, all);
}

Tensor ConfusionMatrix::value() const { return Tensor::from(counts_, {options_.classes, options_.classes}); }

void ConfusionMatrix::reset() { std::ranges::fill(counts_, 0); }

double Throughput::seconds() const {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
}

double Throughput::value() const {
  const double elapsed = seconds();
  return elapsed > 0 ? static_cast<double>(items_) / elapsed : 0;
}

}  // namespace gossamer::metrics
