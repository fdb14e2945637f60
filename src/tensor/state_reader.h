// Reads a StateDict, and collects all that is wrong with it before anything is taken up.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "gossamer/state_dict.h"
#include "gossamer/tensor.h"

namespace gossamer {

// Whether an entry that is absent counts as missing.
enum class Entry { Required, Optional };

class StateReader {
 public:
  explicit StateReader(const StateDict& dict, const LoadOptions& options = {}) : dict_(dict), options_(options) {}

  bool contains(const std::string& name) const { return dict_.contains(name); }

  // The tensor called `name`; undefined where it is absent or does not fit.
  Tensor find(const std::string& name, Entry entry = Entry::Required);
  Tensor find(const std::string& name, const Shape& shape, DType dtype, Entry entry = Entry::Required);

  // The only element of a tensor; 0 where it is absent or does not fit.
  template <class T>
  T scalar(const std::string& name) {
    const Tensor tensor = find_scalar(name, dtype_of<T>);
    return tensor.defined() ? tensor.data<T>()[0] : T(0);
  }

  // What state_text() wrote; nothing where it is absent or does not fit.
  std::optional<std::string> text(const std::string& name);

  // Notes what is wrong with an entry.
  void fault(std::string_view name, std::string_view must, std::string_view given) {
    fault(fmt::format("'{}' must be {}, not {}", name, must, given));
  }

  void fault(std::string_view name, std::string_view what) { fault(fmt::format("'{}' {}", name, what)); }
  void fault(std::string text) { faults_.push_back(std::move(text)); }

  // Names that are missing, or were not looked for, so far.
  LoadResult unfit() const;

  // What was passed over. Throws FormatError where there was any fault, or, with strict, a name that is missing or was
  // not looked for. `remedy_of_names` takes the place of the remedy where names do not fit.
  LoadResult finish(std::string_view op, std::string_view must, std::string_view remedy,
                    std::string_view remedy_of_names = {});

 private:
  Tensor find_scalar(const std::string& name, DType dtype);

  const StateDict& dict_;
  LoadOptions options_;
  std::vector<std::string> known_;
  std::vector<std::string> faults_;
  LoadResult result_;
};

// A scalar as an entry of a StateDict.
template <class T>
Tensor state_scalar(T value) {
  return Tensor::from<T>({value}, Shape{});
}

// A text as an entry of a StateDict: its bytes, as i32.
Tensor state_text(std::string_view text);

}  // namespace gossamer
