// Configurations as the reference vectors hold them.
#pragma once

#include <cstdint>
#include <string>

#include "gossamer/config.h"
#include "tests/support/golden.h"

namespace gossamer::test {

inline Config config_from_json(const golden::Json& json) {
  if (json.is_null()) return {};
  if (json.is_boolean()) return json.get<bool>();
  if (json.is_number_integer()) return json.get<int64_t>();
  if (json.is_number()) return json.get<double>();
  if (json.is_string()) return json.get<std::string>();
  if (json.is_array()) {
    ConfigList list;
    for (const golden::Json& element : json) list.push_back(config_from_json(element));
    return list;
  }
  ConfigMap map;
  for (const auto& [key, value] : json.items()) map.emplace_back(key, config_from_json(value));
  return map;
}

}  // namespace gossamer::test
