// Names of parameters in messages.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "config/nearest.h"

namespace gossamer::sparse {

// list_nearest() of what has a name().
template <class Named>
std::string list_nearest(const std::vector<std::string>& wanted, const std::vector<Named>& parameters) {
  std::vector<std::string> names;
  for (const Named& p : parameters) names.push_back(p.name());
  return gossamer::list_nearest(wanted, std::move(names));
}

}  // namespace gossamer::sparse
