// Both forms of a sparse weight in state dicts: round trips of every kind of parameter, conversion, and what is
// refused.
#include <cmath>
#include <cstdint>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "gossamer/nn/embedding.h"
#include "gossamer/runtime.h"
#include "gossamer/sparse_forms.h"
#include "tests/nn/support.h"

namespace gossamer::nn::test_sparse_forms {
namespace {

constexpr StateDictOptions kDense{.form = SparseForm::Dense};
constexpr StateDictOptions kCsr{.form = SparseForm::Csr};

using Positions = std::vector<int64_t>;

struct Holder : Module {
  Parameter w;
  explicit Holder(const Shape& shape, uint64_t key = 1, DType dtype = DType::f32) : w(uniform(shape, key, dtype)) {
    register_parameter("w", w);
  }
};

void expect_same(const StateDict& actual, const StateDict& expected) {
  ASSERT_EQ(names_of(actual), names_of(expected));
  for (const auto& [name, tensor] : actual) {
    SCOPED_TRACE(name);
    expect_equal(tensor, expected.at(name));
  }
}

// The entries of w in CSR form, counted one by one.
StateDict csr_entries(const Tensor& dense, const Positions& positions) {
  const MatrixSize size = as_matrix(dense.shape());
  std::vector<int32_t> crow(static_cast<size_t>(size.rows + 1));
  std::vector<int32_t> col;
  Tensor values = Tensor::empty({static_cast<int64_t>(positions.size())}, dense.dtype());
  for (size_t i = 0; i < positions.size(); ++i) {
    for (int64_t row = positions[i] / size.cols; row < size.rows; ++row) ++crow[static_cast<size_t>(row + 1)];
    col.push_back(static_cast<int32_t>(positions[i] % size.cols));
    if (dense.dtype() == DType::f32) {
      values.mutable_data<float>()[i] = dense.data<float>()[positions[i]];
    } else {
      values.mutable_data<double>()[i] = dense.data<double>()[positions[i]];
    }
  }
  return {{"w.crow_indices", Tensor::from(crow, {size.rows + 1})},
          {"w.col_indices", Tensor::from(col, {values.numel()})},
          {"w.values", values},
          {"w.shape", Tensor::from(dense.shape().dims(), {dense.rank()})}};
}

struct Kind {
  const char* what;
  Shape shape;
  Positions positions;
  DType dtype = DType::f32;
};

std::vector<Kind> kinds() {
  Positions all;
  for (int64_t i = 0; i < 20; ++i) all.push_back(i);
  return {
      {"rank 0", {}, {0}},
      {"rank 1", {7}, {1, 2, 6}},
      {"rank 2", {3, 4}, {0, 5, 6, 11}},
      {"rank 2 in f64", {3, 4}, {0, 5, 6, 11}, DType::f64},
      {"convolution", {4, 2, 3, 3}, {0, 17, 18, 40, 53, 71}},
      {"every position", {4, 5}, all},
      {"no position", {4, 5}, {}},
      {"rows without positions", {5, 3}, {3, 5, 12}},
      {"one column", {5, 1}, {0, 4}},
      {"no rows", {0, 3}, {}},
      {"no columns", {3, 0}, {}},
  };
}

TEST(SparseForms, OfEveryKindOfParameterHoldTheSameBits) {
  for (const Kind& kind : kinds()) {
    SCOPED_TRACE(kind.what);
    Holder from(kind.shape, 1, kind.dtype);
    const StateDict expected = csr_entries(from.w.dense(), kind.positions);
    make_csr(from.w, kind.positions);
    const StateDict csr = from.state_dict(kCsr);
    const StateDict dense = from.state_dict(kDense);
    expect_same(csr, expected);
    EXPECT_EQ(names_of(dense), (Names{"w", "w_mask"}));
    expect_same(to_csr_form(dense), csr);
    expect_same(to_dense_form(csr), dense);
    // Into a dense model, into one of another pattern, and into one of the same.
    for (const StateDict& dict : {csr, dense}) {
      Holder to(kind.shape, 2, kind.dtype);
      to.load_state_dict(dict);
      expect_same(to.state_dict(kCsr), csr);
      Holder other(kind.shape, 3, kind.dtype);
      make_csr(other.w, kind.shape.numel() > 0 ? Positions{0} : Positions{});
      other.load_state_dict(dict);
      expect_same(other.state_dict(kDense), dense);
      const auto pattern = other.w.pattern();
      EXPECT_EQ(*pattern, *from.w.pattern());
      other.load_state_dict(dict);
      EXPECT_EQ(other.w.pattern(), pattern);  // with its plans
    }
  }
}

TEST(SparseForms, KeepZerosAndNumbersThatAreNone) {
  Holder from({2, 3});
  const float nan = std::nanf("");
  const float inf = std::numeric_limits<float>::infinity();
  from.w.assign(Tensor::from<float>({0, -0.0F, nan, inf, 5, -inf}, {2, 3}),
                CsrPattern::from_positions(2, 3, std::vector<int64_t>{0, 1, 2, 3, 5}));
  const StateDict csr = from.state_dict(kCsr);
  expect_equal(csr.at("w.values"), Tensor::from<float>({0, -0.0F, nan, inf, -inf}, {5}));
  expect_same(to_csr_form(to_dense_form(csr)), csr);
  Holder to({2, 3});
  to.load_state_dict(csr);
  expect_same(to.state_dict(kCsr), csr);
}

TEST(SparseForms, MixInOneDictAndLeaveDenseParametersAndBuffersAsTheyAre) {
  Net net = make_net(1);
  make_csr(net.fc1.weight(), {0, 5, 11});
  make_csr(net.fc2.weight(), {1, 3});
  const StateDict csr = net.state_dict(kCsr);
  EXPECT_EQ(names_of(csr), (Names{"fc1.bias", "fc1.weight.col_indices", "fc1.weight.crow_indices", "fc1.weight.shape",
                                  "fc1.weight.values", "fc2.bias", "fc2.weight.col_indices", "fc2.weight.crow_indices",
                                  "fc2.weight.shape", "fc2.weight.values", "scale"}));
  StateDict mixed = net.state_dict();
  for (const char* entry : {".crow_indices", ".col_indices", ".values"}) {
    mixed[std::string("fc1.weight") + entry] = csr.at(std::string("fc1.weight") + entry);  // the shape may be absent
  }
  mixed.erase("fc1.weight");
  mixed.erase("fc1.weight_mask");
  Net to = make_net(2);
  to.load_state_dict(mixed);
  expect_same(to.state_dict(kCsr), csr);
  const Tensor x = uniform({3, 4}, 1);
  expect_equal(to(x), net(x));
}

TEST(SparseForms, OfATableInTwoLayersAreSavedOnce) {
  struct Tied : Module {
    Embedding in;
    Linear out;
    explicit Tied(Generator& rng) : in({.num_embeddings = 6, .embedding_dim = 4}, rng), out(in.weight()) {
      register_module("in", in);
      register_module("out", out);
    }
  };
  Generator rng(1);
  Tied from(rng);
  Tied to(rng);
  make_csr(from.in.weight(), {0, 7, 8, 23});
  const StateDict csr = from.state_dict(kCsr);
  EXPECT_EQ(csr.size(), 4U);
  to.load_state_dict(csr);
  EXPECT_EQ(to.in.weight(), to.out.weight());
  expect_same(to.state_dict(kDense), from.state_dict(kDense));
}

TEST(SparseForms, TakeIndicesOfEitherWidthAndWriteTheNarrowOne) {
  Holder from({3, 4});
  make_csr(from.w, {0, 5, 6, 11});
  const StateDict csr = from.state_dict(kCsr);
  StateDict wide = csr;
  for (const char* name : {"w.crow_indices", "w.col_indices"}) wide[name] = wide[name].to(DType::i64);
  Holder to({3, 4});
  to.load_state_dict(wide);
  expect_same(to.state_dict(kCsr), csr);
  expect_same(to_csr_form(to_dense_form(wide)), csr);
}

TEST(SparseForms, MakePatternsOfZerosOnlyWhereAGlobSaysSo) {
  const StateDict dict{{"a.weight", Tensor::from<float>({0, 2, -0.0F, 4}, {2, 2})},
                       {"b.weight", Tensor::from<float>({0, 2, 0, 4}, {2, 2})},
                       {"a.bias", Tensor::from<float>({0, 1}, {2})},
                       {"step", Tensor::zeros({2, 2}, DType::i64)}};
  expect_same(to_csr_form(dict), dict);
  const StateDict csr = to_csr_form(dict, {.from_zeros = {"a.*", "step"}});
  EXPECT_EQ(names_of(csr), (Names{"a.bias", "a.weight.col_indices", "a.weight.crow_indices", "a.weight.shape",
                                  "a.weight.values", "b.weight", "step"}));
  expect_equal(csr.at("a.weight.col_indices"), Tensor::from<int32_t>({1, 1}, {2}));
  EXPECT_TRUE(csr.at("b.weight").shares_storage_with(dict.at("b.weight")));
}

TEST(SparseForms, WarnAboutValuesThatConversionDrops) {
  std::vector<std::string> warnings;
  set_log_callback([&](LogLevel, std::string_view message) { warnings.emplace_back(message); });
  const StateDict csr = to_csr_form(
      {{"w", Tensor::from<float>({1, 2, 3}, {3})}, {"w_mask", Tensor::from<bool>({true, false, true}, {3})}});
  set_log_callback({});
  ASSERT_EQ(warnings.size(), 1U);
  EXPECT_EQ(warnings[0], "to_csr_form: 'w' has 1 values other than 0 where its mask is 0; they are dropped");
  expect_equal(csr.at("w.values"), Tensor::from<float>({1, 3}, {2}));
}

// ---- What is refused ----

template <class T>
std::function<void(StateDict&)> put(const char* entry, std::vector<T> values, const Shape& shape) {
  return [=](StateDict& dict) { dict[std::string("w.") + entry] = Tensor::from(values, shape); };
}
template <class T>
std::function<void(StateDict&)> put(const char* entry, std::vector<T> values) {
  return put(entry, values, Shape{static_cast<int64_t>(values.size())});
}

struct Hostile {
  std::function<void(StateDict&)> edit;
  std::vector<std::string> faults;  // each of them is in the message
  bool converts = false;            // the dict by itself is in order
};

// Each is done to [3, 4] with crow 0 1 3 4, col 0 1 2 3.
std::vector<Hostile> hostile() {
  using I32 = std::vector<int32_t>;
  using I64 = std::vector<int64_t>;
  const auto both = [](auto a, auto b) { return [=](StateDict& d) { a(d), b(d); }; };
  const auto erase = [](const char* entry) { return [=](StateDict& d) { d.erase(std::string("w.") + entry); }; };
  const auto wide = [&](I64 crow, I64 col) { return both(put("crow_indices", crow), put("col_indices", col)); };
  constexpr int64_t kMax = std::numeric_limits<int64_t>::max();
  return {
      {put("crow_indices", I32{1, 1, 3, 4}), {"'w.crow_indices' must ascend from 0 to nnz = 4: it starts at 1"}},
      {put("crow_indices", I32{0, 1, 3, 3}),
       {"'w.crow_indices' must ascend from 0 to nnz = 4: it starts at 0 and ends at 3"}},
      {put("crow_indices", I32{0, 1, 3, 5}), {"ends at 5"}},
      {put("crow_indices", I32{0, 3, 1, 4}),
       {"'w.crow_indices' must ascend from 0 to nnz = 4: element 2 is 1 after 3"}},
      {put("crow_indices", I32{0, -1, 3, 4}), {"element 1 is -1 after 0"}},
      {put("crow_indices", I32{0, 9, 3, 4}), {"element 2 is 3 after 9"}},
      {wide({0, kMax, 3, 4}, {0, 1, 2, 3}), {"element 2 is 3 after 9223372036854775807"}},
      {wide({0, 1, 3, -kMax}, {0, 1, 2, 3}), {"ends at -9223372036854775807"}},
      {put("crow_indices", I32{0, 1, 4}), {"'w.crow_indices' must be of rows + 1 elements for [3, 4], not of 3"}},
      {put("crow_indices", I32{0, 1, 2, 3, 4}), {"'w.crow_indices' must be of rows + 1 elements for [3, 4], not of 5"}},
      {put("crow_indices", I32{}), {"'w.crow_indices' must be of rows + 1 elements for [3, 4], not of 0"}},
      {put("crow_indices", std::vector<float>{0, 1, 3, 4}), {"'w.crow_indices' must be i32 or i64, not f32"}},
      {put("crow_indices", I32{0, 1, 3, 4}, {2, 2}), {"'w.crow_indices' must be of rank 1, not i32 [2, 2]"}},
      {put("crow_indices", I64{0, 1, 3, 4}), {"'w.col_indices' must be i32 or i64, as its row pointers, not i32"}},
      {put("col_indices", I32{0, 1, 2, 4}),
       {"'w.col_indices' must ascend strictly within [0, 4): row 2 has 4 after -1"}},
      {put("col_indices", I32{0, 1, 2, -1}), {"'w.col_indices' must ascend strictly within [0, 4): row 2 has -1"}},
      {put("col_indices", I32{0, 2, 1, 3}),
       {"'w.col_indices' must ascend strictly within [0, 4): row 1 has 1 after 2"}},
      {put("col_indices", I32{0, 1, 1, 3}),
       {"'w.col_indices' must ascend strictly within [0, 4): row 1 has 1 after 1"}},
      {wide({0, 1, 3, 4}, {0, 1, 2, (int64_t{1} << 32) + 3}), {"row 2 has 4294967299"}},
      {put("col_indices", std::vector<double>{0, 1, 2, 3}),
       {"'w.col_indices' must be i32 or i64, as its row pointers, not f64"}},
      {put("col_indices", I32{0, 1, 2, 3}, {4, 1}), {"'w.col_indices' must be of rank 1, not i32 [4, 1]"}},
      {put("col_indices", I32{0, 1, 2}), {"'w.values' must be of 3 elements, one per column index, not of 4"}},
      {put("values", std::vector<float>(5)), {"'w.values' must be of 4 elements, one per column index, not of 5"}},
      {put("values", I32{1, 2, 3, 4}), {"'w.values' must be f32", "not i32"}},
      {put("values", std::vector<double>(4)), {"'w.values' must be f32, not f64"}, true},
      {put("values", std::vector<float>(1), {}), {"'w.values' must be of rank 1, not f32 []"}},
      {erase("crow_indices"), {"'w.crow_indices' is missing, which 'w' in CSR form needs"}},
      {erase("col_indices"), {"'w.col_indices' is missing, which 'w' in CSR form needs"}},
      {erase("values"), {"'w.values' is missing, which 'w' in CSR form needs"}},
      {[](StateDict& d) { d["w.values"] = Tensor(); }, {"'w.values' is undefined"}},
      {[](StateDict& d) { d["w.crow_indices"] = Tensor(); }, {"'w.crow_indices' is undefined"}},
      {put("shape", I64{4, 3}), {"'w.shape' must be [3, 4], not [4, 3]"}, false},
      {put("shape", I64{3, 5}), {"'w.shape' must be [3, 4], not [3, 5]"}, true},
      {put("shape", I64{3, -4}), {"'w.shape' must be a shape"}},
      {put("shape", I64{3, kMax}), {"'w.shape' must be a shape"}},
      {put("shape", I64{0, kMax, kMax}), {"'w.shape' must be a shape"}},
      {put("shape", I64(9, 1)), {"'w.shape' must be a shape"}},
      {put("shape", I32{3, 4}), {"'w.shape' must be i64 [rank], not i32 [2]"}},
      {put("shape", I64{3, 4}, {1, 2}), {"'w.shape' must be i64 [rank], not i64 [1, 2]"}},
      {[](StateDict& d) {
         d["w"] = Tensor::ones({3, 4});
       },
       {"'w' must not be there beside 'w.values'"}},
      {[](StateDict& d) {
         d["w_mask"] = Tensor::ones({3, 4}, DType::boolean);
       },
       {"'w_mask' must not be there beside 'w.values'"}},
      {both(erase("values"), put("crow_indices", I32{0, 4})),
       {"'w.values' is missing", "'w.crow_indices' must be of rows + 1 elements"}},
  };
}

TEST(CsrEntries, ThatAreNoPatternAreRefusedByNameAndChangeNothing) {
  Holder model({3, 4});
  make_csr(model.w, {0, 5, 6, 11});
  const StateDict good = model.state_dict(kCsr);
  expect_equal(good.at("w.crow_indices"), Tensor::from<int32_t>({0, 1, 3, 4}, {4}));
  Holder dense({3, 4});
  const auto pattern = model.w.pattern();
  for (const Hostile& row : hostile()) {
    SCOPED_TRACE(row.faults.front());
    StateDict dict = good;
    row.edit(dict);
    std::vector<std::string> messages;
    for (const bool strict : {true, false}) {
      messages.push_back(message_of<FormatError>([&] { model.load_state_dict(dict, {.strict = strict}); }));
      messages.push_back(message_of<FormatError>([&] { dense.load_state_dict(dict, {.strict = strict}); }));
    }
    for (const std::string& message : messages) {
      for (const std::string& fault : row.faults) EXPECT_NE(message.find(fault), std::string::npos) << message;
    }
    if (row.converts) {
      EXPECT_NO_THROW(to_dense_form(dict));
    } else {
      const std::string name = row.faults.front().substr(0, row.faults.front().find('\'', 1));
      EXPECT_NE(message_of<FormatError>([&] { to_dense_form(dict); }).find("'w"), std::string::npos) << name;
    }
  }
  expect_same(model.state_dict(kCsr), good);
  EXPECT_EQ(model.w.pattern(), pattern);
  EXPECT_FALSE(dense.w.is_csr());
}

TEST(CsrEntries, OfSeveralParametersHaveAllTheirFaultsInOneError) {
  Net net = make_net(1);
  make_csr(net.fc1.weight(), {0, 5, 11});
  make_csr(net.fc2.weight(), {1, 3});
  const StateDict before = net.state_dict();
  StateDict dict = net.state_dict(kCsr);
  dict["fc1.weight.col_indices"].mutable_data<int32_t>()[1] = 4;
  dict["fc2.weight.crow_indices"].mutable_data<int32_t>()[2] = 7;
  dict["fc2.bias"] = Tensor::ones({5});
  dict.erase("fc1.bias");
  dict["fc9.weight.values"] = Tensor::ones({1});
  const std::string message = message_of<FormatError>([&] { net.load_state_dict(dict); });
  for (const char* fault :
       {"'fc1.weight.col_indices' must ascend strictly within [0, 4): row 1 has 4 after -1",
        "'fc2.weight.crow_indices' must ascend from 0 to nnz = 2: it starts at 0 and ends at 7",
        "'fc2.bias' must be f32 [2], not f32 [5]", "'fc1.bias' is missing", "'fc9.weight.values' is unexpected"}) {
    EXPECT_NE(message.find(fault), std::string::npos) << fault << " in: " << message;
  }
  expect_same(net.state_dict(), before);
}

TEST(CsrEntries, ForAParameterThatMustBeDenseAreRefused) {
  Holder from({3, 4});
  make_csr(from.w, {0, 5});
  Holder to({3, 4});
  to.requires_dense();
  const std::string message = message_of<FormatError>([&] { to.load_state_dict(from.state_dict(kCsr)); });
  EXPECT_NE(message.find("'w' must be dense (requires_dense), not sparse"), std::string::npos) << message;
}

TEST(Conversion, RefusesWeightsInTwoFormsAndMasksThatDoNotFit) {
  const Tensor w = Tensor::ones({3});
  const auto refused = [&](const StateDict& dict, const char* fault) {
    const std::string message = message_of<FormatError>([&] { to_csr_form(dict); });
    EXPECT_NE(message.find(fault), std::string::npos) << message;
  };
  Tensor bytes = Tensor::ones({3}, DType::boolean);
  *reinterpret_cast<uint8_t*>(bytes.mutable_data<bool>() + 1) = 7;
  refused({{"w", w}, {"w_mask", Tensor::ones({4}, DType::boolean)}}, "'w_mask' must be bool [3], not bool [4]");
  refused({{"w", w}, {"w_mask", bytes}}, "'w_mask' must have bytes of 0 and 1: element 1 is 7");
  refused({{"w", w}, {"w_mask", w.to(DType::boolean)}, {"w.values", w}}, "'w.values' must not be there beside 'w'");
  const std::string message = message_of<FormatError>([&] { to_dense_form({{"w.crow_indices", w}}); });
  for (const char* fault : {"'w.col_indices' is missing", "'w.values' is missing", "'w.shape' is missing"}) {
    EXPECT_NE(message.find(fault), std::string::npos) << message;
  }
}

TEST(SparseRun, WhoseCheckpointHasNoMasksIsRefusedWithTheRemedy) {
  Holder model({3, 4});
  make_csr(model.w, {0, 5});
  const std::string message = message_of<FormatError>([&] { model.load_state_dict({{"w", Tensor::ones({3, 4})}}); });
  for (const char* part : {"'w_mask' is missing", "strict = false takes the values at the patterns", "from_zeros"}) {
    EXPECT_NE(message.find(part), std::string::npos) << message;
  }
}

TEST(SparseForms, OfTheDemosNetworkAt95PercentAreAtMost12PercentOfTheDenseOne) {
  const auto bytes_of_network = [](double sparsity) {
    Generator rng(1);
    const auto layer = [&](int64_t in, int64_t out) {
      return Linear({.in = in, .out = out, .sparsity = sparsity}, rng);
    };
    int64_t bytes = 0;
    for (const Linear& part : {layer(784, 1024), layer(1024, 1024), layer(1024, 10)}) {
      for (const auto& [name, tensor] : part.state_dict(kCsr)) bytes += tensor.bytes();
    }
    return static_cast<double>(bytes);
  };
  const double dense = bytes_of_network(0);
  EXPECT_EQ(dense, 4 * (784 * 1024 + 1024 + 1024 * 1024 + 1024 + 1024 * 10 + 10));
  EXPECT_LE(bytes_of_network(0.95), 0.12 * dense);
}

}  // namespace
}  // namespace gossamer::nn::test_sparse_forms
