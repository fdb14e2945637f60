// A file of tensors, and the weights in it, in whatever form they were written.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "cli/bar.h"
#include "gossamer/io/safetensors.h"
#include "gossamer/nn/load_weights.h"
#include "gossamer/shape.h"
#include "gossamer/state_dict.h"

namespace gossamer::cli {

struct TensorInfo {
  std::string dtype;  // as the file spells it
  Shape shape;
  int64_t bytes = 0;
};

// A safetensors file, the index of several, an .npz, or an .npy whose array is called as the file.
class TensorFile {
 public:
  // Throws FileError, FormatError.
  explicit TensorFile(const std::filesystem::path& path);

  const std::map<std::string, TensorInfo>& tensors() const { return infos_; }
  // Of all files together.
  const std::map<std::string, std::string>& metadata() const { return metadata_; }
  // As Safetensors::tensor() and load_npy(), which say what becomes of other types.
  Tensor tensor(const std::string& name) const;
  // A part of the work that the bar shows.
  StateDict state_dict(WorkBar& bar) const;
  // Of all tensors.
  int64_t bytes() const;
  // Of the file, or of those that the index lists, when they were opened.
  int64_t file_bytes() const { return file_bytes_; }

 private:
  void add(const std::filesystem::path& path, const io::Safetensors& file);
  void add_index(const std::filesystem::path& path);
  void add_arrays(const std::filesystem::path& path, StateDict arrays);

  int64_t file_bytes_ = 0;
  std::map<std::string, TensorInfo> infos_;
  std::map<std::string, std::string> metadata_;
  std::map<std::string, io::Safetensors> files_;  // by the name of the tensor
  StateDict arrays_;                              // of NumPy's files, which are read at once
};

struct Weight {
  std::string name;
  nn::WeightForm form;  // Zeros never
  std::string dtype;    // of its values
  Shape shape;
  int64_t dense_bytes = 0;
  int64_t value_size = 0;  // bytes
};

// All weights, and tensors that are none, in one list by name; masks, indices and shapes belong to their weights.
// Throws FormatError for a weight in CSR form without its shape.
std::vector<Weight> find_weights(const TensorFile& file);

// All tensors, where weights pruned by torch.nn.utils.prune became w and w_mask, and masks bool. Throws FormatError
// for a mask of another shape than its weight, or with elements other than 0 and 1.
StateDict read_weights(const TensorFile& file, const std::vector<Weight>& weights, WorkBar& bar);

// Refuses a name that ends neither in ".safetensors" nor in ".npz", the formats of save_tensors(), and before long work
// a path that cannot be written. Throws ConfigError, FileError.
void check_output(std::string_view op, const std::filesystem::path& path);

// Writes tensors that were read from `file`, atomically; then tells on standard error what the new file does not keep:
// small types, and metadata in an .npz. Throws FileError, FormatError.
void save_tensors(const std::filesystem::path& path, const StateDict& tensors,
                  const std::map<std::string, std::string>& metadata, const TensorFile& file, WorkBar& bar);

}  // namespace gossamer::cli
