// Weights that other libraries wrote, PyTorch above all.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "gossamer/nn/module.h"
#include "gossamer/sparse/group.h"
#include "gossamer/state_dict.h"

#pragma GCC visibility push(default)
namespace gossamer::nn {

struct ImportOptions {
  // Taken off the front of the names that begin with it, one after the other in this order: {"module.", "model."}.
  std::vector<std::string> strip_prefix = {};
  // Parameters whose plain dense weight becomes CSR with the positions that are not 0, such as "fc*.weight" or
  // sparse::default_sparse_param_filter. Of rank 2 or more; a dense parameter stays dense where its weight has no zero.
  std::optional<sparse::ParameterFilter> from_zeros = {};
  bool strict = true;  // as LoadOptions
};

// What a parameter was taken from.
enum class WeightForm {
  Dense,  // w
  Mask,   // w and w_mask
  Prune,  // w_orig and w_mask of torch.nn.utils.prune: the weight is their product
  Csr,    // w.crow_indices, w.col_indices and w.values
  Zeros,  // w, by from_zeros
};

struct ImportResult : LoadResult {
  std::map<std::string, WeightForm> taken;  // by the parameter's name
};

// Takes up a state dict as PyTorch users write it. As load_state_dict, all or nothing with all faults in one
// FormatError; and besides
//   - names lose prefixes (FormatError where two then are the same);
//   - weights come in every WeightForm, in any mix; masks are of any type and hold 0 and 1 only;
//   - f32 and f64 take each other's values, and i64 those of i32;
//   - a parameter that has several names may be there under each, with equal elements;
//   - in_proj_weight, in_proj_bias and out_proj of torch.nn.MultiheadAttention go to the four projections;
//   - the counter of a Dropout, which PyTorch has not, stays where it is missing.
// Throws ConfigError where from_zeros takes no parameter. Tells the log callback (Info) of weights of which more than
// half is 0 and that stay dense since there is no from_zeros.
ImportResult load_weights(Module& module, const StateDict& dict, const ImportOptions& options = {});
// The same from a safetensors file, or the index of several (io::load_safetensors, which throws FileError, FormatError
// and DTypeError besides), or from an .npz (io::load_npz); messages name the path. Numbers of 16 bits become those of
// the parameter.
ImportResult load_weights(Module& module, const std::filesystem::path& path, const ImportOptions& options = {});

}  // namespace gossamer::nn
#pragma GCC visibility pop
