// Streams of bytes: plain files, gzip files, and what each fault says.
#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>

#include "gossamer/error.h"
#include "io/byte_source.h"
#include "tests/support/errors.h"
#include "tests/support/files.h"

namespace gossamer::io::test_byte_source {
namespace {

// All bytes of a source, read in pieces of the given size.
Bytes read_all(ByteSource& source, size_t piece = 7) {
  Bytes bytes;
  Bytes buffer(piece);
  for (size_t n = piece; n == piece;) {
    n = source.read(buffer);
    bytes.insert(bytes.end(), buffer.begin(), buffer.begin() + static_cast<std::ptrdiff_t>(n));
  }
  return bytes;
}

Bytes read_file(const std::filesystem::path& file) { return read_all(*open_file(file, "test")); }

// Checks that reading `file` is an E of the function "test" that names the file and says `fault`.
template <class E = FormatError>
void expect_fault(const std::filesystem::path& file, const std::string& fault) {
  const std::string message = message_of<E>([&] { read_file(file); });
  EXPECT_TRUE(message.starts_with("test: ")) << message;
  EXPECT_NE(message.find(quoted(file)), std::string::npos) << message;
  EXPECT_NE(message.find(fault), std::string::npos) << message;
}

TEST(ByteSource, GivesWhatIsInMemoryAPlainFileOrAGzipFile) {
  const TempFolder folder;
  Bytes bytes(1000);
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<uint8_t>(i % 251);
  for (const size_t piece : {size_t{1}, size_t{7}, size_t{1000}, size_t{4096}}) {
    EXPECT_EQ(read_all(*open_memory(bytes, "memory"), piece), bytes);
    EXPECT_EQ(read_all(*open_file(folder.write("plain.gz", bytes), "test"), piece), bytes);
    EXPECT_EQ(read_all(*open_file(folder.write("compressed", gzip_bytes(bytes)), "test"), piece), bytes);
  }
}

TEST(ByteSource, NamesAFileThatIsMissingOrAFolder) {
  const TempFolder folder;
  expect_fault<FileError>(folder.path() / "absent", "must exist");
  expect_fault<FileError>(folder.path(), "must name a regular file");
}

TEST(Gzip, ReadsTheMembersOfAFileOneAfterTheOther) {
  const TempFolder folder;
  const Bytes bytes = {0, 0, 8, 1, 0, 0, 0, 4, 1, 2, 3, 4};
  for (size_t cut = 0; cut <= bytes.size(); ++cut) {
    const auto at = bytes.begin() + static_cast<std::ptrdiff_t>(cut);
    Bytes file = gzip_bytes(Bytes(bytes.begin(), at));
    const Bytes second = gzip_bytes(Bytes(at, bytes.end()));
    file.insert(file.end(), second.begin(), second.end());
    EXPECT_EQ(read_file(folder.write("members.gz", file)), bytes) << "cut at " << cut;
  }
}

TEST(Gzip, RejectsAFileTruncatedAtAnyByte) {
  const TempFolder folder;
  const Bytes whole = gzip_bytes({1, 2, 3, 4, 5, 6});
  for (size_t size = 2; size < whole.size(); ++size) {
    const Bytes cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
    expect_fault(folder.write("cut.gz", cut), "truncated");
  }
}

TEST(Gzip, RejectsAFileWithAWrongChecksumOrLength) {
  const TempFolder folder;
  const Bytes whole = gzip_bytes({1, 2, 3});
  for (const size_t from_end : {8U, 4U}) {
    Bytes bad = whole;
    bad[bad.size() - from_end] ^= 1;
    expect_fault(folder.write("bad.gz", bad), "a gzip file must be intact");
  }
}

TEST(Gzip, RejectsWhatFollowsTheLastMember) {
  const TempFolder folder;
  Bytes file = gzip_bytes({1, 2, 3});
  file.push_back('x');
  file.push_back('y');
  expect_fault(folder.write("tail.gz", file), "a gzip file must be intact");
}

}  // namespace
}  // namespace gossamer::io::test_byte_source
