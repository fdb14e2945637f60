// The network of cnn.cc: a residual network for small images. He et al. 2016, https://arxiv.org/abs/1512.03385,
// section 4.2, with projections where the shape changes.
#pragma once

#include <cstdint>

#include "gossamer/gossamer.h"

namespace cnn {

namespace nn = gossamer::nn;
using gossamer::Generator;
using gossamer::Tensor;

// What is pruned. The first convolution, the last layer and the norms are dense.
inline constexpr const char* kSparseWeights = "blocks.*conv*.weight";

struct BlockOptions {
  int64_t in = 0;
  int64_t out = 0;
  int64_t stride = 1;
};

//   x -- 3x3, stride -- norm -- relu -- 3x3 -- norm -- + -- relu
//    \------- x, or 1x1, stride -- norm --------------/
class Block final : public nn::Cloneable<Block> {
 public:
  Block(const BlockOptions& options, Generator& rng)
      : options_(options),
        conv1_(
            {.in = options.in, .out = options.out, .kernel = 3, .stride = options.stride, .padding = 1, .bias = false},
            rng),
        norm1_({.channels = options.out}),
        conv2_({.in = options.out, .out = options.out, .kernel = 3, .padding = 1, .bias = false}, rng),
        norm2_({.channels = options.out}) {
    if (options.in != options.out || options.stride != 1) {
      shortcut_.append(nn::named(
          "conv",
          nn::Conv2d({.in = options.in, .out = options.out, .kernel = 1, .stride = options.stride, .bias = false},
                     rng)));
      shortcut_.append(nn::named("norm", nn::BatchNorm2d({.channels = options.out})));
    }
    register_module("conv1", conv1_);
    register_module("norm1", norm1_);
    register_module("conv2", conv2_);
    register_module("norm2", norm2_);
    register_module("shortcut", shortcut_);
  }

  const BlockOptions& options() const { return options_; }

  Tensor forward(const Tensor& x) override {
    const Tensor residual = norm2_(conv2_(relu(norm1_(conv1_(x)))));
    return relu(add(residual, shortcut_(x)));
  }

 private:
  BlockOptions options_;
  nn::Conv2d conv1_;
  nn::BatchNorm2d norm1_;
  nn::Conv2d conv2_;
  nn::BatchNorm2d norm2_;
  nn::Sequential shortcut_;  // empty where the shape stays: x itself
};

struct NetOptions {
  int64_t in = 1;  // channels of an image
  int64_t classes = 10;
  int64_t width = 32;  // channels of the first stage; each stage has twice those of the one before, at half the size
  int64_t stages = 3;
  int64_t blocks = 2;  // of a stage
};

// 3x3 -- norm -- relu -- 3x3 max pooling, 2 -- stages of blocks -- mean over all positions -- linear
class Net final : public nn::Cloneable<Net> {
 public:
  Net(const NetOptions& options, Generator& rng)
      : options_(options),
        stem_({.in = options.in, .out = options.width, .kernel = 3, .padding = 1, .bias = false}, rng),
        norm_({.channels = options.width}),
        head_({.in = options.width << (options.stages - 1), .out = options.classes}, rng) {
    int64_t in = options.width;
    for (int64_t stage = 0; stage < options.stages; ++stage) {
      const int64_t out = options.width << stage;
      for (int64_t i = 0; i < options.blocks; ++i) {
        blocks_.append(Block({.in = in, .out = out, .stride = stage > 0 && i == 0 ? 2 : 1}, rng));
        in = out;
      }
    }
    register_module("stem", stem_);
    register_module("norm", norm_);
    register_module("blocks", blocks_);
    register_module("head", head_);
    stem_.requires_dense();
    head_.requires_dense();
  }

  const NetOptions& options() const { return options_; }

  // Images [n, in, h, w] -> logits [n, classes].
  Tensor forward(const Tensor& images) override {
    Tensor x = relu(norm_(stem_(images)));
    x = max_pool2d(x, {.kernel = 3, .stride = 2, .padding = 1});
    for (nn::Module& block : blocks_) x = block(x);
    return head_(flatten(adaptive_avg_pool2d(x, 1), {.start_dim = 1}));
  }

 private:
  NetOptions options_;
  nn::Conv2d stem_;
  nn::BatchNorm2d norm_;
  nn::ModuleList blocks_;
  nn::Linear head_;
};

}  // namespace cnn
