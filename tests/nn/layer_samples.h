// One list of layers for all tests that hold for each of them: clones, gradients, moves.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "gossamer/nn/module.h"

namespace gossamer::nn {

// A layer, and how to move it into another of its type.
struct SampledLayer : std::unique_ptr<Module> {
  std::unique_ptr<Module> (*move)(Module&);
};

struct LayerSample {
  std::string name;
  std::function<SampledLayer(DType)> make;
  std::function<Tensor(DType)> input;
  bool draws = false;  // in training every forward is another one
};

inline void PrintTo(const LayerSample& sample, std::ostream* os) { *os << sample.name; }
inline std::string name_of_layer(const testing::TestParamInfo<LayerSample>& info) { return info.param.name; }

std::vector<LayerSample> layer_samples();

}  // namespace gossamer::nn
