#include <string>
#include <vector>

#include "gossamer/data/csv.h"
#include "gossamer/data/text.h"
#include "tests/fuzz/target.h"

namespace gossamer::fuzz {

// The first byte chooses the options.
FUZZ_TARGET(csv) {
  Draw draw(bytes);
  const bool header = draw.byte() % 2 == 0;
  const std::string_view text = text_of(bytes.subspan(bytes.empty() ? 0 : 1));
  accepts([&] {
    const data::CsvTable table = data::parse_csv(text, kName, {.header = header, .max_bytes = int64_t{1} << 20});
    require(table.values.dim(1) == static_cast<int64_t>(table.names.size()), "every column has a name");
  });
}

FUZZ_TARGET(vocabulary) {
  const std::string_view text = text_of(bytes);
  require(data::Vocabulary::bytes().decode(data::Vocabulary::bytes().encode(text)) == text, "bytes come back");
  try {
    const data::Vocabulary vocabulary = data::Vocabulary::characters(text);
    require(vocabulary.decode(vocabulary.encode(text)) == text, "characters come back");
  } catch (const FormatError&) {  // not UTF-8
  }
}

}  // namespace gossamer::fuzz
