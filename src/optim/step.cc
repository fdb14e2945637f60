// A step: check, plan and take all memory, then commit what cannot fail.
#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <unordered_set>
#include <utility>
#include <vector>

#include "gossamer/csr_pattern.h"
#include "gossamer/dispatch.h"
#include "gossamer/optim/optimizer.h"
#include "optim/follower.h"
#include "optim/record.h"
#include "parameter/access.h"
#include "parameter/snapshot.h"
#include "runtime/check.h"
#include "runtime/parallel.h"
#include "tensor/arith.h"

namespace gossamer::optim {

namespace {

// dense[positions[slot]] = slots[slot], 0 elsewhere.
void scatter(const Tensor& slots, const std::vector<int64_t>& positions, Tensor& dense) {
  dispatch_floating(slots.dtype(), "step", [&]<class T>() {
    const T* from = slots.data<T>();
    T* to = dense.mutable_data<T>();
    std::fill_n(to, dense.numel(), T(0));
    rt::parallel_chunks(slots.numel(), rt::kElementGrain, [&](int64_t begin, int64_t end) {
      for (int64_t slot = begin; slot < end; ++slot) to[positions[static_cast<size_t>(slot)]] = from[slot];
    });
  });
}

void gather(const Tensor& dense, const std::vector<int64_t>& positions, Tensor& slots) {
  dispatch_floating(slots.dtype(), "step", [&]<class T>() {
    const T* from = dense.data<T>();
    T* to = slots.mutable_data<T>();
    rt::parallel_chunks(slots.numel(), rt::kElementGrain, [&](int64_t begin, int64_t end) {
      for (int64_t slot = begin; slot < end; ++slot) to[slot] = from[positions[static_cast<size_t>(slot)]];
    });
  });
}

// Exchanges the elements and leaves the version as it is: graphs that saved the values stay valid.
void swap_elements(const Tensor& a, const Tensor& b) noexcept {
  dispatch_floating(a.dtype(), "step", [&]<class T>() {
    T* const x = const_cast<T*>(a.data<T>());
    T* const y = const_cast<T*>(b.data<T>());
    rt::parallel_chunks(a.numel(), rt::kElementGrain,
                        [&](int64_t begin, int64_t end) { std::swap_ranges(x + begin, x + end, y + begin); });
  });
}

// While it lives, parameters hold the values that the step is going to give them.
class Preview {
 public:
  Preview() = default;
  ~Preview() { swap(); }
  Preview(const Preview&) = delete;
  Preview& operator=(const Preview&) = delete;

  void add(const Tensor& values, Tensor after) { values_.emplace_back(values, std::move(after)); }
  // To be called once all are added.
  void show() noexcept {
    shown_ = true;
    for (const auto& [values, after] : values_) swap_elements(values, after);
  }

 private:
  void swap() noexcept {
    if (!shown_) return;
    for (const auto& [values, after] : values_) swap_elements(values, after);
  }

  bool shown_ = false;
  std::vector<std::pair<Tensor, Tensor>> values_;
};

// A record as it was, with its parameter.
class RecordSnapshot {
 public:
  explicit RecordSnapshot(ParameterRecord& record)
      : record_(record), parameter_(record.parameter), step_(record.step), states_(record.states) {
    for (const StateRecord& state : states_) copies_.push_back(state.dense.clone());
  }
  void restore() noexcept {
    parameter_.restore();
    record_.step = step_;
    record_.states = std::move(states_);
    for (size_t i = 0; i < copies_.size(); ++i) {
      if (copies_[i].defined()) record_.states[i].dense.copy_from(copies_[i]);
    }
  }

 private:
  ParameterRecord& record_;
  ParameterSnapshot parameter_;
  int64_t step_;
  std::vector<StateRecord> states_;
  std::vector<Tensor> copies_;  // of the states that stay dense
};

}  // namespace

class Optimizer::Step {
 public:
  explicit Step(Optimizer& optimizer) : optimizer_(optimizer) {
    if (optimizer.stepping_) {
      fail<StateError>("Optimizer::step", "a step must end before the next", "it was called by a callback of a step");
    }
    optimizer.stepping_ = true;
  }
  ~Step() {
    for (const auto& follower : followers_) follower->discard();
    optimizer_.stepping_ = false;
  }
  Step(const Step&) = delete;
  Step& operator=(const Step&) = delete;

