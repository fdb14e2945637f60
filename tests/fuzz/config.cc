#include "gossamer/config.h"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gossamer/functional.h"
#include "gossamer/optim/sgd.h"
#include "gossamer/parameter.h"
#include "gossamer/runtime.h"
#include "gossamer/sparse/configure.h"
#include "tests/fuzz/target.h"

namespace gossamer::fuzz {

namespace {

// Null where the text is refused.
Config parsed(Bytes bytes) {
  try {
    return parse_yaml(std::string(text_of(bytes)));
  } catch (const FormatError&) {
    return {};
  }
}

// Applied to two weights, and trained for some steps.
void train(sparse::Group group) {
  const Parameter first(Tensor::ones({4, 6}), "first.weight"), second(Tensor::ones({3, 4}), "second.weight");
  optim::SGD optimizer({first, second}, {.lr = 0.1, .momentum = 0.9});
  group.apply({first, second});
  group.apply(optimizer);
  for (int step = 1; step <= 2; ++step) {
    optimizer.zero_grad();
    const Tensor y = linear(linear(Tensor::full({2, 6}, step), first), second);
    y.backward(Tensor::ones(y.shape()));
    optimizer.step();
  }
}

}  // namespace

FUZZ_TARGET(yaml) {
  const Config config = parsed(bytes);
  require(!config.describe().empty(), "every value can be described");
}

FUZZ_TARGET(configure) {
  static const bool silent = (set_log_callback([](LogLevel, std::string_view) {}), true);
  require(silent, "warnings are dropped");
  const Config config = parsed(bytes);
  try {
    sparse::Group group = sparse::configure(config);
    // Takes five times as long as all before it.
    if (bytes.size() % 8 == 0) train(std::move(group));
  } catch (const Error&) {  // of any kind that the library throws on purpose
  }
}

}  // namespace gossamer::fuzz
