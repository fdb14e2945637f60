#include <gtest/gtest.h>

#include <vector>

#include "bench/measurements.h"

namespace gossamer::bench::test_measurements {
namespace {

Options small_options() {
  Options options;
  options.sizes = {{24, 16, 32}};
  options.sparsities = {0.5, 0.9};
  options.kernels = {Kernel::Forward, Kernel::Step};
  options.layouts = {Layout::BatchFirst, Layout::Native};
  options.threads = {1, 2};
  return options;
}

TEST(Measurements, AskServingLayersForwardAloneOnOneThread) {
  Options options = small_options();
  options.serving = {{24, 16, 1}};
  const Measurements measurements(options);
  std::vector<Group> serving;
  for (const Group& group : measurements.groups()) {
    if (group.size.n == 1) serving.push_back(group);
  }
  ASSERT_EQ(measurements.groups().size() - serving.size(), 2U * 2 * 2);
  ASSERT_EQ(serving.size(), 2U);
  for (const Group& group : serving) {
    EXPECT_EQ(group.kernel, Kernel::Forward);
    EXPECT_EQ(group.threads, 1);
    ASSERT_EQ(group.series.size(), 1U);
    EXPECT_EQ(group.series[0].layout, Layout::BatchFirst);
    EXPECT_TRUE(group.series[0].few_samples);
  }
}

TEST(Measurements, AreForEveryKernelAndLayoutOfAShapeWhateverItsSamples) {
  for (const int64_t n : {1, 16, 17}) {
    Options options = small_options();
    options.sizes[0].n = n;
    const Measurements measurements(options);
    EXPECT_EQ(measurements.groups().size(), 2U * 2 * 2);
    for (const Group& group : measurements.groups()) {
      ASSERT_EQ(group.series.size(), 2U);
      for (const Series& series : group.series) EXPECT_EQ(series.few_samples, n <= 16);
    }
  }
}

}  // namespace
}  // namespace gossamer::bench::test_measurements
