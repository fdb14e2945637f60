#include "cli/options.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <limits>
#include <system_error>
#include <utility>

#include "config/config_errors.h"
#include "runtime/check.h"

namespace gossamer::cli {

namespace {

// Whether the whole text is a number.
template <class T>
bool read(const std::string& text, T& number) {
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && stop == text.data() + text.size();
}

}  // namespace

Check one_of(std::vector<std::string> texts) {
  return [texts = std::move(texts)](const std::string& text) {
    if (std::ranges::find(texts, text) != texts.end()) return std::string();
    const std::string meant = guess(text, texts);
    return fmt::format("must be one of {}; got '{}'{}{}", fmt::join(texts, ", "), text, meant.empty() ? "" : "; ",
                       meant);
  };
}

std::string check_seed(const std::string& text) {
  uint64_t seed = 0;
  if (read(text, seed)) return "";
  return fmt::format("must be a whole number from 0 to {}; got '{}'", std::numeric_limits<uint64_t>::max(), text);
}

std::string check_sparsity(const std::string& text) {
  double sparsity = -1;
  if (read(text, sparsity) && sparsity >= 0 && sparsity < 1) return "";
  const std::string remedy = remedy_of_share(sparsity);
  return fmt::format("must be a number of at least 0 and below 1; got '{}'{}{}", text, remedy.empty() ? "" : "; ",
                     remedy);
}

}  // namespace gossamer::cli
