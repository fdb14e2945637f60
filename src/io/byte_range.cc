#include "io/byte_range.h"

#include <algorithm>
#include <string>

namespace gossamer::io {
namespace {

class RangeSource final : public ByteSource {
 public:
  RangeSource(const ByteRange& range, std::string_view name) : ByteSource(std::string(name)), range_(range) {}

  size_t read(std::span<uint8_t> out) override {
    const auto n = static_cast<size_t>(std::min(static_cast<int64_t>(out.size()), range_.size() - at_));
    range_.read(at_, std::as_writable_bytes(out.first(n)));
    at_ += static_cast<int64_t>(n);
    return n;
  }

 private:
  ByteRange range_;
  int64_t at_ = 0;
};

}  // namespace

ByteRange ByteRange::part(int64_t begin, int64_t size) const {
  ByteRange part = *this;
  if (file_ == nullptr) part.memory_ += begin;
  part.begin_ += begin;
  part.size_ = size;
  return part;
}

void ByteRange::read(int64_t offset, std::span<std::byte> out) const {
  if (out.empty()) return;
  if (file_ != nullptr) return file_->read_at(begin_ + offset, out);
  std::copy_n(memory_ + offset, out.size(), out.begin());
}

std::unique_ptr<ByteSource> open_range(const ByteRange& range, std::string_view name) {
  return std::make_unique<RangeSource>(range, name);
}

}  // namespace gossamer::io
