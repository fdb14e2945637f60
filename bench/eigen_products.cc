// Compiled for the machine that builds it, because Eigen chooses its instructions then.
#include "bench/eigen_products.h"

#include <Eigen/Dense>
#include <Eigen/Sparse>
#include <algorithm>
#include <vector>

namespace gossamer::bench {

namespace {

using Sparse = Eigen::SparseMatrix<float, Eigen::RowMajor, int>;
using Dense = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

Sparse random_values(const CsrPattern& pattern) {
  const Csr csr = pattern.csr();
  const Eigen::VectorXf values = Eigen::VectorXf::Random(pattern.nnz());
  const std::vector<int> row_ptr(csr.row_ptr.begin(), csr.row_ptr.end());
  return Eigen::Map<const Sparse>(pattern.rows(), pattern.cols(), pattern.nnz(), row_ptr.data(), csr.col_idx.data(),
                                  values.data());
}

// In blocks: Eigen's own loop over whole rows loses several times its speed where a stride is a power of two.
void transpose(const Dense& from, Dense& to) {
  constexpr Eigen::Index kBlock = 32;
  for (Eigen::Index i = 0; i < from.rows(); i += kBlock) {
    for (Eigen::Index j = 0; j < from.cols(); j += kBlock) {
      const Eigen::Index rows = std::min(kBlock, from.rows() - i), cols = std::min(kBlock, from.cols() - j);
      to.block(j, i, cols, rows) = from.block(i, j, rows, cols).transpose();
    }
  }
}

// Eigen is fastest, by far, when a feature's samples lie side by side: [features, n]. Batch-first operands are
// therefore transposed on the way in and out, which beats its products on transposed views 4 to 10 times at 90 %.
class EigenProducts final : public Peer {
 public:
  EigenProducts(const CsrPattern& pattern, int64_t n)
      : w_(random_values(pattern)),
        x_(Dense::Random(pattern.cols(), n)),
        dy_(Dense::Random(pattern.rows(), n)),
        y_(pattern.rows(), n),
        dx_(pattern.cols(), n),
        x_rows_(x_.transpose()),
        dy_rows_(dy_.transpose()),
        y_rows_(n, pattern.rows()),
        dx_rows_(n, pattern.cols()),
        grad_(pattern.nnz()) {}

  void run(Kernel kernel, Layout layout, int threads) override {
    Eigen::setNbThreads(threads);
    const bool rows = layout == Layout::BatchFirst;
    const bool all = kernel == Kernel::Step;
    if (rows && kernel != Kernel::InputGrad) transpose(x_rows_, x_);
    if (rows && kernel != Kernel::Forward) transpose(dy_rows_, dy_);
    if (all || kernel == Kernel::Forward) {
      y_.noalias() = w_ * x_;
      if (rows) transpose(y_, y_rows_);
    }
    if (all || kernel == Kernel::InputGrad) {
      input_grad(threads);
      if (rows) transpose(dx_, dx_rows_);
    }
    if (all || kernel == Kernel::WeightGrad) weight_grad(threads);
  }

 private:
  void input_grad(int threads) {
    if (threads == 1) {
      dx_.noalias() = w_.transpose() * dy_;
    } else {
      // Only a product with a row-major matrix runs on several threads.
      w_transposed_ = w_.transpose();
      dx_.noalias() = w_transposed_ * dy_;
    }
  }

  void weight_grad([[maybe_unused]] int threads) {
    const int* const begin = w_.outerIndexPtr();
    const int* const col = w_.innerIndexPtr();
#pragma omp parallel for num_threads(threads) schedule(dynamic, 16)
    for (Eigen::Index row = 0; row < w_.rows(); ++row) {
      for (int i = begin[row]; i < begin[row + 1]; ++i) grad_[i] = dy_.row(row).dot(x_.row(col[i]));
    }
  }

  Sparse w_, w_transposed_;
  Dense x_, dy_, y_, dx_;
  Dense x_rows_, dy_rows_, y_rows_, dx_rows_;
  Eigen::VectorXf grad_;
};

}  // namespace

bool eigen_has_threads() {
#ifdef _OPENMP
  return true;
#else
  return false;
#endif
}

std::unique_ptr<Peer> create_eigen_products(const CsrPattern& pattern, int64_t n) {
  return std::make_unique<EigenProducts>(pattern, n);
}

}  // namespace gossamer::bench
