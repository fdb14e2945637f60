#include "io/safetensors_index.h"

#include <algorithm>
#include <map>
#include <utility>

#include "io/input_file.h"
#include "io/json_cursor.h"

namespace gossamer::io {
namespace {

constexpr int64_t kLargestIndex = 100'000'000;

// A file of the index's own folder: a path could lead anywhere.
bool is_plain_name(const std::string& name) {
  return !name.empty() && name != "." && name != ".." && name.find_first_of(std::string_view("/\\\0", 3)) == name.npos;
}

void check_unique(const std::vector<SafetensorsShard>& shards, const Origin& origin) {
  // By string: libstdc++ orders string_views of different lengths by a conversion that UBSan (implicit-conversion)
  // reports.
  std::vector<const std::string*> all;
  for (const SafetensorsShard& shard : shards) {
    for (const std::string& name : shard.names) all.push_back(&name);
  }
  const auto text = [](const std::string* name) -> const std::string& { return *name; };
  std::ranges::sort(all, {}, text);
  const auto twice = std::ranges::adjacent_find(all, {}, text);
  if (twice != all.end()) origin.refuse("names must be unique", fmt::format("{} comes twice", shown(**twice)));
}

}  // namespace

bool is_safetensors_index(const std::filesystem::path& path) {
  return path.filename().string().ends_with(".index.json");
}

std::vector<SafetensorsShard> read_safetensors_index(const std::filesystem::path& path, std::string_view op) {
  const Origin origin{std::string(op), path.string()};
  const InputFile file(path, op);
  if (file.size() > kLargestIndex) {
    origin.refuse(fmt::format("an index must have at most {} bytes", kLargestIndex), fmt::format("{}", file.size()));
  }
  MemoryBudget budget(file.size());
  budget.take(static_cast<size_t>(file.size()), origin);
  std::string text(static_cast<size_t>(file.size()), '\0');
  file.read_at(0, std::as_writable_bytes(std::span(text)));

  std::map<std::string, std::vector<std::string>> files;
  bool has_map = false;
  JsonCursor json(text, "the index", origin);
  json.object([&](const std::string& member) {
    if (member != "weight_map") return json.skip_value();
    if (std::exchange(has_map, true)) json.refuse("weight_map comes twice");
    json.object([&](const std::string& name) {
      const std::string shard = json.string();
      if (!is_plain_name(shard)) json.refuse(fmt::format("{} is no file beside the index", shown(shard)));
      constexpr size_t kNode = 160;  // of the map, with two strings
      const auto [at, is_new] = files.try_emplace(shard);
      if (is_new) budget.take(kNode + shard.size(), origin);
      // A vector that grows holds its old elements beside twice as many new ones.
      budget.take(3 * sizeof(std::string) + name.size(), origin);
      at->second.push_back(name);
    });
  });
  json.end();
  if (!has_map) json.refuse("weight_map is missing");

  std::vector<SafetensorsShard> shards;
  for (auto& [name, names] : files) {
    std::ranges::sort(names);
    shards.push_back({path.parent_path() / name, std::move(names)});
  }
  check_unique(shards, origin);
  return shards;
}

void check_shard(const SafetensorsShard& shard, std::span<const SafetensorsEntry> entries, const Origin& origin) {
  constexpr std::string_view kMust = "a file must hold the tensors that the index lists for it, and no others";
  auto name = shard.names.begin();
  for (const SafetensorsEntry& entry : entries) {
    if (name == shard.names.end() || entry.name < *name) {
      origin.refuse(kMust, fmt::format("{} is not listed", shown(entry.name)));
    }
    if (entry.name != *name) break;
    ++name;
  }
  if (name != shard.names.end()) origin.refuse(kMust, fmt::format("{} is missing", shown(*name)));
}

}  // namespace gossamer::io
