#include "gossamer/data/text.h"

#include <algorithm>
#include <bitset>
#include <cmath>
#include <numeric>
#include <utility>

#include "data/indices.h"
#include "gossamer/error.h"
#include "io/byte_source.h"
#include "runtime/check.h"
#include "runtime/utf8.h"

namespace gossamer::data {
namespace {

// The code point at `at`, which moves on to the next.
char32_t next_code_point(std::string_view op, std::string_view text, size_t& at) {
  const rt::Utf8 next = rt::decode_utf8(text.substr(at));
  if (next.length == 0) {
    fail<FormatError>(op, "the text must be UTF-8", fmt::format("byte {} begins no character", at),
                      "use Vocabulary::bytes()");
  }
  at += next.length;
  return next.code_point;
}

}  // namespace

std::string read_text(const std::filesystem::path& path, const ReadTextOptions& options) {
  constexpr std::string_view kOp = "read_text";
  const auto source = io::open_file(path, kOp);
  auto text = io::read_bytes<std::string>(*source, options.max_bytes);
  if (std::ssize(text) >= options.max_bytes && !io::at_end(*source)) {
    fail<FormatError>(kOp, fmt::format("the text must have at most {} bytes", options.max_bytes),
                      fmt::format("'{}' has more", source->name()), "raise max_bytes if that is right");
  }
  return text;
}

Vocabulary Vocabulary::bytes() { return {}; }

Vocabulary Vocabulary::characters(std::string_view text) {
  constexpr std::string_view kOp = "Vocabulary::characters";
  constexpr size_t kPage = 1024;  // most are empty, and passed over as a whole
  std::vector<std::bitset<kPage>> seen(rt::kCodePoints / kPage);
  for (size_t at = 0; at < text.size();) {
    const char32_t c = next_code_point(kOp, text, at);
    seen[c / kPage].set(c % kPage);
  }
  Vocabulary vocabulary;
  vocabulary.ascii_.fill(-1);
  for (size_t page = 0; page < seen.size(); ++page) {
    if (seen[page].none()) continue;
    for (size_t i = 0; i < kPage; ++i) {
      if (!seen[page].test(i)) continue;
      const auto c = static_cast<char32_t>(page * kPage + i);
      if (c < vocabulary.ascii_.size()) vocabulary.ascii_[c] = static_cast<int32_t>(vocabulary.characters_.size());
      vocabulary.characters_.push_back(c);
    }
  }
  if (vocabulary.characters_.empty()) {
    fail<FormatError>(kOp, "the text must have characters", "an empty text");
  }
  return vocabulary;
}

int64_t Vocabulary::size() const { return characters_.empty() ? 256 : std::ssize(characters_); }

std::string Vocabulary::characters() const {
  std::vector<int32_t> all(static_cast<size_t>(size()));
  std::iota(all.begin(), all.end(), 0);
  return decode(all);
}

std::vector<int32_t> Vocabulary::encode(std::string_view text) const {
  constexpr std::string_view kOp = "Vocabulary::encode";
  std::vector<int32_t> tokens;
  tokens.reserve(text.size());
  if (characters_.empty()) {
    for (const char c : text) tokens.push_back(static_cast<unsigned char>(c));
    return tokens;
  }
  for (size_t at = 0; at < text.size();) {
    const size_t place = at;
    const char32_t c = next_code_point(kOp, text, at);
    int32_t token = -1;
    if (c < ascii_.size()) {
      token = ascii_[c];
    } else if (const auto found = std::ranges::lower_bound(characters_, c); found != characters_.end() && *found == c) {
      token = static_cast<int32_t>(found - characters_.begin());
    }
    if (token < 0) {
      fail<FormatError>(kOp, "every character must be in the vocabulary",
                        fmt::format("U+{:04X} at byte {}", static_cast<uint32_t>(c), place),
                        "make the vocabulary of all the text");
    }
    tokens.push_back(token);
  }
  return tokens;
}

std::string Vocabulary::decode(std::span<const int64_t> tokens) const {
  std::string text;
  for (const int64_t token : tokens) {
    if (token < 0 || token >= size()) {
      fail<IndexError>("Vocabulary::decode", fmt::format("tokens must be in [0, {})", size()),
                       fmt::format("token {}", token));
    }
    if (characters_.empty()) {
      text.push_back(static_cast<char>(static_cast<uint8_t>(token)));
    } else {
      rt::append_utf8(characters_[static_cast<size_t>(token)], text);
    }
  }
  return text;
}

std::string Vocabulary::decode(std::span<const int32_t> tokens) const {
  return decode(std::vector<int64_t>(tokens.begin(), tokens.end()));
}

TextDataset::TextDataset(std::vector<int32_t> tokens, const TextOptions& options)
    : tokens_(std::move(tokens)), options_(options) {
  if (options.context < 1 || options.stride < 1) {
    fail<ConfigError>("TextDataset", "context and stride must be positive",
                      fmt::format("context {}, stride {}", options.context, options.stride));
  }
}

int64_t TextDataset::size() const {
  const int64_t starts = std::ssize(tokens_) - options_.context;  // places where a window and its next token fit
  return starts <= 0 ? 0 : (starts - 1) / options_.stride + 1;
}

Batch TextDataset::gather(std::span<const int64_t> indices) const {
  check_indices("TextDataset::gather", indices, size());
  const Shape shape{std::ssize(indices), options_.context};
  Batch batch{.x = Tensor::empty(shape, DType::i64), .y = Tensor::empty(shape, DType::i64)};
  int64_t* x = batch.x.mutable_data<int64_t>();
  int64_t* y = batch.y.mutable_data<int64_t>();
  for (const int64_t i : indices) {
    const int32_t* const from = tokens_.data() + i * options_.stride;
    x = std::copy_n(from, options_.context, x);
    y = std::copy_n(from + 1, options_.context, y);
  }
  return batch;
}

TextSplit split_text(std::span<const int32_t> tokens, double validation, const TextOptions& options) {
  if (!(validation >= 0 && validation <= 1)) {
    fail<ConfigError>("split_text", "the share for validation must be in [0, 1]", fmt::format("{}", validation));
  }
  const auto count = static_cast<size_t>(std::llround(validation * static_cast<double>(tokens.size())));
  const auto cut = tokens.end() - static_cast<std::ptrdiff_t>(count);
  return {.train = std::make_shared<const TextDataset>(std::vector(tokens.begin(), cut), options),
          .validation = std::make_shared<const TextDataset>(std::vector(cut, tokens.end()), options)};
}

}  // namespace gossamer::data
