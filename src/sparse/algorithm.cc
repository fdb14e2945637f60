#include "gossamer/sparse/algorithm.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>

#include "gossamer/optim/optimizer.h"
#include "gossamer/random.h"
#include "ops/gradient_tap.h"
#include "runtime/check.h"
#include "runtime/log.h"
#include "sparse/select.h"

namespace gossamer::sparse {

void SparseParameter::set_mask(const Tensor& mask) const {
  const std::string op = fmt::format("set_mask('{}')", name_);
  if (!mask.defined() || mask.shape() != parameter_.shape()) {
    fail<ShapeError>(op, fmt::format("the mask must have shape {}", parameter_.shape().to_string()),
                     mask.defined() ? mask.shape().to_string() : "an undefined tensor");
  }
  if (mask.dtype() != DType::boolean) fail<DTypeError>(op, "the mask must be bool", dtype_name(mask.dtype()));
  parameter_.apply(TopologyChange::between(*parameter_.topology(), CsrPattern::from_mask(mask)));
}

int64_t num_kept(float sparsity, int64_t n) {
  // Above 2^24 a float may be larger than the n it stands for.
  return std::clamp<int64_t>(static_cast<int64_t>((1 - sparsity) * static_cast<float>(n)), 0, n);
}

InitMethod random_init() {
  return [](const InitContext& context) {
    const MatrixSize size = as_matrix(context.parameter.param().shape());
    const int64_t n = size.rows * size.cols;
    return CsrPattern::from_positions(size.rows, size.cols,
                                      sample_without_replacement(context.key, n, num_kept(context.sparsity, n)));
  };
}

struct SparsityAlgorithm::Anchor {
  SparsityAlgorithm* algorithm;
};

SparsityAlgorithm::SparsityAlgorithm()
    : anchor_(std::make_shared<Anchor>(Anchor{this})), claim_(std::make_shared<const int>(0)) {}

void SparsityAlgorithm::release_taps() noexcept {
  for (const SparseParameter& p : sparse_params_) {
    p.param().gradient_tap()->arm(false);
    p.param().gradient_tap()->forget();
  }
}

SparsityAlgorithm::~SparsityAlgorithm() {
  release_taps();
  if (anchor_) anchor_->algorithm = nullptr;
}

SparsityAlgorithm::SparsityAlgorithm(SparsityAlgorithm&& other) noexcept
    : anchor_(std::move(other.anchor_)),
      claim_(std::move(other.claim_)),
      sparse_params_(std::move(other.sparse_params_)),
      attachments_(std::move(other.attachments_)),
      applied_(std::exchange(other.applied_, false)),
      autoupdate_(other.autoupdate_) {
  if (anchor_) anchor_->algorithm = this;
}

SparsityAlgorithm& SparsityAlgorithm::operator=(SparsityAlgorithm&& other) noexcept {
  if (this == &other) return *this;
  release_taps();
  if (anchor_) anchor_->algorithm = nullptr;
  anchor_ = std::move(other.anchor_);
  claim_ = std::move(other.claim_);
  sparse_params_ = std::move(other.sparse_params_);
  attachments_ = std::move(other.attachments_);
  applied_ = std::exchange(other.applied_, false);
  autoupdate_ = other.autoupdate_;
  if (anchor_) anchor_->algorithm = this;
  return *this;
}

void SparsityAlgorithm::adopt(std::vector<SparseParameter> parameters) {
  sparse_params_ = std::move(parameters);
  applied_ = true;
}

void SparsityAlgorithm::apply(const std::vector<Parameter>& parameters) {
  if (applied_) {
    rt::log(LogLevel::Warning, "model.apply(sparsity): the algorithm was applied before; the second call does nothing");
    return;
  }
  std::set<std::string> names;
  std::vector<SparseParameter> candidates;
  for (const Parameter& p : parameters) {
    if (!names.insert(p.name()).second) {
      fail<ConfigError>("model.apply(sparsity)", "names of parameters must be unique",
                        fmt::format("'{}' twice", p.name()), "register the modules under different names");
    }
    if (!p.requires_dense()) candidates.emplace_back(p.name(), p);
  }
  candidates = select(std::move(candidates));
  std::vector<TopologyChange> changes;
  for (const SparseParameter& p : candidates) {
    if (p.param().is_claimed()) {
      fail<StateError>("model.apply(sparsity)", "a parameter may belong to one algorithm only",
                       fmt::format("'{}' belongs to another", p.name()), "combine algorithms with a Group");
    }
    changes.push_back(first_change(p));
  }
  for (size_t i = 0; i < candidates.size(); ++i) {
    if (changes[i].pattern) candidates[i].apply(std::exchange(changes[i], {}));
    candidates[i].param().claim(claim_);
  }
  adopt(std::move(candidates));
}

void SparsityAlgorithm::apply(optim::Optimizer& optimizer) {
  constexpr const char* kOp = "optimizer.apply(sparsity)";
  if (!applied_) {
    fail<StateError>(kOp, "the algorithm must be applied to the model first", "it was not",
                     "call model.apply(sparsity) before");
  }
  if (attachments_.contains(optimizer.id())) {
    rt::log(LogLevel::Warning,
            "optimizer.apply(sparsity): applied to this optimizer before; the second call does nothing");
    return;
  }
  const std::vector<SparseParameter> own = get_sparse_params(optimizer.params());
  if (own.empty() && num_sparse_params() > 0) {
    fail<ConfigError>(kOp, "the optimizer must have a parameter of the algorithm", "it has none of them",
                      "construct it from the parameters of the same model");
  }
  for (const SparseParameter& p : own) {
    const Attachment* other = attachment_of(p);
    if (other != nullptr && !other->alive.expired()) {
      fail<StateError>(kOp, "a parameter may belong to one optimizer only",
                       fmt::format("'{}' belongs to another", p.name()));
    }
  }
  const auto alive = std::make_shared<const int>(0);
  attach(optimizer, alive);
  // Not `this`: the algorithm may move, or be gone before the optimizer.
  optimizer.after_step([anchor = anchor_, alive](optim::Optimizer& o) {
    if (anchor->algorithm != nullptr && anchor->algorithm->autoupdate()) anchor->algorithm->update(&o);
  });
}

const SparsityAlgorithm::Attachment* SparsityAlgorithm::attachment_of(const SparseParameter& parameter) const {
  for (const auto& [id, attachment] : attachments_) {
    const auto same = [&](const SparseParameter& p) { return p.param() == parameter.param(); };
    if (std::ranges::any_of(attachment.parameters, same)) return &attachment;
  }
  return nullptr;
}

void SparsityAlgorithm::attach(optim::Optimizer& optimizer, const std::weak_ptr<const void>& alive) {
  Attachment fresh{{}, get_sparse_params(optimizer.params()), alive};
  // An optimizer that takes the place of a destroyed one goes on at its step.
  for (const SparseParameter& p : fresh.parameters) {
    const Attachment* before = attachment_of(p);
    if (before != nullptr && before->time.step > fresh.time.step) fresh.time = before->time;
  }
  std::erase_if(attachments_, [](const auto& entry) { return entry.second.alive.expired(); });
  attachments_[optimizer.id()] = std::move(fresh);
}

std::vector<SparseParameter> SparsityAlgorithm::get_sparse_params(const std::vector<Parameter>& parameters) const {
  std::vector<SparseParameter> found;
  for (const SparseParameter& p : sparse_params()) {
    if (std::ranges::find(parameters, p.param()) != parameters.end()) found.push_back(p);
  }
  return found;
}

SparsityAlgorithm::Attachment& SparsityAlgorithm::attachment(optim::Optimizer* optimizer) {
  if (!applied_) {
    fail<StateError>("update", "the algorithm must be applied to a model first", "it was not",
                     "call model.apply(sparsity) before");
  }
  if (optimizer != nullptr) {
    const auto found = attachments_.find(optimizer->id());
    if (found == attachments_.end()) {
      fail<StateError>("update", "the optimizer must be attached", "it is not",
                       "call optimizer.apply(sparsity) before");
    }
    return found->second;
  }
  if (attachments_.empty()) attachments_[0] = {{}, sparse_params(), {}};
  if (attachments_.size() > 1) {
    fail<StateError>("update", "with several optimizers attached, one must be named",
                     fmt::format("{} are attached", attachments_.size()), "call update(&optimizer)");
  }
  return attachments_.begin()->second;
}

}  // namespace gossamer::sparse

namespace gossamer::optim {

void Optimizer::apply(sparse::SparsityAlgorithm& algorithm) { algorithm.apply(*this); }

}  // namespace gossamer::optim
