// Tensors: construction, shared storage, versions, conversion and errors.
#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <numeric>
#include <span>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "gossamer/error.h"
#include "gossamer/tensor.h"
#include "tensor/arith.h"
#include "tests/support/errors.h"
#include "tests/support/golden.h"
#include "tests/support/tensors.h"

namespace gossamer::test_tensor {
namespace {

TEST(Tensor, IsUndefinedUntilItHasElements) {
  const Tensor x;
  EXPECT_FALSE(x.defined());
  EXPECT_EQ(x.numel(), 0);
  EXPECT_EQ(x.bytes(), 0);
  EXPECT_EQ(x.version(), 0);
  EXPECT_FALSE(x.requires_grad());
  EXPECT_FALSE(x.clone().defined());
  EXPECT_FALSE(x.detach().defined());
  message_of<StateError>([&] { x.data<float>(); });
  message_of<ShapeError>([&] { x.item<float>(); });
}

TEST(Tensor, FactoriesFillEveryDtype) {
  for (const DType dtype : {DType::f32, DType::f64, DType::i64, DType::i32, DType::boolean}) {
    SCOPED_TRACE(dtype_name(dtype));
    EXPECT_EQ(Tensor::empty({2, 3}, dtype).bytes(), 6 * dtype_size(dtype));
    EXPECT_EQ(to_vector<double>(Tensor::zeros({3}, dtype).to(DType::f64)), std::vector<double>(3, 0));
    EXPECT_EQ(to_vector<double>(Tensor::ones({3}, dtype).to(DType::f64)), std::vector<double>(3, 1));
    EXPECT_EQ(Tensor::ones({}, dtype).item<int64_t>(), 1);
  }
  EXPECT_EQ(Tensor::full({2}, -2.5).data<float>()[1], -2.5F);
}

TEST(Tensor, FromAListIsAVectorAndLiteralsAreF32) {
  const Tensor x = Tensor::from({1.0, 2.5});
  EXPECT_EQ(x.dtype(), DType::f32);
  EXPECT_EQ(x.shape(), (Shape{2}));
  EXPECT_EQ(to_vector<float>(x), (std::vector<float>{1, 2.5}));
  EXPECT_EQ(Tensor::from({1.0, 2.5}, {2, 1}).dtype(), DType::f32);
  EXPECT_EQ(Tensor::from<double>({1.0, 2.5}).dtype(), DType::f64);
  EXPECT_EQ(Tensor::from({1, 2, 3}).dtype(), DType::i32);
  EXPECT_EQ(Tensor::from({true, false}).dtype(), DType::boolean);
  EXPECT_EQ(Tensor::from(std::vector<int64_t>{4, 5}).to_string(), "i64 [2]\n[4, 5]");
}

TEST(Tensor, FromTakesContiguousMemoryInAnyForm) {
  std::vector<float> vector{1, 2};
  const std::array<int64_t, 2> array{3, 4};
  double plain[] = {5, 6};
  EXPECT_EQ(Tensor::from(vector).to_vector<float>(), vector);
  EXPECT_EQ(Tensor::from(array).to_vector<int64_t>(), (std::vector<int64_t>{3, 4}));
  EXPECT_EQ(Tensor::from(array, {2, 1}).shape(), Shape({2, 1}));
  EXPECT_EQ(Tensor::from(plain).to_vector<double>(), (std::vector<double>{5, 6}));
  EXPECT_EQ(Tensor::from(plain, {1, 2}).dtype(), DType::f64);
  EXPECT_EQ(Tensor::from(std::span(vector)).to_vector<float>(), vector);
  EXPECT_EQ(Tensor::from(std::span(vector), {2, 1}).shape(), Shape({2, 1}));
  EXPECT_EQ(Tensor::from(std::span<const float>(vector)).to_vector<float>(), vector);
  message_of<ShapeError>([&] { Tensor::from(plain, {3}); });
}

template <class T>
concept CanBeSpanned = requires(T x) {
  std::forward<T>(x).template span<float>();
};
static_assert(CanBeSpanned<const Tensor&> && CanBeSpanned<Tensor&>);
static_assert(!CanBeSpanned<Tensor> && !CanBeSpanned<const Tensor>, "the memory of a temporary may go with it");

TEST(Tensor, ToVectorCopiesTheElementsOfATemporaryToo) {
  EXPECT_EQ(Tensor::from({1.0, 2.5}).to_vector<float>(), (std::vector<float>{1, 2.5}));
  EXPECT_EQ(Tensor::from({true, false}).to_vector<bool>(), (std::vector<bool>{true, false}));
  EXPECT_EQ(Tensor::from({1, 2, 3, 4}, {2, 2}).alias({2}, 1).to_vector<int32_t>(), (std::vector<int32_t>{2, 3}));
  EXPECT_TRUE(Tensor::zeros({0}).to_vector<float>().empty());
  message_of<DTypeError>([] { Tensor::zeros({2}).to_vector<double>(); });
  message_of<StateError>([] { Tensor().to_vector<float>(); });
}

TEST(Tensor, AtReadsOneElement) {
  const Tensor x = Tensor::from({1, 2, 3, 4, 5, 6}, {2, 3});
  EXPECT_EQ(x.at(1, 0), 4.0);
  EXPECT_EQ(x.at<int64_t>(-1, -1), 6);
  EXPECT_EQ(x.alias({3}, 3).at(1), 5.0);
  EXPECT_EQ(Tensor::ones({}).at(), 1.0);
  EXPECT_NE(message_of<ShapeError>([&] { x.at(1); }).find("2 positions, one for each dimension of [2, 3]"),
            std::string::npos);
  EXPECT_NE(message_of<IndexError>([&] { x.at(0, 3); }).find("position 1 must be within [-3, 3)"), std::string::npos);
  message_of<IndexError>([&] { x.at(-3, 0); });
  message_of<IndexError>([&] { Tensor::ones({2, 0}).at(0, 0); });
}

TEST(Tensor, WrapSharesTheCallersMemory) {
  std::vector<float> memory{1, 2, 3, 4};
  Tensor x = Tensor::wrap(memory.data(), {2, 2});
  EXPECT_EQ(x.data<float>(), memory.data());
  memory[3] = 9;
  EXPECT_EQ(x.at(1, 1), 9.0);
  x.fill(5);
  EXPECT_EQ(memory, (std::vector<float>{5, 5, 5, 5}));
  EXPECT_FALSE(x.owns_storage_alone()) << "what is reused as scratch must not be the caller's";
  EXPECT_FALSE(x.clone().shares_storage_with(x));
}

TEST(Tensor, WrapKeepsTheOwnerAsLongAsAView) {
  auto memory = std::make_shared<std::vector<int64_t>>(3, 7);
  const std::weak_ptr<void> watch = memory;
  int64_t* const data = memory->data();
  Tensor view = Tensor::wrap(data, {3}, std::move(memory)).alias({1}, 2);
  EXPECT_FALSE(watch.expired());
  EXPECT_EQ(view.at(0), 7.0);
  view = Tensor();
  EXPECT_TRUE(watch.expired());
}

TEST(Tensor, WrapRefusesMemoryThatCannotHoldTheElements) {
  alignas(8) std::byte bytes[16] = {};
  auto* const crooked = reinterpret_cast<float*>(bytes + 1);
  EXPECT_NE(message_of<ConfigError>([&] { Tensor::wrap(crooked, {2}); }).find("aligned to 4 bytes"), std::string::npos);
  message_of<ConfigError>([] { Tensor::wrap<float>(nullptr, {2}); });
  EXPECT_EQ(Tensor::wrap<float>(nullptr, {0, 3}).numel(), 0);
}

TEST(Tensor, StartsAtACacheLine) {
  for (const int64_t n : {0, 1, 7, 1000}) {
    EXPECT_EQ(reinterpret_cast<uintptr_t>(Tensor::empty({n}).data<float>()) % 64, 0) << n;
  }
}

TEST(Tensor, FromCopiesItsValues) {
  std::vector<float> values{1, 2, 3, 4};
  const Tensor x = Tensor::from(values, {2, 2});
  values[0] = 9;
  EXPECT_EQ(to_vector<float>(x), (std::vector<float>{1, 2, 3, 4}));
  EXPECT_EQ(Tensor::from<bool>({true, false}, {2}).dtype(), DType::boolean);
  EXPECT_EQ(Tensor::from<int32_t>({7}, {}).item<int>(), 7);
  EXPECT_NE(message_of<ShapeError>([&] { Tensor::from(values, {3}); }).find("4 values for [3]"), std::string::npos);
}

TEST(Tensor, DimCountsFromEitherEnd) {
  const Tensor x = Tensor::zeros({2, 3, 5});
  EXPECT_EQ(x.dim(0), 2);
  EXPECT_EQ(x.dim(-1), 5);
  EXPECT_EQ(x.dim(-3), 2);
  message_of<ShapeError>([&] { x.dim(3); });
  message_of<ShapeError>([&] { x.dim(-4); });
}

TEST(Tensor, GivesItsElementsAsTheirOwnTypeOnly) {
  Tensor x = Tensor::zeros({2});
  const std::string message = message_of<DTypeError>([&] { x.data<double>(); });
  EXPECT_NE(message.find("f32"), std::string::npos) << message;
  EXPECT_NE(message.find("f64"), std::string::npos) << message;
  const uint64_t version = x.version();
  message_of<DTypeError>([&] { x.mutable_data<int32_t>(); });
  EXPECT_EQ(x.version(), version);
}

TEST(Tensor, ItemIsTheOnlyElement) {
  EXPECT_EQ(Tensor::full({1, 1}, 2.5).item<double>(), 2.5);
  EXPECT_EQ(Tensor::full({}, 2.5).item<int64_t>(), 2);
  EXPECT_NE(message_of<ShapeError>([] { Tensor::zeros({2}).item<float>(); }).find("[2]"), std::string::npos);
}

TEST(Tensor, CopiesOfTheHandleShareElements) {
  Tensor x = Tensor::zeros({2});
  const Tensor y = x;
  x.fill(3);
  EXPECT_EQ(to_vector<float>(y), (std::vector<float>{3, 3}));
  EXPECT_TRUE(x.shares_storage_with(y));
  EXPECT_FALSE(x.owns_storage_alone());
}

TEST(Tensor, CloneHasElementsOfItsOwn) {
  Tensor x = Tensor::from<float>({1, 2, 3, 4}, {4});
  const Tensor part = x.alias({2}, 1).clone();
  x.fill(0);
  EXPECT_EQ(to_vector<float>(part), (std::vector<float>{2, 3}));
  EXPECT_FALSE(part.shares_storage_with(x));
  EXPECT_TRUE(part.owns_storage_alone());
}

TEST(Tensor, AliasIsAViewAtAnOffset) {
  Tensor x = Tensor::from<float>({0, 1, 2, 3, 4, 5}, {6});
  Tensor rows = x.alias({2, 2}, 2);
  EXPECT_EQ(to_vector<float>(rows), (std::vector<float>{2, 3, 4, 5}));
  EXPECT_EQ(to_vector<float>(rows.alias({2}, 2)), (std::vector<float>{4, 5}));
  rows.mutable_data<float>()[0] = 9;
  EXPECT_EQ(x.data<float>()[2], 9);
  EXPECT_EQ(x.alias({0}, 6).numel(), 0);
}

TEST(Tensor, AliasStaysWithinItsTensor) {
  const Tensor x = Tensor::zeros({6});
  message_of<ShapeError>([&] { x.alias({7}); });
  EXPECT_NE(message_of<ShapeError>([&] { x.alias({2, 2}, 3); }).find("[2, 2] at 3 of [6]"), std::string::npos);
  message_of<ShapeError>([&] { x.alias({1}, -1); });
  message_of<ShapeError>([&] { x.alias({3}).alias({4}); });
}

TEST(Tensor, VersionCountsEveryOpeningForWritingThroughAnyView) {
  Tensor x = Tensor::zeros({4});
  const Tensor other = x.alias({2}, 2);
  const uint64_t start = x.version();
  EXPECT_EQ(x.data<float>()[0], 0);
  EXPECT_EQ(x.version(), start);
  x.mutable_data<float>();
  EXPECT_GT(other.version(), start);
  uint64_t last = x.version();
  Tensor view = other;
  view.fill(1);
  EXPECT_GT(x.version(), last);
  last = x.version();
  view.copy_from(Tensor::zeros({2}));
  EXPECT_GT(x.version(), last);
}

TEST(Tensor, ToConvertsElements) {
  const Tensor x = Tensor::from<float>({0, -0.F, 1.75F, -3.5F}, {4});
  EXPECT_EQ(to_vector<int64_t>(x.to(DType::i64)), (std::vector<int64_t>{0, 0, 1, -3}));
  EXPECT_EQ(to_vector<bool>(x.to(DType::boolean)), (std::vector<bool>{false, false, true, true}));
  EXPECT_EQ(to_vector<double>(x.to(DType::f64)), (std::vector<double>{0, 0, 1.75, -3.5}));
  EXPECT_EQ(to_vector<float>(Tensor::from<bool>({true, false}, {2}).to(DType::f32)), (std::vector<float>{1, 0}));
  EXPECT_TRUE(x.to(DType::f32).shares_storage_with(x));
  EXPECT_FALSE(x.to(DType::f64).shares_storage_with(x));
}

TEST(Tensor, ToAnIntegerSaturatesAndTakesNanForZero) {
  constexpr double kInf = std::numeric_limits<double>::infinity();
  const std::vector<double> given{std::nan(""), kInf,    -kInf,  1e30,    -1e30,
                                  0x1p31,       -0x1p31, 0x1p63, -0x1p63, 2147483646.9};
  constexpr auto kMax32 = std::numeric_limits<int32_t>::max();
  constexpr auto kMin32 = std::numeric_limits<int32_t>::min();
  constexpr auto kMax64 = std::numeric_limits<int64_t>::max();
  constexpr auto kMin64 = std::numeric_limits<int64_t>::min();
  const Tensor x = Tensor::from(given, {10});
  const std::vector<int32_t> as_i32{0, kMax32, kMin32, kMax32, kMin32, kMax32, kMin32, kMax32, kMin32, 2147483646};
  const std::vector<int64_t> as_i64{0,         kMax64,       kMin64, kMax64, kMin64,
                                    1LL << 31, -(1LL << 31), kMax64, kMin64, 2147483646};
  EXPECT_EQ(to_vector<int32_t>(x.to(DType::i32)), as_i32);
  EXPECT_EQ(to_vector<int64_t>(x.to(DType::i64)), as_i64);
  EXPECT_EQ(to_vector<int32_t>(x.to(DType::f32).to(DType::i32)).front(), 0);
  EXPECT_EQ(to_vector<int32_t>(Tensor::from<int64_t>({1LL << 40, -(1LL << 40), -7}, {3}).to(DType::i32)),
            (std::vector<int32_t>{kMax32, kMin32, -7}));
  EXPECT_EQ(Tensor::full({}, kInf).item<int64_t>(), kMax64);
  EXPECT_EQ(Tensor::full({1}, std::nan(""), DType::i64).item<int64_t>(), 0);
}

TEST(Tensor, CopyFromAnOverlappingViewGivesWhatACopyInBetweenGives) {
  for (const int64_t n : {5, 300000}) {  // the second is copied in parallel
    for (const int64_t shift : {-1, 0, 1, 3}) {
      Tensor x = uniform({n + 3}, 1, DType::f32);
      const int64_t from = shift < 0 ? 1 : 0;
      const Tensor expected = x.alias({n}, from).clone();
      Tensor target = x.alias({n}, from + shift);
      const uint64_t version = x.version();
      target.copy_from(x.alias({n}, from));
      golden::expect_equal(target, expected);
      EXPECT_GT(x.version(), version);
    }
  }
}

TEST(Tensor, PrintsDtypeShapeAndElements) {
  std::ostringstream out;
  out << Tensor::from<float>({1, 2.5F, -3, std::nanf("")}, {2, 2});
  EXPECT_EQ(out.str(), "f32 [2, 2]\n[[1, 2.5],\n [-3, nan]]");
  EXPECT_EQ(Tensor::full({}, 0.1, DType::f64).to_string(), "f64 []\n0.1");
  EXPECT_EQ(Tensor::from<bool>({true, false}, {2}).to_string(), "bool [2]\n[true, false]");
  EXPECT_EQ(Tensor::zeros({2, 1, 2}, DType::i64).to_string(), "i64 [2, 1, 2]\n[[[0, 0]],\n\n [[0, 0]]]");
  EXPECT_EQ(Tensor::zeros({0, 3}).to_string(), "f32 [0, 3]\n[]");
  EXPECT_EQ(Tensor().to_string(), "an undefined tensor");
  out.str("");
  out << DType::f32 << ' ' << DType::boolean;
  EXPECT_EQ(out.str(), "f32 bool");
}

TEST(Tensor, PrintsTheEndsOfALargeOne) {
  std::vector<int32_t> numbers(2000);
  std::iota(numbers.begin(), numbers.end(), 0);
  EXPECT_EQ(Tensor::from(numbers, {2000}).to_string(), "i32 [2000]\n[0, 1, 2, ..., 1997, 1998, 1999]");
  EXPECT_EQ(Tensor::from(numbers, {1000, 2}).to_string(),
            "i32 [1000, 2]\n[[0, 1],\n [2, 3],\n [4, 5],\n ...,\n [1994, 1995],\n [1996, 1997],\n [1998, 1999]]");
}

TEST(Tensor, CopyFromTakesTheSameShapeAndDtypeOnly) {
  Tensor x = Tensor::ones({2, 2});
  x.copy_from(Tensor::from<float>({1, 2, 3, 4}, {2, 2}));
  const std::vector<float> expected{1, 2, 3, 4};
  EXPECT_EQ(to_vector<float>(x), expected);
  const uint64_t version = x.version();
  message_of<ShapeError>([&] { x.copy_from(Tensor::zeros({4})); });
  message_of<DTypeError>([&] { x.copy_from(Tensor::zeros({2, 2}, DType::f64)); });
  EXPECT_EQ(to_vector<float>(x), expected);
  EXPECT_EQ(x.version(), version);
}

TEST(Tensor, CopiesLongArraysWhole) {
  const Tensor x = uniform({300001}, 1, DType::f32);
  golden::expect_equal(x.clone(), x);
}

TEST(Tensor, RefusesMoreBytesThanFit) {
  EXPECT_NE(message_of<ShapeError>([] { Tensor::empty({INT64_MAX / 4}, DType::f64); }).find("bytes"),
            std::string::npos);
}

TEST(AddInto, AddsInPlace) {
  Tensor total = uniform({40001}, 1, DType::f32);
  const Tensor before = total.clone();
  const Tensor x = uniform({40001}, 2, DType::f32);
  add_into(total, x);
  for (int64_t i = 0; i < total.numel(); ++i) {
    ASSERT_EQ(total.data<float>()[i], before.data<float>()[i] + x.data<float>()[i]) << i;
  }
}

TEST(AllFinite, FindsASingleBadElementWhereverItStands) {
  for (const DType dtype : {DType::f32, DType::f64}) {
    EXPECT_TRUE(all_finite(uniform({40001}, 1, dtype)));
    EXPECT_TRUE(all_finite(Tensor::zeros({0}, dtype)));
    EXPECT_TRUE(all_finite(Tensor::full({3}, 3e38, dtype)));
    for (const double bad :
         {std::nan(""), std::numeric_limits<double>::infinity(), -std::numeric_limits<double>::infinity()}) {
      for (const int64_t at : {0, 17, 20000, 40000}) {
        Tensor x = uniform({40001}, 1, dtype);
        x.alias({1}, at).fill(bad);
        EXPECT_FALSE(all_finite(x)) << bad << " at " << at;
      }
    }
  }
}

}  // namespace
}  // namespace gossamer::test_tensor
