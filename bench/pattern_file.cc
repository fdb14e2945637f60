#include "bench/pattern_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "config/nearest.h"
#include "gossamer/io/matrix_market.h"
#include "gossamer/io/safetensors.h"
#include "gossamer/io/smtx.h"
#include "gossamer/sparse_forms.h"
#include "io/safetensors_index.h"
#include "runtime/check.h"
#include "tensor/csr/entries.h"

namespace gossamer::bench {

namespace {

// The files that hold the tensors.
std::vector<io::Safetensors> open_all(const std::filesystem::path& file) {
  if (!io::is_safetensors_index(file)) return {io::Safetensors::open(file)};
  std::vector<io::Safetensors> files;
  for (const io::SafetensorsShard& shard : io::read_safetensors_index(file, "--pattern")) {
    files.push_back(io::Safetensors::open(shard.path));
    io::check_shard(shard, files.back().entries(), {"--pattern", shard.path.string()});
  }
  return files;
}

// Of a weight in any of the forms of docs/checkpoints.md. Its own tensors alone are read: a file may be larger than
// memory.
std::shared_ptr<const CsrPattern> weight_pattern(const std::filesystem::path& file, const std::string& weight) {
  const std::string mask = mask_entry(weight);
  const auto of_csr = CsrEntryNames(weight).all();
  StateDict dict;
  std::vector<std::string> others;
  for (const io::Safetensors& part : open_all(file)) {
    for (const io::SafetensorsEntry& entry : part.entries()) {
      if (entry.name == weight || entry.name == mask || std::ranges::find(of_csr, entry.name) != of_csr.end()) {
        dict.emplace(entry.name, part.tensor(entry.name));
      } else if (entry.shape.rank() >= 2) {
        others.push_back(entry.name);
      }
    }
  }
  dict = to_dense_form(dict);
  for (const std::string& name : {mask, weight}) {
    if (const auto found = dict.find(name); found != dict.end()) {
      return CsrPattern::from_mask(found->second.to(DType::boolean));
    }
  }
  fail<ConfigError>("--tensor", "it must name a weight of the file",
                    weight.empty() ? "it is missing" : fmt::format("'{}'", weight),
                    fmt::format("'{}' has {}", file.string(), list_first(others)));
}

}  // namespace

std::shared_ptr<const CsrPattern> read_pattern(const std::filesystem::path& file, const std::string& tensor) {
  if (file.extension() == ".safetensors" || io::is_safetensors_index(file)) return weight_pattern(file, tensor);
  if (file.extension() == ".mtx") return io::load_matrix_market(file).pattern;
  if (file.extension() == ".smtx") return io::load_smtx(file);
  fail<ConfigError>("--pattern", "the file's name must end in .mtx, .smtx, .safetensors or .index.json",
                    fmt::format("'{}'", file.string()));
}

}  // namespace gossamer::bench
