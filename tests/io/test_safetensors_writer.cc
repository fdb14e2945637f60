// Writing safetensors files: the bytes of the format's own library, round trips, and what is refused.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <iterator>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "gossamer/error.h"
#include "gossamer/io/safetensors.h"
#include "io/saving.h"
#include "tensor/tiles.h"
#include "tests/support/errors.h"
#include "tests/support/files.h"
#include "tests/support/golden.h"
#include "tests/support/safetensors.h"
#include "tests/support/tensors.h"

namespace gossamer::io::test_safetensors_writer {
namespace {

// The file that a dict becomes.
Bytes saved(const StateDict& dict, const SafetensorsOptions& options = {}) {
  const TempFolder folder;
  save_safetensors(folder.path() / "file", dict, options);
  return file_bytes(folder.path() / "file");
}

// The expected bytes of the first three stand in the tests of huggingface/safetensors (Apache-2.0), tensor.rs.
TEST(SaveSafetensors, WritesTheBytesThatTheFormatsOwnLibraryWrites) {
  EXPECT_EQ(saved({}), safetensors_bytes("{}      "));
  EXPECT_EQ(saved({}, {.metadata = {{"framework", "pt"}}}),
            safetensors_bytes(R"({"__metadata__":{"framework":"pt"}}     )"));
  const Bytes data = {0, 0, 0, 0, 0, 0, 128, 63, 0, 0, 0, 64, 0, 0, 64, 64, 0, 0, 128, 64, 0, 0, 160, 64};
  EXPECT_EQ(saved({{"attn0", Tensor::from<float>({0, 1, 2, 3, 4, 5}, {1, 1, 2, 3})}}),
            safetensors_bytes(R"({"attn0":{"dtype":"F32","shape":[1,1,2,3],"data_offsets":[0,24]}}       )", data));
  // Its order: I64, F64, F32, I32, BOOL, then names.
  EXPECT_EQ(saved({{"a", Tensor::from<bool>(std::initializer_list<bool>{true}, {})},
                   {"b", Tensor::from<int32_t>({2}, {1})},
                   {"c", Tensor::empty({2, 0})},
                   {"d", Tensor::from<double>({1}, {1})},
                   {"e", Tensor::from<int64_t>({3}, {1})},
                   {"f", Tensor::from<int64_t>({4}, {1})}}),
            safetensors_bytes(R"({"e":{"dtype":"I64","shape":[1],"data_offsets":[0,8]},)"
                              R"("f":{"dtype":"I64","shape":[1],"data_offsets":[8,16]},)"
                              R"("d":{"dtype":"F64","shape":[1],"data_offsets":[16,24]},)"
                              R"("c":{"dtype":"F32","shape":[2,0],"data_offsets":[24,24]},)"
                              R"("b":{"dtype":"I32","shape":[1],"data_offsets":[24,28]},)"
                              R"("a":{"dtype":"BOOL","shape":[],"data_offsets":[28,29]}}      )",
                              {3, 0, 0, 0, 0, 0, 0,   0,  4, 0, 0, 0, 0, 0, 0, 0,  //
                               0, 0, 0, 0, 0, 0, 240, 63, 2, 0, 0, 0, 1}));
}

StateDict many_tensors() {
  StateDict dict = {
      {"", Tensor::from<float>({-0.0F, std::numeric_limits<float>::infinity(), 1e-45F}, {3})},
      {"nan", Tensor::full({2}, std::numeric_limits<double>::quiet_NaN(), DType::f64)},
      {"quote\"\\/\n\t\x01", Tensor::from<int32_t>({1, -1}, {1, 2, 1})},
      {"\xC3\xA9\xE4\xB8\xAD\xF0\x9F\x98\x80", Tensor::from<int64_t>({INT64_MIN, INT64_MAX}, {2})},
      {"scalar", Tensor::from<float>({7}, {})},
      {"empty", Tensor::empty({3, 0, 2}, DType::boolean)},
      {"mask", random_mask({5, 3}, 1, 0.5)},
      {"rank 8", uniform({1, 2, 1, 2, 1, 2, 1, 2}, 2)},
      {"large", uniform({300, 301}, 3, DType::f32)},
  };
  for (int i = 0; i < 500; ++i) dict["many." + std::to_string(i)] = Tensor::from<int32_t>({i}, {1});
  return dict;
}

TEST(SaveSafetensors, GivesBackWhatWasSavedAndTheSameFileAgain) {
  const TempFolder folder;
  const auto file = folder.path() / "model.safetensors";
  const StateDict dict = many_tensors();
  const std::map<std::string, std::string> metadata = {
      {"", ""}, {"config", "{\"lr\": 1e-3}\n"}, {"e\xC3\xA9", std::string("\0\x1F\x7F\"\\", 5)}};
  save_safetensors(file, dict, {.metadata = metadata});
  const Safetensors read = Safetensors::open(file);
  EXPECT_EQ(read.metadata(), metadata);
  const StateDict loaded = load_safetensors(file);
  ASSERT_EQ(loaded.size(), dict.size());
  for (const auto& [name, tensor] : dict) {
    SCOPED_TRACE(name);
    golden::expect_equal(loaded.at(name), tensor);
    const SafetensorsEntry& entry = read.entry(name);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(read.bytes(name).data()) % static_cast<uintptr_t>(dtype_size(tensor.dtype())),
              0U);
    EXPECT_EQ(entry.end - entry.begin, tensor.bytes());
  }
  const Bytes first = file_bytes(file);
  save_safetensors(file, loaded, {.metadata = metadata});
  EXPECT_EQ(file_bytes(file), first);
}

TEST(Saving, TellsOfEveryTensorAndKeepsTheOldFileWhereTheTellingThrows) {
  const TempFolder folder;
  const StateDict dict = {{"a", Tensor::zeros({2})}, {"b", Tensor::zeros({3}, DType::f64)}};
  const auto save = [&](const std::filesystem::path& path, const Written& written) {
    path.extension() == ".npz" ? save_npz(path, dict, written) : save_safetensors(path, dict, {}, written);
  };
  for (const char* const name : {"file.safetensors", "file.npz"}) {
    const std::filesystem::path path = folder.path() / name;
    int64_t bytes = 0;
    save(path, [&](const Tensor& tensor) { bytes += tensor.bytes(); });
    EXPECT_EQ(bytes, 2 * 4 + 3 * 8);
    const Bytes whole = file_bytes(path);
    EXPECT_THROW(save(path, [](const Tensor&) { throw StateError("enough"); }), StateError);
    EXPECT_EQ(file_bytes(path), whole);
  }
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder.path()), {}), 2);
}

