#include "io/safetensors_header.h"

#include <algorithm>
#include <array>
#include <limits>
#include <optional>
#include <span>
#include <utility>

#include "io/json_cursor.h"
#include "io/safetensors_dtype.h"

namespace gossamer::io {
namespace {

class HeaderParser {
 public:
  HeaderParser(std::string_view text, MemoryBudget& budget, const Origin& origin)
      : json_(text, "the header", origin), budget_(budget), origin_(origin) {}

  SafetensorsHeader parse() {
    json_.object([&](const std::string& name) {
      if (name == kMetadata) {
        read_metadata();
      } else {
        header_.entries.push_back(read_entry(name));
      }
    });
    json_.end();
    return std::move(header_);
  }

 private:
  void read_metadata() {
    if (std::exchange(has_metadata_, true)) json_.refuse("the metadata come twice");
    json_.object([&](const std::string& key) {
      std::string value = json_.string();
      constexpr size_t kNode = 160;  // of the map, with two strings
      budget_.take(kNode + key.size() + value.size(), origin_);
      if (!header_.metadata.emplace(key, std::move(value)).second) {
        json_.refuse(fmt::format("{} comes twice in the metadata", shown(key)));
      }
    });
  }

  SafetensorsEntry read_entry(const std::string& name) {
    // A vector that grows holds its old elements beside twice as many new ones.
    budget_.take(3 * sizeof(SafetensorsEntry) + 2 * name.size(), origin_);
    const SafetensorsDtype* dtype = nullptr;
    std::optional<Shape> shape;
    std::optional<std::pair<int64_t, int64_t>> range;
    json_.object([&](const std::string& field) {
      if (field == "dtype" && dtype == nullptr) {
        dtype = read_dtype();
      } else if (field == "shape" && !shape) {
        shape = read_shape();
      } else if (field == "data_offsets" && !range) {
        range = read_range();
      } else {
        json_.refuse(fmt::format("{} has dtype, shape and data_offsets, each once; not {}", shown(name), shown(field)));
      }
    });
    if (dtype == nullptr || !shape || !range) {
      json_.refuse(fmt::format("{} must have dtype, shape and data_offsets", shown(name)));
    }
    check_size(name, *dtype, *shape, range->second - range->first);
    return {name, dtype->name, *shape, range->first, range->second};
  }

  const SafetensorsDtype* read_dtype() {
    const std::string name = json_.string();
    const SafetensorsDtype* const dtype = find_safetensors_dtype(name);
    if (dtype == nullptr) json_.refuse(fmt::format("there is no dtype {}", shown(name)));
    return dtype;
  }

  Shape read_shape() {
    std::array<int64_t, Shape::kMaxRank> dims{};
    size_t rank = 0;
    bool is_empty = false;
    int64_t numel = 1;
    json_.array([&] {
      if (rank == dims.size()) json_.refuse(fmt::format("a shape has at most {} dimensions", dims.size()));
      dims[rank++] = json_.integer();
      is_empty = is_empty || dims[rank - 1] == 0;
    });
    const std::span<const int64_t> used(dims.data(), rank);
    for (const int64_t dim : used) {
      if (!is_empty && numel > std::numeric_limits<int64_t>::max() / dim) json_.refuse("a shape is too large");
      if (!is_empty) numel *= dim;
    }
    return Shape(used);
  }

  std::pair<int64_t, int64_t> read_range() {
    std::array<int64_t, 2> ends{};
    size_t n = 0;
    json_.array([&] {
      if (n == ends.size()) json_.refuse("data_offsets are two numbers");
      ends[n++] = json_.integer();
    });
    if (n != ends.size() || ends[0] > ends[1])
      json_.refuse("data_offsets are two numbers, the end not below the begin");
    return {ends[0], ends[1]};
  }

  void check_size(const std::string& name, const SafetensorsDtype& dtype, const Shape& shape, int64_t bytes) const {
    if (shape.numel() <= std::numeric_limits<int64_t>::max() / dtype.bits && shape.numel() * dtype.bits % 8 == 0 &&
        shape.numel() * dtype.bits / 8 == bytes) {
      return;
    }
    json_.refuse(fmt::format("{} is {} {} in {} bytes", shown(name), dtype.name, shape.to_string(), bytes));
  }

  JsonCursor json_;
  MemoryBudget& budget_;
  const Origin& origin_;
  SafetensorsHeader header_;
  bool has_metadata_ = false;
};

// The tensors must follow one another, and fill the data: nothing is hidden between or behind them.
void check_ranges(const std::vector<SafetensorsEntry>& entries, int64_t data_bytes, const Origin& origin) {
  constexpr std::string_view kMust = "tensors must fill the data without holes and overlaps";
  std::vector<const SafetensorsEntry*> order;
  order.reserve(entries.size());
  for (const SafetensorsEntry& entry : entries) order.push_back(&entry);
  std::ranges::sort(order, {}, [](const SafetensorsEntry* entry) { return std::pair(entry->begin, entry->end); });
  int64_t end = 0;
  for (const SafetensorsEntry* const entry : order) {
    if (entry->begin != end) {
      origin.refuse(kMust, fmt::format("{} begins at byte {}, not {}", shown(entry->name), entry->begin, end));
    }
    end = entry->end;
  }
  if (end != data_bytes) {
    origin.refuse(kMust, fmt::format("they end at byte {} of {}", end, data_bytes),
                  end > data_bytes ? "the file is truncated: get it again" : "");
  }
}

void check_names(const std::vector<SafetensorsEntry>& entries, const Origin& origin) {
  const auto twice = std::ranges::adjacent_find(entries, {}, &SafetensorsEntry::name);
  if (twice != entries.end()) {
    origin.refuse("names must be unique", fmt::format("{} comes twice", shown(twice->name)));
  }
}

}  // namespace

SafetensorsHeader parse_safetensors_header(std::string_view text, int64_t data_bytes, MemoryBudget& budget,
                                           const Origin& origin) {
  SafetensorsHeader header = HeaderParser(text, budget, origin).parse();
  std::ranges::sort(header.entries, {}, &SafetensorsEntry::name);
  check_names(header.entries, origin);
  check_ranges(header.entries, data_bytes, origin);
  return header;
}

}  // namespace gossamer::io
