// YAML by yaml-cpp. No other file of the library includes it.
#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdint>
#include <fstream>
#include <limits>
#include <map>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "gossamer/config.h"
#include "runtime/check.h"
#include "runtime/integer_text.h"

namespace gossamer {

namespace {

constexpr const char* kOp = "parse_yaml";

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
    const auto [stop, error] = rt::integer_from(number, value, hexadecimal ? 16 : 10);
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

// Builds the configuration while the parser reads, so that limits hold before memory is taken and before yaml-cpp,
// which descends into lists and maps by recursion, has gone deep.
class Builder final : public YAML::EventHandler {
 public:
  explicit Builder(const YamlLimits& limits) : limits_(limits) {}

  Config take() { return std::move(root_); }

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    if (expects_key()) refuse_key(mark);
    add(mark, anchor, Config(), std::nullopt, 1);
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& text) override {
    if (!expects_key()) return add(mark, anchor, resolve_scalar(mark, tag, text), text, 1);
    if (anchor != 0) anchors_[anchor] = {resolve_scalar(mark, tag, text), text};
    set_key(text, tag != "!");
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const auto found = anchors_.find(anchor);
    if (found == anchors_.end()) {
      fail<FormatError>(kOp, "an alias must not stand inside what it names", position(mark));
    }
    const auto& [value, text] = found->second;
    if (expects_key()) {
      if (!text) refuse_key(mark);
      return set_key(*text, true);
    }
    check_depth(mark, depth_of(value));
    add(mark, 0, Config(value), std::nullopt, count(value));
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    open(mark, tag, anchor, false);
  }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    open(mark, tag, anchor, true);
  }
  void OnSequenceEnd() override { close(); }
  void OnMapEnd() override { close(); }

 private:
  static constexpr std::string_view kCore = "tag:yaml.org,2002:";

  // A list or a map whose end has not come.
  struct Open {
    YAML::Mark mark;
    YAML::anchor_t anchor;
    bool is_map;
    ConfigList list = {};
    ConfigMap map = {};
    ConfigMap merged = {};                // what << brings: keys of the map itself come first
    std::optional<std::string> key = {};  // whose value comes next
    bool merges = false;                  // the key is a <<
  };
  struct Anchored {
    Config value;
    std::optional<std::string> text;  // of a scalar
  };

  [[noreturn]] static void refuse_tag(const YAML::Mark& mark, const std::string& tag) {
    fail<FormatError>(kOp, "tags must be those of the core schema", fmt::format("{} at {}", tag, position(mark)));
  }
  [[noreturn]] static void refuse_key(const YAML::Mark& mark) {
    fail<FormatError>(kOp, "keys must be scalars", position(mark));
  }

  static Config resolve_scalar(const YAML::Mark& mark, const std::string& tag, const std::string& text) {
    if (tag == "!" || tag == fmt::format("{}str", kCore)) return text;
    Config plain = resolve_plain(text);
    if (tag.empty() || tag == "?") return plain;
    const bool is_integer = plain.get_if<int64_t>() != nullptr || plain.get_if<uint64_t>() != nullptr;
    if (tag == fmt::format("{}int", kCore) && is_integer) return plain;
    if (tag == fmt::format("{}float", kCore) && (is_integer || plain.get_if<double>() != nullptr)) return plain;
    refuse_tag(mark, tag);
  }

  // The value itself and all in it.
  static int64_t count(const Config& value) {
    int64_t values = 1;
    if (const auto* list = value.get_if<ConfigList>()) {
      for (const Config& element : *list) values += count(element);
    } else if (const auto* map = value.get_if<ConfigMap>()) {
      for (const auto& entry : *map) values += count(entry.second);
    }
    return values;
  }
  // Lists and maps inside one another.
  static int64_t depth_of(const Config& value) {
    int64_t inside = 0;
    if (const auto* list = value.get_if<ConfigList>()) {
      for (const Config& element : *list) inside = std::max(inside, depth_of(element));
      return inside + 1;
    }
    if (const auto* map = value.get_if<ConfigMap>()) {
      for (const auto& entry : *map) inside = std::max(inside, depth_of(entry.second));
      return inside + 1;
    }
    return 0;
  }

  void check_depth(const YAML::Mark& mark, int64_t more) const {
    if (more <= limits_.max_depth - static_cast<int64_t>(open_.size())) return;
    fail<FormatError>(kOp, fmt::format("at most {} levels", limits_.max_depth),
                      fmt::format("more at {}", position(mark)), "raise YamlLimits::max_depth");
  }

