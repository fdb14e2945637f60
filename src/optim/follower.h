// What takes part in every step of an optimizer, after its rule: sparsity algorithms, of which this layer knows
// nothing. And what layers above see of an optimizer.
#pragma once

#include <memory>
#include <vector>

#include "gossamer/optim/optimizer.h"
#include "gossamer/parameter.h"

namespace gossamer::optim {

class StepFollower {
 public:
  virtual ~StepFollower() = default;

  // False once there is nobody left to follow.
  virtual bool alive() const = 0;
  // Called once, in the first step that it does not live to see.
  virtual void tell_end() const noexcept {}
  // Whether begin() to commit() are all of a step. Where not, run() is, and may throw after it changed something.
  virtual bool plans() const = 0;

  // Nothing that throws has changed anything. The parameters whose values after this step plan() is going to read;
  // values() of these gives them while plan() and announce() run.
  virtual std::vector<Parameter> begin(Optimizer& optimizer) = 0;
  // Plans what commit() does, and takes its memory.
  virtual void plan(Optimizer& optimizer) = 0;
  // Tells the application of it, as the last that may fail.
  virtual void announce() = 0;
  virtual void commit() noexcept = 0;
  virtual void discard() noexcept = 0;

  virtual void run(Optimizer& optimizer) = 0;
  // What undoes commit() and run(), save for what parameters and states hold.
  class Saved {
   public:
    virtual ~Saved() = default;
    virtual void restore() noexcept = 0;
  };
  virtual std::unique_ptr<Saved> save() = 0;
};

struct OptimizerAccess {
  static void follow(Optimizer& optimizer, std::shared_ptr<StepFollower> follower);
  static const std::vector<std::shared_ptr<ParameterRecord>>& records(const Optimizer& optimizer);
};

}  // namespace gossamer::optim
