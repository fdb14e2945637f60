// load_weights: what PyTorch users write, in one call.
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "gossamer/io/npy.h"
#include "gossamer/io/safetensors.h"
#include "gossamer/nn/activation.h"
#include "gossamer/nn/attention.h"
#include "gossamer/nn/batch_norm.h"
#include "gossamer/nn/container.h"
#include "gossamer/nn/conv.h"
#include "gossamer/nn/dropout.h"
#include "gossamer/nn/embedding.h"
#include "gossamer/nn/flatten.h"
#include "gossamer/nn/load_weights.h"
#include "gossamer/sparse/configure.h"
#include "tests/nn/support.h"
#include "tests/support/files.h"
#include "tests/support/log_capture.h"

namespace gossamer::nn::test_load_weights {
namespace {

using golden::Json;

Sequential network() {
  Generator rng(5);
  return Sequential{named("conv", Conv2d({.in = 1, .out = 2, .kernel = 3}, rng)),
                    named("norm", BatchNorm2d({.channels = 2})),
                    named("act1", ReLU()),
                    named("flat", Flatten()),
                    named("fc1", Linear({.in = 18, .out = 8}, rng)),
                    named("act2", ReLU()),
                    named("drop", Dropout({.p = 0.1}, rng)),
                    named("fc2", Linear({.in = 8, .out = 3}, rng))};
}

StateDict state_of(const Json& c) {
  StateDict state;
  for (const auto& [name, tensor] : c.at("state").items()) state[name] = golden::tensor_from_json(tensor);
  return state;
}

ImportOptions options_of(const Json& c) {
  ImportOptions options{.strip_prefix = c.at("strip_prefix").get<std::vector<std::string>>()};
  if (c.contains("from_zeros")) {
    options.from_zeros = sparse::ParameterFilter(c.at("from_zeros").get<std::vector<std::string>>());
  }
  return options;
}

const std::map<std::string, WeightForm> kForms{{"dense", WeightForm::Dense},
                                               {"mask", WeightForm::Mask},
                                               {"prune", WeightForm::Prune},
                                               {"csr", WeightForm::Csr},
                                               {"zeros", WeightForm::Zeros}};

TEST(LoadWeights, GivesTheOutputsOfPyTorchForEveryFormOfItsWeights) {
  const Json file = golden::load("torch_weights.json");
  const Tensor x = golden::tensor_from_json(file.at("x"));
  const Tensor y = golden::tensor_from_json(file.at("y"));
  for (const Json& c : file.at("cases")) {
    SCOPED_TRACE(c.at("id").get<std::string>());
    Sequential net = network();
    const ImportResult result = load_weights(net, state_of(c), options_of(c));
    EXPECT_TRUE(result.missing.empty() && result.unexpected.empty());
    EXPECT_EQ(result.taken.size(), net.parameters().size());
    std::map<std::string, Parameter> parameters;
    for (const auto& [name, p] : net.named_parameters()) parameters.emplace(name, p);
    for (const auto& [name, form] : c.at("forms").items()) {
      EXPECT_EQ(result.taken.at(name), kForms.at(form.get<std::string>())) << name;
      EXPECT_EQ(parameters.at(name).is_csr(), form != "dense") << name;
    }
    for (const auto& [name, dense] : file.at("dense").items()) {
      const Tensor expected = golden::tensor_from_json(dense);
      expect_close(parameters.at(name).dense(), expected, 0, 0);  // -0 where PyTorch multiplies by a mask of 0
      if (parameters.at(name).is_csr()) expect_equal(parameters.at(name).mask(), expected.to(DType::boolean));
    }
    net.eval();
    expect_close(net(x), y, 0, 1e-6);
  }
}

TEST(LoadWeights, SplitsTheProjectionsOfPyTorchsAttention) {
  const Json c = golden::load("torch_weights.json").at("attention");
  Generator rng(1);
  MultiheadAttention attention({.dim = 4, .heads = 2}, rng);
  const ImportResult result = load_weights(attention, state_of(c));
  EXPECT_EQ(result.taken.at("proj_k_dense_layer.weight"), WeightForm::Prune);
  EXPECT_EQ(result.taken.at("proj_v_dense_layer.bias"), WeightForm::Dense);
  expect_close(attention(golden::tensor_from_json(c.at("x"))), golden::tensor_from_json(c.at("y")), 0, 1e-6);
}

TEST(LoadWeights, TakesAFileAndNamesItWhereItDoesNotFit) {
  const Json file = golden::load("torch_weights.json");
  const Json& c = file.at("cases").at(0);
  const TempFolder folder;
  const std::filesystem::path path = folder.path() / "pruned.safetensors";
  io::save_safetensors(path, state_of(c));
  Sequential net = network();
  load_weights(net, path, options_of(c));
  net.eval();
  expect_close(net(golden::tensor_from_json(file.at("x"))), golden::tensor_from_json(file.at("y")), 0, 1e-6);
  const std::string message = message_of<FormatError>([&] { load_weights(net, path); });
  EXPECT_TRUE(message.starts_with("load_weights(" + quoted(path) + "): the dict must fit the module; ")) << message;
  EXPECT_THROW(load_weights(net, folder.path() / "none.safetensors"), FileError);
}

TEST(LoadWeights, OfFloat64IntoFloat32AndBackConvertsThem) {
  Net net = make_net(1);
  StateDict dict = make_net(2).state_dict();
  for (auto& [name, tensor] : dict) tensor = tensor.to(DType::f64);
  EXPECT_THROW(net.load_state_dict(dict), FormatError);
  load_weights(net, dict);
  expect_equal(net.fc1.weight().dense(), make_net(2).fc1.weight().dense());

  Generator rng(1);
  Linear wide({.in = 4, .out = 3, .dtype = DType::f64}, rng);
  load_weights(wide, make_net(2).fc1.state_dict());
  expect_equal(wide.weight().dense(), make_net(2).fc1.weight().dense().to(DType::f64));

  BatchNorm1d norm({.channels = 3});
  StateDict counters = norm.state_dict();
  counters["num_batches_tracked"] = Tensor::from<int32_t>({7}, {});
  load_weights(norm, counters);
  EXPECT_EQ(norm.state_dict().at("num_batches_tracked").item<int64_t>(), 7);
}

TEST(LoadWeights, StripsPrefixesInTheirOrderAndOnce) {
  Net net = make_net(1);
  StateDict dict;
  for (const auto& [name, tensor] : make_net(2).state_dict())
    dict[(name == "scale" ? "" : "module.model.") + name] = tensor;
  const auto says = [&](const ImportOptions& options, const std::string& remedy) {
    const std::string text = message_of<FormatError>([&] { load_weights(net, dict, options); });
    EXPECT_NE(text.find("; " + remedy + " at the end of strip_prefix takes off"), std::string::npos) << text;
  };
  says({}, R"("module.model.")");
  says({.strip_prefix = {"model.", "module."}}, R"("model.")");
  load_weights(net, dict, {.strip_prefix = {"module.", "model."}});
  expect_equal(net.fc1.weight().dense(), make_net(2).fc1.weight().dense());

  dict["fc1.bias"] = Tensor::ones({3});
  const std::string message = message_of<FormatError>([&] {
    load_weights(net, dict, {.strip_prefix = {"module.", "model."}});
  });
  EXPECT_NE(message.find("'fc1.bias' and 'module.model.fc1.bias' become 'fc1.bias'"), std::string::npos) << message;
}

TEST(LoadWeights, MakesPatternsOfZerosWhereAsked) {
  const Tensor first = Tensor::from<float>({1, 0, 0, 4, 0, 0, 0, 8, 9, 0, 0, -0.0F}, {3, 4});
  StateDict dict = make_net(2).state_dict();
  dict["fc1.weight"] = first;
  Net dense = make_net(1);
  load_weights(dense, dict);
  EXPECT_FALSE(dense.fc1.weight().is_csr());

  Net net = make_net(1);
  make_csr(net.fc2.weight(), {0, 4});
  const ImportResult result = load_weights(net, dict, {.from_zeros = sparse::default_sparse_param_filter});
  EXPECT_EQ(result.taken.at("fc1.weight"), WeightForm::Zeros);
  EXPECT_EQ(result.taken.at("fc1.bias"), WeightForm::Dense);
  expect_equal(net.fc1.weight().mask(), first.to(DType::boolean));
  EXPECT_TRUE(net.fc2.weight().pattern()->is_full());  // it was CSR, and its weight has no zero

  Net other = make_net(1);
  other.fc1.requires_dense();
  load_weights(other, dict, {.from_zeros = "*"});
  EXPECT_FALSE(other.fc1.weight().is_csr());
  EXPECT_FALSE(other.fc2.weight().is_csr());
  EXPECT_THROW(load_weights(other, dict, {.from_zeros = "fc3.*"}), ConfigError);
}

TEST(LoadWeights, TakesASharedParameterUnderEachOfItsNames) {
  struct Tied : Module {
    Embedding in;
    Linear out;
    explicit Tied(uint64_t seed) : Tied(Generator(seed)) {}
    explicit Tied(Generator rng) : in({.num_embeddings = 6, .embedding_dim = 4}, rng), out(in.weight()) {
      register_module("in", in);
      register_module("out", out);
    }
  };
  const Tensor table = uniform({6, 4}, 3);
  for (const StateDict& dict : {StateDict{{"in.weight", table}}, StateDict{{"out.weight", table}},
                                StateDict{{"in.weight", table}, {"out.weight", table.clone()}}}) {
    Tied net(1);
    load_weights(net, dict);
    expect_equal(net.in.weight().dense(), table);
  }
  Tied net(1);
  const std::string message = message_of<FormatError>([&] {
    load_weights(net, {{"in.weight", table}, {"out.weight", uniform({6, 4}, 4)}});
  });
  EXPECT_NE(message.find("'out.weight' and 'in.weight' must be equal: they are one parameter"), std::string::npos)
      << message;
}

TEST(LoadWeights, RefusesWhatContradictsItselfWithAllFaultsAndChangesNothing) {
  struct Row {
    StateDict changes;
    std::vector<std::string> faults;
  };
  const Tensor w = uniform({3, 4}, 9);
  const Tensor half = Tensor::full({3, 4}, 0.5);
  Tensor bytes = Tensor::ones({3, 4}, DType::boolean);
  *reinterpret_cast<uint8_t*>(bytes.mutable_data<bool>()) = 2;
  const Row rows[] = {
      {{{"fc1.weight_mask", half}, {"fc2.bias", w}},
       {"'fc1.weight_mask' must hold 0 and 1 only", "'fc2.bias' must be f32 [2], not f32 [3, 4]"}},
      {{{"fc1.weight_mask", bytes}}, {"'fc1.weight_mask' must hold 0 and 1 only"}},
      {{{"fc1.weight_orig", w}, {"fc1.weight_mask", Tensor::ones({3, 4})}},
       {"'fc1.weight_orig' must not be there beside 'fc1.weight'"}},
      {{{"fc1.weight", Tensor()}, {"fc1.weight_orig", w}}, {"'fc1.weight_orig' must not be there"}},
      {{{"fc1.weight_mask", Tensor::ones({4, 3})}}, {"'fc1.weight_mask' must be bool [3, 4], not bool [4, 3]"}},
      {{{"fc1.weight.values", w}}, {"'fc1.weight' must not be there beside 'fc1.weight.values'"}},
      {{{"extra", w}}, {"load_weights: ", "'extra' is unexpected"}},
  };
  Net net = make_net(1);
  const StateDict before = net.state_dict();
  for (const Row& row : rows) {
    StateDict dict = make_net(2).state_dict();
    for (const auto& [name, tensor] : row.changes) dict[name] = tensor;
    const std::string message = message_of<FormatError>([&] { load_weights(net, dict); });
    for (const std::string& fault : row.faults) EXPECT_NE(message.find(fault), std::string::npos) << message;
  }
  StateDict orphan = make_net(2).state_dict();
  orphan.erase("fc1.weight");
  orphan["fc1.weight_orig"] = w;
  const std::string message = message_of<FormatError>([&] { load_weights(net, orphan); });
  EXPECT_NE(message.find("'fc1.weight_mask' is missing, which 'fc1.weight_orig' needs"), std::string::npos) << message;
  const StateDict now = net.state_dict();
  ASSERT_EQ(names_of(now), names_of(before));
  for (const auto& [name, tensor] : now) expect_equal(tensor, before.at(name));
}

TEST(LoadWeights, ReportsNamesUnlessStrict) {
  Net net = make_net(1);
  StateDict dict = make_net(2).state_dict();
  dict.erase("fc1.bias");
  dict["head.weight"] = Tensor::ones({1});
  const ImportResult result = load_weights(net, dict, {.strict = false});
  EXPECT_EQ(result.missing, Names{"fc1.bias"});
  EXPECT_EQ(result.unexpected, Names{"head.weight"});
  EXPECT_EQ(result.taken, (std::map<std::string, WeightForm>{{"fc1.weight", WeightForm::Dense},
                                                             {"fc2.bias", WeightForm::Dense},
                                                             {"fc2.weight", WeightForm::Dense}}));
}

std::string message_for(const StateDict& dict, Net& net, const ImportOptions& options = {}) {
  return message_of<FormatError>([&] { load_weights(net, dict, options); });
}

StateDict renamed(const StateDict& dict, const std::map<std::string, std::string>& begins) {
  StateDict result;
  for (const auto& [name, tensor] : dict) {
    std::string other = name;
    for (const auto& [from, to] : begins) {
      if (name.starts_with(from)) other = to + name.substr(from.size());
    }
    result[other] = tensor;
  }
  return result;
}

TEST(LoadWeights, NamesWhatMendsNamesThatDoNotFit) {
  Net net = make_net(1);
  const StateDict own = make_net(2).state_dict();
  const auto expect_remedy = [](const std::string& message, const std::string& remedy) {
    EXPECT_TRUE(message.ends_with("; " + remedy + "strict = false passes over missing and unexpected names"))
        << message;
  };
  const StateDict longer = renamed(own, {{"", "model."}});
  expect_remedy(message_for(longer, net),
                "\"model.\" at the end of strip_prefix takes off what stands before 'fc1.bias'; ");
  load_weights(net, longer, {.strip_prefix = {"model."}});

  StateDict pruned = renamed(own, {{"", "a.b."}});
  pruned["a.b.fc1.weight_orig"] = pruned.at("a.b.fc1.weight");
  pruned["a.b.fc1.weight_mask"] = Tensor::ones({3, 4});
  pruned.erase("a.b.fc1.weight");
  pruned["a.b.head"] = Tensor::ones({1});
  expect_remedy(message_for(pruned, net),
                "\"a.b.\" at the end of strip_prefix takes off what stands before 'fc1.bias'; ");
  expect_remedy(message_of<FormatError>([&] { net.load_state_dict(pruned); }),
                "nn::load_weights with \"a.b.\" at the end of strip_prefix takes off what stands before 'fc1.bias'; ");

  struct Outer : Module {
    Net net = make_net(1);
    Outer() { register_module("net", net); }
  };
  Outer outer;
  expect_remedy(message_of<FormatError>([&] { load_weights(outer, own); }),
                "load into the module 'net', whose names the dict has; ");
  load_weights(outer.net, own);

  expect_remedy(message_for(renamed(own, {{"fc1.", "0."}, {"fc2.", "2."}}), net),
                "'fc1' is called '0' in the dict: nn::named(\"0\", ...) gives a part of a Sequential that name, "
                "register_module one of another module; ");

  StateDict other = own;
  other["extra"] = Tensor::ones({1});
  expect_remedy(message_for(other, net), "");
}

TEST(LoadWeights, OfNothingIsAnErrorUnlessStrictToo) {
  Generator rng(1);
  Sequential net{named("fc1", Linear({.in = 4, .out = 3}, rng)), Dropout({.p = 0.5}, rng)};
  const StateDict before = net.state_dict();
  StateDict dict = renamed(before, {{"", "model."}});
  dict.erase("model.1.calls");
  const std::string message = message_of<FormatError>([&] { load_weights(net, dict, {.strict = false}); });
  EXPECT_EQ(message,
            "load_weights: the dict must have something of the module, with strict = false, too; the module has "
            "'fc1.weight', 'fc1.bias', the dict 'model.fc1.bias', 'model.fc1.weight'; \"model.\" at the end of "
            "strip_prefix takes off what stands before 'fc1.bias'");
  EXPECT_THROW(net.load_state_dict(dict, {.strict = false}), FormatError);
  EXPECT_THROW(net.load_state_dict({}, {.strict = false}), FormatError);
  for (const auto& [name, tensor] : net.state_dict()) expect_equal(tensor, before.at(name));
  ReLU without_parameters;
  without_parameters.load_state_dict({}, {.strict = false});
}

TEST(LoadWeights, TellsTheLogWhatItPassedOver) {
  test::LogCapture log;
  Net net = make_net(1);
  StateDict dict = make_net(2).state_dict();
  load_weights(net, dict, {.strict = false});
  EXPECT_TRUE(log.messages.empty());
  dict.erase("fc1.bias");
  dict["head.weight"] = dict["head.bias"] = Tensor::ones({1});
  load_weights(net, dict, {.strict = false});
  EXPECT_EQ(log.messages, Names{"load_weights: strict = false passed over 1 missing and 2 unexpected names"});
}

TEST(LoadWeights, TellsTheLogOfPlainZerosThatStayDense) {
  test::LogCapture log;
  StateDict dict = make_net(2).state_dict();
  dict["fc1.weight"] = Tensor::from<float>({1, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, -0.0F}, {3, 4});
  dict["fc2.weight"] = Tensor::from<float>({1, 0, 0, 4, 0, 5}, {2, 3});  // half
  dict["fc1.bias"] = Tensor::zeros({3});
  const auto messages = [&](Net net, const ImportOptions& options) {
    log.messages.clear();
    load_weights(net, dict, options);
    return log.messages;
  };
  EXPECT_EQ(messages(make_net(1), {}),
            Names{"load_weights: 'fc1.weight' is 83 % zeros and stays dense; from_zeros takes it"});
  EXPECT_TRUE(messages(make_net(1), {.from_zeros = "*"}).empty());
  Net dense = make_net(1);
  dense.requires_dense();
  EXPECT_TRUE(messages(std::move(dense), {}).empty());
  dict["head"] = Tensor::ones({1});
  Net net = make_net(1);
  log.messages.clear();
  EXPECT_THROW(load_weights(net, dict), FormatError);
  EXPECT_TRUE(log.messages.empty());
}

TEST(LoadWeights, ListsTheNamesWhereFromZerosTakesNone) {
  Net net = make_net(1);
  const std::string message =
      message_of<ConfigError>([&] { load_weights(net, make_net(2).state_dict(), {.from_zeros = "fc2.weigth"}); });
  EXPECT_TRUE(
      message.ends_with("'fc2.weigth' takes none; there are 'fc2.weight', 'fc1.weight', 'fc2.bias', 'fc1.bias'"))
      << message;
}

TEST(LoadWeights, TakesAnArchiveOfArrays) {
  const TempFolder folder;
  const std::filesystem::path path = folder.path() / "weights.npz";
  io::save_npz(path, make_net(2).state_dict());
  Net net = make_net(1);
  load_weights(net, path);
  expect_equal(net.fc1.weight().dense(), make_net(2).fc1.weight().dense());
}

}  // namespace
}  // namespace gossamer::nn::test_load_weights