  bool expects_key() const { return !open_.empty() && open_.back().is_map && !open_.back().key; }

  void set_key(const std::string& text, bool may_merge) {
    open_.back().key = text;
    open_.back().merges = may_merge && text == "<<";
  }

  void open(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor, bool is_map) {
    if (expects_key()) refuse_key(mark);
    if (!tag.empty() && tag != "?" && tag != "!" && tag != fmt::format("{}{}", kCore, is_map ? "map" : "seq")) {
      refuse_tag(mark, tag);
    }
    check_depth(mark, 1);
    open_.push_back({mark, anchor, is_map});
  }

  void close() {
    Open done = std::move(open_.back());
    open_.pop_back();
    if (!done.is_map) return add(done.mark, done.anchor, std::move(done.list), std::nullopt, 1);
    for (auto& [key, value] : done.merged) {
      if (std::ranges::find(done.map, key, &ConfigMap::value_type::first) == done.map.end()) {
        done.map.emplace_back(key, std::move(value));
      }
    }
    add(done.mark, done.anchor, std::move(done.map), std::nullopt, 1);
  }

  // Puts a value where it belongs: into the innermost list or map, or at the root.
  void add(const YAML::Mark& mark, YAML::anchor_t anchor, Config value, std::optional<std::string> text,
           int64_t values) {
    if (anchor != 0) values += count(value);
    if (values > limits_.max_values - values_) {
      fail<FormatError>(kOp, fmt::format("at most {} values", limits_.max_values),
                        fmt::format("more at {}", position(mark)), "raise YamlLimits::max_values");
    }
    values_ += values;
    if (anchor != 0) anchors_[anchor] = {value, std::move(text)};
    if (open_.empty()) {
      root_ = std::move(value);
      return;
    }
    Open& inner = open_.back();
    if (!inner.is_map) {
      inner.list.push_back(std::move(value));
    } else if (inner.merges) {
      merge(inner, value);
      inner.key.reset();
    } else {
      inner.map.emplace_back(*std::exchange(inner.key, std::nullopt), std::move(value));
    }
  }

  static void merge(Open& into, const Config& value) {
    const ConfigList sources = value.get_if<ConfigList>() ? *value.get_if<ConfigList>() : ConfigList{value};
    for (const Config& source : sources) {
      const auto* entries = source.get_if<ConfigMap>();
      if (entries == nullptr) {
        fail<FormatError>(kOp, "<< must merge maps", fmt::format("{} at {}", source.describe(), position(into.mark)));
      }
      into.merged.insert(into.merged.end(), entries->begin(), entries->end());
    }
  }

  const YamlLimits& limits_;
  std::vector<Open> open_;  // the innermost last
  std::map<YAML::anchor_t, Anchored> anchors_;
  Config root_;
  int64_t values_ = 0;
};

void check_size(size_t bytes, const YamlLimits& limits) {
  if (static_cast<int64_t>(bytes) <= limits.max_bytes) return;
  fail<FormatError>(kOp, fmt::format("at most {} bytes", limits.max_bytes), "more", "raise YamlLimits::max_bytes");
}

// At most one byte more than the limit: what is read may have no end.
std::string read_up_to(const std::string& path, int64_t limit) {
  const auto refuse = [&] {
    fail<FileError>("load_yaml", "the file must be readable",
                    fmt::format("'{}': {}", path, std::generic_category().message(errno)), "check the path");
  };
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  if (!file) refuse();
  std::string text;
  char block[4096];
  while (file && static_cast<int64_t>(text.size()) <= limit) {
    file.read(block, sizeof(block));
    text.append(block, static_cast<size_t>(file.gcount()));
  }
  if (file.bad()) refuse();
  return text;
}

}  // namespace

Config parse_yaml(const std::string& text, const YamlLimits& limits) {
  check_size(text.size(), limits);
  try {
    std::istringstream stream(text);
    YAML::Parser parser(stream);
    Builder document(limits);
    if (!parser.HandleNextDocument(document)) return {};
    Builder another(limits);
    if (parser.HandleNextDocument(another)) fail<FormatError>(kOp, "there must be one document", "several");
    return document.take();
  } catch (const YAML::Exception& error) {
    fail<FormatError>(kOp, "the text must be YAML", fmt::format("{} at {}", error.msg, position(error.mark)));
  }
}

Config load_yaml(const std::string& path, const YamlLimits& limits) {
  const std::string text = read_up_to(path, limits.max_bytes);
  try {
    return parse_yaml(text, limits);
  } catch (const FormatError& error) {
    throw FormatError(path + ": " + error.what());
  }
}

}  // namespace gossamer
