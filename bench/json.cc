#include "bench/json.h"

#include <nlohmann/json.hpp>

#include "bench/machine.h"

namespace gossamer::bench {

namespace {

using Json = nlohmann::ordered_json;

Json head(const Series& series) { return {{"kernel", name(series.kernel)}, {"layout", name(series.layout)}}; }

// Of what runs over the sizes, which it does not name.
Json head_of_all(const Series& series) {
  Json entry = head(series);
  entry["few_samples"] = series.few_samples;
  return entry;
}

Json entry_of(const Ratio& r) {
  Json entry = head(r.series);
  entry.update({{"m", r.size.m},
                {"k", r.size.k},
                {"n", r.size.n},
                {"sparsity", r.sparsity},
                {"threads", r.series.threads},
                {"sparse_s", r.sparse_s},
                {"dense_s", r.dense_s},
                {"ratio", r.ratio()}});
  return entry;
}

}  // namespace

std::string ratio_json(std::span<const Ratio> ratios) {
  const Machine here = machine();
  Json json = {
      {"machine",
       {{"cpu", here.cpu}, {"cores", here.cores}, {"simd_target", here.simd_target}, {"openblas", here.openblas}}},
      {"ratios", Json::array()},
      {"geomean", Json::array()},
      {"crossover", Json::array()},
      {"peers", Json::array()}};
  std::vector<Ratio> own;
  for (const Ratio& r : ratios) {
    if (r.series.library == kOwnLibrary) {
      own.push_back(r);
      json["ratios"].push_back(entry_of(r));
    } else {
      Json entry = {{"library", r.series.library}};
      entry.update(entry_of(r));
      json["peers"].push_back(entry);
    }
  }
  const std::vector<GeometricMean> means = geometric_means(own);
  for (const GeometricMean& m : means) {
    Json entry = head_of_all(m.series);
    entry.update({{"sparsity", m.sparsity}, {"threads", m.series.threads}, {"ratio", m.ratio}});
    json["geomean"].push_back(entry);
  }
  for (const Crossover& c : crossovers(means)) {
    Json entry = head_of_all(c.series);
    entry.update({{"threads", c.series.threads}, {"sparsity", c.sparsity ? Json(*c.sparsity) : Json()}});
    json["crossover"].push_back(entry);
  }
  return json.dump(2) + "\n";
}

}  // namespace gossamer::bench
