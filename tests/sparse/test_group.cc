// Group: which algorithm gets which parameter, and that a group behaves as one algorithm.
#include <gtest/gtest.h>
#include <locale.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "gossamer/error.h"
#include "gossamer/optim/sgd.h"
#include "gossamer/parameter.h"
#include "gossamer/sparse/group.h"
#include "gossamer/sparse/rigl.h"
#include "gossamer/sparse/set.h"
#include "gossamer/sparse/static.h"
#include "parameter/access.h"
#include "tests/sparse/support.h"
#include "tests/support/golden.h"

namespace gossamer::sparse::test_group {
namespace {

using golden::Json;
using test::contains;
using test::dense_parameter;
using test::LogCapture;
using test::mask_string;
using test::set_dense_gradient;
using test::uniform;

using Parameters = std::vector<Parameter>;

Parameters network() {
  return {dense_parameter("fc1.weight", {8, 10}, 1), dense_parameter("fc1.bias", {8}, 2),
          dense_parameter("fc2.weight", {4, 8}, 3), dense_parameter("norm.weight", {8}, 4)};
}

void give_gradients(const Parameters& parameters, uint64_t key) {
  for (const Parameter& p : parameters) set_dense_gradient(p, uniform(p.shape(), key++));
}

TEST(GlobMatch, IsThatOfTheReference) {
  int compared = 0;
  const Json file = golden::load("cstorch_sparse.json");
  for (const Json& test_case : file.at("cases")) {
    if (test_case.at("kind") != "glob_match") continue;
    const auto patterns = test_case.at("in").at("patterns").get<std::vector<std::string>>();
    const auto names = test_case.at("in").at("names").get<std::vector<std::string>>();
    for (size_t p = 0; p < patterns.size(); ++p) {
      for (size_t n = 0; n < names.size(); ++n) {
        EXPECT_EQ(glob_match(patterns[p], names[n]), test_case.at("out").at("match")[p][n].get<bool>())
            << "'" << patterns[p] << "' on '" << names[n] << "'";
        ++compared;
      }
    }
  }
  EXPECT_EQ(compared, 81);
}

TEST(GlobMatch, StarsClassesAndOrdinaryCharacters) {
  EXPECT_TRUE(glob_match("*a*b*c", "xxaxxbxbxxc"));
  EXPECT_FALSE(glob_match("*a*b*c", "xxaxxcxxb"));
  EXPECT_TRUE(glob_match("**", ""));
  EXPECT_FALSE(glob_match("", "a"));
  EXPECT_FALSE(glob_match("?", ""));
  EXPECT_TRUE(glob_match("[]]", "]"));
  EXPECT_TRUE(glob_match("[!]]", "a"));
  EXPECT_TRUE(glob_match("[a-]", "-"));
  EXPECT_TRUE(glob_match("[ab", "[ab"));
  EXPECT_FALSE(glob_match("[ab", "a"));
  EXPECT_TRUE(glob_match("a+(b)$", "a+(b)$"));
}

TEST(GlobMatch, TheLocaleOfTheApplicationDoesNotMatter) {
  const std::string before = setlocale(LC_ALL, nullptr);
  for (const char* locale : {"C", "C.UTF-8"}) {
    ASSERT_NE(setlocale(LC_ALL, locale), nullptr);
    EXPECT_FALSE(glob_match("fc?", "fc\u00e9")) << locale;  // two bytes
    EXPECT_TRUE(glob_match("fc??", "fc\u00e9")) << locale;
    EXPECT_STREQ(setlocale(LC_ALL, nullptr), locale);
  }
  setlocale(LC_ALL, before.c_str());
}

TEST(GlobMatch, ManyStarsTakeNoLongerThanTheProductOfTheLengths) {
  std::string stars;
  for (int i = 0; i < 200; ++i) stars += "*a";
  // Backtracking over every star would not come back.
  EXPECT_FALSE(glob_match(stars + "b", std::string(2000, 'a')));
}

TEST(Group, TheFirstMatchWinsAndWhatNothingMatchesStaysDense) {
  const Parameters parameters = network();
  Group group{{"fc1.*", Static(0.5)}, {"*.weight", SET({.sparsity = 0.75})}, {"fc2.*", Static(0.0)}};
  group.apply({parameters[0], parameters[1], parameters[2], dense_parameter("head", {4}, 5)});
  EXPECT_EQ(parameters[0].nnz(), 40);
  EXPECT_EQ(parameters[1].nnz(), 4);
  EXPECT_EQ(parameters[2].nnz(), 8);
  ASSERT_EQ(group.num_sparse_params(), 3);
  EXPECT_EQ(group.sparse_params()[2].name(), "fc2.weight");
  EXPECT_EQ(group[0].num_sparse_params(), 2);
  EXPECT_EQ(group[1].num_sparse_params(), 1);
  EXPECT_EQ(group[2].num_sparse_params(), 0);
  EXPECT_EQ(group.target_sparsity(group.sparse_params()[0]), 0.5F);
  EXPECT_EQ(group.target_sparsity(group.sparse_params()[2]), 0.75F);

  const Parameter head = dense_parameter("head", {4}, 6);
  Group none{{"fc*", Static(0.5)}};
  none.apply({head});
  EXPECT_FALSE(head.is_csr());
  EXPECT_THROW(none.target_sparsity(SparseParameter("head", head)), ConfigError);
}

TEST(Group, LeavesParametersWithRequiresDenseDense) {
  const Parameters parameters = network();
  parameters[0].set_requires_dense();
  Group group{{"*", Static(0.5)}};
  group.apply(parameters);
  EXPECT_FALSE(parameters[0].is_csr());
  EXPECT_EQ(group.num_sparse_params(), 3);
}

TEST(Group, EntriesCanBeAddedUntilItIsApplied) {
  const Parameters parameters = network();
  Group group;
  group.add({"fc1.weight", Static(0.5)});
  group.add({"fc2.weight", Static(0.25)});
  ASSERT_EQ(group.size(), 2U);
  group.apply(parameters);
  EXPECT_EQ(parameters[2].nnz(), 24);
  EXPECT_THROW(group.add({"norm.*", Static(0.5)}), StateError);
  EXPECT_EQ(group.size(), 2U);
}

TEST(Group, AFilterIsAGlobAListOfGlobsOrAPredicate) {
  const Parameters parameters = network();
  const std::vector<std::string> biases{"*.bias"};
  Group group{
      {{"fc1.weight", "fc2.*"}, Static(0.5)},
      {biases, Static(0.25)},
      {[](const std::string& name, const Parameter& p) { return name != "x" && p.shape().rank() == 1; }, Static(0.75)}};
  group.apply(parameters);
  EXPECT_EQ(parameters[0].nnz(), 40);
  EXPECT_EQ(parameters[2].nnz(), 16);
  EXPECT_EQ(parameters[1].nnz(), 6);
  EXPECT_EQ(parameters[3].nnz(), 2);
  EXPECT_THROW(ParameterFilter(ParameterFilter::Predicate{}), ConfigError);
}

TEST(Group, ExtendTakesOverTheEntriesOfAnother) {
  const Parameters parameters = network();
  Group group{{"fc1.weight", Static(0.5)}};
  Group other{{"fc1.*", Static(0.25)}, {"fc2.*", Static(0.75)}};
  group.extend(std::move(other));
  EXPECT_EQ(group.size(), 3U);
  EXPECT_EQ(other.size(), 0U);  // NOLINT(bugprone-use-after-move): it says so
  group.apply(parameters);
  EXPECT_EQ(parameters[0].nnz(), 40);
  EXPECT_EQ(parameters[1].nnz(), 6);
  EXPECT_EQ(parameters[2].nnz(), 8);
  Group late{{"norm.*", Static(0.5)}};
  EXPECT_THROW(group.extend(std::move(late)), StateError);
  EXPECT_THROW(late.extend(std::move(group)), StateError);  // NOLINT(bugprone-use-after-move)
  EXPECT_EQ(group.size(), 3U);
}

TEST(Group, RefusesGroupsNothingAndAnAlgorithmTwice) {
  Group group;
  const auto algorithm = std::make_shared<Static>(0.5);
  group.add({"a", algorithm});
  EXPECT_TRUE(contains(message_of<ConfigError>([&] { group.add({"b", algorithm}); }), "Static comes again"));
  EXPECT_TRUE(contains(message_of<ConfigError>([&] { group.add({"b", std::make_shared<Group>()}); }), "do not nest"));
  EXPECT_THROW(group.add({"b", std::shared_ptr<SparsityAlgorithm>()}), ConfigError);
  Group other{{"c", Static(0.5)}};
  other.add({"d", algorithm});
  EXPECT_THROW(group.extend(std::move(other)), ConfigError);
  EXPECT_EQ(other.size(), 2U);  // NOLINT(bugprone-use-after-move): nothing was taken
  EXPECT_EQ(group.size(), 1U);
  EXPECT_TRUE(contains(message_of<ConfigError>([] { Group().apply(network()); }), "must have an entry"));
  EXPECT_TRUE(contains(message_of<StateError>([&] { group.sparsity(); }), "use group[index]"));
}

TEST(Group, WarnsWhenNoFilterMatches) {
  LogCapture log;
  Group group{{"nothing.*", Static(0.5)}};
  group.apply(network());
  ASSERT_EQ(log.messages.size(), 2U);
  EXPECT_TRUE(contains(log.messages[1], "Group leaves all 4 parameters dense"));
}

TEST(Group, WarnsAboutAFilterThatMatchesNoParameter) {
  LogCapture log;
  const std::vector<std::string> globs{"fc3.*", "head"};
  Group group{{"fc*.weight", Static(0.5)},
              {globs, SET({.sparsity = 0.5})},
              {[](const std::string&, const Parameter&) { return false; }, Static(0.5)}};
  group.apply(network());
  ASSERT_EQ(log.messages.size(), 2U);
  EXPECT_TRUE(contains(log.messages[0], "the filter of entry 1 (SET), 'fc3.*', 'head', matches none of 4 parameters"));
  EXPECT_TRUE(contains(log.messages[0], " that may be sparse: 'fc1.bias', 'fc1.weight', "));
  EXPECT_TRUE(contains(log.messages[1], "entry 2 (Static), a predicate,"));
}

TEST(Group, ListsTheNearestNamesOfManyWhereAFilterMatchesNone) {
  LogCapture log;
  Parameters parameters;
  for (int i = 0; i < 12; ++i) parameters.push_back(dense_parameter("blocks." + std::to_string(i) + ".weight", {2}, 1));
  parameters.push_back(dense_parameter("head.weight", {2}, 1));
  Group group{{"haed.weight", Static(0.5)}, {"blocks.*", Static(0.5)}};
  group.apply(parameters);
  ASSERT_EQ(log.messages.size(), 1U);
  EXPECT_TRUE(contains(log.messages[0], " that may be sparse: 'head.weight', 'blocks.0.weight', "));
  EXPECT_TRUE(contains(log.messages[0], "'blocks.6.weight' and 5 more")) << log.messages[0];
}

TEST(Group, AnAlgorithmOfTwoGroupsIsAStateErrorThatChangesNothing) {
  const auto shared = std::make_shared<Static>(0.5);
  Group first{{"fc1.*", shared}};
  Group second{{"fc2.*", shared}};
  const Parameters parameters = network();
  first.apply(parameters);
  EXPECT_TRUE(contains(message_of<StateError>([&] { second.apply(parameters); }), "Static was applied before"));
  EXPECT_FALSE(parameters[2].is_csr());
  EXPECT_EQ(shared->num_sparse_params(), 2);
}

TEST(Group, AGlobThatIsANullPointerIsAConfigError) {
  const char* const none = nullptr;
  EXPECT_TRUE(contains(message_of<ConfigError>([&] { ParameterFilter filter(none); }), "a null pointer"));
}

TEST(Group, OfNoneLeavesEveryParameterDenseWithoutAWarning) {
  LogCapture log;
  const Parameters parameters = network();
  optim::SGD optimizer(parameters, {.lr = 0.1});
  Group none = Group::none();
  none.apply(parameters);
  none.apply(optimizer);
  give_gradients(parameters, 1);
  optimizer.step();
  EXPECT_FALSE(parameters[0].is_csr());
  EXPECT_TRUE(log.messages.empty());
  EXPECT_TRUE(none.state_dict().empty());
}

TEST(Group, APlanThatThrowsChangesNoneOfItsAlgorithms) {
  const Parameters parameters = network();
  bool broken = true;
  const auto scores = [&](const SparseParameter& p, int64_t) {
    if (broken) throw std::runtime_error("no scores");
    return uniform(p.param().shape(), 7);
  };
  Group group{{"fc1.weight", SET({.sparsity = 0.5, .drop_fraction = 0.5})},
              {"fc2.weight", SET({.sparsity = 0.5, .drop_fraction = 0.5, .growth_scores = scores})}};
  group.apply(parameters);
  give_gradients(parameters, 200);
  const StateDict before = group.state_dict();
  const std::string masks[] = {mask_string(parameters[0]), mask_string(parameters[2])};
  EXPECT_THROW(group.update(), std::runtime_error);
  EXPECT_EQ(mask_string(parameters[0]), masks[0]);
  EXPECT_EQ(mask_string(parameters[2]), masks[1]);
  for (const auto& [key, tensor] : before) golden::expect_equal(group.state_dict().at(key), tensor);
  broken = false;
  group.update();
  EXPECT_NE(mask_string(parameters[0]), masks[0]);
  EXPECT_NE(mask_string(parameters[2]), masks[1]);
}

TEST(Group, OneAlgorithmThatRefusesChangesNothingAnywhere) {
  const Parameters parameters = network();
  Group group{{"fc1.*", Static(0.5)}, {"fc2.*", RigL({.sparsity = 0.5, .balance_out_groups = 3})}};
  EXPECT_TRUE(contains(message_of<ConfigError>([&] { group.apply(parameters); }), "fc2.weight"));
  for (const Parameter& p : parameters) {
    EXPECT_FALSE(p.is_csr());
    EXPECT_FALSE(ParameterAccess::is_claimed(p));
  }
  EXPECT_EQ(group.num_sparse_params(), 0);
  EXPECT_EQ(group[0].num_sparse_params(), 0);
}

TEST(Group, MustMeetTheModelFirstAndWarnsTheSecondTime) {
  const Parameters parameters = network();
  optim::SGD optimizer(parameters, {.lr = 0.1});
  Group group{{"*", Static(0.5)}};
  EXPECT_THROW(optimizer.apply(group), StateError);
  group.apply(parameters);
  optimizer.apply(group);
  LogCapture log;
  group.apply(parameters);
  optimizer.apply(group);
  EXPECT_EQ(log.messages.size(), 2U);
}

Group two_schedules() {
  return Group{{"fc1.weight", SET({.sparsity = 0.5, .update = {.freq = 2}})},
               {"fc2.weight", RigL({.sparsity = 0.5, .update = {.freq = 3}})}};
}

// Which of the two weights changed at each of six steps: 'b'oth, '1', '2' or '-'.
std::string changes(const Parameters& parameters, optim::Optimizer& optimizer) {
  std::string seen;
  for (uint64_t step = 1; step <= 6; ++step) {
    give_gradients(parameters, 10 * step);
    const std::string before[] = {mask_string(parameters[0]), mask_string(parameters[2])};
    optimizer.step();
    const bool first = mask_string(parameters[0]) != before[0];
    const bool second = mask_string(parameters[2]) != before[1];
    seen += first && second ? 'b' : first ? '1' : second ? '2' : '-';
  }
  return seen;
}

TEST(Group, EachAlgorithmUpdatesOnItsOwnSteps) {
  const Parameters parameters = network();
  optim::SGD optimizer(parameters, {.lr = 0.1});
  Group group = two_schedules();
  group.apply(parameters);
  optimizer.apply(group);
  EXPECT_EQ(changes(parameters, optimizer), "-121-b");
}

TEST(Group, AGroupThatMovedAfterwardsStillUpdates) {
  const Parameters parameters = network();
  optim::SGD optimizer(parameters, {.lr = 0.1});
  std::optional<Group> group(two_schedules());
  group->apply(parameters);
  optimizer.apply(*group);
  const Group moved(std::move(*group));
  group.reset();
  EXPECT_EQ(changes(parameters, optimizer), "-121-b");
}

TEST(Group, AnOptimizerWhoseGroupIsGoneSimplySteps) {
  const Parameters parameters = network();
  optim::SGD optimizer(parameters, {.lr = 0.1});
  {
    Group group = two_schedules();
    group.apply(parameters);
    optimizer.apply(group);
  }
  EXPECT_EQ(changes(parameters, optimizer), "------");
}

TEST(Group, UpdatesByHandWhenAutoupdateIsOff) {
  const Parameters parameters = network();
  optim::SGD optimizer(parameters, {.lr = 0.1});
  Group group = two_schedules();
  group.set_autoupdate(false);
  group.apply(parameters);
  optimizer.apply(group);
  EXPECT_EQ(changes(parameters, optimizer), "------");
  give_gradients(parameters, 100);
  const std::string before = mask_string(parameters[0]);
  group.update(&optimizer);
  group.update(&optimizer);
  EXPECT_NE(mask_string(parameters[0]), before);
}

TEST(Group, TwoOptimizersMayShareItsAlgorithms) {
  const Parameters parameters = network();
  optim::SGD first({parameters[0], parameters[1]}, {.lr = 0.1});
  optim::SGD second({parameters[2]}, {.lr = 0.1});
  Group group{{"*.weight", SET({.sparsity = 0.5, .update = {.steps = std::vector<int64_t>{0, 2}}})}};
  group.apply({parameters[0], parameters[1], parameters[2]});
  first.apply(group);
  second.apply(group);
  give_gradients(parameters, 110);
  const std::string before[] = {mask_string(parameters[0]), mask_string(parameters[2])};
  first.step();
  second.step();
  first.step();
  EXPECT_NE(mask_string(parameters[0]), before[0]);
  EXPECT_EQ(mask_string(parameters[2]), before[1]);
  second.step();
  EXPECT_NE(mask_string(parameters[2]), before[1]);
}

}  // namespace
}  // namespace gossamer::sparse::test_group
