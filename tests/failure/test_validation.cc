// Sizes that differ are seen before any kernel meets them.
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>

#include "gossamer/gossamer.h"
#include "parameter/access.h"
#include "tests/failure/world.h"
#include "tests/support/errors.h"

namespace gossamer::test::test_validation {
namespace {

TEST(Validation, OfAParameterRefusesASlotArrayOfAnotherSizeAndSoDoesEveryStep) {
  World world({});
  world.backward(3);
  const Parameter p = world.model->parameters()[0];
  p.validate();
  EXPECT_THROW(Parameter().validate(), StateError);
  const std::shared_ptr<SlotArray> array = ParameterAccess::make_slot_array(p);
  array->data = Tensor::zeros({p.nnz() - 1});
  const std::string values = bytes_of(p.values());
  const std::string message = message_of<StateError>([&] { p.validate(); });
  EXPECT_NE(message.find("'fc1.weight': a state must be f32 [96]; f32 [95]"), std::string::npos) << message;
  EXPECT_THROW(world.optimizer->step(), StateError);
  EXPECT_EQ(bytes_of(p.values()), values);
}

TEST(Validation, UpdateRulesOfTheLibraryCannotThrowSoThatStepsNeedNoCopies) {
  static_assert(noexcept(optim::SgdRule::update({}, std::declval<optim::ParameterUpdate&>())));
  static_assert(noexcept(optim::AdamRule::update({}, std::declval<optim::ParameterUpdate&>())));
  static_assert(noexcept(optim::AdamWRule::update({}, std::declval<optim::ParameterUpdate&>())));
}

}  // namespace
}  // namespace gossamer::test::test_validation