  void run() {
    plan_updates();
    std::erase_if(optimizer_.followers_, [](const auto& follower) {
      if (follower->alive()) return false;
      follower->tell_end();
      return true;
    });
    followers_ = optimizer_.followers_;
    const bool may_throw = (!updates_.empty() && optimizer_.rule_may_throw()) ||
                           !std::ranges::all_of(followers_, [](const auto& f) { return f->plans(); }) ||
                           std::ranges::any_of(optimizer_.after_step_, &AfterStep::may_throw);
    if (may_throw) {
      run_undoing();
    } else {
      run_planned();
    }
    for (const Update& update : updates_) ParameterAccess::tell_step(update.record->parameter);
  }

 private:
  // What a rule is going to do to one parameter.
  struct Update {
    ParameterRecord* record;
    ParameterUpdate slots;                                // holds its tensors only while the rule runs
    std::vector<size_t> states = {};                      // in the record, in the rule's order
    std::vector<std::pair<size_t, StateRecord>> fresh{};  // states that get memory
    // Where a state stays dense it meets dense arrays only: the others are scattered into scratch, the rule runs, and
    // what lives is gathered.
    ParameterUpdate dense = {};
    std::vector<int64_t> positions = {};  // row-major, of the slots

    const StateRecord& state(size_t i) const {
      const auto found = std::ranges::find(fresh, states[i], &std::pair<size_t, StateRecord>::first);
      return found == fresh.end() ? record->states[states[i]] : found->second;
    }
  };
  // As many arrays, of as many elements, as the largest update with a dense state needs.
  struct Scratch {
    size_t count = 0;
    int64_t numel = 0;
    std::vector<Tensor> arrays = {};
  };

  void plan_updates() {
    optimizer_.check_options();
    std::vector<ParameterRecord*> updated;
    for (const auto& record : optimizer_.records_) {
      record->validate();
      if (record->parameter.grad().defined()) updated.push_back(record.get());
    }
    const auto finite = [](const ParameterRecord* record) { return all_finite(record->parameter.grad()); };
    if (optimizer_.skip_nonfinite() && !std::ranges::all_of(updated, finite)) return;
    updates_.reserve(updated.size());
    for (ParameterRecord* record : updated) plan_update(*record);
    for (const DType dtype : {DType::f32, DType::f64}) {
      Scratch& scratch = this->scratch(dtype);
      for (size_t i = 0; i < scratch.count; ++i) scratch.arrays.push_back(Tensor::empty({scratch.numel}, dtype));
    }
  }

  void plan_update(ParameterRecord& record) {
    const Parameter& parameter = record.parameter;
    make_rows(parameter.values());
    make_rows(parameter.grad());
    Update update{&record, {record.step + 1, {}, {}, {}, parameter.shape()}};
    bool stays_dense = false;
    for (const std::string& name : optimizer_.state_names(record.group)) {
      const size_t index = record.declare(name);
      update.states.push_back(index);
      if (!record.states[index].allocated()) update.fresh.emplace_back(index, record.with_memory(index));
      stays_dense = stays_dense || record.states[index].requires_dense;
    }
    const size_t states = update.states.size();
    update.slots.states.resize(states);
    if (parameter.is_csr() && stays_dense) {
      const MatrixSize size = as_matrix(parameter.shape());
      update.positions = TopologyChange::between(*CsrPattern::full(size.rows, size.cols), parameter.pattern()).source;
      update.dense = update.slots;
      Scratch& scratch = this->scratch(parameter.dtype());
      scratch.count = std::max(scratch.count, states + 2);
      scratch.numel = std::max(scratch.numel, parameter.numel());
    }
    updates_.push_back(std::move(update));
  }

  Scratch& scratch(DType dtype) { return scratch_[dtype == DType::f64 ? 1 : 0]; }

