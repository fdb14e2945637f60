#include "cli/forms.h"

#include "gossamer/sparse_forms.h"

namespace gossamer::cli {

StateDict in_form(const StateDict& dict, const std::string& form) {
  if (form == "csr") return to_csr_form(dict);
  if (form == "dense") return to_dense_form(dict);
  // There and back, values under a mask become 0.
  const StateDict csr = to_csr_form(dict);
  StateDict dense = to_dense_form(csr);
  std::erase_if(dense, [&](const auto& entry) {
    // A mask that to_dense_form made, and no tensor that is called so.
    const std::string& name = entry.first;
    return name.ends_with("_mask") && !csr.contains(name);
  });
  return dense;
}

}  // namespace gossamer::cli
