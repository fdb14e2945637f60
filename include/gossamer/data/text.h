// Text for models that predict the next token: characters or bytes as numbers, and windows of them.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "gossamer/data/dataset.h"

#pragma GCC visibility push(default)
namespace gossamer::data {

struct ReadTextOptions {
  int64_t max_bytes = int64_t{1} << 30;  // of the text; a longer one is refused
};
// The content of a file, plain or compressed by gzip. Throws FileError, naming the file, when it is missing
// or unreadable, FormatError when it is corrupt or too long.
std::string read_text(const std::filesystem::path& path, const ReadTextOptions& options = {});

// Numbers tokens from 0 on, and gives them back.
class Vocabulary {
 public:
  // The 256 bytes, each its own number. Takes any text.
  static Vocabulary bytes();
  // The characters (Unicode code points) that come in `text`, ordered by code point. Two texts of the same characters
  // make the same vocabulary: save characters() beside a model. Throws FormatError, with the place, when the text is
  // not UTF-8.
  static Vocabulary characters(std::string_view text);

  int64_t size() const;
  // Each character once, in the order of their numbers; of bytes() a string of all bytes.
  std::string characters() const;

  // Throws FormatError, with the place, for what is not UTF-8 (not by bytes()) and for a character that is not in the
  // vocabulary.
  std::vector<int32_t> encode(std::string_view text) const;
  // Throws IndexError for a token outside [0, size()).
  std::string decode(std::span<const int32_t> tokens) const;
  std::string decode(std::span<const int64_t> tokens) const;

 private:
  Vocabulary() = default;

  std::vector<char32_t> characters_;  // ascending; empty for bytes
  std::array<int32_t, 128> ascii_{};  // numbers of the first code points, -1 where absent
};

struct TextOptions {
  int64_t context = 64;  // tokens of a window
  int64_t stride = 1;    // from the start of a window to that of the next
};

// Windows of a stream of tokens: sample i has x = tokens[s, s + context) and y = tokens[s + 1, s + context + 1) with
// s = i * stride, both i64 [n, context]. A stream of at most `context` tokens has no sample.
class TextDataset final : public Dataset {
 public:
  // Throws ConfigError unless context and stride are positive.
  explicit TextDataset(std::vector<int32_t> tokens, const TextOptions& options = {});

  int64_t size() const override;
  Batch gather(std::span<const int64_t> indices) const override;
  const TextOptions& options() const { return options_; }

 private:
  std::vector<int32_t> tokens_;
  TextOptions options_;
};

// The stream cut in two: the last share of the tokens is for validation, and no window sees both parts.
struct TextSplit {
  std::shared_ptr<const TextDataset> train;
  std::shared_ptr<const TextDataset> validation;
};
// Throws ConfigError unless 0 <= validation <= 1.
TextSplit split_text(std::span<const int32_t> tokens, double validation, const TextOptions& options = {});

}  // namespace gossamer::data
#pragma GCC visibility pop