  // Hands the rule the arrays of `slots`.
  void run_rule(Update& update, ParameterUpdate& slots) {
    const size_t group = update.record->group;
    if (update.dense.states.empty()) return optimizer_.apply_rule(group, slots);
    const Shape& shape = update.record->parameter.shape();
    ParameterUpdate& dense = update.dense;
    auto next = scratch(slots.values.dtype()).arrays.begin();
    const auto scattered = [&](const Tensor& array) {
      Tensor to = (next++)->alias(shape);
      scatter(array, update.positions, to);
      return to;
    };
    dense.values = scattered(slots.values);
    dense.grad = scattered(slots.grad);
    for (size_t i = 0; i < slots.states.size(); ++i) {
      dense.states[i] = update.state(i).requires_dense ? slots.states[i] : scattered(slots.states[i]);
    }
    optimizer_.apply_rule(group, dense);
    gather(dense.values, update.positions, slots.values);
    for (size_t i = 0; i < slots.states.size(); ++i) {
      if (!update.state(i).requires_dense) gather(dense.states[i], update.positions, slots.states[i]);
    }
  }

  // The values that the step is going to give.
  Tensor values_after(Update& update) {
    const Parameter& parameter = update.record->parameter;
    ParameterUpdate copies = update.slots;
    copies.values = parameter.values().clone();
    copies.grad = parameter.grad();
    for (size_t i = 0; i < copies.states.size(); ++i) copies.states[i] = update.state(i).tensor().clone();
    run_rule(update, copies);
    return copies.values;
  }

  void run_update(Update& update) {
    for (auto& [index, state] : update.fresh) update.record->states[index] = std::move(state);
    update.fresh.clear();
    update.slots.values = update.record->parameter.values();
    update.slots.grad = update.record->parameter.grad();
    for (size_t i = 0; i < update.states.size(); ++i) {
      update.slots.states[i] = update.record->states[update.states[i]].tensor();
    }
    run_rule(update, update.slots);
    ++update.record->step;
    // A change of the pattern hands on memory that nobody else holds.
    update.slots = {};
    update.dense = {};
  }

  void run_planned() {
    {
      Preview preview;
      std::unordered_set<const void*> read;
      for (const auto& follower : followers_) {
        for (const Parameter& parameter : follower->begin(optimizer_)) read.insert(parameter.id());
      }
      for (Update& update : updates_) {
        const Parameter& parameter = update.record->parameter;
        if (read.contains(parameter.id())) preview.add(parameter.values(), values_after(update));
      }
      preview.show();
      for (const auto& follower : followers_) follower->plan(optimizer_);
      for (const auto& follower : followers_) follower->announce();
    }
    commit();
  }

  void commit() noexcept {
    for (Update& update : updates_) run_update(update);
    for (const auto& follower : followers_) follower->commit();
    for (const AfterStep& after : optimizer_.after_step_) after.f(optimizer_);
  }

  void run_undoing() {
    std::vector<std::unique_ptr<StepFollower::Saved>> saved;
    for (const auto& follower : followers_) saved.push_back(follower->save());
    std::vector<RecordSnapshot> before;
    before.reserve(optimizer_.records_.size());
    for (const auto& record : optimizer_.records_) before.emplace_back(*record);
    try {
      for (Update& update : updates_) run_update(update);
      for (const auto& follower : followers_) {
        if (!follower->plans()) continue;
        follower->begin(optimizer_);
        follower->plan(optimizer_);
      }
      for (const auto& follower : followers_) {
        if (!follower->plans()) follower->run(optimizer_);
      }
      for (const auto& follower : followers_) {
        if (follower->plans()) follower->announce();
      }
      for (const auto& follower : followers_) {
        if (follower->plans()) follower->commit();
      }
      for (const AfterStep& after : optimizer_.after_step_) after.f(optimizer_);
    } catch (...) {
      for (const auto& follower : followers_) follower->discard();
      for (RecordSnapshot& record : before) record.restore();
      for (const auto& of_follower : saved) of_follower->restore();
      throw;
    }
  }

  Optimizer& optimizer_;
  std::vector<std::shared_ptr<StepFollower>> followers_;
  std::vector<Update> updates_;
  Scratch scratch_[2];  // f32, f64
};

void Optimizer::step() { Step(*this).run(); }

}  // namespace gossamer::optim
