// gossamer prune: the options.
#include <CLI/CLI.hpp>
#include <memory>

#include "cli/command.h"
#include "cli/forms.h"
#include "cli/options.h"
#include "cli/pruning.h"

namespace gossamer::cli {

Run add_prune(CLI::App& app) {
  const auto options = std::make_shared<PruneCommand>();
  app.add_option("FILE", options->file, "a safetensors file, the .index.json of several, .npz or .npy")
      ->type_name("")
      ->required();
  app.add_option("-o,--output", options->output, "the file to write, .safetensors or .npz")
      ->type_name("FILE")
      ->required();
  app.add_option("--algorithm", options->algorithm,
                 "what goes: the smallest weights (magnitude), any (random), all but n of m, whole blocks (block)")
      ->type_name("NAME")
      ->check(one_of({"magnitude", "random", "n:m", "block"}))
      ->capture_default_str();
  app.add_option("--sparsity", options->sparsity, "share of zeros afterwards, in [0, 1); of n:m it is 1 - n / m")
      ->type_name("S")
      ->check(check_sparsity);
  app.add_option("--n", options->n, "kept of every m (n:m); default: 2")->type_name("N");
  app.add_option("--m", options->m, "consecutive weights of a row (n:m); default: 4")->type_name("M");
  app.add_option("--block", options->block, "rows x columns of a block, such as 4x4, the default (block)")
      ->type_name("RxC");
  app.add_flag("--global", options->global, "one sparsity for all weights together (magnitude, random)");
  app.add_option(
         "--include", options->include,
         "weights of rank 2 or more to prune, by a glob; may come several times. Default: those whose name holds "
         "none of embedding, norm, lm_head and pe_helper")
      ->type_name("GLOB")
      ->allow_extra_args(false);
  app.add_option("--exclude", options->exclude, "weights to leave as they are, by a glob; may come several times")
      ->type_name("GLOB")
      ->allow_extra_args(false);
  app.add_option("--seed", options->seed, "of the choice (random); default: 0")->type_name("N")->check(check_seed);
  app.add_option("--form", options->form,
                 "of sparse weights: dense (w and w_mask), csr, or zeros (w alone, 0 where pruned)")
      ->type_name("FORM")
      ->check(one_of(kForms))
      ->capture_default_str();
  return [options] { run_prune(*options); };
}

}  // namespace gossamer::cli
