// Names of parameters in warnings.
#pragma once

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <string>
#include <string_view>
#include <vector>

#include "config/config_errors.h"

namespace gossamer::sparse {

// "'fc1.bias', 'fc2.bias' and 3 others" of so many.
inline std::string list_names(const std::vector<std::string>& names, size_t total, size_t shown = 8) {
  const std::vector<std::string> first(names.begin(),
                                       names.begin() + static_cast<int64_t>(std::min(shown, names.size())));
  const size_t others = total - first.size();
  return fmt::format("'{}'{}", fmt::join(first, "', '"),
                     others == 0 ? "" : fmt::format(" and {} other{}", others, others == 1 ? "" : "s"));
}
inline std::string list_names(const std::vector<std::string>& names) { return list_names(names, names.size()); }

// The same, those first that are closest to a name which is none of them.
inline std::string list_nearest(std::string_view name, const std::vector<std::string>& names) {
  return names.empty() ? "none" : list_names(nearest(name, names, 8), names.size());
}

}  // namespace gossamer::sparse
