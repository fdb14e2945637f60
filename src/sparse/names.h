// Names of parameters, for messages.
#pragma once

#include <string>
#include <vector>

namespace gossamer::sparse {

// Of what has a name().
template <class Named>
std::vector<std::string> names_of(const std::vector<Named>& parameters) {
  std::vector<std::string> names;
  names.reserve(parameters.size());
  for (const Named& p : parameters) names.push_back(p.name());
  return names;
}

}  // namespace gossamer::sparse
