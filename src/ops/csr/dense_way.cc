#include "ops/csr/dense_way.h"

#include <algorithm>
#include <cstdint>

#include "kernels/reference/csr.h"
#include "runtime/blas.h"
#include "runtime/parallel.h"
#include "runtime/scratch.h"

namespace gossamer {

namespace {

// Scratch of a task. Parts are moved to and from it by the scalar kernels, for float too: they have no vector form.
constexpr int64_t kScratchBytes = rt::Scratch::kKeptBytes;

// Consecutive panels, and the columns that they cover.
struct Run {
  int64_t panel_begin, panel_end, col, cols;
};

Run run_of(const kernels::CsrStream& w, int64_t panel_begin, int64_t panels) {
  const int64_t panel_end = std::min(w.panels(), panel_begin + panels);
  const int64_t col = panel_begin * w.panel_cols;
  return {panel_begin, panel_end, col, std::min(w.cols, panel_end * w.panel_cols) - col};
}

// Panels that fit the scratch at a height of `rows`, and stay near `wanted_cols`.
template <class T>
int64_t panels_per_run(const kernels::CsrStream& w, int64_t rows, int64_t wanted_cols) {
  const int64_t fitting = kScratchBytes / static_cast<int64_t>(sizeof(T)) / std::max<int64_t>(1, rows);
  return std::max<int64_t>(1, std::min(fitting, wanted_cols) / w.panel_cols);
}

int64_t rows_of(const kernels::CsrStream& w, int64_t block) {
  return std::min(w.block_rows, w.rows - block * w.block_rows);
}

}  // namespace

template <class T>
void csr_dense_forward(const kernels::CsrStream& w, const T* values, const ConstBatch<T>& x, const T* bias,
                       const Batch<T>& y) {
  const int64_t panels = panels_per_run<T>(w, std::min(w.block_rows, w.rows), w.cols);
  rt::parallel_for(w.blocks(), [&](int64_t block) {
    const int64_t row = block * w.block_rows;
    const int64_t rows = rows_of(w, block);
    for (int64_t n = 0; n < x.n; ++n) {
      T* const to = y.data + n * w.rows + row;
      if (bias == nullptr) {
        std::fill_n(to, rows, T(0));
      } else {
        std::copy_n(bias + row, rows, to);
      }
    }
    for (int64_t panel = 0; panel < w.panels(); panel += panels) {
      const Run run = run_of(w, panel, panels);
      const rt::Scratch scratch(rows * run.cols * static_cast<int64_t>(sizeof(T)));
      T* const part = reinterpret_cast<T*>(scratch.data());
      kernels::reference::csr_scatter_cells(w, values, block, run.panel_begin, run.panel_end, part, run.cols);
      rt::gemm_here<T>({.m = x.n, .n = rows, .k = run.cols, .trans_b = rt::Trans::Yes}, {x.data + run.col, w.cols},
                       {part, run.cols}, T(1), {y.data + row, w.rows});
    }
  });
}

template <class T>
void csr_dense_input_grad(const kernels::CsrStream& w, const T* values, const ConstBatch<T>& dy, const Batch<T>& dx) {
  // A task owns columns of dX. Wider ones than this leave threads idle, narrower ones pack dY once more each.
  constexpr int64_t kCols = 320;
  const int64_t block_rows = std::min(w.block_rows, w.rows);
  const int64_t panels = panels_per_run<T>(w, block_rows, kCols);
  rt::parallel_for((w.panels() + panels - 1) / panels, [&](int64_t task) {
    const Run run = run_of(w, task * panels, panels);
    // As many row blocks at once as the scratch holds: a product pays for its set-up.
    const int64_t fitting = kScratchBytes / static_cast<int64_t>(sizeof(T)) / (run.cols * block_rows);
    const int64_t blocks = std::clamp<int64_t>(fitting, 1, w.blocks());
    const rt::Scratch scratch(blocks * block_rows * run.cols * static_cast<int64_t>(sizeof(T)));
    T* const part = reinterpret_cast<T*>(scratch.data());
    for (int64_t first = 0; first < w.blocks(); first += blocks) {
      const int64_t last = std::min(w.blocks(), first + blocks);
      for (int64_t block = first; block < last; ++block) {
        kernels::reference::csr_scatter_cells(w, values, block, run.panel_begin, run.panel_end,
                                              part + (block - first) * block_rows * run.cols, run.cols);
      }
      const int64_t row = first * w.block_rows;
      const int64_t rows = std::min(w.rows, last * w.block_rows) - row;
      rt::gemm_here<T>({.m = dy.n, .n = run.cols, .k = rows}, {dy.data + row, w.rows}, {part, run.cols},
                       first == 0 ? T(0) : T(1), {dx.data + run.col, w.cols});
    }
  });
}

template <class T>
void csr_dense_weight_grad(const kernels::CsrStream& w, const ConstBatch<T>& x, const ConstBatch<T>& dy, T* grad) {
  const int64_t panels = panels_per_run<T>(w, std::min(w.block_rows, w.rows), w.cols);
  rt::parallel_for(w.blocks(), [&](int64_t block) {
    const int64_t rows = rows_of(w, block);
    for (int64_t panel = 0; panel < w.panels(); panel += panels) {
      const Run run = run_of(w, panel, panels);
      const rt::Scratch scratch(rows * run.cols * static_cast<int64_t>(sizeof(T)));
      T* const part = reinterpret_cast<T*>(scratch.data());
      rt::gemm_here<T>({.m = rows, .n = run.cols, .k = x.n, .trans_a = rt::Trans::Yes},
                       {dy.data + block * w.block_rows, w.rows}, {x.data + run.col, w.cols}, T(0), {part, run.cols});
      kernels::reference::csr_gather_cells(w, part, run.cols, block, run.panel_begin, run.panel_end, grad);
    }
  });
}

#define GOSSAMER_CSR_DENSE_OF(T)                                                                                  \
  template void csr_dense_forward(const kernels::CsrStream&, const T*, const ConstBatch<T>&, const T*,            \
                                  const Batch<T>&);                                                               \
  template void csr_dense_input_grad(const kernels::CsrStream&, const T*, const ConstBatch<T>&, const Batch<T>&); \
  template void csr_dense_weight_grad(const kernels::CsrStream&, const ConstBatch<T>&, const ConstBatch<T>&, T*);
GOSSAMER_CSR_DENSE_OF(float)
GOSSAMER_CSR_DENSE_OF(double)
#undef GOSSAMER_CSR_DENSE_OF

}  // namespace gossamer
