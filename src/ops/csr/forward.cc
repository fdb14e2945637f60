// The forward product of a CSR weight, which is the input gradient too.
#include "ops/csr/products.h"

#include <algorithm>

#include "ops/csr/tiles.h"
#include "runtime/parallel.h"
#include "runtime/scratch.h"

namespace gossamer {

namespace {

// The tile that this thread has fetched for its next task. Only a hint: it decides on fetching, never on results.
thread_local const void* t_fetched = nullptr;

// y[rows] = W x + bias for one sample, without packing.
template <class T>
void csr_forward_one(const kernels::CsrStream& w, const T* values, const T* x, const T* bias, T* y) {
  const int64_t tasks = vector_tasks(w);
  rt::parallel_for(tasks, [&](int64_t task) {
    const int64_t sums = std::min(w.block_rows, w.rows) * kernels::kVectorSums;
    const rt::Scratch scratch(sums * static_cast<int64_t>(sizeof(T)));
    for (int64_t block = task * w.blocks() / tasks; block < (task + 1) * w.blocks() / tasks; ++block) {
      const int64_t row = block * w.block_rows;
      const T* block_bias = bias == nullptr ? nullptr : bias + row;
      kernels::csr_forward_vector(w, values, block, x, block_bias, reinterpret_cast<T*>(scratch.data()), y + row);
    }
  });
}

}  // namespace

// What it saves is writing packed batches out and reading them back, in proportion to rows + cols; what it costs are
// sums of the gradient for each part of the batch, in proportion to nnz.
bool streams_batch(const kernels::CsrStream& w, int64_t n) { return n >= 128 && w.nnz() <= 32 * (w.rows + w.cols); }

template <class T>
void csr_forward(const kernels::CsrStream& w, const T* values, const std::type_identity_t<ConstBatch<T>>& x,
                 const T* bias, const Batch<T>& y) {
  if (x.n == 1 && x.width == 0 && y.width == 0) return csr_forward_one(w, values, x.data, bias, y.data);
  const int width = tile_width(x, y);
  const int64_t tiles = x.tiles(width);
  const int64_t blocks = w.blocks();
  // A task packs its tile for all of its row blocks. Blocks are spread over tasks only where tiles alone are too few.
  const bool packs = x.width == 0;
  int64_t groups = std::clamp<int64_t>(kTasks / std::max<int64_t>(1, tiles), 1, std::max<int64_t>(1, blocks));
  if (packs && streams_batch(w, x.n)) groups = 1;
  if (packs && groups > 1) return csr_forward<T>(w, values, InTiles<T>(x, width).batch(), bias, y);
  const int64_t x_size = packs ? padded<T>(w.cols * width) : 0;
  const int64_t y_size = y.width == 0 ? padded<T>(std::min(w.block_rows, w.rows) * width) : 0;
  rt::parallel_for(tiles * groups, [&](int64_t task) {
    const int64_t group = task % groups;
    const rt::Scratch scratch((x_size + y_size) * static_cast<int64_t>(sizeof(T)));
    T* const packed = reinterpret_cast<T*>(scratch.data());
    const Tile<const T> from{x, task / groups, width};
    const Tile<const T> next{x, from.index + 1, width};
    if (packs) {
      pack(from, 0, w.cols, packed);
    } else if (t_fetched != from.begin()) {
      fetch(fetch_share(from, 0, 1));
    }
    for (int64_t block = group * blocks / groups; block < (group + 1) * blocks / groups; ++block) {
      forward_block(w, values, block, packs ? packed : from.lanes(0), bias, Tile<T>{y, from.index, width},
                    packed + x_size, fetch_share(next, block, blocks));
    }
    if (group + 1 == groups) t_fetched = next.begin();
  });
}

template void csr_forward(const kernels::CsrStream&, const float*, const ConstBatch<float>&, const float*,
                          const Batch<float>&);
template void csr_forward(const kernels::CsrStream&, const double*, const ConstBatch<double>&, const double*,
                          const Batch<double>&);

}  // namespace gossamer
