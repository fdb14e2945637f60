// Sparsity: one schedule for all parameters of an algorithm, or one for each.
#pragma once

#include <concepts>
#include <initializer_list>
#include <map>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

#include "gossamer/sparse/schedule.h"

#pragma GCC visibility push(default)
namespace gossamer::sparse {

// The share of connections that are zero, as a function of training time.
//   0.9                                          for all parameters
//   Cubic{.final = 0.9, .end = 1000}             any schedule
//   {0.3, 0.5}                                   a list cycles
//   {{"fc1.weight", 0.9}, {"fc2.weight", 0.5}}   by name; any other parameter is an error
//   {0.9, {{"fc2.*", 0.5}}}                      by glob (gossamer/glob.h), with a schedule for all others
// The whole name goes before globs. What takes no parameter of the algorithm is warned about.
class Sparsity {
 public:
  using ByName = std::map<std::string, Schedule>;

  template <class S>
  requires(!std::same_as<std::remove_cvref_t<S>, Sparsity> && std::constructible_from<Schedule, S>)
      Sparsity(S&& schedule)  // NOLINT: a number is a sparsity
      : otherwise_(std::forward<S>(schedule)) {}
  Sparsity(std::initializer_list<double> values) : otherwise_(values) {}
  Sparsity(std::initializer_list<ByName::value_type> by_name) : by_name_(by_name) {}
  Sparsity(ByName by_name) : by_name_(std::move(by_name)) {}                                            // NOLINT
  Sparsity(const std::map<std::string, double>& by_name) : by_name_(by_name.begin(), by_name.end()) {}  // NOLINT
  Sparsity(Schedule otherwise, ByName by_name) : otherwise_(std::move(otherwise)), by_name_(std::move(by_name)) {}

  // The schedule of a parameter; the same object for all that share one. Throws ConfigError where there is none,
  // and where two globs take it.
  const Schedule& of(const std::string& name) const;

  // Of the parameters that by_name() does not list.
  const std::optional<Schedule>& otherwise() const { return otherwise_; }
  const ByName& by_name() const { return by_name_; }
  // Calls f for each schedule there is.
  template <class F>
  void for_each(F&& f) const {
    if (otherwise_) f(*otherwise_);
    for (const auto& [name, schedule] : by_name_) f(schedule);
  }

 private:
  std::optional<Schedule> otherwise_;
  ByName by_name_;
};

}  // namespace gossamer::sparse
#pragma GCC visibility pop
