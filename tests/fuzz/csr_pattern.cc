#include "gossamer/csr_pattern.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "gossamer/autograd.h"
#include "gossamer/functional.h"
#include "gossamer/ops/comparison.h"
#include "gossamer/parameter.h"
#include "tests/fuzz/target.h"

namespace gossamer::fuzz {

namespace {

using Pattern = std::shared_ptr<const CsrPattern>;

// Null where the pattern is refused, by one of the exceptions that say so.
template <class F>
Pattern unless_refused(F&& make) {
  try {
    return make();
  } catch (const ShapeError&) {
    return nullptr;
  } catch (const ConfigError&) {
    return nullptr;
  }
}

// Small whole numbers, whose sums of products are exact.
Tensor digits(const Shape& shape) {
  Tensor t = Tensor::empty(shape);
  float* const to = t.mutable_data<float>();
  for (int64_t i = 0; i < t.numel(); ++i) to[i] = static_cast<float>(i * 7 % 5 - 2);
  return t;
}

// y = x W^T, dX = dY W and dW at the nonzeros, against the same weight in dense form.
void check_products(const Pattern& pattern) {
  constexpr int64_t kSamples = 5;
  const int64_t rows = pattern->rows(), cols = pattern->cols();
  const Tensor values = digits({pattern->nnz()});
  const Parameter sparse = Parameter::csr({rows, cols}, pattern, values);
  const Parameter dense(pattern->dense(values));
  Tensor x = digits({kSamples, cols}).set_requires_grad(), same_x = digits({kSamples, cols}).set_requires_grad();
  sparse.set_requires_grad(true);
  dense.set_requires_grad(true);
  const Tensor y = linear(x, sparse), same_y = linear(same_x, dense);
  require(equal(y, same_y), "forward equals that of the dense weight");
  y.backward(digits(y.shape()));
  same_y.backward(digits(y.shape()));
  require(equal(x.grad(), same_x.grad()), "the gradient of the input equals that of the dense weight");
  require(equal(sparse.grad(), pattern->gather(dense.grad())), "the gradient equals that of the dense weight");
}

void check(const Pattern& pattern, const Csr& csr, bool products) {
  const Csr same = pattern->csr();
  require(same.row_ptr == csr.row_ptr && same.col_idx == csr.col_idx, "the pattern has the positions it was made of");
  // Larger ones than this have passed the checks, which is what they were for.
  constexpr int64_t kMaxElements = 4096;
  if (pattern->rows() * pattern->cols() > kMaxElements) return;
  require(*CsrPattern::from_mask(pattern->mask()) == *pattern, "the mask makes the pattern again");
  const Tensor values = digits({pattern->nnz()});
  require(equal(pattern->from_canonical(pattern->to_canonical(values)), values), "orders convert there and back");
  require(equal(pattern->gather(pattern->dense(values)), values), "the dense form gives the values back");
  if (products && pattern->rows() * pattern->cols() > 0) check_products(pattern);
}

// Sizes and indices of the given number of bytes each. Wide ones are seldom a pattern; narrow ones often are.
void from_arrays(Draw& draw, int bytes, bool products) {
  const int64_t rows = draw.number(bytes), cols = draw.number(bytes);
  Csr csr;
  for (int64_t n = draw.byte(); n > 0; --n) csr.row_ptr.push_back(draw.number(bytes));
  while (!draw.done()) csr.col_idx.push_back(static_cast<int32_t>(draw.number(std::min(bytes, 4))));
  const Pattern pattern = unless_refused([&] { return CsrPattern::create(rows, cols, csr.row_ptr, csr.col_idx); });
  if (pattern) check(pattern, csr, products);
}

// Memory grows with the number of rows, which is the caller's to choose: never many here.
void from_positions(Draw& draw, int bytes, bool products) {
  const int64_t rows = draw.number(bytes) % 4096, cols = draw.number(bytes);
  std::vector<int64_t> positions;
  while (!draw.done()) positions.push_back(draw.number(bytes));
  const Pattern pattern = unless_refused([&] { return CsrPattern::from_positions(rows, cols, positions); });
  if (!pattern) return;
  const Csr csr = pattern->csr();
  int64_t row = 0;
  for (size_t i = 0; i < positions.size(); ++i) {
    while (csr.row_ptr[static_cast<size_t>(row) + 1] <= static_cast<int64_t>(i)) ++row;
    require(row * cols + csr.col_idx[i] == positions[i], "the pattern has the positions it was made of");
  }
  check(pattern, csr, products);
}

// Rows of a few columns each: a pattern whatever the bytes.
void from_gaps(Draw& draw, bool products) {
  const int64_t rows = draw.byte() % 48, cols = draw.byte() % 48 + 1;
  Csr csr{.row_ptr = {0}, .col_idx = {}};
  for (int64_t row = 0; row < rows; ++row) {
    int64_t col = draw.byte() % 16;
    for (; col < cols && !draw.done(); col += 1 + draw.byte() % 8) csr.col_idx.push_back(static_cast<int32_t>(col));
    csr.row_ptr.push_back(static_cast<int64_t>(csr.col_idx.size()));
  }
  check(CsrPattern::create(rows, cols, csr.row_ptr, csr.col_idx), csr, products);
}

}  // namespace

FUZZ_TARGET(csr_pattern) {
  Draw draw(bytes);
  // What to do; a quarter goes on to products, which take longer than all before them.
  const uint8_t first = draw.byte();
  const bool products = first < 64;
  switch (first % 5) {
    case 0:
      return from_arrays(draw, 8, products);
    case 1:
      return from_arrays(draw, 1, products);
    case 2:
      return from_positions(draw, 8, products);
    case 3:
      return from_positions(draw, 1, products);
    default:
      return from_gaps(draw, products);
  }
}

}  // namespace gossamer::fuzz
