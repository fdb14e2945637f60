// .npz archives: what NumPy writes is read, every kind of damage is refused, and what is written.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "gossamer/error.h"
#include "gossamer/io/npy.h"
#include "io/npy_format.h"
#include "io/npy_header.h"
#include "io/zip.h"
#include "tests/support/corpus.h"
#include "tests/support/errors.h"
#include "tests/support/files.h"
#include "tests/support/golden.h"

namespace gossamer::io::test_npz {
namespace {

// numpy.savez(a=np.arange(3, dtype='<i4'), b=np.array([[1.5, -2.25]], '>f4')) of NumPy 1.24.2, the same by
// savez_compressed, and a alone as Python's zipfile streams it where it cannot go back: the sizes follow the data.
const Bytes kStored = unpacked(
    "eNoL8GZmEWGAAEUGpjd7V/YAWSDMyiDCkKiXV1DJyCAAFmCASoDAZL9Q34BIRoYyhmr1lNTi5CJ1KwV1m0wTdR0F9bT8opKixLz4/"
    "KKUVJC4W2JOcSpQ"
    "vDgjsSAVyNcw1tHUUahVoABwgdzACMRMQByA4gWG4jd3O4CsDqgXkmBe6IAq6cDnBbs04rxgqKNgRJknuOwPMDAcEAA5n5FJhBlXHCBAA8i/"
    "kBhB14Lq"
    "Z2Qth4FkEkQLKxsDOMCYGNKAdBPYNAAA5FcE",
    510);
const Bytes kCompressed = unpacked(
    "eNoL8GZmEWFgYOAAYkUGpjd7V/"
    "oAWT1AzMogwpCol1dQycggABYAAR8oPfuN+CtpgZMnAo4FrJ03KWpOzJK8pQvyJmcuWrd4wbxp8SFBU2aIz4+fMolL"
    "qNz7jKYfa5d4uorYEqafUsesZllxbeUSYdBjU0hgSVJTYGMIQHECQ/"
    "Gbu35AVgfUCUkwJ3RArfbD64TpaQSd0GbF5QZ2RAqz3m9mHh52FgkJoCMYmUSY"
    "cYUEAjQwgkhwuKBrQXU5spZmIJkE0cLKBhJiAsI0kEawaQDdtFjq",
    388);
const Bytes kStreamed = unpacked(
    "eNoL8GZmEWHgAEIGBkUGZMDKIMKQqJdXUMnIIMCADma/"
    "EX8lLXDyRMCxgLXzJkXNiVmSt3RB3uTMResWL5g3LT4kaMoM8fnxUyZxCZV7n9H0Y+0ST1cR"
    "W8L0U+qY1Swrrq1cIgx6bAoJLElqCmwMAd7sHExv9q70gZrdA6UDvBmZRJgRjoOp6QE7DgEaGEEk2KkB3qxsIA4jEBqDnAlWAAC/CSzb",
    228);

StateDict parsed(const Bytes& bytes, const NpzOptions& options = {}) {
  return parse_npz(std::as_bytes(std::span(bytes)), "the file", options);
}

void expect_in(const std::string& part, const std::string& text) {
  EXPECT_NE(text.find(part), std::string::npos) << "'" << part << "' is not in '" << text << "'";
}

void expect_refusal(const Bytes& bytes, const std::string& what, const NpzOptions& options = {}) {
  const std::string message = message_of<FormatError>([&] { parsed(bytes, options); });
  expect_in("'the file", message);
  expect_in(what, message);
}

// Of the first `mark` in an archive; signatures begin with PK.
size_t find(const Bytes& bytes, std::string_view mark) {
  const auto same = [](uint8_t byte, char c) { return byte == static_cast<uint8_t>(c); };
  return static_cast<size_t>(std::search(bytes.begin(), bytes.end(), mark.begin(), mark.end(), same) - bytes.begin());
}

constexpr std::string_view kMember = "PK\3\4", kEntry = "PK\1\2", kEnd = "PK\5\6";

void insert(Bytes& bytes, size_t at, const Bytes& more) {
  bytes.insert(bytes.begin() + static_cast<std::ptrdiff_t>(at), more.begin(), more.end());
}

TEST(Npz, ReadsWhatNumPyWrites) {
  const TempFolder folder;
  for (const Bytes& bytes : {kStored, kCompressed}) {
    for (const StateDict& arrays : {parsed(bytes), load_npz(folder.write("a.npz", bytes))}) {
      ASSERT_EQ(arrays.size(), 2U);
      golden::expect_equal(arrays.at("a"), Tensor::from({0, 1, 2}, {3}));
      golden::expect_equal(arrays.at("b"), Tensor::from({1.5F, -2.25F}, {1, 2}));
    }
  }
  const StateDict streamed = parsed(kStreamed);
  ASSERT_EQ(streamed.size(), 1U);
  golden::expect_equal(streamed.at("a"), Tensor::from({0, 1, 2}, {3}));
}

TEST(Npz, RefusesEveryTruncationAndEverySurplus) {
  for (const Bytes& whole : {kStored, kCompressed, kStreamed}) {
    for (size_t size = 0; size < whole.size(); ++size) {
      EXPECT_THROW(parsed(Bytes(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size))), FormatError)
          << size;
    }
    Bytes longer = whole;
    longer.push_back(0);
    EXPECT_THROW(parsed(longer), FormatError);
    insert(longer = whole, 0, {0});
    EXPECT_THROW(parsed(longer), FormatError);
  }
}

TEST(Npz, RefusesOrReadsTheSameWhereAnyByteIsDamaged) {
  const StateDict whole = parsed(kStreamed);
  for (size_t i = 0; i < kStreamed.size(); ++i) {
    Bytes bytes = kStreamed;
    bytes[i] ^= 0x41;
    try {
      golden::expect_equal(parsed(bytes).at("a"), whole.at("a"));
    } catch (const FormatError&) {  // most of them
    }
  }
}

TEST(Npz, SaysWhatIsWrongWithAnArchive) {
  struct Row {
    std::string_view mark;  // the first part that begins so
    size_t offset;          // in it
    Bytes patch;
    const char* says;
  };
  const std::vector<Row> rows = {
      {kEnd, 4, {1}, "an archive must have one part"},
      {kEnd, 8, {1}, "an archive must have one part"},
      {kEnd, 8, {3, 0, 3}, "the directory must hold all entries; 'the file': 3 in 102 bytes"},
      {kEnd, 8, {1, 0, 1}, "the directory must end after its last entry"},
      {kEnd, 8, {200, 0, 200}, "the directory must hold all entries"},
      {kEnd, 10, {0xff, 0xff}, "an archive must have one part"},
      {kEnd, 12, {0}, "the directory must stand at the end of the archive"},
      {kEnd, 16, {0xff, 0xff, 0xff, 0xff}, "the end of an archive with 64-bit numbers must be whole"},
      {kEnd, 20, {1}, "an archive must end with its directory; 'the file': a comment follows"},
      {kEntry, 0, {'Q'}, "the directory must consist of entries"},
      {kEntry, 8, {1}, "members must not be encrypted; 'the file': \"a.npy\" is"},
      {kEntry, 8, {0x20}, "members must be plain"},
      {kEntry, 10, {12}, "members must be stored or deflated; 'the file': \"a.npy\" has method 12"},
      {kEntry, 16, {0}, "the directory and the members must agree; 'the file': they do not about \"a.npy\""},
      {kEntry, 20, {139}, "the directory and the members must agree"},
      {kEntry, 24, {0xff, 0xff, 0xff, 0xff}, "an entry must hold the 64-bit numbers it asks for"},
      {kEntry, 28, {0xff, 0xff}, "the directory must consist of entries; 'the file': one is cut"},
      {kEntry, 34, {1}, "an archive must have one part"},
      {kEntry, 42, {1}, "members must stand before the directory"},
      {kEntry, 43, {0xff}, "members must stand before the directory"},
      {kEntry, 46, {'b'}, "the directory and the members must agree"},
      {kEntry, 46, {0}, "members must have names without NUL"},
      {kEntry, 46, {0xc3}, "names of members must be UTF-8, and marked as such"},
      {kMember, 6, {8}, "the directory and the members must agree"},
      {kMember, 14, {0}, "the directory and the members must agree"},
      {kMember, 26, {4}, "extra fields must be whole"},
      {kMember, 37, {17}, "extra fields must be whole"},
      {kMember, 55 + 130, {9}, "the checksum of a member must be that of the directory"},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(fmt::format("{} at {}", row.says, row.offset));
    Bytes bytes = kStored;
    std::ranges::copy(row.patch, bytes.begin() + static_cast<std::ptrdiff_t>(find(bytes, row.mark) + row.offset));
    expect_refusal(bytes, row.says);
  }

  // A member whose head says that its sizes are in a field of 64 bits, which NumPy writes always.
  Bytes large = kStored;
  std::fill_n(large.begin() + 18, 8, uint8_t{0xff});
  EXPECT_EQ(parsed(large).size(), 2U);
  const auto refuses = [&](size_t at, uint8_t byte, const char* says) {
    Bytes bytes = large;
    bytes[at] = byte;
    expect_refusal(bytes, says);
  };
  refuses(35, 2, "an entry must hold the 64-bit numbers it asks for");
  refuses(37, 8, "a field of 64-bit numbers must hold all that are asked for");
  refuses(39, 141, "the directory and the members must agree");
  refuses(54, 1, "the directory and the members must agree");

  expect_refusal({}, "a zip archive must end with its directory");
  expect_refusal(Bytes(100), "a zip archive must end with its directory, without a comment");
}

TEST(Npz, RefusesMembersThatAreNoArraysComeTwiceOrOverlap) {
  Bytes other = kStored;
  for (size_t at = 0; (at = find(other, "b.npy")) < other.size();) other[at + 4] = 'x';
  expect_refusal(other, "every member must be an array, named .npy; 'the file': \"b.npx\"");

  Bytes twice = kStored;
  for (size_t at = 0; (at = find(twice, "b.npy")) < twice.size();) twice[at] = 'a';
  expect_refusal(twice, "names of members must differ; 'the file': \"a.npy\" twice");

  // A directory whose second entry is for the same bytes as the first, under its own name: the head says otherwise. A
  // member of two sizes. One that reaches into the next.
  const auto entry = [](size_t i) { return find(kStored, kEntry) + i * (46 + 5); };
  Bytes same = kStored;
  std::fill_n(same.begin() + static_cast<std::ptrdiff_t>(entry(1) + 42), 4, uint8_t{0});
  expect_refusal(same, "the directory and the members must agree; 'the file': they do not about \"b.npy\"");
  Bytes sizes = kStored;
  for (const size_t at : {entry(0) + 20, size_t{18}}) sizes[at] = 139;
  expect_refusal(sizes, "a stored member must have one size; 'the file': \"a.npy\" has 139 and 140 bytes");
  Bytes overlap = kStored;
  for (const size_t at : {entry(0) + 20, entry(0) + 24, size_t{18}, size_t{22}}) overlap[at] = 141;
  expect_refusal(overlap, "members must not overlap");
}

TEST(Npz, BoundsWhatCompressedArraysUnpackTo) {
  EXPECT_EQ(parsed(kCompressed, {.max_unpacked_bytes = 276}).size(), 2U);
  expect_refusal(kCompressed, "compressed arrays must unpack to at most 275 bytes", {.max_unpacked_bytes = 275});
  EXPECT_EQ(parsed(kStored, {.max_unpacked_bytes = 0}).size(), 2U);

  // More than 76 bytes of deflate can make, and less than that but more than is there.
  const auto claims = [](Bytes size) {
    Bytes bytes = kStreamed;
    std::ranges::copy(size, bytes.begin() + static_cast<std::ptrdiff_t>(find(bytes, kEntry) + 24));
    return bytes;
  };
  expect_refusal(claims({0, 0, 0, 1}), "a member must be no larger than its packed bytes can make it");
  expect_refusal(claims({0, 0, 1, 0}),
                 "a member must unpack to the size that the directory says; 'the file': \"a.npy\" has "
                 "fewer than 65536 bytes");
  expect_refusal(claims({139, 0, 0, 0}), "has more than 139 bytes");
}

TEST(Npz, WritesArraysThatItReadsAgain) {
  const TempFolder folder;
  const auto file = folder.path() / "a.npz";
  const StateDict arrays = {{"layer.0/weight", Tensor::from({1.5F, -2.0F}, {2, 1})},
                            {"\u00e4.npy", Tensor::zeros({0, 3}, DType::f64)},
                            {"mask", Tensor::from({true, false}, {2})},
                            {"step", Tensor::full({}, 7, DType::i64)}};
  save_npz(file, arrays);
  const StateDict same = load_npz(file);
  ASSERT_EQ(same.size(), arrays.size());
  for (const auto& [name, tensor] : arrays) golden::expect_equal(same.at(name), tensor);
  const Bytes bytes = file_bytes(file);
  save_npz(file, same);
  EXPECT_EQ(file_bytes(file), bytes);
  save_npz(file, {});
  EXPECT_TRUE(load_npz(file).empty());

  for (const std::string& name :
       {std::string(), std::string("a\0b", 3), std::string("\xff"), std::string(65532, 'x')}) {
    EXPECT_THROW(save_npz(file, {{name, Tensor::zeros({1})}}), FormatError);
  }
  EXPECT_THROW(save_npz(file, {{"a", Tensor()}}), StateError);
  EXPECT_TRUE(load_npz(file).empty());
}

TEST(Npz, NamesTheMemberThatIsNoArray) {
  const TempFolder folder;
  const auto path = folder.path() / "a.npz";
  AtomicFile file(path, "test");
  ZipWriter writer(file);
  const std::string junk = "junk";
  writer.add("layer/w.npy", {std::as_bytes(std::span(junk))});
  writer.finish();
  file.commit();
  expect_in(fmt::format("the file must begin with \\x93NUMPY; '{}: layer/w.npy'", path.string()),
            message_of<FormatError>([&] { load_npz(path); }));
}

TEST(Zip, HoldsSizesAndPlacesOf64Bits) {
  const TempFolder folder;
  const Tensor array = Tensor::from({1.0F, 2.0F}, {2});
  const std::string header = npy_header(array);
  // Every number that does not fit 100, 200 or 500 instead of 32 bits: sizes, places, the directory's own.
  for (const uint64_t limit : {0U, 100U, 200U, 500U}) {
    const auto path = folder.path() / "large.npz";
    AtomicFile file(path, "test");
    ZipWriter writer(file, limit);
    for (const char* name : {"a.npy", "b.npy", "c.npy"}) {
      writer.add(name, {std::as_bytes(std::span(header)), elements_of(array)});
    }
    writer.finish();
    file.commit();
    const StateDict arrays = load_npz(path);
    ASSERT_EQ(arrays.size(), 3U) << limit;
    for (const auto& [name, tensor] : arrays) golden::expect_equal(tensor, array);
    const Bytes bytes = file_bytes(path);
    EXPECT_EQ(find(bytes, "PK\6\6") < bytes.size(), true) << limit;
    for (const size_t offset : {0U, 4U, 16U, 24U, 32U, 40U, 48U, 60U, 64U, 72U}) {
      Bytes damaged = bytes;
      damaged[find(damaged, "PK\6\6") + offset] ^= 1;
      EXPECT_THROW(parsed(damaged), FormatError) << "limit " << limit << ", byte " << offset;
    }
  }
}

}  // namespace
}  // namespace gossamer::io::test_npz
