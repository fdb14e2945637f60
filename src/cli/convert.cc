// gossamer convert: the same weights in another form.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "cli/bar.h"
#include "cli/command.h"
#include "cli/forms.h"
#include "cli/globs.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/tensor_file.h"
#include "gossamer/ops/reduce.h"
#include "gossamer/sparse_forms.h"
#include "runtime/check.h"
#include "runtime/table.h"

namespace gossamer::cli {

namespace {

struct ConvertOptions {
  std::filesystem::path in, out;
  std::string form = "dense";
  std::vector<std::string> from_zeros;
};

// Of weights that pruning left as plain zeros, and that nobody asked to make sparse.
void warn_about_zeros(const StateDict& dict, const std::vector<std::string>& dense) {
  for (const std::string& name : dense) {
    const auto found = dict.find(name);
    if (found == dict.end()) continue;
    const Tensor& weight = found->second;
    const int64_t zeros = weight.numel() - count_nonzero(weight).item<int64_t>();
    if (2 * zeros <= weight.numel()) continue;
    print_warning(fmt::format("'{}' is {} zeros and stays dense; --from-zeros '{}' makes it sparse", name,
                              rt::percent(static_cast<double>(zeros) / static_cast<double>(weight.numel())), name));
  }
}

// The number of tensors.
size_t write_in_form(const ConvertOptions& options, const TensorFile& file, const std::vector<Weight>& weights,
                     const std::vector<std::string>& dense) {
  WorkBar bar("convert", 2, WorkBar::of_bytes(file.bytes()));
  StateDict dict = read_weights(file, weights, bar);
  if (options.form == "csr" && options.from_zeros.empty()) warn_about_zeros(dict, dense);
  if (!options.from_zeros.empty()) dict = to_csr_form(dict, {.from_zeros = options.from_zeros});
  dict = in_form(dict, options.form);
  save_tensors(options.out, dict, file.metadata(), file, bar);
  return dict.size();
}

void convert(const ConvertOptions& options) {
  check_output("convert", options.out);
  const TensorFile file(options.in);
  const std::vector<Weight> weights = find_weights(file);
  std::vector<std::string> dense;
  for (const Weight& w : weights) {
    if (w.form == nn::WeightForm::Dense && w.shape.rank() >= 2) dense.push_back(w.name);
  }
  check_globs("--from-zeros", options.from_zeros, dense);
  const size_t count = write_in_form(options, file, weights, dense);
  fmt::print("{}: {}, {} tensors\n", options.out.string(),
             rt::kib(static_cast<int64_t>(std::filesystem::file_size(options.out))), count);
}

}  // namespace

Run add_convert(CLI::App& app) {
  const auto options = std::make_shared<ConvertOptions>();
  app.add_option("IN", options->in, "a safetensors file, the .index.json of several, .npz or .npy")
      ->type_name("")
      ->required();
  app.add_option("OUT", options->out, "the file to write, .safetensors or .npz")->type_name("")->required();
  app.add_option("--form", options->form,
                 "of sparse weights: dense (w and w_mask), csr, or zeros (w alone, 0 where pruned)")
      ->type_name("FORM")
      ->check(one_of(kForms))
      ->capture_default_str();
  app.add_option("--from-zeros", options->from_zeros,
                 "dense weights whose name matches this glob become sparse where they are 0; may come several times")
      ->type_name("GLOB")
      ->allow_extra_args(false);
  return [options] { convert(*options); };
}

}  // namespace gossamer::cli
