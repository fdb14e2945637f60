// YAML by yaml-cpp. No other file of the library includes it.
#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <limits>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>

#include "gossamer/config.h"
#include "runtime/check.h"

namespace gossamer {

namespace {

constexpr const char* kOp = "parse_yaml";
constexpr int kMaxDepth = 64;
constexpr int64_t kMaxValues = 100000;  // aliases multiply

std::string position(const YAML::Mark& mark) {
  return fmt::format("line {}, column {}", mark.line + 1, mark.column + 1);
}

bool is_digits(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

std::optional<Config> integer_in(std::string_view text) {
  const bool negative = text.starts_with('-');
  const std::string_view digits = text.substr(negative || text.starts_with('+') ? 1 : 0);
  const bool hexadecimal = digits.size() == text.size() && digits.starts_with("0x");
  // 010 is 8 in YAML 1.1 and 10 in 1.2.
  if (!hexadecimal && (!is_digits(digits) || (digits.size() > 1 && digits.front() == '0'))) return std::nullopt;
  const std::string_view number = hexadecimal ? digits.substr(2) : (negative ? text : digits);
  const auto parse = [&]<class T>(T value) -> std::optional<Config> {
    const char* const end = number.data() + number.size();
    const auto [stop, error] = std::from_chars(number.data(), end, value, hexadecimal ? 16 : 10);
    return error == std::errc() && stop == end ? std::optional(Config(value)) : std::nullopt;
  };
  const auto value = parse(int64_t{0});
  return value || negative ? value : parse(uint64_t{0});
}

std::optional<Config> float_in(std::string_view text) {
  const bool negative = text.starts_with('-');
  const std::string_view magnitude = text.substr(negative || text.starts_with('+') ? 1 : 0);
  double value = 0;
  if (magnitude == ".inf" || magnitude == ".Inf" || magnitude == ".INF") {
    value = std::numeric_limits<double>::infinity();
  } else if (text == ".nan" || text == ".NaN" || text == ".NAN") {
    value = std::numeric_limits<double>::quiet_NaN();
  } else {
    const bool octal = magnitude.size() > 1 && magnitude[0] == '0' && is_digits(magnitude);
    if (octal || magnitude.empty() || (magnitude[0] != '.' && !is_digits(magnitude.substr(0, 1)))) return std::nullopt;
    const char* const end = magnitude.data() + magnitude.size();
    const auto [stop, error] = std::from_chars(magnitude.data(), end, value);
    if (stop != end || error == std::errc::invalid_argument) return std::nullopt;
    if (error == std::errc::result_out_of_range) value = std::numeric_limits<double>::infinity();
  }
  return Config(negative ? -value : value);
}

// A scalar without quotes, after the core schema.
Config resolve_plain(const std::string& text) {
  if (text.empty() || text == "~" || text == "null" || text == "Null" || text == "NULL") return {};
  if (text == "true" || text == "True" || text == "TRUE") return true;
  if (text == "false" || text == "False" || text == "FALSE") return false;
  if (const auto integer = integer_in(text)) return *integer;
  if (const auto number = float_in(text)) return *number;
  return text;
}

class Converter {
 public:
  Config convert(const YAML::Node& node, int depth = 0) {
    if (depth > kMaxDepth || ++values_ > kMaxValues) {
      fail<FormatError>(kOp, fmt::format("at most {} levels and {} values", kMaxDepth, kMaxValues),
                        fmt::format("more at {}", position(node.Mark())));
    }
    if (node.IsSequence()) {
      check_tag(node, "seq");
      ConfigList list;
      for (const YAML::Node& element : node) list.push_back(convert(element, depth + 1));
      return list;
    }
    if (node.IsMap()) {
      check_tag(node, "map");
      return convert_map(node, depth);
    }
    return node.IsScalar() ? convert_scalar(node) : Config();
  }

 private:
  static constexpr std::string_view kCore = "tag:yaml.org,2002:";

  [[noreturn]] static void refuse_tag(const YAML::Node& node) {
    fail<FormatError>(kOp, "tags must be those of the core schema",
                      fmt::format("{} at {}", node.Tag(), position(node.Mark())));
  }

  static void check_tag(const YAML::Node& node, std::string_view kind) {
    const std::string& tag = node.Tag();
    if (tag.empty() || tag == "?" || tag == "!" || tag == fmt::format("{}{}", kCore, kind)) return;
    refuse_tag(node);
  }

  static Config convert_scalar(const YAML::Node& node) {
    const std::string& tag = node.Tag();
    if (tag == "!" || tag == fmt::format("{}str", kCore)) return node.Scalar();
    Config plain = resolve_plain(node.Scalar());
    if (tag.empty() || tag == "?") return plain;
    const bool is_integer = plain.get_if<int64_t>() != nullptr || plain.get_if<uint64_t>() != nullptr;
    if (tag == fmt::format("{}int", kCore) && is_integer) return plain;
    if (tag == fmt::format("{}float", kCore) && (is_integer || plain.get_if<double>() != nullptr)) return plain;
    refuse_tag(node);
  }

  Config convert_map(const YAML::Node& node, int depth) {
    ConfigMap map;
    ConfigMap merged;
    for (const auto& entry : node) {
      if (!entry.first.IsScalar()) {
        fail<FormatError>(kOp, "keys must be scalars", position(entry.first.Mark()));
      }
      const std::string& key = entry.first.Scalar();
      Config value = convert(entry.second, depth + 1);
      if (key != "<<" || entry.first.Tag() == "!") {
        map.emplace_back(key, std::move(value));
        continue;
      }
      const ConfigList sources = value.get_if<ConfigList>() ? *value.get_if<ConfigList>() : ConfigList{value};
      for (const Config& source : sources) {
        const auto* entries = source.get_if<ConfigMap>();
        if (entries == nullptr) {
          fail<FormatError>(kOp, "<< must merge maps",
                            fmt::format("{} at {}", source.describe(), position(node.Mark())));
        }
        merged.insert(merged.end(), entries->begin(), entries->end());
      }
    }
    for (auto& [key, value] : merged) {
      if (std::ranges::find(map, key, &ConfigMap::value_type::first) == map.end())
        map.emplace_back(key, std::move(value));
    }
    return map;
  }

  int64_t values_ = 0;
};

}  // namespace

Config parse_yaml(const std::string& text) {
  try {
    const std::vector<YAML::Node> documents = YAML::LoadAll(text);
    if (documents.size() > 1) {
      fail<FormatError>(kOp, "there must be one document", fmt::format("{}", documents.size()));
    }
    return documents.empty() ? Config() : Converter().convert(documents.front());
  } catch (const YAML::Exception& error) {
    fail<FormatError>(kOp, "the text must be YAML", fmt::format("{} at {}", error.msg, position(error.mark)));
  }
}

Config load_yaml(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  if (!file || !(text << file.rdbuf())) fail<FormatError>("load_yaml", "the file must be readable", path);
  try {
    return parse_yaml(text.str());
  } catch (const FormatError& error) {
    throw FormatError(path + ": " + error.what());
  }
}

}  // namespace gossamer
