#include "gossamer/version.h"

namespace gossamer {

std::string_view version() noexcept { return GOSSAMER_VERSION_STRING; }

}  // namespace gossamer
