// Refusals of layers that say what to do instead.
#include <string>
#include <vector>

#include "gossamer/nn/batch_norm.h"
#include "gossamer/nn/conv.h"
#include "gossamer/nn/flatten.h"
#include "gossamer/sparse/static.h"
#include "tests/nn/support.h"

namespace gossamer::nn::test_remedies {
namespace {

// What stands behind the last "; " of the error.
template <class E, class F>
std::string remedy_of(F&& f) {
  const std::string message = message_of<E>(std::forward<F>(f));
  return message.substr(message.rfind("; ") + 2);
}

TEST(Remedies, AnImageGivenToALinearLayerIsFlattened) {
  Generator rng(1);
  for (const double sparsity : {0.0, 0.5}) {
    Linear layer({.in = 12, .out = 2, .sparsity = sparsity}, rng);
    const auto remedy = [&](const Shape& shape) { return remedy_of<ShapeError>([&] { layer(Tensor::ones(shape)); }); };
    EXPECT_EQ(remedy({5, 3, 4}), "put nn::Flatten() in front");
    EXPECT_EQ(remedy({3, 4}), "put nn::Flatten({.start_dim = 0}) in front");
    EXPECT_EQ(remedy({5, 2, 3, 4}), "put nn::Flatten({.start_dim = 2}) in front");
    EXPECT_EQ(remedy({5, 7}), "[5, 7]");
    EXPECT_EQ(remedy({5, 0, 4}), "[5, 0, 4]");
    EXPECT_EQ(layer(Flatten()(Tensor::ones({5, 3, 4}))).shape(), Shape({5, 2}));
    EXPECT_EQ(layer(Flatten({.start_dim = 0})(Tensor::ones({3, 4}))).shape(), Shape({2}));
  }
}

TEST(Remedies, ImagesWithTheirChannelsElsewhereArePermuted) {
  Generator rng(1);
  Conv2d layer({.in = 3, .out = 2, .kernel = 1}, rng);
  EXPECT_EQ(remedy_of<ShapeError>([&] {
              layer(Tensor::ones({1, 5, 5, 3}));
            }),
            "the channels come first: permute(x, {0, 3, 1, 2})");
  EXPECT_EQ(remedy_of<ShapeError>([&] {
              layer(Tensor::ones({5, 5, 3}));
            }),
            "the channels come first: permute(x, {2, 0, 1})");
  Conv2d gray({.in = 1, .out = 2, .kernel = 1}, rng);
  EXPECT_EQ(remedy_of<ShapeError>([&] {
              gray(Tensor::ones({4, 5, 5}));
            }),
            "images of one channel have it, too: unsqueeze(x, 1)");
  EXPECT_EQ(gray(unsqueeze(Tensor::ones({4, 5, 5}), 1)).shape(), Shape({4, 2, 5, 5}));
}

TEST(Remedies, EachBatchNormNamesTheOther) {
  BatchNorm1d lines({.channels = 3});
  BatchNorm2d images({.channels = 3});
  EXPECT_EQ(remedy_of<ShapeError>([&] { lines(Tensor::ones({2, 3, 4, 4})); }), "BatchNorm2d takes images");
  EXPECT_EQ(remedy_of<ShapeError>([&] { images(Tensor::ones({2, 3})); }), "BatchNorm1d takes what is no image");
}

TEST(Remedies, ASparsityInPercentIsToldWhatAShareIs) {
  const std::string share = "it is a share: 0.9 for 90 %";
  Generator rng(1);
  EXPECT_EQ(remedy_of<ConfigError>([&] { Linear({.in = 2, .out = 2, .sparsity = 90}, rng); }), share);
  EXPECT_EQ(remedy_of<ConfigError>([] { sparse::Static(90); }), share);
}

TEST(Remedies, AnEntryThatADictMadeByItselfIsSuspected) {
  Generator rng(1);
  Linear layer({.in = 2, .out = 2}, rng);
  StateDict dict;
  EXPECT_EQ(remedy_of<StateError>([&] { layer(dict["x"]); }),
            "dict[name] of a name that is not there makes one, dict.at(name) throws");
}

}  // namespace
}  // namespace gossamer::nn::test_remedies
