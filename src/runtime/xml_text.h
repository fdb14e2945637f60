// Text between the tags of XML, such as an SVG's.
#pragma once

#include <string>
#include <string_view>

namespace gossamer::rt {

// With what would begin a tag or an entity escaped.
std::string xml_text(std::string_view text);

}  // namespace gossamer::rt
