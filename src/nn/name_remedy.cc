#include "nn/name_remedy.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace gossamer::nn {

namespace {

constexpr std::string_view kOriginal = "_orig";

using Names = std::set<std::string, std::less<>>;

// The weight that an entry belongs to, in whatever form.
std::string_view weight_of(std::string_view entry) {
  for (const std::string_view part :
       {kOriginal, std::string_view("_mask"), std::string_view(".crow_indices"), std::string_view(".col_indices"),
        std::string_view(".values"), std::string_view(".shape")}) {
    if (entry.ends_with(part)) return entry.substr(0, entry.size() - part.size());
  }
  return entry;
}

Names weights_of(const std::vector<std::string>& entries) {
  Names weights;
  for (const std::string& entry : entries) weights.emplace(weight_of(entry));
  return weights;
}

struct Prefix {
  std::string text;  // with its dot; "" where there is none
  std::string name;  // one that is behind it
};

// What at least half of the names in `of` have in front of them in `longer`.
Prefix common_prefix(const Names& longer, const Names& of) {
  struct Use {
    size_t names = 0;
    std::string_view first;
  };
  std::map<std::string_view, Use> uses;
  for (const std::string& name : longer) {
    for (size_t dot = name.find('.'); dot != std::string::npos; dot = name.find('.', dot + 1)) {
      const std::string_view rest = std::string_view(name).substr(dot + 1);
      if (!of.contains(rest)) continue;
      Use& use = uses[std::string_view(name).substr(0, dot + 1)];
      if (use.names++ == 0) use.first = rest;
    }
  }
  const auto most = std::ranges::max_element(uses, {}, [](const auto& use) { return use.second.names; });
  if (most == uses.end() || 2 * most->second.names < of.size()) return {};
  return {std::string(most->first), std::string(most->second.first)};
}

struct Split {
  std::string_view module;
  std::string_view own;
};

Split split(std::string_view name) {
  const size_t dot = name.rfind('.');
  return dot == std::string_view::npos ? Split{"", name} : Split{name.substr(0, dot), name.substr(dot + 1)};
}

// Where both sides have the same entries of modules called otherwise, the first two of these.
std::pair<std::string_view, std::string_view> renamed(const Names& missing, const Names& unexpected) {
  const auto same = [](const std::string& a, const std::string& b) { return split(a).own == split(b).own; };
  if (missing.empty() || !std::ranges::equal(missing, unexpected, same)) return {};
  return {split(*missing.begin()).module, split(*unexpected.begin()).module};
}

}  // namespace

std::string name_remedy(const LoadResult& unfit, Loader loader) {
  const Names missing = weights_of(unfit.missing);
  const Names unexpected = weights_of(unfit.unexpected);
  if (const Prefix prefix = common_prefix(unexpected, missing); !prefix.text.empty()) {
    return fmt::format("{}\"{}\" at the end of strip_prefix takes off what stands before '{}'",
                       loader == Loader::State ? "nn::load_weights with " : "", prefix.text, prefix.name);
  }
  const bool is_pruned = std::ranges::any_of(unfit.unexpected, [&](const std::string& name) {
    return name.ends_with(kOriginal) && missing.contains(weight_of(name));
  });
  if (is_pruned && loader == Loader::State) {
    return "nn::load_weights reads weight_orig and weight_mask of torch.nn.utils.prune";
  }
  if (const Prefix prefix = common_prefix(missing, unexpected); !prefix.text.empty()) {
    return fmt::format("load into the module '{}', whose names the dict has",
                       prefix.text.substr(0, prefix.text.size() - 1));
  }
  if (const auto [here, there] = renamed(missing, unexpected); !here.empty() && !there.empty()) {
    return fmt::format(
        "'{}' is called '{}' in the dict: nn::named(\"{}\", ...) gives a part of a Sequential that name, "
        "register_module one of another module",
        here, there, there);
  }
  return "";
}

}  // namespace gossamer::nn