TEST(SaveSafetensors, WritesTileMajorTensorsRowByRow) {
  const Tensor rows = uniform({70, 5}, 4, DType::f32);
  const Tensor tiles = TensorTiles::pack(rows, 32);
  EXPECT_EQ(saved({{"x", tiles}}), saved({{"x", rows}}));
}

TEST(SaveSafetensors, RefusesWhatAFileCannotHoldBeforeItTouchesAnything) {
  const TempFolder folder;
  const auto file = folder.path() / "file";
  const Tensor x = Tensor::ones({1});
  const auto fault = [&](const StateDict& dict, const SafetensorsOptions& options = {}) {
    return message_of<FormatError>([&] { save_safetensors(file, dict, options); });
  };
  EXPECT_EQ(fault({{"__metadata__", x}}),
            "save_safetensors: the name of a tensor must not be that of the metadata; \"__metadata__\"; rename it");
  EXPECT_EQ(fault({{"a\xFF", x}}), "save_safetensors: names and texts must be UTF-8; \"a\xEF\xBF\xBD\"");
  EXPECT_EQ(fault({}, {.metadata = {{"k", "\xED\xA0\x80"}}}),
            "save_safetensors: names and texts must be UTF-8; metadata \"k\"");
  EXPECT_EQ(message_of<StateError>([&] {
              save_safetensors(file, {{"a", Tensor()}});
            }),
            "save_safetensors: tensors must be defined; \"a\" is not");
  const std::string huge(100'000'001, 'x');
  EXPECT_NE(fault({}, {.metadata = {{"k", huge}}}).find("a header of at most 100000000 bytes"), std::string::npos);
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

}  // namespace
}  // namespace gossamer::io::test_safetensors_writer
